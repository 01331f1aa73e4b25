"""Claims about similarities of representations: each against its definition, pair by pair, and its invariances."""

import pytest
from theory.claim_checks import CHECKS

from relucvx.theory.chapters.similarities import CLAIMS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
