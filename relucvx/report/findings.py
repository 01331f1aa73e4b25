"""What a comparison found, claim by claim, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from relucvx._api.statistics import StatisticRange
from relucvx.report.measure import Row, distance
from relucvx.report.uniqueness import KernelUniqueness
from relucvx.solution import Solution
from relucvx.types import Array, Result

Word = Literal["holds", "does not hold", "partly", "not applicable", "undecided"]

MATCH = 1e-5
"""Relative kernel distance up to which the optimum counts as equal to a prediction: objectives agree to 1e-6 or better, and
a kernel moves with the square root of the gap, but most of that is not used up."""

RUN_MATCH = 1e-2
"""The same for gradient-trained networks."""

BEST_NETWORK = "best network found (not proven)"
"""What was measured where no optimum is proven."""

VALUE = 1e-8
"""Relative slack when a predicted value is compared with the certified interval: rounding of both."""

PROVEN = 1e-9
"""Certified relative gap below which a kernel that is off by more than MATCH refutes a prediction."""

NARROW = 1e-2
"""Radius of the set of optimal kernels, relative to their size, up to which it is said in place of "undecided"."""

COLLAPSED = 1e-6
"""NC1 below which the classes have collapsed to points."""

ABSTRACT = 0.99
"""Parallelism score from which a representation is called abstract."""

TITLES = {
    "one-hot": "neural collapse",
    "svd": "singular-value shrinkage",
    "scalar": "one output on whitened inputs",
    "factorial": "abstract representation",
    "deep linear": "deep linear network",
    "deep one-hot": "deep neural collapse",
}
"""What the closed forms are called."""


FAILURES = {
    "X X^T = I": "X is not whitened",
    "one-hot rows": "targets not one-hot",
    "one output": "several outputs",
    "targets +-1": "targets not ±1",
    "all combinations equally often": "±1 combinations not equally often",
    "completely positive kernel": "linear optimum's kernel not known to be completely positive",
    'bias "none" or "hidden"': "output bias",
    "activation relu": "activation not ReLU",
}
"""How a failed condition reads."""


@dataclass(frozen=True)
class Finding(Result):
    """A claim, whether it holds on these data, and what that rests on.

    Attributes
    ----------
    claim : str
    verdict : str
        "holds", "does not hold", "partly", "not applicable" or "undecided".
    text : str

    Notes
    -----
    Status: a record of what :func:`compare` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.compare([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], 1.0, runs=())
    >>> found.findings[0].claim, found.findings[0].verdict
    ('global optimum', 'holds')
    """

    claim: str
    verdict: Word
    text: str

    def __str__(self) -> str:
        return f"{self.claim}: {self.verdict}. {self.text}"


def optimum_finding(solution: Solution, tol: float) -> Finding:
    """Whether the global optimum was found and proven."""
    c = solution.certificate
    if c.rel_gap <= tol:
        text = f"{c.lower:.8g} <= p* <= {c.upper:.8g} ({gap_words(c.rel_gap)}), over every activation pattern"
        return Finding("global optimum", "holds", text)
    text = f"best found, not proven to {tol:g} ({solution.status.name}): {c.lower:.6g} <= p* <= {c.upper:.6g}"
    return Finding("global optimum", "undecided", text)


def gap_words(rel_gap: float) -> str:
    """A proven relative gap in words; 0 stands for one that rounding hides."""
    return f"relative gap {rel_gap:.1g}" if rel_gap > 0 else "equal up to rounding"


def training_finding(rows: Sequence[Row], solution: Solution, reach: float) -> Finding:
    """How many runs reach the optimum, by their certified gaps."""
    claim = "training reaches the optimum"
    if not rows:
        return Finding(claim, "not applicable", "no runs were given")
    gaps = np.sort([row.rel_gap for row in rows])
    count = sum(row.reached for row in rows)
    text = (
        f"{count} of {len(rows)} runs reach p* to {reach:g}; certified relative gaps: best {gaps[0]:.2g}, "
        f"median {np.median(gaps):.2g}, worst {gaps[-1]:.2g}"
    )
    better = solution.objective - min(row.objective for row in rows)
    if better > max(solution.certificate.rel_gap, 1e-12) * solution.objective:
        return Finding(claim, "undecided", f"{text}; a run is better than the solver's network by {better:.2g}")
    least = min(row.objective for row in rows)
    if count == 0 and least - solution.objective <= reach * least:  # p* is anywhere between the bounds
        return Finding(claim, "undecided", f"{text}; the proof itself leaves {solution.certificate.rel_gap:.1g}")
    return Finding(claim, "holds" if count == len(rows) else "partly" if count else "does not hold", text)


def bound_finding(rows: Sequence[Row], lower: float) -> Finding:
    """No network can be below the certified bound."""
    below = [row.name for row in rows if row.objective < lower]
    # a theorem excludes it: whoever sees this has found an error of ours
    if below:
        return Finding(
            "no network beats the bound", "does not hold", f"below {lower:.10g}: {', '.join(below)}; please report"
        )
    if not rows:
        return Finding("no network beats the bound", "not applicable", "no runs were given")
    least = min(row.objective for row in rows)
    return Finding("no network beats the bound", "holds", f"least objective {least:.10g} >= {lower:.10g}")


def uniqueness_finding(found: KernelUniqueness, radius: StatisticRange | None = None, size: float = 0.0) -> Finding:
    """Whether the optimal hidden kernel is unique; and where that is not known, how far apart two of them may be.

    ``radius`` is the certified distance of all of them from one of the Frobenius norm ``size``.
    """
    if found.unique is None and radius is not None and radius.upper <= NARROW * size:
        text = (
            f"over all optima the kernel is within {radius.upper / size:.1g} of its size from the one found (certified)"
        )
        return Finding("the optimal kernel is unique", "partly", f"{text}; {found.reason.rstrip('.')}")
    word: Word = {True: "holds", False: "does not hold", None: "undecided"}[found.unique]  # type: ignore[assignment]
    return Finding("the optimal kernel is unique", word, found.reason.rstrip("."))


def prediction_findings(
    prediction: Any, kernel: Array, solution: Solution, rows: Sequence[Row], proven: bool
) -> list[Finding]:
    """Whether a closed form describes the optimum and the runs: its value and its kernel."""
    claim = title_of(prediction)
    if not prediction.applicable:
        if prediction.name.startswith("deep"):
            return []  # for linear networks: nothing a reader of a ReLU comparison asked
        failed = [name for name, holds in prediction.conditions.items() if not holds]
        if "targets +-1" in failed and "all combinations equally often" in failed:
            failed.remove("all combinations equally often")  # follows
        parts = [FAILURES.get(name, f"the condition “{name}” fails") for name in failed]
        if prediction.note and "X X^T = I" not in failed:  # notes of whitened forms assume that
            parts.append(prediction.note)
        return [Finding(claim, "not applicable", "; ".join(parts))]
    found = []
    if prediction.objective is not None:
        found.append(_value_finding(claim, prediction.objective, solution, proven))
    if prediction.unique is False:
        text = "the optimal kernel is not unique, so kernels are not compared" + _note(prediction)
        found.append(Finding(f"{claim}: kernel", "not applicable", text))
    elif prediction.kernel is not None:
        found.append(_kernel_finding(claim, prediction, kernel, solution, rows, proven))
    return found


def title_of(prediction: Any) -> str:
    """What a closed form is called."""
    return next((text for name, text in TITLES.items() if prediction.name.startswith(name)), prediction.name)


def _note(prediction: Any) -> str:
    return f"; {prediction.note}" if prediction.note else ""


def _value_finding(claim: str, value: float, solution: Solution, proven: bool) -> Finding:
    lower, upper = solution.certificate.lower, solution.certificate.upper
    inside = lower - VALUE * upper <= value <= upper + VALUE * upper
    text = (
        f"predicted p* = {value:.8g} is {'in' if inside else 'not in'} [{lower:.8g}, {upper:.8g}], which is certified"
    )
    # an interval that is wider than asked for can refute a value, not confirm it
    word: Word = "does not hold" if not inside else "holds" if proven else "undecided"
    return Finding(f"{claim}: value", word, text)


def _kernel_finding(
    claim: str, prediction: Any, kernel: Array, solution: Solution, rows: Sequence[Row], proven: bool
) -> Finding:
    off = distance(kernel, prediction.kernel)
    kind = "predicted kernel unique" if prediction.unique else "uniqueness of the predicted kernel unknown"
    text = f"{kind}; {'optimum' if proven else BEST_NETWORK} matches to {off:.1g}"
    if rows and prediction.unique:
        text += (
            f"; {sum(row.kernel_to_prediction <= RUN_MATCH for row in rows)} of {len(rows)} runs match to {RUN_MATCH:g}"
        )
    # agreement with a network that is not proven optimal decides nothing
    if off <= MATCH:
        word: Word = "holds" if proven else "undecided"
    else:
        # disagreement refutes only a unique kernel, and only at an optimum that is known well
        word = "does not hold" if prediction.unique and solution.certificate.rel_gap <= PROVEN else "undecided"
    return Finding(f"{claim}: kernel", word, text + _note(prediction))


def _ranged(found: StatisticRange | None, name: str) -> str:
    """What is proven of every optimum, where it says something."""
    trivial = {"parallelism": (-1.0, 1.0)}
    if found is None or not np.isfinite([found.lower, found.upper]).all():
        return ""
    if trivial.get(found.statistic) == (found.lower, found.upper):
        return ""
    return f"; over all optima {name} is between {found.lower:.3g} and {found.upper:.3g} (certified)"


def collapse_finding(optimum: Row, rows: Sequence[Row], proven: bool, found: StatisticRange | None = None) -> Finding:
    """Measured neural collapse, whatever theory says."""
    claim = "classes collapse (measured)"
    if np.isnan(optimum.nc1):
        return Finding(claim, "not applicable", "no labels of at least two classes, or no neuron is active")
    word = _measured(optimum.nc1 <= COLLAPSED, proven)
    text = f"at the {'optimum' if proven else BEST_NETWORK} NC1 = {optimum.nc1:.2g}"
    if not np.isnan(optimum.nc2_etf):
        text += f", deviation from a simplex ETF (NC2) {optimum.nc2_etf:.2g}"
    return Finding(claim, word, text + _ranged(found, "tr S_W/tr S_B") + _spread(rows, "nc1", "NC1"))


def abstraction_finding(
    optimum: Row, rows: Sequence[Row], proven: bool, found: StatisticRange | None = None
) -> Finding:
    """Measured abstraction, whatever theory says; where optima differ in it the range over all of them decides."""
    claim = "factors are abstract (measured)"
    if np.isnan(optimum.parallelism):
        return Finding(claim, "not applicable", "no two binary factors in all combinations")
    text = f"at the {'optimum' if proven else BEST_NETWORK} the parallelism score is {optimum.parallelism:.3f}"
    if not np.isnan(optimum.ccgp):
        text += f", CCGP {optimum.ccgp:.3f}"
    word = _measured(optimum.parallelism >= ABSTRACT, proven)
    # one optimum is not all of them, whichever the solver happened to find
    if proven and found is not None and found.attained_lower < ABSTRACT <= found.attained_upper:
        word = "partly"
    text += _ranged(found, "the score")
    return Finding(claim, word, text + _spread(rows, "parallelism", "score"))


def _measured(ok: bool, proven: bool) -> Word:
    """What a measurement says about the optimum: nothing, where it is not known to be one."""
    if not proven:
        return "undecided"
    return "holds" if ok else "does not hold"


def _spread(rows: Sequence[Row], field: str, label: str) -> str:
    values = np.array([getattr(row, field) for row in rows], dtype=float)
    values = values[~np.isnan(values)]
    return "" if not len(values) else f"; {label} of the runs from {values.min():.2g} to {values.max():.2g}"
