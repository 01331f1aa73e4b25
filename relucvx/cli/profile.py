"""``relucvx profile``: every metric in every layer of a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

import relucvx as rx
from relucvx.cli import output
from relucvx.cli.frame import CERTIFIED, NOT_CERTIFIED
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
from relucvx.cli.saving import Saving, check_files, so_far
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later

if TYPE_CHECKING:
    from pandas import DataFrame

    from relucvx.datasets import Dataset

backends = later("matplotlib.backend_bases")
deadlines = later("relucvx.deadline")
figures = later("relucvx.metrics.figures")
files = later("relucvx.results")
models = later("relucvx.network")
nets = later("relucvx.cli.network")
np = later("numpy")
projections = later("relucvx.metrics.layers.projection")
recorded = later("relucvx.cli.recorded")
scores = later("relucvx.metrics.layers.scores")

MOST_LAYERS = 12
"""Layers that a row of a table lists."""


@spelled_out
def profile(
    data: Annotated[str, typer.Argument(metavar="[DATA]", help="as for `patterns`; default: digits")] = "",
    *,
    hidden: Hidden = None,
    depth: Depth = 6,
    width: LayerWidth = 64,
    epochs: Epochs = 40,
    weights: Weights = None,
    metrics: Annotated[
        str | None, typer.Option(help="columns to compute, comma-separated (default: all that apply)")
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, help="pairs per class for convexity")] = 1000,
    lines: Annotated[int, typer.Option(min=1, help="segments for linear regions and folding")] = 100,
    max_samples: Annotated[int, typer.Option(min=2, help="measure at so many samples at most, drawn at random")] = 2000,
    activations: Annotated[
        Path | None,
        typer.Option(
            help="measure recorded layers: an .npz file of arrays (n, ...), one per layer, and their `labels`"
        ),
    ] = None,
    tokens: Annotated[
        str | None, typer.Option(help="of recorded sequences (n, tokens, features): all, mean, cls or last")
    ] = None,
    pool: Annotated[
        str | None, typer.Option(help="of recorded images (n, channels, height, width): none, mean or max")
    ] = None,
    project: Annotated[
        str, typer.Option(help="columns to which wider layers are projected; auto (only above half a GiB) or none")
    ] = "auto",
    time_limit: Annotated[
        float | None, typer.Option(help="seconds of each column in a layer: a longer one is left empty there, and said")
    ] = None,
    source: Source,
    plot: Annotated[Path | None, typer.Option(help="draw the profile to this file (.png, .pdf, .svg)")] = None,
    csv: Annotated[Path | None, typer.Option(help="write the table to this .csv file")] = None,
    as_json: Json = False,
) -> None:
    """Measure every layer of a network: convexity, collapse, dimension, alignment, regions. Ctrl-C keeps what is done.

    Trains a network on the data, or looks at the one of --weights. Code 0: every layer was measured, 2: the time limit or
    Ctrl-C left something out.
    """

    # whatever can be refused is refused before the training
    check_files(plot, csv)
    check_format(plot)
    wanted = None if metrics is None else [name.strip() for name in metrics.split(",")]
    scores.chosen_scores(wanted)  # here, not after the training
    options: dict[str, Any] = {"metrics": wanted, "n_pairs": pairs, "n_lines": lines, "max_samples": max_samples}
    options |= {"project": columns_of(project), "rng": source.seed, "progress": False, "time_limit": time_limit}
    deadlines.Deadline.of(time_limit, "--time-limit")
    if activations is not None:
        recorded.check_alone(activations, data, weights)
        layers, labels = recorded.read(activations)
        options |= {"tokens": tokens or "all", "pool": pool or "none"}
        facts = recorded.facts_of(activations, layers, labels)
        _measure(
            lambda draw: rx.metrics.profile(layers, None, labels, callback=draw, **options), facts, plot, csv, as_json
        )
        return
    recorded.check_places(tokens, pool)
    stored = weights is not None and weights.suffix.lower() == ".npz"
    # a stored solution brings its own data; without it there is an example
    name = data or ("" if stored else "digits")
    source = replace(source, data=name)
    found = _checked(source) if name else None
    module, X, labels, facts = nets.obtain_network(
        source,
        hidden=nets.widths_of(hidden),
        depth=depth,
        width=width,
        epochs=epochs,
        seed=source.seed,
        weights=weights,
        found=found,
    )
    network = _plain_network(module)
    _measure(lambda draw: rx.metrics.profile(network, X, labels, callback=draw, **options), facts, plot, csv, as_json)


def _measure(
    work: Callable[[Any], DataFrame], facts: dict[str, Any], plot: Path | None, csv: Path | None, as_json: bool
) -> None:
    """Measure, print and save; the exit code says whether every layer was measured."""
    with layer_bar() as draw:
        frame, cut = so_far(lambda: work(draw))
    saving = Saving()
    if as_json:
        print_json({**facts, **frame_facts(frame), "saved": save(frame, plot, csv, saving)})
    else:
        output.show(*summary(facts, frame))
        print_frame(frame)
        saved = save(frame, plot, csv, saving)
        if saved:
            typer.echo(f"\nsaved  {', '.join(saved)}")
    whole = frame.attrs["complete"] and not frame.attrs["cut"]
    saving.end(CERTIFIED if whole else NOT_CERTIFIED, cut)


def columns_of(project: str) -> int | str | None:
    """The option ``--project`` as :func:`relucvx.metrics.profile` takes it."""
    if project in ("auto", "none"):
        return None if project == "none" else "auto"
    if not project.isdigit():
        raise InvalidInputError(
            explain("--project to be auto, none or a number of columns", project, "", "--project 1024")
        )
    return int(projections.as_columns(int(project)))


def _checked(source: Source) -> Dataset:
    """The data; what cannot be profiled after the training is refused before it."""
    found = nets.table_of(source)
    if found.n_samples < 2:
        raise InvalidInputError(explain("at least two samples", f"{found.n_samples} in {source.data}"))
    if not np.ptp(found.Y.reshape(len(found.Y), -1), axis=0).any():
        raise InvalidInputError(
            explain(
                "targets of at least two classes",
                f"{found.n_samples} samples with the same target",
                "another column is the target, or --samples took one class",
                "--target NAME",
            )
        )
    return cast("Dataset", found)


def check_format(plot: Path | None, option: str = "--plot") -> None:
    """Refuse a figure in a format that matplotlib does not write."""
    if plot is None:
        return

    known = sorted(backends.FigureCanvasBase.filetypes)
    if plot.suffix.lower().lstrip(".") not in known:
        raise InvalidInputError(
            explain(f"a figure in a format among {', '.join(known)}", f"{option} {plot}", "", f"{option} figure.png")
        )


def _plain_network(module: Any) -> Any:
    """The network as a value of this package, whose layers are called hidden 0, hidden 1, …"""

    return models.DeepNetwork.from_torch(module) if models.is_torch_module(module) else module


@contextmanager
def layer_bar(console: Any = None) -> Iterator[Callable[[Any], None]]:
    """A function that draws a bar on standard error from what a profile's callback sees."""

    with nets.counted("measuring", 1000, console) as tick:

        def draw(state: Any) -> None:
            tick(round(1000 * state.step / max(state.total, 1)), f"{state.layer}: {state.metric.replace('_', ' ')}")

        yield draw


def save(frame: DataFrame, plot: Path | None, csv: Path | None, saving: Saving) -> list[str]:
    """Write the files asked for; an interrupted profile without a row has no figure."""

    def draw(path: Path) -> Path:
        with figures.unseen():
            return files.write_figure(path, rx.metrics.plot_profile(frame)[0].figure, 150)

    done = [saving.save(csv, lambda path: files.write_text(path, frame.to_csv()))]
    if len(frame):
        done.append(saving.save(plot, draw))
    return [name for name in done if name is not None]


def frame_facts(frame: DataFrame) -> dict[str, Any]:
    """A profile for JSON."""
    rows = [{"layer": str(name), **row} for name, row in zip(frame.index, frame.to_dict("records"), strict=True)]
    keys = (
        "complete",
        "n_layers",
        "suggested_cut",
        "per_class",
        "left_out",
        "cut",
        "n_samples",
        "tokens",
        "pool",
        "projected",
    )
    return {"layers": rows, **{key: frame.attrs[key] for key in keys}}


def shape_text(facts: dict[str, Any]) -> str:
    """Sizes of a network's layers; of a deep one the first and the last."""
    sizes = [str(size) for size in (facts["inputs"], *facts["hidden"], facts["outputs"])]
    if len(sizes) > MOST_LAYERS + 2:
        sizes = [*sizes[:4], "…", *sizes[-3:]]
        return f"{' -> '.join(sizes)} ({len(facts['hidden'])} hidden layers)"
    return " -> ".join(sizes)


def summary(facts: dict[str, Any], frame: DataFrame) -> tuple[str, dict[str, str]]:
    """Title and rows above the table."""
    rows = (
        {"network": f"{shape_text(facts)}, {facts['network']}"} if "inputs" in facts else {"layers": facts["network"]}
    )
    if facts["accuracy"] is not None:
        rows["accuracy"] = f"{facts['accuracy']:.4g} on these data"
    if facts["squared_error"] is not None:
        rows["squared error"] = f"{facts['squared_error']:.4g} on these data"
    if not facts["classes"]:
        why = "numbers, not classes" if "inputs" in facts else "none in the file"
        rows["targets"] = f"{why}, so metrics that need classes are left out"
    for name, found in frame.attrs["suggested_cut"].items():
        title = {"convexity_peak": "cut (convexity)", "rank_drop": "cut (rank)"}[name]
        rows[title] = f"{found['layer'] or 'no layer'}: {found['rule']}"
    if frame.attrs["n_samples"] < facts["samples"]:
        rows["measured at"] = f"{frame.attrs['n_samples']} samples, drawn at random"
    for name, found in frame.attrs["projected"].items():
        spread = f"squared distances vary by {100 * found['sd_bound']:.2g} % at most (one standard deviation)"
        rows[f"projected {name}"] = f"{found['width']:,} values to {found['columns']:,} columns; {spread}"
    late = {c: [name for name, why in of.items() if why.startswith("cut")] for c, of in frame.attrs["cut"].items()}
    if any(late.values()):
        said = "; ".join(f"{c.replace('_', ' ')} in {', '.join(names)}" for c, names in late.items() if names)
        rows["TIME LIMIT"] = f"not measured: {said}; for more, a larger --time-limit"
    if not frame.attrs["complete"]:
        rows["INTERRUPTED"] = f"{frame.attrs['n_whole']} of {frame.attrs['n_layers']} layers were measured"
    features = f" x {facts['features']} features" if "features" in facts else ""
    return f"{facts['data']}: {facts['samples']} samples{features}", rows


def print_frame(frame: DataFrame) -> None:
    """The profile with one line per metric, and the layers side by side."""
    lines = [["", *map(str, frame.index)]]
    lines += [[c.replace("_", " "), *(_cell(v) for v in frame[c])] for c in frame.columns]
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    for block in output.side_by_side(widths):
        typer.echo("")
        for line in lines:
            right = (f"{line[k]:>{widths[k]}}" for k in block[1:])
            typer.echo("  ".join([f"{line[0]:<{widths[0]}}", *right]).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value.replace(" ", "")  # the table's columns are parted by spaces
    if math.isnan(value):
        return "-"
    whole = math.isfinite(value) and value == round(value) and abs(value) >= 2
    return f"{value:.0f}" if whole else f"{value:.3g}"
