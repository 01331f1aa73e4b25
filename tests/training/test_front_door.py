"""Training end to end: batched against one by one, closed forms, stationary points, stopping, history, bad inputs."""

import time

import numpy as np
import pytest

import relucvx as rx
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError, UnsupportedError
from relucvx.network import TwoLayerReLU
from relucvx.program.objective import objective, stationarity
from relucvx.program.posing import ProblemOptions
from relucvx.training import RunStatus
from relucvx.training.front_door import TrainingOptions

RNG = np.random.default_rng(0)
X = RNG.standard_normal((12, 3))
Y = RNG.standard_normal((12, 2))
# a planted teacher: its optima have no sample on a kink, those of noise (Y) do
TEACHER = np.maximum(X @ RNG.standard_normal((3, 2)), 0) @ RNG.standard_normal((2, 2))


def whitened(n, d, c):
    Q = np.linalg.qr(RNG.standard_normal((d, n)))[0].T
    return Q, RNG.standard_normal((n, c))


@pytest.mark.parametrize("bias", ["none", "hidden", "all", "free"])
def test_objective_is_that_of_the_returned_network(bias):
    problem = rx.make_problem(X, Y, 0.3, bias=bias)
    for dtype in ("float64", "float32"):
        for run in rx.train(X, Y, 0.3, width=5, seeds=range(3), bias=bias, dtype=dtype, max_steps=20):
            assert isinstance(run.network, TwoLayerReLU)
            assert run.objective == pytest.approx(objective(problem, run.network), rel=1e-13)


@pytest.mark.parametrize("bias", ["none", "all"])
def test_stationary_points_are_balanced_and_stationary_for_the_program(bias):
    runs = rx.train(X, TEACHER, 1.0, width=8, seeds=range(8), bias=bias, tol=1e-12)
    assert {run.status for run in runs} == {RunStatus.STATIONARY}
    for run in runs:
        net = run.network
        inner, outer = net.input_norms(), net.output_norms()
        np.testing.assert_allclose(inner, outer, atol=1e-8)
        assert run.stationarity <= 1.1e-12
        assert stationarity(rx.make_problem(X, TEACHER, 1.0, bias=bias), net) <= 1e-11


def deep_linear(sigma, beta, depth):
    """Minimum and minimiser of (s - sigma)²/2 + beta L/2 s^(2/L) over s >= 0, on a fine grid and then by Newton."""
    s = np.linspace(0, sigma, 400_001)
    f = 0.5 * (s - sigma) ** 2 + 0.5 * beta * depth * s ** (2 / depth)
    at = s[np.argmin(f)]
    for _ in range(50 if at > 0 else 0):
        slope = at - sigma + beta * at ** (2 / depth - 1)
        at -= slope / (1 + beta * (2 / depth - 1) * at ** (2 / depth - 2))
    return 0.5 * (at - sigma) ** 2 + 0.5 * beta * depth * at ** (2 / depth), at


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_deep_linear_networks_reach_the_closed_form(depth):
    Q, T = whitened(4, 5, 3)
    A, sigma, _ = np.linalg.svd(T, full_matrices=False)
    beta = 0.2
    minima, values = zip(*(deep_linear(s, beta, depth) for s in sigma), strict=True)
    runs = rx.train(Q, T, beta, width=6, depth=depth, activation="linear", seeds=range(12), tol=1e-12, init_scale=0.8)
    best = runs.best
    assert best.objective == pytest.approx(sum(minima), rel=1e-6)
    assert runs.objectives.min() >= sum(minima) * (1 - 1e-9)
    hidden = [best.network.hidden(Q)] if depth == 2 else best.network.hidden(Q)
    for layer, H in enumerate(hidden, start=1):
        expected = (A * np.array(values) ** (2 * layer / depth)) @ A.T
        np.testing.assert_allclose(H @ H.T, expected, atol=1e-6)
    if depth > 2:
        np.testing.assert_allclose([np.linalg.norm(w) for w in best.network.weights], best_norm(best), rtol=1e-6)


def best_norm(run):
    return np.linalg.norm(run.network.weights[0])


def test_trained_networks_stay_above_the_certified_optimum():
    y = TEACHER[:, 1]
    solution = rx.solve(X, y, 0.5)
    runs = rx.train(X, y, 0.5, width=20, seeds=range(10), p_star=solution.objective)
    lower = solution.certificate.lower
    assert (runs.objectives >= lower * (1 - 1e-12)).all()
    assert runs.best.objective <= solution.objective * (1 + 1e-8)
    assert runs.best.network.predict(X).shape == (12,)
    history = runs.best.history
    np.testing.assert_allclose(history["gap"], history["objective"] - solution.objective)
    np.testing.assert_allclose(history["rel_gap"], history["gap"] / history["objective"])
    assert runs.share_within(runs.best.objective) >= 1 / 10
    noisy = rx.train(X, Y[:, 0], 1.0, width=6, seeds=range(3), max_steps=150)
    assert (noisy.objectives >= rx.solve(X, Y[:, 0], 1.0).certificate.lower * (1 - 1e-12)).all()


def test_beyond_beta_max_networks_vanish():
    upper = rx.beta_max(X, Y[:, 0])[1]
    runs = rx.train(X, Y[:, 0], 1.5 * upper, width=4, seeds=range(3), max_steps=5000)
    assert {run.status for run in runs} == {RunStatus.STATIONARY}
    np.testing.assert_allclose(runs.objectives, 0.5 * np.sum(Y[:, 0] ** 2), rtol=1e-9)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_callback_and_interruption(optimizer):
    seen = []

    def stop(state):
        seen.append(state)
        return state.step >= 20

    options = {"width": 5, "seeds": range(3), "optimizer": optimizer}
    runs = rx.train(X, Y, 0.01, callback=stop, **options)
    assert runs[0].status is RunStatus.INTERRUPTED
    assert len(runs) == 3
    assert seen[-1].step >= 20
    assert seen[-1].active == 3
    assert runs[0].objective < runs[0].history["objective"][0]

    def interrupt(state):
        if state.step >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        rx.train(X, Y, 0.01, callback=interrupt, **options)
    runs = stopped.value.result
    assert len(runs) == 3
    assert runs[0].status is RunStatus.INTERRUPTED
    assert runs[0].objective < runs[0].history["objective"][0]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam", "sgd"])
def test_a_time_limit_holds_for_all_seeds_together(optimizer):
    def slow(state):
        time.sleep(0.05)

    options = {"max_steps": 100_000, "tol": 0.0, "callback": slow, "record_every": 1}
    began = time.perf_counter()
    runs = rx.train(X, Y, 0.01, width=5, seeds=range(3), optimizer=optimizer, time_limit=0.5, **options)
    assert time.perf_counter() - began < 5.0
    assert RunStatus.TIME_LIMIT in [run.status for run in runs]
    assert len(runs) == 3
    assert all(run.objective < run.history["objective"][0] for run in runs)
    with pytest.raises(rx.RelucvxError, match="time_limit to be a finite number > 0"):
        rx.train(X, Y, 0.01, time_limit=0)


def test_a_deadline_that_has_passed_returns_the_start():
    runs = rx.train(X, Y, 0.01, width=5, seeds=range(2), time_limit=Deadline(0.0))
    assert [run.status for run in runs] == [RunStatus.TIME_LIMIT] * 2
    assert [run.steps for run in runs] == [0, 0]


def test_default_rates_descend():
    for optimizer in ("gd", "sgd"):
        for options in (
            {},
            {"depth": 4, "activation": "linear"},
            {"init_scale": 3.0},
            {"loss": "squared", "bias": "all"},
        ):
            runs = rx.train(10 * X, Y, 0.1, width=10, seeds=range(3), optimizer=optimizer, max_steps=300, **options)
            for run in runs:
                assert run.status is not RunStatus.DIVERGED
                assert run.objective < run.history["objective"][0]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"optimizer": "adagrad"},
            InvalidInputError,
            "among lbfgs, adam, gd, sgd, or an object.*received 'adagrad'",
        ),
        ({"dtype": "float16"}, InvalidInputError, "dtype float64 or float32; received 'float16'"),
        ({"optimizer": "gd", "momentum": 1.0}, InvalidInputError, r"momentum in \[0, 1\); received 1.0"),
        ({"learning_rate": 0.0, "optimizer": "gd"}, InvalidInputError, "learning_rate to be a finite number > 0"),
        ({"init_scale": 0}, InvalidInputError, "init_scale to be a finite number > 0.*stationary point"),
        ({"tol": -1}, InvalidInputError, "tol to be a finite number >= 0"),
        ({"max_steps": -1}, InvalidInputError, "max_steps to be an int >= 0; received -1"),
        ({"record_every": 0}, InvalidInputError, "record_every to be an int >= 1"),
        ({"depth": 1}, InvalidInputError, "depth to be an int >= 2; received 1"),
        ({"width": 0}, InvalidInputError, "width to be an int >= 1; received 0"),
        ({"width": (4, 3)}, InvalidInputError, "1 hidden widths for depth 2; received 2; try: depth=3"),
        ({"seeds": 3}, InvalidInputError, "seeds to be a sequence of ints"),
        ({"seeds": []}, InvalidInputError, "at least one seed, each once; received 0 seeds"),
        ({"seeds": [1, 1]}, InvalidInputError, "each once; received 2 seeds, 1 distinct"),
        ({"seeds": [-1]}, InvalidInputError, "every seed to be an int >= 0"),
        ({"batch_size": 4}, UnsupportedError, "no batch_size with lbfgs"),
        ({"batch_size": 13, "optimizer": "sgd"}, InvalidInputError, "batch_size of at most n = 12; received 13"),
        ({"device": "abacus"}, InvalidInputError, "a torch device of this machine; received 'abacus'"),
        ({"optimizer": "sgd", "schedule": "linear"}, InvalidInputError, "a schedule among"),
        ({"activation": "sine"}, InvalidInputError, "an activation among relu.*tanh"),
        ({"bias": "output"}, InvalidInputError, "a bias mode among"),
    ],
)
def test_refusals(options, error, message):
    with pytest.raises(error, match=message):
        rx.train(X, Y, 0.3, **options)


def test_every_option_of_a_problem_is_one_of_training():
    """A problem can be stated to ``train`` in the words of ``solve``."""
    assert set(ProblemOptions.__annotations__) <= set(TrainingOptions.__annotations__)
