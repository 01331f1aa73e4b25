"""Several outputs through the front door: certified, against exact planar programs, dense directions and training."""

import numpy as np
import pytest
from checks import assert_below, assert_certified, assert_consistent
from hypothesis import given
from hypothesis import strategies as st
from oracles import climbed_dual_norm
from strategies import adversarial_networks, examples, problems, random_network
from vector_oracles import dense_directions, lbfgs_best, plane_dual_norm, plane_sdp

import relucvx as rx
from relucvx.types import Scope, Status


def draw(seed, max_n=30, dims=(1, 2, 3), outputs=(2, 3, 4), loss="squared"):
    """Gaussian data with targets or one-hot labels, and a strength between 0.01 and 0.8 of beta_max."""
    rng = np.random.default_rng(seed)
    n, d, c = int(rng.integers(4, max_n + 1)), int(rng.choice(dims)), int(rng.choice(outputs))
    X = rng.standard_normal((n, d))
    if loss == "squared":
        Y = rng.standard_normal((n, c))
    else:
        Y = np.eye(c)[np.concatenate([np.arange(c), rng.integers(c, size=n)])[:n]]
    return X, Y, 10.0 ** rng.uniform(-2, -0.1) * rx.beta_max(X, Y, loss=loss)[1]


def check_random(seed, runs, max_n=30):
    """Certified to 1e-6 over all patterns, and nothing that L-BFGS finds lies below."""
    X, Y, beta = draw(seed, max_n)
    solution = rx.solve(X, Y, beta)
    assert_certified(solution, 1e-6)
    best, _ = lbfgs_best(X, Y, beta, 2 * len(X), runs=runs, rng=seed)
    assert solution.objective <= best * (1 + 1e-9)
    assert solution.certificate.lower <= best


@pytest.mark.parametrize("seed", [1, 4, 14, 19, 27])
def test_random_problems_are_certified(seed):
    check_random(seed, runs=2)


@pytest.mark.parametrize("seed", [2, 3])
def test_fifty_runs_of_descent_find_nothing_better(seed):
    check_random(seed, runs=50, max_n=8)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 125))
def test_many_random_problems_against_fifty_runs(seed):
    check_random(seed, runs=50)


def check_plane(seed, max_n=8):
    """Value and fit of the exact semidefinite program; the dual point is feasible in closed form."""
    X, Y, beta = draw(seed, max_n, dims=(2,), outputs=(1, 2, 3))
    value, F = plane_sdp(X, Y, beta)
    solution = rx.solve(X, Y, beta)
    assert_certified(solution, 1e-6)
    assert solution.objective == pytest.approx(value, rel=1e-6)
    assert solution.certificate.lower <= value * (1 + 1e-9)
    # strong convexity: a gap g leaves the fit within sqrt(2 g)
    distance = np.linalg.norm(solution.network.predict(X).reshape(F.shape) - F)
    assert distance <= np.sqrt(2 * (solution.certificate.gap + 1e-8 * value)) + 1e-7
    assert plane_dual_norm(X, solution.certificate.dual)[0] <= beta * (1 + 1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_the_plane_agrees_with_the_exact_semidefinite_program(seed):
    check_plane(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200, 240))
def test_many_problems_in_the_plane(seed):
    check_plane(seed, max_n=14)


def check_dense(seed, loss, tol, max_n=8, dims=(2,)):
    """The group lasso over refined directions ends within tol of the certified interval."""
    X, Y, beta = draw(seed, max_n, dims, (2, 3), loss)
    solution = rx.solve(X, Y, beta, loss=loss)
    assert_certified(solution, 1e-6)
    upper, _ = dense_directions(X, Y, beta, loss)
    assert solution.certificate.lower <= upper * (1 + 1e-9)
    assert solution.objective == pytest.approx(upper, rel=tol)


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_dense_directions_agree(loss):
    for seed in range(2):
        check_dense(seed, loss, 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
@pytest.mark.parametrize("seed", range(300, 315))
def test_dense_directions_agree_in_two_and_three_dimensions(seed, loss):
    check_dense(seed, loss, 1e-4, max_n=10, dims=(2, 3))


@pytest.mark.parametrize("seed", [0, 1])
def test_cross_entropy_is_never_above_descent(seed):
    X, Y, beta = draw(seed, 10, (2, 3), (2, 3), "cross_entropy")
    solution = rx.solve(X, Y, beta, loss="cross_entropy")
    assert_certified(solution, 1e-6)
    best, _ = lbfgs_best(X, Y, beta, 2 * len(X), runs=10, rng=seed, loss="cross_entropy")
    assert solution.objective <= best * (1 + 1e-9)


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_relaxations_lie_below_and_meet_the_optimum_where_exact(loss):
    rng = np.random.default_rng(0)
    X = np.linalg.qr(rng.standard_normal((5, 4)))[0].T
    Y = np.eye(2)[[0, 1, 1, 0]]
    solution = rx.solve(X, Y, 0.1, loss=loss, tol=1e-8)
    lifted = rx.doubly_nonnegative_bound(solution.problem)
    assert lifted.exact is True
    assert lifted.lower == pytest.approx(solution.objective, rel=1e-6)
    assert lifted.lower <= solution.objective
    X, Y, beta = draw(1, 12, (2, 3), (2, 3), loss)
    for bias in ("none", "hidden", "all"):
        solution = rx.solve(X, Y, beta, loss=loss, bias=bias)
        for bound in (rx.nuclear_norm_bound, rx.doubly_nonnegative_bound):
            assert 0.0 < bound(solution.problem).lower <= solution.objective


# ---- attacks -------------------------------------------------------------------------------------------------------


@st.composite
def vector_problems(draw):
    """Tiny problems with two or three outputs, all losses, bias modes and activations."""
    outputs = draw(st.integers(2, 3))
    problem = draw(problems(max_n=5, max_d=2, outputs=outputs))
    if draw(st.integers(0, 2)):
        return problem
    n = len(problem.Y)
    labels = draw(st.lists(st.integers(0, outputs - 1), min_size=n, max_size=n))
    Y = np.eye(outputs)[labels]
    Y[:outputs] = (1.0 - 0.5) * Y[:outputs] + 0.5 / outputs  # frequencies, and every class present
    return rx.make_problem(
        problem.X, Y, problem.beta, "cross_entropy", problem.bias, problem.activation, problem.sample_weight
    )


def arguments(problem):
    """What the front doors take beside X, Y and beta."""
    return {
        "loss": problem.loss,
        "bias": problem.bias,
        "activation": problem.activation,
        "sample_weight": problem.sample_weight,
    }


@examples(25)
@given(problem=vector_problems(), seed=st.integers(0, 2**31))
def test_no_network_beats_the_certificate_of_any_network(problem, seed):
    rng = np.random.default_rng(seed)
    network = random_network(problem, 4, rng, 0.3)
    certificate = rx.certify(network, problem.X, problem.Y, problem.beta, time_limit=5.0, **arguments(problem))
    assert_consistent(problem, network, certificate)
    assert_below(problem, certificate.lower, adversarial_networks(problem, network, rng))


@examples(12)
@given(problem=vector_problems(), seed=st.integers(0, 2**31))
def test_no_network_beats_a_solution_and_converged_means_a_small_gap(problem, seed):
    rng = np.random.default_rng(seed)
    solution = rx.solve(problem.X, problem.Y, problem.beta, time_limit=20.0, rng=0, **arguments(problem))
    certificate = solution.certificate
    assert_consistent(solution.problem, solution.network, certificate)
    assert_below(solution.problem, certificate.lower, adversarial_networks(solution.problem, solution.network, rng))
    if solution.status is Status.CONVERGED:
        assert certificate.rel_gap <= 1e-6
        assert certificate.scope is not Scope.GIVEN_PATTERNS
    if problem.bias != "free":
        reached = climbed_dual_norm(problem, certificate.dual, rng, 20, 60)
        assert reached <= problem.beta * (1 + 1e-12)
