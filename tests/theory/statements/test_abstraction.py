"""Claims about ±1 targets and the mean-field energy: they hold, notice wrong predictions, and know their limits."""

import numpy as np
import pytest
from theory.claim_checks import CHECKS

from relucvx.datasets import factorial
from relucvx.theory import Verdict, claim, verify
from relucvx.theory.definition import broken
from relucvx.theory.statements.abstraction import CLAIMS
from relucvx.theory.statements.abstraction import CLAIMS as ABSTRACTION
from relucvx.theory.statements.mean_field import CLAIMS as ENERGY

ALL = {c.id: c for c in ABSTRACTION + ENERGY}

WRONG = {
    "abstract-kernel": ("value", lambda v: v * (1 + 1e-8)),
    "abstract-unique": ("kernel", lambda K: K + 0.05 * np.trace(K) * np.eye(len(K))),
    "tuning": ("tuning", lambda v: v - 0.05),
    "abstract-continuum": ("value", lambda v: v * (1 + 1e-8)),
    "abstract-invariants": ("trace", lambda v: v * 1.001),
    "abstract-anti": ("refuted", lambda v: not v),
    "preactivation-kkt": ("energy", lambda v: v * (1 + 1e-5)),
    "energy-convex": ("excess", lambda v: v - 1e6),
    "abstract-smooth": ("abstract", lambda v: not v),
}
"""A part of each prediction, and how it is spoilt."""

ALSO_WRONG = [
    ("abstract-kernel", "kernel", lambda K: K * 1.0001),
    ("abstract-kernel", "eigenvalue", lambda v: v * 1.0001),
    ("abstract-unique", "value", lambda v: v * 1.001),
    ("abstract-unique", "parallelism", lambda v: 1.5),
    ("abstract-invariants", "eigenvalue", lambda v: v * 1.001),
    ("abstract-anti", "below", lambda v: not v),
    ("preactivation-kkt", "ratio", lambda v: 0.99),
    ("preactivation-kkt", "at_neurons", lambda v: 0.01),
]


def spoil(name, change):
    return lambda predicted: {**predicted, name: change(predicted[name])}


def test_all_are_registered_once():
    assert set(WRONG) == set(ALL)
    assert all(claim(name) is subject for name, subject in ALL.items())


@pytest.mark.parametrize("name", ALL)
def test_holds(name):
    result = verify(name, trials=4, rng=3)
    assert result.verdict is Verdict.HOLDS, result.reason
    assert (result.applicable, result.not_applicable) == (4, {})
    assert result.as_expected
    assert result.margin <= 1


@pytest.mark.parametrize("name", ALL)
def test_wrong_prediction_is_noticed(name):
    part, change = WRONG[name]
    for seed in range(2):
        assert ALL[name].check(ALL[name].example(seed), mutate=spoil(part, change)).verdict is Verdict.VIOLATED


@pytest.mark.parametrize(("name", "part", "change"), ALSO_WRONG)
def test_other_wrong_parts_are_noticed(name, part, change):
    instance = ALL[name].example(1, size=2)
    if part == "parallelism":  # one variable has no parallelism
        instance = next(i for i in map(ALL[name].example, range(20)) if i["Y"].shape[1] == 2)
    assert ALL[name].check(instance, mutate=spoil(part, change)).verdict is Verdict.VIOLATED


@pytest.mark.parametrize("name", ALL)
def test_each_breakable_assumption_is_told(name):
    subject, rng = ALL[name], np.random.default_rng(5)
    instance = subject.example(0, size=1)
    tried = 0
    for assumption in subject.assumptions:
        if assumption.broken is not None:
            outcome = subject.check(assumption.broken(dict(instance), rng))
            assert outcome.verdict is Verdict.NOT_APPLICABLE
            tried += 1
    assert tried or name in ("energy-convex", "preactivation-kkt")


@pytest.mark.parametrize(
    ("name", "change", "failed"),
    [
        ("preactivation-kkt", {"beta": -1.0}, "beta > 0"),
        ("energy-convex", {"activation": "tanh"}, "positively homogeneous activation"),
        ("energy-convex", {"beta": 0.0}, "beta > 0"),
        ("abstract-smooth", {"activation": "threshold"}, "one of the sampled activations"),
        ("abstract-smooth", {"beta": 3.0}, "0.02 <= beta <= 0.5"),
        ("abstract-kernel", {"beta": 1e3}, "0 < beta < n/(2 sqrt(gamma))"),
    ],
)
def test_other_assumptions_are_told(name, change, failed):
    outcome = ALL[name].check({**ALL[name].example(0), **change})
    assert (outcome.verdict, outcome.failed) == (Verdict.NOT_APPLICABLE, failed)


@pytest.mark.parametrize(
    ("x1", "x2", "applies"),
    [
        (0.0, 0.0, {"abstract-kernel", "abstract-continuum", "abstract-invariants"}),
        (0.3, 0.2, {"abstract-kernel", "abstract-unique", "tuning"}),
        (0.1, 0.4, {"abstract-kernel"}),
        (0.3, -0.1, {"abstract-anti"}),
        (-0.1, 0.2, set()),
    ],
)
def test_each_regime_has_its_claims(x1, x2, applies):
    data = factorial(2, x1=x1, x2=x2, rng=0)
    instance = {"X": data.X, "Y": data.Y, "beta": 0.2, "R": np.eye(2)}
    verdicts = {c.id: c.check(instance).verdict for c in ABSTRACTION}
    assert {name for name, verdict in verdicts.items() if verdict is not Verdict.NOT_APPLICABLE} == applies
    assert {name for name, verdict in verdicts.items() if verdict is Verdict.HOLDS} == applies


def test_outside_their_reach_the_claims_fail():
    """Forced without common mode the optimum is not the abstract kernel; with x2 < 0 the formula is beaten."""
    rng = np.random.default_rng(0)
    for name, assumption in (("abstract-unique", "x2 > 0"), ("abstract-kernel", "x2 >= 0"), ("tuning", "x2 > 0")):
        subject = ALL[name]
        instance = next(i for i in map(subject.example, range(20)) if i["Y"].shape == (4, 2))
        lost = next(a for a in subject.assumptions if a.name == assumption)
        outcome = broken(subject, lost, instance, rng)
        assert outcome is not None
        assert outcome.verdict is Verdict.VIOLATED


def test_anti_abstract_is_not_claimed_with_common_mode():
    """Forced at x2 > 0 the certificate refutes nothing, so the check is seen to go both ways."""
    subject = ALL["abstract-anti"]
    instance = ALL["abstract-unique"].example(3)
    outcome = subject.check(instance, force=True)
    assert outcome.verdict is Verdict.VIOLATED
    assert {d.name for d in outcome.deviations if not d.met} == {
        "the certificate refutes the formula",
        "the optimum is below the formula",
    }


def test_a_rotation_by_45_degrees_is_not_abstract():
    """One neuron per condition: same objective, parallelism 0."""
    data = factorial(2, rng=1)
    c = np.sqrt(0.5)
    instance = {"X": data.X, "Y": data.Y, "beta": 0.3, "R": np.array([[c, -c], [c, c]])}
    subject = ALL["abstract-continuum"]
    assert subject.predict(instance)["parallelism"] == pytest.approx(0.0, abs=1e-12)
    assert subject.check(instance).verdict is Verdict.HOLDS
    assert subject.check(instance, mutate=spoil("parallelism", lambda v: v + 1e-3)).verdict is Verdict.VIOLATED


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
