"""What is minimised, and how."""

from dataclasses import dataclass
from enum import Enum

from torch import Tensor
from torch.nn import functional as F


class Loss(Enum):
    """What is minimised: the mean over the samples of a batch, for each replica.

    The paper's text says mean squared error for regression; the authors' released code uses the
    Huber loss (with threshold 1, "smooth L1").
    """

    MSE = "mean squared error"
    HUBER = "Huber loss"
    CROSS_ENTROPY = "cross-entropy"
    LIKELIHOOD = "negative log-likelihood"

    def __call__(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Losses ``(R,)`` of predictions ``(R, B, outputs)`` and targets ``(R, B, outputs)``.

        For cross-entropy the targets are class indices ``(R, B)``.
        """
        if self is Loss.LIKELIHOOD:
            return -prediction.flatten(1).mean(1)
        if self is Loss.CROSS_ENTROPY:
            each = F.cross_entropy(prediction.flatten(0, 1), y.flatten(), reduction="none")
            return each.view(y.shape).mean(1)
        measure = F.mse_loss if self is Loss.MSE else F.smooth_l1_loss
        return measure(prediction, y, reduction="none").flatten(1).mean(1)


@dataclass(frozen=True)
class TrainingSettings:
    """How to train; the defaults are the paper's for the toy experiments (appendix F.2.1).

    Attributes:
        epochs: passes over the data.
        batch_size: samples a step; the last batch of an epoch may be smaller.
        learning_rate, weight_decay: of Adam; one for all replicas, or a tuple of one a replica.
        loss: what is minimised.
        batches: most batches of an epoch; None is all.
        snapshot_epochs: epochs after which features are kept; 0 is before training.

    Raises:
        ValueError: if a number is out of range.
    """

    epochs: int = 50
    batch_size: int = 64
    learning_rate: float | tuple[float, ...] = 1e-3
    weight_decay: float | tuple[float, ...] = 0.0
    loss: Loss = Loss.HUBER
    batches: int | None = None
    snapshot_epochs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)!r}")
        if self.batches is not None and not self.batches > 0:
            raise ValueError(f"batches must be positive or None, got {self.batches!r}")
        if not all(rate > 0 for rate in _each(self.learning_rate, 1)):
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate!r}")
        if not all(decay >= 0 for decay in _each(self.weight_decay, 1)):
            raise ValueError(f"weight_decay must be 0 or more, got {self.weight_decay!r}")
        late = [epoch for epoch in self.snapshot_epochs if not 0 <= epoch <= self.epochs]
        if late:
            raise ValueError(f"snapshot_epochs must lie in 0..{self.epochs}, got {late}")

    def per_replica(self, replicas: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Learning rates and weight decays, one a replica.

        Raises:
            ValueError: if there are several but not as many as replicas.
        """
        both = []
        for name in ("learning_rate", "weight_decay"):
            values = _each(getattr(self, name), replicas)
            if len(values) != replicas:
                raise ValueError(
                    f"{name} must be one number or {replicas}, one a replica, got {len(values)}"
                )
            both.append(values)
        return both[0], both[1]


def _each(value: float | tuple[float, ...], replicas: int) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else (value,) * replicas
