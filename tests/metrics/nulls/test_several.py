"""Holm's correction against its definition, and what it must not do."""

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import holm


def rejected(p, level):
    """Step down as the definition says: the smallest against a/m, the next against a/(m - 1), until one fails."""
    out = np.zeros(len(p), dtype=bool)
    for step, at in enumerate(np.argsort(p, kind="stable")):
        if p[at] > level / (len(p) - step):
            break
        out[at] = True
    return out


@pytest.mark.parametrize("level", [0.05, 0.2])
def test_it_rejects_what_the_step_down_does(level):
    rng = np.random.default_rng(0)
    for _ in range(60):
        p = np.round(rng.random(rng.integers(1, 8)) ** 2, 2) + 1e-4
        np.testing.assert_array_equal(holm(np.minimum(p, 1)) <= level, rejected(np.minimum(p, 1), level))


def test_one_test_and_tests_that_were_not_made_cost_nothing():
    assert holm([0.03]).tolist() == [0.03]
    np.testing.assert_array_equal(holm([0.01, np.nan, 0.03]), [0.02, np.nan, 0.03])
    assert len(holm(np.array([]))) == 0


def test_the_share_of_families_with_a_false_rejection_is_what_is_asked():
    p = np.random.default_rng(0).random((1500, 5))
    share = np.mean([(holm(row) <= 0.05).any() for row in p])
    assert abs(share - (1 - (1 - 0.01) ** 5)) < 0.017  # three standard errors


@pytest.mark.parametrize("p", [[0.1, 1.2], [-0.1], [[0.1]], ["a"]])
def test_refusals(p):
    with pytest.raises(InvalidInputError, match="p_values"):
        holm(p)
