"""Strengths convert so that objectives are multiples of each other."""

import itertools

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.program.conventions import (
    from_mean_loss,
    from_mean_squared_error,
    from_sklearn_alpha,
    from_sum_of_squares,
    from_torch_weight_decay,
    to_mean_loss,
    to_sklearn_alpha,
    to_torch_weight_decay,
)
from relucvx.program.objective import fit, objective
from relucvx.program.posing import make_problem

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 2)), RNG.normal(size=(6, 3))


def ours(beta, net):
    return objective(make_problem(X, Y, beta), net)


@pytest.mark.parametrize("seed", range(3))
def test_objectives_are_proportional(seed):
    rng = np.random.default_rng(seed)
    net = TwoLayerReLU(rng.normal(size=(4, 2)), rng.normal(size=(4, 3)))
    R = fit(make_problem(X, Y, 1.0), net) - Y
    squares, decay = float(np.sum(R**2)), float(np.sum(net.weights_in**2) + np.sum(net.weights_out**2))
    s, n = 0.07, 6
    assert ours(from_mean_loss(s, n), net) == pytest.approx(n * (squares / (2 * n) + s / 2 * decay))
    assert ours(from_mean_squared_error(s, n), net) == pytest.approx(n / 2 * (squares / n + s * decay))
    assert ours(from_sum_of_squares(s), net) == pytest.approx((squares + s * decay) / 2)
    mse = squares / (3 * n) + s / 2 * decay  # torch.nn.MSELoss and weight_decay = s
    assert ours(from_torch_weight_decay(s, 3 * n), net) == pytest.approx(3 * n / 2 * mse)
    assert ours(from_torch_weight_decay(s, n, "sum"), net) == pytest.approx((squares + s / 2 * decay) / 2)
    halved = squares / (2 * n) + s / 2 * decay
    assert ours(from_torch_weight_decay(s, n, halved=True), net) == pytest.approx(n * halved)
    assert to_mean_loss(from_mean_loss(s, n), n) == pytest.approx(s)


def test_bad_values():
    for function in (from_mean_loss, to_mean_loss, from_mean_squared_error, from_torch_weight_decay):
        with pytest.raises(InvalidInputError, match="a finite number > 0"):
            function(-1.0, 5)
        for n in (0, 2.5, True):
            with pytest.raises(InvalidInputError, match="n, the number of samples, to be an int >= 1"):
                function(1.0, n)
    with pytest.raises(InvalidInputError, match="lam to be a finite number > 0"):
        from_sum_of_squares(0.0)
    with pytest.raises(InvalidInputError, match='reduction "mean" or "sum"; received \'none\''):
        from_torch_weight_decay(0.1, 5, "none")


def test_alphas_of_scikit_learn():
    assert from_sklearn_alpha(0.3, 7) == 0.3
    assert from_sklearn_alpha(0.3, 100, "auto") == pytest.approx(0.3)
    assert from_sklearn_alpha(0.3, 600, 200) == pytest.approx(0.9)
    assert from_sklearn_alpha(0.3, 5, 2) == pytest.approx(0.3 * 5 / 3 * (1 / 2 + 1 / 2 + 1 / 1))
    for n, batch in ((7, None), (450, "auto"), (10, 3), (3, 10)):
        assert to_sklearn_alpha(from_sklearn_alpha(0.3, n, batch), n, batch) == pytest.approx(0.3)
    for reduction, halved in (("mean", True), ("mean", False), ("sum", False)):
        there = from_torch_weight_decay(0.3, 9, reduction, halved)
        assert to_torch_weight_decay(there, 9, reduction, halved) == pytest.approx(0.3)
    for batch in (0, 2.5, "some", True):
        with pytest.raises(InvalidInputError, match="batch_size to be an int >= 1"):
            from_sklearn_alpha(0.3, 9, batch)
    with pytest.raises(InvalidInputError, match="halved to be True or False"):
        to_torch_weight_decay(0.3, 9, "mean", None)


def test_an_epoch_in_batches_has_the_mean_gradient_of_the_strength():
    """Exactly: over all ways to deal 5 samples into batches of 2, 2 and 1, of the objective that each batch is told."""
    net = TwoLayerReLU(RNG.normal(size=(4, 2)), RNG.normal(size=(4, 3)))
    alpha, decay = 0.3, 0.5 * float((net.weights_in**2).sum() + (net.weights_out**2).sum())
    one = [float(((net.predict(X[[i]]) - Y[i]) ** 2).sum()) / 2 for i in range(5)]
    told = [
        sum(one[i] for i in batch) / len(batch) + alpha / len(batch) * decay
        for order in itertools.permutations(range(5))
        for batch in (order[:2], order[2:4], order[4:])
    ]
    assert 5 * np.mean(told) == pytest.approx(sum(one) + from_sklearn_alpha(alpha, 5, 2) * decay)
