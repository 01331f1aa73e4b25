"""A recording in the place of arrays: the same numbers as of its arrays, for every metric, scheme and unit."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.metrics import Recording, bootstrap, ccgp, crossnobis, permutation_test
from relucvx.metrics.nulls.scores import ALONE, FACTORS, LABELS, PAIR, TAKES

F = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (6, 1))
SESSION = np.repeat(["a", "b"], 12)


def made(**given):
    rng = np.random.default_rng(0)
    Z = F @ rng.standard_normal((2, 5)) + rng.standard_normal((24, 5))
    return Recording(Z, factors={"context": F[:, 0], "choice": F[:, 1]}, **given)


ONE = made(session=SESSION)
CODES = ONE.groups.codes
ARRAYS = {LABELS: list(ONE.condition), FACTORS: F.astype(float), ALONE: None, PAIR: ONE.activity[:, ::2] ** 2}
OPTIONS = {
    "euclidean_convexity": {
        "predict": lambda Z: np.fromiter((ONE.conditions[int(z > 0)] for z in Z[:, 0]), object),
        "n_pairs": 20,
    },
    "linear_probe": {"n_folds": 2},
    "decoding_dimension": {"n_folds": 2},
}
KNOWN = [name for name, (_, takes) in TAKES.items() if takes in ARRAYS]


@pytest.mark.parametrize("name", KNOWN)
def test_every_metric_is_that_of_its_arrays(name):
    takes = TAKES[name][1]
    second, options = ARRAYS[takes] if takes == PAIR else None, OPTIONS.get(name, {})
    for scheme, groups in (("labels", {}), ("within", {"sessions": SESSION})):
        found = permutation_test(name, ONE, second, scheme=scheme, n_permutations=2, rng=0, **options)
        wanted = permutation_test(
            name, ONE.activity, ARRAYS[takes], scheme=scheme, n_permutations=2, rng=0, **groups, **options
        )
        np.testing.assert_array_equal(found.null_values, wanted.null_values)
        np.testing.assert_array_equal(found.observed, wanted.observed)
        assert ('scheme="within"' in found.note) == (scheme == "labels")
    found = bootstrap(name, ONE, second, n_resamples=2, rng=0, **options)
    wanted = bootstrap(name, ONE.activity, ARRAYS[takes], conditions=CODES, n_resamples=2, rng=0, **options)
    np.testing.assert_array_equal(found.resampled, wanted.resampled)


@pytest.mark.parametrize("scheme", ["conditions", "rotation"])
@pytest.mark.parametrize("name", ["neural_collapse", "parallelism_score", "procrustes"])
def test_schemes_of_conditions(name, scheme):
    takes = TAKES[name][1]
    second = ARRAYS[takes] if takes == PAIR else None
    groups = {} if takes == FACTORS or (takes, scheme) == (PAIR, "rotation") else {"conditions": CODES}
    found = permutation_test(name, ONE, second, scheme=scheme, n_permutations=3, rng=0)
    wanted = permutation_test(name, ONE.activity, ARRAYS[takes], scheme=scheme, n_permutations=3, rng=0, **groups)
    np.testing.assert_array_equal(found.null_values, wanted.null_values)


@pytest.mark.parametrize("over", ["conditions", "neurons", "sessions"])
def test_units(over):
    for name in ("participation_ratio", "neural_collapse", "procrustes"):
        takes = TAKES[name][1]
        second = ARRAYS[takes] if takes == PAIR else None
        groups = {"conditions": {"conditions": CODES}, "sessions": {"sessions": SESSION}}.get(over, {})
        found = bootstrap(name, ONE, second, over=over, n_resamples=3, rng=0)
        wanted = bootstrap(name, ONE.activity, ARRAYS[takes], over=over, n_resamples=3, rng=0, **groups)
        np.testing.assert_array_equal(found.resampled, wanted.resampled)


def test_factors_keep_their_names_and_one_may_be_the_labels():
    found = permutation_test(ccgp, ONE, statistic="per_factor", scheme="rotation", n_permutations=2, rng=0)
    assert found.names == ("context", "choice")
    one = permutation_test("linear_probe", ONE, of="choice", n_permutations=2, rng=0)
    same = permutation_test("linear_probe", ONE.activity, F[:, 1], n_permutations=2, rng=0)
    np.testing.assert_array_equal(one.null_values, same.null_values)
    given = permutation_test("linear_probe", ONE, F[:, 1], n_permutations=2, rng=0)
    np.testing.assert_array_equal(given.null_values, same.null_values)


def test_repeats_are_the_blocks_where_there_are_some():
    repeat = np.repeat([1, 2, 3], 8)
    found = permutation_test("neural_collapse", made(repeat=repeat), scheme="within", n_permutations=3, rng=0)
    wanted = permutation_test(
        "neural_collapse", ONE.activity, CODES, scheme="within", sessions=repeat, n_permutations=3, rng=0
    )
    np.testing.assert_allclose(found.null_values, wanted.null_values, rtol=1e-12)
    own = permutation_test(
        "neural_collapse", made(repeat=repeat), scheme="within", sessions=SESSION, n_permutations=3, rng=0
    )
    assert not np.array_equal(own.null_values, found.null_values)


def test_a_function_sees_a_recording_whose_conditions_moved():
    seen = []

    def spy(recording):
        seen.append(recording)
        return crossnobis(recording, noise=None).vector

    permutation_test(spy, ONE, scheme="within", n_permutations=2, rng=0)
    order = seen[1]
    assert order.condition != ONE.condition
    assert sorted(order.condition[:12]) == sorted(ONE.condition[:12])
    assert order.session == ONE.session
    np.testing.assert_array_equal(order.responses, ONE.responses)
    assert all(c == f for c, f in zip(order.condition, zip(*order.factors.values(), strict=True), strict=True))
    for scheme in ("labels", "conditions", "rotation"):
        assert np.isfinite(permutation_test(spy, ONE, scheme=scheme, n_permutations=2, rng=0).null_values).all()
    seen.clear()
    for over in ("trials", "conditions", "neurons", "sessions"):
        bootstrap(lambda recording: spy(recording).sum(), ONE, over=over, n_resamples=2, rng=0)
    halves = seen[1]
    assert halves.counts.tolist() == [3, 3, 3, 3]
    rows = [np.flatnonzero((ONE.responses == row).all(axis=1))[0] for row in halves.responses]
    assert halves.session == tuple(ONE.session[i] for i in rows)
    assert halves.condition == tuple(ONE.condition[i] for i in rows)
    timed = Recording(np.stack([ONE.responses] * 3, axis=2), factors=ONE.factors)
    found = permutation_test(lambda recording: recording.window().responses.mean(), timed, n_permutations=2, rng=0)
    assert found.value == pytest.approx(ONE.responses.mean())


def test_other_conditions_than_factors_are_what_changes_places():
    finer = made(condition=[(*row, i % 8 // 4) for i, row in enumerate(F.tolist())])
    found = permutation_test("neuron_tuning", finer, scheme="conditions", n_permutations=3, rng=0)
    wanted = permutation_test(
        "neuron_tuning", finer.activity, F.astype(float), scheme="conditions", conditions=list(finer.condition),
        n_permutations=3, rng=0,
    )  # fmt: skip
    np.testing.assert_array_equal(found.null_values, wanted.null_values)


def test_two_recordings_correspond_by_trials_or_by_conditions():
    other = made(session=SESSION).select(neurons=["n0", "n3"])
    found = permutation_test("rdm_correlation", ONE, other, n_permutations=3, rng=0)
    wanted = permutation_test("rdm_correlation", ONE.activity, other.activity, n_permutations=3, rng=0)
    np.testing.assert_array_equal(found.null_values, wanted.null_values)
    fewer = other.select(trials=range(8, 24))
    means = ONE.averages().means
    found = permutation_test("rdm_correlation", ONE, fewer, n_permutations=3, rng=0)
    wanted = permutation_test("rdm_correlation", means, fewer.averages().means, n_permutations=3, rng=0)
    np.testing.assert_array_equal(found.null_values, wanted.null_values)
    assert "means of 4 conditions" in found.note
    model = np.eye(4, 3)
    one = permutation_test("procrustes", ONE, model, scheme="conditions", n_permutations=3, rng=0)
    np.testing.assert_allclose(one.value, rx.metrics.procrustes(means, model).similarity)
    layers = {"first": model, "second": model**2 + np.arange(3)}
    table = permutation_test("procrustes", {"area": ONE}, layers, n_permutations=3, rng=0)
    assert table.names == ("area / first", "area / second")
    assert table.observed[0] == pytest.approx(one.value)
    assert bootstrap("procrustes", model, ONE, over="conditions", method="copies", n_resamples=5, rng=0).n_units == 4


BARE = Recording(ONE.responses, condition=CODES)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: permutation_test("ccgp", BARE), "a recording with factors for ccgp"),
        (lambda: permutation_test("neural_collapse", BARE, scheme="within"), "with sessions or repeats"),
        (lambda: bootstrap("neural_collapse", BARE, over="sessions"), "with sessions or repeats"),
        (lambda: permutation_test("space_folding", ONE), "is of walks"),
        (lambda: permutation_test("ccgp", ONE, of="choice"), "of= with a metric of labels"),
        (lambda: permutation_test("linear_probe", ONE, F[:, 0], of="choice"), "labels as well"),
        (lambda: permutation_test("linear_probe", ONE.activity, F[:, 0], of="choice"), "of= with a recording"),
        (lambda: permutation_test("linear_probe", ONE.activity, ONE), "a recording as the first argument"),
        (lambda: permutation_test("cka", ONE, np.eye(7)), "of 24 .trials. or 4 rows"),
        (lambda: permutation_test("cka", ONE, BARE.select(conditions=[0, 1])), "other conditions"),
        (lambda: permutation_test("cka", ONE, np.eye(4), scheme="within"), "means over sessions"),
        (lambda: bootstrap("cka", ONE, np.eye(4)), 'over="conditions"'),
        (lambda: permutation_test(crossnobis, ONE, F), "a function of one recording"),
        (lambda: permutation_test("nothing", ONE), "or a function of a recording"),
        (lambda: permutation_test("ccgp", Recording(np.ones((2, 1, 3)), factors=[[0], [1]])), "window"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
