"""Every assert_* helper fails when what it asserts is false."""

import dataclasses

import numpy as np
import pytest
from checks import (
    assert_below,
    assert_certified,
    assert_consistent,
    assert_exact_bound,
    assert_exact_certificate,
    assert_kkt,
    assert_same_value,
)
from oracles import (
    climbed_dual_norm,
    exact_dual_norm_squared,
    exact_dual_value,
    exact_problem_dual_norm_squared,
    fractions,
    objective_literal,
    sampled_dual_norm,
)
from strategies import edited

import relucvx as rx
from relucvx.oracle import dual_norm
from relucvx.program.posing import make_problem
from relucvx.types import Scope, Status


@pytest.fixture(scope="module")
def solution():
    rng = np.random.default_rng(0)
    return rx.solve(rng.standard_normal((5, 2)), rng.standard_normal(5), 0.2, tol=1e-9)


def changed(solution, **fields):
    return dataclasses.replace(solution, certificate=dataclasses.replace(solution.certificate, **fields))


def test_they_pass_on_a_true_solution(solution):
    problem, certificate = solution.problem, solution.certificate
    assert_below(problem, certificate.lower, [solution.network])
    assert_consistent(problem, solution.network, certificate)
    assert_exact_certificate(problem, certificate)
    assert_certified(solution)
    assert_kkt(problem, solution.network, np.random.default_rng(0))
    assert_same_value(solution, solution)


def test_assert_below_fails(solution):
    with pytest.raises(AssertionError, match="below the certified lower bound"):
        assert_below(solution.problem, solution.objective * (1 + 1e-9), [solution.network])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"upper": 99.0}, "upper is wrong"),
        ({"lower": -1.0}, "never negative"),
        ({"lower": 5.0}, "above upper"),
        ({"upper_balanced": 5.0}, "balancing never raises"),
        ({"gap": 1.0}, "gap is upper - lower"),
        ({"rel_gap": 0.5}, "rel_gap 0.5"),
        ({"dual_norm_reached": 9.0}, "dual norm reached"),
    ],
)
def test_assert_consistent_fails(solution, fields, message):
    with pytest.raises(AssertionError, match=message):
        assert_consistent(solution.problem, solution.network, changed(solution, **fields).certificate)


def test_assert_exact_certificate_fails(solution):
    problem, certificate = solution.problem, solution.certificate
    with pytest.raises(AssertionError, match="below lower"):
        assert_exact_certificate(problem, dataclasses.replace(certificate, lower=certificate.lower + 1e-6))
    with pytest.raises(AssertionError, match="above beta"):
        assert_exact_certificate(problem, dataclasses.replace(certificate, dual=certificate.dual * (1 + 1e-9)))
    huber = make_problem(problem.X, problem.Y[:, 0], problem.beta, "huber")
    with pytest.raises(AssertionError, match="outside the domain"):
        assert_exact_certificate(huber, dataclasses.replace(certificate, dual=certificate.dual * 1e3))


def test_assert_exact_bound_fails(solution):
    problem, N = solution.problem, np.array(solution.dual)
    bound = dual_norm(problem, N)
    assert_exact_bound(problem, N, bound)
    with pytest.raises(AssertionError, match="lower"):
        assert_exact_bound(problem, N, dataclasses.replace(bound, lower=bound.lower * (1 + 1e-9)))
    with pytest.raises(AssertionError, match="upper"):
        assert_exact_bound(problem, N, dataclasses.replace(bound, upper=bound.upper * (1 - 1e-9)))


def test_assert_certified_fails(solution):
    with pytest.raises(AssertionError, match="relative gap"):
        assert_certified(changed(solution, rel_gap=1e-3))
    with pytest.raises(AssertionError, match="status"):
        assert_certified(dataclasses.replace(solution, status=Status.STALLED))
    with pytest.raises(AssertionError, match="scope"):
        assert_certified(changed(solution, scope=Scope.RELAXED))
    with pytest.raises(AssertionError, match="certificate's upper"):
        assert_certified(dataclasses.replace(solution, objective=0.0))


def test_assert_kkt_fails(solution):
    problem, net, rng = solution.problem, solution.network, np.random.default_rng(0)
    with pytest.raises(AssertionError, match="a direction reaches"):
        assert_kkt(problem, problem.null_network(), rng)
    weaker = dataclasses.replace(problem, beta=1.3 * problem.beta)
    with pytest.raises(AssertionError, match="active neuron pulls"):
        assert_kkt(weaker, net, rng)
    with pytest.raises(AssertionError):
        assert_kkt(problem, edited(net, weights_out=-net.weights_out), rng)
    for bias in ("all", "free"):
        twin = make_problem(problem.X, problem.Y[:, 0] + 3.0, 0.2, bias=bias)
        other = rx.solve(twin.X, twin.Y[:, 0], 0.2, bias=bias, tol=1e-9).network
        assert_kkt(twin, other, rng)
        with pytest.raises(AssertionError, match="output bias"):
            assert_kkt(twin, dataclasses.replace(other, bias_out=other.bias_out + 0.1), rng)


def test_assert_same_value_fails(solution):
    up = changed(solution, lower=solution.objective + 1.0, upper=solution.objective + 1.0)
    with pytest.raises(AssertionError, match="above the other's upper"):
        assert_same_value(up, solution)
    with pytest.raises(AssertionError, match="above the other's upper"):
        assert_same_value(solution, up)
    with pytest.raises(AssertionError, match="objectives"):
        assert_same_value(changed(solution, upper=solution.objective + 1.0), solution)


def test_exact_oracles_against_hand_computed_values():
    rows = fractions([[3.0, 4.0]])
    assert exact_dual_norm_squared(rows, [2]) == 100
    assert exact_dual_norm_squared(fractions([[1.0, 0.0], [0.0, 1.0]]), [1, 1]) == 2
    assert exact_dual_norm_squared(fractions([[1.0, 0.0], [0.0, 1.0]]), [1, -1]) == 1
    assert exact_dual_norm_squared(fractions([[1.0, 0.0], [0.0, 1.0]]), [1, -1], (1, 1)) == 2
    assert exact_dual_norm_squared(fractions([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]]), [1, 1, -5]) == 25
    free = make_problem([[0.0], [1.0], [3.0]], [0.0, 0.0, 0.0], 1.0, bias="free")
    N = np.array([[1.0], [-2.0], [1.0]])
    assert exact_problem_dual_norm_squared(free, N) == 4
    with pytest.raises(ValueError, match="exactly zero"):
        exact_problem_dual_norm_squared(free, N + 1)
    squared = make_problem([[1.0]], [2.0], 1.0)
    assert exact_dual_value(squared, np.array([[0.5]])) == 0.875
    decayed = make_problem([[1.0]], [2.0], 1.0, bias="all")
    assert exact_dual_value(decayed, np.array([[0.5]])) == 0.75
    label = make_problem([[1.0]], [1.0], 1.0, "logistic")
    assert float(exact_dual_value(label, np.array([[0.5]]))) == pytest.approx(np.log(2), rel=1e-15)
    assert exact_dual_value(label, np.array([[-0.5]])) is None
    assert exact_dual_value(label, np.array([[1.5]])) is None
    hinge = make_problem([[1.0], [2.0]], [1.0, -1.0], 1.0, "hinge", sample_weight=[0.0, 2.0])
    assert exact_dual_value(hinge, np.array([[0.0], [-1.5]])) == 1.5
    assert exact_dual_value(hinge, np.array([[0.1], [-1.5]])) is None
    steep = make_problem([[1.0]], [1.0], 1.0, "squared_hinge")
    assert exact_dual_value(steep, np.array([[2.0]])) == 1


@pytest.mark.parametrize("loss", ["squared", "huber", "logistic", "hinge", "squared_hinge"])
@pytest.mark.parametrize("bias", ["none", "hidden", "all", "free"])
def test_samplers_and_the_literal_objective(loss, bias):
    from strategies import random_network

    from relucvx.program.objective import objective

    rng = np.random.default_rng(1)
    problem = make_problem(
        rng.standard_normal((4, 2)), [1.0, -1.0, 1.0, 1.0], 0.3, loss, bias, "leaky_relu", [1.0, 2.0, 0.0, 1.0]
    )
    network = random_network(problem, 3, rng)
    assert objective(problem, network) == pytest.approx(objective_literal(problem, network), rel=1e-12)
    N = rng.standard_normal((4, 1))
    N = N - N.mean() if bias == "free" else N
    N[0] -= N.sum() if bias == "free" else 0.0
    bound = dual_norm(make_problem(problem.X, problem.Y, 0.3, bias=bias, activation="leaky_relu"), N)
    assert 0.97 * bound.upper <= sampled_dual_norm(problem, N, rng) <= bound.upper
    assert 0.97 * bound.upper <= climbed_dual_norm(problem, N, rng) <= bound.upper
