"""Linear regions along a segment in rational arithmetic: every float64 is a rational, so nothing is rounded."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relucvx.deadline import ruling
from relucvx.errors import InvalidInputError, explain
from relucvx.network.layers import LayerList
from relucvx.types import BoolArray
from relucvx.validation import as_numpy

Rationals = NDArray[np.object_]
"""Array of Fractions (and ints)."""


def exact_points(network: LayerList, x: Any, name: str) -> tuple[Rationals, bool]:
    """Inputs of the network as rows of Fractions, and whether x was a single one; Fractions are kept as they are.

    Raises
    ------
    InvalidInputError
        When the size is not that of the network's input, or an entry is neither a finite number nor a Fraction.
    """
    raw = as_numpy(x)
    if raw.dtype != object:
        rows, single = network.points(raw, name)
        return _rational(rows), single
    strange = [type(entry).__name__ for entry in raw.ravel() if not isinstance(entry, (Fraction, int, float))]
    d = network.n_features
    if strange or raw.ndim > 2 or raw.shape[-1:] != (d,):
        received = f"a {strange[0]}" if strange else f"shape {raw.shape}"
        raise InvalidInputError(explain(f"{name} of shape ({d},) or (B, {d}) of numbers or Fractions", received))
    network.points(raw.astype(float), name)  # finite
    return _rational(raw.reshape(-1, d)), raw.ndim == 1


def exact_line(
    network: LayerList, start: Rationals, end: Rationals, columns: Mapping[int, Any]
) -> tuple[tuple[Fraction, ...], Any]:
    """Breakpoints and codes along x(t) = start + t (end - start), exactly.

    Parameters
    ----------
    network : LayerList
    start, end : ndarray of shape (d,), of Fractions
    columns : mapping
        Neurons of each of the layers (``network.kinks``) in the code, by the position of the layer, in order.

    Returns
    -------
    t : tuple of r - 1 Fractions
        Where the code changes.
    codes : ndarray of shape (r, neurons), bool, or whole numbers where a maximum is among the layers
        Whether each neuron is positive, or who wins, on the open intervals.

    Notes
    -----
    The layers are those that :func:`relucvx.network.read_layers` returns: affine maps that follow each other
    without a kink were multiplied in float64 before. Numerators grow with the depth.

    Source: [relucvx]. Status: theorem (nothing is rounded).
    """
    t: Rationals = np.array([Fraction(0), Fraction(1)], dtype=object)
    values: Rationals = np.stack([start, end])
    kept: dict[int, Rationals] = {}
    wanted = {k for position in columns for k in network.kinks[position].rounds}
    for position, hidden in enumerate(network.hidden[: network.rounds_of(max(columns, default=-1) + 1)]):
        ruling().check()
        P = values @ _dense(hidden.map.weight) + _rational(hidden.map.bias)
        kinked = slice(0, hidden.n_kinked)
        segment, share = _crossings(P[:, kinked])
        if len(segment):
            # row i at i, points inside segment i at i + 1/2: a stable sort keeps these in their order
            order = np.argsort(np.concatenate([np.arange(len(t)), segment + 0.5]), kind="stable")
            t, P = _refined(t[:, None], segment, share, order)[:, 0], _refined(P, segment, share, order)
            kept = {k: _refined(Q, segment, share, order) for k, Q in kept.items()}
        if position in wanted:
            kept[position] = P[:, kinked]
        slopes = _rational([hidden.phi.slope_neg, hidden.phi.slope_pos])
        values = P.copy()
        values[:, kinked] *= slopes[_positive(P[:, kinked]).astype(int)]
    # between breakpoints no sign changes: the sign at either end is the sign throughout
    signs = {k: _sign(Q[:-1]) for k, Q in kept.items()}
    signs = {k: np.where(sign == 0, _sign(kept[k][1:]), sign) for k, sign in signs.items()}
    parts = [
        network.kinks[k].codes([signs[r] for r in network.kinks[k].rounds])[:, some] for k, some in columns.items()
    ]
    joined = np.hstack(parts or [np.zeros((len(t) - 1, 0), dtype=bool)])
    # breakpoints of neurons that nobody asked for separate nothing
    changes = np.flatnonzero((joined[1:] != joined[:-1]).any(axis=1))
    return tuple(t[changes + 1]), joined[np.concatenate([[0], changes + 1])]


def _crossings(P: Rationals) -> tuple[NDArray[np.intp], Rationals]:
    """Segments and shares of them at which some column changes sign, sorted and without repetition."""
    before, after = P[:-1], P[1:]
    segments, columns = np.nonzero((_positive(before) & _positive(-after)) | (_positive(-before) & _positive(after)))
    # a set: neurons that vanish at one point give one breakpoint, which only exact numbers can tell
    places = {(int(i), before[i, j] / (before[i, j] - after[i, j])) for i, j in zip(segments, columns, strict=True)}
    ordered = sorted(places)
    share: Rationals = np.array([place[1] for place in ordered], dtype=object)
    return np.array([place[0] for place in ordered], dtype=np.intp), share


def _refined(P: Rationals, segment: NDArray[np.intp], share: Rationals, order: NDArray[np.intp]) -> Rationals:
    """Rows with the linear interpolations inside segments put where they belong."""
    inserted = P[segment] + share[:, None] * (P[segment + 1] - P[segment])
    out: Rationals = np.concatenate([P, inserted])[order]
    return out


def _sign(P: Rationals) -> Any:
    return _positive(P).astype(np.int8) - _positive(-P)


def _positive(P: Rationals) -> BoolArray:
    out: BoolArray = np.asarray(P > 0, dtype=bool)
    return out


def _rational(values: Any) -> Rationals:
    values = np.asarray(values)
    out = np.empty(values.shape, dtype=object)
    out.ravel()[:] = [Fraction(v) for v in values.ravel().tolist()]
    return out


def _dense(weight: Any) -> Rationals:
    return _rational(weight.toarray() if hasattr(weight, "toarray") else weight)
