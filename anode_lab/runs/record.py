"""The record of a training: its history, its weights, and what made it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anode.arrays import Floats
from anode.serialization import to_json
from anode.training import Checkpoint, History, TrainingFailure, accuracy
from anode_lab.runs.progress import ProgressLog
from anode_lab.runs.provenance import Provenance
from anode_lab.runs.status import epochs_of
from anode_lab.runs.store import DamagedError, Key, Store
from anode_lab.runs.task import Task

_SERIES = ("step_loss", "step_nfe", "step_backward_nfe", "validation_loss")


@dataclass(frozen=True)
class Record:
    """A stored training.

    Attributes:
        history: Course of the training.
        provenance: Code, versions, machine and time of the training.
        weights: The trained model's weights by name.
        about: Facts about the data and the result, as JSON holds them.
    """

    history: History
    provenance: Provenance
    weights: Mapping[str, Tensor]
    about: Mapping[str, Any]

    def line(self, task: Task) -> str:
        """One line about the training: how long it took, and what came out."""
        loss, nfe = self.history.epoch_loss[:, -1], self.history.epoch_nfe[:, -1]
        numbers = "all seeds failed"
        if np.isfinite(loss).any():
            numbers = f"loss {np.nanmean(loss):.3g}, {np.nanmean(nfe):.0f} evaluations"
        failures = "".join(f"; failed: {each}" for each in self.history.failures.values())
        return f"{task}: {self.history.seconds:.3g} s, {numbers}{failures}"


def make_record(
    task: Task,
    device: str = "cpu",
    *,
    checkpoint: Checkpoint | None = None,
) -> Record:
    """Train, and measure what is kept with the training; the log says how far it is.

    Args:
        task: Task to train.
        device: Device to train on.
        checkpoint: Where the training leaves checkpoints, and finds one to go on from.

    Raises:
        DataError: If the data are not on this machine.
        OutOfMemoryError: If the device's memory is too small.
    """
    started = datetime.now(UTC)
    done = None if checkpoint is None else epochs_of(checkpoint.path)
    told = ProgressLog(str(task), task.size.epochs, done)
    model, history = task.train(device, checkpoint=checkpoint, progress=told)
    training, validation = task.data()
    about: dict[str, Any] = {
        "profile": task.profile,
        "data": training[0].name,
        "samples": len(training[0]),
        "input_shape": list(training[0].input_shape),
    }
    if task.experiment.recorded and validation is not None and not history.failures:
        share = float(accuracy(model, validation[0])[0])
        if np.isfinite(share):  # JSON has no other numbers
            about["accuracy"] = share
    weights = {name: values.cpu() for name, values in model.state_dict().items()}
    made = replace(Provenance.now(device, started, history.seconds), threads=task.threads)
    return Record(history, made, weights, about)


def save_record(store: Store, key: Key, record: Record) -> Path:
    """Write a record, and return its JSON file; see :meth:`Store.write`."""
    history = record.history
    text = {
        "about": dict(record.about),
        "provenance": record.provenance.as_dict(),
        "seeds": list(history.seeds),
        "steps_per_epoch": history.steps_per_epoch,
        "seconds": history.seconds,
        "failures": to_json(history.failures),
        "epoch_loss": _rounded(history.epoch_loss),
        "epoch_nfe": _rounded(history.epoch_nfe),
        "validation_loss": _rounded(history.validation_loss),
    }
    return store.write(key, text, _arrays(record))


def load_record(store: Store, key: Key) -> Record | None:
    """Read a record; None where there is none. See :meth:`Store.read`."""
    found = store.read(key)
    if found is None:
        return None
    text, arrays = found
    weights = {k.removeprefix("weight/"): v for k, v in arrays.items() if k.startswith("weight/")}
    try:
        made = Provenance(**text["provenance"])
        return Record(_history(text, arrays), made, weights, text["about"])
    except (KeyError, TypeError) as error:
        raise DamagedError(
            f"{store.path(key)} lacks something, or has too much: {error}"
        ) from error


def _arrays(record: Record) -> dict[str, Tensor]:
    # The format takes no tensors with gaps, nor two that share memory: copies have neither.
    arrays = {
        f"weight/{name}": values.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, values in record.weights.items()
    }
    for name in _SERIES:
        if (values := getattr(record.history, name)) is not None:
            arrays[name] = torch.from_numpy(values.copy(order="C"))
    for epoch, features in record.history.snapshots.items():
        # The features were single precision before they became an array of doubles.
        arrays[f"snapshot/{epoch}"] = torch.from_numpy(features.astype(np.float32, order="C"))
    return arrays


def _history(text: dict[str, Any], arrays: dict[str, Tensor]) -> History:
    doubles: dict[str, Floats] = {
        name: values.double().numpy()
        for name, values in arrays.items()
        if not name.startswith("weight/")
    }
    return History(
        step_loss=doubles["step_loss"],
        step_nfe=doubles["step_nfe"],
        step_backward_nfe=doubles["step_backward_nfe"],
        steps_per_epoch=text["steps_per_epoch"],
        validation_loss=doubles.get("validation_loss"),
        snapshots={int(k.split("/")[1]): v for k, v in doubles.items() if k[:9] == "snapshot/"},
        failures={int(r): TrainingFailure.from_dict(f) for r, f in text["failures"].items()},
        seconds=text["seconds"],
        seeds=tuple(text["seeds"]),
    )


def _rounded(values: Floats | None) -> list[list[float | None]] | None:
    """Six digits for people to read, and None where there is no number."""
    if values is None:
        return None
    return [[float(f"{v:.6g}") if np.isfinite(v) else None for v in row] for row in values]
