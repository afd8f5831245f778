"""A point of the outer class whose output is below that at the origin: for every Neural ODE.

A flow maps the ball of radius r2 to a set whose boundary is the image of the sphere, and an affine
function takes its least value over a compact set on the boundary. So some point of the sphere has
an output below that of the origin, for every Neural ODE, however it was trained (the minimum
principle). With augmentation the theorem does not apply, and a margin can be proven instead.
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
    """The search found no witness, though the theorem promises one: search or solver fails."""


class NotSeparatedError(RuntimeError):
    """A point of the sphere has an output that is not above the origin's."""


@dataclass(frozen=True)
class Witness:
    """A point of the annulus whose output is below the origin's.

    Attributes:
        replica: Index of the network.
        point: The point, shape ``(d,)``; ``r2 <= |point| <= r3`` holds for these floats exactly.
        output: Output of the model at the point, solved with ``tolerance``.
        at_origin: Output at the origin, likewise.
        tolerance: Absolute and relative tolerance of the solver.
        proven: Lower bound of the origin's output minus the point's under the exact flow, with all
            errors of method and rounding. It is negative if the enclosure is too wide to prove
            anything, and minus infinity if there is no bound.
        error: Largest error of the outputs' difference that the enclosures allow.
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
        """Output at the origin minus the one at the point, as solved."""
        return self.at_origin - self.output

    @property
    def certified(self) -> bool:
        """Whether the inequality is proven for the exact flow."""
        return self.proven > 0


@dataclass(frozen=True)
class Separation:
    """A proof that the output on the whole circle is above that at the origin.

    Attributes:
        replica: Index of the network.
        proven: Lower bound of how far the output on the circle exceeds that at the origin.
        found: Least excess that a search found, so that the true one lies between the two (up to
            the solver's error).
        arcs: Number of arcs that the circle was split into.
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
    """Find a witness for every replica of a Neural ODE.

    The theorem says nothing about signs: there is a witness even if the output at the origin is
    wrong, too.

    Args:
        model: R networks without augmentation whose inputs are points, with one output.
        radii: Radii r2 and r3 of the annulus.
        replicas: Indices of the networks; all by default.
        solver: Solver of the outputs, in double precision.

    Raises:
        ValueError: If the model has augmentation, not one output, or a head whose weights are 0;
            if the inputs are not points, or the radii do not increase.
        WitnessNotFound: If no point found has an output below the origin's.
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
                f"the solver ({solver.method.name}, rtol {solver.rtol}) does not follow the flow"
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

    The circle is covered by arcs. The exact flow's image of each is enclosed, and the arc is split
    until the output is high enough.

    Args:
        model: R networks whose inputs are points of the plane, with one output.
        radii: Radii r2 and r3 of the annulus; the proof is for the circle of radius r2.
        replicas: Indices of the networks; all by default.
        share: Share of the margin found by a search that is to be proven, above 0 and below 1.
        most: Largest number of arcs of a replica.

    Raises:
        ValueError: As for :func:`search_margins`; if the inputs are not points of the plane, or
            ``share`` is out of range.
        NotSeparatedError: If the search finds a point that is not above the origin.
        EnclosureError: If the proof needs more arcs.
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
