"""Readings to avoid fail on instances that meet their own assumptions, and what replaces them holds on the same."""

import dataclasses

import numpy as np
import pytest
from theory.claim_checks import CHECKS

from relucvx.kernel import whitened
from relucvx.theory import Verdict, claims, load_counterexample, verify
from relucvx.theory.statements.readings import CLAIMS, _factors
from relucvx.theory.statements.readings import CLAIMS as OPTIMA
from relucvx.theory.statements.readings_folding import CLAIMS as GEOMETRY

READINGS = {c.id: c for c in OPTIMA + GEOMETRY}
TRIALS = 4


@pytest.fixture(scope="module")
def trials():
    """Instances of every reading with their outcomes, computed once."""
    cache = {}

    def of(name):
        if name not in cache:
            rng = np.random.default_rng(1)
            instances = [READINGS[name].draw(rng, 1 + t % 4) for t in range(TRIALS)]
            cache[name] = [(i, READINGS[name].check(i)) for i in instances]
        return cache[name]

    return of


def test_all_are_registered_as_expected_to_fail():
    registered = {c.id: c for c in claims() if c.id.startswith("reading-")}
    assert set(READINGS) <= set(registered)
    assert all(c.expected == "VIOLATED" and c.correction is not None for c in READINGS.values())


@pytest.mark.parametrize("name", READINGS)
def test_printed_statement_fails_where_it_should_hold(name, trials):
    outcomes = [outcome for _, outcome in trials(name)]
    assert all(outcome.verdict is not Verdict.NOT_APPLICABLE for outcome in outcomes)
    violated = sum(outcome.verdict is Verdict.VIOLATED for outcome in outcomes)
    assert violated >= (3 if "nuclear" in name else TRIALS)  # the cells' constraints may be idle
    assert max(outcome.margin for outcome in outcomes) > (1.5 if "few-shot" in name else 2)


@pytest.mark.parametrize("name", READINGS)
def test_corrected_statement_holds_on_the_same_instances(name, trials):
    """Asked as a claim of its own, so that the check is seen to go both ways."""
    corrected = dataclasses.replace(READINGS[name], predict=READINGS[name].correction, correction=None)
    for instance, outcome in trials(name)[:2]:
        assert outcome.corrected is True
        assert corrected.check(instance).verdict is Verdict.HOLDS


@pytest.mark.parametrize("name", READINGS)
def test_verification_reports_a_counterexample_that_can_be_run_again(name, tmp_path):
    report = verify(name, trials=3, rng=3, quick=True)
    assert report.verdict is Verdict.VIOLATED
    assert report.as_expected
    assert report.corrected is True
    again = load_counterexample(report.counterexample.save(tmp_path / "found.npz"))
    assert again.outcome.verdict is Verdict.VIOLATED
    assert again.outcome.corrected is True


@pytest.mark.parametrize("name", [c.id for c in OPTIMA if any(a.name == "X X^T = I" for a in c.assumptions)])
def test_readings_of_whitened_inputs_do_not_apply_to_others(name, trials):
    instance = trials(name)[0][0]
    assert whitened(instance["X"])
    assert READINGS[name].check({**instance, "X": 1.5 * instance["X"]}).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"beta": 9.0}, "reading-shrinkage-constant"),
        ({"beta": 9.0}, "reading-sign-condition"),
        ({"depth": 1}, "reading-regions-on-a-line"),
        ({"start": np.zeros(2), "end": np.zeros(2)}, "reading-folding-symmetric"),
    ],
)
def test_printed_hypotheses_are_tested(change, name, trials):
    assert READINGS[name].check({**trials(name)[0][0], **change}).verdict is Verdict.NOT_APPLICABLE


def test_printed_sign_condition_is_seen_to_hold_where_both_sides_have_a_sign():
    """With a_i >= 0 too, the printed condition and the right one agree: nothing is refuted."""
    instance = {"X": np.eye(3), "Y": np.diag([1.0, 2.0, 3.0]), "beta": 0.5}
    outcome = READINGS["reading-sign-condition"].check(instance)
    assert outcome.verdict is Verdict.HOLDS
    assert outcome.corrected is True


def test_sample_side_signs_suffice_but_are_not_needed():
    """a_2 = (1, -1)/sqrt(2) has mixed signs, yet the linear kernel is nonnegative and the network reaches its value."""
    A = np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2)
    instance = {"X": np.eye(2), "Y": A * [2.5, 1.5], "beta": 0.5}
    outcome = READINGS["reading-sign-condition"].check(instance)
    assert outcome.verdict is Verdict.HOLDS
    assert outcome.corrected is True


def test_isotropic_targets_hide_the_wrong_root():
    """All singular values 1: every root is the same, so the printed form is right there."""
    instance = {"X": np.eye(3), "Y": np.eye(3), "depth": 4, "seed": 0}
    assert READINGS["reading-layer-root"].check(instance).verdict is Verdict.HOLDS


def test_depth_two_misses_just_the_factor():
    """At L = 2 the printed exponent is right and a factor of two remains; ||w||² + ||v||² >= 2 ||w v^T||_*."""
    W = np.outer([3.0, 4.0], [1.0])  # one singular value, 5
    claim = READINGS["reading-schatten-exponent"]
    instance = {"W": W, "depth": 2, "seed": 0}
    assert claim.predict(instance)["least"] == pytest.approx(5.0)
    assert claim.correction(instance)["least"] == pytest.approx(10.0)


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_balanced_factors_multiply_to_the_matrix(depth):
    W = np.random.default_rng(depth).standard_normal((3, 4))
    factors = _factors(W, np.full(depth, depth), np.random.default_rng(0))
    assert np.allclose(np.linalg.multi_dot(factors), W)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
