"""Multipliers that bound the dual norm, and the coordinates they live in."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from oracles import climbed_dual_norm
from strategies import ACTIVATIONS, examples, grids
from vector_oracles import plane_dual_norm

from relucvx.program.lifting import lifted_dual_norm, nonnegative_lifting, spectral_norm_above, split_lifting
from relucvx.program.posing import make_problem
from relucvx.types import as_activation


@examples(60)
@given(X=grids(5, 2), N=grids(5, 2), seed=st.integers(0, 2**31), size=st.sampled_from([0.0, 0.1, 10.0]))
def test_any_multiplier_bounds_the_dual_norm(X, N, seed, size):
    rng = np.random.default_rng(seed)
    relu = as_activation("relu")
    exact = plane_dual_norm(X, N)[0]
    for lifting in (split_lifting(X, relu), nonnegative_lifting(X, relu)):
        S = size * rng.standard_normal((len(lifting.E), len(lifting.E)))
        assert lifted_dual_norm(lifting, N, S) >= exact


@examples(30)
@given(X=grids(3, 5), N=grids(3, 2), activation=st.sampled_from(ACTIVATIONS), seed=st.integers(0, 2**31))
def test_more_features_than_samples_are_reduced_without_loss_of_validity(X, N, activation, seed):
    rng = np.random.default_rng(seed)
    problem = make_problem(X, np.zeros((3, 2)), 1.0, activation=activation)
    lifting = split_lifting(problem.inputs, problem.activation)
    assert lifting.size <= 6
    S = rng.standard_normal((len(lifting.E), len(lifting.E)))
    assert lifted_dual_norm(lifting, N, S) >= climbed_dual_norm(problem, N, rng, 20, 60) * (1 - 1e-12)


def test_parallel_rows_share_a_coordinate():
    X = np.array([[1.0, 2.0], [-0.5, -1.0], [0.0, 0.0], [3.0, 6.0], [1.0, 0.0], [0.1, 0.2 + 1e-9]])
    lifting = split_lifting(X, as_activation((-0.5, 2.0)))
    assert lifting.size == 2 + 3  # the last row is off its line by more than rounding
    rng = np.random.default_rng(0)
    for _ in range(20):
        w = rng.standard_normal(2)
        # the lines themselves are rows 3, 4 (in order of length) and 5
        q = np.concatenate([w, np.maximum(X[[3, 4, 5]] @ w, 0.0)])
        np.testing.assert_allclose(lifting.J @ q, np.where(X @ w > 0, 2.0, -0.5) * (X @ w), atol=1e-12)
        assert (lifting.E @ q >= -1e-15).all()
    assert lifting.lost.max() < 1e-13


def test_the_spectral_multiplier_is_never_beaten_by_much():
    """Without multipliers the split lifting still proves a finite bound, because ||relu(X w)|| <= ||X||."""
    rng = np.random.default_rng(0)
    X, N = rng.standard_normal((6, 2)), rng.standard_normal((6, 2))
    spectral = spectral_norm_above(X) * spectral_norm_above(N)
    assert lifted_dual_norm(split_lifting(X, as_activation("relu")), N, np.zeros((12, 12))) <= 1.02 * spectral
    assert spectral_norm_above(np.zeros((0, 2))) == 0.0
