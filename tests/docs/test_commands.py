"""Every command that README and docs print exits as printed, run in a shell as a reader would run it."""

import re
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from pages import PAGES, README, blocks, commands, in_shell

import relucvx as rx
from relucvx import datasets

QUICK = ("patterns", "solve", "certify", "predict", "--help")
"""Verbs that take seconds."""

COMMANDS = list(dict.fromkeys((tuple(words), code) for page in PAGES.values() for words, code in commands(page)))


def takes_seconds(words):
    """Whether a command ends within seconds."""
    return words[0] in QUICK or bool({"--help", "--list", "--dry-run"} & set(words))


BY_VERB = {words[0]: (words, code) for words, code in reversed(COMMANDS) if takes_seconds(words)}
FIRST = dict(BY_VERB.values())
"""The first such command of every verb, which the quick tests run; the others are for the slow ones."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the commands run, one after the other: with a table of prices, in units as people have them."""
    here, rng = tmp_path_factory.mktemp("readme"), np.random.default_rng(0)
    rows = np.column_stack([rng.uniform(30, 200, 40), rng.integers(1, 7, 40), rng.uniform(0, 30, 40)]).round(1)
    prices = 3000 * rows[:, 0] - 20_000 * np.maximum(rows[:, 2] - 10, 0) / 10 + rng.normal(0, 9000, 40)
    text = "area,rooms,distance,price\n" + "\n".join(
        ",".join(map(str, row)) for row in np.column_stack([rows, prices.round(-2)])
    )
    (here / "data.csv").write_text(text + "\n")
    # the solution that later commands take up, whatever came before them
    made = datasets.get(here / "data.csv", target="price", standardize=True)
    rx.solve(made, beta=0.1 * rx.beta_max(made)[0]).save(here / "best.npz")
    # files that a page shows, such as grids
    for block in (block for page in PAGES.values() for block in blocks(page) if block.kind == "toml" and block.caption):
        (here / block.caption).write_text(block.text)
    for sample in (Path(README).parent / "docs" / "samples").glob("*.csv"):
        shutil.copy(sample, here)
    return here


def test_the_samples_are_what_their_script_makes():
    home = Path(README).parent / "docs" / "samples"
    made = runpy.run_path(str(home / "make.py"))["tables"]()
    assert {file.name: file.read_text() for file in home.glob("*.csv")} == made


def test_there_are_commands_of_every_verb_and_of_every_exit_code():
    assert {words[0] for words, _ in COMMANDS} >= {
        "compare", "train", "verify", "solve", "certify", "path", "patterns", "profile", "regions", "sweep",
    }  # fmt: skip
    assert {code for _, code in COMMANDS} == {0, 1, 2}


def test_quick_commands_exit_as_printed(folder):
    for words, wanted in FIRST.items():
        if "units-of-targets" not in words:
            code, out, err = in_shell(["-m", "relucvx", *words], folder)
            assert (code, bool(out.strip())) == (wanted, wanted != 1), (words, err)


@pytest.mark.slow
@pytest.mark.parametrize(("words", "wanted"), [c for c in COMMANDS if c[0] not in FIRST], ids=str)
def test_long_commands_exit_as_printed(words, wanted, folder):
    if "units-of-targets" in words:
        pytest.skip("run by tests/docs/test_how_to_add.py, in a copy that has the claim")
    code, out, err = in_shell(["-m", "relucvx", *words], folder)
    assert (code, bool(out.strip())) == (wanted, wanted != 1 or "--json" in words), err
    # what a sweep plots are columns
    files = ("--html", "--out") if words[0] == "sweep" else ("--html", "--out", "--plot")
    named = [words[k + 1] for k, word in enumerate(words) if word in files]
    assert all((folder / name).stat().st_size for name in named)


def test_the_readme_names_the_main_job_and_the_tests():
    """One command installs and runs the main job on embedded data, one installs and passes the tests."""
    first, second = [block.text for block in blocks(README) if block.kind == "sh"]
    assert re.fullmatch(r"pip install \. && relucvx compare iris [^\n]*\n", first)
    assert second == "pip install '.[test]' && python -m pytest\n"


def bounds(text):
    """The certified interval in a printed report."""
    found = re.search(r"(\S+) <= p\* <= (\S+)", text)
    assert found, text
    return [float(found[1]), float(found[2])]


def verdicts(text):
    """Claims and what became of them; how many runs arrive is a matter of rounding, as the page says: all, or most."""
    found = [line.split(":")[0] for line in text.splitlines()[2:12]]
    return [re.sub("^(training reaches the optimum) +(holds|partly)$", r"\1", line) for line in found]


@pytest.mark.slow
def test_the_first_report_is_what_the_page_shows(tmp_path):
    report = next(b.text for b in blocks(PAGES["docs/guide/first_report.md"]) if b.kind == "text")
    ((words, _),) = commands(README)
    code, found, err = in_shell(["-m", "relucvx", *words], tmp_path)
    assert code == 0, err
    assert bounds(found) == pytest.approx(bounds(report), rel=2e-6)
    assert verdicts(found) == verdicts(report)
    assert (tmp_path / words[-1]).read_text().startswith("<!DOCTYPE html>")
