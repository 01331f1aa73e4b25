"""Balance, merge and prune: what they keep, what they never raise, and what their results look like."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relucvx.errors import InvalidInputError
from relucvx.network import TwoLayerReLU, balance, merge, path_norm, prune

quick = settings(deadline=None, max_examples=80)


def decay(net, penalize_bias=True):
    """||W_in||² + ||W_out||² (+ ||b_in||²)."""
    inner = net.lifted_in if penalize_bias else net.weights_in
    return float(np.sum(inner**2) + np.sum(net.weights_out**2))


@st.composite
def networks(draw, max_scale=150, features=None):
    """Small-integer networks (degenerate ones are common), each neuron rescaled by a power of ten."""
    d, c = draw(st.integers(1, 3)) if features is None else features, draw(st.integers(1, 3))
    m = draw(st.integers(0, 12))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    scale = 10.0 ** draw(st.lists(st.integers(-max_scale, max_scale), min_size=m, max_size=m).map(np.array))
    scale = scale.reshape(m)
    bias = draw(st.booleans())
    return TwoLayerReLU(
        rng.integers(-2, 3, (m, d)) * scale[:, None],
        rng.integers(-2, 3, (m, c)) / scale[:, None],
        bias_in=rng.integers(-1, 2, m) * scale if bias else None,
        bias_out=np.ones(c) if draw(st.booleans()) else None,
        activation=draw(st.sampled_from(["relu", "leaky_relu", "abs", "linear"])),
    )


def samples(net, seed=0, n=6):
    return np.random.default_rng(seed).integers(-3, 4, (n, net.n_features)).astype(float)


def assert_same_outputs(a, b, X, tol=1e-12):
    scale = 1.0 + np.abs(b.hidden(X)) @ np.abs(b.weights_out)
    error = np.max(np.abs(a.predict(X) - b.predict(X)) / scale, initial=0.0)
    if error > tol:
        raise AssertionError(f"outputs differ by {error:.1e} relative to the terms")


def test_assert_same_outputs_can_fail():
    a, b = TwoLayerReLU([[1.0]], [1.0]), TwoLayerReLU([[1.0]], [1.0 + 1e-9])
    with pytest.raises(AssertionError, match="outputs differ"):
        assert_same_outputs(a, b, np.ones((1, 1)))


@quick
@given(networks(), st.booleans())
def test_balance(net, penalize_bias):
    out = balance(net, penalize_bias)
    assert_same_outputs(out, net, samples(net))
    np.testing.assert_allclose(out.input_norms(penalize_bias), out.output_norms(), rtol=1e-13)
    np.testing.assert_allclose(path_norm(out, penalize_bias), path_norm(net, penalize_bias), rtol=1e-13)
    assert np.all(out.output_norms() > 0)
    with np.errstate(over="ignore"):
        assert decay(out, penalize_bias) <= decay(net, penalize_bias) * (1 + 1e-12)
    assert balance(out, penalize_bias).to_dict() == out.to_dict()


def test_balance_extreme_scales():
    for power in (150, -150, 300, -300, -320):
        scale = 10.0**power
        other = 10.0 ** min(-power, 300)
        net = TwoLayerReLU([[3.0 * scale, 4.0 * scale]], [[other]])
        out = balance(net)
        np.testing.assert_allclose(out.input_norms(), out.output_norms(), rtol=1e-13)
        np.testing.assert_allclose(out.neuron_norms(), net.neuron_norms(), rtol=1e-12)
        np.testing.assert_allclose(
            out.weights_in[0, 1] / out.weights_in[0, 0], 4 / 3, rtol=5e-3 if power < -310 else 1e-13
        )


def test_balance_drops_neurons_with_a_zero_side():
    net = TwoLayerReLU([[1.0], [0.0], [2.0]], [[0.0], [5.0], [1.0]])
    assert balance(net).width == 1
    with_bias = TwoLayerReLU([[0.0]], [[5.0]], bias_in=[2.0])
    assert balance(with_bias).width == 1  # a penalised bias makes it a live, constant neuron


def test_free_bias_moves_constant_neurons_to_the_output_bias():
    net = TwoLayerReLU([[0.0], [0.0], [1.0]], [[5.0], [7.0], [1.0]], bias_in=[2.0, -3.0, 1.0])
    out = balance(net, penalize_bias=False)
    assert out.width == 1
    np.testing.assert_array_equal(out.bias_out, [10.0])
    np.testing.assert_allclose(out.predict([[1.5]]), net.predict([[1.5]]))
    again = balance(TwoLayerReLU([[0.0]], [[5.0]], bias_in=[2.0], bias_out=[1.0]), penalize_bias=False)
    np.testing.assert_array_equal(again.bias_out, [11.0])


def test_free_bias_beyond_float64_keeps_its_scale():
    net = TwoLayerReLU([[1e-300], [4.0]], [[1e200], [1.0]], bias_in=[1e100, 0.0])
    out = balance(net, penalize_bias=False)
    np.testing.assert_array_equal(out.weights_in[0], net.weights_in[0])
    assert out.weights_in[1] == 2.0


@quick
@given(networks(max_scale=100), st.booleans())
def test_merge(net, penalize_bias):
    out = merge(net, penalize_bias=penalize_bias)
    assert_same_outputs(out, net, samples(net))
    assert path_norm(out, penalize_bias) <= path_norm(net, penalize_bias) * (1 + 1e-12)
    assert decay(out, penalize_bias) <= decay(net, penalize_bias) * (1 + 1e-12)
    unit = balance(out).lifted_in
    unit = unit / np.linalg.norm(unit, axis=1)[:, None]
    assert np.all(unit @ unit.T - 2 * np.eye(len(unit)) < 1 - 1e-9)


def test_merge_same_sign_is_exact_near_a_direction_and_opposite_signs_cancel():
    near = TwoLayerReLU([[1.0, 0.0], [1.0, 1e-5]], [[1.0], [1.0]])
    out = merge(near)
    assert out.width == 1
    X = np.array([[2.0, 1.0], [3.0, -1.0]])
    np.testing.assert_allclose(out.predict(X), near.predict(X), rtol=1e-14)
    assert merge(near, tol=0.0).width == 2
    assert merge(TwoLayerReLU([[1.0], [2.0]], [[2.0], [-1.0]])).width == 0
    assert merge(TwoLayerReLU([[1.0], [2.0]], [[2.0, 1.0], [-1.0, 3.0]])).width == 1
    assert merge(TwoLayerReLU([[1.0], [-1.0]], [[1.0], [1.0]])).width == 2


def test_merge_lets_only_merged_neurons_change():
    net = TwoLayerReLU([[5.0, 0.0], [0.0, 1.0], [0.0, 4.0]], [[1.0], [1.0], [1.0]])
    out = merge(net)
    np.testing.assert_array_equal(out.weights_in[0], [5.0, 0.0])
    assert out.input_norms()[1] == pytest.approx(out.output_norms()[1])


@pytest.mark.parametrize("tol", [1e-12, 1e-6, 1e-2])
def test_merge_tolerance_is_one_minus_cosine(tol):
    for factor, width in ((0.99, 1), (1.01, 2)):
        cosine = 1.0 - factor * tol
        sine = np.sqrt(factor * tol * (2.0 - factor * tol))
        assert merge(TwoLayerReLU([[3.0, 0.0], [cosine, sine]], [1.0, 1.0]), tol=tol).width == width


def test_merge_refuses_a_bad_tolerance():
    with pytest.raises(InvalidInputError, match="tol to be a finite number >= 0"):
        merge(TwoLayerReLU.zero(2), tol=-1.0)


def assert_irreducible(net, X):
    hidden = net.hidden(X)
    atoms = np.stack([np.outer(hidden[:, j], net.weights_out[j]).ravel() for j in range(net.width)], axis=1)
    rank = np.linalg.matrix_rank(atoms / np.linalg.norm(atoms, axis=0))
    if rank != net.width:
        raise AssertionError(f"{net.width} neurons of rank {rank}")


def test_assert_irreducible_can_fail():
    with pytest.raises(AssertionError, match="2 neurons of rank 1"):
        assert_irreducible(TwoLayerReLU([[1.0], [2.0]], [[1.0], [-1.0]]), np.ones((1, 1)))


@quick
@given(networks(max_scale=100), st.integers(1, 6), st.booleans())
def test_prune(net, n, penalize_bias):
    X = samples(net, n=n)
    out = prune(net, X, penalize_bias)
    assert_same_outputs(out, net, X)
    assert path_norm(out, penalize_bias) <= path_norm(net, penalize_bias) * (1 + 1e-12)
    assert decay(out, penalize_bias) <= decay(net, penalize_bias) * (1 + 1e-12)
    assert out.width <= n * net.n_outputs
    if out.width:
        assert_irreducible(out, X)


def test_prune_wide_network():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 4))
    net = TwoLayerReLU(rng.standard_normal((200, 4)), rng.standard_normal((200, 2)))
    out = prune(net, X)
    assert out.width == 40
    np.testing.assert_allclose(out.predict(X), net.predict(X), atol=1e-11)
    assert path_norm(out) < 0.9 * path_norm(net)
    assert_irreducible(out, X)


def test_prune_drops_silent_neurons_and_keeps_independent_ones():
    net = TwoLayerReLU([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], [[1.0], [1.0], [1.0]])
    out = prune(net, np.eye(2))
    np.testing.assert_allclose(out.weights_in, [[1.0, 0.0], [0.0, 1.0]], rtol=1e-14)


def test_prune_never_raises_the_norm_among_equal_outputs():
    # Both neurons have the output (1, 0) on X; the second is cheaper and must be the one that stays.
    net = TwoLayerReLU([[1.0, -1.0], [1.0, 0.0]], [[1.0], [1.0]])
    X = np.array([[1.0, 0.0], [0.0, 0.0]])
    out = prune(net, X)
    np.testing.assert_allclose(path_norm(out), 2.0)


def test_prune_checks_its_samples():
    with pytest.raises(InvalidInputError, match="X with 2 columns"):
        prune(TwoLayerReLU([[1.0, 0.0]], [1.0]), np.ones((3, 3)))


def test_path_norm_is_the_sum_of_products():
    net = TwoLayerReLU([[3.0], [0.0]], [[2.0], [1.0]], bias_in=[4.0, 2.0])
    assert path_norm(net) == 12.0
    assert path_norm(net, penalize_bias=False) == 6.0


@pytest.mark.parametrize("angle", [1e-4, 1e-7, 1e-10, 1e-13, 1e-15])
def test_prune_with_nearly_equal_neurons(angle):
    rng = np.random.default_rng(1)
    base = rng.standard_normal((6, 3))
    W = np.vstack([base, base + angle * rng.standard_normal((6, 3))])
    net = TwoLayerReLU(W, rng.choice([-1.0, 1.0], (12, 1)))
    X = rng.standard_normal((8, 3))
    out = prune(net, X)
    assert_same_outputs(out, net, X)
    assert path_norm(out) <= path_norm(net) * (1 + 1e-12)
    assert_irreducible(out, X)
