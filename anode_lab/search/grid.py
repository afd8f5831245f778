"""Settings that a search tries, and grids of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from anode_lab.experiments import ModelSpec


@dataclass(frozen=True)
class Setting:
    """One point of a grid.

    Attributes:
        model: Model, with its number of blocks or its augmentation dimension.
        batch_size: Number of samples in a step.
        learning_rate: Learning rate of the training.
        hidden: Width of the field, or of the blocks.
    """

    model: ModelSpec
    batch_size: int
    learning_rate: float
    hidden: int

    def __str__(self) -> str:
        return (
            f"{self.model.label}, batch {self.batch_size}, "
            f"learning rate {self.learning_rate:g}, width {self.hidden}"
        )


@dataclass(frozen=True)
class Grid:
    """All combinations of some values; the defaults are the paper's.

    Attributes:
        name: Name of the kind of model.
        models: Models, one for each number of blocks or augmentation dimension.
        batch_sizes: Batch sizes to combine with them.
        learning_rates: Learning rates to combine with them.
        hidden: Widths to combine with them.

    Raises:
        ValueError: If one of these has no value, or has one twice.
    """

    name: str
    models: tuple[ModelSpec, ...]
    batch_sizes: tuple[int, ...] = (64, 128)
    learning_rates: tuple[float, ...] = (1e-3, 5e-4, 1e-4)
    hidden: tuple[int, ...] = (16, 32)

    def __post_init__(self) -> None:
        for name in ("models", "batch_sizes", "learning_rates", "hidden"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise ValueError(f"{name} must be one or more different values, got {values}")

    def settings(self) -> tuple[Setting, ...]:
        """Return every combination, stack by stack."""
        return tuple(setting for stack in self.stacks() for setting in stack)

    def stacks(self) -> Iterator[tuple[Setting, ...]]:
        """Yield the settings of each stack: they differ in nothing but their learning rate."""
        for model, hidden, batch_size in product(self.models, self.hidden, self.batch_sizes):
            yield tuple(Setting(model, batch_size, rate, hidden) for rate in self.learning_rates)
