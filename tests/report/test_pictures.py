"""Figures in a page: drawn, in its colours, and described with their numbers."""

import io
import re
from xml.etree import ElementTree

import pytest
from report.markup import data_of, read

from relucvx.report.pictures import pictures


@pytest.fixture(scope="module")
def text(plane):
    return "".join(pictures(plane))


def test_figures_are_drawn_and_described(text, plane):
    drawings = re.findall(r'<svg class="drawing" role="img" aria-label="([^"]*)".*?</svg>', text, flags=re.DOTALL)
    assert len(drawings) == 5
    assert all(len(words) > 40 for words in drawings)
    for whole in re.findall(r"<svg\b.*?</svg>", text, flags=re.DOTALL):
        paths = [e for e in ElementTree.fromstring(whole).iter() if e.tag in ("path", "use", "image")]
        assert len(paths) > 20
    assert "#000000" not in re.sub(r'href="data:[^"]*"', "", text)  # colours are the page's, dark or light
    kernels, curves, gaps, neurons, landscape = drawings
    c = plane.solution.certificate
    assert f"{c.lower:.6g}" in curves
    assert "1 of 2 are within 0.0001" in gaps
    assert "optimum, best run (seed 1)" in kernels
    assert f"{plane.optimum.width} neurons" in neurons
    assert f"{plane.optimum.width} neurons" in landscape


def test_pictures_inside_drawings_are_pictures(text):
    from matplotlib.image import imread

    found = [address for address in read(text).addresses if address.startswith("data:image/png")]
    assert len(found) >= 2
    for address in found:
        assert min(imread(io.BytesIO(data_of(address))).shape[:2]) > 5
