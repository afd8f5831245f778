"""Fields of your own: a function f(t, h), an ``nn.Module``, or a list of R modules as a stack."""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from inspect import Parameter, signature
from typing import Any

import torch
from torch import Tensor, nn

from anode.fields import VectorField

Own = Callable[..., Tensor] | Sequence[nn.Module]
STACK = (list, tuple, nn.ModuleList)


class OwnField(VectorField):
    """A function or a module of yours as a field, or R modules as a stack of R fields.

    It takes a time ``()`` and states ``(B, *state_shape)``, in torchdiffeq's argument order, or the
    states alone, and gives dh/dt.

    Args:
        own: A function; or a module, which is used as it is, so that training changes it; or a list
            of R modules of one class, whose weights are copied and evaluated by ``torch.vmap``.
        state_shape: Shape of the state of one sample.
        seeds: Seed of each replica, by which a training orders the data; 0 to R - 1 if left out.

    Raises:
        TypeError, ValueError: If ``own`` is none of the three, or cannot be stacked.
    """

    def __init__(
        self, own: Own, state_shape: Sequence[int], seeds: Iterable[int] | None = None
    ) -> None:
        parts: list[Any] = list(own) if isinstance(own, STACK) else [own]
        modules = bool(parts) and all(isinstance(each, nn.Module) for each in parts)
        if not (modules or (callable(own) and not isinstance(own, (type, *STACK)))):
            raise TypeError(
                "field must be a function f(t, h), a torch.nn.Module with such a forward, or a "
                f"list of one such module for each replica, got {own!r}"
            )
        super().__init__(state_shape, range(len(parts)) if seeds is None else seeds)
        if len(parts) != self.replicas:
            wanted = f"a list of {self.replicas} modules, one for each seed"
            raise ValueError(f"field must be {wanted}, got {len(parts)}")
        self.several = isinstance(own, STACK)
        self.own = _stacked(parts) if self.several else parts[0]
        self.takes_time = _takes_time(parts[0])

    @property
    def weights(self) -> tuple[Tensor, ...]:
        found = tuple(self.parameters())
        return found if self.several else tuple(w[None] for w in found)

    def evaluate(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> Tensor:
        if self.several:
            return torch.vmap(self._alone, randomness="different")(weights, t.expand(len(h)), h)
        value = self._alone(tuple(w[0] for w in weights), t.reshape(()), h[0])
        return value[None] if isinstance(value, Tensor) else value

    def _alone(self, weights: tuple[Tensor, ...], t: Tensor, h: Tensor) -> Tensor:
        """f of one replica with its weights, at a time ``()``, of states ``(B, *state_shape)``."""
        arguments = (t, h) if self.takes_time else (h,)
        if not isinstance(self.own, nn.Module):
            return self.own(*arguments)
        names = [name for name, _ in self.own.named_parameters()]
        state = dict(zip(names, weights, strict=True))
        found: Tensor = torch.func.functional_call(self.own, state, arguments)
        return found


def _stacked(modules: Sequence[nn.Module]) -> nn.Module:
    """A copy of the first module with the parameters of all, each ``(R, ...)``."""
    try:
        weights, buffers = torch.func.stack_module_state(list(modules))
    except RuntimeError as error:
        raise ValueError(f"field must be a list of modules of one kind: {error}") from error
    if differ := [name for name, each in buffers.items() if not bool((each == each[0]).all())]:
        raise ValueError(f"field must be modules with equal buffers, but {differ} differ")
    stack = deepcopy(modules[0])
    for name, parameter in stack.named_parameters():
        parameter.data = weights[name].detach()
    return stack


def _takes_time(own: Callable[..., Tensor]) -> bool:
    """Whether f takes (t, h), and not h alone."""
    try:
        parameters = signature(own.forward if isinstance(own, nn.Module) else own).parameters
    except ValueError:  # of some functions written in C
        return True
    kinds = [p.kind for p in parameters.values() if p.default is Parameter.empty]
    plain = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return Parameter.VAR_POSITIONAL in kinds or sum(kind in plain for kind in kinds) != 1
