"""A recording is what training gives, under the name of what was run."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from anode_lab.claims import find_claim
from anode_lab.experiments import EXPERIMENTS
from anode_lab.experiments.images import OVERFIT
from anode_lab.images import DataError, image_set
from anode_lab.runs import (
    RECORDED,
    RESULTS_VARIABLE,
    NotRecordedError,
    Result,
    Store,
    UnpairedError,
    check,
    results_folder,
    run,
)
from anode_lab.runs.task import Task, tasks
from tests.helpers.recorded import (
    MODULE,
    STEPS,
    assert_same,
    change_size,
    missing,
    read,
    record,
    watch,
)

pytestmark = pytest.mark.usefixtures("short")

# What is recorded


def test_a_record_is_what_the_training_gives_to_the_last_bit(made: Path) -> None:
    for task in tasks(OVERFIT):
        model, history = task.train()
        found = read(task, made)
        assert_same(found.history, history)
        assert history.step_loss.shape == (1, STEPS)
        assert not history.failures
        for name, values in model.state_dict().items():
            assert torch.equal(found.weights[name], values)


def test_models_are_compared_on_the_seeds_that_all_of_them_have(tmp_path: Path) -> None:
    """One model has seeds 0 and 1, the other only 1: the first of one is not that of the other."""
    wanted = [task for task in tasks(OVERFIT) if str(task) != f"{OVERFIT}, p = 5, seed 0"]
    record(wanted, tmp_path)
    found = run(OVERFIT, store=tmp_path)
    assert [each.history.seeds for each in found.runs.values()] == [(0, 1), (1,)]
    for task in (each for each in wanted if each.seeds == (1,)):
        one = found.paired().runs[task.spec.label]
        kept = read(task, tmp_path)
        assert one.history.seeds == one.model.seeds == (1,)
        assert_same(one.history, kept.history)
        alone = pytest.approx(kept.history.seconds, abs=0.01)
        assert one.history.seconds == alone, "of its own training"
        assert one.provenance == (kept.provenance,)
        for name, values in one.model.state_dict().items():
            assert torch.equal(values, kept.weights[name])
    assert found.paired(["p = 0"]).seeds == (0, 1)
    ratio = find_claim("C12").checks[2].measure({OVERFIT: found})
    assert ratio.seeds == 1
    last = {task.spec.label: read(task, tmp_path).history.epoch_nfe[0, -1] for task in wanted[1:]}
    assert ratio.value == pytest.approx(last["p = 0"] / last["p = 5"])
    with pytest.raises(ValueError, match=r"seeds must be among \(1,\), got \[0\]"):
        found.runs["p = 5"].of([0])
    stack = replace(found.runs["p = 0"], provenance=found.runs["p = 0"].provenance[:1])
    assert np.isnan(stack.of([0]).history.seconds), "trained at once"
    apart = replace(found, runs=found.runs | {"p = 0": found.runs["p = 0"].of([0])})
    with pytest.raises(UnpairedError, match="p = 0, p = 5 of images-overfit have no common seed"):
        apart.paired()
    assert find_claim("C12").checks[2].measure({OVERFIT: apart}).seeds == 0, "as if not run"


def test_seeds_recorded_one_at_a_time_are_those_of_a_stack(made: Path) -> None:
    """Rounding aside, which need not be the same in a stack."""
    recorded = run(OVERFIT, store=made)
    for stack in tasks(OVERFIT, stacked=True):
        _, of_stack = stack.train()
        joined = recorded.runs[stack.spec.label]
        assert joined.history.seeds == of_stack.seeds == (0, 1)
        for name in ("step_loss", "step_nfe", "validation_loss"):
            ours, theirs = (getattr(each, name) for each in (joined.history, of_stack))
            np.testing.assert_allclose(ours, theirs, rtol=1e-3)


def test_the_joined_model_is_its_seeds_models(made: Path) -> None:
    recorded = run(OVERFIT, store=made)
    for label, joined in recorded.runs.items():
        wanted = tasks(OVERFIT, models=[label])
        x = wanted[0].data()[1][0].x[None]  # type: ignore[union-attr]
        outputs = joined.model(x)
        assert len(outputs) == len(wanted) == len(joined.provenance) == len(joined.accuracy)
        for r, task in enumerate(wanted):
            single = task.build(x.shape[2:])
            found = read(task, made)
            single.load_state_dict(found.weights)
            torch.testing.assert_close(outputs[r], single(x)[0], rtol=1e-5, atol=1e-6)
            for name, values in joined.model.state_dict().items():
                assert torch.equal(values[r], single.state_dict()[name][0])
            hits = outputs[r].argmax(1) == task.data()[1][0].y  # type: ignore[union-attr]
            assert joined.accuracy[r] == pytest.approx(float(hits.double().mean()))
            assert joined.provenance[r] == found.provenance


@pytest.fixture(scope="module", params=RECORDED)
def smoke(request: pytest.FixtureRequest) -> Result:
    """Every experiment at its smallest size, which is run and not recorded."""
    return run(request.param, profile="smoke")


def test_every_experiment_is_obtained_at_the_smallest_size(smoke: Result) -> None:
    assert smoke.profile == "smoke"
    assert list(smoke.runs) == [spec.label for spec in smoke.experiment.models]
    for label, each in smoke.runs.items():
        assert each.label == label
        assert each.history.seeds == each.model.seeds == tuple(range(smoke.size.seeds))
        assert not each.history.failures
        assert np.isfinite(each.history.step_loss).all()
        assert each.samples == smoke.size.samples
        assert ((each.accuracy >= 0) & (each.accuracy <= 1)).all()
    total = smoke.size.seeds * len(smoke.runs)
    text = smoke.summary()
    for part in (
        next(iter(smoke.runs.values())).data_name,
        f"{smoke.size.samples:,} samples, {smoke.size.epochs} epochs",
        f"{smoke.size.seeds} seeds (0 to {smoke.size.seeds - 1}), profile smoke recorded on CPU",
        f"0 of {total} trainings failed.",
    ):
        assert part in text
    assert smoke.histories == {label: each.history for label, each in smoke.runs.items()}


def test_the_smallest_size_needs_and_leaves_no_folder(tmp_path: Path) -> None:
    run(OVERFIT, profile="smoke", models=["p = 5"])
    assert not list(tmp_path.iterdir())


def test_a_failed_seed_is_recorded_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(monkeypatch, broken=(1,))
    record(tasks(OVERFIT), folder=tmp_path)
    assert missing(tasks(OVERFIT), tmp_path) == []
    recorded = run(OVERFIT, store=tmp_path)
    for each in recorded.runs.values():
        assert list(each.history.failures) == [1]
        assert np.isnan(each.history.step_loss[1]).all()
        assert np.isnan(each.accuracy).tolist() == [False, True]
    assert "2 of 4 trainings failed." in recorded.summary()
    for path in tmp_path.rglob("*.json"):
        json.loads(path.read_text(), parse_constant=pytest.fail)


def test_an_accuracy_that_is_no_number_leaves_the_record_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A solve that fails on a validation image only, after the training."""
    monkeypatch.setattr("anode_lab.runs.record.accuracy", lambda *_: np.array([np.nan]))
    record(tasks(OVERFIT, seeds=[0]), folder=tmp_path)
    for path in tmp_path.rglob("*.json"):
        json.loads(path.read_text(), parse_constant=pytest.fail)
    recorded = run(OVERFIT, store=tmp_path)
    assert all(np.isnan(each.accuracy).all() for each in recorded.runs.values())


# Which trainings there are, and what tells them apart


def test_tasks_are_all_seeds_of_one_model_then_of_the_next() -> None:
    labels = [spec.label for spec in EXPERIMENTS[OVERFIT].models]
    assert [(t.spec.label, *t.seeds) for t in tasks(OVERFIT)] == [
        (label, seed) for label in labels for seed in range(2)
    ]
    some = tasks(OVERFIT, models=["p = 5", "p = 5"], seeds=[7, 3, 7])
    assert [(t.spec.label, *t.seeds) for t in some] == [("p = 5", 7), ("p = 5", 3)]


@pytest.mark.parametrize("name", RECORDED)
def test_images_are_as_many_and_as_small_as_the_size_says(name: str) -> None:
    first, *others = tasks(name, "smoke")
    (training,), held_out = first.data()
    assert held_out is not None
    (validation,) = held_out
    assert len(training) == first.size.samples
    assert len(validation) == first.size.samples // 4
    assert training.input_shape == validation.input_shape
    assert training.x.shape[-1] == first.size.max_side
    assert all(task.data()[0][0] is training for task in others), "all train on the same"


@pytest.mark.parametrize("name", RECORDED)
def test_tasks_have_one_record_only_if_they_train_the_same(name: str) -> None:
    """Two profiles may; no two tasks of one profile do."""
    store = Store(Path("results"))
    profiles = EXPERIMENTS[name].sizes
    every = [task for profile in profiles for task in tasks(name, profile)]
    trained = {(task.spec.label, task.seeds, repr(replace(task.size, seeds=0))) for task in every}
    assert len({store.path(task.identity) for task in every}) == len(trained)
    for task in every:
        json.dumps(task.identity)


CHANGES: dict[str, object] = {
    "epochs": 3,
    "samples": 95,
    "batch_size": 31,
    "hidden": 5,
    "max_side": 7,
    "images": image_set("colour-patches"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_size_is_another_record(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [task.identity for task in tasks(OVERFIT)]
    change_size(monkeypatch, **{name: CHANGES[name]})
    assert all(task.identity not in before for task in tasks(OVERFIT))


def test_more_seeds_leave_the_records_of_the_first_ones_valid(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_size(monkeypatch, seeds=3)
    assert [task.seeds[0] for task in missing(tasks(OVERFIT), made)] == [2, 2]
    assert run(OVERFIT, store=made).runs["p = 0"].history.seeds == (0, 1)


def test_another_seed_or_label_is_another_record(made: Path) -> None:
    (task,) = tasks(OVERFIT, models=["p = 0"], seeds=[0])
    assert missing([task], made) == []
    for other in (
        replace(task, seeds=(2,)),
        replace(task, spec=replace(task.spec, label="p = 1")),
        replace(task, experiment=replace(task.experiment, name="another")),
    ):
        assert missing([other], made) == [other]
    same = replace(task, profile="smoke")  # which is of the same size here
    assert missing([same], made) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "moons"}, "experiment must be one of .*images-grey.*, got 'moons'"),
        ({"profile": "big"}, "profile must be one of smoke, laptop, paper, got 'big'"),
        ({"name": "images-large"}, "images-large has the profiles smoke, paper, got 'laptop'"),
        ({"models": ["p = 7"]}, "images-overfit has the models 'p = 0', 'p = 5', got 'p = 7'"),
        ({"models": []}, "models must be one label or more, got none"),
        ({"seeds": [0, -1]}, r"seeds must be .* 0 or more .* got \(0, -1\)"),
        ({"seeds": []}, r"seeds must be one or more .* got \(\)"),
    ],
)
def test_what_there_is_not_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tasks(**({"name": OVERFIT} | arguments))  # type: ignore[arg-type]


# Read


def test_what_is_not_recorded_is_named_with_the_command_that_does_it(
    made: Path, tmp_path: Path
) -> None:
    with pytest.raises(NotRecordedError) as caught:
        run(OVERFIT, store=tmp_path)
    for part in ("no seed of p = 0; p = 5", str(tmp_path), f"'anode run {OVERFIT} --profile lapt"):
        assert part in str(caught.value)
    with pytest.raises(NotRecordedError, match=f"'anode run {OVERFIT} --profile paper'"):
        run(OVERFIT, profile="paper", store=made)
    (task,) = tasks(OVERFIT, models=["p = 5"], seeds=[9])
    with pytest.raises(NotRecordedError, match=rf"seed 9 of p = 5 is not .* in {made}.*'anode run"):
        check(task, folder=made)


def test_the_models_that_are_recorded_can_be_read_without_the_others(tmp_path: Path) -> None:
    record(tasks(OVERFIT, models=["p = 5"], seeds=[1]), folder=tmp_path)
    found = run(OVERFIT, models=["p = 5"], store=tmp_path)
    assert list(found.runs) == ["p = 5"]
    assert found.runs["p = 5"].history.seeds == found.runs["p = 5"].model.seeds == (1,)
    with pytest.raises(NotRecordedError, match="no seed of p = 0 is recorded"):
        run(OVERFIT, store=tmp_path)


def test_records_are_read_without_the_data_and_without_training(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise DataError("not here")

    monkeypatch.setattr(Task, "data", refuse)
    monkeypatch.setattr(MODULE, "train", pytest.fail)
    found = run(OVERFIT, store=made)
    assert "8 × 8 pixels" in found.runs["p = 0"].data_name
    assert found.runs["p = 0"].samples == found.size.samples


def test_the_environment_names_the_folder_and_the_argument_goes_first(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = results_folder()
    assert sources.name == "results"
    monkeypatch.setenv(RESULTS_VARIABLE, str(made))
    assert results_folder() == made
    assert missing(tasks(OVERFIT)) == []
    assert len(missing(tasks(OVERFIT), tmp_path)) == 4
    assert run(OVERFIT).summary() == run(OVERFIT, store=made).summary()
    monkeypatch.setenv(RESULTS_VARIABLE, "")
    assert results_folder() == sources
