"""Codes of many regions, a bit for each neuron where a bit is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]

ROWS = 2**14
"""Codes unpacked at a time."""


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
        return len(self.rows) * sum(dtype.itemsize * width for dtype, width in self.kinds)

    def _spans(self) -> list[tuple[slice, Any, int]]:
        """Bytes of every layer, its type and its width."""
        out, at = [], 0
        for dtype, width in self.kinds:
            size = -(-width // 8) if dtype.kind == "b" else width * dtype.itemsize
            out.append((slice(at, at + size), dtype, width))
            at += size
        return out

    def unpacked(self, chosen: Sequence[int], dtype: Any, faces: Indices | None = None) -> Any:
        """Codes (faces, N) of the chosen layers, side by side, all in one type."""
        spans = self._spans()
        count = len(self.rows) if faces is None else len(faces)
        out = np.empty((count, sum(spans[k][2] for k in chosen)), dtype=dtype)
        for begin in range(0, count, ROWS):
            some = slice(begin, begin + ROWS)
            rows, at = self.rows[some] if faces is None else self.rows[faces[some]], 0
            for k in chosen:
                here, kind, width = spans[k]
                code = rows[:, here]
                if kind.kind == "b":
                    code = np.unpackbits(code, axis=1, count=width).view(bool)
                else:
                    code = np.ascontiguousarray(code).view(kind)
                out[some, at : at + width] = code
                at += width
        return out

    def first_difference(self, one: Indices, other: Indices) -> Indices:
        """The first layer in which faces differ; the number of layers where they are the same."""
        out = np.full(len(one), len(self.kinds))
        apart = self.rows[one] != self.rows[other]
        for k, (here, _, _) in reversed(list(enumerate(self._spans()))):
            out[apart[:, here].any(axis=1)] = k
        return out
