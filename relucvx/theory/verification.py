"""Run claims on many random instances and say what became of them."""

from __future__ import annotations

import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np

from relucvx.deadline import Deadline, Limit
from relucvx.errors import Interrupted, InvalidInputError, explain
from relucvx.interrupts import listening
from relucvx.progress import Shown, watched
from relucvx.theory.counterexample import Counterexample, smallest
from relucvx.theory.definition import MAX_SIZE, Claim, Outcome, Verdict, broken
from relucvx.theory.registry import claim, claims
from relucvx.theory.verified import Verification, VerificationProgress
from relucvx.theory.workers import in_processes
from relucvx.types import Rng, resolve_rng
from relucvx.validation import as_count

QUICK_TRIALS = 3
"""Applicable trials per claim with ``quick``."""

CHUNK = 10
"""Trials per parallel task."""

PATIENCE = 5
"""Instances drawn for each applicable trial asked for, before giving up."""

SHRINK_SECONDS = 5.0
"""Time to make a counterexample small (a fifth of it with ``quick``)."""


@dataclass
class _Tally:
    """Outcomes of one claim as they come in."""

    subject: Claim
    seed: int
    began: float = field(default_factory=time.perf_counter)
    drawn: int = 0
    spent: float = 0.0
    cut: bool = False
    outcomes: list[tuple[int, Outcome]] = field(default_factory=list)

    @property
    def applicable(self) -> int:
        return sum(o.verdict is not Verdict.NOT_APPLICABLE for _, o in self.outcomes)

    def add(self, chunk: tuple[list[tuple[int, Outcome]], float]) -> None:
        self.outcomes += chunk[0]
        self.spent += chunk[1]
        self.drawn += len(chunk[0])

    def wants(self, trials: int) -> bool:
        """Whether more instances are to be drawn for so many applicable trials."""
        return self.applicable < trials and self.drawn < PATIENCE * trials


@overload
def verify(  # type: ignore[overload-overlap]
    name: str,
    trials: int = ...,
    rng: Rng = ...,
    quick: bool = ...,
    callback: Any = ...,
    n_jobs: int = ...,
    progress: Any = ...,
    time_limit: Limit = ...,
) -> Verification: ...
@overload
def verify(
    name: Sequence[str] | None = ...,
    trials: int = ...,
    rng: Rng = ...,
    quick: bool = ...,
    callback: Any = ...,
    n_jobs: int = ...,
    progress: Any = ...,
    time_limit: Limit = ...,
) -> tuple[Verification, ...]: ...


def verify(
    name: str | Sequence[str] | None = None,
    trials: int = 50,
    rng: Rng = 0,
    quick: bool = False,
    callback: Callable[[VerificationProgress], bool | None] | None = None,
    n_jobs: int = 1,
    progress: Shown = "auto",
    time_limit: Limit = None,
) -> Verification | tuple[Verification, ...]:
    """Check claims on random instances that satisfy their assumptions.

    Parameters
    ----------
    name : str, sequence of str or None
        Id of a claim, several, or None for all.
    trials : int, default 50
        Applicable trials of each claim; sizes go round from smallest to largest.
    rng : None, int or Generator, default 0
        Each trial has a stream of its own, so the results do not depend on ``n_jobs``.
    quick : bool, default False
        At most 3 trials of each claim, and little time for counterexamples.
    callback : callable, optional
        Sees a :class:`VerificationProgress` after every trial (in parallel: after every block of trials); returning True
        stops with what there is; the claim that this cuts short is INTERRUPTED.
    n_jobs : int, default 1
        Processes; -1 for all cores.
    progress : {"auto", True, False}
        As in :func:`relucvx.solve`.
    time_limit : float, optional
        Seconds for all claims together, after the trial that is running then; the claim that it cuts short is INTERRUPTED,
        and later ones are missing.

    Returns
    -------
    Verification, or a tuple of them unless ``name`` is one id
        In the order of :func:`claims`. VIOLATED comes with a small counterexample that can be saved.

    Raises
    ------
    InvalidInputError
        For an unknown id, or trials or n_jobs that are not positive numbers.
    Interrupted
        After Ctrl-C, with what there is as its ``result``: the claims that were done, and those cut short as INTERRUPTED. A
        trial that was running then counts for nothing, and no process runs on.

    Notes
    -----
    HOLDS means that no trial refuted the claim within tolerances; what proves it is in ``claim.status``.

    Source: [relucvx]. Status: sampled evidence; a VIOLATED theorem would be a bug in it, in the check or in the package.

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.theory.verify("spike-free-z-matrix", trials=5)
    >>> found.verdict.name, found.applicable, found.violated
    ('HOLDS', 5, 0)
    >>> [one.verdict.name for one in rx.theory.verify(["spike-free-z-matrix", "reading-schatten-exponent"], trials=2)]
    ['HOLDS', 'VIOLATED']
    """
    trials = as_count(trials, "trials", fix="trials=50")
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, (int, np.integer)) or n_jobs == 0:
        raise InvalidInputError(explain("n_jobs to be an int other than 0", repr(n_jobs), "", "n_jobs=2"))
    chosen = [claim(name)] if isinstance(name, str) else [claim(n) for n in name] if name is not None else claims()
    # trials are drawn from this number, the claim and the trial's own: the same in any order and in any process
    seed = int(resolve_rng(rng).integers(2**32))
    wanted = min(trials, QUICK_TRIALS) if quick else trials
    run, deadline = _in_turn if n_jobs == 1 else _in_parallel, Deadline.of(time_limit)
    with watched("verifying", progress, callback) as told:

        def asked(progress: VerificationProgress) -> bool:
            return bool(told is not None and told(progress)) or deadline.passed()

        tallies, stopped = run(chosen, wanted, seed, asked, int(n_jobs))
    results = []
    for tally in tallies:
        try:
            with listening():
                results.append(_summary(tally, quick, hurry=stopped or deadline.passed()))
        except KeyboardInterrupt:  # all trials have run: what they say stands, without the search that follows them
            stopped = True
            results.append(_summary(tally, quick, hurry=True))
    found = results[0] if isinstance(name, str) else tuple(results)
    if stopped:
        raise Interrupted(found)
    return found


def _instance_of(subject: Claim, seed: int, trial: int) -> tuple[Any, int]:
    """The instance of a trial and its size; a stream of its own for each trial."""
    size = 1 + trial % MAX_SIZE
    return subject.draw(np.random.default_rng([seed, zlib.crc32(subject.id.encode()), trial]), size), size


def _one(subject: Claim, seed: int, trial: int) -> Outcome:
    return subject.check(_instance_of(subject, seed, trial)[0])


def _chunk(name: str, seed: int, numbers: Iterable[int]) -> tuple[list[tuple[int, Outcome]], float]:
    """A block of trials, in whatever process."""
    began, subject = time.perf_counter(), claim(name)
    with listening():  # a trial in which Ctrl-C was swallowed is none
        found = [(t, _one(subject, seed, t)) for t in numbers]
    return found, time.perf_counter() - began


def _in_turn(
    chosen: Sequence[Claim], wanted: int, seed: int, callback: Callable[..., bool | None] | None, n_jobs: int
) -> tuple[list[_Tally], bool]:
    """One trial after the other; also whether Ctrl-C ended them."""
    began, tallies = time.perf_counter(), []
    for done, subject in enumerate(chosen):
        tally = _Tally(subject, seed)
        tallies.append(tally)
        try:
            while tally.wants(wanted):
                tally.add(_chunk(subject.id, seed, [tally.drawn]))
                if _told(callback, tally, wanted, done, len(chosen), began):
                    tally.cut = tally.wants(wanted)
                    return tallies, False
        except KeyboardInterrupt:
            tally.cut = tally.wants(wanted)
            return tallies, True
    return tallies, False


def _told(
    callback: Callable[..., bool | None] | None, tally: _Tally, wanted: int, done: int, of: int, began: float
) -> bool:
    if callback is None:
        return False
    seconds = time.perf_counter() - began
    return bool(callback(VerificationProgress(tally.subject.id, tally.applicable, wanted, done, of, seconds)))


def _in_parallel(
    chosen: Sequence[Claim], wanted: int, seed: int, callback: Callable[..., bool | None] | None, n_jobs: int
) -> tuple[list[_Tally], bool]:
    """Blocks of trials in several processes, the expensive claims first; also whether Ctrl-C ended them."""
    began = time.perf_counter()
    tallies = {subject.id: _Tally(subject, seed) for subject in chosen}
    left = dict.fromkeys(tallies, wanted)
    blocks = [
        (subject.id, range(first, min(first + CHUNK, wanted)))
        # the expensive ones first, or one process ends alone with them
        for subject in sorted(chosen, key=lambda c: -c.seconds)
        for first in range(0, wanted, CHUNK)
    ]
    asked = stopped = False
    try:
        with listening(), in_processes(_named_chunk, [(name, seed, block) for name, block in blocks], n_jobs) as found:
            for name, chunk in found:
                tallies[name].add(chunk)
                left[name] -= len(chunk[0])
                done = sum(n <= 0 for n in left.values())
                asked = _told(callback, tallies[name], wanted, done, len(chosen), began)
                if asked:
                    break
            for tally in () if asked else tallies.values():
                while tally.wants(wanted):  # some of the drawn instances were not applicable
                    tally.add(_chunk(tally.subject.id, seed, [tally.drawn]))
    except KeyboardInterrupt:
        stopped = True
    for tally in tallies.values():
        tally.cut = (asked or stopped) and tally.wants(wanted)
        # processes finish in any order; what is reported shall not depend on it
        tally.outcomes.sort(key=lambda pair: pair[0])
    # after a stop, claims of which no trial ran have nothing to tell
    return [t for t in tallies.values() if t.outcomes or not (asked or stopped)], stopped


def _named_chunk(name: str, seed: int, numbers: Iterable[int]) -> tuple[str, tuple[list[tuple[int, Outcome]], float]]:
    return name, _chunk(name, seed, numbers)


def _summary(tally: _Tally, quick: bool, hurry: bool) -> Verification:
    """Count, pick the worst, and, unless there is a hurry, make a counterexample small and look outside the assumptions."""
    began, subject = time.perf_counter(), tally.subject
    applied = [(t, o) for t, o in tally.outcomes if o.verdict is not Verdict.NOT_APPLICABLE]
    missed = [(t, o) for t, o in applied if o.verdict is Verdict.VIOLATED]
    # a run that was cut short says neither, whatever was found so far
    verdict = Verdict.VIOLATED if missed else Verdict.HOLDS if applied else Verdict.NOT_APPLICABLE
    verdict = Verdict.INTERRUPTED if tally.cut else verdict
    worst = max((d for _, o in applied for d in o.deviations), key=lambda d: d.margin, default=None)
    # a generator of its own: the search is the same whichever other claims are checked
    rng = np.random.default_rng([tally.seed, zlib.crc32(subject.id.encode())])
    example = None
    if verdict is Verdict.VIOLATED:
        # sizes go round with the trial's number: the smallest of the instances that fail is the best to begin with
        trial, outcome = min(missed, key=lambda pair: pair[0] % MAX_SIZE)
        instance, size = _instance_of(subject, tally.seed, trial)
        example = Counterexample(subject.id, instance, outcome)
        if not hurry:
            example = smallest(subject, instance, outcome, size, rng, SHRINK_SECONDS / 5 if quick else SHRINK_SECONDS)
    flags = [o.corrected for _, o in applied if o.corrected is not None]
    corrected = all(flags) if flags else None
    # beyond the assumptions: an illustration that no verdict depends on
    outside = {} if quick or hurry or tally.cut else _outside(subject, tally.seed, rng)
    failed = Counter(o.failed for _, o in tally.outcomes if o.verdict is Verdict.NOT_APPLICABLE)
    return Verification(
        claim=subject.id,
        verdict=verdict,
        expected=subject.expected,
        applicable=len(applied),
        violated=len(missed),
        not_applicable=dict(failed),
        margin=float("nan") if worst is None else worst.margin,
        closest="" if worst is None else f"{worst.name}: {worst.value:.3g}, tolerance {worst.tol:.3g}",
        counterexample=example,
        corrected=corrected,
        outside=outside,
        interrupted=tally.cut,
        seconds=tally.spent + time.perf_counter() - began,
        reason=_reason(verdict, example, missed, failed, corrected),
    )


def _outside(subject: Claim, seed: int, rng: np.random.Generator) -> dict[str, str]:
    """What becomes of the claim on one instance that breaks each assumption."""
    found = {}
    for assumption in subject.assumptions:
        if assumption.broken is None:
            continue
        outcome = broken(subject, assumption, _instance_of(subject, seed, 0)[0], rng)
        words = {Verdict.HOLDS: "survives", Verdict.VIOLATED: "fails"}
        found[assumption.name] = "undefined" if outcome is None else words.get(outcome.verdict, "undefined")
    return found


def _reason(
    verdict: Verdict,
    example: Counterexample | None,
    missed: Sequence[tuple[int, Outcome]],
    failed: Counter[str],
    corrected: bool | None,
) -> str:
    if verdict is Verdict.INTERRUPTED:
        return f"cut short, with {len(missed)} violations so far"
    if verdict is Verdict.NOT_APPLICABLE:
        return "; ".join(f"{name} failed in {count} trials" for name, count in failed.most_common()) or "no trial ran"
    if verdict is Verdict.HOLDS:
        return ""
    outcome = missed[0][1] if example is None else example.outcome
    tail = {None: "", True: "; the correction holds", False: "; the correction fails as well"}[corrected]
    return outcome.reason + tail
