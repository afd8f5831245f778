"""Checks of what users give: a message names the argument, what is valid, and the value given.

NumPy's numbers are taken like Python's, and a bool is no number. Each check returns the value as
one of Python's own types, or as the enum's member, and raises a ``ValueError`` for anything else.
"""

import math
from collections.abc import Iterable
from enum import Enum
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np

Member = TypeVar("Member", bound=Enum)


def member(name: str, value: Any, kind: type[Member]) -> Member:
    """A member of an enum, which may be given by its value or its name, in capitals or not."""
    word = value.lower() if isinstance(value, str) else None
    for each in kind:
        if value is each or (word and word in (str(each.value).lower(), each.name.lower())):
            return each
    valid = ", ".join(f"{kind.__name__}.{each.name} ({each.value!r})" for each in kind)
    raise ValueError(f"{name} must be one of {valid}, got {value!r}")


def integer(name: str, value: Any, least: int = 1) -> int:
    """An integer that is ``least`` or more."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        valid = "a positive integer" if least == 1 else f"an integer, {least} or more"
        raise ValueError(f"{name} must be {valid}, got {value!r}")
    return int(value)


def number(name: str, value: Any, above: float = -math.inf, least: float = -math.inf) -> float:
    """A finite number that is greater than ``above`` and ``least`` or more."""
    real = not isinstance(value, bool) and isinstance(value, Real)
    if not (real and above < value < math.inf and value >= least):
        limit = f" above {above:g}" if above > -math.inf else ""
        limit += f", {least:g} or more" if least > -math.inf else ""
        raise ValueError(f"{name} must be a finite number{limit}, got {value!r}")
    return float(value)


def flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def check_positive(**sizes: Any) -> None:
    """Check that all sizes are positive integers."""
    for name, value in sizes.items():
        integer(name, value)


def check_seeds(seeds: Iterable[Any]) -> tuple[int, ...]:
    """The seeds, one for each replica. Two of one seed would be one network twice."""
    given = tuple(seeds) if isinstance(seeds, Iterable) else seeds
    try:
        checked = tuple(integer("seed", seed, least=0) for seed in given)
    except (TypeError, ValueError):
        checked = ()
    if not checked or len(set(checked)) < len(checked):
        raise ValueError(
            "seeds must be one or more different integers, each 0 or more (one a replica), got "
            f"{given!r}"
        )
    return checked
