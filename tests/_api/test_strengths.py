"""What shares of beta_max are of: a number that every machine finds."""

import numpy as np
import pytest

import relucvx as rx
from relucvx._api.strengths import scale_of


@pytest.mark.parametrize("seconds", [1e-9, 60.0])
def test_a_share_of_beta_max_does_not_say_how_busy_the_machine_was(seconds, monkeypatch):
    problem = rx.make_problem(rx.datasets.load("iris").X, rx.datasets.load("iris").Y, 1.0, bias="all")
    found = scale_of(problem)
    monkeypatch.setattr("relucvx._api.strengths.MOST_SECONDS", seconds)
    again = scale_of(problem)
    assert again.one == pytest.approx(found.one, rel=1e-6)
    assert again.top == pytest.approx(found.top, rel=1e-6)
    assert again.lower <= found.one <= again.upper
    assert (again.upper > 1.01 * again.lower) is (seconds < 1.0)


def test_where_the_interval_stays_open_the_share_is_of_what_a_search_finds(monkeypatch):
    problem = rx.make_problem(np.random.default_rng(0).standard_normal((30, 20)), np.arange(30.0), 1.0)
    monkeypatch.setattr("relucvx._api.strengths.LOOK_SECONDS", 0.05)
    found = [scale_of(problem) for _ in range(2)]
    assert found[0].one == found[1].one == found[0].top
    assert found[0].lower <= found[0].one < found[0].upper


@pytest.mark.parametrize("betas", [["a"], [0.0], [np.nan], []])
def test_a_path_refuses_strengths_before_it_is_walked(betas):
    with pytest.raises(rx.RelucvxError, match="beta"):
        rx.beta_path([[1.0], [2.0]], [1.0, 2.0], betas)
