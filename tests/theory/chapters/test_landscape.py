"""Claims about the landscape of training: width, valleys, connected optima, what training reaches."""

import pytest
from theory.claim_checks import CHECKS

from relucvx.theory.chapters.landscape import CLAIMS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
