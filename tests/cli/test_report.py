"""`relucvx report`: a page from saved runs, which are believed nothing but their weights."""

import json
import re

import pytest
from command_line import refused, run

SMALL = ("planted:20x2", "--beta-fraction", "0.1", "--seeds", "2", "--width", "16")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def runs(folder):
    file = folder / "runs.json"
    code, _, err = run("train", *SMALL, "--out", file)
    assert (code, err) == (0, "")
    return file


def test_saved_runs_become_a_page(runs):
    code, out, err = run("report", runs)
    assert (code, err) == (0, "")
    assert "2 of 2 runs reach p* to 0.0001" in out
    page = runs.with_suffix(".html").read_text()
    assert "<h1>planted:20x2</h1>" in page
    assert "<code>relucvx report runs.json</code>" in page
    assert str(runs.parent) not in page


def test_the_numbers_of_a_file_are_not_believed(runs, tmp_path):
    held = json.loads(runs.read_text())
    held["runs"][0]["objective"] = 1e-9
    held["runs"][1]["network"]["weights_out"] = [
        [2 * v for v in row] for row in held["runs"][1]["network"]["weights_out"]
    ]
    forged = tmp_path / "forged.json"
    forged.write_text(json.dumps(held))
    code, out, _ = run("report", forged, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["runs"][0]["reached"] is True
    assert found["runs"][0]["objective"] > found["certificate"]["lower"] * (1 - 1e-12)
    assert found["runs"][1]["reached"] is False


def test_a_comparison_is_saved_and_shown_again(folder):
    file = folder / "found.json"
    page = folder / "found.html"
    options = (
        "--bias",
        "all",
        "--samples",
        "30",
        "--one-vs-rest",
        "setosa",
        "--seeds",
        "2",
        "--width",
        "4",
        "--max-steps",
        "30",
    )
    code, out, _ = run("compare", "iris", *options, "--out", file, "--html", page)
    assert code == 0
    assert f"saved  {file}" in out
    text = page.read_text()
    told = re.search(r"<code>(relucvx compare [^<]*)</code>", text)[1]
    assert told.startswith("relucvx compare iris ")
    assert {"--max-steps 30", "--out found.json", "--one-vs-rest setosa"} <= set(re.findall(r"--[a-z-]+ [^-]\S*", told))
    assert "petal width (cm)" in text
    code, out, _ = run("report", file, "--title", "again", "--html", folder / "again.html", "--json")
    again = json.loads(out)
    assert code == 0
    before = json.loads(file.read_text())
    assert again["runs"][1]["objective"] == pytest.approx(before["runs"][1]["objective"], rel=1e-12)
    assert again["problem"]["feature_names"] == before["problem"]["feature_names"]
    assert again["problem"]["class_names"] == before["problem"]["class_names"]
    assert "<h1>again</h1>" in (folder / "again.html").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "without the entry 'problem'"),
        ("[1, 2]", "the file: list where names with values are expected"),
        ("not json", "no text in JSON"),
        ('{"problem": {"format": 99}}', "a problem of format 99, this version reads 1"),
        ('{"problem": {"samples": 3}, "runs": []}', "a problem of no format"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, text, said):
    file = tmp_path / "other.json"
    file.write_text(text)
    assert said in refused("report", file)


def test_a_file_that_is_not_there(tmp_path):
    assert "no file" in refused("report", tmp_path / "none.json")
