"""Convolutions that are given the time as a constant channel, and the way back through them.

Of one network at a time: grouped convolutions of several are slower, and have no channels last.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Convolution(NamedTuple):
    """A layer's weights.

    The kernel of the time's channel is kept apart, or None. Its response to the time is
    ``t * s``, where s is its convolution with ones: by the zeros beyond the border, s is constant
    only if the kernel is 1x1.

    Attributes:
        kernel: ``(outputs, inputs, width, width)``, of odd width.
        bias: ``(outputs,)``.
        time_kernel: ``(outputs, 1, width, width)``.
    """

    kernel: Tensor
    bias: Tensor
    time_kernel: Tensor | None

    def __call__(self, z: Tensor, t: Tensor) -> Tensor:
        """``z (B, inputs, H, W)`` and a time ``()`` -> ``(B, outputs, H, W)``."""
        kernel, bias, time_kernel = self
        if time_kernel is None:
            return F.conv2d(z, kernel, bias, padding=self.padding)
        if self.padding == 0:
            return F.conv2d(z, kernel, bias + t * time_kernel.flatten())
        ramp = F.conv2d(_ones(z), time_kernel, padding=self.padding)[0]  # (outputs, H, W)
        return F.conv2d(z, kernel, padding=self.padding).add_(t * ramp + bias[:, None, None])

    def pull_back(self, gradient: Tensor, z: Tensor, t: Tensor) -> tuple[Tensor, "Convolution"]:
        """From the gradient of what it gave for z and t to those of z and of its weights."""
        constant = self.time_kernel is None or self.padding == 0
        of_z, of_kernel, of_bias = _pull_back(gradient, z, self.kernel, constant)
        if self.time_kernel is None:
            return of_z, Convolution(of_kernel, of_bias, None)
        if constant:
            return of_z, Convolution(of_kernel, of_bias, (t * of_bias).view_as(self.time_kernel))
        shares = gradient.sum(0, keepdim=True)
        _, of_time_kernel, _ = _pull_back(t * shares, _ones(z), self.time_kernel, False)
        return of_z, Convolution(of_kernel, shares.sum((0, 2, 3)), of_time_kernel)

    @property
    def padding(self) -> int:
        """Zeros beyond the border that keep height and width."""
        return self.kernel.shape[-1] // 2


def _ones(z: Tensor) -> Tensor:
    return z.new_ones(1, 1, *z.shape[2:])


def _pull_back(
    gradient: Tensor, z: Tensor, kernel: Tensor, bias: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of z, of the kernel and, if asked for, of a bias."""
    padding = [kernel.shape[-1] // 2] * 2
    found: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        gradient, z, kernel, [len(kernel)], [1, 1], padding, [1, 1], False, [0, 0], 1,
        [True, True, bias],
    )  # fmt: skip
    return found
