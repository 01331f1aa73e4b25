"""The code of a maximum: who wins, whatever the order of the arguments and however the rounds go."""

import itertools

import numpy as np
import pytest

from relucvx.network.tournament import code_dtype, draw_up


def signs_of(tournament, X, windows):
    """Signs of all rounds for the rows of X, played out."""
    candidates = X[:, np.concatenate(windows)]
    signs = []
    for now in tournament.rounds:
        a, b = candidates[:, now.first], candidates[:, now.second]
        signs.append(np.sign(a - b).astype(np.int8))
        candidates = now.onwards(np.maximum(a, b), candidates)
    return signs, candidates


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9, 70])
def test_the_winner_is_the_largest_and_ties_are_sets(size):
    rng = np.random.default_rng(size)
    X = rng.integers(0, 3, (60, size + 2)).astype(float)
    windows = [np.arange(size), np.arange(2, 2 + size)]
    tournament = draw_up(windows, [np.arange(size)] * 2)
    signs, largest = signs_of(tournament, X, windows)
    for w, window in enumerate(windows):
        np.testing.assert_array_equal(largest[:, w], X[:, window].max(axis=1))
    if size == 1:
        assert tournament.rounds == ()
        return
    codes = tournament.winners(signs)
    for row, code in zip(X, codes, strict=True):
        for window, c in zip(windows, code, strict=True):
            best = np.flatnonzero(row[window] == row[window].max())
            if len(best) == 1:
                assert c == best[0]
            elif size <= 62:
                assert c == -sum(2 ** int(k) for k in best)
            else:
                assert c < 0
    # comparisons that have these winners lead to them
    for sign, gates in zip(signs, tournament.gates(codes), strict=True):
        assert gates.shape == sign.shape
    chosen = X[:, np.concatenate(windows)]
    for now, gates in zip(tournament.rounds, tournament.gates(codes), strict=True):
        chosen = now.onwards(np.where(gates, chosen[:, now.first], chosen[:, now.second]), chosen)
    np.testing.assert_array_equal(chosen, largest)


@pytest.mark.parametrize("size", [3, 4, 70])
def test_argument_order_changes_nothing_about_which_codes_are_equal(size):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (40, size)).astype(float)
    window = [np.arange(size)]
    orders = list(itertools.permutations(range(size)))[:24] if size < 5 else [rng.permutation(size) for _ in range(5)]
    same = None
    for order in orders:
        tournament = draw_up(window, window)
        codes = tournament.winners(signs_of(tournament, X[:, list(order)], window)[0])[:, 0]
        equal = codes[:, None] == codes
        assert same is None or (equal == same).all()
        same = equal


def test_codes_are_as_small_as_their_sets_allow():
    assert [code_dtype(n).itemsize for n in (2, 7, 8, 15, 16, 31, 32, 100)] == [1, 1, 2, 2, 4, 4, 8, 8]
