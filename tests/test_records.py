"""Records of work: a line each, whole or not there, below a line that says what they are of."""

import json
import math

import pytest

from relucvx import records
from relucvx.errors import DataFileError
from relucvx.results import whole_lines

HEAD = {"format": 1, "tol": 0.1}


def is_head(found):
    """Whether a line is a head."""
    return "format" in found


def opened(path, **changes):
    """The records of a file under a head with these changes."""
    return records.opened(path, {**HEAD, **changes}, is_head, "cells of this call")


def test_what_is_added_is_read_again(tmp_path):
    file = tmp_path / "cells.jsonl"
    assert opened(file) == []
    records.add(file, {"a": math.nan, "b": [math.inf, 1.5], "c": {"d": -math.inf}})
    records.add(file, {"a": "Ä"})
    assert opened(file) == [{"a": None, "b": [None, 1.5], "c": {"d": None}}, {"a": "Ä"}]
    assert json.loads(whole_lines(file)[0]) == HEAD
    assert math.isnan(records.number(None))
    assert records.number(3) == 3.0


def test_a_torn_line_is_not_there_and_the_next_is(tmp_path):
    file = tmp_path / "cells.jsonl"
    opened(file)
    for k in range(3):
        records.add(file, {"k": k})
    whole = file.read_bytes()
    for cut in range(1, len(whole) + 1):
        file.write_bytes(whole[:-cut])
        left = opened(file)
        assert left == [{"k": k} for k in range(len(left))]
        records.add(file, {"k": "new"})
        assert opened(file) == [*left, {"k": "new"}]


def test_files_of_something_else_are_refused_and_say_what_they_are(tmp_path):
    file = tmp_path / "cells.jsonl"
    opened(file)
    with pytest.raises(DataFileError, match=r"cells of tol 0.1 \(not 0.2\)"):
        opened(file, tol=0.2)
    for content, why in (
        (b"a,b\n1,2\n", "lines of JSON"),
        (b"{}\n", "another file"),
        (b"\xff\xfe\x00\n", "lines of JSON"),
    ):
        file.write_bytes(content)
        with pytest.raises(DataFileError, match=why):
            opened(file)
        assert file.read_bytes() == content
    with pytest.raises(DataFileError, match="a folder has this name"):
        opened(tmp_path)
