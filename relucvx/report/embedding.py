"""The numbers behind a report, inside it: one link saves them all, another one the table; nothing is fetched."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from html import escape
from typing import Any

from relucvx.report.comparison import Comparison
from relucvx.report.saved import problem_record
from relucvx.types import strict_json

LARGEST = 8_000_000
"""Characters of JSON beyond which parts are left out: kernels first, which follow from networks and data, then the data."""

DIGITS = 6
"""Of kernels, which hold most of the numbers."""


def record(comparison: Comparison, title: str = "", data: bool = True) -> dict[str, Any]:
    """Everything that a comparison found as plain values, with the problem's data unless ``data`` is False."""
    found = comparison.to_dict()
    if data:
        given = problem_record(comparison.problem, comparison.names, comparison.labels, comparison.factors)
        found["problem"] = {**found["problem"], **given}
    return {"data": title, **found}


def table_text(comparison: Comparison) -> str:
    """The table of networks as CSV."""
    rows = comparison.table()
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    # what does not exist is an empty cell
    writer.writerows({name: "" if value != value else value for name, value in row.items()} for row in rows)
    return stream.getvalue()


def downloads(comparison: Comparison, title: str, data: bool = True) -> str:
    """The paragraph with the links, and what is in them."""
    name = slug(title)
    text, without = _small_enough(record(comparison, title, data))
    kept = [
        *(["the data"] if data and "data" not in without else []), "findings", "networks", "histories",
        *(["kernels"] if "kernels" not in without and comparison.to_dict()["kernels"] is not None else []),
    ]  # fmt: skip
    again = (
        "<p>With the first of them, this makes the page again from its own networks:</p>"
        f"<pre><code>relucvx report {escape(name)}.json</code></pre>"
    )
    left = f" Left out because of their size: {', '.join(without)}." if without else ""
    return (
        f"<p>Saved with this page, and inside it: {_link(f'{name}.json', 'application/json', text)} "
        f"({escape(', '.join(kept))}) and {_link(f'{name}.csv', 'text/csv', table_text(comparison))} (the table of networks)."
        f"{left}</p>" + (again if "the data" in kept else "")
    )


def slug(title: str) -> str:
    """A title as the name of a file."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", title).strip("-.")[:60] or "report"


def _small_enough(found: dict[str, Any]) -> tuple[str, list[str]]:
    """The record as compact JSON, and what was left out of it."""
    if found.get("kernels"):
        found["kernels"] = {
            name: [[float(f"{v:.{DIGITS}g}") for v in line] for line in K] for name, K in found["kernels"].items()
        }
    text, without = _compact(found), []
    if len(text) > LARGEST and found.get("kernels"):
        found["kernels"] = None
        text, without = _compact(found), ["kernels"]
    if len(text) > LARGEST and "X" in found["problem"]:
        found["problem"] = {k: v for k, v in found["problem"].items() if k not in ("X", "Y", "format")}
        text, without = _compact(found), [*without, "data"]
    return text, without


def _compact(value: Any) -> str:
    return json.dumps(json.loads(strict_json(value)), separators=(",", ":"))


def _link(name: str, kind: str, text: str) -> str:
    data = base64.b64encode(text.encode("utf-8")).decode("ascii")
    size = f"{len(text) / 1e6:.1f} MB" if len(text) >= 1e5 else f"{max(1, round(len(text) / 1e3))} kB"
    return f'<a download="{escape(name)}" href="data:{kind};base64,{data}">{escape(name)}</a>, {size}'
