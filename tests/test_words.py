"""What README, docs, docstrings and messages name exists: names, options and verbs of the command line, files."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest
from pages import PAGES, commands
from pages import ROOT as PROJECT
from printed_calls import START, printed_calls, refusal, whole_texts
from typer.main import get_command

import relucvx
from relucvx.cli import app

ROOT = Path(relucvx.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
WRITTEN = {**PAGES, "CONTRIBUTING.md": PROJECT / "CONTRIBUTING.md"}
MADE = {"rx.metrics.sparseness", "metrics.sparseness"}
"""What the pages on adding things make."""
VERBS = get_command(app).commands
PARAMS = [p for verb in (get_command(app), *VERBS.values()) for p in verb.params]
OPTIONS = {option for p in PARAMS for option in p.opts + p.secondary_opts} | {"--help"}
"""Of the program and of its verbs."""
PREFIXES = {"--no"}
"""What an option begins with, where a source puts it together."""


def module_of(file):
    """Dotted name of a file of the package."""
    words = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


def resolves(name, *places):
    """Whether a dotted name can be reached from the package, or from one of these modules."""
    return any(_reaches(place, name) for place in (*places, relucvx))


def _reaches(place, name):
    for word in name.split("."):
        if hasattr(place, word):
            place = getattr(place, word)
            continue
        fields = getattr(place, "__annotations__", {})
        if word not in fields:
            try:
                place = importlib.import_module(f"{place.__name__}.{word}")
            except (ImportError, AttributeError):
                return False
        elif word is not name.split(".")[-1]:
            return False
    return True


def texts(source):
    """Every string of a source, docstrings and parts of f-strings among them."""
    return [n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def dotted(text):
    """Names ``rx.…`` and ``relucvx.…`` in a text, without the addresses of files."""
    return re.findall(r"(?<![\w./])(?:rx|relucvx)\.((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?![\w/])", text)


def references(text):
    """Targets of ``:func:`` and its like."""
    return re.findall(r":(?:func|meth|class|mod|attr):`~?([\w.]+)`", text)


def unknown(text, *places):
    """What a text names and nothing answers to."""
    found = [name for name in dotted(text) if not name.endswith(("npz", "json")) and not resolves(name, *places)]
    found += [name for name in references(text) if not resolves(name.removeprefix("relucvx."), *places)]
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text)) - OPTIONS - PREFIXES
    verbs = set(re.findall(r"`relucvx ([a-z]+(?:-[a-z]+)*)", text)) - set(VERBS)
    return sorted({*found, *options, *verbs})


def nearby(file):
    """The module of a file and the packages around it."""
    module = importlib.import_module(module_of(file))
    words = module.__name__.split(".")
    packages = [importlib.import_module(".".join(words[:k])) for k in range(len(words) - 1, 0, -1)]
    classes = [c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__]
    return [module, *packages, *classes]


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_names_in_docstrings_and_messages_exist(file):
    if file.name != "__main__.py":
        places = nearby(file)
        assert {word for text in texts(file.read_text()) for word in unknown(text, *places)} == set()


def refusals(texts_of):
    """Calls in these texts that their door does not take."""
    return [why for text in texts_of for call in printed_calls(text) if (why := refusal(*call))]


def test_every_call_that_is_printed_is_taken_by_its_door():
    sources = [source for file in FILES if START.search(source := file.read_text())]
    texts_of = [text for source in sources for text in whole_texts(source)]
    texts_of += [page.read_text() for page in WRITTEN.values()]
    assert refusals(texts_of) == []
    assert sum(1 for text in texts_of for _ in printed_calls(text)) > 400
    for wrong in ("rx.solve(X, Y, beta, 1e-3)", "rx.solve(X, Y, beta, los=1)", "rx.write_proof(sol)"):
        assert len(refusals([wrong])) == 1


@pytest.mark.parametrize("page", WRITTEN)
def test_names_options_and_files_on_a_page_exist(page):
    text = WRITTEN[page].read_text()
    if "docs/extend" in page:  # pages that make names
        text = "".join(part for part in text.split("```")[::2])
    asked = {"--mnist", "--keep-going", "--nthreads", "--nworkers"}  # of the examples, of Sphinx, of Dask
    assert set(unknown(text, relucvx.metrics, relucvx.theory)) - asked - MADE == set()
    for path in re.findall(r"`((?:relucvx|examples|benchmarks|tests|docs)/[\w/.]*)`", text):
        assert path == "docs/build" or list(PROJECT.glob(f"{path}*")), path
    for target in re.findall(r"\]\(([\w/.]+)\)", text):
        assert (WRITTEN[page].parent / target).exists(), target


def imported(source):
    """(module, name) of what a source takes from the package."""
    nodes = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom) and "relucvx" in (n.module or "")]
    return [(node.module, alias.name) for node in nodes for alias in node.names]


@pytest.mark.parametrize("file", sorted((PROJECT / "docs").rglob("*.py")), ids=lambda f: f.name)
def test_what_builds_the_site_finds_what_it_imports(file):
    assert [
        pair for pair in imported(file.read_text()) if not resolves(pair[1], importlib.import_module(pair[0]))
    ] == []
    assert imported("from relucvx.references import nothing") == [("relucvx.references", "nothing")]


def test_the_table_of_metrics_names_metrics():
    text = PAGES["docs/guide/metrics.md"].read_text()
    shown = set(re.findall(r"`([a-z_]+)`", text.split("| question")[1].split("```python")[0]))
    assert {name for name in shown if "_" in name and not resolves(name, relucvx.metrics)} == set()
    assert len(shown) > 30


def test_every_command_on_a_page_takes_its_options():
    found = [words for page in PAGES.values() for words, _ in commands(page) if not words[0].startswith("-")]
    assert len(found) >= 12
    for verb, *words in found:
        known = {option for p in VERBS[verb].params for option in (*p.opts, *p.secondary_opts)} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= known, verb


@pytest.mark.parametrize(
    "text",
    ["rx.solv(X)", "see relucvx.metrics.foldings", ":func:`nobody`", "pass --nothing", "run `relucvx prove-it` first"],
)
def test_the_check_can_fail(text):
    assert len(unknown(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "rx.metrics.folding(net, a, b).chi", "`relucvx verify --quick`", ":func:`relucvx.solve`", "sol.npz of relucvx",
        ":meth:`Solution.save`", "a -- b", "relucvx/tolerances.py", "rx.theory.claims()",
    ],
)  # fmt: skip
def test_what_exists_passes(text):
    assert unknown(text) == []
