"""Solving dh/dt = f(h, t) for a stack of vector fields, each with step sizes of its own."""

from anode.solve.integrate import Solution, integrate
from anode.solve.settings import Engine, Gradient, Method, SolverSettings
from anode.solve.status import SolveFailure, SolveStatus

__all__ = [
    "Engine",
    "Gradient",
    "Method",
    "Solution",
    "SolveFailure",
    "SolveStatus",
    "SolverSettings",
    "integrate",
]
