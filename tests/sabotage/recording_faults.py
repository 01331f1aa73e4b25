"""Faults in recordings: trials drawn twice, folds that see each other, scores that are not theirs."""

from sabotage.fault import Fault

TESTS = "pytest tests/metrics/recordings"

FAULTS = (
    Fault(
        "a function of a recording whose conditions stay when they are exchanged",
        "metrics.recordings.standing_in:_of_trials",
        "tuple(recording.condition[i] for i in rows)",
        "recording.condition",
        f"{TESTS}/test_standing_in.py::test_a_function_sees_a_recording_whose_conditions_moved",
    ),
    Fault(
        "repeats that are no blocks",
        "metrics.recordings.standing_in:_grouped",
        'by == "sessions" or recording.runs is None',
        'by != "nothing"',
        f"{TESTS}/test_standing_in.py::test_repeats_are_the_blocks_where_there_are_some",
    ),
    Fault(
        "noise weights of all trials",
        "metrics.recordings.crossvalidated:_left_out",
        "residuals_of(Z[rest], groups.of(rest))",
        "residuals_of(Z, groups)",
        f"{TESTS}/test_crossvalidated.py::test_equals_the_literal_folds_with_every_kind_of_weight",
    ),
    Fault(
        "distances of a fold with itself",
        "metrics.recordings.crossvalidated:_left_out",
        "groups.of(rest).means(Z[rest])",
        "groups.means(Z)",
        f"{TESTS}/test_crossvalidated.py::test_equals_the_literal_folds_with_every_kind_of_weight",
    ),
    Fault(
        "pseudo-trials drawn with replacement",
        "metrics.recordings.drawing:pseudo_rows",
        "rng.permutation(rows[groups.codes[rows] == c])[:m]",
        "rng.choice(rows[groups.codes[rows] == c], m)",
        f"{TESTS}/test_drawing.py::test_pseudo_populations_use_each_trial_once_and_keep_what_was_recorded_together",
    ),
    Fault(
        "the ceiling of all from the others",
        "metrics.recordings.ceiling:noise_ceiling",
        "_score(total / m, row, method)",
        "_score((total - row) / (m - 1), row, method)",
        f"{TESTS}/test_ceiling.py",
    ),
    Fault(
        "degrees of freedom without the means",
        "metrics.recordings.noise:residuals_of",
        "len(Z) - int((groups.counts > 0).sum())",
        "len(Z)",
        f"{TESTS}/test_noise.py::test_without_shrinkage_it_is_the_covariance_of_the_residuals",
    ),
    Fault(
        "one of the conditions left out is trained on",
        "metrics.recordings.splits:generalisation",
        "machines.accuracy(side[codes], ~test, test)",
        "machines.accuracy(side[codes], codes != first, test)",
        f"{TESTS}/test_splits.py::test_generalisation_leaves_out_every_pair",
    ),
    Fault(
        "machines shared among splits that put the pair on other sides",
        "metrics.recordings.splits:generalisation",
        "turned = bool(side[first] ^ rest[0])",
        "turned = False",
        f"{TESTS}/test_splits.py::test_generalisation_leaves_out_every_pair",
    ),
    Fault(
        "a machine whose sides do not weigh alike",
        "metrics.samples._machine_kernels:held_out",
        "C * n / (2.0 * np.where(own > 0, above, n - above))",
        "C * np.ones(n)",
        "pytest tests/metrics/samples/test_machine.py",
        interpreted=True,
    ),
    Fault(
        "parallelism counts a direction with itself",
        "metrics.recordings.splits:parallelism",
        "(best - k) / (k * (k - 1))",
        "best / (k * k)",
        f"{TESTS}/test_splits.py::test_parallelism_is_the_best_pairing_literally",
    ),
    Fault(
        "folds of shuffled labels not dealt anew",
        "metrics.recordings.dichotomies:dichotomies",
        "as_folds(trials, recording.runs, n_folds), C, which)",
        "as_folds(groups, recording.runs, n_folds), C, which)",
        f"{TESTS}/test_dichotomies.py::test_nulls_are_the_same_again_and_shares_are_exact",
    ),
    Fault(
        "another shuffle in every bin",
        "metrics.recordings.over_time:over_time",
        "responses=part.responses[order])",
        "responses=part.responses[generator.permutation(order)])",
        f"{TESTS}/test_over_time.py::test_shuffles_are_alike_in_all_bins_and_stay_in_their_session",
    ),
    Fault(
        "neurons of large gain speak for all",
        "metrics.recordings.selectivity:shape_of",
        "weights = ",
        "weights = 0.0 * V[:, 0] + 1.0 + 0.0 * ",
        f"{TESTS}/test_selectivity.py::test_parts_are_what_they_say",
    ),
)
