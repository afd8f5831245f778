"""Steps along a tube around a polynomial curve that certainly contains a solution.

The state is followed by short polynomial curves p. How far p' is from f(p, t) is bounded, not
estimated (:mod:`anode_lab.theory.enclosure.curves`), and so is the logarithmic norm mu of f in a
tube around p. The distance rho of a solution from p then obeys ``rho' <= mu rho + |p' - f(p, t)|``
(Söderlind 2006), whatever the distance was at the start. mu may be negative: a contracting flow
forgets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from anode.arrays import Booleans, Floats, Integers
from anode_lab.theory.enclosure.curves import (
    UP,
    Arc,
    Layer,
    Spread,
    first_switch,
    follow,
    gamma,
    spread,
)
from anode_lab.theory.enclosure.field import ReplicaField

_SHARE = 1e-3  # what a step may add to a radius, in parts of it

_ALONG = 1e-5  # the same in parts of the length of a segment

_ROUNDED = 50  # rounding errors of the state that a step may add in any case

_DOUBT = 0.05  # most growth of a radius in a step that is due to uncertain slopes, as a logarithm

_SLIP = 1e-3  # what uncertain slopes may add in a step, in parts of the segment

_ATTEMPTS = 4  # to guess the radius of a tube


class EnclosureError(RuntimeError):
    """A bound could not be given.

    Attributes:
        index: Index of the first point concerned.
        time: Time at which its tube was lost.
        radius: Radius of the tube then.
    """

    def __init__(self, index: int, time: float, radius: float, reason: str) -> None:
        super().__init__(f"point {index}: {reason} at time {time:.6g}, radius {radius:.3g}")
        self.index, self.time, self.radius = index, time, radius


@dataclass(frozen=True)
class Enclosure:
    """Sets that contain the images of n given sets under the flow.

    The point ``x[i] + tau direction[i] + e``, with ``|tau| <= 1`` and ``|e| <= radius[i]``, comes
    no further than ``radii[i]`` from ``centres[i] + tau segments[i]``, with the same tau.

    Attributes:
        centres: Centres, shape ``(n, dim)``.
        segments: Half segments, shape ``(n, dim)``; 0 if balls were given.
        radii: Radii, shape ``(n,)``; infinite where no bound was found.
        growth: Integral of the bound of the logarithmic norm, shape ``(n,)``: the logarithm of the
            factor by which a small radius grows.
        steps: Number of steps, shape ``(n,)``.
        lost: Time at which a bound was given up, NaN where there is one, shape ``(n,)``.
    """

    centres: Floats
    segments: Floats
    radii: Floats
    growth: Floats
    steps: Integers
    lost: Floats

    def select(self, index: Booleans | Integers) -> "Enclosure":
        """The enclosures at some places."""
        return Enclosure(*(getattr(self, each.name)[index] for each in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence["Enclosure"]) -> "Enclosure":
        """Put enclosures one after another."""
        names = [each.name for each in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class StepRule:
    """When steps are taken, and when a point is given up.

    Attributes:
        end: Time at which the flow ends.
        tolerance: What a step may add to a radius, unless rounding adds more.
        limit: Largest radius.
        max_steps: Largest number of attempted steps of a point.
    """

    end: float
    tolerance: float
    limit: float
    max_steps: int

    def budget(self, state: "_State", length: Floats) -> Floats:
        """What the curve's defect may add in a step, if a segment has the given length."""
        budget = np.maximum(self.tolerance, _SHARE * state.radius + _ALONG * length)
        # Below rounding errors, which every step adds, smaller steps would only make it worse.
        rounding = _ROUNDED * gamma(1) * np.linalg.norm(state.y, axis=1)
        floor: Floats = np.maximum(budget, rounding)
        return floor


@dataclass(frozen=True)
class _State:
    """Points on their way; every array has one entry for each point, ``y`` and ``z`` one row."""

    index: Integers
    t: Floats
    y: Floats
    z: Floats  # half the segment
    radius: Floats
    growth: Floats
    h: Floats  # the next step
    free: Floats  # a step where nothing switches
    rate: Floats  # logarithmic norm in the last step
    drift: Floats  # what uncertain slopes added in it, in units of time
    crossing: Booleans  # whether a switch comes after this step
    attempts: Integers
    steps: Integers

    def where(self, keep: Booleans) -> "_State":
        return _State(*(getattr(self, each.name)[keep] for each in fields(self)))


def march(
    network: ReplicaField, x: Floats, half: Floats, radius: Floats, rule: StepRule
) -> Enclosure:
    """Follow segments with a ball around every point until the end time.

    Args:
        network: Network of dimension dim.
        x: Centres, shape ``(n, dim)``.
        half: Half segments, shape ``(n, dim)``.
        radius: Radii of the balls, shape ``(n,)``.
        rule: Rule for the steps.
    """
    n = len(x)
    whole = np.full(n, rule.end / 16)
    zeros, counts, no = np.zeros(n), np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool)
    start = (np.arange(n), zeros, x, half, radius * UP, zeros)
    state = _State(*start, whole, whole, zeros, zeros, no, counts, counts)
    lost = np.full(n, np.nan)
    result = Enclosure(x.copy(), half.copy(), np.full(n, np.inf), zeros.copy(), counts.copy(), lost)
    while len(state.index):
        state, failed = _advance(network, state, rule)
        arrived = ~failed & (state.t >= rule.end)
        result.lost[state.index[failed]] = state.t[failed]
        for ends, values in (
            (result.centres, state.y),
            (result.segments, state.z),
            (result.radii, state.radius),
            (result.growth, state.growth),
            (result.steps, state.steps),
        ):
            ends[state.index[arrived]] = values[arrived]
        state = state.where(~failed & ~arrived)
    return result


def _advance(network: ReplicaField, state: _State, rule: StepRule) -> tuple[_State, Booleans]:
    """Attempt one step of every point, and tell which points are given up."""
    last = state.t + state.h * (1 + 1e-9) >= rule.end
    t1 = np.where(last, rule.end, state.t + state.h)
    h = t1 - state.t
    length = np.linalg.norm(state.z, axis=1)
    budget = rule.budget(state, length)
    narrow = 0.1 * np.sqrt(budget)  # the step across a switch: it adds about h^2 times the jump
    shortest = np.minimum(narrow, state.free)
    curve = network.step(state.t, state.y, h)
    arc = follow(network, state.t, h, curve)
    fits = (arc.defect <= budget) | (h <= shortest)
    tube = _tube(network, arc, h, state, fits)
    # Uncertainty counts for the whole step, so a step should not be longer than a switch takes.
    with np.errstate(divide="ignore", invalid="ignore"):
        doubt = np.fmax(tube.uncertain * h / _DOUBT, tube.slip / (_SLIP * length + 10 * budget))
        wanted = np.minimum(0.9 * (budget / arc.defect) ** (1 / len(curve)), 0.5 / doubt)
    taken = fits & tube.held & ((doubt <= 1) | (h <= np.maximum(narrow, rule.end / 1024)))
    grown = np.minimum(h * np.clip(wanted, 0.5, 4), rule.end / 8)
    # A step cut short by a switch or by the end says nothing about the step that is wanted.
    free = np.where(taken & (h >= 0.99 * state.free), grown, state.free)
    after = np.where(state.crossing, narrow, free)

    before, crossing = _shorter(arc, h, narrow, fits & ~taken)
    smooth = ~fits & ~arc.switches
    before = np.where(smooth, h * np.clip(wanted, 0.1, 0.7), before)
    crossing &= ~smooth
    free = np.where(~taken & ~(~fits & arc.switches), before, free)

    failed = (~tube.held & fits & (h <= shortest)) | ~(tube.radius <= rule.limit) & taken
    failed |= (state.attempts >= rule.max_steps) | ~np.isfinite(arc.end).all(1)
    new = replace(
        state,
        t=np.where(taken, t1, state.t),
        y=np.where(taken[:, None], arc.end, state.y),
        z=np.where(taken[:, None], tube.segment, state.z),
        radius=np.where(taken, tube.radius, state.radius),
        growth=np.where(taken, state.growth + tube.growth, state.growth),
        h=np.where(taken, after, before),
        free=free,
        rate=np.where(taken, tube.growth / h, state.rate),
        drift=np.where(taken, tube.slip / h, state.drift),
        crossing=np.where(taken, False, crossing),
        attempts=state.attempts + 1,
        steps=state.steps + taken,
    )
    return new, failed


@dataclass(frozen=True)
class _Tube:
    """Tubes at the end of a step; every array has one entry for each point, ``segment`` one row."""

    radius: Floats
    growth: Floats
    uncertain: Floats
    slip: Floats
    segment: Floats
    held: Booleans


def _tube(network: ReplicaField, arc: Arc, h: Floats, state: _State, wanted: Booleans) -> _Tube:
    """Guess a tube; if its own mu keeps solutions inside, they cannot have left it."""
    n = len(h)
    zeros, no = np.zeros(n), np.zeros(n, dtype=bool)
    known = _Tube(np.full(n, np.inf), zeros, zeros.copy(), zeros.copy(), state.z.copy(), no)
    added = arc.defect + 2 * state.drift * h
    guess = 1e-30 + (state.radius + added) * 1.01 * np.exp(np.clip(1.5 * state.rate * h, 0.02, 2))
    for _ in range(_ATTEMPTS):
        left = np.flatnonzero(wanted & ~known.held)
        if not len(left):
            break
        part = Arc(_take(arc.first, left), _take(arc.second, left), arc.end[left], arc.defect[left])
        bound = spread(network, part, h[left], guess[left], state.z[left])
        ends, widest = _grown(bound, h[left], part.defect, state.radius[left])
        with np.errstate(invalid="ignore"):
            good = widest < guess[left]
        known.held[left], known.radius[left], known.growth[left] = (
            good,
            ends,
            bound.log_norm * h[left],
        )
        known.uncertain[left], known.slip[left] = bound.uncertain, bound.slip
        known.segment[left] = bound.segment
        guess[left] = np.where(good, guess[left], widest * 1.1)
    return known


def _grown(bound: Spread, h: Floats, defect: Floats, radius: Floats) -> tuple[Floats, Floats]:
    """Radius at the end of a step, and the largest radius on the way there, ``(n,)`` each."""
    with np.errstate(over="ignore", invalid="ignore"):
        factor = np.exp(bound.log_norm * h) * (1 + 1e-12)
        # What is added may be added at the step's start, to grow with the rest, or at its end.
        added = defect + bound.slip
        widest = np.maximum(factor, 1) * (radius + added) * (1 + 1e-13)
        ends = (factor * radius + np.maximum(factor, 1) * added) * (1 + 1e-13)
    return ends, widest


def _take(layer: Layer, index: Integers) -> Layer:
    return Layer(layer.controls[:, index], layer.low[index], layer.high[index])


def _shorter(arc: Arc, h: Floats, narrow: Floats, halve: Booleans) -> tuple[Floats, Booleans]:
    """Shorten a rejected step: to just before the first switch, or to half of it."""
    before, crossing = h / 2, np.zeros(len(h), dtype=bool)
    cut = np.flatnonzero(arc.switches & ~halve)
    if len(cut):
        s = first_switch(Arc(_take(arc.first, cut), _take(arc.second, cut), arc.end, arc.defect))
        stop = s * h[cut] - narrow[cut] / 2
        before[cut] = np.where(s > 1 - 1e-9, h[cut] / 2, np.maximum(stop, narrow[cut]))
        crossing[cut] = (s <= 1 - 1e-9) & (stop > narrow[cut])
    return before, crossing
