"""Time of a training step and of a function evaluation: this package beside plain torchdiffeq.

    python -m benchmarks.training_step [--steps N] [--rounds N] [--threads N]

Each round trains every contestant for N steps from the same weights on the same batches, one after
the other, so that a change of the machine's speed meets all of them. The table has the median over
the rounds and, for the ratio, the median of the rounds' ratios. This package's stacks of 1 and of
20 networks stand beside one network of the peer; the last column is per network.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torchdiffeq
from torch import Tensor

from anode import Loss, NeuralODE, TrainingSettings, train
from anode.data import Data, concentric_spheres
from anode.training import Batches
from benchmarks.plain import PlainNeuralODE, train_plain

BATCH, HIDDEN, DIM = 64, 32, 2
MODELS = {"NODE": 0, "ANODE (p = 5)": 5}
STACKS = (1, 20)
PEER = "plain torchdiffeq"
_EVALUATIONS = 200


@dataclass
class Measured:
    """Seconds of one contestant, one entry a round.

    Attributes:
        step: a training step.
        evaluation: a function evaluation with its graph recorded.
        nfe: mean function evaluations of a forward pass.
        networks: trained at once.
    """

    networks: int
    step: list[float] = field(default_factory=list)
    evaluation: list[float] = field(default_factory=list)
    nfe: float = 0.0


def ours(augment_dim: int, replicas: int, data: Data, measured: Measured) -> None:
    """One round of this package."""
    model = NeuralODE((DIM,), augment_dim=augment_dim, hidden=HIDDEN, seeds=range(replicas))
    settings = TrainingSettings(epochs=1, batch_size=BATCH, loss=Loss.HUBER)
    history = train(model, data, settings)
    measured.step.append(history.seconds / history.steps_per_epoch)
    measured.nfe = float(history.step_nfe.mean())
    t, h = torch.zeros(replicas), torch.randn(replicas, BATCH, DIM + augment_dim)
    measured.evaluation.append(_evaluation(lambda: model.field(t, h)))


def plain(augment_dim: int, data: Data, measured: Measured) -> None:
    """One round of the peer, with the weights and the batches of the package's seed 0."""
    like = NeuralODE((DIM,), augment_dim=augment_dim, hidden=HIDDEN, seeds=(0,))
    model = PlainNeuralODE(DIM, augment_dim, HIDDEN)
    model.copy_from(like)
    batches = Batches((0,), data, BATCH, torch.device("cpu"))
    start = time.perf_counter()
    _, nfe = train_plain(model, ((x[0], y[0]) for x, y in batches.epoch()))
    measured.step.append((time.perf_counter() - start) / len(nfe))
    measured.nfe = statistics.fmean(nfe)
    t, h = torch.zeros(()), torch.randn(BATCH, DIM + augment_dim)
    measured.evaluation.append(_evaluation(lambda: model.field(t, h)))


def _evaluation(call: Callable[[], Tensor]) -> float:
    start = time.perf_counter()
    for _ in range(_EVALUATIONS):
        call()
    return (time.perf_counter() - start) / _EVALUATIONS


def measure(steps: int, rounds: int) -> dict[str, dict[str, Measured]]:
    """Model -> contestant -> times; the first round only warms up."""
    inner = steps * BATCH // 3
    data = concentric_spheres(DIM, inner, steps * BATCH - inner)
    names = {replicas: f"anode, {replicas} at once" for replicas in STACKS}
    table = {
        model: {PEER: Measured(1)} | {name: Measured(r) for r, name in names.items()}
        for model in MODELS
    }
    for counted in [False] + [True] * rounds:
        for model, augment_dim in MODELS.items():
            row = table[model] if counted else {name: Measured(1) for name in table[model]}
            plain(augment_dim, data, row[PEER])
            for replicas, name in names.items():
                ours(augment_dim, replicas, data, row[name])
    return table


def report(table: dict[str, dict[str, Measured]]) -> str:
    """The measurements as a Markdown table, times in milliseconds."""
    lines = [
        f"| model | contestant | NFE | step, ms | step ÷ {PEER} | evaluation, ms "
        f"| evaluation ÷ {PEER} | step per network, ms |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for model, contestants in table.items():
        peer = contestants[PEER]
        for name, own in contestants.items():
            cells = [
                model,
                name,
                f"{own.nfe:.1f}",
                f"{1e3 * statistics.median(own.step):.2f}",
                _ratio(own.step, peer.step),
                f"{1e3 * statistics.median(own.evaluation):.3f}",
                _ratio(own.evaluation, peer.evaluation),
                f"{1e3 * statistics.median(own.step) / own.networks:.2f}",
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _ratio(mine: list[float], peers: list[float]) -> str:
    """Median of the rounds' ratios, with the least and the largest."""
    ratios = [a / b for a, b in zip(mine, peers, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_step")
    parser.add_argument("--steps", type=int, default=60, help="training steps a round")
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    options = parser.parse_args()
    for name in ("steps", "rounds", "threads"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be 1 or more, got {getattr(options, name)}")
    torch.set_num_threads(options.threads)
    print(
        f"d = {DIM}, batch {BATCH}, hidden {HIDDEN}, dopri5 at 1e-3, "
        f"{options.steps} steps a round, {options.rounds} rounds, {options.threads} thread(s)\n"
        f"torch {torch.__version__}, torchdiffeq {torchdiffeq.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()}\n"
    )
    print(report(measure(options.steps, options.rounds)))


if __name__ == "__main__":
    main()
