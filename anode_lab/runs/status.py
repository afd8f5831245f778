"""What a task's record is found by, where its checkpoint is, and how far it is."""

import json
from enum import Enum
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from anode.training import Checkpoint
from anode.training.checkpoint import SUFFIX
from anode_lab.runs.provenance import made_with, versions
from anode_lab.runs.store import DamagedError, Store
from anode_lab.runs.task import Task
from anode_lab.runs.training_key import training_key


class Stage(Enum):
    """How far a task is; a stopped one has a checkpoint to go on from."""

    RECORDED = "recorded"
    DAMAGED = "damaged"
    RUNNING = "running"
    STOPPED = "stopped"
    MISSING = "missing"


def key_of(task: Task, device: str) -> dict[str, Any]:
    """What the task's record is found by.

    The record of a recorded experiment is found whatever the device, the code and the libraries are
    now, because it is to outlive them; its provenance says what they were. That of any other is
    only found if they are the same.
    """
    if task.experiment.recorded:
        return task.identity
    return {
        **task.identity,
        "device": device,
        "key": training_key(task),
        "versions": versions(),
    }


def checkpoint_of(task: Task, store: Store, device: str, seconds: float = 30.0) -> Checkpoint:
    """The task's checkpoint, beside its record. It serves the same code and device only.

    Args:
        task: Task that is trained.
        store: Store of its record.
        device: Device to train on.
        seconds: Least time between two checkpoints.
    """
    path = store.path(key_of(task, device)).with_suffix(SUFFIX)
    key = json.dumps([task.identity, device, made_with()], sort_keys=True)
    return Checkpoint(path, key, seconds)


def stage(task: Task, store: Store, device: str = "cpu") -> Stage:
    """How far a task is, whichever process is at it.

    Raises:
        StoreError: If the store cannot be read.
    """
    key = key_of(task, device)
    try:
        if store.read(key) is not None:
            return Stage.RECORDED
    except DamagedError:
        return Stage.DAMAGED
    if store.is_held(key):
        return Stage.RUNNING
    return Stage.MISSING if epochs_done(task, store, device) is None else Stage.STOPPED


def epochs_done(task: Task, store: Store, device: str = "cpu") -> float | None:
    """Number of epochs in the task's checkpoint, with the share of the next; None without one."""
    return epochs_of(checkpoint_of(task, store, device).path)


def missing(tasks: list[Task], store: Store, device: str = "cpu") -> list[Task]:
    """The tasks that have no sound record."""
    return [task for task in tasks if stage(task, store, device) is not Stage.RECORDED]


def epochs_of(path: Path) -> float | None:
    """Number of epochs in the checkpoint at ``path``; None if there is no valid one."""
    try:
        with safe_open(path, framework="pt") as file:
            return float(json.loads((file.metadata() or {})["anode"])["plain"]["epochs"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return None
