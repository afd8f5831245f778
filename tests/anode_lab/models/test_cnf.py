"""Normalising flows have densities: traces are exact, they integrate to 1, bounds are bounds."""

import math

import pytest
import torch
from torch import Tensor

from anode import SolverSettings
from anode.data import concentric_spheres
from anode_lab.models.cnf import DensityField, NormalisingFlow, log_normal, softplus

TIGHT = SolverSettings(rtol=1e-8, atol=1e-8)


def trained(p: int, steps: int = 60) -> NormalisingFlow:
    flow = NormalisingFlow((2,), augment_dim=p, hidden=16, seeds=[3, 1])
    x = torch.stack([concentric_spheres(2, 200, 400, seed=s).x for s in (3, 1)])
    flow.fit(x, steps=steps, batch_size=128)
    return flow


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_the_trace_is_that_of_the_jacobian(dim: int) -> None:
    field = DensityField(dim, hidden=8, seeds=[4]).double()
    z = torch.randn(1, 6, dim + 1, generator=torch.Generator().manual_seed(0)).double()
    t = torch.tensor(0.3, dtype=torch.float64)
    for i in range(6):

        def velocity(point: Tensor) -> Tensor:
            return field.velocity(t, point[None, None])[0, 0]

        jacobian = torch.autograd.functional.jacobian(velocity, z[0, i, :dim])
        found = field(t, z)[0, i]
        assert torch.allclose(found[-1], jacobian.trace())
        assert torch.allclose(found[:-1], velocity(z[0, i, :dim]))


def test_softplus_is_that_of_torch_and_so_is_its_slope() -> None:
    x = torch.cat([torch.linspace(-40, 40, 801), torch.tensor([0.0, -200.0, 200.0])])
    x = x.double().requires_grad_()
    expected = torch.nn.functional.softplus(x, threshold=1e9)
    torch.testing.assert_close(softplus(x), expected, rtol=1e-15, atol=1e-15)
    (slope,) = torch.autograd.grad(softplus(x).sum(), x)
    torch.testing.assert_close(slope, x.sigmoid(), rtol=1e-15, atol=1e-15)


def test_a_density_integrates_to_one() -> None:
    flow = trained(0)
    side = torch.linspace(-6, 6, 161)
    grid = torch.cartesian_prod(side, side).expand(2, -1, -1)
    total = flow.log_density(grid).exp().sum(1) * (side[1] - side[0]) ** 2
    assert torch.allclose(total, torch.ones(2), atol=5e-3)


def test_the_estimate_with_augmentation_integrates_to_one() -> None:
    """An unbiased estimate of a density, so that its integral is 1 but for noise."""
    flow = trained(1)
    side = torch.linspace(-6, 6, 61)
    grid = torch.cartesian_prod(side, side).expand(2, -1, -1)
    total = flow.log_density(grid, samples=16).exp().sum(1) * (side[1] - side[0]) ** 2
    assert torch.allclose(total, torch.ones(2), atol=0.05)


def test_draws_have_the_density() -> None:
    """A disc has the same mass by draws and by the density."""
    flow = trained(0, steps=100)
    drawn = flow.sample(4000)
    inside = (drawn.norm(dim=2) < 1).double().mean(1)
    side = torch.linspace(-1, 1, 81)
    grid = torch.cartesian_prod(side, side)
    disc = grid[grid.norm(dim=1) < 1].expand(2, -1, -1)
    mass = flow.log_density(disc).exp().double().sum(1) * float(side[1] - side[0]) ** 2
    assert torch.allclose(inside, mass, atol=0.04)


def test_more_samples_tighten_the_bound() -> None:
    flow = trained(2)
    x = concentric_spheres(2, 300, 600, seed=9).x.expand(2, -1, -1)
    with torch.no_grad():
        bound = torch.stack([flow.bound(x)[0].mean(1) for _ in range(8)]).mean(0)
    assert (flow.log_density(x, samples=32).mean(1) >= bound).all()


def test_training_raises_the_density_of_the_data() -> None:
    x = concentric_spheres(2, 300, 600, seed=9).x.expand(2, -1, -1)
    before = NormalisingFlow((2,), hidden=16, seeds=[3, 1]).log_density(x).mean(1)
    assert (trained(0).log_density(x).mean(1) > before + 0.2).all()


def test_a_replica_alone_is_the_same_as_in_a_stack() -> None:
    x = concentric_spheres(2, 20, 40).x
    both = NormalisingFlow((2,), augment_dim=1, seeds=[3, 1], solver=TIGHT)
    together = both.bound(x.expand(2, -1, -1))[0]
    alone = NormalisingFlow((2,), augment_dim=1, seeds=[1], solver=TIGHT).bound(x[None])[0]
    assert torch.allclose(together[1], alone[0], atol=1e-5)


def test_a_failed_solve_names_its_seed() -> None:
    flow = NormalisingFlow((2,), seeds=[7])
    with torch.no_grad():
        flow.field.velocity.weight3.fill_(torch.nan)
    with pytest.raises(RuntimeError, match=r"the flow of seed 7: non-finite state"):
        flow.fit(torch.zeros(1, 10, 2), steps=1)


def test_the_normal_density() -> None:
    z = torch.tensor([[1.0, -2.0, 0.5]])
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    assert torch.allclose(log_normal(z), expected)
    assert float(log_normal(torch.zeros(2))) == pytest.approx(-math.log(2 * math.pi))


@pytest.mark.parametrize(("p", "message"), [(-1, "augment_dim must be 0 or more, got -1")])
def test_bad_sizes_are_named(p: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NormalisingFlow((2,), augment_dim=p)
