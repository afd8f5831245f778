"""Vector fields f(h, t), the right-hand sides of dh/dt = f(h, t).

Every field is a stack of R replicas: R networks of one shape with separate weights, evaluated
together. A state has shape ``(R, B, *state_shape)``; axis 2 is always the feature axis (the
dimension d of a point, or the channels of an image), the one that augmentation extends.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from anode.checks import check_positive, check_seeds, flag, integer, member
from anode.seeding import Stream, generator

Dynamics = Callable[[Tensor, Tensor], Tensor]
"""A function (t, h) -> dh/dt, in torchdiffeq's argument order."""

PullBack = Callable[[Tensor], tuple[Tensor, tuple[Tensor, ...]]]
"""A function from the gradient of slopes to those of the state and of the weights."""


class Activation(Enum):
    """The nonlinearity of a field. ReLU fields are Lipschitz, not C1; the others are smooth."""

    RELU = "relu"
    SOFTPLUS = "softplus"
    TANH = "tanh"

    def __call__(self, x: Tensor) -> Tensor:
        if self is Activation.TANH:
            return torch.tanh(x)
        return F.relu(x) if self is Activation.RELU else F.softplus(x)


class VectorField(nn.Module, ABC):
    """A stack of R networks f(h, t) of one architecture.

    Subclasses keep all weights in parameters whose first axis is R and evaluate them in
    :meth:`evaluate`, which is given the weights explicitly, so that one replica can be evaluated
    alone without a copy.
    """

    def __init__(self, state_shape: Sequence[int], seeds: Iterable[int]) -> None:
        super().__init__()
        self.state_shape = tuple(integer("state_shape", size) for size in state_shape)
        self.seeds = check_seeds(seeds)

    @property
    def replicas(self) -> int:
        """R, the number of networks in the stack."""
        return len(self.seeds)

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """All weights, each of shape ``(R, ...)``, in the order :meth:`evaluate` takes them."""
        return tuple(self.parameters())

    @abstractmethod
    def evaluate(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> Tensor:
        """f(h, t) for ``weights`` of r replicas: ``h (r, B, *state_shape)``, ``t () or (r,)``."""

    def trace(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> tuple[Tensor, PullBack]:
        """f(h, t) as :meth:`evaluate` gives it, without a graph, and the way back.

        Returns:
            The slopes, and a function from their gradient to the gradients of ``h`` and of each of
            ``weights``. It may be called more than once, as long as nobody changes ``h``.
        """
        leaves = tuple(w.detach().requires_grad_() for w in weights)
        state = h.detach().requires_grad_()
        with torch.enable_grad():
            value = self.slopes(leaves, t, state)

        def pull_back(gradient: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
            of_state, *of_weights = torch.autograd.grad(
                value,
                (state, *leaves),
                gradient,
                retain_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )
            return of_state, tuple(of_weights)

        return value.detach(), pull_back

    def flatten(self, h: Tensor) -> Tensor:
        """States ``(..., B, *state_shape)`` as ``(..., N)``.

        Solvers keep states like this, in the order in which evaluations are fastest;
        :meth:`unflatten` is the inverse.
        """
        return h.flatten(-1 - len(self.state_shape))

    def unflatten(self, flat: Tensor) -> Tensor:
        """States ``(..., N)`` as ``(..., B, *state_shape)``, without a copy."""
        return flat.unflatten(-1, (-1, *self.state_shape))

    def forward(self, t: Tensor, h: Tensor) -> Tensor:
        """f(h, t) of all replicas, in torchdiffeq's argument order.

        Args:
            t: Time, shape ``()``, or one time for each replica, shape ``(R,)``.
            h: States, shape ``(R, B, *state_shape)``.

        Returns:
            dh/dt, same shape as ``h``.
        """
        return self.evaluate(self.weights, t, h)

    def slopes(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> Tensor:
        """f(h, t) as :meth:`evaluate` gives it, which must be like ``h``."""
        found = self.evaluate(weights, t, h)
        if not isinstance(found, Tensor) or (found.shape, found.dtype) != (h.shape, h.dtype):
            got = (found.dtype, tuple(found.shape)) if isinstance(found, Tensor) else found
            want = f"{h.dtype} of shape {tuple(h.shape)}"
            raise ValueError(f"{type(self).__name__} must give slopes like h, {want}, got {got}")
        return found

    def closed_slopes(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> Tensor:
        """As :meth:`slopes`, where gradients must flow to ``weights`` and ``h`` only."""
        h = h.detach()
        with torch.enable_grad():
            found = self.slopes(tuple(w.detach() for w in weights), t, h)
        nodes = [found.grad_fn] if found.requires_grad else []  # seldom: evaluate may set it for h
        for node in nodes:
            leaf = getattr(node, "variable", h)
            if leaf is not h:
                raise ValueError(
                    f"{type(self).__name__} uses a tensor of shape {tuple(leaf.shape)} that "
                    "requires gradients and is not among the weights that evaluate is given: it "
                    "would get none; use the given weights, or make it an nn.Parameter"
                )
            nodes += [each for each, _ in getattr(node, "next_functions", ()) if each not in nodes]
        return found.detach()

    def select(self, replica: int) -> tuple[Dynamics, tuple[Tensor, ...]]:
        """One replica alone: its dynamics ``(t, h (1, B, ...)) -> dh/dt`` and its weights."""
        # A stack of one needs no slicing, and slices would cost a node each in the graph.
        weights = self.weights
        if self.replicas > 1:
            weights = tuple(w[replica : replica + 1] for w in weights)
        return partial(self.slopes, weights), weights


class _Layered(VectorField):
    """A field of layers with an activation between them, and with or without a time."""

    activation: Activation
    time_dependent: bool

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "activation":  # no property, which torch would pass by for an nn.Tanh()
            value = member(name, value, Activation)
        if name == "time_dependent":
            value = flag(name, value)
            if vars(self).get(name, value) != value:
                raise AttributeError("time_dependent is fixed when a field is made")
        super().__setattr__(name, value)


class MLPField(_Layered):
    """The field of the toy experiments: dim (+ t) -> hidden -> hidden -> dim (appendix F.1.1).

    The time enters as one more input of the first layer. Its column of weights is kept apart, so
    that no tensor is concatenated: ``W [h; t] = W_h h + t w_t``.

    Args:
        dim: Dimension of the state, d + p.
        outputs: Dimension of the values; that of the state if left out.
        hidden: Width of the two hidden layers.
        activation: Nonlinearity after each hidden layer, or its name.
        time_dependent: Whether t is an input. A residual block is the same map without it.
        seeds: One seed for each replica; the weights of replica r depend on ``seeds[r]`` only.
        index: Number of the map among those of one model, such as the blocks of a ResNet.

    Raises:
        ValueError: If a size is not a positive integer, ``seeds`` is empty, negative or repeats
            itself, or ``activation`` or ``time_dependent`` is something else.
    """

    def __init__(
        self,
        dim: int,
        *,
        outputs: int | None = None,
        hidden: int = 32,
        activation: Activation = Activation.RELU,
        time_dependent: bool = True,
        seeds: Iterable[int] = (0,),
        index: int = 0,
    ) -> None:
        outputs = dim if outputs is None else outputs
        check_positive(dim=dim, outputs=outputs, hidden=hidden)
        super().__init__((dim,), seeds)
        self.activation = activation
        self.time_dependent = time_dependent
        rngs = [generator(seed, Stream.WEIGHTS, index) for seed in self.seeds]
        inputs = dim + 1 if time_dependent else dim
        first, self.bias1 = linear_layers(inputs, hidden, rngs)
        self.weight1 = nn.Parameter(first.detach()[:, :dim].clone())  # (R, dim, hidden)
        self.weight2, self.bias2 = linear_layers(hidden, hidden, rngs)
        self.weight3, self.bias3 = linear_layers(hidden, outputs, rngs)
        self.time_weight = (  # (R, 1, hidden)
            nn.Parameter(first.detach()[:, dim:].clone()) if time_dependent else None
        )

    @property
    def weights(self) -> tuple[Tensor, ...]:
        time = () if self.time_weight is None else (self.time_weight,)
        first = (self.weight1, self.bias1, self.weight2, self.bias2, self.weight3, self.bias3)
        return first + time

    def evaluate(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> Tensor:
        w1, b1, w2, b2, w3, b3, *time = weights
        if time:
            b1 = b1 + time[0] * t.view(-1, 1, 1)  # (R, 1, hidden)
        z = self.activation(torch.baddbmm(b1, h, w1))  # (R, B, hidden)
        z = self.activation(torch.baddbmm(b2, z, w2))  # (R, B, hidden)
        return torch.baddbmm(b3, z, w3)  # (R, B, dim)


class Convolution(NamedTuple):
    """A convolution of one network that is given the time as a constant channel.

    The kernel of that channel is kept apart. Its response to the time is ``t * s``, where s is its
    convolution with ones: because of the zeros beyond the border, s is constant only for a 1x1
    kernel. Grouped convolutions of several networks would be slower.

    Attributes:
        kernel: Weights, ``(outputs, inputs, width, width)``, of odd width.
        bias: Bias, ``(outputs,)``.
        time_kernel: Weights of the time's channel, ``(outputs, 1, width, width)``, or None.
    """

    kernel: Tensor
    bias: Tensor
    time_kernel: Tensor | None

    def __call__(self, z: Tensor, t: Tensor) -> Tensor:
        """The outputs ``(B, outputs, H, W)`` at a time ``()`` for ``z (B, inputs, H, W)``."""
        kernel, bias, time_kernel = self
        if time_kernel is None:
            return F.conv2d(z, kernel, bias, padding=self.padding)
        if self.padding == 0:
            return F.conv2d(z, kernel, bias + t * time_kernel.flatten())
        ones = z.new_ones(1, 1, *z.shape[2:])
        ramp = F.conv2d(ones, time_kernel, padding=self.padding)[0]  # (outputs, H, W)
        return F.conv2d(z, kernel, padding=self.padding).add_(t * ramp + bias[:, None, None])

    @property
    def padding(self) -> int:
        """Number of zeros beyond each border that keep height and width."""
        return self.kernel.shape[-1] // 2


class ConvField(_Layered):
    """The field of the image experiments: 1x1 -> 3x3 -> 1x1 convolutions (appendix F.1.2).

    The time enters as a constant channel before each convolution. As for :class:`MLPField`, the
    weights of that channel are kept apart; the 3x3 convolution of a constant channel is not
    constant at the zero-padded border, so its response to a channel of ones is computed.

    Args:
        channels: Number of channels of the state, c + p.
        size: Height and width of the image.
        filters: Width k of the two hidden layers.
        activation: Nonlinearity after the first and the second convolution, or its name.
        time_dependent: Whether there is a channel for the time.
        seeds: One seed for each replica.

    Raises:
        ValueError: As for :class:`MLPField`, and if ``size`` is not a height and a width.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, int],
        *,
        filters: int = 64,
        activation: Activation = Activation.RELU,
        time_dependent: bool = True,
        seeds: Iterable[int] = (0,),
    ) -> None:
        if not isinstance(size, Sequence) or len(size) != 2:
            raise ValueError(f"size must be (height, width), got {size!r}")
        check_positive(channels=channels, filters=filters, height=size[0], width=size[1])
        super().__init__((channels, *size), seeds)
        self.activation = activation
        self.time_dependent = time_dependent
        rngs = [generator(seed, Stream.WEIGHTS) for seed in self.seeds]
        layers = [(channels, filters, 1), (filters, filters, 3), (filters, channels, 1)]
        self.kernels, self.biases = nn.ParameterList(), nn.ParameterList()
        self.time_kernels = nn.ParameterList()
        for inputs, outputs, width in layers:
            kernel, bias = conv_layers(inputs + time_dependent, outputs, width, rngs)
            # (R, outputs, inputs, width, width) and (R, outputs, 1, width, width)
            self.kernels.append(nn.Parameter(kernel.detach()[:, :, :inputs].clone()))
            self.biases.append(bias)
            if time_dependent:
                self.time_kernels.append(nn.Parameter(kernel.detach()[:, :, inputs:].clone()))

    @property
    def weights(self) -> tuple[Tensor, ...]:
        return (*self.kernels, *self.biases, *self.time_kernels)

    def flatten(self, h: Tensor) -> Tensor:
        return h.movedim(-3, -1).flatten(-4)  # channels last, as convolutions are fastest

    def unflatten(self, flat: Tensor) -> Tensor:
        channels, height, width = self.state_shape
        return flat.unflatten(-1, (-1, height, width, channels)).movedim(-1, -3)

    def evaluate(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> Tensor:
        if len(h) == 1:  # without slices, which would cost a node each in the graph
            return self._evaluate_one([w.squeeze(0) for w in weights], t, h.squeeze(0))[None]
        times = t.expand(len(h))
        each = zip(*(w.unbind() for w in weights), strict=True)
        return torch.stack([self._evaluate_one(w, times[r], h[r]) for r, w in enumerate(each)])

    def _evaluate_one(self, weights: Sequence[Tensor], t: Tensor, h: Tensor) -> Tensor:
        """f of one replica at states ``(B, c+p, H, W)``."""
        time_kernels: Sequence[Tensor | None] = weights[6:] or [None] * 3
        z = h.contiguous(memory_format=torch.channels_last)
        for number, layer in enumerate(zip(weights[:3], weights[3:6], time_kernels, strict=True)):
            if number > 0:
                z = self.activation(z)
            z = Convolution(*layer)(z, t)
        return z


def linear_layers(
    inputs: int, outputs: int, rngs: Sequence[torch.Generator]
) -> tuple[nn.Parameter, nn.Parameter]:
    """Weights ``(R, inputs, outputs)``, biases ``(R, 1, outputs)``, drawn as ``nn.Linear`` does."""
    bound = 1 / math.sqrt(inputs)
    return _drawn((inputs, outputs), bound, rngs), _drawn((1, outputs), bound, rngs)


def conv_layers(
    inputs: int, outputs: int, width: int, rngs: Sequence[torch.Generator]
) -> tuple[nn.Parameter, nn.Parameter]:
    """Kernels ``(R, outputs, inputs, width, width)``, biases ``(R, outputs)``, as ``nn.Conv2d``."""
    bound = 1 / math.sqrt(inputs * width * width)
    kernel = _drawn((outputs, inputs, width, width), bound, rngs)
    return kernel, _drawn((outputs,), bound, rngs)


def _drawn(shape: tuple[int, ...], bound: float, rngs: Sequence[torch.Generator]) -> nn.Parameter:
    each = [torch.empty(shape).uniform_(-bound, bound, generator=rng) for rng in rngs]
    return nn.Parameter(torch.stack(each))
