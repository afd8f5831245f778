"""Adam for a stack is torch's Adam for each replica."""

import pytest
import torch
from torch import nn

from anode.training.adam import StackedAdam

R = 3
SHAPES = [(R, 4, 5), (R, 1, 5), (R,)]
RATES, DECAYS = (1e-3, 5e-2, 1e-4), (0.0, 0.1, 1.0)


def parameters() -> list[nn.Parameter]:
    rng = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=rng)) for shape in SHAPES]


def loss(values: list[nn.Parameter], step: int) -> torch.Tensor:
    """One for each replica, whose gradient differs from step to step."""
    each = [(p.reshape(len(p), -1) - 0.1 * step).pow(4).sum(1) for p in values]
    return torch.stack(each).sum(0)


@pytest.mark.parametrize("decays", [(0.0,) * R, DECAYS])
def test_each_replica_is_updated_as_torch_does_alone(decays: tuple[float, ...]) -> None:
    stacked = parameters()
    optimizer = StackedAdam(stacked, RATES, decays)
    for step in range(20):
        optimizer.zero_grad()
        loss(stacked, step).sum().backward()
        optimizer.gather()
        optimizer.step()
    for r in range(R):
        alone = [nn.Parameter(p[r : r + 1].detach().clone()) for p in parameters()]
        adam = torch.optim.Adam(alone, lr=RATES[r], weight_decay=decays[r])
        for step in range(20):
            adam.zero_grad()
            loss(alone, step).sum().backward()
            adam.step()
        for ours, theirs in zip(stacked, alone, strict=True):
            torch.testing.assert_close(ours[r : r + 1], theirs, rtol=1e-5, atol=1e-6)


def test_a_replica_on_hold_stays_bit_for_bit_whatever_its_gradient() -> None:
    stacked = parameters()
    optimizer = StackedAdam(stacked, RATES, DECAYS)
    before = [p.detach().clone() for p in stacked]
    optimizer.hold([1])
    for _ in range(3):
        for p in stacked:
            p.grad = torch.ones_like(p)
            p.grad[1] = torch.nan
        optimizer.gather()
        optimizer.step()
    for now, then in zip(stacked, before, strict=True):
        assert torch.equal(now[1], then[1])
        assert now[[0, 2]].isfinite().all()
        assert not torch.equal(now[0], then[0])


def test_parameters_own_their_memory_after_release() -> None:
    stacked = parameters()
    optimizer = StackedAdam(stacked, RATES, DECAYS)
    values = [p.detach().clone() for p in stacked]
    optimizer.release()
    optimizer.weights.zero_()
    assert all(torch.equal(p, v) for p, v in zip(stacked, values, strict=True))
    assert all(p.is_contiguous() for p in stacked)


def test_a_parameter_without_a_gradient_counts_as_zero() -> None:
    stacked = parameters()
    optimizer = StackedAdam(stacked, RATES, (0.0,) * R)
    stacked[0].grad = torch.ones_like(stacked[0])
    gradient = optimizer.gather()
    assert gradient.sum() == stacked[0].numel()
