"""Long tables: rows that belong to samples, of which each has one target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from relucvx.datasets.dataset import Dataset
from relucvx.errors import DataFileError, explain
from relucvx.labels import is_missing


def named_groups(path: Path, words: Sequence[object]) -> np.ndarray:
    """The cells of a column of groups: numbers where all are, else text.

    Raises
    ------
    DataFileError
        For a cell without a group.
    """
    for row, word in enumerate(words):
        if is_missing(word):
            raise DataFileError(
                explain(f"a group in every row of {path}", f"{word or 'an empty cell'} in row {row}", "missing values")
            )
    try:
        return np.array([float(str(word)) for word in words])
    except ValueError:
        return np.array([str(word) for word in words])


def grouped(path: Path, rows: Dataset, labels: np.ndarray) -> Dataset:
    """The samples that rows with targets belong to, in the order of their labels.

    Raises
    ------
    DataFileError
        For a group whose rows have different targets, and for a row without a group.
    """
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        row = int(np.flatnonzero(~np.isfinite(labels))[0])
        raise DataFileError(explain(f"a group in every row of {path}", f"{labels[row]} in row {row}", "missing values"))
    names, first, member = np.unique(labels, return_index=True, return_inverse=True)
    targets = rows.Y.reshape(len(labels), -1)
    unlike = (targets != targets[first[member]]).any(axis=1)
    if unlike.any():
        row = int(np.argmax(unlike))
        held = [", ".join(f"{v:g}" for v in targets[k]) for k in (first[member[row]], row)]
        raise DataFileError(
            explain(
                f"one target in all rows of a sample of {path}",
                f"{held[0]} in row {first[member[row]]} and {held[1]} in row {row}, both of group {names[member[row]]}",
                "another column holds the groups, or the target is one of rows",
            )
        )
    chosen = None if rows.labels is None else rows.labels[first]
    return replace(rows, Y=rows.Y[first], labels=chosen, groups=member, beta_hint=None)
