"""Files of several arrays: numpy's, MATLAB's of both kinds and HDF5 hold the same data set."""

import h5py
import numpy as np
import pytest
import scipy.io

from relucvx.datasets import get, read_table
from relucvx.errors import DataFileError, MissingPackageError

X = np.random.default_rng(0).standard_normal((8, 3))
Y = np.random.default_rng(1).standard_normal(8)
KINDS = np.array(["left", "right"] * 4)


def in_new_matlab(path, **arrays):
    """As MATLAB's version 7.3 writes: columns first, and a head of 512 bytes."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            file[name] = np.atleast_2d(array).T if np.ndim(array) == 2 else np.asarray(array)[None]
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file")


@pytest.fixture
def files(tmp_path):
    """The same arrays in files of every format."""
    np.savez(tmp_path / "a.npz", X=X, y=Y)
    scipy.io.savemat(tmp_path / "old.mat", {"X": X, "y": Y})
    in_new_matlab(tmp_path / "new.mat", X=X, y=Y)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["X"], file["y"] = X, Y
    return tmp_path


@pytest.mark.parametrize("name", ["a.npz", "old.mat", "new.mat", "a.h5"])
def test_every_format_holds_the_same(files, name):
    data = read_table(files / name)
    np.testing.assert_array_equal(data.X, X)
    np.testing.assert_array_equal(data.Y, Y)
    np.testing.assert_array_equal(read_table(files / name, columns="1-2").X, X[:, 1:])
    np.testing.assert_array_equal(read_table(files / name, drop=0).X, X[:, 1:])
    np.testing.assert_array_equal(read_table(files / name, x_key="X", target=-1).Y, X[:, 2])
    np.testing.assert_array_equal(read_table(files / name, columns=-1).X, X[:, 2:])
    scaled = read_table(files / name, standardize=True)
    np.testing.assert_allclose(scaled.X.std(axis=0), 1.0)
    np.testing.assert_array_equal(scaled.preparation(X), scaled.X)


def test_arrays_by_their_paths(tmp_path):
    with h5py.File(tmp_path / "rec.h5", "w") as file:
        file["mouse/Z"], file["mouse/side"], file["other/Z"] = X, KINDS.astype("S"), X + 1
        file["mouse/text"] = np.array(list(KINDS), dtype=h5py.string_dtype())
        file["mouse/labels"] = np.arange(8) % 3
    data = get(f"{tmp_path}/rec.h5:/mouse/Z", y_key="/mouse/text")
    np.testing.assert_array_equal(data.X, X)
    assert data.target_names == ("left", "right")
    assert data.Y.tolist() == [-1.0, 1.0] * 4
    assert read_table(f"{tmp_path}/rec.h5:mouse/Z", y_key="mouse/side").target_names == ("left", "right")
    beside = read_table(f"{tmp_path}/rec.h5:/mouse/Z")  # labels of the same group
    assert beside.target_names == ("0", "1", "2")
    with pytest.raises(DataFileError, match=r"an array 'mouse/W' in .*mouse/Z, .*x_key=NAME"):
        read_table(f"{tmp_path}/rec.h5:/mouse/W")
    with pytest.raises(DataFileError, match=r"one array 'X'.*x_key="):
        read_table(tmp_path / "rec.h5")


def test_texts_of_matlab_and_of_numpy(tmp_path):
    cells = np.empty(8, dtype=object)
    cells[:] = list(KINDS)
    scipy.io.savemat(tmp_path / "cells.mat", {"X": X, "y": cells})
    scipy.io.savemat(tmp_path / "chars.mat", {"X": X, "y": list(KINDS)})
    np.savez(tmp_path / "texts.npz", X=X, y=KINDS, feature_names=np.array(["a", "b", "c"]))
    for name in ("cells.mat", "chars.mat", "texts.npz"):
        data = read_table(tmp_path / name)
        assert data.target_names == ("left", "right")
        assert data.Y.tolist() == [-1.0, 1.0] * 4
    assert data.feature_names == ("a", "b", "c")


def test_refusals(files, monkeypatch):
    scipy.io.savemat(files / "turned.mat", {"X": X.T, "y": Y})
    with pytest.raises(DataFileError, match="samples that are columns, as MATLAB has them; try: the transposed"):
        read_table(files / "turned.mat")
    scipy.io.savemat(files / "other.mat", {"spikes": X, "settings": {"a": 1}})
    with pytest.raises(DataFileError, match=r"received arrays spikes; .*x_key="):
        read_table(files / "other.mat")
    for name in ("old.mat", "a.h5", "new.mat"):
        (files / name).write_bytes((files / name).read_bytes()[:300])
        with pytest.raises(DataFileError, match=r"damaged|one of another kind|arrays none|one target array"):
            read_table(files / name)
    (files / "text.mat").write_text("1,2,3")
    with pytest.raises(DataFileError, match="a file of MATLAB"):
        read_table(files / "text.mat")
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(MissingPackageError, match=r"reads \.h5.*pip install 'relucvx\[files\]'"):
        read_table(files / "a.h5")
