"""Comparisons: certified gaps, verdicts in words, and what is refused."""

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from report.cases import BETA, finding, planted

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.report import compare
from relucvx.training import RunStatus


def test_gaps_are_those_of_a_certificate(found, solved):
    data = planted()
    for row, network in zip(found.rows, found.networks, strict=True):
        proof = rx.certify(network, data.X, data.Y, BETA, dual=solved.dual)
        assert row.objective == proof.upper
        assert row.gap == pytest.approx(proof.gap, abs=1e-9 * proof.upper)
        assert row.objective >= solved.certificate.lower
    assert [row.reached for row in found.rows] == [True, True, False, False]
    assert found.share == 0.5
    assert found.best == 0
    assert [row.name for row in found.rows] == ["seed 3", "network 1", "network 2", "network 3"]


def test_kernel_distances_only_where_the_optimal_kernel_is_unique(found):
    assert found.uniqueness.unique
    assert found.rows[0].kernel_to_optimum <= 1e-12
    assert 0.3 < found.rows[2].kernel_to_optimum < 1.1  # twice the output: balanced, the kernel doubles
    assert math.isnan(found.rows[0].kernel_to_prediction)


def test_no_runs_and_an_unproven_optimum():
    data = rx.datasets.get("planted:60x4")
    found = rx.compare(data.X, data.Y, 0.01, [], time_limit=1e-3)
    assert finding(found, "global optimum").verdict == "undecided"
    assert "not proven to 1e-06 (TIME_LIMIT)" in finding(found, "global optimum").text
    assert finding(found, "training reaches the optimum").verdict == "not applicable"
    assert finding(found, "no network beats the bound").verdict == "not applicable"
    assert finding(found, "the optimal kernel is unique").verdict == "undecided"
    assert math.isnan(found.share)
    assert found.best is None
    off = rx.compare(data.X, data.Y, 0.01, [found.solution.network], solution=found.solution)
    assert finding(off, "training reaches the optimum").verdict == "undecided"
    assert "the proof itself leaves" in finding(off, "training reaches the optimum").text


def test_a_run_better_than_the_solver_is_said():
    data = planted()
    rough = rx.solve(data.X, data.Y, BETA, callback=lambda p: True)
    good = rx.solve(data.X, data.Y, BETA)
    assert rough.objective > good.objective * (1 + 1e-3)
    proven = rx.certify(rough.network, data.X, data.Y, BETA, dual=good.dual)
    claims = type(rough)(
        rough.problem, rough.network, good.dual, rough.objective, rough.status, good.certificate, rough.stats
    )
    assert proven.lower <= good.objective
    found = rx.compare(data.X, data.Y, BETA, [good.network], solution=claims)
    assert finding(found, "training reaches the optimum").verdict == "undecided"
    assert "better than the solver's network" in finding(found, "training reaches the optimum").text


def test_a_network_below_the_bound_is_never_passed_over(solved):
    """A forged bound: the comparison must accuse it."""
    forged = type(solved)(
        solved.problem, solved.network, solved.dual, solved.objective, solved.status,
        type(solved.certificate)(**{**vars(solved.certificate), "lower": 2 * solved.objective}), solved.stats,
    )  # fmt: skip
    data = planted()
    found = rx.compare(data.X, data.Y, BETA, [solved.network], solution=forged)
    assert finding(found, "no network beats the bound").verdict == "does not hold"


def test_bad_input_is_explained(solved):
    data = planted()
    with pytest.raises(InvalidInputError, match=r"labels of length 20, one per row; received length 3"):
        rx.compare(data.X, data.Y, BETA, [], labels=[0, 1, 2])
    with pytest.raises(InvalidInputError, match=r"factors of shape \(20, k\); received shape \(20,\)"):
        rx.compare(data.X, data.Y, BETA, [], factors=np.ones(20))
    with pytest.raises(InvalidInputError, match="solution to be a Solution; received str"):
        rx.compare(data.X, data.Y, BETA, [], solution="solution.npz")
    with pytest.raises(InvalidInputError, match="a solution of the same problem; received another beta, bias"):
        rx.compare(data.X, data.Y, 2 * BETA, [], solution=solved, bias="hidden")
    with pytest.raises(InvalidInputError, match="run 1: expected"):
        rx.compare(data.X, data.Y, BETA, [solved.network, rx.TwoLayerReLU(np.ones((1, 5)), [1.0])], solution=solved)
    with pytest.raises(InvalidInputError, match="run 0: expected"):
        rx.compare(data.X, data.Y, BETA, ["network.pt"], solution=solved)
    with pytest.raises(InvalidInputError, match="reach to be a finite number > 0"):
        rx.compare(data.X, data.Y, BETA, [], reach=0, solution=solved)


class Given(tuple):
    """Runs that were not trained: what compare asks of them."""

    runs = property(tuple)


def test_runs_are_trained_when_none_are_given(monkeypatch, solved):
    data = planted()
    seen = {}

    def train(problem, **options):
        seen.update(options, problem=problem)
        return Given((SimpleNamespace(network=solved.network, seed=0, status=RunStatus.STATIONARY),))

    monkeypatch.setitem(
        sys.modules, "relucvx.training", SimpleNamespace(train=train, Runs=SimpleNamespace, RunStatus=RunStatus)
    )
    found = rx.compare(data.X, data.Y, BETA, solution=solved)
    assert [row.name for row in found.rows] == ["seed 0"]
    assert seen["problem"].beta == BETA
    np.testing.assert_array_equal(seen["problem"].X, data.X)
    assert seen["p_star"] == found.solution.certificate.lower


def test_the_front_door_is_the_public_name():
    assert rx.compare is compare


def test_a_limit_that_is_over_before_the_solver_begins_is_no_error():
    found = rx.compare(
        [[-1.0], [1.0], [2.0]], [1.0, 0.0, 2.0], beta=0.1, time_limit=1e-12, training={"width": 2, "seeds": [0]}
    )
    assert found.solution.certificate.lower <= found.solution.objective
