"""Data by name, by path, as arrays and under names of the user's own."""

import numpy as np
import pytest

from relucvx import datasets
from relucvx.errors import InvalidInputError
from relucvx.losses import as_loss
from relucvx.sweeps.sources import as_sources

PAIR = (np.eye(2), np.ones(2))


def names(data):
    """What the data are called."""
    return [source.name for source in as_sources(data)]


def test_every_form_has_a_name(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("a,b\n1,2\n3,4\n")
    set_ = datasets.planted(6, 2)
    for data, expected in (
        ("iris", ["iris"]), (PAIR, ["data"]), ({"mine": PAIR}, ["mine"]), (["iris", "wine"], ["iris", "wine"]),
        (("iris", "wine"), ["iris", "wine"]), ([set_, "iris"], [set_.name, "iris"]), (file, ["mine.csv"]),
        (str(file), ["mine.csv"]),
        ({"name": "iris", "components": 2}, ["iris"]), ({"two": {"file": file, "target": "a"}, "b": PAIR}, ["two", "b"]),
        ("planted:10x2", ["planted:10x2"]),
    ):  # fmt: skip
        assert names(data) == expected
    X, Y, bags = as_sources({"two": {"file": file, "target": "a"}})[0].read(as_loss("squared"))
    assert (X.tolist(), np.ravel(Y).tolist(), bags) == ([[2.0], [4.0]], [1.0, 3.0], {})


def test_classes_are_coded_as_the_loss_takes_them():
    (iris,) = as_sources("iris")
    assert iris.read(as_loss("squared"))[1].shape == (150, 3)
    assert set(np.unique(iris.read(as_loss("logistic"))[1])) == {-1.0, 1.0}
    assert set(np.unique(iris.read(as_loss("cross_entropy"))[1])) == {0.0, 1.0}
    (one,) = as_sources({"name": "iris", "one_vs_rest": "virginica"})
    assert one.read(as_loss("logistic"))[1].shape == (150,)
    assert as_sources("diabetes")[0].read(as_loss("huber"))[1].shape == (442,)


def test_bags_keep_their_rows_together():
    X, _, bags = as_sources("sequences:6x8x4")[0].read(as_loss("squared"))
    assert X.ndim == 3
    assert bags == {"pooling": "mean"}
    with pytest.raises(InvalidInputError, match="windows"):
        as_sources("images:3x8")[0].read(as_loss("squared"))


def test_errors_say_what_to_type():
    for data, why in (
        ([], "received none"), ([PAIR, PAIR], "'data' twice"), ({1: PAIR}, "names of data as text"),
        ({"a": 3}, "by name, by path"), ({"a": {"components": 2}}, "a name or a file"), ([3, 4, 5], "by name, by path"),
    ):  # fmt: skip
        with pytest.raises(InvalidInputError, match=why):
            as_sources(data)
    with pytest.raises(InvalidInputError, match="options of iris among"):
        as_sources({"name": "iris", "component": 2})[0].read(as_loss("squared"))
