"""Branch and bound over cones: where it starts, how it ends."""

import numpy as np
import pytest
from oracle.small_instances import assert_agreement, small_form
from oracle.test_dual_norm_bound import case
from oracle.test_simplicial import form_for

from relucvx.oracle import branch_and_bound as bnb
from relucvx.oracle import dual_norm, make_form, shards
from relucvx.oracle.branch_and_bound import starting_cones, starting_directions
from relucvx.program.posing import make_problem


@pytest.mark.parametrize("d", [1, 2, 3, 4])
@pytest.mark.parametrize("bias", ["none", "free"])
def test_starting_cones_cover_the_sphere_and_the_bias_range(bias, d):
    rng = np.random.default_rng(d)
    form = form_for(rng, bias, 1, "relu", n=8, d=d)
    cones = starting_cones(form)
    p, dim = form.penalized, form.X.shape[1]
    np.testing.assert_allclose(np.linalg.norm(cones[:, :, :p], axis=2), 1.0)
    W = rng.standard_normal((500, dim)) * (rng.random((500, dim)) < 0.8)
    W[:dim] = np.eye(dim)
    W = W[np.linalg.norm(W[:, :p], axis=1) > 0]
    W[:, :p] /= np.linalg.norm(W[:, :p], axis=1, keepdims=True)
    if bias == "free":
        W[:, -1] = form.bias_range * rng.choice([-1.0, 1.0, 0.0, 0.3], len(W))
    covered = np.zeros(len(W), bool)
    for cone in cones:
        covered |= (np.linalg.solve(cone.T, W.T) >= -1e-9).all(axis=0)
    assert covered.all()
    assert len(cones) == 2**p * (p if bias == "free" else 1)
    # what is tried first: each generator once, in the order in which sorting all of them puts it
    assert np.array_equal(starting_directions(form), np.unique(cones.reshape(-1, dim), axis=0))


def spied(monkeypatch):
    """Whether each chunk of the search worked on a stack."""
    calls, original = [], bnb.subtree.run

    def spy(*args):
        calls.append(not args[6])
        return original(*args)

    monkeypatch.setattr(shards, "FRONTIER_BYTES", 1)
    monkeypatch.setattr(shards, "CHUNK_WORK", 1)
    monkeypatch.setattr(bnb.subtree, "run", spy)
    return calls


def test_depth_first_finish(monkeypatch):
    """A frontier that outgrows memory is finished depth first, with the same result."""
    for bias in ("none", "free"):
        problem, N = case(bias, d=5 if bias == "none" else 3, n=40, c=2)
        free = dual_norm(problem, N, method="branch_and_bound", max_cones=50_000)
        calls = spied(monkeypatch)
        for target in (1.02 * free.upper, 1.2 * free.upper):
            tight = dual_norm(problem, N, method="branch_and_bound", target=target, n_starts=1)
            assert tight.outcome == "proved"
            assert free.lower <= tight.upper <= target * (1 + 1e-9)
        for budget in (200, 1000, 4000):
            assert dual_norm(problem, N, method="branch_and_bound", max_cones=budget, n_starts=1).upper >= free.lower
        assert any(calls)
        monkeypatch.undo()


def test_a_heap_that_outgrows_memory_becomes_a_stack_on_the_way(monkeypatch):
    problem, N = case(d=6, n=60, c=2)
    form = make_form(problem.inputs, N, problem.activation)
    calls = spied(monkeypatch)
    monkeypatch.setattr(bnb, "CHUNK_STEPS", 1)
    monkeypatch.setattr(shards, "MOST_SLOTS", 16)
    found = bnb.branch_and_bound(form, target=0.0, max_cones=3000)
    assert found.outcome == "budget"
    assert calls == sorted(calls)
    assert {*calls} == {False, True}
    assert found.upper >= dual_norm(problem, N, method="spectral").lower


def test_starting_cones_are_all_bounded_before_the_first_is_split():
    problem, N = case(d=7, n=30)
    form = make_form(problem.inputs, N, problem.activation)
    assert np.isfinite(bnb.branch_and_bound(form, target=0.0, max_cones=2**7 + 2).upper)


def test_the_slack_grows_with_depth_and_with_a_free_bias():
    rng = np.random.default_rng(3)
    form = form_for(rng, "none", 1, "relu")
    slacks = [shards.rounding_slack(form, depth) for depth in (0, 10, 1000)]
    assert slacks == sorted(slacks)
    assert form.rounding() < slacks[0] < slacks[2] < 1e-10 * form.scale
    free = form_for(rng, "free", 1, "relu")
    assert (
        shards.rounding_slack(free, 0) > free.rounding(64) + 4.0 * free.X.shape[1] ** 0.5 * shards.ZERO_TOL * free.scale
    )


@pytest.mark.parametrize("seed", range(150))
def test_small_instances_agree_with_the_reference(seed):
    rng = np.random.default_rng(seed)
    form = small_form(rng)
    if not form.trivial:
        assert_agreement(form, rng)


def test_the_agreement_can_fail(monkeypatch):
    """A bound that is a little too small, and a dropped cone that is forgotten, are both noticed."""
    form = small_form(np.random.default_rng(2))
    found = bnb.branch_and_bound(form, target=0.0)
    wrong = bnb.Search(0.999 * found.lower, 0.999 * found.lower, found.witness, 2, "proved")
    monkeypatch.setattr(bnb, "branch_and_bound", lambda *args, **kwargs: wrong)
    with pytest.raises(AssertionError, match="below the value"):
        assert_agreement(form, np.random.default_rng(0))


def test_violation_found_by_the_tree_itself():
    """Without any search the branch-and-bound hands over the direction."""
    problem, N = case(n=12, d=3)
    exact = dual_norm(problem, N)
    form = make_form(problem.inputs, N, problem.activation)
    found = bnb.branch_and_bound(form, target=0.0, stop_above=0.97 * exact.lower)
    assert found.outcome == "violated"
    assert form.values(found.witness[:, None])[0] == pytest.approx(found.lower)
    assert 0.97 * exact.lower < found.lower <= exact.upper <= found.upper * (1 + 1e-12)


def test_walls_without_weight_are_not_split_for_ever():
    """A sample whose dual entry is 0 (a hinge beyond its margin, a sample of weight 0) bends nothing, but crosses cones."""
    X = np.array([[1.5, 1.0], [-2.0, 1.0], [-1.0, -1.5]])
    N = np.array([[-2.4924389719637587], [1.5842376208054454], [0.0]])
    problem = make_problem(X, np.ones(3), 0.1, bias="hidden", activation=(-0.5, 0.25))
    found = dual_norm(problem, N, method="branch_and_bound", n_starts=1, max_cones=1000)
    assert found.outcome == "proved"
    assert found.upper == pytest.approx(dual_norm(problem, N, method="enumeration").upper, rel=1e-11)
