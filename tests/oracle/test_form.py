"""The reduced form: its values are the literal ||Nᵀ phi(Xw)||, whatever the rank, the bias and the activation."""

import numpy as np
import pytest
from strategies import ACTIVATIONS

from relucvx.oracle.form import make_form
from relucvx.types import as_activation


def literal(inputs, N, activation, w):
    return float(np.linalg.norm(sum(nu * activation(np.array(x @ w)) for nu, x in zip(N, inputs, strict=True))))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("c", [1, 3])
def test_values_and_maps(c, rank, free, activation):
    rng = np.random.default_rng([c, rank])
    act = as_activation(activation)
    X = rng.standard_normal((7, rank)) @ rng.standard_normal((rank, 4)) + (5.0 if free else 0.0)
    N = rng.standard_normal((7, c))
    if free:
        N -= N.mean(axis=0)
    inputs = np.column_stack([X, np.ones(7)]) if free else X
    form = make_form(inputs, N, act, free_bias=free)
    assert form.penalized == rank
    assert form.free_bias is free
    assert not form.trivial
    for _ in range(20):
        w = rng.standard_normal(form.X.shape[1])
        original = form.to_original(w)
        assert np.linalg.norm(original[:4]) == pytest.approx(1.0)
        unit = w / np.linalg.norm(w[:rank])
        assert form.values(unit[:, None])[0] == pytest.approx(literal(inputs, N, act, original), abs=1e-11 * form.scale)
        np.testing.assert_allclose(form.to_reduced(original), unit, atol=1e-11)
        any_w = rng.standard_normal(inputs.shape[1])
        reduced = form.to_reduced(any_w)
        assert form.values(reduced[:, None])[0] == pytest.approx(literal(inputs, N, act, any_w), abs=1e-10 * form.scale)
    assert form.truncation <= 1e-13 * form.scale
    assert 0 < form.rounding() < form.rounding(100) < 1e-10 * form.scale


def test_truncation_covers_dropped_directions():
    """Columns below the rank tolerance are dropped, and their largest possible effect is in the slack."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.standard_normal((6, 2)), 1e-12 * rng.standard_normal((6, 1))])
    N = rng.standard_normal((6, 1))
    form = make_form(X, N, as_activation("relu"))
    assert form.penalized == 2
    for w in rng.standard_normal((200, 3)):
        w = w / np.linalg.norm(w)
        reduced = form.values(form.to_reduced(w)[:, None])[0]
        assert abs(literal(X, N, as_activation("relu"), w) - reduced) <= form.rounding()


def test_bias_beyond_the_range_changes_nothing():
    rng = np.random.default_rng(1)
    X, N = rng.standard_normal((6, 2)) + 3.0, rng.standard_normal((6, 1))
    N -= N.mean()
    form = make_form(np.column_stack([X, np.ones(6)]), N, as_activation("leaky_relu"), free_bias=True)
    for w in rng.standard_normal((50, 2)):
        w = w / np.linalg.norm(w)
        for side in (1.0, -1.0):
            inside = form.values(np.append(w, side * form.bias_range)[:, None])[0]
            outside = form.values(np.append(w, 10 * side * form.bias_range)[:, None])[0]
            assert inside == pytest.approx(outside, abs=1e-11 * form.scale)


@pytest.mark.parametrize("free", [False, True])
def test_trivial_forms(free):
    ones = np.ones((4, 1))
    inputs = np.column_stack([np.zeros((4, 2)), ones]) if free else np.zeros((4, 2))
    N = np.array([[1.0], [-1.0], [2.0], [-2.0]])
    assert make_form(inputs, N, as_activation("relu"), free_bias=free).trivial
    full = np.column_stack([np.eye(4, 2), ones]) if free else np.eye(4, 2)
    assert make_form(full, 0 * N, as_activation("relu"), free_bias=free).trivial
