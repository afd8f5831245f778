"""One training loop for all models: R replicas at once, each as if it were alone."""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from anode.arrays import Floats
from anode.data import Data
from anode.models import Model
from anode.solve import SolveFailure
from anode.training.batches import Batches
from anode.training.checkpoint import Checkpoint, State
from anode.training.evaluation import average, features_of, stop
from anode.training.history import History, Phase, TrainingFailure
from anode.training.optimizer import StackedAdam
from anode.training.settings import TrainingSettings


@torch.enable_grad()
def train(
    model: Model,
    data: Data | Sequence[Data],
    settings: TrainingSettings | None = None,
    *,
    validation: Data | Sequence[Data] | None = None,
    snapshot_x: Tensor | None = None,
    checkpoint: Checkpoint | None = None,
    after_epoch: Callable[[int], None] | None = None,
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
        validation: data whose loss is computed after each epoch; one set for all, or one of equal
            size for each.
        snapshot_x: inputs ``(n, *input_shape)`` whose features are kept at ``snapshot_epochs``.
        checkpoint: where the training leaves checkpoints, and goes on from one: to the same bits,
            on one machine, as without. Whoever gives it deletes the last one.
        after_epoch: called with the number of each epoch that has ended, and with 0 before the
            first, to look at the weights.
        progress: show a progress bar.

    Raises:
        ValueError: if the number or size of data sets or the number of learning rates or weight
            decays does not fit, or there is a snapshot epoch but no ``snapshot_x``.
    """
    settings = settings or TrainingSettings()
    if settings.snapshot_epochs and snapshot_x is None:
        raise ValueError("snapshot_epochs needs snapshot_x: inputs (n, *input_shape)")
    device = next(model.parameters()).device
    batches = Batches(model.seeds, data, settings.batch_size, device)
    trainer = _Trainer(model, settings)
    snapshots: dict[int, Floats] = {}
    validation_losses: list[Floats] = []
    seconds, first = 0.0, 1

    def observe(epoch: int) -> None:
        stopped = tuple(trainer.failures)
        if snapshot_x is not None and epoch in settings.snapshot_epochs:
            snapshots[epoch] = features_of(model, snapshot_x.to(device), stopped)
        if validation is not None and epoch > 0:
            validation_losses.append(average(model, validation, settings.loss, stopped=stopped))
        if after_epoch is not None:
            after_epoch(epoch)

    found = checkpoint.read() if checkpoint else None
    if found is None:
        observe(0)
    else:
        seconds, first = found.plain["seconds"], found.epoch + 1
        trainer.restore(found)
        batches.restore(found.arrays["orders"])
        validation_losses, snapshots = _observed(found)
    written, epochs = time.monotonic(), range(first, settings.epochs + 1)
    for epoch in tqdm(
        epochs, unit="epoch", initial=first - 1, total=settings.epochs, disable=not progress
    ):
        start = time.perf_counter()
        for x, y in islice(batches.epoch(), settings.batches):
            trainer.step(x, y, epoch)
        seconds += time.perf_counter() - start
        observe(epoch)
        if checkpoint and time.monotonic() - written >= checkpoint.seconds:
            arrays = {"orders": batches.state(), **_observations(validation_losses, snapshots)}
            checkpoint.write(trainer.state(epoch, seconds, arrays))
            written = time.monotonic()
    trainer.optimizer.release()
    return trainer.history(
        steps_per_epoch=min(batches.per_epoch, settings.batches or batches.per_epoch),
        validation_loss=np.stack(validation_losses, axis=1) if validation_losses else None,
        snapshots=snapshots,
        seconds=seconds,
    )


class _Trainer:
    """Takes steps, keeps the record, and holds failed replicas still."""

    SERIES = ("losses", "nfe", "backward_nfe")
    """What is kept of each step."""

    def __init__(self, model: Model, settings: TrainingSettings) -> None:
        self.model = model
        self.settings = settings
        self.device = next(model.parameters()).device
        self.optimizer = StackedAdam(
            list(model.parameters()), *settings.per_replica(model.replicas)
        )
        self.failures: dict[int, TrainingFailure] = {}
        self.losses: list[Tensor] = []
        self.nfe: list[Tensor] = []
        self.backward_nfe: list[Tensor] = []

    def step(self, x: Tensor, y: Tensor, epoch: int) -> None:
        """One update of every replica that has not failed."""
        self.optimizer.zero_grad()
        output = self.model.run(stop(x, tuple(self.failures)))
        losses = self.settings.loss(output.prediction, y)
        self.losses.append(losses.detach())
        self.nfe.append(output.nfe)
        self._fail(epoch, "forward", output.failures)
        self._fail(epoch, "forward", _not_finite(losses[:, None], "loss"))
        if losses.requires_grad:  # unless every replica failed in a model without a head
            losses.sum().backward()
        self._fail(epoch, "backward", output.backward_failures())
        self._fail(epoch, "backward", _not_finite(self.optimizer.gather(), "gradient"))
        self.backward_nfe.append(output.backward_nfe())
        if self.failures:
            self.optimizer.hold(tuple(self.failures))
        self.optimizer.step()

    def _fail(self, epoch: int, phase: Phase, causes: Mapping[int, SolveFailure | str]) -> None:
        """Stop replicas in the step under way, with the first cause of each."""
        iteration = len(self.losses)
        for replica, cause in causes.items():
            if replica not in self.failures:
                seed = self.model.seeds[replica]
                self.failures[replica] = TrainingFailure(seed, epoch, iteration, phase, cause)

    def state(self, epoch: int, seconds: float, others: Mapping[str, Tensor]) -> State:
        """Where the training stands, with what others have to say of it."""
        plain = {
            "seconds": seconds,
            "steps": self.optimizer.steps,
            "failures": {str(r): failure.as_dict() for r, failure in self.failures.items()},
        }
        series = {name: torch.stack(getattr(self, name), dim=1) for name in self.SERIES}
        return State(epoch, plain, {**self.optimizer.state(), **series, **others})

    def restore(self, state: State) -> None:
        """Go on from there."""
        self.optimizer.restore(state.arrays, state.plain["steps"])
        for name in self.SERIES:
            getattr(self, name)[:] = state.arrays[name].to(self.device).unbind(dim=1)
        self.failures |= {
            int(r): TrainingFailure.from_dict(each) for r, each in state.plain["failures"].items()
        }

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


def _observations(validation: list[Floats], snapshots: Mapping[int, Floats]) -> dict[str, Tensor]:
    """What was observed between the epochs, for a checkpoint."""
    found = {f"snapshot/{epoch}": values for epoch, values in snapshots.items()}
    if validation:
        found["validation"] = np.stack(validation, axis=1)
    return {name: torch.from_numpy(values) for name, values in found.items()}


def _observed(state: State) -> tuple[list[Floats], dict[int, Floats]]:
    """The inverse of :func:`_observations`."""
    kept = state.arrays
    validation = list(kept["validation"].numpy().T) if "validation" in kept else []
    names = [name for name in kept if name.startswith("snapshot/")]
    return validation, {int(name.partition("/")[2]): kept[name].numpy() for name in names}


def _not_finite(values: Tensor, what: str) -> dict[int, str]:
    """The replicas with an entry that is not finite, of ``values (R, n)``, each with a text."""
    # The sum is not finite if an entry is not, and takes a fifth of the time of a look at each.
    bad = ~torch.isfinite(values.sum(1))
    return dict.fromkeys(bad.nonzero().flatten().tolist(), f"non-finite {what}")
