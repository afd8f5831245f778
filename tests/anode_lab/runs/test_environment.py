"""The doctor names what differs, says what that does to numbers, and how to have it back."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from anode_lab.cli import main
from anode_lab.experiments.images import OVERFIT
from anode_lab.runs.environment import Effect, differences, examine, requirements
from anode_lab.runs.provenance import VARIABLES, Provenance
from anode_lab.runs.store import Store
from anode_lab.runs.sweep import sweep
from anode_lab.runs.task import tasks
from tests.helpers.recorded import recordings

Captured = pytest.CaptureFixture[str]


def here() -> Provenance:
    return Provenance.now("cpu", datetime.now(UTC), 0.0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two records of this machine."""
    store = recordings(tmp_path / "results")
    sweep(tasks(OVERFIT, "smoke", models=["p = 0"]), store)
    return store


def remake(store: Store, **changes: object) -> None:
    """One of the records was made elsewhere."""
    identity = tasks(OVERFIT, "smoke", models=["p = 0"])[0].identity
    record = store.read(identity)
    assert record is not None
    made = replace(record.provenance, **changes)  # type: ignore[arg-type]
    store.save(identity, replace(record, provenance=made))


def test_this_machine_is_as_this_machine() -> None:
    assert differences(here(), here()) == []


@pytest.mark.parametrize(
    ("changes", "what", "effect"),
    [
        ({"numerics": "0" * 16}, "code", Effect.CODE),
        ({"processor": "Z80, DEFAULT"}, "processor", Effect.ROUNDING),
        ({"device": "NVIDIA H100"}, "device", Effect.ROUNDING),
        ({"gpu": "CUDA 12.4"}, "GPU's libraries", Effect.ROUNDING),
        ({"system": "Windows"}, "system", Effect.NONE),
        ({"environment": {"ATEN_CPU_CAPABILITY": "avx2"}}, "ATEN_CPU_CAPABILITY", Effect.ROUNDING),
    ],
)
def test_one_thing_that_differs_is_the_one_that_is_named(
    changes: dict[str, object], what: str, effect: Effect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:  # another test, or whoever runs it, may have set some
        monkeypatch.delenv(name, raising=False)
    made = replace(here(), **changes)  # type: ignore[arg-type]
    (found,) = differences(made, here())
    assert (found.what, found.effect) == (what, effect)
    assert found.recorded != found.here


def test_versions_differ_with_and_without_an_effect() -> None:
    now = here()
    made = replace(
        now,
        versions=now.versions | {"python": "3.99.0"},
        packages=now.packages | {"torch": "0.1", "tqdm": "0.1", "left-pad": "1.0"},
    )
    found = {each.what: each for each in differences(made, now)}
    assert found.keys() == {"Python", "torch", "tqdm", "left-pad"}
    assert found["torch"].effect is Effect.ROUNDING
    assert (found["torch"].recorded, found["torch"].here) == ("0.1", now.versions["torch"])
    assert found["tqdm"].effect is found["Python"].effect is Effect.NONE
    assert found["left-pad"].here == "missing"
    assert next(iter(found)) == "torch", "what matters comes first"


def test_a_record_from_before_differs_in_what_it_says_only() -> None:
    now = here()
    made = replace(now, packages={}, processor="", gpu="", environment={})
    (found,) = differences(made, now)
    assert (found.what, found.recorded) == ("processor", "not recorded")
    made = replace(made, versions=now.versions | {"numpy": "0.1"})
    assert [each.what for each in differences(made, now)] == ["processor", "numpy"]


def test_records_made_alike_are_one_environment(store: Store) -> None:
    (only,) = examine(store.folder, here())
    assert len(only.paths) == 2
    assert only.differences == ()
    remake(store, processor="Z80, DEFAULT")
    found = examine(store.folder, here(), OVERFIT)
    assert sorted(len(each.differences) for each in found) == [0, 1]
    assert examine(store.folder, here(), "images-grey") == []


def test_damaged_records_are_left_to_verify(store: Store) -> None:
    path = store.path(tasks(OVERFIT, "smoke", models=["p = 0"])[0].identity)
    path.write_bytes(path.read_bytes()[:-9])
    (only,) = examine(store.folder, here())
    assert len(only.paths) == 1


def test_requirements_are_read_by_pip_and_are_what_is_installed() -> None:
    now = replace(here(), packages=here().packages | {"torch": "2.4.1+cpu", "gone": "missing"})
    text = requirements(now)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    pins = {Requirement(line).name: str(Requirement(line).specifier) for line in lines}
    assert pins.keys() == now.packages.keys() - {"anode", "gone"}
    assert pins["torch"] == "==2.4.1"
    assert now.versions["python"] in text
    before = requirements(replace(now, packages={}))
    assert f"numpy=={now.versions['numpy']}" in before


def test_command_tells_people_and_machines(store: Store, tmp_path: Path, capsys: Captured) -> None:
    command = ["doctor", "--results", str(store.folder)]
    assert main(command) == 0
    assert "2 records, the first of" in (output := capsys.readouterr().out)
    assert output.endswith("made as here.\n")
    remake(store, processor="Z80, DEFAULT")
    pins = tmp_path / "requirements.txt"
    assert main([*command, OVERFIT, "--json", "--requirements", str(pins)]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(len(each["differences"]) for each in found) == [0, 1]
    (differs,) = (one for each in found for one in each["differences"])
    assert (differs["what"], differs["recorded"], differs["effect"]) == (
        "processor",
        "Z80, DEFAULT",
        "rounding",
    )
    assert "torch==" in pins.read_text(encoding="utf8")
    assert main(command) == 0
    assert "numbers may differ" in capsys.readouterr().out


def test_nothing_to_examine_is_one_line(tmp_path: Path, capsys: Captured) -> None:
    assert main(["doctor", "--results", str(tmp_path)]) == 1
    assert f"there are no records in {tmp_path}" in capsys.readouterr().err
    assert main(["doctor", OVERFIT, "--results", str(tmp_path)]) == 1
    assert f"no records of {OVERFIT}" in capsys.readouterr().err
