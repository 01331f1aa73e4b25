"""Results as one line and as HTML: what an interpreter and a notebook show of them.

HTML is one table, or two, that take their colours from the page they are in, so that dark and light notebooks both read well.
Every text is escaped; there is no script, no style sheet and no address in it.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import islice
from typing import Any

import numpy as np

LONGEST_LINE = 120
"""Characters of a repr."""

LONGEST_TEXT = 300
"""Characters of a text in a cell."""

FEW = 6
"""Entries of an array, a tuple or a dict that are written out."""

MOST_ROWS, MOST_COLUMNS = 20, 16
"""Of a table in a notebook; the whole is a call away."""

EDGE = "border:1px solid rgba(128,128,128,0.45);padding:0.2em 0.6em;vertical-align:top;"
"""Of a cell: a grey that is seen on white and on black."""


def is_scalar(value: Any) -> bool:
    """Whether a value goes into one cell of a table as it is: a number, a truth value, a short text, a name of an enum."""
    return isinstance(value, (bool, int, float, str, enum.Enum, np.bool_, np.number))


def scalars(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Those facts that fit into one row of a table; names in place of members of enums."""
    kept = {name: value for name, value in facts.items() if is_scalar(value)}
    return {
        name: value.name if isinstance(value, enum.Enum) and not isinstance(value, str) else value
        for name, value in kept.items()
    }


def said(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts without empty texts: a note that is not there says nothing."""
    return {name: value for name, value in facts.items() if not (isinstance(value, str) and not value)}


def one_line(name: str, facts: Mapping[str, Any]) -> str:
    """``Name(a=1, b=0.5)`` of the facts that are scalars, as many as fit into a line; dots stand for the others."""
    facts = said(facts)
    kept = [f"{key}={_short(value)}" for key, value in facts.items() if is_scalar(value)]
    whole = len(kept) == len(facts)
    while True:
        text = f"{name}({', '.join([*kept, *([] if whole else ['...'])])})"
        if len(text) <= LONGEST_LINE or not kept:
            return text
        kept.pop()
        whole = False


def cut_line(text: str) -> str:
    """A text as one line that is not too long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 4]}...{line[-1]}"


def _short(value: Any) -> str:
    if isinstance(value, enum.Enum) and not isinstance(value, str):
        return value.name
    if isinstance(value, str):
        text = " ".join(value.split())
        return repr(str(text if len(text) <= 40 else f"{text[:37]}..."))
    return number(value)


def number(value: Any) -> str:
    """A number as short as it stays readable; truth values and texts as they are."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.6g}"
    return str(value)


def in_words(value: Any) -> str:
    """A value as the text of a cell: numbers short, arrays by their shape where they are large, results by their line."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, enum.Enum) and not isinstance(value, str):
        return f"{value.name}: {value.help}" if hasattr(value, "help") else value.name
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, Mapping):
        return _several([f"{key}: {in_words(one)}" for key, one in islice(value.items(), FEW)], len(value))
    if isinstance(value, (list, tuple)):
        return _several([in_words(one) for one in value[:FEW]], len(value))
    text = number(value) if is_scalar(value) else repr(value)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


def _array(value: np.ndarray) -> str:
    if value.ndim == 1 and 0 < value.size <= FEW:
        return ", ".join(number(one) for one in value)
    kind = {"b": "truth values", "i": "integers", "u": "integers", "f": "numbers"}.get(value.dtype.kind, "entries")
    return f"{' × '.join(map(str, value.shape))} {kind}" if value.ndim else number(value[()])


def _several(texts: Sequence[str], count: int) -> str:
    return ", ".join([*texts, *([f"… {count} in all"] if count > len(texts) else [])]) if count else "none"


def facts_table(caption: str, facts: Mapping[str, Any]) -> str:
    """A table of two columns, a name and what it is, under a caption."""
    rows = "".join(
        f'<tr><th scope="row" style="{EDGE}text-align:left">{escape(str(name))}</th>'
        f'<td style="{EDGE}text-align:left;max-width:60em;white-space:normal">{escape(in_words(value))}</td></tr>'
        for name, value in said(facts).items()
    )
    return _table(caption, f"<tbody>{rows}</tbody>")


def rows_table(caption: str, records: Iterable[Mapping[str, Any]]) -> str:
    """A table with one row per record, the first of them where there are many; nothing where there are fewer than two."""
    rows = list(islice(records, MOST_ROWS + 1))
    if len(rows) < 2:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cut = [what for what, many in (("rows", len(rows) > MOST_ROWS), ("columns", len(names) > MOST_COLUMNS)) if many]
    note = f" (the first {' and '.join(cut)}; all of them: .to_frame())" if cut else ""
    names, rows = names[:MOST_COLUMNS], rows[:MOST_ROWS]
    head = "".join(f'<th scope="col" style="{EDGE}text-align:right">{escape(str(name))}</th>' for name in names)
    body = "".join(f"<tr>{''.join(_cell(row.get(name)) for name in names)}</tr>" for row in rows)
    return _table(caption + note, f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>")


def _cell(value: Any) -> str:
    text = value.name if isinstance(value, enum.Enum) else in_words(value)
    side = "left" if isinstance(value, str) else "right"
    return f'<td style="{EDGE}text-align:{side};font-variant-numeric:tabular-nums">{escape(text)}</td>'


def _table(caption: str, inside: str) -> str:
    return (
        '<div style="overflow-x:auto;color:inherit"><table style="border-collapse:collapse;margin:0.3em 0;color:inherit">'
        f'<caption style="caption-side:top;text-align:left;font-weight:bold;color:inherit">{escape(caption)}</caption>'
        f"{inside}</table></div>"
    )
