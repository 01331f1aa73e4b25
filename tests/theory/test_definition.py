"""A claim as an object: deviations, verdicts, assumptions and how they are broken."""

import numpy as np
import pytest
from theory.toys import POSITIVE, toy

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.theory import Verdict
from relucvx.theory.definition import at_most, broken, close, same
from relucvx.theory.draws import stated


def test_deviations_are_relative_and_nan_is_a_violation():
    assert close("a", [3.0, 4.0], [3.0, 4.5], 0.2).value == pytest.approx(0.5 / np.hypot(3, 4.5))
    assert close("a", 2.0, 1.0, 0.1, scale=10.0).value == pytest.approx(0.1)
    assert not close("a", [1.0, 2.0], [1.0], 1e9).met
    assert close("a", float("nan"), 1.0, 1e9).margin == float("inf")
    assert not close("a", float("nan"), 1.0, 1e9).met
    assert at_most("a", 3.0, 2.0, 0.5, scale=4.0).met
    assert not at_most("a", 3.0, 2.0, 0.1, scale=4.0).met
    assert at_most("a", -9.0, 2.0, 0.1).value == -11.0
    assert same("a", True, np.bool_(True)).met
    assert not same("a", True, False).met


def test_a_check_says_holds_violated_or_which_assumption_fails():
    claim = toy()
    instance = claim.example()
    assert claim.check(instance).verdict is Verdict.HOLDS
    missed = claim.check(instance, mutate=lambda p: {"sum": 2 * p["sum"]})
    assert missed.verdict is Verdict.VIOLATED
    assert missed.margin == pytest.approx(0.5e9)
    assert missed.reason == "sum: 0.5 > 1e-09"
    outside = claim.check({**instance, "X": -instance["X"]})
    assert (outside.verdict, outside.failed) == (Verdict.NOT_APPLICABLE, "X >= 0")
    assert outside.reason == "assumption fails: X >= 0"
    assert np.isnan(outside.margin)
    assert claim.check({**instance, "X": -instance["X"]}, force=True).verdict is Verdict.HOLDS
    with pytest.raises(InvalidInputError, match=r"an instance of toy with .*; received one without X; try: .*example"):
        claim.check({k: v for k, v in instance.items() if k != "X"})
    assert all(v.help for v in Verdict)
    assert repr(claim) == "Claim('toy', expected HOLDS)"


def test_an_assumption_that_cannot_be_tested_counts_as_failing():
    untestable = rx.theory.Assumption("X X^T = I", lambda i: rx.kernel.whitened(i["X"]))
    singular = rx.theory.Assumption("regular", lambda i: np.linalg.inv(np.zeros((2, 2))).any())
    claim = toy(assumptions=(untestable,))
    assert claim.failing({**claim.example(), "X": np.full((2, 2), np.nan)}) == "X X^T = I"
    assert toy(assumptions=(singular,)).failing(claim.example()) == "regular"
    with pytest.raises(ZeroDivisionError):  # a mistake in the assumption itself is not hidden
        toy(assumptions=(rx.theory.Assumption("broken", lambda i: 1 / 0),)).failing(claim.example())


def test_breaking_an_assumption_runs_the_claim_where_it_is_silent():
    claim = toy(measure=lambda i, p: [at_most("minus the least entry", -i["X"].min(), 0.0, 1e-9)])
    rng = np.random.default_rng(0)
    assert broken(claim, POSITIVE, claim.example(), rng).verdict is Verdict.VIOLATED
    assert broken(claim, rx.theory.Assumption("true", lambda i: True), claim.example(), rng) is None
    undefined = toy(predict=lambda i: {"sum": stated(None if i["X"].min() < 0 else 1.0)})
    assert broken(undefined, POSITIVE, undefined.example(), rng) is None
    with pytest.raises(InvalidInputError, match="expected data for which the closed form is stated"):
        stated(None)


def test_a_claim_says_what_it_states():
    claim = rx.theory.claim("abstract-kernel")
    assert claim.statement in str(claim)
    assert claim.status in str(claim)
