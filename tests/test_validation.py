"""Arrays of every kind, checked."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from test_conversion import PLAIN, SAME, TENSOR

from relucvx.errors import InvalidInputError
from relucvx.validation import as_matrix, check_size


def memmap(tmp_path):
    """A file seen as an array, read-only."""
    np.save(tmp_path / "m.npy", PLAIN)
    return np.load(tmp_path / "m.npy", mmap_mode="r")


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
def test_compressed_tensors():
    np.testing.assert_array_equal(as_matrix(TENSOR.to_sparse_csr(), "X"), PLAIN)
    np.testing.assert_array_equal(as_matrix(TENSOR.to_sparse_csc(), "X"), PLAIN)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_quantised_tensors():
    quantised = torch.quantize_per_tensor(TENSOR.float(), 0.5, 16, torch.quint8)
    np.testing.assert_array_equal(as_matrix(quantised, "X"), PLAIN)


def test_memmaps(tmp_path):
    np.testing.assert_array_equal(as_matrix(memmap(tmp_path), "X"), PLAIN)


def test_booleans_beside_floats():
    frame = pd.DataFrame({"a": [True, False], "b": [1.5, 2.0], "c": pd.array([1, 2], dtype="Int64")})
    np.testing.assert_array_equal(as_matrix(frame, "X"), [[1.0, 1.5, 1.0], [0.0, 2.0, 2.0]])
    np.testing.assert_array_equal(
        as_matrix(pd.Series([True, None], dtype="boolean").fillna(False), "y", allow_vector=True)[:, 0], [1, 0]
    )


def test_inputs_are_not_changed():
    for value in (SAME["fortran"], SAME["with gradient"], SAME["sparse COO"]):
        as_matrix(value, "X")[:] = 7.0
        np.testing.assert_array_equal(as_matrix(value, "X"), PLAIN)


@pytest.mark.parametrize("by", [1e-160, 1e160])
def test_sizes_without_squares_are_refused_with_what_to_divide_by(by):
    values = np.array([[0.0, -by, 0.5 * by, np.nan]])
    with pytest.raises(InvalidInputError, match=re.escape(f"Z = Z / {by:g}")):
        check_size(values, "Z")
    check_size(values / by, "Z")
    check_size(np.zeros((2, 2)), "Z")
