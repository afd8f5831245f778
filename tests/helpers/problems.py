"""Problems with a known solution, and networks written the plain way, for several test files."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torchdiffeq import odeint, odeint_adjoint

from anode import ConvField, Gradient, MLPField, Model, NeuralODE, ResNet
from anode.fields import VectorField

Formula = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(rate, t, h) -> dh/dt."""


class FormulaField(VectorField):
    """A field that is a formula with one trainable number, the rate, a replica."""

    def __init__(self, formula: Formula, rates: Iterable[float]) -> None:
        rates = list(rates)
        super().__init__((1,), range(len(rates)))
        self.formula = formula
        self.rates = nn.Parameter(torch.tensor(rates, dtype=torch.float64))

    def evaluate(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> Tensor:
        return self.formula(weights[0].view(-1, 1, 1), t.view(-1, 1, 1), h)


def square(rate: Tensor, t: Tensor, h: Tensor) -> Tensor:
    """h(t) = h0 / (1 - rate h0 t): infinite at t = 1 / (rate h0), where dt underflows."""
    return rate * h**2


def decay(rate: Tensor, t: Tensor, h: Tensor) -> Tensor:
    """h(t) = h0 exp(-rate t): at a large rate stability, not accuracy, asks for tiny steps."""
    return -rate * h


def out_of_domain(rate: Tensor, t: Tensor, h: Tensor) -> Tensor:
    """h' = -rate sqrt(h) takes h below 0, where the square root is not a number."""
    return -rate * h.sqrt()


class PlainMLP(nn.Module):
    """The field as one writes it for one network: layers, and the time concatenated."""

    def __init__(self, field: MLPField, replica: int) -> None:
        super().__init__()
        dim, hidden = field.weight1.shape[1:]
        time = field.time_weight
        self.takes_time = time is not None
        self.layers = nn.Sequential(
            nn.Linear(dim + self.takes_time, hidden),
            _activation(field),
            nn.Linear(hidden, hidden),
            _activation(field),
            nn.Linear(hidden, dim),
        ).to(field.weight1)
        first = [field.weight1[replica]] + ([time[replica]] if time is not None else [])
        weights = [torch.cat(first), field.weight2[replica], field.weight3[replica]]
        biases = [field.bias1, field.bias2, field.bias3]
        with torch.no_grad():
            for layer, weight, bias in zip(self.layers[::2], weights, biases, strict=True):
                layer.weight.copy_(weight.T)
                layer.bias.copy_(bias[replica, 0])

    def forward(self, t: Tensor, h: Tensor) -> Tensor:
        if self.takes_time:
            h = torch.cat([h, t.expand(*h.shape[:-1], 1)], dim=-1)
        out: Tensor = self.layers(h)
        return out


class PlainConv(nn.Module):
    """The convolutional field for one network: a channel of t concatenated before each layer."""

    def __init__(self, field: ConvField, replica: int) -> None:
        super().__init__()
        self.activation = _activation(field)
        self.layers = nn.ModuleList()
        times: Sequence[Tensor | None] = list(field.time_kernels) or [None] * 3
        for kernel, time, bias in zip(field.kernels, times, field.biases, strict=True):
            weight = kernel if time is None else torch.cat([kernel, time], dim=2)
            outputs, inputs, width, _ = weight.shape[1:]
            layer = nn.Conv2d(inputs, outputs, width, padding=width // 2).to(weight)
            with torch.no_grad():
                layer.weight.copy_(weight[replica])
                layer.bias.copy_(bias[replica])
            self.layers.append(layer)
        self.takes_time = field.time_dependent

    def forward(self, t: Tensor, h: Tensor) -> Tensor:
        for i, layer in enumerate(self.layers):
            if i > 0:
                h = self.activation(h)
            if self.takes_time:
                h = torch.cat([h, t.expand(len(h), 1, *h.shape[2:])], dim=1)
            h = layer(h)
        return h


class PlainNetwork(nn.Module):
    """One replica of a model, as the paper's code has it: plain modules and torchdiffeq."""

    def __init__(self, model: Model, replica: int) -> None:
        super().__init__()
        assert model.head is not None
        self.model = [model]  # in a list, so that its weights are not this module's
        if isinstance(model, ResNet):
            self.blocks = nn.ModuleList(PlainMLP(block, replica) for block in model.blocks)
        else:
            assert isinstance(model, NeuralODE)
            plain = PlainMLP if isinstance(model.field, MLPField) else PlainConv
            self.field = plain(model.field, replica)  # type: ignore[arg-type]
        weight, bias = model.head.weight[replica], model.head.bias[replica]
        self.head = nn.Linear(*weight.shape).to(weight)
        with torch.no_grad():
            self.head.weight.copy_(weight.T)
            self.head.bias.copy_(bias[0])

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.features(x).flatten(1))
        return out

    def features(self, x: Tensor) -> Tensor:
        (model,) = self.model
        if isinstance(model, ResNet):
            for block in self.blocks:
                x = x + block(x.new_zeros(()), x)
            return x
        assert isinstance(model, NeuralODE)
        zeros = x.new_zeros(len(x), model.augment_dim, *x.shape[2:])
        adjoint = model.solver.gradient is Gradient.ADJOINT
        solve = odeint_adjoint if adjoint else odeint
        times = torch.linspace(0, model.end_time, 2).to(x)
        states: Tensor = solve(
            self.field,
            torch.cat([x, zeros], dim=1),
            times,
            rtol=1e-3,
            atol=1e-3,
            method="dopri5",
            options={"max_num_steps": 1000},
        )
        return states[-1]


def _activation(field: MLPField | ConvField) -> nn.Module:
    return {"relu": nn.ReLU, "softplus": nn.Softplus, "tanh": nn.Tanh}[field.activation.value]()


def stretching(slope: float, seeds: Iterable[int] = (0,)) -> NeuralODE:
    """h1' = slope h1, h2' = 0, as a ReLU network, with the output 2 h1 + 1."""
    model = NeuralODE((2,), hidden=2, time_dependent=False, seeds=seeds)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.field.weight1[:, 0] = torch.tensor([1.0, -1.0])
        model.field.weight2[:] = torch.eye(2)
        model.field.weight3[:, :, 0] = slope * torch.tensor([1.0, -1.0])
        model.head.weight[:, 0] = 2.0
        model.head.bias[:] = 1.0
    return model
