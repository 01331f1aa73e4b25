"""The framework: verdicts, tallies, stopping, parallel work, counterexamples."""

import json
import pickle
import signal
import time
from contextlib import suppress
from multiprocessing import active_children

import numpy as np
import pytest
from hypothesis import given

import relucvx as rx
from relucvx.errors import DataFileError, InvalidInputError, MissingPackageError
from relucvx.theory import Verdict, load_counterexample, registry, strategies, verification, verify
from relucvx.theory.counterexample import Counterexample, smallest
from relucvx.theory.definition import MAX_SIZE, Deviation, at_most, broken, close, same
from relucvx.theory.draws import certified, stated

from .toys import POSITIVE, matrices, rows_claim, toy


@pytest.fixture
def published(monkeypatch):
    """Replace the registry by given claims."""

    def publish(*claims):
        monkeypatch.setattr(registry, "claims", lambda: claims)
        monkeypatch.setattr(verification, "claims", lambda: claims)

    return publish


# ---------------------------------------------------------------------- deviations
def test_deviations_are_relative_and_nan_is_a_violation():
    assert close("a", [3.0, 4.0], [3.0, 4.5], 0.2).value == pytest.approx(0.5 / np.hypot(3, 4.5))
    assert close("a", 2.0, 1.0, 0.1, scale=10.0).value == pytest.approx(0.1)
    assert not close("a", [1.0, 2.0], [1.0], 1e9).met
    assert close("a", float("nan"), 1.0, 1e9).margin == float("inf")
    assert not close("a", float("nan"), 1.0, 1e9).met
    assert at_most("a", 3.0, 2.0, 0.5, scale=4.0).met
    assert not at_most("a", 3.0, 2.0, 0.1, scale=4.0).met
    assert at_most("a", -9.0, 2.0, 0.1).value == -11.0
    assert same("a", True, np.bool_(True)).met
    assert not same("a", True, False).met


def test_a_check_says_holds_violated_or_which_assumption_fails():
    claim = toy()
    instance = claim.example()
    assert claim.check(instance).verdict is Verdict.HOLDS
    missed = claim.check(instance, mutate=lambda p: {"sum": 2 * p["sum"]})
    assert missed.verdict is Verdict.VIOLATED
    assert missed.margin == pytest.approx(0.5e9)
    assert missed.reason == "sum: 0.5 > 1e-09"
    outside = claim.check({**instance, "X": -instance["X"]})
    assert (outside.verdict, outside.failed) == (Verdict.NOT_APPLICABLE, "X >= 0")
    assert outside.reason == "assumption fails: X >= 0"
    assert np.isnan(outside.margin)
    assert claim.check({**instance, "X": -instance["X"]}, force=True).verdict is Verdict.HOLDS
    with pytest.raises(InvalidInputError, match=r"an instance of toy with .*; received one without X; try: .*example"):
        claim.check({k: v for k, v in instance.items() if k != "X"})
    assert all(v.help for v in Verdict)
    assert repr(claim) == "Claim('toy', expected HOLDS)"


def test_an_assumption_that_cannot_be_tested_counts_as_failing():
    untestable = rx.theory.Assumption("X X^T = I", lambda i: rx.kernel.whitened(i["X"]))
    singular = rx.theory.Assumption("regular", lambda i: np.linalg.inv(np.zeros((2, 2))).any())
    claim = toy(assumptions=(untestable,))
    assert claim.failing({**claim.example(), "X": np.full((2, 2), np.nan)}) == "X X^T = I"
    assert toy(assumptions=(singular,)).failing(claim.example()) == "regular"
    with pytest.raises(ZeroDivisionError):  # a mistake in the assumption itself is not hidden
        toy(assumptions=(rx.theory.Assumption("broken", lambda i: 1 / 0),)).failing(claim.example())


def test_breaking_an_assumption_runs_the_claim_where_it_is_silent():
    claim = toy(measure=lambda i, p: [at_most("minus the least entry", -i["X"].min(), 0.0, 1e-9)])
    rng = np.random.default_rng(0)
    assert broken(claim, POSITIVE, claim.example(), rng).verdict is Verdict.VIOLATED
    assert broken(claim, rx.theory.Assumption("true", lambda i: True), claim.example(), rng) is None
    undefined = toy(predict=lambda i: {"sum": stated(None if i["X"].min() < 0 else 1.0)})
    assert broken(undefined, POSITIVE, undefined.example(), rng) is None
    with pytest.raises(InvalidInputError, match="expected data for which the closed form is stated"):
        stated(None)


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


def test_an_optimum_that_is_not_certified_refutes_nothing(published):
    """The time ran out: the claim's premise is a certified optimum."""

    def short(instance, predicted):
        found = rx.solve(rx.datasets.get("planted:40x4").X, rx.datasets.get("planted:40x4").Y, 0.01, time_limit=1e-3)
        return [close("optimum", certified(found, 1e-9).objective, 0.0, 1e-9)]

    published(toy("timed", measure=short, expected="HOLDS"))
    result = verify("timed", trials=1)
    assert (result.verdict, result.violated, result.as_expected) == (Verdict.NOT_APPLICABLE, 0, False)
    assert "an optimum certified to 1e-09 (TIME_LIMIT) failed in" in result.reason


def test_processes_end_with_ctrl_c():
    others = set(active_children())

    def press(progress):
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as stop:
        verify(["whitened-scalar", "beta-max"], trials=30, rng=5, n_jobs=2, callback=press)
    assert all(one.verdict is Verdict.INTERRUPTED for one in stop.value.result if one.interrupted)
    assert any(one.interrupted for one in stop.value.result)
    deadline = time.monotonic() + 10
    while set(active_children()) - others and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not set(active_children()) - others


def test_an_interrupt_from_a_process_keeps_its_result():
    assert pickle.loads(pickle.dumps(rx.Interrupted(5))).result == 5
    assert "no result yet" in str(pickle.loads(pickle.dumps(rx.Interrupted())))


def test_parallel_results_are_those_in_turn():
    ids = ["mean-field-energy-of-nothing", "whitened-scalar", "beta-max"][1:]
    alone = verify(ids, trials=12, rng=5)
    seen = []
    together = verify(ids, trials=12, rng=5, n_jobs=2, callback=seen.append)
    for a, b in zip(alone, together, strict=True):
        assert (a.claim, a.verdict, a.applicable, a.margin) == (b.claim, b.verdict, b.applicable, b.margin)
    assert len(seen) == 4
    assert seen[-1].done == 2
    stopped = verify(ids, trials=12, rng=5, n_jobs=2, callback=lambda s: True)
    assert any(s.interrupted for s in stopped)


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


# ---------------------------------------------------------------------- counterexamples
def test_counterexamples_shrink_to_the_least_that_violates():
    claim = rows_claim(limit=1)
    first = claim.draw(np.random.default_rng(0), 4)
    found = smallest(claim, first, claim.check(first), 4, np.random.default_rng(1), 5.0)
    assert found.instance["X"].shape == (2, 1)
    assert found.instance["Y"].shape == (2,)
    assert set(found.instance["X"].ravel()) <= {1.0, 2.0}
    assert claim.check(found.instance).verdict is Verdict.VIOLATED
    assert found.n_numbers == 2 + 2 + 3
    assert "X (2, 1)" in repr(found)


def test_shrinking_keeps_the_assumptions_and_its_time():
    claim = toy(
        measure=lambda i, p: [at_most("rows", len(i["X"]), 0.0, 0.4)],
        assumptions=(rx.theory.Assumption("three rows", lambda i: len(i["X"]) >= 3),),
    )
    first = matrices(np.random.default_rng(0), MAX_SIZE)
    assert len(smallest(claim, first, claim.check(first), 1, np.random.default_rng(1), 5.0).instance["X"]) == 3
    assert len(smallest(claim, first, claim.check(first), 1, np.random.default_rng(1), 0.0).instance["X"]) == 5


def test_a_malformed_smaller_instance_is_no_counterexample():
    def measure(instance, predicted):
        if len(instance["X"]) < 5:
            raise ValueError("too short")
        return [Deviation("never", 1.0, 0.1)]

    claim = toy(measure=measure)
    first = matrices(np.random.default_rng(0), MAX_SIZE)
    assert len(smallest(claim, first, claim.check(first), 4, np.random.default_rng(1), 5.0).instance["X"]) == 5


def test_counterexamples_are_saved_and_run_again(published, tmp_path):
    published(rows_claim())
    found = verify("few-rows", trials=2).counterexample
    path = found.save(tmp_path / "found.npz")
    again = load_counterexample(path)
    assert again.claim == "few-rows"
    assert again.outcome.verdict is Verdict.VIOLATED
    assert again.instance.keys() == found.instance.keys()
    for name, value in found.instance.items():
        assert type(again.instance[name]) is type(value)
        assert np.array_equal(again.instance[name], value)
    with np.load(path, allow_pickle=False) as stored:
        assert all(stored[name].dtype != object for name in stored.files)


def test_bad_files_are_explained(published, tmp_path):
    published(rows_claim())
    found = Counterexample("few-rows", matrices(np.random.default_rng(0), 1), verify("few-rows", trials=1))
    with pytest.raises(InvalidInputError, match=r"expected a file name ending in \.npz"):
        found.save(tmp_path / "found.pkl")
    (tmp_path / "empty.npz").write_bytes(b"")
    np.savez(tmp_path / "other.npz", a=np.ones(2))
    for name in ("none.npz", "empty.npz", "other.npz"):
        with pytest.raises(DataFileError, match="expected a counterexample saved by relucvx"):
            load_counterexample(tmp_path / name)
    example = verify("few-rows", trials=1).counterexample
    with pytest.raises(DataFileError, match="expected a path that can be written"):
        example.save(tmp_path / "no" / "folder.npz")


# ---------------------------------------------------------------------- strategies
@given(problem=strategies.problems())
def test_strategies_draw_valid_problems(problem):
    assert problem.n_samples <= 6
    assert problem.beta > 0
    assert np.array_equal(problem.X, np.round(2 * problem.X) / 2)


@given(data=strategies.problems(outputs=2).flatmap(lambda p: strategies.networks(p).map(lambda net: (p, net))))
def test_strategies_draw_networks_that_fit_their_problem(data):
    problem, net = data
    value = rx.program.objective.objective(problem, net)
    assert value >= 0
    assert net.width <= 4


@given(instance=strategies.instances("whitened-scalar", max_size=2))
def test_strategies_draw_instances_of_claims(instance):
    assert registry.claim("whitened-scalar").failing(instance) is None


def test_strategies_need_hypothesis(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "hypothesis", None)
    for strategy in (strategies.inputs, strategies.problems, lambda: strategies.instances("beta-max")):
        with pytest.raises(MissingPackageError, match=r"expected hypothesis to be installed.*pip install hypothesis"):
            strategy()
