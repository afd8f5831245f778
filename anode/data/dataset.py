"""A data set in memory: inputs, targets and a name."""

from dataclasses import dataclass

from torch import Tensor

from anode.arrays import as_tensor


@dataclass(frozen=True)
class Data:
    """Inputs and targets; arrays and lists of numbers are made tensors.

    Attributes:
        x: Inputs, shape ``(N, *input_shape)``.
        y: Targets, shape ``(N, outputs)``, or class indices of shape ``(N,)``.
        name: Name of the data in figures.

    Raises:
        TypeError: If ``x`` or ``y`` is not an array of real numbers.
        ValueError: If there are no samples, or ``x`` and ``y`` differ in number.
    """

    x: Tensor
    y: Tensor
    name: str = "data"

    def __post_init__(self) -> None:
        for each in ("x", "y"):  # frozen, but being made
            tensor = as_tensor(f"{each} of {self.name}", getattr(self, each))
            object.__setattr__(self, each, tensor)
        if len(self.x) == 0 or len(self.x) != len(self.y):
            raise ValueError(
                f"{self.name}: x and y need the same number of samples, 1 or more, got shapes "
                f"{tuple(self.x.shape)} and {tuple(self.y.shape)}"
            )

    def __len__(self) -> int:
        return len(self.x)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return tuple(self.x.shape[1:])

    def select(self, index: Tensor) -> "Data":
        """The samples at ``index``, which is a mask or a tensor of indices."""
        return Data(self.x[index], self.y[index], self.name)
