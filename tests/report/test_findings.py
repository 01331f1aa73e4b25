"""Verdicts of a comparison in words."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from report.cases import finding, scaled

import relucvx as rx
from relucvx.report import findings as say
from relucvx.report.uniqueness import KernelUniqueness


def test_verdicts_in_words(found):
    assert finding(found, "global optimum").verdict == "holds"
    training = finding(found, "training reaches the optimum")
    assert training.verdict == "partly"
    assert "2 of 4 runs reach p* to 0.0001" in training.text
    assert finding(found, "no network beats the bound").verdict == "holds"
    assert finding(found, "the optimal kernel is unique").verdict == "holds"
    white = finding(found, "one output on whitened inputs")
    assert (white.verdict, white.text) == ("not applicable", "X is not whitened")
    assert "2 of 4 runs" in str(found)
    assert "share=0.5" in repr(found)


def test_whitened_classes_match_the_prediction():
    data = rx.datasets.get("classes:2x2")
    exact = rx.kernel.predict_one_hot(data.labels, 0.3, data.X).network
    found = rx.compare(data.X, data.Y, 0.3, [exact, scaled(exact, 1.5)], time_limit=20)
    value, kernel = finding(found, "neural collapse: value"), finding(found, "neural collapse: kernel")
    assert (value.verdict, kernel.verdict) == ("holds", "holds")
    assert kernel.text.startswith("predicted kernel unique; optimum matches to ")
    assert "1 of 2 runs match to 0.01" in kernel.text
    assert found.rows[0].kernel_to_prediction <= 1e-12
    assert found.prediction.name == "one-hot"
    assert found.labels.tolist() == [0, 0, 1, 1]
    assert finding(found, "classes collapse (measured)").verdict == "holds"
    assert found.optimum.nc1 <= 1e-12
    assert set(found.kernels) == {"optimum", "prediction", "best run (network 0)"}


def test_the_continuum_is_named_and_kernels_are_not_compared():
    data = rx.datasets.get("factorial:2")
    abstract = rx.kernel.predict_factorial(data.Y, 0.2, X=data.X)
    c, s = np.cos(0.3), np.sin(0.3)
    turned = rx.kernel.factorial_rotation_network(data.X, data.Y, 0.2, np.array([[c, -s], [s, c]]))
    start = rx.solve(data.X, data.Y, 0.2, start=abstract.network, time_limit=20)
    found = rx.compare(data.X, data.Y, 0.2, [abstract.network, turned], solution=start)
    assert finding(found, "abstract representation: value").verdict == "holds"
    kernel = finding(found, "abstract representation: kernel")
    assert kernel.verdict == "not applicable"
    assert kernel.text.startswith("the optimal kernel is not unique, so kernels are not compared")
    assert finding(found, "the optimal kernel is unique").verdict == "does not hold"
    assert all(
        row.reached and math.isnan(row.kernel_to_prediction) and math.isnan(row.kernel_to_optimum) for row in found.rows
    )
    assert found.rows[0].parallelism == pytest.approx(1.0)
    assert found.rows[1].parallelism == pytest.approx(np.cos(0.6) / (2 - np.cos(0.6)), abs=1e-9)  # closed form
    assert found.rows[0].tuning == pytest.approx(1.0)


def test_a_wrong_prediction_is_refuted(monkeypatch):
    import dataclasses

    data = rx.datasets.get("whitened:3")
    real = rx.kernel.predict

    def wrong(*args, **kwargs):
        return [
            dataclasses.replace(p, objective=1.1 * p.objective, kernel=2 * p.kernel) if p.applicable else p
            for p in real(*args, **kwargs)
        ]

    monkeypatch.setattr("relucvx.report.comparing.predict", wrong)
    found = rx.compare(data.X, data.Y, 0.1, [], tol=1e-10)
    assert finding(found, "one output on whitened inputs: value").verdict == "does not hold"
    assert finding(found, "one output on whitened inputs: kernel").verdict == "does not hold"
    assert "optimum matches to 0.5" in finding(found, "one output on whitened inputs: kernel").text


def test_other_losses_have_no_closed_forms():
    data = rx.datasets.get("spiral:16")
    found = rx.compare(data.X, data.Y, 0.5, [], loss="logistic", bias="hidden")
    assert finding(found, "closed forms").verdict == "not applicable"
    assert found.predictions == ()
    assert found.labels.tolist() == (data.Y > 0).astype(int).tolist()
    assert finding(found, "classes collapse (measured)").verdict == "does not hold"


def ranged(statistic, lower, upper, attained):
    """A range over all optima."""
    return rx.StatisticRange(statistic, lower, upper, *attained, 0.0, 1.0, {}, rx.Scope.ALL_PATTERNS, 0.0)


def test_ranges_over_all_optima_are_said():
    row = SimpleNamespace(parallelism=1.0, ccgp=1.0, nc1=1e-9, nc2_etf=float("nan"))
    free = say.abstraction_finding(row, [], True, ranged("parallelism", 0.0, 1.0, (0.0, 1.0)))
    assert free.verdict == "partly"
    assert "over all optima the score is between 0 and 1 (certified)" in free.text
    fixed = say.abstraction_finding(row, [], True, ranged("parallelism", 0.9999, 1.0, (1.0, 1.0)))
    assert fixed.verdict == "holds"
    silent = say.abstraction_finding(row, [], True, ranged("parallelism", -1.0, 1.0, (1.0, 1.0)))
    assert "over all optima" not in silent.text
    collapse = say.collapse_finding(row, [], True, ranged("nc1_quotient", 0.0, 1e-8, (0.0, 0.0)))
    assert "tr S_W/tr S_B is between 0 and 1e-08" in collapse.text
    endless = say.collapse_finding(row, [], True, ranged("nc1_quotient", 0.0, float("inf"), (0.0, 0.0)))
    assert "over all optima" not in endless.text


def test_a_narrow_set_of_kernels_is_more_than_undecided():
    unknown = KernelUniqueness(None, "too close to tell.")
    near = say.uniqueness_finding(unknown, ranged("distance", 0.0, 1e-4, (0.0, 0.0)), 2.0)
    assert near.verdict == "partly"
    assert near.text == (
        "over all optima the kernel is within 5e-05 of its size from the one found (certified); too close to tell"
    )
    assert say.uniqueness_finding(unknown, ranged("distance", 0.0, 1.0, (0.0, 0.0)), 2.0).verdict == "undecided"
    assert say.uniqueness_finding(unknown).verdict == "undecided"
