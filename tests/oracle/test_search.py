"""Local maxima, found from many directions."""

import numpy as np
import pytest
from oracle.test_dual_norm_bound import case

from relucvx.oracle import dual_norm, form_of, make_form
from relucvx.oracle.search import height, local_maxima, random_directions, slope


def test_starts_are_used():
    problem, N = case(n=30, d=6)
    best = dual_norm(problem, N, method="spectral", n_starts=3000)
    helped = dual_norm(problem, N, method="spectral", n_starts=1, starts=best.witness[None])
    assert helped.lower >= best.lower * (1 - 1e-9)


def test_local_maxima_are_distinct_sorted_and_reached():
    problem, N = case(n=20, d=3)
    form = make_form(problem.inputs, N, problem.activation)
    starts = random_directions(form, 200, np.random.default_rng(0))
    directions, values = local_maxima(form, starts, limit=5)
    assert 0 < len(values) <= 5
    assert (np.diff(values) <= 0).all()
    np.testing.assert_allclose(form.values(directions.T), values, rtol=1e-12)
    above, high = local_maxima(form, starts, above=values[0] * 1.1)
    assert len(above) == len(high) == 0
    assert len(local_maxima(form, starts[:0])[0]) == 0


@pytest.mark.parametrize(("c", "bias"), [(1, "none"), (3, "none"), (1, "free"), (2, "free")])
def test_height_and_slope_are_the_value_and_its_gradient(c, bias):
    problem, N = case(n=17, d=4, c=c, bias=bias)
    form = form_of(problem, N)
    across, weights = np.ascontiguousarray(form.X.T), np.ascontiguousarray(form.M.T)
    rng = np.random.default_rng(0)
    dim, n = across.shape
    z, pull, grad, total = np.empty(n), np.empty(n), np.empty(dim), np.empty(c)

    def value(w):
        return np.linalg.norm(form.M.T @ np.maximum(form.X @ w, 0.0) + form.L.T @ w)

    for w in rng.standard_normal((5, dim)):
        unit = w / np.linalg.norm(w[: form.penalized])
        reached = height(across, weights, form.L, form.penalized, w, z, total)
        np.testing.assert_allclose(w, unit, rtol=1e-14)
        np.testing.assert_allclose(reached, value(unit), rtol=1e-12)
        norm = slope(across, weights, form.L, z, total, pull, grad)
        steps = 1e-6 * np.eye(dim)
        numeric = [(value(unit + h) ** 2 - value(unit - h) ** 2) / 4e-6 for h in steps]
        np.testing.assert_allclose(grad, numeric, rtol=1e-5, atol=1e-6 * norm)
        np.testing.assert_allclose(norm, np.linalg.norm(grad), rtol=1e-13)
    assert height(across, weights, form.L, form.penalized, np.zeros(dim), z, total) == 0.0
