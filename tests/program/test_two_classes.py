"""Two classes: the logistic problem that their cross-entropy is, and the way back for networks and dual points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, random_network

import relucvx as rx
from relucvx.certificate.certificate import certify_network
from relucvx.oracle import dual_norm, make_form
from relucvx.program.duality import balance_dual, dual_objective, residual
from relucvx.program.objective import balanced_objective, fit, objective
from relucvx.program.two_classes import expand_dual, expand_network, reduce_network, reduced

EXACT = ("none", "hidden", "free")


def two_classes(n=14, d=2, bias="none", beta=0.4, seed=0, activation="relu", weighted=True):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    first = X[:, 0] + rng.standard_normal(n) > 0
    first[:2] = True, False
    weight = rng.uniform(0.3, 2.0, n) if weighted else None
    return rx.make_problem(X, np.eye(2)[1 - first.astype(int)], beta, "cross_entropy", bias, activation, weight)


@examples(30)
@given(st.integers(0, 2**31), st.sampled_from(EXACT), st.sampled_from(["relu", "leaky_relu", "abs"]))
def test_objectives_agree_in_both_directions(seed, bias, activation):
    problem = two_classes(bias=bias, seed=seed, activation=activation)
    one, rng = reduced(problem), np.random.default_rng(seed)
    net = random_network(one, 4, rng)
    wide = expand_network(net)
    # a network that is not balanced: the balanced objectives are what the reduction keeps
    assert balanced_objective(problem, wide) == pytest.approx(balanced_objective(one, net), rel=1e-13)
    np.testing.assert_allclose(fit(problem, wide)[:, 0] - fit(problem, wide)[:, 1], fit(one, net)[:, 0], atol=1e-12)
    balanced = rx.balance(net, penalize_bias=bias != "free")
    assert objective(problem, expand_network(balanced)) == pytest.approx(objective(one, balanced), rel=1e-13)
    given_ = random_network(problem, 4, rng)
    assert balanced_objective(one, reduce_network(given_)) <= balanced_objective(problem, given_) * (1 + 1e-13)
    again = reduce_network(wide)
    np.testing.assert_allclose(again.weights_in, net.weights_in, rtol=1e-14)
    np.testing.assert_allclose(again.weights_out, net.weights_out, rtol=1e-14)


@examples(30)
@given(st.integers(0, 2**31), st.sampled_from(EXACT))
def test_dual_points_keep_their_value_and_gain_root_two_in_norm(seed, bias):
    problem = two_classes(bias=bias, seed=seed)
    one = reduced(problem)
    F = np.random.default_rng(seed).standard_normal((14, 1))
    N = balance_dual(one, residual(one, F))
    wide = expand_dual(N)
    assert problem.loss.dual_value(wide, problem.Y, problem.sample_weight) == pytest.approx(
        dual_objective(one, N), rel=1e-12
    )
    single, double = dual_norm(one, N), dual_norm(problem, wide)
    assert double.upper == pytest.approx(np.sqrt(2) * single.upper, rel=1e-9)
    assert double.lower == pytest.approx(np.sqrt(2) * single.lower, rel=1e-9)
    assert double.method == single.method  # one column is left in the form
    assert make_form(problem.inputs, wide, problem.activation, free_bias=bias == "free").M.shape[1] == 1


@pytest.mark.parametrize("bias", EXACT)
def test_the_optimum_is_the_logistic_one_and_the_certificate_is_about_the_stated_problem(bias):
    problem = two_classes(n=10, bias=bias)
    one = reduced(problem)
    logistic = rx.solve(one.X, one.Y, one.beta, loss=one.loss, bias=bias, sample_weight=one.sample_weight, tol=1e-8)
    proof = certify_network(problem, expand_network(logistic.network), expand_dual(logistic.dual))
    assert proof.upper == pytest.approx(logistic.objective, rel=1e-12)
    assert proof.rel_gap <= 1e-6
    assert proof.lower <= logistic.objective * (1 + 1e-12)
    stated = rx.solve(
        problem.X, problem.Y, problem.beta, loss="cross_entropy", bias=bias, sample_weight=problem.sample_weight
    )
    assert stated.objective == pytest.approx(logistic.objective, rel=2e-6)
    assert stated.certificate.lower <= logistic.objective * (1 + 1e-12)


def test_a_decayed_output_bias_is_another_problem():
    """b costs beta/4 b² split over two outputs, and would cost beta/(2√2) b² on one."""
    problem = two_classes(bias="all")
    assert reduced(problem) is None
    b = 0.7
    split, single = 0.5 * problem.beta * 2 * (b / 2) ** 2, 0.5 * problem.beta / np.sqrt(2) * b**2
    assert split == pytest.approx(single / np.sqrt(2))


@pytest.mark.parametrize("change", ["three classes", "mixture", "loss"])
def test_nothing_else_is_reduced(change):
    X = np.random.default_rng(0).standard_normal((6, 2))
    Y = np.eye(2)[[0, 1, 0, 1, 0, 1]]
    if change == "three classes":
        Y = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    if change == "mixture":
        Y[0] = 0.25, 0.75
    assert reduced(rx.make_problem(X, Y, 0.1, "squared" if change == "loss" else "cross_entropy")) is None


@examples(40)
@given(st.integers(0, 2**31), st.integers(2, 4), st.booleans())
def test_forms_drop_outputs_that_a_dual_point_does_not_use(seed, outputs, free):
    """Rank-deficient dual points: fewer columns, the same function, and the slack covers the difference."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((7, 3))
    problem = rx.make_problem(X, rng.standard_normal((7, outputs)), 0.1, bias="free" if free else "none")
    A = rng.standard_normal((7, 1))
    N = (A - A.mean()) @ rng.standard_normal((1, outputs))
    form = make_form(problem.inputs, N, problem.activation, free_bias=free)
    assert form.M.shape[1] == 1
    for _ in range(5):
        w = form.to_original(rng.standard_normal(form.X.shape[1]))
        exact = np.linalg.norm(N.T @ np.maximum(problem.inputs @ w, 0.0))
        assert abs(form.values(form.to_reduced(w)[:, None])[0] - exact) <= form.rounding() + 1e-12
    full = make_form(problem.inputs, rng.standard_normal((7, outputs)), problem.activation)
    assert full.M.shape[1] == outputs
