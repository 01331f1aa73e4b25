"""Claims about every optimum."""

import pytest
from theory.claim_checks import (
    CHECKS,
    assert_quick_verdict_is_the_expected_one,
    assert_silent_outside_its_assumptions,
)

from relucvx.theory.chapters.all_optima import CLAIMS

CHEAP = {
    "abstract-at-some-minima": (assert_silent_outside_its_assumptions,),
    "collapse-at-all-minima": (assert_silent_outside_its_assumptions, assert_quick_verdict_is_the_expected_one),
}
"""Checks that are run every time, of claims that take a second or more for each instance."""

CASES = [
    pytest.param(
        claim,
        check,
        marks=[] if check in CHEAP.get(claim.id, CHECKS) else [pytest.mark.slow],
        id=f"{claim.id}-{check.__name__}",
    )
    for claim in CLAIMS
    for check in CHECKS
]


@pytest.mark.parametrize(("claim", "check"), CASES)
def test_claims(claim, check):
    check(claim)
