"""Bars: drawn where somebody sees them, once the work takes long, and by whoever works outermost."""

import io
import sys
import time
import types

import pytest
from rich.console import Console

import relucvx as rx
from relucvx import progress
from relucvx.errors import InvalidInputError
from relucvx.oracle.branch_and_bound import Search
from relucvx.progress import Bar, digits, watched
from relucvx.solver import Progress

STEP = Progress(3, 2.0, 1.0, 0.01, 5, 7, 0.1, 0.5, "solved")


def terminal():
    """A console that draws, on a text that is kept."""
    return Console(file=io.StringIO(), force_terminal=True, width=120)


class Page:
    """What IPython's display does, as far as a bar needs it."""

    def __init__(self):
        self.shown = []

    def HTML(self, text):
        return text

    def display(self, text, display_id):
        self.shown.append(text)
        return self

    def update(self, text):
        self.shown.append(text)


@pytest.fixture
def notebook(monkeypatch):
    """A page in place of a notebook's."""
    page = Page()
    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(progress, "displays", page)
    return page


def test_a_terminal_gets_a_bar():
    screen = terminal()
    with watched("solving", True, None, 1e-4, console=screen) as told:
        told(STEP)
    assert "solving: round 3, solved, objective 2, 5 neurons" in screen.file.getvalue()


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ((Search(1.5, 1.0, None, 1234, "open"),), "1,234 cones"),
        ((12345, 3), "12,345, 3"),
        (("regions", 1, 8), "regions, 1"),
    ],
)
def test_whatever_is_told_can_be_drawn(notebook, state, text):
    with watched("x", True, None) as told:
        told(*state)
    assert f"x: {text}" in notebook.shown[1]


def test_what_cannot_be_seen_is_not_drawn(capfd):
    with watched("solving", True, None) as told:
        told(STEP)
    assert capfd.readouterr() == ("", "")
    plain = Console(file=io.StringIO(), force_terminal=False)
    with watched("solving", True, None, console=plain) as told:
        told(STEP)
    assert plain.file.getvalue() == ""


def test_short_work_has_none_and_loads_nothing(monkeypatch):
    monkeypatch.setattr(progress, "consoles", None)
    monkeypatch.setattr(progress, "displays", None)
    with watched("solving", "auto", None) as told:
        told(STEP)


def test_long_work_has_one(monkeypatch, notebook):
    began = time.perf_counter()
    with watched("solving", "auto", None) as told:
        told(STEP)
        assert notebook.shown == []
        monkeypatch.setattr(progress.time, "perf_counter", lambda: began + 2.5)
        told(STEP)
    assert notebook.shown[0] == notebook.shown[-1] == ""  # nothing is left behind
    assert 'value="0.3333" max="1"></progress> solving: round 3, solved' in notebook.shown[1]


def test_texts_in_a_notebook_are_escaped(notebook):
    bar = Bar("<script>", 0.0)
    bar.show("a & b", None)
    assert notebook.shown[1].startswith("<label><progress></progress> &lt;script&gt;: a &amp; b")
    bar.show("too soon", None)
    bar.close()
    assert len(notebook.shown) == 3


def test_work_inside_work_has_none(notebook):
    with watched("outer", True, None) as outer, watched("inner", True, None) as inner:
        assert inner is None
        outer(STEP)
    assert "outer" in notebook.shown[1]
    with watched("outer", False, None), watched("inner", True, len) as inner:
        assert inner is len
    with watched("again", True, None) as told:
        assert told is not None


def test_a_bar_goes_away_when_work_fails(notebook):
    with pytest.raises(ZeroDivisionError), watched("x", True, lambda _: 1 / 0) as told:
        told(STEP)
    assert notebook.shown[-1] == ""
    with watched("y", True, None) as told:
        assert told is not None


def test_the_callback_is_heard():
    with watched("x", "auto", lambda _: True) as told:
        assert told(STEP) is True
    with watched("x", "auto", None, quiet=True) as told:
        assert told is None


@pytest.mark.parametrize("wrong", ["yes", None, 1, 2.0, len])
def test_anything_else_is_refused(wrong):
    with pytest.raises(InvalidInputError, match='progress to be "auto", True or False'):
        rx.solve([[1.0]], [1.0], 0.1, progress=wrong)


def test_digits_are_those_asked_for():
    assert digits(1e-3, 1e-6) == pytest.approx(0.5)
    assert digits(1e-9, 1e-6) == 1.0
    assert digits(1.0, 1e-6) is None
    assert digits(0.1, 1.0) is None
    assert digits(float("inf"), 1e-6) is None


def test_every_record_of_progress_says_what_a_bar_shows():
    seen = []
    X, y = [[1.0, 0.5], [-2.0, 1.0], [0.5, 2.0], [1.0, -1.0]], [1.0, 3.0, 2.0, 0.5]
    rx.solve(X, y, 0.1, callback=seen.append)
    rx.certify(rx.TwoLayerReLU([[1.0, 0.0]], [1.0]), X, y, 0.1, method="branch_and_bound", callback=seen.append)
    rx.beta_band(X, y, 0.5, 1.0, tol=0.1, callback=seen.append)
    rx.train(X, y, 0.1, width=2, seeds=[0], max_steps=2, callback=seen.append)
    rx.theory.verify("spike-free-z-matrix", trials=1, callback=seen.append)
    rx.metrics.profile({"one": X}, metrics=["participation_ratio"], callback=seen.append)
    kinds = {type(state).__name__ for state in seen}
    assert {"Progress", "BandProgress", "TrainingProgress", "VerificationProgress", "ProfileProgress"} <= kinds
    for state in seen:
        text, share = state.bar(1e-6)
        assert "\n" not in text
        assert share is None or 0.0 <= share <= 1.0


@pytest.mark.parametrize(
    ("terminal", "asked", "loaded"), [(False, {}, False), (False, {"FORCE_COLOR": "1"}, True), (True, {}, True)]
)
def test_rich_is_asked_where_somebody_may_look(monkeypatch, terminal, asked, loaded):
    heard = []
    console = types.SimpleNamespace(Console=lambda **_: heard.append(1) or types.SimpleNamespace(is_terminal=False))
    monkeypatch.setattr(progress, "consoles", console)
    monkeypatch.setattr(sys, "stderr", types.SimpleNamespace(isatty=lambda: terminal))
    for name in progress.ASKED:
        monkeypatch.delenv(name, raising=False)
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    assert progress._place(None) is None
    assert bool(heard) == loaded
    monkeypatch.setattr(sys, "stderr", None)  # as of a program without a console
    assert progress._place(None) is None
