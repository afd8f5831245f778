"""Gronwall's inequality, measured: how far a trained flow stretches, and how far it could.

If ``below <= v.J v <= above`` for all unit vectors v and the derivative J of the field at all
states on the segment between two trajectories, their distance r obeys
``below r <= r' <= above r``, and

    exp(integral of below) r(0) <= r(t) <= exp(integral of above) r(0).

With ``-C`` and ``C`` for a Lipschitz constant C this is Gronwall's inequality. There are four kinds
of bounds here, from :mod:`anode_lab.theory.lipschitz`, each tighter than the one before:

1. *product*: C is the product of the spectral norms of the weights, for all states and times;
2. *hull*: C(t) holds in a box around the states that the flow visits at that time;
3. *one-sided*: logarithmic norms replace C(t), in the same box;
4. *along*: the eigenvalues of (J + J^T) / 2 at the states of one trajectory, integrated along it,
   bound the derivative of the flow at that one input; they say nothing about its neighbours.

A box is convex: with two states it contains their segment, so the first three bound the stretch of
pairs as well. Which states are visited is known from sampled trajectories only. So *hull* and
*one-sided* hold as far as the box, which is wider than the samples by a stated margin, contains
what lies between them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from anode.arrays import Floats
from anode.fields import MLPField
from anode.models import NeuralODE
from anode.serialization import in_double
from anode_lab.theory.flow_jacobian import jacobians
from anode_lab.theory.lipschitz import Boxes, jacobian, lipschitz_bound, local_bound
from anode_lab.theory.solvers import TIGHT, TIGHTER
from anode_lab.theory.trajectories import sampled_flow

MARGIN = 0.1
"""Share of its width by which a box is wider, on each side, than the samples in it."""

_WITHIN = 8  # times at which trajectories are sampled in an interval
_PIECES = 256  # of a box around all visited states
_PAIRS = 20_000  # of inputs, at most


@dataclass(frozen=True)
class LogRange:
    """Bounds of the stretch from time 0 to each of K + 1 times, for R flows.

    They are logarithms, because the exponentials of the coarsest may be too large for a double.

    Attributes:
        lower: Logarithms of the lower bounds, shape ``(R, K + 1)``, 0 at time 0.
        upper: Logarithms of the upper bounds, of the same shape.
    """

    lower: Floats
    upper: Floats


@dataclass(frozen=True)
class GronwallBounds:
    """Bounds of R flows over time, and the measurements between them.

    Attributes:
        times: Times from 0 to T, shape ``(K + 1,)``.
        product: Bounds from the product of spectral norms.
        hull: Bounds from Lipschitz constants in boxes.
        one_sided: Bounds from logarithmic norms in boxes.
        along: Least and largest bound along a trajectory over all inputs, up to a quadrature error.
        constant: Product of spectral norms, shape ``(R,)``.
        local: Lipschitz constant of the field on the box of the states visited in each interval of
            time, shape ``(R, K)``.
        sampled: Largest norm of the field's derivative at the sampled states of each interval,
            shape ``(R, K)``; the least constant lies between it and ``local``.
        singular: Measured smallest and largest singular value of the flow's derivative at any
            input, as logarithms.
        pairs: Measured smallest and largest ratio of the distance of two inputs' states to that of
            the inputs, as logarithms.
        radius: Radius of the ball of inputs.
        margin: Share of its width by which each box was widened on each side.
    """

    times: Floats
    product: LogRange
    hull: LogRange
    one_sided: LogRange
    along: LogRange
    constant: Floats
    local: Floats
    sampled: Floats
    singular: LogRange
    pairs: LogRange
    radius: float
    margin: float

    def bounds(self) -> Mapping[str, LogRange]:
        """The four kinds of bounds by name, from the coarsest to the tightest."""
        return {
            "product": self.product,
            "hull": self.hull,
            "one-sided": self.one_sided,
            "along": self.along,
        }


def ball_grid(radius: float, dim: int, n: int) -> Tensor:
    """List the corners of the cubes of a grid that meet a ball around the origin.

    Args:
        radius: Radius of the ball.
        dim: Dimension d.
        n: Number of cubes along a diameter.

    Returns:
        Shape ``(m, dim)``. The convex hull of the points contains the ball.

    Raises:
        ValueError: If the radius is not positive, or n or ``dim`` is below 1.
    """
    if not radius > 0 or n < 1 or dim < 1:
        raise ValueError(
            f"radius must be positive, dim and n 1 or more, got {radius}, {dim} and {n}"
        )
    side = np.linspace(-radius, radius, n + 1)
    low = np.stack(np.meshgrid(*[np.arange(n)] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    nearest = np.clip(0, side[low], side[low + 1])  # the point of a cube that is nearest to 0
    low = low[np.linalg.norm(nearest, axis=1) <= radius]
    corners = low[:, None] + np.array(list(product((0, 1), repeat=dim)))  # (cubes, 2^d, d)
    return torch.from_numpy(side[np.unique(corners.reshape(-1, dim), axis=0)])


def stretch_bounds(
    model: NeuralODE,
    *,
    radius: float = 1.5,
    n: int = 24,
    intervals: int = 20,
    margin: float = MARGIN,
    pieces: int = _PIECES,
    seed: int = 0,
) -> GronwallBounds:
    """Bound and measure how far R flows stretch a ball of inputs over time.

    Args:
        model: R models whose field is an MLP.
        radius: Radius of the ball.
        n: Number of cubes along a diameter of the grid of inputs; see :func:`ball_grid`.
        intervals: Number K of intervals of time.
        margin: Share of its width by which a box is widened on each side.
        pieces: Number of parts that a box around all visited states is cut into.
        seed: Seed for the choice of the pairs.

    Raises:
        TypeError: If the field is not an MLP.
        ValueError: If a size is out of range.
    """
    field = model.field
    if not isinstance(field, MLPField):
        raise TypeError(f"the model's field must be an MLPField, got {type(field).__name__}")
    if intervals < 1 or not margin >= 0:
        raise ValueError(
            f"intervals must be 1 or more and margin 0 or more, got {intervals} and {margin}"
        )
    x = ball_grid(radius, model.input_shape[0], n)
    times = np.linspace(0, model.end_time, intervals * _WITHIN + 1)
    states = sampled_flow(model, x, torch.from_numpy(times), TIGHT)  # (T, R, m, dim)
    ends = times[::_WITHIN]
    visited = np.stack(
        [states[k * _WITHIN : (k + 1) * _WITHIN + 1] for k in range(intervals)]
    )  # (K, W + 1, R, m, dim)

    low, high = _widened(visited.min((1, 3)), visited.max((1, 3)), margin)  # (K, R, dim)
    around = Boxes(low.swapaxes(0, 1), high.swapaxes(0, 1), ends[None, :-1], ends[None, 1:])
    rates = local_bound(field, around, pieces=pieces)
    constant = lipschitz_bound(field)
    along, sampled = _along(field, times, states)
    width = model.end_time / intervals
    return GronwallBounds(
        times=ends,
        product=_band(-constant[:, None].repeat(intervals, 1), constant[:, None], width),
        hull=_band(-rates.norm, rates.norm, width),
        one_sided=_band(rates.below, rates.above, width),
        along=along,
        constant=constant,
        local=rates.norm,
        sampled=sampled,
        singular=_singular(model, x, ends),
        pairs=_pairs(states[::_WITHIN], np.random.default_rng(seed)),
        radius=radius,
        margin=margin,
    )


def _widened(low: Floats, high: Floats, margin: float) -> tuple[Floats, Floats]:
    added = margin * (high - low)
    return low - added, high + added


def _band(below: Floats, above: Floats, width: float) -> LogRange:
    """Integrate the rates of K intervals, ``(R, K)``, from time 0."""
    shape = np.broadcast_shapes(below.shape, above.shape)
    lower, upper = (np.zeros((shape[0], shape[1] + 1)) for _ in range(2))
    lower[:, 1:] = width * np.broadcast_to(below, shape).cumsum(1)
    upper[:, 1:] = width * np.broadcast_to(above, shape).cumsum(1)
    return LogRange(lower, upper)


def _along(field: MLPField, times: Floats, states: Floats) -> tuple[LogRange, Floats]:
    """Bounds along sampled trajectories, and the largest norm of J in each interval, ``(R, K)``.

    The integrals use the trapezoidal rule. Where a unit of a ReLU network switches between two of
    the times, the integrand jumps, and the error is of the size of the interval.
    """
    extreme, norm = [], []
    for t, h in zip(times, states, strict=True):
        matrix = jacobian(field, float(t), h)  # (R, m, dim, dim)
        eigenvalues = np.linalg.eigvalsh((matrix + matrix.swapaxes(2, 3)) / 2)
        extreme.append(eigenvalues[..., [0, -1]])
        norm.append(np.linalg.norm(matrix, 2, axis=(2, 3)).max(1))
    values = np.stack(extreme)  # (T, R, m, 2)
    steps = np.diff(times)[:, None, None, None] * (values[1:] + values[:-1]) / 2
    total = np.concatenate([np.zeros_like(steps[:1]), steps.cumsum(0)])[::_WITHIN]
    by_interval = np.stack(norm[:-1]).reshape(-1, _WITHIN, field.replicas)
    return LogRange(total[..., 0].min(2).T, total[..., 1].max(2).T), by_interval.max(1).T


def _singular(model: NeuralODE, x: Tensor, times: Floats) -> LogRange:
    """Logarithms of the extreme singular values of the flow's derivative up to each time."""
    when = torch.from_numpy(times)
    precise = in_double(model, TIGHTER).cpu()
    matrices = jacobians(lambda points: precise.flow(points, when), x)  # (K + 1, R, m, dim, d)
    values = np.log(np.linalg.svd(matrices, compute_uv=False))  # largest first
    return LogRange(values[..., -1].min(2).T, values[..., 0].max(2).T)


def _pairs(states: Floats, rng: np.random.Generator) -> LogRange:
    """Logarithms of the extreme ratios of two states' distances at each time and at time 0."""
    count = states.shape[2]
    i, j = np.triu_indices(count, 1)
    if len(i) > _PAIRS:
        chosen = rng.choice(len(i), _PAIRS, replace=False)
        i, j = i[chosen], j[chosen]
    distance = np.linalg.norm(states[:, :, i] - states[:, :, j], axis=3)  # (K + 1, R, pairs)
    ratio = np.log(distance / distance[:1])
    return LogRange(ratio.min(2).T, ratio.max(2).T)
