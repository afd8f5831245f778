"""A point of the outer class whose output is below the output at the origin: for every Neural ODE.

A flow maps the ball of radius r2 to a set whose boundary is the image of the sphere, and an affine
function takes its least value over a compact set on the boundary. So for a Neural ODE whatever its
training, some point of the sphere has an output below that of the origin (the minimum principle).
With augmentation the theorem does not apply, and a margin can be proven instead.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anode.data.toy import RADII
from anode.models import NeuralODE
from anode.solve import SolverSettings
from anode_lab.theory.circle_image import FIXED, points, resolved
from anode_lab.theory.flow_geometry import TIGHTER
from anode_lab.theory.topology.circle import cover
from anode_lab.theory.topology.enclosure import enclose, head, output_bounds

Floats = NDArray[np.float64]

_EVEN = 2000  # points that a search starts from
_ZOOMS, _GRID = 8, 33  # rounds around the lowest point, and points in each
_DRAWN, _BEST, _DESCENT = 1024, 16, 80  # points of a sphere, those followed, steps downhill
_RATE = 0.1  # of the descent on the unit sphere at first


class WitnessNotFound(RuntimeError):  # noqa: N818
    """The theorem promises a witness and the search has none: search or solver is at fault."""


class NotSeparatedError(RuntimeError):
    """A point of the sphere has an output that is not above the origin's."""


@dataclass(frozen=True)
class Margin:
    """What a search over the sphere found.

    Attributes:
        replica: which network.
        point: with the lowest output found, shape ``(d,)``; the float itself is in the annulus.
        output: there, solved with ``tolerance``.
        at_origin: the output at the origin.
        tolerance: absolute and relative, of the solver.
    """

    replica: int
    point: Floats
    output: float
    at_origin: float
    tolerance: float

    @property
    def margin(self) -> float:
        """Output of the point minus that of the origin; not positive for a witness."""
        return self.output - self.at_origin


@dataclass(frozen=True)
class Witness:
    """A point of the annulus whose output is below the origin's.

    Attributes:
        replica: which network.
        point: shape ``(d,)``; ``r2 <= |point| <= r3`` holds for these floats exactly.
        output, at_origin: of the model at the point and at the origin, solved with ``tolerance``.
        tolerance: absolute and relative, of the solver.
        proven: lower bound of the origin's output minus the point's under the exact flow, with all
            errors of method and rounding; negative, and minus infinity where there is no bound, if
            the enclosure is too wide to prove anything.
        error: what the two outputs' enclosures allow the difference to be off their middles.
    """

    replica: int
    point: Floats
    output: float
    at_origin: float
    tolerance: float
    proven: float
    error: float

    @property
    def margin(self) -> float:
        """How far the output at the point is below the origin's, as solved."""
        return self.at_origin - self.output

    @property
    def certified(self) -> bool:
        """Whether the inequality is proven for the exact flow."""
        return self.proven > 0


@dataclass(frozen=True)
class Separation:
    """A proof that the whole circle lies above the origin.

    Attributes:
        replica: which network.
        proven: the output on the circle exceeds that at the origin by this, at least.
        found: the least excess that a search found, so the true one is between the two (up to the
            solver's error).
        arcs: into which the circle was parted.
    """

    replica: int
    proven: float
    found: float
    arcs: int


def find(
    model: NeuralODE,
    *,
    radii: tuple[float, float] = RADII[1:],
    replicas: Sequence[int] | None = None,
    solver: SolverSettings = TIGHTER,
) -> list[Witness]:
    """A witness for every replica of a Neural ODE.

    The theorem says nothing of signs: if the output at the origin is wrong, too, there still is
    one.

    Args:
        model: R networks without augmentation whose inputs are points, with one output.
        radii: r2 and r3 of the annulus.
        replicas: which; all of them if left out.
        solver: how outputs are solved, in double precision.

    Raises:
        ValueError: if the model has augmentation, not one output, or a head whose weights are 0;
            if the inputs are no points, or the radii do not increase.
        WitnessNotFound: if no point found has an output below the origin's.
    """
    if model.augment_dim:
        raise ValueError(
            f"the theorem is for models without augmentation, this one has p = {model.augment_dim};"
            " see margins and separated"
        )
    searched = margins(model, radii=radii, replicas=replicas, solver=solver)
    for each in searched:
        if not each.margin < 0:
            raise WitnessNotFound(
                f"replica {each.replica}: the lowest output found on the sphere of radius "
                f"{radii[0]} is {each.output:.9g} at {each.point.tolist()}, not below the output "
                f"{each.at_origin:.9g} at the origin. A flow's would be: the search missed it, or "
                f"the solver ({solver.method.value}, rtol {solver.rtol}) does not follow the flow"
            )
    return [_witness(model, each) for each in searched]


def _witness(model: NeuralODE, found: Margin) -> Witness:
    pair = np.stack([found.point, np.zeros_like(found.point)])
    enclosure = enclose(model, pair, replica=found.replica, strict=False)
    low, high = output_bounds(model, enclosure, replica=found.replica)
    with np.errstate(invalid="ignore"):
        proven = float(np.nextafter(low[1] - high[0], -np.inf))
    return Witness(
        found.replica,
        found.point,
        found.output,
        found.at_origin,
        found.tolerance,
        proven if np.isfinite(proven) else -np.inf,
        float((high - low).sum() / 2),
    )


def margins(
    model: NeuralODE,
    *,
    radii: tuple[float, float] = RADII[1:],
    replicas: Sequence[int] | None = None,
    solver: SolverSettings = TIGHTER,
) -> list[Margin]:
    """The lowest output on the sphere of radius r2 that a search finds, against the origin's.

    On a line the sphere is two points. In the plane the circle is refined where the image parts,
    then around the lowest output; in more dimensions the best of random points go downhill.

    Args:
        model, radii, replicas, solver: as for :func:`find`, with any augmentation.

    Raises:
        ValueError: as :func:`find`, the augmentation aside.
    """
    inner, outer = radii
    if not 0 < inner < outer:
        raise ValueError(f"radii must be positive and increasing, got {radii}")
    if len(model.input_shape) != 1:
        raise ValueError(f"the inputs must be points (d,), got the shape {model.input_shape}")
    chosen = range(model.replicas) if replicas is None else replicas
    for replica in chosen:
        head(model, replica)
    precise = deepcopy(model).cpu().double()
    precise.solver = solver
    x = _outward(_lowest(precise, inner).numpy(), radii)  # (R, d)
    both = torch.from_numpy(np.stack([x, np.zeros_like(x)], axis=1))  # (R, 2, d)
    outputs = _outputs(precise, both).tolist()
    return [Margin(r, x[r], outputs[r][0], outputs[r][1], solver.rtol) for r in chosen]


@torch.no_grad()
def _outputs(model: NeuralODE, x: Tensor) -> Tensor:
    """Outputs ``(R, n)`` at points ``(R or 1, n, d)``; infinite where a solve fails."""
    outputs: Tensor = model(x)[..., 0].nan_to_num(torch.inf)
    return outputs


def _lowest(model: NeuralODE, radius: float) -> Tensor:
    """The point of the sphere with the lowest output found, shape ``(R, d)``."""
    dim = model.input_shape[0]
    if dim == 1:
        x = torch.tensor([[-radius], [radius]], dtype=torch.float64).repeat(model.replicas, 1, 1)
        return _pick(x, _outputs(model, x))
    return _lowest_on_circle(model, radius) if dim == 2 else _lowest_on_sphere(model, radius)


def _pick(x: Tensor, outputs: Tensor) -> Tensor:
    """Of points ``(R, n, d)`` the one with the lowest output."""
    return x[torch.arange(len(x)), outputs.argmin(1)]


def _lowest_on_circle(model: NeuralODE, radius: float) -> Tensor:
    ring = resolved(model, radius, start=_EVEN)
    angles = torch.from_numpy(ring.angles)
    angle = _pick(angles[..., None], _outputs(model, points(angles, radius)))  # (R, 1)
    width = 2 * torch.pi / _EVEN
    for _ in range(_ZOOMS):
        near = angle + width * torch.linspace(-1, 1, _GRID, dtype=torch.float64)
        outputs = _outputs(model, points(near, radius))
        angle, width = _pick(near[..., None], outputs), width * 4 / _GRID
    return points(angle[:, 0], radius)


def _lowest_on_sphere(model: NeuralODE, radius: float) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    size = (_DRAWN, *model.input_shape)
    x = radius * _unit(torch.randn(size, generator=rng, dtype=torch.float64))
    best = _outputs(model, x[None]).topk(_BEST, dim=1, largest=False).indices
    x = x[best]  # (R, best, d)
    lowest, value = x, _outputs(model, x)
    fixed = deepcopy(model)
    fixed.solver = FIXED  # its gradient is that of a smooth map
    for step in range(_DESCENT):
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(fixed(x).sum(), x)
        x = x.detach()
        slope = slope - (slope * x).sum(-1, keepdim=True) * x / radius**2  # along the sphere
        rate = _RATE * radius * (1 - step / _DESCENT)
        x = radius * _unit(x - rate * _unit(slope))
        now = _outputs(fixed, x)
        lowest = torch.where((now < value)[..., None], x, lowest)
        value = torch.minimum(now, value)
    return _pick(lowest, _outputs(model, lowest))


def _unit(x: Tensor) -> Tensor:
    unit: Tensor = x / x.norm(dim=-1, keepdim=True).clamp_min(1e-300)
    return unit


def _outward(x: Floats, radii: tuple[float, float]) -> Floats:
    """The points ``(R, d)``, moved outwards by rounding errors until they are in the annulus."""
    inner, outer = (Fraction(radius) ** 2 for radius in radii)
    moved = x.copy()
    for i, point in enumerate(x):
        for k in range(64):
            moved[i] = point * (1 + k * 2.0**-52)
            if sum(Fraction(each) ** 2 for each in moved[i].tolist()) >= inner:
                break
        square = sum(Fraction(each) ** 2 for each in moved[i].tolist())
        if not inner <= square <= outer:
            raise ValueError(f"radii {radii} are too close for a float between them")
    return moved


def separated(
    model: NeuralODE,
    *,
    radii: tuple[float, float] = RADII[1:],
    replicas: Sequence[int] | None = None,
    share: float = 0.9,
    most: int = 20_000,
) -> list[Separation]:
    """Prove that the output on the whole circle of radius r2 is above that at the origin.

    The circle is covered by arcs; the exact flow's image of each is enclosed, and halved until the
    output is high enough.

    Args:
        model: R networks whose inputs are points of the plane, with one output.
        radii: as for :func:`find`; the proof is for the circle of radius r2.
        replicas: which; all of them if left out.
        share: how much of the margin that a search finds is to be proven, above 0 and below 1.
        most: arcs a replica.

    Raises:
        ValueError: as :func:`margins`; if the inputs are no points of the plane, or ``share`` is
            out of range.
        NotSeparatedError: if the search finds a point that is not above the origin.
        EnclosureError: if the proof needs more arcs.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must be above 0 and below 1, got {share}")
    if model.input_shape != (2,):
        raise ValueError(f"the inputs must be points of the plane, got {model.input_shape}")
    searched = margins(model, radii=radii, replicas=replicas)
    for each in searched:
        if not each.margin > 0:
            raise NotSeparatedError(
                f"replica {each.replica}: the output {each.output:.9g} at {each.point.tolist()} is "
                f"not above the output {each.at_origin:.9g} at the origin"
            )
    return [_separation(model, radii[0], each, share, most) for each in searched]


def _separation(
    model: NeuralODE, radius: float, found: Margin, share: float, most: int
) -> Separation:
    replica = found.replica
    origin = enclose(model, np.zeros((1, 2)), replica=replica)
    above = output_bounds(model, origin, replica=replica)[1][0]
    goal = above + share * found.margin
    parted = cover(
        model,
        radius,
        lambda images: output_bounds(model, images, replica=replica)[0] >= goal,
        replica=replica,
        most=most,
    )
    low = output_bounds(model, parted.images, replica=replica)[0].min()
    proven = float(np.nextafter(low - above, -np.inf))
    return Separation(replica, proven, found.margin, len(parted.starts))
