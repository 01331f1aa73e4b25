"""The notebooks of the course show what they print: each is run afresh and compared with what is stored in it."""

import importlib.util
import json
import re

import pytest
from pages import ROOT, differences

NOTEBOOKS = sorted((ROOT / "docs" / "course").glob("*.ipynb"))
QUICK = "optimiser"
"""Stands for all in the default run; `.ci/run` asks for all of them."""

USERS = {"theorist", "neuroscientist", "optimiser", "scikit_learn", "proofs", "phase_diagrams"}


def loaded(path):
    """A script of the docs as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text_of(output):
    """What an output says: printed text, a table's cells in a line each, or that there is a figure."""
    data = output.get("data", {})
    if "image/png" in data:
        return "a figure"
    if "text/html" in data:
        cells = re.sub(r"\s*(<[^>]*>\s*)+", "\n", "".join(data["text/html"])).strip()
        return re.sub(r"(?m)^seconds\n\S+$", "seconds", cells)  # of another run, another time
    return "".join(output.get("text") or data["text/plain"])


def unlike(stored, found):
    """Differences between the outputs of two runs of a cell."""
    if len(stored) != len(found):
        return [f"{len(found)} outputs instead of {len(stored)}"]
    return [d for a, b in zip(stored, found, strict=True) for d in differences(text_of(a), text_of(b))]


def code_cells(path):
    """Cells of code, as stored."""
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize(
    "path", [pytest.param(p, id=p.stem, marks=[pytest.mark.slow] if p.stem != QUICK else []) for p in NOTEBOOKS]
)
def test_a_notebook_shows_what_comes_out(path, tmp_path):
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package, reason="pip install '.[test]'")
    run = loaded(ROOT / "docs" / "course" / "execute.py").executed(path, str(tmp_path))
    found = [cell["outputs"] for cell in run.cells if cell.cell_type == "code"]
    stored = [cell["outputs"] for cell in code_cells(path)]
    assert [d for a, b in zip(stored, found, strict=True) for d in unlike(a, b)] == []


def test_the_course_is_for_all_of_its_users():
    assert {path.stem for path in NOTEBOOKS} == USERS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_are_whole_and_light(path):
    """Every cell was run; nothing failed; figures have words for who cannot see them; no file is heavy."""
    cells = code_cells(path)
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert outputs
    assert all(output["output_type"] != "error" for output in outputs)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    drawn = [cell for cell in cells if any("image/png" in o.get("data", {}) for o in cell["outputs"])]
    assert drawn or path.stem == "theorist"
    assert all(len(cell["metadata"].get("alt", "")) > 40 for cell in drawn)
    assert path.stat().st_size < 100_000


def test_the_comparison_of_outputs_can_fail():
    printed = {"output_type": "stream", "text": ["gap 3e-07\n", "7 neurons\n"]}
    table = {"output_type": "execute_result", "data": {"text/html": "<table><td>lower</td><td>16.399126</td></table>"}}
    figure = {"output_type": "display_data", "data": {"image/png": "aGk="}}
    assert unlike([printed, table, figure], [printed, table, figure]) == []
    assert unlike([printed], [{**printed, "text": "gap 9e-08\n8 neurons\n"}])
    assert unlike([table], [{**table, "data": {"text/html": "<table><td>lower</td><td>16.5</td></table>"}}])
    assert unlike([printed, figure], [printed])
    assert unlike([figure], [table])


def test_a_page_of_a_notebook_has_its_outputs_and_words_for_its_figures():
    pytest.importorskip("myst_parser", reason="pip install '.[docs]'")
    notebooks = loaded(ROOT / "docs" / "_ext" / "notebooks.py")
    cell = {"cell_type": "code", "source": ["1 + 1"], "metadata": {}, "outputs": []}
    said = {"output_type": "stream", "text": ["2\n"]}
    figure = {"output_type": "display_data", "data": {"image/png": "aGk="}}
    page = notebooks.markdown(
        json.dumps({"cells": [{"cell_type": "markdown", "source": ["# Title"]}, {**cell, "outputs": [said]}]})
    )
    assert page.split() == ["#", "Title", "`````python", "1", "+", "1", "`````", "`````text", "2", "`````"]
    with pytest.raises(ValueError, match="without alternative text"):
        notebooks.parts({**cell, "outputs": [figure]})
    assert "![a dot](data:image/png;base64,aGk=)" in notebooks.parts(
        {**cell, "outputs": [figure], "metadata": {"alt": "a dot"}}
    )
    with pytest.raises(ValueError, match="a notebook with an error: boom"):
        notebooks.parts({**cell, "outputs": [{"output_type": "error", "evalue": "boom"}]})
