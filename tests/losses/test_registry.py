"""Losses: gradients, conjugates, domains, constants."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import ENTRYWISE

from relucvx.errors import InvalidInputError
from relucvx.losses import LOSSES, as_loss

NAMES = list(ENTRYWISE)
LABELS = ("logistic", "hinge", "squared_hinge")
quarters = st.integers(-12, 12).map(lambda k: k / 4)


def targets(name, rng, shape):
    return rng.choice([-1.0, 1.0], shape) if name in LABELS else rng.normal(size=shape)


def data(name, seed=0, n=7, c=3):
    rng = np.random.default_rng(seed)
    w = rng.uniform(0.2, 2.0, n)
    w[2] = 0.0
    return rng.normal(size=(n, c)) * 2, targets(name, rng, (n, c)), w


@pytest.mark.parametrize("name", NAMES)
def test_gradient_and_hessian_match_finite_differences(name):
    F, Y, w = data(name)
    loss, h = LOSSES[name], 1e-6
    for i, k in np.ndindex(*F.shape):
        step = np.zeros_like(F)
        step[i, k] = h
        slope = (loss.value(F + step, Y, w) - loss.value(F - step, Y, w)) / (2 * h)
        assert loss.gradient(F, Y, w)[i, k] == pytest.approx(slope, abs=1e-7)
        bend = (loss.gradient(F + step, Y, w)[i, k] - loss.gradient(F - step, Y, w)[i, k]) / (2 * h)
        assert loss.hessian(F, Y, w)[i, k] == pytest.approx(bend, abs=1e-7)


def test_values_match_their_formulas():
    f, y, w = np.array([[0.5], [-3.0]]), np.array([[1.0], [-1.0]]), np.array([2.0, 1.0])
    assert LOSSES["squared"].value(f, y, w) == 2 * 0.125 + 2.0
    assert LOSSES["huber"].value(f, y, w) == 2 * 0.125 + 1.5
    assert LOSSES["hinge"].value(f, y, w) == 2 * 0.5
    assert LOSSES["squared_hinge"].value(f, y, w) == 2 * 0.25
    expected = 2 * math.log1p(math.exp(-0.5)) + math.log1p(math.exp(-3.0))
    assert LOSSES["logistic"].value(f, y, w) == pytest.approx(expected, rel=1e-15)


def test_logistic_does_not_overflow():
    F, Y, w = np.array([[1e4], [-1e4]]), np.ones((2, 1)), np.ones(2)
    loss = LOSSES["logistic"]
    assert loss.value(F, Y, w) == 1e4
    np.testing.assert_array_equal(loss.gradient(F, Y, w), [[0.0], [-1.0]])
    np.testing.assert_array_equal(loss.hessian(F, Y, w), [[0.0], [0.0]])


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(f=quarters, n=quarters, y=quarters, w=st.sampled_from([0.0, 0.5, 1.0, 3.0]))
def test_fenchel_inequality(name, f, n, y, w):
    """loss(F) + <N, F> >= -loss*(-N), with equality at N = -gradient."""
    y = (1.0 if y >= 0 else -1.0) if name in LABELS else y
    F, N, Y, weight = np.array([[f]]), np.array([[n]]), np.array([[y]]), np.array([w])
    loss = LOSSES[name]
    bound = loss.dual_value(N, Y, weight)
    value = loss.value(F, Y, weight)
    assert value + n * f >= bound - 1e-12
    R = -loss.gradient(F, Y, weight)
    assert loss.in_domain(R, Y, weight)
    assert loss.dual_value(R, Y, weight) == pytest.approx(value + R[0, 0] * f, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_conjugate_matches_a_grid(name):
    _, Y, w = data(name, n=3, c=1)
    loss, rng = LOSSES[name], np.random.default_rng(1)
    grid = np.linspace(-40, 40, 2001)
    for _ in range(20):
        N = loss.clip_dual(rng.normal(size=Y.shape), Y, w)
        brute = 0.0
        for i in range(3):
            values = [loss.value(np.array([[f]]), Y[i : i + 1], w[i : i + 1]) for f in grid]
            brute += float(np.min(np.array(values) + N[i, 0] * grid))
        exact = loss.dual_value(N, Y, w)
        assert exact <= brute + 1e-9
        assert exact >= brute - 5e-3


@pytest.mark.parametrize("name", NAMES)
def test_outside_the_domain_is_minus_infinity_and_clip_returns(name):
    _, Y, w = data(name)
    N = np.full_like(Y, 50.0) * np.sign(Y)
    N[2] = 1.0
    loss = LOSSES[name]
    assert loss.dual_value(N, Y, w) == -np.inf  # the row of zero weight alone suffices
    clipped = loss.clip_dual(N, Y, w)
    assert np.all(clipped[2] == 0.0)
    assert np.isfinite(loss.dual_value(clipped, Y, w))
    np.testing.assert_array_equal(loss.clip_dual(clipped, Y, w), clipped)
    assert loss.dual_value(np.zeros_like(Y), Y, w) == 0.0


@pytest.mark.parametrize(("name", "bad"), [("logistic", -0.1), ("hinge", 1.1), ("squared_hinge", -0.1), ("huber", 1.1)])
def test_domain_edges(name, bad):
    Y, w = np.ones((1, 1)), np.ones(1)
    assert LOSSES[name].dual_value(np.array([[bad]]), Y, w) == -np.inf
    assert np.isfinite(LOSSES[name].dual_value(np.array([[0.0]]), Y, w))
    assert np.isfinite(LOSSES[name].dual_value(np.array([[1.0]]), Y, w))


@pytest.mark.parametrize("name", NAMES)
def test_dual_gradient_inverts_the_gradient(name):
    F, Y, w = data(name)
    loss = LOSSES[name]
    N = -loss.gradient(F, Y, w)
    inner = (loss.hessian(F, Y, w) > 0) & (N != 0)
    np.testing.assert_allclose(loss.dual_gradient(N, Y, w)[inner], F[inner], atol=1e-9)
    assert np.all(loss.dual_gradient(N, Y, w)[2] == 0.0)


def test_dual_error_bounds_the_rounding_of_the_squared_loss():
    rng = np.random.default_rng(3)
    loss = LOSSES["squared"]
    for _ in range(50):
        N, Y, w = rng.normal(size=(20, 2)) * 1e3, rng.normal(size=(20, 2)) * 1e3, rng.uniform(0.1, 3, 20)
        exact = Fraction(0)
        for i, k in np.ndindex(20, 2):
            n, y, v = (Fraction(float(t)) for t in (N[i, k], Y[i, k], w[i]))
            exact += n * y - n * n / (2 * v)
        error = abs(Fraction(loss.dual_value(N, Y, w)) - exact)
        assert error <= Fraction(loss.dual_error(N, Y, w))


def test_dual_error_bounds_the_rounding_of_the_logistic_loss():
    mpmath = pytest.importorskip("mpmath")
    mpmath.mp.dps = 50
    rng = np.random.default_rng(4)
    loss = LOSSES["logistic"]
    for _ in range(50):
        w = rng.uniform(0.1, 3, 10)
        t = np.concatenate([1.0 - 10.0 ** rng.uniform(-16, -1, 5), 10.0 ** rng.uniform(-30, -1, 5)])
        Y = rng.choice([-1.0, 1.0], (10, 1))
        N = loss.clip_dual((w * t)[:, None] * Y, Y, w)
        exact = mpmath.mpf(0)
        for i in range(10):
            s = mpmath.mpf(abs(float(N[i, 0]))) / mpmath.mpf(float(w[i]))
            for part in (s, 1 - s):
                exact -= mpmath.mpf(float(w[i])) * part * mpmath.log(part) if part > 0 else 0
        assert abs(mpmath.mpf(loss.dual_value(N, Y, w)) - exact) <= loss.dual_error(N, Y, w)


def test_hinge_subgradient_bounds_open_at_the_kink():
    loss = LOSSES["hinge"]
    F, Y, w = np.array([[1.0], [-1.0], [0.0], [1.0 + 1e-9]]), np.array([[1.0], [-1.0], [1.0], [1.0]]), np.full(4, 2.0)
    lo, hi = loss.subgradient_bounds(F, Y, w)
    np.testing.assert_array_equal(lo[:, 0], [-2, 0, -2, 0])
    np.testing.assert_array_equal(hi[:, 0], [0, 2, -2, 0])
    lo, _ = loss.subgradient_bounds(F, Y, w, 1e-8)
    assert lo[3, 0] == -2.0
    lo, hi = LOSSES["huber"].subgradient_bounds(F, Y, w, 1.0)
    np.testing.assert_array_equal(lo, hi)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(4))
def test_best_constant_beats_a_grid(name, seed):
    _, Y, w = data(name, seed)
    b = LOSSES[name].best_constant(Y, w)
    best = LOSSES[name].value(np.tile(b, (len(Y), 1)), Y, w)
    for k in range(Y.shape[1]):
        for step in (-1.0, -0.1, -1e-3, 1e-3, 0.1, 1.0):
            other = b.copy()
            other[k] += step
            assert LOSSES[name].value(np.tile(other, (len(Y), 1)), Y, w) >= best - 1e-12


def test_best_constant_special_cases():
    one, w = np.ones((3, 1)), np.ones(3)
    assert LOSSES["logistic"].best_constant(one, w)[0] == np.inf
    assert LOSSES["logistic"].best_constant(-one, w)[0] == -np.inf
    assert LOSSES["hinge"].best_constant(np.array([[1.0], [-1.0]]), np.ones(2))[0] == 0.0
    assert LOSSES["huber"].best_constant(np.array([[2.0], [2.0]]), np.ones(2))[0] == 2.0


def test_huber_constant_on_a_flat_stretch():
    Y, w = np.array([[-10.0], [10.0]]), np.ones(2)
    b = LOSSES["huber"].best_constant(Y, w)
    assert LOSSES["huber"].value(np.tile(b, (2, 1)), Y, w) == 19.0


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.0, 1.0], r"0 at row 0.*coded as 0 and 1.*y = 2\*y - 1"),
        ([1.0, 2.0], r"coded as 1 and 2.*numpy.where\(y == 2, 1, -1\)"),
        ([0.0, 1.0, 2.0], r"class numbers.*one column of ±1 labels per class"),
        ([0.3, 1.0, 2.5], r"regression targets.*squared"),
    ],
)
@pytest.mark.parametrize("name", LABELS)
def test_wrong_labels_are_explained(name, labels, message):
    with pytest.raises(InvalidInputError, match=message):
        LOSSES[name].check_targets(np.array(labels)[:, None])
    assert LOSSES["squared"].check_targets(np.array(labels)[:, None]) is None


def test_as_loss():
    assert as_loss("huber") is LOSSES["huber"]
    assert as_loss(LOSSES["hinge"]).name == "hinge"
    with pytest.raises(
        InvalidInputError, match="squared, logistic, hinge, squared_hinge, huber, cross_entropy; received 'mse'"
    ):
        as_loss("mse")
