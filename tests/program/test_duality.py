"""Weak duality in float64 and in exact arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import DRAWN, ENTRYWISE

from relucvx.errors import InvalidInputError
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.program.duality import balance_dual, dual_objective, gap, norm_that_proves, residual, scale_dual
from relucvx.program.objective import balanced_objective, fit
from relucvx.program.posing import make_problem
from relucvx.types import Bias

LABELS = ("logistic", "hinge", "squared_hinge")


def make(loss="squared", bias="none", seed=0, n=8, d=2, c=1, beta=0.3, activation="relu"):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    Y = rng.choice([-1.0, 1.0], (n, c)) if loss in LABELS else rng.normal(size=(n, c)) * 2
    Y[0], Y[1] = 1.0, -1.0
    return make_problem(X, Y, beta, loss, bias, activation, rng.uniform(0.5, 2, n))


def random_net(problem, rng, m=5, size=1.0):
    return TwoLayerReLU(
        weights_in=size * rng.normal(size=(m, problem.n_features)),
        weights_out=size * rng.normal(size=(m, problem.n_outputs)),
        bias_in=None if problem.bias == "none" else size * rng.normal(size=m),
        bias_out=size * rng.normal(size=problem.n_outputs) if problem.bias in ("all", "free") else None,
        activation=problem.activation,
    )


def crude_upper(problem, N):
    """A valid bound on the dual norm: no cancellation at all."""
    reach = np.linalg.norm(problem.inputs[:, : problem.penalized], axis=1)
    if problem.bias == "free":
        reach = reach + reach.max()
    slope = max(abs(problem.activation.slope_neg), abs(problem.activation.slope_pos))
    return 1.001 * slope * float(np.linalg.norm(N, axis=1) @ reach)


@pytest.mark.parametrize("activation", ["relu", "abs", (0.2, -1.5)])
@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("loss", list(ENTRYWISE))
def test_every_network_is_above_every_scaled_dual(loss, bias, activation):
    problem = make(loss, bias, c=2, activation=activation)
    rng = np.random.default_rng(1)
    lowers = []
    for size in (0.1, 0.5, 1.0):
        for _ in range(5):
            F = fit(problem, random_net(problem, rng, size=size))
            N = balance_dual(problem, residual(problem, F))
            scaled, lower = scale_dual(problem, N, crude_upper(problem, N))
            assert lower <= dual_objective(problem, scaled)
            lowers.append(lower)
    uppers = [balanced_objective(problem, random_net(problem, rng, size=s)) for s in (0.1, 0.3, 1.0) for _ in range(10)]
    assert 0.0 < max(lowers) < min(uppers)
    assert max(lowers) < problem.null_value()


@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("loss", list(ENTRYWISE))
def test_scale_dual_finds_the_best_scale_on_a_grid(loss, bias):
    for seed in range(3):
        problem = make(loss, bias, seed)
        N = residual(problem, np.zeros_like(problem.Y))
        N = balance_dual(problem, N * np.random.default_rng(seed).uniform(0.1, 1, N.shape))
        for upper in (0.0, 0.3, 1.0, 30.0):
            scaled, lower = scale_dual(problem, N, upper)
            top = problem.beta / upper if upper else 50.0
            best = _zoom(problem, N, top)
            assert lower == pytest.approx(best, rel=1e-8, abs=1e-12)
            if upper:
                index = np.unravel_index(np.argmax(np.abs(N)), N.shape)
                assert scaled[index] / N[index] <= top


def _zoom(problem, N, top):
    """Maximum of the concave s -> dual over a grid that zooms in on its best point."""
    low, high = 0.0, top
    for _ in range(6):
        grid = np.linspace(low, high, 101)
        values = [_inside(problem, s * N) for s in grid]
        k = int(np.argmax(values))
        low, high = grid[max(k - 1, 0)], grid[min(k + 1, 100)]
    return max(values)


def _inside(problem, N):
    value = problem.loss.dual_value(N, problem.Y, problem.sample_weight)
    if problem.bias == "all":
        value -= float(np.sum(N.sum(axis=0) ** 2)) / (2 * problem.beta)
    return value


def test_scale_may_exceed_one():
    problem = make(beta=10.0)
    N = 0.01 * problem.Y * problem.sample_weight[:, None]
    scaled, lower = scale_dual(problem, N, 1e-3)
    np.testing.assert_allclose(scaled, 100 * N, rtol=1e-12)
    assert lower == pytest.approx(problem.loss_at(np.zeros_like(problem.Y)), rel=1e-12)


def test_a_useless_dual_gives_zero():
    problem = make()
    for N, upper in ((-residual(problem, 0 * problem.Y), 1.0), (problem.Y, math.inf), (0 * problem.Y, 0.0)):
        scaled, lower = scale_dual(problem, N, upper)
        assert lower == 0.0
        assert np.all(scaled == 0.0)
    hinge = make("hinge")
    assert scale_dual(hinge, -hinge.Y, 1.0)[1] == 0.0


@pytest.mark.parametrize("upper", [math.nan, -1.0])
def test_bad_bounds_are_refused(upper):
    problem = make()
    with pytest.raises(InvalidInputError, match="dual_norm_upper >= 0"):
        scale_dual(problem, problem.Y, upper)


def test_bad_duals_are_refused():
    problem = make()
    for N in (np.ones((3, 1)), problem.Y * np.nan):
        with pytest.raises(InvalidInputError, match="a finite dual point N of shape"):
            scale_dual(problem, N, 1.0)


def test_free_needs_zero_column_sums():
    problem = make(bias="free")
    assert dual_objective(problem, problem.Y) == -math.inf
    assert np.isfinite(dual_objective(problem, balance_dual(problem, problem.Y)))


def test_outside_the_domain_is_minus_infinity():
    problem = make("hinge")
    assert dual_objective(problem, -problem.Y) == -math.inf


@pytest.mark.parametrize("bias", Bias)
def test_dual_at_zero_is_zero(bias):
    for loss in ENTRYWISE:
        problem = make(loss, bias)
        assert dual_objective(problem, np.zeros_like(problem.Y)) == 0.0


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    loss=st.sampled_from(DRAWN),
    exponent=st.integers(-40, 40),
    n=st.integers(2, 40),
)
def test_balance_dual_sums_to_exactly_zero_inside_the_domain(seed, loss, exponent, n):
    problem = make(loss, "free", seed, n=n, c=2)
    rng = np.random.default_rng(seed)
    N = rng.normal(size=problem.Y.shape) * 2.0**exponent
    out = balance_dual(problem, N)
    assert all(sum(map(Fraction, column.tolist())) == 0 for column in out.T)
    assert problem.loss.in_domain(out, problem.Y, problem.sample_weight)


def test_balance_dual_is_the_weighted_centring_for_squared_loss():
    problem = make("squared", "free", c=2)
    w = problem.sample_weight
    N = np.random.default_rng(0).normal(size=problem.Y.shape)
    np.testing.assert_allclose(balance_dual(problem, N), N - np.outer(w, N.sum(axis=0) / w.sum()), atol=1e-13)


def test_balance_dual_keeps_the_optimal_residual():
    """At the best constant the residual sums to zero already; balancing must not move it."""
    for loss in ("squared", "logistic", "squared_hinge", "huber"):
        problem = make(loss, "free")
        R = residual(problem, np.tile(problem.null_bias(), (problem.n_samples, 1)))
        np.testing.assert_allclose(balance_dual(problem, R), R, atol=1e-12)


def test_balance_dual_handles_one_sided_and_zero_columns():
    problem = make("hinge", "free")
    one_sided = np.where(problem.Y > 0, 0.5, 0.0) * problem.sample_weight[:, None]
    out = balance_dual(problem, one_sided)
    assert out.sum() == 0.0
    assert not balance_dual(problem, np.zeros_like(one_sided)).any()
    squared = make("squared", "free")
    assert not balance_dual(squared, 3.0 * squared.sample_weight[:, None]).any()
    clipped = balance_dual(make("hinge", "none"), 100 * problem.Y)
    np.testing.assert_array_equal(clipped, problem.Y * problem.sample_weight[:, None])


def exact_dual_norm(problem, N, bound):
    """D(N) for d = 1, c = 1 in rational arithmetic."""
    x = [Fraction(v) for v in problem.X[:, 0].tolist()]
    v = [Fraction(t) for t in N[:, 0].tolist()]
    a, b = Fraction(problem.activation.slope_neg), Fraction(problem.activation.slope_pos)
    offsets = [Fraction(0)]
    if problem.bias == "free":
        offsets = [s * t for t in x for s in (-1, 1)] + [-bound, bound]
    best = Fraction(0)
    for sign in (-1, 1):
        for o in offsets:
            t = [sign * xi + o for xi in x]
            best = max(best, abs(sum(vi * (b * ti if ti > 0 else a * ti) for vi, ti in zip(v, t, strict=True))))
    return best


@pytest.mark.parametrize("bias", ["none", "free"])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), loss=st.sampled_from(["squared", "huber", "hinge", "squared_hinge"]))
def test_lower_bounds_survive_rounding(bias, seed, loss):
    """In exact arithmetic: D(scaled) <= beta, the columns balance, and lower <= the dual function."""
    problem = make(loss, bias, seed, d=1, beta=0.1 + seed % 7, activation=("relu", "leaky_relu", "abs")[seed % 3])
    rng = np.random.default_rng(seed)
    N = balance_dual(problem, residual(problem, rng.normal(size=problem.Y.shape)))
    B = Fraction(float(np.abs(problem.X).max()))
    exact = exact_dual_norm(problem, N, B)
    upper = float(exact)
    upper = upper if Fraction(upper) >= exact else math.nextafter(upper, math.inf)
    scaled, lower = scale_dual(problem, N, upper)
    assert exact_dual_norm(problem, scaled, B) <= Fraction(problem.beta)
    if bias == "free":
        assert sum(map(Fraction, scaled[:, 0].tolist())) == 0
    value = Fraction(0)
    curvature = {"squared": Fraction(1, 2), "huber": Fraction(1, 2), "squared_hinge": Fraction(1, 4), "hinge": 0}[loss]
    for n, t, w in zip(scaled[:, 0], problem.Y[:, 0], problem.sample_weight, strict=True):
        n, t, w = Fraction(float(n)), Fraction(float(t)), Fraction(float(w))
        value += n * t - curvature * n * n / w
    assert Fraction(lower) <= value
    assert lower >= float(value) - 1e-12 * max(1.0, float(value))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_output_bias_term_survives_rounding(seed):
    problem = make("squared", "all", seed, c=2)
    N = residual(problem, np.random.default_rng(seed).normal(size=problem.Y.shape))
    scaled, lower = scale_dual(problem, N, 0.1)
    value = Fraction(0)
    for k in range(2):
        column = [Fraction(v) for v in scaled[:, k].tolist()]
        value -= sum(column) ** 2 / (2 * Fraction(problem.beta))
        for n, t, w in zip(column, problem.Y[:, k].tolist(), problem.sample_weight.tolist(), strict=True):
            value += n * Fraction(t) - n * n / (2 * Fraction(w))
    assert Fraction(lower) <= value


def test_gap():
    assert gap(2.0, 1.5) == (0.5, 0.25)
    assert gap(2.0, 2.0) == (0.0, 0.0)
    assert gap(0.0, 0.0) == (0.0, 0.0)
    # 0 is for equal bounds only, at whatever scale
    assert gap(2.0, math.nextafter(2.0, 0.0))[1] > 0.0
    assert gap(1e-200, 0.5e-200)[1] == 0.5
    # bounds in the wrong order are no proof
    assert gap(1.0, 1.1) == (pytest.approx(-0.1), pytest.approx(0.1))
    assert gap(1.0, -math.inf) == (math.inf, math.inf)
    assert gap(0.0, -1.0) == (1.0, math.inf)
    assert all(math.isnan(v) for v in gap(math.nan, 1.0))


@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("loss", list(ENTRYWISE))
def test_a_proof_of_the_norm_asked_for_is_a_proof_of_the_gap(loss, bias):
    """Scaling down may cost a share of the gap, whatever the dual function's slope: it is linear where the loss has kinks."""
    tol = 1e-6
    for seed in range(4):
        problem = make(loss, bias, seed)
        rng = np.random.default_rng(seed)
        network = random_net(problem, rng, size=0.3)
        N = balance_dual(problem, 0.7 * residual(problem, fit(problem, network)))
        exact = scale_dual(problem, N, problem.beta)[1]
        for penalty in (1e-3 * exact, 0.1 * exact, exact):  # of the network, which is not known to be any good
            norm = norm_that_proves(problem, N, exact, penalty, tol)
            assert problem.beta < norm < 1.2 * problem.beta
            assert exact - scale_dual(problem, N, norm)[1] <= 0.41 * tol * exact
