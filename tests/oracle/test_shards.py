"""A long search dealt to several parts: the same bounds and the same cones with any number of threads, and no cone lost."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError
from relucvx.oracle import branch_and_bound as module
from relucvx.oracle import form_of
from relucvx.oracle.branch_and_bound import branch_and_bound
from relucvx.threads import all_cores, jobs, using_jobs

RNG = np.random.default_rng(0)
PROBLEM = rx.make_problem(RNG.standard_normal((60, 5)), RNG.standard_normal((60, 2)), 1.0)
FORM = form_of(PROBLEM, PROBLEM.Y)


@pytest.fixture
def early(monkeypatch):
    """Searches are dealt after a few hundred cones, so that small ones show what large ones do."""
    monkeypatch.setattr(module, "LONG", 200)
    monkeypatch.setattr(module, "CHUNK_STEPS", 100)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("bias", ["none", "hidden", "free"])
def test_dealt_and_whole_searches_agree(bias, outputs, early, monkeypatch):
    Y = PROBLEM.Y[:, :outputs]
    problem = rx.make_problem(PROBLEM.X[:, :3], Y, 1.0, bias=bias)
    form = form_of(problem, Y - Y.mean(axis=0) if bias == "free" else Y)
    dealt = branch_and_bound(form, target=0.0)
    monkeypatch.setattr(module, "LONG", 10**9)
    whole = branch_and_bound(form, target=0.0)
    assert dealt.outcome == whole.outcome == "proved"
    assert dealt.upper == pytest.approx(whole.upper, rel=1e-9)
    assert dealt.lower == pytest.approx(whole.lower, rel=1e-9)
    assert form.values(dealt.witness[:, None])[0] == pytest.approx(dealt.lower, rel=1e-9)
    assert dealt.lower <= whole.upper
    assert whole.lower <= dealt.upper


def test_the_number_of_threads_changes_no_bit(early):
    found = []
    for count in (1, 2, 3, 8):
        with using_jobs(count):
            result = branch_and_bound(FORM, target=0.0)
        found.append((result.upper, result.lower, result.cones, result.outcome, result.witness.tolist()))
    assert all(other == found[0] for other in found)
    assert found[0][2] > 1000


def test_a_pause_at_any_round_is_a_valid_bound(early):
    best = branch_and_bound(FORM, target=0.0)
    pauses = []
    branch_and_bound(FORM, target=0.0, callback=lambda state: pauses.append((state.upper, state.lower)))
    assert len(pauses) > 5
    for upper, lower in pauses:
        assert upper >= best.lower
        assert lower <= best.upper
    cut = branch_and_bound(FORM, target=0.0, max_cones=1500)
    assert cut.outcome == "budget"
    assert cut.upper >= best.lower
    late = branch_and_bound(FORM, target=0.0, deadline=Deadline(0.0))
    assert late.upper >= best.lower


def test_a_violation_ends_all_parts(early):
    best = branch_and_bound(FORM, target=0.0)
    found = branch_and_bound(FORM, target=0.0, stop_above=best.lower * 0.999999)
    assert found.outcome in ("violated", "proved")
    assert found.lower > best.lower * 0.999999


def test_cones_are_dealt_whole(early):
    """Every open cone of the owners is in exactly one part, in the order of a heap."""
    whole = module.Frontier(FORM, module.starting_cones(FORM), 0.0, np.zeros(5))
    whole.search(0.0, np.inf, 400)
    before = sorted(map(bytes, whole.nodes[: whole.size]))
    with module.ExitStack() as stack:
        parts = module.Shards(FORM, whole, stack)
        after = sorted(bytes(node) for part in parts.parts for node in part.nodes[: part.size])
        assert after == before
        assert whole.size == 0
        for part in parts.parts:
            assert all(part.bounds[(k - 1) // 2] >= part.bounds[k] for k in range(1, part.size))
            assert part.tally[module.subtree.DEEPEST] == whole.tally[module.subtree.DEEPEST]


def test_doors_take_a_number_of_threads():
    X, y = PROBLEM.X[:10, :2], PROBLEM.Y[:10, 0]
    values = {rx.solve(X, y, 0.3, n_jobs=count).objective for count in (None, -1, 1, 2)}
    assert len(values) == 1
    assert rx.beta_max(X, y, n_jobs=1) == rx.beta_max(X, y)
    for bad in (0, 1.5, "all", True):
        with pytest.raises(InvalidInputError, match="n_jobs"):
            rx.solve(X, y, 0.3, n_jobs=bad)
    with using_jobs(3):
        assert jobs() == 3
    assert jobs() == all_cores()
