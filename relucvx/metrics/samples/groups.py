"""Class labels and binary factors of any type, turned into group indices once for every metric."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relucvx.conversion import as_list
from relucvx.errors import InvalidInputError, explain
from relucvx.labels import read_labels
from relucvx.metrics.samples.scaling import mean_row
from relucvx.types import Array, BoolArray
from relucvx.validation import as_matrix, as_numpy

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Groups:
    """Samples sorted into named groups.

    Attributes
    ----------
    names : tuple
        The distinct labels as Python values, sorted where they can be compared, else in order of appearance.
    codes : ndarray of shape (n,)
        Position of each sample's label in ``names``.
    """

    names: tuple[Any, ...]
    codes: Indices

    @property
    def counts(self) -> Indices:
        """Samples of each group."""
        return np.bincount(self.codes, minlength=len(self.names)).astype(np.intp)

    def of(self, rows: Any) -> Groups:
        """Those samples alone, with the same names."""
        return Groups(self.names, self.codes[rows])

    def means(self, Z: Array) -> Array:
        """Mean row of each group, of shape (groups, p)."""
        return np.stack([mean_row(Z[self.codes == k]) for k in range(len(self.names))])


def as_groups(labels: Any, n: int, *, classes: Sequence[Hashable] | None = None, name: str = "labels") -> Groups:
    """Read one label per sample; any hashable type, missing labels of every spelling refused.

    Parameters
    ----------
    labels : sequence of length n
        List, array, pandas or torch column.
    n : int
        Number of samples.
    classes : sequence, optional
        All classes in the order wanted; a class without samples is an error, and so is a label outside.
    name : str
        What to call the argument in errors.

    Raises
    ------
    InvalidInputError
        For another length, missing labels, or labels that do not match ``classes``.
    """
    values = read_labels(labels, name, n)
    # by first appearance, which remains the order where labels cannot be sorted
    found = list(dict.fromkeys(values))
    with contextlib.suppress(TypeError):  # labels of mixed types have no order
        found.sort()
    if classes is not None:
        found = _check_classes(read_labels(as_list(classes, "classes"), "classes"), found, name)
    index = {label: k for k, label in enumerate(found)}
    return Groups(tuple(found), np.array([index[v] for v in values], dtype=np.intp))


def as_conditions(conditions: Any, n: int, name: str = "conditions") -> Groups:
    """Groups of trials by one label each, or by the rows of a table of variables (n, k), which become tuples.

    Raises
    ------
    InvalidInputError
        As :func:`as_groups`.
    """
    if isinstance(conditions, (list, tuple)):  # no array of them, which would turn numbers beside text into text
        conditions = [_as_label(row) for row in conditions]
    else:
        conditions = as_numpy(conditions, name)
        if conditions.ndim == 2:
            conditions = [tuple(row) for row in conditions.tolist()]
    return as_groups(conditions, n, name=name)


def _as_label(row: Any) -> Any:
    """A list or row of an array as a tuple, which can be compared; other labels as they are."""
    if isinstance(row, list):
        return tuple(row)
    return tuple(row.tolist()) if getattr(row, "ndim", 0) == 1 else row


def _check_classes(wanted: list[Any], found: list[Any], name: str) -> list[Any]:
    empty = [c for c in wanted if c not in found]
    if empty:
        raise InvalidInputError(
            explain(
                f"{name} with at least one sample of each class",
                f"no sample of class {', '.join(repr(c) for c in empty)}",
                "an empty class has no mean",
                "drop the class, and its column of weights and entry of bias",
            )
        )
    unknown = [c for c in found if c not in wanted]
    if unknown:
        raise InvalidInputError(
            explain(f"{name} among the given classes", f"labels {', '.join(repr(c) for c in unknown)}")
        )
    return wanted


@dataclass(frozen=True)
class Factors:
    """Binary variables of every sample, and the conditions (combinations of values) that occur.

    Attributes
    ----------
    sides : ndarray of shape (n, d_Y), bool
        True where a variable has the larger of its two values.
    condition : ndarray of shape (n,)
        Condition of each sample.
    table : ndarray of shape (conditions, d_Y), bool
        Sides of the conditions that occur, in lexicographic order.
    """

    sides: BoolArray
    condition: Indices
    table: BoolArray

    @property
    def averaging(self) -> Array:
        """Matrix A (conditions, n) whose product with Z gives the condition means."""
        hot = np.zeros((len(self.table), len(self.condition)))
        hot[self.condition, np.arange(len(self.condition))] = 1.0
        return hot / hot.sum(axis=1, keepdims=True)

    def contexts(self, k: int) -> tuple[Indices, Indices]:
        """Conditions (above, below) that differ in variable k alone, one pair per context where both occur."""
        rest = np.delete(self.table, k, axis=1)
        index = {(*row, side): c for c, (row, side) in enumerate(zip(rest.tolist(), self.table[:, k], strict=True))}
        pairs = [
            (index[*row, True], index[*row, False])
            for row in np.unique(rest, axis=0).tolist()
            if (*row, True) in index and (*row, False) in index
        ]
        above, below = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
        return above, below


def as_factors(factors: Any, n: int) -> Factors:
    """Read binary variables of shape (n, d_Y) or (n,); each column holds exactly two different values of any type.

    Raises
    ------
    InvalidInputError
        For another number of rows, or a column that does not hold exactly two values.
    """
    raw = as_numpy(factors, "factors")
    raw = raw[:, None] if raw.ndim == 1 else raw
    if raw.ndim != 2 or len(raw) != n or raw.shape[1] == 0:
        raise InvalidInputError(
            explain(f"factors of shape ({n}, d_Y), one row per sample", f"shape {raw.shape}", "factors transposed")
        )
    sides = np.empty(raw.shape, dtype=bool)
    for k in range(raw.shape[1]):
        groups = as_groups(raw[:, k], n, name=f"column {k} of factors")
        if len(groups.names) != 2:
            shown = ", ".join(repr(v) for v in groups.names[:5])
            raise InvalidInputError(
                explain(
                    f"two different values in column {k} of factors",
                    f"{len(groups.names)} ({shown})",
                    "a constant, or a variable that is not binary",
                    "drop the column, or code each value of the variable as a column of its own",
                )
            )
        sides[:, k] = groups.codes == 1
    table, condition = np.unique(sides, axis=0, return_inverse=True)
    return Factors(sides, condition.reshape(-1).astype(np.intp), table)


def check_same_samples(n1: int, n2: int) -> None:
    """Raise unless two representations have as many rows.

    Raises
    ------
    InvalidInputError
        When they have not.
    """
    if n1 != n2:
        raise InvalidInputError(
            explain("two representations of the same samples", f"{n1} and {n2} rows", "one is transposed")
        )


def as_gram(Z: Any, kernel: Any, wanted: str) -> Array:
    """The Gram matrix to measure: Z Z^T, or the kernel itself; exactly one of the two is given.

    Raises
    ------
    InvalidInputError
        For both or neither, or a kernel that is not square and symmetric.
    """
    if (Z is None) == (kernel is None):
        given = "neither" if Z is None else "both"
        raise InvalidInputError(
            explain("Z of shape (n, p) or kernel of shape (n, n)", given, "", f"{wanted}(Z, ...) or kernel=K")
        )
    if kernel is None:
        rows = as_matrix(Z, "Z")
        return rows @ rows.T
    K = as_matrix(kernel, "kernel")
    if K.shape[0] != K.shape[1] or np.abs(K - K.T).max() > 1e-9 * np.abs(K).max():
        raise InvalidInputError(
            explain("a symmetric kernel of shape (n, n)", f"shape {K.shape}", "Z was passed as a kernel", "Z=...")
        )
    return (K + K.T) / 2


def as_features(Z: Any, kernel: Any, wanted: str) -> Array:
    """Rows whose Gram matrix is the one to measure: Z itself, or a square root of the kernel.

    Raises
    ------
    InvalidInputError
        As :func:`as_gram`, and for a kernel with a negative eigenvalue.
    """
    if kernel is None and Z is not None:
        return as_matrix(Z, "Z")
    values, vectors = np.linalg.eigh(as_gram(Z, kernel, wanted))
    top = float(np.abs(values).max())
    if values[0] < -1e-8 * top:
        raise InvalidInputError(
            explain(
                "a kernel without negative eigenvalues",
                f"smallest eigenvalue {values[0]:.3g}",
                "not a Gram matrix, or a noise-corrected one",
                "noise_corrected_kernel(...).clipped",
            )
        )
    # eigenvalues at rounding level would come back as directions of size sqrt(rounding)
    kept = values > 1e-14 * max(top, np.finfo(float).tiny) * len(values)
    if not kept.any():
        return np.zeros((len(values), 1))
    return vectors[:, kept] * np.sqrt(values[kept])
