"""The scale of a problem: a floor under beta_max that holds, and one warning at every door."""

import dataclasses
import itertools
import warnings

import numpy as np
import pytest

import relucvx as rx
from relucvx.certificate import beta_max_interval
from relucvx.program.scale import LEAST_SHARE, beta_max_floor, beta_share, findings, share_text, warned_of_scale

RNG = np.random.default_rng(0)
X = RNG.standard_normal((7, 2))
LOSSES = ("squared", "logistic", "hinge", "squared_hinge", "huber", "cross_entropy")


def said_of(problem):
    """What is said of a problem's strength."""
    return share_text(problem.beta, beta_share(problem))


@pytest.mark.parametrize(("loss", "bias"), list(itertools.product(LOSSES, ("none", "hidden", "all", "free"))))
def test_the_floor_is_below_beta_max(loss, bias):
    """Against the certified interval; where a direction is found at all it is most of it."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rows = rng.standard_normal((7, 2)) * [1.0, 3.0**seed]
        y = rng.choice([-1.0, 1.0], 7) if loss != "cross_entropy" else np.eye(3)[[0, 1, 2, 0, 1, 2, 0]]
        y = rng.standard_normal((7, 2)) if loss in ("squared", "huber") else y
        y[0] = -y[1] if loss in ("logistic", "hinge", "squared_hinge") else y[0]
        problem = rx.make_problem(rows, y, 0.1, loss, bias)
        floor, (_, hi) = beta_max_floor(problem), beta_max_interval(problem, time_limit=5.0)
        assert 0.0 <= floor <= hi * (1 + 1e-9)
        if not (loss == "hinge" and bias in ("free", "all")):
            assert floor >= 0.3 * hi
            assert beta_share(problem) >= 0.1 / hi * (1 - 1e-9)


def test_symmetric_data_and_other_activations_have_a_floor():
    assert beta_max_floor(rx.make_problem([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], 1.0)) == pytest.approx(
        5.0
    )
    for activation in ("leaky_relu", "abs", "linear"):
        problem = rx.make_problem(X, X[:, 0], 1.0, activation=activation)
        assert beta_max_floor(problem) <= beta_max_interval(problem)[1] * (1 + 1e-9)
    bags = rx.make_problem(RNG.standard_normal((5, 3, 2)), RNG.standard_normal(5), 1.0, pooling="mean")
    assert 0 < beta_max_floor(bags) <= beta_max_interval(bags)[1] * (1 + 1e-9)
    assert beta_max_floor(rx.make_problem(X, np.zeros(7), 1.0)) == 0.0


def test_units_do_not_matter_to_the_share():
    for scale in (1e-20, 1e20):
        problem = rx.make_problem(X * scale, X[:, 0], 0.1 * scale)
        assert beta_share(problem) == pytest.approx(beta_share(rx.make_problem(X, X[:, 0], 0.1)))


def test_what_is_found():
    assert findings(rx.make_problem(X, X[:, 0], 0.1), 0.1) == {}
    floor = beta_max_floor(rx.make_problem(X, X[:, 0], 0.1))
    for share, kinds in ((0.9 * LEAST_SHARE, {"beta"}), (1.1 * LEAST_SHARE, set())):
        assert set(findings(rx.make_problem(X, X[:, 0], 1.0), share * floor)) == kinds
    wide = np.column_stack([X, np.zeros(7), np.full(7, 2e5)])
    assert "column 3: up to 2e+05" in findings(rx.make_problem(wide, X[:, 0], 0.1), None)["columns"]
    assert "at most" in said_of(rx.make_problem(X, X[:, 0], 0.1 * floor))
    assert "or above" in said_of(rx.make_problem(X, X[:, 0], 2 * floor))
    kinked = rx.make_problem([[0.0], [-3.0], [3.0]], [1.0, 1.0, -1.0], 0.1, loss="hinge", bias="free")
    assert said_of(kinked) == "beta = 0.1"


BAD = np.column_stack([X[:, 0], 1e6 * X[:, 1]])
NETWORK = rx.TwoLayerReLU([[1.0, 0.0]], [1.0])
DOORS = {
    "solve": lambda beta: rx.solve(BAD, X[:, 0], beta, time_limit=0.5),
    "certify": lambda beta: rx.certify(NETWORK, BAD, X[:, 0], beta, time_limit=0.5),
    "path": lambda beta: list(rx.beta_path(BAD, X[:, 0], [10.0, beta], time_limit=0.5)),
    "band": lambda beta: rx.beta_band(BAD, X[:, 0], beta, 2 * beta, tol=0.5, time_limit=0.5),
    "train": lambda beta: rx.train(BAD, X[:, 0], beta, width=2, seeds=[0], max_steps=1),
    "compare": lambda beta: rx.compare(BAD, X[:, 0], beta, runs=[NETWORK], time_limit=0.5),
    "problem": lambda beta: rx.solve(rx.make_problem(BAD, X[:, 0], beta), time_limit=0.5),
}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_warns_once_and_names_the_callers_line(door):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        DOORS[door](1e-3)
    said = [w for w in said if w.category is rx.ScaleWarning]
    assert len(said) == 1
    assert "columns of X differ in size by 5e+05" in str(said[0].message)
    assert "beta = 0.001 is" in str(said[0].message)
    assert "standardize_columns(X)[0] and beta = 0.02" in str(said[0].message)
    assert said[0].filename == __file__


def test_doors_without_a_strength_look_at_columns_only():
    for call in (lambda: rx.beta_max(BAD, X[:, 0]), lambda: rx.interpolate(BAD[:2], X[:2, 0])):
        with pytest.warns(rx.ScaleWarning, match="columns") as said:
            call()
        assert "beta = 1" not in str(said[0].message)


def test_a_problem_is_said_once_and_another_strength_again():
    problem = rx.make_problem(X, X[:, 0], 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warned_of_scale(problem, 1.0)
    with pytest.warns(rx.ScaleWarning):
        warned_of_scale(dataclasses.replace(problem, beta=1e-9), 1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warned_of_scale(dataclasses.replace(problem, beta=1e-10), 1e-10)


def test_solutions_say_it():
    sol = rx.solve(X, X[:, 0], 0.5)
    assert said_of(sol.problem) in str(sol).splitlines()
    assert "of beta_max" not in str(rx.interpolate(X[:2], X[:2, 0]))
