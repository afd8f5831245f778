"""What is measured, on the threads that the process has."""

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from statistics import median
from typing import Any

import torch

from benchmarks.checks import Check, Checker
from benchmarks.contestants import BASELINE, installed
from benchmarks.images import measure as images
from benchmarks.images.limit import Convolutions
from benchmarks.images.task import TASKS
from benchmarks.limit import Rates, Work
from benchmarks.parts import Parts
from benchmarks.rounds import Measured, Timed, interleave
from benchmarks.task import MODELS, Contestant, Task

ONE, STACK = 1, 20
"""The numbers of networks in the table."""

TOO_LONG = 0.5
"""Seconds of a step from which on growth is not followed further."""


@dataclass(frozen=True)
class Plan:
    """How much to measure.

    Attributes:
        rounds: that count.
        steps: training steps of a round in the table.
        models: names of :data:`benchmarks.task.MODELS` in the table.
        networks, batches: the values of R and B for growth; :data:`STACK` networks for the latter.
        growth_steps: training steps of a round for growth.
        compiled: whether growth includes contestants that compile anew for each value.
        images: names of :data:`benchmarks.images.task.TASKS`.
        image_steps: training steps of a round of images.
        threads: numbers of threads for growth and images; the table is measured on the first.
    """

    rounds: int = 7
    steps: int = 20
    models: tuple[str, ...] = tuple(MODELS)
    networks: tuple[int, ...] = (1, 2, 5, 10, 20, 50, 100, 200)
    batches: tuple[int, ...] = (16, 32, 64, 128, 256, 512, 1024)
    growth_steps: int = 10
    compiled: bool = True
    images: tuple[str, ...] = tuple(TASKS)
    image_steps: int = 2
    threads: tuple[int, ...] = (1, 2)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Plan":
        """Of a dictionary read from JSON, which has lists for tuples."""
        tuples: dict[str, Any] = {k: tuple(v) for k, v in values.items() if isinstance(v, list)}
        return cls(**(values | tuples))


QUICK = Plan(
    rounds=2,
    steps=5,
    models=("NODE",),
    networks=(1, 20),
    batches=(16, 64),
    growth_steps=3,
    compiled=False,
    images=tuple(TASKS)[:1],
    threads=(1,),
)
"""Whether everything works, in about a minute; its numbers are rough."""

GROWTH_MODEL = "NODE"


@dataclass
class Limit:
    """The matrix products of a model's training steps.

    Attributes:
        model: name.
        work: of a step of one network, for each number of networks in the table.
        rates: measured in the rounds of the table with :data:`STACK` networks.
        parts: of a step of this package, measured in the same rounds.
    """

    model: str
    work: dict[int, Work]
    rates: Rates
    parts: Parts

    def seconds(self, networks: int, kind: str = "") -> float:
        """Of a step's products at the best rate of a kind of product, of all kinds if left out."""
        return networks * self.work[networks].flops / self.rates.best(kind)


@dataclass
class Results:
    """Everything that was measured."""

    table: list[Measured] = field(default_factory=list)
    by_networks: list[Measured] = field(default_factory=list)
    by_batch: list[Measured] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    images: list[Measured] = field(default_factory=list)
    convolutions: list[Convolutions] = field(default_factory=list)

    def extend(self, other: "Results") -> None:
        """Take over another's."""
        for name, values in vars(other).items():
            getattr(self, name).extend(values)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Results":
        """Of what :meth:`as_dict` gave."""
        return cls(
            table=[Measured(**each) for each in values["table"]],
            by_networks=[Measured(**each) for each in values["by_networks"]],
            by_batch=[Measured(**each) for each in values["by_batch"]],
            checks=[Check(**each) for each in values["checks"]],
            limits=[
                Limit(
                    each["model"],
                    {int(networks): Work(**work) for networks, work in each["work"].items()},
                    Rates(**each["rates"]),
                    Parts(**each["parts"]),
                )
                for each in values["limits"]
            ],
            images=[Measured(**each) for each in values["images"]],
            convolutions=[Convolutions(**each) for each in values["convolutions"]],
        )


def say(text: str) -> None:
    """Progress, on the error stream."""
    print(f"  {text}", file=sys.stderr, flush=True)


def table(plan: Plan) -> Results:
    """One and :data:`STACK` networks of each model, by all contestants, with checks and limits."""
    contestants, results = installed(), Results()
    for model in plan.models:
        rates, parts, work = Rates(), Parts(), {}
        for networks in (ONE, STACK):
            say(f"{model}, {networks} network(s): {', '.join(c.name for c in contestants)}")
            task = Task(networks, MODELS[model], steps=plan.steps)
            stack = networks == STACK
            # The limit is of the stack's shapes, measured in the stack's rounds.
            each_round = [partial(each.measure, task) for each in (rates, parts)] if stack else []
            timed = interleave(task, contestants, plan.rounds, each_round)
            results.table += [_measured(c, model, task, timed[c.name]) for c in contestants]
            work[networks] = Work.of(task)
            if stack:
                checker = Checker(model, task, timed[BASELINE].record)
                results.checks += [checker.check(c, timed[c.name].record) for c in contestants]
        results.limits.append(Limit(model, work, rates, parts))
    return results


def growth(plan: Plan) -> Results:
    """Time over the number of networks and over the batch size, of those that stack networks.

    The baseline, which does not, is there for the number of networks only.
    """
    stacking = [c for c in installed() if c.stacks and (plan.compiled or not c.compiles)]
    plain = [c for c in installed() if c.name == BASELINE]
    task = Task(STACK, MODELS[GROWTH_MODEL], steps=plan.growth_steps)
    networks = [replace(task, networks=value) for value in plan.networks]
    batches = [replace(task, batch=value) for value in plan.batches]
    return Results(
        by_networks=list(_series(networks, [*stacking, *plain], plan.rounds)),
        by_batch=list(_series(batches, stacking, plan.rounds)),
    )


def on_images(plan: Plan) -> Results:
    """Training steps on images, with their limits; with checks on the plan's first threads."""
    threads, results = torch.get_num_threads(), Results()
    for name in plan.images:
        say(f"images on {threads} thread(s): {name}")
        table, limit, checks = images.measure(
            name, plan.rounds, plan.image_steps, check=threads == plan.threads[0]
        )
        results.extend(Results(images=table, convolutions=[limit], checks=checks))
    return results


def _series(tasks: list[Task], contestants: list[Contestant], rounds: int) -> Iterator[Measured]:
    """Each task in turn, without the contestants for which it would take too long."""
    expected: dict[str, float] = {}  # seconds of a step
    size = 0
    for task in tasks:
        say(f"growth on {torch.get_num_threads()} thread(s): R = {task.networks}, B = {task.batch}")
        before, size = size, task.networks * task.batch
        expected = {name: seconds * size / before for name, seconds in expected.items()}
        taking_part = [c for c in contestants if expected.get(c.name, 0) <= TOO_LONG]
        timed = interleave(task, taking_part, rounds)
        expected |= {name: median(t.step) for name, t in timed.items()}
        for contestant in contestants:
            if contestant.name in timed:
                yield _measured(contestant, GROWTH_MODEL, task, timed[contestant.name])
            else:
                reason = f"a step would take {expected[contestant.name]:.1f} s"
                yield replace(_measured(contestant, GROWTH_MODEL, task), skipped=reason)


def _measured(
    contestant: Contestant, model: str, task: Task, timed: Timed | None = None
) -> Measured:
    measured = Measured(
        contestant.name,
        contestant.how,
        model,
        task.networks,
        task.batch,
        torch.get_num_threads(),
    )
    if timed is None:
        return measured
    nfe = float(timed.record.nfe.mean())
    return replace(measured, step=timed.step, nfe=nfe, ready=timed.ready)
