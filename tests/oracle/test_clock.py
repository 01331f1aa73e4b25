"""Tests of the clock of the front doors."""

import time

import pytest

from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError
from relucvx.oracle.clock import clock


def test_it_starts_when_all_is_compiled():
    done = []

    def slow():
        time.sleep(0.2)
        done.append("compiled")

    assert clock(0.15, slow, slow).left() > 0.1
    assert done == ["compiled", "compiled"]
    assert not clock(None, slow).limited
    given = Deadline(5.0)
    assert clock(given, slow) is given


@pytest.mark.parametrize(("limit", "needed"), [(-1.0, False), (None, True), ("soon", False), (float("nan"), True)])
def test_what_is_no_limit_is_refused_before_anything_is_compiled(limit, needed):
    with pytest.raises(InvalidInputError, match="time_limit=60"):
        clock(limit, lambda: pytest.fail("compiled"), needed=needed)
