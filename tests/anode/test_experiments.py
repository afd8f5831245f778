"""The table of experiments is the paper's, and every row of it runs."""

import re
from itertools import pairwise

import numpy as np
import pytest
import torch

from anode import Loss, NeuralODE, Profile, ResNet, experiments
from anode.experiments import EXPERIMENTS, Experiment, ModelSpec, Result

TOY = ("annulus-1d", "annulus-2d")
SMOKE_SECONDS = 60


@pytest.fixture(scope="module", params=EXPERIMENTS)
def result(request: pytest.FixtureRequest) -> Result:
    """Every experiment at its smallest size."""
    return experiments.run(request.param, profile="smoke", seed=3)


def test_every_experiment_runs_at_the_smallest_size(result: Result) -> None:
    """All models, without a failure, in time for a test."""
    assert set(result.runs) == {spec.label for spec in result.experiment.models}
    assert result.seeds == tuple(range(3, 3 + result.size.seeds))
    for label, run in result.runs.items():
        assert run.label == label
        assert run.model.seeds == run.history.seeds == result.seeds
        assert run.history.epoch_loss.shape == (result.size.seeds, result.size.epochs)
        assert np.isfinite(run.history.step_loss).all()
        assert not run.history.failures
        assert run.history.seconds < SMOKE_SECONDS


def test_data_are_one_set_a_seed_or_one_for_all(result: Result) -> None:
    for run in result.runs.values():
        assert len(run.data) == (result.size.seeds if result.experiment.data_per_seed else 1)
        assert run.data[0].input_shape == run.model.input_shape
    first, *others = result.runs.values()
    for other in others:
        assert all(torch.equal(a.x, b.x) for a, b in zip(first.data, other.data, strict=True))


def test_the_summary_says_what_was_run(result: Result) -> None:
    text = result.summary()
    size = result.size
    for part in (
        next(iter(result.runs.values())).data[0].name,
        f"{size.epochs} epochs of batches of {size.batch_size}",
        result.experiment.loss.value,
        f"{size.seeds} seeds (3 to {2 + size.seeds})",
        "profile smoke on cpu",
        f"0 of {size.seeds * len(result.runs)} trainings failed.",
    ):
        assert part in text


def test_a_seed_gives_the_same_run_twice() -> None:
    one, two = (experiments.run("annulus-2d", profile=Profile.SMOKE, seed=1) for _ in range(2))
    for label, run in one.runs.items():
        np.testing.assert_array_equal(run.history.step_loss, two.runs[label].history.step_loss)
        for ours, theirs in zip(
            run.model.parameters(), two.runs[label].model.parameters(), strict=True
        ):
            assert torch.equal(ours, theirs)


def test_a_seed_is_one_seed_whichever_is_the_first() -> None:
    """Seed 2 has the same data, and trains alike, as first of its stack and as second."""
    first = experiments.run("annulus-1d", profile="smoke", seed=2)
    second = experiments.run("annulus-1d", profile="smoke", seed=1)
    for label, run in first.runs.items():
        other = second.runs[label]
        assert torch.equal(run.data[0].x, other.data[1].x)
        np.testing.assert_allclose(run.history.step_loss[0], other.history.step_loss[1], rtol=1e-2)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_profiles_grow(name: str) -> None:
    sizes = [EXPERIMENTS[name].sizes[profile] for profile in Profile]
    for small, large in pairwise(sizes):
        assert small.seeds <= large.seeds
        assert small.epochs <= large.epochs
        assert small.samples <= large.samples
    assert sizes[0] != sizes[1]


def test_the_toy_experiments_have_the_papers_size() -> None:
    """Appendix F.2.1, also on a laptop: 3000 points, 50 epochs, batch 64, width 32, 20 seeds."""
    for name in TOY:
        for profile in (Profile.LAPTOP, Profile.PAPER):
            size = EXPERIMENTS[name].sizes[profile]
            assert (size.samples, size.epochs, size.batch_size, size.hidden) == (3000, 50, 64, 32)
        assert EXPERIMENTS[name].sizes[Profile.PAPER].seeds == 20
        data, validation = EXPERIMENTS[name].data(EXPERIMENTS[name].sizes[Profile.PAPER], 0)
        assert (int((data.y < 0).sum()), int((data.y > 0).sum())) == (1000, 2000)
        assert validation is None


def test_the_image_experiment_has_the_papers_size() -> None:
    """Section 5.2: 64 filters, 5 repeats, cross-entropy over ten classes."""
    images = EXPERIMENTS["images"]
    size = images.sizes[Profile.PAPER]
    assert (size.hidden, size.seeds, size.samples) == (64, 5, 60_000)
    assert images.loss is Loss.CROSS_ENTROPY
    assert images.outputs == 10


def test_specs_build_the_models_that_they_name() -> None:
    anode = ModelSpec("ANODE", augment_dim=2).build((3,), 4, 8, (1, 2))
    assert isinstance(anode, NeuralODE)
    assert anode.augment_dim == 2
    assert anode.field.weights[0].shape == (2, 5, 8)
    assert anode.head is not None
    assert anode.head.weight.shape == (2, 5, 4)
    resnet = ModelSpec("ResNet", blocks=3).build((2,), None, 8, (1,))
    assert isinstance(resnet, ResNet)
    assert len(resnet.blocks) == 3
    assert resnet.head is None


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_names_and_labels_are_unique_and_say_their_source(name: str) -> None:
    experiment = EXPERIMENTS[name]
    assert isinstance(experiment, Experiment)
    assert experiment.name == name
    assert re.search(r"Fig|section", experiment.source)
    labels = [spec.label for spec in experiment.models]
    assert len(labels) == len(set(labels))


def test_what_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(ValueError, match=r"experiment must be one of .*annulus-2d.*, got 'moons'"):
        experiments.run("moons")
    with pytest.raises(ValueError, match="profile must be one of smoke, laptop, paper, got 'big'"):
        experiments.run("g1d", profile="big")
    with pytest.raises(ValueError, match=r"device must be one of cpu.* here, got 'tpu'"):
        experiments.run("g1d", profile="smoke", device="tpu")
    with pytest.raises(ValueError, match=r"seeds must be .* got \(-1, 0\)"):
        experiments.run("g1d", profile="smoke", seed=-1)


def test_devices_that_are_here_are_accepted() -> None:
    assert experiments.check_device("cpu") == "cpu"
    assert experiments.check_profile("paper") is experiments.check_profile(Profile.PAPER)
