"""How many neurons optima have, and how the optima of one width hang together.

Neurons of one direction count as one, so that an optimum is a point of the polytope {c >= 0 : Σ c_k ψ_k = F*} over the active
directions, its width the number of positive coefficients. Its vertices are the *irreducible* optima: their atoms are
independent. m* is the least number of neurons of any optimum, which a vertex attains, and M* the largest of a vertex.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from relucvx.certificate.optima.optima import Optima
from relucvx.certificate.optima.polytope import FITS, SUPPORT, Polytope
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.program.problem import Problem
from relucvx.types import Array, Explained, Result
from relucvx.validation import as_count

optimize = later("scipy.optimize")

MOST_CHOICES = 20_000
"""Sets of vanishing coefficients that are tried for vertices."""

BATCH = 2_000
"""Of those at a time, between two looks at the clock."""

SINGULAR = 1e-9
"""Smallest singular value of a set of vanishing coefficients, in the orthonormal basis, that names one point."""

MOST_NODES = 10_000
"""Sets of directions looked at for a proof that no optimum is narrower."""

CLEAR = 2.0
"""A misfit must be this many times what may be wrong with fit and atoms."""


class Phase(Explained):
    """What the global optima of one width look like, as sets of weights.

    Status: theorem (given m*, M* and the widths of the irreducible optima). Source: [kim-mishkin-pilanci-2025].

    Examples
    --------
    >>> import relucvx as rx
    >>> rx.optimal_set(rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5, tol=1e-11)).staircase.phase(1).name
    'FINITE'
    """

    EMPTY = "no network of this width attains the global optimum of all widths"
    FINITE = "finitely many optima: the irreducible ones with fewest neurons, in any order"
    MIXED = "continua of optima, and isolated ones"
    CONTINUA = "continua of optima and no isolated one; whether they hang together is not said"
    CONNECTED = "any two optima are joined by a path of optima"


@dataclass(frozen=True, repr=False)
class Staircase(Result):
    """Widths of optima, and the phases that they part the widths into.

    Attributes
    ----------
    least : int
        m*: fewest neurons of an optimum found.
    least_lower : int
        No optimum has fewer than that.
    most : int
        M*: most neurons of an irreducible optimum found.
    widths : tuple of int
        Widths that irreducible optima have, ascending.
    vertices : int
        Irreducible optima found.
    complete : bool
        Whether all vertices of the polytope were looked at, and ``least`` is proven.

    Notes
    -----
    At width m the global optima are none for m < m*; finitely many at m*; above it a neuron can be split, so there are
    continua; as long as an irreducible optimum has exactly m neurons it is isolated, and none is for m > M*; from m* + M* on
    all are connected: any optimum loses neurons along a path until it is irreducible, and is then blended into one with m*.

    Status: ``least_lower`` certified numerically (it holds for any fit and atoms within what the gap allows); ``most`` and
    ``widths`` to rounding, where a coefficient counts as zero below 1e-7 of the largest. Source: [kim-mishkin-pilanci-2025].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> angle = 2 * np.pi * np.arange(5) / 5
    >>> X = np.column_stack([np.cos(angle), np.sin(angle)])  # a pentagon, all targets 1
    >>> stairs = rx.optimal_set(rx.solve(X, np.ones(5), beta=0.2, tol=1e-11)).staircase
    >>> stairs.least, stairs.least_lower, stairs.most, stairs.connected_from
    (4, 4, 5, 9)
    >>> [stairs.phase(m).name for m in (3, 4, 5, 6, 9)]
    ['EMPTY', 'FINITE', 'MIXED', 'CONTINUA', 'CONNECTED']
    """

    least: int
    least_lower: int
    most: int
    widths: tuple[int, ...]
    vertices: int
    complete: bool

    def __repr__(self) -> str:
        least = f"{self.least}" if self.least == self.least_lower else f"{self.least} (at least {self.least_lower})"
        return f"Staircase(least={least}, most={self.most}, vertices={self.vertices}, complete={self.complete})"

    @property
    def connected_from(self) -> int:
        """m* + M*: from this width on all optima are connected.

        Notes
        -----
        Status: theorem, given m* and M*. Source: [kim-mishkin-pilanci-2025].
        """
        return self.least + self.most

    def phase(self, width: int) -> Phase:
        """What the optima of a width look like.

        Raises
        ------
        InvalidInputError
            For a width that is no count, or where the vertices were not all found: then phases are not known.

        Notes
        -----
        Status: as the class says. Source: [kim-mishkin-pilanci-2025].
        """
        width = as_count(width, "width", least=0)
        if not self.complete:
            raise InvalidInputError(
                explain(
                    "a staircase whose optima are all known", repr(self), "too many active directions, or too little time",
                    "relucvx.optimal_set(solution, time_limit=300)",
                )
            )  # fmt: skip
        if width < self.least:
            return Phase.EMPTY
        # the null network has nothing to split: it is the one optimum at any width
        if width == self.least or self.most == 0:
            return Phase.FINITE
        if width >= self.connected_from:
            return Phase.CONNECTED
        return Phase.MIXED if width in self.widths else Phase.CONTINUA


def staircase_of(
    found: Optima, lower: int, fit_error: float | None, total: float, deadline: Deadline
) -> Staircase | None:
    """Vertices of the polytope and the proof that none is narrower; None where active directions or the fit are not known.

    ``fit_error`` bounds the distance of the polytope's fit from the optimal one (None: unknown), ``total`` the sum of the
    coefficients of any optimum, and ``lower`` is a bound on the width known before.

    Notes
    -----
    Status: as :class:`Staircase` says. Source: [kim-mishkin-pilanci-2025], [relucvx].
    """
    active, polytope = found.active, found.polytope
    known = active.complete and not (active.ambiguous or active.flat)
    if not (known and found.points and polytope.fixed.all()):
        return None
    supports, every = vertices(polytope, found.points[0], deadline)
    taken = [not deadline.passed() and found.take(x) for x in supports.values()]
    sizes = [int(key.count(True)) for key, good in zip(supports, taken, strict=True) if good]
    sizes = sizes or [found.smallest.width]
    least = min(sizes)
    if lower < least and fit_error is not None and active.moves is not None:
        lower = max(lower, narrowest(polytope, active.moves, fit_error, total, least, deadline))
    lower = min(lower, least)
    complete = every and all(taken) and lower == least
    return Staircase(least, lower, max(sizes), tuple(sorted(set(sizes))), len(sizes), complete)


def vertices(polytope: Polytope, start: Array, deadline: Deadline) -> tuple[dict[tuple[bool, ...], Array], bool]:
    """Vertices of a polytope with a fixed fit, by their supports, and whether all were looked for.

    On the line, plane, ... of solutions through ``start`` a vertex is where as many coefficients vanish as it has dimensions.
    """
    k = polytope.size
    size = np.linalg.norm(polytope.columns(), axis=0)
    size = np.where(size > 0, size, 1.0)
    # in units of the atoms' lengths
    Z = np.linalg.qr(polytope.null_space() * size[:, None])[0] if k else np.zeros((len(start), 0))
    x0, q = start * size, Z.shape[1]
    found: dict[tuple[bool, ...], Array] = {}
    if q == 0:
        _keep(polytope, found, x0 / size)
        return found, True
    choices = itertools.combinations(range(k), q)
    every = math.comb(k, q) <= MOST_CHOICES
    for _ in range(-(-min(math.comb(k, q), MOST_CHOICES) // BATCH)):
        chosen = np.array(list(itertools.islice(choices, BATCH)))
        A = Z[chosen]
        alone = np.linalg.svd(A, compute_uv=False)[:, -1] > SINGULAR
        t = np.linalg.solve(A[alone], -x0[chosen[alone]][..., None])[..., 0]
        points = x0 + t @ Z.T
        inside = points[:, :k].min(axis=1, initial=0.0) >= -SUPPORT * np.abs(points[:, :k]).max(axis=1, initial=0.0)
        for x in points[inside]:
            _keep(polytope, found, x / size)
        if deadline.passed():
            return found, False
    return found, every


def _keep(polytope: Polytope, found: dict[tuple[bool, ...], Array], x: Array) -> None:
    """Keep a vertex, solved for again on its support, if it is one."""
    k = polytope.size
    support = x[:k] > SUPPORT * x[:k].max(initial=0.0)
    key = tuple(bool(s) for s in support)
    if key in found:
        return
    clean = polytope.refitted(x, support)
    if polytope.misfit(clean) <= FITS:
        found[key] = clean


def narrowest(polytope: Polytope, moves: Array, fit_error: float, total: float, least: int, deadline: Deadline) -> int:
    """A width that no optimum is below, at most ``least``: every smaller set of directions misses the fit by too much.

    Non-negative coefficients with a sum of at most ``total`` on atoms that are off by ``moves`` change the fit by at most
    ``max(moves) total``. Sets whose misfit is larger than that, and ``fit_error``, are infeasible, and so are their subsets.
    """
    A, k = polytope.columns(), polytope.size
    if polytope.free:
        A = np.column_stack([A, -A[:, -1]])
    extra = np.arange(k, A.shape[1])
    # what atoms that are off, and a fit that is, may change together; and what nnls itself leaves
    allowed = CLEAR * (fit_error + float(moves.max(initial=0.0)) * total) + 2.0 * FITS * polytope.scale
    nodes = 0

    def feasible(chosen: tuple[int, ...]) -> bool:
        columns = A[:, [*chosen, *extra]]
        steps = 50 * A.shape[1] + 100
        off = optimize.nnls(columns, polytope.fit, maxiter=steps)[1] if columns.shape[1] else polytope.scale
        return float(off) <= allowed

    def none_below(chosen: tuple[int, ...], kept: int, most: int) -> bool:
        """Whether no set of at most ``most`` directions, the first ``kept`` of ``chosen`` among them, is feasible."""
        nonlocal nodes
        nodes += 1
        if nodes > MOST_NODES or deadline.passed():
            return False
        if kept > most or not feasible(chosen):
            return True
        if len(chosen) <= most or kept == len(chosen):
            return False
        # either the next direction is left out, or it is kept: together that is every set
        without = chosen[:kept] + chosen[kept + 1 :]
        return none_below(without, kept, most) and none_below(chosen, kept + 1, most)

    bound = least
    while bound > 0 and not none_below(tuple(range(k)), 0, bound - 1):
        if nodes > MOST_NODES or deadline.passed():
            return 0
        bound -= 1
    return bound


def fit_error(problem: Problem, N: Array, F: Array, delta: float | None, bias_out: Array) -> float | None:
    """Bound on the distance of F, without its decayed output bias, from that of every optimum; None where there is none.

    -N* is the slope of the loss at F*, entry by entry increasing, and N* is within ``delta`` of N.
    """
    loss, Y, w = problem.loss, problem.Y, problem.sample_weight
    if delta is None or loss.coupled or (w <= 0).any():
        return None
    lo, hi = loss.dual_bounds(Y, w)
    if loss.least_squares:
        off = float(np.linalg.norm(F - (Y - N / w[:, None]))) + delta / float(w.min())
    else:
        margin = np.minimum(N - lo, hi - N)
        if not (margin > 2.0 * delta).all():
            return None
        ends = [loss.dual_gradient(N + s * delta, Y, w) for s in (-1.0, 1.0)]
        off = float(np.linalg.norm(np.maximum(np.abs(F - ends[0]), np.abs(F - ends[1]))))
    if problem.bias.decays_output:
        # its bias is Σ N*/beta
        root = math.sqrt(len(N))
        off += root * (float(np.linalg.norm(bias_out - N.sum(axis=0) / problem.beta)) + root * delta / problem.beta)
    return off


def width_lower(problem: Problem, F: Array, found: Optima, fixed_fit: bool) -> int:
    """Neurons no optimum can do without, by what the fit looks like; :func:`staircase_of` goes on from there."""
    if not fixed_fit:
        return 0
    act = problem.activation
    tol = 1e-6 * float(np.abs(problem.Y).max())
    if problem.n_outputs > 1:
        # a neuron adds rank one to the fit for each read-out, beyond what an output bias gives
        centred = F - F.mean(axis=0) if problem.bias.has_output else F
        rank = int((np.linalg.svd(centred, compute_uv=False) > tol * len(F)).sum())
        return min(-(-rank // problem.n_readouts), found.smallest.width)
    # neurons of one output sign give one sign to the fit where the activation is of one sign and samples take it as it is
    signed = act.slope_neg * act.slope_pos <= 0.0 and problem.n_readouts == 1
    signed &= problem.pooling is None or bool((problem.pooling.operator.data >= 0.0).all())
    if problem.bias.has_output:
        needed = int(np.ptp(F) > tol)
    else:
        needed = int(F.max() > tol) + int(F.min() < -tol) if signed else int(np.abs(F).max() > tol)
    return min(needed, found.smallest.width)
