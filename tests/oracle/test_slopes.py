"""Bounds of one cone: the reference's for the reference's slopes, and never below F for any."""

import numpy as np
import pytest
from oracle import reference_cones
from oracle.branches import CASES, random_branch
from oracle.reference_branch_and_bound import relax
from oracle.test_simplicial import sampled_alphas

from relucvx.oracle import make_form, slopes
from relucvx.oracle.carried import derive, make_room, make_stack, place_cone
from relucvx.oracle.shards import weighted_rows
from relucvx.types import as_activation


def side_range(stack, s, c, side):
    """Listed samples that one side bounds by lines."""
    count, bends = int(stack.count[s]), int(stack.bends[s])
    return (0, count) if c > 1 else ((bends, count) if side == 0 else (0, bends))


def relaxed_by_reference(form, G):
    """a, ρ of version 0.1 for a cone, from all samples, and the slopes that it takes."""
    Z = G @ form.X.T
    a, rho = np.empty((len(G), form.M.shape[1])), np.empty(len(G))
    weights = np.linalg.norm(form.M, axis=1)
    ztol = 1e-14 * np.linalg.norm(form.X, axis=1)
    relax(form.X, form.M, form.L, G, Z, np.arange(len(G)), weights, ztol, a, rho)
    up, down = np.maximum(Z, 0.0).sum(axis=0), np.maximum(-Z, 0.0).sum(axis=0)
    return a, rho, (up > down).astype(float)[weights > 0.0]


@pytest.mark.parametrize(("c", "bias", "activation"), CASES)
def test_forms_and_bounds_are_those_of_the_reference(c, bias, activation):
    """With the same slopes, at any depth: b_k, and the least norm."""
    rng = np.random.default_rng([c, len(bias), len(activation)])
    for trial in range(20):
        form, rows, stack, room, s = random_branch(rng, bias, c, activation, d=2 + trial % 3, depth=trial % 9)
        p, outputs, tiny = form.penalized, form.M.shape[1], 1e-12 * form.scale
        order = np.argsort(form.M[np.linalg.norm(form.M, axis=1) > 0, 0] < 0, kind="stable")
        a, rho, taken = relaxed_by_reference(form, stack.G[s])
        taken = taken[order] if outputs == 1 else taken
        count = int(stack.count[s])
        stack.slope[s, :count] = taken[stack.rows[s, :count]]
        for side in range(2 if outputs == 1 else 1):
            if outputs == 1:
                slopes.scalar_form(rows, stack, s, side, *side_range(stack, s, outputs, side), room)
                expected = (1 - 2 * side) * a[:, 0] + rho
            else:
                slopes.vector_form(rows, stack, s, room)
                expected = np.linalg.norm(a, axis=1) + rho
            np.testing.assert_allclose(room.b, expected, atol=tiny)
            bound, equations = slopes.majorant(stack.G[s], p, room.b, room)
            point = np.empty(len(expected))
            old = reference_cones.least_norm_majorant(stack.G[s], p, expected, point)
            assert bound <= old + 1e-9 * form.scale
            assert 0 <= equations <= p
            if not form.free_bias:  # dependent rows make way for each other now
                assert bound == pytest.approx(old, abs=1e-9 * form.scale)


@pytest.mark.parametrize(("c", "bias", "activation"), CASES)
def test_bounds_hold_for_any_slopes_and_improve(c, bias, activation):
    rng = np.random.default_rng([c, len(bias), len(activation), 1])
    won = 0
    for trial in range(25):
        form, rows, stack, room, s = random_branch(rng, bias, c, activation, d=2 + trial % 3, depth=trial % 7)
        outputs, count = form.M.shape[1], int(stack.count[s])
        stack.slope[s, :count] = rng.random(count) if trial % 3 else rng.integers(0, 2, count)
        alphas = sampled_alphas(rng, stack.G[s], form.penalized, 1500)
        W = (alphas @ stack.G[s]).T
        signed = form.M.T @ np.maximum(form.X @ W, 0.0) + form.L.T @ W
        for side in range(2 if outputs == 1 else 1):
            reached = ((1 - 2 * side) * signed[0]).max() if outputs == 1 else np.linalg.norm(signed, axis=0).max()
            loose, _ = slopes.side_bound(rows, stack, s, side, np.inf, room)
            before = stack.slope[s, :count].copy()
            tight, floor = slopes.side_bound(rows, stack, s, side, 0.999 * max(reached, 0.0), room)
            assert tight >= reached - 1e-12 * form.scale
            assert tight <= loose + 1e-12 * form.scale
            assert floor <= tight + 1e-12 * form.scale or outputs > 1
            assert ((stack.slope[s, :count] >= 0.0) & (stack.slope[s, :count] <= 1.0)).all()
            begin, end = side_range(stack, s, outputs, side)
            np.testing.assert_array_equal(np.delete(stack.slope[s, :count], np.s_[begin:end]),
                                          np.delete(before, np.s_[begin:end]))  # fmt: skip
            won += tight < 0.99 * loose
    assert won > 0 or activation == "linear"


@pytest.mark.parametrize("c", [1, 2])
def test_a_wall_through_a_maximum_needs_no_split(c):
    """F = 2 w_1 - |w_2| around its maximum on the wall: with the best slopes the bound is the maximum."""
    X = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    N = np.array([[2.0, 0.0], [-1.0, 0.0], [-1.0, 0.1]])[:, :c]
    form = make_form(X, N, as_activation("relu"))
    rows = weighted_rows(form)
    stack, room = make_stack(3, 3, 2, c + 1, c), make_room(3, 2, c + 1, c, 2)
    G = np.array([[0.8, 0.6], [0.6, -0.8]])
    # the reduced coordinates are those of X up to signs and order
    G = np.array([form.to_reduced(g) for g in G])
    place_cone(rows, stack, G, np.inf, 0)
    derive(rows, stack, 0, 1, -1, room)
    assert stack.count[1] == 2
    loose, _ = slopes.side_bound(rows, stack, 1, 0, np.inf, room)
    bound, floor = slopes.side_bound(rows, stack, 1, 0, 2.0, room)
    assert loose > 2.05
    assert bound * (1 + 1e-12) >= 2.0
    assert bound <= (2.0 + 1e-9 if c == 1 else 2.02)
    assert floor <= bound


def test_shares_of_lines_and_halved_steps():
    form, rows, stack, room, s = random_branch(np.random.default_rng(5), "none", 2, "relu", depth=1)
    lean = np.array([0.6, 0.8])
    shares = [slopes.line_share(rows, i, lean) for i in range(len(rows.X))]
    np.testing.assert_allclose(shares, 0.5 * (1.0 - rows.unit @ lean), atol=1e-15)
    room.before[:3], stack.slope[s, :3] = [0.0, 1.0, 0.5], [1.0, 0.0, 0.5]
    slopes.halve_step(stack, s, 0, 3, room)
    np.testing.assert_array_equal(stack.slope[s, :3], [0.5, 0.5, 0.5])
    assert form.scale > 0
