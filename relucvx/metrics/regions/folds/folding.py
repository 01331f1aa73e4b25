"""Space folding: how far a straight walk in input space walks back in the space of activation codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from relucvx.conversion import as_flag, is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.regions.segments.flips import Flips
from relucvx.metrics.regions.segments.lines import each_line
from relucvx.metrics.regions.segments.walking import sampled_walk
from relucvx.metrics.scales import OnScale
from relucvx.types import ArrayLike, BoolArray, Result
from relucvx.validation import as_count, as_numpy


@dataclass(frozen=True)
class SpaceFolding(OnScale, Result, of="space_folding"):
    """Folding of one walk.

    Attributes
    ----------
    chi : float
        1 - r1/r2, between 0 and 1 - 1/r2; NaN when the code never changes.
    r1 : int
        Largest Hamming distance from the code at the start (from either end in the symmetric variant).
    r2 : int
        Length of the walk: sum of the Hamming distances between consecutive codes.

    Notes
    -----
    Status: a record of what :func:`space_folding` finds, which states what it rests on. Source: [lewandowski-2025].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.metrics.space_folding([[0], [1], [0]])  # away and back
    >>> found.chi, found.r1, found.r2
    (0.5, 1, 2)
    """

    chi: float
    r1: int
    r2: int


def space_folding(codes: Any, symmetric: bool = False) -> SpaceFolding:
    """Space folding chi = 1 - r1/r2 of a sequence of activation codes pi_0, ..., pi_N.

    r1 = max_i d(pi_i, pi_0) and r2 = sum_i d(pi_i, pi_{i+1}) with the Hamming distance d.

    Parameters
    ----------
    codes : array_like of shape (N + 1, neurons)
        Booleans, or whole numbers (who wins a maximum); one row per step. Two codes are as far apart as many entries
        differ.
    symmetric : bool, default False
        Whether r1 is the larger of the distances from the first and from the last code. Without it chi depends on
        the direction of the walk.

    Returns
    -------
    SpaceFolding
        chi is NaN when r2 = 0.

    Raises
    ------
    InvalidInputError
        When codes is not a matrix of whole numbers with at least one row.

    Notes
    -----
    Source: [lewandowski-2025].
    Status: theorem (a definition; integer arithmetic).

    Examples
    --------
    >>> walk = space_folding([[0], [1], [0], [1]])
    >>> walk.r1, walk.r2, round(walk.chi, 4)
    (1, 3, 0.6667)
    """
    return walk_folding(as_codes(codes), symmetric)


def mean_nearness(codes: Any, symmetric: bool = False) -> float:
    """What orders equal scores of :func:`space_folding`: minus the mean distance from the start, or from both ends."""
    pi = as_codes(codes)
    ends = (pi[0], pi[-1]) if as_flag(symmetric, "symmetric") else (pi[0],)
    return -float(np.mean([np.count_nonzero(pi != end, axis=1).mean() for end in ends]))


def walk_folding(pi: Any, symmetric: bool = False) -> SpaceFolding:
    """:func:`space_folding` of codes known to be a matrix of booleans or whole numbers with at least one row."""
    symmetric = as_flag(symmetric, "symmetric")
    r1 = int(np.count_nonzero(pi != pi[0], axis=1).max())
    if symmetric:
        r1 = max(r1, int(np.count_nonzero(pi != pi[-1], axis=1).max()))
    return _folded(r1, int(np.count_nonzero(pi[1:] != pi[:-1])))


def flip_folding(flips: Flips, symmetric: bool = False) -> SpaceFolding:
    """:func:`space_folding` of a walk that is known by what changes, without its codes."""
    r1 = int(flips.away().max())
    if as_flag(symmetric, "symmetric"):
        r1 = max(r1, int(flips.backwards().away().max()))
    return _folded(r1, len(flips.columns))


def _folded(r1: int, r2: int) -> SpaceFolding:
    return SpaceFolding(np.nan if r2 == 0 else 1.0 - r1 / r2, r1, r2)


@timed('method="sampled"')
def folding(
    module: Any,
    start: ArrayLike,
    end: ArrayLike,
    layers: int | Sequence[int] | None = None,
    symmetric: bool = False,
    method: Literal["exact", "sampled"] = "exact",
    n_steps: int = 1000,
    *,
    neurons: Any = None,
    arithmetic: Literal["float", "rational"] = "float",
    input_shape: int | Sequence[int] | None = None,
    route: Literal["auto", "compiled", "running"] = "auto",
    time_limit: float | None = None,
) -> Any:
    """Space folding of a network along the segment from start to end, or along each of a batch of segments.

    Parameters
    ----------
    module, start, end, layers, neurons
        As in :func:`relucvx.metrics.line_regions`; ``layers`` and ``neurons`` choose the neurons that make up the code.
    symmetric : bool, default False
        As in :func:`space_folding`.
    method : {"exact", "sampled"}
        ``"exact"`` visits every region; ``"sampled"`` the n_steps + 1 points t = i/n_steps, which may step over some. Torch
        modules that are not piecewise linear (GELU, tanh, ...) are sampled by their :func:`sampled_codes`.
    n_steps : int, default 1000
        Steps of the sampled walk.
    arithmetic : {"float", "rational"}
        As in :func:`relucvx.metrics.line_regions`; sampled walks use floats.
    input_shape : int or sequence of int, optional
        As in :func:`relucvx.metrics.line_regions`.
    route : {"auto", "compiled", "running"}
        As in :func:`relucvx.metrics.line_regions`.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    SpaceFolding, or a tuple of them for a batch
        chi is NaN when the code is constant along the segment, and 0 for one hidden layer.

    Raises
    ------
    InvalidInputError
        As :func:`relucvx.metrics.line_regions`; for an unknown method, n_steps < 1, or a sampled walk in rationals.

    Notes
    -----
    Source: [lewandowski-2025].
    Status: theorem (exact up to float64 rounding, or exact in rationals; ``"sampled"`` is heuristic).

    Examples
    --------
    >>> from relucvx.datasets import sawtooth
    >>> round(folding(sawtooth(2), [0.0], [1.0]).chi, 4)
    0.3333
    """
    if is_word(method, ("exact",)):
        lines, single = each_line(module, start, end, layers, neurons, arithmetic, input_shape, route)
        exact = (flip_folding(line.flips, symmetric) for line in lines)
        return next(exact) if single else tuple(exact)
    if not is_word(method, ("sampled",)):
        raise InvalidInputError(explain('method "exact" or "sampled"', repr(method)))
    walks, single = sampled_walk(
        module, start, end, as_count(n_steps, "n_steps"), layers, neurons, arithmetic, input_shape
    )
    sampled = (walk_folding(walk, symmetric) for walk in walks)
    return next(sampled) if single else tuple(sampled)


def as_codes(codes: Any) -> Any:
    """Codes as a matrix, one row per step: booleans, or integers where there are others than 0 and 1.

    Raises
    ------
    InvalidInputError
        When they are not a matrix of zeros and ones, or of integers, with at least one row.
    """
    raw = as_numpy(codes)
    if raw.ndim != 2 or len(raw) == 0 or raw.dtype.kind not in "biuf":
        raise InvalidInputError(
            explain("codes of shape (steps, neurons), one row per step", f"shape {raw.shape}, dtype {raw.dtype}")
        )
    pi: BoolArray = raw.astype(bool)
    if (pi == raw).all():
        return pi
    if raw.dtype.kind == "f":
        bad = raw[pi != raw].flat[0]
        raise InvalidInputError(
            explain("codes of zeros and ones", f"the value {bad}", "activations instead of codes", "codes = Z > 0")
        )
    return raw
