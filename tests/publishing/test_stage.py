"""The staging folder gets only what may be published."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from publishing.figures import FigureError
from publishing.parameters import Parameters
from publishing.project import HOME
from publishing.stage import StageError, stage, stage_files
from tests.publishing.fixture_book import SMOKE, Book, FakePapermill, figure, picture, stream


def _stage(book: Book, parameters: Parameters = SMOKE) -> Path:
    return stage(book.project, book.pages(), parameters, assets=False)


def test_unexecuted_stale_failed_and_altered_chapters_are_refused(
    book: Book, papermill: FakePapermill
) -> None:
    book.chapter("a", "1")
    with pytest.raises(StageError, match=r"a\.md was never executed at profile smoke"):
        _stage(book)
    book.execute()
    _stage(book)
    with pytest.raises(StageError, match=r"a\.md was never executed at profile laptop"):
        _stage(book, Parameters())
    with pytest.raises(StageError, match="changed since it was executed"):
        _stage(book, Parameters("smoke", seed=1))
    book.chapter("a", "2")
    with pytest.raises(StageError, match="changed since it was executed"):
        _stage(book)
    papermill.outputs = {("a", 2): [{"output_type": "error", "ename": "E", "evalue": ""}]}
    papermill.outputs["a", 2][0]["traceback"] = []
    book.execute()
    with pytest.raises(StageError, match=r"a\.md ended as 'failed' when last executed"):
        _stage(book)
    papermill.outputs = {}
    book.execute()
    notebook = book.project.executed("smoke") / "a.ipynb"
    notebook.write_text(notebook.read_text() + "\n")
    with pytest.raises(StageError, match="missing or was altered"):
        _stage(book)


def test_figure_needs_alternative_text_and_a_drawing(book: Book, papermill: FakePapermill) -> None:
    book.chapter("a", figure("draw()", alt=None))
    papermill.outputs = {("a", 2): [picture()]}
    book.execute()
    with pytest.raises(FigureError, match="a: code cell 2 shows a figure without alternative"):
        _stage(book)
    book.chapter("a", "plt.plot()")  # no figure, but an image
    book.execute()
    with pytest.raises(FigureError, match="without alternative text"):
        _stage(book)
    book.chapter("a", figure("draw()"))
    papermill.outputs = {("a", 2): [stream("no picture\n")]}
    book.execute()
    with pytest.raises(FigureError, match="code cell 2 should draw a figure, but did not"):
        _stage(book)


def test_figure_has_a_light_and_a_dark_file_and_a_caption_that_says_what_made_it(
    book: Book, papermill: FakePapermill
) -> None:
    book.chapter("a", figure("draw()", alt='"A \\"line\\" < 2."'))
    papermill.outputs = {("a", 2): [picture()]}
    outcome = book.execute()["a"]
    folder = _stage(book)
    assert outcome.record.figures == 1
    figures = folder / "assets" / "figures"
    for theme, level in (("light", 255), ("dark", 0)):
        with Image.open(figures / f"a-fig-line-{theme}.webp") as image:
            assert image.size == (3, 2)
            assert image.convert("RGB").getextrema() == ((level, level),) * 3
    cell = book.staged("a").cells[3]
    page = cell.outputs[0].data["text/html"]
    for theme in ("light", "dark"):
        assert f'class="only-{theme}" src="../_static/figures/a-fig-line-{theme}.webp"' in page
    assert page.count('alt="A &quot;line&quot; &lt; 2."') == 2
    assert "image/png" not in cell.outputs[0].data
    caption = cell.metadata["mystnb"]["figure"]["caption"]
    assert caption.startswith("A caption.\n\nMade by [this chapter's code](https://")
    assert "profile smoke, seed 0, device cpu" in caption


def test_a_figure_is_svg_where_that_is_sent_in_no_more_bytes(
    book: Book, papermill: FakePapermill
) -> None:
    book.chapter("a", figure("draw()"), figure("cloud()", name="fig-cloud"))
    points = "".join(f"{n * n % 997} " for n in range(3000))
    papermill.outputs = {("a", 2): [picture(drawing="-")], ("a", 3): [picture(drawing=points)]}
    book.execute()
    folder = _stage(book)
    names = sorted(path.name for path in (folder / "assets" / "figures").iterdir())
    line, cloud = ([f"a-fig-{n}-{theme}" for theme in ("dark", "light")] for n in ("line", "cloud"))
    assert names == [*(f"{n}.webp" for n in cloud), *(f"{n}.svg" for n in line)]
    assert (folder / "assets" / "figures" / f"{line[0]}.svg").read_text() == "<svg>-</svg>"
    assert (
        f'src="../_static/figures/{line[1]}.svg"'
        in book.staged("a").cells[3].outputs[0].data["text/html"]
    )


def test_injected_parameters_are_hidden_and_papermills_folders_are_gone(
    book: Book, papermill: FakePapermill
) -> None:
    book.chapter("a")
    book.execute()
    _stage(book)
    notebook = book.staged("a")
    injected = [c for c in notebook.cells if "injected-parameters" in c.metadata.get("tags", [])]
    assert len(injected) == 1
    assert "remove-cell" in injected[0].metadata["tags"]
    assert not [part for part in (notebook, *notebook.cells) if "papermill" in part.metadata]


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        (
            stream("UserWarning: old\n", "stderr"),
            "shows a warning or a progress bar",
        ),
        (stream(f"see {HOME}/anode/fields.py\n"), f"shows a folder of this machine, {HOME}"),
        (stream(f"in {sys.prefix}/lib\n"), "shows a folder of this machine"),
        (
            {
                "output_type": "execute_result",
                "execution_count": 2,
                "metadata": {},
                "data": {"text/plain": f"'{Path.home()}/file'"},
            },
            "shows a folder of this machine",
        ),
    ],
)
def test_warnings_and_this_machines_folders_are_refused_until_they_are_gone(
    book: Book, papermill: FakePapermill, output: dict[str, object], complaint: str
) -> None:
    """They may come from the environment, so the same chapter is executed again."""
    book.chapter("a", "noisy()")
    papermill.outputs = {("a", 2): [output]}
    assert book.execute()["a"].failed
    story = book.told[-1]
    assert story.startswith(f"FAILED book/a.md: a cell {complaint}")
    assert "in code cell 2" in story
    assert output.get("name") != "stderr" or "    UserWarning: old" in story
    with pytest.raises(StageError, match=r"a\.md ended as 'failed'.*'make execute PROFILE=smoke"):
        _stage(book)
    papermill.outputs = {}
    assert not book.execute()["a"].failed
    _stage(book)


def test_stage_holds_nothing_of_an_earlier_one(book: Book, papermill: FakePapermill) -> None:
    book.chapter("a")
    book.chapter("b")
    book.execute()
    _stage(book)
    (book.project.root / "book" / "b.md").unlink()
    book.page("c", "# Plain\n")
    names = {path.name for path in stage_files(_stage(book))}
    assert {"a.ipynb", "c.md", "index.md", "_toc.yml", "_config.yml", "book.css"} < names
    assert not {"b.ipynb", "a.md"} & names


def test_markers_of_the_status_and_start_pages_are_filled_in(
    book: Book, papermill: FakePapermill
) -> None:
    book.page("index", "# Start\n\n% build-summary\n\nText.\n")
    book.page("status", "# Status\n\n% build-status\n")
    book.chapter("a")
    book.chapter("b")
    book.execute()
    folder = _stage(book) / "book"
    start, status = ((folder / f"{name}.md").read_text() for name in ("index", "status"))
    assert "build-summary" not in start
    assert "| Profile | `smoke` |" in start
    assert start.endswith("\n\nText.\n")
    assert "build-status" not in status
    assert [line.split(" | ")[0] for line in status.splitlines() if "{doc}" in line] == [
        "| {doc}`/book/a`",
        "| {doc}`/book/b`",
    ]
    assert "| torch | " in status


def test_the_start_page_repeats_what_tagged_cells_show(
    book: Book, papermill: FakePapermill
) -> None:
    book.page("start", "# Start\n\n% build-results\n")
    book.chapter("a", "---\ntags: [start-page]\n---\nshow()")
    table = {"output_type": "display_data", "metadata": {}, "data": {"text/markdown": "| a |"}}
    papermill.outputs = {("a", 2): [table]}
    book.execute()
    assert (_stage(book) / "book" / "start.md").read_text().endswith("# Start\n\n| a |\n")
