"""Forecasts from convexity: correlations against scipy, exact p-values, and every premise missed once."""

import itertools

import numpy as np
import pytest
from scipy import stats

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.metrics.forecasting import _fisher, _p_values

C = 8
LABELS = np.repeat(np.arange(C), 20)
RNG = np.random.default_rng(0)
CENTRES = 4.0 * np.eye(C)[LABELS]
WIDE = CENTRES + (0.3 + 0.35 * LABELS[:, None]) * RNG.standard_normal((len(LABELS), C))
"""Later classes are wider, hence less convex."""
WORSE = np.where(RNG.random(len(LABELS)) < 0.06 * LABELS, (LABELS + 1) % C, LABELS)
"""Decisions that are wrong more often for later classes."""

QUICK = {"k": 5, "n_pairs": 100, "n_resamples": 4, "rng": 0}


def forecast(Z, decided, labels=LABELS, **options):
    return rx.metrics.forecast({"Z": Z}, decided, None, labels, None, labels, **QUICK | options)


@pytest.fixture(scope="module")
def found():
    return forecast(WIDE, WORSE)


def test_the_numbers_are_those_of_scipy(found):
    accuracy = [np.mean(WORSE[c == LABELS] == c) for c in range(C)]
    convexity = list(rx.metrics.graph_convexity(WIDE, LABELS, 5, 100, rng=0).per_class.values())
    np.testing.assert_allclose(found.accuracy, accuracy)
    np.testing.assert_allclose(found.convexity[0], convexity)
    test = stats.pearsonr(convexity, accuracy)
    assert found.pearson[0] == pytest.approx(test.statistic)
    assert found.spearman[0] == pytest.approx(stats.spearmanr(convexity, accuracy).statistic)
    np.testing.assert_allclose(found.interval[0], test.confidence_interval(0.95))


def test_it_concludes_where_all_premises_are_met(found):
    assert found.word("Z") == "forecasts"
    assert all(premise.met for premise in found.premises["Z"])
    assert found.best == "Z"
    assert found.verdict("Z").startswith("forecasts: Pearson +0.")
    assert "8 classes" in found.verdict("Z")


@pytest.mark.parametrize(
    ("Z", "decided", "labels", "text"),
    [
        (WIDE, LABELS, LABELS, "accuracies of classes differ by 0"),
        (WIDE, (LABELS + 1) % C, LABELS, "accuracy after fine-tuning 0.000, 0.125 for the most frequent label"),
        (RNG.standard_normal((len(LABELS), C)), WORSE, LABELS, "under permuted labels"),
        (WIDE, WORSE % 4, LABELS % 4, "4 classes allow p-values down to 0.083, 0.05 needed"),
        (CENTRES + 0.01 * RNG.standard_normal(CENTRES.shape), WORSE, LABELS, "convexities of classes differ by 0"),
    ],
)
def test_every_premise_can_be_missed(Z, decided, labels, text):
    found = forecast(Z, decided, labels)
    assert found.word("Z") == "not concluded"
    missed = [premise.text for premise in found.premises["Z"] if not premise.met]
    assert any(text in line for line in missed)
    assert all(line in found.verdict("Z") for line in missed)


def test_the_opposite_is_told_apart():
    better = np.where(np.arange(len(LABELS)) % 20 < 2 * (C - 1 - LABELS), (LABELS + 1) % C, LABELS)
    assert forecast(WIDE, better).word("Z") == "forecasts the opposite"


def test_p_values_are_those_of_all_orders():
    x, y = np.array([[0.1, 0.5, 0.3, 0.9, 0.7]]), np.array([0.2, 0.4, 0.6, 0.95, 0.8])
    own = abs(np.corrcoef(x[0], y)[0, 1])
    every = [abs(np.corrcoef(x[0], order)[0, 1]) for order in itertools.permutations(y)]
    share = np.mean(np.array(every) >= own - 1e-12)
    assert _p_values(x, y, np.random.default_rng(0))[0] == pytest.approx(share)
    assert np.isnan(_p_values(np.ones((1, 5)), y, np.random.default_rng(0))[0])


@pytest.mark.parametrize("size", [6, 10])
def test_p_values_and_intervals_keep_what_they_promise_without_a_correlation(size):
    rng = np.random.default_rng(size)
    x, y = rng.standard_normal((150, size)), rng.standard_normal(size)
    p = _p_values(x, y, rng)
    assert abs(np.mean(p <= 0.1) - 0.1) < 0.075
    intervals = _fisher(np.array([np.corrcoef(row, y)[0, 1] for row in x]), size, 0.9)
    assert abs(np.mean((intervals[:, 0] <= 0) & (intervals[:, 1] >= 0)) - 0.9) < 0.075


def test_several_networks_are_averaged_over_and_layers_are_corrected_for():
    nets = [rx.DeepNetwork([RNG.standard_normal(s) for s in ((C, 12), (12, C))]) for _ in range(2)]
    quick = QUICK | {"n_pairs": 30}
    found = rx.metrics.forecast(nets, nets, WIDE, LABELS, WIDE, LABELS, **quick)
    assert found.layers == ("input", "hidden 0", "output")
    right = [net.predict(WIDE).argmax(1) == LABELS for net in nets]
    np.testing.assert_allclose(found.accuracy, [np.mean([r[c == LABELS] for r in right]) for c in range(C)])
    np.testing.assert_allclose(found.corrected, rx.metrics.holm(found.p_values))
    assert found.n_networks == 2
    assert [row["layer"] for row in found.records()] == list(found.layers)
    only = rx.metrics.forecast(nets, nets, WIDE, LABELS, WIDE, LABELS, layers=["hidden 0"], **quick)
    assert only.corrected[0] == only.p_values[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"after": WORSE[:9]}, "a decision for each of the 160 test samples; received 9"),
        (
            {"before": [{"Z": WIDE}] * 2, "after": [WORSE]},
            "as many fine-tuned networks as pretrained ones, 2; received 1",
        ),
        ({"before": [{"Z": WIDE}, {"V": WIDE}], "after": [WORSE] * 2}, "networks with the same layers, Z; received V"),
        ({"layers": []}, "at least one layer; received none"),
        ({"labels_test": np.zeros(len(LABELS), int)}, "labels_test with at least one sample of each class"),
        (
            {"after": rx.DeepNetwork([np.ones((C, 4))]), "X_test": WIDE},
            "after with 8 outputs, one for each label; received 4",
        ),
    ],
)
def test_refusals(change, message):
    given = {"before": {"Z": WIDE}, "after": WORSE, "X": None, "labels": LABELS, "X_test": None, "labels_test": LABELS}
    with pytest.raises(InvalidInputError, match=message):
        rx.metrics.forecast(**given | change, **QUICK)
    with pytest.raises(InvalidInputError, match="a layer among 'Z'; received 'V'"):
        forecast(WIDE[:40], LABELS[:40], LABELS[:40]).word("V")
