"""The HTML report: one file, nothing to load, everything said."""

import dataclasses
import itertools
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
from report.markup import read

import relucvx as rx
from relucvx._api.statistics import StatisticRange
from relucvx.errors import DataFileError
from relucvx.report.html import number, page, summary
from relucvx.report.uniqueness import KernelUniqueness, no_ranges


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


def test_nothing_is_loaded_from_anywhere(text):
    reader = read(text)
    kinds = {address.partition(";")[0] if address.startswith("data:") else address[:6] for address in reader.addresses}
    assert kinds == {
        "data:image/png",
        "data:application/json",
        "data:text/csv",
        "#word-",
        "#kerne",
        "#curve",
        "#gaps-",
        "#neuro",
        "#lands",
    }
    assert not {"script", "link", "iframe", "object", "img"} & {tag for tag, _ in reader.tags}
    bare = re.sub(r"data:[a-z/]+;base64,[A-Za-z0-9+/=]+", "", text)
    assert set(re.findall(r"url\(.", bare)) == {"url(#"}
    assert "@import" not in bare
    assert len(bare) < 200_000  # all data are gone from it
    assert "http" not in bare


def test_what_a_page_points_to_is_in_it_once(text):
    reader = read(text)
    names = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(names) == len(set(names))
    assert {a[1:] for a in reader.addresses if a.startswith("#")} <= set(names)
    assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(names)


def test_a_page_made_twice_is_the_same(found):
    assert page(found) == page(found)


def test_tables_have_heads_and_headings_are_in_order(text):
    reader = read(text)
    heads = [attributes.get("scope") for tag, attributes in reader.tags if tag == "th"]
    assert set(heads) == {"col", "row"}
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert sum(tag == "caption" for tag, _ in reader.tags) == sum(tag == "table" for tag, _ in reader.tags) >= 3


def test_every_finding_and_network_is_in_it(text, found):
    words = "".join(read(text).words)
    for finding in found.findings:
        assert finding.text in words
        assert finding.verdict in words
    assert words.count("seed 0") >= 1
    assert "network 1" in words
    assert f"{found.solution.objective:.8g}" in words
    assert 'a <title> & "more"' in words


def test_tags_are_closed(text):
    for tag in ("div", "table", "tr", "td", "figure", "body", "html", "svg", "dl", "p", "pre", "main"):
        assert text.count(f"<{tag}>") + text.count(f"<{tag} ") == text.count(f"</{tag}>")


def test_without_runs_there_is_no_figure_about_them():
    data = rx.datasets.get("planted:20x4")
    found = rx.compare(data.X, data.Y, 5.0, [])
    assert page(found).count("<figure>") == 2  # kernels and neurons; no landscape in four dimensions


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
    assert "<svg" in text
    assert "<svg" not in bare
    words = "".join(read(bare).words)
    assert all(finding.text in words for finding in found.findings)


def ranged(found, *ranges):
    """The comparison where the kernel is not known to be unique, with these ranges over all optima."""
    return dataclasses.replace(found, uniqueness=KernelUniqueness(None, "nobody knows"), ranges=ranges)


def interval(statistic, lower, upper):
    return StatisticRange(statistic, lower, upper, 0.15, 0.15, 0.0, 1.0, {}, rx.Scope.ALL_PATTERNS, 3.0)


def test_intervals_stand_where_nothing_is_decided(found):
    told = page(ranged(found, interval("nc1_quotient", 0.1, 0.2), interval("parallelism", -1.0, 1.0)), figures=False)
    words = " ".join(read(told).words)
    assert "Over all optima" in words
    assert "0.1 to 0.2" in words
    assert words.count("no bound in this time") == 1
    assert 'kernel_statistic(solution, "nc1_quotient"' in words
    assert "not known to be unique" in words
    unique = page(dataclasses.replace(found, uniqueness=KernelUniqueness(True, "it is")), figures=False)
    assert "Over all optima" not in unique


def test_a_page_says_why_there_is_no_interval(found):
    assert "Not asked" in page(ranged(found), figures=False)
    free = dataclasses.replace(found.solution, problem=dataclasses.replace(found.problem, bias="free"))
    assert "free bias" in no_ranges(free, ())
    wide = dataclasses.replace(found.solution, certificate=dataclasses.replace(found.solution.certificate, rel_gap=0.1))
    assert "a gap of 0.1" in no_ranges(wide, ())
    assert no_ranges(wide, (interval("distance", 0.0, 1.0),)) == ""


def test_the_first_sentence_claims_what_is_proven(found):
    assert summary(found).startswith("Proven: the best network of any width has an objective p* between")
    assert "All of the 2 networks that were compared are within" in summary(found)
    c = dataclasses.replace(found.solution.certificate, lower=0.5, rel_gap=0.6)
    rows = tuple(dataclasses.replace(row, reached=k == 0) for k, row in enumerate(found.rows))
    open_ = dataclasses.replace(found, solution=dataclasses.replace(found.solution, certificate=c), rows=rows)
    assert summary(open_).startswith("Not proven: the best network found has")
    assert "One of the 2 networks that were compared is within" in summary(open_)
    one = dataclasses.replace(found, rows=rows[1:], networks=found.networks[1:])
    assert "The one network that was compared is not proven to be within" in summary(one)
