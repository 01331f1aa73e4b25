"""The largest space folding of a network over the segments of a data set or of a box: a search, from below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.deadline import OutOfTime, ruling
from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.regions.folds.folding import SpaceFolding, flip_folding
from relucvx.metrics.regions.segments.lines import each_line, opened
from relucvx.metrics.samples.groups import Indices
from relucvx.metrics.scales import OnScale
from relucvx.types import Array, ArrayLike, Result, Rng, resolve_rng
from relucvx.validation import as_count, as_flat_matrix, as_matrix, as_numpy

BATCH = 64
"""Segments tried at a time in a local improvement."""

RESTARTS = 8
"""Best random segments from which the local improvement starts."""

SMALLEST = 1e-3
"""Steps of the local improvement, relative to the sides of the box, below which it ends."""


@dataclass(frozen=True, eq=False, repr=False)
class LargestFolding(OnScale, Result, of="largest_folding"):
    """The most folded segment found.

    Attributes
    ----------
    chi : float
        Its folding, a lower bound on the supremum, at most 1 - 1/r2; NaN when no code changes on any segment tried.
    r1, r2 : int
        As in :class:`relucvx.metrics.SpaceFolding`.
    start, end : ndarray of shape (d,) or of one input
        Its ends.
    rows : tuple of two ints or None
        Their rows in the data set.
    n_segments : int
        Segments traced; each counts for both its directions.
    exhaustive : bool
        Whether these were all segments of the data set, so that ``chi`` is the maximum.

    Notes
    -----
    Status: a record of what :func:`largest_folding` finds, which states what it rests on. Source: [lewandowski-2025].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.metrics.largest_folding(rx.datasets.sawtooth(3), [[0.0], [0.5], [1.0]])
    >>> found.n_segments, found.exhaustive, found.start.tolist(), found.end.tolist()
    (3, True, [0.0], [1.0])
    """

    chi: float
    r1: int
    r2: int
    start: Array
    end: Array
    rows: tuple[int, int] | None
    n_segments: int
    exhaustive: bool

    def __repr__(self) -> str:
        where = "" if self.rows is None else f", rows {self.rows[0]} to {self.rows[1]}"
        extent = "all" if self.exhaustive else "best of"
        return (
            f"LargestFolding(chi {self.chi:.6g} = 1 - {self.r1}/{self.r2}{where}, {extent} {self.n_segments} segments)"
        )


@timed("n_segments=100")
def largest_folding(
    module: Any,
    start: ArrayLike,
    end: ArrayLike | None = None,
    *,
    n_segments: int = 2000,
    layers: int | Sequence[int] | None = None,
    neurons: Any = None,
    symmetric: bool = False,
    rng: Rng = None,
    time_limit: float | None = None,
) -> LargestFolding:
    """Search for the segment on which a network folds most: sup chi over a data set's pairs, or over a box.

    Half of the segments are random; then the best ones are improved, an end at a time among other samples (half of them
    the nearest ones), or by random moves of shrinking size inside the box.

    Parameters
    ----------
    module
        As in :func:`relucvx.metrics.line_regions`.
    start : array_like
        A data set, n samples of any shape, between which segments run; with ``end``, a corner of the box.
    end : array_like, optional
        The opposite corner: both ends range over the box between the corners.
    n_segments : int, default 2000
        Segments traced at most. When a data set has no more pairs, all are.
    layers, neurons
        Neurons that make up the code, as in :func:`relucvx.metrics.line_regions`.
    symmetric : bool, default False
        Whether chi counts both ends, as in :func:`relucvx.metrics.space_folding`.
    rng : None, int or Generator
    time_limit : float, optional
        Seconds, after which the best of the segments traced so far is returned; ``n_segments`` says how many.

    Returns
    -------
    LargestFolding

    Raises
    ------
    InvalidInputError
        For n_segments < 2, fewer than two rows, corners of different shapes, and as
        :func:`relucvx.metrics.line_regions`.

    Notes
    -----
    The supremum over all paths is below 1: chi <= 1 - 1/r2 on each of them.

    Source: [lewandowski-2025].
    Status: heuristic (a lower bound on the supremum; exact where ``exhaustive``).

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.metrics.largest_folding(rx.datasets.sawtooth(3), [[0.0], [0.5], [1.0]])
    >>> round(found.chi, 6) == round(1 - 3 / 7, 6)
    True
    """
    n_segments, first = as_count(n_segments, "n_segments", least=2), as_numpy(start)
    generator, options = resolve_rng(rng), {"layers": layers, "neurons": neurons}
    cut = time_limit is not None
    if end is None:
        as_flat_matrix(first, "start")
        if len(first) < 2:
            raise InvalidInputError(explain("a data set with two rows at least, or the corners of a box", "one row"))
        network = opened(module, like=first)
        trace = _Trace(lambda ends: (first[ends[0]], first[ends[1]]), network, options, symmetric, n_segments, cut)
        return _among_rows(trace, first, generator)
    second = as_numpy(end)
    if first.shape != second.shape:
        raise InvalidInputError(
            explain("two corners of a box, of one shape", f"shapes {first.shape} and {second.shape}")
        )
    corners = as_matrix(np.stack([first.ravel(), second.ravel()]), "the corners")
    shape, network = first.shape, opened(module, like=first)
    trace = _Trace(
        lambda ends: (ends[0].reshape(-1, *shape), ends[1].reshape(-1, *shape)),
        network, options, symmetric, n_segments, cut,
    )  # fmt: skip
    return _in_box(trace, corners, generator)


@dataclass
class _Best:
    """A segment (positions or points) in the better of its two directions."""

    fold: SpaceFolding
    start: Any
    end: Any

    @property
    def value(self) -> float:
        return -1.0 if np.isnan(self.fold.chi) else self.fold.chi


class _Trace:
    """Traces batches of segments both ways and counts them."""

    def __init__(
        self, points: Callable[[Any], Any], module: Any, options: dict[str, Any], symmetric: bool, budget: int,
        cut_is_kept: bool,
    ) -> None:  # fmt: skip
        self.points, self.module, self.options, self.symmetric = points, module, options, symmetric
        self.left, self.done = budget, 0
        self.best: list[_Best] = []
        self.cut_is_kept = cut_is_kept

    def __call__(self, starts: Any, ends: Any) -> list[_Best]:
        """The segments within the budget, best first."""
        starts, ends = starts[: self.left], ends[: self.left]
        self.left, self.done = self.left - len(starts), self.done + len(starts)
        found: list[_Best] = []
        try:
            self._each(starts, ends, found)
        except OutOfTime:
            # what was traced is as good a lower bound as ever, where the limit is that of the search
            if not self.cut_is_kept or not (found or self.best):
                raise
            self.left, self.done = 0, self.done - len(starts) + len(found) // 2
        self.best = sorted([*found, *self.best], key=lambda segment: -segment.value)[:1]
        return sorted(found, key=lambda segment: -segment.value) or self.best

    def _each(self, starts: Any, ends: Any, found: list[_Best]) -> None:
        for begin in range(0, len(starts), 1000):
            some = slice(begin, begin + 1000)
            lines, _ = each_line(self.module, *self.points((starts[some], ends[some])), **self.options)
            for a, b, line in zip(starts[some], ends[some], lines, strict=True):
                found += [
                    _Best(flip_folding(line.flips, self.symmetric), a, b),
                    _Best(flip_folding(line.flips.backwards(), self.symmetric), b, a),
                ]
                ruling().check()

    def result(self, best: _Best, rows: tuple[int, int] | None = None, exhaustive: bool = False) -> LargestFolding:
        """The best segment as a result."""
        start, end = (np.array(p[0], dtype=float) for p in self.points((best.start[None], best.end[None])))
        fold = best.fold
        return LargestFolding(fold.chi, fold.r1, fold.r2, start, end, rows, self.done, exhaustive)


def _among_rows(trace: _Trace, X: Any, rng: np.random.Generator) -> LargestFolding:
    n = len(X)
    pairs = n * (n - 1) // 2
    exhaustive = pairs <= trace.left
    if exhaustive:
        found = trace(*np.triu_indices(n, 1))
    else:
        first = rng.integers(0, n, trace.left // 2)
        second = (first + rng.integers(1, n, len(first))) % n
        found = trace(first, second)
    best, flat = found[0], X.reshape(n, -1).astype(float)
    for begun in found[:RESTARTS]:
        current, fixed, stuck = begun, "start", 0
        # the ends take turns; once neither finds better among what is tried, the segment stays
        while trace.left > 0 and stuck < 2 and not exhaustive:
            keep, move = (current.start, current.end) if fixed == "start" else (current.end, current.start)
            others = _near_and_far(flat, keep, move, rng)
            tried = trace(np.full(len(others), keep), others)[0]
            stuck = 0 if tried.value > current.value else stuck + 1
            current = max(current, tried, key=lambda segment: segment.value)
            fixed = "end" if fixed == "start" else "start"
        best = max(best, current, key=lambda segment: segment.value)
    return trace.result(best, (int(best.start), int(best.end)), exhaustive and trace.done == pairs)


def _near_and_far(X: Array, keep: int, move: int, rng: np.random.Generator) -> Indices:
    """Rows in place of the end that moves: its nearest neighbours, and random ones."""
    # the nearest of all is the row itself, or a copy of it
    near = np.argsort(((X - X[move]) ** 2).sum(axis=1), kind="stable")[1 : 1 + BATCH // 2]
    both = np.unique(np.concatenate([near, rng.integers(0, len(X), BATCH // 2)]))
    return both[both != keep]


def _in_box(trace: _Trace, corners: Array, rng: np.random.Generator) -> LargestFolding:
    low, high = corners.min(axis=0), corners.max(axis=0)
    found = trace(*rng.uniform(low, high, (2, trace.left // 2, len(low))))
    best = found[0]
    for begun in found[:RESTARTS]:
        current, step = begun, 0.25
        while trace.left > 0 and step > SMALLEST:
            moves = step * (high - low) * rng.standard_normal((2, BATCH, len(low)))
            # a third moves the end alone, a third the start alone, and the rest moves both
            moves[0, : BATCH // 3] = 0.0
            moves[1, BATCH // 3 : 2 * (BATCH // 3)] = 0.0
            ends = np.clip(np.stack([current.start, current.end])[:, None] + moves, low, high)
            tried = trace(*ends)[0]
            # shorter steps only when longer ones fail
            step = step if tried.value > current.value else step / 2
            current = max(tried, current, key=lambda segment: segment.value)
        best = max(best, current, key=lambda segment: segment.value)
    return trace.result(best)
