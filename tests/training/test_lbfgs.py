"""Batched L-BFGS: independence of the runs, the compact form against the recursion, and functions with known minima."""

import numpy as np
import pytest

from relucvx.training.lbfgs import MEMORY, BatchedLBFGS

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)


def quadratic(count, size, condition=100.0):
    scales = torch.tensor(np.geomspace(1.0, condition, size))
    centres = torch.tensor(RNG.standard_normal((count, size)))

    def evaluate(theta, start=None):
        difference = theta - centres[: len(theta)]
        return 0.5 * (scales * difference**2).sum(1), scales * difference

    return evaluate, centres


def rosenbrock(theta):
    x, y = theta[:, 0], theta[:, 1]
    value = 100 * (y - x**2) ** 2 + (1 - x) ** 2
    dx = -400 * x * (y - x**2) - 2 * (1 - x)
    return value, torch.stack([dx, 200 * (y - x**2)], 1)


def two_loops(pairs, grad):
    q, alphas = grad.copy(), []
    for s, y in reversed(pairs):
        alphas.append(s @ q / (s @ y))
        q -= alphas[-1] * y
    if pairs:
        s, y = pairs[-1]
        q *= (s @ y) / (y @ y)
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        q += (alpha - y @ q / (s @ y)) * s
    return -q


def test_direction_is_that_of_the_two_loop_recursion():
    evaluate, _ = quadratic(4, 25)
    state = BatchedLBFGS(torch.tensor(RNG.standard_normal((4, 25))), evaluate)
    pairs = [[] for _ in range(4)]
    for _ in range(2 * MEMORY + 6):
        before = state.theta.clone(), state.grads.clone()
        moved = state.advance()
        for k in range(4):
            if moved[k]:
                pairs[k].append(((state.theta - before[0])[k].numpy(), (state.grads - before[1])[k].numpy()))
                expected = two_loops(pairs[k][-MEMORY:], state.grads[k].numpy())
                np.testing.assert_allclose(
                    state.direction[k].numpy(), expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max()
                )
    assert min(len(found) for found in pairs) > MEMORY


def test_minima_to_rounding():
    evaluate, centres = quadratic(5, 30)
    state = BatchedLBFGS(torch.tensor(RNG.standard_normal((5, 30))), evaluate)
    for _ in range(200):
        state.advance()
    torch.testing.assert_close(state.theta, centres, atol=1e-12, rtol=1e-12)


def test_the_objective_never_rises_beyond_rounding():
    state = BatchedLBFGS(torch.tensor(3 * RNG.standard_normal((20, 2))), rosenbrock)
    last = state.values
    for _ in range(300):
        state.advance()
        assert (state.values <= last * (1 + 1e-14)).all()
        last = state.values
    torch.testing.assert_close(state.theta, torch.ones(20, 2, dtype=torch.float64), atol=1e-9, rtol=0)


def test_runs_do_not_see_each_other():
    starts = torch.tensor(3 * RNG.standard_normal((6, 2)))
    together = BatchedLBFGS(starts.clone(), rosenbrock)
    alone = BatchedLBFGS(starts[2:3].clone(), rosenbrock)
    for k in range(12):
        together.advance()
        alone.advance()
        if k == 5:
            together.keep(torch.tensor([2, 4]))
    torch.testing.assert_close(together.theta[0], alone.theta[0], rtol=1e-9, atol=1e-9)
    assert together.ids.tolist() == [2, 4]


def test_a_kink_ends_as_stalled():
    state = BatchedLBFGS(torch.tensor([[3.0, -2.0]]).double(), lambda t: (t.abs().sum(1), t.sign()))
    for _ in range(3000):
        state.advance()
        if state.stalled.all():
            break
    assert state.stalled.all()
    assert float(state.values) < 1e-6


def test_a_function_without_a_value_stalls_instead_of_looping():
    def broken(theta):
        far = (theta.abs().sum(1) > 1e-3) & (theta.abs().sum(1) < 0.999)
        return torch.where(far, torch.nan, theta.abs().sum(1)), torch.ones_like(theta)

    state = BatchedLBFGS(torch.ones(1, 1).double(), broken)
    for _ in range(3000):
        state.advance()
    assert state.stalled.all()
