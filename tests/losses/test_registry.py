"""Losses: gradients, conjugates, domains, constants."""

import math

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


def test_as_loss():
    assert as_loss("huber") is LOSSES["huber"]
    assert as_loss(LOSSES["hinge"]).name == "hinge"
    assert {"squared", "logistic", "hinge", "squared_hinge", "huber", "cross_entropy"} <= set(LOSSES)
    with pytest.raises(InvalidInputError, match=f"a loss among {', '.join(LOSSES)}; received 'mse'"):
        as_loss("mse")
