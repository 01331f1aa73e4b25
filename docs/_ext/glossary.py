"""The glossary, from the package: reports show the same lines."""

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx import addnodes

from relucvx.glossary import GLOSSARY


def entry(name, term):
    """A term with its formula, its meaning, and a way to the page that says more."""
    head = nodes.term("", "", nodes.Text(name), ids=[nodes.make_id(f"term-{name}")])
    said = nodes.paragraph(text=term.meaning + " ")
    if term.formula:
        said += [nodes.math(text=term.formula), nodes.Text(" ")]
    link = addnodes.pending_xref(
        "", nodes.inline(text=term.page), refdomain="std", reftype="doc", reftarget=f"/{term.page}", refexplicit=False,
        refwarn=True,
    )  # fmt: skip
    said += link
    return nodes.definition_list_item("", head, nodes.definition("", said))


class Terms(Directive):
    """``.. terms::``: all of them, by name."""

    def run(self):
        """One definition list."""
        items = [entry(name, GLOSSARY[name]) for name in sorted(GLOSSARY, key=str.lower)]
        return [nodes.definition_list("", *items)]


def setup(app):
    """Register the directive."""
    app.add_directive("terms", Terms)
    return {"parallel_read_safe": True}
