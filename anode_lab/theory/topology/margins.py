"""The lowest output on a sphere that a search finds, compared with the output at the origin."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from anode.arrays import Floats
from anode.data.toy import RADII
from anode.models import NeuralODE
from anode.serialization import in_double
from anode.solve import SolverSettings
from anode_lab.theory.circle_image import circle_points, refined_circle
from anode_lab.theory.enclosure import head
from anode_lab.theory.solvers import FIXED_STEPS, TIGHTER

_EVEN = 2000  # points that a search starts from

_ZOOMS, _GRID = 8, 33  # rounds around the lowest point, and points in each

_DRAWN, _BEST, _DESCENT = 1024, 16, 80  # points of a sphere, those followed, steps downhill

_RATE = 0.1  # of the descent on the unit sphere at first


@dataclass(frozen=True)
class Margin:
    """The result of a search over the sphere.

    Attributes:
        replica: Index of the network.
        point: Point with the lowest output found, shape ``(d,)``; these floats lie in the annulus.
        output: Output there, solved with ``tolerance``.
        at_origin: Output at the origin.
        tolerance: Absolute and relative tolerance of the solver.
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


def search_margins(
    model: NeuralODE,
    *,
    radii: tuple[float, float] = RADII[1:],
    replicas: Sequence[int] | None = None,
    solver: SolverSettings = TIGHTER,
) -> list[Margin]:
    """Search the sphere of radius r2 for the lowest output, and compare it with the origin's.

    On a line the sphere is two points. In the plane the circle is refined where its image parts,
    then around the lowest output. In more dimensions the best of random points go downhill.

    Args:
        model: R networks whose inputs are points, with one output.
        radii: Radii r2 and r3 of the annulus.
        replicas: Indices of the networks; all by default.
        solver: Solver of the outputs, in double precision.

    Raises:
        ValueError: If the model does not have one output, or the weights of a head are 0; if the
            inputs are not points, or the radii do not increase.
    """
    inner, outer = radii
    if not 0 < inner < outer:
        raise ValueError(f"radii must be positive and increasing, got {radii}")
    if len(model.input_shape) != 1:
        raise ValueError(f"the inputs must be points (d,), got the shape {model.input_shape}")
    chosen = range(model.replicas) if replicas is None else replicas
    for replica in chosen:
        head(model, replica)
    precise = in_double(model, solver).cpu()
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
    """The one of points ``(R, n, d)`` with the lowest output."""
    return x[torch.arange(len(x)), outputs.argmin(1)]


def _lowest_on_circle(model: NeuralODE, radius: float) -> Tensor:
    ring = refined_circle(model, radius, start=_EVEN)
    angles = torch.from_numpy(ring.angles)
    angle = _pick(angles[..., None], _outputs(model, circle_points(angles, radius)))  # (R, 1)
    width = 2 * torch.pi / _EVEN
    for _ in range(_ZOOMS):
        near = angle + width * torch.linspace(-1, 1, _GRID, dtype=torch.float64)
        outputs = _outputs(model, circle_points(near, radius))
        angle, width = _pick(near[..., None], outputs), width * 4 / _GRID
    return circle_points(angle[:, 0], radius)


def _lowest_on_sphere(model: NeuralODE, radius: float) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    size = (_DRAWN, *model.input_shape)
    x = radius * _unit(torch.randn(size, generator=rng, dtype=torch.float64))
    best = _outputs(model, x[None]).topk(_BEST, dim=1, largest=False).indices
    x = x[best]  # (R, best, d)
    lowest, value = x, _outputs(model, x)
    fixed = in_double(model, FIXED_STEPS)  # whose gradient is that of a smooth map
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
    """Move points ``(R, d)`` outwards by rounding errors until they are in the annulus."""
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
