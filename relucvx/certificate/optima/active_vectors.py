"""Active directions and their polytope for several outputs, or several read-outs of bags.

With the optimal dual point N*, a neuron of an optimum has a direction w with ``||N*ᵀ phi(Xw)|| = beta`` and its output
vector along ``N*ᵀ phi(Xw)``: once w is known the atom ``phi(Xw) v̂ᵀ`` is fixed, and the optima over given directions are
again a polytope of coefficients. Bags have a dual point and an output vector for each read-out, put together in one vector.
Within a cell the norm is convex in w, not concave, so that the scalar proof of completeness does not carry over; directions
can form a continuum. Where they do not, each is proven to be alone in a cap (:mod:`relucvx.certificate.optima.isolation`), and
branch-and-bound shows that none is outside the caps (:mod:`relucvx.certificate.optima.caps`).
"""

from __future__ import annotations

import numpy as np

from relucvx.certificate.optima.active_directions import HOPELESS, ActiveSet, problem_reach
from relucvx.certificate.optima.caps import bound_outside, compile_caps, in_cap
from relucvx.certificate.optima.continuum import Continuum, find_continua
from relucvx.certificate.optima.isolation import Cap, Kinks, isolate, polish, shells
from relucvx.certificate.optima.polytope import Polytope
from relucvx.deadline import Deadline, OutOfTime, aside
from relucvx.network import TwoLayerReLU
from relucvx.oracle import Form, form_of
from relucvx.oracle.search import local_maxima, random_directions
from relucvx.program.problem import Problem
from relucvx.types import Array

STARTS = 512
REACHED = 1e-7
"""A direction found by search is active when its value is within this share of beta."""

CLOSE = 1e-4
"""A direction found by search within this share of beta is followed to its maximum."""

SAME = 1e-6
"""Directions with 1 - cosine below this are one: search ends within an angle of 1e-3 where the maximum is flat."""

MOST = 200
"""Directions kept at most; a continuum has no end of them."""

APART = 1e-6
"""Maxima known to rounding are one when they are this close."""

SPARE = 16
"""Maxima that a proof may add to those that search has found."""

ALONE = "a maximum of the dual constraint is not proven to be alone (it may be one of a continuum)"
OPEN = "the bound outside the caps around the maxima found was not finished"
FAR = "the dual point is not known well enough to tell maxima apart"


def find_active_vectors(
    problem: Problem, N: Array, network: TwoLayerReLU, delta: float | None, rng: np.random.Generator, deadline: Deadline
) -> ActiveSet:
    """The network's own directions and those that search finds at beta, with their unit output vectors (k, K c).

    Notes
    -----
    ``complete`` is proven with ``delta``, a bound on the distance of N from the optimal dual point; then each direction is a
    maximum for N to rounding, and ``within`` says how far that of an optimum may be. Without a proof the list is what search
    finds, and ``reason`` says why.

    Status: certified numerically where complete; else heuristic. Source: [relucvx]
    """
    form = form_of(problem, N)
    empty = np.zeros((0, problem.n_inputs))
    if form.trivial:
        zero = delta is not None and delta * problem_reach(problem) < problem.beta
        separation = 1.0 if zero else 0.0
        return ActiveSet(empty, np.zeros((0, problem.n_weights_out)), np.zeros(0), zero, separation, False, False, 0)
    act = problem.activation
    steepest = act.steepest
    # how much the value may differ for the optimal dual point; more than a permille of beta says nothing
    doubt = 0.0 if delta is None else min(steepest * delta * form.reach, 1e-3 * problem.beta)
    points, values = local_maxima(
        form, random_directions(form, STARTS, rng), iterations=300, limit=MOST, deadline=deadline.share(0.3)
    )
    found = points[values >= problem.beta * (1.0 - REACHED) - doubt]
    # search may end a little below a maximum that reaches beta
    close = points[values >= problem.beta * (1.0 - CLOSE) - doubt]
    own = problem.directions(network)[0]
    reason = FAR
    continua: tuple[Continuum, ...] = ()
    if delta is not None and steepest * delta * form.reach <= HOPELESS * problem.beta:
        kinks = Kinks.of(form, problem.beta, act.hinge, steepest, delta)
        search = Isolated(form, kinks, abs(act.slope_neg) == abs(act.slope_pos))
        search.start(np.concatenate([*(form.to_reduced(w)[None] for w in own), close]), deadline.share(0.5))
        reason = search.prove(deadline)
        continua = find_continua(form, kinks, search.open(), deadline) if reason == ALONE else ()
        if not reason:
            return _proven(problem, N, form, search, steepest)
    W = np.concatenate([own, np.array([form.to_original(w) for w in found]).reshape(-1, problem.n_inputs)])
    # around a smooth maximum a share e of the value is lost at an angle of sqrt(2 e)
    same = max(SAME, 4.0 * (REACHED + doubt / problem.beta))
    unit = W / np.linalg.norm(W, axis=1, keepdims=True)
    chosen: list[int] = []
    for j in range(len(W)):
        if len(chosen) < MOST and (not chosen or float(np.max(unit[chosen] @ unit[j])) < 1.0 - same):
            chosen.append(j)
    W, V, size = _outputs(problem, N, W[chosen])
    return ActiveSet(W, V, size, False, 0.0, False, False, 0, reason=reason, continua=continua)


def _outputs(problem: Problem, N: Array, W: Array) -> tuple[Array, Array, Array]:
    """Directions, unit output vectors along Nᵀ phi(Xw), and values, where those are not zero."""
    pull = problem.activation(W @ problem.inputs.T) @ problem.spread(N)
    size = np.linalg.norm(pull, axis=1)
    keep = size > 0
    return W[keep], pull[keep] / size[keep, None], size[keep]


def _proven(problem: Problem, N: Array, form: Form, search: Isolated, steepest: float) -> ActiveSet:
    W = np.array([form.to_original(cap.centre) for cap in search.caps]).reshape(-1, problem.n_inputs)
    W, V, size = _outputs(problem, N, W)
    within = np.array([cap.within for cap in search.caps])
    # an atom phi(Xw) v̂ᵀ moves by at most reach (||Δw|| + ||Δv||)
    moves = np.sqrt(2.0) * steepest * form.reach * within
    return ActiveSet(
        W, V, size, True, 1.0 - search.cut / problem.beta, False, False, search.cones, within=within, moves=moves
    )


class Isolated:
    """Maxima found so far, the caps in which they are alone, and the proof that none is elsewhere."""

    def __init__(self, form: Form, kinks: Kinks, mirrored: bool) -> None:
        self.form, self.kinks, self.mirrored = form, kinks, mirrored
        # below this a direction is not active, whatever N* is
        self.cut = kinks.beta * (1.0 - REACHED) - kinks.value
        self.points: list[Array] = []
        self.caps: list[Cap] = []
        self.cones = 0

    def start(self, points: Array, deadline: Deadline) -> None:
        """Take the maxima next to reduced directions, those that reach the cut."""
        for w in points:
            if deadline.passed():
                break
            self.add(w)
        # the highest first: what lies in the cap of one of them needs none of its own
        self.points.sort(key=lambda u: -float(np.linalg.norm(self.kinks.output(u))))

    def open(self) -> list[Array]:
        """Maxima that were not shown to be alone."""
        return self.points[len(self.caps) :]

    def add(self, w: Array) -> bool:
        """Whether the maximum next to a reduced direction reaches the cut and is a new one."""
        u, _ = polish(self.kinks, self.kinks.scaled(w))
        signs = (1.0, -1.0) if self.mirrored else (1.0,)
        if float(np.linalg.norm(self.kinks.output(u))) < self.cut or self._covered(u):
            return False
        if any(float(np.linalg.norm(u - s * known)) < APART for known in self.points for s in signs):
            return False
        self.points.append(u)
        return True

    def prove(self, deadline: Deadline) -> str:
        """Branch-and-bound outside the caps; what it finds instead is a new maximum. Returns what is missing, or nothing."""
        limit = 2 * len(self.points) + SPARE
        while len(self.points) <= min(limit, MOST):
            # a maximum that is alone in no cap settles that nothing will be proven
            for u in self.open():
                if self._covered(u):
                    self.points = [known for known in self.points if known is not u]
                    continue
                cap = isolate(self.kinks, u)
                if cap is None:
                    return ALONE
                self.caps.append(cap)
            # where nothing is compiled yet that may take longer than there is time: it goes on beside, for the next call
            try:
                aside(compile_caps, deadline, lasting=True)
            except OutOfTime:
                return OPEN
            out = bound_outside(self.form, *self._regions(), self.cut, deadline=deadline)
            self.cones += out.cones
            if out.outcome == "proved":
                return ""
            if out.outcome == "budget" or deadline.passed():
                return OPEN
            # above the threshold outside the caps: a maximum that search has missed, or a cap that is too narrow
            points, _ = local_maxima(self.form, out.witness[None], iterations=300, limit=1)
            added = [self.add(w) for w in (out.witness, *points)]
            if not any(added):
                return ALONE
        return OPEN

    def _covered(self, u: Array) -> bool:
        """Whether a maximum lies in a cap that holds another one, which then stands for it."""
        w, p, unit = self.kinks.reduced(u), self.kinks.penalized, 1.0 / self.kinks.unit
        signs = (1.0, -1.0) if self.mirrored else (1.0,)
        return any(in_cap(s * w, p, cap.centre, cap.width, unit) for cap in self.caps for s in signs)

    def _regions(self) -> tuple[Array, Array, Array]:
        """Centres, widths and levels of the caps and their shells, on both sides where F is even."""
        rows: list[tuple[Array, float, float]] = []
        for u, cap in zip(self.points, self.caps, strict=True):
            rows.append((cap.centre, cap.width, np.inf))
            rows += [(cap.centre, width, level) for width, level in shells(self.kinks, u, cap.width)]
        if self.mirrored:
            rows += [(-centre, width, level) for centre, width, level in rows]
        centres = np.array([row[0] for row in rows]).reshape(-1, self.form.X.shape[1])
        return centres, np.array([row[1] for row in rows]), np.array([row[2] for row in rows])


def vector_polytope(
    problem: Problem, N: Array, F: Array, active: ActiveSet, delta: float, network: TwoLayerReLU
) -> Polytope:
    """{c >= 0 : Σ c_k phi(X w_k) v̂_kᵀ = F}, up to what an output bias (and for logits a common shift) absorbs."""
    atoms = problem.fits(problem.activation(problem.inputs @ active.directions.T), active.signs)
    target = F - problem.neurons(network)[2] if problem.bias.decays_output else F
    # an output bias takes up any constant, so that only what is centred counts
    if problem.bias.is_free:
        atoms, target = atoms - atoms.mean(axis=1, keepdims=True), target - target.mean(axis=0)
    if problem.loss.shift_invariant:
        atoms, target = atoms - atoms.mean(axis=2, keepdims=True), target - target.mean(axis=1, keepdims=True)
    # several outputs: the dual point fixes the whole fit where a sample has weight, and nothing elsewhere
    used = np.repeat(problem.sample_weight > 0, problem.n_outputs)
    free = np.full(F.size, np.inf)
    columns = np.ascontiguousarray(atoms.reshape(len(atoms), F.size).T)
    return Polytope(columns, target.ravel(), used, -free, free, False)


def fit_is_fixed(problem: Problem, N: Array, delta: float | None) -> bool:
    """Whether every optimum has one fit, up to a shift of logits, for an optimal dual point within ``delta`` of N.

    Strictly convex losses fix it; else N* is the slope of the loss at the fit, and names it strictly inside its box.
    """
    if (problem.sample_weight <= 0).any():
        return False
    if problem.loss.strictly_convex:
        return True
    # a loss that couples its outputs otherwise than by a common shift has no box to look at
    if delta is None or (problem.loss.coupled and not problem.loss.shift_invariant):
        return False
    lo, hi = problem.loss.dual_bounds(problem.Y, problem.sample_weight)
    margin = delta + 1e-9 * problem.sample_weight[:, None]
    return bool((np.minimum(N - lo, hi - N) > margin).all())
