"""Strategies of hypothesis: what they draw is valid."""

import numpy as np
import pytest
from hypothesis import given

import relucvx as rx
from relucvx.errors import MissingPackageError
from relucvx.theory import registry, strategies


# ---------------------------------------------------------------------- strategies
@given(problem=strategies.problems())
def test_strategies_draw_valid_problems(problem):
    assert problem.n_samples <= 6
    assert problem.beta > 0
    assert np.array_equal(problem.X, np.round(2 * problem.X) / 2)


@given(data=strategies.problems(outputs=2).flatmap(lambda p: strategies.networks(p).map(lambda net: (p, net))))
def test_strategies_draw_networks_that_fit_their_problem(data):
    problem, net = data
    value = rx.program.objective.objective(problem, net)
    assert value >= 0
    assert net.width <= 4


@given(instance=strategies.instances("whitened-scalar", max_size=2))
def test_strategies_draw_instances_of_claims(instance):
    assert registry.claim("whitened-scalar").failing(instance) is None


def test_strategies_need_hypothesis(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "hypothesis", None)
    for strategy in (strategies.inputs, strategies.problems, lambda: strategies.instances("beta-max")):
        with pytest.raises(MissingPackageError, match=r"expected hypothesis to be installed.*pip install hypothesis"):
            strategy()
