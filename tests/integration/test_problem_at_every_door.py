"""A problem stated once opens every door, alone; the short form says the same."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.program.interpolation import InterpolationProgram

X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
Y = np.array([2.0, 1.0, 1.0, 2.0])
OPTIONS = {"bias": "hidden", "activation": (0.1, 1.0), "sample_weight": [1.0, 2.0, 1.0, 0.5]}
PROBLEM = rx.make_problem(X, Y, 0.3, **OPTIONS)
LIFTED = rx.enumerate_patterns(np.hstack([X, np.ones((4, 1))]))
NETWORK = rx.TwoLayerReLU([[1.0], [-1.0]], [1.0, 1.0], [0.1, 0.0], activation=PROBLEM.activation)
RUN = {"width": 3, "seeds": [0], "max_steps": 5}

DOORS = {
    "solve": (
        lambda: rx.solve(PROBLEM).objective,
        lambda: rx.solve(X, Y, 0.3, **OPTIONS).objective,
        lambda *a, **k: rx.solve(PROBLEM, *a, **k),
    ),
    "certify": (
        lambda: rx.certify(NETWORK, PROBLEM).lower,
        lambda: rx.certify(NETWORK, X, Y, 0.3, **OPTIONS).lower,
        lambda *a, **k: rx.certify(NETWORK, PROBLEM, *a, **k),
    ),
    "beta_max": (
        lambda: rx.beta_max(PROBLEM),
        lambda: rx.beta_max(X, Y, **OPTIONS),
        lambda *a, **k: rx.beta_max(PROBLEM, *a, **k),
    ),
    "beta_path": (
        lambda: [s.objective for s in rx.beta_path(PROBLEM, betas=[1.0, 0.1])],
        lambda: [s.objective for s in rx.beta_path(X, Y, [1.0, 0.1], **OPTIONS)],
        lambda *a, **k: next(rx.beta_path(PROBLEM, *a, betas=[1.0], **k)),
    ),
    "beta_band": (
        lambda: rx.beta_band(PROBLEM, lo=0.3, hi=1.0).lower([0.4, 0.9]).tolist(),
        lambda: rx.beta_band(X, Y, 0.3, 1.0, **OPTIONS).lower([0.4, 0.9]).tolist(),
        lambda *a, **k: rx.beta_band(PROBLEM, *a, lo=0.3, hi=1.0, **k),
    ),
    "interpolate": (
        lambda: rx.interpolate(PROBLEM).objective,
        lambda: rx.interpolate(X, Y, bias="hidden", activation=(0.1, 1.0)).objective,
        lambda *a, **k: rx.interpolate(PROBLEM, *a, **{n: v for n, v in k.items() if n == "bias"}),
    ),
    "train": (
        lambda: rx.train(PROBLEM, **RUN).objectives,
        lambda: rx.train(X, Y, 0.3, **OPTIONS, **RUN).objectives,
        lambda *a, **k: rx.train(PROBLEM, *a, **k, **RUN),
    ),
    "compare": (
        lambda: rx.compare(PROBLEM, [NETWORK]).table(),
        lambda: rx.compare(X, Y, 0.3, [NETWORK], **OPTIONS).table(),
        lambda *a, **k: rx.compare(PROBLEM, *a, runs=[NETWORK], **k),
    ),
    "ConvexProgram": (
        lambda: rx.ConvexProgram(PROBLEM, arrangement=LIFTED).problem.sample_weight,
        lambda: rx.ConvexProgram(X, Y, beta=0.3, arrangement=LIFTED, **OPTIONS).problem.sample_weight,
        lambda *a, **k: rx.ConvexProgram(PROBLEM, *a, arrangement=LIFTED, **k),
    ),
    "InterpolationProgram": (
        lambda: InterpolationProgram(PROBLEM, arrangement=LIFTED).problem.Y,
        lambda: InterpolationProgram(X, Y, arrangement=LIFTED, bias="hidden", activation=(0.1, 1.0)).problem.Y,
        lambda *a, **k: InterpolationProgram(PROBLEM, *a, arrangement=LIFTED, **k),
    ),
}


def comparable(value):
    """Without what differs from run to run: seconds."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [{k: v for k, v in row.items() if "seconds" not in k} for row in value]
    return value


@pytest.mark.parametrize("name", sorted(DOORS))
def test_a_problem_says_the_same_as_its_parts(name):
    whole, parts, _ = DOORS[name]
    np.testing.assert_equal(comparable(whole()), comparable(parts()))


@pytest.mark.parametrize("name", sorted(DOORS))
def test_a_problem_comes_alone(name):
    ask = DOORS[name][2]
    with pytest.raises(InvalidInputError, match=r"a Problem alone.*received a Problem and Y"):
        ask(Y)
    with pytest.raises(InvalidInputError, match=r"received a Problem and bias"):
        ask(bias="none")


def test_other_activations_are_trained_on_a_problem_s_data():
    smooth = rx.train(PROBLEM, activation="tanh", **RUN)
    assert smooth.objectives == rx.train(X, Y, 0.3, **{**OPTIONS, "activation": "tanh"}, **RUN).objectives


def test_what_is_missing_or_misspelt_is_said():
    with pytest.raises(InvalidInputError, match="received no Y"):
        rx.solve(X)
    with pytest.raises(InvalidInputError, match="received no beta"):
        rx.solve(X, Y)
    with pytest.raises(TypeError, match="unexpected keyword argument 'biass'; did you mean 'bias'"):
        rx.solve(X, Y, 0.1, biass="all")
    with pytest.raises(TypeError, match="unexpected keyword argument 'zzz'; options are"):
        rx.certify(NETWORK, X, Y, 0.1, zzz=1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'loss'"):
        rx.interpolate(X, Y, loss="hinge")
