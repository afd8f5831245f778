"""The table of experiments is the paper's; ``test_runs.py`` runs every row of it."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from anode import Loss, Model, NeuralODE, ResNet
from anode.data import concentric_spheres
from anode_lab import experiments
from anode_lab.experiments import EXPERIMENTS, PROFILES, Experiment, ModelSpec, Size
from anode_lab.experiments.images import COLOUR, COLOUR_BEGUN, GREY, GREY_BEGUN, LARGE, OVERFIT
from anode_lab.images import image_set
from anode_lab.runs import run

TOY = ("annulus-1d", "annulus-2d")
BEGUN = {GREY_BEGUN: (GREY, 3), COLOUR_BEGUN: (COLOUR, 2)}
"""First epochs at the paper's size -> the whole training, and number of epochs."""


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_profiles_grow(name: str) -> None:
    """Seeds, samples, and samples seen in all: of few images there may be more epochs."""
    sizes = [EXPERIMENTS[name].sizes[p] for p in PROFILES if p in EXPERIMENTS[name].sizes]
    for small, large in pairwise(sizes):
        assert small.seeds <= large.seeds
        assert small.samples <= large.samples
        assert small.epochs * small.samples <= large.epochs * large.samples
        assert small.hidden <= large.hidden
        assert small.max_side <= large.max_side
    assert sizes[0] != sizes[1]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_has_a_test_size_and_the_papers(name: str) -> None:
    experiment = EXPERIMENTS[name]
    for profile in ("smoke", "laptop" if name in BEGUN else "paper"):
        assert experiment.size(profile) is experiment.sizes[profile]


@pytest.mark.parametrize("name", BEGUN)
def test_a_begun_training_is_the_papers_but_for_its_length(name: str) -> None:
    whole, epochs = BEGUN[name]
    begun, paper = EXPERIMENTS[name], EXPERIMENTS[whole]
    assert begun.size("laptop") == replace(paper.size("paper"), epochs=epochs, seeds=2)
    assert set(begun.models) <= set(paper.models)
    assert "paper" not in begun.sizes, "the paper's trainings are longer"


def test_the_toy_experiments_have_the_papers_size() -> None:
    """Appendix F.2.1, also on a laptop: 3000 points, 50 epochs, batch 64, width 32, 20 seeds."""
    for name in TOY:
        for profile in ("laptop", "paper"):
            size = EXPERIMENTS[name].sizes[profile]
            assert (size.samples, size.epochs, size.batch_size, size.hidden) == (3000, 50, 64, 32)
        assert EXPERIMENTS[name].sizes["paper"].seeds == 20
        data, validation = EXPERIMENTS[name].data(EXPERIMENTS[name].sizes["paper"], 0)
        assert (int((data.y < 0).sum()), int((data.y > 0).sum())) == (1000, 2000)
        assert validation is None


PAPERS_IMAGES = {
    GREY: (image_set("mnist"), 60_000, 28, 10),
    COLOUR: (image_set("cifar-10"), 50_000, 32, 10),
    OVERFIT: (image_set("mnist"), 60_000, 28, 10),
    LARGE: (image_set("tiny-imagenet"), 100_000, 64, 200),
}


def test_the_image_experiments_have_the_papers_size() -> None:
    """Section 5.2: whole sets, 64 filters, 5 repeats, cross-entropy over the set's classes."""
    recorded = {name for name, each in EXPERIMENTS.items() if each.recorded}
    assert recorded == set(PAPERS_IMAGES) | set(BEGUN)
    for name, (images, samples, side, classes) in PAPERS_IMAGES.items():
        experiment = EXPERIMENTS[name]
        size = experiment.size("paper")
        assert (size.images, size.samples, size.max_side) == (images, samples, side)
        assert (size.hidden, size.seeds, size.batch_size) == (64, 5, 256)
        assert experiment.loss is Loss.CROSS_ENTROPY
        assert experiment.outputs == classes
        assert not experiment.data_per_seed


def test_a_size_without_images_is_refused_where_they_are_needed() -> None:
    with pytest.raises(ValueError, match="which, got images=None"):
        EXPERIMENTS[GREY].data(Size(seeds=1, epochs=1, samples=4), 0)


def count(spec: ModelSpec, hidden: int, shape: tuple[int, ...], outputs: int | None) -> int:
    return spec.build(shape, outputs, hidden, (0,)).parameter_count()


MATCHED = [
    (name, spec.label)
    for name, experiment in EXPERIMENTS.items()
    for spec in experiment.models
    if spec.as_large_as is not None
]


@pytest.mark.parametrize(("name", "label"), MATCHED)
@pytest.mark.parametrize("hidden", [4, 16, 64])
def test_no_width_is_closer_to_the_number_of_weights_to_match(
    name: str, label: str, hidden: int
) -> None:
    experiment, shape = EXPERIMENTS[name], (3, 8, 8)
    spec = experiment.model(label)
    assert spec.as_large_as is not None
    other = experiment.model(spec.as_large_as.label)  # which it is compared with
    outputs = spec.outputs_counted or experiment.outputs
    goal = count(other, hidden, shape, outputs)
    model = spec.build(shape, experiment.outputs, hidden, (0, 1))
    width = model.architecture["hidden"]
    assert model.replicas == 2
    plain = replace(spec, as_large_as=None)
    distances = {
        near: abs(count(plain, near, shape, outputs) - goal)
        for near in (width - 1, width, width + 1)
        if near > 0
    }
    assert distances[width] == min(distances.values())
    assert width >= hidden


def test_the_papers_pair_for_tiny_imagenet_has_its_filters() -> None:
    """Appendix F.2.2: the printed numbers are those of 64 and 164 filters without time."""
    large = EXPERIMENTS[LARGE]
    pair = [large.model(label) for label in ("p = 5", "p = 0, more filters")]
    built = [spec.build((3, 64, 64), large.outputs, 64, (0,)) for spec in pair]
    assert [model.architecture["hidden"] for model in built] == [64, 163]
    assert [model.parameter_count() for model in built] == [6_592_472, 2_699_861]


def test_a_model_as_large_as_itself_is_itself() -> None:
    spec = ModelSpec("p = 3", options={"augment_dim": 3})
    for hidden in (1, 7, 32):
        same = replace(spec, as_large_as=spec).build((1, 6, 6), 10, hidden, (0,))
        assert same.architecture["hidden"] == hidden


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_models_train_with_their_own_weight_decay_and_the_sizes_batches(name: str) -> None:
    experiment = EXPERIMENTS[name]
    for size in experiment.sizes.values():
        for spec in experiment.models:
            settings = experiment.settings(size, spec)
            assert settings.weight_decay == spec.weight_decay
            assert (settings.epochs, settings.batch_size) == (size.epochs, size.batch_size)
            assert (settings.weight_decay > 0) == ("weight decay" in spec.label)


def test_specs_build_the_models_that_they_name() -> None:
    anode = ModelSpec("ANODE", options={"augment_dim": 2}).build((3,), 4, 8, (1, 2))
    assert isinstance(anode, NeuralODE)
    assert anode.augment_dim == 2
    assert anode.field.weights[0].shape == (2, 5, 8)
    assert anode.head is not None
    assert anode.head.weight.shape == (2, 5, 4)
    resnet = ModelSpec("ResNet", "ResNet", {"blocks": 3}).build((2,), None, 8, (1,))
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
    with pytest.raises(ValueError, match="images-large has the profiles smoke, paper, got 'lapt"):
        EXPERIMENTS[LARGE].size("laptop")
    with pytest.raises(ValueError, match="profile must be one of smoke, laptop, paper, got 'big'"):
        EXPERIMENTS[LARGE].size("big")


def test_profiles_and_models_are_found_by_name() -> None:
    assert experiments.check_profile("paper") == "paper"
    assert EXPERIMENTS["g1d"].model("NODE").model == "NeuralODE"
    with pytest.raises(ValueError, match=r"model must be one of .*, got 'RNN'"):
        ModelSpec("RNN", "RNN")


def test_figures_are_in_the_papers_order_with_models_that_there_are() -> None:
    found = experiments.figures()
    numbers = [int(figure.removeprefix("fig")) for figure in found]
    assert numbers == sorted(numbers)
    for shown in found.values():
        for name, labels in shown.items():
            assert labels
            for label in labels:
                EXPERIMENTS[name].model(label)


@pytest.mark.parametrize("name", Model.names())
def test_every_registered_model_is_used_in_an_experiment_by_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is run, kept and read again."""
    density = name == "NormalisingFlow"
    experiment = Experiment(
        "toy",
        "section 0",
        lambda size, seed: (concentric_spheres(2, size.samples, size.samples, seed=seed), None),
        (ModelSpec("the model", name),),
        {"smoke": Size(seeds=2, epochs=2, samples=32, hidden=4)},
        {"fig99": None},
        outputs=None if density else 1,
        loss=Loss.LIKELIHOOD if density else Loss.MSE,
    )
    monkeypatch.setitem(EXPERIMENTS, "toy", experiment)
    assert experiments.figures()["fig99"] == {"toy": ("the model",)}
    first = run("toy", profile="smoke", store=tmp_path).runs["the model"]
    monkeypatch.setattr("anode_lab.runs.task.train", pytest.fail)
    again = run("toy", profile="smoke", store=tmp_path).runs["the model"]
    assert type(again.model).__name__ == name
    assert again.model.architecture["hidden"] == 4
    for ours, theirs in zip(first.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
