"""The cross-entropy couples outputs: derivatives, conjugate, and dual points whose rows cannot sum to zero in float64."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from strategies import examples, random_network

from relucvx.errors import InvalidInputError
from relucvx.losses import LOSSES
from relucvx.program.duality import balance_dual, dual_objective, residual, rounding_of_norm, scale_dual
from relucvx.program.objective import fit, objective
from relucvx.program.posing import make_problem
from relucvx.types import Bias

LOSS = LOSSES["cross_entropy"]


def instance(seed, n=6, c=3, soft=False):
    rng = np.random.default_rng(seed)
    Y = softmax(rng.standard_normal((n, c)) * 3, axis=1) if soft else np.eye(c)[rng.integers(0, c, n)]
    Y = Y / Y.sum(axis=1, keepdims=True)
    Y[: min(c, n)] = np.eye(c)[: min(c, n)]
    return rng.standard_normal((n, c)) * 4, Y, rng.choice([0.0, 0.5, 1.0, 3.0], n), rng


@pytest.mark.parametrize("soft", [False, True])
def test_value_gradient_and_curvature(soft):
    F, Y, w, rng = instance(0, soft=soft)
    assert LOSS.value(F, Y, w) == pytest.approx(-float(np.sum(w[:, None] * Y * log_softmax(F, axis=1))), rel=1e-13)
    D, h = rng.standard_normal(F.shape), 1e-6
    slope = (LOSS.value(F + h * D, Y, w) - LOSS.value(F - h * D, Y, w)) / (2 * h)
    assert slope == pytest.approx(float(np.sum(LOSS.gradient(F, Y, w) * D)), rel=1e-6, abs=1e-8)
    change = (LOSS.gradient(F + h * D, Y, w) - LOSS.gradient(F - h * D, Y, w)) / (2 * h)
    assert np.allclose(LOSS.curvature(F, Y, w, D.reshape(-1, 1)).reshape(F.shape), change, atol=1e-7)


def test_shifting_the_logits_of_a_sample_changes_nothing():
    F, Y, w, rng = instance(1)
    assert LOSS.value(F + 100 * rng.standard_normal((6, 1)), Y, w) == pytest.approx(LOSS.value(F, Y, w), rel=1e-12)


@pytest.mark.parametrize("soft", [False, True])
def test_fenchel_young(soft):
    """-loss*(-N) = min_F loss(F) + <N, F>: below it for every F, equal at N = -grad."""
    F, Y, w, rng = instance(2, soft=soft)
    N = -LOSS.gradient(F, Y, w)
    attained = LOSS.value(F, Y, w) + float(np.sum(N * F))
    assert LOSS.dual_value(LOSS.clip_dual(N, Y, w), Y, w) == pytest.approx(attained, rel=1e-9)
    for _ in range(50):
        G = rng.standard_normal(F.shape) * 5
        G -= G.mean(axis=1, keepdims=True)
        assert LOSS.value(G, Y, w) + float(np.sum(N * G)) >= attained - 1e-9
    G = LOSS.dual_gradient(LOSS.clip_dual(N, Y, w), Y, w)
    used = w > 0
    assert np.allclose(softmax(G, axis=1)[used], softmax(F, axis=1)[used], atol=1e-9)


def test_outside_the_simplex_the_dual_is_minus_infinity():
    Y, w = np.eye(2), np.ones(2)
    assert LOSS.dual_value(np.array([[0.5, -0.5], [0.0, 0.0]]), Y, w) == pytest.approx(math.log(2))
    for N in ([[1.5, -1.5], [0.0, 0.0]], [[-0.1, 0.1], [0.0, 0.0]], [[0.5, 0.5], [0.0, 0.0]]):
        assert LOSS.dual_value(np.array(N), Y, w) == -math.inf
    assert LOSS.largest_scale(np.array([[0.5, -0.5], [0.0, 0.0]]), Y, w) == pytest.approx(2.0)


@given(
    seed=st.integers(0, 2**20),
    bias=st.sampled_from(Bias),
    soft=st.booleans(),
    scale=st.sampled_from([1, 1e-6, 1e6]),
)
@examples(60)
def test_no_network_is_below_a_scaled_dual_point(seed, bias, soft, scale):
    F, Y, w, rng = instance(seed, soft=soft)
    w[:3] = np.maximum(w[:3], 0.5)
    problem = make_problem(scale * rng.standard_normal((6, 2)), Y, scale * 0.1, "cross_entropy", bias, "relu", w)
    N = balance_dual(problem, residual(problem, F) if seed % 2 else rng.standard_normal(F.shape))
    # a bound of the dual norm that holds: triangle inequality
    reach = np.linalg.norm(problem.inputs[:, : problem.penalized], axis=1)
    if bias == "free":
        reach = reach + reach.max()
        assert [math.fsum(column) for column in N.T] == [0.0] * 3
        assert [math.fsum(row) for row in N] == [0.0] * 6
    scaled, lower = scale_dual(problem, N, float(np.linalg.norm(N, axis=1) @ reach))
    assert lower >= 0.0
    if lower > 0:
        assert lower <= dual_objective(problem, scaled) + 1e-12 * problem.loss_at(np.zeros_like(Y))
    for width in (0, 3):
        network = random_network(problem, width, rng)
        assert objective(problem, network) >= lower
    assert objective(problem, problem.null_network()) >= lower


@pytest.mark.parametrize("beta", [1e-6, 0.1, 10.0, 1e6])
def test_constants_minimise(beta):
    _, Y, w, _ = instance(3)
    w = w + 0.5

    def value(b):
        return LOSS.value(np.tile(b, (len(Y), 1)), Y, w) + 0.5 * beta * b @ b

    b = LOSS.decayed_constant(Y, w, beta)
    found = minimize(value, np.zeros(3), method="BFGS", options={"gtol": 1e-10})
    assert value(b) <= found.fun * (1 + 1e-12)
    best = LOSS.best_constant(Y, w)
    assert np.allclose(softmax(best), w @ Y / w.sum())
    assert best.sum() == pytest.approx(0.0, abs=1e-12)


def test_labels_become_one_hot_rows():
    X = np.eye(4)
    for labels in (["b", "a", "b", "c"], [5, 2, 5, 9], np.array([1.0, 0.0, 1.0, 2.0])):
        problem = make_problem(X, labels, 0.1, "cross_entropy")
        assert np.array_equal(problem.Y, np.eye(3)[[1, 0, 1, 2]])
        assert not problem.scalar_output


@pytest.mark.parametrize(
    ("Y", "message"),
    [
        ([1, 1, 1], "one class only"),
        ([0.5, 0.1, 0.3], "regression targets"),
        ([0.5, np.nan, 0.3], "missing values; received nan at row 1"),
        ([[1.0, -1.0], [-1.0, 1.0], [1.0, -1.0]], "sum to 1"),
        ([[1.0], [1.0], [1.0]], "two columns or more"),
        ([[0.7, 0.2], [0.5, 0.5], [0.5, 0.5]], "row 0 with sum"),
    ],
)
def test_bad_targets_are_refused(Y, message):
    with pytest.raises(InvalidInputError, match=message):
        make_problem(np.eye(3), Y, 0.1, "cross_entropy")


def test_a_missing_class_with_free_biases_is_refused():
    with pytest.raises(InvalidInputError, match="every class"):
        make_problem(np.eye(2), [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 0.1, "cross_entropy", "free")


def test_fit_of_the_null_network_is_optimal_for_the_output_bias():
    _, Y, _, rng = instance(4)
    for bias in ("all", "free"):
        problem = make_problem(rng.standard_normal((6, 2)), Y, 0.3, "cross_entropy", bias)
        N = residual(problem, fit(problem, problem.null_network()))
        decay = 0.3 * problem.null_bias() if bias == "all" else 0.0
        assert np.allclose(N.sum(axis=0), decay, atol=1e-10)


@given(seed=st.integers(0, 2**20), n=st.integers(3, 40), c=st.integers(3, 8))
@examples(60)
def test_rounding_to_zero_sums_moves_no_more_than_the_bound_allows(seed, n, c):
    """The dual norm is charged for every entry that moves when a scaled dual point is put back on the grid."""
    F, Y, _, rng = instance(seed, n=max(n, c), c=c)
    problem = make_problem(rng.standard_normal((len(Y), 2)), Y, 0.1, "cross_entropy", "free")
    N = balance_dual(problem, residual(problem, F))
    scaled = LOSS.round_dual(rng.uniform(0.1, 1.0) * N, problem.Y, problem.sample_weight)
    fixed = LOSS.exact_zero_sums(scaled, problem.Y, problem.sample_weight)
    reach = np.linalg.norm(problem.X, axis=1)
    moved = float(np.linalg.norm(fixed - scaled, axis=1) @ (reach + reach.max()))
    assert moved <= rounding_of_norm(problem, N)
