"""Claims about deep networks and straight lines: met as stated, missed when falsified, silent outside their reach."""

import numpy as np
import pytest
from theory.claim_checks import CHECKS

from relucvx.theory import claim
from relucvx.theory.definition import MAX_SIZE, Verdict
from relucvx.theory.statements.deep_networks import CLAIMS
from relucvx.theory.statements.deep_networks import CLAIMS as DEEP
from relucvx.theory.statements.straight_lines import CLAIMS as LINES

ALL = {c.id: c for c in (*DEEP, *LINES)}

TRIALS = {
    "deep-abstraction": 2,
    "deep-one-hot-collapse": 5,
    "deep-linear-value": 5,
    "deep-linear-kernels": 5,
}

WRONG = {
    "deep-linear-value": [lambda p: {**p, "value": p["value"] * 1.001}, lambda p: {**p, "value": p["value"] * 0.999}],
    "deep-linear-kernels": [
        lambda p: {**p, "K": [1.001 * K for K in p["K"]]},
        lambda p: {**p, "K": [K @ K for K in p["K"]]},
        lambda p: {**p, "K": p["K"][:-1]},
    ],
    "deep-hard-threshold": [
        lambda p: {**p, "three": p["two"]},
        lambda p: {**p, "two": 0.0},
        lambda p: {**p, "jump": 0.0},
    ],
    "deep-one-hot-collapse": [
        lambda p: {**p, "value": p["value"] * 1.001},
        lambda p: {**p, "value": p["value"] * 0.999},
        lambda p: {**p, "K": p["K"][:1] * 2},
    ],
    "deep-abstraction": [lambda p: {"parallelism": 1.01}],
    "one-hidden-layer-no-folding": [lambda p: {"chi": 0.01}],
    "argmax-regions-convex": [lambda p: {"convexity": 0.99}],
}


def instances(name, trials, seed=7):
    rng = np.random.default_rng(seed)
    return [ALL[name].draw(rng, 1 + k % MAX_SIZE) for k in range(trials)]


def test_every_claim_is_registered_and_has_a_wrong_prediction():
    assert set(WRONG) == set(ALL)
    assert all(claim(name) is ALL[name] for name in ALL)


TRAINED = ("deep-one-hot-collapse", "deep-abstraction")
"""Claims whose instances are deep networks that are trained: each check of them takes ten seconds."""


def slowly(*values):
    """The values as a parameter, of the slow tests where the claim trains networks."""
    return pytest.param(*values, marks=[pytest.mark.slow] if values[0] in TRAINED else [])


@pytest.mark.parametrize("name", [slowly(name) for name in ALL])
def test_holds(name):
    for instance in instances(name, TRIALS.get(name, 12)):
        outcome = ALL[name].check(instance)
        assert outcome.verdict is Verdict.HOLDS, outcome.reason


@pytest.mark.parametrize(
    ("name", "k"), [slowly(name, k) for name, changes in WRONG.items() for k in range(len(changes))]
)
def test_wrong_prediction_is_violated(name, k):
    instance = instances(name, 1)[0]
    assert ALL[name].check(instance, mutate=WRONG[name][k]).verdict is Verdict.VIOLATED


BREAKABLE = [(c.id, a) for c in ALL.values() for a in c.assumptions if a.broken is not None]


@pytest.mark.parametrize(("name", "assumption"), BREAKABLE, ids=lambda v: v if isinstance(v, str) else v.name)
def test_broken_assumption_is_not_applicable(name, assumption):
    rng = np.random.default_rng(0)
    for instance in instances(name, 3):
        outcome = ALL[name].check(assumption.broken(instance, rng))
        assert outcome.verdict is Verdict.NOT_APPLICABLE
        assert outcome.failed == assumption.name


def test_beta_near_a_threshold_is_not_applicable():
    from relucvx.kernel.deep import scalar_threshold

    for name in ("deep-linear-value", "deep-linear-kernels"):
        instance = {**instances(name, 1)[0], "depth": 3}
        sigma = np.linalg.svd(instance["Y"], compute_uv=False)
        near = {**instance, "beta": float(scalar_threshold(sigma, 3)[0]) * 1.01}
        assert "2 %" in ALL[name].check(near).failed
    collapse = instances("deep-one-hot-collapse", 1)[0]
    near = float(scalar_threshold(np.array([np.sqrt((collapse["labels"] == 0).sum())]), 3)[0])
    assert "2 %" in ALL["deep-one-hot-collapse"].check({**collapse, "beta": near}).failed


@pytest.mark.parametrize(
    "name",
    [
        "deep-linear-value",
        "deep-linear-kernels",
        "deep-one-hot-collapse",
        "deep-hard-threshold",
        "argmax-regions-convex",
    ],
)
def test_fails_without_its_first_assumption(name):
    """The conditions are needed: without them the same prediction is missed."""
    rng = np.random.default_rng(1)
    (instance,) = instances(name, 1)
    outcome = ALL[name].check(ALL[name].assumptions[0].broken(instance, rng), force=True)
    assert outcome.verdict is Verdict.VIOLATED


def test_explicit_threshold_of_the_notes():
    """beta = 0.3, sigma = 0.502: two layers keep 0.202, three keep nothing."""
    threshold = ALL["deep-hard-threshold"]
    instance = {"sigma": 0.502, "beta": 0.3, "X": np.eye(3)}
    assert threshold.predict(instance)["two"] == pytest.approx(0.202, abs=1e-12)
    assert threshold.check(instance).verdict is Verdict.HOLDS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
