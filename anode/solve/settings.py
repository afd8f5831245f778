"""How to solve: method, tolerances, step control, gradients, and the code that takes the steps."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from anode.arrays import Floats
from anode.checks import integer, member, number
from anode.solve.tableaus import METHODS, Method, Tableau


class Gradient(Enum):
    """The way in which gradients pass through a solve.

    DIRECT differentiates the steps that were taken. ADJOINT solves a second ODE backwards, which
    needs memory for the end state only (Chen et al. 2018); torchdiffeq does that.
    """

    DIRECT = "direct"
    ADJOINT = "adjoint"


class Engine(Enum):
    """The code that takes the steps.

    STACKED is this package's, with the steps for each replica that it would take alone:
    :mod:`anode.solve.compiled` for the toy experiments' fields on a CPU,
    :mod:`anode.solve.runge_kutta` and :mod:`anode.solve.fixed_steps` for all others. TORCHDIFFEQ is
    the library that the paper used, one replica after another.
    """

    STACKED = "stacked"
    TORCHDIFFEQ = "torchdiffeq"


@dataclass(frozen=True)
class Controller:
    """The rule that sizes a step by the error of the one before; torchdiffeq's constants.

    After an error of ``ratio`` times the tolerance the step size is multiplied by
    ``safety / ratio ** (1 / order)``, within the limits, and by no less than 1 after an accepted
    step. A subclass may choose other factors; this package's general solver takes it.

    Attributes:
        safety: Part of the step size that should just meet the tolerance.
        largest: Largest factor.
        smallest: Smallest factor, after a rejected step.

    Raises:
        ValueError: Unless ``0 < smallest < safety < 1 < largest`` are finite numbers.
    """

    safety: float = 0.9
    largest: float = 10.0
    smallest: float = 0.2

    def __post_init__(self) -> None:
        for name in ("safety", "largest", "smallest"):
            object.__setattr__(self, name, number(name, getattr(self, name)))
        if not 0 < self.smallest < self.safety < 1 < self.largest:
            raise ValueError(f"needed is 0 < smallest < safety < 1 < largest, got {self}")

    def factor(self, ratio: Floats, order: int) -> Floats:
        """The factors after errors of ``ratio (n,)`` tolerances; NaN where the error is NaN."""
        least = np.where(ratio < 1, 1.0, self.smallest)
        with np.errstate(divide="ignore"):
            factor = np.maximum(self.safety / ratio ** (1 / order), least)
        return np.minimum(factor, self.largest)


@dataclass(frozen=True)
class SolverSettings:
    """Numerical method and tolerances; the defaults are the paper's (appendix F).

    Attributes:
        method: Coefficients of the method: one of :class:`Method`, or its name, or a
            :class:`Tableau` of yours.
        rtol, atol: Relative and absolute tolerance of the adaptive methods.
        max_steps: Largest number of steps between two output times, rejected ones included.
        step_size: Step of the fixed-step methods, in units of time; None for the adaptive ones.
        gradient: Way to differentiate; a :class:`Gradient` or its name.
        engine: The code that takes the steps, an :class:`Engine` or its name; None takes
            torchdiffeq for the adjoint and this package for direct gradients.
        controller: Rule by which the adaptive methods choose their steps.

    Raises:
        ValueError: If a tolerance or ``max_steps`` is not positive and finite, a setting is none of
            its valid values, a fixed-step method has no step size or an adaptive one has one, the
            stacked engine is asked for the adjoint, or torchdiffeq for a method or a controller
            that it does not have.
    """

    method: Tableau = Method.DOPRI5
    rtol: float = 1e-3
    atol: float = 1e-3
    max_steps: int = 1000
    step_size: float | None = None
    gradient: Gradient = Gradient.DIRECT
    engine: Engine | None = None
    controller: Controller = Controller()

    def __post_init__(self) -> None:
        for name in ("rtol", "atol"):  # frozen, but being made
            object.__setattr__(self, name, number(name, getattr(self, name), above=0))
        object.__setattr__(self, "max_steps", integer("max_steps", self.max_steps))
        object.__setattr__(self, "gradient", member("gradient", self.gradient, Gradient))
        if self.engine is not None:
            object.__setattr__(self, "engine", member("engine", self.engine, Engine))
        method: Any = self.method
        if isinstance(method, str):
            method = METHODS.get(method.lower(), method)
        if not isinstance(method, Tableau):
            names = ", ".join(f"Method.{name.upper()}" for name in METHODS)
            raise ValueError(f"method must be {names} or a Tableau, got {method!r}")
        object.__setattr__(self, "method", method)
        if not isinstance(self.controller, Controller):
            raise ValueError(f"controller must be a Controller, got {self.controller!r}")
        name = self.method.name
        if self.method.adaptive and self.step_size is not None:
            fixed = [each.name for each in METHODS.values() if not each.adaptive]
            raise ValueError(
                f"step_size={self.step_size!r} given for {name}, which chooses its own steps; "
                f"leave step_size out or choose a method with steps of one size: {', '.join(fixed)}"
            )
        if not self.method.adaptive:
            needed = f"{name} takes steps of one size: step_size"
            object.__setattr__(self, "step_size", number(needed, self.step_size, above=0))
        if self.stacked:
            return
        if self.engine is Engine.STACKED:
            raise ValueError(
                "Engine.STACKED has no adjoint gradients; leave engine out or choose "
                "Engine.TORCHDIFFEQ or Gradient.DIRECT"
            )
        needed = "Gradient.ADJOINT" if self.engine is None else "Engine.TORCHDIFFEQ"
        if not self.method.torchdiffeq:
            known = [each.name for each in METHODS.values() if each.torchdiffeq]
            raise ValueError(
                f"{needed} needs a method of torchdiffeq: {', '.join(known)}; got {name}"
            )
        if type(self.controller) is not Controller:
            raise ValueError(f"{needed} needs a plain Controller, got {self.controller!r}")

    @property
    def stacked(self) -> bool:
        """Whether this package takes the steps, rather than torchdiffeq."""
        return self.gradient is Gradient.DIRECT and self.engine is not Engine.TORCHDIFFEQ
