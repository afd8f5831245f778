"""Solving dh/dt = f(h, t) for a stack of vector fields, each with step sizes of its own."""

from anode.solve.integrate import integrate
from anode.solve.settings import Controller, Engine, Gradient, SolverSettings
from anode.solve.solution import Solution, SolveFailure, SolveStatus
from anode.solve.tableaus import METHODS, Method, Tableau

__all__ = [
    "METHODS", "Controller", "Engine", "Gradient", "Method", "Solution", "SolveFailure",
    "SolveStatus", "SolverSettings", "Tableau", "integrate",
]  # fmt: skip
