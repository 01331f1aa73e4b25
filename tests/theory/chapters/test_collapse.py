"""Claims about the metrics of collapse: each against its definition, written out class by class."""

import pytest
from theory.claim_checks import CHECKS

from relucvx.theory.chapters.collapse import CLAIMS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
