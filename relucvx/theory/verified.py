"""What checking a claim tells while it runs, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from relucvx.theory.counterexample import Counterexample
from relucvx.theory.definition import Verdict
from relucvx.types import Result


@dataclass(frozen=True)
class VerificationProgress:
    """What a callback sees; returning True from it stops cleanly.

    Attributes
    ----------
    claim : str
        Id of the claim just worked on.
    trials, total : int
        Its trials so far, and how many are planned.
    done, claims : int
        Claims finished, and claims in all.
    seconds : float
        Since the start.

    Notes
    -----
    Status: a convention (what is done and what comes next). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> seen = []
    >>> found = rx.theory.verify("spike-free-z-matrix", trials=2, callback=lambda p: seen.append((p.claim, p.claims)))
    >>> seen[-1]
    ('spike-free-z-matrix', 1)
    """

    claim: str
    trials: int
    total: int
    done: int
    claims: int
    seconds: float

    def bar(self, tol: float) -> tuple[str, float | None]:
        """What a progress bar shows: the claim, and the share of all trials."""
        begun = self.trials / max(self.total, 1) * (self.done < self.claims)
        return f"{self.claim}, {self.done} of {self.claims} claims done", (self.done + begun) / max(self.claims, 1)


@dataclass(frozen=True, repr=False)
class Verification(Result):
    """What became of one claim.

    Attributes
    ----------
    claim : str
        Id of the claim.
    verdict : Verdict
        INTERRUPTED when trials are missing because it was cut short; else VIOLATED when any trial was, HOLDS when any was
        applicable, NOT_APPLICABLE when none was.
    expected : str
        "HOLDS", or "VIOLATED" for readings to avoid.
    applicable, violated : int
        Trials whose assumptions held, and those of them that failed. One that was itself cut short is none.
    not_applicable : dict of str to int
        Trials by the assumption that failed.
    margin : float
        Worst deviation in units of its tolerance, over all applicable trials; above 1 is a violation.
    closest : str
        What deviated most, in words.
    counterexample : Counterexample or None
        A small instance that violates the claim.
    corrected : bool or None
        For readings to avoid: whether the corrected prediction was met in every applicable trial.
    outside : dict of str to str
        What became of the claim on instances that break one assumption: "fails", "survives" or "undefined".
    interrupted : bool
        Whether Ctrl-C or the callback ended it before all of its trials had run.
    seconds : float
    reason : str
        The verdict in words.

    Notes
    -----
    Status: a record of what :func:`verify` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.theory.verify("reading-schatten-exponent", trials=3)
    >>> found.verdict.name, found.as_expected, found.corrected  # a reading to avoid, and what holds in its place
    ('VIOLATED', True, True)
    """

    claim: str
    verdict: Verdict
    expected: str
    applicable: int
    violated: int
    not_applicable: dict[str, int]
    margin: float
    closest: str
    counterexample: Counterexample | None
    corrected: bool | None
    outside: dict[str, str]
    interrupted: bool
    seconds: float
    reason: str

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the expected one and, for readings to avoid, the correction holds."""
        return self.verdict.name == self.expected and self.corrected is not False

    def __repr__(self) -> str:
        mark = "as expected" if self.as_expected else f"expected {self.expected}"
        return (
            f"Verification({self.claim}: {self.verdict.name}, {mark}, {self.applicable} trials, {self.seconds:.3g} s)"
        )

    def to_dict(self) -> dict[str, Any]:
        """The result as plain Python values, ready for ``json.dumps``."""
        out = super().to_dict()
        out["as_expected"] = self.as_expected
        return out
