"""Space folding along a path as a curve: how r1, r2 and chi grow with the share of the path that is walked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from relucvx.conversion import as_flag, is_word, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.figures import COLOURS, axes_or_new, tidy
from relucvx.metrics.regions.folds.folding import SpaceFolding
from relucvx.metrics.regions.segments.flips import Flips
from relucvx.metrics.regions.segments.lines import each_line
from relucvx.metrics.regions.segments.walking import sampled_walk
from relucvx.metrics.samples.groups import Indices
from relucvx.types import Array, ArrayLike, Result
from relucvx.validation import as_count, as_float, as_numpy


@dataclass(frozen=True)
class FoldingCurve(Result):
    """Folding of every beginning of a path.

    Attributes
    ----------
    t : ndarray of shape (r,)
        Share of the path's length at which each code is reached, from 0.
    r1, r2 : ndarray of shape (r,)
        Largest distance from the code at the start, and length of the walk, of the path up to there.
    chi : ndarray of shape (r,)
        1 - r1/r2; NaN until the code has changed.
    corners : ndarray of shape (v,)
        Shares at which the corners of the path are reached, both ends included.
    symmetric : bool
        Whether r1 is the larger of the distances from either end of the beginning.
    exact : bool
        Whether every region is visited, or only sampled points.

    Notes
    -----
    All are constant between one share and the next, and what a prefix of the path has is what its last code has.

    Status: a record of what :func:`folding_curve` finds, which states what it rests on. Source: [lewandowski-2025].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.metrics.folding_curve(rx.datasets.sawtooth(2), [[0.0], [1.0]])
    >>> found.t.tolist(), found.r1.tolist(), found.r2.tolist()
    ([0.0, 0.25, 0.5, 0.75], [0, 1, 2, 2], [0, 1, 2, 3])
    >>> round(found.at(0.6).chi, 4), round(found.at(1.0).chi, 4)
    (0.0, 0.3333)
    """

    t: Array
    r1: Indices
    r2: Indices
    chi: Array
    corners: Array
    symmetric: bool
    exact: bool

    @property
    def n_regions(self) -> int:
        """Codes met, one after the other; of a sampled walk those that were seen."""
        return len(self.t)

    def at(self, share: float) -> SpaceFolding:
        """Folding of the path up to a share of its length, between 0 and 1.

        Raises
        ------
        InvalidInputError
            For a share outside [0, 1].
        """
        share = as_float(share)
        if not 0.0 <= share <= 1.0:
            raise InvalidInputError(explain("a share of the path between 0 and 1", shown(share)))
        last = int(np.searchsorted(self.t, share, side="right")) - 1
        return SpaceFolding(float(self.chi[last]), int(self.r1[last]), int(self.r2[last]))

    def facts(self) -> dict[str, Any]:
        """What the whole path has, and where its beginning is folded most."""
        known = np.flatnonzero(~np.isnan(self.chi))
        most = int(known[np.argmax(self.chi[known])]) if len(known) else 0
        return {
            "chi": float(self.chi[-1]), "r1": int(self.r1[-1]), "r2": int(self.r2[-1]), "n_regions": self.n_regions,
            "largest_chi": float(self.chi[most]), "reached_at": float(self.t[most]), "exact": self.exact,
        }  # fmt: skip

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per code met: where it is reached, and the folding up to there."""
        for t, r1, r2, chi in zip(self.t, self.r1, self.r2, self.chi, strict=True):
            yield {"t": float(t), "r1": int(r1), "r2": int(r2), "chi": float(chi)}

    def plot(self, ax: Any = None) -> Any:
        """Draw chi over the share of the path, with r1/r2's two parts on a scale of their own; returns the axes."""
        ax = axes_or_new(ax)
        t = np.append(self.t, 1.0)
        (line,) = ax.step(
            t, np.append(self.chi, self.chi[-1]), where="post", color=COLOURS[0], lw=1.8, label="χ (left)"
        )
        ax.set(xlabel="share of the path", ylabel="folding χ", ylim=(-0.03, 1.0), xlim=(0.0, 1.0))
        for corner in self.corners[1:-1]:
            ax.axvline(corner, color="0.6", lw=0.8, ls=":")
        ranges = ax.twinx()
        lines = [line]
        for values, style, label in ((self.r1, ":", "r₁, farthest (right)"), (self.r2, "--", "r₂, walked (right)")):
            lines += ranges.step(
                t, np.append(values, values[-1]), style, where="post", color=COLOURS[1], lw=1.2, label=label
            )
        ranges.set_ylabel("Hamming distance")
        ranges.set_ylim(0, None)
        ranges.spines["top"].set_visible(False)
        ax.legend(handles=lines, frameon=False, fontsize="small", loc="upper left")
        return tidy(ax)


@timed('method="sampled"')
def folding_curve(
    module: Any,
    path: ArrayLike,
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
) -> FoldingCurve:
    """Space folding of a network along a path, as a function of the share of the path that is walked.

    For the codes pi_0, ..., pi_i met up to a share t, r1(t) = max_j d(pi_j, pi_0), r2(t) = sum_j d(pi_j, pi_{j+1}) and
    chi(t) = 1 - r1(t)/r2(t). At 1 it is what :func:`folding` has, along a straight path. It says where a walk turns back:
    chi rises where r2 grows and r1 does not.

    Parameters
    ----------
    module, layers, symmetric, method, neurons, arithmetic, input_shape, route
        As in :func:`folding`; with ``method="sampled"`` torch modules with smooth activations too (see
        :func:`sampled_codes`).
    path : array_like of shape (v, ...)
        Two points or more: the path goes straight from each to the next. Images keep their shape.
    n_steps : int, default 1000
        Steps of the sampled walk on each straight part.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    FoldingCurve

    Raises
    ------
    InvalidInputError
        As :func:`folding`; for a path of fewer than two points, or one that goes nowhere.

    Notes
    -----
    A code that is met exactly at a corner belongs to the part behind it. chi of a path with corners can be positive with
    one hidden layer: a path that turns back is folded by itself.

    Source: [lewandowski-2025].
    Status: theorem (exact up to float64 rounding, or exact in rationals; ``"sampled"`` is heuristic).

    Examples
    --------
    >>> from relucvx.datasets import CANTORNET_SEGMENT, cantornet
    >>> found = folding_curve(cantornet(2), CANTORNET_SEGMENT)
    >>> [round(found.at(share).chi, 3) for share in (0.25, 0.5, 0.75, 1.0)]
    [0.5, 0.333, 0.5, 0.667]
    """
    symmetric = as_flag(symmetric, "symmetric")
    if not is_word(method, ("exact", "sampled")):
        raise InvalidInputError(explain('method "exact" or "sampled"', repr(method)))
    corners, ends = _corners(path)
    walks: list[Flips] = []
    at = []
    if is_word(method, ("exact",)):
        lines, _ = each_line(module, ends[:-1], ends[1:], layers, neurons, arithmetic, input_shape, route)
        for line, low, high in zip(lines, corners[:-1], corners[1:], strict=True):
            walks.append(line.flips)
            at.append(low + (high - low) * np.concatenate([[0.0], line.breakpoints]))
    else:
        n_steps = as_count(n_steps, "n_steps")
        sampled, _ = sampled_walk(module, ends[:-1], ends[1:], n_steps, layers, neurons, arithmetic, input_shape)
        for walk, low, high in zip(sampled, corners[:-1], corners[1:], strict=True):
            walks.append(Flips.of(walk))
            at.append(low + (high - low) * np.linspace(0.0, 1.0, n_steps + 1))
    return walk_curve(Flips.joined(walks), np.concatenate(at), corners, symmetric, is_word(method, ("exact",)))


def walk_curve(walk: Flips, t: Array, corners: Array, symmetric: bool, exact: bool) -> FoldingCurve:
    """The curve of a walk: codes, and the share of the path at which each is reached."""
    walk, kept = walk.distinct()
    r1, r2 = np.maximum.accumulate(walk.away()), walk.starts.astype(np.intp)
    if symmetric:
        # from the end of each beginning too: the farthest of the earlier codes
        r1 = np.maximum(r1, _farthest_before(walk))
    with np.errstate(invalid="ignore"):
        chi = np.where(r2 > 0, 1.0 - r1 / np.maximum(r2, 1), np.nan)
    return FoldingCurve(t[kept], r1, r2, chi, corners, symmetric, exact)


def _farthest_before(walk: Flips) -> Any:
    """For each code the largest distance to one before it."""
    out = np.zeros(len(walk), dtype=np.intp)
    for j in range(len(walk)):
        np.maximum(out[j:], walk.behind(j).away(), out=out[j:])
    return out


def _corners(path: Any) -> tuple[Array, Any]:
    """Shares of the length at which the corners lie, and the corners as they were given."""
    ends = as_numpy(path, "path")
    if ends.ndim < 2 or len(ends) < 2:
        raise InvalidInputError(explain("a path of shape (v, ...) with two points or more", f"shape {ends.shape}"))
    try:
        if ends.dtype.kind == "c":
            raise TypeError("complex numbers")
        flat = ends.reshape(len(ends), -1).astype(float)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(explain("a path of numbers", f"dtype {ends.dtype}: {error}")) from error
    lengths = np.linalg.norm(np.diff(flat, axis=0), axis=1)
    whole = float(lengths.sum())
    if not (np.isfinite(whole) and whole > 0):
        raise InvalidInputError(explain("a path with a length", f"{whole:g}", "all of its points are one"))
    return np.concatenate([[0.0], np.cumsum(lengths) / whole]), ends
