"""Claims about every optimum."""

import pytest
from theory.claim_checks import CHECKS, assert_silent_outside_its_assumptions

from relucvx.theory.chapters.all_optima import CLAIMS

DEAR = "abstract-at-some-minima"
"""Seconds for each instance: every optimum of a continuum is bounded."""

CASES = [
    pytest.param(
        claim,
        check,
        marks=[pytest.mark.slow] if claim.id == DEAR and check is not assert_silent_outside_its_assumptions else [],
        id=f"{claim.id}-{check.__name__}",
    )
    for claim in CLAIMS
    for check in CHECKS
]


@pytest.mark.parametrize(("claim", "check"), CASES)
def test_claims(claim, check):
    check(claim)
