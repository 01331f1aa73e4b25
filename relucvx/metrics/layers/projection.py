"""Wide layers in bounded memory: sparse random projections with a known distortion, and what is refused beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse

from relucvx.conversion import LARGEST_SHARE, free_memory, is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.types import Array
from relucvx.validation import as_count

BLOCKS = 4
"""Columns that every entry of a layer is added to, each with a random sign."""

HELD = 512 * 2**20
"""Bytes of recorded values up to which ``project="auto"`` leaves them as they are."""

WIDTHS = (4096, 2048, 1024, 512, 256)
"""Columns of automatic projections: the first of these with which all layers fit."""

PAIRS_OF = 32
"""Samples whose distances are compared before and after."""


class Projection:
    """A sparse random matrix S of shape (p, m) for which |S'x|^2 is |x|^2 on average.

    Every row of S has one entry ±1/2 in each of four blocks of m/4 columns, in a random place. Then the variance of |S'x|^2 is
    at most 2/m |x|^4, for any x.
    """

    def __init__(self, width: int, columns: int, seed: int) -> None:
        self.width, self.columns = width, columns
        rng = np.random.default_rng([seed, width])
        block = columns // BLOCKS
        places = rng.integers(block, size=(width, BLOCKS)) + block * np.arange(BLOCKS)
        signs = (2.0 * rng.integers(2, size=(width, BLOCKS)) - 1.0) / np.sqrt(BLOCKS)
        ends = np.arange(0, BLOCKS * width + 1, BLOCKS)
        self.matrix = sparse.csr_array((signs.ravel(), places.ravel(), ends), shape=(width, columns))
        self.errors: Array | None = None

    def __call__(self, rows: Array) -> Array:
        """Rows (m, p) in fewer columns; of the first that come, distances are compared."""
        out = np.asarray((self.matrix.T @ rows.T).T)
        if self.errors is None:
            true, found = (_pair_distances(part[:PAIRS_OF]) for part in (rows, out))
            apart = true > 0
            self.errors = found[apart] / true[apart] - 1.0
        return out

    @property
    def facts(self) -> dict[str, Any]:
        """Widths, the bound on the standard deviation of a relative error of a squared distance, and errors seen."""
        seen = np.zeros(0) if self.errors is None else self.errors
        return {
            "width": self.width,
            "columns": self.columns,
            "sd_bound": float(np.sqrt(2.0 / self.columns)),
            "rms_seen": float(np.sqrt(np.mean(seen**2))) if len(seen) else float("nan"),
            "largest_seen": float(np.abs(seen).max()) if len(seen) else float("nan"),
            "pairs_seen": len(seen),
        }


def as_columns(project: Any) -> int | str | None:
    """None, ``"auto"``, or a number of columns, rounded down to a multiple of four.

    Raises
    ------
    InvalidInputError
        For anything else.
    """
    if project is None or is_word(project, ("auto",)):
        return None if project is None else "auto"
    columns = as_count(project, "project", least=2 * BLOCKS, optional=True)
    return columns - columns % BLOCKS


def planned(widths: Mapping[str, int], n: int, project: int | str | None) -> dict[str, int]:
    """Columns of the layers that are projected.

    Raises
    ------
    InvalidInputError
        When what is to be recorded does not fit in memory; nothing has been recorded then.
    """
    columns = project
    if project == "auto":
        fits = [m for m in WIDTHS if _bytes(widths, n, m) <= HELD]
        columns = None if _bytes(widths, n, None) <= HELD else next(iter(fits), WIDTHS[-1])
    needed, free = _bytes(widths, n, columns), free_memory()
    if needed > LARGEST_SHARE * free:
        widest = sorted(widths, key=lambda name: -widths[name])[:3]
        shown = ", ".join(f"{name!r} of {widths[name]:,} values" for name in widest)
        raise InvalidInputError(
            explain(
                f"values of {n:,} samples that fit in memory ({free / 2**30:.3g} GiB are free)",
                f"{needed / 2**30:,.3g} GiB in {len(widths)} layers, the widest {shown}",
                "images or sequences, of which every place is kept",
                'pool="mean", tokens="mean", project=1024, fewer layers or fewer samples',
            )
        )
    return {name: int(columns) for name, width in widths.items() if columns is not None and width > int(columns)}


def _bytes(widths: Mapping[str, int], n: int, columns: Any) -> float:
    return 8.0 * n * sum(width if columns is None else min(width, int(columns)) for width in widths.values())


def _pair_distances(rows: Array) -> Array:
    pairs = zip(*np.triu_indices(len(rows), 1), strict=True)
    return np.array([float(np.sum((rows[a] - rows[b]) ** 2)) for a, b in pairs])
