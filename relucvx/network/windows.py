"""Image layers as matrices: where the windows of convolutions and poolings lie, and the sparse maps they make."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from relucvx.network.layers import Affine, Weight
from relucvx.types import Array

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Axis:
    """The windows of a layer along one axis of an image.

    Attributes
    ----------
    size : int
        Length of the axis.
    kernel, stride, dilation : int
        Window length in taps, step between windows, step between taps.
    before, after : int
        Padding at either end.
    ceil : bool
        Whether a last window that starts inside but ends outside counts.
    """

    size: int
    kernel: int
    stride: int
    before: int = 0
    after: int = 0
    dilation: int = 1
    ceil: bool = False

    @property
    def count(self) -> int:
        """Number of windows."""
        free = self.size + self.before + self.after - self.dilation * (self.kernel - 1) - 1
        count = (-(-free // self.stride) if self.ceil else free // self.stride) + 1
        # a window may not start in the padding behind the image
        return count - (self.ceil and (count - 1) * self.stride >= self.size + self.before)

    def taps(self, offset: int) -> Indices:
        """Position of one tap in every window; outside [0, size) in the padding."""
        return np.arange(self.count, dtype=np.intp) * self.stride - self.before + offset * self.dilation


def convolution(weight: Array, bias: Array | None, rows: Axis, columns: Axis, groups: int) -> Affine:
    """Cross-correlation of images with ``weight`` of shape (out, in / groups, kernel, kernel)."""
    n_out, per_group = weight.shape[:2]
    n_in, outputs = per_group * groups, n_out // groups
    height, width = rows.count, columns.count
    parts = []
    # tap by tap: an entry wherever one meets the image, and none for zero weights or padding
    for i, j in itertools.product(range(rows.kernel), range(columns.kernel)):
        source, target = _meeting(rows, columns, i, j)
        for g in range(groups):
            block = weight[g * outputs : (g + 1) * outputs, :, i, j]
            o, c = np.nonzero(block)
            into = (g * per_group + c)[:, None] * (rows.size * columns.size) + source
            out = (g * outputs + o)[:, None] * (height * width) + target
            parts.append((into.ravel(), out.ravel(), np.repeat(block[o, c], len(source))))
    shift = np.zeros(n_out) if bias is None else bias
    shape = (n_in * rows.size * columns.size, n_out * height * width)
    return Affine(_matrix(parts, shape), np.repeat(shift, height * width), bias is not None)


def average(channels: int, rows: Axis, columns: Axis, include_padding: bool, divisor: int | None) -> Affine:
    """Average pooling; padding counts as zeros, or not at all."""
    heights, widths = (_lengths(axis, include_padding) for axis in (rows, columns))
    share = 1.0 / (
        np.outer(heights, widths).ravel() if divisor is None else np.full(rows.count * columns.count, divisor)
    )
    parts = []
    for i, j in itertools.product(range(rows.kernel), range(columns.kernel)):
        source, target = _meeting(rows, columns, i, j)
        parts.append((source, target, share[target]))
    one = _matrix(parts, (rows.size * columns.size, rows.count * columns.count))
    weight = sparse.csc_array(sparse.block_diag([one] * channels))
    return Affine(weight, np.zeros(weight.shape[1]), False)


def adaptive_average(channels: int, sizes: tuple[int, int], counts: tuple[int, int]) -> Affine:
    """Averages over count windows that cover each axis, from floor(i·size/count) to ceil((i + 1)·size/count)."""
    axes = []
    for size, count in zip(sizes, counts, strict=True):
        axis = np.zeros((size, count))
        for i in range(count):
            first, last = i * size // count, -(-(i + 1) * size // count)
            axis[first:last, i] = 1.0 / (last - first)
        axes.append(sparse.csc_array(axis))
    # a mean over a window is one over its rows of means over columns
    weight = sparse.kron(sparse.eye_array(channels, format="csc"), sparse.kron(axes[0], axes[1]), format="csc")
    return Affine(weight, np.zeros(weight.shape[1]), False)


def pool_windows(channels: int, rows: Axis, columns: Axis) -> tuple[list[Indices], list[Indices]]:
    """Positions of the entries of every pooling window, and which taps of it they are; padding belongs to none."""
    area, count = rows.size * columns.size, rows.count * columns.count
    inside: list[list[int]] = [[] for _ in range(count)]
    taps: list[list[int]] = [[] for _ in range(count)]
    for i, j in itertools.product(range(rows.kernel), range(columns.kernel)):
        for source, target in zip(*_meeting(rows, columns, i, j), strict=True):
            inside[target].append(int(source))
            taps[target].append(i * columns.kernel + j)
    found = [c * area + np.array(w, dtype=np.intp) for c in range(channels) for w in inside]
    return found, [np.array(w, dtype=np.intp) for w in taps] * channels


def _meeting(rows: Axis, columns: Axis, i: int, j: int) -> tuple[Indices, Indices]:
    """Where tap (i, j) meets the image: positions in the image, and the windows (numbered) whose tap it is."""
    y, x = rows.taps(i), columns.taps(j)
    seen = np.outer((y >= 0) & (y < rows.size), (x >= 0) & (x < columns.size)).ravel()
    source = (y[:, None] * columns.size + x).ravel()
    return source[seen], np.flatnonzero(seen)


def _lengths(axis: Axis, include_padding: bool) -> Indices:
    """Length of each window; parts beyond the padding never count."""
    first = axis.taps(0)
    last = np.minimum(first + axis.kernel, axis.size + axis.after)
    return last - first if include_padding else np.minimum(last, axis.size) - np.maximum(first, 0)


def _matrix(parts: list[tuple[Indices, Indices, Array]], shape: tuple[int, int]) -> Weight:
    into, out, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    return sparse.csc_array((values, (into, out)), shape=shape)
