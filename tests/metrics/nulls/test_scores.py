"""What a score is of, and what is chosen for the user."""

import numpy as np
import pytest

from relucvx.metrics import cka, permutation_test


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_the_form_of_cka_goes_with_the_number_of_samples_and_is_said():
    few = permutation_test("cka", normal(20, 30), normal(20, 30, seed=1), n_permutations=1, rng=0)
    many = permutation_test("cka", normal(60, 2), normal(60, 3, seed=1), n_permutations=1, rng=0)
    assert "the debiased form" in few.note
    assert "the plain form" in many.note
    assert few.observed[0] == pytest.approx(cka(normal(20, 30), normal(20, 30, seed=1), debiased=True))
