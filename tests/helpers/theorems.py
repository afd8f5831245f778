"""Theorems on flows as checks of any map, and maps that are no flows to test the checks with.

Each check returns by how much a theorem is violated or met, so that the test states the bound. All
maps are stacks of one: points ``(1, n, d)`` to images ``(1, n, d)`` in double precision.
"""

from itertools import product

import numpy as np
import torch
from torch import Tensor

from anode import Activation, NeuralODE, ResNet, SolverSettings
from anode.arrays import Floats
from anode_lab.theory.flow_jacobian import Map, orientation
from anode_lab.theory.injectivity import coincidences, round_trip
from anode_lab.theory.lipschitz import lipschitz_bound

TOLERANCE = 1e-9
SOLVER = SolverSettings(rtol=TOLERANCE, atol=TOLERANCE, max_steps=100_000)


def random_flow(
    seed: int, dim: int, activation: Activation, constant: float, outputs: int | None = None
) -> NeuralODE:
    """A Neural ODE whose field has a product of spectral norms equal to ``constant``."""
    model = NeuralODE(
        (dim,), outputs, hidden=8, activation=activation, seeds=[seed], solver=SOLVER
    ).double()
    with torch.no_grad():
        bound = float(lipschitz_bound(model.field)[0])  # type: ignore[arg-type]
        model.field.weight3.mul_(constant / bound)  # type: ignore[operator]
    return model


def bump(height: float, dim: int) -> ResNet:
    """x + F(x) with F(x) = (-height max(0, 1 - |x|_1), 0, ...): one Euler step that folds."""
    model = ResNet((dim,), None, blocks=1, hidden=2 * dim).double()
    (block,) = model.blocks
    with torch.no_grad():
        for weight in block.parameters():
            weight.zero_()
        eye = torch.eye(dim, dtype=torch.float64)
        block.weight1[0] = torch.cat([eye, -eye], dim=1)  # type: ignore[index]
        block.weight2[0, :, 0] = -1.0  # type: ignore[index]
        block.bias2[0, 0, 0] = 1.0  # type: ignore[index]
        block.weight3[0, 0, 0] = -height  # type: ignore[index]
    return model


def block_constant(model: ResNet) -> float:
    """The product of spectral norms of the only block."""
    (block,) = model.blocks
    return float(lipschitz_bound(block)[0])  # type: ignore[arg-type]


def euler_back(model: ResNet) -> Map:
    """One Euler step backwards in time: what would undo the block if it were a flow."""
    (block,) = model.blocks
    return torch.no_grad()(lambda y: y - block(y.new_zeros(()), y))


def smallest_step(transform: Map, x: Tensor) -> float:
    """Least difference of the images of neighbours on the line; positive if order is kept."""
    images = transform(x.sort().values[None, :, None])[0, :, 0]
    return float(images.diff().min())


def smallest_ratio(transform: Map, x: Tensor) -> float:
    """Least ratio of the distances of two images and of their points, for ``x (n, d)``.

    Over all pairs of the points, and a pair of equal images if Newton's method finds one.
    """
    images = transform(x[None])[0]
    least = float((torch.pdist(images) / torch.pdist(x)).min())
    pair = coincidences(transform, x, candidates=6, starts=3)
    return min(least, float(pair.miss[0] / pair.distance[0])) if pair.found[0] else least


def largest_return_error(there: Map, back: Map, x: Tensor) -> float:
    """Largest distance of a point ``x (n, d)`` from where there and back leads."""
    return float(round_trip(there, back, x).max())


def smallest_determinant(transform: Map, x: Tensor) -> float:
    """The least Jacobian determinant at ``x (n, d)``."""
    return float(orientation(transform, x).lowest()[0])


def sphere(dim: int, n: int) -> tuple[Floats, float]:
    """Points of the unit sphere and a distance within which every point of it has one of them.

    Cells of side 2 / n on the surface of the cube [-1, 1]^dim, their middles pulled onto the
    sphere. The nearest-point projection of the cube's surface to the unit ball pulls the same way,
    and such a projection brings no two points further apart; so half a cell's diagonal is enough.
    """
    middles = -1 + (2 * np.arange(n) + 1) / n
    faces = []
    for axis, sign in product(range(dim), (-1.0, 1.0)):
        others = np.array(list(product(middles, repeat=dim - 1))).reshape(n ** (dim - 1), dim - 1)
        faces.append(np.insert(others, axis, sign, axis=1))
    points = np.concatenate(faces)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points, np.sqrt(dim - 1) / n


def depth_below_the_rim(
    transform: Map, weight: Tensor, inside: Tensor, lipschitz: float, n: int
) -> float:
    """By how much the least ``weight . image`` inside the unit ball is below that on its sphere.

    For a flow it is never positive. What the sphere's samples miss is allowed for: between them
    the value may be lower by ``|weight| lipschitz`` times the distance to the nearest sample.

    Args:
        transform: the map.
        weight: w, shape ``(d,)``.
        inside: points of the unit ball, shape ``(m, d)``.
        lipschitz: a Lipschitz constant of the map.
        n: see :func:`sphere`.
    """
    rim, covering = sphere(inside.shape[1], n)
    values = transform(torch.cat([torch.from_numpy(rim), inside])[None])[0] @ weight
    on_rim, within = values.split([len(rim), len(inside)])
    allowance = float(weight.norm()) * lipschitz * covering
    return float(on_rim.min() - within.min()) - allowance
