"""Notebooks as pages: what their last run left in them is shown; building runs nothing and loads nothing."""

import json

from myst_parser.parsers.sphinx_ import MystParser


def markdown(text):
    """A notebook as Markdown: cells in order, code with what it printed, showed or drew."""
    cells = json.loads(text)["cells"]
    return "\n\n".join(part for cell in cells for part in parts(cell)) + "\n"


def parts(cell):
    """The Markdown of a cell: its text, or its code and each of its outputs."""
    source = "".join(cell["source"]).rstrip()
    if cell["cell_type"] == "markdown":
        return [source]
    alt = cell["metadata"].get("alt", "")
    return [fenced("python", source), *(shown(output, alt) for output in cell["outputs"])]


def fenced(kind, text):
    """A block, whose fence is longer than any in it."""
    return f"`````{kind}\n{text.rstrip()}\n`````"


def shown(output, alt):
    """An output: the figure with its alternative text, else the table, else what was printed."""
    if output["output_type"] == "error":
        raise ValueError(f"a notebook with an error: {output['evalue']}")
    data = output.get("data", {})
    if "image/png" in data:
        if not alt:
            raise ValueError('a figure without alternative text: give its cell {"alt": "…"} as metadata')
        return f"![{alt}](data:image/png;base64,{''.join(data['image/png']).strip()})"
    if "text/html" in data:
        return fenced("{raw} html", f'<div class="output">{"".join(data["text/html"])}</div>')
    return fenced("text", "".join(output.get("text") or data["text/plain"]))


class NotebookParser(MystParser):
    """Reads ``.ipynb`` by way of Markdown."""

    supported = ("ipynb",)

    def parse(self, inputstring, document):
        """Fill the document."""
        super().parse(markdown(inputstring), document)


def setup(app):
    """Register the kind of file."""
    app.add_source_suffix(".ipynb", "ipynb")
    app.add_source_parser(NotebookParser)
    return {"parallel_read_safe": True}
