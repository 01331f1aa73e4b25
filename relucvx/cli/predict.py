"""``relucvx predict``: what a saved network says of new rows, as raw as the data were."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import relucvx as rx
from relucvx.cli.frame import CERTIFIED
from relucvx.cli.input import stored_solution
from relucvx.cli.manners import print_json
from relucvx.cli.options import Decimal, Delimiter, Encoding, Header, Json
from relucvx.cli.saving import Saving, check_files
from relucvx.later import later

if TYPE_CHECKING:
    from relucvx.prediction import Predictions

files = later("relucvx.results")


def predict(
    solution: Annotated[Path, typer.Argument(metavar="SOLUTION.npz", help="file written by `relucvx solve --out`")],
    rows: Annotated[Path, typer.Argument(metavar="ROWS", help="raw rows, in a file of any kind that DATA can be")],
    delimiter: Delimiter = None,
    decimal: Decimal = None,
    header: Header = None,
    encoding: Encoding = None,
    out: Annotated[
        Path | None, typer.Option(help="write the predictions to this .csv file, and a summary here")
    ] = None,
    as_json: Json = False,
) -> None:
    """Predict for raw rows with a saved solution, which knows how its data were scaled. Prints a .csv table."""
    check_files(out)
    stored = stored_solution(solution)
    found = rx.predict(stored, rows, delimiter=delimiter, decimal=decimal, header=header, encoding=encoding)
    frame, saving = found.to_frame(), Saving()
    text = frame.set_index(frame.columns[0]).to_csv()

    def write(path: Path) -> Path:
        return Path(files.write_text(path, text))

    if as_json:
        facts = {"solution": str(solution), "rows": str(rows), **found.facts(), "predictions": frame.to_dict("records")}
        print_json({**facts, "saved": saving.save(out, write)})
    elif out is None:
        typer.echo(text, nl=False)
        typer.echo(_summary(found, rows), err=True)
    else:
        typer.echo(_summary(found, rows))
        saving.say(out, write)
    saving.end(CERTIFIED)


def _summary(found: Predictions, rows: Path) -> str:
    """One line: so many rows, and how well they were predicted where they say themselves."""
    text = f"{rows}: {len(found.outputs)} rows predicted"
    if found.accuracy is not None:
        text += f", {found.accuracy:.4g} of them as their column of classes says"
    if found.mean_squared_error is not None:
        text += f", mean squared error {found.mean_squared_error:.6g} to their own column"
    return text
