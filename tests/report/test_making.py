"""How a comparison was made: the call as it is typed, and nothing about the machine."""

import getpass
import platform
import re

import numpy as np
import pytest
from report.cases import planted

import relucvx as rx
from relucvx.report.making import call_text, versions


@pytest.mark.parametrize(
    ("options", "runs", "given", "text"),
    [
        ({}, "[]", {}, "relucvx.compare(X, Y, 0.5, [])"),
        ({}, None, {"training": {"seeds": range(3)}}, "relucvx.compare(X, Y, 0.5, training={'seeds': range(0, 3)})"),
        ({"bias": True}, "runs", {"tol": 1e-6}, "relucvx.compare(X, Y, 0.5, runs, bias='all')"),
        ({}, "runs", {"tol": 1e-3}, "relucvx.compare(X, Y, 0.5, runs, tol=0.001)"),
        ({"loss": "huber"}, "runs", {}, "relucvx.compare(X, Y, 0.5, runs, loss='huber')"),
        ({"activation": (0.1, 1)}, "[]", {}, "relucvx.compare(X, Y, 0.5, [], activation=(0.1, 1.0))"),
        ({"activation": "abs"}, "[]", {}, "relucvx.compare(X, Y, 0.5, [], activation='abs')"),
        (
            {"sample_weight": np.full(20, 2.0)}, "[]", {"labels": np.ones(20)},
            "relucvx.compare(X, Y, 0.5, [], sample_weight=sample_weight, labels=labels)",
        ),
    ],
)  # fmt: skip
def test_the_call_is_what_differs_from_the_defaults(options, runs, given, text):
    data = planted()
    assert call_text(rx.make_problem(data.X, data.Y, 0.5, **options), runs, given) == text


def test_the_call_makes_the_comparison_again():
    data = planted()
    found = rx.compare(data.X, data.Y, 0.5, [], bias="hidden", reach=1e-3)
    again = eval(found.made.call, {"relucvx": rx, "X": data.X, "Y": data.Y})
    assert again.reach == 1e-3
    assert again.made.call == found.made.call
    assert again.solution.objective == found.solution.objective


def test_versions_and_the_day_but_no_machine(found):
    made = found.made
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", made.date)
    assert made.seeds == (3,)
    assert made.versions == versions()
    assert made.versions["relucvx"] == rx.__version__
    assert {"Python", "numpy", "torch"} <= set(made.versions)
    text = str(found.made.to_dict())
    assert "/" not in text
    assert platform.node() not in text or len(platform.node()) < 4
    assert f" {getpass.getuser()} " not in text
