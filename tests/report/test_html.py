"""The HTML report: one file, nothing to load, everything said."""

import base64
import io
import math
from html import escape
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import DataFileError
from relucvx.report.html import number, page


class Reader(HTMLParser):
    """Tags, the addresses they load or link to, and the text."""

    def __init__(self):
        super().__init__()
        self.tags, self.addresses, self.words = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def found():
    data = rx.datasets.get("planted:20x2")
    sol = rx.solve(data.X, data.Y, 0.5)
    history = {"step": np.array([0, 10]), "objective": np.array([5.0, 1.0])}
    run = SimpleNamespace(network=sol.network, seed=0, history=history)
    return rx.compare(data.X, data.Y, 0.5, [run, sol.network], solution=sol)


@pytest.fixture(scope="module")
def text(found, tmp_path_factory):
    path = found.to_html(tmp_path_factory.mktemp("report") / "report.html", 'a <title> & "more"')
    return path.read_text(encoding="utf-8")


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


def test_nothing_is_loaded_from_anywhere(text):
    reader = read(text)
    assert len(reader.addresses) == 5
    assert all(address.startswith("data:image/png;base64,") for address in reader.addresses)
    assert not {"script", "link", "iframe", "object"} & set(reader.tags)
    assert "url(" not in text
    assert "@import" not in text
    assert "http" not in text


def test_pictures_are_pictures(text):
    from matplotlib.image import imread

    for address in read(text).addresses:
        pixels = imread(io.BytesIO(base64.b64decode(address.split(",")[1])))
        assert pixels.shape[0] > 300
        assert pixels.shape[1] > 500
        assert pixels[..., :3].std() > 0.02  # not blank


def test_every_finding_and_network_is_in_it(text, found):
    words = " ".join(read(text).words)
    for finding in found.findings:
        assert finding.text in words
        assert finding.verdict in words
    assert words.count("seed 0") >= 1
    assert "network 1" in words
    assert f"{found.solution.objective:.8g}" in words
    assert 'a <title> & "more"' in words


def test_tags_are_closed(text):
    for tag in ("div", "table", "tr", "td", "figure", "body", "html"):
        assert text.count(f"<{tag}>") + text.count(f"<{tag} ") == text.count(f"</{tag}>")


def test_without_runs_there_is_no_figure_about_them():
    data = rx.datasets.get("planted:20x4")
    found = rx.compare(data.X, data.Y, 5.0, [])
    assert len(read(page(found)).addresses) == 2  # kernels and neurons; no landscape in four dimensions


def test_a_path_that_cannot_be_written(found, tmp_path):
    with pytest.raises(DataFileError, match="a path that can be written"):
        found.to_html(tmp_path / "no" / "folder.html")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (math.nan, "–"), ("", "–"), (True, "yes"), (False, "no"), (3, "3"), (2000.0, "2000"), (0.0, "0"),
        (1.23456e-7, "1.23e-07"), ("text", "text"),
    ],
)  # fmt: skip
def test_numbers_stay_short(value, text):
    assert number(value) == text


def test_a_page_without_figures_still_has_every_word(found, text, tmp_path):
    bare = found.to_html(tmp_path / "bare.html", figures=False).read_text(encoding="utf-8")
    assert "<img" in text
    assert "<img" not in bare
    assert all(escape(finding.text) in bare for finding in found.findings)
