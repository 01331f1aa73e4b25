"""The sabotage table: every fault still fits the code, a fast part of it is caught here, the whole under ``-m slow``."""

import dataclasses

import numpy as np
import pytest

from relucvx.metrics import participation_ratio
from relucvx.theory import claims
from sabotage.fault import Fault, FaultError, notices
from sabotage.table import BY_NAME, FAULTS, SURVIVORS, UNTOUCHED

NAMED = (
    "logistic conjugate x 1.2",
    "cross-entropy conjugate x 1.2",
    "output bias dropped from the dual function",
    "CCGP trained on the held-out conditions",
    "slice areas x 1.1",
    "NC1 divided by C twice",
    "graph convexity counts the other class",
)
"""Faults that verification once did not notice."""

CHEAP = (
    "dual-function", "network-objective", "null-network", "conventions", "lift-and-recover", "kernel-and-energy",
    "closed-forms", "collapse-metrics", "collapse-axioms", "parallelism-and-tuning", "dimension-metrics", "few-shot-moments",
    "noise-corrected-kernel", "codes-and-walks", "similarity-axioms",
)  # fmt: skip
"""Claims that take milliseconds: their faults are put in on every run of the tests."""

FAST = [
    f.name for f in FAULTS if f.name in NAMED or (not f.interpreted and f.caught_by.removeprefix("verify ") in CHEAP)
]

EXAMPLE = BY_NAME["participation ratio not squared"]


def test_the_table_is_large_and_well_formed():
    assert len(FAULTS) == len(BY_NAME) >= 60
    assert set(NAMED) <= set(BY_NAME)
    assert set(SURVIVORS) <= set(BY_NAME)
    assert len(SURVIVORS) <= 0.05 * len(FAULTS)
    known = {claim.id for claim in claims()}
    for fault in FAULTS:
        kind, _, name = fault.caught_by.partition(" ")
        assert kind == "pytest" or (kind == "verify" and name in known), fault.caught_by


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.name)
def test_every_fault_fits_the_code_and_changes_it(fault):
    assert fault.code().co_code != fault.function().__code__.co_code or (
        fault.code().co_consts != fault.function().__code__.co_consts
        or fault.code().co_names != fault.function().__code__.co_names
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"target": "metrics.dimension:gone"}, "is no longer there"),
        ({"target": "metrics.gone:participation_ratio"}, "is no longer there"),
        ({"target": "metrics.dimension:EPS"}, "is not a function"),
        ({"old": "a text that does not occur"}, "occurs 0 times"),
        ({"old": "S"}, "times in"),
    ],
)
def test_a_fault_without_its_target_is_an_error_not_a_catch(change, complaint):
    with pytest.raises(FaultError, match=complaint):
        dataclasses.replace(EXAMPLE, **change).code()


def test_a_fault_is_put_in_everywhere_and_taken_out_again():
    Z = np.diag([1.0, 2.0, 3.0])
    right = participation_ratio(Z)
    with EXAMPLE.injected():
        assert participation_ratio(Z) != right
    assert participation_ratio(Z) == right


def test_a_harmless_change_is_not_noticed():
    same = Fault("harmless", EXAMPLE.target, "trace**2 / square", "trace * trace / square", EXAMPLE.caught_by)
    with same.injected():
        assert notices(same.caught_by) == ""


@pytest.mark.parametrize("name", FAST)
def test_faults_are_caught(name):
    fault = BY_NAME[name]
    assert notices(fault.caught_by) == "", "the command fails without the fault"
    with fault.injected():
        assert notices(fault.caught_by)


def test_every_claim_has_a_fault_that_violates_it():
    seen = {fault.caught_by.removeprefix("verify ") for fault in FAULTS if fault.name not in SURVIVORS}
    assert {claim.id for claim in claims()} - seen == set(UNTOUCHED)


@pytest.mark.slow
def test_the_whole_table(capsys, monkeypatch):
    from sabotage.__main__ import main

    monkeypatch.setattr("sys.argv", ["sabotage"])
    assert main() == 0, capsys.readouterr().out
