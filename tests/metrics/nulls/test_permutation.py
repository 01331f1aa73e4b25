"""Permutation tests: definitions by brute force, invariances, what is refused, and what cut work says."""

import itertools

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import Interrupted, InvalidInputError
from relucvx.metrics import permutation_test
from relucvx.metrics.nulls.p_values import TIES

LABELS = np.repeat([0, 1], 10)
SQUARE = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def apart(Z, labels):
    """Squared distance of two class means, as a user would write it."""
    labels = np.asarray(labels)
    return float(np.sum((Z[labels == 0].mean(axis=0) - Z[labels == 1].mean(axis=0)) ** 2))


def test_p_is_one_plus_the_count_over_one_plus_the_draws():
    found = permutation_test(apart, normal(20, 2), LABELS, n_permutations=50, rng=0, alternative="greater")
    reached = np.count_nonzero(found.null_values[:, 0] >= found.observed[0])
    assert found.p_value == (1 + reached) / 51
    assert found.n_permutations == 50


def test_p_agrees_with_all_permutations():
    Z, labels = normal(7, 2, seed=1), np.array([0, 0, 0, 1, 1, 1, 1])
    every = [apart(Z, labels[list(order)]) for order in itertools.permutations(range(7))]
    exact = np.mean(np.array(every) >= apart(Z, labels) - 1e-12)
    found = permutation_test(apart, Z, labels, n_permutations=2000, rng=0, alternative="greater")
    assert abs(found.p_value - exact) < 4 * np.sqrt(exact * (1 - exact) / 2000) + 1e-3


def test_p_is_never_zero_and_less_is_the_other_end():
    Z = normal(20, 2)
    Z[LABELS == 1] += 20.0
    found = [permutation_test(apart, Z, LABELS, n_permutations=9, rng=0, alternative=a).p_value for a in
             ("greater", "less", "two-sided")]  # fmt: skip
    assert found == [0.1, 1.0, 0.2]


def test_the_direction_of_the_metric_is_the_default():
    Z = normal(20, 2)
    Z[LABELS == 1] += 20.0
    collapse = permutation_test("neural_collapse", Z, LABELS, n_permutations=19, rng=0)
    assert (collapse.alternative, collapse.p_value) == ("less", 0.05)
    assert permutation_test("linear_probe", Z, LABELS, n_permutations=3, rng=0).alternative == "greater"
    assert permutation_test("two_nn", Z, n_permutations=3, rng=0).alternative == "two-sided"


def test_a_seed_gives_the_same_draws_in_any_number_of_processes_and_by_name_or_function():
    A, B = normal(12, 3), normal(12, 4, seed=1)
    one = permutation_test("procrustes", A, B, n_permutations=8, rng=5)
    for other in (
        permutation_test("procrustes", A, B, n_permutations=8, rng=one.seed, n_jobs=2),
        permutation_test(rx.metrics.procrustes, A, B, n_permutations=8, rng=5, statistic="similarity"),
    ):
        assert np.array_equal(one.null_values, other.null_values)
        assert one.p_value == other.p_value


def test_all_layers_are_permuted_alike():
    A = normal(10, 3)
    layers = {"one": A, "two": A @ np.linalg.qr(normal(3, 3, seed=3))[0], "three": normal(10, 2, seed=4)}
    found = permutation_test("procrustes", [A], layers, n_permutations=5, rng=0)
    # a rotation of features is not seen, so the two columns agree in every draw
    assert np.allclose(found.null_values[:, 0], found.null_values[:, 1])
    assert found.names == ("0 / one", "0 / two", "0 / three")
    assert found.p_value == found.corrected_p_values.min()
    assert np.all(found.corrected_p_values >= found.p_values.min())


def test_below_chance_is_explained():
    xor = np.array([[1.0], [-1.0], [-1.0], [1.0]])
    found = permutation_test("ccgp", xor, SQUARE, scheme="conditions", n_permutations=3, rng=0)
    assert found.value == 0.0
    assert "below chance" in found.note
    assert "parallelism_score below 0" in found.note
    parts = permutation_test("ccgp", xor, SQUARE, scheme="conditions", statistic="per_factor", n_permutations=3, rng=0)
    assert (parts.alternative, parts.scale) == ("greater", found.scale)
    assert "below chance" in parts.note
    many = np.repeat(xor, 2, axis=0), np.repeat(SQUARE, 2, axis=0)
    assert "below chance" in rx.metrics.bootstrap("ccgp", *many, n_resamples=3, rng=0).note


def test_calibration_takes_chance_away():
    A, B = normal(20, 200), normal(20, 200, seed=1)
    found = permutation_test("cka", A, B, debiased=False, n_permutations=99, rng=0)
    assert found.observed[0] > 0.8
    assert abs(found.adjusted[0]) < 0.1
    assert found.calibrated[0] == 0.0 or found.p_value <= 0.05
    same = permutation_test("cka", A, A, debiased=False, n_permutations=19, rng=0)
    assert (same.adjusted[0], same.calibrated[0]) == (pytest.approx(1.0), pytest.approx(1.0))


def tied(**given):
    """A score of two values: 6 of 19 draws equal the data."""
    values = iter([1.0, *[1.0] * 6, *[0.0] * 13])
    return permutation_test(lambda Z, y: next(values), normal(6, 1), [0, 0, 0, 1, 1, 1], n_permutations=19,
                            alternative="greater", **given)  # fmt: skip


def test_ties_are_said_and_broken_by_lot_on_request():
    counted = tied(rng=4)
    assert "6 of 19 draws equal the score, and count as extreme" in counted.note
    assert (counted.p_value, counted.ties, counted.finer) == (7 / 20, "finer", None)
    drawn = tied(rng=4, ties="lot")
    assert "6 of 19 draws equal the score, among which a lot" in drawn.note
    assert drawn.ties == "lot"
    assert drawn.p_value == drawn.p_values[0] == drawn.randomised_p_value == counted.randomised_p_value
    assert {tied(rng=seed, ties="lot").p_value for seed in range(60)} == {k / 20 for k in range(1, 8)}
    free = [permutation_test(apart, normal(20, 2), LABELS, n_permutations=19, rng=0, ties=ties) for ties in TIES]
    assert "equal the score" not in free[0].note
    assert len({one.p_value for one in free} | {free[0].randomised_p_value}) == 1
    undefined = permutation_test(lambda Z: np.nan, normal(6, 1), n_permutations=3, rng=0)
    assert np.isnan(undefined.randomised_p_value)


def test_undefined_scores_count_as_extreme():
    values = iter([5.0, np.nan, 1.0, np.nan, 2.0])
    found = permutation_test(
        lambda Z, y: next(values), normal(6, 1), [0, 0, 0, 1, 1, 1], n_permutations=4, rng=0, alternative="greater"
    )
    assert found.p_value == 3 / 5
    assert "undefined in 2 of 4 draws" in found.note


def test_an_interruption_carries_the_draws_that_were_finished():
    calls = itertools.count()

    def stopped(Z, y):
        if next(calls) == 6:
            raise KeyboardInterrupt
        return apart(Z, y)

    with pytest.raises(Interrupted) as caught:
        permutation_test(stopped, normal(20, 2), LABELS, n_permutations=99, rng=0, alternative="greater")
    found = caught.value.result
    assert found.n_permutations == 5
    assert "stopped after 5 of 99 draws" in found.note
    assert found.p_value >= 1 / 6


def test_a_callback_and_a_time_limit_stop_it():
    seen = []
    found = permutation_test(apart, normal(20, 2), LABELS, n_permutations=50, rng=0,
                             callback=lambda drawn: seen.append(drawn) or drawn.done == 4)  # fmt: skip
    assert (found.n_permutations, seen[-1].total) == (4, 50)
    cut = permutation_test(apart, normal(20, 2), LABELS, n_permutations=10**6, rng=0, time_limit=1e-6)
    assert cut.n_permutations == 0
    assert np.isnan(cut.p_value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scheme": "trials"}, "a scheme among"),
        ({"scheme": "within"}, "sessions with"),
        ({"sessions": [0] * 20}, "would mix them"),
        ({"conditions": [0] * 20}, "no conditions"),
        ({"scheme": "conditions"}, "conditions= with"),
        ({"scheme": "conditions", "conditions": [0] * 19 + [1]}, "same for all rows of a condition"),
        ({"alternative": "higher"}, "alternative among"),
        ({"ties": "random"}, "ties among finer, count, lot"),
        ({"metric": "accuracy"}, "a metric among"),
        ({"statistic": "auc"}, "statistic to be a field"),
        ({"statistic": 3}, "statistic to be the name"),
        ({"other": None}, "the labels of linear_probe"),
        ({"metric": "two_nn"}, "two_nn of one array"),
        ({"metric": "two_nn", "other": None, "scheme": "rotation"}, "one array has no conditions"),
        ({"metric": "space_folding", "other": None, "scheme": "rotation"}, "a walk has neither"),
        (
            {"metric": "cka", "other": normal(20, 2), "scheme": "conditions", "conditions": [0] * 19 + [1]},
            "as many rows",
        ),
        ({"metric": "cka", "other": [normal(20, 2)]}, "layers of both networks"),
        ({"metric": lambda Z, y: "text"}, "returns numbers"),
    ],
)
def test_what_does_not_fit_is_refused(given, message):
    with pytest.raises(InvalidInputError, match=message):
        permutation_test(
            **{"metric": "linear_probe", "Z": normal(20, 2), "other": LABELS, "n_permutations": 2, **given}
        )


def chains(rng):
    """Twelve layers of two networks that have nothing to do with each other."""
    found = []
    for _ in range(2):
        chain = [rng.standard_normal((14, 4))]
        while len(chain) < 12:
            chain.append(np.maximum(chain[-1] @ rng.standard_normal((4, 4)), 0.0) + 0.3 * rng.standard_normal((14, 4)))
        found.append(chain)
    return tuple(found)


def random_square(rng):
    """Four conditions at random places."""
    return np.repeat(rng.standard_normal((4, 5)), 4, axis=0) + rng.standard_normal((16, 5)), np.repeat(
        SQUARE, 4, axis=0
    )


UNRELATED = {
    "best of 12 x 12 layers": ("cka", {}, chains),
    "best of two variables": ("parallelism_score", {"scheme": "rotation", "statistic": "per_factor"}, random_square),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", UNRELATED)
def test_unrelated_data_are_found_related_in_five_of_a_hundred(kind):
    """Three standard errors of 1,000 data sets are 2 %; benchmarks/nulls.py measures every score and scheme."""
    metric, options, drawn = UNRELATED[kind]
    found = [
        permutation_test(metric, *drawn(np.random.default_rng([11, k])), n_permutations=19, rng=k, **options).p_value
        for k in range(1000)
    ]
    assert abs(np.mean(np.array(found) <= 0.05 + 1e-9) - 0.05) <= 0.02


@pytest.mark.slow
def test_unrelated_gaussians_are_calibrated_to_zero():
    found = []
    for k in range(100):
        A, B = np.random.default_rng([12, k]).standard_normal((2, 50, 1000))
        found.append(permutation_test("cka", A, B, debiased=False, n_permutations=99, rng=k))
    assert np.mean([one.observed[0] for one in found]) > 0.9
    assert abs(np.mean([one.adjusted[0] for one in found])) <= 0.02
    assert abs(np.mean([one.calibrated[0] for one in found])) <= 0.02


@pytest.mark.parametrize(("scheme", "says"), [("labels", True), ("conditions", False), ("rotation", False)])
def test_exchanged_labels_say_what_they_ask_of_an_abstract_code(scheme, says):
    factors = np.repeat([[-1, -1], [-1, 1], [1, -1], [1, 1]], 3, axis=0)
    Z = factors @ np.eye(2) + 0.1 * np.random.default_rng(0).standard_normal((12, 2))
    found = permutation_test("parallelism_score", Z, factors, scheme=scheme, n_permutations=9, rng=0)
    assert ('scheme="rotation"' in found.note) is says
