"""Inputs on which solvers of two-layer networks break: small, deterministic, one for every degeneracy."""

from __future__ import annotations

import numpy as np

from relucvx.conversion import as_flag
from relucvx.datasets.dataset import Dataset
from relucvx.types import Array


def degenerate_bank(*, extreme: bool = False) -> dict[str, Dataset]:
    """Degenerate scalar-output problems by name, each with n <= 12 samples and a description of what is degenerate.

    Parameters
    ----------
    extreme : bool, default False
        Include inputs of size 1e±100, whose squares are still inside float64 but far outside any solver's comfort.

    Returns
    -------
    dict of str to Dataset
        The same on every call.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> bank = rx.datasets.degenerate_bank()
    >>> print(sorted(bank)[:3], len(bank) > 10)
    ['all_zero', 'collinear_rows', 'conflicting_rows'] True
    """
    rng = np.random.default_rng(20)
    X = rng.standard_normal((6, 2))
    y = rng.standard_normal(6)
    wide = rng.standard_normal((3, 5))
    bank = _rows(X, y) | _columns(X, y, wide) | _targets(X, y) | _scales(X, y)
    if as_flag(extreme, "extreme"):
        bank["extreme_large"] = (1e100 * X, y, "inputs of size 1e100")
        bank["extreme_small"] = (1e-100 * X, y, "inputs of size 1e-100")
    return {
        name: Dataset(f"degenerate:{name}", inputs, targets, description=text)
        for name, (inputs, targets, text) in bank.items()
    }


Entry = tuple[Array, Array, str]


def _rows(X: Array, y: Array) -> dict[str, Entry]:
    zero_row = X.copy()
    zero_row[2] = 0.0
    # both sides of the origin, at different lengths
    ray = np.outer([1.0, 2.0, -1.0, 0.5, -3.0, 1.5], [0.6, -0.8])
    # one degeneracy each, so that a failure names its cause; the lattice has several at once
    return {
        "zero_row": (zero_row, y, "one sample is the origin: its output is 0 whatever the network"),
        "all_zero": (np.zeros((4, 2)), y[:4], "every sample is the origin"),
        "duplicate_rows": (np.vstack([X, X[:3]]), np.append(y, y[:3]), "three samples occur twice"),
        "conflicting_rows": (np.vstack([X, X[:3]]), np.append(y, -y[:3]), "three inputs occur with opposite targets"),
        "opposite_rows": (np.vstack([X, -X]), np.append(y, y), "each sample occurs with its negative"),
        "parallel_rows": (
            np.vstack([X, 2.0 * X[:3]]),
            np.append(y, y[:3]),
            "three samples occur again at twice the length",
        ),
        "collinear_rows": (ray, y, "all samples on one line through the origin"),
        "nearly_duplicate_rows": (
            np.vstack([X, X[:3] * (1 + 1e-13)]),
            np.append(y, y[:3]),
            "three samples occur again, equal up to 1e-13",
        ),
        "lattice": (
            np.array([[a, b] for a in (-1.0, 0.0, 1.0) for b in (-1.0, 0.0, 1.0)]),
            np.array([1.0, -1.0, 1.0, -1.0, 0.0, -1.0, 1.0, -1.0, 1.0]),
            "a 3 x 3 grid: zero, duplicate-direction and opposite rows at once",
        ),
        "one_sample": (X[:1], y[:1], "n = 1"),
        "two_samples_opposite_targets": (np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([1.0, -1.0]), "no fit helps"),
    }


def _columns(X: Array, y: Array, wide: Array) -> dict[str, Entry]:
    return {
        "rank_deficient": (np.column_stack([X, X @ [1.0, -2.0]]), y, "the third column is a combination of the others"),
        "nearly_rank_deficient": (
            np.column_stack([X, X @ [1.0, -2.0] + 1e-9 * np.arange(6)]),
            y,
            "the third column is a combination of the others up to 1e-9",
        ),
        "constant_column": (np.column_stack([X, np.ones(6)]), y, "a column of ones, like an explicit bias"),
        "zero_column": (np.column_stack([X, np.zeros(6)]), y, "a feature that is always 0"),
        "duplicate_column": (np.column_stack([X, X[:, 0]]), y, "a feature occurs twice"),
        "more_columns_than_rows": (wide, y[:3], "n < d"),
        "one_feature": (X[:, :1], y, "d = 1"),
        "one_feature_positive": (np.abs(X[:, :1]), y, "d = 1, all inputs positive: only one non-zero atom"),
        "integers": (np.array([[1, 2], [-3, 1], [2, 2], [0, -1]], dtype=float), np.array([1.0, 0, -2, 3]), "integers"),
    }


def _targets(X: Array, y: Array) -> dict[str, Entry]:
    return {
        "zero_target": (X, np.zeros(6), "the zero network is optimal at every beta"),
        "constant_target": (X, np.ones(6), "every target is 1"),
        "one_nonzero_target": (X, np.eye(6)[0], "a single target differs from 0"),
        "signs_by_half_space": (X, np.where(X[:, 0] > 0, 1.0, -1.0), "labels ±1 separated by a line"),
    }


def _scales(X: Array, y: Array) -> dict[str, Entry]:
    return {
        "huge_inputs": (1e8 * X, y, "inputs of size 1e8"),
        "tiny_inputs": (1e-8 * X, y, "inputs of size 1e-8"),
        "huge_targets": (X, 1e8 * y, "targets of size 1e8"),
        "tiny_targets": (X, 1e-8 * y, "targets of size 1e-8"),
        "mixed_columns": (X * [1e6, 1e-6], y, "columns of size 1e6 and 1e-6"),
        "mixed_rows": (X * np.array([[1e6], [1.0], [1e-6], [1.0], [1e3], [1e-3]]), y, "rows of size 1e-6 to 1e6"),
    }
