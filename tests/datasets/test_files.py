"""Data files: round trips, header and delimiter detection, and every refusal by its message."""

import numpy as np
import pytest

from relucvx.datasets import read_table
from relucvx.errors import DataFileError, InvalidInputError

X = np.random.default_rng(0).standard_normal((5, 3))
Y = np.random.default_rng(1).standard_normal((5, 2))


def write(folder, text, name="t.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_npz_round_trip(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, X=X, y=Y[:, 0], feature_names=np.array(["a", "b", "c"]))
    data = read_table(path)
    np.testing.assert_array_equal(data.X, X)
    np.testing.assert_array_equal(data.Y, Y[:, 0])
    assert (data.name, data.feature_names) == ("data", ("a", "b", "c"))
    picked = read_table(path, columns=["c", 0])
    np.testing.assert_array_equal(picked.X, X[:, [2, 0]])
    assert picked.feature_names == ("c", "a")
    np.savez(path, X=X.astype(np.float32), Y=Y, other=Y[:, 1])
    assert read_table(path).Y.shape == (5, 2)
    np.testing.assert_array_equal(read_table(path, target="other").Y, Y[:, 1])
    assert read_table(str(path), columns=1).feature_names == ()


def test_npy_round_trip(tmp_path):
    path = tmp_path / "data.npy"
    np.save(path, np.hstack([X, Y]))
    np.testing.assert_array_equal(read_table(path).X, np.hstack([X, Y[:, :1]]))
    np.testing.assert_array_equal(read_table(path).Y, Y[:, 1])
    data = read_table(path, target=[3, -1])
    np.testing.assert_array_equal(data.X, X)
    np.testing.assert_array_equal(data.Y, Y)
    np.testing.assert_array_equal(read_table(path, target=[0]).Y, X[:, :1])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", ["", "a{0}b{0}c{0}u{0}v"])
def test_csv_round_trip(tmp_path, delimiter, header):
    path = tmp_path / "data.csv"
    np.savetxt(path, np.hstack([X, Y]), delimiter=delimiter, header=header.format(delimiter), fmt="%.17g")
    data = read_table(path, target=[3, 4])
    np.testing.assert_array_equal(data.X, X)
    np.testing.assert_array_equal(data.Y, Y)
    assert data.feature_names == (("a", "b", "c") if header else ())
    assert data.target_names == (("u", "v") if header else ())
    if header:
        np.testing.assert_array_equal(read_table(path, target="v", columns=["c", "a"]).X, X[:, [2, 0]])
        assert read_table(path, target="v").Y.shape == (5,)


def test_csv_details(tmp_path):
    quoted = write(tmp_path, '\ufeff"a b", c ,y\n\n1, 2,3\n4,5,6\n')
    data = read_table(quoted)
    assert data.feature_names == ("a b", "c")
    np.testing.assert_array_equal(data.X, [[1, 2], [4, 5]])
    indexed = write(tmp_path, ",a,y\n0,1,2\n1,3,4\n")
    with pytest.raises(
        DataFileError, match=r"that were measured; received column 0 with 0, 1, .*try: drop='0' to leave"
    ):
        read_table(indexed)
    assert read_table(indexed, columns="0-1").feature_names == ("column 0", "a")
    np.testing.assert_array_equal(read_table(indexed, columns="a").X, [[1], [3]])
    text_unused = write(tmp_path, "id,a,y\nx,1,2\nz,3,4\n")
    np.testing.assert_array_equal(read_table(text_unused, columns=["a"]).Y, [2, 4])
    numbers_as_names = write(tmp_path, "2020,2021,2022\n1,2,3\n4,5,7\n")
    with pytest.raises(DataFileError, match=r"names or data; received 2020, 2021, 2022: numbers in steps of 1"):
        read_table(numbers_as_names)
    assert read_table(numbers_as_names, header=False).n_samples == 3
    assert read_table(numbers_as_names, header=True).feature_names == ("2020", "2021")
    np.testing.assert_array_equal(read_table(numbers_as_names, "2020", header=True).Y, [1, 4])
    np.testing.assert_array_equal(read_table(write(tmp_path, "1|2\n3|4\n"), "0", delimiter="|").Y, [1, 3])


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a,b,species\n1,2,3\n1,2,setosa\n", {}, r"numbers in .*'setosa' in column 'species', line 3.*a text column"),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", {}, "two classes or more in column 2 of .*'setosa' in every row"),
        ("1,5;2\n3,5;4\n", {"decimal": "."}, "'1,5' in column 0, line 1; likely cause: a decimal comma"),
        ("a,b\n1_000,2\n", {}, "'1_000' in column 'a', line 2"),
        ("a,b\n1,2\n\n,3\n", {}, "finite numbers in .*an empty cell in column 'a', line 4"),
        ("a,b\n1,nan\n", {}, "nan in column 'b', line 2"),
        ("a,b\n-inf,1\n", {}, "-inf in column 'a', line 2"),
        ("a,b\n1,2\n", {"target": "c"}, "a column of .*: a, b; or an index from 0 to 1; received column 'c'"),
        ("1,2\n3,4\n", {"target": 2}, "no header; or an index from 0 to 1; received column 2"),
        ("1,2\n3,4\n", {"target": True}, "received column True"),
        ("a,b\n1,2\n", {"target": "b", "columns": ["b"]}, "either input or target; received 'b' as both"),
        ("a,a,y\n1,2,3\n", {"columns": "a"}, "one column named 'a' in .*received 2"),
        ("y\n1\n2\n", {}, "at least one input and one target column; received 0 and 1"),
        ("a,b\n1,2\n", {"target": []}, "received 2 and 0"),
        ("a,b\n1,2\n3\n", {}, r"2 cells in every line .* as in line 1; received 1 cells in line 3"),
        ("a;b\n1;2;3;4\n", {}, "delimiter=','"),
        ("a;b\n1;2;3\n4;5;6\n", {}, "drop='0'"),  # names of rows, as R writes them
        ("a,b\n", {}, "rows below the header of .*a header only"),
        ("", {}, "rows in .*an empty file"),
        (" \n,,\n", {}, "an empty file"),
    ],
)
def test_csv_refusals(tmp_path, text, options, message):
    with pytest.raises(DataFileError, match=message):
        read_table(write(tmp_path, text), **options)


def test_csv_unreadable(tmp_path, monkeypatch):
    path = tmp_path / "latin.csv"
    path.write_bytes(b"a,b\n\xff,1\n")
    with pytest.raises(DataFileError, match=r"UTF-8 text in .*received byte 4 that is not"):
        read_table(path)
    with pytest.raises(DataFileError, match=r"a delimited table in .*line 1: field larger"):
        read_table(write(tmp_path, '"' + "1" * 200_000 + ",2\n"))
    with pytest.raises(InvalidInputError, match="delimiter to be one character; received ', '"):
        read_table(write(tmp_path, "1,2\n"), delimiter=", ")

    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(DataFileError, match=r"a readable file .*no permission to read it"):
        read_table(path)


def test_paths(tmp_path):
    write(tmp_path, "1,2\n", "measure.csv")
    with pytest.raises(DataFileError, match=r"the file .*mesure\.csv; received no such file.*try: measure\.csv in"):
        read_table(tmp_path / "mesure.csv")
    with pytest.raises(DataFileError, match=r"try: measure\.csv in the same folder"):
        read_table(tmp_path / "entirely_different.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataFileError, match="a folder with data files, unlike"):
        read_table(tmp_path / "empty" / "a.csv")
    with pytest.raises(DataFileError, match="received no folder"):
        read_table(tmp_path / "nowhere" / "a.csv")
    with pytest.raises(DataFileError, match=r"a file ending in \.csv, .*a spreadsheet; try: save it as \.csv"):
        read_table(tmp_path / "notes.xlsx")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataFileError, match="a file; received the folder"):
        read_table(tmp_path / "folder.csv")


class Bomb:
    """Unpickling this would create an attribute that the test looks for."""

    exploded = False

    def __reduce__(self):
        return (setattr, (Bomb, "exploded", True))


def test_nothing_is_unpickled(tmp_path):
    objects = np.array([[Bomb(), 1.0]], dtype=object)
    np.save(tmp_path / "o.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "o.npz", X=objects, y=np.ones(1))
    import pickle

    (tmp_path / "p.npy").write_bytes(pickle.dumps(Bomb()))
    for name in ("o.npy", "o.npz", "p.npy"):
        with pytest.raises(DataFileError, match="Python objects, which would have to be unpickled"):
            read_table(tmp_path / name)
    assert not Bomb.exploded


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"X": X}, {}, 'one target array, y or Y, in .*received arrays X.*y_key="y"'),
        ({"X": X, "y": Y, "Y": Y}, {}, "one target array, y or Y"),
        ({"Z": X, "y": Y}, {}, "one array 'X' in .*received arrays Z, y.*x_key="),
        ({"X": X, "y": Y}, {"x_key": "Z"}, "an array 'Z' in .*received arrays X, y"),
        ({"X": X.T, "y": Y}, {}, "samples that are columns"),
        ({"X": X, "y": Y}, {"target": "z"}, "an array 'z' in .*received arrays X, y"),
        ({"X": X, "y": Y[:4]}, {}, r"X of shape \(n, d\).*received \(5, 3\) and \(4, 2\)"),
        ({"X": X[0], "y": Y[0]}, {}, r"X of shape \(n, d\)"),
        ({"X": X * 1j, "y": Y}, {}, "real numbers in .*X of dtype complex128"),
        ({"X": np.where(X[2, 1] == X, np.nan, X), "y": Y}, {}, r"received nan in X at index \(2, 1\)"),
        ({"X": X, "y": np.full(5, np.inf)}, {}, r"received inf in the target at index \(0,\)"),
        ({"X": X, "y": Y, "feature_names": np.array(["a"])}, {}, "3 feature_names in .*received 1"),
        ({"X": X, "y": Y}, {"columns": 3}, "index from 0 to 2; received column 3"),
    ],
)
def test_npz_refusals(tmp_path, arrays, options, message):
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(DataFileError, match=message):
        read_table(tmp_path / "t.npz", **options)


def test_npy_refusals(tmp_path):
    cases = [(X[0], r"a non-empty matrix.*shape \(3,\)"), (X.astype(str), "the array of dtype <U")]
    cases += [(np.zeros((0, 3)), r"shape \(0, 3\)"), (np.where(X[1, 0] == X, np.nan, X), "nan in column 0, row 1")]
    for array, message in cases:
        np.save(tmp_path / "t.npy", array)
        with pytest.raises(DataFileError, match=message):
            read_table(tmp_path / "t.npy")


def test_damaged_and_misnamed_files(tmp_path):
    for name in ("a.npy", "a.npz"):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(DataFileError, match=r"plain numbers in .*a damaged file"):
            read_table(tmp_path / name)
    np.savez(tmp_path / "b.npz", X=X, y=Y)
    whole = (tmp_path / "b.npz").read_bytes()
    (tmp_path / "b.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataFileError, match="plain numbers in"):
        read_table(tmp_path / "b.npz")
    (tmp_path / "c.npy").write_bytes(whole)
    with pytest.raises(DataFileError, match="an archive of several arrays"):
        read_table(tmp_path / "c.npy")
    with (tmp_path / "d.npz").open("wb") as file:
        np.save(file, X)
    with pytest.raises(DataFileError, match=r"an archive of arrays in .*rename it to \.npy"):
        read_table(tmp_path / "d.npz")


def test_a_text_column_may_name_classes(tmp_path):
    path = write(tmp_path, "a,kind,b\n1,u,2\n3,v,4\n5,u,6\n")
    data = read_table(path, target="kind", one_hot=True)
    np.testing.assert_array_equal(data.X, [[1, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(data.Y, [[1, 0], [0, 1], [1, 0]])
    np.testing.assert_array_equal(read_table(path, target="kind").Y, [-1, 1, -1])
    assert (data.target_names, data.feature_names, data.labels.tolist()) == (("u", "v"), ("a", "b"), [0, 1, 0])
    grades = write(tmp_path, "a,y\n1,u\n2,-1\n3,v\n4,u\n", "grades.csv")
    assert read_table(grades, classes=True).target_names == ("-1", "u", "v")
    numbers = write(tmp_path, "a,y\n1,0\n2,1\n", "numbers.csv")
    assert read_table(numbers).Y.tolist() == [0.0, 1.0]  # two rows say nothing
    assert read_table(numbers, classes=True).Y.tolist() == [-1.0, 1.0]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (
            "a,y\n1,u\n2,v\n",
            {"classes": False},
            "received 'u' in column 'y', line 2.*or classes=True where it is the target",
        ),
        ("a,y\n1,u\n2,\n", {"classes": True}, "a class in every line .*received an empty cell in line 3"),
        ("a,y\n1,u\n2,v\n3,w\n", {"classes": True}, "occur more than once .*received 3 different texts .'u'"),
        ("a,y\n1,u\n2,NaN\n3,u\n", {"classes": True}, "a class in every line .*received NaN in line 3"),
        ("a,y\n1,u\n2,7\n", {"classes": True}, "numbers in .*received 'u' in column 'y'"),
    ],
)
def test_what_names_no_classes(tmp_path, text, options, message):
    with pytest.raises(DataFileError, match=message):
        read_table(write(tmp_path, text), **options)


@pytest.mark.parametrize(
    ("name", "options", "of"),
    [
        ("t.csv", {"x_key": "X"}, "files of several arrays"),
        ("t.csv", {"y_key": "y"}, "files of several arrays"),
        ("m.npy", {"delimiter": ";"}, "delimited text"),
        ("m.npy", {"decimal": ","}, "tables with cells of text"),
        ("m.npy", {"header": True}, "delimited text"),
        ("a.npz", {"encoding": "cp1252"}, "delimited text"),
        ("b.npz", {"drop": [0]}, "tables"),
        ("b.npz", {"classes": True}, "tables"),
        ("b.npz", {"one_vs_rest": 1}, "tables"),
    ],
)
def test_options_that_say_nothing_about_a_file_are_refused(tmp_path, name, options, of):
    """Whoever gives one believes that it counts."""
    X, y = np.arange(12.0).reshape(4, 3) ** 2, np.array([0.5, 1.5, 2.5, 4.0])
    (tmp_path / "t.csv").write_text("a,b,y\n1,2,3.5\n2,5,4.5\n")
    np.save(tmp_path / "m.npy", np.column_stack([X, y]))
    np.savez(tmp_path / "a.npz", X=X, y=y)
    np.savez(tmp_path / "b.npz", X=X.reshape(4, 3, 1), y=y)
    read_table(tmp_path / name)
    (option,) = options
    with pytest.raises(InvalidInputError, match=f"{option} for {of}.* alone.*without {option}"):
        read_table(tmp_path / name, **options)


def test_two_texts_in_each_of_several_targets_are_signs(tmp_path):
    file = tmp_path / "factors.csv"
    file.write_text(
        "a,b,side,reward,size\n" + "\n".join(f"{k}.5,{k % 3}.25,{'lr'[k % 2]},{'ny'[k // 3 % 2]},{k}" for k in range(8))
    )
    found = read_table(file, target=["side", "reward", "size"])
    assert found.Y[:4].tolist() == [[-1.0, -1.0, 0.0], [1.0, -1.0, 1.0], [-1.0, -1.0, 2.0], [1.0, 1.0, 3.0]]
    assert "column 'side': l is -1, r is +1" in found.description
    file.write_text(file.read_text().replace("7.5,1.25,r", "7.5,1.25,x").replace("6.5,0.25,l", "6.5,0.25,x"))
    with pytest.raises(DataFileError, match=r"two texts in every column .* received 3 \(l, r, x\) in column 'side'"):
        read_table(file, target=["side", "reward"], drop="size")
