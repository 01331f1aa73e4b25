"""Bounds outside caps: against dense directions, and the cap itself against its definition."""

import numpy as np
import pytest

from relucvx.certificate.optima.caps import bound_outside, in_cap
from relucvx.deadline import Deadline
from relucvx.oracle.form import make_form
from relucvx.types import as_activation

RELU = as_activation("relu")


def random_form(seed, n=7, d=2, c=2, free_bias=False):
    rng = np.random.default_rng(seed)
    X, N = rng.standard_normal((n, d)), rng.standard_normal((n, c))
    if free_bias:
        X, N = np.column_stack([X, np.ones(n)]), N - N.mean(axis=0)
    return make_form(X, N, RELU, free_bias=free_bias)


def directions(form, count=20_000, seed=0):
    """Unit directions of a form, biases within their range."""
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((count, form.X.shape[1]))
    W[:, : form.penalized] /= np.linalg.norm(W[:, : form.penalized], axis=1, keepdims=True)
    W[:, form.penalized :] = form.bias_range * rng.uniform(-1.0, 1.0, W[:, form.penalized :].shape)
    return W


def units(form):
    unit = np.ones(form.X.shape[1])
    unit[form.penalized :] = 1.0 / max(form.bias_range, 1e-300)
    return unit


@pytest.mark.parametrize(
    ("d", "c", "free_bias"),
    [
        pytest.param(2, 2, False, marks=pytest.mark.slow),
        (3, 2, False),
        (2, 3, True),
        (1, 2, False),
        (2, 1, False),
    ],
)
def test_what_is_proven_holds_for_dense_directions(d, c, free_bias):
    for seed in range(4):
        form = random_form(seed, d=d, c=c, free_bias=free_bias)
        W = directions(form)
        values = form.values(W.T)
        top = W[values.argmax()]
        outside = ~np.array([in_cap(w, form.penalized, top, 0.3, units(form)) for w in W])
        # a line has but two directions, of which the cap may hold the better one
        highest = float(values[outside].max(initial=0.0))
        for share, expected in ((1.05, "proved"), (0.95, "witness")):
            threshold = max(share * highest, 1e-3)
            out = bound_outside(form, top[None], np.array([0.3]), np.array([np.inf]), threshold)
            assert out.outcome in (expected, "proved" if highest == 0.0 else expected)
            if out.outcome == "witness":
                w = out.witness / np.linalg.norm(out.witness[: form.penalized])
                assert float(form.values(w[:, None])[0]) > threshold
                assert not in_cap(w, form.penalized, top, 0.3 * (1 - 1e-6), units(form))


def test_inside_a_shell_its_level_counts():
    form = random_form(30)
    W = directions(form)
    values = form.values(W.T)
    top, best = W[values.argmax()], float(values.max())
    caps = np.array([top, top])
    widths = np.array([0.05, 0.5])
    outside = ~np.array([in_cap(w, 2, top, 0.5, np.ones(2)) for w in W])
    ring = np.array([in_cap(w, 2, top, 0.5, np.ones(2)) and not in_cap(w, 2, top, 0.05, np.ones(2)) for w in W])
    # beyond the shell F is below the threshold; just outside the cap it is close to its maximum
    threshold = 0.84 * best
    assert values[outside].max() < threshold
    assert values[ring].max() > 0.9 * best
    low = bound_outside(form, caps, widths, np.array([np.inf, 0.9 * best]), threshold)
    assert low.outcome == "witness"
    high = bound_outside(form, caps, widths, np.array([np.inf, 1.0001 * best]), threshold)
    assert high.outcome == "proved"


def test_no_time_no_outcome():
    form = random_form(1, n=60, d=5)
    out = bound_outside(form, np.zeros((0, 5)), np.zeros(0), np.zeros(0), 1e-2 * form.scale, deadline=Deadline(1e-9))
    assert out.outcome in ("budget", "witness")
    assert bound_outside(form, np.zeros((0, 5)), np.zeros(0), np.zeros(0), 0.0).outcome == "budget"
    tight = bound_outside(form, np.zeros((0, 5)), np.zeros(0), np.zeros(0), 0.5 * form.scale, max_cones=3)
    assert tight.outcome in ("budget", "proved")
