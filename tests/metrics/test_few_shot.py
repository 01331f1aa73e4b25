"""Few-shot signal-to-noise: formulas written out, simulation, invariances and their limits, symmetry, refusals."""

import json

import numpy as np
import pytest
from scipy.special import erfc

from relucvx.errors import InvalidInputError
from relucvx.metrics import few_shot_matrix, few_shot_snr, participation_ratio


def published(A, B, m):
    """The short formula in units of R_a^2, term by term."""
    S_a, S_b = np.cov(A.T, bias=True), np.cov(B.T, bias=True)
    R_a, R_b = np.sqrt(np.trace(S_a)), np.sqrt(np.trace(S_b))
    d0 = A.mean(axis=0) - B.mean(axis=0)
    D_a = np.trace(S_a) ** 2 / np.trace(S_a @ S_a)
    css_a, css_b = d0 @ S_a @ d0 / R_a**4, d0 @ S_b @ d0 / R_a**4
    ss = np.trace(S_a @ S_b) / R_a**4
    noise = np.sqrt(1 / (D_a * m) + css_a + css_b / m + ss / m)
    return 0.5 * (d0 @ d0 / R_a**2 + (R_b**2 / R_a**2 - 1) / m) / noise


def moments(A, B, m):
    """Mean and variance of h = |x - p_b|^2/2 - |x - p_a|^2/2 for Gaussian classes, with full covariances."""
    S_a, S_b = np.cov(A.T, bias=True), np.cov(B.T, bias=True)
    d0 = A.mean(axis=0) - B.mean(axis=0)
    mean = 0.5 * (d0 @ d0 + (np.trace(S_b) - np.trace(S_a)) / m)
    variance = d0 @ S_a @ d0 + d0 @ S_b @ d0 / m + np.trace(S_a @ S_a) / m + np.trace(S_a @ S_b) / m
    return mean, variance + (np.trace(S_a @ S_a) + np.trace(S_b @ S_b)) / (2 * m**2)


def simulate(A, B, m, rng, n=60_000):
    """h of Gaussian classes with the moments of the samples."""
    draws = []
    for Z, count in ((A, 1), (A, m), (B, m)):
        # the mean of m samples has the covariance over m
        root = np.linalg.cholesky(np.cov(Z.T, bias=True) / count)
        draws.append(Z.mean(axis=0) + rng.standard_normal((n, len(root))) @ root.T)
    x, p_a, p_b = draws
    return 0.5 * (np.sum((x - p_b) ** 2, axis=1) - np.sum((x - p_a) ** 2, axis=1))


def draw(rng, D=6, n=40, apart=1.0):
    A = rng.standard_normal((n, D)) * rng.uniform(0.5, 1.5, D)
    B = 1.2 * rng.standard_normal((n + 5, D)) @ np.linalg.qr(rng.standard_normal((D, D)))[0]
    return A, B + apart * rng.standard_normal(D)


@pytest.mark.parametrize("m", [1, 3, 20])
@pytest.mark.parametrize(("n", "D"), [(40, 6), (10, 30)])
def test_both_forms_equal_their_formulas(m, n, D):
    A, B = draw(np.random.default_rng(m), D, n)
    mean, variance = moments(A, B, m)
    exact, short = few_shot_snr(A, B, m), few_shot_snr(A, B, m, form="short")
    assert exact.snr == pytest.approx(mean / np.sqrt(variance), rel=1e-10)
    assert short.snr == pytest.approx(published(A, B, m), rel=1e-10)
    for found in (exact, short):
        assert found.error == pytest.approx(0.5 * erfc(found.snr / np.sqrt(2)), rel=1e-12)
        assert found.dimension == pytest.approx(participation_ratio(A), rel=1e-10)
        d0 = A.mean(axis=0) - B.mean(axis=0)
        R = np.var(A, axis=0).sum(), np.var(B, axis=0).sum()
        assert found.signal == pytest.approx(d0 @ d0 / R[0], rel=1e-10)
        assert found.bias == pytest.approx(R[1] / R[0] - 1, rel=1e-9)


@pytest.mark.parametrize("m", [1, 2, 5])
def test_the_moments_equal_simulation(m):
    rng = np.random.default_rng(10 + m)
    A, B = draw(rng, apart=2.0)
    h = simulate(A, B, m, rng)
    mean, variance = moments(A, B, m)
    assert abs(h.mean() - mean) < 4 * np.sqrt(variance / len(h))
    spread = np.var((h - h.mean()) ** 2) / len(h)
    assert abs(h.var() - variance) < 4 * np.sqrt(spread)
    # the short form leaves out a term that matters for one sample per class
    if m == 1:
        short = (mean / few_shot_snr(A, B, m, form="short").snr) ** 2
        assert h.var() - short > 20 * np.sqrt(spread)


@pytest.mark.parametrize("m", [1, 2, 5, 20])
@pytest.mark.parametrize("apart", [0.4, 0.8])
def test_the_predicted_error_is_that_of_simulation_in_many_dimensions(m, apart):
    rng = np.random.default_rng(100 * m)
    A, B = draw(rng, D=30, n=300, apart=apart)
    found = few_shot_snr(A, B, m)
    assert found.dimension >= 20
    wrong = np.mean(simulate(A, B, m, rng) < 0)
    assert 0.001 < wrong < 0.45
    assert abs(wrong - found.error) < 3 * np.sqrt(wrong * (1 - wrong) / 60_000) + 0.01


@pytest.mark.parametrize(
    ("wider", "figures", "within"), [(1.5, (0.125, 0.132, 0.061), 0.01), (2.0, (0.017, 0.034, 0.001), 0.02)]
)
def test_one_sample_per_class_where_the_short_form_is_far_off(wider, figures, within):
    """The figures of the docstring. The wider class b, the more h is skewed: no tolerance of .01 holds at D = 20."""
    rng = np.random.default_rng(7)
    A = np.sqrt(20) * np.vstack([np.eye(20), -np.eye(20)])  # the covariance is the identity
    B = wider * A
    wrong = np.mean(simulate(A, B, 1, rng, n=200_000) < 0)
    exact, short = few_shot_snr(A, B, 1).error, few_shot_snr(A, B, 1, form="short").error
    np.testing.assert_allclose([wrong, exact, short], figures, atol=0.003)
    assert abs(exact - wrong) < within < abs(short - wrong) + 0.005


@pytest.mark.parametrize("form", ["exact", "short"])
def test_invariances_and_their_limits(form):
    rng = np.random.default_rng(0)
    A, B = draw(rng)
    base = few_shot_snr(A, B, 2, form=form).snr
    Q = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    same = [lambda Z: 0.3 * Z @ Q + 9.0, lambda Z: 1e150 * Z, lambda Z: 1e-150 * Z, lambda Z: Z[:, ::-1]]
    same += [lambda Z: Z[rng.permutation(len(Z))], lambda Z: np.vstack([Z, Z]), lambda Z: np.hstack([Z, 0 * Z])]
    for move in same:
        assert few_shot_snr(move(A), move(B), 2, form=form).snr == pytest.approx(base, rel=1e-9)
    stretched = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert abs(few_shot_snr(A * stretched, B * stretched, 2, form=form).snr - base) > 0.01
    assert abs(few_shot_snr(A, 2 * B, 2, form=form).snr - base) > 0.01
    assert few_shot_snr(A, B, 3, form=form).snr != pytest.approx(base, rel=1e-3)


@pytest.mark.parametrize("form", ["exact", "short"])
def test_classes_of_one_shape_are_symmetric_and_others_are_not(form):
    rng = np.random.default_rng(1)
    A, B = draw(rng)
    moved = A + rng.standard_normal(6)
    there, back = few_shot_snr(A, moved, 2, form=form).snr, few_shot_snr(moved, A, 2, form=form).snr
    assert there == pytest.approx(back, rel=1e-10)
    assert abs(few_shot_snr(A, B, 2, form=form).snr - few_shot_snr(B, A, 2, form=form).snr) > 0.01


def test_the_forms_agree_for_many_samples():
    A, B = draw(np.random.default_rng(2))
    gaps = [few_shot_snr(A, B, m, form="short").snr / few_shot_snr(A, B, m).snr - 1 for m in (1, 10, 100, 1000)]
    assert gaps[0] > 10 * gaps[1] > 0
    assert gaps[3] < 1e-6
    assert gaps[2] > gaps[3] >= 0.0


def test_classes_without_spread():
    A, B = np.full((3, 3), 0.1), np.ones((5, 3))
    assert A.mean(axis=0)[0] != 0.1  # rounding is not spread
    sure = few_shot_snr(A, B)
    assert (sure.snr, sure.error, sure.signal) == (np.inf, 0.0, np.inf)
    nothing = few_shot_snr(A, A)
    assert np.isnan([nothing.snr, nothing.error, nothing.dimension]).all()
    spread = np.random.default_rng(3).standard_normal((50, 3))
    assert few_shot_snr(A, spread).error < 0.5 < few_shot_snr(spread, spread.mean(axis=0) + 0 * A).error


@pytest.mark.parametrize("form", ["exact", "short"])
def test_the_matrix_holds_every_ordered_pair(form):
    rng = np.random.default_rng(4)
    names = ["low", "mid", "top"]
    labels = np.array(names)[rng.integers(0, 3, 60)]
    Z = rng.standard_normal((60, 5)) * 3 + np.array([names.index(v) for v in labels])[:, None]
    found = few_shot_matrix(Z, labels, 4, form=form)
    assert found.classes == ("low", "mid", "top")
    for a, one in enumerate(names):
        for b, two in enumerate(names):
            if a == b:
                assert np.isnan(found.snr[a, b])
                assert np.isnan(found.error[a, b])
            else:
                pair = few_shot_snr(Z[labels == one], Z[labels == two], 4, form=form)
                assert found.snr[a, b] == pytest.approx(pair.snr, rel=1e-10)
                assert found.error[a, b] == pytest.approx(pair.error, rel=1e-9)
    assert found.mean_error == pytest.approx(np.nanmean(found.error))
    renamed = few_shot_matrix(Z[::-1], [{"low": 9, "mid": 5, "top": 7}[v] for v in labels[::-1]], 4, form=form)
    np.testing.assert_allclose(renamed.snr, found.snr[np.ix_([1, 2, 0], [1, 2, 0])], rtol=1e-10)
    assert json.dumps(found.to_dict())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: few_shot_snr(np.eye(3), np.eye(2)), "both classes in the same features; received 3 and 2 columns"),
        (lambda: few_shot_snr(np.eye(3), np.eye(3), 0), "m to be an int >= 1"),
        (lambda: few_shot_snr(np.eye(3), np.eye(3), True), "m to be an int >= 1"),
        (lambda: few_shot_snr(np.eye(3), np.eye(3), form="long"), 'form "exact" or "short"; received \'long\''),
        (lambda: few_shot_matrix(np.eye(3), [1, 1, 1]), r"at least two classes; received 1 \(1\)"),
        (lambda: few_shot_matrix(np.eye(3), [1, 2]), "labels of length 3"),
        (lambda: few_shot_matrix(np.eye(3), [1, 2, 2], 1.5), "m to be an int >= 1"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
