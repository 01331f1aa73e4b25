"""The searched beta_max: inside or below the certified interval, in the units of the data."""

import dataclasses

import numpy as np
import pytest

import relucvx as rx
from relucvx.oracle.null_pull import searched_beta_max

RNG = np.random.default_rng(3)
X, Y = RNG.standard_normal((12, 2)), RNG.standard_normal(12)


@pytest.mark.parametrize("bias", ["none", "hidden", "free"])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_it_is_the_certified_beta_max_in_few_dimensions(bias, loss):
    problem = rx.make_problem(X, Y if loss == "squared" else np.sign(Y), 0.3, loss=loss, bias=bias)
    low, high = rx.beta_max(problem)
    # ascents can stall on a wall: what they find is a value that is attained, and near the largest
    assert 0.99 * low <= searched_beta_max(problem) <= high * (1 + 1e-9)


def test_of_a_decayed_output_bias_it_is_where_neurons_stop_to_pay():
    problem = rx.make_problem(X, Y + 2.0, 1.0, bias="all")
    beta = searched_beta_max(problem)
    assert rx.solve(dataclasses.replace(problem, beta=0.98 * beta)).network.width > 0
    assert rx.solve(dataclasses.replace(problem, beta=1.02 * beta)).network.width == 0


def test_it_has_the_units_of_the_data_and_hears_no_clock():
    problem = rx.make_problem(X, Y, 1.0, bias="free")
    scaled = rx.make_problem(8.0 * X + 3.0, 4.0 * Y - 5.0, 1.0, bias="free")
    assert searched_beta_max(scaled) == pytest.approx(32.0 * searched_beta_max(problem), rel=1e-6)
    assert searched_beta_max(problem) == searched_beta_max(dataclasses.replace(problem, beta=7.0))
