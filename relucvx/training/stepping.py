"""First-order steps for many networks at once, and step-size schedules."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError, explain
from relucvx.network import SmoothActivation
from relucvx.program.problem import Problem
from relucvx.training.objective import Shape
from relucvx.types import Activation

Evaluate: TypeAlias = Callable[..., tuple[Any, Any]]
"""Parameters (S, P) -> values (S,), gradients (S, P)."""

Schedule: TypeAlias = str | Callable[[int], float] | None

SCHEDULES = ("constant", "cosine", "step")

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""Constants of Adam, those of torch."""


def make_schedule(schedule: Schedule, max_steps: int) -> Callable[[int], float]:
    """Factor on the learning rate as a function of the step 0, 1, ...

    ``None`` and "constant": 1. "cosine": from 1 to 0 along half a cosine over ``max_steps``. "step": 1, then 0.1 after a
    half and 0.01 after three quarters of ``max_steps``. A callable is used as it is.

    Raises
    ------
    InvalidInputError
        For anything else.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> from relucvx.training import make_schedule
    >>> cosine = make_schedule("cosine", 100)
    >>> [round(cosine(step), 4) for step in (0, 50, 100)]
    [1.0, 0.5, 0.0]
    >>> make_schedule(lambda step: 0.5**step, 100)(2)
    0.25
    """
    if schedule is None or schedule == "constant":
        return lambda step: 1.0
    if schedule == "cosine":
        return lambda step: 0.5 * (1.0 + math.cos(math.pi * min(step / max_steps, 1.0)))
    if schedule == "step":
        return lambda step: 0.1 ** ((2 * step >= max_steps) + (4 * step >= 3 * max_steps))
    if callable(schedule):
        return schedule
    raise InvalidInputError(
        explain(
            f"a schedule among {', '.join(SCHEDULES)}, None, or a function of the step",
            repr(schedule),
            "",
            "schedule=lambda step: 1 / (1 + step)",
        )
    )


@dataclass(frozen=True)
class Settings:
    """Everything that decides how a seed is trained; arguments checked by :func:`relucvx.training.train`.

    Attributes
    ----------
    rate : float
        Learning rate of the first-order methods.
    factor : callable
        Schedule: factor on the rate as a function of the step.
    every : int
        First-order methods look at stopping, history and callback every so many steps; L-BFGS at each step for stopping,
        and every so many steps for the history.
    batch_size : int or None
        Samples per step; None means all.
    deadline : Deadline
        When training ends, whatever has been reached.
    """

    problem: Problem
    activation: Activation | SmoothActivation
    shape: Shape
    optimizer: str
    rate: float
    factor: Callable[[int], float]
    momentum: float
    max_steps: int
    tol: float
    every: int
    batch_size: int | None
    init_scale: float
    dtype: Any
    device: Any
    deadline: Deadline

    def initial(self, seeds: Sequence[int]) -> Any:
        """Initial parameters (S, P), the same whatever the batch, dtype or device."""
        values = np.stack([self.shape.initial(seed, self.init_scale) for seed in seeds])
        return torch.tensor(values, dtype=self.dtype, device=self.device)


class Batches:
    """Minibatches of one seed: a fresh permutation per epoch; samples left over wait for the next one."""

    def __init__(self, seed: int, n: int, size: int) -> None:
        # a stream of its own, apart from the initial weights
        self.rng, self.n, self.size = np.random.default_rng([seed, 1]), n, size
        self.order, self.position = self.rng.permutation(n), 0

    def draw(self) -> NDArray[np.int64]:
        """Indices (b,) of the next minibatch."""
        if self.position + self.size > self.n:
            self.order, self.position = self.rng.permutation(self.n), 0
        self.position += self.size
        return self.order[self.position - self.size : self.position]


class FirstOrder:
    """State of S independent runs of gradient descent, SGD or Adam."""

    monotone = False

    def __init__(self, theta: Any, evaluate: Evaluate, settings: Settings, seeds: Sequence[int]) -> None:
        self.evaluate, self.settings = evaluate, settings
        self.theta = theta
        self.ids = torch.arange(len(theta), device=theta.device)
        self.values, self.grads = evaluate(theta)
        self.steps = torch.zeros(len(theta), dtype=torch.long, device=theta.device)
        self.stalled = torch.zeros(len(theta), dtype=torch.bool, device=theta.device)
        self.taken = 0
        size, n = settings.batch_size, settings.problem.n_samples
        self.batches = None if size is None else [Batches(seed, n, size) for seed in seeds]
        adam = settings.optimizer == "adam"
        self.rule: AdamSteps | DescentSteps = AdamSteps(theta) if adam else DescentSteps(theta, settings.momentum)

    def keep(self, index: Any) -> None:
        """Drop every network outside ``index``."""
        kept = {name: v.index_select(0, index) for name, v in vars(self).items() if hasattr(v, "index_select")}
        self.rule.keep(index)
        if self.batches is not None:
            self.batches = [self.batches[int(k)] for k in index]
        vars(self).update(kept)

    def advance(self) -> Any:
        """``every`` steps of all networks; returns the mask (S,) of those that took a step."""
        for _ in range(min(self.settings.every, self.settings.max_steps - self.taken)):
            if self.settings.deadline.passed():
                break
            # the schedule counts steps of the run, not of this stretch
            rate = self.settings.rate * self.settings.factor(self.taken)
            if self.batches is None:
                self.rule.step(self.theta, self.grads, rate)
                self.values, self.grads = self.evaluate(self.theta)
            else:
                # each seed draws batches of its own, as if it were alone
                rows = torch.as_tensor(np.stack([b.draw() for b in self.batches]), device=self.theta.device)
                self.rule.step(self.theta, self.evaluate(self.theta, rows)[1], rate)
            self.taken += 1
        # batches gave gradients only: the objective is that of all samples
        if self.batches is not None:
            self.values, self.grads = self.evaluate(self.theta)
        self.steps.fill_(self.taken)
        return torch.ones_like(self.stalled)


class DescentSteps:
    """Gradient descent of S networks, with momentum where asked for: ``m <- momentum m + g``, ``theta <- theta - lr m``."""

    def __init__(self, theta: Any, momentum: float) -> None:
        self.momentum = momentum
        self.average = torch.zeros_like(theta) if momentum else None

    def step(self, theta: Any, grads: Any, rate: float) -> None:
        """Change theta in place."""
        if self.average is not None:
            grads = self.average.mul_(self.momentum).add_(grads)
        theta.add_(grads, alpha=-rate)

    def keep(self, index: Any) -> None:
        """Drop every network outside ``index``."""
        if self.average is not None:
            self.average = self.average.index_select(0, index)


class AdamSteps:
    """Adam of S networks, with torch's constants."""

    def __init__(self, theta: Any) -> None:
        self.first, self.second, self.count = torch.zeros_like(theta), torch.zeros_like(theta), 0

    def step(self, theta: Any, grads: Any, rate: float) -> None:
        """Change theta in place."""
        self.count += 1
        self.first.lerp_(grads, 1.0 - BETA1)
        self.second.mul_(BETA2).addcmul_(grads, grads, value=1.0 - BETA2)
        size = self.second.sqrt().div_(math.sqrt(1.0 - BETA2**self.count)).add_(EPSILON)
        theta.addcdiv_(self.first, size, value=-rate / (1.0 - BETA1**self.count))

    def keep(self, index: Any) -> None:
        """Drop every network outside ``index``."""
        self.first, self.second = self.first.index_select(0, index), self.second.index_select(0, index)
