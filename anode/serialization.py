"""Copies, parts and files of models: every registered model is saved, loaded and selected here."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from anode.fields import VectorField
from anode.models import Model
from anode.own_field import STACK, Own
from anode.solve import METHODS, SolverSettings, Tableau

AnyModel = TypeVar("AnyModel", bound=Model)

_FORMAT = "1"


def in_double(model: AnyModel, solver: SolverSettings | None = None) -> AnyModel:
    """A copy of a model in double precision.

    Args:
        model: The model, which stays as it is.
        solver: Settings of the copy's solver, for a model that has one; its own by default.
    """
    copy = deepcopy(model).double()
    if solver is not None:
        for part in copy.modules():
            if hasattr(part, "solver"):
                setattr(part, "solver", solver)  # noqa: B010 (torch declares no such attribute)
    return copy


def select(model: Model, replicas: int | Sequence[int]) -> Model:
    """Some replicas of a model as a model of its own, with their weights and seeds.

    Args:
        model: A stack of R replicas.
        replicas: Index of one replica, or indices of several.

    Raises:
        ValueError: If there is no such replica, or none is asked for.
    """
    chosen = [replicas] if isinstance(replicas, int | np.integer) else list(replicas)
    if not chosen or any(not 0 <= r < model.replicas for r in chosen):
        raise ValueError(f"replicas must be one or more of 0..{model.replicas - 1}, got {replicas}")
    architecture = model.architecture
    field = architecture.get("field")
    if isinstance(field, STACK):
        architecture["field"] = [field[r] for r in chosen]
    elif field is not None:
        if chosen != list(range(model.replicas)):
            raise ValueError(f"a model of {_name(field)} can only be taken whole, got {replicas}")
        return deepcopy(model)
    part = type(model)(**architecture, seeds=[model.seeds[r] for r in chosen])
    first = next(model.parameters())
    part = part.to(first.device, first.dtype)
    part.load_state_dict({name: value[chosen] for name, value in model.state_dict().items()})
    return part


def save(model: Model, path: Path | str) -> None:
    """Write the weights, the architecture and the seeds of a model to a safetensors file.

    Of a field of your own its weights and its name are written.
    """
    architecture = model.architecture
    if "field" in architecture:
        architecture["field"] = _name(architecture["field"])
    if not Path(path).parent.is_dir():
        raise FileNotFoundError(f"the folder of {path} does not exist")
    description = {
        "format": _FORMAT,
        "model": type(model).__name__,
        "architecture": to_json(architecture),
        "seeds": model.seeds,
    }
    # Copies, because a safetensors file takes no two arrays that share memory.
    tensors = {name: v.cpu().clone().contiguous() for name, v in model.state_dict().items()}
    save_file(tensors, path, metadata={"anode": json.dumps(description)})


def load(path: Path | str, device: str = "cpu", *, field: VectorField | Own | None = None) -> Model:
    """Read a model that :func:`save` wrote. Nothing is unpickled.

    Args:
        path: Path of the file.
        device: Device of the model.
        field: The field again, for a model with a field of your own; its weights are overwritten.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or not a model, or no model of its name is registered, or
            ``field`` is missing or not wanted.
    """
    try:
        with safe_open(path, framework="pt", device=device) as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        description = json.loads(metadata["anode"])
        if description["format"] != _FORMAT:
            raise ValueError(f"its format is {description['format']}, not {_FORMAT}")
        kind = Model.named(description["model"])
        own = description["architecture"].pop("field", None)
        arguments = _from_json(description["architecture"], _argument_types(kind))
        if own is not None and field is None:
            raise ValueError(f"its field is your own {own}: give it as load(path, field=...)")
        if own is None and field is not None:
            raise ValueError("its field is the package's: leave field out")
        arguments |= {} if own is None else {"field": field}
        model = kind(**arguments, seeds=description["seeds"])
        dtype = next((each.dtype for each in tensors.values() if each.is_floating_point()), None)
        model = model.to(device, dtype)
        model.load_state_dict(tensors)
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be read as a model of anode.save: {error}") from error
    return model


def _name(field: Any) -> str | None:
    """Name of the class of a field of one's own, or of those of a stack."""
    if field is None:
        return None
    return _name(field[0]) if isinstance(field, STACK) else type(field).__name__


def to_json(value: Any) -> Any:
    """A value as JSON: an enum by its value, a method by its name, a dataclass as a mapping.

    Raises:
        TypeError: If there is no JSON for it.
    """
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Tableau) and METHODS.get(value.name) == value:
        return value.name
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_json(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): to_json(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"an option of a model must be one that JSON can hold, got {value!r}")


def _argument_types(kind: type[Model]) -> dict[str, Any]:
    """Annotations of a model's arguments, those that it passes on to its bases included."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if "__init__" in vars(base) and issubclass(base, Model):
            found |= get_type_hints(vars(base)["__init__"])
    return found


def _from_json(values: Mapping[str, Any], types: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of :func:`to_json` for arguments of these types."""
    return {name: _decoded(value, types.get(name)) for name, value in values.items()}


def _decoded(value: Any, kind: Any) -> Any:
    for each in (kind, *get_args(kind)):  # of `X | None` also X
        if isinstance(each, type) and value is not None:
            if issubclass(each, Enum):
                return each(value)
            if each is Tableau and isinstance(value, str):
                return METHODS[value]
            if is_dataclass(each):
                return each(**_from_json(value, get_type_hints(each)))
    return tuple(_decoded(each, None) for each in value) if isinstance(value, list) else value
