"""Arrays of other packages (torch, scipy.sparse, pandas, polars …) as plain numpy arrays, or one error that says what to do.

None of these packages is imported here: what a value is, is read off the value.
"""

from __future__ import annotations

import math
import os
from collections.abc import Container, Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain

LARGEST_SHARE = 0.5
"""Share of the free memory that a sparse matrix may take once it is dense: a copy or two follow."""


def to_numpy(value: Any, name: str) -> np.ndarray:
    """An array-like as a numpy array, without a copy where that is possible; entries are not judged here.

    Ragged nested lists become an array of lists. Masked entries become NaN in numbers and None elsewhere, as do the missing
    entries of nullable pandas columns. Sparse matrices and tensors become dense where they fit in memory.

    Raises
    ------
    InvalidInputError
        For what is no array: None, text, mappings, sets, generators, objects without an array in them.
    """
    # before arrays, of which they are a kind: their masks would be lost
    if isinstance(value, np.ma.MaskedArray):
        return _unmasked(value)
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    # by what they can do: none of these packages is imported for it
    if hasattr(value, "detach") and hasattr(value, "layout"):
        return _tensor(value, name)
    if hasattr(value, "toarray") and hasattr(value, "nnz"):
        return _sparse(value, name)
    if hasattr(value, "to_numpy") and (hasattr(value, "dtypes") or hasattr(value, "dtype")):
        return _frame(value, name)
    # before numpy wraps what is no array into one of objects
    _check_no_array(value, name)
    if isinstance(value, (list, tuple)):
        value = _without_masked(value)
    try:
        return np.asarray(value)
    except ValueError as error:
        # rows of unequal length
        if isinstance(value, (list, tuple)):
            return _ragged(value)
        raise _unreadable(value, name, error) from error
    except Exception as error:  # whatever another package raises while it makes an array of itself
        raise _unreadable(value, name, error) from error


def _check_no_array(value: Any, name: str) -> None:
    """Refuse what numpy would wrap whole, as an array of one object."""
    what, fix = "", ""
    if value is None or isinstance(value, (str, bytes)):
        what = repr(value) if value is None or len(value) < 60 else f"a text of {len(value)} characters"
    elif isinstance(value, Mapping):
        what, fix = "a mapping", f"numpy.column_stack(list({name}.values()))"
    elif isinstance(value, Set):
        what, fix = "a set, which has no order", f"sorted({name})"
    elif isinstance(value, Iterator):
        what, fix = f"a {type(value).__name__}, which can be read only once", f"list({name})"
    if what:
        raise InvalidInputError(explain(f"{name} to be an array", what, "", fix))


def _unreadable(value: Any, name: str, error: Exception) -> InvalidInputError:
    return InvalidInputError(
        explain(
            f"{name} to be an array",
            f"a {type(value).__name__} that cannot be read as one ({type(error).__name__}: {error})",
            "a type of another package",
            "its numbers as a numpy array",
        )
    )


def _unmasked(value: Any) -> np.ndarray:
    if not np.ma.is_masked(value):
        return np.asarray(value.data)
    numeric = value.dtype.kind in "biuf"
    out = np.array(value.data, dtype=np.float64 if numeric else object)
    out[np.ma.getmaskarray(value)] = np.nan if numeric else None
    return out


def _without_masked(rows: Any) -> Any:
    """Nested lists with NaN for numpy's masked entry, which numpy converts with no more than a warning."""
    if not any(row is np.ma.masked or isinstance(row, (list, tuple)) for row in rows):
        return rows
    return [
        float("nan")
        if row is np.ma.masked
        else [float("nan") if cell is np.ma.masked else cell for cell in row]
        if isinstance(row, (list, tuple))
        else row
        for row in rows
    ]


def _ragged(rows: Any) -> np.ndarray:
    out = np.empty(len(rows), dtype=object)
    for k, row in enumerate(rows):  # at once, rows of one length would be taken for a matrix
        out[k] = row
    return out


def _tensor(value: Any, name: str) -> np.ndarray:
    """A torch tensor of any layout, type and device."""
    try:
        tensor = value.detach()
        if tensor.is_quantized:
            tensor = tensor.dequantize()
        if str(tensor.layout) != "torch.strided":
            if not tensor.is_mkldnn:
                _check_fits(tuple(tensor.shape), name)
            tensor = tensor.to_dense()
        tensor = tensor.cpu().resolve_conj().resolve_neg()
        if tensor.is_floating_point() and str(tensor.dtype) not in ("torch.float64", "torch.float32", "torch.float16"):
            tensor = tensor.double()  # brain floats and floats of 8 bits, which numpy does not know
        return np.asarray(tensor.numpy())
    except InvalidInputError:
        raise
    except Exception as error:  # meta and nested tensors, layouts that torch itself cannot convert
        reason = str(error).split("\n")[0]
        raise InvalidInputError(
            explain(
                f"{name} to be a tensor with numbers in it",
                f"one of layout {value.layout} on device {value.device}: {reason}",
                "a tensor without data, or of a layout that torch does not convert",
                f"a plain tensor: torch.tensor({name}.tolist())",
            )
        ) from error


def _sparse(value: Any, name: str) -> np.ndarray:
    """A scipy sparse matrix or array."""
    _check_fits(value.shape, name)
    return np.asarray(value.toarray())


def _check_fits(shape: tuple[int, ...], name: str) -> None:
    size, free = 8 * math.prod(shape), free_memory()
    if size > LARGEST_SHARE * free:
        raise InvalidInputError(
            explain(
                f"a sparse {name} that fits in memory once it is dense",
                f"shape {tuple(shape)}: {size / 2**30:,.3g} GiB, where {free / 2**30:,.3g} GiB are free",
                "everything here works on dense arrays",
                f"fewer rows, or its principal parts: sklearn.decomposition.TruncatedSVD(50).fit_transform({name})",
            )
        )


def free_memory() -> float:
    """Bytes of memory that are free, 4 GiB where the system does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return 4.0 * 2**30


def _frame(value: Any, name: str) -> np.ndarray:
    """A table or column of pandas or its like: numbers with missing entries as NaN, whatever its columns are stored as."""
    types: Any = getattr(value, "dtypes", None)
    listed: list[Any] = list(types) if hasattr(types, "__iter__") else [value.dtype]
    try:
        # numbers throughout: nullable columns give NaN, where the plain way would give objects
        if all(str(getattr(t, "kind", "O")) in "biuf" for t in listed) and listed:
            try:
                return np.asarray(value.to_numpy(dtype=np.float64, na_value=np.nan))
            except TypeError:  # a to_numpy without these options
                return np.asarray(value.to_numpy(), dtype=np.float64)
        return np.asarray(value)
    except Exception as error:
        raise _unreadable(value, name, error) from error


def as_float(value: Any) -> float:
    """A real number as a float; NaN for anything that is none: text, True, None, complex numbers, arrays of several."""
    if value is np.ma.masked or isinstance(value, (bool, np.bool_, str, bytes, complex, np.complexfloating)):
        return float("nan")
    if getattr(value, "ndim", 0) not in (0, None):
        return float("nan")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError, AttributeError):
        return float("nan")


def shown(value: Any) -> str:
    """A value in an error: its repr, on one line and not longer than one."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 100 else f"a {type(value).__name__}, {text[:70]}…"


def as_number(value: Any, name: str) -> float:
    """A finite real number.

    Raises
    ------
    InvalidInputError
        For anything else.
    """
    number = as_float(value)
    if not math.isfinite(number):
        raise InvalidInputError(explain(f"{name} to be a finite number", shown(value)))
    return number


def as_flag(value: Any, name: str) -> bool:
    """True or False, of Python or numpy.

    Raises
    ------
    InvalidInputError
        For anything else: an array or text in the place of a flag is an argument in the wrong place.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidInputError(explain(f"{name} to be True or False", shown(value), "", f"{name}=True"))
    return bool(value)


def is_word(value: Any, known: Container[str]) -> bool:
    """Whether a value is one of the words known; arrays and the like, which compare entrywise, are none."""
    return isinstance(value, str) and value in known


def as_list(value: Any, name: str) -> list[Any]:
    """The entries of a sequence.

    Raises
    ------
    InvalidInputError
        For what has no entries or no order: numbers, text, None, mappings, sets.
    """
    whole = isinstance(value, (str, bytes, Mapping, Set)) or getattr(value, "ndim", 1) == 0 or hasattr(value, "nnz")
    if whole or not isinstance(value, Iterable):
        raise InvalidInputError(explain(f"{name} to be a sequence", shown(value), "", f"{name}=[...]"))
    return list(value)


def as_callable(value: Any, name: str) -> Any:
    """A function, or None.

    Raises
    ------
    InvalidInputError
        For what cannot be called.
    """
    if value is not None and not callable(value):
        raise InvalidInputError(explain(f"{name} to be a function or None", shown(value), "", f"{name}=print"))
    return value


def as_path(value: Any, name: str) -> Path:
    """A path from text or a path.

    Raises
    ------
    InvalidInputError
        For anything else.
    """
    if not isinstance(value, (str, os.PathLike)) or isinstance(os.fspath(value), bytes):
        raise InvalidInputError(explain(f"{name} as text or a path", shown(value), "", 'a name such as "data.csv"'))
    return Path(value)


def as_instance(value: Any, kind: type, name: str, fix: str) -> None:
    """Raise unless a value is one of our own objects.

    Raises
    ------
    InvalidInputError
        With the call that makes one.
    """
    if not isinstance(value, kind):
        raise InvalidInputError(explain(f"{name} to be a {kind.__name__}", shown(value), "", fix))
