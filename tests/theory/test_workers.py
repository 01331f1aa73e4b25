"""Trials in several processes: the same results, and an end with Ctrl-C."""

import pickle
import signal
import time
from multiprocessing import active_children

import pytest

import relucvx as rx
from relucvx.theory import Verdict, verify


def test_processes_end_with_ctrl_c():
    others = set(active_children())

    def press(progress):
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as stop:
        verify(["whitened-scalar", "beta-max"], trials=30, rng=5, n_jobs=2, callback=press)
    assert all(one.verdict is Verdict.INTERRUPTED for one in stop.value.result if one.interrupted)
    assert any(one.interrupted for one in stop.value.result)
    deadline = time.monotonic() + 10
    while set(active_children()) - others and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not set(active_children()) - others


def test_an_interrupt_from_a_process_keeps_its_result():
    assert pickle.loads(pickle.dumps(rx.Interrupted(5))).result == 5
    assert "no result yet" in str(pickle.loads(pickle.dumps(rx.Interrupted())))


def test_parallel_results_are_those_in_turn():
    ids = ["mean-field-energy-of-nothing", "whitened-scalar", "beta-max"][1:]
    alone = verify(ids, trials=12, rng=5)
    seen = []
    together = verify(ids, trials=12, rng=5, n_jobs=2, callback=seen.append)
    for a, b in zip(alone, together, strict=True):
        assert (a.claim, a.verdict, a.applicable, a.margin) == (b.claim, b.verdict, b.applicable, b.margin)
    assert len(seen) == 4
    assert seen[-1].done == 2
    stopped = verify(ids, trials=12, rng=5, n_jobs=2, callback=lambda s: True)
    assert any(s.interrupted for s in stopped)
