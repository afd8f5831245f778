"""Embedded pairs for stacks of MLP fields on a CPU, compiled: :mod:`anode.solve.kernels` for torch.

Each problem is solved whole before the next, so none depends on which others are in the stack.
Torch's number of threads is how many are solved at a time. This needs numba, which is imported when
a solve first wants it; without it :mod:`anode.solve.runge_kutta` takes the same steps.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anode.arrays import Array
from anode.fields import Activation, MLPField, VectorField
from anode.solve.backward import attach
from anode.solve.settings import Controller, SolverSettings
from anode.solve.solution import Solution, SolveStatus, adaptive_solution

_MATRICES = (0, 2, 4)
"""Indices of those of a field's weights that are no biases."""

_ROOM = 4
"""Steps that are recorded before more room is made. A trained NODE takes from 2 to 10."""

_SHARE = 16 << 20
"""Bytes that one share of the problems records at a time. Twice as many come filled with zeros."""

_LEAST = 4
"""Problems for which a thread of their own is worth its start, a tenth of a millisecond."""


@cache
def _kernels() -> Any:
    """The compiled functions; None without numba."""
    try:
        kernels: Any = import_module("anode.solve.kernels")
    except ImportError:
        return None
    for function in (kernels.advance, kernels.pull_back):
        with suppress(RuntimeError):  # numba finds no folder that it may write to
            function.enable_caching()
    return kernels


def suits(field: VectorField, h0: Tensor, settings: SolverSettings) -> bool:
    """Whether :func:`solve` serves a problem.

    The method must be an embedded pair whose last stage is its solution. A subclass of the field or
    of the controller may compute something else.
    """
    method = settings.method
    return (
        settings.stacked
        and (method.adaptive and method.first_same_as_last)
        and (type(field) is MLPField and field.activation is not Activation.TANH)
        and field.weight3.shape[-1] == h0.shape[-1]
        and type(settings.controller) is Controller
        and (h0.device.type == "cpu" and _kernels() is not None)
    )


def solve(field: VectorField, h0: Tensor, times: Tensor, settings: SolverSettings) -> Solution:
    """As :func:`anode.solve.runge_kutta.solve`, for problems that :func:`suits`."""
    assert isinstance(field, MLPField)
    inputs = (h0, *field.weights)
    keep = torch.is_grad_enabled() and any(x.requires_grad for x in inputs)
    solved = forward(field, h0, times, settings, keep)
    states = torch.from_numpy(_samples(solved.state.out, h0.shape[1], h0.shape[2]))
    if keep:
        states = attach(states, solved.pull_back, inputs)
    kernels, counts = _kernels(), solved.state.counts
    statuses = dict(enumerate(SolveStatus, kernels.DONE))  # the kernels' are in the same order
    ended = enumerate(counts[:, kernels.STATUS].tolist())
    failed = {r: statuses[status] for r, status in ended if status != kernels.DONE}
    time, stages = solved.problem.sign * solved.state.clock[:, 0], len(settings.method.nodes)
    return adaptive_solution(states, counts[:, kernels.MADE], time, failed, stages)


@dataclass(frozen=True)
class _Share:
    """Problems ``(n,)`` that one thread solves, and its records, see :class:`kernels.Tape`."""

    problems: Array
    records: list[Any]


@dataclass(frozen=True)
class Solved:
    """What the kernels return from a solve."""

    problem: Any  # see kernels.Setup
    state: Any  # see kernels.Progress
    shares: Sequence[_Share]  # all problems
    shapes: Sequence[tuple[int, ...]]  # of the field's weights, without the first axis

    def pull_back(self, gradient: Tensor) -> tuple[Tensor, ...]:
        """Gradients of h0 and of the weights from that of the states, ``(T, R, B, D)``."""
        kernels = _kernels()
        out = _tiles(_array(gradient), copies=False)
        gy, gf = np.zeros_like(out[0]), np.zeros_like(out[0])
        sums = tuple(np.zeros_like(w) for w in self.problem.net)
        fixed = _unnamed((self.problem, self.state))

        def go_back(share: _Share) -> None:
            for i, record in reversed(list(enumerate(share.records))):
                kernels.pull_back(share.problems, *fixed, record, (out, gy, gf, sums), i == 0)

        _for_each(go_back, self.shares)
        found = [_cut(sums[i], shape, i) for i, shape in enumerate(self.shapes)]
        start = _samples(gy, self.problem.batch, self.problem.width)
        return (torch.from_numpy(start), *found)


def forward(
    field: MLPField, h0: Tensor, times: Tensor, settings: SolverSettings, keep: bool
) -> Solved:
    """Solve, and record the steps if a way back is to be kept."""
    kernels = _kernels()
    sign = 1.0 if times[1] > times[0] else -1.0
    weights = [_rounded(_array(w), i) for i, w in enumerate(field.weights)]
    if len(weights) == 6:  # without a time
        weights.append(np.zeros_like(weights[1]))
    y = _tiles(_array(h0), copies=True)
    number = y.dtype.type
    tableau, control = settings.method, astuple(settings.controller)
    pair = (np.array(tableau.nodes), tableau.matrix, tableau.interpolation, tableau.order)
    problem = kernels.Setup(
        kernels.Net(*weights),
        kernels.Coefficients(*pair, *control),
        sign * times.double().numpy(),
        *map(number, (sign, settings.rtol, settings.atol)),
        field.activation is Activation.RELU,
        *h0.shape[1:],
        settings.max_steps,
    )
    replicas, tiles, numbers = y.shape
    numbers += 2 * weights[1].shape[1] * kernels.TILE  # of an evaluation
    out = np.full((len(times), *y.shape), np.nan, y.dtype)
    out[0] = y
    state = kernels.Progress(
        y,
        np.empty_like(y),
        np.empty((replicas, 2)),
        np.zeros((replicas, 5), np.int64),
        np.empty((replicas, tiles, numbers), y.dtype),
        out,
    )
    fixed = _unnamed((problem, state))
    room = (_ROOM if keep else 0, len(tableau.nodes), tiles, numbers)

    def go(share: _Share) -> None:
        n = len(share.problems)
        while (state.counts[share.problems, kernels.STATUS] == kernels.RUNNING).any():
            record = np.empty((n, *room), y.dtype), np.empty((n, room[0], 4)), np.zeros(n, np.int64)
            kernels.advance(share.problems, *fixed, record)
            share.records.append(record)

    shares = _shares(replicas, int(np.prod(room)) * y.itemsize)
    _for_each(go, shares)
    return Solved(problem, state, shares, [tuple(w.shape[1:]) for w in field.weights])


def _tiles(values: Array, copies: bool) -> Array:
    """``(..., B, width)`` as ``(..., tiles, D T)``; what is added is zeros, or copies."""
    batch, width = values.shape[-2:]
    tile = _kernels().TILE
    out = np.zeros((*values.shape[:-2], _up(width), _up(batch, tile)), values.dtype)
    out[..., :width, :batch] = values.swapaxes(-1, -2)
    if copies:
        out[..., batch:] = out[..., batch - 1 : batch]
    cut = out.reshape(*out.shape[:-1], -1, tile).swapaxes(-2, -3)
    return np.ascontiguousarray(cut).reshape(*cut.shape[:-2], -1)


def _samples(tiles: Array, batch: int, width: int) -> Array:
    """The inverse of :func:`_tiles`."""
    cut = tiles.reshape(*tiles.shape[:-1], -1, _kernels().TILE).swapaxes(-2, -3)
    samples = cut.reshape(*cut.shape[:-2], -1)[..., :width, :batch]
    return np.ascontiguousarray(samples.swapaxes(-1, -2))


def _shares(replicas: int, size: int) -> list[_Share]:
    """Problems with records of ``size`` bytes in shares for the threads that are worth it."""
    count = max(min(torch.get_num_threads(), replicas // _LEAST), replicas * size // _SHARE, 1)
    return [_Share(problems, []) for problems in np.array_split(np.arange(replicas), count)]


def _for_each(work: Callable[[_Share], None], shares: Sequence[_Share]) -> None:
    threads = min(torch.get_num_threads(), len(shares))
    list(map(work, shares) if threads == 1 else _pool(threads).map(work, shares))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="anode-solve")


def _in_child() -> None:
    """A forked child has none of its parent's threads, ours or torch's, and would wait for them."""
    _pool.cache_clear()
    torch.set_num_threads(1)  # as torch does in the workers of its DataLoader


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_in_child)


def _array(tensor: Tensor) -> Array:
    return tensor.detach().contiguous().numpy()


def _rounded(w: Array, i: int) -> Array:
    """The i-th weights ``(R, n, m)``, flat, with n and m rounded up to multiples of 4.

    A bias has n = 1 and keeps it.
    """
    n, m = w.shape[1:]
    out = np.zeros((len(w), _up(n) if i in _MATRICES else n, _up(m)), w.dtype)
    out[:, :n, :m] = w
    return out.reshape(len(w), -1)


def _cut(flat: Array, shape: tuple[int, ...], i: int) -> Tensor:
    """The inverse of :func:`_rounded`."""
    n, m = shape
    rows = _up(n) if i in _MATRICES else n
    return torch.from_numpy(flat.reshape(len(flat), rows, _up(m))[:, :n, :m])


def _unnamed(value: Any) -> Any:
    """Named tuples as plain ones, nested ones too."""
    return tuple(map(_unnamed, value)) if isinstance(value, tuple) else value


def _up(n: int, unit: int = 4) -> int:
    """n rounded up to a multiple of ``unit``."""
    return -(-n // unit) * unit
