"""The colours of pages: every one in both schemes, and words that can be read in each."""

import re

import pytest

from relucvx.report.style import DARK, LIGHT, STYLE
from relucvx.report.svg import ROLES


def contrast(one, other):
    """Ratio of the luminances of two colours, as accessibility guidelines define it."""

    def luminance(colour):
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_ratio_is_the_usual_one():
    assert contrast("#ffffff", "#000000") == pytest.approx(21.0)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_every_role_has_a_light_and_a_dark_colour():
    assert set(ROLES.values()) <= set(LIGHT) == set(DARK)
    assert {LIGHT[role] for colour, role in ROLES.items() if colour != "#000000"} == set(ROLES) - {"#000000"}
    used = set(re.findall(r"var\(--([a-z]+)\)", STYLE))
    assert used <= set(LIGHT)
    assert {"paper", "ink", "soft", "line"} <= used


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_words_and_lines_stand_out(colours):
    for ground in ("paper", "panel"):
        for word in ("ink", "soft", "link", "holds", "fails", "partly"):
            assert contrast(colours[word], colours[ground]) >= 4.5, (word, ground)
    for line in ("optimum", "run", "floor", "quiet"):
        assert contrast(colours[line], colours["paper"]) >= 3.0, line
