"""Maxima over one region."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.certificate.optima import active_directions
from relucvx.certificate.optima.active_directions import region_maximum
from relucvx.oracle import make_form


def test_a_regions_maximum_matches_a_fine_grid():
    rng = np.random.default_rng(2)
    X, N = rng.standard_normal((9, 2)), rng.standard_normal((9, 1))
    form = make_form(X, N, rx.make_problem(X, N, 1.0).activation)
    angles = np.linspace(0.0, 2 * np.pi, 40001)
    W = np.stack([np.cos(angles), np.sin(angles)])
    values = form.M[:, 0] @ np.maximum(form.X @ W, 0.0)
    for start in range(0, 40001, 5003):
        w = W[:, start]
        sign = 1.0 if values[start] >= 0 else -1.0
        sides = np.where(sign * form.M[:, 0] >= 0, np.where(form.X @ w >= 0, 1.0, -1.0), 0.0)
        member = (sides[:, None] * (form.X @ W) >= 0).all(axis=0)
        bound, point, flat = region_maximum(form, sides, sign, w)
        best = (sign * values[member]).max()
        assert bound >= best - 1e-12
        assert flat is None
        held = (np.abs(form.X @ w) > active_directions.NEAR * np.linalg.norm(form.X, axis=1)).any()
        if not held:
            assert bound == pytest.approx(best, rel=1e-6)
            assert np.linalg.norm(point) == pytest.approx(1.0)
