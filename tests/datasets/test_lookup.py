"""Datasets by one word."""

import numpy as np
import pytest

from relucvx.datasets import available, get, planted, spiral, textbook_instances, whitened
from relucvx.errors import DataFileError, InvalidInputError


def test_every_available_word_works():
    for word in available():
        assert get(word).n_samples >= 1


def test_recipes():
    np.testing.assert_array_equal(get("planted:20x2x4", rng=3).X, planted(20, 2, 4, rng=3).X)
    np.testing.assert_array_equal(get("planted:20x2", noise=0.0).Y, planted(20, 2, noise=0.0).Y)
    np.testing.assert_array_equal(get("spiral:11").X, spiral(11).X)
    np.testing.assert_array_equal(get("whitened:3x4").X, whitened(3, 4).X)
    assert get("whitened:3").X.shape == (3, 3)
    assert get("factorial:3x2").Y.shape == (16, 3)
    np.testing.assert_array_equal(get("classes:2x1x1").Y.sum(axis=0), [2, 1, 1])


def test_names_banks_and_options():
    assert get("iris", components=2).X.shape == (150, 2)
    assert get("textbook:whitened").optimum == textbook_instances()["whitened"].optimum
    assert get("degenerate:zero_row").n_samples == 6


def test_paths(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n1,2,3\n4,5,6\n", encoding="utf-8")
    np.testing.assert_array_equal(get(path, target="a").Y, [1, 4])
    np.testing.assert_array_equal(get(str(path), columns=["b"]).X, [[2], [5]])
    for word in ("iris.xlsx", "data/iris"):
        with pytest.raises(DataFileError, match="a file ending in"):
            get(word)
    with pytest.raises(DataFileError, match="no such file"):
        get("surely_not_here.csv")


@pytest.mark.parametrize(
    ("word", "options", "message"),
    [
        ("irsi", {}, r"a dataset among iris.*received 'irsi'; try: iris"),
        ("qqqq", {}, "try: iris"),
        ("iris:3", {}, "a dataset among"),
        ("textbook:whitend", {}, "try: .*textbook:whitened"),
        ("planted:100", {}, "sizes written as planted:NxD or planted:NxDxWIDTH; received 'planted:100'"),
        ("planted:", {}, "sizes written as"),
        ("spiral:2x2", {}, "sizes written as spiral:N"),
        ("whitened:axb", {}, "sizes written as"),
        ("whitened:5x3", {}, "n <= d"),
        ("iris", {"colour": 1}, "options of iris among standardize, one_vs_rest.*received colour"),
        ("textbook:whitened", {"beta": 1}, "no options for textbook problems; received beta"),
    ],
)
def test_refusals(word, options, message):
    with pytest.raises(InvalidInputError, match=message):
        get(word, **options)
