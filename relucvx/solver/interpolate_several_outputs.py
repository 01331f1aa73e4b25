"""Least norm subject to an exact fit for several outputs, by column generation on the dual.

Over directions w_j of unit norm the problem is a second-order cone program in the output vectors,

    min Σ_j ||v_j|| (+ ||b||²/2)  subject to  Σ_j phi(Xw_j) v_jᵀ + 1 bᵀ = Y,

whose multipliers N maximise ``<N, Y>`` (``- ||Nᵀ1||²/2``) subject to ``||Nᵀ phi(Xw_j)|| <= 1`` at these directions. Search and
proof by the oracle find the directions where ``D(N) <= 1`` fails, which are the next columns: all local maxima of a round at
once, so that about as few rounds are needed as Newton's method would take. At the end bundles of columns around one maximiser
become one neuron (:mod:`relucvx.solver.exact_polish`).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import numpy as np

from relucvx.deadline import Deadline
from relucvx.errors import BackendError
from relucvx.interrupts import carrying
from relucvx.losses import EXACT_PENALTY
from relucvx.network import TwoLayerReLU, merge, prune
from relucvx.oracle import form_of
from relucvx.oracle.ridges import climbed
from relucvx.oracle.search import local_maxima, random_directions
from relucvx.program.duality import balance_dual, gap, norm_that_proves
from relucvx.program.feasibility import allowance
from relucvx.program.objective import balanced_objective, fit
from relucvx.program.problem import Problem
from relucvx.solver.asking import Oracle
from relucvx.solver.columns import own_starts
from relucvx.solver.exact_polish import exact_polish
from relucvx.solver.group_program import affordable
from relucvx.solver.outputs import outputs_seconds, solve_outputs
from relucvx.solver.result import Progress, SolverResult
from relucvx.solver.state import Reporting
from relucvx.solver.step_several_outputs import merged
from relucvx.tolerances import CONIC, EPS
from relucvx.types import Array, Rng, Status, resolve_rng

MARGIN = 4.0
"""The price K of a residual, as a multiple of the largest multiplier."""

FIRST, GROWTHS = 64, 8
"""Random directions to begin with, at least; doubled so often until they can make the targets."""

COLUMNS, STARTS, MOST_STARTS = 60, 128, 4096
"""Columns added in a round at most; random starts of a search, which grow where a proof contradicts it."""

ROUNDS, MOST_IDLE = 300, 5
"""Rounds at most, and how often a proof may succeed without closing the gap."""

STANDING, MOST_STANDING = 1e-6, 60
"""Relative fall of the norm in a round below which it stands, and how many rounds in a row it may."""

LOOKS = (2, 4, 8, 16, 32)
"""Rounds of standing after which neurons are polished although columns are missing: their multipliers may allow all."""

MOST_COLUMNS = 1500  # kept while the norm stands

ACTIVE = 1e-4
"""Columns within this share of the constraint stay, although no neuron uses them at the moment."""

DUST = (1e-4, 1e-6, 1e-8, 0.0)
"""Neurons below this share of the largest are left out; the first cut whose neurons make the targets at no greater norm."""

BUNDLES = (1e-3, 1e-5, 1e-7)
"""1 - cosine below which neurons are polished as one."""

FREE, NEARLY = 1e-12, 1e-11
"""Relative rise of the norm that counts as rounding when neurons are removed, and when bundles become neurons."""

PROMISING = 0.9
"""Ends of a search below this dual norm are not climbed on."""

SAME = 1e-9
"""1 - cosine below which columns are one."""

SEARCH_SHARE = 0.2
"""Share of the time left for one search."""

MOST_PRUNED = 2e6  # numbers in the activities of a network that is pruned


def least_norm(
    problem: Problem,
    *,
    tol: float,
    deadline: Deadline,
    callback: Callable[[Progress], bool | None] | None = None,
    rng: Rng = 0,
) -> SolverResult:
    """Network of least norm with F = Y, and a dual point N with D(N) about 1.

    Parameters
    ----------
    problem : Problem
        Reduced, with beta = 1, and with targets that can be fitted; its loss and weights play no part.

    Raises
    ------
    Interrupted
        On Ctrl-C, with the result so far.

    Notes
    -----
    Status: certified numerically (the caller recomputes the certificate). Source: [sahiner-2021], [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.deadline import Deadline
    >>> from relucvx.solver.interpolate_several_outputs import least_norm
    >>> found = least_norm(rx.make_problem([[1.0], [2.0]], [[3.0, 4.0], [6.0, 8.0]], beta=1.0), tol=1e-6, deadline=Deadline())
    >>> found.status.name, round(float(found.lower), 5)  # one neuron, of norm ||(3, 4)||
    ('CONVERGED', 5.0)
    """
    run = _Generation(problem, tol, deadline, callback, resolve_rng(rng))

    def interrupted(_: object) -> SolverResult:
        run.status = Status.INTERRUPTED
        return run.result()

    with carrying(interrupted):
        run.run()
    return run.result()


class _Generation(Reporting):
    """Columns at hand, the best network that fits, the dual point of the last program and the best one proven."""

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
        self.W = np.zeros((0, problem.n_inputs))
        self.network, self.upper = problem.null_network(), np.inf
        self.N, self.proven, self.lower, self.norm = problem.Y * 0.0, problem.Y * 0.0, 0.0, float("nan")
        self.idle, self.standing, self.n_starts = 0, 0, STARTS
        self.oracle: Oracle | None = None

    # ------------------------------------------------------------------ the loop
    def run(self) -> None:
        """Rounds until the gap is proven or something ends the run."""
        columns: Array | None = self._first()
        while columns is not None and self.status is Status.ITERATION_LIMIT and self.round < ROUNDS:
            self.round += 1
            self.W = np.concatenate([self._kept(), columns])
            if not affordable(outputs_seconds(self.problem, len(self.W)), self.deadline):
                self.status = Status.TIME_LIMIT
                return
            before = self.upper
            if not self._solved():
                return
            self.standing = self.standing + 1 if self.upper >= before * (1.0 - STANDING) else 0
            if self.standing > MOST_STANDING:
                self.status = Status.STALLED
                return
            if self.stopped("solved"):
                return
            columns = self._price()

    def _solved(self) -> bool:
        """Output vectors and multipliers over the directions at hand; False when the backend fails."""
        try:
            V, b, N = solve_outputs(self.problem, self.W, CONIC.value, self.deadline, exact=True)
        except BackendError:
            self.status = Status.TIME_LIMIT if self.deadline.passed() else Status.BACKEND_FAILED
            return False
        self.V, self.b = V, b
        self._take(N)
        self._offer_without_dust(self.W, V, b)
        return True

    def _take(self, N: Array) -> None:
        self.N = balance_dual(self._exact(N), N)

    def _exact(self, N: Array) -> Problem:
        """The exact-penalty form in whose domain N lies with a margin."""
        K = MARGIN * (float(np.abs(N).max(initial=0.0)) or 1.0)
        weights = np.full(self.problem.n_samples, K)
        return dataclasses.replace(self.problem, loss=EXACT_PENALTY, sample_weight=weights)

    def _kept(self) -> Array:
        """The columns that carry neurons or are active at the multipliers; all of them while the norm stays where it is.

        Where the multipliers of an optimum are many, the norm is found long before one of them is: without the columns that
        ruled out the others, these would come back.
        """
        if not len(self.W) or (self.standing and len(self.W) <= MOST_COLUMNS):
            return self.W
        size = np.linalg.norm(self.V, axis=1)
        pull = self.problem.activation(self.W @ self.problem.inputs.T) @ self.problem.spread(self.N)
        return self.W[(size > DUST[-2] * size.max(initial=0.0)) | (np.linalg.norm(pull, axis=1) > 1.0 - ACTIVE)]

    def sizes(self) -> tuple[int, int]:
        """As :class:`relucvx.solver.state.Reporting`."""
        return self.network.width, len(self.W)

    # ------------------------------------------------------------------ columns
    def _first(self) -> Array | None:
        """Directions that can make the targets: those that the targets pull at most, and random ones."""
        problem = self.problem
        # the pull of the targets, around their mean where a free bias takes it
        form = form_of(problem, balance_dual(self._exact(problem.Y), problem.Y))
        if form.trivial:
            return None
        count = max(FIRST, 2 * problem.n_samples)
        for _ in range(GROWTHS):
            starts = random_directions(form, count, self.rng)
            search = self.deadline.share(SEARCH_SHARE)
            best, _ = local_maxima(form, starts[:STARTS], limit=COLUMNS, deadline=search)
            W = self._unit(np.array([form.to_original(w) for w in np.concatenate([best, starts])]))
            V, b = self._corrected(W, np.zeros((len(W), problem.n_weights_out)), np.zeros(problem.n_outputs))
            self._offer(W, V, b)
            if np.isfinite(self.upper) or self.deadline.passed():
                break
            count *= 2
        if np.isfinite(self.upper):
            return W
        self.status = Status.TIME_LIMIT if self.deadline.passed() else Status.STALLED
        return None

    def _price(self) -> Array | None:
        """Directions that the multipliers do not allow; None when the gap is proven, or nothing is left to try."""
        columns, target = self._search()
        if len(columns) and self.standing not in LOOKS:
            return columns
        # the norm stands, or nothing is missing as far as search can tell: bundles become neurons, with multipliers that are
        # exact for them
        self._polish()
        columns, target = self._search()
        if len(columns):
            return columns
        return self._proof(target)

    def _search(self) -> tuple[Array, float]:
        """Local maxima above what would prove the gap, and that dual norm."""
        form = form_of(self.problem, self.N)
        tol = self.tol * 0.3 ** min(self.idle, MOST_IDLE)
        target = norm_that_proves(self._exact(self.N), self.N, self.upper, self.upper, tol)
        starts = np.concatenate([
            random_directions(form, self.n_starts, self.rng),
            own_starts(self.problem, self.network, form.to_reduced),
        ])  # fmt: skip
        search = self.deadline.share(SEARCH_SHARE)
        found, _ = local_maxima(form, starts, above=PROMISING, limit=2 * COLUMNS, deadline=search)
        # maxima lie on walls as often as not, and there steps along the gradient end anywhere on the ridge
        found, values = climbed(form, found, search)
        found, values = found[order := np.argsort(-values)], values[order]
        self.violation = float(values[0]) - 1.0 if len(values) else target - 1.0
        W = self._unit(
            np.array([form.to_original(w) for w in found[values > target]]).reshape(-1, self.problem.n_inputs)
        )
        return merged(W, values[values > target, None], SAME)[0][:COLUMNS], target

    def _proof(self, target: float) -> Array | None:
        """Ask the oracle; a direction that search missed, or None when the run is over."""
        exact = self._exact(self.N)
        # cells are those of the inputs, whatever the multipliers: listed once
        self.oracle = self.oracle or Oracle(exact)
        self.oracle.problem = exact
        answer = self.oracle(
            self.N, target=target, stop_above=target, deadline=self.deadline.for_proof(),
            callback=lambda _: self.stopped("proving"), rng=self.rng,
        )  # fmt: skip
        self.violation = answer.reached - 1.0
        if answer.lower > self.lower:
            self.lower, self.proven, self.norm = answer.lower, self.N.copy(), answer.norm
        if gap(self.upper, self.lower)[1] <= self.tol:
            self.status = Status.CONVERGED
        elif self.status is Status.ITERATION_LIMIT and answer.outcome == "budget":
            self.status = Status.TIME_LIMIT if self.deadline.limited else Status.ITERATION_LIMIT
            return None
        elif self.status is Status.ITERATION_LIMIT:
            # what search missed; or a feasible point beside a network not good enough, for which less is asked next
            self.n_starts = min(4 * self.n_starts, MOST_STARTS)
            self.idle += answer.outcome != "violated"
            if self.idle > MOST_IDLE:
                self.status = Status.STALLED
            return self._unit(answer.witness[None])
        return None

    def _unit(self, W: Array) -> Array:
        lead = np.linalg.norm(W[:, : self.problem.penalized], axis=1)
        return np.asarray(W[lead > 0] / lead[lead > 0, None])

    # ------------------------------------------------------------------ networks
    def _offer(self, W: Array, V: Array, b: Array, at_most: float = -FREE) -> bool:
        """Keep a network that fits when its norm is the lowest so far, or above it by no more than ``at_most``."""
        problem = self.problem
        network = problem.balanced(problem.network(W, V, b))
        if np.abs(fit(problem, network) - problem.Y).max() > 0.5 * allowance(problem):
            return False
        value = balanced_objective(self._exact(self.N), network)
        if not value <= (self.upper * (1.0 + at_most) if np.isfinite(self.upper) else np.inf):
            return False
        self.network, self.upper = network, value
        return True

    def _offer_without_dust(self, W: Array, V: Array, b: Array) -> None:
        """What the interior point leaves of the residual goes, and neurons that are its residue."""
        size = np.linalg.norm(V, axis=1)
        for share in DUST:
            alive = size > share * size.max(initial=0.0)
            U, c = self._corrected(W[alive], V[alive], b)
            if self._offer(W[alive], U, c):
                return

    def _corrected(self, W: Array, V: Array, b: Array) -> tuple[Array, Array]:
        """The smallest change of outputs, relative to their size, that makes the fit Y."""
        problem = self.problem
        atoms = problem.pool(problem.activation(problem.inputs @ W.T)).reshape(problem.n_samples, -1)
        ones = np.ones((problem.n_samples, int(problem.bias.has_output)))
        size = np.maximum(np.linalg.norm(V, axis=1), EPS * np.linalg.norm(V))
        unit = np.tile(size if size.any() else np.ones(len(W)), problem.n_readouts)
        A = np.concatenate([atoms * unit, ones], axis=1)
        # twice, so that the second step takes away the rounding of the first
        for _ in range(2):
            left = problem.Y - atoms @ problem.by_readout(V) - ones.sum(axis=1, keepdims=True) * b
            step = np.linalg.lstsq(A, left, rcond=EPS * max(A.shape))[0]
            V = V + problem.by_neuron(step[: len(unit)] * unit[:, None])
            b = b + step[len(unit) :].sum(axis=0)
        return V, b

    def _polish(self) -> None:
        """One neuron for each bundle, at a stationary point; its multipliers where they are as feasible as those at hand."""
        size = np.linalg.norm(self.V, axis=1)
        alive = size > DUST[0] * size.max(initial=0.0)
        for bundle in BUNDLES:
            support = merged(self.W[alive], self.V[alive], bundle)
            for W, V, b, multipliers in exact_polish(self.problem, *support, self.b, self.N, self.deadline):
                V, b = self._corrected(W, V, b)
                if self._offer(W, V, b, at_most=NEARLY):
                    for N in multipliers:
                        self._take_if_feasible(N)
                    return

    def _take_if_feasible(self, N: Array) -> None:
        """Multipliers of a polished network, unless search finds that they violate more than those at hand."""
        before, at_hand = self.violation, self.N
        self._take(N)
        self._search()
        if self.violation > before:
            self.N, self.violation = at_hand, before

    def result(self) -> SolverResult:
        """The best network, merged and pruned, with the best proven dual point."""
        self._tidy()
        dual = self.proven if self.lower > 0 else self.N
        return SolverResult(
            self.network,
            dual,
            self.lower,
            self.status,
            self.round,
            time.perf_counter() - self.began,
            self.history,
            self.norm,
        )

    def _tidy(self) -> None:
        """Neurons of one direction are one, and linearly dependent ones go, where that costs nothing."""
        problem, decayed = self.problem, not self.problem.bias.is_free
        steps: list[Callable[[TwoLayerReLU], TwoLayerReLU]] = [lambda net: merge(net, penalize_bias=decayed)]
        if problem.pooling is None and problem.Y.size * self.network.width <= MOST_PRUNED:
            steps.append(lambda net: prune(net, problem.X, penalize_bias=decayed))
        for step in steps if np.isfinite(self.upper) else ():
            W, V, b = problem.neurons(step(self.network))
            if len(W) < self.network.width:
                self._offer(W, *self._corrected(W, V, b), at_most=FREE)
