"""Decoding of splits of conditions from held-out trials."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.figures import bars
from relucvx.metrics.samples.dichotomies import Dichotomies, check_conditions, dichotomies
from relucvx.metrics.samples.folds import as_folds
from relucvx.metrics.samples.groups import Groups, Indices, as_groups
from relucvx.metrics.samples.machine import Machines
from relucvx.metrics.samples.scaling import unit_spread
from relucvx.metrics.scales import OnScale
from relucvx.types import Array, ArrayLike, BoolArray, Result, Rng, resolve_rng
from relucvx.validation import as_count, as_matrix, as_positive


@dataclass(frozen=True)
class DecodingDimension(OnScale, Result, of="decoding_dimension"):
    """Cross-validated accuracy of every split of the conditions tested.

    Attributes
    ----------
    mean_accuracy : float
        Average over the splits: the shattering dimensionality of Bernardi et al., chance 0.5.
    share_decodable : float
        Splits whose accuracy reaches ``threshold``.
    dimension : float
        log2 of the number of decodable splits, both orders of the sides and the two trivial splits counted (Rigotti et
        al.): between 1 and the number of conditions; NaN for balanced splits. From the share when splits were drawn.
    accuracies : ndarray of shape (D,)
        Accuracy of each split.
    sides : ndarray of shape (D, P), bool
        The splits, columns in the order of ``conditions``.
    threshold : float
        Accuracy from which a split counts as decodable.
    n_total : int
        Splits there are, up to an exchange of the sides.
    exhaustive : bool
        Whether all were tested.
    conditions : tuple
        The labels.

    Notes
    -----
    Status: a record of what :func:`decoding_dimension` finds, which states what it rests on.
    Source: [bernardi-2020], [rigotti-2013].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> conditions = np.repeat([0, 1, 2, 3], 6)
    >>> Z = np.eye(4)[conditions] + 0.05 * np.random.default_rng(0).standard_normal((24, 4))
    >>> found = rx.metrics.decoding_dimension(Z, conditions, rng=0)
    >>> found.n_total, found.exhaustive, found.share_decodable
    (3, True, 1.0)
    """

    mean_accuracy: float
    share_decodable: float
    dimension: float
    accuracies: Array
    sides: BoolArray
    threshold: float
    n_total: int
    exhaustive: bool
    conditions: tuple[Any, ...]

    def facts(self) -> dict[str, Any]:
        """What is decodable, over how many splits of how many conditions."""
        names = ("mean_accuracy", "share_decodable", "dimension", "threshold", "n_total", "exhaustive")
        tested = {"n_tested": len(self.accuracies), "conditions": self.conditions}
        return {**{name: getattr(self, name) for name in names}, **tested}

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per split: its accuracy, and whether each condition is on the one side."""
        for accuracy, side in zip(self.accuracies, self.sides, strict=True):
            yield {"accuracy": float(accuracy), **{str(c): bool(s) for c, s in zip(self.conditions, side, strict=True)}}

    def plot(self, ax: Any = None) -> Any:
        """Draw the accuracies in increasing order, with chance and the threshold; returns the axes."""
        ax = bars(ax, range(len(self.accuracies)), np.sort(self.accuracies), "accuracy of each split, sorted")
        ax.axhline(0.5, color="0.5", lw=1.0, ls=":", label="chance")
        ax.axhline(self.threshold, color="0.5", lw=1.0, ls="--", label="threshold")
        ax.legend(frameon=False, fontsize="small")
        return ax


@timed("n_dichotomies=20")
def decoding_dimension(
    Z: Any,
    conditions: ArrayLike,
    *,
    folds: Any = None,
    n_folds: int = 5,
    balanced: bool = True,
    threshold: float = 0.75,
    n_dichotomies: int = 200,
    C: float = 1.0,
    rng: Rng = None,
    time_limit: float | None = None,
) -> DecodingDimension:
    """Shattering dimensionality: how well splits of the conditions are decoded from trials that were held out.

    For every split a linear support vector machine is trained on all folds but one and tested on that one; the accuracy
    is the mean over folds of the mean accuracy on the two sides.

    Parameters
    ----------
    Z : array_like of shape (n, p)
        Trials.
    conditions : sequence of length n
        Condition of each trial, of any type.
    folds : sequence of length n, optional
        Fold of each trial (a block or session), of any type; every condition must occur in all of them. Default: the
        trials of a condition, in the order of the rows, go to folds 0, 1, ... in turn.
    n_folds : int, default 5
        Folds when ``folds`` is not given, capped at the trials of the rarest condition.
    balanced : bool, default True
        Whether only splits into halves are tested (sizes differ by one for an odd number), or all but the trivial one.
    threshold : float, default 0.75
        Accuracy from which a split counts as decodable.
    n_dichotomies : int, default 200
        All splits are tested when there are no more; otherwise so many are drawn.
    C : float, default 1.0
        Inverse regularisation of the classifier, for features scaled to unit mean squared distance from their mean.
    rng : None, int or Generator
        Source of randomness; unused when every split is tested.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    DecodingDimension

    Raises
    ------
    InvalidInputError
        For fewer than two conditions, a condition with one trial or missing from a fold, a threshold outside (0.5, 1],
        counts below their least, C <= 0, or labels that do not fit Z.

    Notes
    -----
    The splits into folds are deterministic; so is the machine, which takes the middle where every offset of an interval is
    optimal. :func:`relucvx.metrics.separability` is another quantity: separability of
    the points given, without noise or held-out trials.

    Source: [bernardi-2020], [rigotti-2013].
    Status: heuristic (an estimate that depends on the classifier and the number of trials).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> conditions = np.repeat([0, 1, 2, 3], 6)  # four conditions on a line: balanced splits are not all linear
    >>> Z = conditions[:, None] + 0.05 * np.random.default_rng(0).standard_normal((24, 1))
    >>> round(rx.metrics.decoding_dimension(Z, conditions, rng=0).share_decodable, 4)
    0.6667
    """
    task = _task(Z, conditions, folds, n_folds, balanced, n_dichotomies, C, rng)
    threshold, groups, splits = _threshold(threshold), task.groups, task.splits
    accuracies = decoded(task.machines, groups.codes, splits.sides, task.fold)
    decodable = accuracies >= threshold
    share = float(decodable.mean())
    # 2^dimension counts all splits, trivial ones and both orders included; balanced ones alone do not give it
    dimension = np.nan if balanced else _log2_count(share, splits.total)
    return DecodingDimension(
        float(accuracies.mean()),
        share,
        dimension,
        accuracies,
        splits.sides,
        threshold,
        splits.total,
        splits.exhaustive,
        groups.names,
    )


def decoding_margin(
    Z: Any,
    conditions: Any,
    *,
    folds: Any = None,
    n_folds: int = 5,
    balanced: bool = True,
    threshold: float = 0.75,
    n_dichotomies: int = 200,
    C: float = 1.0,
    rng: Rng = None,
) -> float:
    """What orders equal scores of :func:`decoding_dimension`: by how much trials are on the right side of the boundaries."""
    task = _task(Z, conditions, folds, n_folds, balanced, n_dichotomies, C, rng)
    return float(decoded(task.machines, task.groups.codes, task.splits.sides, task.fold, Machines.margin).mean())


@dataclass(frozen=True)
class _Task:
    """Trials of conditions, the splits of these, and the folds that are held out."""

    machines: Machines
    groups: Groups
    splits: Dichotomies
    fold: Indices


def _task(Z: Any, conditions: Any, folds: Any, n_folds: Any, balanced: bool, limit: Any, C: Any, rng: Rng) -> _Task:
    Z = as_matrix(Z, "Z")
    groups = as_groups(conditions, len(Z), name="conditions")
    P = len(groups.names)
    check_conditions(P, groups.names)
    limit, n_folds = as_count(limit, "n_dichotomies"), as_count(n_folds, "n_folds", least=2)
    C, fold = as_positive(C, "C"), as_folds(groups, folds, n_folds)
    splits = dichotomies(P, balanced, limit, resolve_rng(rng), trivial=False)  # one side alone cannot be decoded
    # one scale for all folds, by which C means the same in each; it looks at no condition
    return _Task(Machines(unit_spread(Z), C), groups, splits, fold)


def _log2_count(share: float, total: int) -> float:
    """log2 of 2 (share total + 1), for a total beyond the range of floats too."""
    # for a huge total 1/total is zero, and without a share nothing is left to take a logarithm of
    if share == 0.0:
        return 1.0
    return math.log2(2.0 * (share + 1 / total)) + math.log2(total)


def _threshold(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0.5 < value <= 1.0:
        raise InvalidInputError(explain("threshold above 0.5 (chance) and at most 1", repr(value)))
    return float(value)


def decoded(
    machines: Machines,
    codes: Indices,
    sides: BoolArray,
    fold: Indices,
    tested: Callable[..., float] = Machines.accuracy,
) -> Array:
    """Mean accuracy, or margin, of each split of the conditions on trials of folds that were held out."""
    tests = [fold == f for f in range(int(fold.max()) + 1)]
    return np.array([np.mean([tested(machines, side[codes], ~test, test) for test in tests]) for side in sides])
