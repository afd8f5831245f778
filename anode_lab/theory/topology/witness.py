"""A point of the outer class whose output is below the output at the origin: for every Neural ODE.

A flow maps the ball of radius r2 to a set whose boundary is the image of the sphere, and an affine
function takes its least value over a compact set on the boundary. So for a Neural ODE whatever its
training, some point of the sphere has an output below that of the origin (the minimum principle).
With augmentation the theorem does not apply, and a margin can be proven instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anode.arrays import Floats
from anode.data.toy import RADII
from anode.models import NeuralODE
from anode.solve import SolverSettings
from anode_lab.theory.enclosure import cover_circle, enclose, output_bounds
from anode_lab.theory.solvers import TIGHTER
from anode_lab.theory.topology.margins import Margin, search_margins


class WitnessNotFound(RuntimeError):  # noqa: N818
    """The theorem promises a witness and the search has none: search or solver is at fault."""


class NotSeparatedError(RuntimeError):
    """A point of the sphere has an output that is not above the origin's."""


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


def find_witnesses(
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
            " see search_margins and prove_separation"
        )
    searched = search_margins(model, radii=radii, replicas=replicas, solver=solver)
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


def prove_separation(
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
        radii: as for :func:`find_witnesses`; the proof is for the circle of radius r2.
        replicas: which; all of them if left out.
        share: how much of the margin that a search finds is to be proven, above 0 and below 1.
        most: arcs a replica.

    Raises:
        ValueError: as :func:`search_margins`; if the inputs are no points of the plane, or
            ``share`` is out of range.
        NotSeparatedError: if the search finds a point that is not above the origin.
        EnclosureError: if the proof needs more arcs.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must be above 0 and below 1, got {share}")
    if model.input_shape != (2,):
        raise ValueError(f"the inputs must be points of the plane, got {model.input_shape}")
    searched = search_margins(model, radii=radii, replicas=replicas)
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
    parted = cover_circle(
        model,
        radius,
        lambda images: output_bounds(model, images, replica=replica)[0] >= goal,
        replica=replica,
        most=most,
    )
    low = output_bounds(model, parted.images, replica=replica)[0].min()
    proven = float(np.nextafter(low - above, -np.inf))
    return Separation(replica, proven, found.margin, len(parted.starts))
