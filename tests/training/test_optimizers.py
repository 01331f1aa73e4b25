"""Optimizers as values, and by name with their settings."""

import numpy as np
import pytest
from training.test_front_door import X, Y

import relucvx as rx
from relucvx.errors import InvalidInputError, UnsupportedError
from relucvx.training import LBFGS, SGD, Adam, GradientDescent


def test_optimizers_are_values():
    problem = rx.make_problem(X, Y, 0.3)
    options = {"width": 4, "seeds": [0], "record_every": 10}
    for optimizer, name, settings in (
        (LBFGS(max_steps=20), "lbfgs", {"max_steps": 20}),
        (Adam(learning_rate=0.05, max_steps=20), "adam", {"learning_rate": 0.05, "max_steps": 20}),
        (Adam(batch_size=4, max_steps=20), "adam", {"batch_size": 4, "max_steps": 20}),
        (GradientDescent(momentum=0.5, max_steps=20), "gd", {"momentum": 0.5, "max_steps": 20}),
        (SGD(schedule="cosine", max_steps=20), "sgd", {"schedule": "cosine", "max_steps": 20}),
    ):  # fmt: skip
        by_value = rx.train(problem, optimizer=optimizer, **options)
        by_name = rx.train(X, Y, 0.3, optimizer=name, **settings, **options)
        np.testing.assert_array_equal(by_value.objectives, by_name.objectives)


def test_settings_that_an_optimizer_lacks_are_refused():
    with pytest.raises(UnsupportedError, match=r'no momentum with adam; received momentum=0.9; try: optimizer="gd" or'):
        rx.train(X, Y, 0.3, optimizer="adam", momentum=0.9)
    with pytest.raises(UnsupportedError, match=r"no learning_rate with lbfgs"):
        rx.train(X, Y, 0.3, learning_rate=0.1)
    with pytest.raises(InvalidInputError, match=r"settings inside Adam\(...\).*Adam\(learning_rate=0.1\)"):
        rx.train(X, Y, 0.3, optimizer=Adam(), learning_rate=0.1)
    for bad in ({"learning_rate": -1.0}, {"schedule": "never"}, {"batch_size": 0}, {"max_steps": -1}, {"tol": -1.0}):
        with pytest.raises(InvalidInputError):
            Adam(**bad)
    with pytest.raises(TypeError, match="'lerning_rate'; did you mean 'learning_rate'"):
        rx.train(X, Y, 0.3, optimizer="adam", lerning_rate=0.1)
