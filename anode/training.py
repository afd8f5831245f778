"""One training loop for all models: R replicas at once, each as if it were alone."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from anode.data import Data
from anode.models import Model
from anode.randomness import Stream, generator
from anode.status import SolveFailure

Floats = NDArray[np.float64]
Phase = Literal["forward", "backward"]


class Loss(Enum):
    """What is minimised: the mean over the samples of a batch, for each replica.

    The paper's text says mean squared error for regression; the authors' released code uses the
    Huber loss (with threshold 1, "smooth L1").
    """

    MSE = "mean squared error"
    HUBER = "Huber loss"
    CROSS_ENTROPY = "cross-entropy"

    def __call__(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Losses ``(R,)`` of predictions ``(R, B, outputs)`` and targets ``(R, B, outputs)``.

        For cross-entropy the targets are class indices ``(R, B)``.
        """
        if self is Loss.CROSS_ENTROPY:
            each = F.cross_entropy(prediction.flatten(0, 1), y.flatten(), reduction="none")
            return each.view(y.shape).mean(1)
        measure = F.mse_loss if self is Loss.MSE else F.smooth_l1_loss
        return measure(prediction, y, reduction="none").flatten(1).mean(1)


@dataclass(frozen=True)
class TrainingSettings:
    """How to train; the defaults are the paper's for the toy experiments (appendix F.2.1).

    Attributes:
        epochs: passes over the data.
        batch_size: samples a step; the last batch of an epoch may be smaller.
        learning_rate, weight_decay: of Adam.
        loss: what is minimised.
        snapshot_epochs: epochs after which features are kept; 0 is before training.

    Raises:
        ValueError: if a number is out of range.
    """

    epochs: int = 50
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    loss: Loss = Loss.HUBER
    snapshot_epochs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)!r}")
        if self.weight_decay < 0:
            raise ValueError(f"weight_decay must be 0 or more, got {self.weight_decay!r}")
        late = [epoch for epoch in self.snapshot_epochs if not 0 <= epoch <= self.epochs]
        if late:
            raise ValueError(f"snapshot_epochs must lie in 0..{self.epochs}, got {late}")


@dataclass(frozen=True)
class TrainingFailure:
    """A replica whose training ended early.

    Attributes:
        seed: the replica's seed.
        epoch, iteration: when, counted from 1 and over the whole training.
        phase: the pass in which it happened.
        cause: the failed solve, or what is not finite although the solve succeeded.
    """

    seed: int
    epoch: int
    iteration: int
    phase: Phase
    cause: SolveFailure | str

    def __str__(self) -> str:
        return (
            f"seed {self.seed}, epoch {self.epoch}, iteration {self.iteration}, "
            f"{self.phase} pass: {self.cause}"
        )


@dataclass(frozen=True)
class History:
    """What happened in training, for R replicas, S steps and E epochs.

    A replica's entries are NaN from the step at which it failed; so are its snapshots.

    Attributes:
        step_loss: loss of each batch before its update, shape ``(R, S)``.
        step_nfe: function evaluations of each forward pass, shape ``(R, S)``.
        step_backward_nfe: of each backward pass, shape ``(R, S)``; 0 for direct gradients.
        steps_per_epoch: S = E * steps_per_epoch.
        validation_loss: after each epoch, shape ``(R, E)``; None without validation data.
        snapshots: epoch -> features of the snapshot inputs, shape ``(R, n, *state_shape)``.
        failures: replica -> how it failed.
        seconds: time of the training steps, without validation and snapshots.
        seeds: one a replica.
    """

    step_loss: Floats
    step_nfe: Floats
    step_backward_nfe: Floats
    steps_per_epoch: int
    validation_loss: Floats | None
    snapshots: dict[int, Floats]
    failures: dict[int, TrainingFailure]
    seconds: float
    seeds: tuple[int, ...]

    @property
    def epoch_loss(self) -> Floats:
        """Mean of the batch losses in each epoch, shape ``(R, E)``."""
        return self._by_epoch(self.step_loss)

    @property
    def epoch_nfe(self) -> Floats:
        """Mean function evaluations of a forward pass in each epoch, shape ``(R, E)``."""
        return self._by_epoch(self.step_nfe)

    @property
    def epoch_backward_nfe(self) -> Floats:
        """Mean function evaluations of a backward pass in each epoch, shape ``(R, E)``."""
        return self._by_epoch(self.step_backward_nfe)

    def _by_epoch(self, values: Floats) -> Floats:
        means: Floats = values.reshape(len(values), -1, self.steps_per_epoch).mean(axis=2)
        return means


def train(
    model: Model,
    data: Data | Sequence[Data],
    settings: TrainingSettings | None = None,
    *,
    validation: Data | None = None,
    snapshot_x: Tensor | None = None,
    progress: bool = False,
) -> History:
    """Train all replicas of ``model`` with Adam, in place.

    Each replica has its own order of the data, drawn from its seed, and its own loss; no replica
    sees another. A replica whose solve fails, or whose loss or gradient is not finite, keeps the
    weights it had before that step and stops; the others go on.

    Args:
        model: R replicas; trained where it is (``model.to(device)`` first).
        data: one data set for all replicas, or one of equal size for each.
        settings: the paper's if left out.
        validation: data whose loss is computed after each epoch.
        snapshot_x: inputs ``(n, *input_shape)`` whose features are kept at ``snapshot_epochs``.
        progress: show a progress bar.

    Raises:
        ValueError: if the number or size of data sets does not fit, or there is a snapshot epoch
            but no ``snapshot_x``.
    """
    settings = settings or TrainingSettings()
    if settings.snapshot_epochs and snapshot_x is None:
        raise ValueError("snapshot_epochs needs snapshot_x: inputs (n, *input_shape)")
    device = next(model.parameters()).device
    batches = Batches(model.seeds, data, settings.batch_size, device)
    trainer = _Trainer(model, settings)
    snapshots: dict[int, Floats] = {}
    validation_losses: list[Floats] = []
    seconds = 0.0

    def observe(epoch: int) -> None:
        stopped = tuple(trainer.failures)
        if snapshot_x is not None and epoch in settings.snapshot_epochs:
            snapshots[epoch] = features_of(model, snapshot_x.to(device), stopped)
        if validation is not None and epoch > 0:
            validation_losses.append(_average(model, validation, settings.loss, stopped=stopped))

    observe(0)
    for epoch in tqdm(range(1, settings.epochs + 1), unit="epoch", disable=not progress):
        start = time.perf_counter()
        for x, y in batches.epoch():
            trainer.step(x, y, epoch)
        seconds += time.perf_counter() - start
        observe(epoch)
    return trainer.history(
        steps_per_epoch=batches.per_epoch,
        validation_loss=np.stack(validation_losses, axis=1) if validation_losses else None,
        snapshots=snapshots,
        seconds=seconds,
    )


class Batches:
    """Batches for R replicas, each in an order of its own drawn from its seed.

    Args:
        seeds: one a replica.
        data: one data set, or one of equal size for each replica.
        batch_size: samples a batch.
        device: where the batches are.

    Raises:
        ValueError: if there are several data sets but not R, or of different sizes.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        data: Data | Sequence[Data],
        batch_size: int,
        device: torch.device,
    ) -> None:
        sets = [data] if isinstance(data, Data) else list(data)
        if len(sets) not in (1, len(seeds)) or len({len(each) for each in sets}) != 1:
            raise ValueError(
                f"data must be one data set or {len(seeds)} of equal size, one a replica, got "
                f"{len(sets)} of sizes {[len(each) for each in sets]}"
            )
        self.x = torch.stack([each.x for each in sets]).to(device)  # (1 or R, N, *input_shape)
        self.y = torch.stack([each.y for each in sets]).to(device)
        self.batch_size = batch_size
        self.orders = [generator(seed, Stream.ORDER) for seed in seeds]
        # Which data set each replica reads, shape (R, 1).
        own = torch.arange(len(seeds)) if len(sets) > 1 else torch.zeros(len(seeds)).long()
        self.own = own[:, None].to(device)

    @property
    def per_epoch(self) -> int:
        """Number of batches in an epoch."""
        return -(-self.x.shape[1] // self.batch_size)

    def epoch(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches ``x (R, B, *input_shape)``, ``y (R, B, ...)`` of the next epoch."""
        size = self.x.shape[1]
        order = torch.stack([torch.randperm(size, generator=rng) for rng in self.orders])
        for chunk in order.to(self.x.device).split(self.batch_size, dim=1):
            yield self.x[self.own, chunk], self.y[self.own, chunk]


class _Trainer:
    """Takes steps, keeps the record, and holds failed replicas still."""

    def __init__(self, model: Model, settings: TrainingSettings) -> None:
        self.model = model
        self.settings = settings
        self.optimizer = torch.optim.Adam(
            model.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,  # a quarter of the time of the others, on a CPU too
        )
        self.failures: dict[int, TrainingFailure] = {}
        self.losses: list[Tensor] = []
        self.nfe: list[Tensor] = []
        self.backward_nfe: list[Tensor] = []

    def step(self, x: Tensor, y: Tensor, epoch: int) -> None:
        """One update of every replica that has not failed."""
        self.optimizer.zero_grad()
        output = self.model.run(_stop(x, tuple(self.failures)))
        losses = self.settings.loss(output.prediction, y)
        self.losses.append(losses.detach())
        self.nfe.append(output.nfe)
        self._fail(epoch, "forward", output.failures)
        self._fail(epoch, "forward", _not_finite(losses[:, None], "loss"))
        if losses.requires_grad:  # unless every replica failed in a model without a head
            losses.sum().backward()
        self._fail(epoch, "backward", output.backward_failures())
        found = [p.grad for p in self.model.parameters() if p.grad is not None]
        if found:
            gradients = torch.cat([grad.reshape(len(losses), -1) for grad in found], dim=1)
            self._fail(epoch, "backward", _not_finite(gradients, "gradient"))
        self.backward_nfe.append(output.backward_nfe())
        self._update()

    def _fail(self, epoch: int, phase: Phase, causes: Mapping[int, SolveFailure | str]) -> None:
        """Stop replicas in the step under way, with the first cause of each."""
        iteration = len(self.losses)
        for replica, cause in causes.items():
            if replica not in self.failures:
                seed = self.model.seeds[replica]
                self.failures[replica] = TrainingFailure(seed, epoch, iteration, phase, cause)

    def _update(self) -> None:
        if not self.failures:
            self.optimizer.step()
            return
        failed = list(self.failures)
        kept = [parameter.detach()[failed].clone() for parameter in self.model.parameters()]
        self.optimizer.step()
        with torch.no_grad():
            for parameter, before in zip(self.model.parameters(), kept, strict=True):
                parameter[failed] = before

    def history(
        self,
        *,
        steps_per_epoch: int,
        validation_loss: Floats | None,
        snapshots: dict[int, Floats],
        seconds: float,
    ) -> History:
        """The record as arrays, NaN from a replica's failure on."""

        def stack(values: list[Tensor]) -> Floats:
            array = torch.stack(values, dim=1).double().cpu().numpy()  # (R, S)
            for replica, failure in self.failures.items():
                array[replica, failure.iteration - 1 :] = np.nan
            return array

        return History(
            step_loss=stack(self.losses),
            step_nfe=stack(self.nfe),
            step_backward_nfe=stack(self.backward_nfe),
            steps_per_epoch=steps_per_epoch,
            validation_loss=validation_loss,
            snapshots=snapshots,
            failures=self.failures,
            seconds=seconds,
            seeds=self.model.seeds,
        )


def _stop(x: Tensor, stopped: tuple[int, ...]) -> Tensor:
    """Inputs ``(R, B, ...)`` with NaN for the replicas in ``stopped``.

    Their solves then end at once, where the weights that they keep might cost a thousand steps.
    """
    if not stopped:
        return x
    x = x.clone()
    x[list(stopped)] = torch.nan
    return x


def _not_finite(values: Tensor, what: str) -> dict[int, str]:
    """The replicas with an entry that is not finite, of ``values (R, n)``, each with a text."""
    # The sum is not finite if an entry is not, and takes a fifth of the time of a look at each.
    bad = ~torch.isfinite(values.sum(1))
    return dict.fromkeys(bad.nonzero().flatten().tolist(), f"non-finite {what}")


def evaluate(model: Model, data: Data, loss: Loss, batch_size: int = 1024) -> Floats:
    """Mean loss of each replica over ``data``, shape ``(R,)``; NaN where its solve fails."""
    return _average(model, data, loss, batch_size)


def accuracy(model: Model, data: Data, batch_size: int = 1024) -> Floats:
    """Share of right predictions of each replica, shape ``(R,)``; NaN where its solve fails.

    For class indices the largest output counts, for targets -1 and +1 the sign.
    """

    def right(prediction: Tensor, y: Tensor) -> Tensor:
        if y.is_floating_point():
            hits = ((prediction > 0) == (y > 0)).flatten(1)
        else:
            hits = prediction.argmax(2) == y
        failed = prediction.isnan().flatten(1).any(1)
        return hits.double().mean(1).masked_fill(failed, torch.nan)

    return _average(model, data, right, batch_size)


@torch.no_grad()
def features_of(model: Model, x: Tensor, stopped: tuple[int, ...] = ()) -> Floats:
    """Features of inputs ``(n, *input_shape)`` for each replica, shape ``(R, n, *state_shape)``.

    They are NaN for a replica in ``stopped``, and for one whose solve fails.
    """
    inputs = _stop(x.expand(model.replicas, *x.shape), stopped)
    features: Floats = model.run(inputs).features.double().cpu().numpy()
    return features


@torch.no_grad()
def _average(
    model: Model,
    data: Data,
    measure: Callable[[Tensor, Tensor], Tensor],
    batch_size: int = 1024,
    stopped: tuple[int, ...] = (),
) -> Floats:
    """Mean over the samples of ``measure(prediction, y)``, shape ``(R,)``; NaN for the stopped."""
    device = next(model.parameters()).device
    total = torch.zeros(model.replicas, dtype=torch.float64)
    for x, y in zip(data.x.split(batch_size), data.y.split(batch_size), strict=True):
        x, y = (each.to(device).expand(model.replicas, *each.shape) for each in (x, y))
        total += measure(model(_stop(x, stopped)), y).double().cpu() * len(x[0])
    mean: Floats = (total / len(data)).numpy()
    return mean
