"""Deep networks as values: the definition by loops, torch round trips, and every refusal by its message."""

import json

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.network import SMOOTH, DeepNetwork, TwoLayerReLU

RNG = np.random.default_rng(0)
WEIGHTS = tuple(RNG.standard_normal(s) for s in ((3, 4), (4, 2), (2, 2)))
BIASES = (RNG.standard_normal(4), None, RNG.standard_normal(2))
X = RNG.standard_normal((5, 3))


def test_predict_is_the_definition():
    net = DeepNetwork(WEIGHTS, BIASES, (0.1, 2.0))
    for x, row in zip(X, net.predict(X), strict=True):
        out = list(x)
        for k, (w, b) in enumerate(zip(WEIGHTS, BIASES, strict=True)):
            bias = np.zeros(w.shape[1]) if b is None else b
            out = [sum(out[i] * w[i, j] for i in range(len(out))) + bias[j] for j in range(w.shape[1])]
            if k < 2:
                out = [2.0 * t if t > 0 else 0.1 * t for t in out]
        np.testing.assert_allclose(row, out, rtol=1e-12)
    first, second = net.hidden(X)
    assert (first.shape, second.shape) == ((5, 4), (5, 2))
    np.testing.assert_allclose(second @ WEIGHTS[2] + BIASES[2], net.predict(X))
    assert (net.depth, net.widths, net.n_features, net.n_outputs) == (3, (3, 4, 2, 2), 3, 2)
    assert repr(net) == "DeepNetwork(3 -> 4 -> 2 -> 2, piecewise(0.1,2), biases)"


def test_one_matrix_is_a_linear_map():
    net = DeepNetwork((WEIGHTS[0][:, :1],), scalar_output=True)
    assert net.hidden(X) == ()
    np.testing.assert_allclose(net.predict(X), X @ WEIGHTS[0][:, 0])


def test_two_layer_networks_carry_over():
    two = TwoLayerReLU(RNG.standard_normal((4, 3)), RNG.standard_normal((4, 1)), [1, 2, 3, 4], [5], "abs", True)
    deep = DeepNetwork.from_two_layer(two)
    np.testing.assert_allclose(deep.predict(X), two.predict(X))
    np.testing.assert_allclose(deep.hidden(X)[0], two.hidden(X))
    bare = DeepNetwork.from_two_layer(TwoLayerReLU(np.ones((2, 3)), np.ones(2)))
    assert bare.biases is None


def test_immutable_copies_and_dict():
    source = [w.copy() for w in WEIGHTS]
    net = rx.DeepNetwork(source)
    source[0][0, 0] = 99.0
    assert net.weights[0][0, 0] == WEIGHTS[0][0, 0]
    with pytest.raises(ValueError, match="read-only"):
        net.weights[0][0, 0] = 1.0
    assert json.loads(json.dumps(net.to_dict()))["weights"][1] == WEIGHTS[1].tolist()
    assert DeepNetwork(WEIGHTS, (None, None, None)).biases is None


TORCH_NAMES = ["relu", "leaky_relu", "abs", "linear", "tanh", "sigmoid", "softplus", "gelu", "silu"]


@pytest.mark.parametrize("name", TORCH_NAMES)
def test_round_trip_through_torch(name):
    torch = pytest.importorskip("torch")
    net = DeepNetwork(WEIGHTS, BIASES, name)
    module = net.to_torch()
    np.testing.assert_allclose(module(torch.tensor(X)).detach().numpy(), net.predict(X), rtol=1e-12, atol=1e-14)
    back = DeepNetwork.from_torch(torch.nn.Sequential(module[:2], module[2:]))
    assert back.activation == net.activation
    for a, b in zip(back.weights, net.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert [b is None for b in back.biases] == [False, True, False]


def test_linear_layers_in_a_row_are_a_deep_linear_network():
    nn = pytest.importorskip("torch").nn
    for module in (
        nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)),
        nn.Sequential(nn.Linear(3, 4), nn.Identity(), nn.Linear(4, 2)),
    ):
        assert DeepNetwork.from_torch(module).activation.name == "linear"
    assert DeepNetwork.from_torch(nn.Sequential(nn.Linear(3, 4))).depth == 1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda nn: nn.Sequential(nn.Linear(3, 4), nn.Dropout(), nn.Linear(4, 2)), "layer '1' of type Dropout"),
        (
            lambda nn: nn.Sequential(nn.ReLU(), nn.Linear(4, 2)),
            "received Sequential without one before activation '0'",
        ),
        (
            lambda nn: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.ReLU(), nn.Linear(4, 2)),
            "without one before activation '2'",
        ),
        (
            lambda nn: nn.Sequential(nn.Linear(3, 4), nn.ReLU()),
            "Sequential, which ends with its activation",
        ),
        (lambda nn: nn.Sequential(), "no layer of it has a fixed size"),
        (lambda nn: nn.Sequential(nn.Linear(3, 4), nn.GELU("tanh"), nn.Linear(4, 2)), "type GELU"),
        (lambda nn: nn.Sequential(nn.Linear(3, 4), nn.Softplus(beta=2.0), nn.Linear(4, 2)), "type Softplus"),
        (
            lambda nn: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)),
            "the same activation in every layer; received relu, tanh",
        ),
        (lambda nn: 3, "torch module of Linear layers.*received builtins.int"),
    ],
)
def test_modules_that_are_refused(build, message):
    nn = pytest.importorskip("torch").nn
    with pytest.raises(InvalidInputError, match=message):
        DeepNetwork.from_torch(build(nn))


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((WEIGHTS[0],), {}, "weights to be a sequence of matrices.*received ndarray"),
        (((),), {}, "weights to be a sequence of matrices"),
        (((WEIGHTS[0], WEIGHTS[2]),), {}, r"weights\[1\] with 4 rows.*received shape \(2, 2\).*transpose"),
        (((WEIGHTS[0], np.ones(4)),), {}, r"weights\[1\] of shape \(fan_in, fan_out\); received shape \(4,\)"),
        (((np.zeros((0, 3)),),), {}, r"weights\[0\] of shape"),
        (((np.full((1, 1), np.nan),),), {}, r"weights\[0\] to be finite"),
        ((WEIGHTS, BIASES[:2]), {}, "a sequence of 3 vectors or Nones.*tuple of length 2"),
        ((WEIGHTS, 3), {}, "a sequence of 3 vectors or Nones.*int of length none"),
        ((WEIGHTS, (np.ones(3), None, None)), {}, r"biases\[0\] of shape \(4,\)"),
        ((WEIGHTS,), {"scalar_output": True}, "one output when scalar_output=True; received 2 outputs"),
        ((WEIGHTS,), {"activation": "sine"}, "an activation among"),
    ],
)
def test_refusals(args, kwargs, message):
    with pytest.raises(InvalidInputError, match=message):
        DeepNetwork(*args, **kwargs)


def test_wrong_feature_count():
    with pytest.raises(InvalidInputError, match=r"X with 3 columns.*received shape \(5, 2\)"):
        DeepNetwork(WEIGHTS, activation=SMOOTH["tanh"]).predict(X[:, :2])
