"""A claim of the theory as an object: what it says, under which assumptions, what it predicts, and how that is checked."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from relucvx.errors import InvalidInputError, RelucvxError, explain
from relucvx.types import Explained, Result

Instance: TypeAlias = dict[str, Any]
"""Everything one trial is about, by name: arrays, numbers and texts, so that it can be saved and run again."""

Predicted: TypeAlias = dict[str, Any]
"""What the claim predicts on an instance, by name: numbers, truth values or arrays."""

Draw: TypeAlias = Callable[[np.random.Generator, int], Instance]
"""Random instance that satisfies the assumptions; the second argument, 1 to ``MAX_SIZE``, is its size."""

MAX_SIZE = 4
"""Largest size of the random instances."""


class Verdict(Explained):
    """What became of a claim.

    Status: a convention (names, no statement). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> rx.theory.Verdict.NOT_APPLICABLE.help
    'an assumption of the claim does not hold'
    """

    HOLDS = "the prediction was met"
    VIOLATED = "the prediction was missed by more than the tolerance"
    NOT_APPLICABLE = "an assumption of the claim does not hold"
    INTERRUPTED = "cut short by Ctrl-C or the callback, before all of its trials had run: nothing is concluded"


class PremiseNotMet(RelucvxError):
    """What a check rests on was not computed well enough (an optimum that is not certified): it then says nothing."""


@dataclass(frozen=True)
class Assumption:
    """A named condition on an instance.

    Attributes
    ----------
    name : str
        In words, e.g. "X X^T = I".
    holds : callable
        Instance -> bool.
    broken : callable or None
        (instance, rng) -> a similar instance on which the condition fails; used to run claims outside their reach.

    Notes
    -----
    Status: a record (tested as stated). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> positive = rx.theory.Assumption("t > 0", lambda instance: instance["t"] > 0)
    >>> positive.holds({"t": 1.0}), positive.holds({"t": -1.0})
    (True, False)
    """

    name: str
    holds: Callable[[Instance], Any]
    broken: Callable[[Instance, np.random.Generator], Instance] | None = None


@dataclass(frozen=True)
class Deviation(Result):
    """One measured distance from a prediction: met when ``value <= tol``.

    Attributes
    ----------
    name : str
    value : float
        Zero or negative where the prediction is met exactly; NaN counts as missed.
    tol : float
        Largest value that still counts as met.

    Notes
    -----
    Status: a record (measured in float64). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> missed = rx.theory.Deviation("objective", value=0.1, tol=0.01)
    >>> missed.met, round(missed.margin, 6)
    (False, 10.0)
    """

    name: str
    value: float
    tol: float

    @property
    def met(self) -> bool:
        """Whether the prediction was met."""
        return bool(self.value <= self.tol)

    @property
    def margin(self) -> float:
        """value/tol: above 1 (or inf) is a violation."""
        return float("inf") if np.isnan(self.value) else self.value / self.tol


def same(name: str, value: bool, expected: Any) -> Deviation:
    """Deviation of a truth value."""
    return Deviation(name, float(bool(value) != bool(expected)), 0.5)


def close(name: str, value: Any, expected: Any, tol: float, scale: float | None = None) -> Deviation:
    """Deviation of numbers or arrays, ||value - expected|| relative to ||expected|| (or to ``scale``)."""
    value, expected = np.asarray(value, dtype=float), np.asarray(expected, dtype=float)
    if value.shape != expected.shape:
        return Deviation(name, float("inf"), tol)
    size = float(np.linalg.norm(expected)) if scale is None else scale
    return Deviation(name, float(np.linalg.norm(value - expected)) / max(size, 1e-300), tol)


def at_most(name: str, value: float, bound: float, tol: float, scale: float = 1.0) -> Deviation:
    """Deviation of an inequality, (value - bound)/scale."""
    return Deviation(name, float(value - bound) / max(scale, 1e-300), tol)


def agree(found: Mapping[str, Any], predicted: Mapping[str, Any], tol: float) -> list[Deviation]:
    """Deviations of numbers and arrays by name, relative to the predicted ones or to 1, whichever is larger."""
    return [
        close(name, value, predicted[name], tol, max(float(np.linalg.norm(predicted[name])), 1.0))
        for name, value in found.items()
    ]


@dataclass(frozen=True)
class Outcome(Result):
    """One trial of a claim.

    Attributes
    ----------
    verdict : Verdict
    failed : str
        The assumption that does not hold, or what could not be computed, for NOT_APPLICABLE.
    deviations : tuple of Deviation
        Everything that was measured.
    corrected : bool or None
        For a reading to avoid: whether the corrected prediction was met.

    Notes
    -----
    Status: a record of what :meth:`Claim.check` finds. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> claim = rx.theory.claim("spike-free-z-matrix")
    >>> outcome = claim.check(claim.example(rng=0))
    >>> outcome.verdict.name, bool(outcome.margin <= 1.0)
    ('HOLDS', True)
    """

    verdict: Verdict
    failed: str = ""
    deviations: tuple[Deviation, ...] = ()
    corrected: bool | None = None

    @property
    def margin(self) -> float:
        """Largest value/tol of all deviations; above 1 is a violation. NaN where nothing was measured."""
        return max((d.margin for d in self.deviations), default=float("nan"))

    @property
    def reason(self) -> str:
        """What was missed, or which assumption fails, in words."""
        if self.verdict is Verdict.NOT_APPLICABLE:
            return f"assumption fails: {self.failed}"
        missed = [d for d in self.deviations if not d.met]
        return "; ".join(f"{d.name}: {d.value:.3g} > {d.tol:.3g}" for d in missed)


@dataclass(frozen=True, repr=False)
class Claim:
    """A statement of the theory that can be run.

    Attributes
    ----------
    id : str
    statement : str
        In one or two sentences.
    source : str
        Key into ``relucvx.references``, or several with commas between them.
    status : str
        "theorem", "certified numerically", "sampled evidence" or "heuristic"; for readings to avoid what refutes them.
    draw : callable
        ``draw(rng, size)``: a random instance that satisfies the assumptions.
    predict : callable
        Instance -> what the claim predicts, by name.
    measure : callable
        (instance, predicted) -> deviations between what is computed independently and what is predicted.
    assumptions : tuple of Assumption
    expected : str
        "HOLDS", or "VIOLATED" for the readings to avoid.
    correction : callable or None
        For readings to avoid, the prediction that should stand in its place; run through the same check.
    corrected_by : str
        For readings to avoid, the id of the claim that is right.
    seconds : float
        Rough cost of one trial, by which parallel work is ordered.

    Notes
    -----
    Status: as its own ``status`` says. Source: [relucvx], and its own ``source``.

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> claim = rx.theory.claim("spike-free-z-matrix")
    >>> claim.status, [assumption.name for assumption in claim.assumptions][:1]
    ('theorem', ['X has full row rank and entries of (X X^T)^-1 of clear sign'])
    >>> claim.check({"X": np.array([[1.0, 0.0], [-0.5, 1.0]]), "seed": 0}).verdict.name  # on data of your own
    'HOLDS'
    """

    id: str
    statement: str
    source: str
    status: str
    draw: Draw
    predict: Callable[[Instance], Predicted]
    measure: Callable[[Instance, Predicted], Sequence[Deviation]]
    assumptions: tuple[Assumption, ...] = ()
    expected: str = "HOLDS"
    correction: Callable[[Instance], Predicted] | None = None
    corrected_by: str = ""
    seconds: float = field(default=0.1, compare=False)

    def __repr__(self) -> str:
        return f"Claim({self.id!r}, expected {self.expected})"

    def __str__(self) -> str:
        return f"{self.id} ({self.status}; expected {self.expected}): {self.statement}"

    def failing(self, instance: Mapping[str, Any]) -> str | None:
        """Name of the first assumption that does not hold on an instance, or None.

        One that cannot be tested, because the data are malformed for it, counts as failing.

        Status: theorem (each assumption is tested as stated).
        """
        for assumption in self.assumptions:
            try:
                holds = bool(assumption.holds(dict(instance)))
            except (RelucvxError, np.linalg.LinAlgError):
                holds = False
            if not holds:
                return assumption.name
        return None

    def check(
        self,
        instance: Mapping[str, Any],
        *,
        mutate: Callable[[Predicted], Predicted] | None = None,
        force: bool = False,
    ) -> Outcome:
        """Run the claim on one instance, the user's own or a drawn one.

        Parameters
        ----------
        instance : mapping
            The names that :meth:`example` has.
        mutate : callable, optional
            Applied to the prediction before it is compared: a wrong prediction must come out VIOLATED.
        force : bool, default False
            Compare although an assumption fails, to see what becomes of the claim without it.

        Returns
        -------
        Outcome

        Raises
        ------
        InvalidInputError
            When a name is missing from the instance.

        Notes
        -----
        Source: [relucvx]. Status: as stated by the claim.
        """
        instance = self._complete(instance)
        # outside its assumptions a claim says nothing; forced, it shows what becomes of it there
        failed = None if force else self.failing(instance)
        if failed is not None:
            return Outcome(Verdict.NOT_APPLICABLE, failed)
        try:
            predicted = self.predict(instance)
            deviations = tuple(self.measure(instance, predicted if mutate is None else mutate(predicted)))
            holds = all(d.met for d in deviations)
            corrected = None
            # what is known to fail is judged beside what holds in its place; mutations test the statement alone
            if self.correction is not None and mutate is None:
                corrected = all(d.met for d in self.measure(instance, self.correction(instance)))
        except PremiseNotMet as unmet:
            # some premises show only while measuring, such as an answer in time
            return Outcome(Verdict.NOT_APPLICABLE, str(unmet))
        return Outcome(Verdict.HOLDS if holds else Verdict.VIOLATED, "", deviations, corrected)

    def example(self, rng: int | np.random.Generator = 0, size: int = 1) -> Instance:
        """A random instance that satisfies the assumptions.

        Status: theorem (the assumptions are tested before the claim is).
        """
        return self.draw(np.random.default_rng(rng), size)

    def _complete(self, instance: Mapping[str, Any]) -> Instance:
        missing = sorted(_names(self) - set(instance))
        if missing:
            raise InvalidInputError(
                explain(
                    f"an instance of {self.id} with {', '.join(sorted(_names(self)))}",
                    f"one without {', '.join(missing)}",
                    "",
                    f"relucvx.theory.claim({self.id!r}).example() shows one",
                )
            )
        return dict(instance)


@functools.cache
def _names(claim: Claim) -> frozenset[str]:
    """Names that every instance has."""
    return frozenset(claim.example())


def broken(claim: Claim, assumption: Assumption, instance: Instance, rng: np.random.Generator) -> Outcome | None:
    """What becomes of a claim on an instance that violates one of its assumptions; None where nothing can be said."""
    if assumption.broken is None:
        return None
    try:
        return claim.check(assumption.broken(dict(instance), rng), force=True)
    except (RelucvxError, np.linalg.LinAlgError):
        return None  # the prediction itself makes no sense there
