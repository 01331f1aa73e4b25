"""Claims about convexity of classes and about folding: path by path, point by point."""

import pytest
from theory.claim_checks import CHECKS

from relucvx.theory.chapters.shapes import CLAIMS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
