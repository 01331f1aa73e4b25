"""Arrays in files: tables, bags and images, their targets and the samples of their rows."""

import numpy as np
import pytest

from relucvx.datasets import get, read_table
from relucvx.errors import DataFileError, InvalidInputError

RNG = np.random.default_rng(0)
IMAGES, BAGS, ROWS, Y = (
    RNG.standard_normal((4, 1, 3, 3)),
    RNG.standard_normal((4, 2, 3)),
    RNG.standard_normal((6, 2)),
    RNG.choice([-1.0, 1.0], 4),
)
GROUPS = np.array([0, 1, 1, 2, 3, 3])


@pytest.mark.parametrize("X", [IMAGES, BAGS, IMAGES[:, 0]])
def test_bags_and_images_with_their_targets(tmp_path, X):
    np.savez(tmp_path / "all.npz", X=X, y=Y)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", Y)
    for data in (read_table(tmp_path / "all.npz"), get(tmp_path / "X.npy", target=str(tmp_path / "y.npy"))):
        np.testing.assert_array_equal(data.X, X)
        np.testing.assert_array_equal(data.Y, Y)
        assert data.beta_hint is None


def test_columns_of_bags(tmp_path):
    np.savez(tmp_path / "a.npz", X=BAGS, y=Y, feature_names=np.array(["a", "b", "c"]))
    data = read_table(tmp_path / "a.npz", columns=["c", "a"])
    np.testing.assert_array_equal(data.X, BAGS[:, :, [2, 0]])
    assert data.feature_names == ("c", "a")


def test_rows_with_groups_and_a_target_for_each_sample_or_row(tmp_path):
    np.savez(tmp_path / "own.npz", X=ROWS, y=Y, groups=GROUPS)
    np.savez(tmp_path / "rows.npz", X=ROWS, y=Y[GROUPS], graph=GROUPS)
    for name, array in (("X", ROWS), ("y", Y), ("g", GROUPS), ("table", np.column_stack([ROWS, Y[GROUPS]]))):
        np.save(tmp_path / f"{name}.npy", array)
    g, y = str(tmp_path / "g.npy"), str(tmp_path / "y.npy")
    for data in (
        read_table(tmp_path / "own.npz"),
        read_table(tmp_path / "rows.npz", groups="graph"),
        read_table(tmp_path / "rows.npz", groups=g),
        read_table(tmp_path / "X.npy", target=y, groups=g),
        read_table(tmp_path / "table.npy", groups=g),
    ):
        np.testing.assert_array_equal(data.X, ROWS)
        np.testing.assert_array_equal(data.Y, Y)
        np.testing.assert_array_equal(data.groups, GROUPS)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"X": IMAGES[0, 0, 0], "y": Y}, {}, "bags of rows are"),
        ({"X": ROWS, "y": Y}, {}, r"X of shape \(n, d\) and a target.*received \(6, 2\) and \(4,\)"),
        ({"X": ROWS, "y": Y[:3], "groups": GROUPS}, {}, r"or of rows: 6 of 4 samples; received \(6, 2\) and \(3,\)"),
        ({"X": BAGS, "y": Y, "groups": GROUPS}, {}, "bags of rows are"),
        ({"X": ROWS, "y": Y[GROUPS], "groups": GROUPS[:5]}, {}, r"groups of shape \(6,\), one for each row of X"),
        ({"X": ROWS, "y": Y[GROUPS]}, {"groups": "graph"}, "an array 'graph' in"),
        ({"X": ROWS, "y": Y[GROUPS]}, {"groups": "nothing.npy"}, "groups in an .npy file; received no file"),
        (
            {"X": ROWS, "y": np.arange(6.0), "groups": GROUPS},
            {},
            r"one target in all rows.*1 in row 1 and 2 in row 2, both of group 1",
        ),
        ({"X": np.where(ROWS > 9, 0, np.nan), "y": Y, "groups": GROUPS}, {}, "nan in X"),
        (
            {"X": ROWS, "y": Y[GROUPS], "groups": np.where(GROUPS == 2, np.nan, GROUPS)},
            {},
            "a group in every row.*nan in row 3",
        ),
    ],
)
def test_archives_that_do_not_fit(tmp_path, arrays, options, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataFileError, match=message):
        read_table(tmp_path / "a.npz", **options)


def test_groups_of_samples_that_are_no_numbers_from_zero(tmp_path):
    np.savez(tmp_path / "a.npz", X=ROWS, y=Y, groups=GROUPS + 1)
    with pytest.raises(InvalidInputError, match=r"numbers 0\.\.n-1"):
        read_table(tmp_path / "a.npz")


def test_arrays_without_targets_or_with_groups_elsewhere(tmp_path):
    np.save(tmp_path / "X.npy", BAGS)
    with pytest.raises(DataFileError, match=r'in a file of their own; received none;.*target="y.npy"'):
        read_table(tmp_path / "X.npy")
    np.save(tmp_path / "y.npy", Y)
    np.save(tmp_path / "rows.npy", ROWS)
    with pytest.raises(DataFileError, match=r"groups in a file of their own.*received 'g'"):
        read_table(tmp_path / "rows.npy", target=str(tmp_path / "y.npy"), groups="g")
    with pytest.raises(DataFileError, match=r"the target in an .npy file; received no file"):
        read_table(tmp_path / "X.npy", target=str(tmp_path / "z.npy"))
    with pytest.raises(DataFileError, match=r"groups of shape \(6,\), one for each row; received shape \(4,\)"):
        read_table(tmp_path / "rows.npy", groups=str(tmp_path / "y.npy"))
