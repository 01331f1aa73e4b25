"""Readings to avoid about space folding and few-shot learning: statements that fail, each beside what holds."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from theory.claim_checks import CHECKS
from theory.statements.test_readings import READINGS

from relucvx.network import DeepNetwork
from relucvx.theory import Verdict
from relucvx.theory.statements.readings_folding import CLAIMS, _few_shot, _sawtooth


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_sawtooth_folds_the_segment_in_two_with_every_layer(depth):
    """Against exact rational arithmetic of the tent map."""
    start, end = np.array([1.0, -1.0]), np.array([2.0, 3.0])
    network = _sawtooth({"start": start, "end": end, "depth": depth})
    assert isinstance(network, DeepNetwork)
    assert sum(len(w[0]) for w in network.weights[:-1]) == 2 * depth
    for numerator in range(33):
        t = value = Fraction(numerator, 32)
        for _ in range(depth):
            value = max(2 * value, 0) - max(4 * value - 2, 0)
        assert network.predict((start + float(t) * (end - start))[None]).item() == pytest.approx(float(value), abs=1e-9)


def test_a_network_that_folds_alike_both_ways_refutes_nothing():
    """One neuron per layer: the walk crosses each boundary once from either end."""
    instance = {
        "W1": np.array([[1.0], [0.0]]), "b1": np.zeros(1), "W2": np.ones((1, 1)), "b2": -np.ones(1),
        "start": np.array([-2.0, 0.0]), "end": np.array([2.0, 0.0]),
    }  # fmt: skip
    outcome = READINGS["reading-folding-symmetric"].check(instance)
    assert outcome.verdict is Verdict.HOLDS
    assert outcome.corrected is True


def test_no_walk_of_three_neurons_folds_more_than_predicted():
    """The formula for the largest chi also bounds walks of three neurons, by counting bits literally."""
    codes = list(itertools.product([0, 1], repeat=3))
    largest = 0.0
    for rest in itertools.product(codes, repeat=3):
        walk = [codes[0], *rest]
        r1 = max(sum(a != b for a, b in zip(code, walk[0], strict=True)) for code in walk)
        r2 = sum(a != b for p, q in itertools.pairwise(walk) for a, b in zip(p, q, strict=True))
        largest = max(largest, 1 - r1 / r2 if r2 else 0.0)
    correction = READINGS["reading-folding-reaches-one"].correction
    assert largest < 1
    assert largest == pytest.approx(correction({"neurons": 3, "steps": 3})["largest"])


def test_few_shot_formulas_agree_for_many_shots():
    """What the short form omits is of order 1/m²."""
    instance = READINGS["reading-few-shot-snr"].example(0)
    gaps = []
    for m in (1, 10, 100):
        short, full = (_few_shot({**instance, "shots": m}, missing)["error"] for missing in (0.0, 1.0))
        gaps.append(abs(short - full))
    assert gaps[0] > 0.05 > gaps[1] > gaps[2]
    assert gaps[2] < 1e-3
