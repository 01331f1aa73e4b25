"""Kernels formed once give what the metric gives."""

import numpy as np
import pytest

from relucvx.metrics import cka, permutation_test


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("debiased", [False, True])
def test_kernels_formed_once_give_what_cka_gives(debiased):
    A, B = normal(9, 3), normal(9, 5, seed=1)
    fast = permutation_test("cka", A, B, n_permutations=6, rng=0, debiased=debiased)
    slow = permutation_test(cka, A, B, n_permutations=6, rng=0, debiased=debiased, kernel="linear")
    assert np.allclose(fast.null_values, slow.null_values, atol=1e-13)
    free = permutation_test(lambda a, b: cka(a, b, debiased=debiased), A, B, n_permutations=6, rng=0)
    assert np.allclose(fast.null_values, free.null_values, atol=1e-13)
