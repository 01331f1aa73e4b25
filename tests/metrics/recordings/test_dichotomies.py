"""The table of all splits: known geometries, its own parts computed one by one, nulls, and work that is cut."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.metrics import Recording, ccgp, decoding_dimension, dichotomies, parallelism_score
from relucvx.metrics.decoding import decoding_margin

SQUARE = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def made(n=6, noise=0.1, p=5, seed=0, **given):
    """Trials of an abstract code of two factors."""
    F = np.tile(SQUARE, (n, 1))
    Z = F @ np.eye(2, p) + noise * np.random.default_rng(seed).standard_normal((4 * n, p))
    return Recording(Z, factors={"context": F[:, 0], "choice": F[:, 1]}, **given)


def test_an_abstract_code_and_its_exclusive_or():
    found = dichotomies(made(), n_permutations=0)
    assert found.names == ("context", "choice", "context × choice")
    np.testing.assert_array_equal(found.decoding[:2], 1.0)
    np.testing.assert_array_equal(found.factor_ccgp[:2], 1.0)
    assert found.parallelism[:2].min() > 0.95
    assert found.ccgp[2] < 0.1
    assert np.isnan(found.factor_ccgp[2])
    assert (found.n_total, found.exhaustive) == (3, True)
    assert np.isnan(found.p_values("ccgp")).all()


def test_its_columns_are_the_metrics_of_arrays():
    recording = made(noise=0.8, p=3)
    found = dichotomies(recording, n_permutations=0)
    other = decoding_dimension(recording.activity, recording.condition)
    assert found.shattering_dimension == pytest.approx(other.mean_accuracy)
    table = recording.factor_table
    np.testing.assert_allclose(found.factor_ccgp[:2], ccgp(recording.activity, table).per_factor)
    np.testing.assert_allclose(found.factor_parallelism[:2], parallelism_score(recording.activity, table).per_factor)
    # of four conditions the best pairing of a factor is that of its contexts, or the crossed one
    assert (found.parallelism[:2] >= found.factor_parallelism[:2] - 1e-12).all()
    turned = Recording(recording.responses[:, ::-1] * 7.0 + 3.0, factors=recording.factors)
    for name in ("decoding", "ccgp", "parallelism"):
        np.testing.assert_allclose(
            getattr(dichotomies(turned, n_permutations=0), name), getattr(found, name), atol=1e-9
        )


def test_runs_are_the_folds_and_the_blocks_of_the_null():
    recording = made(repeat=np.repeat(np.arange(6), 4), noise=0.8)
    found = dichotomies(recording, n_permutations=3, rng=0)
    by_run = decoding_dimension(recording.activity, recording.condition, folds=recording.repeat)
    assert found.shattering_dimension == pytest.approx(by_run.mean_accuracy)
    assert np.isfinite(found.null_decoding).all()


def test_nulls_are_the_same_again_and_shares_are_exact():
    recording = made(noise=0.8)
    found = dichotomies(recording, n_permutations=5, rng=3)
    again = dichotomies(recording, n_permutations=5, rng=found.seed)
    np.testing.assert_array_equal(found.null_ccgp, again.null_ccgp)
    assert found.null_decoding.shape == found.null_parallelism.shape == (5, 3)
    assert np.isfinite(found.null_decoding).all()
    p = found.p_values("parallelism")
    expected = (1 + (found.null_parallelism >= found.parallelism).sum(axis=0)) / 6
    np.testing.assert_allclose(p, expected)
    assert (found.p_values("parallelism", corrected=True) >= p - 1e-12).all()
    order = np.argsort(np.argsort(-found.ccgp)) + 1
    np.testing.assert_allclose(found.share_above("ccgp"), order / 3)


def test_equal_accuracies_are_ordered_by_margins():
    recording = made(noise=0.8)
    found = dichotomies(recording, n_permutations=40, rng=3)
    tied = np.abs(found.null_decoding - found.decoding) <= 1e-12
    assert tied.any()
    np.testing.assert_array_equal(tied, np.isfinite(found.null_margins))
    larger = (found.null_decoding > found.decoding + 1e-12) | (tied & (found.null_margins >= found.margins - 1e-12))
    np.testing.assert_allclose(found.p_values("decoding"), (1 + larger.sum(axis=0)) / 41)
    assert np.isnan(dichotomies(recording, n_permutations=0).margins).all()
    assert found.margins.mean() == pytest.approx(decoding_margin(recording.activity, recording.condition))


def test_work_that_is_cut_says_so():
    found = dichotomies(made(), n_permutations=50, rng=0, callback=lambda state: state.done >= 2)
    assert len(found.null_decoding) == 2
    assert "stopped after" in found.note
    assert dichotomies(made(), n_permutations=50, rng=0, time_limit=1e-9).null_ccgp.shape == (0, 3)


def test_eight_conditions_have_thirty_five_splits_and_named_products():
    F = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T
    F = np.tile(F, (2, 1))
    Z = F @ np.eye(3, 6) + 0.05 * np.random.default_rng(0).standard_normal((16, 6))
    recording = Recording(Z, factors={"a": F[:, 0], "b": F[:, 1], "c": F[:, 2]})
    found = dichotomies(recording, n_permutations=0, n_dichotomies=8, rng=0)
    assert len(found.names) == 8
    assert (found.exhaustive, found.n_total) == (False, 35)
    assert "drawn at random" in found.note
    from relucvx.metrics.recordings.dichotomies import _ordered
    from relucvx.metrics.samples.dichotomies import dichotomies as splits

    sides, names = _ordered(recording, splits(8, True, 35, np.random.default_rng(0)).sides)
    assert names[:7] == ("a", "b", "c", "a × b", "a × c", "b × c", "a × b × c")
    np.testing.assert_array_equal(sides[6], np.logical_xor.reduce(recording.condition_factors.astype(bool), axis=1))


@pytest.mark.parametrize(
    ("recording", "given", "message"),
    [
        (made(), {"n_permutations": -1}, "n_permutations"),
        (made(), {"C": 0}, "C"),
        (made().select(conditions=[(0, 0)]), {}, "two conditions"),
        (rx.Recording([[1.0], [2.0]], condition=[0, 1]), {}, "at least two trials"),
        (rx.Recording(np.ones((2, 1, 3)), condition=[0, 1]), {}, "window"),
    ],
)
def test_refusals(recording, given, message):
    with pytest.raises(InvalidInputError, match=message):
        dichotomies(recording, **given)
