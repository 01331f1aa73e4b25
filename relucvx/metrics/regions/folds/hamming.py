"""Convexity of sets of activation codes in the sense of Hamming distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.regions.folds.folding import as_codes
from relucvx.types import Array, Result

BLOCK = 4_000_000
"""Sums of two distances compared at a time, which bounds the memory."""


@dataclass(frozen=True, eq=False)
class HammingConvexity(Result):
    """Whether a set of codes is convex, and where it is not; true or false as a condition.

    Attributes
    ----------
    convex : bool
    start, end : ndarray of shape (N,), or None
        For a set that is not convex, two of its codes with a code in between that is missing.
    missing : ndarray of shape (N,), or None
        That code: d(start, missing) + d(missing, end) = d(start, end).
    path : ndarray of shape (d(start, end) + 1, N), or None
        A shortest path from start to end through it, one entry changed per step.

    Notes
    -----
    Status: a record of what :func:`hamming_convex` finds, which states what it rests on. Source: [lewandowski-2025].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.metrics.hamming_convex([[0, 0], [1, 1]])
    >>> bool(found), found.missing.astype(int).tolist()
    (False, [1, 0])
    """

    convex: bool
    start: Any = None
    end: Any = None
    missing: Any = None
    path: Any = None

    def __bool__(self) -> bool:
        return self.convex


def hamming_convex(codes: Any, observable: Any = None) -> HammingConvexity:
    """Whether a set of activation codes is Hamming convex: no shortest path between two of its codes leaves it.

    The codes on the shortest paths between a and b are the z with d(a, z) + d(z, b) = d(a, b): those that agree with
    a and b wherever a and b agree. The set is convex when it holds every such z that is observable, for all its a, b.

    Parameters
    ----------
    codes : array_like of shape (k, N)
        The set, one code per row, of zeros and ones or of whole numbers (who wins a maximum); repeated rows count once.
    observable : array_like of shape (M, N), optional
        Codes that occur, those of the set among them. Default: all 2^N, so that the convex sets are the subcubes (of
        whole numbers: all that there are, so that the convex sets are the products).

    Returns
    -------
    HammingConvexity

    Raises
    ------
    InvalidInputError
        For anything but whole numbers, another number of neurons, or a code of the set that is not observable.

    Notes
    -----
    Only z has to be observable, not the path through it. Codes of the cells of a hyperplane arrangement have shortest
    paths of observable codes between any two, so there it makes no difference.

    For hyperplane arrangements a union of closed cells is convex iff its codes are Hamming convex among the codes of
    all full-dimensional cells. A convex union is bounded by hyperplanes of the arrangement, hence it is all cells
    with certain bits fixed, and z has these bits when a and b do. (The proof as transcribed finds *one* shortest
    path inside the set, where the definition asks for all.) It fails when codes that occur on a set of measure zero count
    as observable, and for networks with more layers, whose neighbouring regions may differ in several bits.

    Source: [lewandowski-2025].
    Status: theorem (a definition; integer arithmetic).

    Examples
    --------
    >>> hamming_convex([[0, 0], [0, 1]]).convex
    True
    >>> hamming_convex([[0, 0], [1, 1]]).missing  # 10 lies on a shortest path from 00 to 11, and so does 01
    array([ True, False])
    """
    inside = np.unique(as_codes(codes), axis=0)
    if observable is None:
        return _subcube(inside)
    others = np.unique(as_codes(observable), axis=0)
    if others.shape[1] != inside.shape[1]:
        raise InvalidInputError(
            explain(f"observable codes of {inside.shape[1]} neurons, as in codes", f"shape {np.shape(observable)}")
        )
    # of one type, since rows are compared by their bytes
    inside, others = (C.astype(np.result_type(inside, others)) for C in (inside, others))
    known = {row.tobytes() for row in inside}
    outside = np.array([row.tobytes() not in known for row in others])
    if len(others) - outside.sum() < len(inside):
        raise InvalidInputError(
            explain(
                "codes among the observable ones",
                f"{len(inside) - len(others) + int(outside.sum())} of {len(inside)} codes that are not",
                "codes of other layers or neurons",
            )
        )
    # bits that are the same in the whole set are the same on every path inside
    constant = (inside == inside[0]).all(axis=0)
    candidates = others[outside & (others[:, constant] == inside[0, constant]).all(axis=1)]
    return _between(inside, candidates)


def _subcube(inside: Any) -> HammingConvexity:
    """All codes observable: a set closed under every change of one entry to a value that it has there is a product (of
    zeros and ones: a subcube), hence convex."""
    known = {row.tobytes() for row in inside}
    for bit in np.flatnonzero((inside != inside[0]).any(axis=0)):
        values = np.unique(inside[:, bit])
        for start in inside:
            for value in values[values != start[bit]]:
                changed = start.copy()
                changed[bit] = value
                if changed.tobytes() not in known:
                    # it lies on a shortest path to every code with that value; the nearest gives the shortest
                    apart = inside[inside[:, bit] == value]
                    return _example(start, apart[_distances(start[None], apart)[0].argmin()], changed)
    return HammingConvexity(True)


def _between(inside: Any, candidates: Any) -> HammingConvexity:
    """Look for candidates on a shortest path between two codes of the set."""
    apart, near = _distances(inside, inside), _distances(candidates, inside)
    for begin in range(0, len(candidates), step := max(1, BLOCK // apart.size)):
        rows = near[begin : begin + step]
        hit = rows[:, :, None] + rows[:, None, :] == apart
        found = np.flatnonzero(hit.any(axis=(1, 2)))
        if len(found):
            # of all pairs that it lies between, the nearest make the shortest example
            lengths = np.where(hit[found[0]], apart, np.inf)
            a, b = np.unravel_index(int(lengths.argmin()), apart.shape)
            return _example(inside[a], inside[b], candidates[begin + found[0]])
    return HammingConvexity(True)


def _distances(A: Any, B: Any) -> Array:
    """Hamming distances of all pairs of rows; small integers, exact in float64."""
    if A.dtype != bool or B.dtype != bool:
        # an entry of zeros and ones for each value: of entries that agree just one is 1 in both
        values = [np.unique(np.concatenate([a, b])) for a, b in zip(A.T, B.T, strict=True)]
        a, b = (np.hstack([C[:, [k]] == some for k, some in enumerate(values)]).astype(float) for C in (A, B))
        return np.asarray(A.shape[1] - a @ b.T)
    a, b = A.astype(float), B.astype(float)
    out: Array = a @ (1.0 - b).T + (1.0 - a) @ b.T
    return out


def _example(start: Any, end: Any, missing: Any) -> HammingConvexity:
    # first to the missing code, then on to the end
    flips = [*np.flatnonzero(start != missing), *np.flatnonzero(missing != end)]
    path = np.repeat(start[None], len(flips) + 1, axis=0)
    for step, bit in enumerate(flips):
        path[step + 1 :, bit] = end[bit]
    return HammingConvexity(False, start, end, missing, path)
