"""Ctrl-C is neither lost nor disguised, and handlers of others keep their meaning."""

import pickle
import signal
import threading

import pytest

from relucvx.errors import Interrupted
from relucvx.interrupts import hearing, interruptible, listening


def press():
    """What Ctrl-C does."""
    signal.raise_signal(signal.SIGINT)


def swallowed():
    """As a destructor or a callback of the garbage collector does."""
    try:
        press()
    except KeyboardInterrupt:
        return 5
    return 0


def test_what_is_swallowed_comes_out_at_the_end():
    before = signal.getsignal(signal.SIGINT)
    reached = []
    with pytest.raises(Interrupted), listening():
        reached.append(swallowed())
    assert reached == [5]
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(Interrupted):
        interruptible(swallowed)()
    with listening():  # what was before does not count
        pass


@pytest.mark.parametrize("kind", [SystemError, ImportError, ValueError])
def test_what_it_became_is_translated(kind):
    def disguised():
        try:
            press()
        except KeyboardInterrupt as error:
            raise kind("returned a result with an exception set") from error

    with pytest.raises(Interrupted) as stop:
        interruptible(disguised)()
    assert isinstance(stop.value.__cause__, kind)


def test_other_errors_pass():
    with pytest.raises(ValueError, match="mine"), listening():
        raise ValueError("mine")


def test_an_interrupt_with_a_result_passes():
    @interruptible
    def work():
        try:
            press()
        except KeyboardInterrupt:
            raise Interrupted("best") from None

    with pytest.raises(Interrupted) as stop:
        work()
    assert stop.value.result == "best"


def test_an_interrupt_comes_out_of_a_process_as_it_was():
    stop = Interrupted("best", "what is done is in a file")
    again = pickle.loads(pickle.dumps(stop))
    assert (again.result, again.to_go_on, str(again)) == (stop.result, stop.to_go_on, str(stop))


def test_an_error_after_the_interrupt_was_dealt_with_is_the_interrupt():
    """Whoever swallowed it went on with less than it asked for."""

    @interruptible
    def work():
        swallowed()
        raise ValueError("a shape that does not fit")

    with pytest.raises(Interrupted, match="no result yet"):
        work()


def test_blocks_inside_one_another_all_hear():
    before = signal.getsignal(signal.SIGINT)
    with hearing() as outer:
        with hearing() as inner:
            assert swallowed() == 5
            assert inner()
        assert outer()
        with hearing() as later:
            assert not later()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_handler_that_only_notes_keeps_its_meaning():
    pressed = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        with listening():
            press()
    finally:
        signal.signal(signal.SIGINT, before)
    assert pressed == [signal.SIGINT]


def test_ignored_interrupts_stay_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with listening():
            press()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_only_translate():
    found = []

    @interruptible
    def work():
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise SystemError from error

    def run():
        try:
            work()
        except KeyboardInterrupt:
            found.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [True]
