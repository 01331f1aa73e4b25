"""Claims about bounds and limits: the dual norm, beta_max, the path over beta, interpolation, relaxations."""

import pytest
from theory.claim_checks import CHECKS

from relucvx.theory.chapters.bounds import CLAIMS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
