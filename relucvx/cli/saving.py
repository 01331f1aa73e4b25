"""What the command line leaves behind: outputs are checked before the work, results printed before they are saved."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import typer

from relucvx.cli.frame import BAD_INPUT, NOT_CERTIFIED
from relucvx.errors import DataFileError, Interrupted, explain
from relucvx.later import later

files = later("relucvx.results")

T = TypeVar("T")

SOLUTION = "solution-{:03d}.npz"
"""Name of a strength's solution in the folder of a path."""


def check_files(*paths: Path | None) -> None:
    """Refuse before the work what could not be written after it."""

    for path in paths:
        if path is not None:
            files.check_writable(path)


def checked_npz(out: Path | None) -> Path | None:
    """The name with the ending that the file will have, checked as :func:`check_files` does."""
    if out is not None and out.suffix != ".npz" and not out.is_dir():
        out = out.with_name(out.name + ".npz")
    check_files(out)
    return out


def make_folder(out: Path) -> None:
    """Make a folder, if it is not there, and see that files can be written in it."""
    try:
        out.mkdir(exist_ok=True)
    except OSError as error:
        raise DataFileError(
            explain("a folder that can be made", f"{out} ({error.strerror})", "", f"mkdir -p {out.parent}")
        ) from error
    check_files(out / SOLUTION.format(0))


def make_path_folder(out: Path, count: int) -> list[Path]:
    """The files of a path of so many strengths, in a folder that may hold those of an earlier one, but none of others.

    Raises
    ------
    DataFileError
        For a file of that name which is no saved solution: it is somebody else's, and stays.
    """
    make_folder(out)
    for file in out.iterdir():
        if re.fullmatch(r"solution-\d+\.npz", file.name) and not _is_solution(file):
            raise DataFileError(
                explain("a folder in which only solutions have the names of solutions", str(file), "", "another folder")
            )
    return [out / SOLUTION.format(k) for k in range(count)]


def _is_solution(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return {"meta.npy", "weights_in.npy", "weights_out.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def so_far(work: Callable[[], T]) -> tuple[T, bool]:
    """What a call returns and False; or, when Ctrl-C or SIGTERM ends it, what it had by then and True."""
    try:
        return work(), False
    except Interrupted as stop:
        if stop.result is None:
            raise
        return stop.result, True


class Saving:
    """Saves the files of one command. What cannot be saved is said at its end, and does not lose what is printed."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def save(self, path: Path | None, write: Callable[[Path], Any]) -> str | None:
        """The name of the file written; None where none was asked for, or it failed."""
        if path is None:
            return None
        try:
            return str(write(path) or path)
        except DataFileError as error:
            self.failures.append(str(error))
            return None

    def say(self, path: Path | None, write: Callable[[Path], Any], width: int = 0) -> None:
        """The same, with a line below the table printed."""
        saved = self.save(path, write)
        if saved is not None:
            typer.echo(f"{'saved':<{width}}  {saved}")

    def end(self, code: int, interrupted: bool = False) -> NoReturn:
        """Leave the command with its code, or with that of a failed save."""
        for failure in self.failures:
            typer.echo(f"Error: {failure}", err=True)
        raise typer.Exit(BAD_INPUT if self.failures else NOT_CERTIFIED if interrupted else code)
