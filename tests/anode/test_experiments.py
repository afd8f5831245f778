"""The table of experiments is the paper's; ``test_runs.py`` runs every row of it."""

import re
from itertools import pairwise

import pytest

from anode import Loss, NeuralODE, Profile, ResNet, experiments
from anode.experiments import EXPERIMENTS, Experiment, ModelSpec

TOY = ("annulus-1d", "annulus-2d")


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
    assert re.search(r"Fig|section|appendix", experiment.source)
    labels = [spec.label for spec in experiment.models]
    assert len(labels) == len(set(labels))


def test_what_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(ValueError, match="profile must be one of smoke, laptop, paper, got 'big'"):
        experiments.check_profile("big")
    with pytest.raises(ValueError, match="g1d has the models 'NODE', 'ResNet', got 'RNN'"):
        EXPERIMENTS["g1d"].model("RNN")


def test_profiles_and_models_are_found_by_name() -> None:
    assert experiments.check_profile("paper") is experiments.check_profile(Profile.PAPER)
    assert EXPERIMENTS["g1d"].model("NODE").augment_dim == 0
