"""Class labels of any kind, read once: one plain Python value per sample, and never a missing one."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relucvx.conversion import to_numpy
from relucvx.errors import InvalidInputError, explain

MISSING = frozenset(
    ("", "?", "NA", "na", "N/A", "n/a", "#N/A", "#NA", "<NA>", "<na>", "NaN", "nan", "NAN", "-nan", "-NaN", "NaT", "nat",
     "NULL", "Null", "null", "None", "NONE")
)  # fmt: skip
"""How files and tables write that a label is missing. "Na" is sodium, and "none" an answer like "mild" and "severe"."""


def is_missing(value: Any) -> bool:
    """Whether a label stands for a missing one: None, NaN, NaT, pandas' NA, a masked entry, or text that says so.

    A label of several variables (a tuple) is missing where a part is.
    """
    if isinstance(value, tuple):
        return any(map(is_missing, value))
    if isinstance(value, (str, bytes)):
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        return text.strip() in MISSING
    if value is None or value is np.ma.masked or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, complex, np.generic)) and bool(np.any(value != value))


def read_labels(labels: Any, name: str, n: int | None = None) -> list[Any]:
    """One label per sample as Python values, so that 1 and np.int64(1) are one label.

    Parameters
    ----------
    labels : sequence
        List, array, pandas or torch column; entries of any type that can be compared.
    name : str
        What to call the argument in errors.
    n : int, optional
        How many there must be.

    Raises
    ------
    InvalidInputError
        For another shape or length, missing labels (with their row), entries that cannot be compared, and numbers beside text
        that reads alike (1 and "1").
    """
    raw = _entries(labels, name, n)
    if n is not None and len(raw) != n:
        raise InvalidInputError(
            explain(f"{name} of length {n}, one per row", f"length {len(raw)}", "labels of another data set")
        )
    for i, value in enumerate(raw):
        if is_missing(value):
            raise InvalidInputError(
                explain(
                    f"{name} without missing values",
                    f"{value!r} at row {i}",
                    "samples that nobody labelled",
                    "drop those rows, or give a class of that name another one",
                )
            )
        if getattr(value, "ndim", 0) or not isinstance(value, Hashable):
            raise InvalidInputError(
                explain(f"{name} that can be compared", f"a {type(value).__name__} at row {i}", "one-hot rows")
            )
    values = [_plain(value) for value in raw]
    _check_alike(values, name)
    return values


def numbered(values: list[Any], name: str) -> tuple[list[Any], NDArray[np.intp]]:
    """The distinct labels in sorted order, and the position of each sample's label among them.

    Raises
    ------
    InvalidInputError
        For labels of types that have no order, such as numbers beside text.
    """
    found = list(dict.fromkeys(values))
    try:
        found.sort()
    except TypeError as error:
        kinds = sorted({type(value).__name__ for value in found})
        raise InvalidInputError(
            explain(
                f"{name} of one type, which have an order",
                f"{' and '.join(kinds)}",
                "numbers beside text",
                f"{name} = [str(label) for label in {name}]",
            )
        ) from error
    index = {label: k for k, label in enumerate(found)}
    return found, np.array([index[value] for value in values], dtype=np.intp)


def is_vector(value: Any, name: str) -> bool:
    """Whether targets are one entry per sample (n,) and not rows (n, c)."""
    if isinstance(value, (list, tuple)):
        return not any(isinstance(row, (list, tuple)) or getattr(row, "ndim", 0) for row in value)
    ndim = getattr(value, "ndim", None)
    return (ndim if isinstance(ndim, int) else to_numpy(value, name).ndim) == 1


def _entries(labels: Any, name: str, n: int | None) -> list[Any]:
    if isinstance(labels, (list, tuple, range)):
        return list(labels)
    if getattr(labels, "ndim", 0) == 1 and hasattr(labels, "to_numpy"):
        return list(labels)  # a column of pandas: its array would turn nullable integers into floats
    array = to_numpy(labels, name)
    if array.ndim != 1:
        wide = array.ndim == 2 and array.shape[1] > 1
        raise InvalidInputError(
            explain(
                f"{name} of shape ({'n' if n is None else n},), one label per row",
                f"shape {array.shape}",
                "one-hot rows" if wide else "",
                f"{name} = {name}.argmax(axis=1) for one-hot rows" if wide else f"{name} = numpy.ravel({name})",
            )
        )
    return list(array)


def _check_alike(values: list[Any], name: str) -> None:
    """Refuse 1 beside "1": whether they are one class or two depends on what turned them into an array."""
    texts = {value for value in set(values) if isinstance(value, str)}
    others = [value for value in dict.fromkeys(values) if not isinstance(value, (str, tuple))] if texts else []
    for value in others:
        # 2.0 is the class "2" of whoever wrote the file
        spellings = {str(value)} | ({str(int(value))} if isinstance(value, float) and value.is_integer() else set())
        if spellings & texts:
            raise InvalidInputError(
                explain(
                    f"{name} of one type",
                    f"both {value!r} and {min(spellings & texts)!r}",
                    "a column that was read as numbers in part",
                    f"{name} = [str(label) for label in {name}]",
                )
            )


def _plain(value: Any) -> Any:
    """A numpy or torch scalar as the Python value that it stands for; dates stay, numpy would make some of them numbers."""
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return value
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
