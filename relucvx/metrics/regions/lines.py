"""Linear regions along segments: exact breakpoints and activation codes, layer by layer."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from relucvx.conversion import as_list, is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.interrupts import interruptible
from relucvx.metrics.figures import axes_or_new
from relucvx.metrics.regions.exact_lines import exact_line, exact_points
from relucvx.network.layers import LayerList
from relucvx.network.reading import read_layers
from relucvx.types import Array, ArrayLike, Result

if TYPE_CHECKING:
    from relucvx.metrics.regions.paths import Walk

Indices = NDArray[np.intp]
Neurons: TypeAlias = Mapping[int, Any] | Sequence[Any]


@dataclass(frozen=True)
class LineRegions(Result):
    """Regions of constant activation code along x(t) = start + t (end - start), 0 <= t <= 1.

    Attributes
    ----------
    breakpoints : ndarray of shape (r - 1,)
        The t in (0, 1) at which the code changes, increasing.
    codes : ndarray of shape (r, N), bool or whole numbers
        Code on each open interval: True where a preactivation is > 0. Of a max pooling it is who wins: the position in
        the window of the largest entry, or minus the sum of 2^position over those that are largest together (zeros
        behind a ReLU); codes are then whole numbers, and those of neurons 0 and 1. Neighbouring rows differ.
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
    codes: Any
    layer: Indices
    neuron: Indices
    exact_breakpoints: tuple[Fraction, ...] | None = None

    def facts(self) -> dict[str, Any]:
        """How many regions the segment meets, and of how many neurons."""
        return {
            "n_regions": self.n_regions,
            "neurons": self.codes.shape[1],
            "exact": self.exact_breakpoints is not None,
        }

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per region: where on the segment it is, and how many neurons are active in it."""
        ends = np.concatenate([[0.0], self.breakpoints, [1.0]])
        for low, high, code in zip(ends[:-1], ends[1:], self.codes, strict=True):
            yield {"from": float(low), "to": float(high), "length": float(high - low), "active": int((code > 0).sum())}

    def plot(self, ax: Any = None) -> Any:
        """Draw the codes along the segment, a line for each neuron, dark where it is active; returns the axes."""
        ax = axes_or_new(ax)
        ends = np.concatenate([[0.0], self.breakpoints, [1.0]])
        neurons = np.arange(self.codes.shape[1] + 1) - 0.5
        ax.pcolormesh(ends, neurons, self.codes.T.astype(float), cmap="Blues", vmin=0.0, vmax=1.4)
        ax.set(xlabel="t along the segment", ylabel="neuron")
        return ax

    @property
    def n_regions(self) -> int:
        """Number r of regions met."""
        return len(self.codes)

    @property
    def midpoints(self) -> Array:
        """Middle t of each interval, of shape (r,)."""
        ends = np.concatenate([[0.0], self.breakpoints, [1.0]])
        return 0.5 * (ends[:-1] + ends[1:])


@interruptible
def line_regions(
    module: Any,
    start: ArrayLike,
    end: ArrayLike,
    layers: int | Sequence[int] | None = None,
    *,
    neurons: Neurons | None = None,
    arithmetic: Literal["float", "rational"] = "float",
    input_shape: int | Sequence[int] | None = None,
) -> Any:
    """Activation regions of a piecewise-linear network along segments, exactly.

    Every preactivation is linear between the breakpoints of the layers before it, so its sign changes are found by
    one division each; no sampling is involved.

    Parameters
    ----------
    module : TwoLayerReLU, DeepNetwork or torch.nn.Module
        Everything :func:`relucvx.network.read_layers` reads; torch modules in eval mode.
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

    Returns
    -------
    LineRegions, or tuple of B LineRegions when ``start`` or ``end`` is a batch
        All neurons of a code are those of one hidden layer after the other.

    Raises
    ------
    InvalidInputError
        For a layer that is not piecewise linear or not known (named), ends that do not fit, neurons outside a layer, or (in
        floats) numbers whose squares are too large for them.

    Notes
    -----
    A neuron that is zero on a whole interval counts as inactive there; one that touches zero without crossing causes
    no breakpoint. The code of a maximum does not depend on the order of what it is of. Crossings closer together than
    their rounding errors, which are carried along, are taken for one.
    Many segments go through each layer together, some at a time, so memory does not grow with their number beyond the
    results.

    Source: [lewandowski-2025].
    Status: theorem (exact up to float64 rounding, or exact in rationals).

    Examples
    --------
    >>> from relucvx.datasets import sawtooth
    >>> line_regions(sawtooth(3), [0.0], [1.0]).n_regions
    8
    """
    lines, single = each_line(module, start, end, layers, neurons, arithmetic, input_shape)
    return next(lines) if single else tuple(lines)


def each_line(
    module: Any,
    start: Any,
    end: Any,
    layers: int | Sequence[int] | None = None,
    neurons: Neurons | None = None,
    arithmetic: str = "float",
    input_shape: int | Sequence[int] | None = None,
) -> tuple[Iterator[LineRegions], bool]:
    """What :func:`line_regions` returns, one after the other, and whether it is a single one.

    Raises
    ------
    InvalidInputError
        As :func:`line_regions`.
    """
    if not is_word(arithmetic, ("float", "rational")):
        raise InvalidInputError(explain('arithmetic "float" or "rational"', repr(arithmetic)))
    network = read_layers(module, input_shape, like=start)
    code, exact = Code.of(network, layers, neurons), arithmetic == "rational"
    starts, ends, single = end_points(network, start, end, exact)
    return (_exactly_along if exact else regions_along)(network, starts, ends, code), single


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
    def of(cls, network: LayerList, layers: int | Sequence[int] | None, neurons: Neurons | None) -> Code:
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


def end_points(network: LayerList, start: Any, end: Any, exact: bool = False) -> tuple[Any, Any, bool]:
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
    layer, neuron = _final(code.layer), _final(code.neuron)
    for walk in _walks(network, starts, ends, code.depth, code.columns):
        begins = walk.changes()
        for first, after in zip(walk.first[:-1], walk.first[1:], strict=True):
            rows = np.flatnonzero(begins[first:after]) + first
            yield LineRegions(_final(walk.t[rows[1:]]), _final(walk.codes.take(rows, axis=0)), layer, neuron)


def _walks(
    network: LayerList, starts: Array, ends: Array, depth: int, columns: Any, values: bool = False
) -> Iterator[Walk]:
    from relucvx.metrics.regions.paths import Walker  # numba, which compiles it, takes a while to load

    return Walker(network, depth, columns, values).blocks(starts, ends)


def _final(array: Any) -> Any:
    """An array of our own made read-only, so that the result need not copy it."""
    array.setflags(write=False)
    return array


def _exactly_along(network: LayerList, starts: Any, ends: Any, code: Code) -> Iterator[LineRegions]:
    """As :func:`regions_along`, in rationals."""
    for start, end in zip(starts, ends, strict=True):
        t, codes = exact_line(network, start, end, code.columns)
        yield LineRegions(np.array([float(value) for value in t]), codes, code.layer, code.neuron, t)


def outputs_along(network: LayerList, starts: Array, ends: Array) -> Iterator[tuple[Array, Indices, Array]]:
    """Outputs along many segments, some at a time: breakpoints t, the row at which each segment starts, the outputs.

    The last entry of the row starts is the number of rows; the segments come in order. Between neighbouring breakpoints
    the outputs are linear.
    """
    for walk in _walks(network, starts, ends, len(network.kinks), {}, values=True):
        yield walk.t, walk.first, walk.values.copy() if network.head is None else network.head(walk.values)


def _named(network: LayerList, chosen: tuple[int, ...], neurons: Neurons | None) -> dict[int, Any]:
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
