"""What a training tells while it runs: lines of a log, at growing intervals."""

import logging
import time

import torch
from tqdm import tqdm

from anode.training.history import Recorder

LOG = logging.getLogger(__name__)

SHORTEST, LONGEST = 5.0, 300.0
"""Seconds to the first line, and between two lines of a training that takes hours."""


class ProgressLog:
    """Logs that a training begins, and how far it is when called after a step.

    Args:
        name: What is trained.
        epochs: Number of epochs of the whole training.
        done: Number of epochs in its checkpoint; None without one.
    """

    def __init__(self, name: str, epochs: int, done: float | None = None) -> None:
        self.name, self.epochs, self.wait = name, epochs, SHORTEST
        self.next = time.monotonic() + SHORTEST
        begins = "begins" if done is None else f"goes on after {how_far(done, epochs)}"
        LOG.info("%s: %s", name, begins)

    def __call__(self, recorder: Recorder) -> None:
        """Log a line if it is time for one."""
        if (now := time.monotonic()) >= self.next:
            self.wait = min(2 * self.wait, LONGEST)
            self.next = now + self.wait
            LOG.info(
                "%s: %s, %s",
                self.name,
                how_far(recorder.epochs, self.epochs),
                self._so_far(recorder),
            )

    def _so_far(self, recorder: Recorder) -> str:
        """Means of the epoch so far over the replicas that go on, and the time that is left."""
        going_on = [r for r in range(len(recorder.seeds)) if r not in recorder.failures]
        if not going_on:
            return "all seeds failed"
        steps = len(recorder.steps)
        own = recorder.steps[-((steps - 1) % recorder.steps_per_epoch + 1) :]
        loss, nfe, _ = (
            torch.stack(values)[:, going_on].double().mean() for values in zip(*own, strict=True)
        )
        left = recorder.seconds * (self.epochs / recorder.epochs - 1)
        return f"loss {loss:.3g}, {nfe:.0f} evaluations, {tqdm.format_interval(left)} left"


def how_far(done: float, epochs: int) -> str:
    """``done`` epochs in words, such as "3 of 10 epochs and 40 % of the next"."""
    percent = min(round(100 * (done % 1)), 99)
    return f"{int(done)} of {epochs} epochs" + (f" and {percent} % of the next" if percent else "")
