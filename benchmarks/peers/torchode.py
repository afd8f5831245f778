"""torchode: R networks as R problems of one solve, each with its own step control.

A problem's features are the B x D numbers of a network's states, so that its error norm is the one
that torchdiffeq uses for that network. The solver is compiled with TorchScript, as torchode's
documentation advises, and the step control is not differentiated. A problem a sample instead, R x B
of them, was slower here: a batch waits for its slowest sample.
"""

import torch
import torchode
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.task import LEARNING_RATE, Contestant, Record, Task, Weights


class StackedField(nn.Module):
    """f(h, t) of R networks; TorchScript compiles it.

    Called with times ``(R,)`` and states ``(R, B * D)``.
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.replicas, self.width = weights.w1.shape[:2]
        self.w1, self.time, self.b1, self.w2, self.b2, self.w3, self.b3 = (
            nn.Parameter(weight.clone()) for weight in weights[:7]
        )

    def forward(self, t: Tensor, y: Tensor) -> Tensor:
        h = y.view(self.replicas, -1, self.width)  # (R, B, D)
        z = torch.relu(torch.baddbmm(self.b1 + t.view(-1, 1, 1) * self.time, h, self.w1))
        z = torch.relu(torch.baddbmm(self.b2, z, self.w2))
        return torch.baddbmm(self.b3, z, self.w3).view(y.shape)


class Network(nn.Module):
    """Inputs ``(R, B, d)`` to outputs ``(R, B, 1)``."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task
        weights = task.weights()
        self.head, self.head_bias = (nn.Parameter(weight.clone()) for weight in weights[7:])
        term = torchode.ODETerm(StackedField(weights), with_stats=False)
        solver = torchode.AutoDiffAdjoint(
            torchode.Dopri5(term=term),
            torchode.IntegralController(atol=task.tolerance, rtol=task.tolerance, term=term),
            backprop_through_step_size_control=False,
        )
        self.solver = torch.jit.script(solver)

    def solve(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """phi(x) ``(R, B, D)``, and the evaluations up to each network's end ``(R,)``."""
        h0 = F.pad(x, (0, self.task.augment_dim))  # (R, B, D)
        start, end = torch.zeros(len(x)), torch.ones(len(x))
        problem = torchode.InitialValueProblem(h0.flatten(1), start, end)
        solution = self.solver.solve(problem)
        # Two for the first step's size, six a step.
        return solution.ys[:, -1].view_as(h0), 2 + 6 * solution.stats["n_steps"]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features, nfe = self.solve(x)
        return torch.baddbmm(self.head_bias, features, self.head), nfe


class Stack:
    """The networks of a task, trained at once."""

    def __init__(self, task: Task) -> None:
        self.batches, self.network = task.batches(), Network(task)
        self.start = {name: w.clone() for name, w in self.network.state_dict().items()}

    def reset(self) -> None:
        self.network.load_state_dict(self.start)

    def run(self) -> Record:
        optimizer = torch.optim.Adam(self.network.parameters(), lr=LEARNING_RATE, fused=True)
        losses, evaluations = [], []
        for x, y in self.batches:
            optimizer.zero_grad()
            prediction, nfe = self.network(x)
            loss = F.smooth_l1_loss(prediction, y, reduction="none").flatten(1).mean(1)  # (R,)
            loss.sum().backward()
            optimizer.step()
            losses.append(loss.detach())
            evaluations.append(nfe)
        return Record(*(torch.stack(each).double().numpy() for each in (losses, evaluations)))

    @torch.no_grad()
    def features(self, x: Tensor) -> Tensor:
        self.reset()
        return self.network.solve(x)[0]


CONTESTANT = Contestant(
    "torchode", "R problems of one solve, TorchScript", stacks=True, compiles=False, prepare=Stack
)
