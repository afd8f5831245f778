"""A network's weights at several epochs of its training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anode.fields import MLPField
from anode.models import NeuralODE
from anode.serialization import in_double
from anode.training import Floats, train
from anode_lab.experiments import SNAPSHOT_EPOCHS
from anode_lab.figures.trajectories import data_of, median_replica
from anode_lab.runs import Result


@dataclass(frozen=True)
class Network:
    """One trained Neural ODE with a linear head of one output, as it was at some epochs.

    Attributes:
        label: for people.
        model: of one replica; holds the weights of the last epoch.
        epochs: after which the weights were kept.
        weights: shape ``(len(epochs), n)``, each row all weights in the order of :func:`_flat`.
        loss: mean over the epoch's batches, ``(len(epochs),)``; NaN for epoch 0.
    """

    label: str
    model: NeuralODE
    epochs: tuple[int, ...]
    weights: Floats
    loss: Floats

    @property
    def inputs(self) -> int:
        """d."""
        return int(self.model.input_shape[0])

    @property
    def dim(self) -> int:
        """d + p."""
        return int(self.model.state_shape[0])

    @property
    def hidden(self) -> int:
        """Width of the field."""
        return int(self.field.weight2.shape[1])

    @property
    def field(self) -> MLPField:
        """Of the model."""
        return _field(self.model)

    def at(self, index: int) -> NeuralODE:
        """The model as it was at the epoch of that index."""
        parts = _parts(self.model)
        sizes = [part.numel() for part in parts]
        rows = torch.from_numpy(self.weights[index]).split(sizes)
        with torch.no_grad():
            for part, row in zip(parts, rows, strict=True):
                part.copy_(row.view_as(part))
        return self.model

    def solve(self, index: int, point: Sequence[float]) -> dict[str, Any]:
        """Where a point ends at the epoch of that index.

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


def follow(result: Result, label: str, epochs: Sequence[int] = SNAPSHOT_EPOCHS) -> Network:
    """Train the seed with the median loss once more, and keep its weights on the way.

    On the same machine it is the same network, to the last bit: a replica is as if it were alone.

    Args:
        result: of an experiment on toy data.
        label: of a Neural ODE in it.
        epochs: after which weights are kept, besides the last.

    Raises:
        ValueError: if it is none of an MLP field with a linear head of one output.
    """
    run = result.runs[label]
    replica = median_replica(run)
    task = replace(run.task, seeds=(run.task.seeds[replica],))
    model = task.build(run.model.input_shape).to(result.device)
    one = result.experiment.outputs == 1
    if not isinstance(model, NeuralODE) or len(model.input_shape) != 1 or not one:
        raise ValueError(f"weights are kept of Neural ODEs with one output, got {label}")
    wanted = {*epochs, task.settings.epochs}
    kept: dict[int, Floats] = {}

    def keep(epoch: int) -> None:
        if epoch in wanted:
            kept[epoch] = _flat(model)

    probe = task.probe()
    history = train(
        model,
        data_of(run, replica),
        task.settings,
        snapshot_x=None if probe is None else probe.x,
        after_epoch=keep,
    )
    found = sorted(kept)
    loss = [history.epoch_loss[0, epoch - 1] if epoch else float("nan") for epoch in found]
    weights = np.stack([kept[epoch] for epoch in found])
    return Network(label, model.cpu(), tuple(found), weights, np.array(loss))


def _field(model: NeuralODE) -> MLPField:
    field = model.field
    if not isinstance(field, MLPField):
        raise TypeError(f"the page integrates MLPField, got {type(field).__name__}")
    return field


def _parts(model: NeuralODE) -> list[Tensor]:
    """All weights, in the order in which the page reads them."""
    field, head = _field(model), model.head
    assert head is not None
    time = [] if field.time_weight is None else [field.time_weight]
    rest = [field.bias1, field.weight2, field.bias2, field.weight3, field.bias3]
    return [field.weight1, *time, *rest, head.weight, head.bias]


def _flat(model: NeuralODE) -> Floats:
    weights: Floats = torch.cat([part.detach().flatten() for part in _parts(model)]).cpu().numpy()
    return weights
