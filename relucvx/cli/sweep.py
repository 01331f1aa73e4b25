"""``relucvx sweep``: a grid of problems from a TOML file, certified and stored as they finish."""

from __future__ import annotations

import difflib
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import relucvx as rx
from relucvx.cli import output
from relucvx.cli.frame import CERTIFIED, NOT_CERTIFIED
from relucvx.cli.manners import print_json
from relucvx.cli.options import Json, Scheduler
from relucvx.cli.saving import Saving, so_far
from relucvx.errors import DataFileError, InvalidInputError, explain
from relucvx.later import later

if TYPE_CHECKING:
    from relucvx.sweeps import Sweep

drawing = later("relucvx.sweeps.drawing")
executors = later("relucvx.executors")
files = later("relucvx.results")
np = later("numpy")

KEYS = (
    "data", "beta_fraction", "beta", "loss", "bias", "activation", "width", "seeds", "training", "tol", "time_limit", "out",
)  # fmt: skip
"""What a grid may say, in the words of ``relucvx.sweep``."""

LONGEST = 40
"""Rows of the printed table; the file has all."""

SETTINGS = ("data", "loss", "bias", "activation", "beta_fraction", "kind", "width", "seed")
"""Columns that are printed where they vary."""

DOTS = 120
"""Dots per inch of the figure."""

Cells = Annotated[
    int | None, typer.Option("--jobs", min=1, help="cells to compute at a time  [default: one on each core]")
]
Figure = Annotated[
    str | None,
    typer.Option("--plot", metavar="X,Y", help="columns of the figure  [default: beta_fraction,rel_gap or upper]"),
]


def sweep(
    grid: Annotated[Path, typer.Argument(metavar="GRID.toml", help="the grid; or the folder of a sweep, to show it")],
    out: Annotated[
        Path | None, typer.Option(help="folder for cells, table and figure  [default: GRID_sweep, beside the grid]")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="list the cells and guess what they take; compute nothing")
    ] = False,
    plot: Figure = None,
    jobs: Cells = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Certify a grid of problems, each stored as it finishes: the same command goes on after Ctrl-C, kill -9 or a lost machine.

    A grid says, in TOML, what `relucvx.sweep` takes: data = ["iris", "wine"], beta_fraction = [0.01, 0.1], width = 16.
    """
    _check_plot(plot)
    if grid.is_dir():
        _show(rx.load_sweep(grid), str(grid), as_json, plot, grid)
    options = _read(grid)
    folder = Path(options.pop("out", grid.with_name(f"{grid.stem}_sweep"))) if out is None else out
    again = shlex.join(["relucvx", "sweep", str(grid), *_given(out, jobs, scheduler, plot)])
    if dry_run:
        _list(_asked(grid, options, {"out": folder, "dry_run": True}), str(grid), as_json, again)
    with executors.connected(scheduler) as client, output.progress("sweep", 1e-6) as callback:
        where = {"out": folder, "n_jobs": jobs, "executor": client, "callback": callback, "progress": False}
        found, cut = so_far(lambda: _asked(grid, options, where))
    if cut and not as_json:
        done = len(found.rows) - len(found.missing)
        typer.echo(f"INTERRUPTED after {done} of {len(found.rows)} cells; to go on: {again}")
    _show(found, str(grid), as_json, plot, folder, cut)


def _given(out: Path | None, jobs: int | None, scheduler: str | None, plot: str | None) -> list[str]:
    """The options of a call, to be typed again."""
    given = {"--out": out, "--jobs": jobs, "--scheduler": scheduler, "--plot": plot}
    return [word for name, value in given.items() if value is not None for word in (name, str(value))]


def _check_plot(plot: str | None) -> None:
    """Refuse before the work what could not be drawn after it."""
    if plot is not None and (plot.count(",") != 1 or not set(plot.split(",")) <= set(drawing.NUMBERS)):
        raise InvalidInputError(
            explain(f"two of {', '.join(drawing.NUMBERS)} for --plot", plot, "", "--plot beta_fraction,rel_gap")
        )


def _read(grid: Path) -> dict[str, Any]:
    """The settings in a file, by names that are known."""
    try:
        with grid.open("rb") as stream:
            found = tomllib.load(stream)
    except OSError as error:
        raise DataFileError(
            explain(
                "a grid in TOML, or the folder of a sweep", f"{grid} ({error.strerror})", "", "relucvx sweep grid.toml"
            )
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataFileError(
            explain("a grid in TOML", f"{grid}: {error}", "text without quotes", f'in {grid}: data = ["iris", "wine"]')
        ) from error
    for name in found:
        if name not in KEYS:
            near = difflib.get_close_matches(name, KEYS, 1)
            raise DataFileError(
                explain(
                    f"a grid of {', '.join(KEYS)}", f"{name} in {grid}", "", f"in {grid}: {near[0]} = …" if near else ""
                )
            )
    if "data" not in found:
        raise DataFileError(explain("data in the grid", f"none in {grid}", "", f'in {grid}: data = ["iris", "wine"]'))
    return found


def _asked(grid: Path, options: dict[str, Any], where: dict[str, Any]) -> Sweep:
    """The sweep of a grid; errors about it say what to write there, which are the words of Python."""
    given = dict(options)
    try:
        return rx.sweep(given.pop("data"), **given, **where)
    except InvalidInputError as error:
        parts, notes = error.explanation, "".join(f"; {note}" for note in getattr(error, "__notes__", []))
        if parts is None:
            raise
        fix = f"in {grid}: {parts.fix}" if parts.fix else ""
        raise InvalidInputError(explain(parts.expected, parts.received + notes, parts.cause, fix)) from error


def _show(found: Sweep, name: str, as_json: bool, plot: str | None, folder: Path, cut: bool = False) -> None:
    """Print the table, write it with its figure beside the cells, and leave by the exit code."""
    saving = Saving()
    table = saving.save(folder / "table.csv", found.to_csv)
    # nobody waits for drawings after Ctrl-C
    figure = None if cut else saving.save(folder / "figure.png", lambda path: _draw(found, path, plot))
    if as_json:
        print_json({**_facts(found), "interrupted": cut, "rows": list(found.rows), "table": table, "figure": figure})
    else:
        output.show(name, _summary(found))
        _print(found.rows[:LONGEST], _varying(found), ("upper", "rel_gap", "status"))
        if len(found.rows) > LONGEST:
            typer.echo(f"… {len(found.rows) - LONGEST} more rows in {table or folder}")
        # one error is often that of many cells
        for row in list({row["error"]: row for row in found.failed}.values())[:5]:
            typer.echo(f"FAILED  {row['data']}, {row['loss']}, bias {row['bias']}: {row['error']}")
        for path in (table, figure):
            if path is not None:
                typer.echo(f"saved  {path}")
    saving.end(CERTIFIED if found.certified else NOT_CERTIFIED, cut)


def _list(found: Sweep, name: str, as_json: bool, again: str) -> None:
    """The cells and what they may take; leaves by code 0, as nothing was to be certified."""
    if as_json:
        print_json({**_facts(found), "rows": list(found.rows)})
    else:
        output.show(name, _summary(found))
        _print(found.rows, _varying(found), ("status",))
        typer.echo(f"to compute them: {again}")
    Saving().end(CERTIFIED)


def _facts(found: Sweep) -> dict[str, Any]:
    """What is there and what is missing."""
    return {
        "cells": len(found.rows), "missing": len(found.missing), "failed": len(found.failed), "computed": found.computed,
        "certified": found.certified, "tol": found.tol, "remaining_seconds": found.remaining, "note": found.note,
        "folder": found.folder,
    }  # fmt: skip


def _summary(found: Sweep) -> dict[str, str]:
    proven = sum(row["certified"] for row in found.optima)
    gaps = [row["rel_gap"] for row in found.optima if np.isfinite(row["rel_gap"])]
    widest = f", largest gap {max(gaps):.2g}" if gaps else ""
    pieces = "piece" if found.computed == 1 else "pieces"
    rows = {
        "cells": f"{len(found.rows) - len(found.missing)} of {len(found.rows)}, {found.computed} {pieces} of work done now",
        "certified": f"{proven} of {len(found.optima)} optima to {found.tol:g}{widest}",
    }
    reached = [row["certified"] for row in found.rows if row["kind"] != "optimum"]
    if reached:
        rows["trained"] = f"{sum(reached)} of {len(reached)} networks proven within {found.tol:g} of the optimum"
    if found.remaining:
        rows["missing"] = f"about {_spoken(found.remaining)} of one core, to a factor of ten"
    if found.note:
        rows["beside"] = found.note
    return rows


def _spoken(seconds: float) -> str:
    """Seconds, minutes or hours, to two digits."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2.0 * size:
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds:.2g} s"


def _varying(found: Sweep) -> list[str]:
    """Settings that differ between rows; the first of them also where none does."""
    return [name for name in SETTINGS if len({row[name] for row in found.rows}) > 1] or [SETTINGS[0]]


def _print(rows: Any, names: list[str], more: tuple[str, ...]) -> None:
    """Aligned columns: words to the left, numbers to the right."""
    heads = [*names, *more]
    cells = [heads, *([_cell(name, row[name]) for name in heads] for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(heads))]
    numbers = [all(not isinstance(row[name], str) for row in rows) for name in heads]
    for line in cells:
        parts = [f"{t:>{w}}" if right else f"{t:<{w}}" for t, w, right in zip(line, widths, numbers, strict=True)]
        typer.echo("  ".join(parts).rstrip())


def _cell(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or not np.isfinite(value):
        return "-"
    return f"{value:.2g}" if name == "rel_gap" else f"{value:.8g}"


def _draw(found: Sweep, path: Path, plot: str | None) -> Path:
    """The figure: what was asked for, else the gap where networks are trained, and the objective where not."""
    widths = {row["width"] for row in found.rows} - {None}
    shares = {row["beta_fraction"] for row in found.rows}
    x = "width" if len(shares) < 2 < 1 + len(widths) else "beta_fraction"
    y = "rel_gap" if widths else "upper"
    if plot is not None:
        x, _, y = plot.partition(",")
    drawn: Path = files.write_figure(path, found.plot(x, y).figure, DOTS)
    return drawn
