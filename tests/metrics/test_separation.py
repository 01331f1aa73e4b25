"""Separability: Cover's count, exact answers in rationals, certificates of both kinds, invariances, refusals."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import condition_averages, cover_count, linear_separation, separability
from relucvx.metrics.samples.dichotomies import dichotomies

SQUARE = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def separable_in_rationals(points, signs):
    """Fourier-Motzkin: is there w with s_i (w . z_i) > 0 for every i? Exact, and slow."""
    rows = {tuple(Fraction(int(s) * int(v)) for v in (*z, 1)) for z, s in zip(points, signs, strict=True)}
    for _ in range(len(points[0]) + 1):
        up, down, rest = [], [], set()
        for first, *others in rows:
            if first == 0:
                rest.add(tuple(others))
            else:
                (up if first > 0 else down).append([v / abs(first) for v in others])
        rest |= {tuple(a + b for a, b in zip(u, d, strict=True)) for u in up for d in down}
        rows = rest
    return not rows  # a row without variables says 0 > 0


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("n", "d"), [(2, 1), (6, 1), (6, 2), (7, 3), (5, 4), (5, 7)])
def test_general_position_gives_covers_count(n, d, bias):
    found = separability(np.random.default_rng(n * d).standard_normal((n, d)), bias=bias)
    assert found.exhaustive
    assert found.n_undecided == 0
    assert found.n_total == 2 ** (n - 1)
    assert 2 * found.n_separable == cover_count(n, min(d, n), bias)
    assert found.share == found.general_position
    assert found.interval == (found.share, found.share)


def test_covers_count_is_its_recursion_and_all_when_dimensions_suffice():
    for n, d in product(range(2, 12), range(1, 6)):
        assert cover_count(n, d, False) == cover_count(n - 1, d, False) + cover_count(n - 1, d - 1, False)
        assert cover_count(n, d) == cover_count(n, d + 1, bias=False)
    assert cover_count(5, 4) == 2**5
    assert cover_count(8, 3) == 2**7  # half of all at n = 2 (d + 1)


@pytest.mark.parametrize("seed", range(6))
def test_small_integers_in_degenerate_position_equal_exact_rationals(seed):
    rng = np.random.default_rng(seed)
    Z = rng.integers(-1, 2, (5 + seed % 3, 1 + seed % 3))
    splits = dichotomies(len(Z), False, 10**6, rng).sides
    expected = [separable_in_rationals(Z.tolist(), np.where(s, 1, -1)) for s in splits]
    found = separability(Z)
    assert found.n_undecided == 0
    assert found.n_separable == sum(expected)
    for sides, answer in zip(splits[1:], expected[1:], strict=True):
        assert linear_separation(Z, sides).separable is answer


def check_certificate(Z, sides, found, bias=True):
    """The answer follows from the arrays alone."""
    signs = np.where(np.asarray(sides, bool), 1.0, -1.0)
    if found.separable:
        values = signs * (Z @ found.weights + found.bias)
        assert values.min() > 0
        assert found.margin == pytest.approx(values.min() / np.linalg.norm(found.weights))
        assert found.combination is None
    else:
        q = found.combination
        assert q.min() >= 0
        if bias:
            assert q[signs > 0].sum() == pytest.approx(1.0, abs=1e-8)
            assert q[signs < 0].sum() == pytest.approx(1.0, abs=1e-8)
        size = np.abs(Z - bias * Z.mean(axis=0)).max()
        assert np.abs((q * signs) @ Z).max() <= 1e-8 * size
        assert found.residual <= 1e-9
        assert found.weights is None


@pytest.mark.parametrize("bias", [True, False])
def test_either_answer_carries_a_certificate(bias):
    seen = set()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        Z = 10.0 ** rng.integers(-6, 7) * (rng.standard_normal((7, 3)) + rng.choice([0.0, 30.0]) * bias)
        sides = np.arange(7) < 3
        found = linear_separation(Z, sides, bias=bias)
        check_certificate(Z, sides, found, bias)
        seen.add(found.separable)
    assert seen == {True, False}


def test_a_wrong_certificate_is_noticed():
    found = linear_separation(SQUARE, [0, 0, 1, 1])
    check_certificate(SQUARE, [0, 0, 1, 1], found)
    with pytest.raises(AssertionError):
        check_certificate(SQUARE, [0, 1, 1, 0], found)
    with pytest.raises(AssertionError):
        check_certificate(SQUARE, [0, 0, 1, 1], linear_separation(SQUARE, [0, 1, 1, 0]))


def test_the_square_by_hand():
    """Of 8 splits of a square's corners, only the exclusive or is not separable."""
    found = separability(SQUARE)
    assert (found.n_separable, found.n_total) == (7, 8)
    assert separability(SQUARE, balanced=True).share == pytest.approx(2 / 3)
    assert np.isnan(separability(SQUARE, balanced=True).general_position)
    exclusive = linear_separation(SQUARE, [0, 1, 1, 0])
    assert exclusive.separable is False
    np.testing.assert_allclose(exclusive.combination, 0.5)
    assert linear_separation(SQUARE, ["a", "a", "a", "b"]).margin == pytest.approx(np.sqrt(2) / 4)
    # a third neuron that mixes the two separates everything
    assert separability(np.column_stack([SQUARE, SQUARE[:, 0] * SQUARE[:, 1]])).share == 1.0


def test_trials_of_a_condition_stay_together():
    rng = np.random.default_rng(1)
    means = rng.standard_normal((6, 5))
    labels = np.repeat(list("abcdef"), 8)
    Z = means[np.repeat(np.arange(6), 8)] + rng.standard_normal((48, 5))
    noisy, clean = separability(Z, labels), separability(condition_averages(Z, labels).means)
    assert noisy.n_total == clean.n_total == 32
    assert clean.share == 1.0
    assert noisy.share < 0.5
    assert np.isnan(noisy.general_position)
    assert noisy.conditions == tuple("abcdef")
    equal = separability(np.repeat(means, 3, axis=0), np.repeat(np.arange(6), 3))
    assert equal.share == 1.0


def test_equal_points_of_two_conditions_cannot_be_split():
    Z = np.array([[0.0], [0.0], [1.0]])
    assert linear_separation(Z, [0, 1, 1]).separable is False
    assert separability(Z).n_separable == 2
    flat = separability(np.full((3, 2), 0.1))
    assert flat.n_separable == 1  # the trivial split alone
    assert separability(np.zeros((3, 2)), bias=False).n_separable == 0
    assert linear_separation(np.zeros((3, 2)), [0, 1, 1], bias=False).separable is False


def test_drawn_splits_estimate_the_share_with_coverage():
    Z = np.random.default_rng(2).standard_normal((6, 2))
    truth = separability(Z).share
    assert truth == 0.5
    hits = 0
    for seed in range(20):
        found = separability(Z, n_dichotomies=20, confidence=0.8, rng=seed)
        assert not found.exhaustive
        assert found.n_tested == 20
        hits += found.interval[0] <= truth <= found.interval[1]
        assert found.interval[0] <= found.share <= found.interval[1]
    assert hits >= 12  # 16 expected, standard deviation 1.8
    assert separability(Z, n_dichotomies=20, rng=3) == separability(Z, n_dichotomies=20, rng=3)


def test_invariances_and_their_limits():
    rng = np.random.default_rng(3)
    Z = rng.standard_normal((7, 3))
    base = separability(Z)
    order = rng.permutation(7)
    same = [
        Z[order],
        Z[:, ::-1],
        1e-9 * Z,
        1e9 * Z,
        Z + 100.0,
        -Z,
        Z @ rng.standard_normal((3, 3)),
        Z * [1.0, 1e4, 1e-4],
    ]
    for other in same:
        assert separability(other).n_separable == base.n_separable
    assert separability(Z, list("gfedcba")).n_separable == base.n_separable
    # not of a map that is not affine, nor, without a bias, of a shift
    bent = np.column_stack([Z, Z[:, 0] * Z[:, 1]])
    assert separability(bent).n_separable > base.n_separable
    assert separability(SQUARE, bias=False).n_separable < separability(SQUARE + 1.0, bias=False).n_separable
    assert separability(np.abs(Z) @ np.ones((3, 1))).n_separable < base.n_separable


def test_undecided_answers_are_reported_and_widen_the_interval(monkeypatch):
    """Solvers that fail: nothing is guessed."""
    from types import SimpleNamespace

    monkeypatch.setattr("relucvx.metrics.samples.span.nnls", lambda A, b: (np.zeros(A.shape[1]), 1.0))
    monkeypatch.setattr("relucvx.metrics.samples.span.linprog", lambda *a, **k: SimpleNamespace(x=None))
    found = separability(SQUARE)
    assert found.n_undecided > 0
    assert found.interval == (found.n_separable / 8, (found.n_separable + found.n_undecided) / 8)
    one = linear_separation(SQUARE, [0, 1, 1, 0])
    assert one.separable is None
    assert one.weights is None
    assert one.combination is None
    wrong = SimpleNamespace(x=np.zeros(4), ineqlin=SimpleNamespace(marginals=-np.array([1.0, 0.0, 0.0, 0.0])))
    monkeypatch.setattr("relucvx.metrics.samples.span.linprog", lambda *a, **k: wrong)
    assert linear_separation(SQUARE, [0, 1, 1, 0]).separable is None


@pytest.mark.parametrize(
    ("function", "kwargs", "message"),
    [
        (separability, {"Z": [[1.0]]}, "at least two conditions to split; received 1"),
        (
            separability,
            {"Z": np.eye(3), "conditions": [0, 0, 0]},
            r"at least two conditions to split; received 1 \(\(0,\)",
        ),
        (separability, {"Z": np.eye(3), "conditions": [0, 1]}, "conditions of length 3"),
        (separability, {"Z": np.eye(3), "n_dichotomies": 0}, "n_dichotomies to be an int >= 1"),
        (separability, {"Z": np.eye(3), "confidence": 2}, "confidence strictly between 0 and 1"),
        (separability, {"Z": [[np.nan], [1.0]]}, "Z to be finite"),
        (linear_separation, {"Z": np.eye(3), "sides": [0, 0, 0]}, "two sides; received 1"),
        (linear_separation, {"Z": np.eye(3), "sides": [0, 1, 2]}, "two sides; received 3"),
        (linear_separation, {"Z": np.eye(3), "sides": [0, 1]}, "sides of length 3"),
        (cover_count, {"n": 0, "d": 2}, "n to be an int >= 1; received 0"),
        (cover_count, {"n": 3, "d": -1}, "d to be an int >= 0; received -1"),
    ],
)
def test_refusals(function, kwargs, message):
    with pytest.raises(InvalidInputError, match=message):
        function(**kwargs)
