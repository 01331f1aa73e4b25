"""The bank of degenerate data."""

import numpy as np

from relucvx.datasets import (
    degenerate_bank,
)


def test_degenerate_bank_is_small_valid_and_the_same_every_time():
    bank = degenerate_bank(extreme=True)
    assert set(bank) - set(degenerate_bank()) == {"extreme_large", "extreme_small"}
    for name, data in bank.items():
        assert data.n_samples <= 20
        assert data.Y.ndim == 1
        assert data.name == f"degenerate:{name}"
        assert data.description
        np.testing.assert_array_equal(data.X, degenerate_bank(extreme=True)[name].X)


def test_degenerate_bank_is_degenerate():
    bank = degenerate_bank()
    assert np.any(np.all(bank["zero_row"].X == 0, axis=1))
    assert not bank["all_zero"].X.any()
    for name in ("duplicate_rows", "conflicting_rows"):
        assert len(np.unique(bank[name].X, axis=0)) < bank[name].n_samples
    np.testing.assert_array_equal(bank["opposite_rows"].X[:6], -bank["opposite_rows"].X[6:])
    assert np.linalg.matrix_rank(bank["collinear_rows"].X) == 1
    assert np.linalg.matrix_rank(bank["rank_deficient"].X) < bank["rank_deficient"].n_features
    assert bank["more_columns_than_rows"].n_samples < bank["more_columns_than_rows"].n_features
    assert bank["one_feature"].n_features == bank["one_sample"].n_samples == 1
    assert np.ptp(bank["constant_target"].Y) == np.ptp(bank["constant_column"].X[:, 2]) == 0
    assert np.abs(bank["huge_inputs"].X).max() > 1e8 > 1e-7 > np.abs(bank["tiny_inputs"].X).max()
