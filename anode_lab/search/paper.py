"""The paper's search (appendix F.2.1): its grids, its choices, and the search run once more."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from anode import Loss
from anode.data import Data, concentric_spheres
from anode_lab.environment import named_folder
from anode_lab.experiments import NODE, ModelSpec, Size, check_profile
from anode_lab.experiments.profiles import sizes
from anode_lab.runs import STORE_VARIABLE, Store, check_device
from anode_lab.runs.code_digest import Code
from anode_lab.runs.provenance import Provenance, versions
from anode_lab.search.grid import Grid, Setting
from anode_lab.search.results import SearchResult, load, save
from anode_lab.search.trials import CrossValidation, Fold, folds, search

_LOSS = Loss.HUBER
_TEST_SEED = 1_000_033  # of no replica


def _resnet(blocks: int) -> ModelSpec:
    return ModelSpec(f"ResNet ({blocks} blocks)", "ResNet", {"blocks": blocks})


def _anode(p: int) -> ModelSpec:
    return ModelSpec(f"ANODE (p = {p})", options={"augment_dim": p})


PAPER_GRIDS = {
    grid.name: grid
    for grid in (
        Grid("ResNet", tuple(_resnet(blocks) for blocks in (2, 5, 10))),
        Grid("NODE", (NODE,)),
        Grid("ANODE", tuple(_anode(p) for p in (1, 2, 5))),
    )
}
"""Name of a kind of model -> the grid that the paper searched."""

PAPER_BEST = {
    "ResNet": Setting(_resnet(5), 64, 1e-3, 32),
    "NODE": Setting(NODE, 64, 1e-3, 32),
    "ANODE": Setting(_anode(5), 64, 1e-3, 32),
}
"""Name of a kind of model -> the setting that the paper chose, for d = 1 and d = 2 alike."""


SIZES = sizes("search")
"""Profile -> samples, epochs and folds; the whole grid each time."""


def run(
    name: str,
    dim: int,
    *,
    profile: str = "laptop",
    seed: int = 0,
    device: str = "cpu",
    store: Path | str | None = None,
    progress: bool = False,
) -> SearchResult:
    """Run the paper's search for one kind of model, on g in d dimensions and with 3 folds.

    Args:
        name: Name of one of :data:`PAPER_GRIDS`.
        dim: Dimension d of the data.
        profile: Profile, which decides how much data there is and for how many epochs it trains.
        seed: Seed of the data, of its division and of the first fold's networks; those of the
            other folds follow.
        device: Device to train on, "cpu", "cuda" or "cuda:N".
        store: Folder whose record is read, or written where it is missing. If left out, it is the
            one that the environment variable ``ANODE_STORE`` names, if that is set.
        progress: Whether to show a progress bar.

    Returns:
        The search, with one trial for each setting.

    Raises:
        ValueError: If there is no such grid, profile or device, or ``ANODE_STORE`` names a file.
        StoreError: If a record cannot be read or written.
    """
    if name not in PAPER_GRIDS:
        raise ValueError(f"name must be one of {', '.join(PAPER_GRIDS)}, got {name!r}")
    grid, profile, device = PAPER_GRIDS[name], check_profile(profile, SIZES), check_device(device)
    options: dict[str, Any] = {"seed": seed, "device": device, "progress": progress}
    folder = store or named_folder(STORE_VARIABLE)
    if not folder:
        return _run(grid, dim, SIZES[profile], **options)
    records = Store(Path(folder))
    identity = {
        "experiment": "search",
        "model": f"{name} d={dim}",
        "profile": profile,
        "seed": seed,
        "device": device,
        "settings": [str(setting) for setting in grid.settings()],
        "size": str(SIZES[profile]),
        "loss": _LOSS.value,
        "code": _code(),
        "versions": versions(),
    }
    with records.locked(identity):
        if found := load(records, identity, grid, dim):
            return found
        result = _run(grid, dim, SIZES[profile], **options)
        save(records, identity, result)
    return result


def _run(
    grid: Grid,
    dim: int,
    size: Size,
    *,
    seed: int,
    device: str,
    progress: bool,
) -> SearchResult:
    divided, test = _sets(dim, size, seed)
    started = datetime.now(UTC)
    trials = search(
        grid,
        divided,
        epochs=size.epochs,
        loss=_LOSS,
        seeds=range(seed, seed + size.seeds),
        test=test,
        device=device,
        progress=progress,
    )
    seconds = sum(trial.seconds for trial in trials)
    return SearchResult(grid, dim, trials, Provenance.now(device, started, seconds))


def _sets(dim: int, size: Size, seed: int) -> tuple[tuple[Fold, ...], Data]:
    """Draw the folds, and the data that no choice is made on."""
    inner = size.samples // 3  # 1000 of 3000, the paper's proportion
    outer = size.samples - inner
    data = concentric_spheres(dim, inner, outer, seed=seed)
    return folds(data, size.seeds, seed=seed), concentric_spheres(
        dim, inner, outer, seed=_TEST_SEED
    )


@cache
def _code() -> str:
    """Digest of the code that decides a search's numbers: of its data and of its trainings."""
    return Code().digest(_sets, CrossValidation, registries=True)
