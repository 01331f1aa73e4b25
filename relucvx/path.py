"""Optima along strengths, as they are found: what :func:`relucvx.beta_path` returns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from relucvx.later import later
from relucvx.markup import cut_line, facts_table, rows_table
from relucvx.results import as_frame
from relucvx.solution import Solution

figures = later("relucvx.metrics.figures")


class BetaPath(Iterator[Solution]):
    """An iterator over the certified solutions of a path, which keeps those that it has handed out.

    Nothing is solved before it is asked for; ``to_frame`` and ``plot`` ask for what is left.

    Attributes
    ----------
    solutions : list of Solution
        Those found so far, in the order of the strengths.
    done : bool
        Whether there are no others.

    Notes
    -----
    Status: a record of what :func:`beta_path` finds. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> path = rx.beta_path([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], [5.0, 2.0, 1.0])
    >>> round(next(path).objective, 6), path
    (5.0, BetaPath(1 strength so far, beta = 5))
    >>> path.to_frame()["upper"].round(6).tolist(), path
    ([5.0, 3.2, 1.8], BetaPath(3 strengths, beta = 5 ... 1))
    """

    def __init__(self, ahead: Iterator[Solution]) -> None:
        self._ahead = ahead
        self.solutions: list[Solution] = []
        self.done = False

    def __iter__(self) -> BetaPath:
        return self

    def __next__(self) -> Solution:
        try:
            found = next(self._ahead)
        except StopIteration:
            self.done = True
            raise
        self.solutions.append(found)
        return found

    def records(self) -> Iterable[dict[str, Any]]:
        """What has been found so far, one row for each strength."""
        for sol in self.solutions:
            facts = {"beta": sol.problem.beta, "upper": sol.upper, "lower": sol.lower, "rel_gap": sol.rel_gap}
            yield {**facts, **sol.size, "status": sol.status.name, "seconds": sol.stats["seconds"]}

    def to_frame(self) -> Any:
        """A pandas DataFrame with one row for each strength; what has not been solved yet is."""
        self._finish()
        return as_frame(list(self.records()))

    def plot(self, ax: Any = None) -> Any:
        """Draw objectives and proven bounds over the strengths; what has not been solved yet is. Returns the axes."""
        self._finish()
        ax = figures.axes_or_new(ax)
        order = np.argsort([sol.problem.beta for sol in self.solutions], kind="stable")
        at, upper, lower = (
            np.array([value(self.solutions[k]) for k in order])
            for value in (lambda sol: sol.problem.beta, lambda sol: sol.upper, lambda sol: sol.lower)
        )
        ax.plot(at, upper, "o-", color=figures.COLOURS[0], ms=4, label="upper bound: networks")
        ax.plot(at, lower, "_", color=figures.COLOURS[1], ms=9, mew=1.5, label="lower bound: proofs")
        ax.set(xscale="log", xlabel="strength beta", ylabel="optimum p*(beta)")
        ax.legend(frameon=False, fontsize="small")
        return figures.tidy(ax)

    def _finish(self) -> None:
        for _ in self:
            pass

    def __repr__(self) -> str:
        count, betas = len(self.solutions), [sol.problem.beta for sol in self.solutions]
        ends = "" if not betas else f", beta = {betas[0]:.6g}" + (f" ... {betas[-1]:.6g}" if count > 1 else "")
        so_far = "" if self.done else " so far"
        return cut_line(f"BetaPath({count} strength{'s' if count != 1 else ''}{so_far}{ends})")

    def _repr_html_(self) -> str:
        facts = {
            "strengths": len(self.solutions),
            "done": self.done,
            **({"last": self.solutions[-1]} if self.solutions else {}),
        }
        return facts_table("BetaPath", facts) + rows_table("found so far", self.records())
