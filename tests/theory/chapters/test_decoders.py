"""Claims about linear decoders and abstraction: parallelism, generalisation over conditions, tuning, separability, probes."""

import pytest
from theory.claim_checks import CHECKS

from relucvx.theory.chapters.decoders import CLAIMS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)
