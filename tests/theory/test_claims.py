"""Every claim: well formed, as expected on a few trials, silent outside its assumptions, and able to fail."""

import re

import numpy as np
import pytest

from relucvx.references import references
from relucvx.theory import Verdict, claims, load_counterexample, verify
from relucvx.theory.counterexample import Counterexample
from relucvx.theory.definition import MAX_SIZE

ALL = claims()
IDS = [claim.id for claim in ALL]
FACTORS = (0.8, 1.25, -1.0, 3.0)
"""By which a prediction is made wrong; what cannot be seen with one may be with another."""


def wrong(value):
    """Wrong versions of one predicted number, truth value or array."""
    if isinstance(value, (bool, np.bool_)):
        return [not value]
    value = np.asarray(value)
    if value.dtype == bool:
        return [~value]
    return [value * f for f in FACTORS] + [value + s for s in (1.0, -1.0)]


def test_claims_are_well_formed():
    assert len(set(IDS)) == len(IDS)
    for claim in ALL:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", claim.id)
        assert references(claim.source), claim.id
        assert claim.statement.rstrip(")").endswith("."), claim.id
        assert claim.status, claim.id
        assert claim.expected in ("HOLDS", "VIOLATED")
        assert (claim.expected == "VIOLATED") == claim.id.startswith("reading-"), claim.id
        if claim.expected == "VIOLATED":
            assert claim.correction is not None or claim.corrected_by in IDS, claim.id
        if claim.corrected_by:
            assert claim.corrected_by in IDS, claim.id


@pytest.mark.parametrize("claim", ALL, ids=IDS)
def test_quick_verdicts_are_the_expected_ones(claim):
    found = verify(claim.id, quick=True, rng=1)
    assert found.as_expected, found.reason
    assert found.applicable == 3
    assert not found.not_applicable


class Watched(dict):
    """A prediction that remembers which of its quantities a check looked at."""

    def __init__(self, values):
        super().__init__(values)
        self.read = set()

    def __getitem__(self, key):
        self.read.add(key)
        return super().__getitem__(key)


@pytest.mark.parametrize("claim", ALL, ids=IDS)
def test_every_prediction_can_be_missed(claim):
    """Each predicted quantity on its own, made wrong, is noticed; for readings to avoid each quantity of the correction is."""
    seen, used = set(), set()
    for size in range(1, MAX_SIZE + 1):
        instance = claim.example(size, size)
        predicted = Watched((claim.correction or claim.predict)(instance))
        claim.check(instance, mutate=lambda _, watched=predicted: watched)
        used |= predicted.read
        for key in predicted.read - seen:
            if any(_missed(claim, instance, {**predicted, key: value}) for value in wrong(predicted[key])):
                seen.add(key)
        if used and seen == used:
            break
    assert used, "the check does not look at the prediction"
    assert seen == used, f"no wrong value of {sorted(used - seen)} was noticed"


def _missed(claim, instance, predicted):
    return claim.check(instance, mutate=lambda _: predicted).verdict is Verdict.VIOLATED


@pytest.mark.parametrize("claim", [c for c in ALL if c.assumptions], ids=lambda c: c.id)
def test_claims_are_silent_outside_their_assumptions(claim):
    names = [a.name for a in claim.assumptions]
    assert len(set(names)) == len(names)
    for assumption in claim.assumptions:
        if assumption.broken is None:
            continue
        instance = assumption.broken(claim.example(3, 2), np.random.default_rng(0))
        assert not assumption.holds(instance), assumption.name
        outcome = claim.check(instance)
        assert outcome.verdict is Verdict.NOT_APPLICABLE
        assert outcome.failed in names[: names.index(assumption.name) + 1]


@pytest.mark.parametrize("claim", ALL, ids=IDS)
def test_instances_survive_saving(claim, tmp_path):
    instance = claim.example(7, 1)
    outcome = claim.check(instance)
    again = load_counterexample(Counterexample(claim.id, instance, outcome).save(tmp_path / "instance.npz"))
    assert again.outcome.verdict is outcome.verdict
    assert [d.name for d in again.outcome.deviations] == [d.name for d in outcome.deviations]


def test_readings_to_avoid_come_with_small_counterexamples():
    found = verify("reading-whitened-features", trials=4)
    assert found.counterexample.n_numbers < 30
    assert found.counterexample.outcome.verdict is Verdict.VIOLATED
