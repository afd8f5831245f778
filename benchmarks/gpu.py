"""What the paper's size costs on a GPU: seconds, function evaluations and memory of training steps.

python -m benchmarks.gpu [--device cuda] [--steps N] [--train MINUTES] [--out FOLDER]

It needs MNIST (`anode data fetch mnist`).
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from anode import Engine, Gradient, NeuralODE, SolverSettings, train
from anode.data import Data
from anode.training import accuracy
from anode_lab.experiments import EXPERIMENTS, Experiment, ModelSpec, Size
from anode_lab.experiments.images import GREY
from anode_lab.formatting import table
from anode_lab.runs.provenance import Provenance
from benchmarks.__main__ import FULL_OUT

SOLVERS = {
    "anode": SolverSettings(),
    "torchdiffeq": SolverSettings(engine=Engine.TORCHDIFFEQ),
    "torchdiffeq, adjoint": SolverSettings(gradient=Gradient.ADJOINT),
}
COMPARED = ("p = 0", "p = 5")
"""Models whose steps are taken in every way; the others are taken in this package's own."""

WARM = 5
"""Steps that do not count: libraries choose their algorithms in them."""


@dataclass(frozen=True)
class Cost:
    """Of a training step at the paper's size.

    Attributes:
        model, solver: what was trained, and how it was solved.
        parameters: number of weights.
        seconds: of a step, forwards and backwards.
        nfe, backward_nfe: mean function evaluations.
        gigabytes: the most that was allocated at once.
        hours: of the paper's training, if every step took as long.
    """

    model: str
    solver: str
    parameters: int
    seconds: float
    nfe: float
    backward_nfe: float
    gigabytes: float
    hours: float


def experiment() -> tuple[Experiment, Size]:
    """The paper's grey experiment at the paper's size."""
    found = EXPERIMENTS[GREY]
    return found, found.size("paper")


def build(spec: ModelSpec, data: Data, size: Size, solver: str, device: str) -> NeuralODE:
    """A model of one seed, before training."""
    model = spec.build(data.input_shape, 10, size.hidden, (0,))
    assert isinstance(model, NeuralODE)
    model.solver = SOLVERS[solver]
    return model.to(device)


def costs(data: Data, device: str, steps: int) -> Iterator[Cost]:
    """Of every model, a few steps each."""
    grey, size = experiment()
    for spec in grey.models:
        if spec.weight_decay or "solver" in spec.options:
            continue  # costs what it costs without; a solver of its own is none of the compared
        for solver in SOLVERS if spec.label in COMPARED else ("anode",):
            model = build(spec, data, size, solver, device)
            settings = replace(grey.settings(size, spec), epochs=1, batches=WARM)
            train(model, data, settings)
            torch.cuda.reset_peak_memory_stats(device)
            torch.cuda.synchronize(device)
            start = time.perf_counter()
            history = train(model, data, replace(settings, batches=steps))
            torch.cuda.synchronize(device)
            seconds = (time.perf_counter() - start) / steps
            updates = -(-size.samples // size.batch_size) * size.epochs
            yield Cost(
                spec.label,
                solver,
                model.parameter_count(),
                seconds,
                float(history.step_nfe.mean()),
                float(history.step_backward_nfe.mean()),
                torch.cuda.max_memory_allocated(device) / 1e9,
                updates * seconds / 3600,
            )


def trainings(data: Data, held_out: Data, device: str, minutes: float) -> Iterator[dict[str, Any]]:
    """Whole trainings of the compared models, one epoch after the other while there is time."""
    grey, size = experiment()
    end = time.perf_counter() + 60 * minutes
    for number, label in enumerate(COMPARED):
        spec = grey.model(label)
        # Epochs of one training cannot be timed apart from outside: it is foreseen from one epoch.
        model = build(spec, data, size, "anode", device)
        settings = grey.settings(size, spec)
        first = train(model, data, replace(settings, epochs=1))
        share = (end - time.perf_counter()) / (len(COMPARED) - number)
        epochs = min(size.epochs, int(share / (1.3 * first.seconds)))
        if epochs < 1:
            return
        model = build(spec, data, size, "anode", device)
        history = train(model, data, replace(settings, epochs=epochs), validation=held_out)
        assert history.validation_loss is not None
        yield {
            "model": label,
            "epochs": epochs,
            "minutes": history.seconds / 60,
            "loss": history.epoch_loss[0].tolist(),
            "nfe": history.epoch_nfe[0].tolist(),
            "validation_loss": history.validation_loss[0].tolist(),
            "accuracy": float(accuracy(model, held_out)[0]),
            "failures": [str(failure) for failure in history.failures.values()],
        }


def report(
    results: list[Cost], trained: list[dict[str, Any]], origin: Provenance, data: str
) -> str:
    """Markdown."""
    header = ["model", "solver", "weights", "ms a step", "NFE", "backward NFE", "GB", "hours"]
    rows = [
        [c.model, c.solver, f"{c.parameters:,}", f"{1e3 * c.seconds:.1f}", f"{c.nfe:.1f}",
         f"{c.backward_nfe:.1f}", f"{c.gigabytes:.2f}", f"{c.hours:.2f}"]
        for c in results
    ]  # fmt: skip
    lines = [
        "# The paper's size on a GPU",
        "",
        f"{origin.device}, torch {origin.versions['torch']}, {origin.started[:10]}. {data}, "
        "28 × 28, k = 64, batches of 256, dopri5 at 1e-3, single precision without TF32. Hours are "
        "those of a training of 20 epochs, if every step took as long as these first ones.",
        "",
        table(header, rows),
    ]
    if trained:
        header = ["model", "epochs", "minutes", "loss, first", "last", "NFE, first", "last"]
        header.append("accuracy")
        rows = [
            [t["model"], t["epochs"], f"{t['minutes']:.1f}", f"{t['loss'][0]:.3f}",
             f"{t['loss'][-1]:.3f}", f"{t['nfe'][0]:.1f}", f"{t['nfe'][-1]:.1f}",
             f"{t['accuracy']:.1%}"]
            for t in trained
        ]  # fmt: skip
        lines += [
            "",
            "Trained, one seed; losses and NFE are means of an epoch:",
            "",
            table(header, rows),
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=40, help="that are timed of each")
    parser.add_argument("--train", type=float, default=0.0, help="minutes of whole trainings")
    parser.add_argument("--out", type=Path, default=FULL_OUT)
    options = parser.parse_args()
    started, clock = datetime.now(UTC), time.perf_counter()
    grey, size = experiment()
    data, held_out = grey.data(size, 0)
    assert held_out is not None
    assert size.images is not None
    title = size.images.title
    results, trained = [], []
    for cost in costs(data, options.device, options.steps):
        print(cost, flush=True)
        results.append(cost)
    for training in trainings(data, held_out, options.device, options.train):
        print(training, flush=True)
        trained.append(training)
    origin = Provenance.now(options.device, started, time.perf_counter() - clock)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "gpu.md").write_text(report(results, trained, origin, title), encoding="utf8")
    numbers = {
        "provenance": origin.as_dict(),
        "data": title,
        "costs": [cost.__dict__ for cost in results],
        "trainings": trained,
    }
    (options.out / "gpu.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
