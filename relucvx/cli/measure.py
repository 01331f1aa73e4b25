"""``relucvx measure``: the geometry of a recording, from a file of trials."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import relucvx as rx
from relucvx.cli import output
from relucvx.cli.frame import CERTIFIED, NOT_CERTIFIED
from relucvx.cli.manners import print_json
from relucvx.cli.options import Json, Seed, spelled_out
from relucvx.cli.profile import check_format
from relucvx.cli.saving import Saving, check_files, so_far
from relucvx.cli.typed import typed
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later

if TYPE_CHECKING:
    from relucvx.metrics import Measurement, Recording

figures = later("relucvx.metrics.figures")
files = later("relucvx.results")
pages = later("relucvx.report.recorded")
types = later("relucvx.types")

MOST_SPLITS = 12
"""Rows of the table of splits that are printed; --json and --html have all."""


@spelled_out
def measure(
    data: Annotated[
        str,
        typer.Argument(
            metavar="[FILE]",
            help="trials: .csv, .tsv, .txt, .parquet, or arrays: .npz, .mat, .h5; or a simulation: abstract (default), "
            "collapsed, random, mixed",
        ),
    ] = "abstract",
    *,
    condition: Annotated[
        str | None, typer.Option(help="column (array) of conditions  [default: combinations of the factors]")
    ] = None,
    factors: Annotated[str | None, typer.Option(help="columns of variables: A,B,…")] = None,
    session: Annotated[str | None, typer.Option(help="column of sessions")] = None,
    repeat: Annotated[str | None, typer.Option(help="column of runs or blocks, in which noise is shared")] = None,
    time: Annotated[
        str | None, typer.Option(help="column of times, where a trial is several rows; array of bins")
    ] = None,
    trial: Annotated[str | None, typer.Option(help="column of the numbers of trials")] = None,
    neurons: Annotated[
        str | None, typer.Option(help="columns of activity: A,B,… or ranges n0-n49  [default: all numbers]")
    ] = None,
    responses: Annotated[str | None, typer.Option(help="array of activity in a file of arrays")] = None,
    window: Annotated[str | None, typer.Option(help="times that count, from,to, e.g. 0.1,0.4")] = None,
    permutations: Annotated[int, typer.Option(min=0, help="draws of each null")] = 100,
    bootstrap: Annotated[int, typer.Option(min=0, help="draws for intervals over trials")] = 0,
    time_limit: Annotated[float | None, typer.Option(help="seconds; fewer draws then")] = None,
    seed: Seed = 0,
    html: Annotated[Path | None, typer.Option(help="write a page with everything to this file")] = None,
    png: Annotated[Path | None, typer.Option(help="draw all figures to this file (.png, .pdf, .svg)")] = None,
    as_json: Json = False,
    context: typer.Context,
) -> None:
    """Measure a recording: distances, dimension, all splits of the conditions with their chance levels, categories of neurons.

    Code 0: everything asked was computed, 2: the time limit or Ctrl-C left some out.
    """
    check_files(html, png)
    check_format(png, "--png")
    columns = {
        "condition": condition, "factors": factors, "session": session, "repeat": repeat, "time": time, "trial": trial,
        "neurons": neurons, "responses": responses,
    }  # fmt: skip
    recording = _recording(data, columns, window, seed)
    with output.progress("measuring", 0.0) as callback:
        found, cut = so_far(
            lambda: rx.metrics.measure(
                recording, n_permutations=permutations, n_resamples=bootstrap, rng=seed, time_limit=time_limit,
                callback=callback, progress=False,
            )
        )  # fmt: skip
    saving = Saving()

    def save() -> list[str]:
        def draw(path: Path) -> Path:
            with figures.unseen():
                return files.write_figure(path, found.figure(), 150)

        def page(path: Path) -> Path:
            with figures.unseen():
                return files.write_text(path, pages.recording_page(found, recording.name, typed(context)))

        return [name for name in (saving.save(html, page), saving.save(png, draw)) if name is not None]

    if as_json:
        print_json({**_facts(found), "saved": save()})
    else:
        _print(found)
        saved = save()
        if saved:
            typer.echo(f"\nsaved  {', '.join(saved)}")
    done = min((len(n) for n in _nulls(found)), default=permutations) >= permutations
    lost = any("no time was left" in why for why in found.left_out.values())
    saving.end(CERTIFIED if done and not lost and not cut else NOT_CERTIFIED, cut)


def _recording(data: str, columns: dict[str, str | None], window: str | None, seed: int) -> Recording:
    """The recording of a file, or a simulated one, in its window."""
    given = {name: value for name, value in columns.items() if value is not None}
    simulated = data in rx.datasets.GEOMETRIES
    found = _simulated(data, given, window is not None, seed) if simulated else _read(data, given)
    if window is None:
        return found
    try:
        start, stop = (float(end) for end in window.split(","))
    except ValueError as error:
        raise InvalidInputError(explain("--window with two times", repr(window), "", "--window 0.1,0.4")) from error
    return found.window(start, stop)


def _simulated(kind: str, given: dict[str, str], timed: bool, seed: int) -> Recording:
    """A recording of known geometry, whose columns nobody chooses."""
    if given:
        name = next(iter(given))
        instead = f"relucvx measure recording.csv --{name} NAME"
        raise InvalidInputError(explain(f"a file with --{name}", f"the simulation {kind!r}", "", instead))
    return rx.datasets.recording(kind, n_times=9 if timed else None, rng=seed)


def _read(data: str, given: dict[str, str]) -> Recording:
    """A recording of a file. Names of several columns are parted by commas."""
    columns: dict[str, Any] = {
        name: [part.strip() for part in value.split(",")] if name in ("factors", "neurons") or "," in value else value
        for name, value in given.items()
    }
    if Path(data).suffix.lower() in (".npz", ".mat", ".h5", ".hdf5") and "neurons" in given:
        columns["neurons"] = given["neurons"]  # the one array that names them
    return rx.datasets.read_recording(data, **columns)


def _nulls(found: Measurement) -> list[Any]:
    table = found.dichotomies
    courses = [course.null_values for course in found.over_time]
    return courses if table is None else [table.null_decoding, table.null_ccgp, *courses]


def _facts(found: Measurement) -> dict[str, Any]:
    """What is found, for JSON."""
    parts = {"distances": found.distances, "dichotomies": found.dichotomies, "ceiling": found.ceiling}
    out: dict[str, Any] = {**found.facts(), "left_out": found.left_out}
    for name, part in parts.items():
        out[name] = None if part is None else list(part.records())
    out["categories"] = None if found.categories is None else found.categories.facts()
    out["over_time"] = {course.names[0]: list(course.records()) for course in found.over_time}
    out["intervals"] = {one.metric: list(one.records()) for one in found.intervals}
    return dict(types.plain(out))


def _print(found: Measurement) -> None:
    """What is found, for a terminal."""
    about = found.recording
    output.show(f"{about['name']}: {about['n_trials']} trials x {about['n_neurons']} neurons", pages.in_short(found))
    _print_splits(found)
    _print_factors(found)
    for part, why in found.left_out.items():
        typer.echo(f"\nleft out: {part} ({why})")


def _print_splits(found: Measurement) -> None:
    table = found.dichotomies
    if table is None:
        return
    lines: list[tuple[str, ...]] = [("decoding", "p", "ccgp", "p", "parallelism", "p", "split")]
    for row in list(table.records())[:MOST_SPLITS]:
        cells = []
        for score in ("decoding", "ccgp", "parallelism"):
            cells += [_number(row[score], ".3f"), _number(row[f"{score}_p"], ".3g")]
        # names are long, and differ in what comes last: they stand at the end, where nothing is cut
        lines.append((*cells, str(row["split"])))
    _print_table(lines, left=6)
    if len(table.names) > MOST_SPLITS:
        typer.echo(f"… {len(table.names) - MOST_SPLITS} more (--json, --html)")
    for said in (*pages.findings(found), *([table.note] if table.note else [])):
        typer.echo(said)


def _print_factors(found: Measurement) -> None:
    """Scores over contexts, which those of splits are not."""
    rows = pages.by_factor(found)
    if not rows:
        return
    spans = bool(found.intervals)
    head = (
        "ccgp",
        *(["95 % over trials"] * spans),
        "parallelism",
        *(["95 % over trials"] * spans),
        "factor, over contexts",
    )
    lines: list[tuple[str, ...]] = [head]
    for row in rows:
        cells = []
        for score in ("ccgp", "parallelism"):
            ends = (_number(row[f"{score} {end}"], ".3f") for end in ("low", "high"))
            cells += [_number(row[score], ".3f"), *([" to ".join(ends)] * spans)]
        lines.append((*cells, str(row["factor"])))
    _print_table(lines, left=len(head) - 1)


def _print_table(lines: list[tuple[str, ...]], left: int) -> None:
    """Columns of numbers, and of words from one on."""
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    typer.echo("")
    for line in lines:
        cells = [f"{cell:>{width}}" for cell, width in zip(line[:left], widths, strict=False)]
        typer.echo("  ".join([*cells, *line[left:]]))


def _number(value: float, form: str) -> str:
    return "-" if value != value else f"{value:{form}}"
