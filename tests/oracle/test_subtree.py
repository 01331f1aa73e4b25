"""The search below one cone: splits cover, points from below are reached, and what is left open is never lost."""

import numpy as np
import pytest
from oracle.branches import CASES, random_branch

from relucvx.oracle import branch_and_bound as bnb
from relucvx.oracle import shards, subtree
from relucvx.oracle.frontier import SIZE
from relucvx.oracle.shards import rounding_slack


@pytest.mark.parametrize(("c", "bias", "activation"), CASES)
def test_splitting_covers_the_cone(c, bias, activation):
    """Every point of the parent is a non-negative combination in one of the two parts."""
    rng = np.random.default_rng([c, len(bias), len(activation), 2])
    for trial in range(30):
        form, rows, stack, room, s = random_branch(rng, bias, c, activation, d=2 + trial % 3, depth=trial % 5)
        outputs, dim = form.M.shape[1], form.X.shape[1]
        stack.alpha[s] = rng.exponential(size=dim) * (rng.random(dim) < 0.7)
        stack.lean[s] = np.eye(outputs)[0]
        stack.bound[s] = form.scale
        k, l = subtree.choose_edge(rows, stack, s, room)
        assert k != l
        assert np.linalg.norm(room.point[: form.penalized]) == pytest.approx(1.0)
        children = []
        for replaced in (k, l):
            child = stack.G[s].copy()
            child[replaced] = room.point
            children.append(child)
        W = rng.exponential(size=(200, dim)) @ stack.G[s]
        covered = [(np.linalg.solve(child.T, W.T) >= -1e-7).all(axis=0) for child in children]
        assert (covered[0] | covered[1]).all()


def test_a_wall_that_carries_the_loss_is_split():
    rng = np.random.default_rng(3)
    split = 0
    for _ in range(40):
        form, rows, stack, room, s = random_branch(rng, "none", 1, "relu", n=4, d=3, depth=0)
        stack.alpha[s], stack.lean[s], stack.bound[s] = 1.0, 1.0, form.scale
        heavy, share = subtree.find_losses(rows, stack, s, room)
        assert 0.0 <= share <= 1.0 + 1e-12
        subtree.choose_edge(rows, stack, s, room)
        if share >= subtree.HEAVY_WALL:
            split += 1
            assert abs(rows.X[stack.rows[s, heavy]] @ room.point) <= 1e-14 * form.scale
    assert split > 5


@pytest.mark.parametrize("c", [1, 3])
def test_values_and_witnesses(c):
    rng = np.random.default_rng(9)
    form, rows, *_ = random_branch(rng, "none", c, "leaky_relu", depth=0)
    record, witness = np.zeros(2), np.zeros(form.X.shape[1])
    best = 0.0
    for w in rng.standard_normal((30, form.X.shape[1])):
        expected = float(form.values((w / np.linalg.norm(w))[:, None])[0])
        best = max(best, expected)
        assert subtree.value_of(rows, w.copy()) == pytest.approx(expected, rel=1e-12)
        subtree.try_point(rows, w.copy(), record, witness)
        assert record[subtree.BEST] == pytest.approx(best, rel=1e-12)
    assert form.values(witness[:, None])[0] == pytest.approx(best, rel=1e-12)
    assert subtree.value_of(rows, np.zeros(form.X.shape[1])) == 0.0


def test_the_limit():
    assert subtree.limit(2.0, 1.0, 0.0) == 2.0
    assert subtree.limit(0.0, 1.0, 0.5) == 1.5
    assert 1.0 < subtree.limit(0.0, 1.0, 0.0) < 1.0 + 1e-11


@pytest.mark.parametrize(("c", "bias", "activation"), CASES)
def test_the_open_cones_and_the_dropped_ones_bound_f_at_every_pause(c, bias, activation):
    """Few splits a call, few slots, as a heap and as a stack: the bound holds for every direction, always."""
    rng = np.random.default_rng([c, len(bias), len(activation), 4])
    form, *_ = random_branch(rng, bias, c, activation, n=15, d=3, depth=0)
    p, dim = form.penalized, form.X.shape[1]
    W = rng.standard_normal((dim, 20_000))
    W[:p] /= np.linalg.norm(W[:p], axis=0)
    W[p:] = form.bias_range * rng.uniform(-1.0, 1.0, (dim - p, W.shape[1]))
    values = form.values(W)
    # the highest first: those above the best value so far must lie in an open cone
    W = W[:, np.argsort(-values)]
    values = np.sort(values)[::-1]
    for heap, target in ((True, 0.0), (False, 0.0), (True, 0.8 * values.max()), (False, 1.2 * values.max())):
        nodes = bnb.starting_cones(form)
        frontier = bnb.Frontier(form, nodes.copy(), 0.0, np.zeros(dim))
        frontier.heap = heap
        code, last = subtree.RUNNING, np.inf
        while code == subtree.RUNNING and frontier.cones < 1500:
            frontier.stride = float(rng.choice([0.02, 0.3, 1.0]))
            code = frontier.search(target, np.inf, int(rng.integers(1, 12)))
            size = int(frontier.tally[SIZE])
            open_cones = frontier.nodes[:size]
            upper = frontier.upper(form)
            assert upper >= values.max() - form.rounding()
            assert upper <= last * (1 + 1e-12)
            last = upper
            # each direction is bounded by the cones that hold it, or by what was dropped
            inside = np.zeros(300)
            for G, bound in zip(open_cones, frontier.bounds[:size], strict=True):
                holds = (np.linalg.solve(G.T, W[:, :300]) >= 0.0).all(axis=0) if abs(np.linalg.det(G)) > 1e-9 else False
                inside = np.where(holds, np.maximum(inside, bound), inside)
            dropped = max(frontier.record[subtree.DROPPED], frontier.record[subtree.BEST]) + rounding_slack(form, 500)
            assert (np.maximum(inside, dropped) >= values[:300] - form.rounding()).all()
        assert frontier.depths[: int(frontier.tally[SIZE])].max(initial=0) <= frontier.tally[subtree.DEEPEST]


def test_few_slots_send_cones_back_to_the_frontier(monkeypatch):
    form, *_ = random_branch(np.random.default_rng(8), "none", 2, "relu", n=30, d=4, depth=0)
    free = bnb.branch_and_bound(form, target=0.0, max_cones=100_000)
    monkeypatch.setattr(shards, "MOST_SLOTS", 4)
    tight = bnb.branch_and_bound(form, target=0.0, max_cones=200_000)
    assert (free.outcome, tight.outcome) == ("proved", "proved")
    assert tight.upper == pytest.approx(free.upper, rel=1e-10)
