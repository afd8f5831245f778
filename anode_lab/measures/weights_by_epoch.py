"""The weights of a network at several epochs of its training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anode.arrays import Floats
from anode.fields import MLPField
from anode.models import Model, NeuralODE
from anode.serialization import in_double
from anode_lab.experiments import SNAPSHOT_EPOCHS
from anode_lab.measures.toy_flows import median_replica
from anode_lab.runs import Result


@dataclass(frozen=True)
class NetworkByEpoch:
    """A trained Neural ODE with a linear layer of one output, as it was at some epochs.

    Attributes:
        label: Label of the model.
        model: Model of one replica, with the weights of the last epoch.
        epochs: Epochs after which the weights were kept.
        weights: All weights at each of E epochs, in the order of :func:`flat_weights`, ``(E, n)``.
        loss: Mean loss over the batches of each epoch, shape ``(E,)``; NaN for epoch 0.
    """

    label: str
    model: NeuralODE
    epochs: tuple[int, ...]
    weights: Floats
    loss: Floats

    @property
    def inputs(self) -> int:
        """Return the dimension d of the inputs."""
        return int(self.model.input_shape[0])

    @property
    def dim(self) -> int:
        """Return the dimension d + p of the states."""
        return int(self.model.state_shape[0])

    @property
    def hidden(self) -> int:
        """Return the width of the field."""
        return int(self.field.weight2.shape[1])

    @property
    def field(self) -> MLPField:
        """Return the field of the model."""
        return _field(self.model)

    def at(self, index: int) -> NeuralODE:
        """Return the model as it was at the epoch of that index."""
        parts = _parts(self.model)
        sizes = [part.numel() for part in parts]
        rows = torch.from_numpy(self.weights[index]).split(sizes)
        with torch.no_grad():
            for part, row in zip(parts, rows, strict=True):
                part.copy_(row.view_as(part))
        return self.model

    def solve(self, index: int, point: Sequence[float]) -> dict[str, Any]:
        """Solve for a point at the epoch of that index.

        Returns:
            Its ``features`` and ``output``, by a solver so accurate that its errors do not show,
            and ``nfe`` at the model's own tolerance.
        """
        model = self.at(index)
        x = torch.tensor([[list(point)]], dtype=torch.float32)
        with torch.no_grad():
            nfe = int(model.run(x).nfe[0])
            exact = in_double(model, replace(model.solver, rtol=1e-8, atol=1e-8))
            output = exact.run(x.double())
        return {
            "features": output.features[0, 0].tolist(),
            "output": float(output.prediction[0, 0, 0]),
            "nfe": nfe,
        }


def follow(result: Result, label: str, epochs: Sequence[int] = SNAPSHOT_EPOCHS) -> NetworkByEpoch:
    """Train the seed with the median loss once more, and keep its weights on the way.

    On the same machine it is the same network, to the last bit: a replica is trained as if it were
    alone.

    Args:
        result: An experiment on toy data.
        label: Label of a Neural ODE in it.
        epochs: Epochs after which weights are kept, besides the last.

    Raises:
        ValueError: If the model has no MLP field or no linear layer of one output.
    """
    run = result.runs[label]
    task = replace(run.task, seeds=(run.task.seeds[median_replica(run)],))
    suitable = isinstance(run.model, NeuralODE) and len(run.model.input_shape) == 1
    if not suitable or result.experiment.outputs != 1:
        raise ValueError(f"weights are kept of Neural ODEs with one output, got {label}")
    wanted = {*epochs, task.settings.epochs}
    kept: dict[int, Floats] = {}

    def keep(model: Model, epoch: int) -> None:
        if epoch in wanted and isinstance(model, NeuralODE):
            kept[epoch] = flat_weights(model)

    model, history = task.train(result.device, after_epoch=keep)
    assert isinstance(model, NeuralODE)
    found = sorted(kept)
    loss = [history.epoch_loss[0, epoch - 1] if epoch else float("nan") for epoch in found]
    weights = np.stack([kept[epoch] for epoch in found])
    return NetworkByEpoch(label, model.cpu(), tuple(found), weights, np.array(loss))


def flat_weights(model: NeuralODE) -> Floats:
    """Return all weights of a model of one replica, in the order of the page's script, ``(n,)``."""
    weights: Floats = torch.cat([part.detach().flatten() for part in _parts(model)]).cpu().numpy()
    return weights


def _parts(model: NeuralODE) -> list[Tensor]:
    field, head = _field(model), model.head
    assert head is not None
    time = [] if field.time_weight is None else [field.time_weight]
    rest = [field.bias1, field.weight2, field.bias2, field.weight3, field.bias3]
    return [field.weight1, *time, *rest, head.weight, head.bias]


def _field(model: NeuralODE) -> MLPField:
    field = model.field
    if not isinstance(field, MLPField):
        raise TypeError(f"the page integrates MLPField, got {type(field).__name__}")
    return field
