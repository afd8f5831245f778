"""One replica of a toy field as float64 arrays, and two ways to follow its flow for a short time.

Both ways give a polynomial in the part s of the step that has passed, from 0 to 1, by its
coefficients ``c[k]`` of s^k. Its quality need not be known here:
:mod:`anode_lab.theory.enclosure.curves` bounds how far it is from a solution.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anode.arrays import Floats
from anode.fields import Activation, MLPField

TAYLOR_DEGREE = 8
"""Degree for ReLU fields, which are affine between switches: a coefficient costs one small product.
"""


@dataclass(frozen=True)
class ReplicaField:
    """The field ``f(h, t) = act(act(h W1 + t wt + b1) W2 + b2) W3 + b3`` in double precision.

    Attributes:
        w1: Weights of the first layer, shape ``(dim, hidden)``.
        wt: Its weights of the time, shape ``(hidden,)``; 0 for a field without time.
        b1: Its biases, shape ``(hidden,)``.
        w2: Weights of the second layer, shape ``(hidden, hidden)``.
        b2: Its biases, shape ``(hidden,)``.
        w3: Weights of the last layer, shape ``(hidden, dim)``.
        b3: Its biases, shape ``(dim,)``.
        activation: Activation of both hidden layers.
    """

    w1: Floats
    wt: Floats
    b1: Floats
    w2: Floats
    b2: Floats
    w3: Floats
    b3: Floats
    activation: Activation

    @classmethod
    def of(cls, field: MLPField, replica: int) -> "ReplicaField":
        """Take one of the networks of a field; single-precision weights are exact as doubles.

        Raises:
            TypeError: If ``field`` is not an MLP.
            ValueError: If there is no such replica, one of its weights is not finite, or its
                activation is neither ReLU nor softplus.
        """
        if not isinstance(field, MLPField):
            raise TypeError(f"field must be an MLPField, got {type(field).__name__}")
        if not 0 <= replica < field.replicas:
            raise ValueError(f"replica must be from 0 to {field.replicas - 1}, got {replica}")
        if field.activation is Activation.TANH:
            raise ValueError("enclosures are for ReLU and softplus, got Activation.TANH")
        w1, b1, w2, b2, w3, b3, *time = (
            weight[replica].detach().cpu().double().numpy() for weight in field.weights
        )
        wt = time[0][0] if time else np.zeros(w1.shape[1])
        network = cls(w1, wt, b1[0], w2, b2[0], w3, b3[0], field.activation)
        if not all(np.isfinite(each).all() for each in (w1, wt, b1, w2, b2, w3, b3)):
            raise ValueError(f"replica {replica} has weights that are not finite")
        return network

    @property
    def dim(self) -> int:
        """Dimension of the state."""
        return len(self.w1)

    @property
    def smooth(self) -> bool:
        """Whether the activation is softplus."""
        return self.activation is Activation.SOFTPLUS

    @cached_property
    def magnitudes(self) -> tuple[Floats, Floats, Floats]:
        """The absolute values of the three weight matrices."""
        return np.abs(self.w1), np.abs(self.w2), np.abs(self.w3)

    @cached_property
    def norms(self) -> tuple[Floats, Floats]:
        """Norms of each unit's inputs in the first layer and outputs in the last, ``(hidden,)``."""
        up = 1 + 1e-14
        return np.linalg.norm(self.w1, axis=0) * up, np.linalg.norm(self.w3, axis=1) * up

    def act(self, u: Floats) -> Floats:
        """Apply the activation."""
        value: Floats = np.logaddexp(0, u) if self.smooth else np.maximum(u, 0)
        return value

    def __call__(self, t: Floats, h: Floats) -> Floats:
        """Evaluate f(h, t) for states ``(n, dim)`` at times ``(n,)``, up to rounding."""
        first = self.act(h @ self.w1 + t[:, None] * self.wt + self.b1)
        value: Floats = self.act(first @ self.w2 + self.b2) @ self.w3 + self.b3
        return value

    def step(self, t: Floats, y: Floats, h: Floats) -> Floats:
        """Compute the coefficients of a polynomial close to the solution that starts at ``y``.

        Args:
            t: Times, shape ``(n,)``.
            y: States, shape ``(n, dim)``.
            h: Lengths of the steps, shape ``(n,)``.

        Returns:
            Shape ``(degree + 1, n, dim)``; the first coefficient is ``y``.
        """
        return self._hermite(t, y, h) if self.smooth else self._taylor(t, y, h)

    def _taylor(self, t: Floats, y: Floats, h: Floats) -> Floats:
        """Taylor coefficients of the affine field that belongs to the units' signs at the start."""
        u1 = y @ self.w1 + t[:, None] * self.wt + self.b1
        u2 = np.maximum(u1, 0) @ self.w2 + self.b2
        slope = np.maximum(u2, 0) @ self.w3 + self.b3
        on1, on2 = (u1 > 0).astype(float), (u2 > 0).astype(float)
        inputs = np.concatenate([self.w1, self.wt[None]])  # the time as one more coordinate
        # (n, dim + 1, dim): row i is the derivative by coordinate i
        jacobian = ((on1[:, None] * inputs) @ self.w2 * on2[:, None]) @ self.w3
        length = h[:, None]
        c = np.empty((TAYLOR_DEGREE + 1, *y.shape))
        c[0], c[1] = y, length * slope
        for k in range(1, TAYLOR_DEGREE):
            change = np.einsum("ni,nij->nj", c[k], jacobian[:, :-1])
            if k == 1:
                change += length * jacobian[:, -1]
            c[k + 1] = length / (k + 1) * change
        return c

    def _hermite(self, t: Floats, y: Floats, h: Floats) -> Floats:
        """The cubic with the states and slopes at both ends of a classical Runge-Kutta step."""
        length = h[:, None]
        k1 = self(t, y)
        k2 = self(t + h / 2, y + length / 2 * k1)
        k3 = self(t + h / 2, y + length / 2 * k2)
        k4 = self(t + h, y + length * k3)
        rise = length / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        start, end = length * k1, length * self(t + h, y + rise)
        return np.stack([y, start, 3 * rise - 2 * start - end, start + end - 2 * rise])
