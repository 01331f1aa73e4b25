"""Faults in permutation tests and bootstrap intervals."""

from sabotage.fault import Fault

TESTS = "pytest tests/metrics/nulls"

FAULTS = (
    Fault(
        "p-values that can be zero",
        "metrics.nulls.p_values:p_values",
        "(1.0 + count) / (1.0 + len(null))",
        "count / len(null)",
        f"{TESTS}/test_permutation.py::test_p_is_never_zero_and_less_is_the_other_end",
    ),
    Fault(
        "the other tail",
        "metrics.nulls.p_values:p_values",
        '{"greater": above, "less": below}',
        '{"greater": below, "less": above}',
        f"{TESTS}/test_permutation.py::test_p_is_never_zero_and_less_is_the_other_end",
    ),
    Fault(
        "both tails at the price of one",
        "metrics.nulls.p_values:p_values",
        "np.minimum(1.0, 2.0 * p)",
        "np.minimum(1.0, p)",
        f"{TESTS}/test_permutation.py::test_p_is_never_zero_and_less_is_the_other_end",
    ),
    Fault(
        "undefined draws dropped",
        "metrics.nulls.p_values:_beyond",
        "np.isnan(null) | (",
        "~np.isnan(null) & (",
        f"{TESTS}/test_permutation.py::test_undefined_scores_count_as_extreme",
    ),
    Fault(
        "ties that do not count",
        "metrics.nulls.p_values:p_values",
        "place = tied if rng is None else",
        "place = 0 * tied if rng is None else",
        f"{TESTS}/test_p_values.py::test_ties_within_rounding_count_as_reached",
    ),
    Fault(
        "the best of several layers uncorrected",
        "metrics.nulls.p_values:corrected_p_values",
        "if known.sum() <= 1:",
        "if True:",
        f"{TESTS}/test_p_values.py::test_the_best_of_many_unrelated_scores_is_seldom_significant",
    ),
    Fault(
        "rows shuffled across sessions",
        "metrics.nulls.schemes:arranged",
        "_rows(score, Z, other, n, blocks), _small(blocks)",
        '_rows(score, Z, other, n, Groups(("all",), 0 * blocks.codes)), _small(blocks)',
        f"{TESTS}/test_schemes.py::test_within_sessions_nothing_crosses_a_session",
    ),
    Fault(
        "trials scattered when conditions change places",
        "metrics.nulls.schemes:_conditions",
        "rng.permutation(len(places))[groups.codes]",
        "rng.permutation(groups.codes)",
        f"{TESTS}/test_schemes.py::test_whole_conditions_change_places",
    ),
    Fault(
        "random centres without the variance of the data's",
        "metrics.nulls.schemes:_centres",
        "centres *= size / (float(np.linalg.norm(centres)) or 1.0)",
        "pass",
        f"{TESTS}/test_schemes.py::test_random_geometry_keeps_variance_and_clouds",
    ),
    Fault(
        "rotations that turn the mean",
        "metrics.nulls.schemes:_rotation",
        "return out + 1.0 / n",
        "return out",
        f"{TESTS}/test_schemes.py::test_rotations_fix_the_ones_vector",
    ),
    Fault(
        "walks of fewer crossings",
        "metrics.nulls.schemes:_walks",
        "rng.choice(len(row), size, replace=False)",
        "rng.choice(len(row), size)",
        f"{TESTS}/test_schemes.py::test_walks_have_as_many_crossings",
    ),
    Fault(
        "rows of a kernel permuted, its columns not",
        "metrics.nulls.embedding:quick",
        "second[:, order[:, None], order]",
        "second[:, order]",
        f"{TESTS}/test_embedding.py",
    ),
    Fault(
        "halves that are not scaled to the whole",
        "metrics.nulls.resampling:Units.factor",
        "return float(np.average(each, weights=sizes))",
        "return 1.5",
        f"{TESTS}/test_resampling.py::test_of_a_mean_it_is_students_interval",
    ),
    Fault(
        "sessions taken apart",
        "metrics.nulls.resampling:_units",
        "groups = as_conditions(given, n, over)",
        "groups = as_conditions(range(n), n, over)",
        f"{TESTS}/test_resampling.py::test_sessions_and_conditions_are_drawn_whole",
    ),
    Fault(
        "Holm's factors in the wrong order",
        "metrics.nulls.several:holm",
        "np.arange(len(order), 0, -1)",
        "np.arange(1, len(order) + 1)",
        f"{TESTS}/test_several.py::test_it_rejects_what_the_step_down_does",
    ),
    Fault(
        "a forecast that drops its premises",
        "metrics.forecast_result:Forecast.word",
        "not all(premise.met for premise in self.premises[layer])",
        "False",
        "pytest tests/metrics/test_forecasting.py::test_every_premise_can_be_missed",
    ),
    Fault(
        "a cut's head fitted to another layer",
        "metrics.layers.refit:cut_and_refit",
        "if part.name == chosen]",
        "if part.name != chosen][:1]",
        "pytest tests/metrics/layers/test_refit.py::test_the_head_is_the_probe_of_that_layer",
    ),
)
