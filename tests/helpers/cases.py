"""Trained models with made-up histories, to measure claims on."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from math import nan

import numpy as np

from anode import History, NeuralODE
from anode.arrays import Floats
from anode.models import Model
from anode.training import TrainingFailure
from anode_lab.claims import (
    Case,
)
from anode_lab.experiments import EXPERIMENTS
from anode_lab.runs import Result, Run, Task
from anode_lab.runs.provenance import Provenance

SEEDS = 20
EPOCHS = 50


def history(loss: Floats, nfe: Floats, failed: int = 0) -> History:
    """One step an epoch, ``loss`` and ``nfe`` of shape ``(R, E)``; the first seeds failed."""
    loss, nfe = loss.copy(), nfe.copy()
    loss[:failed, 1:] = nfe[:failed, 1:] = nan
    return History(
        step_loss=loss,
        step_nfe=nfe,
        step_backward_nfe=np.zeros_like(nfe),
        steps_per_epoch=1,
        validation_loss=None,
        snapshots={},
        failures={r: TrainingFailure(r, 2, 2, "forward", "made up") for r in range(failed)},
        seconds=0.0,
        seeds=tuple(range(len(loss))),
    )


def case(
    name: str,
    label: str,
    record: History,
    *,
    profile: str = "laptop",
    model: Model | None = None,
) -> Case:
    """A model of an experiment with a made-up history, and the data that it would have had."""
    experiment = EXPERIMENTS[name]
    made_up = Run(
        task=Task(experiment, experiment.model(label), profile, record.seeds[:1]),
        model=model or NeuralODE((2,), hidden=1, seeds=record.seeds),
        history=record,
        provenance=(Provenance.now("cpu", datetime.now(UTC), 0.0),),
        data_name=name,
        samples=experiment.size(profile).samples,
        accuracy=np.full(len(record.seeds), np.nan),
    )
    return Case(Result(experiment, profile, "cpu", {label: made_up}), label)


def results(*cases: Case) -> Mapping[str, Result]:
    """As `runs.run` gives them, one an experiment."""
    merged: dict[str, Result] = {}
    for each in cases:
        name = each.result.experiment.name
        known = merged[name].runs if name in merged else {}
        merged[name] = replace(each.result, runs=known | each.result.runs)
    return merged


def evaluations(growth: float, spread: float = 0.05, seed: int = 0) -> Floats:
    """Evaluations that grow by a factor in the mean, with a spread over the seeds."""
    rng = np.random.default_rng(seed)
    factors = growth * np.exp(spread * rng.normal(size=(SEEDS, 1)))
    return 20 * factors ** np.linspace(0, 1, EPOCHS)


def losses(decay: float, start: float = 0.4) -> Floats:
    """Losses that fall to a tenth in ``decay`` epochs, again and again."""
    return np.tile(start * 10 ** (-np.arange(EPOCHS) / decay), (SEEDS, 1))


FLAT = np.full((SEEDS, EPOCHS), 0.1)
