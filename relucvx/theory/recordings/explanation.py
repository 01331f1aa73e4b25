"""What theory says about a recorded geometry: the result of :func:`relucvx.theory.explain`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx._api.suboptimality import KernelSuboptimality
from relucvx.kernel.prediction import Prediction
from relucvx.later import later
from relucvx.solution import Solution
from relucvx.types import Array, Result

figures = later("relucvx.metrics.figures")

COMPATIBLE, INCOMPATIBLE, UNDECIDED = "compatible", "incompatible", "undecided"


@dataclass(frozen=True)
class ComparedStatistic(Result):
    """A number of the recording beside its certified range over all networks near the optimum.

    Attributes
    ----------
    name : str
    value, low, high : float
        Of the recording, with its interval: estimated.
    lower, upper : float
        Every network near the optimum is between them: certified.
    attained_lower, attained_upper : float
        Of networks that were found; their blends attain all values between.
    verdict : str
        "compatible" where a network near the optimum is in the interval, "incompatible" where none is, else "undecided".

    Notes
    -----
    Status: a record of what :func:`relucvx.theory.explain` finds. Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> task = rx.datasets.factorial(2, x2=0.3, rng=0)
    >>> found = rx.theory.explain(np.eye(4), task.Y, inputs=task.X, beta=0.5)
    >>> one = found.statistics[0]
    >>> print(one.name, f"{one.value:.3f}", one.verdict)
    share of the task 0.667 incompatible
    """

    name: str
    value: float
    low: float
    high: float
    lower: float
    upper: float
    attained_lower: float
    attained_upper: float
    verdict: str

    def plot(self, ax: Any = None) -> Any:
        """Draw the certified range, and the recorded value in it or not; returns the axes."""
        return figures.intervals(ax, [self.name], [self.lower], [self.upper], "value", {"recorded": [self.value]})


@dataclass(frozen=True)
class ComparedForm(Result):
    """A closed form of the optimum, or a geometry of reference, beside the recorded kernel.

    Attributes
    ----------
    name : str
    applies : bool
        Whether its assumptions hold for the task.
    fails : str
        The assumptions that do not.
    unique : bool or None
        Whether every optimum has this kernel; None for a geometry of reference, and where it is not known.
    similarity : float
        Cosine of this and the recorded kernel, centred where the baseline is free; NaN without a prediction. Of a closed form
        the largest over the strengths that were solved.
    verdict : str
        "compatible" where a multiple of this kernel is within the noise of the recorded one, at one of the strengths, else
        "incompatible"; empty where the form does not apply.
    strengths : tuple of float
        Those that were solved at which it is.
    excess : float
        Certified sub-optimality of networks with this very kernel, relative to p*, at the strength that is most favourable to
        the recording: a geometry can be within the noise and optimal, one of the two, or neither. NaN where it is not asked.

    Notes
    -----
    Status: a record of what :func:`relucvx.theory.explain` finds. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> task = rx.datasets.factorial(2, x2=0.3, rng=0)
    >>> K = rx.representation_kernel(rx.solve(task.X, task.Y, 0.5), task.X)
    >>> found = rx.theory.explain(K, task.Y, inputs=task.X, beta=0.5)
    >>> [(one.name, one.verdict) for one in found.closed_forms if one.applies]
    [('factorial', 'compatible')]
    """

    name: str
    applies: bool
    fails: str
    unique: bool | None
    similarity: float
    verdict: str
    strengths: tuple[float, ...] = ()
    excess: float = np.nan

    def plot(self, ax: Any = None) -> Any:
        """Draw how alike the two kernels are; returns the axes."""
        return figures.bars(ax, [self.name], [self.similarity], "cosine with the recorded kernel")

    @classmethod
    def of(
        cls, form: Prediction, similarity: float, strengths: tuple[float, ...], excess: float = np.nan
    ) -> ComparedForm:
        """A prediction, how alike its kernel is, and at which strengths it is within the noise."""
        fails = ", ".join(name for name, holds in form.conditions.items() if not holds)
        verdict = (COMPATIBLE if strengths else INCOMPATIBLE) if form.applicable else ""
        return cls(form.name, form.applicable, fails, form.unique, similarity, verdict, strengths, excess)


@dataclass(frozen=True, repr=False)
class Explanation(Result):
    """A recorded kernel beside what is proven about all networks that are optimal, or nearly, for its task.

    Attributes
    ----------
    verdict : str
        "compatible", "incompatible" or "undecided": whether some network near the optimum has a kernel within the noise of the
        recorded one, at one of the strengths.
    statement : str
        The same in words.
    changes : tuple of str
        What would change it.
    assumptions : tuple of str
        What was taken for granted.
    kernel : ndarray, shape (n, n)
        Estimated, of conditions ``names``.
    radius : float
        Of the ball about it that new recordings would leave with probability 1 - ``confidence``; 0 for a kernel that was given.
    confidence, delta : float
        ``delta`` is the share of p* up to which a network counts as near the optimum.
    baseline : str
    betas : ndarray, shape (k,)
        Strengths that were solved.
    excesses, excesses_given : ndarray, shape (k,)
        Certified sub-optimality relative to p* at these: of every kernel within the radius, and of the estimate itself, with
        its negative eigenvalues, which no network has, set to zero.
    least_excess : float
        The smallest of ``excesses`` at every strength between the first and the last, proven by mixtures of cuts.
    excluded : tuple of pairs of floats
        Intervals of strengths at every one of which every kernel within the radius is proven to be more than ``delta`` above.
    beta : float
        Where ``excesses`` is smallest among those solved, or else ``excesses_given``: the most favourable, at which all that
        follows was computed.
    suboptimality : KernelSuboptimality
        With its proof, of every kernel within the radius.
    statistics : tuple of ComparedStatistic
    closed_forms : tuple of ComparedForm
    geometries : tuple of ComparedForm
        The same of geometries of reference: conditions with nothing in common, the outputs of the task together and each alone.
    apart : float
        The smallest cosine found between kernels of two networks near the optimum: where it is below what the noise can tell,
        the task leaves the geometry open, and that a recording is compatible says little.
    similarity, similarity_upper : float
        Cosine (centred where the baseline is free) between the recorded kernel and the most similar one of a network near the
        optimum that was found, and a proven bound for all of them.
    nearest_kernel : ndarray, shape (n, n)
        Of that network.
    nearest_network : TwoLayerReLU
    solution : Solution
        The certified optimum.
    seconds : float

    Notes
    -----
    Status: a record of what :func:`relucvx.theory.explain` finds, which says what is certified and what is estimated.
    Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> task = rx.datasets.factorial(2, x2=0.3, rng=0)
    >>> found = rx.theory.explain(np.eye(4), task.Y, inputs=task.X, beta=0.5)
    >>> print(found.verdict, f"{found.least_excess:.3f} {found.similarity_upper:.2f}")
    incompatible 0.072 0.87
    """

    verdict: str
    statement: str
    changes: tuple[str, ...]
    assumptions: tuple[str, ...]
    kernel: Array
    names: tuple[str, ...]
    radius: float
    confidence: float
    delta: float
    baseline: str
    betas: Array
    excesses: Array
    excesses_given: Array
    least_excess: float
    excluded: tuple[tuple[float, float], ...]
    beta: float
    suboptimality: KernelSuboptimality
    statistics: tuple[ComparedStatistic, ...]
    closed_forms: tuple[ComparedForm, ...]
    geometries: tuple[ComparedForm, ...]
    apart: float
    similarity: float
    similarity_upper: float
    nearest_kernel: Array
    nearest_network: Any
    solution: Solution
    seconds: float

    def facts(self) -> dict[str, Any]:
        """The verdict, what would change it, what it rests on."""
        return {
            "verdict": self.verdict, "statement": self.statement, "changes": "; ".join(self.changes),
            "assumptions": "; ".join(self.assumptions), "least_excess": self.least_excess, "delta": self.delta,
            "excluded_strengths": ", ".join(f"{low:.4g} to {high:.4g}" for low, high in self.excluded) or "none",
            "beta": self.beta, "similarity": self.similarity, "similarity_upper": self.similarity_upper, "apart": self.apart,
            "radius": self.radius, "confidence": self.confidence, "baseline": self.baseline,
            "n_conditions": len(self.names), "seconds": self.seconds,
        }  # fmt: skip

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per strength, statistic and closed form: what is recorded, what is certified, and the verdict."""
        for beta, ball, own in zip(self.betas, self.excesses, self.excesses_given, strict=True):
            verdict = INCOMPATIBLE if ball > self.delta else ""
            yield self._row("sub-optimality", f"beta = {beta:.4g}", own, ball, np.nan, float(ball), np.nan, verdict)
        for one in self.statistics:
            yield self._row("statistic", one.name, one.value, one.low, one.high, one.lower, one.upper, one.verdict)
        yield self._row(
            "similarity", "nearest network", self.similarity, np.nan, np.nan, self.similarity, self.similarity_upper, ""
        )
        for kind, forms in (("closed form", self.closed_forms), ("geometry", self.geometries)):
            for form in forms:
                verdict = form.verdict or f"does not apply: {form.fails}"
                yield self._row(kind, form.name, form.similarity, np.nan, np.nan, form.excess, np.nan, verdict)

    @staticmethod
    def _row(*values: Any) -> dict[str, Any]:
        names = ("kind", "name", "recorded", "low", "high", "certified_lower", "certified_upper", "verdict")
        return dict(zip(names, values, strict=True))

    def plot(self, ax: Any = None) -> Any:
        """Draw the certified ranges of statistics that are shares or cosines, with the recorded values; returns the axes."""
        shown = [one for one in self.statistics if max(abs(one.value), abs(one.upper)) <= 1.5] or list(self.statistics)
        rows = [(one.name, one.lower, one.upper, one.value, one.low, one.high) for one in shown]
        names, lower, upper, value, low, high = zip(*rows, strict=True)
        marks = {"recorded": value} if not self.radius else {"recorded": value, "low": low, "high": high}
        return figures.intervals(ax, names, lower, upper, "certified range near the optimum", marks)

    def __repr__(self) -> str:
        return (
            f"Explanation({self.verdict}, sub-optimality >= {self.least_excess:.3g}, delta={self.delta:.3g}, "
            f"similarity {self.similarity:.3f} of at most {self.similarity_upper:.3f})"
        )

    def __str__(self) -> str:
        lines = [self.statement, *(f"{one.name}: {one.verdict}" for one in self.statistics)]
        for one in self.closed_forms:
            if one.applies:
                at = f" (at beta = {', '.join(f'{beta:.3g}' for beta in one.strengths)})" if one.strengths else ""
                lines.append(f"closed form {one.name}: {one.verdict}{at}")
        for one in self.geometries:
            noise = "within the noise" if one.verdict == COMPATIBLE else "not within the noise"
            more = f"sub-optimal by {100 * one.excess:.3g} % or more"
            cost = more if one.excess > self.delta else "not shown to be sub-optimal"
            lines.append(f"geometry {one.name}: {noise} (cosine {one.similarity:.3f}), {cost}")
        lines += [f"what would change it: {change}" for change in self.changes]
        return "\n".join([*lines, *(f"assumed: {one}" for one in self.assumptions)])
