"""Images: every way to take a training step side by side, and the limit in the same rounds."""

from dataclasses import replace
from functools import partial

import torch

from benchmarks.checks import Check, Checker
from benchmarks.images.limit import Convolutions
from benchmarks.images.task import TASKS, ImageTask
from benchmarks.images.ways import WAYS, plain
from benchmarks.rounds import Measured, Timed, interleave
from benchmarks.task import Contestant

CHECK_STEPS, CHECK_BATCH, CHECK_DIGITS = 4, 16, 4
"""What is trained to see if all do the same.

Few steps, since the smallest difference grows in training; few digits, so that the loss falls in
them.
"""


def measure(
    name: str, rounds: int, steps: int, check: bool
) -> tuple[list[Measured], Convolutions, list[Check]]:
    """Times, limit and checks of the task of this name, on the threads that there are.

    Args:
        rounds: that count.
        steps: training steps of a round.
        check: whether to look if everyone does the same, which need not be done twice.
    """
    task = replace(TASKS[name], steps=steps)
    limit = Convolutions.of(task)
    timed = interleave(task, WAYS, rounds, [partial(limit.measure, task)])
    table = [_measured(way, task, timed[way.name]) for way in WAYS]
    checks = (
        _checks(replace(task, steps=CHECK_STEPS, batch=CHECK_BATCH, digits=CHECK_DIGITS))
        if check
        else []
    )
    return table, limit, checks


def _measured(way: Contestant, task: ImageTask, timed: Timed) -> Measured:
    record = timed.record
    return Measured(
        way.name,
        way.how,
        task.name,
        task.networks,
        task.batch,
        torch.get_num_threads(),
        step=timed.step,
        nfe=float(record.nfe.mean()),
        backward_nfe=0.0 if record.backward_nfe is None else float(record.backward_nfe.mean()),
        ready=timed.ready,
    )


def _checks(task: ImageTask) -> list[Check]:
    checker = Checker(task.name, task, plain(task).run(), plain)
    return [checker.check(way, way.prepare(task).run()) for way in WAYS]
