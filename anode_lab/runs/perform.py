"""Performs a task: trains it, from its last checkpoint if there is one, and keeps the result."""

import json
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from anode.training import Checkpoint, accuracy
from anode.training.checkpoint import SUFFIX
from anode_lab.runs.machine import devices
from anode_lab.runs.provenance import Provenance, numerics, versions
from anode_lab.runs.store import DamagedError, Identity, Record, Store, StoreError
from anode_lab.runs.task import Task
from anode_lab.runs.training_key import training_key


def identity_in(store: Store, task: Task, device: str) -> Identity:
    """The task's in that store: a lasting one keeps what any device and any code gave."""
    if store.lasting:
        return task.identity
    return task.identity | {"device": device, "key": training_key(task)}


def checkpoint_in(store: Store, task: Task, device: str, seconds: float = 30.0) -> Checkpoint:
    """Where the task's checkpoint is, beside its record. It fits this code and device only."""
    path = store.path(identity_in(store, task, device)).with_suffix(SUFFIX)
    key = json.dumps([task.identity, device, numerics(), versions()], sort_keys=True)
    return Checkpoint(path, key, seconds)


def compute(
    task: Task,
    device: str = "cpu",
    *,
    checkpoint: Checkpoint | None = None,
    progress: bool = False,
) -> Record:
    """Train, and measure what is kept with the training.

    Raises:
        DataError: if the data are not on this machine.
        OutOfMemoryError: if the device's memory is too small.
    """
    started = datetime.now(UTC)
    model, history = task.train(device, checkpoint=checkpoint, progress=progress)
    training, validation = task.data()
    about: dict[str, Any] = {
        "profile": task.profile.value,
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


def perform(task: Task, store: Store, device: str = "cpu", *, progress: bool = False) -> Record:
    """The task's record: read if it is there, else trained and written.

    A damaged record is set aside, with a warning. A record that cannot be written is not lost: it
    is returned all the same, with a warning.

    Raises:
        StoreError: if something is to be trained and the store's folder cannot be written in.
        DataError: if the data are not on this machine.
        OutOfMemoryError: if the device's memory is too small.
    """
    identity = identity_in(store, task, device)
    try:
        if found := store.read(identity):  # needs no lock, nor a folder to write in
            return found
    except DamagedError:
        pass  # looked at again with the lock: it may be under repair
    with store.locked(identity):
        if found := sound(store, identity):  # by another process, while this one waited
            return found
        checkpoint = checkpoint_in(store, task, device)
        record = compute(task, device, checkpoint=checkpoint, progress=progress)
        try:
            store.save(identity, record)
            checkpoint.path.unlink(missing_ok=True)
        except StoreError as error:  # what took long to train is not thrown away
            warnings.warn(f"{task} was trained, but {error}", stacklevel=3)
    return record


def sound(store: Store, identity: Identity) -> Record | None:
    """The record; a damaged one is set aside, with a warning. Whoever calls holds its lock.

    Raises:
        StoreError: if it cannot be read, or not set aside.
    """
    try:
        return store.read(identity)
    except DamagedError as error:
        aside = store.set_aside(identity)
        warnings.warn(f"{error}. It is set aside as {aside.name} and made again", stacklevel=3)
        return None


def check_device(device: str) -> str:
    """``device`` if this machine has it.

    Raises:
        ValueError: if it is no CPU or CUDA device, or not here.
    """
    if device not in (available := devices()):
        raise ValueError(f"device must be one of {', '.join(available)} here, got {device!r}")
    return device
