"""The log of a solve: what it prints is what the solution keeps, and a file too."""

import json

import numpy as np
import pandas as pd
import pytest

import relucvx as rx
from relucvx.datasets import planted
from relucvx.errors import InvalidInputError
from relucvx.solver.iteration_log import COLUMNS, HEAD, IterationLog, read_rows

DATA = planted(12, 2, rng=3)


def printed(text):
    """The numbers of a printed log: (round, phase, neurons) of each line under the heads."""
    lines = text.splitlines()
    assert lines[0] == HEAD
    words = [line.split() for line in lines[1:]]
    return [(int(w[0]), w[1], int(w[5])) for w in words if len(w) == len(COLUMNS) and w[0].isdecimal()]


@pytest.mark.parametrize("solve", [rx.solve, rx.interpolate])
def test_what_is_printed_is_what_is_kept(solve, capsys):
    data = (DATA.X[:8], DATA.Y[:8])
    sol = solve(*data, *([0.1] if solve is rx.solve else []), verbose=True)
    out = capsys.readouterr().out
    kept = [(row[0], row[1], row[5]) for row in sol.stats["history"]]
    assert printed(out) == kept
    assert kept[-1][1] == "certified"
    assert str(sol) in out
    quiet = solve(*data, *([0.1] if solve is rx.solve else []))
    assert capsys.readouterr().out == ""
    assert [row[:7] for row in quiet.stats["history"]] == [row[:7] for row in sol.stats["history"]]


def test_several_outputs_and_branches_keep_theirs(capsys):
    sol = rx.solve(DATA.X[:6], np.column_stack([DATA.Y[:6], -DATA.Y[:6]]), 0.3, verbose=True)
    assert len(printed(capsys.readouterr().out)) == len(sol.history)
    found = rx.solve_parallel(DATA.X[:4, :1], DATA.Y[:4], 0.3, tol=1e-2, verbose=True)
    assert len(printed(capsys.readouterr().out)) == len(found.history)


def test_a_history_is_a_frame_that_ends_with_what_is_proven(tmp_path):
    sol = rx.solve(DATA.X, DATA.Y, 0.3)
    frame = sol.history
    assert list(frame.columns) == ["round", "phase", "upper", "lower", "gap", "rel_gap", "neurons", "cells", "seconds"]
    last = frame.iloc[-1]
    assert (last["upper"], last["lower"], last["gap"]) == (sol.upper, sol.lower, sol.upper - sol.lower)
    assert last["neurons"] == sol.network.width
    assert sol.gap == sol.certificate.gap
    assert sol.rel_gap == sol.certificate.rel_gap
    assert (frame["upper"].diff().dropna() <= 1e-12).all()
    assert (frame["lower"] <= frame["upper"]).all()
    assert (frame["seconds"].diff().dropna() >= 0).all()
    pd.testing.assert_frame_equal(rx.load(sol.save(tmp_path / "s")).history, frame)


def test_rows_of_files_are_read_as_they_were_written():
    rows = [[0, "priced", 2.0, 1.0, 0.5, 3, 4, 0.1]]
    assert read_rows(json.loads(json.dumps(rows))) == rows
    assert read_rows([[0, 2.0, 1.0, 0.1]]) == []  # of a version that kept less
    with pytest.raises((ValueError, TypeError)):
        read_rows([["x", "priced", 2.0, 1.0, 0.5, 3, 4, 0.1]])


def test_the_log_passes_steps_on_and_proofs_are_not_printed(capsys):
    log = IterationLog(lambda step: step.round == 2)
    assert log(rx.solver.Progress(1, 2.0, 1.0, 0.5, 3, 4, 0.1, 0.0, "proving")) is False
    assert capsys.readouterr().out == ""
    assert log(rx.solver.Progress(2, 2.0, 1.0, 0.5, 3, 4, 0.1, 0.0, "solved")) is True
    assert capsys.readouterr().out.count("\n") == 2


def test_callbacks_stop_at_any_step():
    """Steps that end in the middle of a round are told too; the run then stops where it can."""
    seen = []

    def stop(step):
        seen.append(step.phase)
        return step.phase == "solved"

    sol = rx.solve(DATA.X, DATA.Y, 0.05, callback=stop)
    assert sol.status is rx.Status.INTERRUPTED
    assert seen.count("solved") == 1
    assert sol.certificate.lower <= sol.objective


def test_verbose_is_a_flag():
    with pytest.raises(InvalidInputError, match="verbose"):
        rx.solve(DATA.X, DATA.Y, 0.3, verbose="yes")
