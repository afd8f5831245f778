"""Arithmetic of points and planes in rational numbers, of which every float is one."""

import math
from fractions import Fraction

import numpy as np

from anode.arrays import Floats

Rationals = tuple[Fraction, ...]


_LEAST = 1e-323  # twice the least float: what a number that underflows may lose


def exact(point: Floats) -> Rationals:
    """Convert floats to rational numbers without a change."""
    return tuple(Fraction(float(each)) for each in point)


def dot(first: Rationals, second: Rationals) -> Fraction:
    """Scalar product of two vectors."""
    return sum((x * y for x, y in zip(first, second, strict=True)), Fraction(0))


def square_norm(vector: Rationals) -> Fraction:
    """Square of a vector's length."""
    return dot(vector, vector)


def root_below(square: Fraction) -> float:
    """Square root, rounded down."""
    if square <= 0:
        return 0.0
    half = (square.numerator.bit_length() - square.denominator.bit_length()) // 2
    scaled = square / Fraction(4) ** half  # near 1: no overflow
    root = math.sqrt(scaled)
    while Fraction(root) ** 2 > scaled:
        root = math.nextafter(root, 0)
    try:
        found = math.ldexp(root, half)
    except OverflowError:
        return float(np.finfo(float).max)
    # Only a root below the normal floats is rounded here.
    return found if half > -1000 else math.nextafter(found, 0)


def furthest(points: Floats, normal: Rationals) -> tuple[Fraction, int]:
    """Largest value of ``normal.x`` over the points, exactly, and the index of such a point.

    Floating point comes first; only points that its rounding error leaves in question are computed
    in rational numbers.
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        w = to_floats(normal)
        values = points @ w
        # Higham 2002, section 3.1, with the rounding of w, and of this sum itself, in the 4.
        unit = (len(w) + 4) * np.finfo(float).eps
        error = np.abs(points) @ (unit * np.abs(w) + _LEAST) + (len(w) + 1) * _LEAST
        sure = values - error
        floor = sure[np.isfinite(sure)].max(initial=-np.inf)
        in_question = np.flatnonzero(~(values + error < floor))  # and so is what is not a number
    _, first = np.unique(points[in_question], axis=0, return_index=True)
    return max((dot(normal, exact(points[i])), int(i)) for i in in_question[first])


def largest(points: Floats, normal: Rationals) -> Fraction:
    """Largest value of ``normal.x`` over the points, exactly."""
    return furthest(points, normal)[0]


def least(points: Floats, normal: Rationals) -> Fraction:
    """Least value of ``normal.x`` over the points, exactly."""
    return -largest(points, tuple(-each for each in normal))


def to_floats(normal: Rationals) -> Floats:
    """Round a normal to floats; an entry that is too large becomes infinite."""
    try:
        return np.array([float(each) for each in normal])
    except OverflowError:
        return np.full(len(normal), np.inf)


def scaled(vector: Rationals) -> Rationals:
    """Multiply by a power of 2, so that the largest entry is near 1."""
    largest = max(abs(each) for each in vector)
    if largest == 0:
        return vector
    power = largest.numerator.bit_length() - largest.denominator.bit_length()
    return tuple(each / Fraction(2) ** power for each in vector)
