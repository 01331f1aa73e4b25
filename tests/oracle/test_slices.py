"""A search whose parts run elsewhere: the same outcome whatever happens there, and a bound that holds all the time."""

import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest

import relucvx as rx
from relucvx.deadline import Deadline
from relucvx.errors import ClusterError
from relucvx.executors import using_executor
from relucvx.oracle import branch_and_bound as module
from relucvx.oracle import form_of, slices
from relucvx.oracle.branch_and_bound import branch_and_bound
from relucvx.oracle.shards import Frontier

RNG = np.random.default_rng(0)
PROBLEM = rx.make_problem(RNG.standard_normal((60, 5)), RNG.standard_normal((60, 2)), 1.0)
FORM = form_of(PROBLEM, PROBLEM.Y)


class Here(Executor):
    """Runs every task at once, in an order of its own; ``fail(number, piece)`` says which fail."""

    def __init__(self, fail=lambda number, piece: False, change=lambda piece: piece):
        self.fail, self.change, self.number = fail, change, 0
        self._max_workers = 3

    def submit(self, function, /, *args, **kwargs):
        future, self.number = Future(), self.number + 1
        try:
            if self.fail(self.number, args[1]):
                raise OSError("the worker is gone")
            future.set_result(self.change(function(*args)))
        except (OSError, ClusterError) as error:
            future.set_exception(error)
        return future


@pytest.fixture(autouse=True)
def early(monkeypatch):
    """Searches go elsewhere after a few hundred cones, in short slices, so that small ones show what large ones do."""
    monkeypatch.setattr(module, "LONG", 200)
    monkeypatch.setattr(module, "CHUNK_STEPS", 100)
    monkeypatch.setattr(slices, "FIRST_WORK", 200_000)
    monkeypatch.setattr(slices, "MOST_WORK", 400_000)
    monkeypatch.setattr(slices, "CHUNK_STEPS", 20)


def search(executor, form=FORM, **options):
    """The outcome of a search as plain values."""
    with using_executor(executor):
        found = branch_and_bound(form, **{"target": 0.0, **options})
    return found.upper, found.lower, found.cones, found.outcome, found.witness.tolist()


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("bias", ["none", "hidden", "free"])
def test_the_same_bound_as_here(bias, outputs):
    Y = PROBLEM.Y[:, :outputs]
    problem = rx.make_problem(PROBLEM.X[:, :3], Y, 1.0, bias=bias)
    form = form_of(problem, Y - Y.mean(axis=0) if bias == "free" else Y)
    there, here = search(Here(), form), search(None, form)
    assert there[3] == here[3] == "proved"
    assert there[:2] == pytest.approx(here[:2], rel=1e-9)
    assert form.values(np.array(there[4])[:, None])[0] == pytest.approx(there[1], rel=1e-9)


def test_who_does_it_and_how_often_it_is_tried_changes_no_bit():
    expected = search(Here())
    assert expected[3] == "proved"
    assert expected[2] > 1000
    assert search(Here(lambda number, piece: number % 3 == 1)) == expected
    with ThreadPoolExecutor(3) as pool:
        assert search(pool) == expected


def test_it_really_runs_elsewhere():
    there = Here()
    search(there)
    assert there.number >= 8


def test_slices_that_always_fail_keep_the_bounds_of_their_cones():
    """The cones on one side of the sphere cannot be searched there: they count, until they are searched here."""
    best = search(None)
    failing = Here(lambda number, piece: piece.nodes[0, 0, 0] > 0)
    pauses = []

    def watch(state):
        pauses.append((state.upper, state.lower))

    found = search(failing, callback=watch)
    assert found[3] == "proved"
    assert found[:2] == pytest.approx(best[:2], rel=1e-9)
    assert all(upper >= best[1] and lower <= best[0] for upper, lower in pauses)
    # no time to do them here: the bound is the largest of the cones that nobody searched
    nothing = Here(lambda number, piece: True)
    first = []
    with using_executor(nothing):
        cut = branch_and_bound(FORM, target=0.0, callback=lambda state: first.append(state) or len(first) > 5)
    assert cut.outcome == "budget"
    assert cut.upper >= best[0] * (1 - 1e-12)


def test_an_executor_that_does_nothing_leaves_the_proof_to_this_process(caplog):
    found = search(Here(lambda number, piece: True))
    assert found[3] == "proved"
    assert found[:2] == pytest.approx(search(None)[:2], rel=1e-9)
    assert "go on in this process" in caplog.text
    assert "the worker is gone" in caplog.text


def test_a_worker_with_other_kernels_is_refused(monkeypatch, caplog):
    whole = Frontier(FORM, module.starting_cones(FORM), 0.0, np.zeros(5))
    piece = slices.Piece(whole.nodes, whole.bounds, whole.depths, 0.0, 0.0, np.zeros(5), 0, 0, 1.0)
    with pytest.raises(ClusterError, match="workers that run the same version of relucvx"):
        slices.search_piece(FORM, piece, 0.0, np.inf, 10**6, 100, True, 1.0, "another")


@pytest.mark.parametrize("heap", [True, False])
def test_a_slice_loses_no_cone(heap):
    """What it brings back and what it dropped bound F on all that it was given."""
    best = search(None)
    whole = Frontier(FORM, module.starting_cones(FORM), 0.0, np.zeros(5))
    whole.search(0.0, np.inf, 50)
    order = np.argsort(-whole.bounds[: whole.size])
    piece = slices.Piece(
        whole.nodes[order], whole.bounds[order], whole.depths[order], 0.0, whole.best, whole.witness, 10, 0, 1.0
    )
    sent = piece.nodes.copy()
    code = slices.kernel_code()
    back = slices.search_piece(FORM, piece, 0.0, np.inf, 100_000, 40, heap, 60.0, code)
    assert max(back.dropped, back.best, back.bounds.max()) >= best[1] * (1 - 1e-12)
    assert back.cones > 0
    assert back.deepest >= 10
    assert (piece.nodes == sent).all()
    done = slices.search_piece(FORM, piece, best[1] * 1.2, np.inf, 10**12, 10**6, heap, 60.0, code)
    assert len(done.bounds) == 0
    assert best[1] * (1 - 1e-12) <= max(done.dropped, done.best) <= best[1] * 1.2
    late = slices.search_piece(FORM, piece, 0.0, np.inf, 10**12, 10**6, heap, 0.0, code)
    assert len(late.bounds) == len(piece.bounds)


def test_a_pause_at_any_moment_is_a_valid_bound():
    best = search(None)
    pauses = []
    search(Here(), callback=lambda state: pauses.append((state.upper, state.lower, state.cones)))
    assert len(pauses) > 5
    assert all(upper >= best[1] and lower <= best[0] for upper, lower, _ in pauses)
    assert [cones for *_, cones in pauses] == sorted(cones for *_, cones in pauses)
    cut = search(Here(), max_cones=1500)
    assert (cut[3], cut[0] >= best[1]) == ("budget", True)
    assert cut[2] < 4000
    late = search(Here(), deadline=Deadline(0.0))
    assert late[0] >= best[1]


def test_a_violation_ends_it_early():
    best = search(None)
    there = Here()
    found = search(there, stop_above=best[1] * 0.999999)
    assert found[3] in ("violated", "proved")
    assert found[1] > best[1] * 0.999999


class Slow(Executor):
    """Never comes back."""

    _max_workers = 2

    def submit(self, function, /, *args, **kwargs):
        return Future()


def test_the_clock_is_heard_while_slices_are_away():
    began = time.monotonic()
    found = search(Slow(), deadline=Deadline(1.0))
    assert time.monotonic() - began < 10.0
    assert found[3] == "budget"
    assert found[0] >= search(None)[1]


def test_few_cones_in_memory_are_searched_depth_first(monkeypatch):
    expected = search(Here())
    heaps, begin = [], slices.Slices._begin

    def narrow(self, *args):
        self.whole.cap = 100
        heaps.append(self.heap)
        return begin(self, *args)

    monkeypatch.setattr(slices.Slices, "_begin", narrow)
    found = search(Here())
    assert {*heaps} == {True, False}
    assert found[3] == "proved"
    assert found[:2] == pytest.approx(expected[:2], rel=1e-9)
