"""Unions of cells and Hamming convexity: every union of small arrangements, and what happens outside the assumptions."""

import itertools

import numpy as np
import pytest
from theory.claim_checks import CHECKS

from relucvx.metrics import hamming_convex
from relucvx.theory import Verdict, claim
from relucvx.theory.statements.hamming import CLAIMS, _all_paths, _cells, _codes, _one_path, _union_is_convex

LEMMA, PRINTED = claim("hamming-convex-unions"), claim("reading-hamming-one-path")


def lines(W1, b1, chosen=None):
    """An instance of whole lines; every cell is observable."""
    W1 = np.array(W1, float)
    instance = {"W1": W1, "b1": np.array(b1, float), "W2": np.zeros((W1.shape[1], 0)), "b2": np.zeros(0)}
    cells = _codes(_cells(instance))
    return {**instance, "observable": cells, "chosen": cells if chosen is None else np.array(chosen, bool)}


GENERIC = [[1, 0, 1, 1], [0, 1, 1, -2]], [0, 0, -1, 3]
SMALL = {
    "three lines": ([[1, 0, 1], [0, 1, 1]], [0, 0, -1]),
    "concurrent": ([[1, 0, 1], [0, 1, -1]], [0, 0, 0]),
    "two parallel": ([[1, 1, 0], [0, 0, 1]], [0, 1, 0]),
    "a line twice": ([[1, -2, 0], [0, 0, 1]], [0, 0, 0]),
}


@pytest.mark.parametrize("name", SMALL)
def test_lemma_on_every_union(name):
    base, convex = lines(*SMALL[name]), 0
    cells = base["observable"]
    for mask in itertools.product([False, True], repeat=len(cells)):
        if any(mask):
            outcome = LEMMA.check({**base, "chosen": cells[list(mask)]})
            assert outcome.verdict is Verdict.HOLDS
            convex += _union_is_convex({**base, "chosen": cells[list(mask)]})
    assert 0 < convex < 2 ** len(cells) - 1


def test_numbers_of_cells_and_convex_sets_of_four_lines():
    cells = lines(*GENERIC)["observable"]
    assert len(cells) == 1 + 4 + 6
    masks = (m for m in itertools.product([False, True], repeat=11) if any(m))
    assert sum(hamming_convex(cells[list(mask)], cells).convex for mask in masks) == 51


def codes_at(instance, X):
    H = X @ instance["W1"] + instance["b1"]
    return np.hstack([H > 0, np.maximum(H, 0) @ instance["W2"] + instance["b2"] > 0])


@pytest.mark.parametrize("seed", range(12))
def test_geometry_agrees_with_random_segments(seed):
    """A union is convex when no segment between two of its points leaves it; the lemma is not used."""
    rng = np.random.default_rng(seed)
    instance = LEMMA.draw(rng, 1 + seed % 4)
    chosen = {tuple(row) for row in instance["chosen"].tolist()}

    def inside(X):
        return np.array([tuple(row) in chosen for row in codes_at(instance, X).tolist()])

    X = rng.uniform(-8, 8, (4000, len(instance["W1"])))
    X = X[inside(X)]
    first, second = X[rng.integers(0, len(X), (2, 4000))]
    t = rng.random((4000, 1))
    assert inside(t * first + (1 - t) * second).all() == _union_is_convex(instance)


def test_cells_of_a_network_are_where_its_codes_are():
    rng = np.random.default_rng(5)
    network = {
        "W1": rng.standard_normal((2, 3)), "b1": rng.standard_normal(3),
        "W2": rng.standard_normal((3, 2)), "b2": rng.standard_normal(2),
    }  # fmt: skip
    cells = _cells(network)
    X = rng.uniform(-20, 20, (4000, 2))
    codes = codes_at(network, X)
    for code, (A, b) in cells.items():
        np.testing.assert_array_equal((b >= X @ A.T).all(axis=1), (codes == code).all(axis=1))
    assert {tuple(c) for c in codes.tolist()} <= set(cells)


def test_an_l_of_three_quarters_refutes_the_printed_step():
    instance = lines([[1, 0], [0, 1]], [0, 0], [[0, 0], [0, 1], [1, 0]])
    outcome = PRINTED.check(instance)
    assert outcome.verdict is Verdict.VIOLATED
    assert outcome.corrected is True
    assert LEMMA.check(instance).verdict is Verdict.HOLDS


@pytest.mark.parametrize("seed", range(10))
def test_one_path_is_the_literal_search(seed):
    rng = np.random.default_rng(seed)
    codes = np.unique(rng.random((6, 4)) < 0.5, axis=0)
    known = {tuple(c) for c in codes.tolist()}

    def joined(a, b):
        return a == b or any(
            joined(step, b) for i in range(4) if a[i] != b[i] and (step := (*a[:i], b[i], *a[i + 1 :])) in known
        )

    assert _one_path({"chosen": codes})["convex"] == all(joined(a, b) for a in known for b in known)


def test_codes_that_occur_at_a_point_break_the_lemma():
    """Three lines through the origin: 000 occurs there alone, between the codes of a half-plane that lacks it."""
    broken = LEMMA.assumptions[1].broken(LEMMA.example(0), np.random.default_rng(1))
    assert LEMMA.check(broken).failed == "the observable codes are those of the full-dimensional cells"
    outcome = LEMMA.check(broken, force=True)
    assert outcome.verdict is Verdict.VIOLATED
    assert _union_is_convex(broken)
    assert hamming_convex(broken["chosen"], broken["observable"]).missing.tolist() == [False] * 3
    full = {**broken, "observable": _codes(_cells(broken))}
    assert LEMMA.check(full).verdict is Verdict.HOLDS


def test_deep_networks_break_the_lemma():
    """A strip made of three neighbours, but the strip next to it has a code between those of the outer two."""
    broken = LEMMA.assumptions[0].broken(LEMMA.example(0), np.random.default_rng(2))
    assert LEMMA.check(broken).failed == "one hidden layer: whole hyperplanes"
    assert LEMMA.check(broken, force=True).verdict is Verdict.VIOLATED
    assert _union_is_convex(broken)
    assert not _all_paths(broken)["convex"]


def test_a_union_has_to_be_of_cells():
    instance = lines([[1, 0, 1], [0, 1, 1]], [0, 0, -1])
    missing = np.array([[False, False, True]])
    assert LEMMA.check({**instance, "chosen": missing}).failed == "a union of such cells"
    assert LEMMA.check({**instance, "chosen": np.zeros((0, 3), bool)}).failed == "a union of such cells"


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
