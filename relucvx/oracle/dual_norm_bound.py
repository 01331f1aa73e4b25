"""The dual norm D(N) = max over ||w|| <= 1 of ||Nᵀ phi(Xw)||, between a value that is reached and a bound that holds."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from relucvx.arrangement import Arrangement, enumerate_patterns
from relucvx.arrangement._kernels import half_arrangement
from relucvx.arrangement.counting import count_up_to
from relucvx.arrangement.equilibrium import missing_width
from relucvx.compiled import second_core
from relucvx.conversion import is_word
from relucvx.deadline import Deadline, Limit, OutOfTime
from relucvx.errors import InvalidInputError, explain
from relucvx.oracle.branch_and_bound import MAX_DIMENSION, Search, branch_and_bound
from relucvx.oracle.enumeration import enumerated_bound, free_bias_arrangement
from relucvx.oracle.form import Form, form_of, form_of_rows, sizes_of_rows
from relucvx.oracle.lift import lift_dual, unlifted
from relucvx.oracle.search import local_maxima, random_directions
from relucvx.oracle.semidefinite import MOST_SAMPLES, semidefinite_bound
from relucvx.oracle.subtree import run
from relucvx.program.model import check_same_inputs
from relucvx.program.presolve import principal_axes
from relucvx.program.problem import Problem
from relucvx.tolerances import EPS
from relucvx.types import Array, Result, Rng, Scope, resolve_rng

Method = Literal["auto", "enumeration", "branch_and_bound", "semidefinite", "spectral"]
METHODS: tuple[Method, ...] = ("auto", "enumeration", "branch_and_bound", "semidefinite", "spectral")

CELLS_PER_ORTHANT = 16
"""Enumerate when there are at most this many cells per starting orthant: bisection has nothing to gain there."""

MANY_DIMENSIONS = 7
"""From this dimension on enumeration is preferred up to CELL_LIMIT cells."""

SEMIDEFINITE_FROM = 6
"""From this dimension on, and for few samples, a semidefinite bound is tried before cones are divided."""

SEARCH_SHARE = 0.3
"""Share of the time left that the search from below may take."""

CELL_LIMIT = 300_000  # enumeration is not chosen for more
MAX_CONES = 200_000_000  # of branch-and-bound in one call, where no time limit ends it first

WIDEST = 1e-7
"""Slivers that an arrangement may leave out, relative to ||x_i|| ||w||, up to which "auto" bounds over its cells."""


@dataclass(frozen=True)
class DualNormBound(Result):
    """Certified interval for a dual norm.

    Attributes
    ----------
    lower, upper : float
        lower <= D(N) <= upper, valid in float64.
    witness : ndarray, shape (D,)
        Direction (in augmented coordinates, unit norm in the penalised ones) whose value is ``lower``.
    method : str
        "enumeration", "branch_and_bound", "semidefinite" or "spectral".
    scope : Scope
        ALL_PATTERNS, or RELAXED when a spectral or semidefinite bound stays above the target.
    cones : int
        Cones or cells examined.
    seconds : float
    outcome : str
        "proved" (upper is at most max(target, lower) up to rounding), "violated" (stopped at a direction above
        ``stop_above``) or "budget".

    Notes
    -----
    Status: certified numerically, in float64 with explicit allowances for rounding. Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> from relucvx.oracle import dual_norm
    >>> problem = rx.make_problem([[1.0], [2.0]], [1.0, 2.0], beta=1.0)
    >>> found = dual_norm(problem, np.array([[1.0], [2.0]]))
    >>> print(f"{found.lower:.4f} {found.upper:.4f} {found.witness.round(4).tolist()}")
    5.0000 5.0000 [1.0]
    """

    lower: float
    upper: float
    witness: Array
    method: str
    scope: Scope
    cones: int
    seconds: float
    outcome: str


def spectral_bound(form: Form) -> float:
    """||Nᵀ phi(Xw)|| <= ||N||₂ · max slope · ||X||₂ over the unit ball (bias within its range when free).

    Status: theorem. Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> from relucvx.oracle import form_of, spectral_bound
    >>> problem = rx.make_problem([[1.0], [2.0]], [1.0, 2.0], beta=1.0)
    >>> print(f"{spectral_bound(form_of(problem, np.array([[1.0], [2.0]]))):.4f}")
    5.0000
    """
    if form.trivial:
        return form.rounding()
    X = form.X
    # the norm of X over the penalised coordinates, and what a bias in its range may add
    lead = float(principal_axes(X[:, : form.penalized])[0][0])
    if form.free_bias:
        lead += form.bias_range * np.sqrt(len(X))  # of distinct rows, whose N are added up
    gain = float(np.linalg.norm(form.M, 2)) * lead + float(
        np.linalg.norm(form.L[: form.penalized], 2) + form.bias_range * np.linalg.norm(form.L[form.penalized :])
    )
    return float(gain * (1.0 + 64 * EPS * len(X)) + form.rounding())


def choose_method(form: Form) -> Method:
    """Predict the cheaper exact method from the sizes alone; "spectral" where neither is affordable.

    Status: heuristic. Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> from relucvx.oracle import choose_method, form_of
    >>> problem = rx.make_problem([[1.0], [2.0]], [1.0, 2.0], beta=1.0)
    >>> choose_method(form_of(problem, np.array([[1.0], [2.0]])))
    'enumeration'
    """
    n, dim = form.X.shape
    if not form.M.any():
        return "spectral"  # without a kink F is ||Lᵀw||, and its largest singular value is the dual norm
    cells = count_up_to(n if form.walls is None else form.walls, dim, CELL_LIMIT + 1)
    few = cells <= CELLS_PER_ORTHANT * 2**dim or dim >= MANY_DIMENSIONS
    if form.M.shape[1] == 1 and cells <= CELL_LIMIT and few and not form.free_bias:
        return "enumeration"
    return "branch_and_bound" if dim <= MAX_DIMENSION else "spectral"


@functools.cache
def compile_kernels() -> None:
    """Compile or load the kernels once, on a toy problem, so that no time limit is spent on it.

    Status: a convention (no statement). Source: [relucvx].

    Examples
    --------
    >>> from relucvx.oracle import compile_kernels
    >>> compile_kernels()  # before timing anything
    """
    square = Form(np.eye(2), np.ones((2, 1)), np.zeros((2, 1)), 2, np.eye(2), np.zeros(2), 0.0, 2.0, 0.0)
    with second_core(run, half_arrangement):
        local_maxima(square, np.eye(2), iterations=1)
        branch_and_bound(square, target=0.0)


def dual_norm(
    problem: Problem,
    N: Array,
    *,
    target: float = 0.0,
    stop_above: float = np.inf,
    starts: Array | None = None,
    method: Method = "auto",
    arrangement: Arrangement | None = None,
    n_starts: int = 64,
    max_cones: float = MAX_CONES,
    time_limit: Limit = None,
    callback: Callable[[Search], bool | None] | None = None,
    rng: Rng = 0,
) -> DualNormBound:
    """Bound ``D(N) = max over ||w|| <= 1 of ||Nᵀ phi(Xw)||`` from below and from above.

    Parameters
    ----------
    problem : Problem
        Gives the augmented inputs, the activation and which coordinates the norm counts.
    N : ndarray, shape (n, c)
        Dual point; for free biases its columns must sum to zero (:func:`relucvx.program.duality.balance_dual`).
    target : float
        Stop once D(N) <= max(target, lower) is proven; 0 asks for the value itself.
    stop_above : float
        Stop at once when a direction with a larger value is found.
    starts : ndarray, shape (k, D), optional
        Directions to search from (a network's neurons), in augmented coordinates.
    method : {"auto", "enumeration", "branch_and_bound", "semidefinite", "spectral"}
        "auto" predicts the cheaper exact one, and is content with a relaxation that reaches the target.
    arrangement : Arrangement, optional
        Complete arrangement of the augmented inputs, when it is already there (unused with free biases, whose cells are
        enumerated about the centre of the data).
    max_cones, time_limit
        Budget; the bound returned is valid when it runs out.

    Returns
    -------
    DualNormBound

    Raises
    ------
    InvalidInputError
        Unknown method, or an arrangement that is not complete or not of this problem's augmented inputs.
    TooManyPatternsError
        When enumeration is forced on a problem with too many patterns.

    Notes
    -----
    Status: certified numerically. Source: [pilanci-ergen-2020], [sahiner-2021], [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> from relucvx.oracle import dual_norm
    >>> problem = rx.make_problem([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0], beta=1.0)
    >>> found = dual_norm(problem, np.array([[1.0], [1.0]]))  # max of relu(w_1) + relu(w_2) over unit w
    >>> print(f"{found.lower:.4f} <= D <= {found.upper:.4f}")
    1.4142 <= D <= 1.4142
    """
    compile_kernels()
    began = time.perf_counter()
    if not is_word(method, METHODS):
        raise InvalidInputError(explain(f"a method among {', '.join(METHODS)}", repr(method)))
    if arrangement is not None:
        check_same_inputs(problem, arrangement)
    # in units in which no square leaves float64: the bound is proportional to N, and is brought back at the end
    M, lift = lift_dual(problem.inputs, problem.spread(N), free_bias=problem.bias.is_free)
    target, stop_above = (float(np.ldexp(value, lift)) for value in (target, stop_above))
    sizes = sizes_of_rows(problem, N)
    form = form_of_rows(problem, M, None if sizes is None else np.ldexp(sizes, lift))
    if form.trivial:
        zero = np.zeros(problem.n_inputs)
        return DualNormBound(
            0.0, unlifted(form.rounding(), lift, up=True), zero, "spectral", Scope.ALL_PATTERNS, 0, 0.0, "proved"
        )
    # from below: what local search finds is a value that is reached, and often already a violation
    deadline = Deadline.of(time_limit)
    lower, witness = _search(form, starts, n_starts, resolve_rng(rng), deadline.share(SEARCH_SHARE))
    # from above: valid whatever follows, so that running out of time leaves a bound
    upper, cones, scope, outcome = spectral_bound(form), 0, Scope.RELAXED, "budget"
    if method == "semidefinite":
        upper = min(upper, _semidefinite(problem, form, M, deadline))
    free = method == "auto"
    if free:
        method, upper = _choose(problem, form, M, upper, lower, max(target, lower), stop_above, deadline)
    # the cells may take too long to list, or leave out slivers too wide for a tight bound: then cones do the work
    if method == "enumeration" and lower <= stop_above:
        arrangement = _cells(problem, form, arrangement, deadline)
        if arrangement is None:
            method = "spectral"  # there was no time to list the cells
        elif free and not (arrangement.complete and missing_width(arrangement) <= WIDEST):
            method = "branch_and_bound" if form.X.shape[1] <= MAX_DIMENSION else "spectral"
    # what was asked for is there, or one of the methods bounds the maximum for all patterns
    if lower > stop_above:
        outcome = "violated"
    elif method == "enumeration":
        assert arrangement is not None
        bound, value, point = enumerated_bound(form, _complete(arrangement), target, deadline)
        cones = len(arrangement)
        if value > lower:
            lower, witness = value, point
        upper = min(upper, bound)
        if np.isfinite(bound):
            scope, outcome = Scope.ALL_PATTERNS, "proved"
    elif method == "branch_and_bound":
        found = branch_and_bound(
            form, target=target, lower=lower, witness=witness, stop_above=stop_above, max_cones=max_cones,
            deadline=deadline, callback=callback,
        )  # fmt: skip
        lower, witness, cones, outcome = found.lower, found.witness, found.cones, found.outcome
        scope = Scope.ALL_PATTERNS if outcome == "proved" or found.upper < upper else Scope.RELAXED
        upper = min(upper, found.upper)
    # without a kink the spectral bound is the maximum itself, and below the goal any bound proves it
    elif not form.M.any() or upper <= max(target, lower):
        scope, outcome = Scope.ALL_PATTERNS, "proved"
    # values round too: the lower end is taken down by what rounding may have added
    lower = max(0.0, lower - form.rounding())
    upper = unlifted(max(upper, lower), lift, up=True)
    return DualNormBound(
        unlifted(lower, lift, up=False), upper, form.to_original(witness), method, scope, cones,
        time.perf_counter() - began, outcome,
    )  # fmt: skip


def _choose(
    problem: Problem,
    form: Form,
    N: Array,
    upper: float,
    lower: float,
    goal: float,
    stop_above: float,
    deadline: Deadline,
) -> tuple[Method, float]:
    """The method for "auto", and the bound of the relaxations tried on the way: they are enough where they are tight."""
    if lower > stop_above or upper <= goal:
        return "spectral", upper
    exact = choose_method(form)
    # few samples in many dimensions: cones cannot be made small there, and a semidefinite program is quick
    few = len(form.X) <= MOST_SAMPLES and form.X.shape[1] >= SEMIDEFINITE_FROM
    if exact == "enumeration" or not few or form.free_bias or not form.M.any():
        return exact, upper
    bound = _semidefinite(problem, form, N, deadline)
    return ("semidefinite" if bound <= goal or exact == "spectral" else exact), min(upper, bound)


def _semidefinite(problem: Problem, form: Form, N: Array, deadline: Deadline) -> float:
    """The semidefinite bound with the rounding of this form added; inf for free biases, which it does not cover."""
    return np.inf if form.free_bias else semidefinite_bound(problem, N, deadline) + form.rounding()


def _search(
    form: Form, starts: Array | None, n_starts: int, rng: np.random.Generator, deadline: Deadline
) -> tuple[float, Array]:
    """Best value by local ascent from given and random directions."""
    points = random_directions(form, n_starts, rng)
    # the network's own neurons first: at an optimum they are where the maximum is attained
    if starts is not None and len(starts):
        points = np.concatenate([np.array([form.to_reduced(w) for w in starts]), points])
    directions, values = local_maxima(form, points, limit=1, deadline=deadline)
    if not len(values):
        return 0.0, points[0]
    return float(values[0]), directions[0]


def _cells(problem: Problem, form: Form, arrangement: Arrangement | None, deadline: Deadline) -> Arrangement | None:
    """The arrangement to bound over: the one given, or a fresh one; with free biases always about the centre.

    None when the deadline passes first.
    """
    if arrangement is not None and not form.free_bias:
        return arrangement
    try:
        if form.free_bias:
            return free_bias_arrangement(form, deadline)
        return enumerate_patterns(problem.inputs, time_limit=deadline)
    except OutOfTime:
        return None


LISTING_SHARE = 0.3
"""Share of the time that listing the cells once, for all proofs of a problem, may take."""


def cells_for_proofs(problem: Problem, N: Array, deadline: Deadline) -> Arrangement | None:
    """The cells that every proof about a problem would list anew; None where proofs go another way, or time runs out."""
    form = form_of(problem, N)
    if form.trivial or form.free_bias or choose_method(form) != "enumeration":
        return None
    try:
        return enumerate_patterns(problem.inputs, time_limit=deadline.share(LISTING_SHARE))
    except OutOfTime:
        return None


def _complete(arrangement: Arrangement) -> Arrangement:
    """The arrangement, if it is complete."""
    if arrangement.complete:
        return arrangement
    raise InvalidInputError(
        explain(
            "a complete arrangement of the problem's augmented inputs",
            repr(arrangement),
            arrangement.doubt,
            'method="branch_and_bound", which needs none',
        )
    )
