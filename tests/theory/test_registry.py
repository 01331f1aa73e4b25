"""The list of claims: well formed, each with a test file beside its module."""

import itertools
import re
from pathlib import Path

import pytest
from theory.claim_checks import CHECKS
from theory.toys import toy

from relucvx.references import REFERENCES
from relucvx.theory import Assumption, Verdict, claims, registry, verify
from relucvx.theory.definition import close

ALL = claims()
IDS = [claim.id for claim in ALL]


def test_claims_are_well_formed():
    assert len(set(IDS)) == len(IDS)
    for claim in ALL:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", claim.id)
        assert {key.strip() for key in claim.source.split(",")} <= set(REFERENCES), claim.id
        assert claim.statement.rstrip(")").endswith("."), claim.id
        assert claim.status, claim.id
        assert claim.expected in ("HOLDS", "VIOLATED")
        assert (claim.expected == "VIOLATED") == claim.id.startswith("reading-"), claim.id
        if claim.expected == "VIOLATED":
            assert claim.correction is not None or claim.corrected_by in IDS, claim.id
        if claim.corrected_by:
            assert claim.corrected_by in IDS, claim.id


@pytest.mark.parametrize("module", registry.MODULES)
def test_every_file_of_claims_is_tested_beside_it(module):
    folder, _, name = module.rpartition(".")
    text = (Path(__file__).parent / folder / f"test_{name}.py").read_text()
    assert f"from relucvx.theory.{module} import CLAIMS" in text
    # every check, some of them perhaps among the slow tests
    assert 'parametrize("check", CHECKS)' in text or ("for check in CHECKS" in text and "for claim in CLAIMS" in text)


NAMELESS = itertools.count()
FAILING = {
    "assert_quick_verdict_is_the_expected_one": toy(expected="VIOLATED"),
    "assert_every_prediction_can_be_missed": toy(measure=lambda i, p: [close("sum", 0.0 * p["sum"], 0.0, 1e-9)]),
    "assert_silent_outside_its_assumptions": toy(assumptions=(Assumption("X", lambda i: True, lambda i, rng: i),)),
    "assert_an_instance_survives_saving": toy(measure=lambda i, p: [close(f"sum {next(NAMELESS)}", 0.0, 0.0, 1e-9)]),
}
"""For each check a claim that must not pass it."""


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_each_check_can_fail(check, published):
    published(FAILING[check.__name__])
    with pytest.raises(AssertionError):
        check(FAILING[check.__name__])
    published(toy())
    check(toy())


def test_readings_to_avoid_come_with_small_counterexamples():
    found = verify("reading-whitened-features", trials=4)
    assert found.counterexample.n_numbers < 30
    assert found.counterexample.outcome.verdict is Verdict.VIOLATED
