"""Codes as bits: what goes in comes out."""

import numpy as np
import pytest

from relucvx.metrics.regions.packing import ROWS, Codes, packed


@pytest.mark.parametrize("faces", [1, 9, ROWS + 3])
def test_what_goes_in_comes_out(faces):
    rng = np.random.default_rng(0)
    layers = [rng.random((5, 11)) > 0.5, rng.integers(-3, 300, (7, 2)).astype(np.int16), rng.random((6, 0)) > 0.5,
              rng.random((faces, 8)) > 0.5]  # fmt: skip
    rows = np.stack([rng.integers(0, len(code), faces) for code in layers])
    codes = Codes.of([packed(code) for code in layers], [(c.dtype, c.shape[1]) for c in layers], rows)
    whole = [code[row] for code, row in zip(layers, rows, strict=True)]
    assert codes.rows.shape == (faces, 2 + 4 + 0 + 1)
    assert codes.unpacked_bytes == faces * 2 * (11 + 2 + 8)
    assert codes.unpacked().dtype == np.int16
    np.testing.assert_array_equal(codes.unpacked(), np.hstack(whole))
    only = codes.only([0, 3]).unpacked()
    assert only.dtype == bool
    np.testing.assert_array_equal(only, np.hstack([whole[0], whole[3]]))
    assert codes.only([]).unpacked().shape == (faces, 0)
    some = rng.integers(0, faces, 40)
    np.testing.assert_array_equal(codes.at(some).unpacked(), np.hstack(whole)[some])
    pairs = some[:20], some[20:]
    np.testing.assert_array_equal(
        codes.same(*pairs), (np.hstack(whole)[pairs[0]] == np.hstack(whole)[pairs[1]]).all(axis=1)
    )


def test_the_first_layer_that_differs():
    layers = [np.array([[0, 1], [1, 1]], dtype=bool), np.array([[3], [4]], dtype=np.int8)]
    rows = np.array([[0, 0, 1, 1], [0, 1, 0, 1]])
    codes = Codes.of([packed(code) for code in layers], [(c.dtype, c.shape[1]) for c in layers], rows)
    assert codes.first_difference(np.array([0, 0, 0, 1]), np.array([0, 1, 2, 3])).tolist() == [2, 1, 0, 0]
