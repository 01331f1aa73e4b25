"""Claims about whitened inputs, X X^T = I: collapse of classes, shrinkage of singular values."""

import pytest
from theory.claim_checks import CHECKS

from relucvx.theory.statements.whitened import CLAIMS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
