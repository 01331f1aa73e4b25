"""Where deep collapse ends: from five layers on a network of lower rank undercuts the collapsed one."""

import pytest
from theory.claim_checks import CHECKS

from relucvx.theory.statements.deep_collapse import CLAIMS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
