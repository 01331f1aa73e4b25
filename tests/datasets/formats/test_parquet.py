"""Parquet files: every kind of column, and what is no table of numbers."""

import numpy as np
import pandas as pd
import pytest

from relucvx.datasets import read_table
from relucvx.errors import DataFileError, MissingPackageError

FRAME = pd.DataFrame({"a": [1.5, 2.0, 3.0], "n": [1, 5, 9], "on": [True, False, True], "y": [1.0, 2.0, 4.5]})


def stored(folder, frame, **options):
    path = folder / "t.parquet"
    frame.to_parquet(path, **options)
    return path


def test_numbers_of_every_kind(tmp_path):
    data = read_table(stored(tmp_path, FRAME.astype({"a": "float32", "n": "Int16"})))
    np.testing.assert_array_equal(data.X, [[1.5, 1, 1], [2, 5, 0], [3, 9, 1]])
    np.testing.assert_array_equal(data.Y, [1, 2, 4.5])
    assert data.feature_names == ("a", "n", "on")


def test_classes_of_text_and_categories(tmp_path):
    kinds = ["v", "u", "v"]
    for column in (kinds, pd.Categorical(kinds)):
        data = read_table(stored(tmp_path, FRAME.assign(y=column)))
        assert data.target_names == ("u", "v")
        assert data.Y.tolist() == [1.0, -1.0, 1.0]


def test_an_index_is_left_out_and_said(tmp_path, caplog):
    data = read_table(stored(tmp_path, FRAME.assign(n=[7, 1, 9]).set_index("n")[["a", "y"]]))
    assert data.feature_names == ("a",)
    assert "the index n is left out" in caplog.text


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (FRAME.assign(a=[1.0, None, 2.0]), "nan in column 'a', row 1; likely cause: missing"),
        (FRAME.assign(n=pd.array([1, None, 2], dtype="Int64")), "nan in column 'n', row 1"),
        (FRAME.assign(a=pd.date_range("2024-01-01", periods=3)), "dates or times.*drop='a'"),
        (FRAME.assign(a=[[1], [2], [3]]), "a column for each entry"),
        (FRAME.assign(n=[2**60 + 1, 2**60, 5]), "lose digits"),
        (FRAME.assign(n=[0, 1, 2]), "drop='n'"),
        (FRAME[:0], "0 rows of"),
    ],
)
def test_refusals(tmp_path, frame, message):
    with pytest.raises(DataFileError, match=message):
        read_table(stored(tmp_path, frame))


def test_damaged_files_and_a_missing_reader(tmp_path, monkeypatch):
    path = stored(tmp_path, FRAME)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataFileError, match=r"a Parquet file .*a damaged file"):
        read_table(path)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'relucvx\[files\]'"):
        read_table(path)
