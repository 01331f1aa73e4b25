"""Segments between samples walked through a whole network, for all of its layers at once, where they fit in memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from relucvx.conversion import LARGEST_SHARE, free_memory
from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.regions.segments.line_result import LineRegions
from relucvx.metrics.regions.segments.lines import Code, regions_along
from relucvx.metrics.samples.groups import Indices
from relucvx.network.layers import LayerList
from relucvx.types import Array

WALKED = 2**30
"""Bytes that the matrices of a network, or the segments that are walked at once, may take."""

ENTRY = 40
"""Bytes per multiplication of a convolution that is a sparse matrix: the matrix, its squares and a copy."""

AT_ONCE = 4
"""Segments that are walked together before it is known how many breakpoints they have."""

MATRICES = 3
"""Matrices with a row per breakpoint and a column per neuron that are alive at once."""


def check_readable(multiplications: int) -> None:
    """Refuse to write a network as matrices where these would not fit.

    Raises
    ------
    InvalidInputError
        Before anything is read.
    """
    needed, allowed = ENTRY * multiplications, _allowed()
    if needed > allowed:
        raise InvalidInputError(
            explain(
                f"a network that takes at most {allowed / 2**30:.3g} GiB as matrices",
                f"{multiplications:,} multiplications per sample, {needed / 2**30:,.3g} GiB",
                "convolutions of large images",
                "images of fewer pixels, or line_regions(module, start, end) on a few segments",
            )
        )


def walked(network: LayerList, points: Callable[[Indices], Array], starts: Indices, ends: Indices) -> Array:
    """Number of regions, and folding chi, on each segment by the neurons of the layers up to each: (segments, layers, 2).

    Raises
    ------
    InvalidInputError
        Before the walk, when its breakpoints would not fit in memory.
    """
    _check_breakpoints(network, points(starts[:AT_ONCE]), points(ends[:AT_ONCE]))
    lines = regions_along(network, points(starts), points(ends), Code.of(network, None, None))
    return np.array([up_to_each(line) for line in lines])


def up_to_each(line: LineRegions) -> list[tuple[int, float]]:
    """Regions along a segment and their folding chi, by the neurons of the layers up to each: changes are read once."""
    flips, depth = line.flips, int(line.layer.max(initial=-1)) + 1
    if len(flips) < 2:
        return [(1, np.nan)] * depth
    layer, step = line.layer[flips.columns], flips.steps
    # Hamming distances add up over layers: of a step, and from the start
    steps, gained = np.zeros((len(flips) - 1, depth), np.intp), np.zeros((len(flips) - 1, depth), np.intp)
    before, after = flips.differing()
    np.add.at(steps, (step, layer), 1)
    np.add.at(gained, (step, layer), (after != 0).astype(np.intp) - (before != 0))
    steps = steps.cumsum(axis=1)
    reach = gained.cumsum(axis=0).cumsum(axis=1).max(axis=0)
    lengths = steps.sum(axis=0)
    return [
        (1 + int(np.count_nonzero(steps[:, k])), np.nan if lengths[k] == 0 else 1.0 - float(reach[k] / lengths[k]))
        for k in range(depth)
    ]


def _check_breakpoints(network: LayerList, starts: Array, ends: Array) -> None:
    before, after = network.preactivations(starts), network.preactivations(ends)
    # a neuron of another sign at the other end has a breakpoint in between, at least
    crossings = sum(int(np.count_nonzero((P > 0) != (Q > 0))) for P, Q in zip(before, after, strict=True))
    widest = max([network.n_features, *(P.shape[1] for P in before)])
    needed, allowed = 8 * MATRICES * (crossings + 2 * len(starts)) * widest, _allowed()
    if needed > allowed:
        raise InvalidInputError(
            explain(
                f"segments whose breakpoints take at most {allowed / 2**30:.3g} GiB",
                f"at least {crossings / len(starts):,.0f} breakpoints each in layers of up to {widest:,} neurons, "
                f"{needed / 2**30:,.3g} GiB for {len(starts)} segments",
                "wide layers, every neuron of which breaks the line",
                "line_regions(module, start, end, layers=[...]) on single segments",
            )
        )


def _allowed() -> float:
    return min(float(WALKED), LARGEST_SHARE * free_memory())
