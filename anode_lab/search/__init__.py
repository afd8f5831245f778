"""The hyperparameter search of the paper (appendix F.2.1): every setting, cross-validated."""

from anode_lab.search.grid import Grid, Setting
from anode_lab.search.paper import PAPER_BEST, PAPER_GRIDS, run
from anode_lab.search.results import SearchResult
from anode_lab.search.trials import Fold, Part, Trial, folds, search, splits

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
