"""Claims about the mean-field energy of preactivations: first-order conditions, convexity, smooth activations."""

import pytest
from theory.claim_checks import CHECKS
from theory.statements.test_abstraction import ALL

from relucvx.datasets import factorial
from relucvx.theory import Verdict
from relucvx.theory.statements import mean_field
from relucvx.theory.statements.mean_field import CLAIMS, RECTIFYING, RISING


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)


@pytest.mark.parametrize("activation", RISING + RECTIFYING)
def test_every_sampled_activation(activation):
    data = factorial(2, x0=1.3, rng=2)
    instance = {"X": data.X, "Y": data.Y, "beta": 0.1, "activation": activation, "seed": 4}
    assert ALL["abstract-smooth"].check(instance).verdict is Verdict.HOLDS


def test_an_energy_that_is_not_convex_is_noticed(monkeypatch):
    """The same check on -E, which is concave."""
    subject = ALL["energy-convex"]
    true = mean_field.energy
    monkeypatch.setattr(mean_field, "energy", lambda *given: -true(*given))
    instance = subject.example(2)
    outcome = subject.check(instance)
    assert outcome.verdict is Verdict.VIOLATED
    assert "E above its chord" in {d.name for d in outcome.deviations if not d.met}
