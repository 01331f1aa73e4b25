"""The framework: verdicts, tallies, stopping, parallel work, counterexamples."""

import json
import signal
from contextlib import suppress

import numpy as np
import pytest
from theory.toys import matrices, rows_claim, toy

from relucvx.errors import InvalidInputError
from relucvx.theory import Verdict, verify
from relucvx.theory.definition import at_most, close


# ---------------------------------------------------------------------- verify
def test_verify_counts_and_names_the_worst(published):
    published(toy(), rows_claim(), toy("never", draw=lambda rng, s: {**matrices(rng, s), "X": -np.ones((2, 2))}))
    good, never, bad = verify(["toy", "never", "few-rows"], trials=8)
    assert (good.verdict, good.applicable, good.violated, good.as_expected) == (Verdict.HOLDS, 8, 0, True)
    assert good.closest == "sum: 0, tolerance 1e-09"
    assert good.reason == ""
    assert good.outside == {"X >= 0": "survives"}
    assert (never.verdict, never.applicable, never.not_applicable) == (Verdict.NOT_APPLICABLE, 0, {"X >= 0": 40})
    assert never.reason == "X >= 0 failed in 40 trials"
    assert np.isnan(never.margin)
    assert (bad.verdict, bad.violated, bad.as_expected) == (Verdict.VIOLATED, 8, True)
    assert bad.reason.startswith("rows: 1 > 0.4")
    assert repr(bad).startswith("Verification(few-rows: VIOLATED, as expected, 8 trials")
    assert "expected HOLDS" in repr(never)
    assert json.loads(json.dumps(bad.to_dict()))["counterexample"]["claim"] == "few-rows"


def test_a_correction_that_fails_is_not_as_expected(published):
    wrong = {"predict": lambda i: {"sum": -1.0}, "expected": "VIOLATED"}
    published(
        toy("right", **wrong, correction=lambda i: {"sum": i["X"].sum()}),
        toy("wrong", **wrong, correction=lambda i: {"sum": -2.0}),
    )
    right, failing = verify(trials=3)
    assert (right.corrected, right.as_expected) == (True, True)
    assert right.reason.endswith("; the correction holds")
    assert (failing.verdict, failing.corrected, failing.as_expected) == (Verdict.VIOLATED, False, False)
    assert failing.reason.endswith("; the correction fails as well")


def test_quick_is_few_trials_and_one_id_gives_one_result(published):
    published(toy())
    assert verify("toy", trials=50, quick=True).applicable == 3
    assert verify("toy", trials=2, quick=True).applicable == 2
    assert isinstance(verify(["toy"], trials=1), tuple)


def test_trials_are_drawn_afresh_until_enough_apply(published):
    published(toy(draw=lambda rng, s: {**matrices(rng, s), "X": rng.choice([-1.0, 1.0]) * np.ones((2, 2))}))
    found = verify("toy", trials=20)
    assert found.applicable == 20
    assert found.not_applicable["X >= 0"] > 3


def test_the_same_seed_gives_the_same_trials(published):
    seen = []
    published(toy(measure=lambda i, p: seen.append(i["X"].sum()) or [close("sum", i["X"].sum(), p["sum"], 1e-9)]))
    for seed in (0, 0, 1):
        verify("toy", trials=4, rng=seed)
    # the last of each five is the one outside the assumptions
    assert seen[:4] == seen[5:9]
    assert seen[:4] != seen[10:14]
    assert len(set(seen[:4])) == 4


def test_the_callback_sees_progress_and_stops(published):
    published(toy(), rows_claim())
    seen = []
    verify(trials=3, callback=seen.append)
    assert [(s.claim, s.trials, s.total, s.done, s.claims) for s in seen[:4]] == [
        ("toy", 1, 3, 0, 2),
        ("toy", 2, 3, 0, 2),
        ("toy", 3, 3, 0, 2),
        ("few-rows", 1, 3, 1, 2),
    ]
    (stopped,) = verify(trials=3, callback=lambda s: s.trials == 2)
    assert (stopped.applicable, stopped.interrupted, stopped.verdict) == (2, True, Verdict.INTERRUPTED)
    (whole,) = verify(trials=3, callback=lambda s: s.trials == 3)
    assert (whole.applicable, whole.interrupted, whole.verdict) == (3, False, Verdict.HOLDS)


def swallow():
    """Ctrl-C inside a phase that goes on regardless."""
    with suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("press", [lambda: signal.raise_signal(signal.SIGINT), swallow])
@pytest.mark.parametrize("found", [1.0, 2.0])
def test_ctrl_c_carries_what_there_is_and_cut_work_is_no_verdict(published, press, found):
    """The trial that was cut comes out violated (2.0), as an interrupted solve may: it counts for nothing."""

    def interrupted(instance, predicted):
        if len(instance["X"]) == 4:
            press()
            return [close("sum", found, 1.0, 1e-9)]
        return [close("sum", 1.0, 1.0, 1e-9)]

    published(toy(), toy("slow", measure=interrupted), toy("later"))
    with pytest.raises(KeyboardInterrupt) as stop:
        verify(trials=8)
    first, second = stop.value.result
    assert (first.interrupted, first.applicable, first.verdict, first.as_expected) == (False, 8, Verdict.HOLDS, True)
    assert (second.interrupted, second.applicable, second.violated) == (True, 2, 0)
    assert (second.verdict, second.as_expected) == (Verdict.INTERRUPTED, False)
    assert "cut short" in second.reason
    with pytest.raises(KeyboardInterrupt) as stop:
        verify("slow", trials=8)
    assert stop.value.result.verdict is Verdict.INTERRUPTED


def test_ctrl_c_while_a_counterexample_is_made_small(published):
    """All trials have run: the verdict stands, with the counterexample as it was found."""
    calls = []

    def measure(instance, predicted):
        calls.append(len(instance["X"]))
        if len(calls) > 6:
            signal.raise_signal(signal.SIGINT)
        return [at_most("rows", len(instance["X"]), 1, 0.4)]

    published(toy("few", measure=measure, expected="VIOLATED"))
    with pytest.raises(KeyboardInterrupt) as stop:
        verify("few", trials=6)
    found = stop.value.result
    assert (found.verdict, found.applicable, found.interrupted) == (Verdict.VIOLATED, 6, False)
    assert len(found.counterexample.instance["X"]) in calls[:6]
    assert len(calls) == 7


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: verify("balancedcollapse"),
            "expected the id of a claim; received 'balancedcollapse'.*try: 'balanced-",
        ),
        (lambda: verify(["beta-max", "zzz"]), r"received 'zzz'.*claims\(\)"),
        (lambda: verify("beta-max", trials=0), "expected trials to be an int >= 1; received 0"),
        (lambda: verify("beta-max", trials=2.0), "expected trials to be an int >= 1; received 2.0"),
        (lambda: verify("beta-max", n_jobs=0), "expected n_jobs to be an int other than 0"),
    ],
)
def test_bad_input_is_explained(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
