"""Missing labels of every spelling are refused with their row by every door that takes labels."""

import numpy as np
import pandas as pd
import pytest
import torch

import relucvx as rx
from relucvx import kernel, metrics
from relucvx.datasets import Dataset, read_table
from relucvx.errors import RelucvxError
from relucvx.labels import MISSING, is_missing, is_vector, numbered, read_labels

Z = np.random.default_rng(0).normal(size=(8, 3))
NAMES = ["cat", "dog", "cat", "dog", "cat", "dog", "cat", "dog"]
LABELS = {
    "graph_convexity": lambda y: metrics.graph_convexity(Z, y, 2, None),
    "euclidean_convexity": lambda y: metrics.euclidean_convexity(Z, y, lambda points: ["cat"] * len(points), None, 2),
    "neural_collapse": lambda y: metrics.neural_collapse(Z, y),
    "linear_probe": lambda y: metrics.linear_probe(Z, y, model="ridge", n_folds=2),
    "few_shot_matrix": lambda y: metrics.few_shot_matrix(Z, y),
    "linear_separation": lambda y: metrics.linear_separation(Z, y),
    "condition_averages": lambda y: metrics.condition_averages(Z, y),
    "noise_corrected_kernel": lambda y: metrics.noise_corrected_kernel(Z, y),
    "parallelism_score": lambda y: metrics.parallelism_score(Z, y),
    "profile": lambda y: metrics.profile([Z], None, y, metrics=["linear_probe"]),
    "cross_entropy": lambda y: rx.make_problem(Z, y, 0.1, loss="cross_entropy"),
    "predict_one_hot": lambda y: kernel.predict_one_hot(y, 0.1),
    "predict_deep_one_hot": lambda y: kernel.predict_deep_one_hot(y, 0.1, 2),
    "Dataset": lambda y: Dataset("mine", Z, np.arange(8.0), labels=y),
}
"""Doors that take labels of any type."""


@pytest.mark.parametrize(
    "missing", [*sorted(MISSING), None, float("nan"), np.nan, pd.NA, pd.NaT, np.ma.masked, b"NA"], ids=repr
)
@pytest.mark.parametrize("door", LABELS)
def test_missing_labels_are_refused(door, missing):
    labels = [*NAMES[:2], missing, *NAMES[3:]]
    with pytest.raises(RelucvxError, match=r"without missing values; received .* at row 2"):
        LABELS[door](labels)


@pytest.mark.parametrize("door", LABELS)
def test_missing_entries_of_columns_and_arrays_are_refused(door):
    words = [*NAMES[:2], None, *NAMES[3:]]
    numbers = [0, 1, None, 1, 0, 1, 0, 1]
    for labels in (
        pd.Series(words, dtype="string"),
        pd.Categorical(words),
        pd.Series(pd.Categorical(words)),
        pd.Series(numbers, dtype="Int64"),
        pd.Series([None if v is None else bool(v) for v in numbers], dtype="boolean"),
        np.ma.array([0, 1, 5, 1, 0, 1, 0, 1], mask=[0, 0, 1, 0, 0, 0, 0, 0]),
        np.array(["2020-01-01", "2020-01-02", "NaT", *["2020-01-01"] * 5], "datetime64[ns]"),
        torch.tensor([0.0, 1.0, float("nan"), 1.0, 0.0, 1.0, 0.0, 1.0]),
    ):
        with pytest.raises(RelucvxError, match=r"missing values; received .* at row 2"):
            LABELS[door](labels)


SAME = {
    "array": np.array(NAMES),
    "bytes kept apart": np.array(NAMES, dtype=object),
    "string column": pd.Series(NAMES, dtype="string", index=range(5, 13)),
    "categories": pd.Categorical(NAMES),
    "index": pd.Index(NAMES),
    "tuple": tuple(NAMES),
}


@pytest.mark.parametrize("kind", SAME)
def test_labels_of_every_kind_are_the_same_labels(kind):
    assert read_labels(SAME[kind], "labels", 8) == NAMES
    assert metrics.neural_collapse(Z, SAME[kind]).nc1 == metrics.neural_collapse(Z, NAMES).nc1
    expected = rx.make_problem(Z, NAMES, 0.1, loss="cross_entropy").Y
    np.testing.assert_array_equal(rx.make_problem(Z, SAME[kind], 0.1, loss="cross_entropy").Y, expected)


def test_numbers_keep_their_type_and_order():
    for labels in ([3, 1, 2], pd.Series([3, 1, 2], dtype="Int64"), torch.tensor([3, 1, 2]), np.array([3, 1, 2], ">i2")):
        values = read_labels(labels, "labels")
        assert values == [3, 1, 2]
        assert all(type(v) is int for v in values)
        classes, index = numbered(values, "labels")
        assert classes == [1, 2, 3]
        assert index.tolist() == [2, 0, 1]
    dates = read_labels(np.array(["2020-01-01"] * 2, "datetime64[ns]"), "labels")
    assert dates == [np.datetime64("2020-01-01")] * 2


def test_mixed_types():
    with pytest.raises(RelucvxError, match="both 1 and '1'"):
        read_labels([1, "1", 2], "labels")
    with pytest.raises(RelucvxError, match=r"both 1\.0 and '1'"):
        read_labels([1.0, "1", 2], "labels")
    assert read_labels([1, "a"], "labels") == [1, "a"]
    with pytest.raises(RelucvxError, match="int and str"):
        rx.make_problem(Z, [1, "a"] * 4, 0.1, loss="cross_entropy")
    with pytest.raises(RelucvxError, match="int and str"):
        kernel.predict_one_hot([1, "a"] * 4, 0.1)


def test_what_looks_missing_and_is_not():
    for name in ("Na", "none", "no answer", "nano", 0, False, "0", float("inf")):
        assert not is_missing(name)
    assert is_missing(("a", None))
    assert is_missing((1, "NA"))


def test_shapes():
    assert is_vector([1, 2], "Y")
    assert not is_vector([[1], [2]], "Y")
    assert not is_vector([np.ones(2)], "Y")
    assert is_vector(pd.Series([1]), "Y")
    with pytest.raises(RelucvxError, match="argmax"):
        read_labels(np.eye(3), "labels")
    with pytest.raises(RelucvxError, match="ravel"):
        read_labels(np.ones((3, 1)), "labels")
    with pytest.raises(RelucvxError, match="one-hot rows"):
        read_labels([[0, 1], [1, 0]], "labels")


@pytest.mark.parametrize("missing", sorted(MISSING - {""}))
def test_missing_classes_in_files(tmp_path, missing):
    file = tmp_path / "t.csv"
    file.write_text(f"a,b,kind\n1,2,cat\n3,4,dog\n5,6,{missing}\n7,8,cat\n2,2,dog\n")
    with pytest.raises(RelucvxError, match=r"a class in every line .* in line 4"):
        read_table(file, "kind", classes=True)
    file.write_text(f"a,b,y\n1,2,1\n3,{missing},0\n")
    with pytest.raises(RelucvxError, match=r"finite numbers .* in column 'b', line 3; likely cause: missing values"):
        read_table(file)
