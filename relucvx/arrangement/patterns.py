"""The activation patterns of a data matrix as a value, and the unit rows every arrangement routine works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.tolerances import PATTERN
from relucvx.types import Array, BoolArray, Result

UNPROVEN = "nothing says that there are no others"


@dataclass(frozen=True, repr=False)
class Arrangement(Result):
    """Activation patterns of the rows of X, each with an interior witness.

    A pattern is a full-dimensional cell of the central arrangement of the non-zero rows of X::

        pattern[i] = [x_i·g >= 0],   |x_i·g| > tolerance ||x_i|| ||g||   for a generator g of the cell

    Zero rows count as True and X = 0 has exactly one pattern. Rows that are positive multiples of each other carry the
    same bit in every pattern, negative multiples carry opposite bits. A gate on a wall belongs to every adjacent cell
    (`relucvx.arrangement.adjacent_patterns`). Patterns come in pairs ±g, unless X = 0.

    Attributes
    ----------
    X : (n, d) array
        The data.
    patterns : (P, n) bool array
        One pattern per row, all different.
    generators : (P, d) array
        Unit vectors strictly inside their cell; in the row space of X unless sizes of columns differ by more than 16.
        Zero where X = 0.
    tolerance : float
        Relative to ||x_i|| ||w||, for X with its columns brought to one size: closer than this to a wall, the side is
        undecided (see `enumerate_patterns`).
    doubt : str
        Why the patterns may not be all patterns; empty for a complete arrangement. Only `enumerate_patterns` empties it:
        an arrangement put together or edited by hand is never taken to be complete.

    Raises
    ------
    InvalidInputError
        For arrays that do not fit each other.

    Notes
    -----
    Status: theorem where ``complete`` is True, else a sample of the patterns.
    Source: [cover-1965], [pilanci-ergen-2020].

    Examples
    --------
    >>> import relucvx as rx
    >>> arrangement = rx.enumerate_patterns([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> len(arrangement), arrangement.complete, arrangement.patterns.shape, arrangement.generators.shape
    (6, True, (6, 3), (6, 2))
    """

    X: Array
    patterns: BoolArray
    generators: Array
    tolerance: float = float(PATTERN)
    doubt: str = field(default=UNPROVEN, init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        X, patterns, generators = (np.asarray(a) for a in (self.X, self.patterns, self.generators))
        fits = (
            X.ndim == 2
            and patterns.shape == (len(patterns), len(X))
            and generators.shape == (len(patterns), X.shape[1])
        )
        if not fits or patterns.dtype != np.bool_:
            raise InvalidInputError(
                explain(
                    "patterns of shape (P, n) and dtype bool, and generators of shape (P, d), for X of shape (n, d)",
                    f"patterns {patterns.shape} of dtype {patterns.dtype}, generators {generators.shape}, X {X.shape}",
                    "an arrangement put together by hand",
                    "enumerate_patterns(X)",
                )
            )

    @classmethod
    def enumerated(cls, X: Array, patterns: BoolArray, generators: Array, doubt: str = "") -> Arrangement:
        """What `enumerate_patterns` found; no other place may say that nothing is missing."""
        out = cls(X, patterns, generators)
        object.__setattr__(out, "doubt", doubt)
        return out

    @property
    def complete(self) -> bool:
        """Whether every cell of inradius above `tolerance` is listed. Sampling always says False."""
        return not self.doubt

    def to_dict(self) -> dict[str, Any]:
        """The arrangement as nested plain Python values."""
        return {**super().to_dict(), "complete": self.complete}

    def __len__(self) -> int:
        return len(self.patterns)

    def __repr__(self) -> str:
        n, d = self.X.shape
        kind = "complete" if self.complete else "incomplete"
        return (
            f"Arrangement({len(self)} patterns of {n} samples in {d} dimensions, {kind}, tolerance {self.tolerance:g})"
        )


def unit_rows(X: Array) -> tuple[Array, BoolArray]:
    """Rows of X scaled to length 1, and which rows are non-zero; zero rows stay zero.

    Each row is divided by its largest entry first, so that neither 1e-200 nor 1e200 under- or overflows when squared.
    """
    largest = np.abs(X).max(axis=1, keepdims=True)
    nonzero = largest[:, 0] > 0
    # Subnormal entries make 1/largest overflow; a power of two lifts them exactly.
    lift = np.where(largest < 1e-290, 2.0**200, 1.0)
    scaled = (X * lift) / np.where(nonzero[:, None], largest * lift, 1.0)
    norms = np.linalg.norm(scaled, axis=1, keepdims=True)
    return scaled / np.where(nonzero[:, None], norms, 1.0), nonzero


def row_space(rows: Array, tol: float) -> Array:
    """Orthonormal basis (r, d) of the smallest leading singular subspace with every unit row within tol of it.

    The rank is read off the rows' own distances, not off the singular values, because the distance of a row to the
    subspace is what moves its wall.
    """
    # directions of the smallest singular values go first, as long as no row is moved by more than the tolerance
    _, _, Vt = np.linalg.svd(np.linalg.qr(rows, mode="r"), full_matrices=False)
    beyond = np.zeros(len(rows))
    rank = len(Vt)
    while rank > 0:
        beyond = np.hypot(beyond, rows @ Vt[rank - 1])
        if beyond.max() > tol:
            break
        rank -= 1
    return Vt[:rank]


def bits_of(products: Array) -> BoolArray:
    """The pattern convention in one place: a product of exactly zero counts as True."""
    return np.asarray(products >= 0)
