"""Ranges of <K, M> at every strength: networks at fresh strengths are inside, between knots and at them."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.certificate.kernels.kernel_bound import kernel_value
from relucvx.errors import InvalidInputError, UnsupportedError

X, Y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
"""y = |x|: two neurons, relu(x) and relu(-x), each with 1 - beta/5, so that tr K = 10 - 2 beta; unique."""


@pytest.mark.slow
def test_the_closed_form_is_inside_everywhere_and_the_range_is_narrow():
    band = rx.beta_band(X, Y, 0.5, 4.0, tol=1e-3)
    curve = rx.kernel_curve(band, np.eye(4))
    at = np.linspace(0.5, 4.0, 29)
    low, high = curve.lower(at), curve.upper(at)
    assert (low <= 10.0 - 2.0 * at + 1e-12).all()
    assert (high >= 10.0 - 2.0 * at - 1e-12).all()
    assert (high - low < 0.8).all()
    wider = rx.kernel_curve(band, np.eye(4), delta=0.01)
    assert (wider.upper(at) - wider.lower(at) > 0.9 * (high - low)).all()
    near = rx.kernel_range(rx.solve(X, Y, 2.0, tol=1e-12), np.eye(4), delta=0.01)
    assert wider.lower(2.0) <= near.attained[0]
    assert wider.upper(2.0) >= near.attained[1]


CASES = [
    pytest.param("squared", "none", 2, marks=pytest.mark.slow),
    pytest.param("squared", "all", 1, marks=pytest.mark.slow),
]
CASES += [pytest.param(loss, "hidden", 1, marks=pytest.mark.slow) for loss in ("huber", "logistic")]


@pytest.mark.parametrize(("loss", "bias", "outputs"), CASES)
def test_optima_at_fresh_strengths_are_inside(loss, bias, outputs):
    rng = np.random.default_rng(3)
    points, targets = rng.standard_normal((8, 2)), rng.standard_normal((8, outputs))
    if loss == "logistic":
        targets = np.sign(targets)
    A = rng.standard_normal((8, 8))
    M = A + A.T  # neither sign
    top = rx.beta_max(points, targets, loss=loss, bias=bias)[1]
    band = rx.beta_band(points, targets, 0.15 * top, 0.6 * top, tol=1e-3, loss=loss, bias=bias)
    curve = rx.kernel_curve(band, M, time_limit=40.0)
    for beta in np.append(rng.uniform(band.lo, band.hi, 6), [band.lo, band.hi, band.knots[1].problem.beta]):
        sol = rx.solve(points, targets, beta, loss=loss, bias=bias, tol=1e-9)
        value = kernel_value(sol.problem, sol.inner, M)
        # the network found is within its gap of p*, the curve is about p* itself
        slack = 1e-6 * (curve.upper(beta) - curve.lower(beta))
        assert curve.lower(beta) - slack <= value <= curve.upper(beta) + slack


def test_tables_figures_and_errors():
    band = rx.beta_band(X, Y, 1.0, 3.0, tol=1e-2)
    curve = rx.kernel_curve(band, np.eye(4))
    assert list(curve.to_frame(5)) == ["beta", "lower", "upper"]
    assert curve.plot().get_xscale() == "log"
    assert "strengths" in repr(curve)
    assert curve.lower(2.0) == curve.lower([2.0])[0]
    with pytest.raises(InvalidInputError, match="a BetaBand"):
        rx.kernel_curve("band", np.eye(4))
    with pytest.raises(InvalidInputError, match="strengths between 1 and 3"):
        curve.lower(5.0)
    empty = rx.beta_band(X, Y, 1.0, 3.0, time_limit=1e-6)
    with pytest.raises(InvalidInputError, match="stopped before the first"):
        rx.kernel_curve(empty, np.eye(4))
    with pytest.raises(UnsupportedError, match="free"):
        rx.kernel_curve(rx.beta_band(X, Y, 1.0, 3.0, bias="free", tol=0.1), np.eye(4))


@pytest.mark.parametrize("stop", [False, True])
def test_a_callback_sees_the_strengths_and_may_stop(stop):
    band = rx.beta_band(X, Y, 1.0, 3.0, tol=1e-3)
    seen = []

    def told(state):
        seen.append(state)
        return stop

    curve = rx.kernel_curve(band, np.eye(4), callback=told)
    # what is proven counts, however early it stopped
    at = np.linspace(1.0, 3.0, 5)
    assert (curve.lower(at) <= 10.0 - 2.0 * at).all()
    assert (curve.upper(at) >= 10.0 - 2.0 * at).all()
    count = len(band.knots)
    assert {state.strength for state in seen} == ({1} if stop else set(range(1, count + 1)))
    assert len(seen) == 1 or not stop
    assert len(curve.proofs_upper) == (1 if stop else count)
    text, share = seen[-1].bar(1e-6)
    assert f"of {count}" in text
    assert 0.0 <= share < 1.0
