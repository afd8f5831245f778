"""A stack of fields is what as many plain networks are, each with its own weights and time."""

import math
from collections.abc import Callable

import pytest
import torch

from anode import Activation, ConvField, MLPField
from anode.checks import check_positive, check_seeds
from anode.fields import VectorField
from tests.helpers.problems import PlainConv, PlainMLP

SEEDS = (3, 0, 11)
MakeField = Callable[..., VectorField]


def mlp(seeds: tuple[int, ...] = SEEDS, **options: object) -> MLPField:
    return MLPField(3, hidden=8, seeds=seeds, **options)  # type: ignore[arg-type]


def conv(seeds: tuple[int, ...] = SEEDS, **options: object) -> ConvField:
    return ConvField(2, (5, 4), filters=6, seeds=seeds, **options)  # type: ignore[arg-type]


def states(field: VectorField, batch: int = 7) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    shape = (field.replicas, batch, *field.state_shape)
    return torch.randn(shape, generator=rng).to(field.weights[0])


@pytest.mark.parametrize("activation", list(Activation))
@pytest.mark.parametrize("time_dependent", [True, False])
@pytest.mark.parametrize(("make", "plain"), [(mlp, PlainMLP), (conv, PlainConv)])
def test_each_replica_is_a_plain_network_with_the_time_concatenated(
    make: MakeField, plain: Callable[..., torch.nn.Module], time_dependent: bool, activation: object
) -> None:
    """Values and gradients; one time for all, and a time of its own for each replica."""
    field = make(activation=activation, time_dependent=time_dependent).double()
    h = states(field).requires_grad_()
    for times in (torch.tensor(0.3).double(), torch.tensor([0.3, -2.0, 0.0]).double()):
        together = field(times, h)
        (gradient,) = torch.autograd.grad(together.square().sum(), h)
        for r in range(field.replicas):
            t = times if times.dim() == 0 else times[r]
            part = h[r].detach().requires_grad_()
            alone = plain(field, r)(t, part)
            torch.testing.assert_close(together[r], alone, rtol=1e-12, atol=1e-12)
            alone.square().sum().backward()
            torch.testing.assert_close(gradient[r], part.grad, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("activation", list(Activation))
@pytest.mark.parametrize("time_dependent", [True, False])
@pytest.mark.parametrize("seeds", [(5,), SEEDS])
@pytest.mark.parametrize("make", [mlp, conv])
def test_a_traced_evaluation_goes_back_as_autograd_does(
    make: MakeField, seeds: tuple[int, ...], time_dependent: bool, activation: object
) -> None:
    """To the state and to each weight, as often as one likes, and without a graph."""
    field = make(seeds, activation=activation, time_dependent=time_dependent).double()
    h, t = states(field).requires_grad_(), torch.tensor(0.7).double()
    value = field(t, h)
    gradient = torch.randn(value.shape, generator=torch.Generator().manual_seed(2)).double()
    expected = torch.autograd.grad(value, (h, *field.weights), gradient)
    traced, pull_back = field.trace(field.weights, t, h)
    assert not traced.requires_grad
    torch.testing.assert_close(traced, value, rtol=0, atol=0)
    for _ in range(2):
        of_state, of_weights = pull_back(gradient)
        for found, known in zip((of_state, *of_weights), expected, strict=True):
            torch.testing.assert_close(found, known, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("filters", [1, 6])
def test_a_batch_is_cut_into_parts_for_the_cache_and_gives_the_same(
    filters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values and gradients, with a first hidden layer that is kept (1 filter), or not."""
    field = ConvField(2, (5, 4), filters=filters, seeds=SEEDS).double()
    h, t = states(field), torch.tensor([0.4, 0.8, 1.2]).double()
    whole, way_back = field.trace(field.weights, t, h)
    expected, weights = way_back(whole)
    monkeypatch.setattr("anode.fields.CACHE", 3 * 20 * 8 * filters)  # three samples
    cut, way_back_cut = field.trace(field.weights, t, h)
    assert [len(part) for _, part in field._parts(h[:1])] == [3, 3, 1]
    assert torch.equal(cut, field(t, h))
    torch.testing.assert_close(cut, whole, rtol=1e-12, atol=1e-12)
    found, weights_cut = way_back_cut(whole)
    for one, other in zip((expected, *weights), (found, *weights_cut), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("make", [mlp, conv])
def test_weights_get_the_gradients_of_the_plain_network(make: MakeField) -> None:
    """Summed over all weights but per replica, in float64."""
    field = make().double()
    h, t = states(field), torch.tensor([0.4, 0.8, 1.2]).double()
    field(t, h).pow(3).sum().backward()
    plain = PlainMLP if isinstance(field, MLPField) else PlainConv
    for r in range(field.replicas):
        network = plain(field, r)  # type: ignore[arg-type]
        network(t[r], h[r]).pow(3).sum().backward()
        ours = sum(float(w.grad[r].square().sum()) for w in field.weights)
        theirs = sum(float(p.grad.square().sum()) for p in network.parameters())
        assert ours == pytest.approx(theirs, rel=1e-10)


@pytest.mark.parametrize("make", [mlp, conv])
def test_a_seed_has_the_same_weights_in_every_stack(make: MakeField) -> None:
    stack = make()
    for r, seed in enumerate(SEEDS):
        for ours, alone in zip(stack.weights, make((seed,)).weights, strict=True):
            assert torch.equal(ours[r], alone[0])


@pytest.mark.parametrize("make", [mlp, conv])
def test_different_seeds_have_different_weights(make: MakeField) -> None:
    for weight in make().weights:
        assert not torch.isclose(weight[0], weight[1]).all()
        assert not torch.isclose(weight[1], weight[2]).all()


@pytest.mark.parametrize("make", [mlp, conv])
def test_select_gives_one_replica(make: MakeField) -> None:
    field = make().double()
    h, t = states(field), torch.tensor(0.7).double()
    for r in range(field.replicas):
        dynamics, weights = field.select(r)
        part = h[r : r + 1]
        torch.testing.assert_close(dynamics(t, part)[0], field(t, h)[r], rtol=1e-12, atol=1e-12)
        assert all(len(weight) == 1 for weight in weights)


@pytest.mark.parametrize("make", [mlp, conv])
def test_a_broken_replica_leaves_the_others_bit_for_bit(make: MakeField) -> None:
    healthy, broken = make(), make()
    with torch.no_grad():
        for weight in broken.weights:
            weight[1] = torch.nan
    h, t = states(healthy), torch.tensor(0.5)
    for replica in (0, 2):
        assert torch.equal(healthy(t, h)[replica], broken(t, h)[replica])
    for field in (healthy, broken):
        field(t, h)[[0, 2]].sum().backward()
    for ours, theirs in zip(healthy.weights, broken.weights, strict=True):
        assert torch.equal(ours.grad[[0, 2]], theirs.grad[[0, 2]])


def test_initial_weights_are_distributed_as_torchs_layers() -> None:
    """Uniform in +-1/sqrt(inputs), the time counted among them."""
    field = MLPField(5, hidden=400, seeds=(0,))
    for weight, inputs in ((field.weight1, 6), (field.time_weight, 6), (field.weight2, 400)):
        bound = 1 / math.sqrt(inputs)
        assert weight.abs().max() <= bound
        assert weight.abs().max() > 0.97 * bound
        assert float(weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.1)
    kernels = ConvField(2, (4, 4), filters=60).kernels
    assert float(kernels[1].detach().abs().max()) == pytest.approx(1 / math.sqrt(61 * 9), rel=0.01)


def test_blocks_of_one_seed_differ_by_their_index() -> None:
    first, second = (MLPField(2, seeds=(0,), index=i) for i in (0, 1))
    assert not torch.isclose(first.weight1, second.weight1).any()


@pytest.mark.parametrize("activation", list(Activation))
def test_activations_are_torchs(activation: Activation) -> None:
    x = torch.linspace(-3, 3, 13)
    assert torch.equal(activation(x), getattr(torch.nn.functional, activation.value)(x))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MLPField(0), "dim must be a positive integer, got 0"),
        (lambda: MLPField(2, hidden=-1), "hidden must be a positive integer, got -1"),
        (lambda: MLPField(2, hidden=2.5), "hidden must be a positive integer, got 2.5"),  # type: ignore[arg-type]
        (lambda: ConvField(1, (0, 3)), "height must be a positive integer, got 0"),
        (lambda: ConvField(1, (3, 3), filters=0), "filters must be a positive integer, got 0"),
        (lambda: MLPField(2, seeds=()), r"seeds must be one or more .*, got \(\)"),
        (lambda: MLPField(2, seeds=(1, -1)), r"seeds must be .*, got \(1, -1\)"),
        (lambda: check_seeds([0.5]), r"seeds must be .*, got \(0.5,\)"),  # type: ignore[list-item]
        (lambda: check_positive(width="4"), "width must be a positive integer, got '4'"),  # type: ignore[arg-type]
    ],
)
def test_bad_arguments_are_named_with_their_value(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
