"""Docstrings are written to be read in a terminal: outside ``literals`` and :roles: a bar, a star or an underscore is itself.

reStructuredText would read ``||w_j||`` as a substitution and ``loss*`` as the beginning of emphasis.
"""

import re

import relucvx

KEPT = re.compile(r"(``.+?``|:[a-z:]+:`[^`]+`|`[^`\n]+`_{0,2})")
"""Literals, roles, and what is in single backticks."""


def escape(text):
    """A line of prose with its bars, stars and final underscores escaped; bullets stay bullets."""
    bullet = re.match(r"\s*[*-] ", text)
    head, rest = (bullet.group(), text[bullet.end() :]) if bullet else ("", text)
    parts = KEPT.split(rest)
    for k in range(0, len(parts), 2):
        parts[k] = re.sub(r"([|*])", r"\\\1", parts[k])
        parts[k] = re.sub(r"(?<=\w)_(?!\w)", r"\\_", parts[k])
    return head + "".join(parts)


def plain(app, what, name, obj, options, lines):
    """Escape every line that is prose: no example with its output, no type of a parameter, no block of literal text."""
    literal = None  # indentation of the paragraph whose "::" opened a block
    example = False
    for k, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        if literal is not None and line.strip() and indent <= literal:
            literal = None
        typed = re.match(r"\s*[\w, ]+ : ", line)
        if literal is None and not example and not typed and not line.lstrip().startswith(("==", "..")):
            opens = line.rstrip().endswith("::")
            lines[k] = escape(line)
            literal = indent if opens else None


def documented_above(app, what, name, obj, skip, options):
    """A name that the package itself has is documented there, and not a second time with its part."""
    if app.env.docname != "reference/relucvx" and what == "module" and name in relucvx.__all__:
        return obj is getattr(relucvx, name) or None
    return None


def of_another_package(app, what, name, obj, skip, options):
    """What a class has from another package is documented there, with the links of its own pages."""
    of_function = getattr(getattr(obj, "__func__", obj), "__module__", None) or ""
    return True if what == "class" and of_function.startswith("sklearn.") else None


def setup(app):
    """Before numpydoc, which reads the sections."""
    app.connect("autodoc-process-docstring", plain, priority=100)
    app.connect("autodoc-skip-member", documented_above)
    app.connect("autodoc-skip-member", of_another_package)
    return {"parallel_read_safe": True}
