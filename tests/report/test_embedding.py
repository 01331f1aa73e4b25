"""The numbers behind a page, in the page."""

import csv
import io
import json
import re

import numpy as np
import pytest
from report.markup import data_of, read

from relucvx.report import embedding
from relucvx.report.embedding import downloads, slug


def held(found, **options):
    """What the links of a page save, by kind."""
    text = downloads(found, "small data", **options)
    return text, {a.partition(";")[0].removeprefix("data:"): data_of(a).decode() for a in read(text).addresses}


def test_the_numbers_are_in_the_page(found):
    _, by_kind = held(found)
    rows = list(csv.DictReader(io.StringIO(by_kind["text/csv"])))
    assert [row["name"] for row in rows] == [row["name"] for row in found.table()]
    assert float(rows[1]["objective"]) == found.rows[0].objective
    assert rows[2]["steps"] == ""
    all_of_it = json.loads(by_kind["application/json"])
    assert np.array_equal(all_of_it["problem"]["X"], found.problem.X)
    assert all_of_it["runs"][0]["rel_gap"] == found.rows[0].rel_gap
    assert all_of_it["histories"][0]["objective"] == found.histories[0]["objective"].tolist()
    assert np.allclose(all_of_it["kernels"]["optimum"], found.kernels["optimum"], rtol=1e-5)
    assert all_of_it["data"] == "small data"


def test_data_can_be_left_out(found):
    text, by_kind = held(found, data=False)
    assert "X" not in json.loads(by_kind["application/json"])["problem"]
    assert "relucvx report" not in text
    assert "relucvx report small-data.json" in held(found)[0]


@pytest.mark.parametrize(("largest", "left"), [(None, "kernels"), (1_000, "kernels, data")])
def test_what_is_too_large_is_left_out_and_said(found, monkeypatch, largest, left):
    whole = len(held(found)[1]["application/json"])
    monkeypatch.setattr(embedding, "LARGEST", largest or whole - 1)
    text, by_kind = held(found)
    assert f"Left out because of their size: {left}." in text
    all_of_it = json.loads(by_kind["application/json"])
    assert all_of_it["kernels"] is None
    assert ("X" in all_of_it["problem"]) is (left == "kernels")
    assert ("relucvx report" in text) is (left == "kernels")
    words = re.search(r"kB\n? ?\(([^)]*)\)", text)[1]
    assert "kernels" not in words


@pytest.mark.parametrize(
    ("title", "name"), [("iris", "iris"), ("../../etc/passwd", "etc-passwd"), ("a <b> & c", "a-b-c"), ("…", "report")]
)
def test_a_title_becomes_the_name_of_a_file(title, name):
    assert slug(title) == name
