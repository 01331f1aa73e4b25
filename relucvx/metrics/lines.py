"""Linear regions along a segment: exact breakpoints and activation codes, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relucvx.metrics.layers import Hidden, LayerList, read_layers
from relucvx.tolerances import EPS
from relucvx.types import Array, BoolArray, Result

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class LineRegions(Result):
    """Regions of constant activation code along x(t) = start + t (end - start), 0 <= t <= 1.

    Attributes
    ----------
    breakpoints : ndarray of shape (r - 1,)
        The t in (0, 1) at which the code changes, increasing.
    codes : ndarray of shape (r, N), bool
        Code on each open interval: True where a preactivation is > 0. Neighbouring rows differ.
    layer : ndarray of shape (N,)
        Hidden layer of each neuron (column of ``codes``).
    """

    breakpoints: Array
    codes: BoolArray
    layer: Indices

    @property
    def n_regions(self) -> int:
        """Number r of regions met."""
        return len(self.codes)

    @property
    def midpoints(self) -> Array:
        """Middle t of each interval, of shape (r,)."""
        ends = np.concatenate([[0.0], self.breakpoints, [1.0]])
        return 0.5 * (ends[:-1] + ends[1:])


def line_regions(module: Any, start: Any, end: Any, layers: int | Sequence[int] | None = None) -> LineRegions:
    """Activation regions of a piecewise-linear network along a segment, exactly.

    Every preactivation is linear between the breakpoints of the layers before it, so its sign changes are found by
    one division each; no sampling is involved.

    Parameters
    ----------
    module : TwoLayerReLU, DeepNetwork or torch.nn.Module
        Nested torch Sequentials of Linear, ReLU, LeakyReLU, Flatten, Identity and Dropout (eval mode).
    start, end : array_like of shape (d,)
        Ends of the segment; other shapes are flattened.
    layers : int or sequence of int, optional
        Hidden layers whose neurons make up the code (an affine map with the activation behind it is one layer);
        default all. Breakpoints are those of this code.

    Returns
    -------
    LineRegions

    Raises
    ------
    InvalidInputError
        For a layer that is not piecewise linear or not known (named), or ends that do not fit.

    Notes
    -----
    A neuron that is zero on a whole interval counts as inactive there; one that touches zero without crossing causes
    no breakpoint. Crossings closer together than their rounding errors, which are carried along, are taken for one.

    Source: [lewandowski-2025].
    Status: theorem (exact up to float64 rounding).
    """
    network = read_layers(module)
    chosen = network.select(layers)
    a, b = network.points(start, "start")[0][0], network.points(end, "end")[0][0]
    path = Path.straight(a, b)
    kept: list[Array] = []
    for position, hidden in enumerate(network.hidden[: max(chosen, default=-1) + 1]):
        path, kept = path.through(hidden, kept)
        if position not in chosen:
            kept.pop()
    codes = np.hstack([_codes(P) for P in kept]) if kept else np.zeros((len(path.t) - 1, 0), dtype=bool)
    changes = np.flatnonzero((codes[1:] != codes[:-1]).any(axis=1))
    layer = np.repeat(np.array(chosen, dtype=np.intp), [network.widths[c] for c in chosen])
    return LineRegions(path.t[changes + 1], codes[np.concatenate([[0], changes + 1])], layer)


def outputs_along(network: LayerList, start: Array, end: Array) -> tuple[Array, Array]:
    """Breakpoints t (with 0 and 1) of the network's output along a segment, and the outputs there.

    Between neighbouring breakpoints the output is linear.
    """
    path = Path.straight(start, end)
    for hidden in network.hidden:
        path, _ = path.through(hidden, [])
    return path.t, path.values if network.head is None else network.head(path.values)


@dataclass(frozen=True)
class Path:
    """A continuous piecewise-linear curve through the values of one layer.

    Attributes
    ----------
    t : ndarray of shape (m,)
        Breakpoints, from 0 to 1.
    values, errors : ndarray of shape (m, width)
        The layer at the breakpoints, and a bound (to first order) on the rounding error of each value.
    """

    t: Array
    values: Array
    errors: Array

    @classmethod
    def straight(cls, start: Array, end: Array) -> Path:
        """The segment itself, known exactly."""
        ends = np.stack([start, end])
        return cls(np.array([0.0, 1.0]), ends, np.zeros_like(ends))

    def through(self, layer: Hidden, earlier: list[Array]) -> tuple[Path, list[Array]]:
        """The path behind a hidden layer, refined at the zeros of its neurons.

        ``earlier`` holds preactivations of earlier layers at the breakpoints; they are refined alike and returned
        with those of this layer appended.
        """
        weight, k = layer.map.weight, layer.n_kinked
        size = np.abs(self.values) @ abs(weight) + np.abs(layer.map.bias)
        # errors of different neurons are taken as independent: the worst case would grow by ||W||_1 per layer
        errors = np.sqrt(self.errors**2 @ (weight * weight)) + 4.0 * EPS * size
        P = _snapped(layer.map(self.values), errors)
        kinks = _kinks(P[:, :k], errors[:, :k])
        if kinks is None:
            return Path(self.t, layer.activate(P.copy()), _scaled(errors, layer)), [*earlier, P[:, :k]]
        segment, share, slack, crossing = kinks
        steps = np.abs(P[segment + 1] - P[segment])
        inserted = _between(P, segment, share)
        inserted[:, :k][crossing] = 0.0
        doubt = np.maximum(errors[segment], errors[segment + 1]) + slack[:, None] * steps
        order = np.argsort(np.concatenate([np.arange(len(self.t)), segment + 0.5]), kind="stable")
        t = np.concatenate([self.t, _between(self.t[:, None], segment, share)[:, 0]])[order]
        errors = np.concatenate([errors, doubt])[order]
        P = _snapped(np.concatenate([P, inserted])[order], errors)
        refined = [np.concatenate([Q, _between(Q, segment, share)])[order] for Q in earlier]
        return Path(t, layer.activate(P.copy()), _scaled(errors, layer)), [*refined, P[:, :k]]


def _scaled(errors: Array, layer: Hidden) -> Array:
    """Errors behind the activation."""
    errors[:, : layer.n_kinked] *= max(abs(layer.phi.slope_neg), abs(layer.phi.slope_pos))
    return errors


def _snapped(P: Array, errors: Array) -> Array:
    """Values within their own rounding error of zero are zero."""
    return np.where(np.abs(P) <= errors, 0.0, P)


def _kinks(P: Array, errors: Array) -> tuple[Indices, Array, Array, BoolArray] | None:
    """Points inside segments where preactivations change sign, those that rounding cannot tell apart joined.

    Returns the segment of each point, its share of the segment, the doubt about the share, and which neurons are zero
    there; sorted along the path. None when no sign changes.
    """
    segment, neuron = np.nonzero(((P[:-1] > 0) & (P[1:] < 0)) | ((P[:-1] < 0) & (P[1:] > 0)))
    if len(segment) == 0:
        return None
    before, after = np.abs(P[segment, neuron]), np.abs(P[segment + 1, neuron])
    step = before + after
    share = before / step
    slack = (errors[segment, neuron] + errors[segment + 1, neuron]) / step + EPS
    order = np.lexsort((share, segment))
    segment, neuron, share, slack = segment[order], neuron[order], share[order], slack[order]
    apart = (np.diff(segment) > 0) | (np.diff(share) > slack[:-1] + slack[1:])
    cluster = np.concatenate([[0], np.cumsum(apart)])
    crossing = np.zeros((cluster[-1] + 1, P.shape[1]), dtype=bool)
    crossing[cluster, neuron] = True
    best = np.lexsort((slack, cluster))  # the best known crossing of each cluster stands for it
    first = best[np.unique(cluster[best], return_index=True)[1]]
    return segment[first], share[first], slack[first], crossing


def _between(P: Array, segment: Indices, share: Array) -> Array:
    """Linear interpolation inside segments."""
    return (1.0 - share[:, None]) * P[segment] + share[:, None] * P[segment + 1]


def _codes(P: Array) -> BoolArray:
    """Code on each open interval: positive somewhere inside means positive throughout."""
    active: BoolArray = (P[:-1] > 0) | (P[1:] > 0)
    return active
