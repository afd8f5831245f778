"""One training loop for all models: R replicas at once, each as if it were alone."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from anode.data import Data
from anode.models import Model, ModelOutput
from anode.randomness import Stream, generator
from anode.solve import Gradient, adjoint_failures
from anode.status import SolveFailure

Floats = NDArray[np.float64]


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
        each = F.mse_loss if self is Loss.MSE else F.smooth_l1_loss
        return each(prediction, y, reduction="none").flatten(1).mean(1)


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
        phase: "forward" or "backward".
        cause: the failed solve, or what became non-finite.
    """

    seed: int
    epoch: int
    iteration: int
    phase: str
    cause: SolveFailure | str

    def __str__(self) -> str:
        return (
            f"seed {self.seed}, epoch {self.epoch}, iteration {self.iteration}, "
            f"{self.phase} pass: {self.cause}"
        )


@dataclass(frozen=True)
class History:
    """What happened in training, for R replicas, S steps and E epochs.

    A replica's entries are NaN from the step at which it failed.

    Attributes:
        step_loss: loss of each batch before its update, shape ``(R, S)``.
        step_nfe: function evaluations of each forward pass, shape ``(R, S)``.
        step_backward_nfe: of each backward pass, shape ``(R, S)``; 0 for direct gradients.
        steps_per_epoch: S = E * steps_per_epoch.
        validation_loss: after each epoch, shape ``(R, E)``; None without validation data.
        snapshots: epoch -> features of the snapshot inputs, shape ``(R, n, *state_shape)``.
        failures: replica -> how it failed.
        seconds: time of the training steps, without validation and snapshots.
        replica_seeds: one seed a replica.
    """

    step_loss: Floats
    step_nfe: Floats
    step_backward_nfe: Floats
    steps_per_epoch: int
    validation_loss: Floats | None
    snapshots: dict[int, Floats]
    failures: dict[int, TrainingFailure]
    seconds: float
    replica_seeds: tuple[int, ...] = field(default=())

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
    sees another. A replica whose solve fails, or whose loss is not finite, keeps the weights it had
    before that step and stops; the others go on.

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
        raise ValueError("snapshot_epochs is set, so snapshot_x is needed: inputs (n, *input_shape)")
    device = next(model.parameters()).device
    batches = Batches(model.seeds, data, settings.batch_size, device)
    trainer = _Trainer(model, settings)
    snapshots: dict[int, Floats] = {}
    validation_losses: list[Floats] = []
    seconds = 0.0

    def observe(epoch: int) -> None:
        if snapshot_x is not None and epoch in settings.snapshot_epochs:
            snapshots[epoch] = features_of(model, snapshot_x.to(device))
        if validation is not None and epoch > 0:
            validation_losses.append(trainer.mask(evaluate(model, validation, settings.loss)))

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

    def epoch(self) -> list[tuple[Tensor, Tensor]]:
        """The batches ``x (R, B, *input_shape)``, ``y (R, B, ...)`` of the next epoch."""
        size = self.x.shape[1]
        order = torch.stack([torch.randperm(size, generator=rng) for rng in self.orders])
        chunks = order.to(self.x.device).split(self.batch_size, dim=1)
        return [(self.x[self.own, chunk], self.y[self.own, chunk]) for chunk in chunks]


class _Trainer:
    """Takes steps, keeps the record, and holds failed replicas still."""

    def __init__(self, model: Model, settings: TrainingSettings) -> None:
        self.model = model
        self.settings = settings
        self.optimizer = torch.optim.Adam(
            model.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.failures: dict[int, TrainingFailure] = {}
        self.losses: list[Tensor] = []
        self.nfe: list[Tensor] = []
        self.backward_nfe: list[Tensor] = []

    def step(self, x: Tensor, y: Tensor, epoch: int) -> None:
        """One update of every replica that has not failed."""
        iteration = len(self.losses) + 1
        self.optimizer.zero_grad()
        output = self.model.run(x)
        losses = self.settings.loss(output.prediction, y)
        self.losses.append(losses.detach())
        self.nfe.append(output.nfe)
        for replica, failure in output.failures.items():
            self._fail(replica, epoch, iteration, "forward", failure)
        if not torch.isfinite(losses).all():
            for replica in torch.isnan(losses).nonzero().flatten().tolist():
                self._fail(replica, epoch, iteration, "forward", "non-finite loss")
        for replica, cause in self._backward(losses, output).items():
            self._fail(replica, epoch, iteration, "backward", cause)
        self.backward_nfe.append(output.backward_nfe())
        self._update()

    def _backward(self, losses: Tensor, output: ModelOutput) -> dict[int, SolveFailure | str]:
        """Gradients of every replica, and the replicas whose backward solve failed."""
        solution = output.solution
        if solution is None or not self._adjoint:
            losses.sum().backward()
            return {}
        failed: dict[int, SolveFailure | str] = {}
        # One at a time: the failure of one backward solve must not end the others'.
        for replica in self._running():
            with adjoint_failures() as failures:
                losses[replica].backward(retain_graph=True)
            for status in failures:
                counter = solution.counters[replica]
                failed[replica] = counter.failure(status)
        return failed

    @property
    def _adjoint(self) -> bool:
        solver = getattr(self.model, "solver", None)
        return solver is not None and solver.gradient is Gradient.ADJOINT

    def _running(self) -> list[int]:
        return [r for r in range(self.model.replicas) if r not in self.failures]

    def _fail(
        self, replica: int, epoch: int, iteration: int, phase: str, cause: SolveFailure | str
    ) -> None:
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

    def mask(self, values: Floats) -> Floats:
        """``values (R,)`` with NaN for the failed replicas."""
        values[list(self.failures)] = np.nan
        return values

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
            replica_seeds=self.model.seeds,
        )


@torch.no_grad()
def evaluate(model: Model, data: Data, loss: Loss, batch_size: int = 1024) -> Floats:
    """Mean loss of each replica over ``data``, shape ``(R,)``."""
    return _average(model, data, loss, batch_size)


@torch.no_grad()
def accuracy(model: Model, data: Data, batch_size: int = 1024) -> Floats:
    """Share of right predictions of each replica, shape ``(R,)``.

    For class indices the largest output counts, for targets -1 and +1 the sign.
    """

    def right(prediction: Tensor, y: Tensor) -> Tensor:
        if y.is_floating_point():
            return ((prediction > 0) == (y > 0)).flatten(1).double().mean(1)
        return (prediction.argmax(2) == y).double().mean(1)

    return _average(model, data, right, batch_size)


@torch.no_grad()
def features_of(model: Model, x: Tensor) -> Floats:
    """Features of inputs ``(n, *input_shape)`` for each replica, shape ``(R, n, *state_shape)``."""
    features: Floats = model.run(x[None]).features.double().cpu().numpy()
    return features


def _average(
    model: Model, data: Data, measure: Callable[[Tensor, Tensor], Tensor], batch_size: int
) -> Floats:
    """Mean over the samples of what ``measure`` gives for each batch and replica, shape ``(R,)``."""
    device = next(model.parameters()).device
    total = torch.zeros(model.replicas, dtype=torch.float64)
    for x, y in zip(data.x.split(batch_size), data.y.split(batch_size), strict=True):
        prediction = model(x[None].to(device))
        targets = y[None].to(device).expand(model.replicas, *y.shape)
        total += measure(prediction, targets).double().cpu() * len(x)
    mean: Floats = (total / len(data)).numpy()
    return mean
