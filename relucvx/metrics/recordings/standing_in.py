"""A recording in the place of arrays: what metrics, their permutation tests and their intervals take of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from relucvx.conversion import is_word, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.nulls.scores import ALONE, ANY, CODES, FACTORS, LABELS, PAIR, TAKES, Score, as_score
from relucvx.metrics.recordings.trials import Trials
from relucvx.types import Array

NEEDS_SESSIONS = ("within", "sessions")
"""Scheme of a permutation test, and units of a bootstrap, that ask for sessions."""

NEEDS_CONDITIONS = ("conditions", "rotation", "trials")
"""The same of conditions; ``"trials"`` are drawn inside them."""


class Asked(NamedTuple):
    """A score with its arguments, and the groups of rows that its draws keep to."""

    score: Score
    Z: Any
    other: Any
    conditions: Any
    sessions: Any


def asked(
    metric: Any, Z: Any, other: Any, statistic: Any, options: Mapping[str, Any], *, of: Any, conditions: Any, sessions: Any,
    by: Any, anew: bool,
) -> Asked:  # fmt: skip
    """The score that is meant and what it is of; a recording gives what the metric and the draws ask for.

    Parameters
    ----------
    metric, Z, other, statistic, options, of, conditions, sessions
        Of :func:`permutation_test` and :func:`bootstrap`.
    by : str
        The scheme of the first, ``over`` of the second.
    anew : bool
        Whether trials are drawn anew, with all that is known of them, or exchanged.

    Raises
    ------
    InvalidInputError
        As :func:`as_score`; for ``of`` without a recording, a factor that it does not have, sessions that it lacks, and
        recordings whose trials and conditions do not correspond.
    """
    recording = next(_recordings(Z), None) or next(_recordings(other), None)
    if recording is None:
        if of is not None:
            raise InvalidInputError(explain("of= with a recording", "arrays", "", "other=labels"))
        return Asked(as_score(metric, Z, other, statistic, options), Z, other, conditions, sessions)
    takes = _known(metric)[1]
    if takes == PAIR:
        first, second, groups, note = _side_by_side(recording, Z, other, of)
        if note and by == "trials":
            raise InvalidInputError(explain('over="conditions" for means of conditions', 'over="trials"', note, ""))
        score = _with_note(as_score(metric, first, second, statistic, options), note)
        return _grouped(recording, Asked(score, first, second, conditions, sessions), by, groups)
    if not isinstance(Z, Trials):
        raise InvalidInputError(
            explain("a recording as the first argument", f"{shown(Z)} and a recording", "", "the recording alone")
        )
    score = score_of(Z, metric, of, statistic, options, other)
    if takes == ANY:
        rows = np.arange(Z.n_trials) if anew else _firsts(Z)
        function = _of_trials(Z, score.function, anew, named=by != "neurons")
        one = replace(score, function=function, takes=ANY if anew else LABELS)
        return _grouped(Z, Asked(one, Z.responses, rows, conditions, sessions), by, Z.condition)
    first, second = arrays_of(score, Z, of)
    found = Asked(score, first, second if other is None else other, conditions, sessions)
    # combinations of factors are conditions by themselves, and which ways to shuffle them are alike is known of them
    combined = takes == FACTORS and len(set(zip(*Z.factors.values(), strict=True))) == len(Z.conditions)
    return _grouped(Z, found, by, None if combined else Z.condition)


def score_of(
    recording: Any, metric: Any, of: Any, statistic: Any, options: Mapping[str, Any], other: Any = None
) -> Score:
    """The score that is meant: of the arrays of a recording by name, or a function of a recording.

    Raises
    ------
    InvalidInputError
        For an unknown metric or factor, one of two representations or of walks, and a statistic that is no text.
    """
    named, takes = _known(metric)
    if takes == ANY:
        if of is not None:
            raise InvalidInputError(
                explain("of= with a metric of labels", "a function", "", "recording.factors in the function")
            )
        if other is not None:
            raise InvalidInputError(explain("a function of one recording", "a second argument", "", "other=None"))
        if statistic is not None and not isinstance(statistic, str):
            raise InvalidInputError(explain("statistic to be the name of a field, or None", shown(statistic)))
        return Score(getattr(metric, "__name__", "function"), metric, ALONE, statistic or "", None, dict(options))
    if takes not in (LABELS, FACTORS, ALONE):
        wrong = "compares two" if takes == PAIR else "is of walks"
        raise InvalidInputError(explain("a metric of one representation", f"{named!r}, which {wrong}", "", '"ccgp"'))
    if of is not None and (takes != LABELS or other is not None):
        got = f"{named!r}" if takes != LABELS else "labels as well"
        raise InvalidInputError(explain("of= with a metric of labels", got, "", '"linear_probe"'))
    bare = Score(named, TAKES[named][0], takes, "", None)
    first, second = arrays_of(bare, recording, of)
    score = as_score(named, first, second if other is None else other, statistic, options)
    return replace(score, parts=tuple(recording.factors)) if takes == FACTORS and other is None else score


def arrays_of(score: Score, recording: Any, of: Any) -> tuple[Any, Any]:
    """What a score takes of a recording: activity, with labels or factors; the recording itself, of a function.

    Raises
    ------
    InvalidInputError
        For an unknown factor, a recording without factors, time bins, and neurons that were not recorded in all trials.
    """
    if score.takes == LABELS:
        return recording.activity, _labels(recording, of)
    if score.takes == FACTORS:
        if not recording.factors:
            raise InvalidInputError(
                explain(
                    f"a recording with factors for {score.name}", "conditions alone", "", "factors={'context': ...}"
                )
            )
        return recording.activity, recording.factor_table
    return (recording.activity if is_word(score.name, TAKES) else recording), None


def _known(metric: Any) -> tuple[Any, str]:
    """Name and kind of a metric; of a function ``ANY``."""
    named = next((name for name, (function, _) in TAKES.items() if function is metric), metric)
    if is_word(named, TAKES):
        return named, TAKES[named][1]
    if not callable(metric):
        known = ", ".join(name for name, (_, takes) in TAKES.items() if takes != CODES)
        raise InvalidInputError(explain(f"a metric among {known}, or a function of a recording", shown(metric)))
    return metric, ANY


def _labels(recording: Any, of: Any) -> Any:
    """Conditions, or the values of a factor."""
    if of is None:
        return list(recording.condition)
    if not is_word(of, recording.factors):
        raise InvalidInputError(explain(f"of= among the factors {', '.join(recording.factors) or '(none)'}", shown(of)))
    return list(recording.factors[of])


def _recordings(value: Any) -> Iterator[Any]:
    """Recordings among what is given: itself, or layers of it."""
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else [value]
    return (part for part in parts if isinstance(part, Trials))


# ------------------------------------------------------------------------------------------ groups


def _grouped(recording: Any, found: Asked, by: Any, groups: Any) -> Asked:
    """With the conditions and sessions that the draws ask for, unless others were given."""
    score, conditions, sessions = found.score, found.conditions, found.sessions
    blocks = recording.session if by == "sessions" or recording.runs is None else recording.runs
    if is_word(by, NEEDS_SESSIONS) and sessions is None:
        if blocks is None or len(blocks) != _length(found):
            lacks = "none" if blocks is None else "means over sessions"
            raise InvalidInputError(
                explain(f'a recording with sessions or repeats for "{by}"', lacks, "", "rx.Recording(..., session=...)")
            )
        sessions = blocks
    elif by == "labels" and blocks is not None and len(blocks) == _length(found):
        score = _with_note(score, 'trials change places among sessions and repeats; scheme="within" keeps them there')
    # which neurons belong together nobody asks of conditions, nor which centres are drawn of two representations
    if is_word(by, NEEDS_CONDITIONS) and conditions is None and (score.takes, by) != (PAIR, "rotation"):
        conditions = groups
    return Asked(score, found.Z, found.other, conditions, sessions)


def _length(found: Asked) -> int:
    first = found.Z
    if isinstance(first, (Mapping, list, tuple)):
        first = next(iter(first.values() if isinstance(first, Mapping) else first))
    return len(first)


def _with_note(score: Score, note: str) -> Score:
    return replace(score, note="; ".join(part for part in (score.note, note) if part))


# --------------------------------------------------------------------------------------- functions


def _firsts(recording: Any) -> Any:
    """The first trial of each trial's condition: a label of it that says all that a condition is."""
    codes = recording.groups.codes
    return np.array([np.flatnonzero(codes == c)[0] for c in range(len(recording.conditions))], dtype=np.intp)[codes]


def _of_trials(recording: Any, function: Callable[..., Any], anew: bool, named: bool) -> Callable[..., Any]:
    """A function of a recording as one of activity and row numbers, which say what was done in each trial.

    Rows are trials drawn ``anew`` with their session and repeat, or say which condition goes to a trial that stays in its own.
    Neurons that are drawn stand several times, and are not ``named``.
    """

    def scored(Z: Any, rows: Any, **options: Any) -> Any:
        factors = {name: tuple(values[i] for i in rows) for name, values in recording.factors.items()}
        where = {
            key: tuple(column[i] for i in rows) if anew else column
            for key, column in (("session", recording.session), ("repeat", recording.repeat))
            if column is not None
        }
        condition = tuple(recording.condition[i] for i in rows)
        names = recording.neurons if named else None
        one = replace(recording, responses=Z, condition=condition, factors=factors, neurons=names, **where)
        return function(one, **options)

    return scored


# ------------------------------------------------------------------------------- two representations


def _side_by_side(recording: Any, Z: Any, other: Any, of: Any) -> tuple[Any, Any, Any, str]:
    """Both representations with rows that correspond: trials, or else means of conditions; groups of rows, and a note."""
    if of is not None:
        raise InvalidInputError(explain("of= with a metric of labels", "one of two representations", "", "of=None"))
    sides = [list(side.values() if isinstance(side, Mapping) else side if isinstance(side, (list, tuple)) else [side])
             for side in (Z, other) if side is not None]  # fmt: skip
    parts = [part for side in sides for part in side]
    n, P = recording.n_trials, len(recording.conditions)
    held = [part for part in parts if isinstance(part, Trials)]
    lengths = {np.shape(part)[0] if np.ndim(part) else 0 for part in parts if not isinstance(part, Trials)} - {0}
    if lengths <= {n} and all(part.condition == recording.condition for part in held):
        return _turned(Z, False), _turned(other, False), recording.condition, ""
    if lengths <= {P} and all(part.conditions == recording.conditions for part in held):
        note = f"of the means of {P} conditions, a row each"
        return _turned(Z, True), _turned(other, True), np.arange(P), note
    raise InvalidInputError(
        explain(
            f"recordings of the same trials or conditions, and arrays of {n} (trials) or {P} rows (conditions, in their order)",
            f"{', '.join(map(str, sorted(lengths))) + ' rows' if lengths else 'other conditions'}", "", "recording.conditions",
        )
    )  # fmt: skip


def _turned(value: Any, means: bool) -> Any:
    """Arrays in the place of recordings, in all layers."""
    if isinstance(value, Mapping):
        return {name: _turned(one, means) for name, one in value.items()}
    if isinstance(value, (list, tuple)) and any(isinstance(one, Trials) for one in value):
        return [_turned(one, means) for one in value]
    if not isinstance(value, Trials):
        return value
    one: Any = value
    found: Array = one.averages().means if means else one.activity
    return found
