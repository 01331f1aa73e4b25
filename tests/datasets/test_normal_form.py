"""A tournament of affine functions against the minimum of maxima that it stands for."""

import numpy as np
import pytest

from relucvx.datasets.normal_form import MAX, MIN, least_of_triples


@pytest.mark.parametrize("size", [1, 2, 8])
def test_tournament_is_the_least_of_its_triples(size):
    rng = np.random.default_rng(size)
    terms = rng.integers(-4, 5, (size, 3, 4)) / 2.0  # halves and few neurons: every sum is exact
    kinds = [MAX if g % 2 == 0 else MIN for g in range(size)]
    X = rng.integers(-8, 9, (200, 3)) / 4.0
    triples = X @ terms[:, :, :-1].reshape(-1, 3).T + terms[:, :, -1].ravel()
    triples = triples.reshape(len(X), size, 3)
    expected = np.where(np.array(kinds) == MAX, triples.max(2), triples.min(2)).min(1)
    net = least_of_triples(terms, kinds)
    np.testing.assert_array_equal(net.predict(X)[:, 0], expected)
    assert net.depth == 3 + int(np.log2(size))
