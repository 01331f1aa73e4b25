"""A claim concludes nothing from work that the clock cut short, on however busy a machine."""

import pytest

import relucvx as rx
from relucvx.theory import Verdict
from relucvx.theory.chapters import bounds, optima, problems

CLAIMS = (
    "optimum-squared", "optimum-hinge", "optimum-cross-entropy", "dual-norm-bounds", "beta-max-of-every-loss",
    "path-is-concave", "interpolation-of-least-norm", "set-of-optima",
)  # fmt: skip


@pytest.mark.parametrize("name", CLAIMS)
def test_no_verdict_from_cut_work(name, monkeypatch):
    for chapter in (bounds, optima, problems):
        monkeypatch.setattr(chapter, "SECONDS", 1e-3)
    found = rx.theory.verify(name, quick=True, trials=3, rng=0)
    assert found.verdict in (Verdict.HOLDS, Verdict.NOT_APPLICABLE), found.reason
