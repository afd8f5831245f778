"""Results of a search: its ranking, how certain that is, and its record."""

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
    """Results of a search.

    Attributes:
        grid: Settings that were tried.
        dim: Dimension d of the data.
        trials: One trial for each setting, in the grid's order.
        provenance: Code, versions and machine that made them.
    """

    grid: Grid
    dim: int
    trials: tuple[Trial, ...]
    provenance: Provenance

    def ranking(self, part: Part = Part.VALIDATION) -> tuple[Trial, ...]:
        """Sort trials from the lowest mean loss to the highest; those with failed folds are last.

        Args:
            part: Data on which the loss is measured.
        """
        return tuple(sorted(self.trials, key=lambda trial: trial.mean(part)))

    def rank(self, setting: Setting, part: Part = Part.VALIDATION) -> int:
        """Return the place of a setting in the ranking, 1 for the best.

        Raises:
            ValueError: If the setting is not in the grid.
        """
        return [trial.setting for trial in self.ranking(part)].index(setting) + 1

    def trial(self, setting: Setting) -> Trial:
        """Return the trial of a setting.

        Raises:
            ValueError: If the setting is not in the grid.
        """
        return self.trials[self.grid.settings().index(setting)]

    def ties(self) -> tuple[Trial, ...]:
        """Return the trials that the folds do not tell from the best, which is the first of them.

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
    """Write a search's record, as a whole or not at all."""
    trials = [_as_dict(trial) for trial in result.trials]
    store.write(key, {"provenance": result.provenance.as_dict(), "trials": trials}, {})


def load(store: Store, key: Key, grid: Grid, dim: int) -> SearchResult | None:
    """Read a search's record; None where there is none. The caller holds its lock."""
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
    """Write NaN as None, because JSON has no NaN."""
    return [float(value) if np.isfinite(value) else None for value in values]


def _array(values: list[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values])
