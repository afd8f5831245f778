"""Evaluations, straightness and outputs of flows, on inputs that were held out of training."""

from math import pi, sqrt

import numpy as np
import torch
from torch import Tensor

from anode.arrays import Floats
from anode.data.toy import RADII
from anode.models import NeuralODE
from anode_lab.claims.claim import Case
from anode_lab.measures.time_to_loss import nfe_growth
from anode_lab.theory.trajectories import trajectory_geometry

_DENSE = 20_000
_WRONG = 1.0  # distance from a target of -1 or +1: as far as 0 is
_BEYOND = 1.5  # between ball and annulus: as far again beyond a target as from 0 to half of it


def evaluations_growth(case: Case) -> Floats:
    """Function evaluations of the last epoch over those of the first, ``(R,)``."""
    return nfe_growth(case.history)


def growth_against(case: Case, other: Case) -> Floats:
    """Growth on one data set, divided by that on another, ``(R,)``."""
    return evaluations_growth(case) / evaluations_growth(other)


def detour(case: Case) -> Floats:
    """Length of the trajectories over the distance between their ends, ``(R,)``; 1 is straight.

    Lengths and distances are summed over held-out inputs, in the space of the states, before they
    are divided: a point that hardly moves has no direction to speak of.

    Raises:
        ValueError: If the model is not a Neural ODE, or its experiment has no held-out inputs.
    """
    model, probe = case.run.model, case.run.probe
    if not isinstance(model, NeuralODE) or probe is None:
        raise ValueError(f"{case.label} needs trajectories and probe inputs")
    measured = trajectory_geometry(model, probe.x, stopped=case.history.failures)  # (R, n) each
    ratio: Floats = measured.length.sum(1) / measured.displacement.sum(1)
    return ratio


def detour_against(case: Case, other: Case) -> Floats:
    """Detour on one data set, divided by that on another, ``(R,)``."""
    return detour(case) / detour(other)


def dense_disc(n: int = _DENSE, radius: float = RADII[2]) -> Tensor:
    """Fill a disc evenly with points, in a sunflower's order (Vogel 1979), shape ``(n, 2)``."""
    k = torch.arange(n, dtype=torch.float64)
    angle, distance = k * pi * (3 - sqrt(5)), radius * ((k + 0.5) / n).sqrt()
    return torch.stack([distance * angle.cos(), distance * angle.sin()], dim=1).float()


@torch.no_grad()
def unreasonable_share(case: Case) -> Floats:
    """Share of the disc ``||x|| <= r3`` on which outputs are not reasonable for g, ``(R,)``.

    An output in the ball or the annulus is unreasonable if it is 1 or more from its target -1 or
    +1. Between them, where g is not defined, it is unreasonable beyond -1.5 or +1.5.
    """
    r1, r2, _ = RADII
    model = case.run.model
    x = dense_disc()
    output = model(x.to(next(model.parameters()).device)[None])[..., 0].cpu().double()  # (R, n)
    distance = x.norm(dim=1)
    target = torch.where(distance <= r1, -1.0, 1.0)
    between = (distance > r1) & (distance < r2)
    wrong = torch.where(between, output.abs() > _BEYOND, (output - target).abs() >= _WRONG)
    share = wrong.double().mean(1).masked_fill(output.isnan().any(1), torch.nan)
    return np.asarray(share.numpy())
