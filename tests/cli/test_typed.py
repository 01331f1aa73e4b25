"""A command is told as it was typed, but for what is of one machine."""

from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from relucvx.cli.typed import nameless, typed


def told(*words):
    """What a command says of itself that was typed with these words."""
    app = typer.Typer()

    @app.command()
    def other() -> None:
        """Two commands, so that each goes by its name."""

    @app.command()
    def make(
        data: str,
        count: Annotated[int, typer.Option()] = 3,
        jobs: Annotated[int | None, typer.Option()] = None,
        out: Annotated[Path | None, typer.Option("--out", "-o")] = None,
        fine: Annotated[bool, typer.Option()] = False,
        *,
        context: typer.Context,
    ) -> None:
        typer.echo(typed(context))

    return CliRunner().invoke(app, ["make", *words]).output.strip()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("iris",), "relucvx make iris"),
        (("iris", "--count", "3"), "relucvx make iris --count 3"),
        (("--count", "4", "iris", "--jobs", "7"), "relucvx make iris --count 4"),
        (("/home/me/my data.csv", "-o", "/tmp/x/y.json"), "relucvx make 'my data.csv' --out y.json"),
        (("iris", "--fine"), "relucvx make iris --fine"),
        (("iris", "--no-fine"), "relucvx make iris --no-fine"),
    ],
)
def test_given_options_are_told(words, text):
    assert told(*words) == text


def test_folders_are_nobodys_business():
    assert nameless("C:\\data\\x.csv") in ("x.csv", "C:\\data\\x.csv")  # as the system reads it
    assert nameless("planted:20x2") == "planted:20x2"
