"""Cells without a direction of the dual norm are separated."""

import numpy as np

import relucvx as rx
from relucvx.certificate.optima.separation import separate
from relucvx.oracle import make_form


def test_separation_holds_on_samples_and_finds_what_is_left_out():
    rng = np.random.default_rng(3)
    X, N = rng.standard_normal((10, 3)), rng.standard_normal((10, 1))
    form = make_form(X, N, rx.make_problem(X, N, 1.0).activation)
    W = rng.standard_normal((3, 200_000))
    W /= np.linalg.norm(W, axis=0)
    values = form.values(W)
    none = np.zeros((0, 10)), np.zeros(0)
    assert separate(form, *none, 1.01 * values.max() + 1e-9).outcome in ("proved", "witness")
    assert separate(form, *none, 2.0 * values.max()).outcome == "proved"
    out = separate(form, *none, 0.9 * values.max())
    assert out.outcome == "witness"
    assert form.values((out.witness / np.linalg.norm(out.witness))[:, None])[0] > 0.9 * values.max()
    assert separate(form, *none, -1.0).outcome == "budget"
    w = W[:, int(values.argmax())]
    sign = np.sign(form.M[:, 0] @ np.maximum(form.X @ w, 0.0))
    sides = np.where(sign * form.M[:, 0] >= 0, np.where(form.X @ w >= 0, 1.0, -1.0), 0.0)
    outside = ~(((sides[:, None] * (form.X @ W)) >= 0).all(axis=0))
    level = 0.5 * (values[outside].max() + values.max()) if values[outside].max() < values.max() else values.max()
    assert separate(form, sides[None], np.array([sign]), level).outcome == "proved"
    line = make_form(
        np.array([[1.0], [-2.0]]), np.array([[1.0], [1.0]]), rx.make_problem([[1.0]], [1.0], 1.0).activation
    )
    assert separate(line, np.zeros((0, 2)), np.zeros(0), 1.5).outcome == "witness"
    assert separate(line, np.zeros((0, 2)), np.zeros(0), 2.5).outcome == "proved"
