"""A search that was run: its ranking, how sure one can be of it, and its record."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anode.atomic_write import write_whole
from anode.training import Floats
from anode_lab.runs.provenance import Provenance
from anode_lab.runs.store import Identity
from anode_lab.search.grid import Grid, Setting
from anode_lab.search.trials import Part, Trial


@dataclass(frozen=True)
class SearchResult:
    """A search that was run.

    Attributes:
        grid: what was searched.
        dim: d, the dimension of the data.
        trials: one a setting, in the grid's order.
        provenance: what made it.
    """

    grid: Grid
    dim: int
    trials: tuple[Trial, ...]
    provenance: Provenance

    def ranking(self, part: Part = Part.VALIDATION) -> tuple[Trial, ...]:
        """From the lowest mean loss to the highest; settings with failed folds come last."""
        return tuple(sorted(self.trials, key=lambda trial: trial.mean(part)))

    def rank(self, setting: Setting, part: Part = Part.VALIDATION) -> int:
        """The place of a setting in the ranking, 1 for the best."""
        return [trial.setting for trial in self.ranking(part)].index(setting) + 1

    def trial(self, setting: Setting) -> Trial:
        """The trial of a setting of the grid."""
        return self.trials[self.grid.settings().index(setting)]

    def ties(self) -> tuple[Trial, ...]:
        """The settings that the folds do not tell from the best; the best is the first of them.

        On each fold a setting's validation loss is some multiple of the best one's. It ties if the
        mean of the logarithms of these ratios is no larger than their standard deviation: losses
        differ by orders of magnitude, and one fold should not hide what the others agree on.
        """
        best, *others = self.ranking()
        return (best, *(trial for trial in others if _ties(trial, best)))


def _ties(trial: Trial, best: Trial) -> bool:
    excess = np.log(trial.loss[Part.VALIDATION] / best.loss[Part.VALIDATION])
    return bool(excess.mean() <= excess.std(ddof=1))  # not if a fold of either failed: NaN


def save(path: Path, identity: Identity, result: SearchResult) -> None:
    """Write a record, one line a setting; it is there as a whole or not at all."""
    head = {"run": dict(identity), "provenance": result.provenance.as_dict()}
    trials = ",\n".join("  " + json.dumps(_as_dict(trial)) for trial in result.trials)
    text = json.dumps(head, indent=1).removesuffix("\n}") + f',\n "trials": [\n{trials}\n ]\n}}\n'
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())


def load(path: Path, grid: Grid, dim: int) -> SearchResult | None:
    """Read a record of that grid; None where there is no whole one."""
    try:
        record = json.loads(path.read_text(encoding="utf8"))
        trials = tuple(
            _parsed(setting, trial)
            for setting, trial in zip(grid.settings(), record["trials"], strict=True)
        )
        return SearchResult(grid, dim, trials, Provenance(**record["provenance"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _as_dict(trial: Trial) -> dict[str, Any]:
    return {
        "setting": str(trial.setting),
        "loss": {part.value: _numbers(values) for part, values in trial.loss.items()},
        "nfe": _numbers(trial.nfe),
        "failures": {str(fold): text for fold, text in trial.failures.items()},
        "seconds": round(trial.seconds, 3),
    }


def _parsed(setting: Setting, record: Mapping[str, Any]) -> Trial:
    if record["setting"] != str(setting):
        raise ValueError(f"the record has {record['setting']!r} in the place of {str(setting)!r}")
    return Trial(
        setting,
        {Part(part): _array(values) for part, values in record["loss"].items()},
        _array(record["nfe"]),
        {int(fold): text for fold, text in record["failures"].items()},
        record["seconds"],
    )


def _numbers(values: Floats) -> list[float | None]:
    """For JSON, which has no NaN."""
    return [float(value) if np.isfinite(value) else None for value in values]


def _array(values: list[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values])
