"""Claims about every optimum."""

import pytest
from theory.claim_checks import CHECKS

from relucvx.theory.chapters.all_optima import CLAIMS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
