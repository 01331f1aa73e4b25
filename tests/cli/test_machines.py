"""``--jobs`` and ``--scheduler``: threads of this machine, or the workers of a cluster, and a scheduler that is not there."""

import json
import time

import pytest
from command_line import refused, run

from relucvx import executors
from relucvx.cli.options import Workers
from relucvx.oracle import branch_and_bound
from relucvx.threads import all_cores, jobs


def test_jobs_are_the_threads_of_the_command():
    with Workers(3, None).at_work() as client:
        assert client is None
        assert jobs() == 3
    assert jobs() == all_cores()
    code, out, _ = run("solve", "planted:20x2", "--jobs", 1, "--json")
    assert code == 0
    assert json.loads(out)["certificate"]["rel_gap"] <= 1e-6
    assert "--jobs" in refused("solve", "planted:20x2", "--jobs", 0)


@pytest.mark.parametrize("verb", ["solve", "path", "train"])
def test_a_scheduler_that_is_not_there_is_said_before_the_work(verb, monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed")
    monkeypatch.setattr(executors, "CONNECT_SECONDS", 0.5)
    began = time.monotonic()
    code, _, err = run(verb, "planted:20x2", "--scheduler", "tcp://127.0.0.1:9")
    assert code == 1
    assert "expected a Dask scheduler at tcp://127.0.0.1:9" in err
    assert "dask scheduler" in err
    assert "Traceback" not in err
    assert time.monotonic() - began < 30.0


def test_commands_run_on_a_cluster(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    monkeypatch.setattr(branch_and_bound, "LONG", 100)
    monkeypatch.setattr(branch_and_bound, "CHUNK_STEPS", 50)
    options = {
        "n_workers": 1,
        "threads_per_worker": 1,
        "processes": False,
        "dashboard_address": ":0",
        "silence_logs": 50,
    }
    with distributed.LocalCluster(**options) as cluster:
        where = ("--scheduler", cluster.scheduler_address)
        file = tmp_path / "best.npz"
        data = ("planted:30x4", "--beta-fraction", 0.2)
        code, out, err = run("solve", *data, *where, "--out", file, "--json")
        assert code == 0, err
        here = json.loads(run("solve", *data, "--json")[1])
        there = json.loads(out)
        assert there["objective"] == pytest.approx(here["objective"], rel=1e-5)
        assert run("certify", file, *where)[0] == 0
        code, out, err = run("path", "planted:20x2", "--count", 3, *where, "--json")
        assert (code, len(json.loads(out)["path"])) == (0, 3), err
        code, out, err = run("train", "planted:20x2", "--seeds", 3, "--max-steps", 5, *where, "--json")
        assert (code, [row["seed"] for row in json.loads(out)["runs"]]) == (0, [0, 1, 2]), err
