"""Codes at points along segments, of networks that are read, and of others that are run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.regions.segments.lines import Code, each_line, end_points
from relucvx.metrics.regions.segments.sampled_codes import sampled_codes
from relucvx.network import is_torch_module
from relucvx.network.layers import LayerList
from relucvx.network.reading import read_layers
from relucvx.types import Array
from relucvx.validation import as_numpy


def sampled_walk(
    module: Any, start: Any, end: Any, n_steps: int, layers: int | Sequence[int] | None, neurons: Any, arithmetic: str,
    input_shape: Any,
) -> tuple[Iterator[Any], bool]:  # fmt: skip
    """Codes at n_steps + 1 equally spaced points of every segment, in turn, and whether there is one segment only.

    A torch module that is not read as matrices is run: where it is piecewise linear the codes are those of its lines, at the
    points asked for, and else (smooth activations) those of :func:`sampled_codes`.

    Raises
    ------
    InvalidInputError
        As :func:`relucvx.metrics.line_regions`; for rationals, and for chosen neurons of a module that is run.
    """
    if arithmetic != "float":
        raise InvalidInputError(
            explain('arithmetic "float" for a sampled walk', repr(arithmetic), "", 'method="exact"')
        )
    t = np.linspace(0.0, 1.0, n_steps + 1)
    try:
        network = read_layers(module, input_shape, like=start)
    except InvalidInputError:
        if not is_torch_module(module):
            raise
        return _unread(module, start, end, t, layers, neurons, input_shape)
    code = Code.of(network, layers, neurons)
    starts, ends, single = end_points(network, start, end)
    walks = (
        _codes_at(network, (1.0 - t[:, None]) * p + t[:, None] * q, code) for p, q in zip(starts, ends, strict=True)
    )
    return walks, single


def _unread(
    module: Any, start: Any, end: Any, t: Array, layers: Any, neurons: Any, input_shape: Any
) -> tuple[Iterator[Any], bool]:
    """As :func:`sampled_walk`, of a module that has no matrices."""
    try:
        lines, single = each_line(module, start, end, layers, neurons, "float", input_shape)
        first = next(lines)  # what is not piecewise linear shows when it runs
    except InvalidInputError:
        if neurons is not None:
            raise
        starts, ends, single = _ends(start, end, input_shape)
        return _run(module, starts, ends, t, layers), single
    every = itertools.chain([first], lines)
    return (line.flips.at(np.searchsorted(line.breakpoints, t, side="left")) for line in every), single


def _ends(start: Any, end: Any, input_shape: Any) -> tuple[Array, Array, bool]:
    """Ends of the segments in the shape of the module's inputs, as many of each, and whether there is one only."""
    both = [np.asarray(as_numpy(point, name), dtype=float) for point, name in ((start, "start"), (end, "end"))]
    # vectors and images are one point; a matrix or four axes are many
    one = [p.ndim in (1, 3) if input_shape is None else p.shape == tuple(np.atleast_1d(input_shape)) for p in both]
    starts, ends = (p[None] if alone else p for p, alone in zip(both, one, strict=True))
    count = max(len(starts), len(ends))
    if starts.shape[1:] != ends.shape[1:] or not {len(starts), len(ends)} <= {1, count}:
        raise InvalidInputError(
            explain("as many starts as ends, or one of either, of one shape", f"{starts.shape} and {ends.shape}")
        )
    shape = (count, *starts.shape[1:])
    return np.broadcast_to(starts, shape), np.broadcast_to(ends, shape), all(one)


def _run(module: Any, starts: Array, ends: Array, t: Array, layers: Any) -> Iterator[Any]:
    """Codes of a module that is run, segment by segment."""
    share = t.reshape(-1, *[1] * (starts.ndim - 1))
    for p, q in zip(starts, ends, strict=True):
        yield sampled_codes(module, (1.0 - share) * p + share * q, layers).codes


def _codes_at(network: LayerList, X: Array, code: Code) -> Any:
    """Codes at the rows of X."""
    found = network.codes(X)
    parts = [found[layer][:, columns] for layer, columns in code.columns.items()]
    return np.hstack(parts) if parts else np.zeros((len(X), 0), dtype=bool)
