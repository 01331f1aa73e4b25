"""Claims about straight lines: folding of input space, convex decision regions."""

import numpy as np
import pytest
from theory.claim_checks import CHECKS
from theory.statements.test_deep_networks import ALL, instances

from relucvx.theory.definition import Verdict
from relucvx.theory.statements.straight_lines import CLAIMS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_claims(claim, check):
    check(claim)


def test_deeper_networks_fold():
    rng = np.random.default_rng(2)
    folding = ALL["one-hidden-layer-no-folding"]
    verdicts = [
        folding.check(folding.assumptions[0].broken(i, rng), force=True).verdict
        for i in instances("one-hidden-layer-no-folding", 3)
    ]
    assert Verdict.VIOLATED in verdicts
