"""Permutation tests of any score, corrected for the best of several, and scores calibrated by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from relucvx.conversion import is_word
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError, explain
from relucvx.interrupts import carrying
from relucvx.metrics.nulls.drawing import Drawn, as_processes, as_seed, gather
from relucvx.metrics.nulls.embedding import quick
from relucvx.metrics.nulls.finer import FINER, finer, has_finer, with_finer
from relucvx.metrics.nulls.p_values import TIES, Finer, corrected_p_values, critical_values, lot, n_tied, p_values
from relucvx.metrics.nulls.permutation_result import PermutationTest
from relucvx.metrics.nulls.schemes import arranged
from relucvx.metrics.nulls.scores import Score
from relucvx.metrics.recordings.standing_in import asked
from relucvx.progress import Shown, watched
from relucvx.types import Array, Rng
from relucvx.validation import as_count, as_fraction

ALTERNATIVES = ("greater", "less", "two-sided")

MANY_TIES = 0.05
"""Share of the draws that equal the score above which the note says so."""


def permutation_test(
    metric: str | Callable[..., Any],
    Z: Any,
    other: Any = None,
    *,
    scheme: Literal["labels", "within", "conditions", "rotation"] = "labels",
    statistic: str | None = None,
    of: str | None = None,
    conditions: Any = None,
    sessions: Any = None,
    n_permutations: int = 999,
    alternative: Literal["greater", "less", "two-sided"] | None = None,
    ties: Literal["finer", "count", "lot"] = "finer",
    confidence: float = 0.95,
    rng: Rng = None,
    time_limit: float | None = None,
    n_jobs: int | None = 1,
    callback: Callable[[Drawn], Any] | None = None,
    progress: Shown = "auto",
    **options: Any,
) -> PermutationTest:
    """Compare a score with what it is when the relation that it measures is left to chance.

    ``p = (1 + draws whose score is at least as extreme) / (1 + draws)``.

    Parameters
    ----------
    metric : str or callable
        A metric that is one number of arrays (:func:`relucvx.metrics.scale` lists them), or a function of one or two arrays
        that returns a number, several, or a result. Of a recording, a function of a recording.
    Z : array_like of shape (n, p), or list or dict of such, or Recording
        The representation; activation codes of a walk for ``"space_folding"``. Of a similarity, also the layers of a network.
        A recording gives its trials with their labels or factors, and conditions and sessions to the schemes that ask.
    other : optional
        Labels, factors, the second representation or network, as the metric takes them; nothing for a metric of one array.
        Default of a recording: its factors, or conditions. Beside it, a second representation has a row for each of its
        trials, or one for each of its conditions, whose means are compared then; so has a second recording.
    scheme : {"labels", "within", "conditions", "rotation"}
        * ``"labels"``: the rows of ``other`` are permuted against those of Z, the same permutation in all layers. Of a metric
          of one array every column is permuted by itself, which leaves neurons that are unrelated; of codes every crossing
          goes to a neuron drawn at random.
        * ``"within"``: the same inside each of the ``sessions`` alone, which may differ in whatever they like. Of codes the
          steps of the walk change their order.
        * ``"conditions"``: whole conditions change places, with all their trials. For factors these are the combinations of
          values, and which condition has which is shuffled (the shuffled conditions of Bernardi et al.).
        * ``"rotation"``: the geometry is random. For labels and factors the centres of the conditions are drawn from a
          Gaussian with their total variance, each with its cloud of trials whose neurons are put in another order (the
          geometric random model of Bernardi et al.); a second representation is rotated among the samples.
    statistic : str, optional
        Field of the metric's result that counts; it may hold several numbers (``"per_factor"``).
    of : str, optional
        Of a recording, the factor whose values are the labels; default its conditions.
    conditions, sessions : sequence of length n, or array_like of shape (n, k), optional
        Condition or session of each row, of any type, for the schemes that ask for them; of a table, such as one of
        factors, each combination of values. Of a recording, its own unless others are given; ``"within"`` keeps trials in
        their repeats where it has some.
    n_permutations : int, default 999
    alternative : {"greater", "less", "two-sided"}, optional
        Default: the direction of the metric; "two-sided" for one without, and for a function.
    ties : {"finer", "count", "lot"}, default "finer"
        What a draw counts as that equals the score. ``"finer"``: for one score with few values a finer number of the same
        data decides (Notes), and what ties in it, too, counts as extreme; other scores are treated as by ``"count"``.
        ``"count"``: as extreme. p is valid, and larger than it need be where scores have few values: they reject less
        often than they may, and the note says when ties are many. ``"lot"``: the data get a random place among their ties,
        which ``rng`` says. p is at most a, for a a multiple of 1 / (1 + draws), in exactly that share of data sets without
        the relation; of one data set another seed may say something else. It is the check of the schemes.
    confidence : float, default 0.95
        Share of the null values in ``intervals``, and below ``critical``.
    rng : None, int or Generator
    time_limit : float, optional
        Seconds; the draws finished by then are used.
    n_jobs : int or None, default 1
        Processes; None or -1 for one on each core. The result does not depend on it.
    callback, progress
        As in :func:`relucvx.solve`; the callback sees draws done and in all, and stops by returning True.
    **options
        Further arguments of the metric.

    Returns
    -------
    PermutationTest
        Of Ctrl-C, :class:`relucvx.Interrupted` carries the same for the draws that were finished.

    Raises
    ------
    InvalidInputError
        For an unknown metric, scheme or word for ties, a scheme that the metric lacks, groups that it lacks or has no use
        for, and as the metric.

    Notes
    -----
    Equal scores are ordered by how far held-out trials are on their side of the boundary (:func:`ccgp`,
    :func:`decoding_dimension`), how far outputs of the right class exceed the others (:func:`linear_probe`), how near common
    neighbours are (:func:`mutual_knn`), how much of the splits linear functions explain (:func:`separability`), how near to
    its start a walk stays (:func:`space_folding`). The score that is shown stays as it is. Any number of the data may be
    tested, so such a pair of numbers has a valid p-value as well; of several scores at a time ties count.

    A draw under which the score is undefined counts as extreme, which keeps p valid. ``randomised_p_value`` of the result
    is what ``ties="lot"`` would have said. How often tests of each score and scheme reject what has no structure was
    measured: the guide's page on chance has the table.

    Several scores are compared by their distance from the mean of their null values in standard deviations, data included, so
    that wide layers, which score high by chance, do not hide the others; the corrected p-value of the best keeps the chance
    of any false finding.

    CKA is computed in the form that :func:`cka` chooses, the same for all layers and draws, and the note says which.

    Source: [phipson-smyth-2010], [westfall-young-1993], [bernardi-2020], calibration as in [groger-2026].
    Status: theorem (p-values are valid where rows, conditions or crossings are exchangeable without the relation; for
    "rotation" where they are also Gaussian).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> rng = np.random.default_rng(0)
    >>> A, B = rng.standard_normal((20, 100)), rng.standard_normal((20, 100))
    >>> found = rx.metrics.permutation_test("cka", A, B, n_permutations=99, rng=0, debiased=False)
    >>> print(f"{found.value:.2f} {found.p_value:.2f} {found.adjusted[0]:.2f}")  # high by chance alone
    0.82 0.59 -0.02
    """
    score, Z, other, conditions, sessions = asked(
        metric, Z, other, statistic, options, of=of, conditions=conditions, sessions=sessions, by=scheme, anew=False
    )
    n_permutations, jobs = as_count(n_permutations, "n_permutations"), as_processes(n_jobs)
    confidence, seed, deadline = as_fraction(confidence, "confidence"), as_seed(rng), Deadline.of(time_limit)
    tail, broken = _alternative(alternative, score), _as_ties(ties)
    draw, about = arranged(score, scheme, Z, other, conditions, sessions)
    names, observed = score.named(Z, other)
    found: list[Array] = []
    k, own = len(observed), finer(score, Z, other) if broken == TIES[0] and has_finer(score) else None
    plain = quick(score, draw, Z, other) or (lambda rng: score(*draw(rng)))
    one = plain if own is None else with_finer(score, draw, observed)

    def summary(_: Any = None) -> PermutationTest:
        drawn = np.array(found).reshape(len(found), k if own is None else 2 * k)
        beside = None if own is None else (own, drawn[:, k:])
        return _summary(
            score, scheme, names, observed, drawn[:, :k], beside, tail, confidence, n_permutations, seed, about, broken
        )

    with carrying(summary), watched("permuting", progress, callback) as told:
        gather(one, found, n_permutations, seed, jobs, deadline, told)
    return summary()


def _alternative(alternative: Any, score: Score) -> str:
    if alternative is None:
        return {"higher": "greater", "lower": "less"}.get(score.direction, "two-sided")
    if not is_word(alternative, ALTERNATIVES):
        raise InvalidInputError(
            explain(f"alternative among {', '.join(ALTERNATIVES)}, or None", repr(alternative), "", "alternative=None")
        )
    return str(alternative)


def _as_ties(ties: Any) -> str:
    if not is_word(ties, TIES):
        raise InvalidInputError(explain(f"ties among {', '.join(TIES)}", repr(ties), "", 'ties="finer"'))
    return str(ties)


def _summary(
    score: Score, scheme: str, names: tuple[str, ...], observed: Array, null: Array, beside: Finer, tail: str,
    confidence: float, n_asked: int, seed: int, about: str, ties: str,
) -> PermutationTest:  # fmt: skip
    k, place = len(observed), lot(seed) if ties == "lot" else None
    tails = [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0]
    if len(null):
        with np.errstate(invalid="ignore", divide="ignore"):
            z = (observed - null.mean(axis=0)) / null.std(axis=0, ddof=min(1, len(null) - 1))
        p, corrected = (each(observed, null, tail, place, beside) for each in (p_values, corrected_p_values))
        limits, critical = np.quantile(null, tails, axis=0).T, critical_values(observed, null, tail, confidence)
    else:
        z = p = corrected = critical = np.full(k, np.nan)
        limits = np.full((k, 2), np.nan)
    note = _notes(score, observed, null, beside, ties, n_asked, _asked(score, scheme, about))
    return PermutationTest(
        metric=score.name, statistic=score.statistic, names=names, confidence=confidence, n_asked=n_asked, seed=seed,
        scale=score.range, note=note, scheme=scheme, observed=observed,
        null_values=null, p_values=p, corrected_p_values=corrected, z=z, intervals=limits, critical=critical, alternative=tail,
        ties=ties, finer=None if beside is None else beside[0], null_finer=None if beside is None else beside[1],
    )  # fmt: skip


ABSTRACT = ("ccgp", "parallelism_score")
"""Scores of how a variable is coded, which any code of it raises above the level of exchanged labels."""


def _asked(score: Score, scheme: str, about: str) -> str:
    """What a scheme says of itself, and what question it is that it asks of a score of abstraction."""
    if score.name not in ABSTRACT or scheme not in ("labels", "within"):
        return about
    question = (
        "exchanged labels ask whether the variables are coded at all; whether the code is abstract is asked by "
        'scheme="rotation" (random geometry) and scheme="conditions"'
    )
    return f"{about}; {question}" if about else question


def _notes(score: Score, observed: Array, null: Array, beside: Finer, ties: str, n_asked: int, about: str) -> str:
    """What there is to know, in sentences."""
    found = [score.note, about]
    if len(null) < n_asked:
        found.append(f"stopped after {len(null)} of {n_asked} draws: p is of these alone")
    undefined = int(np.isnan(null).any(axis=1).sum())
    if undefined:
        found.append(f"the score is undefined in {undefined} of {len(null)} draws, which count as extreme")
    tied = n_tied(observed, null)
    if len(null) and tied.max() > MANY_TIES * len(null):
        found.append(
            f"{tied.max()} of {len(null)} draws equal the score, {_decided(score, observed, null, beside, ties)}"
        )
    found.append(score.explained(observed))
    return "; ".join(part for part in found if part)


def _decided(score: Score, observed: Array, null: Array, beside: Finer, ties: str) -> str:
    """What equal scores count as."""
    if ties == "lot":
        return "among which a lot gave the data its place: another seed gives another p"
    if beside is None:
        return "and count as extreme: p is on the safe side"
    left = int(n_tied(observed, null, beside).max())
    still = f"; {left} equal the data in this as well, and count as extreme" if left else ""
    return f"and are ordered by {FINER[score.name][1]}{still}"
