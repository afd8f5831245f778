"""What CONTRIBUTING says can be added: a toy of each is written into a copy of the tree, and used.

Each is one file or one entry, as a newcomer would write it; nothing else is edited, but the table
of contents for the chapter.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from publishing.project import HOME

pytestmark = pytest.mark.slow

MODEL = '''
import torch
from torch import nn

from anode.models.base import Model, ModelOutput


class Constant(Model):
    """Predicts the same for every input."""

    def __init__(self, input_shape, outputs=1, *, hidden=4, seeds=(0,)):
        super().__init__(input_shape, (hidden,), outputs, seeds)
        self.parts = nn.Parameter(torch.zeros(self.replicas, 1, hidden))

    def run(self, x):
        h = self.parts.expand(-1, x.shape[1], -1)
        return ModelOutput(self._predict(h), h, torch.zeros(self.replicas, dtype=torch.int64))
'''

IMAGES = '''
from dataclasses import dataclass

import torch

from anode_lab.images.base import ImageSet, register_image_set


@dataclass(frozen=True, eq=False, kw_only=True)
class Stripes(ImageSet):
    """Upright and level stripes of random widths, 8 x 8 pixels."""

    def split(self, n_train, n_test, seed):
        parts = []
        for part, count in enumerate((n_train, n_test)):
            rng = torch.Generator().manual_seed(2 * seed + part)
            rows = torch.randint(2, (count, 1, 1, 8), generator=rng).float().expand(-1, 1, 8, 8)
            labels = torch.arange(count) % 2
            parts.append((torch.where(labels.bool()[:, None, None, None], rows.mT, rows), labels))
        return parts


classes = ("upright", "level")
register_image_set(
    Stripes(name="stripes", title="stripes", citation="a test", classes=classes, offline="a test")
)
'''

EXPERIMENT = """
from anode import Method, SolverSettings
from anode.training import Loss
from anode_lab.experiments.experiment import Experiment, ModelSpec
from anode_lab.experiments.profiles import sizes
from anode_lab.images import image_set


def data(size, seed):
    side = {"max_side": 4, "seed": seed}
    return image_set("stripes").load(n_train=size.samples, n_test=size.samples, **side)


steps = SolverSettings(method=Method.HEUN, step_size=0.5)
EXPERIMENTS = (
    Experiment(
        "stripes",
        "section 0",
        data,
        (
            ModelSpec("constant", "Constant"),
            ModelSpec("p = 1", options={"augment_dim": 1, "solver": steps}),
        ),
        sizes("toy"),
        {"fig99": None},
        data_per_seed=False,
        outputs=2,
        loss=Loss.CROSS_ENTROPY,
    ),
)
"""

CLAIM = """
from anode_lab.claims.claim import Chapter, Check, Claim, register
from anode_lab.claims.criterion import Criterion


def final_loss(case):
    return case.history.epoch_loss[:, -1]


needs, small = (("stripes", "p = 1"),), Criterion("small: below 100", high=100)
check = Check("the last loss", needs, final_loss, small, "nats")
register(Claim("C99", "Fig. 99", "It learns.", Chapter("ch:stripes", "Stripes"), (check,)))
"""

FIGURE = '''
from matplotlib.figure import Figure

from anode_lab.figures.style import panels, picture


@picture
def losses(result) -> Figure:
    """Draw the loss of each model over the epochs."""
    fig, (ax,) = panels(1, 2.0)
    for label, run in result.runs.items():
        ax.plot(run.history.epoch_loss[0], label=label)
    ax.legend()
    return fig
'''

CHAPTER = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
---

(ch:stripes)=
# Stripes

```{code-cell} ipython3
:tags: [parameters, remove-cell]

profile = "laptop"
seed = 0
device = "cpu"
```

```{code-cell} ipython3
---
mystnb:
  figure:
    caption: Two losses.
    name: fig-stripes
  image:
    alt: Two lines.
---
from anode_lab import runs
from anode_lab.figures import stripes as figures

result = runs.run("stripes", profile=profile, seed=seed, device=device)
figures.losses(result)
```

{numref}`fig-stripes` is explained in {numref}`ex-stripes`.

```{exercise} Why?
:label: ex-stripes

Why is one line level?
```

```{solution} ex-stripes
:class: dropdown

Its model is constant.
```
"""

FILES = {
    "anode/models/constant.py": MODEL,
    "anode_lab/images/stripes.py": IMAGES,
    "anode_lab/experiments/stripes.py": EXPERIMENT,
    "anode_lab/claims/paper/stripes.py": CLAIM,
    "anode_lab/figures/stripes.py": FIGURE,
    "book/stripes.md": CHAPTER,
}

SOLVER = """
    HEUN = Tableau(name="heun", order=2, nodes=(1.0,), stages=((1.0,),), solution=(0.5, 0.5))
"""

EXECUTOR = '''

@dataclass(frozen=True)
class Threads(Dask):
    """Workers in this process."""

    @contextmanager
    def open(self):
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(self.workers) as executor:
            yield executor

    def room(self, executor):
        return self.workers
'''

ENTRIES = {
    "anode/solve/tableaus.py": ("\n\nMETHODS = ", f"{SOLVER}\n\nMETHODS = "),
    "anode_lab/experiments/profiles.py": (
        '    "laptop": {\n',
        '    "class": {"toy": Size(seeds=2, epochs=2, samples=32, hidden=4)},\n    "laptop": {\n',
    ),
    "anode_lab/runs/executors.py": ("", EXECUTOR),
    "book/theme/book.css": ("", "\n.toy { color: rebeccapurple; }\n"),
    "_toc.yml": ("", "  - file: book/stripes\n"),
}
"""Where each is inserted: before some text, which it contains, or at the end."""

USE = """
import contextlib
import io
import json
import sys

import torch

from anode_lab import runs
from anode_lab.cli import main
from anode_lab.runs.executors import Threads


def said(*arguments):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(list(arguments)) == 0
    return out.getvalue()


folder = sys.argv[1]
made = runs.run("stripes", profile="class", store=folder, executor=Threads(1)).runs
read = runs.run("stripes", profile="class", store=folder, train=False).runs
found = {
    "models": {label: type(run.model).__name__ for label, run in read.items()},
    "steps": read["p = 1"].model.solver.method.name,
    "evaluations": int(read["p = 1"].history.step_nfe.max()),
    "losses": read["p = 1"].history.epoch_loss.shape,
    "same": [
        torch.equal(one, two)
        for label in read
        for one, two in zip(made[label].model.parameters(), read[label].model.parameters())
    ],
    "data": said("data", "list"),
    "claims": said("claims", "C99", "--profile", "class"),
    "run": said("run", "fig99", "--profile", "class", "--results", folder, "--list"),
}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with all of these, and with a book of one chapter."""
    root = tmp_path_factory.mktemp("tree")
    for part in ("anode", "anode_lab", "publishing", "book/theme"):
        hidden = shutil.ignore_patterns("__pycache__")
        shutil.copytree(HOME / part, root / part, ignore=hidden)
    for name in ("_config.yml", "pyproject.toml", "book/references.bib", "requirements.lock"):
        shutil.copyfile(HOME / name, root / name)
    (root / "book" / "index.md").write_text("# Start\n", encoding="utf8")
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/index\nchapters:\n", "utf8")
    (root / "_build").mkdir()
    npm = HOME / "_build" / "npm"
    npm.mkdir(parents=True, exist_ok=True)
    (root / "_build" / "npm").symlink_to(npm)
    for name, text in FILES.items():
        assert not (root / name).exists()
        (root / name).write_text(text, encoding="utf8")
    for name, (before, after) in ENTRIES.items():
        text = (root / name).read_text(encoding="utf8")
        assert before in text
        new = text.replace(before, after, 1) if before else text + after
        (root / name).write_text(new, encoding="utf8")
    return root


def python(tree: Path, *arguments: str) -> str:
    """What a process prints that sees this tree alone."""
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def used(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process finds that trains on a place, a profile, data, models and steps of these."""
    found: dict[str, Any] = json.loads(python(tree, "-c", USE, str(tmp_path_factory.mktemp("f"))))
    return found


def test_a_model_is_trained_recorded_and_read_by_its_name(used: dict[str, Any]) -> None:
    assert used["models"] == {"constant": "Constant", "p = 1": "NeuralODE"}
    assert used["same"]
    assert all(used["same"])


def test_a_solver_is_chosen_by_its_name(used: dict[str, Any]) -> None:
    assert used["steps"] == "heun"
    assert used["evaluations"] == 4, "two steps of two"


def test_a_profile_is_a_size_for_each_kind_of_experiment(used: dict[str, Any]) -> None:
    assert used["losses"] == [2, 2], "seeds and epochs"


def test_an_image_set_is_listed_and_trained_on(used: dict[str, Any]) -> None:
    assert "stripes" in used["data"]


def test_an_experiment_is_found_by_its_figure(used: dict[str, Any]) -> None:
    assert "2 trainings, of which 2 are recorded" in used["run"]


def test_a_claim_is_measured(used: dict[str, Any]) -> None:
    assert used["claims"].startswith("C99: the last loss: ")


@pytest.fixture(scope="module")
def page(tree: Path) -> BeautifulSoup:
    """The chapter on the site, which is built at the profile."""
    python(tree, "-m", "publishing", "build", "-p", "profile=class")
    text = (tree / "_build" / "html" / "book" / "stripes.html").read_text(encoding="utf8")
    return BeautifulSoup(text, "html.parser")


def test_a_chapter_is_executed_and_published(page: BeautifulSoup, tree: Path) -> None:
    assert "profile class, seed 0, device cpu" in page.text
    assert [path.name for path in (tree / "notebooks").glob("*.ipynb")] == ["stripes.ipynb"]


def test_a_figure_is_drawn_for_both_themes_with_its_caption(page: BeautifulSoup) -> None:
    (figure,) = page.select("figure:has(figcaption)")
    assert "Two losses." in figure.text
    assert len(figure.select("img.only-light, img.only-dark")) == 2


def test_an_exercise_has_a_number_and_its_solution(page: BeautifulSoup) -> None:
    assert "Exercise 1 (Why?)" in page.text
    (solution,) = page.select(".solution")
    assert "Its model is constant." in solution.text


def test_another_look_is_what_pages_load(page: BeautifulSoup, tree: Path) -> None:
    assert page.select('link[href*="_static/book.css"]')
    assert ".toy" in (tree / "_build" / "html" / "_static" / "book.css").read_text(encoding="utf8")
