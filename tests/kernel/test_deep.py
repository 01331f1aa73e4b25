"""Deep linear and deep one-hot optima against a grid search and against trained networks."""

import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

import relucvx as rx
from relucvx.datasets import class_labels
from relucvx.kernel import (
    edge_class_network,
    kernel_distance,
    predict_deep_linear,
    predict_deep_one_hot,
    predict_svd,
    representation_kernel,
)
from relucvx.kernel.deep import scalar_threshold, shrink_depth
from relucvx.network import DeepNetwork

RNG = np.random.default_rng(5)
X = np.linalg.qr(RNG.standard_normal((4, 4)))[0]
Y = RNG.standard_normal((4, 3))


def literal(net, X, Y, beta):
    """The objective from its definition."""
    weights = net.weights if isinstance(net, DeepNetwork) else (net.weights_in, net.weights_out)
    return 0.5 * ((net.predict(X) - Y) ** 2).sum() + beta / 2 * sum((w**2).sum() for w in weights)


def trained(X, Y, beta, depth, activation, seeds, width=6):
    """Best of several L-BFGS runs on the literal objective: (objective, network)."""
    sizes = [X.shape[1], *[width] * (depth - 1), Y.shape[1]]
    shapes = list(itertools.pairwise(sizes))
    data, target = torch.tensor(X), torch.tensor(Y)

    def split(theta):
        parts = torch.split(theta, [a * b for a, b in shapes])
        return [p.reshape(shape) for p, shape in zip(parts, shapes, strict=True)]

    def value(x):
        theta = torch.tensor(x, requires_grad=True)
        F = data
        for k, W in enumerate(split(theta)):
            F = F @ W if k == 0 else (torch.relu(F) if activation == "relu" else F) @ W
        out = 0.5 * ((F - target) ** 2).sum() + beta / 2 * (theta**2).sum()
        out.backward()
        return out.item(), theta.grad.numpy()

    count = sum(a * b for a, b in shapes)
    starts = [np.random.default_rng(seed).standard_normal(count) * 0.7 for seed in range(seeds)]
    options = {"maxiter": 3000, "maxfun": 6000, "ftol": 1e-15, "gtol": 1e-10}
    runs = [minimize(value, x, jac=True, method="L-BFGS-B", options=options) for x in starts]
    best = min(runs, key=lambda run: run.fun)
    return best.fun, DeepNetwork(tuple(W.numpy() for W in split(torch.tensor(best.x))), activation=activation)


@pytest.mark.parametrize("depth", [2, 3, 4, 7])
@pytest.mark.parametrize("beta", [0.01, 0.1, 0.3, 1.0])
def test_scalar_problem_against_a_grid(depth, beta):
    sigma = np.array([0.0, 0.05, 0.3, 0.502, 1.0, 2.5])
    grid = np.linspace(0, 3, 300001)
    for t, s in zip(sigma, shrink_depth(sigma, beta, depth), strict=True):
        values = (grid - t) ** 2 / 2 + beta * depth / 2 * grid ** (2 / depth)
        at = (s - t) ** 2 / 2 + beta * depth / 2 * s ** (2 / depth)
        assert at <= values.min() + 1e-14
        assert s == pytest.approx(grid[values.argmin()], abs=2e-5)


def test_threshold_is_hard_from_three_layers_on():
    sigma = np.array([0.502])
    assert shrink_depth(sigma, 0.3, 2) == pytest.approx(0.202)
    assert shrink_depth(sigma, 0.3, 3) == shrink_depth(sigma, 0.3, 4) == 0.0
    for depth in (3, 4, 6):
        limit = scalar_threshold(sigma, depth)[0]
        below, above = (shrink_depth(sigma, limit * f, depth)[0] for f in (1 - 1e-9, 1 + 1e-9))
        assert above == 0.0
        assert below == pytest.approx(0.502 * (depth - 2) / (depth - 1), rel=1e-3)  # a jump, not a slide
        costs = [(s - 0.502) ** 2 / 2 + limit * depth / 2 * s ** (2 / depth) for s in (0.0, below)]
        assert costs[0] == pytest.approx(costs[1], abs=1e-9)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_deep_linear_network_has_the_predicted_objective_and_kernels(depth):
    found = predict_deep_linear(Y, 0.1, depth, X)
    assert found.applicable
    assert found.unique
    net = found.network
    assert literal(net, X, Y, 0.1) == pytest.approx(found.objective, abs=1e-12)
    assert len(found.kernels) == depth - 1
    for layer, K in enumerate(found.kernels):
        assert kernel_distance(representation_kernel(net, X, layer), K) < 1e-12
    if depth > 2:
        norms = [np.linalg.norm(W) for W in net.weights]
        assert np.ptp(norms) < 1e-12


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_trained_linear_networks_reach_it_and_never_beat_it(depth):
    found = predict_deep_linear(Y, 0.1, depth, X)
    value, net = trained(X, Y, 0.1, depth, "linear", seeds=6)
    assert value >= found.objective - 1e-9
    assert value == pytest.approx(found.objective, abs=1e-6)
    for layer, K in enumerate(found.kernels):
        assert kernel_distance(representation_kernel(net, X, layer), K) < 1e-4


def test_depth_two_is_the_shrinkage_of_singular_values():
    linear, svd = predict_deep_linear(Y, 0.3, 2), predict_svd(Y, 0.3)
    assert linear.objective == pytest.approx(svd.objective)
    assert np.allclose(linear.kernel, svd.kernel)
    assert linear.beta_max == pytest.approx(np.linalg.norm(Y, 2))


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("sizes", [(2, 2), (1, 3), (1, 2, 4)])
@pytest.mark.parametrize("beta", [0.05, 0.4, 1.2])
def test_deep_one_hot_network(depth, sizes, beta):
    D = class_labels(sizes, rng=0)
    found, linear = predict_deep_one_hot(D.labels, beta, depth, D.X), predict_deep_linear(D.Y, beta, depth, D.X)
    assert found.objective == pytest.approx(linear.objective)
    for layer, K in enumerate(found.kernels):
        assert np.allclose(linear.kernels[layer], K, atol=1e-12)
    assert found.unique is (True if depth == 2 else None)
    assert found.applicable is (depth < 4 or sizes == (2, 2))
    if not found.applicable:
        assert found.network is None
        assert "low-rank networks can be better" in found.note
        return
    assert literal(found.network, D.X, D.Y, beta) == pytest.approx(found.objective, abs=1e-12)
    for layer, K in enumerate(found.kernels):
        assert np.allclose(representation_kernel(found.network, D.X, layer), K, atol=1e-12)
    assert found.network.activation.name == "relu"


@pytest.mark.parametrize(("nodes", "depth", "saved"), [(4, 5, 0.02), (7, 6, 0.28), (5, 5, 0.05)])
def test_collapse_is_not_optimal_for_edges_of_a_graph(nodes, depth, saved):
    """relu(B (Bᵀ - 1/2)) = I: 6 classes and 5 layers at 0.3 beta_max, 21 classes and 6 layers."""
    edges = nodes * (nodes - 1) // 2
    top = predict_deep_one_hot(np.arange(edges), 1.0, depth).beta_max
    form = predict_deep_one_hot(np.arange(edges), 0.3 * top, depth)
    net = edge_class_network(nodes, 0.3 * top, depth)
    value = literal(net, np.eye(edges), np.eye(edges), 0.3 * top)
    assert value < form.objective * (1 - saved)
    assert not form.applicable
    assert "sukenik-2024" in form.status
    if (nodes, depth) == (4, 5):
        assert form.objective == pytest.approx(0.93421, abs=5e-6)
        assert value == pytest.approx(0.91276, abs=5e-6)
    # beta_max of the collapsed network is not that of the problem
    late = edge_class_network(nodes, 1.01 * top, depth)
    assert literal(late, np.eye(edges), np.eye(edges), 1.01 * top) < 0.5 * edges


def test_the_graph_network_loses_up_to_four_layers():
    for nodes, depth in ((4, 3), (4, 4), (7, 3), (7, 4)):
        edges = nodes * (nodes - 1) // 2
        top = predict_deep_one_hot(np.arange(edges), 1.0, depth).beta_max
        form = predict_deep_one_hot(np.arange(edges), 0.3 * top, depth)
        net = edge_class_network(nodes, 0.3 * top, depth)
        assert literal(net, np.eye(edges), np.eye(edges), 0.3 * top) > form.objective


def test_one_class_and_two_equal_ones_collapse_at_any_depth():
    for labels, applies in (([0, 0, 0], True), ([0, 1], True), ([0, 0, 1, 1], True), ([0, 1, 1], False)):
        assert predict_deep_one_hot(labels, 0.05, 5).applicable is applies
        assert predict_deep_one_hot(labels, 0.05, 3).applicable


def test_graph_networks_need_three_nodes_and_layers():
    with pytest.raises(rx.RelucvxError, match="nodes"):
        edge_class_network(2, 0.1, 5)
    with pytest.raises(rx.RelucvxError, match="depth"):
        edge_class_network(4, 0.1, 2)


def test_trained_deep_relu_networks_do_not_beat_the_one_hot_optimum():
    D = class_labels((2, 2), rng=0)
    found = predict_deep_one_hot(D.labels, 0.1, 3, D.X)
    value, net = trained(D.X, D.Y, 0.1, 3, "relu", seeds=10, width=8)
    assert value >= found.objective - 1e-9
    assert value == pytest.approx(found.objective, abs=1e-6)
    assert kernel_distance(representation_kernel(net, D.X), found.kernel) < 1e-3


def test_zero_network_from_beta_max_on():
    for depth in (2, 3, 5):
        limit = predict_deep_linear(Y, 0.1, depth).beta_max
        above, below = (predict_deep_linear(Y, f * limit, depth) for f in (1 + 1e-6, 1 - 1e-3))
        assert not above.kernel.any()
        assert above.objective == pytest.approx((Y**2).sum() / 2)
        assert below.kernel.any()
        assert below.objective < above.objective


def test_a_tie_is_not_unique():
    one = np.array([[1.0], [0.0]])
    limit = float(scalar_threshold(np.ones(1), 3)[0])
    found = predict_deep_linear(one, limit, 3)
    assert found.unique is False
    assert "keeping and killing" in found.note
    assert predict_deep_linear(one, 0.9 * limit, 3).unique


def test_minority_collapse_and_failed_conditions():
    assert "1 of 2 classes vanish" in predict_deep_one_hot([0, 1, 1, 1, 1], 0.6, 3).note
    found = predict_deep_one_hot([[0.5, 0.5], [1.0, 0.0]], 0.1, 3)
    assert not found.conditions["one-hot rows"]
    assert found.kernels == ()
    assert not predict_deep_linear(Y, 0.1, 3, 2 * X).applicable


@pytest.mark.parametrize("depth", [1, 2.5, True, "3"])
def test_errors(depth):
    for call in (predict_deep_linear, predict_deep_one_hot):
        with pytest.raises(rx.RelucvxError, match="depth, the number of weight matrices"):
            call(np.eye(2), 0.1, depth)
