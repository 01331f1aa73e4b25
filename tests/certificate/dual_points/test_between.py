"""Where the time is not enough for the best dual point: points on the way to it prove more."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

import relucvx as rx
from relucvx import deadline as deadlines
from relucvx.certificate import certificate as module
from relucvx.certificate import certify_network, prove_dual
from relucvx.certificate.dual_points import between
from relucvx.certificate.dual_points.between import applies, proofs_between
from relucvx.certificate.dual_points.relaxed_program import compile_cover
from relucvx.datasets import planted
from relucvx.deadline import Deadline
from relucvx.solver import solve_problem

DATA = planted(60, 7)
PROBLEM = rx.make_problem(DATA.X, DATA.Y, 0.05 * rx.beta_max(DATA.X, DATA.Y, time_limit=20)[1])


@pytest.fixture(scope="module")
def found():
    compile_cover()
    return solve_problem(PROBLEM, time_limit=4)


@pytest.fixture
def own_seconds(monkeypatch):
    """Limits count seconds of this process: what a search proves in them does not depend on what else the machine does."""
    clock = SimpleNamespace(perf_counter=time.process_time)
    for part in (deadlines, between, module):
        monkeypatch.setattr(part, "time", clock)


def test_more_is_proven_than_in_the_same_time_at_the_best_point(found, own_seconds):
    began = time.process_time()
    best = proofs_between(
        PROBLEM, found.dual, found.network, target=PROBLEM.beta, enough=np.inf, deadline=Deadline(4.0)
    )
    seconds = time.process_time() - began
    alone = prove_dual(PROBLEM, found.dual, target=PROBLEM.beta, max_cones=20_000)
    upper = rx.certify(found.network, PROBLEM, time_limit=0.5).upper
    assert best.problem is PROBLEM
    assert alone.lower < best.lower <= upper
    assert seconds < 8.0
    # it is a proof like any other: its point is feasible
    again = prove_dual(PROBLEM, best.dual, target=PROBLEM.beta, time_limit=60.0)
    assert again.lower == pytest.approx(best.lower, rel=1e-6)


def test_it_ends_once_enough_is_proven(found, monkeypatch, own_seconds):
    made, asked = [], []
    real = between.prove_dual

    def counted(*args, **options):
        asked.append(args[1])
        made.append(real(*args, **options))
        return made[-1]

    monkeypatch.setattr(between, "prove_dual", counted)
    best = proofs_between(PROBLEM, found.dual, found.network, target=PROBLEM.beta, enough=0.0, deadline=Deadline(5.0))
    assert made == [best]
    # each of more is at a point further on, and none is thrown away for a worse one
    made.clear()
    asked.clear()
    best = proofs_between(
        PROBLEM, found.dual, found.network, target=PROBLEM.beta, enough=np.inf, deadline=Deadline(5.0)
    )
    assert len(made) >= 2
    assert best.lower == max(proof.lower for proof in made)
    way = found.dual - asked[0]
    shares = [float(np.sum((N - asked[0]) * way) / np.sum(way * way)) for N in asked]
    assert shares == sorted(set(shares))
    for N, share in zip(asked, shares, strict=True):
        assert pytest.approx(asked[0] + share * way, abs=1e-9 * float(np.abs(way).max())) == N


def test_no_time_is_no_proof(found):
    nothing = proofs_between(
        PROBLEM, found.dual, found.network, target=PROBLEM.beta, enough=np.inf, deadline=Deadline(0.0)
    )
    assert nothing is None


def test_certificates_spend_what_an_unfinished_proof_leaves(found, monkeypatch, own_seconds):
    monkeypatch.setattr(module, "FIRST_SHARE", 0.01)
    options = {"dual": found.dual, "time_limit": 4.0}
    plain = certify_network(PROBLEM, found.network, refine=False, max_cones=20_000, **options)
    spent = certify_network(PROBLEM, found.network, **options)
    assert plain.lower < spent.lower <= spent.upper
    # a number of cones is a limit too, and whoever asked to stop is not asked again
    few = certify_network(PROBLEM, found.network, max_cones=500, **options)
    assert few.seconds < 1.5
    stopped = certify_network(PROBLEM, found.network, callback=lambda search: True, **options)
    assert stopped.seconds < 1.5


def test_code_that_is_not_compiled_in_time_is_compiled_beside_for_the_next_call(found, monkeypatch):
    began, ended = threading.Event(), threading.Event()

    def slow():
        began.set()
        ended.wait(20.0)

    monkeypatch.setattr(between, "compile_cover", slow)
    nothing = proofs_between(
        PROBLEM, found.dual, found.network, target=PROBLEM.beta, enough=np.inf, deadline=Deadline(0.2)
    )
    assert nothing is None
    assert began.is_set()
    ended.set()


def test_problems_whose_dual_norm_cones_do_not_bound():
    assert applies(PROBLEM)
    assert not applies(rx.make_problem(np.ones((3, 1)), np.ones(3), 0.1))
    assert not applies(rx.make_problem(np.ones((3, 40)), np.ones(3), 0.1))
