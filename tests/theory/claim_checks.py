"""What every claim must pass: as expected on a few trials, silent outside its assumptions, and able to fail."""

import tempfile
from pathlib import Path

import numpy as np

from relucvx.theory import Verdict, load_counterexample, verify
from relucvx.theory.counterexample import Counterexample
from relucvx.theory.definition import MAX_SIZE

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


def assert_quick_verdict_is_the_expected_one(claim):
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


def assert_every_prediction_can_be_missed(claim):
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


def assert_silent_outside_its_assumptions(claim):
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


def assert_an_instance_survives_saving(claim):
    instance = claim.example(7, 1)
    outcome = claim.check(instance)
    with tempfile.TemporaryDirectory() as folder:
        again = load_counterexample(Counterexample(claim.id, instance, outcome).save(Path(folder) / "instance.npz"))
    assert again.outcome.verdict is outcome.verdict
    assert [d.name for d in again.outcome.deviations] == [d.name for d in outcome.deviations]


CHECKS = (
    assert_quick_verdict_is_the_expected_one,
    assert_every_prediction_can_be_missed,
    assert_silent_outside_its_assumptions,
    assert_an_instance_survives_saving,
)
"""For every file of claims: ``pytest.mark.parametrize("check", CHECKS)``."""
