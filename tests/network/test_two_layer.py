"""The network as a value: definitions against loops, immutability, and every refusal by its message."""

import dataclasses
import json

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.network import TwoLayerReLU
from relucvx.network.two_layer import row_norms

W = np.array([[1.0, -1.0, 0.5], [2.0, 0.0, -3.0]])
V = np.array([[1.0, 2.0], [-1.0, 0.5]])


def test_predict_is_the_definition():
    net = TwoLayerReLU(W, V, bias_in=[0.5, -1.0], bias_out=[3.0, -2.0], activation=(0.1, 2.0))
    X = np.random.default_rng(0).standard_normal((5, 3))
    for x, row in zip(X, net.predict(X), strict=True):
        expected = np.array([3.0, -2.0])
        for w, b, v in zip(W, [0.5, -1.0], V, strict=True):
            t = sum(a * z for a, z in zip(w, x, strict=True)) + b
            expected = expected + v * (2.0 * t if t > 0 else 0.1 * t)
        np.testing.assert_allclose(row, expected, rtol=1e-13, atol=1e-13)
    assert net.preactivations(X).shape == net.hidden(X).shape == (5, 2)
    np.testing.assert_array_equal(net.lifted_in, np.hstack([W, [[0.5], [-1.0]]]))


def test_shapes_vector_output_and_squeezing():
    net = TwoLayerReLU(W, [1, 2], scalar_output=True)
    assert net.weights_out.shape == (2, 1)
    assert net.predict(np.ones((4, 3))).shape == (4,)
    assert TwoLayerReLU(W, [1, 2]).predict(np.ones((4, 3))).shape == (4, 1)
    assert (net.width, net.n_features, net.n_outputs) == (2, 3, 1)
    np.testing.assert_array_equal(TwoLayerReLU(W, [1, 2], bias_out=7).bias_out, [7.0])


def test_zero_network():
    net = TwoLayerReLU.zero(3, 2, hidden_bias=True, output_bias=True, activation="abs")
    np.testing.assert_array_equal(net.predict(np.ones((4, 3))), np.zeros((4, 2)))
    assert net.lifted_in.shape == (0, 4)
    assert net.neuron_norms().shape == (0,)
    for kwargs in ({"n_features": 0}, {"n_features": 2, "n_outputs": True}):
        with pytest.raises(InvalidInputError, match="to be an int >= 1"):
            TwoLayerReLU.zero(**kwargs)


def test_immutable_copies():
    source = W.copy()
    net = TwoLayerReLU(source, V)
    source[0, 0] = 99.0
    assert net.weights_in[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        net.weights_in[0, 0] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        net.weights_in = W


def test_promotion_repr_and_dict():
    net = TwoLayerReLU(W.astype(np.float32), V.astype(int), bias_in=[1, 2], activation="leaky_relu")
    assert net.weights_in.dtype == net.weights_out.dtype == np.float64
    assert repr(net) == "TwoLayerReLU(3 -> 2 -> 2, leaky_relu, bias_in)"
    assert repr(TwoLayerReLU.zero(4, 1, output_bias=True)) == "TwoLayerReLU(4 -> 0 -> 1, relu, bias_out)"
    back = json.loads(json.dumps(net.to_dict()))
    assert back["weights_in"] == net.weights_in.tolist()
    assert back["activation"]["name"] == "leaky_relu"


def test_norms():
    net = TwoLayerReLU([[3.0, 0.0]], [[2.0]], bias_in=[4.0])
    assert net.input_norms() == 5.0
    assert net.input_norms(penalize_bias=False) == 3.0
    assert net.neuron_norms() == 10.0
    assert net.neuron_norms(penalize_bias=False) == 6.0
    assert net.output_norms() == 2.0


def test_row_norms_do_not_overflow():
    np.testing.assert_allclose(
        row_norms(np.array([[3e200, 4e200], [3e-200, 4e-200], [0, 0]])), [5e200, 5e-200, 0], rtol=1e-15
    )


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        (([1.0, 2.0], [1.0]), {}, r"weights_in of shape \(m, d\).*shape \(2,\)"),
        ((np.zeros((2, 0)), [1.0, 1.0]), {}, r"weights_in of shape \(m, d\)"),
        ((W, V[:1]), {}, r"weights_out of shape \(2, c\).*shape \(1, 2\)"),
        ((W, np.zeros((2, 0))), {}, "weights_out of shape"),
        ((W, V[None]), {}, "weights_out of shape"),
        ((W, [1.0, np.nan]), {}, r"weights_out to be finite; received nan at index \(1,\)"),
        ((W * 1j, V), {}, "weights_in to hold real numbers; received dtype complex128"),
        (([[1.0], [1.0, 2.0]], V), {}, "weights_in to hold real numbers; received dtype object"),
        ((W, V), {"bias_in": [1.0]}, r"bias_in of shape \(2,\), one per hidden neuron; received shape \(1,\)"),
        ((W, V), {"bias_out": 1.0}, r"bias_out of shape \(2,\), one per output"),
        ((W, V), {"scalar_output": True}, "one output when scalar_output=True; received 2 outputs"),
        ((W, V), {"activation": "gelu"}, "an activation among relu"),
    ],
)
def test_refusals(args, kwargs, message):
    with pytest.raises(InvalidInputError, match=message):
        TwoLayerReLU(*args, **kwargs)


def test_wrong_feature_count():
    net = TwoLayerReLU(W, V)
    for method in (net.predict, net.hidden, net.preactivations):
        with pytest.raises(InvalidInputError, match=r"X with 3 columns.*received shape \(4, 2\)"):
            method(np.ones((4, 2)))
