"""Random problems of every kind against the independent reference of benchmarks/fuzz_certificates.py."""

import dataclasses
import importlib.util
from pathlib import Path

import pytest

import relucvx as rx

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz_certificates.py"
spec = importlib.util.spec_from_file_location("fuzz_certificates", SCRIPT)
fuzz = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz)


def test_no_false_bound_and_no_false_gap():
    found = [fuzz.attack(seed) for seed in range(0, len(fuzz.KINDS), 3)]
    assert [f for f in found if f["outcome"] != "sound"] == []


@pytest.mark.slow
def test_no_false_bound_and_no_false_gap_in_many():
    found = [fuzz.attack(seed) for seed in range(100_000, 102_400)]
    assert [f for f in found if f["outcome"] != "sound"] == []


@pytest.mark.parametrize(
    ("fault", "caught"),
    [
        (lambda c: dataclasses.replace(c, lower=c.upper), "bound"),
        (lambda c: dataclasses.replace(c, gap=0.0, rel_gap=0.0), "gap"),
        (lambda c: dataclasses.replace(c, upper=0.999 * c.upper), "gap"),
    ],
)
def test_the_reference_catches_false_claims(monkeypatch, fault, caught):
    """A bound at the objective, a gap of nothing, an objective a thousandth too low: each is seen in some instance."""
    certify = rx.certify
    monkeypatch.setattr(rx, "certify", lambda *args, **kwargs: fault(certify(*args, **kwargs)))
    words = " ".join(fuzz.attack(seed)["outcome"] for seed in range(12))
    assert caught in words
