"""How to solve: numerical method, tolerances, gradients, and whose code takes the steps."""

from dataclasses import dataclass, replace
from enum import Enum


class Method(Enum):
    """The numerical method. Dormand-Prince adapts its steps; the others take steps of one size.

    Between their steps the latter are interpolated linearly.
    """

    DOPRI5 = "dopri5"
    EULER = "euler"
    RK4 = "rk4"

    @property
    def adaptive(self) -> bool:
        """Whether the step size follows an error estimate."""
        return self is Method.DOPRI5


class Gradient(Enum):
    """How gradients pass through a solve.

    DIRECT differentiates the steps that were taken. ADJOINT solves a second ODE backwards, which
    needs memory for the end state only (Chen et al. 2018).
    """

    DIRECT = "direct"
    ADJOINT = "adjoint"


class Engine(Enum):
    """Whose code takes the steps.

    STACKED is this package's, with the steps for each replica that it would take alone:
    :mod:`anode.solve.compiled` for the toy experiments' fields on a CPU, :mod:`anode.solve.dopri5`
    for all others. TORCHDIFFEQ is the library that the paper used, one replica after another.
    """

    STACKED = "stacked"
    TORCHDIFFEQ = "torchdiffeq"


@dataclass(frozen=True)
class SolverSettings:
    """Numerical method and tolerances; the defaults are the paper's (appendix F).

    Attributes:
        rtol, atol: relative and absolute tolerance of the adaptive method.
        max_steps: most steps, taken or rejected, between two output times.
        step_size: step of the fixed-step methods, in units of time; None for the adaptive one.
        gradient: how to differentiate.
        engine: whose code takes the steps; None is the stacked one for dopri5 with direct
            gradients, which is all that it does, and torchdiffeq for the rest.

    Raises:
        ValueError: on tolerances or steps that are not positive, on a fixed-step method without a
            step size, on a step size for the adaptive method, and on the stacked engine for a
            method or a gradient that it does not have.
    """

    method: Method = Method.DOPRI5
    rtol: float = 1e-3
    atol: float = 1e-3
    max_steps: int = 1000
    step_size: float | None = None
    gradient: Gradient = Gradient.DIRECT
    engine: Engine | None = None

    def __post_init__(self) -> None:
        for name in ("rtol", "atol", "max_steps"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)!r}")
        method = self.method.value
        if self.method.adaptive and self.step_size is not None:
            raise ValueError(
                f"step_size={self.step_size!r} given for {method}, which chooses its own steps; "
                "leave step_size out or choose Method.EULER or Method.RK4"
            )
        if not self.method.adaptive and not (self.step_size or 0) > 0:
            raise ValueError(
                f"{method} takes steps of one size: step_size must be a positive number, got "
                f"{self.step_size!r}"
            )
        if self.engine is Engine.STACKED and not self._stackable:
            raise ValueError(
                f"Engine.STACKED is dopri5 with direct gradients, got {method} with "
                f"{self.gradient.value} gradients; leave engine out or choose Engine.TORCHDIFFEQ"
            )

    @property
    def stacked(self) -> bool:
        """Whether this package solves, and not torchdiffeq."""
        return self._stackable and self.engine is not Engine.TORCHDIFFEQ

    @property
    def _stackable(self) -> bool:
        return self.method is Method.DOPRI5 and self.gradient is Gradient.DIRECT

    def with_gradient(self, gradient: Gradient) -> "SolverSettings":
        """The same settings with another way to differentiate."""
        return replace(self, gradient=gradient)
