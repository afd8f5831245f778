"""The parameters that a chapter is executed with, checked before anything runs."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import torch

from anode_lab.experiments import PROFILES
from anode_lab.runs.machine import CPU, cores, devices, processor

MOST_SEED = 2**31 - 1
"""Largest seed, which every random generator takes."""


def is_seed(value: object) -> bool:
    """Return whether a value is an integer from 0 to `MOST_SEED`."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_SEED


class ParameterError(ValueError):
    """A parameter is unknown or has a value that it cannot have; the message names valid ones."""


@dataclass(frozen=True)
class Parameters:
    """What papermill injects into every chapter.

    Attributes:
        profile: Name of a profile: how much of the experiments is run.
        seed: First seed of the experiments, from 0 to `MOST_SEED`.
        device: "cpu", "cuda" or "cuda:N". Only who executes chapters needs it; a site is also
            assembled elsewhere.

    Raises:
        ParameterError: If a value is not valid.
    """

    profile: str = "laptop"
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ParameterError(
                f"profile {self.profile!r} is unknown; valid profiles: {', '.join(PROFILES)}"
            )
        if not is_seed(self.seed):
            raise ParameterError(
                f"seed must be an integer from 0 to {MOST_SEED}, not {self.seed!r}"
            )
        if not re.fullmatch(r"cpu|cuda(:\d+)?", self.device, re.ASCII):
            raise ParameterError(
                f"device {self.device!r} is unknown; valid devices: cpu, cuda, cuda:N"
            )

    def check_device(self) -> None:
        """Refuse a device that this machine does not have.

        Raises:
            ParameterError: If it is not here.
        """
        if self.device not in (valid := devices()):
            raise ParameterError(
                f"device {self.device!r} is not on this machine; valid devices: " + ", ".join(valid)
            )

    def as_dict(self) -> dict[str, str | int]:
        """Name to value, as papermill takes them."""
        return asdict(self)


NAMES = tuple(Parameters.__dataclass_fields__)


def parse(pairs: Iterable[str]) -> Parameters:
    """Read parameters from texts like ``seed=3``; those that are not named keep their defaults.

    Raises:
        ParameterError: If a text is no ``name=value``, a name or a value is not valid, or a name is
            there twice.
    """
    values: dict[str, str | int] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ParameterError(f"{pair!r} is no parameter: write NAME=VALUE")
        if name not in NAMES:
            raise ParameterError(
                f"parameter {name!r} is unknown; valid parameters: {', '.join(NAMES)}"
            )
        if name in values:
            raise ParameterError(f"parameter {name!r} is given twice")
        values[name] = _integer(value) if name == "seed" else value
    return Parameters(**values)  # type: ignore[arg-type]


def _integer(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def device_name(device: str) -> str:
    """The device in words, for the record of a run."""
    if device != CPU:
        return torch.cuda.get_device_name(device)
    return f"{processor()}, {cores()} cores"
