"""The training loop: R replicas at once, each as if it were alone.

Read :func:`train` from top to bottom. What it calls is in the modules beside it: the batches, the
loss, Adam, the recorder of the history, and the checkpoint.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from anode.checks import integer, member, number
from anode.denormals import flushed_denormals
from anode.models import Model
from anode.training.adam import StackedAdam
from anode.training.batches import Batches, Sets
from anode.training.checkpoint import Checkpoint
from anode.training.history import History, Recorder
from anode.training.loss import Loss, Measure, evaluate, features_of, losses, with_nan


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training; the defaults are the paper's for the toy data (appendix F.2.1).

    Attributes:
        epochs: Number of passes over the data.
        batch_size: Number of samples in a step; the last batch of an epoch may be smaller.
        learning_rate: Learning rate of Adam, one for all replicas or a tuple of one for each.
        weight_decay: Weight decay of Adam, one for all replicas or a tuple of one for each.
        loss: Loss that is minimised: a :class:`Loss`, a loss of torch such as ``nn.MSELoss()`` or
            ``F.cross_entropy``, or a function of yours, see :data:`~anode.training.loss.Measure`.
        batches: Largest number of batches in an epoch; None for all.
        snapshot_epochs: Epochs after which features are kept; 0 is before training.

    Raises:
        ValueError: If a number is out of range.
    """

    epochs: int = 50
    batch_size: int = 64
    learning_rate: float | tuple[float, ...] = 1e-3
    weight_decay: float | tuple[float, ...] = 0.0
    loss: Measure = Loss.HUBER
    batches: int | None = None
    snapshot_epochs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        known = isinstance(self.loss, str) or not callable(self.loss) or isinstance(self.loss, type)
        shots = (integer("snapshot_epochs", epoch, 0) for epoch in self.snapshot_epochs)
        for name, value in {
            "epochs": integer("epochs", self.epochs),
            "batch_size": integer("batch_size", self.batch_size),
            "learning_rate": _numbers("learning_rate", self.learning_rate, above=0),
            "weight_decay": _numbers("weight_decay", self.weight_decay, least=0),
            "loss": member("loss", self.loss, Loss) if known else self.loss,
            "batches": None if self.batches is None else integer("batches", self.batches),
            "snapshot_epochs": tuple(shots),
        }.items():
            object.__setattr__(self, name, value)  # frozen, but being made
        if late := [epoch for epoch in self.snapshot_epochs if epoch > self.epochs]:
            raise ValueError(f"snapshot_epochs must lie in 0..{self.epochs}, got {late}")

    def per_replica(self, replicas: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Learning rates and weight decays, one for each replica, else a ``ValueError``."""
        found = {"learning_rate": self.learning_rate, "weight_decay": self.weight_decay}
        rates, decays = (v if isinstance(v, tuple) else (v,) * replicas for v in found.values())
        for name, values in zip(found, (rates, decays), strict=True):
            if len(values) != replicas:
                raise ValueError(
                    f"{name} must be one number or {replicas}, one a replica, got {len(values)}"
                )
        return rates, decays


def _numbers(name: str, value: Any, **limits: float) -> float | tuple[float, ...]:
    if isinstance(value, tuple | list | np.ndarray):
        return tuple(number(name, each, **limits) for each in value)
    return number(name, value, **limits)


@torch.enable_grad()
@flushed_denormals()
def train(
    model: Model,
    data: Sets,
    settings: TrainingSettings | None = None,
    *,
    validation: Sets | None = None,
    snapshot_x: Tensor | None = None,
    checkpoint: Checkpoint | None = None,
    after_epoch: Callable[[int], None] | None = None,
    progress: bool | Callable[[Recorder], None] = False,
) -> History:
    """Train all replicas of ``model`` with Adam, in place and on the device where it is.

    A replica's seed determines its order of the data. One whose solve fails, or whose loss or
    gradient is not finite, stops alone, with its weights before that step. Denormals count as zero.

    Args:
        model: R replicas.
        data: One data set for all replicas, or one of equal size for each: :class:`Data`, or pairs
            (x, y) of arrays, converted to the model's precision; integers as targets stay so.
        settings: Settings of the training; the paper's by default.
        validation: Data whose loss is computed after each epoch, in the same form.
        snapshot_x: Inputs ``(n, *input_shape)`` whose features are kept at ``snapshot_epochs``.
        checkpoint: File to resume from and to write to; the caller deletes it at the end.
        after_epoch: Function called with the number of each finished epoch, and with 0 at first.
        progress: Whether to show a bar; or a function called with the record after each step.

    Raises:
        TypeError, ValueError: If data, settings and model do not fit, or there is nothing to train.
    """
    settings = _checked(settings, snapshot_x)
    optimizer, batches, recorder = _begin(model, data, settings, checkpoint)

    def observe(epoch: int) -> None:
        if snapshot_x is not None and epoch in settings.snapshot_epochs:
            recorder.snapshots[epoch] = features_of(model, snapshot_x, recorder.stopped)
        if validation is not None and epoch > 0:
            found = evaluate(model, validation, settings.loss, stopped=recorder.stopped)
            recorder.validation.append(found)
        if after_epoch is not None:
            after_epoch(epoch)

    done, total = len(recorder.steps), settings.epochs * batches.per_epoch
    if done == 0:
        observe(0)
    start = written = time.perf_counter()
    bar = {"unit": "step", "initial": done, "total": total, "disable": progress is not True}
    for batch in tqdm(batches.after(done, total), **bar):
        _step(model, optimizer, recorder, batch, settings.loss)
        recorder.seconds += time.perf_counter() - start
        if recorder.epochs.is_integer():
            observe(int(recorder.epochs))
        if callable(progress):
            progress(recorder)
        if checkpoint and time.perf_counter() - written >= checkpoint.seconds:
            checkpoint.write(recorder.plain(), {**optimizer.state(), **recorder.arrays()})
            written = time.perf_counter()
        start = time.perf_counter()
    optimizer.release()
    return recorder.history()


def _checked(settings: TrainingSettings | None, snapshot_x: Tensor | None) -> TrainingSettings:
    if not isinstance(settings, TrainingSettings | None):
        raise TypeError(f"settings must be TrainingSettings, got {settings!r}")
    settings = settings or TrainingSettings()
    if settings.snapshot_epochs and snapshot_x is None:
        raise ValueError("snapshot_epochs needs snapshot_x: inputs (n, *input_shape)")
    return settings


def _begin(
    model: Model, data: Sets, settings: TrainingSettings, checkpoint: Checkpoint | None
) -> tuple[StackedAdam, Batches, Recorder]:
    """What a training works with, as its checkpoint has it if there is one."""
    optimizer = StackedAdam(list(model.parameters()), *settings.per_replica(model.replicas))
    like, size = optimizer.weights, settings.batch_size
    batches = Batches(model.seeds, data, size, like.device, like.dtype, settings.batches)
    recorder = Recorder(model.seeds, batches.per_epoch)
    if checkpoint and (found := checkpoint.read()):
        recorder.restore(*found, like.device)
        optimizer.restore(found[1], len(recorder.steps))
    return optimizer, batches, recorder


def _step(
    model: Model,
    optimizer: StackedAdam,
    recorder: Recorder,
    batch: tuple[Tensor, Tensor],
    loss: Measure,
) -> None:
    """Update every replica that has not failed by one batch ``(R, B, ...)``."""
    x, y = batch
    optimizer.zero_grad()
    output = model.run(with_nan(x, recorder.stopped))
    values = losses(loss, output.prediction, y)  # (R,)
    recorder.fail("forward", output.failures)
    recorder.fail("forward", _not_finite(values[:, None], "loss"))
    if values.requires_grad:  # unless every replica failed in a model without a head
        values.sum().backward()
    recorder.fail("backward", output.backward_failures())
    recorder.fail("backward", _not_finite(optimizer.gather(), "gradient"))
    recorder.steps.append((values.detach(), output.nfe, output.backward_nfe()))
    if recorder.failures:
        optimizer.hold(recorder.stopped)
    optimizer.step()


def _not_finite(values: Tensor, what: str) -> dict[int, str]:
    """The replicas for which an entry of ``values (R, n)`` is not finite, each with a text."""
    # The sum is not finite if an entry is not, and takes a fifth of the time of a look at each.
    bad = ~torch.isfinite(values.sum(1))
    return dict.fromkeys(bad.nonzero().flatten().tolist(), f"non-finite {what}")
