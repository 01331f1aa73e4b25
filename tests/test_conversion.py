"""Arrays of other packages give the numbers that a plain numpy array gives, or one error."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from relucvx import metrics
from relucvx.conversion import as_flag, as_float, as_list, as_path, is_word, to_numpy
from relucvx.errors import InvalidInputError
from relucvx.validation import as_matrix, as_strengths

PLAIN = np.array([[1.0, 0.0, 2.0], [0.0, -3.0, 0.0], [4.0, 0.0, 1.0], [2.0, 5.0, 0.0]])


class Arrays:
    """An object with nothing but ``__array__``, as tables of other packages have."""

    def __array__(self, dtype=None, copy=None):
        return PLAIN


TENSOR = torch.tensor(PLAIN)
SAME = {
    "fortran": np.asfortranarray(PLAIN),
    "negative strides": PLAIN[::-1, ::-1].copy()[::-1, ::-1],
    "byte-swapped": PLAIN.astype(">f8"),
    "float16": PLAIN.astype(np.float16),
    "long double": PLAIN.astype(np.longdouble),
    "int8": PLAIN.astype(np.int8),
    "matrix": scipy.sparse.csr_matrix(PLAIN).todense(),
    "unmasked": np.ma.array(PLAIN, mask=False),
    "lists": PLAIN.tolist(),
    "rows": list(PLAIN),
    "array protocol": Arrays(),
    "frame": pd.DataFrame(PLAIN, columns=list("abc"), index=range(7, 11)),
    "integers and floats": pd.DataFrame(PLAIN).astype({0: int}),
    "nullable frame": pd.DataFrame(PLAIN).convert_dtypes(),
    "Float64 frame": pd.DataFrame(PLAIN).astype("Float64"),
    "sparse frame": pd.DataFrame(PLAIN).astype(pd.SparseDtype(float, 0.0)),
    "tensor": TENSOR,
    "with gradient": TENSOR.clone().requires_grad_(),
    "parameter": torch.nn.Parameter(TENSOR),
    "bfloat16": TENSOR.bfloat16(),
    "half": TENSOR.half(),
    "sparse COO": TENSOR.to_sparse(),
    "mkldnn": TENSOR.float().to_mkldnn(),
    "transposed": torch.tensor(PLAIN.T.copy()).T,
    "lazy negation": torch.complex(TENSOR * 0, -TENSOR).conj().imag,
    **{
        f"scipy {kind}": scipy.sparse.coo_matrix(PLAIN).asformat(kind)
        for kind in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
    },
    "scipy array": scipy.sparse.csr_array(PLAIN),
}


@pytest.mark.parametrize("kind", SAME)
def test_the_same_numbers(kind):
    found = as_matrix(SAME[kind], "X")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, PLAIN)
    assert metrics.participation_ratio(SAME[kind]) == metrics.participation_ratio(PLAIN)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [1.0, 2.0]}),
            "X to be finite; received nan at row 1, column 0",
        ),
        (pd.DataFrame({"a": ["x", "y"], "b": [1.0, 2.0]}), "dtype object, 'x' at row 0"),
        (pd.DataFrame({"a": pd.Categorical(["x", "y"])}), "dtype object, 'x' at row 0"),
        ([[1.0, None]], "a missing value at row 0; likely cause: missing values"),
        ([[1.0, np.ma.masked]], "X to be finite; received nan at row 0, column 1"),
        (None, "X to be an array; received None"),
        ("text", "X to be an array; received 'text'"),
        ({"a": [1.0]}, "a mapping"),
        ({1.0}, "a set, which has no order"),
        ((row for row in PLAIN), "a generator, which can be read only once"),
        (np.array(1.0), r"X of shape \(n, d\); received shape \(\)"),
        (np.zeros((0, 3)), "at least one row"),
        (PLAIN + 0j, "complex numbers"),
        (np.zeros(3, dtype=[("a", float)]), "a structured array"),
        (np.zeros((2, 2), "datetime64[s]"), "dates"),
        (torch.ones(2, 2, device="meta"), "without data"),
        (scipy.sparse.csr_matrix((10**7, 10**7)), "fits in memory once it is dense"),
        (
            torch.sparse_coo_tensor(torch.zeros(2, 0), [], (10**6, 10**7), check_invariants=True),
            "fits in memory once it is dense",
        ),
        (np.array([[1e300 * np.longdouble(1e300)]]), "X to be finite; received inf"),
    ],
    ids=lambda p: p if isinstance(p, str) else type(p).__name__,  # a repr with an address differs between workers
)
def test_refusals(value, message):
    with pytest.raises(InvalidInputError, match=message):
        as_matrix(value, "X")


def test_numbers_flags_words_lists_paths():
    assert [as_float(v) for v in (1, np.float32(2), np.array(3.0), torch.tensor(4.0))] == [1.0, 2.0, 3.0, 4.0]
    for bad in (True, "1", None, 1j, np.ones(1), [1.0], pd.NA, torch.ones(2), 10**400, np.ma.masked):
        assert np.isnan(as_float(bad)), bad
    assert as_flag(np.bool_(True), "f") is True
    for call in (
        lambda: as_flag(1, "f"),
        lambda: as_list("abc", "l"),
        lambda: as_list(np.array(1.0), "l"),
        lambda: as_path(3, "p"),
        lambda: as_path(b"bytes", "p"),
        lambda: as_strengths("12"),
        lambda: as_strengths(2.0),
        lambda: as_strengths([]),
        lambda: as_strengths([1.0, "2"]),
        lambda: as_strengths({1.0}),
    ):
        with pytest.raises(InvalidInputError):
            call()
    assert not is_word(np.array(["a", "b"]), ("a", "b"))
    assert as_strengths(x for x in (2.0, 1.0)).tolist() == [2.0, 1.0]
    assert to_numpy([[1.0], [1.0, 2.0]], "X").dtype == object
