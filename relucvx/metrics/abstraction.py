"""Abstract representations: parallel coding directions, generalisation across conditions, tuning of neurons."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.figures import bars, picture
from relucvx.metrics.samples.groups import Factors, Groups, Indices, as_factors, as_features, as_gram
from relucvx.metrics.samples.machine import Machines
from relucvx.metrics.samples.scaling import centred, mean_row, scaled, unit_spread
from relucvx.metrics.scales import OnScale
from relucvx.types import Array, ArrayLike, Result
from relucvx.validation import as_matrix, as_numpy, as_positive


@dataclass(frozen=True)
class FactorScore(OnScale, Result):
    """A score per binary variable.

    Attributes
    ----------
    per_factor : ndarray of shape (d_Y,)
        Score of each variable; NaN where it is undefined.
    mean : float
        Average over the variables; NaN if one is undefined.
    n_contexts : tuple of int
        Settings of the other variables in which both values of a variable occur.
    note : str
        What a score below chance means, and why there is none; empty where there is nothing to say.
    metric : str
        Name of the metric.

    Notes
    -----
    Status: a record of what :func:`parallelism_score` finds, which states what it rests on. Source: [bernardi-2020].

    Examples
    --------
    >>> import relucvx as rx
    >>> Z = factors = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]  # an abstract code: the factors themselves
    >>> found = rx.metrics.parallelism_score(Z, factors)
    >>> found.per_factor.tolist(), found.mean, found.n_contexts
    ([1.0, 1.0], 1.0, (2, 2))
    """

    per_factor: Array
    mean: float
    n_contexts: tuple[int, ...]
    note: str = ""
    metric: str = field(default="", repr=False, compare=False)

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per variable."""
        pairs = enumerate(zip(self.per_factor, self.n_contexts, strict=True))
        return ({"factor": k, "score": float(score), "contexts": contexts} for k, (score, contexts) in pairs)

    def plot(self, ax: Any = None) -> Any:
        """Draw the score of each variable; returns the axes."""
        return bars(ax, range(len(self.per_factor)), self.per_factor, "score of each variable")


@dataclass(frozen=True)
class NeuronTuning(OnScale, Result, of="neuron_tuning"):
    """How strongly each neuron follows one variable.

    Attributes
    ----------
    per_neuron : ndarray of shape (p,)
        max_k |corr(neuron, y_k)|; NaN for a constant neuron.
    best_factor : ndarray of shape (p,)
        The variable that attains it; -1 for a constant neuron.
    correlations : ndarray of shape (p, d_Y)
        Signed correlations.
    mean : float
        Average of ``per_neuron`` over the neurons that vary; NaN when none does.

    Notes
    -----
    Status: a record of what :func:`neuron_tuning` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> factors = [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    >>> found = rx.metrics.neuron_tuning([[0.0, 2.0], [0.0, 0.0], [1.0, 2.0], [1.0, 0.0]], factors)
    >>> found.correlations.round(6).tolist()
    [[1.0, 0.0], [0.0, -1.0]]
    """

    per_neuron: Array
    best_factor: Indices
    correlations: Array
    mean: float

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per neuron: how strongly it follows its best variable, and its correlation with each."""
        for k, row in enumerate(self.correlations):
            best = {"neuron": k, "tuning": float(self.per_neuron[k]), "best_factor": int(self.best_factor[k])}
            yield {**best, **{f"factor {i}": float(value) for i, value in enumerate(row)}}

    def plot(self, ax: Any = None) -> Any:
        """Draw the correlations, neurons from top to bottom; returns the axes."""
        names = range(self.correlations.shape[0]), range(self.correlations.shape[1])
        return picture(ax, self.correlations, *names, "correlation of neuron and variable", signed=True)


@timed("parallelism_score(Z[::4], factors[::4])")
def parallelism_score(
    Z: ArrayLike | None = None,
    factors: ArrayLike | None = None,
    *,
    kernel: Any = None,
    time_limit: float | None = None,
) -> FactorScore:
    """Parallelism score: cosine between the directions in which a variable is coded in different contexts.

    With f(y) the average feature of a condition and v_{k,c} = f(y_k=+, c) - f(y_k=-, c) for every setting c of the
    other variables, PS_k is the mean over pairs c != c' of cos(v_{k,c}, v_{k,c'}).

    Parameters
    ----------
    Z : array_like of shape (n, p), optional
        Features.
    factors : array_like of shape (n, d_Y)
        Binary variables; each column holds two different values of any type.
    kernel : array_like of shape (n, n), optional
        Gram matrix Z Z^T in place of Z; also one from :func:`relucvx.metrics.noise_corrected_kernel`, one row per
        condition, with its ``factors``.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    FactorScore
        NaN for a variable with fewer than two contexts (always so for d_Y = 1), or one that some context does not
        code at all (v = 0 has no direction).

    Raises
    ------
    InvalidInputError
        For shapes that do not fit, or a column of factors without exactly two values.

    Notes
    -----
    Contexts in which only one value of the variable occurs are left out. This is the cosine of coding directions;
    Pearson correlation, which removes each vector's mean over neurons, is another quantity and depends on the basis.

    Source: [bernardi-2020].
    Status: theorem (a definition).

    Examples
    --------
    >>> square, factors = [[0, 0], [0, 1], [1, 0], [1, 1]], [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    >>> parallelism_score(square, factors).mean
    1.0
    """
    if kernel is None and Z is not None:
        # differences of means do not see a common shift; removing it first saves the digits it would cost
        rows, _ = centred(Z)
        design = _design(factors, len(rows))
        means = Groups(tuple(range(len(design.table))), design.condition).means(rows)
        G, floor = means @ means.T, 1e-28
    else:
        K, _ = scaled(as_gram(Z, kernel, "parallelism_score"))
        design = _design(factors, len(K))
        # a kernel knows squared lengths to its rounding, features know them to the square of theirs
        G, floor = design.averaging @ K @ design.averaging.T, 1e-13
    scores, counts = [], []
    for k in range(design.table.shape[1]):
        above, below = design.contexts(k)
        counts.append(len(above))
        scores.append(_mean_cosine(G, above, below, floor))
    per_factor = np.array(scores)
    return FactorScore(
        per_factor, float(per_factor.mean()), tuple(counts), _undefined(per_factor, counts), "parallelism_score"
    )


@timed("ccgp(Z[::4], factors[::4])")
def ccgp(
    Z: ArrayLike | None = None,
    factors: ArrayLike | None = None,
    *,
    kernel: Any = None,
    C: float = 1.0,
    time_limit: float | None = None,
) -> FactorScore:
    """Cross-condition generalisation: accuracy of a linear classifier of a variable in a context it was not trained in.

    For every variable and every context c (a setting of the other variables), a linear support vector machine is
    trained on all contexts but c and tested on c; the score is the average over c of the mean accuracy on the two
    values of the variable.

    Parameters
    ----------
    Z, factors, kernel
        As in :func:`parallelism_score`.
    C : float, default 1.0
        Inverse regularisation of the classifier, for features scaled to unit mean squared distance from their mean.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    FactorScore
        Between 0 and 1; chance is 0.5. NaN for a variable with fewer than two contexts.

    Raises
    ------
    InvalidInputError
        As in :func:`parallelism_score`, and for C <= 0.

    Notes
    -----
    Deterministic: the splits are the contexts and the classifier's optimum does not depend on the order of the rows (where
    no sample lies on the margin, every offset of an interval is optimal, and its middle is taken).
    Both values of the variable weigh alike in training. A test sample on the boundary counts one half.

    Source: [bernardi-2020].
    Status: heuristic (an estimate that depends on the classifier; the splits are exhaustive).

    Examples
    --------
    >>> square, factors = [[0, 0], [0, 1], [1, 0], [1, 1]], [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    >>> ccgp(square, factors).mean
    1.0
    """
    C = as_positive(C, "C")
    per_factor, counts = _generalised(Z, factors, kernel, C, Machines.accuracy)
    low = "; ".join(f"variable {k}: {below_chance(float(score))}" for k, score in enumerate(per_factor) if score < 0.5)
    notes = [text for text in (low, _undefined(per_factor, counts)) if text]
    return FactorScore(per_factor, float(per_factor.mean()), tuple(counts), "; ".join(notes), "ccgp")


def ccgp_margin(Z: Any = None, factors: Any = None, *, kernel: Any = None, C: float = 1.0) -> float:
    """What orders equal scores of :func:`ccgp`: by how much conditions are on the right side of the classifiers' boundaries."""
    return float(_generalised(Z, factors, kernel, C, Machines.margin)[0].mean())


def _generalised(Z: Any, factors: Any, kernel: Any, C: Any, tested: Callable[..., float]) -> tuple[Array, list[int]]:
    """Mean over the contexts of each variable of how it is tested by what was trained in the others, and their number."""
    features = as_features(Z, kernel, "ccgp")
    design = _design(factors, len(features))
    machines = Machines(unit_spread(features), C)
    scores, counts = [], []
    for k in range(design.table.shape[1]):
        above, below = design.contexts(k)
        counts.append(len(above))
        # a fold is a context: it is tested by what was trained in all the others
        folds = [np.isin(design.condition, pair) for pair in zip(above, below, strict=True)]
        # conditions whose counterpart does not occur belong to no context, and are not trained on
        used = np.any(folds, axis=0) if folds else np.zeros(len(design.condition), dtype=bool)
        side = design.sides[:, k]
        found = [tested(machines, side, used & ~test, test) for test in folds] if len(folds) > 1 else []
        scores.append(float(np.mean(found)) if found else np.nan)
    return np.array(scores), counts


def _undefined(per_factor: Array, counts: list[int]) -> str:
    """Why variables have no score."""
    lacking = [(k, n) for k, (score, n) in enumerate(zip(per_factor, counts, strict=True)) if np.isnan(score)]
    return "; ".join(
        f"variable {k} has no score: both of its values occur in {n} setting{'s' if n != 1 else ''} of the other variables, "
        "and two are needed"
        if n < 2
        else f"variable {k} has no score: some setting of the others does not code it at all"
        for k, n in lacking
    )


def below_chance(value: float) -> str:
    """Why cross-condition generalisation is below 0.5."""
    return (
        f"{value:.2f} is below chance (0.5): contexts code the variable in opposed directions, and a line that was trained "
        "in some is wrong in the other (parallelism_score below 0, as in an exclusive or); near 0.5 noise alone does it too"
    )


def neuron_tuning(Z: Any, factors: ArrayLike) -> NeuronTuning:
    """Largest absolute correlation of each neuron with a single variable: max_k |corr(z_j, y_k)|.

    Parameters
    ----------
    Z : array_like of shape (n, p)
        Activity, one column per neuron.
    factors : array_like of shape (n, d_Y)
        Binary variables, or real ones when the column holds numbers.

    Returns
    -------
    NeuronTuning
        1 for a neuron that is an affine function of one variable (a modular neuron).

    Raises
    ------
    InvalidInputError
        For shapes that do not fit, or a constant factor.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> factors = [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    >>> found = rx.metrics.neuron_tuning([[0.0, 2.0], [0.0, 0.0], [1.0, 2.0], [1.0, 0.0]], factors)
    >>> found.best_factor.tolist(), found.per_neuron.round(6).tolist()  # each neuron is tuned to one
    ([0, 1], [1.0, 1.0])
    """
    Z = as_matrix(Z, "Z")
    Y = _numeric_factors(factors, len(Z))
    activity, norms = _unit_columns(Z)
    targets, _ = _unit_columns(Y)
    # a constant neuron follows nothing, and its rounding must not be correlated
    varies = norms > 1e-13 * np.sqrt(len(Z))
    correlations = np.full((Z.shape[1], Y.shape[1]), np.nan)
    correlations[varies] = np.clip(activity[:, varies].T @ targets, -1.0, 1.0)
    strength = np.abs(np.where(varies[:, None], correlations, 0.0))
    per_neuron = np.where(varies, strength.max(axis=1), np.nan)
    best = np.where(varies, strength.argmax(axis=1), -1).astype(np.intp)
    return NeuronTuning(per_neuron, best, correlations, float(per_neuron[varies].mean()) if varies.any() else np.nan)


def _unit_columns(columns: Array) -> tuple[Array, Array]:
    """Columns scaled to a largest entry of 1, centred and divided by their norms, and the norms before that."""
    size = np.abs(columns).max(axis=0)
    columns = columns / np.where(size > 0, size, 1.0)
    columns = columns - mean_row(columns)
    norms = np.linalg.norm(columns, axis=0)
    return columns / np.where(norms > 0, norms, 1.0), norms


def _design(factors: Any, n: int) -> Factors:
    if factors is None:
        raise InvalidInputError(explain(f"factors of shape ({n}, d_Y)", "None", "", "factors=Y"))
    return as_factors(factors, n)


def _mean_cosine(G: Array, above: Indices, below: Indices, floor: float) -> float:
    """Mean off-diagonal cosine of the difference vectors whose inner products G gives."""
    if len(above) < 2:
        return np.nan
    inner = G[np.ix_(above, above)] - G[np.ix_(above, below)] - G[np.ix_(below, above)] + G[np.ix_(below, below)]
    squares = np.diag(inner)
    # a context in which both conditions coincide has no direction
    if squares.min() <= floor:
        return np.nan
    cosines = inner / np.sqrt(np.outer(squares, squares))
    return float(np.mean(cosines[np.triu_indices(len(cosines), 1)]))


def _numeric_factors(factors: Any, n: int) -> Array:
    """Columns of numbers as they are, other columns as ±1."""
    raw = as_numpy(factors)
    if raw.dtype.kind not in "biuf":
        return np.where(as_factors(factors, n).sides, 1.0, -1.0)
    Y = as_matrix(raw, "factors", allow_vector=True)
    if len(Y) != n:
        raise InvalidInputError(explain(f"factors of shape ({n}, d_Y), one row per sample", f"shape {Y.shape}"))
    flat = np.flatnonzero(np.ptp(Y, axis=0) == 0)
    if len(flat):
        raise InvalidInputError(
            explain("factors that vary", f"column {flat[0]} is constant", "no correlation with a constant", "drop it")
        )
    return Y
