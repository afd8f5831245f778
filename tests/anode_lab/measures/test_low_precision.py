"""Why a field is evaluated in the precision of its states, and that it is.

dopri5 estimates the error of a step as a difference of slopes. Rounding in the field is a part of
it that smaller steps hardly lessen. Lower precision is emulated, see
:mod:`anode_lab.measures.low_precision`.
"""

from collections.abc import Iterator
from functools import cache

import pytest
import torch
from torch import Tensor

from anode import NeuralODE, SolverSettings, SolveStatus, integrate
from anode.fields import ConvField
from anode.solve.integrate import keep_precision
from anode_lab.measures.low_precision import Mantissa, emulated, rounded

SINGLE, TF32, HALF = Mantissa.SINGLE, Mantissa.TF32, Mantissa.BFLOAT16
SHAPE, BATCH, SEEDS = (2, 14, 14), 16, (0, 1, 2)
GROWN = 2.0
"""Times the weights before training: the flows of trained networks are longer."""


def problem(seed: int) -> tuple[ConvField, Tensor, Tensor]:
    """A field, states ``(1, B, *SHAPE)`` with pixels in [0, 1] and a channel of zeros, times."""
    field = ConvField(SHAPE[0], SHAPE[1:], filters=16, seeds=(seed,))
    rng = torch.Generator().manual_seed(seed)
    h0 = torch.rand(1, BATCH, *SHAPE, generator=rng)
    h0[:, :, 1] = 0
    with torch.no_grad():
        for weight in field.parameters():
            weight *= GROWN
    return field, h0, torch.tensor([0.0, 1.0])


@cache
def exact(seed: int) -> Tensor:
    """The end states, in double precision."""
    field, h0, times = problem(seed)
    tight = SolverSettings(rtol=1e-8, atol=1e-8, max_steps=10_000)
    return integrate(field.double(), h0.double(), times.double(), tight).states[-1].detach()


@cache
def cost(format_: Mantissa, tolerance: float, *, double: bool = False) -> tuple[int, float]:
    """NFE and the root mean square error in multiples of the tolerance, summed over the seeds."""
    nfe, error = 0, 0.0
    for seed in SEEDS:
        field, h0, times = problem(seed)
        if double:
            field, h0, times = field.double(), h0.double(), times.double()
        with torch.no_grad(), emulated(format_):
            settings = SolverSettings(rtol=tolerance, atol=tolerance)
            solution = integrate(field, h0, times, settings)
        assert solution.status == (SolveStatus.OK,)
        nfe += int(solution.nfe)
        scale = tolerance * (1 + exact(seed).abs())
        error += float(((solution.states[-1] - exact(seed)) / scale).square().mean().sqrt())
    return nfe, error


def test_rounding_is_to_the_bits_that_are_said() -> None:
    x = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(rounded(x, HALF), x.bfloat16().float())
    assert torch.equal(rounded(x, SINGLE), x)
    assert torch.equal(rounded(x, TF32), x.half().float())  # as many bits, of numbers this large
    assert not torch.equal(rounded(x, TF32), x)
    for each in Mantissa:
        error = ((rounded(x.double(), each) - x.double()) / x.double()).abs().max()
        assert error <= each.unit


@pytest.mark.parametrize("tolerance", [1e-3, 1e-5])
def test_single_precision_takes_the_steps_of_double(tolerance: float) -> None:
    nfe, error = cost(SINGLE, tolerance)
    reference = cost(SINGLE, tolerance, double=True)
    assert nfe == pytest.approx(reference[0], rel=0.05)
    assert error == pytest.approx(reference[1], rel=0.05)


def test_at_the_papers_tolerance_tf32_does_no_harm_and_bfloat16_costs_evaluations() -> None:
    (nfe, error), tf32, half = (cost(each, 1e-3) for each in (SINGLE, TF32, HALF))
    assert tf32[0] == nfe
    assert tf32[1] == pytest.approx(error, rel=0.1)
    assert half[0] > nfe


def test_at_tighter_tolerances_rounding_is_taken_for_error() -> None:
    """More evaluations, and yet a larger error: it is not one that smaller steps lessen."""
    for tolerance, low, more, worse in ((1e-5, HALF, 1.5, 2.0), (1e-6, TF32, 1.1, 1.5)):
        single, lower = cost(SINGLE, tolerance), cost(low, tolerance)
        assert lower[0] > more * single[0]
        assert lower[1] > worse * single[1]


@pytest.fixture
def flags() -> Iterator[None]:
    """Torch's own settings, as they are before the package is used, and back."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32
    cudnn.allow_tf32 = matmul.allow_tf32 = True
    yield
    cudnn.allow_tf32, matmul.allow_tf32 = before


@pytest.mark.usefixtures("flags")
def test_tf32_is_turned_off_for_a_gpu_and_left_alone_for_a_cpu() -> None:
    keep_precision(torch.device("cpu"))
    assert torch.backends.cudnn.allow_tf32
    assert torch.backends.cuda.matmul.allow_tf32
    keep_precision(torch.device("cuda"))
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


def test_autocast_is_refused() -> None:
    model, x = NeuralODE((1, 4, 4), 2, hidden=2), torch.ones(1, 3, 1, 4, 4)
    with (
        torch.autocast("cpu", dtype=torch.bfloat16),
        pytest.raises(ValueError, match=r"torch\.autocast is on for cpu"),
    ):
        model(x)
    with torch.autocast("cuda", enabled=False):
        assert model(x).isfinite().all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch sees")
@pytest.mark.usefixtures("flags")
def test_convolutions_on_a_gpu_are_in_single_precision_forwards_and_back() -> None:
    """Far closer to double precision than TF32's 2^-11 allows."""
    found = []
    for dtype in (torch.float32, torch.float64):
        model = NeuralODE((1, 14, 14), 10, augment_dim=1, hidden=32).to("cuda", dtype)
        rng = torch.Generator().manual_seed(0)
        x = torch.rand(1, BATCH, 1, 14, 14, generator=rng).to("cuda", dtype)
        features = model.run(x).features
        gradient = torch.autograd.grad(features.square().sum(), model.field.kernels[1])[0]
        found.append((features.double(), gradient.double()))
    for single, double in zip(*found, strict=True):
        assert (single - double).norm() < 2e-5 * double.norm()
