"""The peer: a Neural ODE the way most code is written, one ``nn.Module`` solved by torchdiffeq.

One network at a time, the time concatenated to the state at every evaluation, ``nn.Linear`` layers.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchdiffeq import odeint

from anode import MLPField, NeuralODE


class PlainField(nn.Module):
    """f(h, t): the time appended to h ``(B, dim)``, then a two-hidden-layer ReLU network."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(dim + 1, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, dim),
        )
        self.nfe = 0

    def forward(self, t: Tensor, h: Tensor) -> Tensor:
        self.nfe += 1
        return self.net(torch.cat([h, t.expand(len(h), 1)], dim=1))


class PlainNeuralODE(nn.Module):
    """Inputs ``(B, d)`` to outputs ``(B, 1)``: p zeros appended, dopri5 at 1e-3, a linear layer."""

    def __init__(self, dim: int, augment_dim: int = 0, hidden: int = 32) -> None:
        super().__init__()
        self.augment_dim = augment_dim
        self.field = PlainField(dim + augment_dim, hidden)
        self.head = nn.Linear(dim + augment_dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        h0 = F.pad(x, (0, self.augment_dim))
        times = torch.tensor([0.0, 1.0])
        features = odeint(self.field, h0, times, rtol=1e-3, atol=1e-3, method="dopri5")[1]
        return self.head(features)

    @torch.no_grad()
    def copy_from(self, model: NeuralODE) -> None:
        """Take the weights of the first replica of ``model``."""
        field, head = model.field, model.head
        assert isinstance(field, MLPField)
        assert field.time_weight is not None
        assert head is not None
        first = torch.cat([field.weight1[0], field.time_weight[0]])
        pairs = [
            (first, field.bias1[0, 0]),
            (field.weight2[0], field.bias2[0, 0]),
            (field.weight3[0], field.bias3[0, 0]),
        ]
        linear = [layer for layer in self.field.net if isinstance(layer, nn.Linear)]
        for layer, (weight, bias) in zip(
            [*linear, self.head], [*pairs, (head.weight[0], head.bias[0, 0])], strict=True
        ):
            layer.weight.copy_(weight.T)
            layer.bias.copy_(bias)


def train_plain(
    model: PlainNeuralODE, batches: Iterable[tuple[Tensor, Tensor]], learning_rate: float = 1e-3
) -> tuple[list[float], list[int]]:
    """Train with Adam on the Huber loss; returns the loss and the evaluations of each step.

    Args:
        batches: inputs ``(B, d)`` and targets ``(B, 1)``.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    losses, nfe = [], []
    for x, y in batches:
        model.field.nfe = 0
        optimizer.zero_grad()
        loss = F.smooth_l1_loss(model(x), y)
        nfe.append(model.field.nfe)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, nfe
