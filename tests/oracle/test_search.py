"""Local maxima, found from many directions."""

import numpy as np
from oracle.test_dual_norm_bound import case

from relucvx.oracle import dual_norm, make_form
from relucvx.oracle.search import local_maxima, random_directions


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
