"""The records of trainings whose first steps a build takes again, for the status page."""

import json
from collections.abc import Iterator
from pathlib import Path

from anode_lab import formatting
from anode_lab.experiments import EXPERIMENTS
from anode_lab.images.downloaded import images_identity
from anode_lab.runs import RECORDED, Store, Task, check, results_folder, tasks
from anode_lab.runs.code_digest import Code
from anode_lab.runs.machine import processor
from anode_lab.runs.provenance import versions
from anode_lab.runs.record import load_record
from publishing.execute import say
from publishing.fingerprint import records as digest_of_records
from publishing.project import HOME
from publishing.records import digest, write

MARKER = "% build-checked"
"""Line of a page that stands for the table."""

STEPS = 5
"""Number of steps that are taken again."""

_SOURCE = "from anode_lab.runs import check, tasks\ncheck, tasks"
"""What decides the numbers: this, with all that it reaches."""


def table(build: Path) -> str:
    """For one record of each recorded experiment, whether its first steps are the same here.

    The table is kept in the folder ``build`` until the code, the records, the data, the libraries
    or the processor change.

    Raises:
        StoreError: If a record is damaged.
    """
    made_with = [Code(HOME).digest_of_source(_SOURCE), Path(__file__).read_text("utf8")]
    made_with += [digest_of_records(), images_identity(), processor(), str(versions())]
    kept = build / "checked" / f"{digest(json.dumps(made_with).encode())}.md"
    if not kept.is_file():
        header = ["experiment", "profile", "record", "steps", f"on {processor()}"]
        write(kept, formatting.table(header, _rows()))
    return kept.read_text("utf8")


def _rows() -> Iterator[list[str]]:
    store = Store(results_folder())
    for name in RECORDED:
        for profile in EXPERIMENTS[name].sizes:
            wanted = tasks(name, profile)
            if task := next((each for each in wanted if load_record(store, each.identity)), None):
                record = f"{task.spec.label}, seed {task.seeds[0]}"
                yield [name, profile, record, *_found(task)]


def _found(task: Task) -> tuple[str, str]:
    """The number of steps that were taken again, and how they compare with the record."""
    images = task.size.images
    if images is not None and not images.available():
        return "–", f"not checked: the data ({images.title}) are not here"
    say(f"the first {STEPS} steps of the record of {task} are taken again")
    found = check(task, STEPS)
    differ = f"losses within {found.loss:.1e} of the record's, evaluations within {found.nfe:.0f}"
    return str(found.steps), "identical" if found.identical else differ
