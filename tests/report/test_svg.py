"""Drawings inside a page: in its colours, with names of their own, and nothing that a page has no use for."""

import re
from xml.etree import ElementTree

from relucvx.report import figures
from relucvx.report.svg import drawing


def picture(**style):
    ax = figures.new_axes(4.0, 3.0)
    ax.plot([1, 2, 3], [3, 1, 2], **style)
    ax.imshow([[0.0, 1.0], [1.0, 0.0]])
    return ax.figure


def test_colours_that_mean_something_are_those_of_the_page():
    text = drawing(picture(color=figures.RUN), "a", "one line")
    assert "stroke: var(--run)" in text
    assert "var(--ink)" in text
    assert figures.RUN not in text
    other = drawing(picture(color="#123456"), "a", "one line")
    assert "stroke: #123456" in other
    assert "var(--run)" not in other


def test_two_drawings_in_one_page_share_no_name():
    one, two = (drawing(picture(), name, "a line") for name in ("a", "b"))
    names = [set(re.findall(r'\bid="([^"]*)"', text)) for text in (one, two)]
    assert all(names)
    assert not names[0] & names[1]


def test_a_drawing_is_described_and_of_its_size():
    root = ElementTree.fromstring(drawing(picture(), "a", 'a "line" & <more>'))
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == 'a "line" & <more>'
    assert (root.attrib["width"], root.attrib["height"]) == ("384", "288")
    assert root.attrib["viewBox"] == "0 0 288 216"


def test_nothing_of_a_file_of_its_own_is_left():
    text = drawing(picture(), "a", "a line")
    assert not re.search("<style|<metadata|DOCTYPE|xmlns|http:|<!--", text)
