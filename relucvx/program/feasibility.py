"""Can any network fit these targets exactly? Decided by exact comparisons, or by ranks that rounding cannot change.

With phi(t) = a t + b |t|, rows x_i = t_i u on the line of u give phi(x_i·w) = a x_i·w + b |t_i| |u·w|, and for b != 0 the
functions |u·w| of different lines through the origin are linearly independent of each other and of all linear ones.

    hidden bias, b != 0    different rows [x, 1] are on different lines: everything fits but equal rows with different targets
    hidden bias, b = 0     the linear system [X, 1] W = Y
    no bias, b != 0        targets proportional on each ray; where a line has rows on both rays, the difference of the two is
                           linear in the row (a != 0), or zero (a = 0): one linear system over these lines
    no bias, b = 0         the linear system X W = Y

Samples that are bags of rows fit what their read-outs make of the fits of the rows, which are a linear space: a linear system.

Exactly collinear rows agree to the last bit once divided by their largest entry, so lines are found without a tolerance. An
answer "no" is a theorem about the numbers as they stand, or the error says that it is numerical.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import lcm

import numpy as np
from numpy.typing import NDArray

from relucvx.errors import InfeasibleError, explain
from relucvx.later import later
from relucvx.network.pooling import Pooling
from relucvx.program.problem import Problem
from relucvx.tolerances import EPS, PATTERN
from relucvx.types import Array

sp = later("scipy.sparse")

INTERPOLATES = 1e-9
"""A network interpolates when no sample is off by more than this, relative to the largest target."""

MOST_EXACT = 100_000
"""Products of integers in an elimination that decides exactly: within about a second."""

TIED = "the rows of X are tied by linear relations that every network respects"
CLOSE = "numerically, the rows of X are tied by linear relations; to resolve them takes weights beyond the digits of float64"


def allowance(problem: Problem, share: float = INTERPOLATES) -> float:
    """How far off a fit may be and count as exact: a share of the targets' size, around their middle with a free bias."""
    Y = problem.Y
    middle = 0.5 * (Y.max(axis=0) + Y.min(axis=0)) if problem.bias.is_free else 0.0
    return share * float(np.abs(Y - middle).max()) + 8.0 * EPS * float(np.abs(Y).max())


def check_feasible(problem: Problem) -> None:
    """Raise unless some network of the problem's kind, of any width, fits Y exactly.

    Raises
    ------
    InfeasibleError
        Naming two rows that contradict each other, or else the row that is off most at the best fit; with the word
        "numerically" where that is no theorem.

    Notes
    -----
    Status: theorem. Source: [relucvx]
    """
    if problem.pooling is not None:
        _check_bags(problem, problem.pooling)
        return
    act, X, Y = problem.activation, problem.X, problem.Y
    linear = act.hinge == 0.0
    # with a bias different rows are on different lines: only equal ones can contradict each other
    if problem.bias.has_hidden:
        _check_equal_rows(problem)
        # a linear activation fits what is linear; else only pairs of opposite rays tie rows of different lines together
        if linear:
            centre = X.mean(axis=0)
            left = _left(X - centre, Y - Y.mean(axis=0))
            _decide(problem, np.column_stack([X, np.ones(len(X))]), left)
        return
    # without one a zero row has fit 0, whatever the network
    wrong = np.flatnonzero(~X.any(axis=1) & (np.abs(Y).max(axis=1) > allowance(problem, PATTERN.value)))
    if len(wrong):
        i = int(wrong[0])
        expected = "target 0 wherever x = 0: a network without bias vanishes there"
        raise InfeasibleError(explain(expected, f"target {Y[i]} at row {i}", "", 'bias="all"'))
    rows = np.flatnonzero(X.any(axis=1))
    lead, line = _lines(X[rows])
    _check_lines(problem, rows, lead, line)
    if linear:
        _decide(problem, X, _left(X, Y))
    elif act.slope_neg + act.slope_pos != 0.0:
        _check_pairs(problem, rows, lead, line)


def _check_bags(problem: Problem, bags: Pooling) -> None:
    """One linear system over what rows of bags can be: multiples of |t| on every line, and what is linear in the row."""
    act, Xa, Y = problem.activation, problem.inputs + 0.0, problem.Y
    rows = np.flatnonzero(Xa.any(axis=1))
    # with a bias different rows are on different lines, whatever rounding says of their quotients
    if problem.bias.has_hidden:
        lead, line = np.ones(len(rows)), np.unique(Xa, axis=0, return_inverse=True)[1].ravel()
    else:
        lead, line = _lines(Xa[rows])
    taken = bags.operator[:, rows]
    # rows of one line add up in one order in every sample, so that samples of the same rows have the same numbers
    on_line = sp.csr_matrix((np.abs(lead), (np.arange(len(rows)), line)), shape=(len(rows), line.max(initial=-1) + 1))
    columns = [_side_by_side((taken @ on_line).toarray(), bags)] if act.hinge else []
    both = len(np.unique(2 * line + (lead > 0))) > on_line.shape[1]
    # where all rows of a line point one way, what is linear in them is a multiple of |t| as well
    if act.slope_neg + act.slope_pos != 0.0 and (both or not act.hinge):
        columns.append(_side_by_side(np.asarray(taken @ Xa[rows]), bags))
    if problem.bias.has_output:
        columns.append(np.ones((len(Y), 1)))
    A = np.concatenate(columns, axis=1)
    _check_equal_samples(problem, A)
    left = _left(A, Y)
    if np.abs(left).max() > allowance(problem):
        worst = int(np.argmax(np.abs(left).max(axis=1)))
        raise InfeasibleError(
            explain(
                "targets that some network fits exactly",
                f"targets off by {np.linalg.norm(left):.3g} at best, mostly at sample {worst}",
                "numerically, what the samples read of their rows is tied by linear relations",
                "relucvx.solve with beta > 0",
            )
        )


def _side_by_side(A: Array, bags: Pooling) -> Array:
    """Numbers (n K, q) of samples and read-outs as (n, K q): every read-out has weights, hence functions, of its own."""
    return A.reshape(bags.n_samples, -1)


def _check_equal_samples(problem: Problem, A: Array) -> None:
    """Samples that read the same of the same rows need equal targets."""
    _, first, group = np.unique(A, axis=0, return_index=True, return_inverse=True)
    other = first[group.ravel()]
    off = np.abs(problem.Y - problem.Y[other]).max(axis=1) > allowance(problem, PATTERN.value)
    if off.any():
        j = int(np.argmax(off))
        i = int(other[j])
        raise InfeasibleError(
            explain(
                "equal targets for samples of the same rows",
                f"samples {i} and {j} with targets {problem.Y[i]} and {problem.Y[j]}",
                "no neuron tells them apart: bags of the same rows, in another order perhaps",
                "beta > 0, which averages them",
            )
        )


def _check_equal_rows(problem: Problem) -> None:
    """Equal rows need equal targets."""
    X, Y = problem.X + 0.0, problem.Y  # -0.0 + 0.0 is 0.0
    _, first, group = np.unique(X, axis=0, return_index=True, return_inverse=True)
    other = first[group.ravel()]
    off = np.abs(Y - Y[other]).max(axis=1)
    if off.max() > allowance(problem, PATTERN.value):
        i = int(np.argmax(off > allowance(problem, PATTERN.value)))
        raise _clash(problem, int(other[i]), i, "")


def _lines(X: Array) -> tuple[Array, NDArray[np.intp]]:
    """The entry of largest size of each row (none is zero), and the line through the origin that the row is on."""
    lead = np.take_along_axis(X, np.abs(X).argmax(axis=1)[:, None], axis=1)
    # the quotients of exactly collinear rows are the same real numbers, and rounded the same way
    _, line = np.unique(X / lead + 0.0, axis=0, return_inverse=True)
    return lead[:, 0], line.ravel()


def _check_lines(problem: Problem, rows: NDArray[np.intp], lead: Array, line: NDArray[np.intp]) -> None:
    """Targets are proportional on each ray; on whole lines where the activation is odd or even."""
    if not len(rows):
        return
    Y, act = problem.Y[rows], problem.activation
    both = abs(act.slope_neg) == abs(act.slope_pos)
    _, first, group = np.unique(2 * line + (0 if both else lead > 0), return_index=True, return_inverse=True)
    other = first[group.ravel()]
    with np.errstate(over="ignore", invalid="ignore"):
        t = lead / lead[other]
        # phi(-t) = -mirror phi(t): 1 for odd activations, -1 for even ones
        expected = np.where(t < 0, np.abs(t) * -(act.slope_neg / act.slope_pos if both else 1.0), t)[:, None] * Y[other]
        off = np.abs(Y - expected).max(axis=1) > allowance(problem, PATTERN.value) * (1.0 + np.abs(t))
    if off.any():
        k = int(np.argmax(off))
        i, j = sorted((int(rows[other[k]]), int(rows[k])))
        exact = _ratio(problem.X[i], problem.X[j]) is not None
        raise _clash(problem, i, j, "" if exact else "numerically, to rounding of the rows, ")


def _clash(problem: Problem, i: int, j: int, word: str) -> InfeasibleError:
    """Two rows whose targets contradict each other."""
    same = np.array_equal(problem.X[i], problem.X[j])
    return InfeasibleError(
        explain(
            "equal targets for equal rows of X" if same else "targets proportional along each line through the origin",
            f"rows {i} and {j} with targets {problem.Y[i]} and {problem.Y[j]}",
            "duplicate samples with noisy targets"
            if same
            else f"{word}a network without bias is positively homogeneous",
            "beta > 0, which averages them" if same else 'bias="all"',
        )
    )


def _ratio(x: Array, z: Array) -> Fraction | None:
    """t with z = t x, in rationals; None when the rows are not collinear."""
    k = int(np.abs(x).argmax())
    t = Fraction(z[k]) / Fraction(x[k])
    return t if all(Fraction(b) == t * Fraction(a) for a, b in zip(x, z, strict=True)) else None


def _check_pairs(problem: Problem, rows: NDArray[np.intp], lead: Array, line: NDArray[np.intp]) -> None:
    """x_j = -t x_i, t > 0: y_i - y_j / t is linear in x_i, because the even parts of the two are the same multiple."""
    ray, first = np.unique(2 * line + (lead > 0), return_index=True)
    # lines with rows on both rays, one row of each
    at = np.flatnonzero(ray[1:] // 2 == ray[:-1] // 2)
    one, two = rows[first[at]], rows[first[at + 1]]
    if not len(one):
        return
    X, Y = problem.X, problem.Y
    size = np.ldexp(1.0, np.frexp(lead[first[at]])[1])[:, None]  # rows in units of their own: powers of two
    t = -lead[first[at + 1]] / lead[first[at]]
    with np.errstate(over="ignore"):
        B = (Y[one] - Y[two] / t[:, None]) / size
        slack = allowance(problem) * (1.0 + 1.0 / t) / size[:, 0]
    if not np.isfinite(B).all():
        return  # nothing that float64 could contradict
    # one linear system over all of them: the difference of the two rays is linear in the row
    A = X[one] / size
    left = _left(A, B)
    if (np.abs(left).max(axis=1) <= slack).all():
        return
    ratios = [_ratio(X[i], X[j]) for i, j in zip(one, two, strict=True)]
    terms = np.abs(Y[one]) + np.abs(Y[two] / t[:, None])

    def exact(k: int) -> list[Fraction] | None:
        pairs = zip(Y[one, k], Y[two, k], ratios, size[:, 0], strict=True)
        return None if None in ratios else [(Fraction(y) + Fraction(z) / r) / Fraction(u) for y, z, r, u in pairs if r]

    k = int(np.argmax(np.abs(left).max(axis=0)))
    noise = float((terms / size).max()) / float(np.abs(B[:, k]).max())
    _refuse(problem, A, B[:, k], left, one, lambda: exact(k), noise)


def _decide(problem: Problem, A: Array, left: Array) -> None:
    """Raise unless A W = Y, up to the allowance, when ``left`` is what a least-squares fit leaves."""
    if np.abs(left).max() <= allowance(problem):
        return
    k = int(np.argmax(np.abs(left).max(axis=0)))
    y = problem.Y[:, k]
    _refuse(problem, A, y, left, np.arange(len(A)), lambda: [Fraction(v) for v in y], 1.0)


def _left(A: Array, B: Array) -> Array:
    """What least squares leaves of B; columns of A in units of their own."""
    u, s, _ = np.linalg.svd(_even(A), full_matrices=False)
    basis = u[:, s > max(A.shape) * EPS * s.max(initial=0.0)]
    # twice, so that what is left is orthogonal to rounding
    left = B - basis @ (basis.T @ B)
    return np.asarray(left - basis @ (basis.T @ left))


def _even(A: Array) -> Array:
    """A with columns in units of their own: powers of two, which change no digit."""
    exponent = np.frexp(np.abs(A).max(axis=0, initial=0.0))[1]
    return np.asarray(A * np.ldexp(1.0, -np.clip(exponent, -1000, 1000)))


def _refuse(
    problem: Problem,
    A: Array,
    b: Array,
    left: Array,
    rows: NDArray[np.intp],
    exact: Callable[[], list[Fraction] | None],
    noise: float,
) -> None:
    """Raise unless exact arithmetic finds that A W = b has a solution.

    ``exact`` gives b in rationals, or None if it has no exact value, and ``noise`` what rounding may have done to the floats
    in b, in units of EPS times their largest.
    """
    # by singular values where they are clear of rounding; else in integers, where that is quick
    certain = _independent(A, b, noise) and exact() is not None
    if not certain and len(A) * min(A.shape) * A.shape[1] <= MOST_EXACT:
        values = exact()
        certain = values is not None
        if values is not None and not _contradicts(A, values):
            return
    worst = int(rows[np.argmax(np.abs(left).max(axis=1))])
    raise InfeasibleError(
        explain(
            "targets that some network fits exactly",
            f"targets off by {np.linalg.norm(left):.3g} at best, mostly at row {worst}",
            TIED if certain else CLOSE,
            'bias="all"'
            if not problem.bias.has_hidden and problem.activation.hinge != 0.0
            else "relucvx.solve with beta > 0",
        )
    )


def _independent(A: Array, b: Array, noise: float) -> bool:
    """Whether no rounding can make the columns of [A, b] dependent, so that A W = b has no solution."""
    M = _even(np.column_stack([A, b]))
    if M.shape[0] < M.shape[1]:
        return False
    s = np.linalg.svd(M, compute_uv=False)
    return bool(s[-1] > 32.0 * max(M.shape) * EPS * (s[0] + noise))


def _contradicts(A: Array, b: list[Fraction]) -> bool:
    """Whether A W = b has no solution: fraction-free elimination in integers."""
    left = []
    # each row in integers; eliminating with exact divisions keeps their digits few
    for row, value in zip(A, b, strict=True):
        entries = [*map(Fraction, row), value]
        unit = lcm(*(e.denominator for e in entries))
        left.append([int(e * unit) for e in entries])
    last = 1
    for column in range(A.shape[1]):
        pivot = next((row for row in left if row[column]), None)
        if pivot is None:
            continue
        left.remove(pivot)
        p = pivot[column]
        left = [[(p * e - row[column] * q) // last for e, q in zip(row, pivot, strict=True)] for row in left]
        last = p
    return any(row[-1] for row in left)
