"""Trials as people have them: arrays with labels beside them, or a data frame with a row for each trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from relucvx.conversion import as_list, as_number, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.labels import read_labels
from relucvx.types import Array, BoolArray
from relucvx.validation import as_numpy, check_size


def as_responses(value: Any) -> Array:
    """Responses (n, p) or (n, p, T) in float64, NaN kept.

    Raises
    ------
    InvalidInputError
        For another shape, entries that are no real numbers, and infinities.
    """
    raw = as_numpy(value, "responses")
    if raw.dtype.kind not in "biuf":
        raise InvalidInputError(
            explain("responses to hold real numbers", f"dtype {raw.dtype}", "a column of labels among the neurons", "")
        )
    if raw.ndim not in (2, 3) or 0 in raw.shape:
        raise InvalidInputError(
            explain(
                "responses of shape (trials, neurons) or (trials, neurons, time)", f"shape {raw.shape}", "",
                "responses.reshape(-1, 1) for a single neuron",
            )
        )  # fmt: skip
    with np.errstate(over="ignore"):
        out = np.array(raw, dtype=np.float64, order="C")
    infinite = np.isinf(out)
    if infinite.any():
        i, j = (int(k) for k in np.argwhere(infinite)[0][:2])
        raise InvalidInputError(explain("responses without infinities", f"{out[i, j]} at trial {i}, neuron {j}"))
    check_size(out, "responses")
    return out


def recorded_in(responses: Array, codes: np.ndarray, sessions: tuple[Any, ...], neurons: tuple[str, ...]) -> BoolArray:
    """Which neurons (sessions, neurons) were recorded in which sessions: those that are not NaN, all or nothing.

    Raises
    ------
    InvalidInputError
        For a neuron that is missing in some trials of a session, and one that was never recorded.
    """
    missing = np.isnan(responses if responses.ndim == 3 else responses[:, :, None])
    lacking: BoolArray = np.asarray(missing.any(axis=2))
    whole: BoolArray = np.asarray(missing.all(axis=2))
    out = np.empty((len(sessions), len(neurons)), dtype=bool)
    for s, name in enumerate(sessions):
        rows = np.flatnonzero(codes == s)
        out[s] = ~lacking[rows].all(axis=0)
        partly = (lacking[rows] & out[s]) | (lacking[rows] & ~whole[rows])
        if partly.any():
            i, j = np.argwhere(partly)[0]
            what = f"a missing value at trial {rows[i]} of neuron {neurons[j]!r}"
            where = "" if len(sessions) == 1 else f", which other trials of session {name!r} have"
            where += f" ({int(partly.any(axis=1).sum())} of {len(rows)} trials lack some)"
            raise InvalidInputError(
                explain(
                    "responses without missing values, but for neurons that a session did not record at all",
                    what + where, "a trial that was cut, or sessions that are not told apart",
                    "rows of such trials deleted"
                    + (", or session=COLUMN where sessions recorded different neurons" if len(sessions) == 1 else ""),
                )
            )  # fmt: skip
    never = np.flatnonzero(~out.any(axis=0))
    if len(never):
        raise InvalidInputError(
            explain("neurons that were recorded in some session", f"{neurons[never[0]]!r} is missing in all", "", "")
        )
    return out


def as_names(value: Any, count: int, given: Any) -> tuple[str, ...]:
    """Names of neurons: as given, of the columns of a frame, or n0, n1, …

    Raises
    ------
    InvalidInputError
        For another number of names than neurons, and names that occur twice.
    """
    if value is None:
        columns = getattr(given, "columns", None)
        value = [f"n{k}" for k in range(count)] if columns is None else list(columns)
    names = tuple(str(one) for one in as_list(value, "neurons"))
    if len(names) != count:
        raise InvalidInputError(explain(f"{count} names of neurons, one per column", f"{len(names)}"))
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InvalidInputError(explain("names of neurons that differ", f"{twice[0]!r} twice", "", "neurons=None"))
    return names


def as_columns(factors: Any, n: int) -> dict[str, tuple[Any, ...]]:
    """Factors as a name and n values each: of a mapping, a data frame, or an array (n, k).

    Raises
    ------
    InvalidInputError
        For another number of rows, and missing values.
    """
    if factors is None:
        return {}
    if isinstance(factors, Mapping) or hasattr(factors, "columns"):
        names = list(factors.keys() if isinstance(factors, Mapping) else factors.columns)
        return {str(name): tuple(read_labels(factors[name], f"factor {name!r}", n)) for name in names}
    raw = as_numpy(factors, "factors")
    raw = raw[:, None] if raw.ndim == 1 else raw
    if raw.ndim != 2 or len(raw) != n or raw.shape[1] == 0:
        raise InvalidInputError(
            explain(
                f"factors of shape ({n}, k), or a dict of columns of that length", f"shape {raw.shape}", "",
                'factors={"context": [...], "choice": [...]}',
            )
        )  # fmt: skip
    return {f"factor {k}": tuple(read_labels(raw[:, k], f"factor {k}", n)) for k in range(raw.shape[1])}


def as_conditions(condition: Any, columns: Mapping[str, tuple[Any, ...]], n: int) -> tuple[Any, ...]:
    """The condition of each trial: as given, else the combination of the factors' values.

    Raises
    ------
    InvalidInputError
        Without conditions and factors, and for a factor that differs among the trials of a condition.
    """
    if condition is None:
        if not columns:
            raise InvalidInputError(
                explain("condition= or factors=", "neither", "trials without a name", "condition=[...], one per trial")
            )
        several = tuple(zip(*columns.values(), strict=True))
        return several if len(columns) > 1 else tuple(one for (one,) in several)
    found = tuple(read_labels(_rows_as_tuples(condition), "condition", n))
    for name, values in columns.items():
        first: dict[Any, Any] = {}
        for label, value in zip(found, values, strict=True):
            if first.setdefault(label, value) != value:
                raise InvalidInputError(
                    explain(
                        f"factor {name!r} with one value in each condition",
                        f"{first[label]!r} and {value!r} in condition {label!r}",
                        "a variable of trials, such as a choice",
                        "condition=None, by which the combinations of factors are the conditions",
                    )
                )
    return found


def _rows_as_tuples(condition: Any) -> Any:
    if getattr(condition, "ndim", 1) == 2:
        return [tuple(row) for row in as_numpy(condition).tolist()]
    return condition


def as_times(time: Any, count: int | None) -> Array | None:
    """Times of the bins, increasing; 0, 1, … where none are given.

    Raises
    ------
    InvalidInputError
        For times of responses without time, another number of them, and times that do not increase.
    """
    if count is None:
        if time is not None:
            raise InvalidInputError(
                explain("responses of shape (trials, neurons, time) with time=", "responses of shape (trials, neurons)")
            )
        return None
    if time is None:
        return np.arange(count, dtype=np.float64)
    raw = as_numpy(time, "time")
    fine = raw.dtype.kind in "biuf" and raw.shape == (count,) and bool(np.isfinite(raw).all())
    if not fine or bool((np.diff(raw.astype(np.float64)) <= 0).any()):
        raise InvalidInputError(explain(f"{count} times that increase, one per bin", shown(time)))
    return raw.astype(np.float64)


def words(condition: Any) -> str:
    """A condition as text: of several variables, their values side by side."""
    return " ".join(map(str, condition)) if isinstance(condition, tuple) else str(condition)


def among(wanted: Any, known: tuple[Any, ...], what: str) -> list[Any]:
    """Names that exist; one that is given alone stands for itself.

    Raises
    ------
    InvalidInputError
        For one that does not.
    """
    chosen = [wanted] if wanted in known else as_list(wanted, what)
    unknown = [one for one in chosen if one not in known]
    if unknown:
        raise InvalidInputError(
            explain(f"{what} among {', '.join(map(repr, known[:8]))}{', …' * (len(known) > 8)}", shown(unknown[0]))
        )
    return chosen


def row_numbers(trials: Any, n: int) -> Any:
    """Row numbers of a mask or of row numbers.

    Raises
    ------
    InvalidInputError
        For anything else.
    """
    raw = as_numpy(trials, "trials")
    if raw.dtype.kind == "b" and raw.shape == (n,):
        return np.flatnonzero(raw)
    if raw.dtype.kind not in "iu" or raw.ndim != 1 or (raw.size and (raw.min() < 0 or raw.max() >= n)):
        raise InvalidInputError(explain(f"trials as a mask of length {n}, or row numbers below {n}", shown(trials)))
    return raw


def bins_between(time: Array, start: Any, stop: Any) -> BoolArray:
    """The bins of a window, both ends included.

    Raises
    ------
    InvalidInputError
        For ends that are no numbers, and a window without a bin.
    """
    inside: BoolArray = np.ones(len(time), dtype=bool)
    for end, keep in ((start, np.greater_equal), (stop, np.less_equal)):
        if end is not None:
            inside &= keep(time, as_number(end, "an end of the window"))
    if not inside.any():
        raise InvalidInputError(
            explain(f"a window of times from {time[0]:g} to {time[-1]:g}", f"{start} to {stop}", "another unit")
        )
    return inside
