"""Between strengths: never above what networks with the kernel cost, close to it, and found where it passes a threshold."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import relucvx as rx
from relucvx.theory.recordings.strengths import Along, Solved

Y = np.array([[1.0, 0.8], [1.0, -0.8], [-1.0, 0.8], [-1.0, -0.8]])
H = np.array([[1.0, 0.1], [0.9, 0.0], [0.0, 1.0], [0.2, 1.1]])  # by the first factor, nearly


def cost(K, beta):
    """Whitened inputs, activities that are not negative: the best scale of ridge read-out and trace, exactly."""
    values, vectors = np.linalg.eigh(K)
    squares = np.sum((vectors.T @ Y) ** 2, axis=1)

    def value(log):
        s = np.exp(log)
        return 0.5 * beta * (np.sum(squares / (beta + s * values)) + s * np.trace(K))

    return min(minimize_scalar(value, bounds=(-12, 12), method="bounded", options={"xatol": 1e-10}).fun, value(-40.0))


def along(betas, K=H @ H.T):
    """At strengths of inputs that have nothing in common."""
    solved = []
    for beta in betas:
        sol = rx.solve(np.eye(4), Y, beta, progress=False)
        solved.append(Solved(sol, rx.kernel_suboptimality(sol, K)))
    return Along(rx.make_problem(np.eye(4), Y, 1.0), solved)


@pytest.fixture(scope="module")
def band():
    """Three strengths over a decade."""
    return along([1.0, 0.1, 0.3])


def test_between_strengths_it_is_below_what_the_kernel_costs_and_close(band):
    known = band.excess(0.2), band.excess(0.6)
    for beta in (0.2, 0.6):
        assert band.blend(beta)
        assert not band.blend(beta)
        optimum = rx.solve(np.eye(4), Y, beta, progress=False).objective
        exact = cost(H @ H.T, beta) / optimum - 1.0
        assert known[beta > 0.3] <= band.excess(beta) <= exact
        assert band.excess(beta) == pytest.approx(exact, abs=0.01)
        # a chord of what was proven at the strengths would lose more
        k = 1 if beta > 0.3 else 0
        left, right = band.solved[k], band.solved[k + 1]
        t = (beta - left.beta) / (right.beta - left.beta)
        chord = ((1 - t) * left.cost.lower + t * right.cost.lower) / optimum - 1.0
        assert chord < band.excess(beta) - 0.005


def test_the_weakest_strength_is_the_weakest_of_all(band):
    at, least = band.weakest()
    assert band.excess(at) == least
    assert all(band.excess(beta) >= least for beta in np.geomspace(0.1, 1.0, 101))


def test_the_strengths_above_a_threshold_are_those_above_it(band):
    threshold = 0.5 * (band.excess(0.1) + band.excess(1.0))
    intervals = band.above(threshold)
    for beta in np.geomspace(0.1, 1.0, 101):
        inside = any(low <= beta <= high for low, high in intervals)
        assert inside == (band.excess(beta) > threshold)
    assert band.above(-1.0) == ((0.1, 1.0),)
    assert band.above(10.0) == ()


def test_one_strength_is_a_band_of_its_own_and_more_prove_more():
    one = along([0.3])
    assert one.weakest() == (0.3, one.solved[0].cost.relative)
    assert one.above(0.0) == ((0.3, 0.3),)
    two = along([0.1, 1.0])
    before = two.weakest()
    # least is known in between, and a search over many strengths finds none where it is less
    assert 0.1 < before[0] < 1.0
    assert before[1] == pytest.approx(min(two.excess(beta) for beta in np.linspace(0.1, 1.0, 1001)), abs=1e-3)
    assert all(two.excess(beta) >= before[1] for beta in np.linspace(0.1, 1.0, 1001))
    two.add(one.solved[0])
    assert two.weakest()[1] > before[1]
