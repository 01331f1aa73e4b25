"""Everything with a row per sample is thinned together."""

import numpy as np
import pytest

from relucvx.metrics.layers.thinning import Given, thinned


@pytest.mark.parametrize("form", [lambda X: {"ids": X, "flag": True}, lambda X: (X, X), lambda X: X])
def test_inputs_of_any_form_stay_with_their_labels(form):
    X = np.arange(20).reshape(10, 2)
    given = thinned(Given(None, form(X), list(range(10)), X, X > 0), 4, np.random.default_rng(0))
    rows = given.labels
    assert len(rows) == 4
    assert given.n == 10
    first = given.X["ids"] if isinstance(given.X, dict) else given.X[0] if isinstance(given.X, tuple) else given.X
    np.testing.assert_array_equal(first, X[rows])
    np.testing.assert_array_equal(given.factors, X[rows])
    np.testing.assert_array_equal(given.mask, X[rows] > 0)
    assert not isinstance(given.X, dict) or given.X["flag"] is True


def test_few_samples_and_unequal_lengths_are_left():
    X = np.zeros((5, 2))
    assert thinned(Given(None, X, None, None, None), 5, np.random.default_rng(0)).X is X
    assert thinned(Given(None, X, [1] * 9, None, None), 3, np.random.default_rng(0)).X is X  # refused where it is read
