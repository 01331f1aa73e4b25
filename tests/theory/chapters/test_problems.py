"""Claims about training problems of every loss, bias mode, activation and weight: optimum, bounds, objective, dual function."""

import pytest
from theory.claim_checks import CHECKS

from relucvx.theory.chapters.problems import CLAIMS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
