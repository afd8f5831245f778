"""The compiled solver is optional, imported when first wanted, and needs no folder or threads."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from anode import Activation, MLPField, SolverSettings, integrate
from anode.solve import compiled, runge_kutta

PROBLEM = """
import sys, torch
from anode import MLPField, Method, SolverSettings, integrate
assert "numba" not in sys.modules
if {blocked}:
    sys.modules["numba"] = None
field = MLPField(2, seeds=(0, 1)).double()
h0 = torch.randn(2, 9, 2, generator=torch.Generator().manual_seed(1)).double()
for method in (Method.DOPRI5, Method.BOSH3, Method.TSIT5):
    tight = SolverSettings(method=method, rtol=1e-6, atol=1e-6)
    solution = integrate(field, h0, torch.tensor([0.0, 0.4, 1.0]).double(), tight)
    (gradient,) = torch.autograd.grad(solution.states.square().sum(), field.weight2)
    print(solution.nfe.tolist(), solution.steps.tolist())
    print(solution.states[-1].flatten().tolist() + gradient.flatten().tolist())
assert ("anode.solve.kernels" in sys.modules) is not {blocked}
"""


def _solved(blocked: bool) -> list[list[float]]:
    """Costs and states, with numba or without it."""
    script = PROBLEM.format(blocked=blocked)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return [eval(line.replace("] [", "], [")) for line in run.stdout.splitlines()]


def test_without_numba_the_general_solver_takes_the_same_steps() -> None:
    """And with it ``import anode`` does not load it."""
    compiled, general = _solved(False), _solved(True)
    for costs, expected in zip(general[::2], compiled[::2], strict=True):
        assert costs == expected
    for values, expected in zip(general[1::2], compiled[1::2], strict=True):
        assert len(values) == len(expected)
        assert all(abs(a - b) < 1e-7 * (1 + abs(b)) for a, b in zip(values, expected, strict=True))


FORKED = """
import os, torch
from anode import ConvField, MLPField, integrate
torch.set_num_threads(2)
points = MLPField(2, seeds=range(16)), torch.ones(16, 80, 2)
images = ConvField(4, (16, 16)), torch.ones(1, 8, 4, 16, 16)

def solve():
    for field, h0 in (points, images):
        integrate(field, h0, torch.tensor([0.0, 1.0])).states.sum().backward()

solve()
child = os.fork()
if child == 0:
    solve()
    torch.set_num_threads(2)  # a pool of its own
    integrate(*points, torch.tensor([0.0, 1.0]))
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_solves_and_does_not_wait_for_its_parents_threads() -> None:
    command = [sys.executable, "-c", FORKED]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr


CACHES = """
import anode
from anode.solve import compiled
kernels = compiled._kernels()
print([type(f._cache).__name__ for f in (kernels.advance, kernels.pull_back)])
"""


@pytest.mark.slow
def test_where_no_folder_can_be_written_kernels_are_compiled_without_a_cache(
    tmp_path: Path,
) -> None:
    """A folder in a file cannot be made, not even by root."""
    (tmp_path / "file").touch()
    only = {
        "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator",
        "NUMBA_CACHE_DIR": str(tmp_path / "file"),
    }
    command = [sys.executable, "-c", CACHES]
    run = subprocess.run(command, capture_output=True, text=True, env=os.environ | only)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "['NullCache', 'NullCache']"


def test_kernels_are_kept_where_there_is_a_folder() -> None:
    kernels = compiled._kernels()
    assert {type(f._cache).__name__ for f in (kernels.advance, kernels.pull_back)} == {
        "FunctionCache"
    }


@pytest.mark.parametrize("number", [np.float32, np.float64])
def test_softplus_and_its_derivative_are_right_to_two_units_in_the_last_place(
    number: type[np.floating],
) -> None:
    from anode.solve import kernels

    z = np.linspace(-80, 120, 4096).astype(number)
    exact = z.astype(np.longdouble)
    exact = np.maximum(exact, 0) + np.log1p(np.exp(-np.abs(exact)))
    value, slope = z.copy(), np.ones_like(z)
    kernels._activate(value, False)
    kernels._deactivate(slope, value, False)
    unit = np.finfo(number).eps
    assert (np.abs(value - exact) <= 2 * unit * exact).all()
    derivative = -np.expm1(-value.astype(np.longdouble))
    assert (np.abs(slope - derivative) <= 2 * unit * derivative).all()


def test_softplus_of_numbers_that_are_not_finite() -> None:
    from anode.solve import kernels

    value = np.array([np.nan, np.inf, -np.inf])
    kernels._activate(value, False)
    assert np.isnan(value[0])
    assert value[1] == np.inf
    assert 0 <= value[2] < 1e-300


def test_softplus_fields_are_solved_as_by_the_general_solver() -> None:
    field = MLPField(3, activation=Activation.SOFTPLUS, seeds=(0, 1)).double()
    h0 = torch.randn(2, 70, 3, generator=torch.Generator().manual_seed(1)).double()
    times, settings = torch.tensor([0.0, 0.3, 1.0]).double(), SolverSettings(rtol=1e-6, atol=1e-6)
    found = []
    for solved in (
        integrate(field, h0, times, settings),
        runge_kutta.solve(field, h0, times, settings),
    ):
        gradient = torch.autograd.grad(solved.states.square().sum(), field.weight2)[0]
        found.append((solved.nfe, solved.states, gradient))
    (nfe, states, gradient), (expected_nfe, expected, expected_gradient) = found
    assert nfe.tolist() == expected_nfe.tolist()
    torch.testing.assert_close(states, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-10, atol=1e-10)
