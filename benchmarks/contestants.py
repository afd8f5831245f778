"""Who takes part: this package, and the peers that are installed."""

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec

from benchmarks.package import PACKAGE
from benchmarks.task import Contestant

PEERS = ("torchdiffeq", "torchdyn", "torchode", "diffrax")
BASELINE = "torchdiffeq"
"""The library that the paper used; times are given as multiples of one network's of it."""


def installed() -> list[Contestant]:
    """This package first."""
    return [PACKAGE, *(peer(name) for name in PEERS if find_spec(name))]


def missing() -> list[str]:
    """The peers that are not installed."""
    return [name for name in PEERS if not find_spec(name)]


def peer(name: str) -> Contestant:
    """The contestant of one of :data:`PEERS`."""
    found: Contestant = import_module(f"benchmarks.peers.{name}").CONTESTANT
    return found


def versions() -> dict[str, str]:
    """Of the peers that are installed, and of what they compute with."""
    names = [*PEERS, "jax"]
    return {name: version(name) for name in names if find_spec(name)}
