"""Claims about linear regions along lines and on planes: against forward passes, Euler's formula and a plain splitter."""

import pytest
from theory.claim_checks import CHECKS

from relucvx.theory.chapters.regions import CLAIMS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
