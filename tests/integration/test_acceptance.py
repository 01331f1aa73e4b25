"""Acceptance: certified optima on the problems the package promises to solve, within a time a user would wait."""

import time

import numpy as np
import pytest
from checks import assert_below, assert_certified
from strategies import adversarial_networks

import relucvx as rx
from relucvx.datasets import get, planted, spiral

SHARES = (0.2, 0.02, 0.002)
SETS = {
    "planted 20x2": lambda: planted(20, 2),
    "planted 50x3": lambda: planted(50, 3),
    "planted 100x3": lambda: planted(100, 3),
    "planted 40x4": lambda: planted(40, 4),
    "spiral 60": lambda: spiral(60),
}
FAST = {("planted 20x2", s) for s in SHARES} | {("planted 50x3", 0.2), ("planted 50x3", 0.02), ("planted 100x3", 0.2)}


def problem(name):
    """Inputs and targets; the spiral gets a third column of ones, as 60 x 3."""
    sample = SETS[name]()
    X = np.column_stack([sample.X, np.ones(len(sample.X))]) if name == "spiral 60" else sample.X
    return X, sample.Y


def assert_share_certified(name, share, tol):
    X, y = problem(name)
    beta = share * rx.beta_max(X, y)[1]
    began = time.perf_counter()
    solution = rx.solve(X, y, beta, tol=tol)
    print(f"{name} {share:g} tol {tol:g}: {solution!r} {time.perf_counter() - began:.2f} s")
    assert_certified(solution, tol)
    again = rx.certify(solution, X, y, beta, method="branch_and_bound")
    assert again.rel_gap <= max(tol, 1e-6)
    networks = adversarial_networks(solution.problem, solution.network, np.random.default_rng(0))
    assert_below(solution.problem, solution.certificate.lower, networks)


@pytest.mark.parametrize(("name", "share"), sorted(FAST))
def test_fast_problems(name, share):
    assert_share_certified(name, share, 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", sorted(SETS))
def test_all_problems(name, share):
    assert_share_certified(name, share, 1e-6)


@pytest.mark.parametrize("share", SHARES)
def test_nine_digits_small(share):
    assert_share_certified("planted 20x2", share, 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("share", SHARES)
def test_nine_digits(share):
    assert_share_certified("planted 50x3", share, 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [0, 1, 2])
@pytest.mark.parametrize("bias", ["all", "hidden"])
def test_iris_one_against_the_rest(bias, kind):
    sample = get("iris")
    y = np.where(sample.labels == kind, 1.0, -1.0)
    for loss in ("squared", "logistic"):
        beta = 0.02 * rx.beta_max(sample.X, y, loss=loss, bias=bias)[1]
        began = time.perf_counter()
        solution = rx.solve(sample.X, y, beta, loss=loss, bias=bias, tol=1e-4, time_limit=120)
        print(f"iris {kind} {bias} {loss}: {solution!r} {time.perf_counter() - began:.2f} s")
        assert_certified(solution, 1e-4)


@pytest.mark.slow
def test_planted_100x5():
    sample = planted(100, 5)
    beta = 0.02 * rx.beta_max(sample.X, sample.Y)[1]
    began = time.perf_counter()
    solution = rx.solve(sample.X, sample.Y, beta, tol=1e-4, time_limit=300)
    print(f"planted 100x5: {solution!r} {time.perf_counter() - began:.2f} s")
    assert_certified(solution, 1e-4)
    assert rx.certify(solution, sample.X, sample.Y, beta, method="branch_and_bound", tol=1e-4).rel_gap <= 1e-4
