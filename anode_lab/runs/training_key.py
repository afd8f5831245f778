"""The key of a training: it changes with all that determines the training's numbers, and no more.

A training is a function, :func:`anode.training.train`, of a model, data and settings. So the key
has what goes in, to the last bit (the initial weights, the data, the settings), and the code of the
function and of this model's classes, with all that they reach. How the model and the data came
about needs no part in it: what other experiments, models and image sets are there, or what they are
called, cannot change the numbers.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from typing import Any

from torch import Tensor, nn

from anode.training import train
from anode_lab.runs.code_digest import Code
from anode_lab.runs.task import Task


def training_key(task: Task) -> str:
    """The key of a task's training, as 16 hexadecimal digits; versions and device aside.

    Raises:
        DataError: If the data are not on this machine.
    """
    training, validation = task.data()
    probe = task.probe()
    model = task.build(training[0].input_shape)
    sets = [*training, *(validation or ()), *([probe] if probe else [])]
    tensors = [*model.state_dict().values(), *(part for data in sets for part in (data.x, data.y))]
    values = {
        "code": training_code(frozenset(map(type, model.modules()))),
        "model": model.architecture,
        "seeds": model.seeds,
        "settings": asdict(task.settings),
        "sets": [len(training), len(validation or ()), probe is not None],
        "bits": _digest_tensors(tensors),
    }
    text = json.dumps(values, sort_keys=True, default=_described)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def training_code(classes: frozenset[type[nn.Module]]) -> str:
    """Digest of the code that trains a model of some classes."""
    return Code().digest(train, *classes)


def _digest_tensors(tensors: Iterable[Tensor]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.numpy().tobytes())
    return digest.hexdigest()


def _described(value: Any) -> str:
    """A value of a configuration as text: an enum's member, a frozen dataclass, a shape."""
    return repr(value)
