"""This package as a contestant."""

from torch import Tensor

from anode import Engine, NeuralODE, SolverSettings, TrainingSettings, train
from benchmarks.task import LEARNING_RATE, Contestant, Record, Task


class Stack:
    """All networks as one model, trained with the package's own loop.

    Args:
        engine: whose code takes the solver's steps.
    """

    def __init__(self, task: Task, engine: Engine | None = None) -> None:
        self.solver = SolverSettings(rtol=task.tolerance, atol=task.tolerance, engine=engine)
        self.settings = TrainingSettings(
            epochs=1, batch_size=task.batch, learning_rate=LEARNING_RATE, loss=task.loss
        )
        self.task, self.data = task, task.data()
        self.reset()

    def reset(self) -> None:
        self.model = self._model()

    def _model(self) -> NeuralODE:
        model = self.task.model()
        model.solver = self.solver
        return model

    def run(self) -> Record:
        history = train(self.model, self.data, self.settings)
        return Record(history.step_loss.T, history.step_nfe.T)

    def features(self, x: Tensor) -> Tensor:
        return self._model().run(x).features.detach()


PACKAGE = Contestant(
    "anode", "one stack, its own `train`", stacks=True, compiles=False, prepare=Stack
)
