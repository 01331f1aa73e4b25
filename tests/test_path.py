"""The path as an iterator that keeps what it has found, and shows it."""

import pytest
from shown import assert_html, takes_axes

import relucvx as rx

X, Y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]


def test_nothing_is_solved_before_it_is_asked_for():
    path = rx.beta_path(X, Y, [5.0, 2.0, 1.0])
    assert path.solutions == []
    assert repr(path) == "BetaPath(0 strengths so far)"
    assert_html(path._repr_html_())
    first = next(path)
    assert path.solutions == [first]
    assert path._repr_html_().count("<table") == 1
    assert [sol.problem.beta for sol in path] == [2.0, 1.0]
    assert path.done
    assert list(path) == []
    assert repr(path) == "BetaPath(3 strengths, beta = 5 ... 1)"
    assert_html(path._repr_html_())


def test_frames_and_figures_ask_for_what_is_left():
    path = rx.beta_path(X, Y, [1.0, 2.0])
    frame = path.to_frame()
    assert frame["beta"].tolist() == [1.0, 2.0]
    assert (frame["lower"] <= frame["upper"]).all()
    ax = path.plot()
    assert ax.get_lines()[0].get_ydata() == pytest.approx([1.8, 3.2])
    assert ax.get_lines()[0].get_xdata().tolist() == [1.0, 2.0]
    given = ax.figure.add_subplot()
    assert path.plot(given) is given
    assert takes_axes(rx.BetaPath.plot)


def test_what_is_wrong_is_said_when_the_first_is_asked_for():
    path = rx.beta_path(X, Y, [1.0], progress="yes")
    with pytest.raises(rx.RelucvxError, match="progress"):
        next(path)
