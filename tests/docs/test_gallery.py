"""The gallery shows every figure that is kept, in words too, and how to make it; results are what their runs stored."""

import importlib.util
import json
import re

import pytest
from pages import ROOT

GALLERY = ROOT / "docs" / "gallery.md"
FIGURES = re.findall(r"^!\[([^\]]*)\]\(([^)]+)\)$", GALLERY.read_text(), re.M)
COMMANDS = re.findall(r"^`python ([^ `]+)", GALLERY.read_text(), re.M)


@pytest.fixture(scope="module")
def results():
    """The script that runs the examples in full."""
    spec = importlib.util.spec_from_file_location("results", ROOT / "examples" / "results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_figures_have_words_a_command_and_no_weight():
    assert len(FIGURES) == len(COMMANDS) == GALLERY.read_text().count("\n## ") >= 5
    assert all(len(alt) > 60 for alt, _ in FIGURES)
    assert all(0 < (GALLERY.parent / file).stat().st_size < 100_000 for _, file in FIGURES)
    assert all((ROOT / script).is_file() for script in COMMANDS)


def test_every_kept_figure_is_shown():
    kept = {f"figures/gallery/{file.name}" for file in (GALLERY.parent / "figures" / "gallery").iterdir()}
    assert kept == {file for _, file in FIGURES if "gallery" in file}


def test_the_page_of_results_is_what_is_stored(results):
    assert results.page(results.stored()) == results.PAGE.read_text()
    assert set(results.SEEDS) == set(results.examples())


def test_what_a_run_came_to_is_said(results):
    ended = {"exit": 0, "printed": "a table\nholds: one\nholds: two\nundecided: three\n"}
    assert results.verdict(ended) == "2 hold, 1 undecided"
    assert results.verdict({**ended, "printed": "does not reproduce: one\n"}) == "1 does not reproduce"
    assert results.verdict({**ended, "printed": "a table\n"}) == "as stated (asserted)"
    assert results.verdict({**ended, "exit": 1}) == "**failed**"
    assert results.verdict({**ended, "exit": "time"}) == "**ran out of time**"
    assert results.verdict(None) == "not run"


def test_a_run_is_stored_as_it_ends(results, tmp_path):
    script = tmp_path / "01_said.py"
    script.write_text('"""Says so."""\nprint("holds: it")\n')
    record = results.run(script, limit=60)
    assert (record["exit"], record["printed"], record["figures"]) == (0, "holds: it\n", [])
    script.write_text('"""Fails."""\nassert False, "no"\n')
    record = results.run(script, limit=60)
    assert (record["exit"], record["error"]) == (1, ["AssertionError: no"])
    assert "**failed**" in "\n".join(results.section("01", script, record))
    assert json.loads(json.dumps(record)) == record
