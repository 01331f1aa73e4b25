"""Intervals and permutation nulls of convexity: coverage by simulation, literal variances, valid p-values, refusals."""

from itertools import combinations

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import Convexity, ConvexityNull, euclidean_convexity, graph_convexity
from relucvx.metrics.samples.class_pairs import draw_pairs, dyadic_limits
from relucvx.metrics.samples.groups import as_groups


def draw(rng, n, classes, p, apart):
    """Overlapping Gaussian classes of equal size around fixed centres."""
    centres = np.random.default_rng(99).standard_normal((classes, p)) * apart
    labels = np.arange(n) % classes
    return rng.standard_normal((n, p)) + centres[labels], labels


def decide(points):
    """A fixed classifier with bent regions, all three common."""
    return (points + 0.4 * np.sin(5.0 * points[:, [1, 2, 0]])).argmax(axis=1)


def rates(score, new_data, n_truth, n_trials):
    """Share of intervals of fresh data that hold the expected score, overall and per class, and their mean lengths."""

    def all_scores(found):
        return [found.overall, *found.per_class.values()]

    truth = np.mean([all_scores(score(*new_data(10_000 + i), None)) for i in range(n_truth)], axis=0)
    hits, lengths = [], []
    for i in range(n_trials):
        found = score(*new_data(i), 0.9)
        low, high = np.array([found.interval, *found.class_intervals.values()]).T
        hits.append((low <= truth) & (truth <= high))
        lengths.append(high - low)
    return np.mean(hits, axis=0), np.mean(lengths, axis=0)


@pytest.mark.parametrize("n_pairs", [None, 60])
def test_euclidean_intervals_cover(n_pairs):
    def score(Z, labels, confidence):
        return euclidean_convexity(Z, labels, decide, n_pairs, n_points=4, rng=0, confidence=confidence)

    def new_data(i):
        labels = np.arange(60) % 3
        return np.random.default_rng(i).standard_normal((60, 3)) + 0.7 * np.eye(3)[labels], labels

    covered, lengths = rates(score, new_data, 500, 300)
    # 300 intervals at 0.9: standard error 0.017, and as much again from the truth, which is simulated too
    assert covered.min() > 0.83, covered
    assert covered.max() < 0.96, covered
    assert lengths.max() < 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "classes", "p", "apart", "k", "n_pairs"), [(60, 2, 3, 0.6, 4, None), (120, 3, 5, 0.7, 8, 100)]
)
def test_graph_intervals_cover(n, classes, p, apart, k, n_pairs):
    def score(Z, labels, confidence):
        return graph_convexity(Z, labels, k, n_pairs, rng=0, confidence=confidence, n_resamples=40)

    covered, lengths = rates(score, lambda i: draw(np.random.default_rng(i), n, classes, p, apart), 300, 200)
    assert covered.min() > 0.83, covered
    assert lengths.max() < 0.4


def test_graph_intervals_are_of_the_right_length():
    """The half-sample deviation against the true one over fresh data; one for independent pairs is far too narrow."""
    scores, lengths, naive = [], [], []
    for i in range(60):
        Z, labels = draw(np.random.default_rng(i), 60, 2, 3, 0.6)
        kwargs = {"confidence": 0.6827, "n_resamples": 15, "rng": 0} if i < 15 else {}
        found = graph_convexity(Z, labels, 4, None, **kwargs)
        scores.append(found.overall)
        if kwargs:
            lengths.append((found.interval[1] - found.interval[0]) / 2)
            naive.append(np.sqrt(found.overall * (1 - found.overall) / sum(found.n_pairs.values())))
    assert 0.7 < np.mean(lengths) / np.std(scores) < 1.5
    assert np.mean(naive) < 0.3 * np.std(scores)


def test_dyadic_variance_equals_the_double_sum():
    rng = np.random.default_rng(0)
    groups = as_groups(np.repeat([0, 1], [9, 7]), 16)
    pairs = [
        draw_pairs(np.flatnonzero(groups.codes == c), limit, rng, unordered=True) for c, limit in ((0, None), (1, 15))
    ]
    scores = [rng.random(len(p)) for p in pairs]
    variances = []
    for p, s in zip(pairs, scores, strict=True):
        e, m = s - s.mean(), len(np.unique(p))
        total = sum(e[a] ** 2 for a in range(len(p)))
        total += 2 * sum(e[a] * e[b] for a, b in combinations(range(len(p)), 2) if set(p[a]) & set(p[b]))
        variances.append(max(total, e @ e) / len(p) ** 2 * m / (m - 2))
    found = dyadic_limits(groups, pairs, np.concatenate(scores), 0.8)
    from scipy.stats import t as student

    for c in range(2):
        mean, q = scores[c].mean(), student.ppf(0.9, len(np.unique(pairs[c])) - 1)
        for limit in found[c]:
            # Wilson: the limits are the means whose own standard deviation reaches the score
            spread = variances[c] * limit * (1 - limit) / (mean * (1 - mean))
            assert abs(mean - limit) == pytest.approx(q * np.sqrt(spread), rel=1e-9)


def test_intervals_hold_the_score_and_grow_with_the_confidence():
    Z, labels = draw(np.random.default_rng(1), 60, 3, 3, 0.7)
    for score in (
        lambda level: graph_convexity(Z, labels, 5, None, rng=0, confidence=level, n_resamples=20),
        lambda level: euclidean_convexity(Z, labels, decide, None, confidence=level),
    ):
        narrow, wide = score(0.5), score(0.99)
        assert narrow.overall == wide.overall
        assert narrow.confidence == 0.5
        assert wide.interval[0] < narrow.interval[0] < narrow.overall < narrow.interval[1] < wide.interval[1]
        for name, value in narrow.per_class.items():
            low, high = wide.class_intervals[name]
            assert 0 <= low <= value <= high <= 1
    plain = graph_convexity(Z, labels, 5, None)
    assert plain == Convexity(plain.overall, plain.per_class, plain.n_pairs)
    assert plain.interval is plain.class_intervals is plain.confidence is plain.null is None


def test_certain_scores_have_intervals_of_positive_length_and_tiny_classes_none():
    rng = np.random.default_rng(2)
    Z = np.concatenate([rng.standard_normal((30, 2)), rng.standard_normal((3, 2)) + 50, [[99.0, 0.0]]])
    labels = ["many"] * 30 + ["few"] * 3 + ["one"]
    # 15 of the many are a block of nearest neighbours at k = 29, so halves score 1 as well
    found = graph_convexity(Z, labels, 29, None, confidence=0.95, n_resamples=5, rng=0)
    assert found.per_class["many"] == 1.0
    assert 0.7 < found.class_intervals["many"][0] < 0.9
    assert found.class_intervals["many"][1] == 1.0
    assert np.isnan(found.class_intervals["few"]).all()  # half of three samples has no pair
    assert np.isnan(found.class_intervals["one"]).all()
    exact = euclidean_convexity(Z, labels, lambda points: np.array(["many"] * len(points)), confidence=0.95)
    assert exact.class_intervals["many"][1] == 1.0
    assert exact.class_intervals["many"][0] > 0.7
    assert np.isnan(exact.class_intervals["few"]).all()


def test_separated_classes_beat_their_null_and_random_labels_do_not():
    Z, labels = draw(np.random.default_rng(5), 60, 2, 3, 4.0)
    found = graph_convexity(Z, labels, 5, None, rng=0, n_permutations=99)
    null = found.null
    assert isinstance(null, ConvexityNull)
    assert null.n_permutations == 99
    assert null.confidence == 0.95
    assert null.p_value == 0.01
    assert set(null.class_p_values.values()) == {0.01}
    assert null.interval[0] < null.mean < null.interval[1] < found.overall
    assert 0.2 < null.mean < 0.5
    for name in (0, 1):
        low, high = null.class_intervals[name]
        assert low < null.class_means[name] < high
    mixed = graph_convexity(Z, np.random.default_rng(6).permutation(labels), 5, None, rng=0, n_permutations=99)
    assert mixed.null.p_value > 0.05
    assert set(found.to_dict()["null"]["class_p_values"]) == {"0", "1"}


@pytest.mark.parametrize("metric", ["graph", "euclidean"])
def test_p_values_are_valid(metric):
    """Labels without a signal: P(p <= a) <= a. 120 trials at a = 0.2: standard error 0.037."""
    values = []
    for i in range(120):
        rng = np.random.default_rng(i)
        Z, labels = rng.standard_normal((24, 3)), rng.permutation(np.arange(24) % 2)
        if metric == "graph":
            found = graph_convexity(Z, labels, 3, None, rng=i, n_permutations=9)
        else:
            found = euclidean_convexity(Z, labels, decide, None, n_points=3, rng=i, n_permutations=9)
        values.append(found.null.p_value)
    assert min(values) >= 0.1
    assert np.mean(np.array(values) <= 0.2) < 0.2 + 3 * 0.037


def test_euclidean_null_moves_the_labels_over_the_points():
    rng = np.random.default_rng(7)
    Z = rng.standard_normal((40, 3))
    labels = decide(Z)
    for method, predict in (("sampled", decide), ("exact", (np.eye(3), None))):
        own = labels if method == "sampled" else Z.argmax(axis=1)
        found = euclidean_convexity(Z, own, predict, None, method=method, rng=0, n_permutations=40)
        assert found.null.p_value == pytest.approx(1 / 41)
        assert found.null.interval[1] < found.overall
        # the mean null score of a class is its share of the segments between any two points
        assert sum(found.null.class_means.values()) == pytest.approx(1.0, abs=0.1)


def test_intervals_and_null_inherit_the_invariances():
    rng = np.random.default_rng(9)
    Z, labels = draw(rng, 45, 3, 3, 0.6)
    Q = np.linalg.qr(rng.standard_normal((3, 3)))[0]

    def graph(points, names):
        return graph_convexity(points, names, 4, None, rng=0, confidence=0.9, n_resamples=8, n_permutations=5)

    def straight(points, names, back):
        return euclidean_convexity(
            points, names, lambda p: decide(p @ back), None, rng=0, confidence=0.9, n_permutations=5
        )

    def figures(found):
        null = found.null
        return [
            *found.interval,
            *np.ravel(list(found.class_intervals.values())),
            null.mean,
            null.p_value,
            *null.interval,
        ]

    base = figures(graph(Z, labels))
    for other in (Z @ Q + 2.0, 1e6 * Z, Z[:, [1, 2, 0]]):
        np.testing.assert_allclose(figures(graph(other, labels)), base, atol=1e-9)
    np.testing.assert_allclose(figures(graph(Z, [f"c{c}" for c in labels])), base, atol=1e-12)
    assert np.abs(np.subtract(figures(graph(Z * [1.0, 9.0, 0.1], labels)), base)).max() > 1e-2
    base = figures(straight(Z, labels, np.eye(3)))
    np.testing.assert_allclose(figures(straight(Z @ Q, labels, Q.T)), base, atol=1e-9)
    assert np.abs(np.subtract(figures(straight(Z @ Q, labels, np.eye(3))), base)).max() > 1e-2


def test_results_are_reproducible_and_singletons_have_no_p_value():
    Z, labels = draw(np.random.default_rng(8), 31, 3, 2, 1.0)
    labels = np.where(np.arange(31) == 30, 9, labels)
    one = graph_convexity(Z, labels, 4, 30, rng=3, confidence=0.9, n_resamples=6, n_permutations=5)
    two = graph_convexity(Z, labels, 4, 30, rng=3, confidence=0.9, n_resamples=6, n_permutations=5)
    assert one.interval == two.interval
    assert one.null.p_value == two.null.p_value
    assert one.null.confidence == 0.9
    assert np.isnan(one.null.class_p_values[9])
    assert np.isnan(one.null.class_means[9])
    assert one.null.p_value > 0


@pytest.mark.parametrize("score", ["graph", "euclidean"])
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"confidence": 95}, "confidence strictly between 0 and 1, or None; received 95; likely cause: a percentage"),
        ({"confidence": 1.0}, "confidence strictly between 0 and 1"),
        ({"confidence": True}, "confidence strictly between 0 and 1"),
        ({"confidence": "0.9"}, "confidence strictly between 0 and 1"),
        ({"n_permutations": -1}, "n_permutations to be an int >= 0; received -1"),
        ({"n_permutations": 9.5}, "n_permutations to be an int >= 0; received 9.5"),
        ({"n_resamples": 1}, "n_resamples to be an int >= 2; received 1"),
    ],
)
def test_refusals(score, kwargs, message):
    if score == "euclidean" and "n_resamples" in kwargs:
        return
    args = (np.eye(3), [0, 0, 1]) if score == "graph" else (np.eye(3), [0, 0, 1], decide)
    with pytest.raises(InvalidInputError, match=message):
        (graph_convexity if score == "graph" else euclidean_convexity)(*args, **kwargs)
