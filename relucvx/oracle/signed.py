"""Bounds on max over ||w|| <= 1 of ||Aᵀ phi(Xw)||² - ||Cᵀ phi(Xw)||², a dual norm from which another is taken away.

On a simplicial cone with generators g_k the first square is bounded from above and the second from below
(:mod:`relucvx.oracle.simplicial`): with ||Aᵀ phi(Xw) - Σ α_k a_k|| <= Σ α_k ρ_k, and c_k, σ_k the same of C,

    h(w) <= Σ_kl α_k α_l (a_k·a_l + ||a_k|| ρ_l + ||a_l|| ρ_k + ρ_k ρ_l - c_k·c_l + ||c_k|| σ_l + ||c_l|| σ_k),

which is compared with t² Σ_kl α_k α_l g_k·g_l entry by entry; g_k·g_l >= 0, as all cones lie in an orthant, so that what
exceeds it costs at most its largest row sum. Inside a cell the form is quadratic, and its largest eigenvalue is a second bound.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.deadline import Deadline
from relucvx.oracle.branch_and_bound import starting_cones
from relucvx.oracle.dual_norm_bound import spectral_bound
from relucvx.oracle.form import Form, form_of_rows, sizes_of_rows
from relucvx.oracle.frontier import SIZE
from relucvx.oracle.lift import lift_dual
from relucvx.oracle.shards import ZERO_TOL, rounding_slack
from relucvx.oracle.signed_kernels import (
    BEST,
    DEEPEST,
    DROPPED,
    EMPTY,
    LARGEST,
    RUNNING,
    SPLITS,
    VIOLATED,
    climb,
    divide,
    settle,
)
from relucvx.program.posing import make_problem
from relucvx.program.problem import Problem
from relucvx.types import Array

USUAL_DEPTH = 60
"""Splits above a cone for which its bound pays at once; the rounding of deeper ones is added in the end."""

CHUNK_WORK = 20_000_000
"""Multiplications between two looks at the clock and Ctrl-C."""

MOST_CONES = 4_000_000
"""Open cones at most: what is left then is a loose bound."""


@dataclass(frozen=True)
class Difference:
    """h(w) = ||Aᵀ phi(Xw)||² - ||Cᵀ phi(Xw)||² in the coordinates of the row space, times 4^lift.

    Attributes
    ----------
    more, less : Form
        Of A and of C, over the same rows.
    lift : int
        Both were multiplied by 2^lift, so that no square leaves float64.
    """

    more: Form
    less: Form
    lift: int

    @property
    def columns(self) -> tuple[Array, Array, Array]:
        """Hinge weights, linear part and signs of all columns, those of A first."""
        one, two = self.more, self.less
        sign = np.concatenate([np.ones(one.M.shape[1]), -np.ones(two.M.shape[1])])
        return np.ascontiguousarray(np.hstack([one.M, two.M])), np.ascontiguousarray(np.hstack([one.L, two.L])), sign

    def rounding(self, root: float) -> float:
        """About what rounding adds to the root of a proven bound near ``root``²."""
        unit = np.ldexp(1.0, -self.lift)
        beside = spectral_bound(self.less) / max(root / unit, 1e-300)
        return float((rounding_slack(self.more, 40) + beside * rounding_slack(self.less, 40)) * unit)

    def values(self, W: Array) -> Array:
        """h at the columns of W (q, k)."""
        M, L, sign = self.columns
        return np.asarray(sign @ np.square(M.T @ np.maximum(self.more.X @ W, 0.0) + L.T @ W))


def difference_of(problem: Problem, A: Array, C: Array) -> Difference:
    """The difference for matrices A (n, a) and C (n, c) of samples.

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].
    """
    A, C = (part if part.shape[1] else np.zeros((len(part), 1)) for part in (A, C))  # nothing is a column of zeros
    M, lift = lift_dual(problem.inputs, problem.spread(A), free_bias=False)
    forms = []
    for given, spread in ((A, M), (C, np.ldexp(problem.spread(C), lift))):
        sizes = sizes_of_rows(problem, given)
        forms.append(form_of_rows(problem, spread, None if sizes is None else np.ldexp(sizes, lift)))
    return Difference(forms[0], forms[1], lift)


@functools.cache
def compile_signed() -> None:
    """Compile or load the kernels once, on a toy problem, so that no time limit is spent on it."""
    problem = make_problem(np.eye(2), np.eye(2), 1.0)
    signed_bound(difference_of(problem, problem.Y, 0.5 * problem.Y[:, :1]), target=0.0, starts=np.eye(2))


MOST_WALLS = 3

NEAR = 0.9
"""Climbs that end below this share of the largest value are not followed to their end."""


def signed_maxima(h: Difference, starts: Array, *, iterations: int = 60, limit: int = 60) -> tuple[Array, Array]:
    """Distinct local maxima of h from start directions (k, q), best first, and their values.

    Notes
    -----
    Status: heuristic (each value is reached; that it is a maximum is not claimed). Source: [relucvx]
    """
    X, (M, L, sign) = h.more.X, h.columns
    points, values = np.array(starts, dtype=float, order="C"), np.empty(len(starts))
    climb(X, M, L, sign, points, iterations, values)
    chosen: list[int] = []
    top = float(values.max(initial=-np.inf))
    for i in np.argsort(-values):
        if len(chosen) >= limit or values[i] < top - (1.0 - NEAR) * abs(top):
            break
        if not chosen or float(np.max(points[chosen] @ points[i])) < 1.0 - 1e-6:
            chosen.append(int(i))
    points = np.ascontiguousarray(points[chosen])
    settle(X, M, L, sign, points, MOST_WALLS)
    values = h.values(points.T)
    order = np.argsort(-values)
    return points[order], values[order]


@dataclass(frozen=True)
class SignedBound:
    """sup h in units of the given matrices: ``lower <= sup max(h, 0) <= upper``, and how the search ended."""

    lower: float
    upper: float
    witness: Array
    cones: int
    outcome: str


def signed_bound(
    h: Difference,
    *,
    target: float,
    starts: Array,
    stop_above: float = np.inf,
    max_cones: float = np.inf,
    deadline: Deadline | None = None,
    callback: Callable[[object], bool | None] | None = None,
) -> SignedBound:
    """Bound the largest value of h on the unit ball (0 at the least) from above, until ``target`` is proven.

    Parameters
    ----------
    target, stop_above : float
        In units of h, a square: stop once sup h <= target is proven, or a direction above ``stop_above`` is found.
    starts : ndarray, shape (k, q)
        Reduced directions to search from.

    Notes
    -----
    Status: certified numerically (valid in float64: slack as in :func:`relucvx.oracle.shards.rounding_slack` for each square).
    Source: [relucvx]
    """
    one, two, deadline = h.more, h.less, deadline or Deadline()
    X, (M, L, sign), dim = one.X, h.columns, one.X.shape[1]
    unit = np.ldexp(1.0, -2 * h.lift)
    # ||Aᵀ phi||² alone, by its spectral bound: valid whatever follows
    reach = spectral_bound(one), spectral_bound(two)
    if one.trivial:
        return SignedBound(0.0, reach[0] ** 2 * unit, np.zeros(dim), 0, "proved")
    if dim == 1:  # two directions are all there are
        ends = np.array([[1.0], [-1.0]])
        at = int(h.values(ends.T).argmax())
        top = max(0.0, float(h.values(ends.T)[at]))
        own = sum(
            2.0 * r * s + s * s for r, s in zip(reach, (rounding_slack(one, 0), rounding_slack(two, 0)), strict=True)
        )
        return SignedBound(
            float(max(0.0, top - own) * unit), float((top + own) * unit), one.to_original(ends[at]), 2, "proved"
        )
    points, values = signed_maxima(h, np.vstack([np.eye(dim), starts]), limit=1)
    record, witness = np.array([max(values[0], 0.0), 0.0, 0.0]), points[0].copy()
    prune, stop = target / unit, stop_above / unit
    mA, mC = np.linalg.norm(one.M, axis=1), np.linalg.norm(two.M, axis=1)
    weight = reach[0] * mA + reach[1] * mC
    ztol = ZERO_TOL * np.linalg.norm(X, axis=1)
    # each square rounds by twice its root times what the root rounds by
    sa, sc = rounding_slack(one, USUAL_DEPTH), rounding_slack(two, USUAL_DEPTH)
    begin = starting_cones(one)
    tally = np.zeros(3, dtype=np.int64)
    nodes, bounds, depths = np.array(begin), np.full(len(begin), np.inf), np.zeros(len(begin), dtype=np.int64)
    tally[SIZE] = len(begin)
    steps = int(np.clip(CHUNK_WORK // (X.size * (M.shape[1] + dim)), 8, 4000))
    code = VIOLATED if record[BEST] > stop else RUNNING
    # below what rounding adds to the value that is reached nothing can be proven
    grace = 3.0 * np.sqrt(record[BEST]) * sa + 2.0 * reach[1] * sc + 1e-12 * record[BEST]
    prune = max(prune, record[BEST] + grace)
    while code == RUNNING:
        over = deadline.passed() or tally[SPLITS] >= max_cones or tally[SIZE] > MOST_CONES
        if over or (callback is not None and callback(record)):
            break
        if tally[SIZE] + steps + 2 > len(bounds):
            length = min(2 * len(bounds) + steps + 2, MOST_CONES + steps + 2)
            nodes, bounds, depths = _longer(nodes, length), _longer(bounds, length), _longer(depths, length)
        code = divide(
            X, one.M, one.L, mA, two.M, two.L, mC, M, L, sign, weight, ztol, sa, sc, prune, stop, bounds, nodes, depths,
            tally, int(min(steps, max_cones - tally[SPLITS])), record, witness,
        )  # fmt: skip
        prune = max(prune, record[BEST] + grace)
    open_ = float(bounds[0]) if tally[SIZE] else 0.0
    deeper, top = max(0, int(tally[DEEPEST]) - USUAL_DEPTH), max(record[LARGEST], *reach)
    more = [rounding_slack(form, USUAL_DEPTH + deeper) - s for form, s in ((one, sa), (two, sc))]
    slack = sum(2.0 * top * s + s * s for s in more) * (deeper > 0)
    own = sum(2.0 * r * s + s * s for r, s in zip(reach, (sa, sc), strict=True))
    upper = min(max(open_, record[DROPPED], record[BEST] + own) + slack, reach[0] ** 2 * (1.0 + 1e-12))
    lower = max(0.0, record[BEST] - own)
    outcome = "violated" if code == VIOLATED else "proved" if code == EMPTY else "budget"
    return SignedBound(
        float(lower * unit), float(max(upper, lower) * unit), one.to_original(witness), int(tally[SPLITS]), outcome
    )


def _longer(held: Any, length: int) -> Any:
    """The same entries in a longer array."""
    out = np.empty((length, *held.shape[1:]), held.dtype)
    out[: len(held)] = held
    return out
