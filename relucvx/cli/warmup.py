"""``relucvx warmup``: compile everything now, so that no later command waits for it."""

from __future__ import annotations

import typer

import relucvx as rx
from relucvx.cli.frame import CERTIFIED
from relucvx.cli.manners import print_json
from relucvx.cli.options import Json
from relucvx.cli.saving import Saving


def warmup(*, as_json: Json = False) -> None:
    """Compile the kernels for this processor, once; a second run says that they are there."""

    def say(name: str, number: int, total: int) -> None:
        typer.echo(f"{number + 1} of {total}: {name}", err=True)

    # on standard error, so that a program can read the rest
    done = rx.warm_up(say, progress=False)
    if as_json:
        print_json(done.to_dict())
    else:
        typer.echo(str(done))
    Saving().end(CERTIFIED)
