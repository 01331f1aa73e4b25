"""A sweep of 200 cells, killed and killed again, and on a cluster that loses workers: the table of a quiet run."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

import relucvx as rx
from relucvx.results import whole_lines

GRID = {
    "data": ["planted:12x2", "planted:16x2", "spiral:14", "degenerate:parallel_rows"],
    "beta_fraction": [0.5, 0.3, 0.2, 0.1, 0.05],
    "bias": ["none", "all"],
    "width": [2, 4],
    "seeds": 2,
    "training": {"max_steps": 100},
    "time_limit": None,
}
"""40 problems, and four networks on each; no limit, which a busy machine would reach and a quiet one not."""

PIECES = 4 * 2 + 40 + 40 * 2
"""Scales, optima, and networks of one width, which train together."""

RUN = """
import json, sys
import relucvx as rx
rx.sweep(**json.loads(sys.argv[1]), out=sys.argv[2], n_jobs=int(sys.argv[3]))
"""


@pytest.fixture(scope="module")
def quiet():
    """The table of a run that nobody disturbs, in this process."""
    found = rx.sweep(**GRID, n_jobs=1)
    assert (len(found), found.certified, found.computed) == (200, True, PIECES)
    return table(found)


def table(found):
    """The table without what depends on the machine."""
    return found.to_frame().drop(columns="seconds")


NUMBERS = ["beta", "upper", "lower"]


def assert_same(one, other):
    """Raise unless two tables agree: words and counts exactly, bounds to rounding, which alone may differ between processes."""
    words = [name for name in one.columns if name not in (*NUMBERS, "gap", "rel_gap")]
    if not one[words].equals(other[words]):
        raise AssertionError(one[words].compare(other[words]))
    for name in NUMBERS:
        assert one[name].to_numpy() == pytest.approx(other[name].to_numpy(), rel=1e-12)
    assert one["rel_gap"].to_numpy() == pytest.approx(other["rel_gap"].to_numpy(), rel=1e-3, abs=1e-12)


def test_the_comparison_of_tables_can_fail():
    one = table(rx.sweep(([[-1.0], [1.0]], [1.0, 2.0]), beta_fraction=[0.1, 0.2], n_jobs=1))
    assert_same(one, one)
    with pytest.raises(AssertionError):
        assert_same(one, one[::-1].reset_index(drop=True))
    with pytest.raises(AssertionError):
        assert_same(one, one.assign(upper=one["upper"] * (1 + 1e-11)))


def lines(folder):
    """Records that are whole, without the first line."""
    return [json.loads(line) for line in whole_lines(folder / "cells.jsonl")[1:]]


def pieces(folder):
    """What each record is of."""
    return [(r["kind"], r["key"], r.get("width")) for r in lines(folder)]


@pytest.mark.slow
def test_twenty_kills_lose_nothing_and_nothing_is_done_twice(quiet, tmp_path):
    rng, known = random.Random(0), []
    for kill in range(20):
        run = subprocess.Popen([sys.executable, "-c", RUN, json.dumps(GRID), str(tmp_path), str(1 + kill % 2)])
        wanted = len(known) + rng.randint(0, 5)
        while len(whole_lines(tmp_path / "cells.jsonl")) <= wanted:
            assert run.poll() is None
            time.sleep(0.005)
        time.sleep(rng.uniform(0.0, 0.3))
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        now = pieces(tmp_path)
        # what was stored stands as it was, and nothing is there twice
        assert now[: len(known)] == known
        assert len(set(now)) == len(now)
        known = now
    assert len(known) < PIECES
    found = rx.sweep(**GRID, out=tmp_path, n_jobs=1)
    assert found.computed == PIECES - len(known)
    assert sorted(map(str, set(pieces(tmp_path)))) == sorted(map(str, pieces(tmp_path)))
    assert len(pieces(tmp_path)) == PIECES
    assert_same(table(found), quiet)
    assert rx.sweep(**GRID, out=tmp_path, n_jobs=1).computed == 0


@pytest.mark.slow
def test_workers_of_a_cluster_that_are_killed_change_nothing(quiet, tmp_path):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install 'relucvx[dask]'")
    options = {
        "n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0", "silence_logs": 50,
    }  # fmt: skip
    killed = []

    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster, set_as_default=False) as client:

        def kill_some(state):
            if state.cells in (10, 90, 150) and state.cells not in killed:
                killed.append(state.cells)
                pids = client.run(os.getpid, on_error="ignore")
                os.kill(min(pids.values()), signal.SIGKILL)

        found = rx.sweep(**GRID, out=tmp_path, executor=client, callback=kill_some)
    assert killed
    assert found.computed == PIECES
    assert len(set(pieces(tmp_path))) == len(pieces(tmp_path)) == PIECES
    assert_same(table(found), quiet)


@pytest.mark.slow
def test_threads_processes_and_what_joblib_names_give_the_same(quiet, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    import joblib

    small = {**GRID, "data": ["planted:12x2", "spiral:14"], "beta_fraction": [0.5, 0.1]}
    rows = quiet[quiet["data"].isin(small["data"]) & quiet["beta_fraction"].isin([0.5, 0.1])].reset_index(drop=True)
    with ThreadPoolExecutor(2) as pool:
        assert_same(table(rx.sweep(**small, executor=pool)), rows)
    assert_same(table(rx.sweep(**small, n_jobs=2)), rows)
    for backend in ("loky", "threading"):
        with joblib.parallel_config(backend=backend, n_jobs=2):
            assert_same(table(rx.sweep(**small)), rows)


@pytest.mark.slow
def test_ctrl_c_ends_the_processes_and_the_folder_goes_on(tmp_path):
    timer = threading.Timer(8.0, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    slow = {"data": ["planted:60x4", "planted:80x4"], "beta_fraction": [0.02, 0.01, 0.005], "tol": 1e-9}
    began = time.monotonic()

    def for_ever():
        while True:
            rx.sweep(**slow, out=tmp_path, n_jobs=2, time_limit=None)
            slow["tol"] /= 2

    with pytest.raises(rx.Interrupted) as stop:
        for_ever()
    timer.join()
    assert time.monotonic() - began < 60.0
    left = stop.value.result
    assert len(left) == 6
    assert all(r["tol"] == r["tol"] for r in lines(tmp_path) if r["kind"] == "optimum")
