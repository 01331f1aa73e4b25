"""The state of a solve: which networks are kept, which dual point is priced, what is told, and what stops it."""

import numpy as np
import pytest

from relucvx.deadline import Deadline
from relucvx.program import make_problem
from relucvx.program.objective import balanced_objective
from relucvx.solver.state import MOST_IDLE, State
from relucvx.types import Status

PROBLEM = make_problem([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]], [1.0, -2.0, 0.5], 0.1)


def state(callback=None, seconds=None):
    return State(PROBLEM, 1e-6, Deadline(seconds), callback, np.random.default_rng(0))


def network(scale):
    return PROBLEM.network(scale * np.array([[1.0, 0.0]]), np.array([[0.5]]))


def test_it_begins_with_the_null_network_and_its_residual():
    s = state()
    assert s.network.width == 0
    assert s.upper == PROBLEM.null_value()
    np.testing.assert_array_equal(s.dual, PROBLEM.Y)
    assert s.running


def test_only_a_better_network_is_kept_balanced():
    s = state()
    s.offer(network(1.0))
    kept, upper = s.network, s.upper
    assert upper == balanced_objective(PROBLEM, network(1.0)) < PROBLEM.null_value()
    assert np.linalg.norm(kept.weights_in) == pytest.approx(np.linalg.norm(kept.weights_out))
    s.offer(network(50.0))
    assert s.network is kept
    s.offer(network(1.0))
    assert s.network is kept  # as good is not better ...
    s.offer(network(1.0), stationary=True)
    assert s.network is not kept  # ... unless its residual is the better dual point


def test_the_residual_is_that_of_the_best_network():
    s = state()
    s.offer(network(1.0))
    s.keep_residual()
    np.testing.assert_allclose(s.dual, PROBLEM.Y - s.network.predict(PROBLEM.X).reshape(-1, 1))
    assert s.dual_belongs_to == s.upper


def test_idle_rounds_ask_for_a_tighter_proof():
    s = state()
    s.offer(network(1.0))
    s.keep_residual()
    thresholds = []
    for s.idle in (0, 1, MOST_IDLE, MOST_IDLE + 5):
        thresholds.append(s.threshold())
    assert thresholds[0] > thresholds[1] > thresholds[2] == thresholds[3] > PROBLEM.beta


def test_the_callback_stops_a_run_and_proofs_do_not_fill_the_history():
    seen = []
    s = state(lambda progress: seen.append(progress.phase) or len(seen) > 1)
    assert not s.stopped("priced")
    assert s.stopped("proving")
    assert s.status is Status.INTERRUPTED
    assert not s.running
    assert [p.phase for p in s.history] == ["priced"]


def test_the_deadline_stops_a_run():
    s = state(seconds=0.0)
    assert s.stopped("priced")
    assert s.status is Status.TIME_LIMIT


def test_a_slide_never_loses_what_it_began_with():
    s = state()
    W, V, b = PROBLEM.neurons(network(1.0))
    _, _, size = s.slide(W, V, b, 5, seconds=0.1)
    assert s.upper <= balanced_objective(PROBLEM, network(1.0))
    assert size.shape == (1,)
    assert s.history[-1].phase == "slid"
