"""The pages on adding a loss, a metric and a claim, followed to the letter in a copy: what was green must stay so.

A page's blocks are done one after the other, as a reader does them. Then the copy is asked what the tests ask of everything
that has a name in a list: a step that a page forgets fails here and not at the reader's.
"""

import shlex
import shutil
from typing import NamedTuple

import pytest
from pages import PAGES, ROOT, blocks, commands_of, differences, in_shell

FOLDERS = ("relucvx", "tests", "docs")
FILES = ("README.md", "CONTRIBUTING.md", "pyproject.toml")
EVERYWHERE = (
    "tests/test_architecture.py", "tests/test_docstrings.py", "tests/test_doors.py", "tests/test_references.py",
    "tests/test_words.py",
)  # fmt: skip
"""Tests that hold for everything of a kind."""


class Rails(NamedTuple):
    """What sees the thing that a page adds.

    Attributes
    ----------
    words : str
        In the names of the tests that are about it.
    tests : tuple of str
        Files and folders that have such tests, beside those that hold for everything.
    lists : dict
        Files in which the page lists it, and the test that misses it there.
    """

    words: str
    tests: tuple[str, ...]
    lists: dict[str, str]


RAILS = {
    "add_a_metric": Rails(
        "spars or has_a_row or panel or columns",
        ("tests/metrics/test_axioms.py", "tests/metrics/test_extremes.py", "tests/metrics/layers"),
        {
            "tests/metrics/test_axioms.py": "tests/metrics/test_axioms.py::test_every_public_metric_has_a_row",
            "tests/test_doors.py": "tests/test_doors.py::test_every_public_function_has_an_entry",
            "relucvx/metrics/layers/profile_figure.py": (
                "tests/metrics/layers/test_profile_figure.py::test_every_column_is_in_one_panel"
            ),
        },
    ),
    "add_a_claim": Rails(
        "units or every_claim or every_file or well_formed or listed",
        ("tests/theory/test_registry.py", "tests/sabotage", "tests/cli/test_theory.py"),
        {
            "tests/theory/chapters/test_units.py": (
                "tests/theory/test_registry.py::test_every_file_of_claims_is_tested_beside_it"
            ),
            "tests/sabotage/theory_faults.py": (
                "tests/sabotage/test_sabotage.py::test_every_claim_has_a_fault_that_violates_it"
            ),
        },
    ),
    "add_a_loss": Rails(
        "expectile or as_loss",
        ("tests/losses", "tests/program", "tests/solver", "tests/training", "tests/certificate/test_certificate.py",
         "tests/integration/test_solve.py"),
        {"tests/oracles.py": "tests/integration/test_solve.py::test_planted_is_certified"},
    ),
}  # fmt: skip


def edited(text, diff):
    """A file with the lines of a diff put in; its context must be there, once."""
    before = "".join(line[1:] + "\n" for line in diff.splitlines() if not line.startswith("+"))
    after = "".join(line[1:] + "\n" for line in diff.splitlines() if not line.startswith("-"))
    assert text.count(before) == 1, f"{text.count(before)} places for\n{before}"
    return text.replace(before, after)


def in_copy(copy, *args):
    """Output of a Python process in a copy, which must succeed."""
    code, out, err = in_shell(args, copy, copy)
    assert code == 0, out + err
    return out


def do(block, shown, copy):
    """Do what a block says; ``shown`` is the output that the page shows for it, or None."""
    file = copy / block.caption
    if block.kind == "diff":
        file.write_text(edited(file.read_text(), block.text))
    elif block.caption == "run" and block.kind == "sh":
        for words, wanted in commands_of(block):
            code, out, err = in_shell(["-m", "relucvx", *words], copy, copy)
            assert (code, bool(out.strip())) == (wanted, True), err
        others = [shlex.split(line) for line in block.text.splitlines() if not line.startswith("relucvx ")]
        for program, *args in others:
            assert program == "python"
            in_copy(copy, *args)
    elif block.caption == "run":
        assert differences(shown or "", in_copy(copy, "-W", "error", "-c", block.text)) == []
    elif block.caption:
        assert not file.exists()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text)


@pytest.fixture(
    scope="module",
    params=[pytest.param(page, marks=[pytest.mark.slow] if page != "add_a_loss" else []) for page in RAILS],
)
def followed(request, tmp_path_factory):
    """(name of a page, files that it makes or changes, a copy of the project in which it was followed)."""
    copy = tmp_path_factory.mktemp(request.param)
    for folder in FOLDERS:  # the package with its compiled kernels
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("build"))
    for file in FILES:
        shutil.copy(ROOT / file, copy / file)
    found = blocks(PAGES[f"docs/extend/{request.param}.md"])
    for block, after in zip(found, [*found[1:], None], strict=True):
        do(block, after.text if after is not None and after.kind == "text" else None, copy)
    return request.param, list(dict.fromkeys(b.caption for b in found if b.caption not in ("", "run"))), copy


def test_what_a_page_adds_has_tests_and_examples_that_pass(followed):
    _, files, copy = followed
    made = [file for file in files if not (ROOT / file).exists()]
    own = [file for file in made if file.startswith("tests/")]
    assert own
    in_copy(copy, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *own)
    for file in set(made) - set(own):
        name = file.removesuffix(".py").replace("/", ".")
        check = f"import doctest, importlib; m = importlib.import_module({name!r}); print(m.__file__)"
        out = in_copy(copy, "-c", f"{check}; assert not doctest.testmod(m).failed")
        assert out.strip().startswith(str(copy))


def run_tests(copy, words, *tests):
    """Exit code and output of the tests in a copy whose names have one of the words."""
    return in_shell(["-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-k", words, *tests], copy, copy)[:2]


@pytest.mark.slow
def test_what_holds_for_everything_holds_for_it(followed):
    page, _, copy = followed
    rails = RAILS[page]
    for words, tests in ((f"every or {rails.words}", EVERYWHERE), (rails.words, rails.tests)):
        code, out = run_tests(copy, words, *tests)
        assert code == 0, out


def test_a_list_without_it_is_noticed(followed):
    """So that a page that forgets a list would fail here."""
    page, files, copy = followed
    for file, test in RAILS[page].lists.items():
        assert file in files
        kept = (copy / file).read_text()
        try:
            (copy / file).unlink()
            if (ROOT / file).exists():
                shutil.copy(ROOT / file, copy / file)
            code, out = run_tests(copy, f"every or {RAILS[page].words}", test)
        finally:
            (copy / file).write_text(kept)
        assert (code, " failed" in out) == (1, True), out


def test_what_a_page_adds_is_formatted(followed):
    pytest.importorskip("ruff", reason="pip install '.[dev]'")
    _, files, copy = followed
    python = [file for file in files if file.endswith(".py")]
    in_copy(copy, "-m", "ruff", "check", "--no-cache", *python)
    in_copy(copy, "-m", "ruff", "format", "--no-cache", "--check", *python)


@pytest.mark.slow
def test_what_a_page_adds_is_typed(followed):
    pytest.importorskip("mypy", reason="pip install '.[dev]'")
    in_copy(followed[2], "-m", "mypy")


def test_a_diff_without_its_place_is_an_error():
    assert edited("a\nb\n", " a\n+x\n") == "a\nx\nb\n"
    with pytest.raises(AssertionError, match="0 places"):
        edited("a\nb\n", " c\n+x\n")
    with pytest.raises(AssertionError, match="2 places"):
        edited("a\na\n", " a\n+x\n")
