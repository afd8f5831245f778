"""Outputs of trained models on a grid of the plane."""

import torch
from torch import Tensor

from anode.arrays import Floats
from anode.models import Model
from anode_lab.theory.flow_jacobian import as_array

_CHUNK = 5000  # inputs at once, of all replicas: what a step touches stays in a processor's cache


def square_grid(half: float, n: int) -> Tensor:
    """Lay an n x n grid over the square [-half, half]^2, shape ``(n * n, 2)``, rows upwards."""
    side = torch.linspace(-half, half, n, dtype=torch.float64)
    y, x = torch.meshgrid(side, side, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


@torch.no_grad()
def model_outputs(model: Model, x: Tensor) -> Floats:
    """Compute the first output of each replica with the model's own solver.

    Args:
        model: R networks.
        x: Inputs, ``(n, d)`` for all replicas, or ``(R, n, d)`` for inputs of each replica's own.

    Returns:
        Shape ``(R, n)``; NaN for a replica whose solve fails.
    """
    x = (x if x.dim() == 3 else x[None]).to(next(model.parameters()))
    chunk = max(1, _CHUNK // model.replicas)
    parts = [model(part)[..., 0] for part in x.split(chunk, dim=1)]
    return as_array(torch.cat(parts, dim=1))
