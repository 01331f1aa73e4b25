"""A real cluster of two worker processes, which are killed: the same bounds, and no result lost."""

import os
import signal
import threading
import time

import joblib
import numpy as np
import pytest

import relucvx as rx
from relucvx import executors
from relucvx.errors import ClusterError, InvalidInputError
from relucvx.executors import using_executor
from relucvx.oracle import branch_and_bound as module
from relucvx.oracle import form_of, slices
from relucvx.oracle.branch_and_bound import branch_and_bound

distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install 'relucvx[dask]'")

RNG = np.random.default_rng(0)
PROBLEM = rx.make_problem(RNG.standard_normal((60, 5)), RNG.standard_normal((60, 2)), 1.0)
FORM = form_of(PROBLEM, PROBLEM.Y)


@pytest.fixture(scope="module")
def client():
    """A cluster of two worker processes with a thread each."""
    options = {
        "n_workers": 2,
        "threads_per_worker": 1,
        "processes": True,
        "dashboard_address": ":0",
        "silence_logs": 50,
    }
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster, set_as_default=False) as client:
        yield client


@pytest.fixture(autouse=True)
def early(monkeypatch):
    """Searches go elsewhere after a few hundred cones, in short slices."""
    monkeypatch.setattr(module, "LONG", 200)
    monkeypatch.setattr(module, "CHUNK_STEPS", 100)
    monkeypatch.setattr(slices, "FIRST_WORK", 2_000_000)
    monkeypatch.setattr(slices, "MOST_WORK", 2_000_000)


def search(executor, **options):
    """The outcome of a search as plain values."""
    with using_executor(executor):
        found = branch_and_bound(FORM, **{"target": 0.0, **options})
    return found.upper, found.lower, found.cones, found.outcome, found.witness.tolist()


def pids(client):
    """Processes of the workers, as far as they are up."""
    return sorted(client.run(os.getpid, on_error="ignore").values())


def kill_one(client):
    """SIGKILL to one worker; another is started in its place."""
    os.kill(pids(client)[0], signal.SIGKILL)


def solve_slowly(problem, seconds):
    """A solve that takes its time."""
    time.sleep(seconds)
    return rx.solve(problem)


def test_the_same_bound_as_here_also_when_a_worker_dies(client, monkeypatch):
    here, there = search(None), search(client)
    assert here[3] == there[3] == "proved"
    assert there[:2] == pytest.approx(here[:2], rel=1e-9)
    # on the way, with many slices to come
    monkeypatch.setattr(slices, "FIRST_WORK", 300_000)
    monkeypatch.setattr(slices, "MOST_WORK", 300_000)
    whole, seen = search(client), []

    def watch(state):
        seen.append((state.upper, state.lower))
        if len(seen) == 2:
            kill_one(client)

    killed = search(client, callback=watch)
    assert len(seen) > 5
    assert killed == whole
    assert all(upper >= here[1] and lower <= here[0] for upper, lower in seen)


def test_the_same_optimum_as_here(client, monkeypatch):
    problem = rx.make_problem(PROBLEM.X[:40, :4], PROBLEM.Y[:40], 2.0)
    sent, submit = [], client.submit
    monkeypatch.setattr(client, "submit", lambda *args, **kwargs: sent.append(args) or submit(*args, **kwargs))
    here, there = rx.solve(problem, tol=1e-4), rx.solve(problem, tol=1e-4, executor=client)
    assert sent
    assert there.certificate.rel_gap <= 1e-4
    assert there.certificate.lower <= here.objective * (1 + 1e-12)
    assert here.certificate.lower <= there.objective * (1 + 1e-12)
    proof = rx.certify(there, problem, dual=there.dual, tol=1e-4, executor=client)
    assert proof.lower <= here.objective * (1 + 1e-12)
    low, high = rx.beta_max(problem, executor=client)
    assert low <= high
    assert (low, high) == pytest.approx(rx.beta_max(problem), rel=1e-6)


def test_a_worker_that_dies_in_a_list_loses_no_result(client):
    problems = [
        rx.make_problem(PROBLEM.X[:12, :2], PROBLEM.Y[:12, :1], beta) for beta in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    ]
    expected = [rx.solve(problem).objective for problem in problems]
    threading.Timer(0.4, kill_one, [client]).start()
    found = dict(rx.for_each(solve_slowly, problems, executor=client, seconds=0.3))
    assert [found[k].objective for k in range(6)] == pytest.approx(expected, rel=1e-9)
    path = [sol.objective for sol in rx.beta_path(problems[0], betas=[1.0, 2.0], executor=client)]
    assert path == pytest.approx(expected[:2], rel=1e-6)


def test_a_contradiction_ends_it_early(client):
    best = search(None)
    found = search(client, stop_above=0.9 * best[1], lower=0.0)
    assert found[3] == "violated"
    assert found[1] > 0.9 * best[1]


def test_slices_that_fail_keep_a_valid_bound(client, monkeypatch):
    best = search(None)
    monkeypatch.setattr(slices, "kernel_code", lambda: "of another version")
    states = []
    cut = search(client, callback=lambda state: states.append(state.upper) or len(states) > 3)
    assert cut[0] >= best[1]
    found = search(client)  # no worker takes it: it is done here
    assert found[3] == "proved"
    assert found[:2] == pytest.approx(best[:2], rel=1e-9)


def test_ctrl_c_is_heard_while_workers_compute(client):
    problem = rx.make_problem(RNG.standard_normal((300, 6)), RNG.standard_normal((300, 2)), 1.0)
    seen = []

    def press(progress):
        seen.append(progress)
        if len(seen) == 1:
            threading.Timer(2.0, os.kill, [os.getpid(), signal.SIGINT]).start()

    began = time.monotonic()
    with pytest.raises(rx.Interrupted) as stop:
        rx.solve(problem, tol=1e-9, callback=press, executor=client)
    assert time.monotonic() - began < 60.0
    assert stop.value.result.status is rx.Status.INTERRUPTED
    assert stop.value.result.certificate.lower <= stop.value.result.objective
    assert dict(rx.for_each(abs, [-1, -2], executor=client)) == {0: 1, 1: 2}  # the cluster is as good as before


def test_joblib_names_the_cluster(client):
    with joblib.parallel_config(backend="dask", client=client):
        found = {pid for _, pid in rx.for_each(process, [0, 1, 2, 3])}
        assert found <= set(pids(client))
        ids = ["whitened-scalar"]
        alone = rx.theory.verify(ids, trials=6, rng=5)
        together = rx.theory.verify(ids, trials=6, rng=5, n_jobs=2)
    assert [one.margin for one in alone] == [one.margin for one in together]


def process(k):
    """Where a call runs."""
    return os.getpid()


def test_a_cluster_without_workers_does_not_hold_for_ever(monkeypatch):
    monkeypatch.setattr(executors, "PATIENCE", 1.0)
    monkeypatch.setattr(executors, "LOOK", 0.2)
    options = {"n_workers": 0, "dashboard_address": ":0", "silence_logs": 50}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster, set_as_default=False) as empty:
        found = search(empty)
        assert found[3] == "proved"
        assert found[:2] == pytest.approx(search(None)[:2], rel=1e-9)
        with pytest.raises(ClusterError, match="expected a result for each of 1 items"):
            list(rx.for_each(abs, [-1], executor=empty))


def test_a_scheduler_that_ends_leaves_the_proof_to_this_process(caplog):
    options = {
        "n_workers": 1,
        "threads_per_worker": 1,
        "processes": False,
        "dashboard_address": ":0",
        "silence_logs": 50,
    }
    cluster = distributed.LocalCluster(**options)
    client, seen = distributed.Client(cluster, set_as_default=False), []

    def watch(state):
        seen.append(state)
        if len(seen) == 2:
            cluster.close()

    found = search(client, callback=watch)
    assert "go on in this process" in caplog.text
    assert found[3] == "proved"
    assert found[:2] == pytest.approx(search(None)[:2], rel=1e-9)
    client.close()


class Asynchronous(distributed.Client):
    """As ``await Client(asynchronous=True)`` gives one, without a connection."""

    asynchronous = True

    def __init__(self):
        pass

    def __repr__(self):
        return "<Client>"

    def __del__(self):
        pass


def test_a_client_of_a_coroutine_is_refused():
    with pytest.raises(
        InvalidInputError, match="received <Client>; likely cause: the client was made with asynchronous=True"
    ):
        executors.as_executor(Asynchronous())
