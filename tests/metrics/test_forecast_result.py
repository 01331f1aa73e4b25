"""The words of a forecast follow its numbers and premises."""

import numpy as np
import pytest

from relucvx.metrics import Forecast
from relucvx.metrics.forecast_result import Premise


def made(p=0.01, r=0.8, met=True):
    premises = {"a": (Premise(True, "fine"), Premise(met, "too few")), "b": (Premise(True, "fine"),)}
    numbers = np.array([r, 0.1])
    return Forecast(
        ("a", "b"), (0, 1, 2), np.arange(6.0).reshape(2, 3), np.arange(3.0), numbers, numbers,
        np.array([[0.1, 0.9], [-0.5, 0.6]]), np.array([p / 2, 0.5]), np.array([p, 0.5]), premises, 1, 0.95,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, "forecasts"),
        ({"r": -0.8}, "forecasts the opposite"),
        ({"p": 0.06}, "not concluded"),
        ({"p": np.nan}, "not concluded"),
        ({"met": False}, "not concluded"),
    ],
)
def test_words(given, word):
    found = made(**given)
    assert found.word("a") == word
    assert found.verdict("a").startswith(f"{word}: Pearson")
    assert ("premise not met: too few" in found.verdict("a")) == (given.get("met") is False)


def test_the_best_layer_has_the_smallest_p_value():
    assert made().best == made().facts()["best"] == "a"
    assert made(p=0.9).best == made(p=np.nan).best == "b"
    ax = made().plot(layer="b")
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [3, 4, 5])
