"""Both engines give one answer at one cost; a failed solve is a value that says where it failed."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torchdiffeq import odeint

from anode import (
    Activation,
    Controller,
    ConvField,
    Engine,
    Gradient,
    Method,
    MLPField,
    Solution,
    SolverSettings,
    SolveStatus,
    Tableau,
    integrate,
)
from anode.fields import VectorField
from tests.helpers.problems import Formula, FormulaField, decay, out_of_domain, square

TIMES = ([0.0, 1.0], [0.0, 0.3, 0.31, 0.9, 1.0], [1.0, 0.5, 0.0])
STACKED = SolverSettings(engine=Engine.STACKED)
TORCHDIFFEQ = SolverSettings(engine=Engine.TORCHDIFFEQ)
ADJOINT = SolverSettings(gradient=Gradient.ADJOINT)
ADAPTIVE = {"stacked": STACKED, "torchdiffeq": TORCHDIFFEQ, "adjoint": ADJOINT}
OTHERS = {
    "bosh3": SolverSettings(method=Method.BOSH3),
    "bosh3 adjoint": SolverSettings(method=Method.BOSH3, gradient=Gradient.ADJOINT),
    "tsit5": SolverSettings(method=Method.TSIT5),
}

# One replica of each problem fails; replica 0 does not.
FAILING: dict[SolveStatus, tuple[Formula, tuple[float, ...]]] = {
    SolveStatus.UNDERFLOW: (square, (0.5, 2.0, -1.0)),
    SolveStatus.TOO_MANY_STEPS: (decay, (1.0, 1e4, 3.0)),
    SolveStatus.NON_FINITE: (out_of_domain, (0.1, 5.0, 0.2)),
}


def random_field(seed: int, gain: float = 1.0, make: type = MLPField) -> VectorField:
    """Three replicas in double precision, their weights scaled by ``gain``."""
    seeds = range(3 * seed, 3 * seed + 3)
    field: VectorField
    if make is MLPField:
        field = MLPField(2, seeds=seeds)
    else:
        field = ConvField(2, (4, 4), filters=5, seeds=seeds)
    with torch.no_grad():
        for weight in field.weights:
            weight *= gain
    return field.double()


def starts(field: VectorField, batch: int = 16) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.randn((field.replicas, batch, *field.state_shape), generator=rng).double()


def gradients(
    field: VectorField, h0: Tensor, times: Tensor, settings: SolverSettings
) -> tuple[Solution, tuple[Tensor, ...]]:
    """The solution, and the gradients of a sum of cosines of all states."""
    h0 = h0.clone().requires_grad_()
    solution = integrate(field, h0, times, settings)
    loss = solution.states[1:].cos().sum()
    return solution, torch.autograd.grad(loss, (h0, *field.weights), materialize_grads=True)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("gain", [1.0, 2.0])
@pytest.mark.parametrize("make", [MLPField, ConvField])
def test_engines_take_the_same_steps_to_the_same_states(
    make: type, gain: float, times: list[float]
) -> None:
    """Evaluations, steps and statuses equal; states within a thousandth of the tolerance."""
    t = torch.tensor(times).double()
    for seed in range(3):
        field = random_field(seed, gain, make)
        with torch.no_grad():
            ours, theirs = (integrate(field, starts(field), t, s) for s in (STACKED, TORCHDIFFEQ))
        assert torch.equal(ours.nfe, theirs.nfe)
        assert torch.equal(ours.steps, theirs.steps)
        assert ours.status == theirs.status == (SolveStatus.OK,) * 3
        torch.testing.assert_close(ours.states, theirs.states, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("times", TIMES)
def test_engines_give_the_same_gradients_within_the_tolerance(times: list[float]) -> None:
    """They differ by what torchdiffeq adds: the derivative of its choice of the first step.

    That is less than a tenth of the error that the tolerance leaves in either, 4 to 10 per cent.
    """
    t = torch.tensor(times).double()
    for seed in range(3):
        field = random_field(seed)
        _, ours = gradients(field, starts(field), t, STACKED)
        _, theirs = gradients(field, starts(field), t, TORCHDIFFEQ)
        for a, b in zip(ours, theirs, strict=True):
            assert (a - b).norm() <= 5e-3 * b.norm()


@pytest.mark.parametrize("settings", ADAPTIVE.values(), ids=ADAPTIVE)
def test_gradients_converge_to_one_another(settings: SolverSettings) -> None:
    """With tight tolerances direct and adjoint gradients of a smooth field are one gradient."""
    field = MLPField(2, activation=Activation.SOFTPLUS, seeds=(0, 1)).double()
    t = torch.tensor([0.0, 0.4, 1.0]).double()
    tight = replace(settings, rtol=1e-9, atol=1e-9)
    _, found = gradients(field, starts(field), t, tight)
    _, exact = gradients(field, starts(field), t, SolverSettings(rtol=1e-11, atol=1e-11))
    for a, b in zip(found, exact, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("times", [[0.0, 1.0], [1.0, 0.0]])
@pytest.mark.parametrize("status", FAILING)
def test_failures_are_the_same_for_both_engines(status: SolveStatus, times: list[float]) -> None:
    """Status, step, time and evaluations, from real problems that fail; the others are solved."""
    formula, rates = FAILING[status]
    sign = 1 if times[1] > times[0] else -1
    field = FormulaField(formula, [sign * rate for rate in rates])
    t = torch.tensor(times).double()
    h0 = torch.ones(3, 2, 1).double()
    solutions = [integrate(field, h0, t, replace(s, max_steps=300)) for s in ADAPTIVE.values()]
    for solution in solutions:
        assert solution.status == (SolveStatus.OK, status, SolveStatus.OK)
        assert solution.states[:, 1].isnan().all()
        assert solution.states[:, [0, 2]].isfinite().all()
        failure, first = solution.failures[1], solutions[0].failures[1]
        assert (failure.step, failure.nfe) == (first.step, first.nfe)
        assert failure.time == pytest.approx(first.time, rel=1e-9)
        assert failure.nfe == solution.nfe[1]
        assert failure.step == solution.steps[1]


def test_underflow_is_where_the_solution_blows_up() -> None:
    field = FormulaField(square, [2.0])
    for settings in ADAPTIVE.values():
        solution = integrate(
            field, torch.ones(1, 1, 1).double(), torch.tensor([0.0, 1.0]).double(), settings
        )
        failure = solution.failures[0]
        assert failure.status is SolveStatus.UNDERFLOW
        assert failure.time == pytest.approx(0.5, abs=1e-4)
        text = str(failure)
        assert text.startswith(f"underflow in dt at step {failure.step}, t = 0.4999")
        assert text.endswith(f"NFE {failure.nfe}")


def test_a_field_with_huge_weights_fails_alike() -> None:
    """Overflow of the slopes: no step can be chosen."""
    for scale in (1e200, torch.inf):
        field = random_field(0)
        with torch.no_grad():
            field.weights[4][1] *= scale
        t = torch.tensor([0.0, 1.0]).double()
        ours, theirs = (integrate(field, starts(field), t, s) for s in (STACKED, TORCHDIFFEQ))
        assert ours.failures == theirs.failures
        assert list(ours.failures) == [1]


@pytest.mark.parametrize("settings", ADAPTIVE.values(), ids=ADAPTIVE)
@pytest.mark.parametrize("max_steps", [1, 3])
def test_steps_are_limited_between_output_times(max_steps: int, settings: SolverSettings) -> None:
    field = random_field(2, 3.0)
    limited = replace(settings, max_steps=max_steps)
    solution = integrate(field, starts(field), torch.tensor([0.0, 1.0]).double(), limited)
    for failure in solution.failures.values():
        assert failure.status is SolveStatus.TOO_MANY_STEPS
        assert failure.step == max_steps
        assert failure.nfe == 2 + 6 * max_steps
        assert 0 <= failure.time < 1
    assert len(solution.failures) == 3
    many = torch.linspace(0, 1, 300).double()
    assert not integrate(field, starts(field), many, limited).failures or max_steps == 1


class Called(VectorField):
    """A field that counts how often it is evaluated, whoever asks."""

    def __init__(self, field: VectorField) -> None:
        super().__init__(field.state_shape, field.seeds)
        self.field = field
        self.calls = 0

    @property
    def weights(self) -> tuple[Tensor, ...]:
        return self.field.weights

    def evaluate(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> Tensor:
        self.calls += 1
        return self.field.evaluate(weights, t, h)


SETTINGS = {
    **ADAPTIVE,
    **OTHERS,
    "euler": SolverSettings(method=Method.EULER, step_size=0.1),
    "rk4": SolverSettings(method=Method.RK4, step_size=0.1),
    "rk4 adjoint": SolverSettings(method=Method.RK4, step_size=0.1, gradient=Gradient.ADJOINT),
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_nfe_is_the_number_of_calls_of_the_field(settings: SolverSettings) -> None:
    """Forwards and backwards; direct gradients call it never again."""
    for gain in (1.0, 3.0):
        seed = MLPField(2, seeds=(4,))
        with torch.no_grad():
            for weight in seed.weights:
                weight *= gain
        field = Called(seed.double())
        h0 = torch.randn(1, 5, 2, generator=torch.Generator().manual_seed(2)).double()
        solution = integrate(field, h0, torch.tensor([0.0, 0.5, 1.0]).double(), settings)
        assert solution.nfe.tolist() == [field.calls]
        assert solution.backward_nfe().tolist() == [0]
        solution.states[-1].sum().backward()
        assert solution.backward_nfe().tolist() == [field.calls - int(solution.nfe)]
        assert (solution.backward_nfe() > 0).all() == (settings.gradient is Gradient.ADJOINT)


def test_the_adjoint_of_a_stack_costs_what_each_costs_alone() -> None:
    """Each replica's backward solve is made once, and for itself."""
    field, t = random_field(1, 1.5), torch.tensor([0.0, 1.0]).double()
    h0 = starts(field)
    solution, found = gradients(field, h0, t, ADJOINT)
    assert solution.backward_nfe().min() > 0
    for r in range(3):
        part = MLPField(2, seeds=(field.seeds[r],)).double()
        with torch.no_grad():
            for weight, stack in zip(part.weights, field.weights, strict=True):
                weight.copy_(stack[r : r + 1])
        alone, expected = gradients(part, h0[r : r + 1], t, ADJOINT)
        assert alone.nfe[0] == solution.nfe[r]
        assert alone.backward_nfe()[0] == solution.backward_nfe()[r]
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a[r], b[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("rate", "max_steps", "status"),
    [
        pytest.param(2000.0, 1000, SolveStatus.NON_FINITE, marks=pytest.mark.slow),
        (40.0, 21, SolveStatus.TOO_MANY_STEPS),
    ],
)
def test_a_failed_backward_solve_is_recorded_and_ends_no_other(
    rate: float, max_steps: int, status: SolveStatus
) -> None:
    """A decay is easy forwards; backwards the adjoint grows the solver's error like exp(rate t)."""
    field = FormulaField(decay, [1.0, rate, 2.0])
    h0, t = torch.ones(3, 2, 1).double(), torch.tensor([0.0, 1.0]).double()
    settings = SolverSettings(gradient=Gradient.ADJOINT, max_steps=max_steps)
    solution, (_, rates) = gradients(field, h0, t, settings)
    assert solution.status == (SolveStatus.OK,) * 3
    assert list(solution.backward_failures()) == [1]
    failure = solution.backward_failures()[1]
    assert failure.status is status
    assert 0 < failure.time <= 1
    assert failure.nfe == solution.backward_nfe()[1]
    assert 0 < failure.step <= max_steps
    assert rates.isnan().tolist() == [False, True, False]
    healthy, (_, others) = gradients(FormulaField(decay, [1.0, 1.5, 2.0]), h0, t, settings)
    assert torch.equal(rates[[0, 2]], others[[0, 2]])
    assert torch.equal(solution.backward_nfe()[[0, 2]], healthy.backward_nfe()[[0, 2]])


def test_a_backward_solve_that_torchdiffeq_ends_with_nan_is_a_failure() -> None:
    """Going back, its last step leaves the square root's domain, and its norm drops the NaN."""
    field = FormulaField(out_of_domain, [-1.0, -0.1])
    t = torch.tensor([0.0, 1.0]).double()
    solution, found = gradients(field, torch.ones(2, 2, 1).double(), t, ADJOINT)
    assert solution.status == (SolveStatus.OK,) * 2
    assert [f.status for f in solution.backward_failures().values()] == [SolveStatus.NON_FINITE]
    for gradient in found:
        assert gradient[0].isnan().all()
        assert gradient[1].isfinite().all()


def test_a_backward_failure_names_the_time_on_the_way_back() -> None:
    """In either direction of time."""
    for times, sign in (([0.0, 1.0], 1), ([1.0, 0.0], -1), ([-1.0, -2.0], -1)):
        field = FormulaField(decay, [sign * 40.0])
        settings = SolverSettings(gradient=Gradient.ADJOINT, max_steps=21)
        solution, _ = gradients(
            field, torch.ones(1, 2, 1).double(), torch.tensor(times).double(), settings
        )
        failure = solution.backward_failures()[0]
        assert failure.step == 21
        assert failure.nfe == 2 + 6 * 21
        assert min(times) < failure.time < max(times)


def test_the_adjoint_without_gradients_is_a_plain_solve() -> None:
    field, t = random_field(0), torch.tensor([0.0, 1.0]).double()
    with torch.no_grad():
        ours = integrate(field, starts(field), t, ADJOINT)
        theirs = integrate(field, starts(field), t, TORCHDIFFEQ)
    assert torch.equal(ours.states, theirs.states)
    assert not ours.states.requires_grad


@pytest.mark.parametrize("times", [[0.0, 0.5, 1.0], [0.0, 0.3, 0.32, 1.0], [1.0, 0.4, 0.0]])
@pytest.mark.parametrize("method", [Method.EULER, Method.RK4], ids=lambda method: method.name)
def test_fixed_steps_are_torchdiffeqs(method: Tableau, times: list[float]) -> None:
    """States, cost and gradients."""
    field, t = random_field(1), torch.tensor(times).double()
    h0 = starts(field)
    settings = SolverSettings(method=method, step_size=0.125)
    solution = integrate(field, h0, t, settings)
    expected = odeint(field, h0, t, method=method.name, options={"step_size": 0.125})
    torch.testing.assert_close(solution.states, expected, rtol=1e-13, atol=1e-13)
    ours = torch.autograd.grad(solution.states.square().sum(), field.weights)
    theirs = torch.autograd.grad(expected.square().sum(), field.weights)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)
    assert solution.steps.tolist() == [8] * 3
    assert solution.nfe.tolist() == [8 * (4 if method is Method.RK4 else 1)] * 3


def test_fixed_steps_are_as_many_as_fit() -> None:
    """Also where 1 / (1 / N) is rounded up, in single precision, and backwards in time."""
    field = MLPField(1)
    for count in (1, 2, 3, 10, 49, 61, 109, 115, 121, 1000):
        settings = SolverSettings(method=Method.EULER, step_size=1 / count)
        for times in ([0.0, 1.0], [1.0, 0.0]):
            solution = integrate(field, torch.ones(1, 1, 1), torch.tensor(times), settings)
            assert solution.steps.tolist() == [count]
    uneven = SolverSettings(method=Method.EULER, step_size=0.3)
    assert integrate(
        field, torch.ones(1, 1, 1), torch.tensor([0.0, 1.0]), uneven
    ).steps.tolist() == [4]


MIDPOINT = Tableau(name="midpoint", order=2, nodes=(0.5,), stages=((0.5,),), solution=(0.0, 1.0))


@pytest.mark.parametrize(
    "method", [Method.EULER, MIDPOINT, Method.RK4], ids=lambda method: method.name
)
def test_fixed_steps_have_their_order(method: Tableau) -> None:
    field, exact = FormulaField(decay, [1.0]), torch.tensor(-1.0).double().exp()
    errors = []
    for step_size in (0.1, 0.05):
        settings = SolverSettings(method=method, step_size=step_size)
        solved = integrate(
            field, torch.ones(1, 1, 1).double(), torch.tensor([0.0, 1.0]).double(), settings
        )
        errors.append(float((solved.states[-1].detach() - exact).abs().max()))
    assert errors[0] / errors[1] == pytest.approx(2**method.order, rel=0.15)


def test_fixed_steps_report_what_is_not_finite() -> None:
    field = FormulaField(square, [0.1, 1e3, 0.2])
    settings = SolverSettings(method=Method.RK4, step_size=0.1)
    solution = integrate(
        field, torch.ones(3, 1, 1).double(), torch.tensor([0.0, 1.0]).double(), settings
    )
    assert solution.status == (SolveStatus.OK, SolveStatus.NON_FINITE, SolveStatus.OK)
    assert str(solution.failures[1]) == "non-finite state at step 10, t = 1, NFE 40"
    assert solution.states[:, 1].isnan().all()


def test_the_engine_follows_from_method_and_gradient() -> None:
    assert SolverSettings().stacked
    assert STACKED.stacked
    assert not TORCHDIFFEQ.stacked
    assert not ADJOINT.stacked
    assert SETTINGS["euler"].stacked
    assert not SETTINGS["rk4 adjoint"].stacked
    assert SolverSettings(method=Method.TSIT5).stacked


BAD_SETTINGS: dict[str, Callable[[], object]] = {
    "rtol must be a finite number above 0, got 0": lambda: SolverSettings(rtol=0),
    "atol must be a finite number above 0, got -1": lambda: SolverSettings(atol=-1),
    "rtol must be a finite number above 0, got nan": lambda: SolverSettings(rtol=float("nan")),
    "max_steps must be a positive integer, got 0": lambda: SolverSettings(max_steps=0),
    "step_size=0.1 given for dopri5": lambda: SolverSettings(step_size=0.1),
    "euler takes steps of one size: .* got None": lambda: SolverSettings(method=Method.EULER),
    "rk4 takes steps of one size: .* got -1": lambda: SolverSettings(
        method=Method.RK4, step_size=-1
    ),
    "Engine.STACKED has no adjoint gradients": lambda: SolverSettings(
        gradient=Gradient.ADJOINT, engine=Engine.STACKED
    ),
    "ADJOINT needs a method of torchdiffeq: euler, rk4, bosh3, dopri5; got tsit5": lambda: (
        SolverSettings(method=Method.TSIT5, gradient=Gradient.ADJOINT)
    ),
    "Engine.TORCHDIFFEQ needs a method of torchdiffeq: .*; got midpoint": lambda: SolverSettings(
        method=MIDPOINT, step_size=0.1, engine=Engine.TORCHDIFFEQ
    ),
    "Engine.TORCHDIFFEQ needs a plain Controller": lambda: SolverSettings(
        controller=OtherController(), engine=Engine.TORCHDIFFEQ
    ),
    "needed is 0 < smallest < safety < 1 < largest": lambda: Controller(safety=1.5),
}


class OtherController(Controller):
    """A rule that torchdiffeq does not have."""


@pytest.mark.parametrize("message", BAD_SETTINGS)
def test_settings_that_do_not_fit_are_refused(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BAD_SETTINGS[message]()


@pytest.mark.parametrize(
    ("h0", "times", "message"),
    [
        (torch.ones(2, 4, 2), [0.0, 1.0], r"h0 must have shape \(3, B, 2\), got \(2, 4, 2\)"),
        (torch.ones(3, 2), [0.0, 1.0], r"h0 must have shape \(3, B, 2\), got \(3, 2\)"),
        (torch.ones(3, 4, 3), [0.0, 1.0], r"h0 must have shape \(3, B, 2\), got \(3, 4, 3\)"),
        (torch.ones(3, 4, 2).double(), [0.0, 1.0], "h0 is torch.float64 .* are torch.float32"),
        (torch.ones(3, 4, 2), [0.0], "at least 2 entries, got torch.float32 of shape"),
        (torch.ones(3, 4, 2), [0, 1], "floating point with at least 2 entries, got torch.int64"),
        (torch.ones(3, 4, 2), [0.0, 1.0, 0.5], r"strictly increase or decrease, got \[0.0, 1.0"),
        (torch.ones(3, 4, 2), [0.0, 0.0], "strictly increase or decrease"),
    ],
)
def test_problems_that_do_not_fit_are_refused(h0: Tensor, times: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        integrate(MLPField(2, seeds=(0, 1, 2)), h0, torch.tensor(times))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_failure_names_the_sample_that_is_not_finite(
    settings: SolverSettings, value: float
) -> None:
    """In the replica that has it; a failure of another kind names none."""
    field = random_field(0)
    h0 = starts(field)
    h0[1, 5, 0] = h0[1, 9, 1] = value
    solution = integrate(field, h0, torch.tensor([0.0, 1.0]).double(), settings)
    assert list(solution.failures) == [1]
    assert solution.failures[1].sample == 5
    assert str(solution.failures[1]).endswith("; sample 5 of the batch is not finite at the start")
    short = replace(STACKED, max_steps=1)
    steep = integrate(random_field(0, 9.0), starts(field), torch.tensor([0.0, 1.0]).double(), short)
    assert {failure.sample for failure in steep.failures.values()} == {None}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_solvers_work_in_inference_mode(settings: SolverSettings) -> None:
    field, t = random_field(0), torch.tensor([0.0, 1.0]).double()
    with torch.inference_mode():
        states = integrate(field, starts(field), t, settings).states
    assert torch.equal(states.clone(), integrate(field, starts(field), t, settings).states)
