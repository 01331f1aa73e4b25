"""The deadline object, and what Ctrl-C carries."""

import math

import pytest

import relucvx as rx
from relucvx.deadline import PROOF_SECONDS, Deadline, OutOfTime, ruled, ruling
from relucvx.errors import InvalidInputError


def test_no_limit_never_passes():
    never = Deadline()
    assert never.left() == math.inf
    assert not never.passed()
    never.check()
    assert never.share(0.1).left() == math.inf
    assert never.within(100.0).left() <= 100.0


def test_a_passed_one_stops_library_loops():
    over = Deadline(0.0)
    assert over.passed()
    assert over.left() == 0.0
    with pytest.raises(OutOfTime):
        over.check()
    assert over.within(10.0).passed()
    assert over.share(0.5).passed()


def test_shares_are_of_what_is_left():
    limit = Deadline(1000.0)
    assert 490.0 < limit.share(0.5).left() <= 500.0
    assert limit.within(3.0).left() <= 3.0
    assert 990.0 < limit.within(5000.0).left() <= 1000.0


@pytest.mark.parametrize("bad", [0, -1, "soon", float("nan"), True])
def test_limits_are_checked(bad):
    with pytest.raises(InvalidInputError, match="time_limit to be a finite number > 0"):
        Deadline.of(bad)


def test_deadlines_pass_through():
    limit = Deadline(5.0)
    assert Deadline.of(limit) is limit
    assert Deadline.of(None).left() == math.inf
    assert "s left" in repr(limit)


def test_an_interrupt_ends_outer_loops_and_keeps_the_result():
    with pytest.raises(KeyboardInterrupt, match="best so far") as stop:
        raise rx.Interrupted("solution")
    assert stop.value.result == "solution"
    assert "no result yet" in str(rx.Interrupted())


def test_a_proof_without_a_limit_ends_all_the_same():
    assert not Deadline().limited
    assert 0.9 * PROOF_SECONDS < Deadline().for_proof().left() <= PROOF_SECONDS
    limited = Deadline(5.0)
    assert limited.limited
    assert limited.for_proof() is limited


def test_seconds_are_a_limit_that_a_call_takes():
    assert Deadline().seconds() is None
    assert Deadline(-1.0).seconds() == 1e-3
    assert 4.0 < Deadline(5.0).seconds() <= 5.0


def test_a_deadline_rules_inside_its_block_alone():
    assert not ruling().limited
    with ruled(Deadline(1e-9)):
        with pytest.raises(OutOfTime):
            ruling().check()
        with ruled(Deadline()):
            ruling().check()
        assert ruling().passed()
    assert not ruling().limited
