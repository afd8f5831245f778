"""The compiled solver is optional, and imported when it is first wanted."""

import subprocess
import sys

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
