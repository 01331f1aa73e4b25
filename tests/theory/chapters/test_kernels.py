"""Claims about hidden kernels: closed forms and the mean-field energy, each as its formula reads."""

import pytest
from theory.claim_checks import CHECKS

from relucvx.theory.chapters.kernels import CLAIMS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
