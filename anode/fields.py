"""Vector fields f(h, t), the right-hand sides of dh/dt = f(h, t).

Every field is a stack of R replicas: R networks of one shape with separate weights, evaluated
together. A state has shape ``(R, B, *state_shape)``; axis 2 is always the feature axis (the
dimension d of a point, or the channels of an image), the one that augmentation extends.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
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


CACHE = 2**21
"""Bytes of a hidden layer's outputs that are computed at once, so that they stay in a cache."""


class Activation(Enum):
    """The nonlinearity of a field. ReLU fields are Lipschitz, not C1; the others are smooth."""

    RELU = "relu"
    SOFTPLUS = "softplus"
    TANH = "tanh"

    def __call__(self, x: Tensor) -> Tensor:
        if self is Activation.TANH:
            return torch.tanh(x)
        return F.relu(x) if self is Activation.RELU else F.softplus(x)

    def pull_back(self, gradient: Tensor, value: Tensor) -> Tensor:
        """The gradient of x from that of the value, in its memory."""
        if self is Activation.TANH:
            return gradient.mul_(1 - value.square())
        if self is Activation.RELU:
            return torch.ops.aten.threshold_backward.grad_input(
                gradient, value, 0, grad_input=gradient
            )
        return gradient.mul_(-torch.expm1(-value))


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


class _Convolution(NamedTuple):
    """A convolution of one network at a time, ``z (B, inputs, H, W)`` -> ``(B, outputs, H, W)``."""

    kernel: Tensor  # (outputs, inputs, width, width), of odd width
    offset: Tensor  # what is added, (outputs,) or (outputs, H, W)

    @classmethod
    def at(cls, t: Tensor, size: Sequence[int], kernel: Tensor, *rest: Tensor) -> "_Convolution":
        """At the time t, of images of a size; ``rest`` is the bias, and the time's kernel if any.

        The response to a constant channel of t is t times that to ones, which is not constant at
        the border, because of the zeros beyond it, unless the kernel is 1x1.
        """
        bias, *time_kernel = rest
        if not time_kernel:
            return cls(kernel, bias)
        if kernel.shape[-1] == 1:
            return cls(kernel, bias + t * time_kernel[0].flatten())
        ones = kernel.new_ones(1, 1, *size)
        ramp = F.conv2d(ones, time_kernel[0], padding=kernel.shape[-1] // 2)[0]
        offset = (t * ramp).movedim(0, -1) + bias  # in memory as the states are
        return cls(kernel, offset.contiguous().movedim(-1, 0))

    def __call__(self, z: Tensor) -> Tensor:
        kernel, offset = self
        padding = kernel.shape[-1] // 2
        if offset.dim() == 1:
            return F.conv2d(z, kernel, offset, padding=padding)
        return F.conv2d(z, kernel, padding=padding).add_(offset)

    def pull_back(self, gradient: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """From the gradient of the outputs to those of ``z``, of the kernel and of the offset."""
        outputs, inputs, width, _ = self.kernel.shape
        rows, narrows = gradient.movedim(1, -1), width == 1 and outputs < inputs
        of_z, of_kernel, _ = torch.ops.aten.convolution_backward(
            gradient, z, self.kernel, None, [1, 1], [width // 2] * 2, [1, 1], False, [0, 0], 1,
            [True, not narrows, False],
        )  # fmt: skip
        if narrows:  # oneDNN takes four times as long as this product where z is in no cache
            product = rows.flatten(0, 2).mT @ z.movedim(1, -1).flatten(0, 2)
            of_kernel = product[:, :, None, None]
        if self.offset.dim() == 1:
            return of_z, of_kernel, rows.flatten(0, 2).sum(0)
        return of_z, of_kernel, rows.flatten(1).sum(0).view(rows.shape[1:]).movedim(-1, 0)


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
        layers = self._layers(weights, t)
        found = [self._through(layers[r], part)[-1] for r, part in self._parts(h)]
        whole = torch.cat(found) if len(found) > 1 else found[0]
        return whole.unflatten(0, h.shape[:2])

    def trace(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> tuple[Tensor, PullBack]:
        # Written out: what a graph adds takes as long as a fifth of the convolutions.
        leaves = tuple(w.detach().requires_grad_() for w in weights)
        with torch.enable_grad():
            layers = self._layers(leaves, t)
        offsets = [layer.offset for own in layers for layer in own]
        with torch.no_grad():
            kept = [(r, self._through(layers[r], part)) for r, part in self._parts(h)]
            value = torch.cat([states.pop() for _, states in kept]).unflatten(0, h.shape[:2])
        again = h.shape[2] < weights[1].shape[2]  # sooner than it is read from memory
        for _, states in kept:
            states[1] = h.new_empty(0) if again else states[1]

        @torch.no_grad()
        def pull_back(gradient: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
            of_kernels = [torch.zeros_like(w) for w in weights[:3]]
            of_offsets = [torch.zeros_like(offset) for offset in offsets]
            of_states = []
            for (r, inputs), (_, g) in zip(kept, self._parts(gradient), strict=True):
                first = self.activation(layers[r][0](inputs[0])) if again else inputs[1]
                inputs = [inputs[0], first, inputs[2]]
                for number in reversed(range(3)):
                    g, of_kernel, of_offset = layers[r][number].pull_back(g, inputs[number])
                    of_kernels[number][r] += of_kernel
                    of_offsets[3 * r + number] += of_offset
                    g = self.activation.pull_back(g, inputs[number]) if number else g
                of_states.append(g)
            rest = torch.autograd.grad(offsets, leaves[3:], of_offsets, retain_graph=True)
            return torch.cat(of_states).unflatten(0, h.shape[:2]), (*of_kernels, *rest)

        return value, pull_back

    def _layers(self, weights: tuple[Tensor, ...], t: Tensor) -> list[list[_Convolution]]:
        """The three convolutions of each replica, of weights in the order of :attr:`weights`."""
        size, times = self.state_shape[1:], t.expand(len(weights[0]))
        own = zip(times, *weights, strict=True)
        return [[_Convolution.at(t, size, *w[i::3]) for i in range(3)] for t, *w in own]

    def _through(self, layers: Sequence[_Convolution], z: Tensor) -> list[Tensor]:
        """The inputs of the layers, and what the last one gives."""
        states = [z, self.activation(layers[0](z))]
        states.append(self.activation(layers[1](states[1])))
        return [*states, layers[2](states[2])]

    def _parts(self, h: Tensor) -> Iterator[tuple[int, Tensor]]:
        """The states of each replica; on a CPU as many at once as fit into a processor's cache."""
        each = h.element_size() * self.kernels[1].shape[1] * math.prod(self.state_shape[1:])
        count = max(1, -(-h.shape[1] * each // CACHE)) if h.device.type == "cpu" else 1
        for r, states in enumerate(h):
            for part in states.chunk(count):
                yield r, part.contiguous(memory_format=torch.channels_last)


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
