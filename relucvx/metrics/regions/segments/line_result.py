"""What is found along a segment: breakpoints, and codes as what changes at each of them."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relucvx.metrics.figures import axes_or_new
from relucvx.metrics.regions.packing import check_matrix
from relucvx.metrics.regions.segments.flips import Flips
from relucvx.types import Array, Result, plain

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class LineRegions(Result):
    """Regions of constant activation code along x(t) = start + t (end - start), 0 <= t <= 1.

    Attributes
    ----------
    breakpoints : ndarray of shape (r - 1,)
        The t in (0, 1) at which the code changes, increasing.
    flips : Flips
        The code on the first interval, and which neurons change at each breakpoint: ``flips.columns[flips.starts[i] :
        flips.starts[i + 1]]`` at ``breakpoints[i]``. As much memory as there are changes; ``flips.at(i)`` has the codes of some
        regions, in increasing order.
    layer : ndarray of shape (N,)
        Hidden layer of each neuron (column of ``codes``).
    neuron : ndarray of shape (N,)
        Position of each neuron in its layer.
    exact_breakpoints : tuple of Fraction or None
        The breakpoints as rationals where they were computed so.

    Notes
    -----
    Status: a record of what :func:`line_regions` finds, which states what it rests on. Source: [lewandowski-2025].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.metrics.line_regions(rx.TwoLayerReLU([[1.0], [-2.0]], [1.0, 1.0], [0.0, 1.0]), [-1.0], [1.0])
    >>> found.n_regions, found.breakpoints.tolist(), found.codes.astype(int).tolist()
    (3, [0.5, 0.75], [[0, 1], [1, 1], [1, 0]])
    """

    breakpoints: Array
    flips: Flips
    layer: Indices
    neuron: Indices
    exact_breakpoints: tuple[Fraction, ...] | None = None

    @functools.cached_property
    def codes(self) -> Any:
        """Code on each open interval, of shape (r, N): True where a preactivation is > 0.

        Of a max pooling it is who wins: the position in the window of the largest entry, or minus the sum of 2^position over
        those that are largest together (zeros behind a ReLU); codes are then whole numbers, and those of neurons 0 and 1.
        Neighbouring rows differ. The matrix is made when it is first asked for.

        Raises
        ------
        InvalidInputError
            Before it is made, where it would not fit in memory.
        """
        check_matrix(
            self.flips.dense_bytes,
            self.n_regions,
            len(self.layer),
            "a long segment through a large network",
            "line.flips.at([0, 100]), the codes of some regions, or line_regions(..., layers=[-1])",
        )
        return final(self.flips.dense())

    def to_dict(self) -> dict[str, Any]:
        """As :meth:`Result.to_dict`, with ``codes`` in place of ``flips``."""
        named = {"breakpoints": self.breakpoints, "codes": self.codes, "layer": self.layer, "neuron": self.neuron}
        return {name: plain(value) for name, value in {**named, "exact_breakpoints": self.exact_breakpoints}.items()}

    def facts(self) -> dict[str, Any]:
        """How many regions the segment meets, and of how many neurons."""
        return {
            "n_regions": self.n_regions,
            "neurons": len(self.layer),
            "exact": self.exact_breakpoints is not None,
        }

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per region: where on the segment it is, and how many neurons are active in it."""
        ends = np.concatenate([[0.0], self.breakpoints, [1.0]])
        for low, high, active in zip(ends[:-1], ends[1:], self.flips.active(), strict=True):
            yield {"from": float(low), "to": float(high), "length": float(high - low), "active": int(active)}

    def plot(self, ax: Any = None) -> Any:
        """Draw the codes along the segment, a line for each neuron, dark where it is active; returns the axes."""
        ax = axes_or_new(ax)
        ends = np.concatenate([[0.0], self.breakpoints, [1.0]])
        neurons = np.arange(len(self.layer) + 1) - 0.5
        ax.pcolormesh(
            ends,
            neurons,
            self.codes.T.astype(float),
            cmap="Blues",
            vmin=0.0,
            vmax=1.4 * max(1, self.codes.max(initial=0)),
        )
        ax.set(xlabel="t along the segment", ylabel="neuron")
        return ax

    @property
    def n_regions(self) -> int:
        """Number r of regions met."""
        return len(self.flips)

    @property
    def midpoints(self) -> Array:
        """Middle t of each interval, of shape (r,)."""
        ends = np.concatenate([[0.0], self.breakpoints, [1.0]])
        return 0.5 * (ends[:-1] + ends[1:])


def final(array: Any) -> Any:
    """An array of our own made read-only, so that the result need not copy it."""
    array.setflags(write=False)
    return array
