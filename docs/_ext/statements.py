"""The statements of the theory, from the claims themselves: a list in a page would drift."""

import importlib

from docutils import nodes
from docutils.parsers.rst import Directive

from relucvx.references import REFERENCES
from relucvx.theory import claims
from relucvx.theory.registry import MODULES


def entry(claim):
    """One claim as an item of a definition list."""
    term = nodes.term("", "", nodes.literal(text=claim.id))
    said = nodes.paragraph(text=claim.statement)
    words = [("Assumes", ", ".join(a.name for a in claim.assumptions) or "nothing further"), ("Status", claim.status)]
    words.append(("Source", " ".join(REFERENCES[key.strip()] for key in claim.source.split(","))))
    if claim.corrected_by:
        words.append(("Right is", claim.corrected_by))
    rest = nodes.paragraph()
    for name, text in words:
        rest += [nodes.emphasis(text=f"{name}: "), nodes.Text(text.rstrip(".") + ". ")]
    return nodes.definition_list_item("", term, nodes.definition("", said, rest))


class Statements(Directive):
    """``.. statements:: HOLDS`` or ``VIOLATED``: every claim that is expected to, chapter by chapter."""

    required_arguments = 1

    def run(self):
        """A section's worth of nodes: per module its first sentence, then its claims."""
        out, seen = [], set()
        for name in MODULES:
            module = importlib.import_module(f"relucvx.theory.{name}")
            here = [c for c in module.CLAIMS if c.expected == self.arguments[0]]
            if here:
                title = (module.__doc__ or name).splitlines()[0].rstrip(".")
                out.append(nodes.paragraph("", "", nodes.strong(text=title)))
                out.append(nodes.definition_list("", *map(entry, here)))
                seen |= {c.id for c in here}
        missing = {c.id for c in claims() if c.expected == self.arguments[0]} - seen
        if missing:
            raise self.error(f"claims without a place: {sorted(missing)}")
        return out


def setup(app):
    """Register the directive."""
    app.add_directive("statements", Statements)
    return {"parallel_read_safe": True}
