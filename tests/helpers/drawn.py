"""What the tests of the book's statements draw: numbers, points, functions and homeomorphisms."""

import re

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from anode.arrays import Floats
from publishing.project import HOME

SEEDS = st.integers(0, 10_000)
DIMS = st.integers(1, 4)
ROUNDING = 1e-9
few, many = settings(max_examples=15), settings(max_examples=40)


def closed(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers of an interval, its ends often among them."""
    return st.one_of(st.sampled_from([low, high]), st.floats(low, high))


def cell(chapter: str, name: str, **names: object) -> dict[str, object]:
    """The names that a chapter's cell with the function ``name`` defines."""
    cells = re.findall(
        r"```\{code-cell\}[^\n]*\n(.*?)```", (HOME / f"book/{chapter}.md").read_text("utf8"), re.S
    )
    (source,) = [each for each in cells if f"def {name}(" in each]
    found: dict[str, object] = {"np": np} | names
    exec(source, found)
    return found


def ball(rng: np.random.Generator, n: int, dim: int, low: float, high: float) -> Floats:
    """Points of a shell, n of them, both of its spheres included."""
    x = rng.normal(size=(n, dim))
    radius = rng.choice([low, high, *rng.uniform(low, high, 5)], size=(n, 1))
    return x / np.linalg.norm(x, axis=1, keepdims=True) * radius


def clamped_walk(rng: np.random.Generator, n: int) -> Floats:
    """Values at n places of distance 1 of a function with constant 1, slopes of 1 among them."""
    return np.concatenate([[0.0], rng.choice([-1.0, 1.0, rng.uniform(-1, 1)], n - 1)]).cumsum()


def homeomorphism(rng: np.random.Generator, dim: int):
    """A map of the space onto itself that is no more than continuous, and its inverse."""
    w, a = rng.normal(size=(dim, dim)), float(rng.uniform(-1, 0.9))
    while abs(np.linalg.det(w)) < 0.1:
        w = rng.normal(size=(dim, dim))
    axis, other = rng.permutation(dim)[:2] if dim > 1 else (0, 0)

    def there(x: Floats) -> Floats:
        y = x @ w
        y[..., axis] += abs(y[..., other]) if dim > 1 else a * abs(y[..., 0])
        return y

    def back(y: Floats) -> Floats:
        y = y.copy()
        if dim > 1:
            y[..., axis] -= abs(y[..., other])
        else:
            y[..., 0] = np.where(y[..., 0] > 0, y[..., 0] / (1 + a), y[..., 0] / (1 - a))
        return y @ np.linalg.inv(w)

    return there, back
