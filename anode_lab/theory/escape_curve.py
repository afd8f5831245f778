"""Escape curves: ways from an input to infinity along which the output of a Neural ODE only falls.

The features of a Neural ODE are phi(x), with a flow phi that is a homeomorphism, and its output is
``w.phi(x) + b``. So the output only falls along the curve whose features lie on the ray
``phi(x) - s w / |w|``, s >= 0, and such a curve leads from every x to infinity.
:func:`escape_curve` finds it by solving backwards from the ray.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from anode.arrays import Booleans, Floats, Integers
from anode.models import NeuralODE
from anode.serialization import in_double
from anode_lab.theory.flow_jacobian import as_array, flow_map
from anode_lab.theory.solvers import SHORT_STEPS

_FIRST, _ADDED, _MOST = 65, 32, 1000  # points of a curve: at first, added in a round, enough


@dataclass(frozen=True)
class EscapeCurve:
    """A curve from an input to far away, for each of R replicas, with n points each.

    Attributes:
        s: Distance of the features from those of the input, increasing from 0, shape ``(R, n)``.
        states: Initial states, shape ``(R, n, d + p)``; the first d coordinates are the input's.
        output: Outputs of the model there, solved forwards, shape ``(R, n)``.
        fall: Rate at which the output falls with s, the norm of w, shape ``(R,)``.
    """

    s: Floats
    states: Floats
    output: Floats
    fall: Floats

    @property
    def norms(self) -> Floats:
        """Distance of the states from the origin, shape ``(R, n)``."""
        norms: Floats = np.linalg.norm(self.states, axis=2)
        return norms

    def solver_error(self) -> Floats:
        """Largest distance of an output from the line on which it should lie, shape ``(R,)``."""
        exact = self.output[:, :1] - self.fall[:, None] * self.s
        error: Floats = np.abs(self.output - exact).max(1)
        return error

    def at(self, radius: float) -> tuple[Floats, Floats]:
        """Find where the curve first comes as far from the origin as ``radius``.

        Returns:
            The initial states ``(R, d + p)`` and outputs ``(R,)`` of the first points that are that
            far away or further; NaN for a curve that never is.
        """
        away: Booleans = np.asarray(self.norms >= radius)  # not where there is a NaN
        index: Integers = np.asarray(away.argmax(1))
        never: Booleans = np.asarray(~away.any(1))
        replicas = np.arange(len(index))
        states, output = self.states[replicas, index], self.output[replicas, index]
        return np.where(never[:, None], np.nan, states), np.where(never, np.nan, output)


@torch.no_grad()
def escape_curve(
    model: NeuralODE, start: Tensor | None = None, *, far: float = 2.0, step: float = 0.1
) -> EscapeCurve:
    """Follow the curve from an input to far away along which the output falls at a constant rate.

    Args:
        model: R networks with one output.
        start: The input x, shape ``(d,)``; the origin by default.
        far: Distance from the origin beyond which the curve is not refined.
        step: Largest distance between neighbouring states, up to there.

    Returns:
        The curve of each replica. For a model with p > 0 the appended part of its states is not 0:
        the curve leaves the space of inputs.

    Raises:
        ValueError: If the model does not have a head with one output.
    """
    model = in_double(model, SHORT_STEPS)
    head = model.head
    forth, back = (flow_map(model, SHORT_STEPS, backwards=each) for each in (False, True))
    if head is None or head.weight.shape[2] != 1:
        raise ValueError("an escape curve is defined for models with one output")
    x = torch.zeros(model.input_shape) if start is None else start
    features = model.run(x.to(head.weight)[None, None]).features  # (R, 1, d + p)
    weight = head.weight.transpose(1, 2)  # (R, 1, d + p)
    fall = weight.norm(dim=2)  # (R, 1)

    def states(s: Tensor) -> Tensor:
        return back(features - s[..., None] * weight / fall[..., None])

    length = torch.full_like(fall, 0.5)
    # It ends: the curve leaves every bounded set.
    while bool((near := states(length).norm(dim=2) < far).any()):
        length = torch.where(near, 2 * length, length)
    s, found = _refine(states, length, step, far)
    output = head(forth(found))[..., 0]
    return EscapeCurve(as_array(s), as_array(found), as_array(output), as_array(fall[:, 0]))


def _refine(
    curve: Callable[[Tensor], Tensor], stop: Tensor, step: float, far: float
) -> tuple[Tensor, Tensor]:
    """Halve the longest gaps of each replica until neighbours are at most ``step`` apart.

    Args:
        curve: Map from parameters ``(R, m)`` to points ``(R, m, k)``.
        stop: Last parameter of each replica, shape ``(R, 1)``; the first is 0.
        step: Largest distance between neighbours.
        far: Distance from the origin beyond which gaps are left as they are.

    Returns:
        Parameters ``(R, n)`` and points ``(R, n, k)``.
    """
    t = torch.linspace(0, 1, _FIRST).to(stop) * stop
    points = curve(t)
    while True:
        gaps = points.diff(dim=1).norm(dim=2)  # (R, n - 1)
        gaps = gaps.where(points[:, :-1].norm(dim=2) < far, 0.0).nan_to_num(0.0)
        if float(gaps.max()) <= step or t.shape[1] >= _MOST:
            return t, points
        longest = gaps.topk(_ADDED, dim=1).indices
        middle = (t.gather(1, longest) + t.gather(1, longest + 1)) / 2
        t, order = torch.cat([t, middle], dim=1).sort(dim=1)
        points = torch.cat([points, curve(middle)], dim=1)
        points = points.gather(1, order[..., None].expand_as(points))
