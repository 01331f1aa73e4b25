"""Tables of measured figures, read from ``benchmarks/results``: what a page says was measured is what the file holds."""

import json
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive, directives

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def shown(value):
    """A cell as a reader wants it: three significant digits, and the median of repeats."""
    if isinstance(value, dict):
        value = value["median"]
    if isinstance(value, float):
        return "0" if value == 0 else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return "–" if value is None else str(value)


def cell(text):
    """An entry of a table."""
    return nodes.entry("", nodes.paragraph(text=text))


class Measured(Directive):
    """``.. measured:: limits.json`` with ``:columns:`` of "key = heading", separated by semicolons."""

    required_arguments = 1
    option_spec = {"columns": directives.unchanged_required}  # noqa: RUF012 (docutils reads a class attribute)

    def run(self):
        """One table of the rows that have the columns; where none has, it is an error."""
        file = RESULTS / self.arguments[0]
        self.state.document.settings.env.note_dependency(str(file))
        columns = [part.split("=") for part in self.options["columns"].split(";")]
        keys, heads = [c[0].strip() for c in columns], [c[-1].strip() for c in columns]
        having = [row for row in json.loads(file.read_text())["rows"] if set(keys) <= set(row)]
        if not having:
            raise self.error(f"no row of {file.name} has the columns {', '.join(keys)}")
        rows = [[shown(row[key]) for key in keys] for row in having]
        group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in keys), cols=len(keys))
        group += nodes.thead("", nodes.row("", *map(cell, heads)))
        group += nodes.tbody("", *(nodes.row("", *map(cell, row)) for row in rows))
        return [nodes.table("", group)]


def setup(app):
    """Register the directive."""
    app.add_directive("measured", Measured)
    return {"parallel_read_safe": True}
