"""Bounds of a field's derivative that hold in a box of states and times instead of everywhere.

In a box most units of a ReLU network are certainly on or certainly off. Intervals of the units'
inputs are carried through the layers and give each unit an interval of slopes. With the slope ``m``
in the middle and half the width ``e``, every derivative in the box is

    W3 D2 W2 D1 W1,  D = diag(m) + diag(e) E,  E diagonal with entries in [-1, 1].

Its distance from the one in the middle is bounded by the norms of the three remaining terms. The
smaller the box, the fewer units are uncertain, so a box may be cut into pieces. Intervals through
networks: Gowal et al. 2018; logarithmic norms: Söderlind 2006.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from anode.arrays import Floats
from anode.fields import Activation, MLPField
from anode_lab.theory.lipschitz.overall import lipschitz_bound

_CHUNK = 50_000  # boxes at once, of all replicas: a few hundred numbers for each
_ROUNDING = 1e-12  # by how much the units' inputs are widened, relative to their size
_LINEAR = 20.0  # torch's softplus is the identity beyond, its slope 1


@dataclass(frozen=True)
class Boxes:
    """N closed boxes of states and times for each of R replicas.

    Attributes:
        low: Lower ends of the states, shape ``(R, N, dim)``.
        high: Upper ends, of the same shape.
        start: First times, shape ``(R, N)`` or a shape that is broadcast to it.
        stop: Last times, likewise.

    Raises:
        ValueError: If the shapes do not fit, or an upper end lies below a lower one.
    """

    low: Floats
    high: Floats
    start: Floats
    stop: Floats

    def __post_init__(self) -> None:
        if self.low.ndim != 3 or self.low.shape != self.high.shape:
            raise ValueError(
                "low and high must have one shape (R, N, dim), got "
                f"{self.low.shape} and {self.high.shape}"
            )
        for name in ("start", "stop"):
            try:
                np.broadcast_to(getattr(self, name), self.low.shape[:2])
            except ValueError as error:
                shape = np.shape(getattr(self, name))
                raise ValueError(
                    f"{name} must fit (R, N) = {self.low.shape[:2]}, got {shape}"
                ) from error
        if not ((self.low <= self.high).all() and np.all(self.start <= self.stop)):
            raise ValueError(
                "high must be no less than low and stop no less than start, nowhere NaN"
            )

    def corners(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Both ends with the time as last coordinate, each of shape ``(R, N, dim + 1)``."""
        shape = self.low.shape[:2]
        ends = []
        for states, times in ((self.low, self.start), (self.high, self.stop)):
            joined = np.concatenate([states, np.broadcast_to(times, shape)[..., None]], axis=2)
            ends.append(torch.as_tensor(joined).to(like))
        return ends[0], ends[1]


@dataclass(frozen=True)
class DerivativeBounds:
    """Bounds of a derivative J in boxes: the rates between which trajectories part there.

    The distance r of two trajectories satisfies ``below * r <= dr/dt <= above * r`` and
    ``|dr/dt| <= norm * r`` while the segment between them stays in the box.

    Attributes:
        norm: Upper bound of the spectral norm of J.
        above: Upper bound of the largest eigenvalue of (J + J^T) / 2, the logarithmic norm.
        below: Lower bound of the smallest eigenvalue of (J + J^T) / 2.
    """

    norm: Floats
    above: Floats
    below: Floats


@torch.no_grad()
def jacobian(field: MLPField, t: float | Floats, h: Floats) -> Floats:
    """Compute the derivative of a field with respect to the state.

    At a state where a ReLU bends it is the derivative on the side where that unit is off. The norms
    of derivatives at single states are *lower* bounds of every Lipschitz constant.

    Args:
        field: R networks.
        t: The time, or one for each state, shape ``(n,)``.
        h: States, shape ``(R, n, dim)``.

    Returns:
        Shape ``(R, n, dim, dim)``; the entry ``[..., i, j]`` is the derivative of component i with
        respect to component j.

    Raises:
        TypeError: If ``field`` is not an MLP.
    """
    w1, b1, w2, b2, w3, time = _layers(field)
    states = torch.as_tensor(h).to(w1)
    times = torch.as_tensor(t, dtype=w1.dtype, device=w1.device).reshape(1, -1, 1)
    first = states @ w1 + b1 + times * time  # (R, n, hidden)
    second = field.activation(first) @ w2 + b2
    s1, s2 = (_slope_range(field.activation, each, each)[1] for each in (first, second))
    through = (w1[:, None] * s1[:, :, None]) @ w2[:, None] * s2[:, :, None]  # (R, n, dim, hidden)
    found: Floats = (through @ w3[:, None]).transpose(2, 3).cpu().numpy()
    return found


@torch.no_grad()
def local_bound(field: MLPField, boxes: Boxes, *, pieces: int = 1) -> DerivativeBounds:
    """Bound the derivative of a field in boxes of states and times.

    The bounds are never worse than :func:`~anode_lab.theory.lipschitz.lipschitz_bound`. In exact
    arithmetic they hold for certain; in double precision the rounding of the last step, about 1e-15
    of a bound, is not accounted for. :class:`DerivativeBounds` says what they mean for segments
    between trajectories.

    Args:
        field: R networks.
        boxes: N boxes for each of them.
        pieces: Number of parts that a box is cut into. The worst parts are halved repeatedly.

    Returns:
        Arrays of shape ``(R, N)``.

    Raises:
        TypeError: If ``field`` is not an MLP.
        ValueError: If the boxes do not fit the field, or ``pieces`` is below 1.
    """
    layers = _layers(field)
    dim = field.state_shape[0]
    if (boxes.low.shape[0], boxes.low.shape[2]) != (field.replicas, dim):
        raise ValueError(
            f"boxes must have shape ({field.replicas}, N, {dim}), got {boxes.low.shape}"
        )
    if pieces < 1:
        raise ValueError(f"pieces must be 1 or more, got {pieces}")
    # What a unit of the first layer feels of each coordinate, so that the right side is halved.
    influence = torch.cat([layers[0], layers[-1]], dim=1).norm(dim=2)  # (R, dim + 1)
    low, high = (end[:, :, None] for end in boxes.corners(layers[0]))  # (R, N, 1, dim + 1)
    values = _rates(field, low, high)  # (R, N, 1, 3), what is wanted small
    while low.shape[2] < pieces:
        count = low.shape[2]
        index = _worst(values, min(max(1, count // 4), pieces - count))  # (R, N, s)
        first, second = _halved(low, high, index, influence)
        where = index[..., None].expand(-1, -1, -1, low.shape[3])
        low = torch.cat([low.scatter(2, where, first[0]), second[0]], dim=2)
        high = torch.cat([high.scatter(2, where, first[1]), second[1]], dim=2)
        there = index[..., None].expand(-1, -1, -1, 3)
        whole = values.gather(2, there)  # holds for the halves too, and may be the better bound
        halves = [torch.minimum(_rates(field, *each), whole) for each in (first, second)]
        values = torch.cat([values.scatter(2, there, halves[0]), halves[1]], dim=2)
    norm, above, minus_below = values.amax(2).cpu().numpy().transpose(2, 0, 1)
    return DerivativeBounds(norm=norm, above=above, below=-minus_below)


def _worst(values: Tensor, count: int) -> Tensor:
    """Choose the parts that decide one of the three bounds: ``(R, N, P, 3)`` -> ``(R, N, s)``."""
    ranks = values.argsort(dim=2, descending=True).argsort(dim=2).amin(3)
    return ranks.topk(count, dim=2, largest=False).indices


def _halved(
    low: Tensor, high: Tensor, index: Tensor, influence: Tensor
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Halve the chosen parts; each half is (low, high) of shape ``(R, N, s, dim + 1)``."""
    where = index[..., None].expand(-1, -1, -1, low.shape[3])
    low, high = low.gather(2, where), high.gather(2, where)
    side = ((high - low) * influence[:, None, None]).argmax(3, keepdim=True)
    middle = (low.gather(3, side) + high.gather(3, side)) / 2
    return (low, high.scatter(3, side, middle)), (low.scatter(3, side, middle), high)


def _rates(field: MLPField, low: Tensor, high: Tensor) -> Tensor:
    """Bound the norm and the logarithmic norms of J and -J in boxes ``(R, N, P, dim + 1)``.

    Returns:
        Shape ``(R, N, P, 3)``.
    """
    layers, shape = _layers(field), low.shape[:3]
    product = torch.as_tensor(lipschitz_bound(field)).to(low)[:, None]  # (R, 1)
    size = max(1, _CHUNK // field.replicas)
    pairs = zip(low.flatten(1, 2).split(size, 1), high.flatten(1, 2).split(size, 1), strict=True)
    found = []
    for part_low, part_high in pairs:
        middle, error = _enclosure(field.activation, layers, part_low, part_high)
        eigenvalues = torch.linalg.eigvalsh((middle + middle.transpose(2, 3)) / 2)  # (R, n, dim)
        norm = torch.minimum(_norm(middle) + error, product)
        above = torch.minimum(eigenvalues[..., -1] + error, norm)
        minus_below = torch.minimum(error - eigenvalues[..., 0], norm)
        found.append(torch.stack([norm, above, minus_below], dim=2))
    return torch.cat(found, dim=1).unflatten(1, shape[1:])


def _enclosure(
    activation: Activation, layers: tuple[Tensor, ...], low: Tensor, high: Tensor
) -> tuple[Tensor, Tensor]:
    """A derivative in the middle ``(R, n, dim, dim)`` and the largest distance from it ``(R, n)``.

    The derivatives are transposed, which changes neither their norms nor the eigenvalues of their
    symmetric parts.
    """
    w1, b1, w2, b2, w3, time = layers
    inputs = torch.cat([w1, time], dim=1)  # (R, dim + 1, hidden)
    centre, half = (low + high) / 2, (high - low) / 2  # (R, n, dim + 1)
    first = centre @ inputs + b1  # (R, n, hidden)
    reach = _widened(half @ inputs.abs(), first)
    m1, e1 = _slope_interval(activation, first - reach, first + reach)
    through = (inputs[:, None] * m1[:, :, None]) @ w2[:, None]  # (R, n, dim + 1, hidden)

    # The second layer's inputs twice: by intervals of the first's outputs, and by the mean value
    # theorem around the middle. Each is the better one somewhere.
    ends = [activation(first + sign * reach) for sign in (-1, 1)]
    spread = (ends[1] - ends[0]) / 2 @ w2.abs()
    plain = (ends[0] + ends[1]) / 2 @ w2 + b2
    around = activation(first) @ w2 + b2
    drift = (half[..., None] * through.abs()).sum(2) + (reach * e1) @ w2.abs()
    spread, drift = _widened(spread, plain), _widened(drift, around)
    m2, e2 = _slope_interval(
        activation,
        torch.maximum(plain - spread, around - drift),
        torch.minimum(plain + spread, around + drift),
    )

    left = through[:, :, :-1]  # W1 M1 W2, (R, n, dim, hidden)
    right = w2[:, None] @ (m2[..., None] * w3[:, None])  # W2 M2 W3, (R, n, hidden, dim)
    middle = (left * m2[:, :, None]) @ w3[:, None]
    w1, w3 = w1[:, None], w3[:, None]
    both = ((w1.abs() * e1[:, :, None]) @ w2[:, None].abs() * e2[:, :, None]) @ w3.abs()
    entries = (left.abs() * e2[:, :, None]) @ w3.abs() + (w1.abs() * e1[:, :, None]) @ right.abs()
    norms = _product_norm(left, e2, w3) + _product_norm(w1, e1, right) + _norm(both)
    return middle, torch.minimum(_norm(entries + both), norms)


def _product_norm(left: Tensor, e: Tensor, right: Tensor) -> Tensor:
    """Bound the norm of ``left diag(e) E right`` for every diagonal E within [-1, 1].

    ``E`` commutes with the diagonal factor that is split between the two sides, so that each unit's
    column on the left and its row on the right get the same length.

    Args:
        left: Shape ``(R, n, dim, hidden)``.
        e: Shape ``(R, n, hidden)``.
        right: Shape ``(R, n, hidden, dim)``.
    """
    a, b = left.norm(dim=2), right.norm(dim=3)  # (R, n or 1, hidden)
    tiny = torch.finfo(e.dtype).tiny
    ratio = (b.clamp_min(tiny) / a.clamp_min(tiny)).sqrt()
    ratio = torch.where((a > 0) & (b > 0), ratio, 0.0)  # a unit that leads nowhere
    scaled = torch.where(ratio > 0, 1 / ratio.clamp_min(tiny), 0.0)
    root = e.sqrt()
    return _norm(left * (root * ratio)[:, :, None]) * _norm(right * (root * scaled)[..., None])


def _norm(matrix: Tensor) -> Tensor:
    """Spectral norms, from the smaller of the two Gram matrices, whose sides are short."""
    turned = matrix.transpose(2, 3)
    gram = matrix @ turned if matrix.shape[2] <= matrix.shape[3] else turned @ matrix
    if gram.shape[2] == 1:
        return gram[..., 0, 0].clamp_min(0).sqrt()
    return torch.linalg.eigvalsh(gram)[..., -1].clamp_min(0).sqrt()


def _slope_interval(activation: Activation, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Middle and half width of a unit's slopes for inputs between ``low`` and ``high``."""
    least, most = _slope_range(activation, low, high)
    return (most + least) / 2, (most - least) / 2


def _slope_range(activation: Activation, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    if activation is Activation.RELU:
        return (low > 0).to(low), (high > 0).to(high)
    if activation is Activation.TANH:
        near = torch.zeros_like(low).clamp(low, high)  # the slope falls on either side of 0
        far = torch.where(low.abs() > high.abs(), low, high)
        return 1 - far.tanh().square(), 1 - near.tanh().square()
    least = torch.where(low > _LINEAR, 1.0, low.sigmoid())
    return least, torch.where(high > _LINEAR, 1.0, high.sigmoid())


def _widened(radius: Tensor, around: Tensor) -> Tensor:
    return radius + _ROUNDING * (1 + around.abs() + radius)


def _layers(field: MLPField) -> tuple[Tensor, ...]:
    """W1, b1, W2, b2, W3 and the time's column (zeros if there is none), in double precision.

    Raises:
        TypeError: If ``field`` is not an MLP; the boxes of a convolution would have too many sides.
    """
    if not isinstance(field, MLPField):
        raise TypeError(f"field must be an MLPField, got {type(field).__name__}")
    time = torch.zeros_like(field.bias1) if field.time_weight is None else field.time_weight
    used = (field.weight1, field.bias1, field.weight2, field.bias2, field.weight3, time)
    return tuple(weight.double() for weight in used)
