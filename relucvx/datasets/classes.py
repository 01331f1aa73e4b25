"""Columns of classes: which targets are classes, and how classes become targets."""

from __future__ import annotations

from collections import Counter
from typing import Any, NoReturn

import numpy as np

from relucvx.conversion import as_flag, is_word, shown
from relucvx.datasets.cells import is_numeric
from relucvx.datasets.columns import Table
from relucvx.errors import DataFileError, InvalidInputError, explain
from relucvx.labels import is_missing
from relucvx.types import Array

MOST = 20
"""More different whole numbers than this are sizes rather than classes."""

LARGEST = 100
"""Whole numbers beyond this are sizes, years or names rather than classes."""

SHOWN = 6
"""Classes that a line lists."""


def class_column(table: Table, k: int, classes: bool | None) -> list[str] | None:
    """The names of classes in a column, one for each row, with whole numbers as such; None where it holds numbers.

    By default text names classes where most cells are no numbers, and so do whole numbers up to 100 in size, of which there
    are at most 20, each twice on average.

    Raises
    ------
    DataFileError
        For rows without a class, a single class, and classes that occur once each.
    """
    if classes is not None:
        classes = as_flag(classes, "classes")
    column = table.columns[k]
    texts = isinstance(column, list) or column.dtype.kind in "UO"
    words = [str(word) for word in column]
    numeric = sum(is_numeric(word) for word in words) if texts else len(words)
    # a few may be called "1", a typing error is no class
    named = (texts and 2 * numeric < len(words)) or (not texts and column.dtype.kind == "b")
    if classes is False or (numeric < len(words) and not named):
        return None
    if not named:
        found = _whole(words)
        if found is None and classes:
            _too_many(table, k)
        if found is None or not (classes or _are_small(found)):
            return None
        words = found
    _check(table, k, words)
    return words


def factor_column(table: Table, k: int, classes: bool | None) -> tuple[Array, str] | None:
    """Signs (n,) of a column of two texts that is one of several targets, and what they stand for; None where it holds numbers.

    Raises
    ------
    DataFileError
        For texts that are not two, and as :func:`class_column`.
    """
    column = table.columns[k]
    texts = isinstance(column, list) or column.dtype.kind in "UOb"
    words = class_column(table, k, classes) if texts else None
    if words is None or (classes is None and all(is_numeric(word) for word in words)):
        return None
    names, labels = sorted_classes(words)
    if len(names) != 2:
        raise DataFileError(
            explain(
                f"two texts in every column of several targets in {table.path}",
                f"{len(names)} ({', '.join(names[:SHOWN])}) in column {table.label(k)}",
                "a condition of several factors",
                "that column alone as the target, or the columns of its factors",
            )
        )
    return 2.0 * labels - 1.0, f"column {table.label(k)}: {names[0]} is -1, {names[1]} is +1"


def _too_many(table: Table, k: int) -> NoReturn:
    raise DataFileError(
        explain(
            f"classes in {table.path}",
            f"numbers with fractions in column {table.label(k)}",
            "a target that is a number to predict",
            "classes=False",
        )
    )


def _whole(words: list[str]) -> list[str] | None:
    """Whole numbers as they are written without a point; None where one has a fraction, or is no number."""
    try:
        values = [float(word.replace(",", ".")) for word in words]
    except ValueError:
        return None
    if not all(value.is_integer() for value in values):
        return None
    return [str(int(value)) for value in values]


def _are_small(words: list[str]) -> bool:
    """Whether whole numbers are few, small and repeat, as those of classes are."""
    known = {int(word) for word in words}
    return are_few(len(known), len(words), max(map(abs, known)))


def are_few(count: int, n: int, largest: float) -> bool:
    """Whether whole numbers, so many different ones in n rows and up to such a size, are names of classes and no amounts."""
    return 2 <= count <= MOST and 2 * count <= n and largest <= LARGEST


def _check(table: Table, k: int, words: list[str]) -> None:
    for row, word in enumerate(words):
        if is_missing(word):
            raise DataFileError(
                explain(
                    f"a class in every line of {table.path}",
                    f"{word or 'an empty cell'} in {table.line(row)}",
                    "a row that nobody labelled",
                    "delete that line, or give a class of that name another one",
                )
            )
    known = set(words)
    if len(known) == len(words) > 2:
        raise DataFileError(
            explain(
                f"classes that occur more than once in {table.path}",
                f"{len(words)} different texts ({words[0]!r}, …)",
                "a column of names or dates is the target",
                "another target column",
            )
        )
    if len(known) == 1:
        raise DataFileError(
            explain(
                f"two classes or more in column {table.label(k)} of {table.path}",
                f"{words[0]!r} in every row",
                "a part of the data, sorted by class",
                "another target column, or the whole file",
            )
        )


def sorted_classes(words: list[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """The classes in order, whole numbers in that of numbers, and the index (n,) of each row's."""
    known = set(words)
    whole = all(word.removeprefix("-").isdecimal() for word in known)
    names = sorted(known, key=int) if whole else sorted(known)
    index = {name: k for k, name in enumerate(names)}
    return tuple(names), np.array([index[word] for word in words], dtype=np.int64)


def counted(words: list[str], names: tuple[str, ...]) -> str:
    """The classes and how often each occurs, for a line."""
    counts = Counter(words)
    listed = ", ".join(f"{name} {counts[name]}" for name in names[:SHOWN])
    return listed + (", …" if len(names) > SHOWN else "")


def coded(
    labels: np.ndarray, names: tuple[str, ...], one_vs_rest: Any = None, one_hot: Any = None
) -> tuple[Array, tuple[str, ...]]:
    """Targets for classes and the names of what they stand for: one-hot columns, signs, or one class against the rest.

    Raises
    ------
    InvalidInputError
        For a class that does not exist, and two ways of coding at once.
    """
    one_hot = None if one_hot is None else as_flag(one_hot, "one_hot")
    indicator = (labels[:, None] == np.arange(len(names))).astype(np.float64)
    if one_vs_rest is not None:
        if one_hot is not None:
            raise InvalidInputError(explain("one_vs_rest or one_hot, not both", f"{one_vs_rest=}, {one_hot=}"))
        chosen = names.index(one_vs_rest) if is_word(one_vs_rest, names) else one_vs_rest
        # digits that are no name are an index
        chosen = int(chosen) if isinstance(chosen, str) and chosen.isdecimal() else chosen
        is_index = isinstance(chosen, (int, np.integer)) and not isinstance(chosen, bool)
        if not is_index or not 0 <= chosen < len(names):
            known = ", ".join(f"{k} ({n})" for k, n in enumerate(names))
            raise InvalidInputError(explain(f"one_vs_rest to be a class among {known}", shown(one_vs_rest)))
        return 2.0 * indicator[:, chosen] - 1.0, ("rest", names[chosen])
    if one_hot or (one_hot is None and len(names) > 2):
        return indicator, names
    signs = 2.0 * indicator - 1.0
    return (signs[:, 1] if len(names) == 2 else signs), names
