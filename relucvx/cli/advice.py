"""The next step of an error in the words of the command line: errors speak Python, where most of them are met."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection

from relucvx.errors import Explanation, RelucvxError, explain

KEYWORD = re.compile(
    r"""\b([a-z][a-z_]*)=("[^"]*"|'[^']*'|\([^()]*\)|\[[^\[\]]*\]|[-+\w.]+)(?=[\s,;.)]|$)(?![^()]*\))"""
)
"""A keyword argument with a value of its own, not one inside a call."""

SHELL = ("relucvx ", "pip ", "mkdir ", "--")
"""How a step begins that can be typed at a prompt."""

ELSEWHERE = {"classes=True": "--loss cross_entropy", "columns=[...]": "--columns A,B,…"}
"""Keyword arguments that have another name on the command line."""

PYTHON = re.compile(r"\w\(|\w\[|\b(numpy|relucvx|torch)\.|=")
"""What looks like code."""


def in_words_of(error: RelucvxError, options: Collection[str]) -> str:
    """An error's text, with a next step that can be typed where the error was met.

    Parameters
    ----------
    options : collection of str
        Names of the command's options, with their dashes.
    """
    parts = error.explanation
    if parts is None or not parts.fix:
        return str(error) if parts is None else parts
    return explain(parts.expected, parts.received, parts.cause, translated(parts, options))


def translated(parts: Explanation, options: Collection[str]) -> str:
    """The next step with keyword arguments as options; "in Python: …" where it is code that has no options to it."""
    fix: str = parts.fix
    for python, shell in ELSEWHERE.items():
        if shell.split()[0] in options:
            fix = fix.replace(python, shell)
    fix = KEYWORD.sub(lambda match: _option(match, options), fix)
    if fix.startswith(SHELL) or not PYTHON.search(_without_options(fix)) or re.match(r"in (Python|\S+):", fix):
        return fix
    return f"in Python: {fix}"


def _option(match: re.Match[str], options: Collection[str]) -> str:
    name, value = "--" + match[1].replace("_", "-"), match[2]
    if name not in options:
        return match[0]
    if value in ("True", "False"):
        return name if value == "True" else name.replace("--", "--no-", 1)
    plain = value[1:-1].replace(", ", ",") if value[0] in "\"'([" else value
    return f"{name} {shlex.quote(plain)}"


def _without_options(text: str) -> str:
    return re.sub(r"--[\w-]+ ('[^']*'|\S+)", "", text)
