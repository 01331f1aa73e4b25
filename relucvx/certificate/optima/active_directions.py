"""All directions on which the dual constraint |N·phi(Xw)| <= beta is active, with a proof that there are no others.

The optimal dual point N* is known up to a distance delta. A direction that is active for N* has |N·phi(Xw)| >= beta -
delta·max||phi(Xw)||. Regions (see :mod:`relucvx.certificate.optima.separation`) with a larger maximum are kept, each with its
one maximiser; branch-and-bound proves that the rest of the sphere stays below.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from relucvx.certificate.optima.continuum import Continuum
from relucvx.certificate.optima.separation import separate
from relucvx.deadline import Deadline
from relucvx.later import later
from relucvx.network import TwoLayerReLU
from relucvx.oracle import Form, form_of
from relucvx.oracle.search import local_maxima, random_directions
from relucvx.program.problem import Problem
from relucvx.tolerances import EPS
from relucvx.types import Array

optimize = later("scipy.optimize")

STARTS = 512
REACHED = 1e-9
"""A direction is active when its value is within this share of beta."""

LOOSELY_REACHED = 1e-6
"""The same where the dual point's own accuracy is not bounded."""

SAME = 1e-12
"""Two refined directions with 1 - cosine below this are one."""

NEAR = 0.2
"""Samples with |x_i·w| above this share of ||x_i|| ||w|| are held on their side when a region's maximum is computed."""

FLAT = 1e-6
"""Share of the bias range over which the value must not fall for an unpenalised bias to count as undetermined."""

HOPELESS = 0.1
"""Where N* may move the value by more than this share of beta, no proof is attempted."""

BIAS_WEIGHT = 1e4
EDGE = 1e-9
"""A maximiser this close to a wall of its region, relative to ||x_i||, lies on it."""

SPARE_REGIONS = 64
"""Regions a proof may add to four times those it starts from."""


@dataclass
class Region:
    """A convex cone on which sign·F is concave: the sides kept, an upper bound, its maximiser (reduced), bias range."""

    sides: Array
    sign: float
    bound: float
    point: Array
    flat: tuple[float, float] | None


@dataclass
class ActiveSet:
    """Active directions in augmented coordinates (k, D), the sign of F there, and what is proven about the rest.

    For several outputs ``signs`` are unit output vectors; ``within`` (k,) says how far the direction and the output of an
    optimum may be from each, ``moves`` (k,) how far its atom, and ``reason`` why the proof is missing.
    """

    directions: Array
    signs: Array
    values: Array
    complete: bool
    separation: float
    ambiguous: bool
    flat: bool
    cones: int
    regions: list[Region] = field(default_factory=list)
    within: Array | None = None
    moves: Array | None = None
    reason: str = ""
    continua: tuple[Continuum, ...] = ()

    def distances(self) -> Array:
        """``within``, or NaN for each direction."""
        return np.full(len(self.signs), np.nan) if self.within is None else self.within


def find_active(
    problem: Problem, N: Array, network: TwoLayerReLU, delta: float | None, rng: np.random.Generator, deadline: Deadline
) -> ActiveSet:
    """Directions active for the optimal dual point, which lies within ``delta`` of N (None: not bounded).

    Notes
    -----
    ``complete`` is proven with ``delta``; without it the search is heuristic.

    Status: certified numerically. Source: [mishkin-pilanci-2023], [relucvx]
    """
    form = form_of(problem, N)
    empty = np.zeros((0, problem.n_inputs))
    if form.trivial:
        zero = delta is not None and delta * problem_reach(problem) < problem.beta
        return ActiveSet(empty, np.zeros(0), np.zeros(0), zero, 1.0 if zero else 0.0, False, False, 0)
    # by how much the value of a direction may differ between N and the optimal dual point
    steepest = problem.activation.steepest
    needed = 0.0 if delta is None else steepest * delta * form.reach
    # where that is a good part of beta every direction could be active: only a search is left
    if needed > HOPELESS * problem.beta:
        needed, delta = 0.0, None
    share = REACHED if delta is not None else LOOSELY_REACHED
    cut = problem.beta - max(needed, share * problem.beta) - 4.0 * form.rounding()
    # a sample counts as concave only if its N_i keeps its sign whatever N* is
    kink_error = abs(problem.activation.hinge) * (delta or 0.0) * form.pull
    finder = _Finder(form, kink_error, cut)
    starts = random_directions(form, STARTS, rng)
    # where optima have neurons is known already; search finds what other optima may use
    own = [form.to_reduced(w) for w in problem.directions(network)[0]]
    points, values = local_maxima(
        form,
        np.concatenate([*(w[None] for w in own), starts]),
        iterations=300,
        limit=1000,
        deadline=deadline.share(0.3),
    )
    # the largest value of what is not active: the threshold of the proof must lie above it
    second = 0.0
    for w, value in zip([*own, *points], [np.inf] * len(own) + list(values), strict=True):
        if deadline.passed() and np.isfinite(value):
            break  # the network's own directions are what the optima are made of
        region = finder.add(w) if value >= cut - 1e-3 * problem.beta else None
        below = min(value, region.bound if region is not None else value)
        second = max(second, below if below < cut else 0.0)
    complete = delta is not None and not finder.on_edge() and _prove(finder, second, needed, problem.beta, deadline)
    return finder.collect(problem, complete, None if delta is None or problem.bias.is_free else needed)


def _prove(finder: _Finder, second: float, needed: float, beta: float, deadline: Deadline) -> bool:
    """Prove with a wide margin, which says more, or with a narrow one, which needs fewer regions.

    Where a sample barely matters (N_i near 0) one maximum spreads over several regions; their edges must stay below the
    threshold too, so it is raised above the largest bound of a region without an active direction.
    """
    narrow = max(needed, 1e-6 * beta)
    # a wide margin is proven with few cones, if it can be; later ones are given more of the time
    for margin in (0.01 * beta, narrow, narrow, narrow):
        idle = [region.bound for region in finder.regions.values() if region.bound < finder.cut]
        finder.threshold = finder.cut - min(0.25 * (finder.cut - max([second, *idle])), margin)
        if finder.prove(deadline.share(0.1 if margin > narrow else 0.4)):
            return True
    return False


def problem_reach(problem: Problem) -> float:
    """Upper bound of ||phi(Xw)|| for N = 0, where there is no form to ask."""
    act = problem.activation
    size = np.linalg.norm(problem.inputs[:, : problem.penalized], axis=1)
    if problem.bias.is_free:
        size = size + size.max(initial=0.0)
    return act.steepest * float(np.linalg.norm(problem.per_sample(size)))


class _Finder:
    """Regions found so far, and the proof that no other matters."""

    def __init__(self, form: Form, kink_error: Array | float, cut: float) -> None:
        self.form, self.kink_error, self.cut = form, kink_error, cut
        self.threshold = cut
        self.lengths = np.linalg.norm(form.X[:, : form.penalized], axis=1) + form.bias_range
        self.regions: dict[bytes, Region] = {}
        self.cones = 0

    def add(self, w: Array) -> Region | None:
        """The region of a reduced direction; None when it is known already."""
        form = self.form
        z = form.X @ w
        # F has one sign next to a direction above the cut; of that sign it is concave where no convex kink is crossed
        sign = 1.0 if form.M[:, 0] @ np.maximum(z, 0.0) + form.L[:, 0] @ w >= 0 else -1.0
        convex = (sign * form.M[:, 0] >= -self.kink_error) & (self.lengths > 0)
        # without kinks F is linear, and no side matters
        if not form.M.any():
            convex[:] = False
        sides = np.where(convex, np.where(z >= 0, 1.0, -1.0), 0.0)
        key = sides.tobytes() + (b"+" if sign > 0 else b"-")
        if key in self.regions:
            return None
        bound, point, flat = region_maximum(form, sides, sign, w)
        region = Region(sides, sign, bound, point, flat)
        self.regions[key] = region
        return region

    def on_edge(self) -> bool:
        """Whether a maximiser lies on the edge of its region: then no cone around it is inside, and no proof ends."""
        for region in self.regions.values():
            if region.bound >= self.cut:
                z = np.abs(self.form.X @ region.point)
                if (z[region.sides != 0] <= EDGE * self.lengths[region.sides != 0]).any():
                    return True
        return False

    def prove(self, deadline: Deadline) -> bool:
        """Branch-and-bound outside the regions; what it finds instead is a new region."""
        limit = 4 * len(self.regions) + SPARE_REGIONS
        while len(self.regions) < limit and not deadline.passed():
            known = list(self.regions.values())
            sides = np.array([r.sides for r in known]).reshape(len(known), len(self.form.X))
            out = separate(
                self.form, sides, np.array([r.sign for r in known]), self.threshold, deadline=deadline
            )  # fmt: skip
            self.cones += out.cones
            # proven, or out of budget
            if out.outcome != "witness":
                return out.outcome == "proved"
            # what lies above the threshold outside the regions belongs to one that search has missed: it and its peak
            points, _ = local_maxima(self.form, out.witness[None], iterations=300, limit=1)
            new = [self.add(w) for w in (out.witness, *points)]
            if all(region is None for region in new):
                return False
        return False

    def collect(self, problem: Problem, complete: bool, needed: float | None = None) -> ActiveSet:
        """Distinct maximisers of the regions that reach the cut.

        ``needed`` bounds the change of F for the optimal N*. On a region F is concave, so that its gradients at two directions
        pull them together: beta ||Δw|| is at most what N* adds to the gradient and what the maximum lacks of beta.
        """
        act = problem.activation
        mirror = abs(act.slope_neg) == abs(act.slope_pos)
        kept: list[tuple[Array, float, float]] = []
        off: list[float] = []
        ambiguous, flat = self.on_edge(), False
        alive = [r for r in self.regions.values() if r.bound >= self.cut]
        # largest first: a direction seen from two regions is kept with the region of the larger bound
        for region in sorted(alive, key=lambda r: -r.bound):
            for w in self._points(region):
                unit = self.form.to_original(w)
                cosines = [abs(unit @ u) if mirror else unit @ u for u in (k[0] / np.linalg.norm(k[0]) for k in kept)]
                if cosines and 1.0 - max(cosines) / np.linalg.norm(unit) < SAME:
                    # one direction, two regions: for N* each may have a maximiser of its own, unless they are mirrored
                    twin = kept[int(np.argmax(cosines))]
                    ambiguous |= not (mirror and unit @ twin[0] < 0)
                    continue
                kept.append((unit, region.sign, float(self.form.values(w[:, None])[0])))
                off.append(abs(problem.beta - region.bound))
            flat |= region.flat is not None
        return ActiveSet(
            np.array([k[0] for k in kept]).reshape(-1, problem.n_inputs), np.array([k[1] for k in kept]),
            np.array([k[2] for k in kept]), complete, 1.0 - self.threshold / problem.beta, ambiguous, flat, self.cones,
            alive, *self._accuracy(problem, np.array(off), needed),
        )  # fmt: skip

    def _accuracy(self, problem: Problem, off: Array, needed: float | None) -> tuple[Array | None, Array | None]:
        """How far directions of the optimum may be from the maximisers, and how far their atoms."""
        if needed is None:
            return None, None
        steepest = problem.activation.steepest
        within = (off + needed + 4.0 * self.form.rounding()) / problem.beta
        return within, steepest * self.form.reach * within

    def _points(self, region: Region) -> list[Array]:
        if region.flat is None:
            return [region.point]
        low, high = region.flat
        return [np.append(region.point[:-1], b) for b in (low, high, 0.5 * (low + high))]


def region_maximum(
    form: Form, sides: Array, sign: float, near: Array
) -> tuple[float, Array, tuple[float, float] | None]:
    """Maximum of sign·F over a region: upper bound, maximiser, and the interval of biases that attain it if there is one.

    By duality it is the least ``||c + Σ g_i s M_i x_i + Σ μ_i side_i x_i||`` over gates g in [0, 1] of the concave samples
    and μ >= 0 of the others. Any choice bounds it from above, so samples far from ``near`` may be held where they are.
    """
    X, p = form.X, form.penalized
    lengths = np.linalg.norm(X[:, :p], axis=1) + form.bias_range
    # samples far from their wall at `near` keep their gate at the maximum too, or the bound is a little loose
    z = X @ near / max(float(np.linalg.norm(near[:p])), 1e-300)
    pull = sign * form.M[:, 0]
    close = (np.abs(z) <= NEAR * lengths) & (lengths > 0)
    on = np.where(sides != 0, sides > 0, z > 0)
    fixed = ~close | (sides != 0)
    c = sign * form.L[:, 0] + X.T @ np.where(fixed & on, pull, 0.0)
    # close samples have a gate to choose (concave ones) or a wall that pushes back (those held on their side)
    gates, walls = np.flatnonzero(close & (sides == 0) & (pull != 0)), np.flatnonzero(close & (sides != 0))
    columns = np.concatenate([pull[gates, None] * X[gates], sides[walls, None] * X[walls]]).T
    # the norm leaves a free bias out, so that its pull must vanish: weighted up, then made exact below
    weight = np.ones(X.shape[1])
    weight[p:] = BIAS_WEIGHT
    rest = c
    if columns.shape[1]:
        top = np.concatenate([np.ones(len(gates)), np.full(len(walls), np.inf)])
        scale = np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
        out = optimize.lsq_linear(
            weight[:, None] * columns / scale, -weight * c, (np.zeros(len(top)), top * scale), method="bvls", tol=1e-15
        )
        x = np.clip(out.x, 0.0, top * scale)
        if form.free_bias:
            x = _without_bias_pull(columns / scale, c, x, top * scale)
        rest = c + (columns / scale) @ x
    # any choice of gates and multipliers bounds the maximum by the length of what is left
    lead = float(np.linalg.norm(rest[:p]))
    bound = lead + form.bias_range * float(np.abs(rest[p:]).sum())
    # F vanishes on the region; or the bias is free, and has a maximiser (perhaps many) of its own
    if lead <= 0.0:
        return bound, np.asarray(near), None
    if not form.free_bias:
        return bound, rest / lead, None
    b, flat = _best_bias(form, sides, sign, rest[:p] / lead)
    return bound, np.append(rest[:p] / lead, b), flat


def _without_bias_pull(A: Array, c: Array, x: Array, top: Array) -> Array:
    """Refine x so that the last row of c + A x vanishes exactly, the others in least squares, where x is strictly inside."""
    free = (x > EDGE * np.maximum(x, 1.0)) & (x < top - EDGE)
    row = A[-1, free]
    size = float(row @ row)
    if size <= EPS**2:
        return x
    # only entries strictly between their bounds can move both ways, so the others stay what they are
    held = c + A[:, ~free] @ x[~free]
    # a point on the hyperplane where the last row vanishes, then least squares along it
    start = -row * held[-1] / size
    moves = np.linalg.svd(row[None])[2][1:].T
    step = np.linalg.lstsq(A[:-1, free] @ moves, -(held[:-1] + A[:-1, free] @ start), rcond=1e-12)[0]
    refined = x.copy()
    refined[free] = start + moves @ step
    return refined if ((refined >= 0.0) & (refined <= top)).all() else x


def _best_bias(form: Form, sides: Array, sign: float, w: Array) -> tuple[float, tuple[float, float] | None]:
    """Maximise the concave b -> sign·F(w, b) over the region; with the interval of maximisers when it is not a point."""
    # between the biases at which a sample changes side F is linear, so a maximum lies at one of them
    joints = -form.X[:, :-1] @ w
    low = max(-form.bias_range, float(joints[sides > 0].max(initial=-np.inf)))
    high = min(form.bias_range, float(joints[sides < 0].min(initial=np.inf)))
    if low >= high:
        return 0.5 * (low + high), None
    knots = np.unique(np.concatenate([joints[(joints > low) & (joints < high)], [low, high]]))
    points = np.concatenate([np.tile(w[:, None], len(knots)), knots[None]])
    values = sign * (form.M[:, 0] @ np.maximum(form.X @ points, 0.0) + form.L[:, 0] @ points)
    top = float(values.max())
    # a flat top: the optimum does not say what the bias is
    best = knots[values >= top - 1e-10 * abs(top)]
    flat = (float(best[0]), float(best[-1])) if best[-1] - best[0] > FLAT * form.bias_range else None
    return float(knots[int(values.argmax())]), flat
