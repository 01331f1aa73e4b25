"""Complexity of linear regions during training: the same slices and segments measured again and again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Literal

import numpy as np

from relucvx.conversion import is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.interrupts import interruptible
from relucvx.metrics.figures import new_panels
from relucvx.metrics.regions.folds.folding import flip_folding
from relucvx.metrics.regions.polygons.planes import spans
from relucvx.metrics.regions.polygons.slice_result import SliceRegions
from relucvx.metrics.regions.polygons.slices import slice_regions
from relucvx.metrics.regions.segments.lines import each_line, opened
from relucvx.metrics.samples.groups import Indices, as_groups
from relucvx.network.modules import evaluating
from relucvx.network.reading import read_layers
from relucvx.results import as_frame
from relucvx.types import Array, ArrayLike, Rng, resolve_rng
from relucvx.validation import as_count, as_numpy

MODES = ("slices", "lines", "both")

ATTEMPTS = 100
"""Draws of one triangle or segment before samples count as too much alike."""

OF_SLICES = (
    "n_regions", "mean_area", "median_area", "eccentricity", "perimeter", "wall_length", "boundary_length",
)  # fmt: skip
OF_LINES = ("line_regions", "folding", "largest_folding", "folded")

TITLES = {
    "n_regions": "regions per slice", "mean_area": "mean area of a region", "median_area": "median area of a region",
    "eccentricity": "mean eccentricity", "perimeter": "mean perimeter of a region",
    "wall_length": "length of walls per slice", "boundary_length": "length of decision boundary",
    "line_regions": "regions per segment", "folding": "mean folding χ", "largest_folding": "largest folding χ",
    "folded": "share of folded segments",
}  # fmt: skip


class RegionTracker:
    """Record the complexity of a module's linear regions while any loop trains it.

    Slices and segments are chosen once, so that differences between records are differences of the network. The module
    is read as it stands: it is put in eval mode while it is measured and every part gets its own mode back; no forward
    pass is made, no hook is set, and no random number is drawn from torch.

    Parameters
    ----------
    module : torch.nn.Module, or any network that ``read_layers`` reads
        The module that is trained in place; a part of a model, such as its encoder, counts as a whole.
    X : array_like of shape (n, ...), optional
        Samples from which slices (triangles through three) and segments (between two) are drawn.
    polygons : array_like of shape (P, v, ...), optional
        Corners of the slices instead.
    segments : array_like of shape (S, 2, ...), optional
        Ends of the segments instead.
    labels : sequence of length n, optional
        Labels of X of any type: corners of a triangle, and ends of a segment, are then of different classes as far as
        there are classes.
    every : int, default 1
        Measure at the first call of :meth:`step` and at every so many-th after it.
    mode : {"slices", "lines", "both"}
        What to measure.
    n_polygons, n_segments : int
        How many to draw.
    layers : int or sequence of int, optional
        Hidden layers whose neurons make up the code; default all.
    input_shape : int or sequence of int, optional
        Shape of one input where neither the module nor the samples say it.
    rng : None, int or Generator, default 0
        Source of the draws.

    Raises
    ------
    InvalidInputError
        For an unknown mode, nothing to measure on, numbers that are not finite, samples too much alike to span a
        triangle, or counts that are not positive; when measuring, for a module that cannot be read, or whose weights
        are not finite.

    Notes
    -----
    A record holds ``step`` (calls of :meth:`step` before), ``seconds`` (of the measurement), what was passed to
    :meth:`step`, and

    * for slices, means over them: ``n_regions``, ``mean_area``, ``median_area``, ``eccentricity``, ``perimeter`` (of the
      regions of a slice), ``wall_length`` (of all sides between regions) and ``boundary_length`` (of the decision
      boundary; NaN when ``layers`` ends before the output);
    * for lines: ``line_regions`` (mean over the segments), ``folding`` and ``largest_folding`` (mean and maximum of chi
      where it is defined), ``folded`` (share of the segments with chi > 0).

    Source: [humayun-2023], [lewandowski-2025].
    Status: theorem (every record is exact up to float64 rounding).

    Examples
    --------
    >>> tracker = RegionTracker(module, X, labels=y, every=10)      # doctest: +SKIP
    >>> for epoch in range(100):                                    # doctest: +SKIP
    ...     train_one_epoch(module)
    ...     tracker.step(accuracy=accuracy(module))
    >>> tracker.to_frame()                                          # doctest: +SKIP
    >>> with RegionTracker(module, X) as tracker:                   # doctest: +SKIP
    ...     train(module)                                           # before and after, without a call in the loop
    """

    def __init__(
        self,
        module: Any,
        X: ArrayLike | None = None,
        *,
        polygons: Any = None,
        segments: Any = None,
        labels: ArrayLike | None = None,
        every: int = 1,
        mode: Literal["slices", "lines", "both"] = "slices",
        n_polygons: int = 8,
        n_segments: int = 32,
        layers: int | Sequence[int] | None = None,
        input_shape: int | Sequence[int] | None = None,
        rng: Rng = 0,
    ) -> None:
        if not is_word(mode, MODES):
            raise InvalidInputError(explain(f"mode among {', '.join(MODES)}", repr(mode)))
        self.module, self.mode, self.layers, self.input_shape = module, mode, layers, input_shape
        self.every = as_count(every, "every")
        samples = None if X is None else _numbers(X, "X")
        if samples is not None and samples.ndim < 2:
            raise InvalidInputError(explain("X with one row per sample", f"shape {samples.shape}"))
        draw = _Draw(samples, labels, resolve_rng(rng))
        self.polygons = self.segments = None
        if mode != "lines":
            self.polygons = draw.tuples(polygons, "polygons", 3, as_count(n_polygons, "n_polygons"))
        if mode != "slices":
            self.segments = draw.tuples(segments, "segments", 2, as_count(n_segments, "n_segments"))
        self._calls = 0
        self._history: list[dict[str, Any]] = []

    @property
    def history(self) -> tuple[dict[str, Any], ...]:
        """The records so far, oldest first."""
        return tuple(dict(record) for record in self._history)

    def step(self, **values: Any) -> dict[str, Any] | None:
        """Count one step, and measure at the first and every ``every``-th after it.

        ``values`` (loss, accuracy, …) are kept in the record, a tensor of one number as that number. Returns the record,
        or None when nothing was measured.

        Raises
        ------
        InvalidInputError
            For a value that has the name of a measured quantity.
        """
        due = self._calls % self.every == 0
        record = self.record(**values) if due else None
        self._calls += 1
        return record

    @interruptible
    def record(self, **values: Any) -> dict[str, Any]:
        """Measure now, whatever ``every`` says, without counting a step; see :meth:`step`.

        Raises
        ------
        InvalidInputError
            For a value that has the name of a measured quantity.
        """
        taken = sorted({"step", "seconds", *OF_SLICES, *OF_LINES} & set(values))
        if taken:
            raise InvalidInputError(
                explain("values under names of their own", ", ".join(taken), "the record measures it itself", "my_…=")
            )
        began = time.perf_counter()
        found: dict[str, Any] = {"step": self._calls, **{name: _plain(value) for name, value in values.items()}}
        like = next(points[0] for points in (self.polygons, self.segments) if points is not None)
        with evaluating(self.module):
            # once for all slices, and once for all segments
            read = None if self.polygons is None else read_layers(self.module, self.input_shape, like=like)
            walked = opened(self.module, self.input_shape, like) if read is None else read
        if self.polygons is not None:
            # a slice holds the codes and corners of all its regions, and goes before the next one is made
            found |= slice_means(slice_regions(read, polygon, layers=self.layers) for polygon in self.polygons)
        if self.segments is not None:
            found |= line_means(walked, self.segments, self.layers)
        found["seconds"] = time.perf_counter() - began
        self._history.append(found)
        return dict(found)

    def __enter__(self) -> RegionTracker:
        """Take the module as it comes in for the first step."""
        self.step()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Record the module as it goes out, unless the loop failed or the last step was recorded."""
        inside = self._calls > 1 and self._history[-1]["step"] == self._calls - 1
        if kind is None and not inside:
            self.record()

    def to_frame(self) -> Any:
        """The history as a pandas DataFrame, one row per record."""
        return as_frame(self._history)

    def plot(self, names: str | Sequence[str] | None = None, axes: Any = None) -> Any:
        """Draw quantities against steps, one panel each; returns the axes.

        Parameters
        ----------
        names : str or sequence of str, optional
            Entries of the records; default those that the mode measures.
        axes : matplotlib axes or sequence of them, optional
            As many as names; default axes of a new figure.

        Raises
        ------
        InvalidInputError
            Before the first record, for an entry that no record has, and for axes of another number.
        """
        measured = {"slices": OF_SLICES, "lines": OF_LINES, "both": OF_SLICES + OF_LINES}[self.mode]
        wanted = [names] if isinstance(names, str) else list(measured if names is None else names)
        if not self._history:
            raise InvalidInputError(
                explain("at least one record", "none", "nothing was measured yet", "tracker.step()")
            )
        known = {key for record in self._history for key in record}
        for name in wanted:
            if name not in known:
                raise InvalidInputError(explain(f"names among {', '.join(sorted(known))}", repr(name)))
        panels = new_panels(len(wanted), 4, (2.9, 2.5)) if axes is None else list(np.atleast_1d(axes))
        if len(panels) != len(wanted):
            raise InvalidInputError(explain(f"{len(wanted)} axes, one per name", f"{len(panels)}"))
        for name, ax in zip(wanted, panels, strict=True):
            points = [(r["step"], r[name]) for r in self._history if r.get(name) is not None]
            ax.plot(
                *zip(*points, strict=True), color="#1b4f8a", lw=1.6, marker="o" if len(points) <= 30 else None, ms=3.5
            )
            ax.set_title(TITLES.get(name, name), fontsize=10)
            ax.set_xlabel("step")
            ax.spines[["top", "right"]].set_visible(False)
        return panels[0] if isinstance(names, str) else panels


def slice_means(slices: Iterable[SliceRegions]) -> dict[str, float]:
    """Means over slices of what :class:`RegionTracker` records of each; each slice is looked at once."""
    rows = [
        {
            "n_regions": s.n_regions,
            "mean_area": float(s.areas.mean()),
            "median_area": float(np.median(s.areas)),
            "eccentricity": float(np.nanmean(s.eccentricity)),
            "perimeter": float(s.perimeters.mean()),
            "wall_length": float(s.shared.sum()),
            "boundary_length": s.boundary_length,
        }
        for s in slices
    ]
    return {name: float(np.mean([row[name] for row in rows])) for name in OF_SLICES}


def line_means(module: Any, segments: Array, layers: int | Sequence[int] | None = None) -> dict[str, float]:
    """Means over segments (S, 2, ...) of what :class:`RegionTracker` records of each."""
    lines, _ = each_line(module, segments[:, 0], segments[:, 1], layers)
    # one segment at a time, which is gone with the next
    chi, regions = np.array([(flip_folding(line.flips).chi, line.n_regions) for line in lines]).T
    defined = chi[~np.isnan(chi)]
    return {
        "line_regions": float(np.mean(regions)),
        "folding": float(defined.mean()) if len(defined) else float("nan"),
        "largest_folding": float(defined.max()) if len(defined) else float("nan"),
        "folded": float(np.mean(chi > 0)),
    }


class _Draw:
    """Draws tuples of samples, of different classes as far as there are classes."""

    def __init__(self, X: Array | None, labels: Any, rng: np.random.Generator) -> None:
        self.X, self.rng = X, rng
        self.classes: Indices | None = None
        if labels is not None and X is not None:
            self.classes = as_groups(labels, len(X)).codes

    def tuples(self, given: Any, name: str, size: int, count: int) -> Array:
        """The given tuples, or so many of ``size`` samples each."""
        if given is not None:
            out = _numbers(given, name)
            if out.ndim < 3 or len(out) == 0 or out.shape[1] < size or (size == 2 and out.shape[1] != 2):
                corners = "2" if size == 2 else "corners"
                raise InvalidInputError(
                    explain(
                        f"{name} of shape (number, {corners}, features)", f"shape {out.shape}", "", f"{name}=X[rows]"
                    )
                )
            return out
        if self.X is None or self.X.ndim < 2 or len(self.X) < size:
            shape = "nothing" if self.X is None else f"X of shape {self.X.shape}"
            raise InvalidInputError(explain(f"{name}, or X with at least {size} samples to draw them from", shape))
        return np.stack([self._spanning(size) for _ in range(count)])

    def _spanning(self, size: int) -> Array:
        """So many samples that are corners of a triangle, or different ends; data may repeat a sample."""
        assert self.X is not None  # checked by the caller
        for _ in range(ATTEMPTS):
            drawn: Array = self.X[self._rows(size)]
            if spans(drawn.reshape(size, -1)):
                return drawn
        raise InvalidInputError(
            explain(
                "samples that span a triangle" if size == 3 else "samples that differ",
                f"none among {ATTEMPTS} draws of {size}",
                "repeated samples, or samples on one line",
                "np.unique(X, axis=0)",
            )
        )

    def _rows(self, size: int) -> Indices:
        assert self.X is not None  # checked by the caller
        if self.classes is None:
            return self.rng.choice(len(self.X), size, replace=False)
        # one sample of each of some classes; corners beyond the number of classes come from anywhere
        found = self.rng.permutation(int(self.classes.max()) + 1)[:size]
        rows = [int(self.rng.choice(np.flatnonzero(self.classes == k))) for k in found]
        while len(rows) < size:
            rows.append(int(self.rng.choice(np.setdiff1d(np.arange(len(self.X)), rows))))
        return np.array(rows, dtype=np.intp)


def _numbers(values: Any, name: str) -> Array:
    """Arrays or tensors of any shape as finite float64."""
    try:
        raw = as_numpy(values, name)
        if raw.dtype.kind == "c":
            raise TypeError("complex numbers")
        out = np.array(raw, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            explain(
                f"{name} of numbers, in an array",
                f"{type(values).__name__}: {error}",
                "arguments in another order, or text among the numbers",
                "RegionTracker(module, X)",
            )
        ) from error
    bad = ~np.isfinite(out)
    if bad.any():
        raise InvalidInputError(
            explain(f"{name} to be finite", f"{int(bad.sum())} entries that are nan or inf", "", "drop those rows")
        )
    return out


def _plain(value: Any) -> Any:
    """A tensor without its graph, which would be kept alive; an array or tensor of one number as that number."""
    value = as_numpy(value) if hasattr(value, "detach") else value
    return value.item() if isinstance(value, (np.ndarray, np.generic)) and value.size == 1 else value
