"""Range, chance and direction of every metric that is a number of arrays: one table, which docs and results share."""

import math

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.metrics.nulls.scores import TAKES
from relucvx.metrics.scales import RECORDED, SCALES, scale


def test_every_score_that_can_be_tested_has_a_scale():
    assert set(SCALES) == set(TAKES)
    assert {*SCALES, *RECORDED} <= set(rx.metrics.__all__)


@pytest.mark.parametrize("name", [*SCALES, *RECORDED])
def test_a_scale_is_one_line_of_known_words(name):
    found = scale(name)
    assert found.metric == name
    assert found.low < found.high
    assert found.direction in ("higher", "lower", "either")
    assert found.text.startswith("from ")
    assert "\n" not in found.text


def test_scores_stay_in_their_range():
    rng = np.random.default_rng(0)
    Z, W, labels = rng.standard_normal((24, 4)), rng.standard_normal((24, 3)), np.repeat([0, 1, 2], 8)
    factors = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (6, 1))
    given = {"labels": labels, "factors": factors, "pair": W, "alone": None, "codes": None}
    for name, (_, takes) in TAKES.items():
        if name == "euclidean_convexity":
            continue  # needs a classifier
        data = Z > 0 if takes == "codes" else Z
        value = rx.metrics.permutation_test(name, data, given[takes], n_permutations=1, rng=0).value
        assert scale(name).low - (name == "cka") <= value <= scale(name).high, name
        assert math.isfinite(value), name


def test_unknown_metrics_are_refused():
    with pytest.raises(InvalidInputError, match="a metric among ccgp"):
        scale("accuracy")
