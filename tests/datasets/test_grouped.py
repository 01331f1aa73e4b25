"""Long tables: the rows of each sample, by a column of groups."""

import numpy as np
import pytest

from relucvx.datasets import read_table
from relucvx.errors import DataFileError

TABLE = "graph,a,b,kind\n10,1,2,1\n9,3,4,-1\n10,5,6,1\n"


def write(folder, text):
    path = folder / "t.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_column_of_numbers_is_in_their_order(tmp_path):
    data = read_table(write(tmp_path, TABLE), groups="graph")
    np.testing.assert_array_equal(data.X, [[1, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(data.groups, [1, 0, 1])
    np.testing.assert_array_equal(data.Y, [-1, 1])
    assert data.feature_names == ("a", "b")
    assert data.target_names == ("kind",)


def test_the_target_is_the_last_column_that_is_not_the_groups(tmp_path):
    data = read_table(write(tmp_path, "a,y,who\n1,2,x\n3,2,x\n5,7,w\n"), groups="who")
    np.testing.assert_array_equal(data.X[:, 0], [1, 3, 5])
    np.testing.assert_array_equal(data.Y, [7, 2])
    np.testing.assert_array_equal(data.groups, [1, 1, 0])


def test_classes_of_samples(tmp_path):
    text = "who,a,kind\nx,1,cat\nx,2,cat\nw,3,dog\nv,4,cat\n"
    data = read_table(write(tmp_path, text), groups="who", one_hot=True)
    assert data.target_names == ("cat", "dog")
    np.testing.assert_array_equal(data.labels, [0, 1, 0])
    np.testing.assert_array_equal(data.Y, [[1, 0], [0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (TABLE, {"groups": "kind", "target": "a"}, "1 in row 0 and 5 in row 2, both of group 1"),
        (TABLE, {"groups": "kind", "target": "kind"}, "either input or target; received 'kind' as both"),
        (TABLE, {"groups": "graph", "columns": ["graph", "a"]}, "'graph' as both"),
        (TABLE, {"groups": "graf"}, "a column of .*graph, a, b, kind"),
        ("g,a,y\n1,2,3\n,2,3\n", {"groups": "g"}, "a group in every row of .*an empty cell in row 1"),
    ],
)
def test_refusals(tmp_path, text, options, message):
    with pytest.raises(DataFileError, match=message):
        read_table(write(tmp_path, text), **options)
