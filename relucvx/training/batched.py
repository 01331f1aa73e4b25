"""All seeds as one tensor program; seeds that are done leave the batch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from relucvx.interrupts import listening
from relucvx.training.lbfgs import BatchedLBFGS
from relucvx.training.objective import BatchedObjective
from relucvx.training.recording import History
from relucvx.training.runs import RunStatus, TrainingProgress
from relucvx.training.stepping import FirstOrder, Settings
from relucvx.types import Array

Callback = Callable[[TrainingProgress], Any]


@dataclass
class Outcome:
    """Where one seed ended: its parameters (P,) in float64, and how it stopped."""

    theta: Array
    steps: int
    seconds: float
    status: RunStatus


def train_batched(
    settings: Settings, seeds: Sequence[int], history: History, callback: Callback | None
) -> tuple[list[Outcome], bool]:
    """Train all seeds at once; also returns whether Ctrl-C ended it.

    Notes
    -----
    Source: [relucvx].
    Status: heuristic (gradient training; nothing is proven).
    """
    objective = BatchedObjective(settings.problem, settings.shape, settings.activation, settings.dtype, settings.device)
    with torch.no_grad(), objective.own_threads():
        program, stopped = _Program(settings, seeds, history, objective), False
        try:
            with listening():
                program.run(callback)
        except KeyboardInterrupt:
            program.close(RunStatus.INTERRUPTED)
            stopped = True
        return [outcome for outcome in program.outcomes if outcome is not None], stopped


class _Program:
    """The loop around an optimizer's state: stopping, history, best points, callback."""

    def __init__(self, settings: Settings, seeds: Sequence[int], history: History, objective: BatchedObjective) -> None:
        self.begin = time.perf_counter()
        self.settings, self.history, self.objective = settings, history, objective
        theta = settings.initial(seeds)
        # the best on the way is what is kept: first-order steps go up as well as down
        self.best_theta, self.best_values = theta.clone(), theta.new_full((len(theta),), torch.inf)
        self.outcomes: list[Outcome | None] = [None] * len(seeds)
        self.lowest = math.inf
        self.state: BatchedLBFGS | FirstOrder
        if settings.optimizer == "lbfgs":
            self.state = BatchedLBFGS(theta, self.objective.evaluate)
        else:
            self.state = FirstOrder(theta, self.objective.evaluate, settings, seeds)

    def run(self, callback: Callback | None) -> None:
        """Advance until every seed is done or the callback says stop."""
        state, count = self.state, 0
        moved = torch.ones_like(state.stalled)
        while len(state.ids):
            # in this order: a seed that ends has its last point remembered and recorded before it leaves the batch
            self._remember()
            done = self._done()
            # L-BFGS advances by one evaluation, first-order methods by a whole stretch between two records
            due = moved & (state.steps % self.settings.every == 0) if state.monotone else moved
            self._record(due | self._any(done))
            self._leave(done)
            count = int(state.steps.max()) if len(state.ids) else count
            if callback is not None and callback(self._progress(count)):
                return self.close(RunStatus.INTERRUPTED)
            if len(state.ids) and self.settings.deadline.passed():
                return self.close(RunStatus.TIME_LIMIT)
            if len(state.ids):
                moved = state.advance()
        return None

    def close(self, status: RunStatus) -> None:
        """Close every open seed at its best point."""
        for k, seed in enumerate(self.state.ids.tolist()):
            self._close(k, seed, status)

    def _remember(self) -> None:
        """Keep the best parameters of methods whose objective may rise."""
        state = self.state
        self.lowest = min([self.lowest, *state.values[state.values.isfinite()].tolist()])
        if state.monotone:
            return
        better = state.values < self.best_values[state.ids]
        index = state.ids[better]
        self.best_values[index], self.best_theta[index] = state.values[better], state.theta[better]

    def _done(self) -> dict[RunStatus, Any]:
        """Masks of the seeds that end now, the first that applies counting."""
        state, objective = self.state, self.objective
        stationary = objective.stationarity(state.theta, state.grads) <= self.settings.tol
        stationary |= objective.vanished(state.theta, state.values, state.grads)
        return {
            # first, since a run that diverged may have stalled or come to its last step as well
            RunStatus.DIVERGED: ~torch.isfinite(state.values),
            RunStatus.STATIONARY: stationary,
            RunStatus.STALLED: state.stalled,
            RunStatus.STEP_LIMIT: state.steps >= self.settings.max_steps,
        }

    @staticmethod
    def _any(done: dict[RunStatus, Any]) -> Any:
        return torch.stack(list(done.values())).any(0)

    def _record(self, due: Any) -> None:
        if not due.any():
            return
        state = self.state
        index = due.nonzero()[:, 0]
        self.history.add(
            state.ids[index].cpu().numpy(),
            state.steps[index].cpu().numpy(),
            state.values[index].cpu().double().numpy(),
            lambda k: self.objective.network(state.theta[index[k]]),
        )

    def _leave(self, done: dict[RunStatus, Any]) -> None:
        ending = self._any(done)
        if not ending.any():
            return
        state = self.state
        for k in ending.nonzero()[:, 0].tolist():
            status = next(status for status, mask in done.items() if mask[k])
            self._close(k, int(state.ids[k]), status)
        state.keep((~ending).nonzero()[:, 0])

    def _close(self, k: int, seed: int, status: RunStatus) -> None:
        state = self.state
        final = state.monotone or status is RunStatus.STATIONARY
        theta = (state.theta[k] if final else self.best_theta[seed]).cpu().double().numpy()
        self.outcomes[seed] = Outcome(theta, int(state.steps[k]), time.perf_counter() - self.begin, status)

    def _progress(self, count: int) -> TrainingProgress:
        state = self.state
        active = len(state.ids)
        return TrainingProgress(
            count,
            self.settings.max_steps,
            active,
            len(self.outcomes) - active,
            self.lowest,
            time.perf_counter() - self.begin,
        )
