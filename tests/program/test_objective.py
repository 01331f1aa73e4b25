"""The objective of a network, against its formula written out."""

import dataclasses

import numpy as np
import pytest
from strategies import ENTRYWISE

from relucvx.errors import InvalidInputError
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.program.objective import (
    _gradient_size,
    balanced_objective,
    check_network,
    fit,
    objective,
    stationarity,
)
from relucvx.program.posing import make_problem
from relucvx.types import Bias, as_activation

ACTIVATIONS = ("relu", "leaky_relu", "abs", "linear")


def make(bias="none", activation="relu", loss="squared", c=2, seed=0, m=4):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(7, 3))
    Y = rng.choice([-1.0, 1.0], (7, c)) if loss in ("logistic", "hinge", "squared_hinge") else rng.normal(size=(7, c))
    problem = make_problem(X, Y, 0.3, loss=loss, bias=bias, activation=activation)
    net = TwoLayerReLU(
        weights_in=rng.normal(size=(m, 3)),
        weights_out=rng.normal(size=(m, c)),
        bias_in=None if bias == "none" else rng.normal(size=m),
        bias_out=rng.normal(size=c) if bias in ("all", "free") else None,
        activation=as_activation(activation),
    )
    return problem, net


def literal(problem, net):
    """Objective by loops over samples and neurons."""
    a = problem.activation
    F = np.zeros((problem.n_samples, problem.n_outputs))
    for i, j in np.ndindex(problem.n_samples, net.width):
        t = float(problem.X[i] @ net.weights_in[j]) + (0.0 if net.bias_in is None else net.bias_in[j])
        F[i] += (a.slope_pos * t if t > 0 else a.slope_neg * t) * net.weights_out[j]
    F = F + (0.0 if net.bias_out is None else net.bias_out)
    decay = np.sum(net.weights_in**2) + np.sum(net.weights_out**2)
    if problem.bias in ("hidden", "all"):
        decay += np.sum(net.bias_in**2)
    if problem.bias == "all":
        decay += np.sum(net.bias_out**2)
    return F, problem.loss_at(F) + problem.beta / 2 * decay


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("bias", Bias)
def test_objective_and_fit_match_loops(bias, activation):
    problem, net = make(bias, activation)
    F, value = literal(problem, net)
    np.testing.assert_allclose(fit(problem, net), F, atol=1e-12)
    assert objective(problem, net) == pytest.approx(value, rel=1e-13)


@pytest.mark.parametrize("bias", Bias)
def test_balanced_objective_is_the_best_rescaling(bias):
    problem, net = make(bias)
    counted = net.weights_in if bias in ("none", "free") else net.lifted_in
    scale = np.sqrt(np.linalg.norm(net.weights_out, axis=1) / np.linalg.norm(counted, axis=1))

    def rescaled(t):
        return dataclasses.replace(
            net,
            weights_in=net.weights_in * t[:, None],
            bias_in=None if net.bias_in is None else net.bias_in * t,
            weights_out=net.weights_out / t[:, None],
        )

    best = balanced_objective(problem, net)
    assert objective(problem, rescaled(scale)) == pytest.approx(best, rel=1e-12)
    assert balanced_objective(problem, rescaled(3 * scale)) == pytest.approx(best, rel=1e-12)
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert objective(problem, rescaled(factor * scale)) > best


def test_a_missing_bias_counts_as_zero():
    problem, net = make("all")
    bare = dataclasses.replace(net, bias_in=None, bias_out=None)
    zeros = dataclasses.replace(net, bias_in=np.zeros(4), bias_out=np.zeros(2))
    assert objective(problem, bare) == objective(problem, zeros)
    assert balanced_objective(problem, bare) == balanced_objective(problem, zeros)


@pytest.mark.parametrize("function", [check_network, fit, objective, balanced_objective, stationarity])
def test_networks_that_do_not_fit_are_refused(function):
    problem, net = make("none")
    wide = dataclasses.replace(net, weights_in=np.ones((4, 5)))
    with pytest.raises(InvalidInputError, match="network with 3 features; received 5 features"):
        function(problem, wide)
    with pytest.raises(InvalidInputError, match="network with 2 outputs; received 3 outputs"):
        function(problem, dataclasses.replace(net, weights_out=np.ones((4, 3))))
    with pytest.raises(InvalidInputError, match="activation relu; received abs"):
        function(problem, dataclasses.replace(net, activation=as_activation("abs")))
    with pytest.raises(InvalidInputError, match=r"without hidden bias \(bias_in\).*torch.nn.Linear has a bias"):
        function(problem, dataclasses.replace(net, bias_in=np.zeros(4)))
    with pytest.raises(InvalidInputError, match=r"hidden bias \(bias_in\) and output bias"):
        function(problem, dataclasses.replace(net, bias_in=np.zeros(4), bias_out=np.zeros(2)))
    hidden, _ = make("hidden")
    with pytest.raises(InvalidInputError, match=r'output bias \(bias_out\) for bias="hidden"'):
        function(hidden, dataclasses.replace(net, bias_out=np.zeros(2)))


def flatten(net):
    parts = [net.weights_in, net.weights_out, net.bias_in, net.bias_out]
    return np.concatenate([p.ravel() for p in parts if p is not None])


def unflatten(theta, net):
    parts, k = {}, 0
    for name in ("weights_in", "weights_out", "bias_in", "bias_out"):
        old = getattr(net, name)
        if old is not None:
            parts[name] = theta[k : k + old.size].reshape(old.shape)
            k += old.size
    return dataclasses.replace(net, **parts)


@pytest.mark.parametrize("loss", list(ENTRYWISE))
@pytest.mark.parametrize("bias", Bias)
def test_stationarity_measures_the_gradient(bias, loss):
    problem, net = make(bias, "leaky_relu", loss)
    theta, h = flatten(net), 1e-6
    g = [
        objective(problem, unflatten(theta + h * e, net)) - objective(problem, unflatten(theta - h * e, net))
        for e in np.eye(len(theta))
    ]
    largest = np.max(np.abs(g)) / (2 * h)
    found, scale = _gradient_size(problem, net)
    assert found == pytest.approx(largest, rel=1e-6)
    assert scale >= found
    assert stationarity(problem, net) == found / scale


def test_stationarity_at_known_points():
    X, y = np.array([[1.0]]), np.array([2.0])
    problem = make_problem(X, y, 0.5)
    root = np.sqrt(1.5)  # (w v - 2) v + w/2 = 0 with w = v
    net = TwoLayerReLU(weights_in=np.array([[root]]), weights_out=np.array([[root]]), scalar_output=True)
    assert stationarity(problem, net) < 1e-15
    off = TwoLayerReLU(weights_in=np.array([[2 * root]]), weights_out=np.array([[root]]), scalar_output=True)
    assert stationarity(problem, off) > 0.1
    assert stationarity(problem, problem.null_network()) == 0.0
    free = make_problem(np.array([[1.0], [2.0]]), np.array([1.0, 3.0]), 0.5, bias="free")
    assert stationarity(free, free.null_network()) == 0.0
