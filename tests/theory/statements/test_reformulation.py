"""Claims about the convex reformulation: one value, one bound, one fit, enough width."""

import pytest
from theory.claim_checks import CHECKS

from relucvx.theory.statements.reformulation import CLAIMS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
