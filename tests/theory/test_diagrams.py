"""Phase diagrams: every cell is proven, stored once, and survives whatever ends the run."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import DataFileError, InvalidInputError
from relucvx.results import whole_lines
from relucvx.theory import Member, class_family, factorial_family, phase_diagram, read_phase_diagram

GRID = {"x": {"x1": [0.4, 1.0]}, "y": {"x2": [-0.1, 0.0, 0.3]}}


def lines(path):
    """Records of a file, without the first line."""
    return [json.loads(line) for line in path.read_text().splitlines()[1:]]


def test_cells_are_certified_optima_of_their_members():
    found = phase_diagram("factorial", **GRID, n_jobs=1, beta=0.2)
    assert found.values.shape == (3, 2)
    assert found.certified.all()
    for i, x2 in enumerate(found.y):
        for j, x1 in enumerate(found.x):
            member = factorial_family(x1=x1, x2=x2, beta=0.2)
            sol = rx.solve(member.problem, tol=1e-8)
            assert found.lowers[i, j] <= sol.objective * (1 + 1e-9)
            assert found.objectives[i, j] >= sol.certificate.lower
            assert found.betas[i, j] == member.problem.beta
    # no coding direction in common below x2 = 0, one and the same above it
    assert found.values[0] == pytest.approx([0.0, 0.0], abs=1e-3)
    assert found.values[2] == pytest.approx([1.0, 1.0], abs=1e-3)


def test_classes_collapse_as_the_signal_grows():
    found = phase_diagram("classes", {"snr": [0.5, 8.0]}, {"n": [6, 9]}, statistic="nc1", n_jobs=1)
    assert found.certified.all()
    assert (found.values[:, 1] < 0.1 * found.values[:, 0]).all()
    width = phase_diagram("classes", {"snr": [8.0]}, {"n": [6]}, statistic="width", n_jobs=1)
    assert width.values.tolist() == width.neurons.tolist()


def test_more_samples_are_the_earlier_ones_and_others():
    few, many = class_family(snr=2.0, n=6), class_family(snr=2.0, n=9)
    assert np.array_equal(few.problem.X, many.problem.X[:6])


def test_ranges_over_all_optima_are_stored_with_the_cells(tmp_path):
    file, grid = tmp_path / "cells.jsonl", {"x": {"x1": [0.6]}, "y": {"x2": [0.3]}}
    found = phase_diagram("factorial", **grid, interval=10.0, out=file, n_jobs=1)
    # the representation is abstract at every optimum, not only at the one found
    assert found.leasts[0, 0] >= 0.999
    assert found.leasts[0, 0] <= found.values[0, 0] + 1e-9
    assert found.mosts[0, 0] >= found.values[0, 0] - 1e-9
    again = phase_diagram("factorial", **grid, interval=10.0, out=file, n_jobs=1)
    assert (again.computed, again.leasts[0, 0], again.mosts[0, 0]) == (0, found.leasts[0, 0], found.mosts[0, 0])
    assert read_phase_diagram(file).leasts[0, 0] == found.leasts[0, 0]
    with pytest.raises(DataFileError, match="cells of"):
        phase_diagram("factorial", **grid, out=file, n_jobs=1)
    with pytest.raises(InvalidInputError, match="for ranges over all optima"):
        phase_diagram("factorial", **grid, statistic="width", interval=10.0, n_jobs=1)


def test_an_end_that_is_not_proven_is_infinite_when_read_again(tmp_path):
    file, grid = tmp_path / "cells.jsonl", {"x": {"snr": [2.0]}, "y": {"n": [6]}}
    found = phase_diagram("classes", **grid, statistic="nc1", interval=1e-6, out=file, n_jobs=1)
    assert (found.leasts[0, 0], found.mosts[0, 0]) == (0.0, np.inf)
    again = read_phase_diagram(file)
    assert (again.leasts[0, 0], again.mosts[0, 0]) == (0.0, np.inf)
    # where no range was asked for there is none
    without = phase_diagram("classes", **grid, statistic="nc1", out=tmp_path / "without.jsonl", n_jobs=1)
    assert np.isnan([without.leasts[0, 0], read_phase_diagram(tmp_path / "without.jsonl").mosts[0, 0]]).all()


def test_what_is_stored_is_not_done_again(tmp_path):
    file = tmp_path / "cells.jsonl"
    small = phase_diagram("factorial", {"x1": [0.4]}, GRID["y"], out=file, n_jobs=1)
    assert (small.computed, len(lines(file))) == (3, 3)
    whole = phase_diagram("factorial", **GRID, out=file, n_jobs=1)
    assert (whole.computed, len(lines(file))) == (3, 6)
    assert np.array_equal(whole.values[:, :1], small.values)
    again = read_phase_diagram(file)
    for name in ("x", "y", "values", "objectives", "lowers", "betas"):
        assert np.array_equal(getattr(again, name), getattr(whole, name))
    assert phase_diagram("factorial", **GRID, out=file, n_jobs=1).computed == 0


def test_torn_lines_are_cells_that_are_not_there(tmp_path):
    file = tmp_path / "cells.jsonl"
    phase_diagram("factorial", **GRID, out=file, n_jobs=1)
    data = file.read_bytes()
    for cut in (1, 17, len(data.splitlines()[-1])):
        file.write_bytes(data[:-cut])
        assert phase_diagram("factorial", **GRID, out=file, n_jobs=1).computed == 1
        assert len({(r["x"], r["y"]) for r in map(json.loads, whole_lines(file)[1:])}) == 6
        assert phase_diagram("factorial", **GRID, out=file, n_jobs=1).computed == 0
    file.write_bytes(data[:20])  # killed in the first line
    assert phase_diagram("factorial", **GRID, out=file, n_jobs=1).computed == 6
    assert phase_diagram("factorial", **GRID, out=file, n_jobs=1).computed == 0


SLOW = """
import sys, time
import relucvx as rx
from relucvx.theory import factorial_family

def family(x1, x2):
    time.sleep(0.15)
    print(x1, x2, flush=True)
    return factorial_family(x1=x1, x2=x2)

found = rx.theory.phase_diagram(family, {"x1": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}, {"x2": [0.1, 0.2]}, out=sys.argv[1], n_jobs=1)
print("computed", found.computed)
"""


@pytest.mark.slow
def test_kill_nine_loses_no_cell_that_was_stored_and_none_is_done_twice(tmp_path):
    file = tmp_path / "cells.jsonl"
    for stored in (2, 5):
        run = subprocess.Popen([sys.executable, "-c", SLOW, str(file)], stdout=subprocess.PIPE, text=True)
        while not file.exists() or len(file.read_bytes().splitlines()) < 1 + stored:
            time.sleep(0.02)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        run.stdout.close()
    before = {(r["x"], r["y"]) for r in lines(file)}
    assert len(before) >= 5
    done = subprocess.run([sys.executable, "-c", SLOW, str(file)], capture_output=True, text=True, check=True).stdout
    assert f"computed {12 - len(before)}" in done
    made = [tuple(map(float, line.split())) for line in done.splitlines()[:-1]]
    assert not before & set(made)
    assert len(before) + len(made) == 12
    assert len(lines(file)) == 12


def test_an_interruption_carries_the_cells_so_far_and_says_where_they_are(tmp_path):
    calls = []

    def family(x1, x2):
        calls.append(x1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return factorial_family(x1=x1, x2=x2)

    with pytest.raises(rx.Interrupted) as caught:
        phase_diagram(family, **GRID, n_jobs=1, out=tmp_path / "cells.jsonl")
    assert str(tmp_path / "cells.jsonl") in str(caught.value)
    assert np.isfinite(caught.value.result.values).sum() == 2
    assert "2 of 6 cells" in repr(caught.value.result)


@pytest.mark.slow
def test_processes_find_the_same():
    here = phase_diagram("factorial", **GRID, n_jobs=1)
    there = phase_diagram("factorial", **GRID, n_jobs=2)
    assert there.objectives == pytest.approx(here.objectives, rel=1e-6)


def test_other_cells_are_refused(tmp_path):
    file = tmp_path / "cells.jsonl"
    phase_diagram("factorial", {"x1": [0.4]}, {"x2": [0.3]}, out=file, n_jobs=1)
    for change, why in (
        ({"statistic": "width"}, "statistic 'parallelism'"),
        ({"beta": 0.3}, "fixed"),
        ({"tol": 1e-3}, "tol 1e-06"),
    ):
        with pytest.raises(DataFileError, match=why):
            phase_diagram("factorial", {"x1": [0.4]}, {"x2": [0.3]}, out=file, n_jobs=1, **change)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataFileError, match="lines of JSON"):
        phase_diagram("factorial", {"x1": [0.4]}, {"x2": [0.3]}, out=tmp_path / "other.csv", n_jobs=1)
    with pytest.raises(DataFileError, match="lines of JSON"):
        read_phase_diagram(tmp_path / "other.csv")
    (tmp_path / "other.json").write_text("{}\n")
    with pytest.raises(DataFileError, match="another file"):
        read_phase_diagram(tmp_path / "other.json")
    with pytest.raises(DataFileError, match="a file of cells"):
        read_phase_diagram(tmp_path / "nothing")
    with file.open("a") as stream:
        stream.write('{"x": 1.0}\n')
    with pytest.raises(DataFileError, match="a line without 'y'"):
        read_phase_diagram(file)


def test_errors_say_what_to_type():
    one = {"x": {"x1": [0.4]}, "y": {"x2": [0.3]}, "n_jobs": 1}
    with pytest.raises(InvalidInputError, match="family to be one of factorial, classes"):
        phase_diagram("factors", **one)
    with pytest.raises(InvalidInputError, match="statistic to be one of parallelism"):
        phase_diagram("factorial", **one, statistic="cka")
    with pytest.raises(InvalidInputError, match="x to name one parameter"):
        phase_diagram("factorial", x=[0.4], y={"x2": [0.3]})
    with pytest.raises(InvalidInputError, match="y to name one parameter"):
        phase_diagram("factorial", x={"x1": [0.4]}, y={"x2": [np.nan]})
    with pytest.raises(InvalidInputError, match="two parameters"):
        phase_diagram("factorial", x={"x1": [0.4]}, y={"x1": [0.3]})
    with pytest.raises(InvalidInputError, match="parameters of factorial"):
        phase_diagram("factorial", **one, snr=2.0)
    with pytest.raises(InvalidInputError, match="members with labels"):
        phase_diagram(lambda x1, x2: Member(factorial_family(x1, x2).problem), **one, statistic="nc1")
    with pytest.raises(InvalidInputError, match="members with factors"):
        phase_diagram("classes", {"snr": [2.0]}, {"n": [6]}, n_jobs=1)
    with pytest.raises(InvalidInputError, match="a family that returns a Member"):
        phase_diagram(lambda x1, x2: None, **one)
    with pytest.raises(InvalidInputError, match="a statistic that makes a number"):
        phase_diagram("factorial", **one, statistic=lambda member, network: None)
    with pytest.raises(InvalidInputError, match="beta to be a number"):
        phase_diagram("factorial", **one, beta=[1])


def test_no_neurons_have_no_representation():
    found = phase_diagram("factorial", {"x1": [0.4]}, {"beta": [1.5]}, n_jobs=1)
    assert found.neurons.tolist() == [[0.0]]
    assert np.isnan(found.values).all()
    collapsed = phase_diagram("classes", {"snr": [4.0]}, {"beta": [1.5]}, statistic="nc1_quotient", n=6, n_jobs=1)
    assert np.isnan(collapsed.values).all()
    assert np.isnan(
        phase_diagram("factorial", {"x1": [0.4]}, {"beta": [1.5]}, statistic="participation_ratio", n_jobs=1).values
    )


def test_figures_and_tables():
    found = phase_diagram("factorial", **GRID, statistic="participation_ratio", n_jobs=1)
    table = found.to_frame()
    assert len(table) == 6
    assert table.certified.all()
    assert table["x1"].tolist() == [0.4, 1.0] * 3
    ax = found.plot()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x1", "x2")
    # the second parameter grows upwards
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0.3", "0", "-0.1"]
    assert np.array_equal(ax.images[0].get_array(), found.values[::-1])
    assert found.plot(log=True).images[0].get_array()[0, 0] == pytest.approx(np.log10(found.values[-1, 0]))


def test_a_figure_shows_an_end_of_the_ranges():
    found = phase_diagram("factorial", {"x1": [0.5]}, {"x2": [0.3]}, interval=10.0, n_jobs=1)
    ax = found.plot(which="leasts")
    assert np.array_equal(ax.images[0].get_array(), found.leasts[::-1])
    assert ax.figure.axes[1].get_ylabel() == "least parallelism"
    with pytest.raises(InvalidInputError, match="which to be one of values, leasts, mosts"):
        found.plot(which="least")


def test_ranges_that_nothing_comes_near_are_crossed_and_counted(tmp_path):
    asked = {"x": {"x1": [0.5]}, "y": {"x2": [0.3]}, "statistic": "parallelism", "beta": 0.2, "n_jobs": 1}
    done = phase_diagram("factorial", **asked, interval=20, out=tmp_path / "a.jsonl")
    assert done.tight.tolist() == [[1.0]]
    assert "loose" not in repr(done)
    cut = phase_diagram("factorial", **asked, interval=1e-6, out=tmp_path / "b.jsonl")
    assert cut.tight.tolist() == [[0.0]]
    assert "1 with loose ranges" in repr(cut)
    assert [len(found.plot(which="leasts").lines[0].get_xdata()) for found in (done, cut)] == [0, 1]
    assert len(cut.plot().lines[0].get_xdata()) == 0
    # and a file says so when it is read
    assert phase_diagram("factorial", **asked, interval=1e-6, out=tmp_path / "b.jsonl").tight.tolist() == [[0.0]]


def test_a_parameter_that_the_family_lacks_is_refused_at_once():
    with pytest.raises(InvalidInputError, match=r"parameters of factorial: .*x1.*; received x9"):
        phase_diagram("factorial", {"x9": [0.5]}, {"x2": [0.3]})
    with pytest.raises(InvalidInputError, match="a family with the parameters x1, x2"):
        phase_diagram(lambda x1, x2, more: None, {"x1": [0.5]}, {"x2": [0.3]}, n_jobs=1)
