"""Trained models taken apart, written to a file and read again."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from anode.fields import Activation
from anode.models import Model, NeuralODE, ResNet
from anode.solve import Engine, Gradient, Method, SolverSettings

_MODELS: dict[str, type[NeuralODE] | type[ResNet]] = {"NeuralODE": NeuralODE, "ResNet": ResNet}
_FORMAT = "1"


def select(model: Model, replicas: int | Sequence[int]) -> Model:
    """Some replicas of a model as a model of its own, with their weights and seeds.

    Args:
        model: a stack of R.
        replicas: index of one, or of several.

    Raises:
        ValueError: if there is no such replica, or none is asked for.
    """
    chosen = [replicas] if isinstance(replicas, int) else list(replicas)
    if not chosen or any(not 0 <= r < model.replicas for r in chosen):
        raise ValueError(f"replicas must be one or more of 0..{model.replicas - 1}, got {replicas}")
    part = _build(type(model).__name__, model.architecture, [model.seeds[r] for r in chosen])
    first = next(model.parameters())
    part = part.to(first.device, first.dtype)
    part.load_state_dict({name: value[chosen] for name, value in model.state_dict().items()})
    return part


def save(model: Model, path: Path | str) -> None:
    """Write a model's weights, architecture and seeds to a safetensors file."""
    description = {
        "format": _FORMAT,
        "model": type(model).__name__,
        "architecture": model.architecture,
        "seeds": model.seeds,
    }
    tensors = {name: v.detach().cpu().contiguous() for name, v in model.state_dict().items()}
    save_file(tensors, path, metadata={"anode": json.dumps(description, default=_plain)})


def load(path: Path | str, device: str = "cpu") -> Model:
    """Read a model that :func:`save` wrote. Nothing is unpickled.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is no model of this package, or a damaged one.
    """
    try:
        with safe_open(path, framework="pt", device=device) as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        description = json.loads(metadata["anode"])
        if description["format"] != _FORMAT:
            raise ValueError(f"its format is {description['format']}, not {_FORMAT}")
        model = _build(
            description["model"], _read(description["architecture"]), description["seeds"]
        )
        dtype = next(iter(tensors.values())).dtype
        model = model.to(device, dtype)
        model.load_state_dict(tensors)
    except FileNotFoundError:
        raise
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"{path} is not a model that anode.serialization wrote: {error}"
        ) from error
    return model


def _build(name: str, architecture: dict[str, Any], seeds: Sequence[int]) -> Model:
    return _MODELS[name](**architecture, seeds=seeds)


def _plain(value: object) -> object:
    """What JSON has no words for: an enum by its value, the solver's settings as a dict."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, SolverSettings):
        return asdict(value)
    raise TypeError(f"cannot write {value!r}")


def _read(architecture: dict[str, Any]) -> dict[str, Any]:
    """The inverse of :func:`_plain`."""
    read = dict(architecture)
    read["activation"] = Activation(read["activation"])
    if "solver" in read:
        solver = dict(read["solver"])
        solver["method"] = Method(solver["method"])
        solver["gradient"] = Gradient(solver["gradient"])
        solver["engine"] = None if solver["engine"] is None else Engine(solver["engine"])
        read["solver"] = SolverSettings(**solver)
    return read
