"""What fields, settings, methods and ``integrate`` are given that they cannot take.

Each row has what is given, and what the message must contain: argument, value, what is valid.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from anode import Controller, ConvField, Engine, Method, MLPField, SolverSettings, integrate
from anode.fields import VectorField

Row = tuple[Callable[[], object], str]

nan, inf = float("nan"), float("inf")
ACTIVATIONS = "one of Activation.RELU ('relu'), Activation.SOFTPLUS ('softplus'), Activation.TANH"
METHODS = "method must be Method.EULER, Method.RK4, Method.BOSH3, Method.DOPRI5, Method.TSIT5 or a"


def mlp(**options: Any) -> Callable[[], object]:
    return lambda: MLPField(2, **options)


def conv(channels: Any = 2, size: Any = (4, 4), **options: Any) -> Callable[[], object]:
    return lambda: ConvField(channels, size, **options)


def setting(**options: Any) -> Callable[[], object]:
    return lambda: SolverSettings(**options)


def afterwards(name: str, value: Any, make: Callable[[], object]) -> Callable[[], object]:
    return lambda: setattr(make(), name, value)


FIELDS: list[Row] = [
    (lambda: MLPField(0), "dim must be a positive integer, got 0"),
    (lambda: MLPField(-3), "dim must be a positive integer, got -3"),
    (lambda: MLPField(2.0), "dim must be a positive integer, got 2.0"),  # type: ignore[arg-type]
    (lambda: MLPField("2"), "dim must be a positive integer, got '2'"),  # type: ignore[arg-type]
    (lambda: MLPField(True), "dim must be a positive integer, got True"),
    (lambda: MLPField((2,)), "dim must be a positive integer, got (2,)"),  # type: ignore[arg-type]
    (mlp(outputs=0), "outputs must be a positive integer, got 0"),
    (mlp(outputs=1.5), "outputs must be a positive integer, got 1.5"),
    (mlp(hidden=0), "hidden must be a positive integer, got 0"),
    (mlp(hidden=32.0), "hidden must be a positive integer, got 32.0"),
    (mlp(hidden=None), "hidden must be a positive integer, got None"),
    (mlp(hidden=nan), "hidden must be a positive integer, got nan"),
    (mlp(activation="gelu"), f"activation must be {ACTIVATIONS} ('tanh'), got 'gelu'"),
    (mlp(activation=""), ACTIVATIONS),
    (mlp(activation=None), ACTIVATIONS),
    (mlp(activation=42), "got 42"),
    (mlp(activation=True), "got True"),
    (mlp(activation=torch.tanh), "got <built-in method tanh"),
    (mlp(activation=nn.Tanh()), "got Tanh()"),
    (mlp(activation=nn.ReLU), "got <class 'torch.nn.modules.activation.ReLU'>"),
    (mlp(activation=Engine.STACKED), "got <Engine.STACKED"),
    (mlp(time_dependent="no"), "time_dependent must be True or False, got 'no'"),
    (mlp(time_dependent=0), "time_dependent must be True or False, got 0"),
    (mlp(time_dependent=None), "time_dependent must be True or False, got None"),
    (mlp(seeds=()), "seeds must be one or more different integers, each 0 or more"),
    (mlp(seeds=[0, 0]), "seeds must be one or more different integers"),
    (mlp(seeds=[0, -1]), "got (0, -1)"),
    (mlp(seeds=[0.5]), "got (0.5,)"),
    (mlp(seeds=[True]), "got (True,)"),
    (mlp(seeds=["a"]), "got ('a',)"),
    (mlp(seeds=3), "(one a replica), got 3"),
    (mlp(seeds=None), "(one a replica), got None"),
    (mlp(seeds=torch.arange(2)), "got (tensor(0), tensor(1))"),
    (conv(channels=0), "channels must be a positive integer, got 0"),
    (conv(channels=1.5), "channels must be a positive integer, got 1.5"),
    (conv(size=(0, 4)), "height must be a positive integer, got 0"),
    (conv(size=(4, 0)), "width must be a positive integer, got 0"),
    (conv(size=(4, 4.0)), "width must be a positive integer, got 4.0"),
    (conv(size=(4,)), "size must be (height, width), got (4,)"),
    (conv(size=(1, 4, 4)), "size must be (height, width), got (1, 4, 4)"),
    (conv(size=4), "size must be (height, width), got 4"),
    (conv(size="ab"), "height must be a positive integer, got 'a'"),
    (conv(filters=-1), "filters must be a positive integer, got -1"),
    (conv(activation="elu"), ACTIVATIONS),
    (conv(time_dependent=1), "time_dependent must be True or False, got 1"),
    (conv(seeds=[2, 2]), "different"),
    (
        afterwards("activation", "elu", conv()),
        f"activation must be {ACTIVATIONS} ('tanh'), got 'elu'",
    ),
    (afterwards("activation", nn.Tanh(), conv()), "got Tanh()"),
    (afterwards("activation", None, mlp()), "got None"),
    (afterwards("activation", torch.relu, mlp()), ACTIVATIONS),
    (afterwards("time_dependent", False, conv()), "time_dependent is fixed when a field is made"),
    (afterwards("time_dependent", "no", mlp()), "time_dependent must be True or False, got 'no'"),
]

SETTINGS: list[Row] = [
    (setting(rtol=0), "rtol must be a finite number above 0, got 0"),
    (setting(rtol=-1e-3), "rtol must be a finite number above 0, got -0.001"),
    (setting(rtol=inf), "rtol must be a finite number above 0, got inf"),
    (setting(rtol=nan), "rtol must be a finite number above 0, got nan"),
    (setting(rtol="1e-3"), "rtol must be a finite number above 0, got '1e-3'"),
    (setting(rtol=None), "rtol must be a finite number above 0, got None"),
    (setting(rtol=True), "rtol must be a finite number above 0, got True"),
    (setting(rtol=torch.tensor([1e-3])), "rtol must be a finite number above 0, got tensor"),
    (setting(atol=0.0), "atol must be a finite number above 0, got 0.0"),
    (setting(atol=inf), "atol must be a finite number above 0, got inf"),
    (setting(atol=np.float32(nan)), "atol must be a finite number above 0, got np.float32(nan)"),
    (setting(atol=1e-3j), "atol must be a finite number above 0, got 0.001j"),
    (setting(max_steps=0), "max_steps must be a positive integer, got 0"),
    (setting(max_steps=2.5), "max_steps must be a positive integer, got 2.5"),
    (setting(max_steps=inf), "max_steps must be a positive integer, got inf"),
    (setting(max_steps=None), "max_steps must be a positive integer, got None"),
    (setting(max_steps=True), "max_steps must be a positive integer, got True"),
    (
        setting(gradient="backprop"),
        "one of Gradient.DIRECT ('direct'), Gradient.ADJOINT ('adjoint')",
    ),
    (setting(gradient=None), "gradient must be one of"),
    (setting(gradient=Engine.STACKED), "got <Engine.STACKED: 'stacked'>"),
    (setting(engine="numba"), "one of Engine.STACKED ('stacked'), Engine.TORCHDIFFEQ ('torchdiff"),
    (setting(engine=True), "engine must be one of"),
    (setting(engine=0), "engine must be one of"),
    (setting(method="dopri8"), METHODS + " Tableau, got 'dopri8'"),
    (setting(method=""), METHODS),
    (setting(method=None), METHODS),
    (setting(method=Method), METHODS),
    (setting(method=5), METHODS + " Tableau, got 5"),
    (setting(controller="pid"), "controller must be a Controller, got 'pid'"),
    (setting(controller=Controller), "controller must be a Controller, got <class"),
    (setting(controller=None), "controller must be a Controller, got None"),
    (setting(step_size=0.1), "step_size=0.1 given for dopri5, which chooses its own steps"),
    (
        setting(method="rk4"),
        "rk4 takes steps of one size: step_size must be a finite number above 0",
    ),
    (setting(method="rk4", step_size=0), "above 0, got 0"),
    (setting(method="euler", step_size=inf), "above 0, got inf"),
    (setting(method="euler", step_size="0.1"), "above 0, got '0.1'"),
    (setting(method="euler", step_size=True), "above 0, got True"),
    (setting(gradient="adjoint", engine="stacked"), "Engine.STACKED has no adjoint gradients"),
    (setting(gradient="adjoint", method="tsit5"), "Gradient.ADJOINT needs a method of torchdiffeq"),
    (setting(engine="torchdiffeq", method="tsit5"), "Engine.TORCHDIFFEQ needs a method of torch"),
    (lambda: Controller(safety=1.0), "needed is 0 < smallest < safety < 1 < largest"),
    (lambda: Controller(smallest=0.95), "needed is 0 < smallest < safety < 1 < largest"),
    (lambda: Controller(largest=inf), "largest must be a finite number, got inf"),
    (lambda: Controller(safety="0.9"), "safety must be a finite number, got '0.9'"),  # type: ignore[arg-type]
    (lambda: Controller(smallest=nan), "smallest must be a finite number, got nan"),
]


def tableau(**change: Any) -> Callable[[], object]:
    return lambda: replace(Method.BOSH3, **change)


TABLEAUS: list[Row] = [
    (tableau(nodes=(0.5, 0.75)), "stages must have one row for each of the 2 nodes, got 3"),
    (tableau(nodes=(0.5, 0.7, 1.0)), "stages[1] must be 2 numbers with the sum 0.7"),
    (tableau(solution=(0.5, 0.5)), "solution must be 4 numbers with the sum 1.0, got (0.5, 0.5)"),
    (tableau(error=(nan, 0.0, 0.0, 0.0)), "error must be 4 numbers with the sum 0.0, got (nan"),
    (tableau(error=(0.5, 0.0, 0.0, 0.0)), "error must be 4 numbers with the sum 0.0"),
    (tableau(midpoint=(0.0, 0.5)), "midpoint must be 4 numbers with the sum 0.5"),
    (tableau(midpoint=(0.0, inf, -inf, 0.5)), "midpoint must be 4 numbers with the sum 0.5, got"),
]

FIELD = MLPField(2, seeds=(0, 1))
H0, T = torch.ones(2, 3, 2), torch.tensor([0.0, 1.0])


class Slopes(VectorField):
    """A field that gives whatever a function makes of the state."""

    def __init__(self, of: Callable[[Tensor], Any]) -> None:
        super().__init__((2,), (0, 1))
        self.of = of

    def evaluate(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> Any:
        return self.of(h)


def solved(
    field: Any = FIELD, h0: Any = H0, times: Any = T, settings: Any = None
) -> Callable[[], object]:
    return lambda: integrate(field, h0, times, settings)


INTEGRATE: list[Row] = [
    (solved(h0=[[1.0, 1.0]]), "h0 must be a Tensor, got [[1.0, 1.0]]"),
    (solved(h0=np.ones((2, 3, 2))), "h0 must be a Tensor, got array"),
    (solved(h0=torch.ones(3, 2)), "h0 must have shape (2, B, 2), got (3, 2)"),
    (solved(h0=torch.ones(1, 3, 2)), "h0 must have shape (2, B, 2), got (1, 3, 2)"),
    (solved(h0=torch.ones(2, 3, 3)), "h0 must have shape (2, B, 2), got (2, 3, 3)"),
    (solved(h0=H0.double()), "h0 is torch.float64 on cpu, the field's weights are torch.float32"),
    (solved(MLPField(2, seeds=(0, 1)).half(), H0.half()), "h0 is torch.float16, a precision that"),
    (solved(h0=H0.bfloat16()), "h0 is torch.bfloat16, a precision that is not supported"),
    (solved(h0=H0.to(torch.complex64)), "convert to torch.float32 or torch.float64"),
    (solved(h0=H0.long()), "h0 is torch.int64, a precision that is not supported"),
    (solved(times=[0.0, 1.0]), "times must be a Tensor, got [0.0, 1.0]"),
    (solved(times=1.0), "times must be a Tensor, got 1.0"),
    (solved(times=torch.tensor(1.0)), "at least 2 entries, got torch.float32 of shape ()"),
    (solved(times=T[:1]), "at least 2 entries, got torch.float32 of shape (1,)"),
    (solved(times=T[None]), "one-dimensional"),
    (solved(times=torch.tensor([0, 1])), "floating point with at least 2 entries, got torch.int64"),
    (solved(times=torch.tensor([0.0, 0.0])), "strictly increase or decrease, got [0.0, 0.0]"),
    (solved(times=torch.tensor([0.0, 2.0, 1.0])), "increase or decrease, got [0.0, 2.0, 1.0]"),
    (solved(times=torch.tensor([0.0, nan])), "times must be finite and strictly increase"),
    (solved(times=torch.tensor([0.0, inf])), "times must be finite and strictly increase"),
    (solved(times=torch.tensor([-inf, 0.0])), "times must be finite and strictly increase"),
    (solved(settings="dopri5"), "settings must be a SolverSettings, got 'dopri5'"),
    (solved(settings=Method.RK4), "settings must be a SolverSettings, got Tableau"),
    (solved(settings=False), "settings must be a SolverSettings, got False"),
]
SLOPES: list[Row] = [
    (
        solved(MLPField(2, outputs=1, seeds=(0, 1))),
        "MLPField must give slopes like h, torch.float32",
    ),
    (solved(MLPField(2, outputs=4, seeds=(0, 1))), "(2, 3, 2), got (torch.float32, (2, 3, 4))"),
    (solved(Slopes(lambda h: h[..., :1])), "Slopes must give slopes like h"),
    (solved(Slopes(lambda h: h.double())), "got (torch.float64, (2, 3, 2))"),
    (solved(Slopes(lambda h: h[0])), "got (torch.float32, (3, 2))"),
    (solved(Slopes(lambda h: None)), "got None"),
    (solved(Slopes(lambda h: 1.0)), "got 1.0"),
]


ROWS = [*FIELDS, *SETTINGS, *TABLEAUS, *INTEGRATE, *SLOPES]


@pytest.mark.parametrize(("call", "message"), ROWS, ids=[message for _, message in ROWS])
def test_what_does_not_fit_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError), match=re.escape(message)):
        call()


@pytest.mark.parametrize(
    "settings",
    [
        SolverSettings(method="bosh3"),  # type: ignore[arg-type]
        SolverSettings(engine="torchdiffeq"),  # type: ignore[arg-type]
        SolverSettings(gradient="adjoint"),  # type: ignore[arg-type]
        SolverSettings(method="rk4", step_size=0.5),  # type: ignore[arg-type]
        SolverSettings(method="rk4", step_size=0.5, gradient="adjoint"),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_every_solver_looks_at_the_slopes(settings: SolverSettings) -> None:
    for field in (MLPField(2, outputs=1, seeds=(0, 1)), Slopes(lambda h: h[..., :1])):
        with pytest.raises(ValueError, match=re.escape("must give slopes like h")):
            integrate(field, H0, T, settings)


def test_names_and_numbers_of_numpy_are_taken() -> None:
    """And a setting is then what it would be if it were written in full."""
    short = SolverSettings(
        method="Tsit5",  # type: ignore[arg-type]
        rtol=np.float32(0.5),
        max_steps=np.int64(7),
        gradient="direct",  # type: ignore[arg-type]
        engine="STACKED",  # type: ignore[arg-type]
    )
    assert short == SolverSettings(Method.TSIT5, 0.5, max_steps=7, engine=Engine.STACKED)
    assert type(short.rtol) is float
    assert type(short.max_steps) is int
    field = MLPField(np.int64(2), hidden=np.int32(4), seeds=np.arange(2), time_dependent=np.False_)  # type: ignore[arg-type]
    assert field.seeds == (0, 1)
    assert field.time_dependent is False
    assert integrate(field, H0, T).states.isfinite().all()


@pytest.mark.parametrize("size", [(), ((2, 2),)])
def test_activations_by_name_compute_what_they_say(size: tuple[Any, ...]) -> None:
    """Given to the field or set afterwards; tanh, which the kernels lack, too."""
    h, t = torch.linspace(-2, 2, 8).view((1, 1, 2, 2, 2) if size else (1, 4, 2)), torch.tensor(0.5)
    found, make = dict[str, Tensor](), ConvField if size else MLPField
    for name in ("relu", "softplus", "tanh"):
        field, later = make(2, *size, activation=name), make(2, *size)  # type: ignore[operator]
        later.activation = name
        assert field.activation.value == name
        found[name] = field(t, h)
        assert torch.equal(later(t, h), found[name])
    assert not torch.allclose(found["relu"], found["softplus"])
    assert not torch.allclose(found["tanh"], found["softplus"])
