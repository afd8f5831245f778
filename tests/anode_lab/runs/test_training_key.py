"""A training's key changes with all that decides its numbers, and with nothing else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from anode import Gradient, Method, NeuralODE, SolverSettings, TrainingSettings, train
from anode.data import concentric_spheres
from anode_lab.experiments import EXPERIMENTS
from anode_lab.runs.code_digest import HOME, Code, Statement
from anode_lab.runs.record import make_record
from anode_lab.runs.task import tasks
from anode_lab.runs.training_key import training_key
from tests.helpers.tree import copy_of_the_tree, insert

KEYS = """
import json
from anode_lab.runs.task import tasks
from anode_lab.runs.training_key import training_key
names = ("identity-1d", "annulus-2d", "images-overfit")
wanted = [task for name in names for task in tasks(name, "smoke", stacked=True)]
print(json.dumps({str(task): training_key(task) for task in wanted}))
"""


def keys(home: Path) -> dict[str, str]:
    """The keys of some trainings with the code in a folder."""
    environment = os.environ | {"PYTHONPATH": str(home)}
    ran = subprocess.run(
        [sys.executable, "-c", KEYS],
        cwd=home, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return dict(json.loads(ran.stdout))


@pytest.fixture(scope="module")
def here() -> dict[str, str]:
    return keys(HOME)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copy_of_the_tree(tmp_path / "copy")


def module_of(copy: Path, thing: Any) -> Path:
    """The file of a function or a class in the copy."""
    return Path(str(copy), *thing.__module__.split(".")).with_suffix(".py")


NEW = """
EXPERIMENTS["new"] = EXPERIMENTS["annulus-1d"]


class Another(__import__("anode").NeuralODE):
    pass
"""


@pytest.mark.slow
def test_docstrings_other_experiments_and_other_models_change_no_key(
    copy: Path, here: dict[str, str]
) -> None:
    fields = next((copy / "anode").rglob("fields.py"))
    insert(fields, '"""Other words.', at='"""')
    insert(fields, "# A comment.")
    insert(copy / "anode_lab" / "experiments" / "__init__.py", NEW)
    for path in (copy / "anode_lab" / "experiments").glob("*.py"):
        text = path.read_text(encoding="utf8")
        path.write_text(text.replace("samples=3000", "samples=2999"), encoding="utf8")
    assert keys(copy) == here


@pytest.mark.slow
def test_a_number_in_the_training_changes_every_key(copy: Path, here: dict[str, str]) -> None:
    optimizer = next(
        path
        for path in (copy / "anode" / "training").glob("*.py")
        if "0.999" in path.read_text(encoding="utf8")
    )
    insert(optimizer, "0.998", at="0.999")
    found = keys(copy)
    assert found.keys() == here.keys()
    assert not [name for name in here if found[name] == here[name]]


@pytest.mark.slow
def test_other_data_change_the_keys_of_those_who_train_on_them(
    copy: Path, here: dict[str, str]
) -> None:
    toy = module_of(copy, concentric_spheres)
    insert(toy, "RADII = (0.51,", at="RADII = (0.5,")
    found = keys(copy)
    differ = {name for name in here if found[name] != here[name]}
    assert differ == {name for name in here if name.startswith("annulus-2d")}


def test_seeds_and_sizes_have_keys_of_their_own() -> None:
    wanted = [
        task
        for profile in ("smoke", "laptop")
        for seeds in ([0, 1], [0, 2])
        for task in tasks("annulus-2d", profile, seeds=seeds)
    ]
    found = list(map(training_key, wanted))
    assert len(set(found)) == len(found)
    assert list(map(training_key, wanted)) == found


# What is called in a training is compared with what the digest covers.


@contextmanager
def called() -> Iterator[set[CodeType]]:
    """Collect the code of all functions of the packages that are called meanwhile."""
    found: set[CodeType] = set()

    def see(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(ROOTS):
            found.add(frame.f_code)

    sys.setprofile(see)
    try:
        yield found
    finally:
        sys.setprofile(None)


ROOTS = tuple(f"{HOME / package}{os.sep}" for package in ("anode", "anode_lab"))


def uncovered(found: set[CodeType], covered: set[Statement], code: Code) -> set[str]:
    """The functions that were called although the digest does not cover them."""
    lines: dict[str, list[range]] = {}
    for statement in covered:
        node: Any = code._node(statement)
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        path = str(code._paths[statement.module])
        lines.setdefault(path, []).append(range(first, node.end_lineno + 1))
    return {
        f"{Path(each.co_filename).relative_to(HOME)}: {each.co_qualname}"
        for each in found
        if each.co_name != "<module>"
        if not any(each.co_firstlineno in part for part in lines.get(each.co_filename, ()))
    }


SOLVERS = {
    "general": SolverSettings(gradient=Gradient.ADJOINT),
    "fixed steps": SolverSettings(method=Method.RK4, step_size=0.25),
    "compiled": SolverSettings(),
}


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_the_key_covers_what_training_calls(solver: SolverSettings) -> None:
    model = NeuralODE((2,), 1, augment_dim=1, solver=solver, seeds=[0, 1])
    data = concentric_spheres(2, 20, 40, seed=0)
    settings = TrainingSettings(epochs=1, snapshot_epochs=(0, 1))
    with called() as found:
        train(model, data, settings, validation=data, snapshot_x=data.x)
    code = Code()
    covered = code._reached(code._of_roots(train, *map(type, model.modules())))
    assert any("training" in each.co_filename for each in found)
    assert uncovered(found, covered, code) == set()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_chapter_covers_what_its_trainings_call(name: str) -> None:
    """Whatever experiment a chapter names, in whatever way, all that it runs counts."""
    wanted = tasks(name, "smoke", seeds=[7, 8], stacked=True)
    if wanted[0].experiment.recorded:
        wanted = wanted[:2]
    make_record(wanted[0])  # what is imported or read for the first time is so now
    with called() as found:
        for task in wanted:
            make_record(task)
    code = Code()
    covered = code._reached_by("from anode_lab.runs import run\nrun()")
    assert covered is not None
    assert uncovered(found, covered, code) == set()
