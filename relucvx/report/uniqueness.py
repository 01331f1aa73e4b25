"""Whether the optimal hidden kernel is unique: by a closed form where one applies, else from the set of all optima."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relucvx._api.ranges import optimal_set
from relucvx._api.statistics import StatisticRange, kernel_statistic
from relucvx.certificate import Uniqueness
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError, RelucvxError
from relucvx.report.measure import distance, kernel_of
from relucvx.solution import Solution

SECONDS = 10.0
"""Time for the set of all optima."""

SHARP = 1e-5
"""Relative gap beyond which ranges over all optima are too wide to say anything."""

RANGE_SECONDS = 5.0
"""Time for each range over all optima."""

FEW_INPUTS, FEW_SAMPLES, FEW_NEURONS = 5, 200, 4
"""Beyond these sizes a range takes longer than a reader of a comparison waits: :func:`relucvx.kernel_statistic` by itself."""

ASK = 'relucvx.kernel_statistic(solution, "nc1_quotient", labels=labels, time_limit=600)'
"""What to type for an interval over all optima."""

DIFFERENT = 1e-6
"""Relative distance from which the kernels of two optima differ."""


@dataclass(frozen=True)
class KernelUniqueness:
    """Whether every optimum has the same hidden kernel (None: not known), and why.

    Attributes
    ----------
    unique : bool or None
    reason : str
    """

    unique: bool | None
    reason: str


def kernel_uniqueness(solution: Solution, predictions: Sequence[Any], deadline: Deadline) -> KernelUniqueness:
    """Decide from closed forms first, then from the polytope of optima.

    Notes
    -----
    A unique optimum has a unique kernel. Several optima may still share theirs: two of them with different kernels refute
    uniqueness, two with equal ones decide nothing.

    Status: theorem where a closed form applies, else certified numerically. Source: [wang-2025], [mishkin-pilanci-2023]
    """
    for prediction in predictions:
        if prediction.applicable and prediction.unique is not None:
            words = "it is unique" if prediction.unique else "there is a continuum of optimal kernels"
            return KernelUniqueness(prediction.unique, f"{prediction.name} form: {words}")
    left = min(SECONDS, 0.5 * deadline.left())  # the other half is for the measurements
    if left <= 0.0:
        return KernelUniqueness(None, "there was no time to tell")
    try:
        found = optimal_set(solution, time_limit=left)
    except InvalidInputError:
        return KernelUniqueness(None, f"a relative gap of {solution.certificate.rel_gap:.1g} is too wide to tell")
    if found.verdict is Uniqueness.UNIQUE:
        return KernelUniqueness(True, f"the optimum itself is unique: {found.reason}")
    if found.second is not None:
        problem = solution.problem
        one, two = (kernel_of(problem, problem.inner(network)) for network in (found.second, found.network))
        apart = distance(one, two)
        if apart > DIFFERENT:
            return KernelUniqueness(False, f"two optima of equal objective have kernels {apart:.2g} apart")
        # two optima with one kernel say nothing about a third
        return KernelUniqueness(None, "there are several optima; the two found have the same kernel")
    return KernelUniqueness(None, found.reason)


def over_all_optima(
    solution: Solution, unique: KernelUniqueness, labels: Any, factors: Any, deadline: Deadline
) -> dict[str, StatisticRange]:
    """Certified ranges of what is measured at one optimum, where others may have other kernels; by statistic.

    Notes
    -----
    Nothing is asked where the kernel is known to be unique: then the measured values are those of every optimum.

    Status: certified numerically. Source: [relucvx]
    """
    problem, found = solution.problem, dict[str, StatisticRange]()
    small = problem.n_inputs <= FEW_INPUTS and problem.n_samples <= FEW_SAMPLES
    if unique.unique or problem.bias.is_free or not small or solution.certificate.rel_gap > SHARP:
        return found
    questions: dict[Any, dict[str, Any]] = {}
    if factors is not None:
        questions["parallelism"] = {"factors": factors}
    if labels is not None:
        questions["nc1_quotient"] = {"labels": labels}
    if unique.unique is None and solution.network.width <= FEW_NEURONS:
        questions["distance"] = {}
    for statistic, options in questions.items():
        left = min(RANGE_SECONDS, 0.3 * deadline.left())
        if left <= 0.0:
            break
        try:
            found[statistic] = kernel_statistic(solution, statistic, **options, time_limit=left)
        except RelucvxError:  # labels or factors that the statistic is not defined for
            continue
    return found


def no_ranges(solution: Solution, found: Sequence[StatisticRange]) -> str:
    """Why nothing is said over all optima, and what to type for it; "" where something is."""
    problem, gap = solution.problem, solution.certificate.rel_gap
    if found:
        return ""
    if problem.bias.is_free:
        return "No interval: a free bias adds any constant to a kernel, so that optima have no bounded ranges."
    if gap > SHARP:
        return (
            f"No interval: a gap of {gap:.1g} leaves too many networks. First prove more: relucvx.solve(…, tol=1e-9)."
        )
    if problem.n_inputs > FEW_INPUTS or problem.n_samples > FEW_SAMPLES:
        return f"Not asked: an interval takes minutes for data of this size. In Python: {ASK}."
    return f"Not asked: there are no labels or factors to ask about, or there was no time. In Python: {ASK}."
