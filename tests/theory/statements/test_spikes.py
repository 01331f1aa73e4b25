"""The claim about spike-free data: when the ReLU loses nothing."""

import pytest
from theory.claim_checks import CHECKS

from relucvx.theory.statements.spikes import CLAIMS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
