"""Strengths convert so that objectives are multiples of each other."""

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.program.conventions import (
    from_mean_loss,
    from_mean_squared_error,
    from_sum_of_squares,
    from_torch_weight_decay,
    to_mean_loss,
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
