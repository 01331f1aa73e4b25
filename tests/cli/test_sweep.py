"""``relucvx sweep``: a grid from a file, cells in a folder, a table and a figure, and a command that goes on."""

import json
import shlex
from pathlib import Path

import pandas as pd
import pytest
from command_line import refused, run

import relucvx as rx
from relucvx.sweeps import work

GRID = """
beta_fraction = [0.05, 0.2]
bias = "none"

[data.points]
name = "points.csv"
target = "y"
classes = false

[data.same]
file = "points.csv"
classes = false
"""


@pytest.fixture
def grid(tmp_path, monkeypatch):
    """A grid beside its data, in the folder where commands run."""
    monkeypatch.chdir(tmp_path)
    Path("points.csv").write_text("x,y\n-2,2\n-1,1\n1,1\n2,2\n")
    Path("grid.toml").write_text(GRID)
    return Path("grid.toml")


def test_a_grid_becomes_a_folder_with_cells_a_table_and_a_figure(grid):
    code, out, err = run("sweep", grid, "--jobs", "1")
    assert (code, err) == (0, "")
    assert "4 of 4 optima to 1e-06" in out
    assert {file.name for file in Path("grid_sweep").iterdir()} >= {"cells.jsonl", "table.csv", "figure.png"}
    table = pd.read_csv("grid_sweep/table.csv")
    found = rx.sweep(([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]), beta_fraction=[0.05, 0.2], n_jobs=1)
    assert table["upper"].tolist() == [row["upper"] for row in found] * 2
    code, out, _ = run("sweep", grid, "--jobs", "1", "--json")
    again = json.loads(out)
    assert (code, again["computed"], again["certified"], again["cells"]) == (0, 0, True, 4)
    # the folder alone shows the same; problems that are the same stand there once
    code, out, _ = run("sweep", "grid_sweep", "--json")
    assert [row["upper"] for row in json.loads(out)["rows"]] == table["upper"].tolist()[:2]


def test_a_dry_run_lists_the_cells(grid):
    code, out, _ = run("sweep", grid, "--dry-run", "--out", "elsewhere")
    assert code == 0
    assert out.count("MISSING") == 4
    assert "of one core, to a factor of ten" in out
    assert out.splitlines()[-1] == "to compute them: relucvx sweep grid.toml --out elsewhere"
    assert not Path("elsewhere").exists()
    assert json.loads(run("sweep", grid, "--dry-run", "--json")[1])["remaining_seconds"] > 0.0


def test_the_message_of_an_interruption_works_when_typed(grid, monkeypatch):
    solve, calls = work.solve, []

    def interrupted(problem, **options):
        calls.append(problem)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return solve(problem, **options)

    monkeypatch.setattr(work, "solve", interrupted)
    code, out, _ = run("sweep", grid, "--jobs", "1", "--plot", "beta,upper")
    assert code == 2
    line = next(line for line in out.splitlines() if "INTERRUPTED" in line)
    assert line.startswith("INTERRUPTED after 2 of 4 cells")  # of one problem under two names
    command = shlex.split(line.partition("to go on: ")[2])
    code, out, _ = run(*command[1:])
    assert code == 0
    assert len(calls) == 3
    assert "4 of 4, 1 piece of work done now" in out


def test_failed_cells_are_said(grid):
    grid.write_text(GRID + '\n[data.flat]\nfile = "flat.csv"\nclasses = false\n')
    Path("flat.csv").write_text("x,y\n1,0\n2,0\n")
    code, out, _ = run("sweep", grid, "--jobs", "1")
    assert code == 2
    assert "FAILED  flat, squared, bias none: expected targets that neurons help to fit" in out


def test_messages_are_in_words_of_the_grid(grid):
    assert "try: in grid.toml: beta_fraction = …" in _refused(grid, "beta_fractions = [0.1]")
    assert 'try: in grid.toml: data = ["iris", "wine"]' in _refused(grid, "beta = 1.0")
    assert 'try: in grid.toml: bias="all"' in _refused(grid, 'data = "iris"\nbeta = 1.0\nbias = "al"')
    assert "received mine" not in _refused(grid, "data = mine")
    assert "in the cells data iris, loss hinge" in _refused(
        grid, 'data = {name = "iris", one_hot = true}\nbeta = 1\nloss = "hinge"'
    )
    assert "relucvx sweep grid.toml" in refused("sweep", "nothing.toml")
    assert "--plot beta_fraction,rel_gap" in refused("sweep", grid, "--plot", "loss,upper")
    Path("empty").mkdir()
    assert "the folder of a sweep" in refused("sweep", "empty")


def _refused(grid, text):
    """The message for a grid."""
    grid.write_text(text)
    return refused("sweep", grid)
