"""What multipliers of products and of cones prove about the neurons of one sign."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.oracle import dual_norm
from relucvx.oracle.semidefinite import signed_bound
from relucvx.program.lifting import split_lifting
from relucvx.program.signed_lifting import _form, signed_dual_norm, sphere_levels
from relucvx.types import Activation

ACTIVATIONS = {
    "relu": Activation("relu", 0.0, 1.0),
    "leaky": Activation("leaky", 0.1, 1.0),
    "abs": Activation("abs", -1.0, 1.0),
}


def drawn(seed, n, d, activation="relu"):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    if seed % 3 == 1:  # parallel and opposite rows share a coordinate
        X[1], X[2] = 2.0 * X[0], -0.5 * X[0]
    lifting = split_lifting(X, ACTIVATIONS[activation])
    m = len(lifting.E)
    S, C = rng.standard_normal((m, m)), rng.standard_normal((1 + lifting.leading, m))
    return rng, X, lifting, rng.standard_normal(n), S + S.T, C


@pytest.mark.parametrize("seed", range(3))
def test_the_form_is_what_it_says(seed):
    rng, _, lifting, N, S, C = drawn(seed, 5, 3)
    R = _form(lifting, lifting.J.T @ N, lifting.E.T @ S @ lifting.E, C @ lifting.E)
    q = rng.standard_normal(lifting.size)
    w = q[: lifting.leading]
    wanted = N @ lifting.J @ q + q @ lifting.E.T @ S @ lifting.E @ q + np.append(1.0, w) @ C @ lifting.E @ q
    full = np.append(1.0, q)
    assert full @ R @ full == pytest.approx(wanted)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("activation", "n", "d"), [("relu", 6, 2), ("relu", 3, 6), ("leaky", 5, 3), ("abs", 5, 3)])
def test_any_multipliers_bound_what_neurons_win(activation, seed, n, d):
    rng, X, lifting, N, S, C = drawn(seed, n, d, activation)
    # the truth by a great many directions
    W = rng.standard_normal((5_000, d))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    act = ACTIVATIONS[activation]
    most = float((act(W @ X.T) @ N).max())
    one_sign = np.abs(S)
    # also ones that would forbid every neuron, were they believed
    for size in (0.01, 1.0):
        for products, cones in ((S, C), (one_sign, C), (-one_sign, -np.abs(C)), (0 * S, C), (S, 0 * C)):
            assert signed_dual_norm(lifting, N, size * products, size * cones) >= most


@pytest.mark.parametrize("seed", range(3))
def test_columns_outside_their_cone_are_not_believed(seed):
    """-c (x·w) s <= 0 for every neuron, but only ``c ||x|| t s - c (x·w) s >= 0`` may be used."""
    rng, X, lifting, N, S, C = drawn(seed, 6, 2)
    p, k = len(lifting.E) // 2, lifting.leading
    C, S, pair = 0.0 * C, 0.0 * S, np.arange(p)
    C[1:, :p] = 1e3 * lifting.E[p:, :k].T
    S[pair, p + pair] = S[p + pair, pair] = -0.5e3
    W = rng.standard_normal((5_000, 2))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    assert signed_dual_norm(lifting, N, S, C) >= float((np.maximum(W @ X.T, 0.0) @ N).max())


@pytest.mark.parametrize("seed", range(3))
def test_both_signs_bound_the_dual_norm(seed):
    _, X, lifting, N, S, C = drawn(seed, 8, 3)
    problem = rx.make_problem(X, N, 1.0)
    for size in (0.0, 0.01, 0.3):
        bound = signed_bound(lifting, N[:, None], [(size * S, size * C), (size * S.T, -size * C)])
        assert bound >= dual_norm(problem, N[:, None]).lower
        # in proportion to the point
        assert signed_bound(lifting, 8 * N[:, None], [(8 * size * S, 8 * size * C)] * 2) == pytest.approx(
            8 * signed_bound(lifting, N[:, None], [(size * S, size * C)] * 2)
        )
    assert signed_bound(lifting, 0.0 * N[:, None], [(S, C), (S, C)]) == 0.0


@pytest.mark.parametrize("size", [1e-8, 1.0, 1e8])
def test_the_levels_are_the_maximum_on_the_sphere(size):
    rng = np.random.default_rng(0)
    for k in (1, 2, 5):
        top = size * rng.standard_normal((1 + k, 1 + k))
        top = top + top.T
        if k == 5:
            top[0, 1:] = top[1:, 0] = 0.0  # no linear part
        w = rng.standard_normal((50_000, k))
        w /= np.linalg.norm(w, axis=1, keepdims=True)
        forms = top[0, 0] + 2 * w @ top[1:, 0] + np.einsum("ij,jk,ik->i", w, top[1:, 1:], w)
        a, b = sphere_levels(top)
        assert np.linalg.eigvalsh(np.diag([a] + [b] * k) - top)[0] >= -1e-9 * size
        assert forms.max() <= (a + b) + 1e-9 * size
        assert a + b <= forms.max() + (1e-6 if k < 3 else 0.5) * size
