"""Gradient-trained competitors on the same objective: many seeds as one tensor program."""

from relucvx.training.front_door import train
from relucvx.training.losses import as_torch_loss
from relucvx.training.objective import BatchedObjective, Shape
from relucvx.training.optimizers import LBFGS, SGD, Adam, GradientDescent, Optimizer
from relucvx.training.recording import last_hidden, make_recorders
from relucvx.training.runs import Run, Runs, RunStatus, TrainingProgress
from relucvx.training.stepping import make_schedule

__all__ = [
    "LBFGS",
    "SGD",
    "Adam",
    "BatchedObjective",
    "GradientDescent",
    "Optimizer",
    "Run",
    "RunStatus",
    "Runs",
    "Shape",
    "TrainingProgress",
    "as_torch_loss",
    "last_hidden",
    "make_recorders",
    "make_schedule",
    "train",
]


def __dir__() -> list[str]:
    return sorted(__all__)
