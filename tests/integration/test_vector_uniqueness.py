"""UNIQUE with several outputs: no other optimum from other starts, none where one is planted, and none for rough solutions."""

import numpy as np
import pytest

import relucvx as rx

UNIQUE, NOT_UNIQUE = rx.Uniqueness.UNIQUE, rx.Uniqueness.NOT_UNIQUE
BIASES = ("none", "hidden", "all")


def random_problem(rng, bias):
    n, d, c = int(rng.integers(8, 15)), int(rng.integers(2, 4)), int(rng.integers(2, 4))
    X, Y = rng.standard_normal((n, d)), rng.standard_normal((n, c))
    beta = float(rng.uniform(0.15, 0.5)) * rx.beta_max(X, Y, bias=bias)[1]
    return rx.make_problem(X, Y, beta, bias=bias)


def neurons(network):
    """Unit directions with their output vectors, neuron by neuron."""
    W = network.lifted_in
    size = np.linalg.norm(W, axis=1)
    return W[size > 0] / size[size > 0, None], network.weights_out[size > 0] * size[size > 0, None]


def assert_same_optimum(found, network, tol=1e-3):
    """The network's neurons, those of one direction together, are those of the optimum found."""
    W, V = neurons(network)
    total = np.zeros_like(found.signs)
    for w, v in zip(W, V, strict=True):
        nearest = int(np.argmax(found.directions @ w))
        if np.linalg.norm(v) > tol and np.linalg.norm(found.directions[nearest] - w) > tol:
            raise AssertionError(
                f"a neuron {np.linalg.norm(found.directions[nearest] - w):.2g} from every direction named"
            )
        total[nearest] += v
    off = np.abs(total - found.coefficients[:, None] * found.signs).max()
    if off > tol * found.coefficients.max():
        raise AssertionError(f"output weights are {off:.2g} off")


def perturbed(rng, network):
    """The network with noise on its weights, and a few neurons more."""
    W = np.vstack([network.weights_in, 0.3 * rng.standard_normal((2, network.weights_in.shape[1]))])
    V = np.vstack([network.weights_out, 0.3 * rng.standard_normal((2, network.weights_out.shape[1]))])
    W, V = W + 0.2 * rng.standard_normal(W.shape), V + 0.2 * rng.standard_normal(V.shape)
    b = None if network.bias_in is None else rng.standard_normal(len(W)) * 0.2
    return rx.TwoLayerReLU(W, V, b, network.bias_out)


def check_random(count, solves, seed):
    """Draw problems until ``count`` are UNIQUE; each is solved again from perturbed starts. Returns how many were drawn."""
    rng, unique, drawn = np.random.default_rng(seed), 0, 0
    while unique < count:
        drawn += 1
        problem = random_problem(rng, BIASES[drawn % 3])
        solution = rx.solve(problem, tol=1e-11)
        found = rx.optimal_set(solution)
        if found.verdict is not UNIQUE:
            continue
        unique += 1
        for k in range(solves):
            again = rx.solve(problem, tol=1e-10, start=perturbed(rng, solution.network), rng=k)
            assert_same_optimum(found, again.network)
    return drawn


def planted(rng, polygons=0.5):
    """A problem with two optima that are known: a polygon with equal targets along one output vector, or factorial labels."""
    if rng.random() < polygons:
        n = int(rng.integers(4, 8))
        angle = 2 * np.pi * np.arange(n) / n + rng.uniform(0, 2 * np.pi)
        v = rng.standard_normal(int(rng.integers(2, 4)))
        X = rng.uniform(0.5, 2.0) * np.column_stack([np.cos(angle), np.sin(angle)])
        Y = np.outer(np.ones(n), v / np.linalg.norm(v))
    else:
        data = rx.datasets.factorial(2, 1, x0=float(rng.uniform(0.5, 2.0)), rng=rng)
        X, Y = data.X, data.Y
    return rx.make_problem(X, Y, float(rng.uniform(0.1, 0.5)) * rx.beta_max(X, Y)[1])


def check_planted(count, seed, polygons=0.5):
    """Verdicts on planted problems; none may be UNIQUE."""
    rng, verdicts = np.random.default_rng(seed), []
    for _ in range(count):
        found = rx.optimal_set(rx.solve(planted(rng, polygons), tol=1e-11))
        assert found.verdict is not UNIQUE, found.reason
        verdicts.append(found.verdict)
    return verdicts


def test_a_unique_optimum_is_found_from_other_starts():
    assert check_random(1, 3, 0) >= 1


def test_a_planted_second_optimum_is_never_overlooked():
    assert NOT_UNIQUE in check_planted(2, 1, polygons=1.0)


def test_another_optimum_would_be_noticed():
    problem = random_problem(np.random.default_rng(0), "none")
    found = rx.optimal_set(rx.solve(problem, tol=1e-11))
    net = found.network
    with pytest.raises(AssertionError, match="from every direction"):
        assert_same_optimum(found, rx.TwoLayerReLU(-net.weights_in, net.weights_out))
    with pytest.raises(AssertionError, match="output weights"):
        assert_same_optimum(found, rx.TwoLayerReLU(net.weights_in, 1.1 * net.weights_out))


@pytest.mark.slow
def test_twenty_unique_optima_and_two_hundred_perturbed_solves():
    drawn = check_random(20, 10, 100)
    assert drawn <= 30


@pytest.mark.slow
def test_fifty_planted_second_optima():
    verdicts = check_planted(50, 200)
    assert verdicts.count(NOT_UNIQUE) >= 40


@pytest.mark.slow
def test_rough_solutions_are_within_what_they_say():
    """A verdict on a rough solution holds for the optimum: its directions are within the distance named, none is missing."""
    rng, unique = np.random.default_rng(300), 0
    for k in range(21):
        problem = random_problem(rng, BIASES[k % 3])
        exact, rough = rx.solve(problem, tol=1e-11), rx.solve(problem, tol=(1e-7, 1e-8, 1e-9)[k % 3])
        found, best = rx.optimal_set(rough), rx.optimal_set(exact)
        assert {found.verdict, best.verdict} != {UNIQUE, NOT_UNIQUE}
        if found.complete and best.verdict is UNIQUE:
            unique += found.verdict is UNIQUE
            used = best.directions[best.coefficients > 1e-6 * best.coefficients.max()]
            apart = np.linalg.norm(used[:, None] - found.directions, axis=2)
            nearest = apart.argmin(axis=1)
            assert (apart.min(axis=1) <= found.within[nearest] + best.within.max()).all()
    assert unique >= 3
