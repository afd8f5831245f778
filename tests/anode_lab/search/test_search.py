"""A search tries every setting of its grid on every fold, fairly, and loses no failure."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anode import Loss, NeuralODE, TrainingSettings, train
from anode.data import Data, concentric_spheres
from anode.training import evaluate
from anode_lab import search
from anode_lab.experiments import NODE, ModelSpec
from anode_lab.runs import Store
from anode_lab.runs.provenance import Provenance
from anode_lab.search import PAPER_BEST, PAPER_GRIDS, Fold, Grid, Part, SearchResult, Setting, Trial
from anode_lab.search import paper as paper_module
from anode_lab.search.results import load, save

SMALL = Grid("NODE", (NODE,), batch_sizes=(16,), learning_rates=(1e-2, 1e-3), hidden=(4, 8))
HUGE = 1e30  # a learning rate after which no loss is finite


def provenance() -> Provenance:
    return Provenance.now("cpu", datetime.now(UTC), 1.0)


def result(
    validation: list[list[float]], training: list[list[float]] | None = None
) -> SearchResult:
    """A search with these losses, a row a setting."""
    grid = Grid("NODE", (NODE,), (64,), tuple(10.0**-i for i in range(len(validation))), (32,))
    trials = tuple(
        Trial(
            setting,
            {Part.VALIDATION: np.array(row), Part.TRAINING: np.array(other)},
            np.full(len(row), 20.0),
            {k: "failed" for k, value in enumerate(row) if np.isnan(value)},
            1.0,
        )
        for setting, row, other in zip(
            grid.settings(), validation, training or validation, strict=True
        )
    )
    return SearchResult(grid, 2, trials, provenance())


def divided(samples: int = 36, seed: int = 0) -> tuple[Fold, ...]:
    return search.folds(concentric_spheres(2, samples // 3, 2 * samples // 3, seed=seed), seed=seed)


# The grids


def test_the_papers_grids_are_the_ones_of_appendix_f21() -> None:
    sizes = {name: len(grid.settings()) for name, grid in PAPER_GRIDS.items()}
    assert sizes == {"ResNet": 36, "NODE": 12, "ANODE": 36}
    for grid in PAPER_GRIDS.values():
        assert set(grid.batch_sizes) == {64, 128}
        assert set(grid.learning_rates) == {1e-3, 5e-4, 1e-4}
        assert set(grid.hidden) == {16, 32}
    assert {model.options["blocks"] for model in PAPER_GRIDS["ResNet"].models} == {2, 5, 10}
    assert {model.options["augment_dim"] for model in PAPER_GRIDS["ANODE"].models} == {1, 2, 5}
    for name, setting in PAPER_BEST.items():
        assert setting in PAPER_GRIDS[name].settings()
        assert (setting.batch_size, setting.learning_rate, setting.hidden) == (64, 1e-3, 32)
    assert PAPER_BEST["ResNet"].model.options == {"blocks": 5}
    assert PAPER_BEST["ANODE"].model.options == {"augment_dim": 5}


@pytest.mark.parametrize("grid", PAPER_GRIDS.values(), ids=PAPER_GRIDS)
def test_a_stack_has_networks_of_one_shape_and_batches_of_one_size(grid: Grid) -> None:
    assert len(set(grid.settings())) == len(grid.settings())
    for stack in grid.stacks():
        assert len({replace(setting, learning_rate=1.0) for setting in stack}) == 1
        assert tuple(setting.learning_rate for setting in stack) == grid.learning_rates


@pytest.mark.parametrize("name", ["models", "batch_sizes", "learning_rates", "hidden"])
def test_a_grid_has_values_and_none_twice(name: str) -> None:
    for values in ((), getattr(SMALL, name)[:1] * 2):
        with pytest.raises(ValueError, match=name):
            replace(SMALL, **{name: values})


def test_a_setting_names_all_that_it_sets() -> None:
    text = str(Setting(ModelSpec("ANODE (p = 5)", options={"augment_dim": 5}), 128, 5e-4, 16))
    assert text == "ANODE (p = 5), batch 128, learning rate 0.0005, width 16"


# Folds


@given(st.integers(2, 5), st.integers(2, 12), st.integers(0, 1000))
def test_every_sample_validates_once_and_trains_in_the_other_folds(
    count: int, each: int, seed: int
) -> None:
    size = count * each
    data = Data(torch.arange(float(size))[:, None], torch.ones(size, 1), "numbered")
    data.y[: size // 2] = -1
    parts = [
        set(fold.validation.x.flatten().tolist()) for fold in search.folds(data, count, seed=seed)
    ]
    assert {len(part) for part in parts} == {each}
    assert set.union(*parts) == set(range(size))
    for fold, part in zip(search.folds(data, count, seed=seed), parts, strict=True):
        assert set(fold.training.x.flatten().tolist()) == set(range(size)) - part


def test_classes_have_the_same_share_in_every_fold() -> None:
    counts = [int((fold.validation.y < 0).sum()) for fold in divided(3000)]
    assert sum(counts) == 1000
    assert max(counts) - min(counts) <= 1


def test_the_division_follows_from_the_seed() -> None:
    data = concentric_spheres(2, 12, 24)
    first, again, other = (search.folds(data, seed=seed)[0].validation.x for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("count", [1, 5, 0])
def test_parts_of_unequal_size_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"divide 36 samples, got {count}"):
        search.folds(concentric_spheres(2, 12, 24), count)


# Trials


@pytest.mark.parametrize("seeds", [(7, 8, 9), (7, 7, 7)])
def test_a_setting_trains_in_a_stack_as_it_does_alone(seeds: tuple[int, ...]) -> None:
    folds = divided()
    trials = search.search(SMALL, folds, epochs=2, seeds=seeds)
    assert [trial.setting for trial in trials] == list(SMALL.settings())
    for trial in trials:
        setting = trial.setting
        for k, fold in enumerate(folds):
            model = NeuralODE((2,), hidden=setting.hidden, seeds=(seeds[k],))
            history = train(model, fold.training, TrainingSettings(2, 16, setting.learning_rate))
            for part, data in zip(Part, (fold.training, fold.validation), strict=False):
                alone = evaluate(model, data, Loss.HUBER)[0]
                np.testing.assert_allclose(trial.loss[part][k], alone, rtol=1e-4)
            np.testing.assert_allclose(trial.nfe[k], history.epoch_nfe[0, -1], rtol=0.1)


def test_settings_differ_in_more_than_name() -> None:
    trials = search.search(SMALL, divided(), epochs=1)
    assert len({trial.mean(Part.TRAINING) for trial in trials}) == len(trials)


def test_nobody_trains_on_validation_or_test_data() -> None:
    folds = divided()
    foreign = concentric_spheres(2, 4, 8, seed=99)
    others = [Fold(fold.training, foreign) for fold in folds]
    for one, other in zip(
        search.search(SMALL, folds, epochs=1),
        search.search(SMALL, others, epochs=1, test=foreign),
        strict=True,
    ):
        np.testing.assert_array_equal(one.loss[Part.TRAINING], other.loss[Part.TRAINING])
        np.testing.assert_allclose(other.loss[Part.VALIDATION], other.loss[Part.TEST], rtol=1e-6)
        assert Part.TEST not in one.loss


def test_a_failure_is_counted_and_leaves_the_others_alone() -> None:
    folds = divided()
    sound = search.search(replace(SMALL, hidden=(4,)), folds, epochs=2)
    grid = replace(SMALL, hidden=(4,), learning_rates=(*SMALL.learning_rates, HUGE))
    *others, failed = search.search(grid, folds, epochs=2)
    assert set(failed.failures) == {0, 1, 2}
    assert all(text for text in failed.failures.values())
    assert np.isnan(failed.loss[Part.VALIDATION]).all()
    assert failed.mean() == np.inf
    for one, other in zip(sound, others, strict=True):
        assert not other.failures
        np.testing.assert_allclose(
            one.loss[Part.VALIDATION], other.loss[Part.VALIDATION], rtol=1e-4
        )


def test_a_validation_without_a_finite_loss_is_a_failure() -> None:
    first, *rest = divided()
    broken = replace(first.validation, x=torch.full_like(first.validation.x, torch.nan))
    for trial in search.search(SMALL, [replace(first, validation=broken), *rest], epochs=1):
        assert set(trial.failures) == {0}
        assert "validation" in trial.failures[0]
        assert np.isnan(trial.loss[Part.TRAINING]).tolist() == [True, False, False]


def test_a_search_needs_a_seed_for_each_fold() -> None:
    with pytest.raises(ValueError, match=r"seeds must be 3.*\(1, 2\)"):
        search.search(SMALL, divided(), seeds=(1, 2))


# The ranking


losses = st.lists(
    st.lists(st.floats(1e-6, 10) | st.just(np.nan), min_size=3, max_size=3), min_size=1, max_size=6
)


@given(losses)
def test_the_ranking_has_every_setting_and_failures_last(rows: list[list[float]]) -> None:
    found = result(rows)
    ranking = found.ranking()
    assert {trial.setting for trial in ranking} == set(found.grid.settings())
    means = [trial.mean() for trial in ranking]
    assert means == sorted(means)
    assert [found.rank(trial.setting) for trial in ranking] == list(range(1, len(rows) + 1))
    failed = sum(np.isnan(row).any() for row in rows)
    assert all(trial.failures for trial in ranking[len(rows) - failed :])


@given(losses)
def test_ties_start_with_the_best_and_hold_no_failure(rows: list[list[float]]) -> None:
    found = result(rows)
    best, *others = found.ties()
    assert best is found.ranking()[0]
    assert not any(trial.failures for trial in others)


def test_a_setting_ties_if_its_excess_is_within_the_spread_over_the_folds() -> None:
    best, sure, unsure = [1.0, 2.0, 3.0], [1.2, 2.4, 3.7], [0.9, 2.1, 6.0]
    found = result([sure, best, unsure])
    assert [trial.loss[Part.VALIDATION].tolist() for trial in found.ties()] == [best, unsure]


def test_one_bad_fold_does_not_hide_that_the_others_are_worse_too() -> None:
    """The differences' standard deviation exceeds their mean here; that of the ratios does not."""
    best, worse = [1e-4, 1e-4, 1e-4], [5e-4, 2e-2, 6e-4]
    excess = np.subtract(worse, best)
    assert excess.mean() < excess.std(ddof=1)
    assert len(result([best, worse]).ties()) == 1


def test_the_ranking_by_training_loss_may_be_another() -> None:
    found = result([[1.0] * 3, [2.0] * 3], [[0.2] * 3, [0.1] * 3])
    first, second = found.grid.settings()
    assert found.rank(first) == found.rank(second, Part.TRAINING) == 1
    assert found.trial(second).mean() == 2.0


# The paper's search and its record


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("name", PAPER_GRIDS)
def test_the_smallest_profile_tries_the_whole_grid(name: str, dim: int) -> None:
    found = search.run(name, dim, profile="smoke", seed=3)
    assert [trial.setting for trial in found.trials] == list(PAPER_GRIDS[name].settings())
    assert found.dim == dim
    for trial in found.trials:
        assert not trial.failures
        assert {part: len(values) for part, values in trial.loss.items()} == dict.fromkeys(Part, 3)
        assert (trial.nfe > 0).all() == (name != "ResNet")


def same(one: SearchResult, other: SearchResult) -> bool:
    """Whether two results agree, NaN and all."""
    return one.provenance == other.provenance and all(
        a.setting == b.setting
        and a.failures == b.failures
        and all(np.array_equal(a.loss[p], b.loss[p], equal_nan=True) for p in a.loss)
        and np.array_equal(a.nfe, b.nfe, equal_nan=True)
        for a, b in zip(one.trials, other.trials, strict=True)
    )


KEY = {"experiment": "search", "model": "NODE"}


def test_a_record_gives_the_result_back(tmp_path: Path) -> None:
    found = result([[0.1, np.nan, 0.3], [1 / 3, 2e-9, 3.0]])
    store = Store(tmp_path)
    save(store, KEY, found)
    read = load(store, KEY, found.grid, found.dim)
    assert read is not None
    assert same(read, found)
    record = json.loads(store.path(KEY).read_text())  # strict: no NaN
    assert record["trials"][0]["loss"]["validation"] == [0.1, None, 0.3]
    assert record["provenance"]["numerics"]


def test_a_record_of_another_grid_is_an_error_and_a_damaged_one_is_set_aside(
    tmp_path: Path,
) -> None:
    found, store = result([[0.1, 0.2, 0.3], [1.0, 2.0, 3.0]]), Store(tmp_path)
    save(store, KEY, found)
    for other in (replace(found.grid, hidden=(16,)), replace(found.grid, learning_rates=(1.0,))):
        with pytest.raises(ValueError, match=r"the record has|argument"):
            load(store, KEY, other, 2)
    path = store.path(KEY)
    path.write_text(path.read_text()[:-20])
    with pytest.warns(UserWarning, match="set aside"):
        assert load(store, KEY, found.grid, 2) is None
    assert load(store, KEY | {"model": "none"}, found.grid, 2) is None


def test_a_stored_search_is_read_unless_what_it_depends_on_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANODE_STORE", str(tmp_path))
    first = search.run("NODE", 1, profile="smoke", seed=3)
    (path,) = tmp_path.glob("*/*.json")
    assert path.parent.name == "search"

    def trains(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(paper_module, "search", trains)
    assert same(search.run("NODE", 1, profile="smoke", seed=3), first)
    for change in ({"seed": 4}, {"dim": 2}, {"name": "ANODE"}):
        arguments = {"name": "NODE", "dim": 1, "seed": 3} | change
        with pytest.raises(AssertionError, match="trained again"):
            search.run(**arguments, profile="smoke")
    monkeypatch.setattr(paper_module, "_code", lambda: "other code")
    with pytest.raises(AssertionError, match="trained again"):
        search.run("NODE", 1, profile="smoke", seed=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "node"}, "name must be one of ResNet, NODE, ANODE, got 'node'"),
        ({"profile": "tiny"}, "profile must be one of"),
        ({"device": "abacus"}, "device must be one of"),
    ],
)
def test_what_there_is_not_is_refused(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search.run(**({"name": "NODE", "dim": 1} | arguments))
