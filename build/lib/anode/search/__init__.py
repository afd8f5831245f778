"""The hyperparameter search of the paper (appendix F.2.1): every setting, cross-validated."""

from anode.search.grid import Grid, Setting
from anode.search.paper import PAPER_BEST, PAPER_GRIDS, run
from anode.search.results import SearchResult
from anode.search.trials import Fold, Part, Trial, folds, search, splits

__all__ = [
    "PAPER_BEST",
    "PAPER_GRIDS",
    "Fold",
    "Grid",
    "Part",
    "SearchResult",
    "Setting",
    "Trial",
    "folds",
    "run",
    "search",
    "splits",
]
