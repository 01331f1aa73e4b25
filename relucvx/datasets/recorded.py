"""Recordings of known geometry, and recordings in data files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from relucvx.conversion import as_list, as_path, is_word, shown
from relucvx.datasets.cells import is_number
from relucvx.datasets.columns import Columns, indices
from relucvx.datasets.files import ARCHIVES, held_in, kind_of, read_columns
from relucvx.datasets.formats.held import Held
from relucvx.errors import DataFileError, InvalidInputError, explain
from relucvx.later import later
from relucvx.types import Array, Rng, resolve_rng
from relucvx.validation import as_count, as_positive

if TYPE_CHECKING:
    from relucvx.metrics import Recording

metrics = later("relucvx.metrics")

GEOMETRIES = ("abstract", "collapsed", "random", "mixed")
"""What :func:`recording` draws."""

RESPONSES = ("responses", "activity", "x", "z", "data", "features")
"""What arrays of responses are called in files, in small letters."""


def recording(
    kind: str = "abstract", *, n_trials: int = 200, n_neurons: int = 50, n_factors: int = 2, noise: float = 1.0,
    n_sessions: int = 1, n_times: int | None = None, rng: Rng = 0,
) -> Recording:  # fmt: skip
    """Simulate trials whose conditions have a known geometry.

    Conditions are the settings y of binary factors; their centres, of mean square 1 in every neuron, are

    * ``"abstract"``: sum_k y_k a_k / sqrt(d) with Gaussian a_k: factors are coded in the same directions everywhere.
    * ``"collapsed"``: y_1 a_1: the other factors are not coded.
    * ``"random"``: Gaussian, each by itself: every split of the conditions is coded, none in the same direction.
    * ``"mixed"``: (abstract + random) / sqrt(2): linear and nonlinear mixed selectivity.

    Parameters
    ----------
    kind : {"abstract", "collapsed", "random", "mixed"}
    n_trials : int, default 200
        Of each session, shared among the conditions as evenly as they can be, in random order.
    n_neurons, n_factors : int
    noise : float, default 1.0
        Standard deviation of a trial.
    n_sessions : int, default 1
        Sessions, among which the neurons are shared.
    n_times : int, optional
        Time bins from -0.2 to 0.6; the code rises from 0 to all of it after 0.
    rng : None, int or Generator, default 0

    Returns
    -------
    Recording

    Raises
    ------
    InvalidInputError
        For an unknown kind, counts below their least, fewer trials than conditions, and a negative noise.

    Notes
    -----
    Source: [relucvx]; the geometries are those of [bernardi-2020].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> recording = rx.datasets.recording("abstract", n_trials=80, noise=0.5)
    >>> recording.n_trials, recording.conditions[1], recording.counts.tolist()
    (80, ('left', 'stop'), [20, 20, 20, 20])
    >>> found = rx.metrics.parallelism_score(recording.activity, recording.factor_table)
    >>> bool(found.mean > 0.9)
    True
    """
    if not is_word(kind, GEOMETRIES):
        raise InvalidInputError(explain(f"a geometry among {', '.join(GEOMETRIES)}", shown(kind), "", '"abstract"'))
    d, p = as_count(n_factors, "n_factors", most=10), as_count(n_neurons, "n_neurons")
    P = 2**d
    n = as_count(n_trials, "n_trials", least=P, cause=f"{P} conditions")
    sessions = as_count(n_sessions, "n_sessions", most=p)
    size = as_positive(noise, "noise", allow_zero=True)
    bins = None if n_times is None else as_count(n_times, "n_times", least=2)
    generator = resolve_rng(rng)
    signs = np.where((np.arange(P)[:, None] >> np.arange(d)[::-1]) & 1, -1.0, 1.0)
    centres = _centres(kind, signs, p, generator)
    parts = {}
    for s, columns in enumerate(np.array_split(np.arange(p), sessions)):
        code = generator.permutation(np.arange(n) % P)
        Z = centres[code][:, columns]
        time = None
        if bins is not None:
            time = np.linspace(-0.2, 0.6, bins)
            Z = Z[:, :, None] * np.clip(time / 0.2, 0.0, 1.0)
        Z = Z + size * generator.standard_normal(Z.shape)
        words = {name: [pair[int(signs[c, k] < 0)] for c in code] for k, (name, pair) in enumerate(_factors(d))}
        parts[f"session {s + 1}"] = metrics.Recording(
            Z, factors=words, time=time, neurons=[f"n{k}" for k in columns], name=f"{kind} geometry"
        )
    if sessions == 1:
        return parts["session 1"]
    return metrics.Recording.of_sessions(parts, name=f"{kind} geometry")


def _factors(d: int) -> list[tuple[str, tuple[str, str]]]:
    known = [("context", ("left", "right")), ("choice", ("go", "stop")), ("reward", ("high", "low"))]
    return [*known[:d], *((f"factor {k + 1}", ("on", "off")) for k in range(3, d))]


def _centres(kind: str, signs: Array, p: int, rng: np.random.Generator) -> Array:
    """Centres (P, p) of the conditions."""
    P, d = signs.shape
    abstract = signs @ rng.standard_normal((d, p)) / np.sqrt(d)
    free = rng.standard_normal((P, p))
    if kind == "collapsed":
        return np.asarray(np.outer(signs[:, 0], rng.standard_normal(p)))
    return {"abstract": abstract, "random": free, "mixed": (abstract + free) / np.sqrt(2.0)}[kind]


def read_recording(
    path: str | os.PathLike[str], *, condition: Any = None, factors: Any = None, session: str | None = None,
    repeat: str | None = None, time: str | None = None, trial: str | None = None, neurons: Columns = None,
    responses: str | None = None,
) -> Recording:  # fmt: skip
    """Read a recording from a data file.

    Parameters
    ----------
    path : str or path
        A table with a row for each trial, or each time of each trial (``.csv``, ``.tsv``, ``.txt``, ``.parquet``), or arrays
        (``.npz``, ``.mat``, ``.h5``): responses (n, p) or (n, p, T), and labels of length n beside them.
    condition, factors, session, repeat : str or sequence of str, optional
        Columns of the table, or names of arrays.
    time : str, optional
        Column of times; of arrays the one of length T.
    trial : str, optional
        Column of a table that holds the number of the trial, of one row or of several.
    neurons : str, int or sequence of these, optional
        Columns of activity, also as ranges ``"n0-n49"``; default all columns of numbers that are nothing else. Of arrays: the
        one with their names, default ``neurons`` where there is one.
    responses : str, optional
        Name of the array; default ``responses``, ``activity``, ``X``, ``Z``, ``data`` or ``features``.

    Returns
    -------
    Recording
        Named after the file.

    Raises
    ------
    DataFileError
        For a file that is missing or cannot be read, and columns and arrays that do not exist or do not fit.
    InvalidInputError
        As :class:`relucvx.Recording`.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import tempfile
    >>> import relucvx as rx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rx.datasets.recording(n_trials=8, n_neurons=3).to_frame().to_csv(f"{folder}/one.csv", index=False)
    ...     found = rx.datasets.read_recording(f"{folder}/one.csv", factors=["context", "choice"], neurons="n0-n2")
    ...
    >>> found.name, found.neurons, found.conditions[0]
    ('one', ('n0', 'n1', 'n2'), ('left', 'go'))
    """
    file = as_path(path, "a data file's path")
    kind = kind_of(file)
    if kind == ".npy":
        raise DataFileError(
            explain("a table, or a file of several arrays", str(file), "responses without their conditions",
                    "numpy.savez('recording.npz', responses=Z, condition=names)")
        )  # fmt: skip
    name = file.name.partition(".")[0] or file.stem
    labels = {"condition": condition, "factors": factors, "session": session, "repeat": repeat}
    if kind in ARCHIVES:
        if trial is not None:
            raise DataFileError(
                explain("trial= for tables alone", f"trial= for {file.name}", "", "the call without it")
            )
        return _of_arrays(held_in(file, kind), labels, time, neurons, responses, name)
    if responses is not None:
        raise DataFileError(explain("responses= for files of arrays", f"responses= for {file.name}", "", "neurons="))
    table = read_columns(file)
    heads = list(table.names) or [str(k) for k in range(table.width)]
    frame = _Frame({head: _cells(column) for head, column in zip(heads, table.columns, strict=True)})
    if condition is None and factors is None:
        named = _names_of_trials(frame)
        wanted = f"factors={','.join(named[:2])!r}" if named else "condition=COLUMN"
        raise DataFileError(
            explain("condition= or factors=, what was done", f"neither, of columns {', '.join(heads)}", "", wanted)
        )
    chosen = None if neurons is None else [heads[k] for k in indices(file, neurons, heads, table.width)]
    return metrics.Recording.from_frame(frame, neurons=chosen, time=time, trial=trial, name=name, **labels)


class _Frame:
    """Columns of a file as :meth:`Recording.from_frame` asks for them."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.held = columns
        self.columns = list(columns)

    def __len__(self) -> int:
        return len(self.held[self.columns[0]])

    def __getitem__(self, name: Any) -> Any:
        if isinstance(name, list):
            return np.column_stack([self.held[one] for one in name])
        return self.held[name]


def _names_of_trials(frame: _Frame) -> list[str]:
    """Columns of texts that occur more than once, and are not called otherwise: they may say what was done."""
    others = ("session", "subject", "animal", "mouse", "monkey", "comment", "note")
    texts = {
        head: column for head, column in frame.held.items()
        if np.asarray(column).dtype.kind in "OUS" and not head.lower().startswith(others)
    }  # fmt: skip
    return [head for head, column in texts.items() if 2 <= len(set(map(str, column))) <= len(frame) // 4]


def _cells(column: Any) -> Any:
    """A column as numbers where all its cells are such or empty, whole ones as integers; else as it is."""
    raw = np.asarray(column)
    if raw.dtype.kind not in "OUS":
        return raw
    texts = [str(cell).strip() for cell in column]
    if not all(is_number(text) or text == "" for text in texts) or not any(texts):
        return texts
    numbers = np.array([float(text) if text else np.nan for text in texts])
    whole = all(text.lstrip("+-").isdigit() for text in texts)
    return numbers.astype(np.int64) if whole and np.abs(numbers).max() < 2.0**53 else numbers


def _of_arrays(held: Held, labels: dict[str, Any], time: Any, neurons: Any, responses: Any, name: str) -> Recording:
    """A recording of arrays by their names."""
    key = held.key(responses, RESPONSES, "responses")
    several = [one for value in labels.values() for one in _names(value)]
    named = "neurons" if neurons is None and "neurons" in held.names else neurons
    extra = [one for one in (time, named) if one is not None]
    for one in [*several, *extra]:
        if not isinstance(one, str) or one.strip("/") not in held.names:
            raise DataFileError(
                explain(f"an array of {held.path.name}: {', '.join(held.names)}", shown(one), "a misspelt name")
            )
    found = held.read([key, *(one.strip("/") for one in [*several, *extra])])

    def labelled(one: str) -> list[Any]:
        raw = np.asarray(found[one.strip("/")])
        raw = np.char.decode(raw, "utf-8") if raw.dtype.kind == "S" else raw
        flat = raw.ravel()
        decoded = [cell.decode("utf-8") if isinstance(cell, bytes) else cell for cell in flat.tolist()]
        return decoded if raw.ndim < 2 or 1 in raw.shape else [tuple(row) for row in raw.tolist()]

    def one_or_none(role: str) -> Any:
        columns = [labelled(one) for one in _names(labels[role])]
        return None if not columns else columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))

    return metrics.Recording(
        found[key], condition=one_or_none("condition"), session=one_or_none("session"), repeat=one_or_none("repeat"),
        factors={one.rpartition("/")[2]: labelled(one) for one in _names(labels["factors"])} or None,
        time=None if time is None else np.ravel(found[time.strip("/")]),
        neurons=None if named is None else [str(one) for one in labelled(named)], name=name,
    )  # fmt: skip


def _names(value: Any) -> list[Any]:
    return [] if value is None else [value] if isinstance(value, str) else as_list(value, "names of arrays")
