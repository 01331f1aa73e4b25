"""Tables as people have them: each loads right, or one line says which option decides; none is silently misread."""

import gzip

import numpy as np
import pytest

from relucvx.datasets import read_table
from relucvx.errors import DataFileError

X, Y = [[1.5, 2.0], [3.0, 4.5], [5.0, 6.25]], [10.0, 20.0, 30.5]
PLAIN = "a,b,y\n1.5,2,10\n3,4.5,20\n5,6.25,30.5\n"
EUROPE = "a;b;y\n1,5;2;10\n3;4,5;20\n5;6,25;30,5\n"

LOADS = {
    "plain": (PLAIN, {}),
    "byte order mark": ("\ufeff" + PLAIN, {}),
    "quotes around everything": (PLAIN.replace(",", '","').replace("\n", '"\n"').join('""')[:-1].rstrip('"'), {}),
    "carriage returns": (PLAIN.replace("\n", "\r\n"), {}),
    "old line ends": (PLAIN.replace("\n", "\r"), {}),
    "no newline at the end": (PLAIN.rstrip(), {}),
    "empty lines, and rows of commas that a spreadsheet leaves": (PLAIN + "\n,,\n,,\n", {}),
    "spaces after commas": (PLAIN.replace(",", ", "), {}),
    "tabs": (PLAIN.replace(",", "\t"), {}),
    "bars": (PLAIN.replace(",", "|"), {}),
    "columns of spaces": (PLAIN.replace(",", "   ").replace("\n", "\n  "), {}),
    "semicolons and decimal commas": (EUROPE, {}),
    "decimal commas in quotes": (EUROPE.replace(";", '","').replace("\n", '"\n"').join('""')[:-1].rstrip('"'), {}),
    "decimal commas between tabs": (EUROPE.replace(";", "\t"), {}),
    "decimal commas between spaces": (EUROPE.replace(";", "  "), {}),
    "sep= as spreadsheets write": ("sep=;\n" + EUROPE, {}),
    "a delimiter at every end": (PLAIN.replace("\n", ",\n"), {}),
    "a delimiter at every end but the header's": (PLAIN.replace("\n", ",\n").replace("y,", "y"), {}),
    "comments above and between": ("# by me, in 2024\n#\n" + PLAIN.replace("3,", "# 2,2,2\n3,"), {}),
    "names in a comment": ("# a,b,y\n" + PLAIN.split("\n", 1)[1], {}),
    "without names": (PLAIN.split("\n", 1)[1], {"names": ()}),
    "thousands in quotes": ('a,b,y\n1.5,2,10\n3,4.5,20\n5,6.25,"30.5"\n', {}),
    "thousands, told the decimal mark": (
        'a,b,y\n"1,001.5",2,10\n3,4.5,20\n5,6.25,30.5\n', {"decimal": ".", "X": [[1001.5, 2.0], *X[1:]]},
    ),
    "European thousands, told the decimal mark": (
        EUROPE.replace("1,5;", "1.001,5;"), {"decimal": ",", "X": [[1001.5, 2.0], *X[1:]]},
    ),
    "thousands apart by a space, told the decimal mark": (
        EUROPE.replace("1,5;", "1\u00a0001,5;"), {"decimal": ",", "X": [[1001.5, 2.0], *X[1:]]},
    ),
    "an index to drop": (",a,b,y\n0,1.5,2,10\n1,3,4.5,20\n2,5,6.25,30.5\n", {"drop": 0}),
    "row names of R to drop": ('"a","b","y"\n"r1",1.5,2,10\n"r2",3,4.5,20\n"r3",5,6.25,30.5\n', {"drop": 0}),
    "a text column to drop": ("who,a,b,y\nu,1.5,2,10\nv,3,4.5,20\nu,5,6.25,30.5\n", {"drop": "who"}),
    "a range of columns": (
        "a,x,b,y\n1.5,q,2,10\n3,q,4.5,20\n5,q,6.25,30.5\n", {"columns": ["a-b"], "drop": "x"},
    ),
    "numbers as names, told": ("2020,2021,2022\n" + PLAIN.split("\n", 1)[1], {"header": True, "names": ("2020", "2021")}),
    "names twice": (PLAIN.replace("a,b", "a,a"), {"names": ("a", "a.1")}),
    "true and false": (
        "a,b,y\ntrue,2,10\nfalse,4.5,20\ntrue,6.25,30.5\n", {"X": [[1, 2], [0, 4.5], [1, 6.25]]},
    ),
    "a large table's scientific notation": ("a,b,y\n1.5E0,2e+0,1e1\n3,4.5,2E1\n5,6.25,305e-1\n", {}),
}  # fmt: skip

ASKED = {
    "empty": ("", "rows in .*an empty file"),
    "spaces only": (" \n\n", "an empty file"),
    "a header only": ("a,b,y\n", "a header only"),
    "one column": ("y\n1\n2\n", "at least one input"),
    "an index without a name": (",a,b,y\n0,1,2,3\n1,4,2,3\n", "drop='0'"),
    "an index with a name": ("id,a,b,y\n17,1,2,3\n12,4,2,3\n", "drop='id'"),
    "a column that counts": ("n,a,b,y\n1,1,2,3\n2,4,2,3\n3,2,2,2\n", "drop='n'.*columns=.*'n', 'a', 'b'"),
    "numbers as names": ("0,1,2\n1.5,2,10\n3,4.5,20\n", "header=True"),
    "wave lengths as names": ("400,410,420\n.1,.2,.3\n.2,.1,.2\n", "header=True"),
    "uneven wave lengths as names": (
        "400,417,455\n" + "".join(f".{k},.{9 - k},.{k * k}\n" for k in range(1, 10)), "far from all rows below",
    ),
    "names beside numbers": ("a,2021,y\n1,2,3\n4,5,7\n", "'a' above numbers.*header=True"),
    "numbers as names beside a target's": ("1,2,kind\n4,2,u\n2,3,v\n1,5,u\n", "'kind', which no row below has.*header="),
    "true and false without names": ("true,false,true\nfalse,false,true\n", "true and false.*header=False"),
    "words without names": ("low,yes,u\nhigh,no,u\nlow,yes,v\n", "'low' stands in a row below.*header=False"),
    "missing values first": ("NA,NA,NA\n1,2,3\n", "missing values only.*header="),
    "commas that mean two things": ('a,b,y\n"1,001",2,10\n"3,250",4,20\n', r"decimal=',' \(1.001\) or decimal='.' \(1001\)"),
    "both marks": ("a;b;y\n1,5;2.5;3\n", "one decimal mark.*'1,5'.*'2.5'.*decimal='.'"),
    "thousands": ('a,b,y\n"1,234,567",2,10\n3,4.5,20\n', "thousands that are set apart; try: decimal="),
    "missing values": ("a,b,y\n1,,3\n4,5,6\n,7,8\n", "'b', line 2; such cells in 2 of 3 rows: lines 2, 4"),
    "NA": ("a,b,y\n1,NA,3\n4,5,6\n", "NA in column 'b', line 2; likely cause: missing"),
    "dates": ("day,b,y\n2024-01-05,1,2\n2024-01-06,3,4\n", "dates or times.*drop='day'"),
    "times": ("day,b,y\n12:30,1,2\n12:45,3,4\n", "dates or times.*drop='day'"),
    "huge whole numbers": ("k,b,y\n12345678901234567891,1,2\n12345678901234567892,3,4\n", "lose digits.*drop='k'"),
    "numbers beside words": ("a,b,y\n1,2,3\nlow,2,3\n", "'low' in column 'a', line 3"),
    "units": ("a,b,y\n12 cm,2,3\n15 cm,2,3\n", "a unit.*drop='a'"),
    "a currency": ("a,b,y\n€12,2,3\n€15,2,3\n", "a currency"),
    "per cent": ("a,b,y\n12%,2,3\n15%,2,3\n", "a per cent sign"),
    "underscores": ("a,b,y\n1_000,2,3\n", "'1_000'"),
    "ragged": ("a,b,y\n1,2,3\n4,5\n", "2 cells in line 3"),
    "lines above the table": ("Measured by me\n\na,b,y\n1,2,3\n", "3 cells in line 3.*lines above"),
    "other comments": ("a,b,y\n% more\n1,2,3\n", "a comment; try: comments that begin with #"),
    "headers twice": ("a,b,y\n1,2,3\na,b,y\n4,5,6\n", "'a' stands in a row below"),
    "one class": ("a,b,kind\n1,2,u\n3,4,u\n5,5,u\n", "two classes or more"),
    "names as target": ("a,b,who\n1,2,Ann\n3,4,Bob\n5,5,Cid\n", "classes that occur more than once"),
    "a class that is missing": ("a,b,kind\n1,2,u\n3,4,\n5,5,v\n1,1,u\n", "a class in every line.*line 3"),
    "an infinite value": ("a,b,y\n1,inf,3\n2,2,2\n", "inf in column 'b', line 2; likely cause: an infinite"),
    "a spreadsheet called .csv": (b"PK\x03\x04....", "save the sheet as .csv"),
    "a web page": ("<!DOCTYPE html>\n<html>", "a web page"),
    "bytes": (b"\x00\x01\x02\x03,\x00", "another kind of file"),
    "another encoding": ("größe,b,y\n1,2,3\n".encode("cp1252"), "encoding='cp1252'"),
    "an unclosed quote": ('a,b,y\n"1,2,3\n4,5,6\n', "1 cells in line 4"),
}  # fmt: skip


def written(folder, content, name="wild.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("kind", LOADS)
def test_loads_right(tmp_path, kind):
    content, options = LOADS[kind]
    expected = {"X": X, "names": ("a", "b"), **options}
    given = {name: value for name, value in options.items() if name not in ("X", "names")}
    for name, held in (("wild.csv", content.encode()), ("wild.txt.gz", gzip.compress(content.encode()))):
        data = read_table(written(tmp_path, held, name), **given)
        np.testing.assert_array_equal(data.X, expected["X"])
        np.testing.assert_array_equal(data.Y, Y)
        assert data.feature_names == expected["names"]
        assert data.name == "wild"


@pytest.mark.parametrize("kind", ASKED)
def test_one_line_says_what_decides(tmp_path, kind):
    content, message = ASKED[kind]
    with pytest.raises(DataFileError, match=message) as found:
        read_table(written(tmp_path, content))
    assert "\n" not in str(found.value)


def test_what_was_decided_is_said_once(tmp_path, caplog):
    """Classes by text and by whole numbers, which can be numbers, too."""
    read_table(written(tmp_path, PLAIN))
    assert not caplog.records
    rows = "".join(f"{k}.5,{k % 3}\n" for k in range(9))
    data = read_table(written(tmp_path, "a,kind\n" + rows))
    assert [r.getMessage() for r in caplog.records] == [
        "wild.csv: target 'kind': 3 classes (0 3, 1 3, 2 3) of whole numbers; to predict numbers: classes=False (--no-classes)"
    ]
    assert (data.Y.shape, data.target_names) == ((9, 3), ("0", "1", "2"))
    assert read_table(written(tmp_path, "a,kind\n" + rows), classes=False).Y.tolist() == [k % 3 for k in range(9)]
    signs = read_table(written(tmp_path, "a,kind\n" + rows.replace(",2", ",0")), one_hot=None)
    assert signs.Y.tolist() == [1.0 if k % 3 == 1 else -1.0 for k in range(9)]
    assert "+1 is 1" in signs.description
    one = read_table(written(tmp_path, "a,kind\n" + rows), one_vs_rest="2")
    assert one.target_names == ("rest", "2")
    assert one.Y.tolist() == [1.0 if k % 3 == 2 else -1.0 for k in range(9)]


def test_a_decimal_comma_is_the_same_table(tmp_path):
    """Whatever the numbers: written with either mark they are the same."""
    rng = np.random.default_rng(0)
    table = rng.standard_normal((20, 4)) * 10.0 ** rng.integers(-4, 5, (20, 4))
    rows = [[repr(float(v)) for v in row] for row in table]
    point = read_table(written(tmp_path, "\n".join(";".join(row) for row in rows)))
    comma = read_table(written(tmp_path, "\n".join(";".join(row) for row in rows).replace(".", ",")))
    np.testing.assert_array_equal(point.X, table[:, :3])
    np.testing.assert_array_equal(comma.X, point.X)
    np.testing.assert_array_equal(comma.Y, point.Y)
