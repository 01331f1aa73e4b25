"""Comparisons that were cut short, by Ctrl-C or a limit, and reports of what is not proven."""

import html
import json
import re
import signal
import time

import pytest

import relucvx as rx
from relucvx.report import comparing
from relucvx.report.measure import measure as measure_as_it_is
from relucvx.training import RunStatus

TRAINING = {"seeds": range(2), "width": 5, "max_steps": 20}

ABOUT_THE_OPTIMUM = (
    "global optimum", "linear optimum's kernel",
    "training reaches the optimum", "the optimal kernel is unique", "optimal hidden kernel", "from the optimum at most",
    "optimal kernel is known to be unique", "optimal kernel is not known to be unique: another optimum may have",
    "neurons of an optimum can only",
)  # fmt: skip
"""What may be said of the optimum where none is known: questions, and what holds for every optimum."""


def press(*args, **kwargs):
    """A phase in which Ctrl-C is pressed."""
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def data():
    return rx.datasets.get("planted:60x4")


def visible(page):
    """The words of an HTML page."""
    return html.unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*?</style>", "", page, flags=re.S)))


def test_an_unproven_report_never_calls_it_the_optimum(data, tmp_path):
    found = rx.compare(data.X, data.Y, 0.01, training=TRAINING, time_limit=0.3)
    assert not found.proven
    assert found.solution.certificate.rel_gap > 1e-6
    figures = " ".join(str(name) for name in found.kernels)
    alt = " ".join(re.findall(r'alt="([^"]*)"', found.to_html(tmp_path / "a.html").read_text()))
    for text in (
        str(found),
        visible((tmp_path / "a.html").read_text()),
        html.unescape(alt),
        figures,
        str(found.table()),
    ):
        for allowed in ABOUT_THE_OPTIMUM:
            text = re.sub(allowed, "", text, flags=re.I)
        assert "optim" not in text.lower().replace("kernel_to_optimum", "")
    for text in (str(found), visible((tmp_path / "a.html").read_text()), figures, found.table()[0]["name"]):
        assert "best found, not proven" in text
    assert json.loads(found.to_json())["proven"] is False
    assert "not proven" in repr(found)


def test_a_proven_report_calls_it_the_optimum():
    small = rx.datasets.get("planted:12x2")
    found = rx.compare(small.X, small.Y, 1.0, [])
    assert found.proven
    assert "optimum" in found.kernels
    assert "not proven" not in str(found)


def test_a_wide_interval_confirms_no_prediction():
    white = rx.datasets.get("classes:3x3")
    rough = rx.solve(white.X, white.Y, 0.05, callback=lambda p: True)
    found = rx.compare(white.X, white.Y, 0.05, [], solution=rough)
    assert not found.proven
    values = [f for f in found.findings if f.claim.endswith(": value")]
    assert [f.verdict for f in values] == ["undecided"] * len(values)
    assert values
    proven = rx.compare(white.X, white.Y, 0.05, [])
    assert "holds" in [f.verdict for f in proven.findings if f.claim.endswith(": value")]


def test_ctrl_c_in_the_solver_trains_nothing(data, monkeypatch):
    partial = rx.solve(data.X, data.Y, 0.01, callback=lambda p: True)
    monkeypatch.setattr("relucvx.training.train", lambda *a, **k: pytest.fail("trained after Ctrl-C"))

    def stopped(*args, **kwargs):
        raise rx.Interrupted(partial)

    monkeypatch.setattr(comparing, "solve", stopped)
    with pytest.raises(rx.Interrupted) as stop:
        rx.compare(data.X, data.Y, 0.01)
    found = stop.value.result
    assert (found.rows, found.cut, found.proven) == ((), "solving was INTERRUPTED", False)
    assert str(found).startswith("solving was INTERRUPTED\n")
    monkeypatch.setattr(comparing, "solve", press)
    with pytest.raises(rx.Interrupted) as stop:
        rx.compare(data.X, data.Y, 0.01)
    assert stop.value.result is None


def test_a_callback_in_the_solver_trains_nothing_either(data, monkeypatch):
    monkeypatch.setattr("relucvx.training.train", lambda *a, **k: pytest.fail("trained after the callback said stop"))
    found = rx.compare(data.X, data.Y, 0.01, callback=lambda state: True)
    assert (found.rows, found.cut) == ((), "solving was INTERRUPTED")


def test_ctrl_c_in_training_keeps_the_networks(data, tmp_path):
    solution = rx.solve(data.X, data.Y, 0.01, callback=lambda p: True)

    def watch(state):
        if state.step >= 3:
            press()

    with pytest.raises(rx.Interrupted) as stop:
        rx.compare(data.X, data.Y, 0.01, solution=solution, training=TRAINING, callback=watch)
    found = stop.value.result
    assert (found.cut, len(found.rows)) == ("training was INTERRUPTED", 2)
    assert {row.status for row in found.rows} == {RunStatus.INTERRUPTED.name}
    assert all(row.objective >= solution.certificate.lower for row in found.rows)
    assert "training was INTERRUPTED" in visible(found.to_html(tmp_path / "a.html").read_text())


@pytest.mark.slow
def test_ctrl_c_in_the_measurements_keeps_the_rows_before(data, monkeypatch):
    solution = rx.solve(data.X, data.Y, 5.0)
    measured = []

    def measure(network, against, name, **facts):
        if len(measured) == 2:
            press()
        measured.append(name)
        return measure_as_it_is(network, against, name, **facts)

    monkeypatch.setattr(comparing, "measure", measure)
    with pytest.raises(rx.Interrupted) as stop:
        rx.compare(data.X, data.Y, 5.0, [solution.network] * 3, solution=solution)
    assert [row.name for row in stop.value.result.rows] == ["network 0"]
    assert stop.value.result.cut == "measuring was INTERRUPTED after 1 of 3 runs"


def test_ctrl_c_in_the_search_for_all_optima(data, monkeypatch):
    solution = rx.solve(data.X, data.Y, 5.0)
    monkeypatch.setattr("relucvx.report.uniqueness.optimal_set", press)
    with pytest.raises(rx.Interrupted) as stop:
        rx.compare(data.X, data.Y, 5.0, [solution.network], solution=solution)
    assert stop.value.result.uniqueness.unique is None
    assert len(stop.value.result.rows) == 1


def test_one_limit_for_everything():
    """Ten networks of 400 neurons would train for minutes."""
    data = rx.datasets.get("planted:300x6")
    rx.compare(data.X[:20], data.Y[:20], 1.0, training=TRAINING, time_limit=1.0)  # compiles
    began = time.perf_counter()
    found = rx.compare(data.X, data.Y, 0.01, training={"width": 400, "max_steps": 10**6, "tol": 0.0}, time_limit=3.0)
    assert time.perf_counter() - began < 15.0  # 4.3 s on an idle machine
    assert found.cut == "training reached the time limit"
    assert len(found.rows) == 10
    assert all(row.objective >= found.solution.certificate.lower for row in found.rows)
