"""Counterexamples: made small, saved, run again."""

import numpy as np
import pytest
from theory.toys import matrices, rows_claim, toy

import relucvx as rx
from relucvx.errors import DataFileError, InvalidInputError
from relucvx.theory import Verdict, load_counterexample, verify
from relucvx.theory.counterexample import Counterexample, smallest
from relucvx.theory.definition import MAX_SIZE, Deviation, at_most


# ---------------------------------------------------------------------- counterexamples
def test_counterexamples_shrink_to_the_least_that_violates():
    claim = rows_claim(limit=1)
    first = claim.draw(np.random.default_rng(0), 4)
    found = smallest(claim, first, claim.check(first), 4, np.random.default_rng(1), 5.0)
    assert found.instance["X"].shape == (2, 1)
    assert found.instance["Y"].shape == (2,)
    assert set(found.instance["X"].ravel()) <= {1.0, 2.0}
    assert claim.check(found.instance).verdict is Verdict.VIOLATED
    assert found.n_numbers == 2 + 2 + 3
    assert "X (2, 1)" in repr(found)


def test_shrinking_keeps_the_assumptions_and_its_time():
    claim = toy(
        measure=lambda i, p: [at_most("rows", len(i["X"]), 0.0, 0.4)],
        assumptions=(rx.theory.Assumption("three rows", lambda i: len(i["X"]) >= 3),),
    )
    first = matrices(np.random.default_rng(0), MAX_SIZE)
    assert len(smallest(claim, first, claim.check(first), 1, np.random.default_rng(1), 5.0).instance["X"]) == 3
    assert len(smallest(claim, first, claim.check(first), 1, np.random.default_rng(1), 0.0).instance["X"]) == 5


def test_a_malformed_smaller_instance_is_no_counterexample():
    def measure(instance, predicted):
        if len(instance["X"]) < 5:
            raise ValueError("too short")
        return [Deviation("never", 1.0, 0.1)]

    claim = toy(measure=measure)
    first = matrices(np.random.default_rng(0), MAX_SIZE)
    assert len(smallest(claim, first, claim.check(first), 4, np.random.default_rng(1), 5.0).instance["X"]) == 5


def test_counterexamples_are_saved_and_run_again(published, tmp_path):
    published(rows_claim())
    found = verify("few-rows", trials=2).counterexample
    path = found.save(tmp_path / "found.npz")
    again = load_counterexample(path)
    assert again.claim == "few-rows"
    assert again.outcome.verdict is Verdict.VIOLATED
    assert again.instance.keys() == found.instance.keys()
    for name, value in found.instance.items():
        assert type(again.instance[name]) is type(value)
        assert np.array_equal(again.instance[name], value)
    with np.load(path, allow_pickle=False) as stored:
        assert all(stored[name].dtype != object for name in stored.files)


def test_bad_files_are_explained(published, tmp_path):
    published(rows_claim())
    found = Counterexample("few-rows", matrices(np.random.default_rng(0), 1), verify("few-rows", trials=1))
    with pytest.raises(InvalidInputError, match=r"expected a file name ending in \.npz"):
        found.save(tmp_path / "found.pkl")
    (tmp_path / "empty.npz").write_bytes(b"")
    np.savez(tmp_path / "other.npz", a=np.ones(2))
    for name in ("none.npz", "empty.npz", "other.npz"):
        with pytest.raises(DataFileError, match="expected a counterexample saved by relucvx"):
            load_counterexample(tmp_path / name)
    example = verify("few-rows", trials=1).counterexample
    with pytest.raises(DataFileError, match="expected a path that can be written"):
        example.save(tmp_path / "no" / "folder.npz")
