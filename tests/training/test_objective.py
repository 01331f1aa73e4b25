"""The batched objective is the objective of the program, and its gradient is its derivative."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.losses import LOSSES
from relucvx.network import resolve_activation
from relucvx.program.objective import objective
from relucvx.training import BatchedObjective, Shape

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((7, 3))
LABELS = np.sign(RNG.standard_normal((7, 2)))
WEIGHT = np.arange(7.0)
ONE_HOT = np.eye(3)[[0, 1, 2, 0, 1, 2, 2]]
BIASES = ("none", "hidden", "all", "free")


def targets(loss):
    if loss == "cross_entropy":
        return ONE_HOT
    return 2 * RNG.standard_normal((7, 2)) if loss in ("squared", "huber") else LABELS


def setup(loss, bias, activation="relu", sizes=(5,), weight=WEIGHT, dtype=None, block=None):
    phi = resolve_activation(activation)
    piecewise = phi if hasattr(phi, "slope_neg") else "relu"
    problem = rx.make_problem(X, targets(loss), 0.3, loss, bias, piecewise, sample_weight=weight)
    shape = Shape((3, *sizes, problem.n_outputs), problem.bias)
    batched = BatchedObjective(problem, shape, phi, dtype or torch.float64, torch.device("cpu"))
    batched.block = block or batched.block
    theta = np.stack([shape.initial(seed, 1.0) for seed in range(3)])
    # output biases start at zero, where a wrong decay would not show
    return problem, batched, torch.tensor(theta + 0.1, dtype=batched.dtype)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs", "linear", (-0.3, 2.0), (2.0, 2.0)])
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("loss", list(LOSSES))
def test_value_is_the_program_s(loss, bias, activation):
    problem, batched, theta = setup(loss, bias, activation, block=2)
    expected = [objective(problem, batched.network(row)) for row in theta]
    np.testing.assert_allclose(batched.evaluate(theta)[0].numpy(), expected, rtol=1e-13)


@pytest.mark.parametrize("loss", list(LOSSES))
def test_value_without_weights_is_the_program_s(loss):
    problem, batched, theta = setup(loss, "all", weight=None)
    assert batched.weight is None
    expected = [objective(problem, batched.network(row)) for row in theta]
    np.testing.assert_allclose(batched.evaluate(theta)[0].numpy(), expected, rtol=1e-13)


def derivative(batched, theta, h=1e-6):
    out = torch.zeros_like(theta)
    for j in range(theta.shape[1]):
        step = torch.zeros_like(theta)
        step[:, j] = h
        out[:, j] = (batched.evaluate(theta + step)[0] - batched.evaluate(theta - step)[0]) / (2 * h)
    return out


@pytest.mark.parametrize("activation", ["relu", "abs", (-0.3, 2.0), "tanh", "gelu", "relu_squared"])
@pytest.mark.parametrize("sizes", [(5,), (4, 3)])
@pytest.mark.parametrize("bias", BIASES)
def test_gradient_by_finite_differences(bias, sizes, activation):
    _, batched, theta = setup("squared", bias, activation, sizes)
    gradient = batched.evaluate(theta)[1]
    torch.testing.assert_close(gradient, derivative(batched, theta), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("loss", list(LOSSES))
def test_gradient_of_every_loss_by_finite_differences(loss):
    _, batched, theta = setup(loss, "all", "linear")
    torch.testing.assert_close(batched.evaluate(theta)[1], derivative(batched, theta), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("activation", "sizes"), [("tanh", (5,)), ("relu", (4, 3)), ("linear", (4, 3, 2))])
@pytest.mark.parametrize("bias", BIASES)
def test_value_of_deep_and_smooth_networks_by_the_definition(bias, activation, sizes):
    problem, batched, theta = setup("squared", bias, activation, sizes)
    for row, value in zip(theta, batched.evaluate(theta)[0], strict=True):
        net = batched.network(row)
        decay = sum(np.sum(w**2) for w in net.weights)
        if bias in ("hidden", "all"):
            decay += sum(np.sum(b**2) for b in net.biases if b is not None)
        residual = net.predict(X) - problem.Y
        expected = 0.5 * np.sum(WEIGHT[:, None] * residual**2) + 0.15 * decay
        assert float(value) == pytest.approx(expected, rel=1e-13)
        biases = net.biases or (None,) * net.depth
        assert [b is not None for b in biases[:-1]] == [bias != "none"] * (net.depth - 1)
        assert (biases[-1] is not None) == (bias in ("all", "free"))


@pytest.mark.parametrize("sizes", [(5,), (4, 3)])
def test_minibatches_average_to_the_whole(sizes):
    _, batched, theta = setup("squared", "all", "relu", sizes)
    whole, gradient = batched.evaluate(theta)
    parts = [batched.evaluate(theta, torch.full((3, 1), i)) for i in range(7)]
    torch.testing.assert_close(sum(value for value, _ in parts) / 7, whole)
    torch.testing.assert_close(sum(grad for _, grad in parts) / 7, gradient)
    mixed = torch.tensor([[0, 1], [2, 3], [4, 4]])
    for k, rows in enumerate(mixed):
        alone = batched.evaluate(theta, rows.expand(3, 2))
        torch.testing.assert_close(batched.evaluate(theta, mixed)[0][k], alone[0][k])


def test_threads_change_nothing():
    _, batched, theta = setup("logistic", "all", block=1)
    threads = torch.get_num_threads()
    expected = batched.evaluate(theta)
    torch.set_num_threads(2)
    try:
        with batched.own_threads():
            assert torch.get_num_threads() == 1
            assert batched.pool is not None
            found = batched.evaluate(theta)
        assert torch.get_num_threads() == 2
        assert batched.pool is None
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_threads_are_left_alone_for_large_networks():
    _, batched, _ = setup("squared", "all")
    batched.small = False
    with batched.own_threads():
        assert batched.pool is None


def test_stationarity_is_scale_free_and_zero_counts_as_stationary():
    _, batched, theta = setup("squared", "none")
    _, grads = batched.evaluate(theta)
    ratio = batched.stationarity(theta, grads)
    assert ((ratio > 0) & (ratio <= 1)).all()
    zero = torch.zeros_like(theta)
    values, grads = batched.evaluate(zero)
    assert (batched.stationarity(zero, grads) == 0).all()
    assert batched.vanished(zero, values, grads).all()
    assert not batched.vanished(theta, *batched.evaluate(theta)).any()
    _, biased, theta = setup("squared", "all")
    assert not biased.vanished(0 * theta, *biased.evaluate(0 * theta)).any()
