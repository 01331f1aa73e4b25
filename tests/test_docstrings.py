"""Docstrings say what they rest on, cite what exists, and print what they show."""

import doctest
import importlib
import inspect
import pkgutil
import re

import pytest

import relucvx
from relucvx.references import REFERENCES

PARTS = (
    "", ".arrangement", ".certificate", ".datasets", ".estimators", ".kernel", ".losses", ".metrics", ".network", ".oracle",
    ".program", ".report", ".solver", ".theory", ".training",
)  # fmt: skip
"""Packages whose public names are documented for users."""

MODULES = [
    info.name for info in pkgutil.walk_packages(relucvx.__path__, "relucvx.") if not info.name.endswith("__main__")
]


def public_callables():
    """(dotted name, object) of every function and class that a package lists."""
    for part in PARTS:
        package = importlib.import_module(f"relucvx{part}")
        for name in package.__all__:
            found = getattr(package, name)
            if callable(found) and not inspect.ismodule(found):
                yield f"{package.__name__}.{name}", found


CALLABLES = dict(public_callables())


def lacking(obj):
    """What a docstring leaves out: "Source", "Status", or keys that are no references."""
    doc = inspect.getdoc(obj) or ""
    out = [word for word in ("Source", "Status") if f"{word}:" not in doc]
    cited = re.findall(r"\[([a-z0-9-]+)\]", re.sub(r"(?s)^.*?Source:", "", doc.split("Examples\n---")[0]))
    if "Source" not in out and not cited:
        out.append("a key in brackets after Source")
    return out + [key for key in cited if key not in REFERENCES]


@pytest.mark.parametrize("name", CALLABLES)
def test_public_callables_name_their_source_and_what_they_rest_on(name):
    assert lacking(CALLABLES[name]) == []


def has_example(obj):
    return ">>> " in (inspect.getdoc(obj) or "")


def test_public_callables_have_an_example():
    assert {name for name, obj in CALLABLES.items() if not has_example(obj)} == set()


def test_there_are_many_and_the_check_can_fail():
    assert len(CALLABLES) > 180

    def silent():
        """Compute something."""

    def vague():
        """Compute something. Status: theorem. Source: a book."""

    def misquoted():
        """Compute something. Status: theorem. Source: [nobody-1999]."""

    def shown():
        """Compute something.

        >>> shown()
        """

    assert has_example(shown)
    assert not has_example(silent)
    assert lacking(silent) == ["Source", "Status"]
    assert lacking(vague) == ["a key in brackets after Source"]
    assert lacking(misquoted) == ["nobody-1999"]


def examples(module):
    """Examples of a module."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [found for found in finder.find(importlib.import_module(module), module) if found.examples]


EXAMPLES = {found.name: found for module in ["relucvx", *MODULES] for found in examples(module)}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_print_what_they_show(name):
    said = []
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(EXAMPLES[name], out=said.append)
    assert result.failed == 0, "".join(said)


def test_the_main_names_have_examples():
    """A collector that loses a module whose function has its name would lose these."""
    assert {
        "relucvx",
        "relucvx.metrics.regions.folds.folding.folding",
        "relucvx.metrics.separation.separability",
    } <= set(EXAMPLES)
    assert len(EXAMPLES) >= 25
