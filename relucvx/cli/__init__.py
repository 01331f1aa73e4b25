"""The command line, thin over the front doors, training, theory, metrics and report."""

from relucvx.cli.commands import app, main

__all__ = ["app", "main"]


def __dir__() -> list[str]:
    return sorted(__all__)
