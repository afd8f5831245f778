"""Checkpoints: the state of a training after a step, in one file, from which it can resume.

The file has the safetensors format, with JSON in its header; nothing is pickled. It is replaced as
a whole, so that an interruption leaves the new checkpoint or the one before.
"""

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from anode.atomic_write import write_whole

SUFFIX = ".checkpoint"

State = tuple[Mapping[str, Any], Mapping[str, Tensor]]
"""State of a training after a step: the part that JSON can hold, and the rest by name."""


@dataclass(frozen=True)
class Checkpoint:
    """The file to which a training writes its checkpoints, and from which it resumes.

    Attributes:
        path: Path of the file; its folder must exist.
        key: Text that identifies the training and its code; a file with another key is not used.
        seconds: Least time between two checkpoints; 0 for one after every step.
    """

    path: Path
    key: str
    seconds: float = 30.0

    def read(self) -> State | None:
        """State of the training; None if there is no checkpoint that can be used.

        A file that cannot be used is left where it is, and a warning says why.
        """
        if not self.path.is_file():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                head = json.loads((file.metadata() or {})["anode"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if head.pop("digest") != _digest(head, arrays):
                raise ValueError("its content has changed since it was written")
            if head["key"] != self.key:
                raise ValueError("it is of another training, or of other code or libraries")
            return head["plain"], arrays
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            warnings.warn(
                f"the checkpoint {self.path} cannot be used, so the training starts anew: {error}",
                stacklevel=2,
            )
            return None

    def write(self, plain: Mapping[str, Any], arrays: Mapping[str, Tensor]) -> None:
        """Replace the file. If that fails, a warning says so and the training continues."""
        head = {"key": self.key, "plain": dict(plain)}
        # Copies, because a safetensors file takes no two arrays that share memory.
        arrays = {name: torch.clone(x.cpu()).contiguous() for name, x in arrays.items()}
        head["digest"] = _digest(head, arrays)
        try:
            write_whole(self.path, save(arrays, metadata={"anode": json.dumps(head)}))
        except OSError as error:
            reason = error.strerror or error
            warnings.warn(f"no checkpoint could be written, {self.path}: {reason}", stacklevel=2)


def _digest(head: Mapping[str, Any], arrays: Mapping[str, Tensor]) -> str:
    """Digest of all that a checkpoint has except the digest itself."""
    content = json.dumps(head, sort_keys=True).encode() + save(dict(arrays))
    return hashlib.sha256(content).hexdigest()
