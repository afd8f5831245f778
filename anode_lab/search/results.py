"""A search that was run: its ranking, how sure one can be of it, and its record."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from anode.arrays import Floats
from anode_lab.runs.provenance import Provenance
from anode_lab.runs.store import Key, Store
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


def save(store: Store, key: Key, result: SearchResult) -> None:
    """Write a search's record; it is there as a whole or not at all."""
    trials = [_as_dict(trial) for trial in result.trials]
    store.write(key, {"provenance": result.provenance.as_dict(), "trials": trials}, {})


def load(store: Store, key: Key, grid: Grid, dim: int) -> SearchResult | None:
    """Read a search's record; None where there is none. Whoever calls holds its lock."""
    found = store.sound(key)
    if found is None:
        return None
    text, _ = found
    trials = zip(grid.settings(), text["trials"], strict=True)
    parsed = tuple(_parsed(setting, trial) for setting, trial in trials)
    return SearchResult(grid, dim, parsed, Provenance(**text["provenance"]))


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
