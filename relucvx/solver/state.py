"""What one solve knows: the best network, the dual point at hand and the best proven one, and how far it has come."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from relucvx.conversion import as_callable
from relucvx.deadline import Deadline
from relucvx.network import TwoLayerReLU
from relucvx.oracle import Form, form_of
from relucvx.oracle.search import random_directions
from relucvx.program.duality import balance_dual, gap, norm_that_proves, residual, scale_dual
from relucvx.program.objective import balanced_objective, fit
from relucvx.program.problem import Problem
from relucvx.solver.columns import own_starts, unit_pull
from relucvx.solver.descent import descend
from relucvx.solver.group_program import affordable
from relucvx.solver.iteration_log import PROVING
from relucvx.solver.result import Progress
from relucvx.types import Array, Status

log = logging.getLogger(__name__)

MOST_IDLE = 6
"""Rounds without progress that end the run, each at another accuracy."""

SLIDE_ABOVE = 1e-4
"""Slide only while the dual norm exceeds beta by more than this share: closer in, the cells are already right."""

PRICING_SHARE, SLIDE_SHARE = 0.1, 0.4
"""Shares of the time left that one search for columns, and one descent before a convex step, may take."""

MOST_ITERATIONS = 15_000
"""Of a descent that no convex step follows."""


class Reporting:
    """What a run tells about itself, and how it is stopped: by its callback, or by the clock.

    Attributes
    ----------
    upper, lower : float
        The best objective met, and the best lower bound proven.
    status : Status
        ITERATION_LIMIT as long as the run goes on.
    round, violation : int, float
        Rounds begun; by what share of beta the dual point is exceeded.
    history : list of Progress

    Notes
    -----
    Status: a convention (a record, no statement). Source: [relucvx].
    """

    upper: float
    lower: float

    def __init__(self, deadline: Deadline, callback: Callable[[Progress], bool | None] | None) -> None:
        self.deadline, self.callback = deadline, as_callable(callback, "callback")
        self.began, self.round, self.violation = time.perf_counter(), 0, float("inf")
        self.asked_to_stop = False
        self.status = Status.ITERATION_LIMIT
        self.history: list[Progress] = []

    def sizes(self) -> tuple[int, int]:
        """Neurons of the best network, and columns at hand."""
        raise NotImplementedError

    def record(self, phase: str) -> Progress:
        """Tell the callback what is known at the end of a phase; it goes into the history, steps of a proof apart."""
        relative = gap(self.upper, self.lower)[1] if np.isfinite(self.upper) else np.inf
        progress = Progress(
            self.round, self.upper, self.lower, relative, *self.sizes(), self.violation,
            time.perf_counter() - self.began, phase,
        )  # fmt: skip
        if phase != PROVING:
            self.history.append(progress)
        # heard here, obeyed where the run can stop
        if self.callback is not None and self.callback(progress):
            self.asked_to_stop = True
        log.debug("%s", progress)
        return progress

    def stopped(self, phase: str) -> bool:
        """Record a phase; True when the callback asks to stop, or has asked to, or the time is up."""
        self.record(phase)
        if self.asked_to_stop:
            self.status = Status.INTERRUPTED
        elif self.deadline.passed():
            self.status = Status.TIME_LIMIT
        return self.status in (Status.INTERRUPTED, Status.TIME_LIMIT)


class State(Reporting):
    """One solve, as the loop and the convex step see it.

    Attributes
    ----------
    network, upper : TwoLayerReLU, float
        The best network met, and its balanced objective.
    dual, dual_belongs_to : (n, c) array, float
        The dual point that is priced, and the objective of the network it came with.
    proven_dual, lower, dual_norm_upper : (n, c) array, float, float
        The dual point of the best lower bound, that bound, and the bound on its dual norm.
    proof : object
        What the certificate made of that dual point, where it was asked.
    hopeful_dual, hope : (n, c) array, float
        The dual point that would prove most, and what it would, if search had found the largest value there is.
    idle : int
        Rounds without progress.
    cells : int
        Columns at hand, where the convex step works on cells.
    n_starts : int
        Random directions that a search begins at.

    Notes
    -----
    Status: a convention (a record, no statement). Source: [relucvx].
    """

    def __init__(
        self,
        problem: Problem,
        tol: float,
        deadline: Deadline,
        callback: Callable[[Progress], bool | None] | None,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(deadline, callback)
        self.problem, self.tol, self.rng = problem, tol, rng
        self.network, self.upper = problem.null_network(), problem.null_value()
        self.keep_residual()
        self.proven_dual, self.lower, self.dual_norm_upper = np.zeros_like(problem.Y), 0.0, float("nan")
        self.proof: Any = None
        self.hopeful_dual, self.hope = self.proven_dual, 0.0
        self.idle, self.cells, self.n_starts = 0, 0, 128

    def sizes(self) -> tuple[int, int]:
        """As :class:`Reporting`."""
        return self.network.width, self.cells

    @property
    def running(self) -> bool:
        """Whether nothing has ended the run yet."""
        return self.status is Status.ITERATION_LIMIT

    # ------------------------------------------------------------------ networks
    def offer(self, network: TwoLayerReLU, stationary: bool = False) -> None:
        """Keep a network when its balanced objective is the lowest so far; a stationary one also when it is as low.

        The dual point is the residual of the fit: errors that the objective does not see any more still move it.
        """
        network = self.problem.balanced(network)
        value = balanced_objective(self.problem, network)
        if value < self.upper or (stationary and value <= self.upper * (1 + 1e-15)):
            self.network, self.upper = network, value

    def slide(self, W: Array, V: Array, b: Array, iterations: int, seconds: float) -> tuple[Array, Array, Array]:
        """Descend from lifted neurons, outputs and output bias, and offer the outcome; it, and the norm of each neuron.

        ``seconds`` are those of the convex step that follows: a descent leaves time for it, or takes all there is where it
        does not fit into what is left.
        """
        whole = not affordable(seconds, self.deadline.share(1.0 - SLIDE_SHARE))
        deadline = self.deadline if whole else self.deadline.share(SLIDE_SHARE)
        W, V, b, _ = descend(self.problem, W, V, b, MOST_ITERATIONS if whole else iterations, deadline)
        self.offer(self.problem.network(W, V, b))
        self.stopped("slid")
        return W, V, np.linalg.norm(W[:, : self.problem.penalized], axis=1) * np.linalg.norm(V, axis=1)

    # ------------------------------------------------------------------ dual points
    def take_dual(self, N: Array) -> None:
        """The dual point of the convex step just made."""
        self.dual, self.dual_belongs_to = balance_dual(self.problem, N), self.upper

    def keep_residual(self) -> None:
        """The dual point of a network that no convex step stands behind."""
        self.take_dual(residual(self.problem, fit(self.problem, self.network)))

    def reached(self, value: float) -> None:
        """The largest value that was found at the dual point: what is above beta, and what the point could prove at best."""
        self.violation = value / self.problem.beta - 1.0
        hope = scale_dual(self.problem, self.dual, max(value, self.problem.beta))[1]
        if hope > self.hope:
            self.hopeful_dual, self.hope = self.dual.copy(), hope

    def dual_to_prove(self) -> Array:
        """The dual point of the best bound; where that leaves a gap, the one that may prove most."""
        open_ = gap(self.upper, self.lower)[1] > self.tol and self.hope > self.lower
        return self.hopeful_dual if open_ else self.proven_dual

    def form(self) -> Form:
        """What the oracle maximises at the dual point."""
        return form_of(self.problem, self.dual)

    def pull(self, columns: Array) -> Array:
        """Output direction (k, c) of each column: Nᵀ phi(Xw), normalised."""
        return unit_pull(self.problem, self.dual, columns)

    def threshold(self) -> float:
        """Dual norm that proves the gap; after idle rounds a smaller one, which leaves more of it to the network."""
        penalty = max(self.upper - self.problem.loss_at(fit(self.problem, self.network)), 1e-3 * self.upper)
        tol = self.tol * 0.3 ** min(self.idle, MOST_IDLE)
        return norm_that_proves(self.problem, self.dual, self.upper, penalty, tol)

    def starts(self, form: Form) -> Array:
        """Where a search begins: at random, and at the network's own neurons."""
        own = own_starts(self.problem, self.network, form.to_reduced)
        return np.concatenate([random_directions(form, self.n_starts, self.rng), own])
