"""A wrong parameter is refused, with the right ones named, before anything runs."""

import pytest

from publishing import cli
from publishing.chapters import read_pages
from publishing.parameters import ParameterError, Parameters, parse
from publishing.stage import StageError, stage
from tests.publishing.fixture_book import Book, FakePapermill


@pytest.mark.parametrize(
    ("pair", "named"),
    [
        ("prfile=smoke", ("'prfile'", "profile, seed, device")),
        ("profile=huge", ("'huge'", "smoke, laptop, paper")),
        ("device=abacus", ("'abacus'", "cpu")),
        ("seed=-1", ("from 0 to", "-1")),
        ("seed=one", ("from 0 to", "'one'")),
        ("smoke", ("'smoke'", "NAME=VALUE")),
    ],
)
def test_wrong_parameter_is_refused_with_the_valid_ones_named(
    pair: str, named: tuple[str, ...]
) -> None:
    with pytest.raises(ParameterError) as refusal:
        parse([pair])
    for part in named:
        assert part in str(refusal.value)


def test_parameters_have_defaults_and_the_types_of_the_chapters() -> None:
    assert parse([]) == Parameters("laptop", 0, "cpu")
    assert parse(["seed=3", "profile=paper"]).as_dict() == {
        "profile": "paper",
        "seed": 3,
        "device": "cpu",
    }


@pytest.mark.parametrize("command", ["build", "execute", "site", "status"])
def test_command_line_exits_with_2_and_runs_nothing(
    command: str,
    book: Book,
    papermill: FakePapermill,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    book.chapter("one")
    monkeypatch.setattr(cli, "Project", lambda: book.project)
    assert cli.main([command, "-p", "profile=huge"]) == 2
    printed = capsys.readouterr()
    assert "error: profile 'huge' is unknown; valid profiles: smoke, laptop, paper" in printed.err
    assert not papermill.executed
    assert not book.project.build.exists()


def test_a_site_is_assembled_without_the_device_that_executed_it(
    book: Book, papermill: FakePapermill
) -> None:
    absent = Parameters("smoke", device="cuda:99")
    with pytest.raises(ParameterError, match=r"'cuda:99' is not on this machine; .*: cpu"):
        book.execute(absent)
    assert not papermill.executed
    book.chapter("one")
    with pytest.raises(StageError, match=r"was never executed .* DEVICE=cuda:99"):
        stage(book.project, read_pages(book.project), absent, assets=False)
