"""The tree of an exact proof: what its leaves need is found where it exists."""

import itertools

import numpy as np
import pytest

import relucvx as rx
from relucvx.certificate import check_proof, cone_tree
from relucvx.certificate.cone_tree import Floats, _copositive, _majorants, directions
from relucvx.certificate.exact_proof import proof_text
from relucvx.deadline import Deadline


def test_matrices_that_are_a_sum_are_split_with_their_shares():
    rng = np.random.default_rng(0)
    for size in (2, 3, 4, 5):
        B = rng.normal(size=(200, size, size))
        P = B @ B.transpose(0, 2, 1)
        N = rng.exponential(size=P.shape) * (rng.random(P.shape) < 0.4)
        N = np.triu(N, 1) + np.triu(N, 1).transpose(0, 2, 1)
        Q = P + N + 1e-6 * np.eye(size)
        good, share, _ = _copositive(Q)
        assert good.mean() > 0.99
        assert share.min() >= 0.0
        assert share.max() <= 1.0
        rest = Q - share * np.where(np.eye(size, dtype=bool), 0.0, np.maximum(Q, 0.0))
        assert np.linalg.eigvalsh(rest[good])[:, 0].min() > 0.0


def test_matrices_that_are_negative_along_a_nonnegative_vector_are_not():
    rng = np.random.default_rng(1)
    B = rng.normal(size=(300, 3, 3))
    Q = B + B.transpose(0, 2, 1)
    good, _, alpha = _copositive(Q)
    x = rng.exponential(size=(2000, 3)) * rng.integers(0, 2, (2000, 3))
    least = np.einsum("sk,ckl,sl->cs", x, Q, x).min(axis=1)
    assert not (good & (least < 0.0)).any()
    assert alpha.min() >= 0.0
    assert good.any()


def brute_majorant(G, b):
    """Least norm over all sets of equations."""
    best = np.inf
    for r in range(len(G) + 1):
        for rows in map(list, itertools.combinations(range(len(G)), r)):
            v = np.linalg.lstsq(G[rows], b[rows], rcond=None)[0] if rows else np.zeros(G.shape[1])
            if (G @ v >= b - 1e-9).all():
                best = min(best, float(np.linalg.norm(v)))
    return best


def test_vectors_above_a_form_are_least():
    rng = np.random.default_rng(2)
    G = rng.normal(size=(20, 3, 3))
    b = rng.normal(size=(20, 3))
    v, w = _majorants(G, 3, b)
    for k in range(20):
        assert (G[k] @ v[k] >= b[k] - 1e-9).all()
        assert np.linalg.norm(v[k]) == pytest.approx(brute_majorant(G[k], b[k]), abs=1e-9)
    assert np.allclose(v, w)


def test_directions_of_huge_whole_numbers():
    cone = check_proof.Cone([[3 << 2000, 4 << 2000], [-5, 0]], [], [[], []], [[0, 0]])
    assert directions([cone], 2).tolist() == [[[0.6, 0.8], [-1.0, 0.0]]]


@pytest.mark.parametrize("c", [1, 2])
def test_a_tree_that_is_too_large_says_what_to_do(c):
    rng = np.random.default_rng(3)
    X, Y = rng.normal(size=(10, 3 - (c > 1))), rng.normal(size=(10, c))
    sol = rx.solve(X, Y, 0.3)
    with pytest.raises(rx.RelucvxError, match=r"room=1e-4"):
        proof_text(sol.problem, sol.inner, sol.dual, max_cones=8)
    seen = []
    proof_text(sol.problem, sol.inner, sol.dual, callback=lambda *state: seen.append(state))
    assert seen[-1][1] == 0
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    # more room, fewer cones
    leaves = [check_proof.check(proof_text(sol.problem, sol.inner, sol.dual, room=r)).cones for r in (0.5, 1e-6)]
    assert leaves[0] < leaves[1]


def test_nothing_to_cover():
    form = check_proof.Form([[0, 0]], [[1]], [], [[0, 0]], [], 2, 0, 1, 0)
    floats = Floats(np.zeros((1, 2)), np.zeros((1, 1)), np.zeros((2, 1)), 1.0, 2, 1.0)
    assert cone_tree.grow(form, floats, Deadline(), 10) == [[[], [0, 0], [0, 0]]]
