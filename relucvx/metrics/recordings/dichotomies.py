"""All ways to split the conditions of a recording in two, in one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from relucvx.conversion import as_instance
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError, explain
from relucvx.interrupts import carrying
from relucvx.metrics.abstraction import ccgp, parallelism_score
from relucvx.metrics.decoding import decoded
from relucvx.metrics.nulls.drawing import Drawn, as_processes, as_seed, gather
from relucvx.metrics.nulls.p_values import ties
from relucvx.metrics.nulls.schemes import arranged
from relucvx.metrics.nulls.scores import LABELS, Score
from relucvx.metrics.recordings.dichotomy_table import SCORES, DichotomyTable
from relucvx.metrics.recordings.reading import words
from relucvx.metrics.recordings.recording import Recording
from relucvx.metrics.recordings.splits import generalisation, parallelism
from relucvx.metrics.samples.dichotomies import dichotomies as all_splits
from relucvx.metrics.samples.folds import as_folds
from relucvx.metrics.samples.groups import Groups, as_groups
from relucvx.metrics.samples.machine import Machines, compile_kernels
from relucvx.metrics.samples.scaling import unit_spread
from relucvx.progress import Shown, watched
from relucvx.types import Array, BoolArray, Rng
from relucvx.validation import as_count, as_positive

MOST_FACTORS = 10
"""Factors whose products are looked for among the splits."""


def dichotomies(
    recording: Recording,
    *,
    n_permutations: int = 100,
    n_folds: int = 5,
    n_dichotomies: int = 100,
    C: float = 1.0,
    rng: Rng = None,
    time_limit: float | None = None,
    n_jobs: int | None = 1,
    callback: Callable[[Drawn], Any] | None = None,
    progress: Shown = "auto",
) -> DichotomyTable:
    """Score every split of the conditions into halves: decoding, cross-condition generalisation, parallelism.

    * decoding: mean accuracy of a linear support vector machine on trials that were held out; the mean over all splits is
      the shattering dimensionality.
    * generalisation (CCGP): its mean accuracy on one condition of each side that it was not trained on, over all such pairs.
    * parallelism: the largest mean cosine between differences of condition means, over all ways to pair the sides.

    Parameters
    ----------
    recording : Recording
        Complete and without time bins (its ``pseudo_population`` and ``window`` make it so). Where it has repeats these are
        the folds of decoding.
    n_permutations : int, default 100
        Draws of each null; 0 for none.
    n_folds : int, default 5
        Of decoding where there are no repeats; capped at the trials of the rarest condition.
    n_dichotomies : int, default 100
        All splits are scored when there are no more, else so many at random.
    C : float, default 1.0
        Inverse regularisation of the classifier, for features scaled to unit mean squared distance from their mean.
    rng : None, int or Generator
    time_limit : float, optional
        Seconds; the draws finished by then are used.
    n_jobs : int or None, default 1
        Processes; None or -1 for one on each core. The result does not depend on it.
    callback, progress
        As in :func:`permutation_test`.

    Returns
    -------
    DichotomyTable
        Of Ctrl-C, :class:`relucvx.Interrupted` carries the same for the draws that were finished.

    Raises
    ------
    InvalidInputError
        For fewer than two conditions, a condition with one trial or missing from a repeat, time bins, neurons that were not
        recorded in every trial, counts below their least, and C <= 0.

    Notes
    -----
    Two nulls of generalisation and parallelism are those of Bernardi et al. Geometric random model: the centres of the
    conditions at random places with their total variance, each with its cloud of trials whose neurons are put in another
    order. Shuffled conditions: which condition is which is left to chance, so that a split is one among all, and its rank
    among them is the exact null; nothing is drawn. Decoding is compared with labels of trials that were shuffled,
    within repeats or sessions where there are some.

    Of 4,000 simulated recordings of four conditions in which there was nothing to be found, a split that was chosen beforehand
    had p <= 0.05 in 5.0 % (decoding), 4.4 % (generalisation) and 5.5 % (parallelism), and any of the three after correction in
    4.4, 5.1 and 5.3 %. Of 517 of eight conditions it was 4.3, 4.6 and 3.9 %, and any of the 35 in 4.8, 5.0 and 4.4 %, with a
    standard error of 1 % (``benchmarks/recordings.py``).

    :func:`ccgp` and :func:`parallelism_score` leave out, and pair, conditions that differ in one factor alone; for splits that
    are factors these are given beside.

    Source: [bernardi-2020].
    Status: heuristic (estimates that depend on the classifier; splits, pairs and pairings are exhaustive where it says so).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> factors = {"context": [0, 0, 1, 1] * 8, "choice": [0, 1] * 16}
    >>> Z = np.column_stack(list(factors.values())) @ np.eye(2, 5) + 0.1 * np.random.default_rng(0).standard_normal((32, 5))
    >>> found = rx.metrics.dichotomies(rx.Recording(Z, factors=factors), n_permutations=0)
    >>> found.names, found.decoding.round(1).tolist(), found.ccgp.round(1).tolist()
    (('context', 'choice', 'context × choice'), [1.0, 1.0, 0.6], [0.8, 0.7, 0.0])
    >>> found.factor_ccgp.round(1).tolist()
    [1.0, 1.0, nan]
    """
    as_instance(recording, Recording, "recording", "rx.Recording(responses, condition=...)")
    compile_kernels()  # which no time limit is spent on
    Z, groups = recording.activity, recording.groups
    P = len(groups.names)
    if P < 2:
        raise InvalidInputError(explain("at least two conditions to split", f"{P}"))
    C, n_draws = as_positive(C, "C"), as_count(n_permutations, "n_permutations", least=0)
    limit, n_folds = as_count(n_dichotomies, "n_dichotomies"), as_count(n_folds, "n_folds", least=2)
    jobs, seed, deadline = as_processes(n_jobs), as_seed(rng), Deadline.of(time_limit)
    as_folds(groups, recording.runs, n_folds)  # refused here, not after the first score
    splits = all_splits(P, True, limit, np.random.default_rng([seed]))
    sides, names = _ordered(recording, splits.sides)

    def scores(which: tuple[str, ...]) -> Callable[[Any, Any], Array]:
        def score(Z: Any, labels: Any) -> Array:
            trials = as_groups(labels, len(Z), classes=groups.names)
            # dealt anew for labels that were shuffled, so that every fold has every condition
            return _scored(Z, trials, sides, as_folds(trials, recording.runs, n_folds), C, which)

        return score

    def margins(Z: Any, labels: Any, equal: BoolArray) -> Array:
        """What orders equal accuracies of these splits; NaN for the others."""
        trials, out = as_groups(labels, len(Z), classes=groups.names), np.full(len(sides), np.nan)
        fold, machines = as_folds(trials, recording.runs, n_folds), Machines(unit_spread(Z), C)
        out[equal] = decoded(machines, trials.codes, sides[equal], fold, Machines.margin)
        return out

    observed = scores(SCORES)(Z, recording.condition).reshape(3, -1)
    own = margins(Z, recording.condition, np.full(len(sides), n_draws > 0))
    found: tuple[list[Array], list[Array]] = ([], [])
    # trials of different runs and sessions differ in more than their conditions, and runs are the folds
    blocks = recording.session if recording.runs is None else recording.runs
    shuffle = ("labels", None) if blocks is None else ("within", blocks)
    plans = ((*shuffle, SCORES[:1]), ("rotation", None, SCORES[1:]))

    def summary(_: Any = None) -> DichotomyTable:
        D = len(sides)
        trials, places = np.array(found[0]).reshape(-1, 2, D), np.array(found[1]).reshape(-1, 2, D)
        by_context = _of_factors(recording, names, C)
        return DichotomyTable(
            conditions=recording.conditions, sides=sides, names=names,
            decoding=observed[0], ccgp=observed[1], parallelism=observed[2],
            factor_ccgp=by_context[0], factor_parallelism=by_context[1],
            null_decoding=trials[:, 0], null_ccgp=places[:, 0], null_parallelism=places[:, 1],
            n_total=splits.total, exhaustive=splits.exhaustive, n_asked=n_draws, seed=seed,
            margins=own, null_margins=trials[:, 1],
        )  # fmt: skip

    with carrying(summary), watched("permuting", progress, callback) as told:
        for k, (scheme, sessions, which) in enumerate(plans):
            score = Score("dichotomies", scores(which), LABELS, "", None)
            draw, _ = arranged(score, scheme, Z, recording.condition, None, sessions)
            one = _one(score, draw) if k else _with_margins(score, draw, observed[0], margins)
            gather(one, found[k], n_draws, seed, jobs, deadline, _share(told, k, n_draws))
    return summary()


def _one(score: Score, draw: Any) -> Callable[[np.random.Generator], Array]:
    return lambda rng: score(*draw(rng))


def _with_margins(score: Score, draw: Any, observed: Array, margins: Any) -> Callable[[np.random.Generator], Array]:
    """Accuracies of a draw and, for splits where these are those of the data, what orders them."""

    def one(rng: np.random.Generator) -> Array:
        data = draw(rng)
        found = score(*data)
        return np.concatenate([found, margins(*data, ties(observed, found))])

    return one


def _share(told: Callable[[Drawn], Any] | None, k: int, n: int) -> Callable[[Drawn], Any] | None:
    """Progress of one null among two."""
    return None if told is None else lambda state: told(Drawn(k * n + state.done, 2 * n))


def _scored(Z: Array, groups: Groups, sides: BoolArray, fold: Any, C: float, which: tuple[str, ...]) -> Array:
    """Scores of every split, those of one kind side by side."""
    features = unit_spread(Z)
    codes, means, machines = groups.codes, groups.means(features), Machines(features, C)
    ask: dict[str, Callable[[], Array]] = {
        "decoding": lambda: decoded(machines, codes, sides, fold),
        "ccgp": lambda: generalisation(machines, codes, sides),
        "parallelism": lambda: np.array([parallelism(means, side) for side in sides]),
    }
    return np.concatenate([ask[name]() for name in which])


def _ordered(recording: Recording, sides: BoolArray) -> tuple[BoolArray, tuple[str, ...]]:
    """Splits that are factors, or products of them, come first and have names; others are named by their smaller side."""
    table = recording.condition_factors
    known: dict[bytes, tuple[int, int, str]] = {}
    columns = {name: table[:, k] for k, name in enumerate(recording.factors)}
    binary = {name: column == column[0] for name, column in columns.items() if len(set(column.tolist())) == 2}
    for bits in range(1, 2 ** min(len(binary), MOST_FACTORS)):
        chosen = [name for k, name in enumerate(binary) if bits >> k & 1]
        split = np.logical_xor.reduce([binary[name] for name in chosen])
        known.setdefault((split ^ split[0]).tobytes(), (len(chosen), bits, " × ".join(chosen)))
    rows = []
    for k, side in enumerate(sides):
        there = [words(c) for c, s in zip(recording.conditions, side, strict=True) if s]
        rows.append((*known.get(side.tobytes(), (len(binary) + 1, k, ", ".join(there))), k))
    rows.sort()
    return sides[[row[3] for row in rows]], tuple(row[2] for row in rows)


def _of_factors(recording: Recording, names: tuple[str, ...], C: float) -> Array:
    """Both scores over contexts of the other factors, where all factors have two values; NaN elsewhere."""
    out = np.full((2, len(names)), np.nan)
    table = recording.factor_table
    binary = table.shape[1] > 1 and all(len(set(column.tolist())) == 2 for column in table.T)
    if binary:
        found = ccgp(recording.activity, table, C=C).per_factor, parallelism_score(recording.activity, table).per_factor
        for k, name in enumerate(recording.factors):
            if name in names:
                out[:, names.index(name)] = [scores[k] for scores in found]
    return out
