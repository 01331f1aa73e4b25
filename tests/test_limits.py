"""Front doors with a time limit: cut work is an error that says so, or a partial answer; native code is left behind."""

import signal
import threading
import time
import warnings

import pytest

from relucvx import limits
from relucvx.deadline import Deadline, OutOfTime, ruled, ruling
from relucvx.errors import Interrupted, InvalidInputError, TimeLimitError
from relucvx.limits import timed


@timed("steps=1")
def loop(steps, *, time_limit=None):
    """A loop that looks at the clock."""
    for _ in range(steps):
        ruling().check()
        time.sleep(1e-3)
    return threading.current_thread()


@timed("steps=1")
def partial(steps, *, time_limit=None):
    """One that has an answer at any time."""
    done = 0
    for _ in range(steps):
        if ruling().passed():
            break
        time.sleep(1e-3)
        done += 1
    return done


@timed("seconds=0")
def native(seconds, *, time_limit=None):
    """One call that looks at nothing, and cannot be stopped."""
    time.sleep(seconds)
    return "done"


@timed("steps=1")
def outer(steps, *, time_limit=None):
    """A front door that calls another."""
    return loop(steps, time_limit=1000.0)


def test_without_a_limit_nothing_is_between_the_caller_and_the_work():
    assert loop(1) is threading.current_thread()
    assert not ruling().limited


def test_what_ends_in_time_is_the_whole_answer():
    assert loop(3, time_limit=100.0) is not None
    assert native(0.0, time_limit=100.0) == "done"


@pytest.mark.parametrize("work", [loop, outer])
def test_cut_work_is_an_error_that_says_what_to_do(work):
    with pytest.raises(TimeLimitError, match=rf"expected {work.__name__} to end within 0.02 s; .*try: steps=1") as stop:
        work(10**9, time_limit=0.02)
    assert isinstance(stop.value, TimeoutError)


def test_a_partial_answer_is_given():
    assert 0 < partial(10**9, time_limit=0.5) < 1000


def test_native_calls_are_left_behind(monkeypatch):
    monkeypatch.setattr(limits, "PATIENCE", 0.01)
    began = time.perf_counter()
    with pytest.raises(TimeLimitError):
        native(1.0, time_limit=0.01)
    assert time.perf_counter() - began < 0.9


def test_whoever_set_the_limit_says_what_is_cut():
    with pytest.raises(OutOfTime):
        loop(10**9, time_limit=Deadline(0.01))
    with ruled(Deadline(0.01)), pytest.raises(OutOfTime):
        loop(10**9, time_limit=1000.0)
    with ruled(Deadline(0.01)), pytest.raises(OutOfTime):
        loop(10**9)


@pytest.mark.parametrize("bad", [0, -1.0, "soon", float("nan"), True])
def test_limits_are_checked(bad):
    with pytest.raises(InvalidInputError, match="time_limit to be a finite number > 0"):
        loop(1, time_limit=bad)


def test_errors_and_warnings_of_the_work_are_those_of_the_caller():
    @timed("")
    def fails(time_limit=None):
        warnings.warn("said", RuntimeWarning, stacklevel=1)
        raise KeyError("its own")

    with pytest.warns(RuntimeWarning, match="said"), pytest.raises(KeyError, match="its own"):
        fails(time_limit=10.0)


def test_ctrl_c_is_heard_inside_native_calls_and_stops_the_rest():
    begun, heard, ended = threading.Event(), threading.Event(), threading.Event()
    left = []

    @timed("")
    def both(time_limit=None):
        begun.set()
        heard.wait(10.0)  # stands for a native call: nothing reaches it
        left.append(ruling().left())
        ended.set()

    def press():
        begun.wait(10.0)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(Interrupted):
        both(time_limit=1000.0)
    heard.set()
    assert ended.wait(10.0)
    assert left == [0.0]


def test_ctrl_c_without_a_limit():
    @timed("")
    def pressed(time_limit=None):
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        pressed()
