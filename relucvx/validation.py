"""Checks on user input, done once at the boundary. Inputs are never modified."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.types import Array


def as_numpy(value: Any) -> Any:
    """A torch tensor or anything else array-like as a numpy array, without a copy where that is possible.

    Ragged nested lists become an array of lists, which checks refuse for its type.
    The brain floats of torch, which numpy does not know, become float64; masked entries become NaN or None, which checks
    refuse.
    """
    if hasattr(value, "detach"):
        tensor = value.detach().cpu()
        return (tensor.double() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        numeric = value.dtype.kind in "biuf"
        out = np.array(value.data, dtype=np.float64 if numeric else object)
        out[np.ma.getmaskarray(value)] = np.nan if numeric else None
        return out
    try:
        return np.asarray(value)
    except ValueError:  # ragged nested lists
        rows = np.empty(len(value), dtype=object)
        for k, row in enumerate(value):  # at once, rows of one length would be taken for a matrix
            rows[k] = row
        return rows


def as_matrix(value: Any, name: str, *, allow_vector: bool = False) -> Array:
    """Convert to a finite float64 matrix of shape (n, k) with n, k >= 1.

    Integers, booleans and float32 are promoted; torch tensors are accepted. Complex numbers, text, objects, NaN,
    infinities and masked entries are refused with the position of the first offender.
    """
    raw = as_numpy(value)
    if raw.dtype.kind not in "biuf":
        cause = {"c": "complex numbers", "U": "text", "S": "text", "O": "mixed types or ragged rows"}.get(
            raw.dtype.kind, "an unsupported type"
        )
        raise InvalidInputError(
            explain(
                f"{name} to hold real numbers", f"dtype {raw.dtype}", cause, f"{name} = numpy.asarray({name}, float)"
            )
        )
    if allow_vector and raw.ndim == 1:
        raw = raw[:, None]
    if raw.ndim != 2:
        shapes = "(n, c) or (n,)" if allow_vector else "(n, d)"
        hint = f"{name}.reshape(-1, 1) for a single feature" if raw.ndim == 1 else ""
        raise InvalidInputError(explain(f"{name} of shape {shapes}", f"shape {raw.shape}", "", hint))
    if raw.shape[0] == 0 or raw.shape[1] == 0:
        raise InvalidInputError(
            explain(f"{name} with at least one row and one column", f"shape {raw.shape}", "empty data")
        )
    out = np.array(raw, dtype=np.float64, order="C")
    bad = ~np.isfinite(out)
    if bad.any():
        i, j = (int(k) for k in np.argwhere(bad)[0])
        raise InvalidInputError(
            explain(
                f"{name} to be finite",
                f"{out[i, j]} at row {i}, column {j} ({int(bad.sum())} non-finite entries in all)",
                "missing values or overflow",
                f"drop or impute those rows, e.g. {name}[numpy.isfinite({name}).all(axis=1)]",
            )
        )
    return out


def as_flat_matrix(value: Any, name: str) -> Array:
    """As :func:`as_matrix` for an array (n, ...): samples of any shape are flattened to rows."""
    raw = as_numpy(value)
    return as_matrix(raw.reshape(len(raw), -1) if raw.ndim > 2 and raw.size else raw, name)


def as_positive(value: Any, name: str, *, allow_zero: bool = False, fix: str = "") -> float:
    """Convert to a finite float that is > 0 (or >= 0)."""
    try:
        out = float(value)
    except (TypeError, ValueError):
        out = float("nan")
    if isinstance(value, (bool, np.bool_)) or not np.isfinite(out) or out < 0 or (out == 0 and not allow_zero):
        bound = ">= 0" if allow_zero else "> 0"
        raise InvalidInputError(explain(f"{name} to be a finite number {bound}", repr(value), "", fix))
    return out


def as_count(value: Any, name: str, least: int = 1, *, optional: bool = False, cause: str = "") -> int:
    """An int that is at least ``least``; ``optional`` says in the error that None, which the caller handles, is another
    choice.

    Raises
    ------
    InvalidInputError
        For anything else; True and 1.0 are no counts.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < least:
        raise InvalidInputError(explain(f"{name} to be an int >= {least}{' or None' * optional}", repr(value), cause))
    return int(value)


def as_fraction(value: Any, name: str, *, zero: bool = False, optional: bool = False) -> float:
    """A number strictly between 0 and 1, or 0 if ``zero``; ``optional`` as in :func:`as_count`.

    Raises
    ------
    InvalidInputError
        For anything else.
    """
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not 0.0 <= value < 1.0 or (value == 0.0 and not zero):
        wanted = f"{name} {'in [0, 1)' if zero else 'strictly between 0 and 1'}{', or None' * optional}"
        raise InvalidInputError(explain(wanted, repr(value), "a percentage", f"{name}=0.{'05' if zero else '95'}"))
    return float(value)


def as_sample_weight(value: Any, n: int) -> Array:
    """Convert to n non-negative finite weights with a positive sum; None means all ones."""
    if value is None:
        return np.ones(n)
    out = as_matrix(value, "sample_weight", allow_vector=True)
    if out.shape != (n, 1):
        raise InvalidInputError(
            explain(f"sample_weight of shape ({n},)", f"shape {np.shape(value)}", "one weight per row of X")
        )
    out = out[:, 0]
    if (out < 0).any() or out.sum() <= 0:
        raise InvalidInputError(
            explain("sample_weight >= 0 with a positive sum", f"minimum {out.min()}, sum {out.sum()}")
        )
    return out


def check_same_length(X: Array, Y: Array) -> None:
    """Raise unless X and Y have one row per sample."""
    if len(X) != len(Y):
        raise InvalidInputError(
            explain(
                f"Y with as many rows as X ({len(X)})",
                f"{len(Y)} rows",
                "X or Y is transposed, or a column was taken for a row",
                "X of shape (n, d), Y of shape (n,) or (n, c)",
            )
        )
