"""Recordings of data frames, and of several sessions, as the arguments of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from relucvx.conversion import as_list, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.labels import read_labels
from relucvx.validation import as_numpy

MANY = 10
"""Distinct whole numbers, consecutive when sorted, that are no activity."""


def arguments_of(
    frame: Any, neurons: Any, condition: Any, factors: Any, session: Any, repeat: Any, time: Any, trial: Any
) -> dict[str, Any]:
    """The arguments of a recording, from the columns of a frame.

    Raises
    ------
    InvalidInputError
        For what is no frame, columns that do not exist, and trials without the same times.
    """
    if not hasattr(frame, "columns") or not hasattr(frame, "__getitem__") or not hasattr(frame, "__len__"):
        raise InvalidInputError(
            explain("a data frame", shown(frame), "", "rx.Recording(responses, condition=...) for arrays")
        )
    known = list(frame.columns)
    named = {key: _columns(value, known, key) for key, value in (("condition", condition), ("factors", factors))}
    single = {"session": session, "repeat": repeat, "time": time, "trial": trial}
    singles = {key: _columns(value, known, key) for key, value in single.items()}
    for key, found in singles.items():
        if len(found) > 1:
            raise InvalidInputError(explain(f"one column for {key}", f"{len(found)}"))
    used = [name for found in (*named.values(), *singles.values()) for name in found]
    cells = _cells(frame, neurons, known, used, bool(singles["time"]))
    first, order = _trials(frame, singles)

    def column(name: Any) -> list[Any]:
        values = read_labels(frame[name], f"column {name!r}", len(frame))
        if order is not None and any(values[i] != values[row[0]] for row in order for i in row):
            raise InvalidInputError(
                explain(
                    f"one value of column {name!r} in each trial", "several", "rows of different trials", "trial=COLUMN"
                )
            )
        return [values[i] for i in first]

    labels = [column(name) for name in named["condition"]]
    Z = as_numpy(frame[cells], "the columns of neurons")
    return {
        "responses": Z if order is None else np.moveaxis(Z[order], 1, 2),
        "neurons": [str(name) for name in cells],
        "condition": None if not labels else labels[0] if len(labels) == 1 else list(zip(*labels, strict=True)),
        "factors": {str(name): column(name) for name in named["factors"]} or None,
        "time": None if order is None else [float(t) for t in as_numpy(frame[singles["time"][0]])[order[0]]],
        **{key: column(singles[key][0]) if singles[key] else None for key in ("session", "repeat")},
    }


def _columns(value: Any, known: list[Any], what: str) -> list[Any]:
    """Names of columns that exist; one, several or none."""
    if value is None:
        return []
    alone = isinstance(value, (str, bytes)) or not hasattr(value, "__iter__")
    wanted = [value] if alone else as_list(value, what)
    for name in wanted:
        if not isinstance(name, (str, int)) or name not in known:
            have = ", ".join(map(repr, known[:12])) + ", …" * (len(known) > 12)
            raise InvalidInputError(explain(f"{what} as a column of the frame: {have}", shown(name)))
    return wanted


def _cells(frame: Any, neurons: Any, known: list[Any], used: list[Any], timed: bool) -> list[Any]:
    """The columns of activity: those asked for, else all columns of numbers that are nothing else."""
    if neurons is not None:
        found = _columns(neurons, known, "neurons")
        both = [name for name in found if name in used]
        if both:
            raise InvalidInputError(explain("neurons that are nothing else", f"{both[0]!r}, which is a label as well"))
    else:
        kinds = {name: as_numpy(frame[name], f"column {name!r}").dtype.kind for name in known if name not in used}
        found = [name for name, kind in kinds.items() if kind in "iuf"]
        counts = [name for name in found if _counts(as_numpy(frame[name], f"column {name!r}"), timed)]
        if counts:
            raise InvalidInputError(
                explain(
                    "columns of activity",
                    f"{counts[0]!r}, which counts the rows",
                    "numbers of trials",
                    f"trial={counts[0]!r}, or neurons=[names of columns] where it is a neuron",
                )
            )
    if not found:
        raise InvalidInputError(explain("columns of numbers for neurons", "none", "", "neurons=[names of columns]"))
    return found


def _counts(values: Any, timed: bool) -> bool:
    """Whether a column holds the numbers of the rows, or of trials of several rows: whole ones, one after the other.

    In another order only where there are many: a few counts of spikes can be consecutive by chance.
    """
    if len(values) < 4 or not np.array_equal(values, np.rint(values)):
        return False
    numbers, sizes = np.unique(values, return_counts=True)
    if len(numbers) < 2 or (np.diff(numbers) != 1).any() or (sizes != sizes[0]).any() or (sizes[0] > 1 and not timed):
        return False
    return len(numbers) >= MANY or bool((np.diff(values) >= 0).all())


def _trials(frame: Any, singles: Mapping[str, list[Any]]) -> tuple[Any, Any]:
    """The first row of each trial, and all its rows in the order of time where there is time."""
    n = len(frame)
    if not singles["time"]:
        numbers = [
            read_labels(frame[one[0]], key, n) for key, one in singles.items() if one and key in ("session", "trial")
        ]
        if singles["trial"] and len(set(zip(*numbers, strict=True))) < n:
            raise InvalidInputError(
                explain("one row for each trial", "trials of several rows", "rows that are times", "time=COLUMN")
            )
        return range(n), None
    times = as_numpy(frame[singles["time"][0]], "time")
    if times.dtype.kind not in "biuf" or not np.isfinite(times.astype(float)).all():
        raise InvalidInputError(explain("times that are numbers", f"column {singles['time'][0]!r} of {times.dtype}"))
    grid, place = np.unique(times, return_inverse=True)
    if singles["trial"]:
        keys = read_labels(frame[singles["trial"][0]], "trial", n)
        if singles["session"]:  # trials are often counted anew in each session
            keys = list(zip(read_labels(frame[singles["session"][0]], "session", n), keys, strict=True))
    else:
        keys, seen = [], np.zeros(len(grid), dtype=int)
        for k in place:
            keys.append(int(seen[k]))
            seen[k] += 1
    index = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    order = np.full((len(index), len(grid)), -1)
    for row, (key, k) in enumerate(zip(keys, place, strict=True)):
        if order[index[key], k] >= 0:
            anew = bool(singles["trial"]) and not singles["session"]
            raise InvalidInputError(
                explain(
                    "one row for each time of a trial", f"two at time {grid[k]:g} of trial {key!r}",
                    "trials that are counted anew in each session" if anew else "",
                    "session=COLUMN as well" if anew else "trial=COLUMN",
                )
            )  # fmt: skip
        order[index[key], k] = row
    if (order < 0).any():
        i, k = np.argwhere(order < 0)[0]
        key = list(index)[i]
        raise InvalidInputError(
            explain("the same times in every trial", f"no row at time {grid[k]:g} of trial {key!r}", "trials of unequal length",
                    "the times that all trials have")
        )  # fmt: skip
    return order[:, 0], order


def arguments_of_sessions(recordings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a recording of all sessions; neurons are told apart by their names.

    Raises
    ------
    InvalidInputError
        For sessions with other factors or times than the first.
    """
    parts = list(recordings.values())
    for part in parts:
        times = [[] if one.time is None else one.time for one in (part, parts[0])]
        same = part.responses.ndim == parts[0].responses.ndim and np.array_equal(*times)
        if not same or list(part.factors) != list(parts[0].factors):
            raise InvalidInputError(explain("sessions with the same factors and times", f"{part} and {parts[0]}"))
    neurons = tuple(dict.fromkeys(name for part in parts for name in part.neurons))
    place = {neuron: k for k, neuron in enumerate(neurons)}
    sizes = [part.n_trials for part in parts]
    out = np.full((sum(sizes), len(neurons), *parts[0].responses.shape[2:]), np.nan)
    for part, start in zip(parts, np.cumsum([0, *sizes[:-1]]), strict=True):
        out[start : start + part.n_trials, [place[neuron] for neuron in part.neurons]] = part.responses
    runs = [part.repeat for part in parts]
    return {
        "responses": out,
        "factors": {key: [v for part in parts for v in part.factors[key]] for key in parts[0].factors} or None,
        "condition": [label for part in parts for label in part.condition],
        "session": [str(key) for key, part in recordings.items() for _ in range(part.n_trials)],
        "repeat": None if any(run is None for run in runs) else [one for run in runs for one in run],
        "time": parts[0].time,
        "neurons": neurons,
    }
