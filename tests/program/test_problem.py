"""Problem: checks at the boundary, augmented inputs, the network without neurons."""

import json

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from strategies import ENTRYWISE

from relucvx.errors import InvalidInputError
from relucvx.network import TwoLayerReLU
from relucvx.program.objective import objective
from relucvx.program.posing import make_problem
from relucvx.types import Bias

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3))
y = RNG.normal(size=8)
labels = np.array([1.0, -1, 1, 1, -1, 1, 1, -1])


def test_shapes_and_properties():
    p = make_problem(X, y, 0.5)
    assert (p.n_samples, p.n_features, p.n_outputs, p.n_inputs, p.penalized) == (8, 3, 1, 3, 3)
    assert p.scalar_output
    assert p.inputs is p.X
    assert not make_problem(X, y[:, None], 0.5).scalar_output
    for bias, penalized in (("hidden", 4), ("all", 4), ("free", 3)):
        p = make_problem(X, y, 0.5, bias=bias)
        assert (p.n_inputs, p.penalized) == (4, penalized)
        np.testing.assert_array_equal(p.inputs, np.hstack([X, np.ones((8, 1))]))
        assert not p.inputs.flags.writeable


def test_inputs_are_copied_and_frozen():
    source = X.copy()
    p = make_problem(source, y, 0.5)
    source[0, 0] = 99.0
    assert p.X[0, 0] == X[0, 0]
    with pytest.raises(ValueError, match="read-only"):
        p.X[0, 0] = 1.0


def test_to_dict_is_json():
    assert json.loads(json.dumps(make_problem(X, y, 0.5).to_dict()))["loss"]["name"] == "squared"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beta": 0.0}, "beta -> 0\\+ is interpolation"),
        ({"beta": -1.0}, "beta to be a finite number > 0"),
        ({"Y": y[:5]}, "as many rows as X"),
        ({"loss": "mse"}, "a loss among"),
        ({"bias": "some"}, "a bias mode among"),
        ({"activation": "tanh"}, "an activation among"),
        ({"sample_weight": -np.ones(8)}, "sample_weight >= 0"),
        ({"loss": "hinge"}, "labels -1 or \\+1"),
        ({"X": X * np.nan}, "X to be finite"),
    ],
)
def test_bad_arguments(change, message):
    with pytest.raises(InvalidInputError, match=message):
        make_problem(**{"X": X, "Y": y, "beta": 0.5, **change})


def test_one_sided_labels_with_free_logistic_have_no_optimum():
    with pytest.raises(InvalidInputError, match=r"labels of both kinds.*one kind only in column 0"):
        make_problem(X, np.ones(8), 0.5, loss="logistic", bias="free")
    make_problem(X, np.ones(8), 0.5, loss="logistic", bias="all")
    make_problem(X, np.ones(8), 0.5, loss="hinge", bias="free")


@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("name", list(ENTRYWISE))
def test_null_network_is_the_best_constant(name, bias):
    rng = np.random.default_rng(3)
    classify = name in ("logistic", "hinge", "squared_hinge")
    Y = np.stack([labels, -labels], axis=1) if classify else rng.normal(size=(8, 2)) * 3
    p = make_problem(X, Y, 0.7, loss=name, bias=bias, sample_weight=rng.uniform(0, 2, 8))
    net = p.null_network()
    assert net.width == 0
    assert objective(p, net) == pytest.approx(p.null_value(), rel=1e-14)
    if bias in ("none", "hidden"):
        assert net.bias_out is None
        assert p.null_value() == p.loss_at(np.zeros_like(Y))
        return
    decay = 0.35 if bias == "all" else 0.0
    brute = 0.0
    for k in range(2):

        def column(b, k=k):
            one = Y[:, [k]]
            return p.loss.value(np.full_like(one, b), one, p.sample_weight) + decay * b * b

        found = minimize_scalar(column, bounds=(-20, 20), method="bounded", options={"xatol": 1e-10})
        brute += found.fun
    assert p.null_value() <= brute + 1e-12
    assert p.null_value() >= brute - 1e-7


@pytest.mark.parametrize("beta", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("name", ["logistic", "hinge", "squared_hinge", "huber"])
def test_decayed_constant_for_extreme_strengths(name, beta):
    p = make_problem(X, np.ones(8), beta, loss=name, bias="all")
    b = p.null_bias()
    for factor in (0.999, 1.001):
        other = b * factor
        value = p.loss_at(np.tile(other, (8, 1))) + 0.5 * beta * float(other @ other)
        assert value >= p.null_value() * (1 - 1e-13)


def test_zero_targets_give_the_zero_constant():
    assert make_problem(X, np.zeros(8), 1.0, loss="huber", bias="all").null_value() == 0.0
    balanced = np.array([1.0, -1.0] * 4)
    assert make_problem(X, balanced, 1.0, loss="hinge", bias="all").null_bias()[0] == 0.0


@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("outputs", [1, 2])
def test_networks_are_made_of_neurons_and_taken_apart(bias, outputs):
    rng = np.random.default_rng(3)
    problem = make_problem(rng.standard_normal((6, 2)), rng.standard_normal((6, outputs)), 0.5, bias=bias)
    W, V, b = (rng.standard_normal(s) for s in ((4, problem.n_inputs), (4, outputs), outputs))
    network = problem.network(W, V, b)
    again = problem.neurons(network)
    np.testing.assert_array_equal(again[0], W)
    np.testing.assert_array_equal(again[1], V)
    np.testing.assert_array_equal(again[2], b if bias in ("all", "free") else np.zeros(outputs))
    expected = problem.activation(problem.inputs @ W.T) @ V + again[2]
    np.testing.assert_allclose(network.predict(problem.X), expected, rtol=1e-12, atol=1e-12)


def test_a_bias_that_the_network_lacks_is_zero():
    problem = make_problem([[1.0], [2.0]], [1.0, 0.0], 0.5, bias="all")
    W, _, b = problem.neurons(TwoLayerReLU([[2.0]], [3.0]))
    np.testing.assert_array_equal(W, [[2.0, 0.0]])
    np.testing.assert_array_equal(b, [0.0])


@pytest.mark.parametrize("size", [1.0, 1e-160, 1e160])
def test_directions_have_unit_penalised_norm_at_any_size(size):
    problem = make_problem([[1.0, 2.0], [2.0, 0.0]], [1.0, 0.0], 0.5, bias="free")
    W = size * np.array([[3.0, 4.0, 10.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1e-13, 0.0, 1.0]])
    unit, outputs = problem.directions(problem.network(W, np.array([[2.0], [1.0], [1.0], [1.0]])))
    np.testing.assert_allclose(unit, [[0.6, 0.8, 2.0]], rtol=1e-14)
    np.testing.assert_allclose(outputs, [[10.0 * size]], rtol=1e-14)


@pytest.mark.parametrize("pooling", [None, "mean", "flatten"])
def test_fits_of_single_neurons_add_up_to_the_fit(pooling):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((5, 3) if pooling is None else (5, 2, 3))
    problem = make_problem(X, rng.standard_normal((5, 2)), 0.1, **({} if pooling is None else {"pooling": pooling}))
    H, V = rng.standard_normal((problem.n_rows, 4)), rng.standard_normal((4, problem.n_weights_out))
    fits = problem.fits(H, V)
    assert fits.shape == (4, 5, 2)
    assert fits.sum(axis=0) == pytest.approx(problem.combine(H, V))
    assert fits[1] == pytest.approx(problem.combine(H[:, [1]], V[[1]]))
