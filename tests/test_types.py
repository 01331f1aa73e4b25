"""Bias modes: what each means, how they are written, and that nobody asks for their names."""

import json
import pickle

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.program import make_problem
from relucvx.types import Bias, plain, strict_json

MEANING = {
    # mode: hidden bias, output bias, hidden decays, output decays, free
    "none": (False, False, False, False, False),
    "hidden": (True, False, True, False, False),
    "all": (True, True, True, True, False),
    "free": (True, True, False, False, True),
}


@pytest.mark.parametrize("name", MEANING)
def test_what_a_mode_means(name):
    bias = Bias.of(name)
    asked = (bias.has_hidden, bias.has_output, bias.decays_hidden, bias.decays_output, bias.is_free)
    assert asked == MEANING[name]


def test_there_are_no_other_modes():
    assert set(Bias) == set(MEANING)


@pytest.mark.parametrize(
    ("given", "mode"),
    [(False, "none"), (True, "all"), (np.True_, "all"), (np.str_("free"), "free"), (Bias.HIDDEN, "hidden")],
)
def test_strings_flags_and_modes_are_accepted(given, mode):
    assert Bias.of(given) is Bias(mode)


@pytest.mark.parametrize("given", ["ALL", "both", "", None, 1, ["all"], b"all"])
def test_anything_else_is_refused(given):
    with pytest.raises(InvalidInputError, match="a bias mode among none, hidden, all, free"):
        Bias.of(given)


@pytest.mark.parametrize("bias", Bias)
def test_a_mode_is_its_string_wherever_it_is_written(bias):
    name = bias.value
    assert bias == name
    assert hash(bias) == hash(name)
    assert f"{bias}" == str(bias) == name
    assert repr(bias) == repr(name)
    assert plain({"bias": bias}) == {"bias": name}
    assert type(plain(bias)) is str
    assert json.loads(json.dumps({"bias": bias})) == json.loads(strict_json({"bias": bias})) == {"bias": name}
    assert pickle.loads(pickle.dumps(bias)) is bias


@pytest.mark.parametrize(("given", "mode"), [("free", "free"), (True, "all"), (False, "none")])
def test_a_problem_has_a_mode(given, mode):
    problem = make_problem([[1.0], [2.0], [3.0]], [1.0, 0.0, 2.0], 0.5, bias=given)
    assert problem.bias is Bias(mode)
    assert problem.to_dict()["bias"] == mode


@pytest.mark.parametrize("bias", Bias)
def test_what_an_output_bias_costs(bias):
    problem = make_problem([[1.0], [2.0]], [1.0, 0.0], 0.5, bias=bias)
    assert problem.output_decay == (0.5 if bias == "all" else 0.0)
