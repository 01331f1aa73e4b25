"""Claims about dimension, noise and few-shot learning: each metric against its definition."""

import pytest
from theory.claim_checks import CHECKS

from relucvx.theory.chapters.dimensions import CLAIMS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
