"""A benchmark compares like with like, and its limit is what a graph contains.

Peers that are not installed are skipped here; `make bench` makes an environment that has them:
    .venv-bench/bin/python -m pytest --noconftest -m "" tests/test_benchmarks.py
"""

import json
import random
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from anode_lab.runs import Store, tasks
from anode_lab.runs.provenance import Provenance
from anode_lab.runs.sweep import Sweep
from benchmarks import contestants, faults, gpu, measure
from benchmarks.__main__ import FULL_OUT
from benchmarks.aims import Aim
from benchmarks.checks import TIGHT, Checker
from benchmarks.images.limit import Convolutions, Step
from benchmarks.images.task import TASKS, ImageTask
from benchmarks.images.ways import ADJOINT, DIRECT, FIELD, WAYS, plain
from benchmarks.limit import BMM, SGEMM, Rates, Work, evaluation_flops
from benchmarks.measure import ONE, STACK, Plan, Results
from benchmarks.package import PACKAGE
from benchmarks.peers.torchdiffeq import prepare as prepare_torchdiffeq
from benchmarks.picture import overview
from benchmarks.report import report
from benchmarks.rounds import interleave
from benchmarks.task import HIDDEN, MODELS, Contestant, Record, Task

MISSING = "not installed: it is there in the environment of `make bench`"
EVERYONE = [
    PACKAGE.name,
    *(
        pytest.param(name, marks=pytest.mark.skipif(not find_spec(name), reason=MISSING))
        for name in contestants.PEERS
    ),
]


IMAGES = next(iter(TASKS))
SMALL = ImageTask(size=8, filters=4, augment_dim=2, batch=16, steps=30)


def contestant(name: str) -> Contestant:
    return PACKAGE if name == PACKAGE.name else contestants.peer(name)


@pytest.mark.parametrize("augment_dim", MODELS.values())
def test_the_package_takes_the_steps_that_torchdiffeq_takes(augment_dim: int) -> None:
    task = Task(2, augment_dim, steps=15)
    own, peer = PACKAGE.prepare(task).run(), prepare_torchdiffeq(task).run()
    np.testing.assert_allclose(own.losses, peer.losses, rtol=1e-3)
    # Rounding may tip the acceptance of a step that is exactly at the tolerance.
    assert np.mean(own.nfe != peer.nfe) <= 0.1


@pytest.mark.parametrize("augment_dim", MODELS.values())
@pytest.mark.parametrize("name", EVERYONE)
def test_contestants_do_the_same_task(name: str, augment_dim: int) -> None:
    task = Task(4, augment_dim, steps=25)
    checker = Checker("any", task, prepare_torchdiffeq(task).run())
    assert checker.check(contestant(name), contestant(name).prepare(task).run()).faults == []


@pytest.mark.parametrize("augment_dim", MODELS.values())
@pytest.mark.parametrize("name", EVERYONE)
def test_contestants_converge_to_one_solution(name: str, augment_dim: int) -> None:
    task = Task(4, augment_dim, steps=1)
    x = task.batches()[0][0]
    reference = prepare_torchdiffeq(replace(task, tolerance=TIGHT)).features(x.double())
    loose, tight = (
        contestant(name).prepare(replace(task, tolerance=tolerance)).features(x)
        for tolerance in (1e-3, 1e-6)
    )
    # A ReLU field has kinks, and single precision is what they compute in.
    assert (tight - reference).abs().max() < 3e-4
    assert (tight - reference).abs().max() < 0.5 * (loose - reference).abs().max()


@pytest.fixture(scope="module")
def image_checker() -> Checker:
    return Checker("any", SMALL, plain(SMALL).run(), plain)


@pytest.mark.parametrize("way", WAYS, ids=[way.name for way in WAYS])
def test_ways_to_train_on_images_do_the_same_task(way: Contestant, image_checker: Checker) -> None:
    training = way.prepare(SMALL)
    record = training.run()
    assert image_checker.check(way, record).faults == []
    if way in (PACKAGE, FIELD):  # the same steps, and gradients through them
        np.testing.assert_allclose(record.losses, image_checker.plain.losses, rtol=1e-3)
        assert np.mean(record.nfe != image_checker.plain.nfe) <= 0.1
    backward = 0 if record.backward_nfe is None else record.backward_nfe.min()
    assert (backward > 0) == (way is ADJOINT)
    training.reset()
    np.testing.assert_allclose(training.run().losses, record.losses, rtol=1e-5)


@pytest.mark.parametrize("parts", [1, 2])
def test_the_limit_on_images_has_the_convolutions_of_torchdiffeqs_graph(parts: int) -> None:
    """The field's own without the time channels, and a gradient where the graph has one."""
    task = replace(SMALL, steps=2)
    limit = Convolutions.of(task)
    with FlopCounterMode(display=False) as bare:
        step = Step(task, torch.channels_last, task.batch // parts)
        step.run(round(limit.nfe), round(limit.backward))
    training = DIRECT.prepare(task)
    with FlopCounterMode(display=False) as counter:
        training.run()
    # Of the graph: a column for the time in each convolution, the linear layer after the solve; the
    # input of the first evaluation has no gradient.
    per_pixel = 2 * task.batch * task.size**2
    k, width, nfe, backward = task.filters, task.width, limit.nfe, limit.backward
    column = per_pixel * (k + 9 * k + width) * (nfe + 2 * backward)
    head = 3 * 2 * task.batch * width * task.size**2 * 10
    first_input = per_pixel * k * (width + 1)
    flops = bare.get_total_flops() + column + head - first_input
    assert counter.get_total_flops() / task.steps == pytest.approx(flops)


def test_the_limit_on_images_is_the_fastest_way_of_each_round() -> None:
    limit = Convolutions("", 1, 8, 7, {"a": [1.0, 5.0], "b": [2.0, 3.0]})
    np.testing.assert_array_equal(limit.least(), [1.0, 3.0])
    limit = Convolutions.of(SMALL)
    limit.measure(SMALL)
    limit.measure(SMALL)
    assert limit.least().shape == (2,)
    assert (limit.least() > 0).all()


def test_a_check_finds_another_solution_another_training_and_a_loss_that_rises() -> None:
    task = Task(2, steps=5)
    plain = prepare_torchdiffeq(task).run()
    rising = Record(plain.losses + 0.1 * np.arange(5)[:, None], plain.nfe)

    class Coarse(type(PACKAGE.prepare(task))):  # type: ignore[misc]
        def features(self, x: torch.Tensor) -> torch.Tensor:
            return super().features(x) + 0.05

    other = Contestant("other", "", stacks=True, compiles=False, prepare=Coarse)
    faults = Checker("any", task, plain).check(other, rising).faults
    assert [fault.split()[0] for fault in faults] == ["error", "losses", "the"]


@pytest.mark.parametrize("name", EVERYONE)
def test_every_round_starts_from_the_same_weights(name: str) -> None:
    training = contestant(name).prepare(Task(2, steps=3))
    first = training.run()
    training.reset()
    again = training.run()
    assert first.losses.shape == first.nfe.shape == (3, 2)
    np.testing.assert_allclose(again.losses, first.losses, rtol=1e-5)
    assert (again.nfe == first.nfe).all()


@pytest.mark.skipif(not find_spec("torchode"), reason=MISSING)
def test_torchode_makes_the_evaluations_that_are_reported(monkeypatch: Any) -> None:
    from benchmarks.peers import torchode

    calls = 0
    evaluate = torchode.StackedField.forward

    def count(self: Any, t: Any, y: Any) -> Any:
        nonlocal calls
        calls += 1
        return evaluate(self, t, y)

    monkeypatch.setattr(torchode.StackedField, "forward", count)
    monkeypatch.setattr(torch.jit, "script", lambda module: module)
    record = torchode.Stack(Task(1, steps=3)).run()
    assert record.nfe.sum() == calls


@pytest.mark.skipif(not find_spec("diffrax"), reason=MISSING)
def test_diffrax_makes_the_evaluations_that_are_reported(monkeypatch: Any) -> None:
    import jax

    from benchmarks.peers import diffrax

    calls = 0
    evaluate = diffrax.field

    def told() -> None:
        nonlocal calls
        calls += 1

    def count(t: Any, h: Any, weights: Any) -> Any:
        jax.debug.callback(told)
        return evaluate(t, h, weights)

    monkeypatch.setattr(diffrax, "field", count)
    task = Task(1)
    weights = jax.tree.map(lambda weight: weight.numpy()[0], task.weights())
    _, nfe = diffrax.features(task, weights, task.batches()[0][0][0].numpy())
    jax.effects_barrier()
    assert int(nfe) == calls


@pytest.mark.parametrize("augment_dim", MODELS.values())
def test_an_evaluation_has_the_products_of_the_fields_graph(augment_dim: int) -> None:
    task = Task(3, augment_dim)
    model = task.model()
    h = torch.rand(3, task.batch, task.width, requires_grad=True)
    flops = 3 * evaluation_flops(task.batch, task.width)
    with FlopCounterMode(display=False) as forward:
        slope = model.field(torch.zeros(3), h)
    with FlopCounterMode(display=False) as backward:
        slope.sum().backward()
    assert forward.get_total_flops() == flops
    assert backward.get_total_flops() == 2 * flops


@pytest.mark.parametrize("augment_dim", MODELS.values())
def test_a_step_has_the_work_of_torchdiffeqs_graph(augment_dim: int) -> None:
    task = Task(2, augment_dim, steps=3)
    work = Work.of(task)
    training = prepare_torchdiffeq(task)
    with FlopCounterMode(display=False) as counter:
        training.run()
    steps = task.networks * task.steps
    # That graph has a column for the time too, and the linear layer after the solve; the input of
    # the first evaluation has no gradient.
    column = 2 * task.batch * HIDDEN * (work.nfe + 2 * work.backward - 1)
    head = 3 * 2 * task.batch * task.width
    first_input = 2 * task.batch * HIDDEN * task.width
    expected = work.flops + column + head - first_input
    assert counter.get_total_flops() / steps == pytest.approx(expected)
    assert 0 < work.backward <= work.nfe


def test_rates_are_those_of_the_products_that_are_timed() -> None:
    rates = Rates()
    rates.measure(Task(2))
    assert {len(each) for each in rates.measured.values()} == {1}
    # No machine of today does a product at less than a million operations a second or at 1e16.
    assert all(1e6 < each[0] < 1e16 for each in rates.measured.values())
    assert rates.best() == max(rates.best(SGEMM), rates.best(BMM))


def test_an_aim_is_met_by_the_median() -> None:
    assert Aim("", 1.0, np.array([0.9, 0.9, 5.0])).met
    assert not Aim("", 1.0, np.array([0.1, 1.1, 1.2])).met


def test_contestants_take_turns_in_every_round() -> None:
    told: list[str] = []

    def fake(name: str) -> Contestant:
        class Fake:
            def reset(self) -> None:
                told.append(f"reset {name}")

            def run(self) -> Record:
                told.append(name)
                return Record(np.zeros((1, 1)), np.zeros((1, 1)))

            def features(self, x: torch.Tensor) -> torch.Tensor:
                return x

        return Contestant(name, "", stacks=True, compiles=False, prepare=lambda task: Fake())

    timed = interleave(Task(1, steps=1), [fake("a"), fake("b")], 3, [lambda: told.append("-")])
    a, b = ["reset a", "a"], ["reset b", "b"]
    assert told == ["a", "b", *a, *b, "-", *b, *a, "-", *a, *b, "-"]
    assert {len(each.step) for each in timed.values()} == {3}


ORIGIN = {"started": "", "commit": "", "processor": "", "system": "", "versions": {}}


@pytest.fixture(scope="module")
def results() -> tuple[Results, Plan]:
    """Of everyone who is installed and need not compile, once."""
    plan = Plan(
        rounds=2, steps=2, models=("NODE",), networks=(1, 4, 8), batches=(8, 16), growth_steps=1,
        compiled=False, threads=(torch.get_num_threads(),), images=(IMAGES,), image_steps=1,
    )  # fmt: skip
    taking_part = [each for each in contestants.installed() if not each.compiles]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "installed", lambda: taking_part)
        patch.setattr(measure, "TOO_LONG", 1e-3)
        found = measure.table(plan)
        found.extend(measure.growth(plan))
    found.extend(measure.on_images(plan))
    return found, plan


def test_the_report_has_everyone_and_says_who_is_missing(results: tuple[Results, Plan]) -> None:
    found, plan = results
    names = {each.contestant for each in found.table}
    assert {(each.networks, each.contestant) for each in found.table} == {
        (networks, name) for networks in (ONE, STACK) for name in names
    }
    assert names >= {PACKAGE.name, contestants.BASELINE}
    text = report(found, plan, ORIGIN)
    for name in names:
        assert f"| {name} |" in text
    for name in (*(way.name for way in WAYS), "bare convolutions"):
        assert f"| {IMAGES} | {plan.threads[0]} | {name} |" in text
    for aim in ("bare convolutions", ADJOINT.name):
        assert f"| images {IMAGES}, {plan.threads[0]} thread" in text
        assert aim in text.partition("## One network")[0]
    for name in contestants.missing():
        assert f"Not installed, not measured: {name}." in text


def test_growth_leaves_out_what_would_take_too_long(results: tuple[Results, Plan]) -> None:
    found, plan = results
    assert {each.networks for each in found.by_networks} == set(plan.networks)
    assert {each.batch for each in found.by_batch} == set(plan.batches)
    slow = [each for each in found.by_networks if each.contestant == contestants.BASELINE]
    assert [bool(each.step) for each in slow] == [True, False, False]
    assert "Skipped: " in report(found, plan, ORIGIN)


def test_numbers_survive_their_file(results: tuple[Results, Plan]) -> None:
    found, plan = results
    assert Results.from_dict(json.loads(json.dumps(found.as_dict()))) == found
    assert Plan.from_dict(json.loads(json.dumps(vars(plan)))) == plan


def test_the_picture_is_drawn(results: tuple[Results, Plan]) -> None:
    figure = overview(results[0]).light()
    shown = [axis for axis in figure.axes if axis.get_visible()]
    assert len(shown) == 1 + 2
    assert all(axis.lines for axis in shown)


@pytest.mark.slow
def test_a_quick_run_writes_tables_picture_and_numbers(tmp_path: Any) -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--rounds", "1", "--out", tmp_path]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "training-step.md").read_text(encoding="utf8") == run.stdout
    assert (tmp_path / "training-step.png").read_bytes().startswith(b"\x89PNG")
    numbers = json.loads((tmp_path / "training-step.json").read_text(encoding="utf8"))
    assert numbers["provenance"]["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert numbers["plan"]["rounds"] == 1


def test_the_table_of_a_gpu_is_that_of_its_numbers() -> None:
    numbers = json.loads((FULL_OUT / "gpu.json").read_text(encoding="utf8"))
    measured = [gpu.Cost(**cost) for cost in numbers["costs"]]
    origin = Provenance(**numbers["provenance"])
    text = (FULL_OUT / "gpu.md").read_text(encoding="utf8")
    assert text == gpu.report(measured, numbers["trainings"], origin, numbers["data"])
    assert text.count("\n| p = ") == len(measured) + len(numbers["trainings"])
    assert {cost.model for cost in measured} == {
        spec.label
        for spec in gpu.experiment()[0].models
        if not spec.weight_decay and "solver" not in spec.options
    }


# Faults


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("distributed"), reason=MISSING.replace("make bench", "make test"))
def test_a_campaign_of_faults_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "PROFILE", "smoke")
    told: list[str] = []
    counts = faults.campaign(1, seed=3, faults=1, say=told.append)
    assert counts.rounds == len(told) == 1
    assert counts.trainings == 4


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_a_campaign_sees_what_is_lost(suffix: str, tmp_path: Path) -> None:
    Sweep(Store(tmp_path)).run(tasks("annulus-2d", "smoke")[:1])
    disturbed = faults.Round(tmp_path, random.Random(0), faults.Counts(), {}, 1.0)
    before = disturbed.records()
    disturbed.untouched(before)
    (path,) = before
    path = path.with_suffix(suffix)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(faults.LostError, match="is lost or another now"):
        disturbed.untouched(before)
