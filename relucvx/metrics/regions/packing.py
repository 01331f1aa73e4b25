"""Codes of many regions, a bit for each neuron where a bit is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relucvx.conversion import LARGEST_SHARE, free_memory
from relucvx.errors import InvalidInputError, explain
from relucvx.types import BoolArray

Indices = NDArray[np.intp]

ROWS = 2**14
"""Codes unpacked at a time."""


def check_matrix(needed: int, n_regions: int, n_neurons: int, cause: str, fix: str) -> None:
    """Refuse the matrix of all codes where so many bytes would not fit in memory, before it is made.

    Raises
    ------
    InvalidInputError
        With what it takes and what is free.
    """
    free = free_memory()
    if needed > LARGEST_SHARE * free:
        raise InvalidInputError(
            explain(
                "codes that fit in memory as a matrix",
                f"{n_regions:,} regions by {n_neurons:,} neurons: {needed / 2**30:,.3g} GiB, where "
                f"{free / 2**30:,.3g} GiB are free",
                cause,
                fix,
            )
        )


def packed(code: Any) -> Any:
    """Codes (faces, neurons) of a layer as bytes (faces, bytes): bits of zeros and ones, else numbers as they are."""
    if code.dtype == bool:
        return np.packbits(code, axis=1)
    return np.ascontiguousarray(code).view(np.uint8).reshape(len(code), -1)


@dataclass(frozen=True)
class Codes:
    """Codes of faces, layer beside layer.

    Attributes
    ----------
    rows : ndarray of shape (faces, bytes), uint8
    kinds : tuple of (dtype, int)
        Type and width of every layer.
    """

    rows: Any
    kinds: tuple[tuple[Any, int], ...]

    @classmethod
    def of(cls, layers: Sequence[Any], kinds: Sequence[tuple[Any, int]], ancestors: Any) -> Codes:
        """From the :func:`packed` codes of each layer's faces, and which of these (layers, faces) a face is part of."""
        faces = ancestors.shape[1]
        rows = np.empty((faces, sum(code.shape[1] for code in layers)), dtype=np.uint8)
        at = 0
        for code, row in zip(layers, ancestors, strict=True):
            rows[:, at : at + code.shape[1]] = code[row]
            at += code.shape[1]
        return cls(rows, tuple((np.dtype(dtype), int(width)) for dtype, width in kinds))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def unpacked_bytes(self) -> int:
        """Memory that all of them take unpacked."""
        widest = max((dtype.itemsize for dtype, _ in self.kinds), default=1)
        return len(self.rows) * widest * sum(width for _, width in self.kinds)

    def _spans(self) -> list[tuple[slice, Any, int]]:
        """Bytes of every layer, its type and its width."""
        out, at = [], 0
        for dtype, width in self.kinds:
            size = -(-width // 8) if dtype.kind == "b" else width * dtype.itemsize
            out.append((slice(at, at + size), dtype, width))
            at += size
        return out

    def only(self, chosen: Sequence[int]) -> Codes:
        """The codes of some layers."""
        if list(chosen) == list(range(len(self.kinds))):
            return self
        spans = self._spans()
        parts = [self.rows[:, spans[k][0]] for k in chosen]
        rows = np.hstack(parts) if parts else np.empty((len(self.rows), 0), dtype=np.uint8)
        return Codes(rows, tuple(self.kinds[k] for k in chosen))

    def at(self, faces: Indices) -> Codes:
        """The codes of some faces."""
        return Codes(self.rows[faces], self.kinds)

    def same(self, one: Indices, other: Indices) -> BoolArray:
        """Which pairs of faces have one code."""
        out = np.empty(len(one), dtype=bool)
        for begin in range(0, len(one), ROWS):
            some = slice(begin, begin + ROWS)
            out[some] = (self.rows[one[some]] == self.rows[other[some]]).all(axis=1)
        return out

    def unpacked(self) -> Any:
        """Codes (faces, N), all in one type."""
        widths = [width for _, width in self.kinds]
        kinds = [kind for kind, _ in self.kinds]
        out = np.empty((len(self.rows), sum(widths)), dtype=np.result_type(*kinds) if kinds else np.dtype(bool))
        for begin in range(0, len(out), ROWS):
            rows, at = self.rows[begin : begin + ROWS], 0
            for here, kind, width in self._spans():
                code = rows[:, here]
                bits = kind.kind == "b"
                code = (
                    np.unpackbits(code, axis=1, count=width).view(bool)
                    if bits
                    else np.ascontiguousarray(code).view(kind)
                )
                out[begin : begin + ROWS, at : at + width] = code
                at += width
        return out

    def first_difference(self, one: Indices, other: Indices) -> Indices:
        """The first layer in which faces differ; the number of layers where they are the same."""
        out = np.full(len(one), len(self.kinds))
        apart = self.rows[one] != self.rows[other]
        for k, (here, _, _) in reversed(list(enumerate(self._spans()))):
            out[apart[:, here].any(axis=1)] = k
        return out
