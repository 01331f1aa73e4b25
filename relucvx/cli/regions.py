"""``relucvx regions``: linear regions of a network on a slice through the data, and along segments between classes."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import relucvx as rx
from relucvx.cli import output
from relucvx.cli.frame import CERTIFIED
from relucvx.cli.input import Source
from relucvx.cli.manners import print_json
from relucvx.cli.options import (
    Depth,
    Epochs,
    Hidden,
    Json,
    LayerWidth,
    Weights,
    spelled_out,
)  # fmt: skip
from relucvx.cli.profile import MOST_LAYERS, check_format, shape_text
from relucvx.cli.saving import Saving, check_files
from relucvx.errors import InvalidInputError, explain
from relucvx.interrupts import listening
from relucvx.later import later

if TYPE_CHECKING:
    import numpy as np

    from relucvx.metrics import ClassFolding, SliceRegions

deadlines = later("relucvx.deadline")
figures = later("relucvx.metrics.figures")
files = later("relucvx.results")
nets = later("relucvx.cli.network")
np = later("numpy")
slice_plot = later("relucvx.metrics.regions.polygons.slice_plot")


@spelled_out
def regions(
    data: Annotated[str, typer.Argument(metavar="[DATA]", help="as for `patterns`; default: digits")] = "",
    *,
    hidden: Hidden = None,
    depth: Depth = 3,
    width: LayerWidth = 32,
    epochs: Epochs = 40,
    weights: Weights = None,
    through: Annotated[
        str | None,
        typer.Option(help="rows of the three samples at the corners of the slice (default: one of each class)"),
    ] = None,
    plane: Annotated[
        str | None,
        typer.Option(help="instead: two input columns, e.g. 0,1, or pca; the data's range (two columns: the default)"),
    ] = None,
    paths: Annotated[int, typer.Option(min=1, help="segments for each pair of classes, about")] = 16,
    time_limit: Annotated[
        float | None, typer.Option(help="seconds for the slice, and as many for the segments, which may be cut")
    ] = None,
    color: Annotated[str, typer.Option(help="fill of the figure: region, area, eccentricity or none")] = "region",
    source: Source,
    plot: Annotated[Path | None, typer.Option(help="draw the slice to this file (.png, .pdf, .svg)")] = None,
    as_json: Json = False,
) -> None:
    """Count a network's linear regions on a slice through the data and between classes, exactly.

    Trains a network on the data, or looks at the one of --weights.
    """

    # whatever can be refused is refused before the training
    deadlines.Deadline.of(time_limit, "--time-limit")
    check_files(plot)
    check_format(plot)
    if color not in slice_plot.COLORS:
        raise InvalidInputError(explain(f"--color among {', '.join(slice_plot.COLORS)}", repr(color)))
    if through is not None and plane is not None:
        raise InvalidInputError(explain("--through or --plane", "both", "", "one of them"))
    rows, spanned = whole_numbers(through, "--through", 3), plane_of(plane)
    # a stored solution brings its own data; without it there is an example
    stored = weights is not None and weights.suffix.lower() == ".npz"
    source, seed = replace(source, data=data or ("" if stored else "digits")), source.seed
    table = nets.table_of(source) if source.data else None
    if table is not None:
        check_slice(table.X, rows, spanned)  # here, not after the training
    module, X, labels, facts = nets.obtain_network(
        source,
        hidden=nets.widths_of(hidden),
        depth=depth,
        width=width,
        epochs=epochs,
        seed=seed,
        weights=weights,
        found=table,
    )
    with nets.counted("slicing", 1):
        found, where, marks = cut(module, X, labels, facts["classes"], rows, spanned, seed, time_limit)
    folds: tuple[ClassFolding | None, dict[str, float]] | None = None
    late = "INTERRUPTED"
    try:
        with nets.counted("between classes", 1), listening(), deadlines.ruled(deadlines.Deadline.of(time_limit)):
            folds = along_segments(module, X, labels, facts["classes"], paths, seed)
    except KeyboardInterrupt:  # the slice stands
        pass
    except deadlines.OutOfTime:
        late = f"none, at the time limit of {time_limit:g} s; for them: a larger --time-limit"
    saving = Saving()

    def draw(path: Path) -> Path:
        with figures.unseen():
            ax = found.plot(color=color, **marks)
        ax.set(**axis_names(spanned, X.shape[1], through))
        ax.set_title(figures.plain(f"{facts['data']}: {found.n_regions:,} regions on\n{where['slice']}"), fontsize=11)
        return files.write_figure(path, ax.figure, 150)

    measured = {**where, **slice_facts(found), "segments": None if folds is None else segment_facts(folds)}
    if as_json:
        print_json({**facts, **measured, "saved": saving.save(plot, draw)})
    else:
        saving.say(plot, draw, output.show(*summary(facts, measured, late)))
    saving.end(CERTIFIED, folds is None)


def whole_numbers(text: str | None, name: str, count: int) -> list[int] | None:
    """So many different whole numbers separated by commas; None stays None."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(set(parts)) != count or len(parts) != count or not all(part.isdecimal() for part in parts):
        example = ",".join(map(str, range(count)))
        raise InvalidInputError(
            explain(
                f"{count} different whole numbers separated by commas for {name}", repr(text), "", f"{name} {example}"
            )
        )
    return [int(part) for part in parts]


def plane_of(text: str | None) -> list[int] | str | None:
    """The columns of ``--plane``, or "pca"."""
    return text if text in (None, "pca") else whole_numbers(text, "--plane", 2)


def check_slice(X: np.ndarray, rows: list[int] | None, spanned: list[int] | str | None) -> None:
    """Refuse data and slices that do not fit.

    Raises
    ------
    InvalidInputError
        For fewer than two samples or columns, the same sample throughout, rows or columns that do not exist, and data
        without a triangle where one is to be drawn.
    """
    if len(X) < 2:
        raise InvalidInputError(explain("at least two samples, to draw segments between", f"{len(X)}"))
    if (X[0] == X).all():
        raise InvalidInputError(explain("samples that differ", f"the same one {len(X)} times", "constant columns"))
    if X.shape[1] < 2:
        raise InvalidInputError(explain("inputs of at least two columns", "one", "", "relucvx.metrics.line_regions"))
    if rows is not None and max(rows) >= len(X):
        given = ",".join(map(str, rows))
        raise InvalidInputError(explain(f"rows below {len(X)}, the number of samples", f"--through {given}"))
    if isinstance(spanned, list) and max(spanned) >= X.shape[1]:
        raise InvalidInputError(explain(f"columns below {X.shape[1]} for --plane", f"{max(spanned)}"))
    if rows is None and spanned is None and X.shape[1] > 2:
        # drawing the corners once tells whether there are any
        corners_of(X, None, 0)


def cut(
    module: Any,
    X: np.ndarray,
    labels: np.ndarray | None,
    classes: tuple[str, ...],
    rows: list[int] | None,
    spanned: list[int] | str | None,
    seed: int,
    time_limit: float | None,
) -> tuple[SliceRegions, dict[str, Any], dict[str, Any]]:
    """The slice asked for, how it was chosen, and what to mark in its figure."""

    check_slice(X, rows, spanned)
    if rows is None and (spanned is not None or X.shape[1] == 2):
        origin, axes, extent, text = spanning(X, [0, 1] if spanned is None else spanned)
        found = rx.metrics.slice_regions(module, origin=origin, axes=axes, extent=extent, time_limit=time_limit)
        # samples beyond the plane's extent have no place in the figure
        inside = found.locate(found.to_plane(X)) >= 0
        marks: dict[str, Any] = {}
        if X.shape[1] == 2:  # elsewhere the samples are not on the plane
            marks = {"points": X[inside]}
            if labels is not None and inside.any():
                marks["labels"] = [classes[k] for k in labels[inside]]
        return found, {"slice": text, "through": None}, marks
    rows = corners_of(X, labels, seed) if rows is None else rows
    found = rx.metrics.slice_regions(module, X[rows], time_limit=time_limit)
    names = [f"{row}" if labels is None else f"{row} ({classes[labels[row]]})" for row in rows]
    text = f"the triangle through samples {', '.join(names)}"
    return found, {"slice": text, "through": rows}, {"points": found.to_plane(X[rows]), "names": names}


def axis_names(spanned: list[int] | str | None, n_columns: int, through: str | None) -> dict[str, str]:
    """What the axes of a plane show; those of a triangle have no names."""
    if through is not None or (spanned is None and n_columns > 2):
        return {}
    if isinstance(spanned, str):
        return {"xlabel": "first principal component", "ylabel": "second principal component"}
    first, second = spanned or (0, 1)
    return {"xlabel": f"column {first}", "ylabel": f"column {second}"}


def spanning(X: np.ndarray, spanned: list[int] | str) -> tuple[np.ndarray, np.ndarray, list[float], str]:
    """Origin, axes, extent (the data's range and a tenth on every side) and a name of a plane through the mean."""

    centre = X.mean(axis=0)
    if isinstance(spanned, str):
        axes, text = np.linalg.svd(X - centre, full_matrices=False)[2][:2], "the plane of two principal components"
    else:
        axes, text = np.eye(X.shape[1])[spanned], f"the plane of columns {spanned[0]} and {spanned[1]}"
        centre = np.where(axes.any(axis=0), 0.0, centre)  # coordinates on the axes are those of the columns
    spread = (X - centre) @ axes.T
    low, high = spread.min(axis=0), spread.max(axis=0)
    # a column without spread gets a margin of one, for a plane needs two lengths
    margin = 0.1 * np.where(high > low, high - low, 1.0)
    (u0, v0), (u1, v1) = low - margin, high + margin
    return centre, axes, [float(u0), float(u1), float(v0), float(v1)], text


def corners_of(X: np.ndarray, labels: np.ndarray | None, seed: int) -> list[int]:
    """Rows of three samples with an area between them, of three classes where there are as many."""

    rng = np.random.default_rng(seed)
    # a hundred draws fail for repeated or collinear rows only
    for _ in range(100):
        order = rng.permutation(len(X))
        if labels is not None:  # the first of every class come first
            first = np.sort(np.unique(labels[order], return_index=True)[1])
            order = np.concatenate([order[first], np.delete(order, first)])
        rows = order[:3]
        if len(rows) == 3 and np.linalg.matrix_rank(X[rows[1:]] - X[rows[0]], tol=1e-9 * np.abs(X).max()) == 2:
            return sorted(int(row) for row in rows)
    raise InvalidInputError(
        explain(
            "three samples that are not on one line", f"{len(X)} samples", "repeated or collinear rows", "--plane pca"
        )
    )


def along_segments(
    module: Any, X: np.ndarray, labels: np.ndarray | None, classes: tuple[str, ...], paths: int, seed: int
) -> tuple[ClassFolding | None, dict[str, float]]:
    """Folding between classes, and means over segments between samples of different classes."""

    count = 20 * paths if labels is None else paths * max(len(classes) * (len(classes) - 1) // 2, 1)
    tracker = rx.metrics.RegionTracker(module, X, labels=labels, mode="lines", n_segments=min(count, 500), rng=seed)
    means = {k: v for k, v in tracker.record().items() if k not in ("step", "seconds")}
    means["segments"] = min(count, 500)
    if labels is None:
        return None, means
    names = np.array(classes, dtype=object)[labels]
    return rx.metrics.class_folding(module, X, [str(n) for n in names], n_pairs=paths, ordered=False, rng=seed), means


def slice_facts(found: SliceRegions) -> dict[str, Any]:
    """Measures of a slice for JSON."""

    return {
        "n_regions": found.n_regions, "per_layer": list(found.per_layer), "area": float(found.areas.sum()),
        "mean_area": float(found.areas.mean()), "median_area": float(np.median(found.areas)),
        "eccentricity": float(np.nanmean(found.eccentricity)), "perimeter": float(found.perimeters.mean()),
        "boundary_length": found.boundary_length,
    }  # fmt: skip


def segment_facts(folds: tuple[ClassFolding | None, dict[str, float]]) -> dict[str, Any]:
    """Measures of segments for JSON."""
    found, means = folds
    if found is None:
        return {**means, "classes": None}
    between = {"median": found.overall.median, "mad": found.overall.mad, "folded": found.overall.folded}
    matrices = {"labels": list(found.labels), "median": found.median, "folded": found.folded}
    return {**means, "classes": {"between": between, "matrices": matrices}}


def summary(facts: dict[str, Any], measured: dict[str, Any], late: str) -> tuple[str, dict[str, str]]:
    """Title and rows of the table."""
    meaning = "decisions change" if facts["classes"] else "the largest output changes, or the sign of the only one,"
    rows = {"network": f"{shape_text(facts)}, {facts['network']}"}
    if facts["accuracy"] is not None:
        rows["accuracy"] = f"{facts['accuracy']:.4g} on these data"
    if facts["squared_error"] is not None:
        rows["squared error"] = f"{facts['squared_error']:.4g} on these data"
    rows |= {
        "slice": f"{measured['slice']}, area {measured['area']:.4g}",
        "regions": f"{measured['n_regions']:,}",
        "after each layer": ", ".join(f"{count:,}" for count in measured["per_layer"][:MOST_LAYERS])
        + (f", … ({len(measured['per_layer'])} layers)" if len(measured["per_layer"]) > MOST_LAYERS else ""),
        "area": f"mean {measured['mean_area']:.3g}, median {measured['median_area']:.3g}",
        "eccentricity": f"{measured['eccentricity']:.3g} on average (0 a square or disc, 1 a sliver)",
        "boundary": f"{meaning} along a length of {measured['boundary_length']:.4g}",
        **(_segment_rows(measured["segments"], bool(facts["classes"])) if measured["segments"] else {"segments": late}),
    }
    return f"{facts['data']}: {facts['samples']} samples x {facts['features']} features", rows


def _segment_rows(lines: dict[str, Any], classes: bool) -> dict[str, str]:
    """The rows about segments."""
    rows = {
        "segments": f"{lines['segments']} between samples{' of different classes' if classes else ''}: "
        f"{lines['line_regions']:.3g} regions on average",
        "folding": f"mean χ {lines['folding']:.3g}, largest {lines['largest_folding']:.3g}; "
        f"{100 * lines['folded']:.0f} % of the segments fold",
    }
    if math.isnan(lines["folding"]):
        rows["folding"] = "none: no segment meets a second region"
    if lines["classes"] is not None:
        between = lines["classes"]["between"]
        found = f"median of largest χ {between['median']:.3g} (MAD {between['mad']:.2g})"
        rows["between classes"] = "no path folds" if math.isnan(between["median"]) else found
    return rows
