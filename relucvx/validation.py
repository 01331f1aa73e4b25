"""Checks on user input, done once at the boundary. Inputs are never modified."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np

from relucvx.conversion import as_float, shown, to_numpy
from relucvx.errors import InvalidInputError, explain
from relucvx.labels import is_missing
from relucvx.types import Array

SQUARED = (1e-153, 1e153)
"""Sizes whose squares, and sums of some of them, are floats."""

SUMMED = (0.0, 1e300)
"""Sizes whose sums are floats."""

STRENGTHS = (1e-100, 1e100)
"""Range of beta, which is compared with products of numbers of the data."""


def as_numpy(value: Any, name: str = "the argument") -> np.ndarray:
    """A torch tensor, sparse matrix, data frame or anything else array-like as a numpy array, without a copy if possible.

    See :func:`relucvx.conversion.to_numpy`: entries are not judged here.
    """
    return to_numpy(value, name)


CAUSES = {
    "c": ("complex numbers", "numpy.column_stack([{0}.real, {0}.imag])"),
    "U": ("text", "{0} = numpy.asarray({0}, float), if every text is a number"),
    "S": ("text", "{0} = numpy.asarray({0}, float), if every text is a number"),
    "M": ("dates", "{0} = ({0} - {0}.min()) / numpy.timedelta64(1, 'D')"),
    "m": ("time differences", "{0} = {0} / numpy.timedelta64(1, 's')"),
    "V": ("a structured array", "numpy.lib.recfunctions.structured_to_unstructured({0})"),
}
"""Likely cause and next step for each kind of array that holds no real numbers."""


def _not_real(raw: np.ndarray, name: str) -> InvalidInputError:
    if raw.dtype.kind != "O":
        cause, fix = CAUSES.get(raw.dtype.kind, ("an unsupported type", ""))
        return InvalidInputError(explain(f"{name} to hold real numbers", f"dtype {raw.dtype}", cause, fix.format(name)))
    # of objects: the first entry that is no number is what the message is about
    for position, entry in np.ndenumerate(raw):
        where = f" at row {position[0]}" if position else ""
        if isinstance(entry, (list, tuple)) or getattr(entry, "ndim", 0) != 0:
            return InvalidInputError(
                explain(
                    f"{name} to hold real numbers",
                    f"dtype object, a {type(entry).__name__} of length {len(entry)}" + where,
                    "mixed types or ragged rows",
                    "rows of one length",
                )
            )
        # complex numbers are numbers to numpy, but not real
        if isinstance(entry, (bool, int, float, np.number)) and not isinstance(entry, np.complexfloating):
            # NaN is missing, but a float: told to convert, one is then told where it is
            if entry == entry:
                continue
            break
        what = "a missing value" if is_missing(entry) else f"{entry!r:.60}" if isinstance(entry, (str, bytes)) else ""
        cause = "missing values" if is_missing(entry) else "mixed types or ragged rows"
        return InvalidInputError(
            explain(
                f"{name} to hold real numbers",
                f"dtype object, {what or 'a ' + type(entry).__name__}{where}",
                cause,
                "drop those rows, or impute what is missing" if is_missing(entry) else "columns of numbers only",
            )
        )
    cause = "numbers that are stored as Python objects"
    return InvalidInputError(
        explain(f"{name} to hold real numbers", "dtype object", cause, f"{name} = numpy.asarray({name}).astype(float)")
    )


def as_matrix(value: Any, name: str, *, allow_vector: bool = False) -> Array:
    """Convert to a finite float64 matrix of shape (n, k) with n, k >= 1.

    Integers, booleans and float32 are promoted; torch tensors, sparse matrices and data frames are accepted. Complex numbers,
    text, objects, NaN, infinities and masked entries are refused with the position of the first offender.
    """
    raw = as_numpy(value, name)
    if raw.dtype.kind not in "biuf":
        raise _not_real(raw, name)
    vector = allow_vector and raw.ndim == 1
    if vector:
        raw = raw[:, None]
    if raw.ndim != 2:
        shapes = "(n, c) or (n,)" if allow_vector else "(n, d)"
        hint = f"{name}.reshape(-1, 1) for a single feature" if raw.ndim == 1 else ""
        raise InvalidInputError(explain(f"{name} of shape {shapes}", f"shape {raw.shape}", "", hint))
    if raw.shape[0] == 0 or raw.shape[1] == 0:
        raise InvalidInputError(
            explain(f"{name} with at least one row and one column", f"shape {raw.shape}", "empty data")
        )
    with np.errstate(over="ignore", invalid="ignore"):  # what longer floats overflow to is refused below
        out = np.array(raw, dtype=np.float64, order="C")
    bad = ~np.isfinite(out)
    if bad.any():
        i, j = (int(k) for k in np.argwhere(bad)[0])
        rows = f"numpy.isfinite({name})" + ".all(axis=1)" * (not vector)
        raise InvalidInputError(
            explain(
                f"{name} to be finite",
                f"{out[i, j]} at row {i}, column {j} ({int(bad.sum())} non-finite entries in all)",
                "missing values or overflow",
                f"drop or impute those rows, e.g. {name}[{rows}]",
            )
        )
    return out


def check_size(values: Array, name: str, sizes: tuple[float, float] = SQUARED) -> None:
    """Refuse numbers that are far off: the largest of them must be of one of these sizes. Zeros and NaN are fine.

    Raises
    ------
    InvalidInputError
        With the largest.
    """
    size = np.abs(values)
    largest = float(np.max(size, initial=0.0, where=~np.isnan(size)))
    if largest != 0.0 and not sizes[0] <= largest <= sizes[1]:
        raise InvalidInputError(
            explain(
                f"{name} between {sizes[0]:g} and {sizes[1]:g} in size",
                f"{largest:g}",
                "units far from order one; sums and squares would under- or overflow",
                f"{name} = {name} / {largest:g}",
            )
        )


def as_flat_matrix(value: Any, name: str) -> Array:
    """As :func:`as_matrix` for an array (n, ...): samples of any shape are flattened to rows."""
    raw = as_numpy(value, name)
    return as_matrix(raw.reshape(len(raw), -1) if raw.ndim > 2 and raw.size else raw, name)


def as_positive(value: Any, name: str, *, allow_zero: bool = False, fix: str = "") -> float:
    """Convert to a finite float that is > 0 (or >= 0)."""
    out = as_float(value)
    if not np.isfinite(out) or out < 0 or (out == 0 and not allow_zero):
        bound = ">= 0" if allow_zero else "> 0"
        raise InvalidInputError(explain(f"{name} to be a finite number {bound}", shown(value), "", fix))
    return out


def as_strength(beta: Any, fix: str = "beta > 0") -> float:
    """A strength of the weight decay: a number > 0 whose quotients with sums of products stay floats.

    Raises
    ------
    InvalidInputError
        For anything else.
    """
    number = as_positive(beta, "beta", fix=fix)
    if STRENGTHS[0] <= number <= STRENGTHS[1]:
        return number
    raise InvalidInputError(
        explain(
            f"beta between {STRENGTHS[0]:g} and {STRENGTHS[1]:g}",
            f"{number:g}",
            "units far from order one; squares and products would under- or overflow",
            "relucvx.interpolate(X, Y), the limit beta -> 0+" if number < 1.0 else "beta=1.0",
        )
    )


def as_strengths(betas: Any) -> Array:
    """A sequence of strengths, each > 0, as a vector.

    Raises
    ------
    InvalidInputError
        For one number, text, and anything else that is no sequence of positive numbers.
    """
    single = not isinstance(betas, Iterable) or getattr(betas, "ndim", 1) == 0
    if single or isinstance(betas, (str, bytes, Mapping, Set)):
        number = as_float(betas)
        fix = f"betas=[{number:g}]" if number > 0 else "betas=[1.0, 0.1], or betas=10 for ten from beta_max down"
        raise InvalidInputError(explain("betas to be an int, or several numbers > 0", shown(betas), "", fix))
    values = list(betas) if not hasattr(betas, "ndim") else list(as_numpy(betas, "betas").ravel())
    if not values:
        raise InvalidInputError(explain("at least one strength", "no betas", "", "betas=10"))
    return np.array([as_strength(beta, "every beta > 0") for beta in values])


def as_count(
    value: Any,
    name: str,
    least: int = 1,
    *,
    most: int | None = None,
    optional: bool = False,
    cause: str = "",
    fix: str = "",
) -> int:
    """An int that is at least ``least``, and at most ``most`` where that is given.

    ``optional`` says in the error that None, which the caller handles, is another choice.

    Raises
    ------
    InvalidInputError
        For anything else; True and 1.0 are no counts.
    """
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        bounds = f">= {least}" if most is None else f"from {least} to {most}"
        wanted = f"{name} to be an int {bounds}{' or None' * optional}"
        raise InvalidInputError(explain(wanted, shown(value), cause, fix))
    return int(value)


def as_fraction(value: Any, name: str, *, zero: bool = False, optional: bool = False) -> float:
    """A number strictly between 0 and 1, or 0 if ``zero``; ``optional`` as in :func:`as_count`.

    Raises
    ------
    InvalidInputError
        For anything else.
    """
    number = as_float(value)
    if not 0.0 <= number < 1.0 or (number == 0.0 and not zero):
        wanted = f"{name} {'in [0, 1)' if zero else 'strictly between 0 and 1'}{', or None' * optional}"
        raise InvalidInputError(explain(wanted, shown(value), "a percentage", f"{name}=0.{'05' if zero else '95'}"))
    return number


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
