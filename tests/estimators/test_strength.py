"""What "auto" and numbers stand for, and where nothing can be learnt."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.estimators.strength import as_beta
from relucvx.oracle.null_pull import searched_beta_max

RNG = np.random.default_rng(3)
X = RNG.standard_normal((12, 2))


@pytest.mark.parametrize("bias", ["all", "free"])
def test_where_nothing_can_be_learnt_any_strength_will_do(bias):
    problem = rx.make_problem(X, np.zeros(12), 1.0, bias=bias)
    assert as_beta("auto", 0.1, searched_beta_max(problem)) == 1.0


def test_what_beta_stands_for():
    assert as_beta(0.3, None, 7.0) == 0.3
    assert as_beta("auto", 0.1, 7.0) == pytest.approx(0.7)
    for beta in ("large", None, 0.0, -1.0, [1.0], np.array(["auto", "auto"])):
        with pytest.raises(InvalidInputError, match='beta="auto" for beta_fraction'):
            as_beta(beta, 0.1, 7.0)
    for fraction in (0.0, 1.0, "a lot", None):
        with pytest.raises(InvalidInputError, match="beta_fraction strictly between 0 and 1"):
            as_beta("auto", fraction, 7.0)
