"""What is done with the time that an unfinished proof leaves: the relaxation, cones, and the relaxation again."""

import dataclasses

import numpy as np
import pytest

import relucvx as rx
from relucvx.certificate import certify_network, prove_dual
from relucvx.certificate.dual_points import refined
from relucvx.certificate.dual_points.refined import refinable, refined_proof
from relucvx.datasets import planted
from relucvx.deadline import Deadline
from relucvx.solver import solve_problem


def of(n, d, share=0.02, **options):
    data = planted(n, d)
    top = rx.beta_max(data.X, data.Y, time_limit=2, **options)[0]
    return rx.make_problem(data.X, data.Y, share * top, **options)


@pytest.fixture(scope="module")
def wide():
    """Twenty inputs: no cones, and the spectral bound proves next to nothing."""
    problem = of(40, 20)
    return problem, solve_problem(problem, time_limit=3)


def test_more_inputs_than_cones_can_divide(wide):
    problem, found = wide
    spectral = certify_network(problem, found.network, found.dual, time_limit=5, refine=False)
    certificate = certify_network(problem, found.network, found.dual, time_limit=5)
    assert spectral.rel_gap > 0.5
    assert certificate.rel_gap < 0.5 * spectral.rel_gap
    assert certificate.method == "semidefinite"
    # and it is a bound: nothing that descent finds is below it
    assert certificate.lower <= rx.train(problem, width=40, seeds=range(4), max_steps=300).best.objective
    again = certify_network(problem, found.network, certificate.dual, method="spectral", refine=False)
    assert again.lower <= certificate.lower


def test_a_point_that_a_direction_contradicts_is_no_reason_to_stop(wide):
    problem, found = wide
    proof = prove_dual(problem, found.dual, time_limit=1)
    contradicted = dataclasses.replace(proof, bound=dataclasses.replace(proof.bound, outcome="violated"))
    certificate = certify_network(problem, found.network, time_limit=4, proof=contradicted)
    assert certificate.lower > 2 * proof.lower


def steps(monkeypatch, problem, *, between, deadline=3.0, **state):
    """Which ways were gone, in order, with cones that prove a given share of what the relaxation does."""
    gone = []

    class Program:
        lower, ended = 0.0, False

        def __init__(self, one):
            self.__dict__.update(state)

        def run(self, deadline, enough=np.inf):
            gone.append("relaxation")
            self.lower += 1.0

        def proof(self):
            return dataclasses.replace(start, lower=self.lower)

    def cones(*args, hope, **options):
        gone.append(f"cones, hope {hope:g}")
        return dataclasses.replace(start, lower=between)

    start = prove_dual(problem, problem.Y, time_limit=1)
    start = dataclasses.replace(start, lower=0.5)
    monkeypatch.setattr(refined, "SignedProgram", Program)
    monkeypatch.setattr(refined, "proofs_between", cones)
    best = refined_proof(
        problem, problem.Y, problem.null_network(), start, target=problem.beta, enough=10.0, deadline=Deadline(deadline)
    )
    return gone, best.lower


def test_the_order_of_the_ways(monkeypatch):
    seven, three, twenty = of(20, 7), of(20, 3), of(20, 20)
    assert steps(monkeypatch, seven, between=1.5) == (["relaxation", "cones, hope 0.7", "relaxation"], 2.0)
    # a relaxation that has ended does not go on, and cones need no hope then
    assert steps(monkeypatch, seven, between=1.5, ended=True) == (["relaxation", "cones, hope 0"], 1.5)
    # enough is enough
    assert steps(monkeypatch, seven, between=11.0) == (["relaxation", "cones, hope 0.7"], 11.0)
    # few inputs are for cones alone, many for the relaxation
    assert steps(monkeypatch, three, between=1.5) == (["cones, hope 0"], 1.5)
    assert steps(monkeypatch, twenty, between=1.5)[0] == ["relaxation", "relaxation"]
    # no time, and nothing better: what was there
    assert steps(monkeypatch, seven, between=0.0, deadline=0.0, lower=-1.0) == (["relaxation"], 0.5)


def test_where_there_is_something_to_refine():
    assert refinable(of(20, 3))
    assert refinable(of(20, 20))
    assert not refinable(of(20, 20, bias="free"))


def test_a_limit_is_kept(wide):
    problem, found = wide
    began = Deadline(1.5)
    certify_network(problem, found.network, found.dual, time_limit=1.5)
    assert began.left() > -1.5


def test_a_finished_proof_of_another_point_is_not_the_last_word():
    """A solver that ran out of time may have proven an old dual point and hold a better one."""
    rng = np.random.default_rng(3)
    problem = rx.make_problem(rng.normal(size=(12, 3)), rng.normal(size=12), 0.5)
    sol = rx.solve(problem)
    old = prove_dual(problem, problem.Y)  # of the network without neurons: finished, and far below
    assert old.bound.outcome == "proved"
    assert old.lower < 0.9 * sol.certificate.lower
    proof = certify_network(problem, sol.inner, sol.dual, proof=old, time_limit=20.0)
    assert proof.rel_gap <= 1e-6
    # what is proven of a point is proven of its multiples: there is nothing to do again
    again = certify_network(problem, sol.inner, 0.5 * problem.Y, proof=old, time_limit=20.0)
    assert again.lower == old.lower
