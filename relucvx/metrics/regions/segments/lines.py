"""Linear regions along segments: exact breakpoints and activation codes, layer by layer."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from relucvx.conversion import as_list, is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.limits import timed
from relucvx.metrics.regions.segments.exact_lines import exact_line, exact_points
from relucvx.metrics.regions.segments.flips import Flips
from relucvx.metrics.regions.segments.line_result import LineRegions, final
from relucvx.network.layers import LayerList
from relucvx.network.modules import is_torch_module
from relucvx.network.reading import read_layers
from relucvx.types import Array, ArrayLike

if TYPE_CHECKING:
    from relucvx.metrics.regions.segments.paths import Walk

# torch and numba take a while to load
running = later("relucvx.network.running.module")
running_lines = later("relucvx.metrics.regions.segments.running_lines")

Indices = NDArray[np.intp]
Neurons: TypeAlias = Mapping[int, Any] | Sequence[Any]


@timed("layers=0, or a shorter segment")
def line_regions(
    module: Any,
    start: ArrayLike,
    end: ArrayLike,
    layers: int | Sequence[int] | None = None,
    *,
    neurons: Neurons | None = None,
    arithmetic: Literal["float", "rational"] = "float",
    input_shape: int | Sequence[int] | None = None,
    route: Literal["auto", "compiled", "running"] = "auto",
    time_limit: float | None = None,
) -> Any:
    """Activation regions of a piecewise-linear network along segments, exactly.

    Every preactivation is linear between the breakpoints of the layers before it, so its sign changes are found by
    one division each; no sampling is involved.

    Parameters
    ----------
    module : TwoLayerReLU, DeepNetwork or torch.nn.Module
        Everything :func:`relucvx.network.read_layers` reads, and any other torch module, in eval mode, whose forward pass
        is piecewise linear.
    start, end : array_like of shape (d,) or (B, d)
        Ends of the segments: one or many, or one end shared by all. Images may have their own shape
        ``(channels, height, width)``, with the number of segments in front.
    layers : int or sequence of int, optional
        Hidden layers whose neurons make up the code (an affine map with the activation behind it is one layer; a max
        pooling is one too, with its windows as neurons); default all. Breakpoints are those of this code.
    neurons : dict or sequence, optional
        Neurons that make up the code: ``{layer: indices or boolean mask}``, or one boolean mask for each of the layers
        in order. Layers that a dict does not name keep all their neurons.
    arithmetic : {"float", "rational"}
        ``"rational"`` computes with fractions, slowly and without rounding: every float64 is one. The ends may then be
        given as Fractions.
    input_shape : int or sequence of int, optional
        Shape of one input where neither the module nor the shape of ``start`` says it.
    route : {"auto", "compiled", "running"}
        ``"compiled"`` reads the network as matrices first, and is fast for dense and for small networks; ``"running"`` calls
        the module on points of the segment, whatever its structure, and never forms a matrix. ``"auto"`` takes the first
        where it is read and small.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    LineRegions, or tuple of B LineRegions when ``start`` or ``end`` is a batch
        All neurons of a code are those of one hidden layer after the other.

    Raises
    ------
    InvalidInputError
        For an operation that is not piecewise linear or not known (named), ends that do not fit, neurons outside a layer, or
        (in floats) numbers whose squares are too large for them.

    Notes
    -----
    A neuron that is zero on a whole interval counts as inactive there; one that touches zero without crossing causes
    no breakpoint. The code of a maximum does not depend on the order of what it is of. Crossings closer together than
    their rounding errors, which are carried along, are taken for one.
    Many segments go through each layer together, some at a time, so memory does not grow with their number beyond the
    results, which grow with what changes at their breakpoints; a long segment that is run goes in pieces, whose values take
    150 MB or 64 points, whichever is more.

    Two neighbouring regions differ in a code, not necessarily in their affine map. A neuron has one column: whether it is
    active, or which of its pieces it is in; a maximum of several has one column: which of them is the largest, whatever
    the others do among themselves (of equal ones the first).

    Source: [lewandowski-2025].
    Status: theorem (exact up to float64 rounding, or exact in rationals).

    Examples
    --------
    >>> from relucvx.datasets import sawtooth
    >>> line_regions(sawtooth(3), [0.0], [1.0]).n_regions
    8
    """
    lines, single = each_line(module, start, end, layers, neurons, arithmetic, input_shape, route)
    return next(lines) if single else tuple(lines)


def each_line(
    module: Any,
    start: Any,
    end: Any,
    layers: int | Sequence[int] | None = None,
    neurons: Neurons | None = None,
    arithmetic: str = "float",
    input_shape: int | Sequence[int] | None = None,
    route: str = "auto",
) -> tuple[Iterator[LineRegions], bool]:
    """What :func:`line_regions` returns, one after the other, and whether it is a single one.

    Raises
    ------
    InvalidInputError
        As :func:`line_regions`.
    """
    if not is_word(arithmetic, ("float", "rational")):
        raise InvalidInputError(explain('arithmetic "float" or "rational"', repr(arithmetic)))
    exact = arithmetic == "rational"
    network = opened(module, input_shape, start, route, exact)
    code = Code.of(network, layers, neurons)
    starts, ends, single = end_points(network, start, end, exact)
    along = _exactly_along if exact else regions_along if isinstance(network, LayerList) else _by_running
    return along(network, starts, ends, code), single


def opened(module: Any, input_shape: Any = None, like: Any = None, route: str = "auto", exact: bool = False) -> Any:
    """A module ready for walks along segments, which need not be opened again: a LayerList, or a RunningModule.

    Raises
    ------
    InvalidInputError
        As :func:`line_regions`.
    """
    if not is_word(route, ("auto", "compiled", "running")):
        raise InvalidInputError(explain('route "auto", "compiled" or "running"', repr(route)))
    if exact and route == "running":
        raise InvalidInputError(
            explain('route "compiled" in rational arithmetic', '"running"', "torch has no fractions", 'route="auto"')
        )
    inner = module if is_torch_module(module) else getattr(module, "network", module)
    if not is_torch_module(inner):
        if route == "running" and not hasattr(inner, "run"):
            raise InvalidInputError(
                explain(
                    "a torch module to run",
                    f"a {type(inner).__name__}",
                    "",
                    'route="auto", or relucvx.to_torch(network)',
                )
            )
        return inner if hasattr(inner, "run") else read_layers(inner, input_shape, like=like)
    if route == "running" or (route == "auto" and not exact and running.is_large(inner, like)):
        return running.RunningModule.of(inner, input_shape, like)
    try:
        return read_layers(inner, input_shape, like=like)
    except InvalidInputError:
        if route == "compiled" or exact:
            raise
        return running.opened_instead(inner, input_shape, like)


@dataclass(frozen=True)
class Code:
    """The neurons that make up a code.

    Attributes
    ----------
    columns : dict
        Neurons of each hidden layer chosen: an index array, or ``slice(None)`` for all.
    layer, neuron : ndarrays of shape (N,)
        As in :class:`LineRegions`.
    """

    columns: dict[int, Any]
    layer: Indices
    neuron: Indices

    @classmethod
    def of(cls, network: Any, layers: int | Sequence[int] | None, neurons: Neurons | None) -> Code:
        """Resolve the arguments ``layers`` and ``neurons``.

        Raises
        ------
        InvalidInputError
            For layers or neurons that do not exist.
        """
        chosen = network.select(layers)
        columns: dict[int, Any] = dict.fromkeys(chosen, slice(None))
        for position, wanted in _named(network, chosen, neurons).items():
            columns[position] = _positions(wanted, position, network.widths[position])
        parts = [np.arange(network.widths[c], dtype=np.intp)[columns[c]] for c in chosen]
        layer = np.repeat(np.array(chosen, dtype=np.intp), [len(part) for part in parts])
        return cls(columns, layer, np.concatenate([np.empty(0, dtype=np.intp), *parts]))

    @property
    def depth(self) -> int:
        """Hidden layers that a path must pass."""
        return max(self.columns, default=-1) + 1


def end_points(network: Any, start: Any, end: Any, exact: bool = False) -> tuple[Any, Any, bool]:
    """Both ends of the segments as rows (of Fractions if ``exact``), as many of each, and whether there is one only.

    Raises
    ------
    InvalidInputError
        When the numbers of ends differ.
    """
    read = functools.partial(exact_points, network) if exact else network.points
    (starts, one), (ends, other) = read(start, "start"), read(end, "end")
    count = max(len(starts), len(ends))
    if not {len(starts), len(ends)} <= {1, count}:
        raise InvalidInputError(explain("as many starts as ends, or one of either", f"{len(starts)} and {len(ends)}"))
    shape = (count, network.n_features)
    return np.broadcast_to(starts, shape), np.broadcast_to(ends, shape), one and other


def regions_along(network: LayerList, starts: Array, ends: Array, code: Code) -> Iterator[LineRegions]:
    """The regions of every segment in turn."""
    layer, neuron = final(code.layer), final(code.neuron)
    kind = network.code_dtype(code.columns)
    for walk in _walks(network, starts, ends, code.depth, code.columns):
        for t, flips in walk.lines(kind):
            yield LineRegions(final(t), flips, layer, neuron)


def _by_running(network: Any, starts: Array, ends: Array, code: Code) -> Iterator[LineRegions]:
    """As :func:`regions_along`, by running the module."""
    for t, flips in running_lines.running_lines(network, starts, ends, code.columns):
        yield LineRegions(final(t), flips, final(code.layer), final(code.neuron))


def _walks(
    network: LayerList, starts: Array, ends: Array, depth: int, columns: Any, values: bool = False
) -> Iterator[Walk]:
    from relucvx.metrics.regions.segments.paths import Walker  # numba, which compiles it, takes a while to load

    return Walker(network, depth, columns, values).blocks(starts, ends)


def _exactly_along(network: LayerList, starts: Any, ends: Any, code: Code) -> Iterator[LineRegions]:
    """As :func:`regions_along`, in rationals."""
    for start, end in zip(starts, ends, strict=True):
        t, codes = exact_line(network, start, end, code.columns)
        yield LineRegions(np.array([float(value) for value in t]), Flips.of(codes), code.layer, code.neuron, t)


def outputs_along(network: LayerList, starts: Array, ends: Array) -> Iterator[tuple[Array, Indices, Array]]:
    """Outputs along many segments, some at a time: breakpoints t, the row at which each segment starts, the outputs.

    The last entry of the row starts is the number of rows; the segments come in order. Between neighbouring breakpoints
    the outputs are linear.
    """
    for walk in _walks(network, starts, ends, len(network.kinks), {}, values=True):
        yield walk.t, walk.first, walk.values.copy() if network.head is None else network.head(walk.values)


def _named(network: Any, chosen: tuple[int, ...], neurons: Neurons | None) -> dict[int, Any]:
    """What is wanted of each layer that the argument ``neurons`` says something about."""
    if neurons is None:
        return {}
    if isinstance(neurons, Mapping):
        named = {network.select(layer)[0]: wanted for layer, wanted in neurons.items()}
        outside = sorted(set(named) - set(chosen))
    else:
        neurons = as_list(neurons, "neurons")
        named = dict(zip(chosen, neurons, strict=False))
        outside = [] if len(neurons) == len(chosen) else [len(neurons)]
    if outside:
        raise InvalidInputError(
            explain(
                f"neurons as a dict over the layers {list(chosen)}, or one boolean mask for each of them",
                f"layers {outside}" if isinstance(neurons, Mapping) else f"{len(neurons)} masks",
                "",
                "neurons={0: [0, 3]}",
            )
        )
    return named


def _positions(wanted: Any, layer: int, width: int) -> Indices:
    raw = np.asarray(wanted)
    if raw.ndim == 1 and raw.dtype == bool and len(raw) == width:
        return np.flatnonzero(raw)
    whole = raw.ndim == 1 and (raw.dtype.kind in "iu" or raw.size == 0)
    if not whole or ((raw < 0) | (raw >= width)).any() or len(np.unique(raw)) < len(raw):
        raise InvalidInputError(
            explain(
                f"different neurons of hidden layer {layer} (0 to {width - 1}), or a boolean mask of length {width}",
                f"{raw.tolist()!r:.80}",
            )
        )
    return np.sort(raw).astype(np.intp)
