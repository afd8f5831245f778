"""Runge-Kutta methods as data: a solver is a :class:`Tableau`, and adding one adds it here.

A step of length dt from h evaluates the field at its start, which gives the first slope, and at one
state after another, which gives the others:

    k_0 = f(h, t),  k_i = f(h + dt sum_{j<i} a_ij k_j, t + c_i dt),  h_end = h + dt sum_j b_j k_j.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anode.arrays import Floats


@dataclass(frozen=True)
class Tableau:
    """The coefficients of an explicit Runge-Kutta method of s + 1 slopes.

    A method with ``error`` weights adapts its steps. As in torchdiffeq, each step starts with the
    last slope of the step before, so its last stage should be the solution. A method without them
    takes steps of one size.

    Attributes:
        name: Name in messages and in saved models.
        order: Order of the solution; the step size follows the error to the power 1 / order.
        nodes: Times c of the slopes after the first, as parts of the step; s numbers.
        stages: Weights a of the slopes before each of them; rows of 1, 2, ..., s numbers.
        solution: Weights b of the slopes in the state at the end of the step; s + 1 numbers. None
            if they are those of the last stage ("first same as last").
        error: Weights of the slopes in the estimated error, the solution's minus those of the
            embedded method; s + 1 numbers. None for steps of one size.
        midpoint: Weights of the slopes in the state at the middle of the step, s + 1 numbers, from
            which output times within a step are interpolated. None takes the cubic through the
            values and slopes at both ends.
        torchdiffeq: Whether torchdiffeq has the method, under the same name.
        reference: Source of the coefficients.

    Raises:
        ValueError: If there are too few or too many coefficients, a row of ``stages`` does not sum
            to its node, ``solution`` not to 1, ``error`` not to 0 or ``midpoint`` not to 1/2.
    """

    name: str
    order: int
    nodes: tuple[float, ...]
    stages: tuple[tuple[float, ...], ...]
    solution: tuple[float, ...] | None = None
    error: tuple[float, ...] | None = None
    midpoint: tuple[float, ...] | None = None
    torchdiffeq: bool = False
    reference: str = ""

    def __post_init__(self) -> None:
        if len(self.stages) != len(self.nodes):
            raise ValueError(
                f"{self.name}: stages must have one row for each of the {len(self.nodes)} nodes, "
                f"got {len(self.stages)}"
            )
        rows = [
            (f"stages[{i}]", row, i + 1, node)
            for i, (row, node) in enumerate(zip(self.stages, self.nodes, strict=True))
        ]
        for name, total in (("solution", 1.0), ("error", 0.0), ("midpoint", 0.5)):
            if getattr(self, name) is not None:
                rows.append((name, getattr(self, name), len(self.nodes) + 1, total))
        for name, row, count, total in rows:
            if len(row) != count or not abs(sum(row) - total) <= 1e-9:  # a NaN is not
                raise ValueError(
                    f"{self.name}: {name} must be {count} numbers with the sum {total}, got {row}"
                )

    @property
    def adaptive(self) -> bool:
        """Whether the step size follows an error estimate."""
        return self.error is not None

    @property
    def first_same_as_last(self) -> bool:
        """Whether the last slope is the slope at the end of the step."""
        return self.solution is None

    @cached_property
    def matrix(self) -> Floats:
        """Rows of weights: each stage's, the solution's and the error's; ``(s + 2, s + 1)``."""
        rows = [*self.stages, self.solution or self.stages[-1], self.error or ()]
        return np.array([[*row, *[0.0] * (len(self.nodes) + 1 - len(row))] for row in rows])

    @cached_property
    def interpolation(self) -> Floats:
        """The part of x^i in the slopes' weights at x = (t - t_start) / dt; ``(4, s + 1)``.

        The rows are i = 1, ..., 4 of the quartic through the values and slopes at both ends and the
        value at the middle: h(x) = h(0) + dt sum_j w_j(x) k_j.
        """
        end = self.matrix[-2]
        first, last = np.eye(len(end))[[0, -1]]
        middle = end / 2 + (first - last) / 8 if self.midpoint is None else np.array(self.midpoint)
        return np.stack(
            [
                first,
                last - 4 * first - 5 * end + 16 * middle,
                5 * first - 3 * last + 14 * end - 32 * middle,
                2 * (last - first) - 8 * end + 16 * middle,
            ]
        )


class Method:
    """The methods of this package, by name. Any other :class:`Tableau` can be used as they are.

    Steps of one size are interpolated linearly.
    """

    EULER = Tableau("euler", 1, (), (), (1.0,), torchdiffeq=True, reference="Euler's method")

    RK4 = Tableau(
        "rk4", 4, (1 / 3, 2 / 3, 1.0), ((1 / 3,), (-1 / 3, 1.0), (1.0, -1.0, 1.0)),
        solution=(1 / 8, 3 / 8, 3 / 8, 1 / 8),
        torchdiffeq=True,
        reference="Kutta (1901), the 3/8 rule",
    )  # fmt: skip

    # torchdiffeq takes h(1/2) = h + dt/2 k_1, which is of first order: the last step passes the end
    # and the state interpolated there may be a hundred tolerances off. The cubic has third order.
    BOSH3 = Tableau(
        "bosh3", 3, (1 / 2, 3 / 4, 1.0), ((1 / 2,), (0.0, 3 / 4), (2 / 9, 1 / 3, 4 / 9)),
        error=(2 / 9 - 7 / 24, 1 / 3 - 1 / 4, 4 / 9 - 1 / 3, -1 / 8),
        torchdiffeq=True,
        reference="Bogacki and Shampine (1989)",
    )  # fmt: skip

    DOPRI5 = Tableau(
        "dopri5", 5, (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0),
        stages=(
            (1 / 5,),
            (3 / 40, 9 / 40),
            (44 / 45, -56 / 15, 32 / 9),
            (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
            (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
            (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
        ),
        error=(35 / 384 - 1951 / 21600, 0.0, 500 / 1113 - 22642 / 50085, 125 / 192 - 451 / 720,
               -2187 / 6784 + 12231 / 42400, 11 / 84 - 649 / 6300, -1 / 60),
        midpoint=(6025192743 / 30085553152 / 2, 0.0, 51252292925 / 65400821598 / 2,
                  -2691868925 / 45128329728 / 2, 187940372067 / 1594534317056 / 2,
                  -1776094331 / 19743644256 / 2, 11237099 / 235043384 / 2),
        torchdiffeq=True,
        reference="Dormand and Prince (1980); the midpoint is from Shampine (1986)",
    )  # fmt: skip

    TSIT5 = Tableau(
        "tsit5", 5, (0.161, 0.327, 0.9, 0.9800255409045097, 1.0, 1.0),
        stages=(
            (0.161,),
            (-0.008480655492356989, 0.335480655492357),
            (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
            (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
            (5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401,
             -0.028269050394068383),
            (0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081,
             2.324710524099774),
        ),
        error=(-0.00178001105222577714, -0.0008164344596567469, 0.007880878010261995,
               -0.1447110071732629, 0.5823571654525552, -0.45808210592918697, 1 / 66),
        midpoint=(0.10741235230096871, 0.01135625, 0.39560903056045305, -0.34475214352593553,
                  1.3161853649581645, -1.0170608542936508, 0.03125),
        reference="Tsitouras (2011); the midpoint is that of its interpolant",
    )  # fmt: skip


METHODS = {each.name: each for each in vars(Method).values() if isinstance(each, Tableau)}
"""The methods of :class:`Method` by their own names."""
