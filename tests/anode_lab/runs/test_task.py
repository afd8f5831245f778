"""A task is its description: what it is, what it depends on, and how it travels."""

import json
import pickle
from dataclasses import replace

import pytest

from anode_lab.experiments import EXPERIMENTS, PROFILES, figures
from anode_lab.runs.task import Task, figure_tasks, tasks

ALL = [
    task
    for name, experiment in EXPERIMENTS.items()
    for profile in experiment.sizes
    for task in tasks(name, profile)
]


def test_a_task_travels_as_names_and_arrives_as_what_it_was() -> None:
    for task in ALL:
        sent = pickle.dumps(task)
        assert pickle.loads(sent) == task
        assert len(sent) < 500


def test_identities_are_of_json_and_tell_tasks_apart() -> None:
    seen: dict[str, Task] = {}
    for task in ALL:
        text = json.dumps(task.identity, sort_keys=True)
        other = seen.setdefault(text, task)
        assert (other.experiment, other.spec, other.seeds) == (
            task.experiment,
            task.spec,
            task.seeds,
        )
        assert other.settings == task.settings


def test_what_a_result_depends_on_changes_the_identity() -> None:
    (task, *_) = tasks("annulus-2d", stacked=False)
    experiment, size = task.experiment, task.size
    for change in ({"epochs": 7}, {"hidden": 7}, {"samples": (7, 8)}, {"batch_size": 7}):
        changed = replace(size, **change)  # type: ignore[arg-type]
        other = replace(experiment, sizes={**experiment.sizes, "laptop": changed})
        assert replace(task, experiment=other).identity != task.identity, change
    assert replace(task, seeds=(1,)).identity != task.identity
    assert replace(task, spec=experiment.models[1]).identity != task.identity


def test_seeds_are_one_task_a_model_or_one_each() -> None:
    stacked, single = (tasks("annulus-2d", seeds=[4, 2], stacked=s) for s in (True, False))
    assert [task.seeds for task in stacked] == [(4, 2)] * 4
    assert [task.seeds for task in single] == [(4,), (2,)] * 4
    assert tasks("annulus-2d", seeds=[4, 2]) == stacked, "a toy experiment takes seconds"
    assert len(tasks("images-grey", seeds=[4, 2])) == 2 * len(EXPERIMENTS["images-grey"].models)


@pytest.mark.parametrize("figure", figures())
def test_every_figure_has_its_tasks(figure: str) -> None:
    wanted = [task for profile in PROFILES for task in figure_tasks(figure, profile)]
    assert {task.experiment.name for task in wanted} == set(figures()[figure])
    named = [(task.profile, str(task)) for task in wanted]
    assert len(set(named)) == len(named)
    for name, labels in figures()[figure].items():
        drawn = {task.spec.label for task in wanted if task.experiment.name == name}
        every = [spec.label for spec in EXPERIMENTS[name].models]
        assert drawn == set(every if labels is None else labels)


def test_a_figure_that_there_is_not_is_named() -> None:
    with pytest.raises(ValueError, match=r"figure must be one of fig1, .*, got 'fig99'"):
        figure_tasks("fig99")


def test_a_figure_needs_some_of_what_its_experiments_have() -> None:
    grey = {task.spec.label for task in figure_tasks("fig17")}
    assert grey < {task.spec.label for task in tasks("images-grey")}
