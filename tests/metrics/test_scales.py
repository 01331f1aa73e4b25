"""Range, chance and direction of every metric that is a number of arrays: one table, which docs and results share."""

import copy
import inspect
import json
import math
import pickle

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.metrics.nulls.scores import TAKES
from relucvx.metrics.scales import EVERY, SCALES, Level, scale


def test_every_score_that_can_be_tested_has_a_scale():
    assert set(SCALES) == set(TAKES)
    assert set(EVERY) <= set(rx.metrics.__all__)


@pytest.mark.parametrize("name", EVERY)
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


RNG = np.random.default_rng(0)
Z, W = RNG.standard_normal((24, 4)), RNG.standard_normal((24, 3))
GROUPS, SQUARES = np.repeat([0, 1, 2], 8), np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (6, 1))
TRIALS = rx.Recording(Z, condition=GROUPS)
SAWTOOTH = rx.datasets.sawtooth(2)
GIVEN = {
    "ccgp": (Z, SQUARES), "cka": (Z, W), "decoding_dimension": (Z, GROUPS), "effective_rank": (Z,),
    "euclidean_convexity": (Z, GROUPS, lambda points: (points[:, 0] > 0).astype(int)), "graph_convexity": (Z, GROUPS),
    "linear_probe": (Z, GROUPS), "mutual_knn": (Z, W), "neural_collapse": (Z, GROUPS), "neuron_tuning": (Z, SQUARES),
    "numerical_rank": (Z,), "parallelism_score": (Z, SQUARES), "participation_ratio": (Z,), "procrustes": (Z, W),
    "rdm_correlation": (Z, W), "separability": (Z, GROUPS), "space_folding": (Z > 0,), "two_nn": (Z,),
    "crossnobis": (TRIALS,), "epairs": (TRIALS,), "erp": (TRIALS,), "noise_ceiling": ([np.ones((3, 3)) - np.eye(3)] * 2,),
    "class_folding": (SAWTOOTH, [[0.0], [0.1], [0.9], [1.0]], [0, 0, 1, 1]), "few_shot_snr": (Z, Z + 3.0),
    "few_shot_matrix": (Z, GROUPS), "largest_folding": (SAWTOOTH, [[0.0], [0.5], [1.0]]),
}  # fmt: skip
"""Arguments of every metric that has a row in the table."""

OTHERS = {
    "attention_convexity", "bootstrap", "condition_averages", "cover_count", "cut_and_refit", "dichotomies", "folding",
    "folding_curve", "forecast", "hamming_convex", "holm", "input_map", "layer_activations", "layer_similarity", "line_regions",
    "linear_regions", "linear_separation", "measure", "noise_corrected_kernel", "noise_covariance", "permutation_test",
    "plot_profile", "plot_slice", "profile", "sampled_codes", "scale", "slice_regions", "suggested_cut",
}  # fmt: skip
"""Functions whose answer is no score of their own: data, geometry, a count, or scores of metrics that are in the table."""


def test_every_function_is_in_the_table_or_has_no_score_of_its_own():
    functions = {name for name in rx.metrics.__all__ if not inspect.isclass(getattr(rx.metrics, name))}
    assert functions == {*EVERY, *OTHERS}
    assert not OTHERS & set(EVERY)
    assert set(GIVEN) == set(EVERY)


@pytest.mark.parametrize("name", GIVEN)
def test_every_result_says_its_range_chance_and_direction(name):
    given, options = GIVEN[name], {"n_draws": 9, "rng": 0} if name in ("epairs", "erp") else {}
    found, row = getattr(rx.metrics, name)(*given, **options), scale(name)
    assert found.direction == row.direction
    assert found.range == ((row.low, row.high) if name != "cka" else (-1.0 if found.debiased else 0.0, 1.0))
    # where a result measures chance it says the number
    assert (found.chance == row.chance) is (name not in ("cka", "linear_probe"))
    assert isinstance(found.chance, float if name in ("cka", "linear_probe") else str)
    for other in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        assert (other.range, other.chance, other.direction) == (found.range, found.chance, found.direction)


def test_numbers_that_know_their_metric_are_numbers():
    ratio, rank = rx.metrics.participation_ratio(Z), rx.metrics.numerical_rank(Z)
    assert json.dumps([ratio, rank]) == json.dumps([float(ratio), int(rank)])
    assert (repr(ratio), repr(rank)) == (repr(float(ratio)), repr(int(rank)))
    assert type(ratio + 0.0) is float
    assert type(rank + 0) is int
    assert np.array([ratio, 1.0]).dtype == float
    assert list(range(rank)) == [0, 1, 2, 3]
    assert math.isnan(rx.metrics.participation_ratio(np.ones((3, 2))))
    assert Level(0.5, "mine").range == (-math.inf, math.inf)  # of what nobody has said anything
    assert (Level(0.5, "mine").chance, Level(0.5, "mine").direction) == ("", "either")


def test_results_of_several_metrics_say_whose_they_are():
    assert rx.metrics.layer_similarity([Z], [W], "mutual_knn", k=3).chance == scale("mutual_knn").chance
    assert rx.metrics.layer_similarity([Z], [W], lambda A, B: 1.0).direction == "either"
    found = rx.metrics.permutation_test("neural_collapse", Z, GROUPS, n_permutations=2, rng=0)
    assert (found.range, found.direction) == ((0.0, math.inf), "lower")
    other = rx.metrics.bootstrap("neural_collapse", Z, GROUPS, statistic="cdnv", n_resamples=2, rng=0)
    assert (other.range, other.chance, other.direction) == ((-math.inf, math.inf), "", "either")
    assert rx.metrics.folding(SAWTOOTH, [0.0], [1.0]).chance == scale("space_folding").chance


def test_unknown_metrics_are_refused():
    with pytest.raises(InvalidInputError, match="a metric among ccgp"):
        scale("accuracy")
