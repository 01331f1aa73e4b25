"""A command as it was typed, without what is of one machine: what a page tells its reader to type."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import typer

HERE = ("jobs", "scheduler", "as_json", "quiet", "verbose")
"""Options about the machine, or about what is printed: the result does not depend on them."""


def typed(context: typer.Context) -> str:
    """The command of this context with the options that were given; files by their names, without their folders."""
    words = ["relucvx", context.info_name or ""]
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name in HERE or source is None or source.name != "COMMANDLINE":
            continue
        value = context.params[name]
        spelled = max(parameter.opts, key=len)
        if parameter.param_type_name == "argument":
            words.append(nameless(value))
        elif isinstance(value, bool):
            words.append(spelled if value or not parameter.secondary_opts else max(parameter.secondary_opts, key=len))
        else:
            words += [spelled, nameless(value)]
    return shlex.join(words)


def nameless(value: Any) -> str:
    """A value as it is typed where its file lies: no folder of anybody's machine is in it."""
    text = str(value)
    return Path(text).name if isinstance(value, Path) or "/" in text or "\\" in text else text
