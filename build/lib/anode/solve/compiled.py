"""dopri5 for stacks of MLP fields on a CPU, compiled: :mod:`anode.solve.kernels` for torch.

Each problem is solved whole before the next, so none depends on which others are in the stack.
Torch's number of threads is how many are solved at a time.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anode.fields import Activation, MLPField, VectorField
from anode.solve import kernels
from anode.solve.solver import Outcome, Solver, Weights
from anode.solve.status import SolveStatus

Array = NDArray[Any]

_MATRICES = (0, 2, 4)
"""Which of a field's weights are no biases."""

_ROOM = 4
"""Steps that are recorded before more room is made. A trained NODE takes from 2 to 10."""

_SHARE = 16 << 20
"""Bytes that one share of the problems records at a time.

An array of twice as many comes fresh from the system, which fills it with zeros first.
"""

_LEAST = 4
"""Problems for which a thread of their own is worth its start, a tenth of a millisecond."""

_STATUS = {
    kernels.UNDERFLOW: SolveStatus.UNDERFLOW,
    kernels.TOO_MANY_STEPS: SolveStatus.TOO_MANY_STEPS,
    kernels.NON_FINITE: SolveStatus.NON_FINITE,
}


def suits(field: VectorField, h0: Tensor) -> bool:
    """Whether a problem can be solved here; a subclass of a field may evaluate something else."""
    return type(field) is MLPField and h0.device.type == "cpu" and h0.dtype in _DTYPES


_DTYPES = (torch.float32, torch.float64)


def dopri5(
    field: VectorField, h0: Tensor, times: Tensor, *, rtol: float, atol: float, max_steps: int
) -> Outcome:
    """As :func:`anode.solve.dopri5.dopri5`, for fields and states that :func:`suits`."""
    assert isinstance(field, MLPField)
    return Solve(field, times, rtol, atol, max_steps).solve(h0, field.weights)


class _Record(NamedTuple):
    """Accepted steps of a share's problems, at most ``_ROOM`` each; see :func:`kernels.advance`."""

    values: Array
    steps: Array
    taken: Array


@dataclass(frozen=True)
class _Share:
    """Problems that one thread solves, and what it recorded."""

    problems: Array
    records: list[_Record]


class Solve(Solver):
    """One solve of a stack, forwards and back."""

    def __init__(
        self, field: MLPField, times: Tensor, rtol: float, atol: float, max_steps: int
    ) -> None:
        super().__init__(times, rtol, atol, max_steps)
        self.relu = field.activation is Activation.RELU

    def run(self, h0: Tensor, weights: Weights) -> Tensor:
        replicas, self.batch, self.width = h0.shape
        self.shapes = [tuple(w.shape[1:]) for w in weights]
        arrays = [_rounded(_array(w), i) for i, w in enumerate(weights)]
        if len(arrays) == 6:  # without a time
            arrays.append(np.zeros_like(arrays[1]))
        self.weights = tuple(arrays)
        y = self._tiles(_array(h0), copies=True)
        tiles = y.shape[1]
        numbers = y.shape[2] + 2 * arrays[1].shape[1] * kernels.TILE  # of an evaluation
        f = np.empty_like(y)
        self.first = np.empty((replicas, tiles, numbers), y.dtype)
        self.clock, self.counts = np.empty((replicas, 2)), np.zeros((replicas, 5), np.int64)
        out = np.full((len(self.ends), *y.shape), np.nan, y.dtype)
        out[0] = y
        room = (_ROOM if self.record else 0, 6, tiles, numbers)
        control = (self.weights, self.ends, self.sign, self.rtol, self.atol, self.relu)
        state = (self.batch, self.width, y, f, self.clock, self.counts)

        def solve(share: _Share) -> None:
            problems, n = share.problems, len(share.problems)
            kernels.begin(problems, *control, *state, self.first)
            running = True
            while running:
                record = _Record(
                    np.empty((n, *room), y.dtype), np.empty((n, _ROOM, 4)), np.zeros(n, np.int64)
                )
                kernels.advance(
                    problems, *control, *state, self.max_steps, out, self.record, *record
                )
                if self.record:
                    share.records.append(record)
                running = bool((self.counts[problems, kernels.STATUS] == kernels.RUNNING).any())

        self.shares = _shares(replicas, room[0] * 6 * tiles * numbers * y.itemsize)
        _for_each(solve, self.shares)
        return torch.from_numpy(self._samples(out))

    def outcome(self, states: Tensor) -> Outcome:
        status, tried = self.counts[:, kernels.STATUS], self.counts[:, kernels.TRIED]
        failed = {int(r): _STATUS[int(status[r])] for r in np.flatnonzero(status != kernels.DONE)}
        # The step that could not be made was not evaluated.
        impossible = np.isin(status, (kernels.UNDERFLOW, kernels.NON_FINITE))
        if failed:
            states = states.index_fill(1, torch.tensor(list(failed)), torch.nan)
        return Outcome(
            states=states,
            nfe=torch.from_numpy(2 + 6 * (tried - impossible)),
            steps=torch.from_numpy(tried.copy()),
            time=torch.from_numpy(self.sign * self.clock[:, 0]),
            failed=failed,
        )

    def pull_back(self, gradient: Tensor) -> tuple[Tensor, ...]:
        by_time = self._tiles(_array(gradient), copies=False)
        sums = tuple(np.zeros_like(w) for w in self.weights)
        gy, gf = np.zeros_like(by_time[0]), np.zeros_like(by_time[0])
        start = np.zeros_like(gy)
        fixed = (self.weights, self.ends, self.sign, self.relu, self.counts)

        def go_back(share: _Share) -> None:
            for record in reversed(share.records):
                kernels.pull_back(share.problems, *fixed, *record, by_time, gy, gf, sums)
            first_time = self.sign * self.ends[0]
            kernels.finish(
                share.problems, self.weights, first_time, self.relu, self.counts, self.first, gf,
                sums, start,
            )  # fmt: skip

        _for_each(go_back, self.shares)
        done = self.counts[:, kernels.STATUS] == kernels.DONE
        start[done] += gy[done] + by_time[0, done]
        found = [_cut(sums[i], shape, i) for i, shape in enumerate(self.shapes)]
        return (torch.from_numpy(self._samples(start)), *found)

    def _tiles(self, values: Array, copies: bool) -> Array:
        """``(..., B, width)`` as ``(..., tiles, D T)``; what is added is zeros, or copies."""
        batch, width = values.shape[-2:]
        out = np.zeros((*values.shape[:-2], _up(width), _up(batch, kernels.TILE)), values.dtype)
        out[..., :width, :batch] = values.swapaxes(-1, -2)
        if copies:
            out[..., batch:] = out[..., batch - 1 : batch]
        cut = out.reshape(*out.shape[:-1], -1, kernels.TILE).swapaxes(-2, -3)
        return np.ascontiguousarray(cut).reshape(*cut.shape[:-2], -1)

    def _samples(self, tiles: Array) -> Array:
        """The inverse of :meth:`_tiles`."""
        cut = tiles.reshape(*tiles.shape[:-1], -1, kernels.TILE).swapaxes(-2, -3)
        samples = cut.reshape(*cut.shape[:-2], -1)[..., : self.width, : self.batch]
        return np.ascontiguousarray(samples.swapaxes(-1, -2))


def _shares(replicas: int, size: int) -> list[_Share]:
    """The problems in shares, one or more for each thread that is worth its start.

    Args:
        size: of a problem's record, in bytes.
    """
    count = max(min(torch.get_num_threads(), replicas // _LEAST), replicas * size // _SHARE, 1)
    return [_Share(problems, []) for problems in np.array_split(np.arange(replicas), count)]


def _for_each(work: Callable[[_Share], None], shares: Sequence[_Share]) -> None:
    threads = min(torch.get_num_threads(), len(shares))
    if threads == 1:
        for share in shares:
            work(share)
        return
    for _ in _pool(threads).map(work, shares):
        pass


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="anode-solve")


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


def _up(n: int, unit: int = 4) -> int:
    return -(-n // unit) * unit
