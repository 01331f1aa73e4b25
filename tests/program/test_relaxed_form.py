"""The semidefinite forms, where they are exact."""

import numpy as np
import pytest
from program.test_relaxations import assert_tight
from vector_oracles import dense_directions, plane_sdp

from relucvx.program.posing import make_problem
from relucvx.program.relaxations import doubly_nonnegative_bound


@pytest.mark.parametrize("seed", range(3))
def test_two_samples_of_full_rank_are_exact(seed):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((2, 2)), rng.standard_normal((2, 3))
    found = doubly_nonnegative_bound(make_problem(X, Y, 0.2))
    assert found.exact is True
    assert_tight(found, plane_sdp(X, Y, 0.2)[0], 1e-7)


def test_spike_free_samples_up_to_four_are_exact():
    rng = np.random.default_rng(0)
    P = np.eye(3) + 0.2 * np.eye(3) - 0.3 * rng.random((3, 3))
    P = np.where(np.eye(3) > 0, 1.2, 0.5 * (P + P.T) - 0.3)
    P = np.where((np.eye(3) == 0) & (P > 0), -P, P)
    X = np.linalg.cholesky(np.linalg.inv(P))
    Y = rng.standard_normal((3, 2))
    found = doubly_nonnegative_bound(make_problem(X, Y, 0.2))
    assert found.exact is True
    upper, _ = dense_directions(X, Y, 0.2)
    assert_tight(found, upper, 1e-6)
    assert doubly_nonnegative_bound(make_problem(rng.standard_normal((4, 2)), np.eye(4), 0.2)).exact is None
