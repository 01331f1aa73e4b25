"""Caps with at most one active direction: against dense directions, moved dual points, and maxima that are close."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relucvx.certificate.optima.isolation import WIDTHS, Kinks, isolate, isolate_within, polish, shells
from relucvx.oracle.form import make_form
from relucvx.oracle.search import local_maxima, random_directions
from relucvx.types import as_activation

RELU = as_activation("relu")


def kinks_of(X, N, delta, free_bias=False, activation=RELU):
    """Form and kinks with beta the dual norm, as search finds it."""
    form = make_form(X, N, activation, free_bias=free_bias)
    points, values = local_maxima(
        form, random_directions(form, 200, np.random.default_rng(0)), iterations=300, limit=50
    )
    steepest = max(abs(activation.slope_neg), abs(activation.slope_pos))
    kinks = Kinks.of(form, float(values.max()), activation.hinge, steepest, delta)
    top = float(np.linalg.norm(kinks.output(highest(kinks, points))))
    return form, dataclasses.replace(kinks, beta=max(top, kinks.beta)), points, values


def highest(kinks, points):
    """The highest maximum next to the first few directions, to rounding: with a bias search ends before that."""
    return max(
        (polish(kinks, kinks.scaled(w))[0] for w in points[:8]), key=lambda u: float(np.linalg.norm(kinks.output(u)))
    )


def drawn(seed, n, d, c, free_bias=False):
    rng = np.random.default_rng(seed)
    X, N = rng.standard_normal((n, d)), rng.standard_normal((n, c))
    if free_bias:
        X, N = np.column_stack([X, np.ones(n)]), N - N.mean(axis=0)
    return X, N


def offset(kinks, u, w):
    """Tangent of the angle of w from u, biases in units of their range."""
    p = kinks.penalized
    along = float(u[:p] @ w[:p])
    return float(np.linalg.norm(w / along - u)) if along > 0 else np.inf


def assert_alone(form, kinks, cap, values, angle):
    """On a fine circle: the local maxima in the cap that some N* could raise to beta are all near its centre."""
    W = np.column_stack([np.cos(angle), np.sin(angle)])
    peak = (values >= np.roll(values, 1)) & (values >= np.roll(values, -1)) & (values >= kinks.beta - kinks.value)
    centre = kinks.scaled(cap.centre)
    for w in W[peak]:
        if offset(kinks, centre, w) <= cap.width and np.linalg.norm(w - centre) > cap.within + 2e-4:
            raise AssertionError(f"a maximum {np.linalg.norm(w - centre):.2g} from the centre of a cap of {cap.width}")


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-6, 1e-3, 1e-2]), st.sampled_from([1, 2, 3]))
def test_no_cap_holds_two_maxima(seed, delta, digits):
    rng = np.random.default_rng(seed)
    # few digits: collinear and opposite rows, vanishing pulls, maxima on several walls
    X, N = (np.round(rng.standard_normal(shape), digits - 1) for shape in ((6, 2), (6, 2)))
    if np.linalg.matrix_rank(X) < 2 or not N.any():
        return
    form, kinks, points, values = kinks_of(X, N, delta)
    if form.M.shape[1] < 1 or not kinks.value < 0.1 * kinks.beta:
        return
    angle = np.linspace(0.0, 2 * np.pi, 40_001)[:-1]
    # the reduced coordinates are those of the form
    dense = form.values(np.array([np.cos(angle), np.sin(angle)]))
    for w, value in zip(points, values, strict=True):
        if value >= kinks.beta - kinks.value:
            u, _ = polish(kinks, kinks.scaled(w))
            cap = isolate(kinks, u)
            if cap is not None:
                assert_alone(form, kinks, cap, dense, angle)


def test_two_maxima_in_a_cap_are_noticed():
    form, kinks, points, _ = kinks_of(*drawn(0, 6, 2, 2), 1e-3)
    u, _ = polish(kinks, kinks.scaled(points[0]))
    cap = dataclasses.replace(isolate(kinks, u), width=10.0)
    angle = np.linspace(0.0, 2 * np.pi, 2001)[:-1]
    with pytest.raises(AssertionError, match="from the centre of a cap"):
        assert_alone(form, kinks, cap, np.full(2000, kinks.beta), angle)


@pytest.mark.parametrize(
    ("d", "c", "free_bias", "share"),
    [(2, 2, False, 2e-3), (3, 2, False, 2e-3), (3, 3, False, 2e-3), (2, 2, True, 2e-4)],
)
def test_the_active_direction_of_a_moved_dual_point_is_within_its_bound(d, c, free_bias, share):
    rng, seen = np.random.default_rng(1), 0
    for seed in range(6):
        X, N = drawn(seed, 9, d, c, free_bias)
        delta = share * float(np.linalg.norm(N))
        _, kinks, points, _ = kinks_of(X, N, delta, free_bias)
        u = highest(kinks, points)
        cap = isolate(kinks, u)
        for _ in range(5 if cap is not None else 0):
            E = rng.standard_normal(N.shape)
            E = E - E.mean(axis=0) if free_bias else E
            moved = N + 0.4 * delta * E / np.linalg.norm(E)
            other = make_form(X, moved, RELU, free_bias=free_bias)
            tops, _ = local_maxima(other, random_directions(other, 200, rng), iterations=500, limit=10)
            known = Kinks.of(other, kinks.beta, 1.0, 1.0, 1e-9)
            w = highest(known, [kinks.reduced(u), *tops])
            moved = moved * (kinks.beta / np.linalg.norm(known.output(w)))
            assert np.linalg.norm(moved - N) <= delta
            if offset(kinks, u, w) <= cap.width:
                seen += 1
                assert np.linalg.norm(w[: kinks.penalized] - u[: kinks.penalized]) <= cap.within + 1e-6
    assert seen >= 8


def test_shells_bound_moved_dual_points():
    """Wherever F of N is at most the level of a shell, F of every feasible N* within delta is below beta."""
    rng = np.random.default_rng(2)
    for seed in range(5):
        X, N = drawn(seed, 8, 2, 2)
        delta = 1e-3 * float(np.linalg.norm(N))
        form, kinks, points, _ = kinks_of(X, N, delta)
        u, _ = polish(kinks, kinks.scaled(points[0]))
        found = shells(kinks, u, 1e-4)
        assert len(found) > 5
        assert all(level < kinks.beta for _, level in found)
        # near the maximum the level is far above the threshold elsewhere
        assert found[0][1] > kinks.beta - 0.5 * kinks.value
        assert all(out[0] > inner[0] and out[1] < inner[1] for inner, out in itertools.pairwise(found))
        angle = np.arctan2(u[1], u[0]) + np.linspace(-0.3, 0.3, 4001)
        W = np.array([np.cos(angle), np.sin(angle)])
        values = form.values(W)
        for _ in range(5):
            E = rng.standard_normal(N.shape)
            moved = N + 0.5 * delta * E / np.linalg.norm(E)
            peaks = local_maxima(make_form(X, moved, RELU), random_directions(form, 100, rng), iterations=300, limit=5)
            moved = moved * min(1.0, kinks.beta / peaks[1].max())
            assert np.linalg.norm(moved - N) <= delta
            basis = make_form(X, moved, RELU).basis.T @ form.basis
            new = make_form(X, moved, RELU).values(basis @ W)
            for width, level in found:
                inside = np.abs(np.tan(angle - np.arctan2(u[1], u[0]))) <= width
                assert (new[inside & (values <= level)] <= kinks.beta * (1 + 1e-12)).all()


def test_a_continuum_is_alone_in_no_cap():
    """X = I and N = I: F² = Σ relu(w_i)², which is 1 on a quarter of the circle."""
    _, kinks, points, _ = kinks_of(np.eye(2), np.eye(2), 1e-9)
    for w in points:
        assert isolate(kinks, polish(kinks, kinks.scaled(w))[0]) is None


def test_a_wall_that_bends_up_is_not_crossed():
    """With a convex kink at w2 = 0 there is a maximum on either side, neither alone in a wide cap."""
    X = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    N = np.array([[1.0, 0.0], [0.02, 0.001], [0.02, -0.001]])
    _, kinks, points, values = kinks_of(X, N, 1e-9)
    best = [polish(kinks, kinks.scaled(w))[0] for w, v in zip(points, values, strict=True) if v > 0.999 * kinks.beta]
    assert len(best) == 2
    apart = offset(kinks, best[0], best[1])
    for u in best:
        cap = isolate(kinks, u)
        assert cap is not None
        assert cap.width < apart
        for width in WIDTHS:
            if width > apart:
                assert isolate_within(kinks, u, width) is None


def test_a_wall_whose_gate_is_open_holds_no_maximum():
    """F = w1 + w2/20 - relu(w2)/50 has its maximum at an angle of 0.03 from the wall w2 = 0, where it is not stationary."""
    form, kinks, points, _ = kinks_of(np.array([[1.0, 0.05], [0.0, 1.0]]), np.array([[1.0, 0.0], [-0.02, 0.0]]), 1e-9)
    u, top = kinks.scaled(form.basis.T @ np.array([1.0, 0.0])), highest(kinks, points)
    np.testing.assert_allclose(np.linalg.norm(top - u), 0.03, atol=1e-4)
    cap = isolate_within(kinks, u, 0.1)
    assert cap is not None
    assert cap.within >= np.linalg.norm(top - u)


def test_rows_on_one_wall_are_one_kink():
    X, N = drawn(3, 4, 2, 2)
    split = np.vstack([X[:1] * 0.5, X[:1] * -0.25, X])
    rows = np.vstack([N[:1], 2.0 * N[:1], N])
    form, kinks, _, _ = kinks_of(split, rows, 1e-6)
    assert len(kinks.X) == 4
    W = np.random.default_rng(0).standard_normal((50, 2))
    for w in W:
        np.testing.assert_allclose(np.linalg.norm(kinks.output(w)), form.values(w[:, None])[0], rtol=1e-12)


def test_a_linear_activation_has_no_walls():
    X, N = drawn(4, 5, 3, 2)
    _, kinks, points, _ = kinks_of(X, N, 1e-6, activation=as_activation("linear"))
    assert len(kinks.X) == 0
    u, simple = polish(kinks, kinks.scaled(points[0]))
    assert simple
    assert isolate(kinks, u).width == max(WIDTHS)
