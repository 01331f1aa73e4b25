"""The pooled network as a value: what it computes, and what it refuses."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import InvalidInputError

RNG = np.random.default_rng(1)
X = RNG.standard_normal((4, 3, 2))
A = RNG.standard_normal((2, 3))


def literal(net: rx.PooledReLU, X: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """f_i = Σ_jkq A_kq phi(w_j·x_iq + b_j) v_jk + b, one number at a time."""
    out = np.zeros((len(X), net.n_outputs))
    for i, bag in enumerate(X):
        for j in range(net.width):
            for k in range(len(matrix)):
                for q, x in enumerate(bag):
                    t = net.weights_in[j] @ x + (0.0 if net.bias_in is None else net.bias_in[j])
                    out[i] += matrix[k, q] * float(net.activation(np.array([t]))[0]) * net.weights_out[j, k]
        if net.bias_out is not None:
            out[i] += net.bias_out
    return out


@pytest.mark.parametrize(
    ("kind", "matrix"),
    [("mean", np.full((1, 3), 1 / 3)), ("sum", np.ones((1, 3))), ("flatten", np.eye(3)), (A, A)],
    ids=["mean", "sum", "flatten", "array"],
)
@pytest.mark.parametrize("biased", [False, True])
def test_predict_is_the_definition(kind, matrix, biased):
    K = len(matrix)
    bias = (RNG.standard_normal(5), RNG.standard_normal(2)) if biased else (None, None)
    net = rx.PooledReLU(
        RNG.standard_normal((5, 2)), RNG.standard_normal((5, K, 2)), *bias, activation=(0.1, 1.0), pooling=kind
    )
    np.testing.assert_allclose(net.predict(X), literal(net, X, matrix), rtol=1e-12, atol=1e-14)
    assert net.hidden(X).shape == (4, K, 5)
    # the network on rows is the same weights, flat
    rows = net.on_rows()
    assert rows.weights_out.shape == (5, 2 * K)
    assert np.array_equal(rows.weights_out.reshape(5, K, 2), net.weights_out)


def test_bags_by_groups():
    net = rx.PooledReLU(RNG.standard_normal((5, 2)), RNG.standard_normal(5), scalar_output=True)
    groups = np.repeat(np.arange(4), 3)
    np.testing.assert_allclose(net.predict(X.reshape(-1, 2), groups), net.predict(X))


def test_a_bag_of_one_row_is_an_ordinary_sample():
    plain = rx.TwoLayerReLU(
        RNG.standard_normal((5, 2)), RNG.standard_normal((5, 2)), RNG.standard_normal(5), [0.5, 1.0]
    )
    rows = X[:, 0]
    for kind in ("mean", "sum", "flatten"):
        net = rx.PooledReLU(plain.weights_in, plain.weights_out, plain.bias_in, plain.bias_out, pooling=kind)
        np.testing.assert_allclose(net.predict(rows[:, None]), plain.predict(rows), rtol=1e-14)


def test_kernel_of_samples():
    net = rx.PooledReLU(RNG.standard_normal((5, 2)), RNG.standard_normal((5, 3, 1)), pooling="flatten")
    h = net.hidden(X).reshape(4, -1)
    np.testing.assert_allclose(rx.representation_kernel(net, X), h @ h.T)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights_out": np.ones((5, 2, 1))}, "read-outs"),
        ({"weights_out": np.ones((4, 1, 1))}, "weights_in of shape"),
        ({"weights_in": np.ones(5)}, "weights_in of shape"),
        ({"pooling": "max"}, "pooling="),
        ({"bias_in": np.ones(2)}, "bias_in"),
        ({"weights_in": np.full((5, 2), np.nan)}, "finite"),
        ({"weights_out": np.ones((5, 1, 2)), "scalar_output": True}, "one output"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    good = {"weights_in": np.ones((5, 2)), "weights_out": np.ones((5, 1, 1))}
    with pytest.raises(InvalidInputError, match=message):
        rx.PooledReLU(**{**good, **change})


def test_samples_that_are_no_bags_are_refused():
    net = rx.PooledReLU(np.ones((5, 2)), np.ones((5, 3, 1)), pooling="flatten")
    for bad, message in ((X[0], "relucvx.patches"), (X[:, :2], "samples of 3 rows"), (X[:, :, :1], "columns")):
        with pytest.raises(InvalidInputError, match=message):
            net.predict(bad)
    with pytest.raises(InvalidInputError, match=r"\(R, d\)"):
        net.predict(X, groups=[0, 0, 1])
