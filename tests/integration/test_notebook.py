"""A real notebook, run by a real kernel: results are tables, figures are pictures, long work has a bar and short work none."""

import json
import os
import subprocess
import sys
import warnings

import pytest
from shown import assert_html

pytestmark = pytest.mark.slow

CELLS = {
    "solve": "import numpy as np\nimport relucvx as rx\ndata = rx.datasets.planted(20, 2, rng=0)\n"
    "sol = rx.solve(data.X, data.Y, beta=0.3)\nsol",
    "certificate": "sol.certificate",
    "log": "again = rx.solve(data.X, data.Y, beta=0.3, verbose=True)",
    "history": "sol.history",
    "figure": "ax = sol.plot()",
    "axes": "sol.certificate.plot()",
    "band": "band = rx.beta_band(data.X, data.Y, 0.3, 1.0, tol=0.05)\nband.plot()\nband",
    "path": "path = rx.beta_path(data.X, data.Y, [1.0, 0.5])\npath.plot()\npath",
    "optima": "rx.optimal_set(sol)",
    "range": "found = rx.kernel_range(sol, np.eye(20), delta=0.01)\nfound.plot()\nfound",
    "runs": "runs = rx.train(data.X, data.Y, 0.3, width=8, seeds=range(3))\nruns.plot(floor=sol.lower)\nruns",
    "compare": "compared = rx.compare(data.X, data.Y, 0.3, runs, solution=sol)\ncompared.plot()\ncompared",
    "report": "import tempfile\nwith tempfile.TemporaryDirectory() as folder:\n"
    "    compared.to_html(f'{folder}/report.html')",
    "metric": "tuned = rx.metrics.neuron_tuning(data.X, np.sign(data.X))\ntuned.plot()\ntuned",
    "two": "from matplotlib import pyplot as plt\nfig, axes = plt.subplots(1, 2)\nsol.plot(axes[0])\nband.plot(axes[1]);",
    "bar": "rx.solve(data.X, data.Y, beta=0.3, progress=True)",
    "escaped": "rx.datasets.Dataset('<script>alert(1)</script>', data.X, data.Y)",
}
"""Source of each cell, by what it is about."""

RUNNER = """
import json, sys
import nbformat
from nbclient import NotebookClient
cells = json.load(open(sys.argv[1]))
book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells.values()])
NotebookClient(book, timeout=300, kernel_name="python3").execute()
json.dump([cell.outputs for cell in book.cells], open(sys.argv[2], "w"))
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What each cell shows, by what it is about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("nbclient")
        pytest.importorskip("ipykernel")
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "cells.json").write_text(json.dumps(CELLS))
    command = [sys.executable, "-c", RUNNER, folder / "cells.json", folder / "outputs.json"]
    # of the tests' own backend, which draws on nothing, a kernel knows nothing
    env = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(zip(CELLS, json.loads((folder / "outputs.json").read_text()), strict=True))


def of_kind(shown, kind):
    """What a cell shows of a kind of content."""
    return ["".join(out["data"][kind]) for out in shown if kind in out.get("data", {})]


TABLES = ("solve", "certificate", "band", "path", "optima", "range", "runs", "compare", "metric", "escaped")
PICTURES = ("figure", "axes", "band", "path", "range", "runs", "compare", "metric", "two")


@pytest.mark.parametrize("cell", TABLES)
def test_results_are_tables(outputs, cell):
    (html,) = of_kind(outputs[cell], "text/html")
    assert_html(html)


@pytest.mark.parametrize("cell", CELLS)
def test_figures_are_pictures_once_and_where_they_were_asked_for(outputs, cell):
    assert len(of_kind(outputs[cell], "image/png")) == (cell in PICTURES)


def test_nothing_is_warned_of(outputs):
    said = [out["text"] for shown in outputs.values() for out in shown if out.get("name") == "stderr"]
    assert [text for text in said if not text.startswith("relucvx: compiling")] == []


def test_the_log_is_printed(outputs):
    printed = "".join(out["text"] for out in outputs["log"] if out.get("name") == "stdout")
    assert printed.startswith("round phase")
    assert "certified" in printed
    assert "certified" in of_kind(outputs["history"], "text/html")[0]


def test_a_bar_leaves_nothing_behind(outputs):
    assert any("<table" in html for html in of_kind(outputs["bar"], "text/html"))
    assert not any("<progress" in html for html in of_kind(outputs["bar"], "text/html"))
