"""Whether an optimum is the only one: what that rests on, piece by piece, and what is missing where it stays open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from relucvx.certificate.certificate import Certificate
from relucvx.certificate.optima.active_directions import ActiveSet
from relucvx.certificate.optima.optima import Optima
from relucvx.certificate.optima.polytope import DEPENDENT, Polytope
from relucvx.program.problem import Problem
from relucvx.types import Explained

INDEPENDENT = 1e-6
"""Smallest singular value of the normalised atoms that counts as independence, well above rounding (1e-15)."""

SHARP = 1e-8
"""Relative gap up to which directions count as active rather than nearly so, and two networks as two optima."""

USED = 1e-6
"""Share of the largest coefficient above which one belongs to a neuron."""

MARGIN = 1.1
"""The smallest singular value must be this many times what the distance from the optimum's directions can take off it."""


class Uniqueness(Explained):
    """Whether the optimum is unique, up to the order and the free rescaling of neurons.

    Status: certified numerically (UNIQUE, NOT_UNIQUE); UNDECIDED says nothing. Source: [mishkin-pilanci-2023].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.optimal_set(rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5))
    >>> found.verdict is rx.Uniqueness.UNIQUE
    True
    >>> rx.Uniqueness.UNDECIDED.help
    'neither could be shown; the reason and the next step are given'
    """

    UNIQUE = "one optimum: no other direction can be active, and the atoms are linearly independent"
    NOT_UNIQUE = "a second optimum with the same objective is given"
    UNDECIDED = "neither could be shown; the reason and the next step are given"


@dataclass(frozen=True)
class Evidence:
    """What is known of the optima of a problem; ``fixed_fit``: whether all of them have one fit."""

    problem: Problem
    certificate: Certificate
    active: ActiveSet
    polytope: Polytope
    least: float
    found: Optima
    delta: float | None
    fixed_fit: bool

    @property
    def sharp(self) -> bool:
        """Whether two networks can be told from one by their objectives."""
        return self.certificate.rel_gap <= SHARP

    @property
    def tighter(self) -> str:
        """What to try where the accuracy is not enough."""
        followed = self.certificate.tolerances.get("tol", 1.0) <= 1e-12
        return (
            "float64 does not decide it."
            if followed
            else "try: relucvx.solve(solution.problem, tol=1e-12, start=solution)."
        )

    @property
    def slack(self) -> float:
        """By how much the smallest singular value may differ between the directions found and those of the optima."""
        if self.active.moves is None:
            return 0.0
        size = np.linalg.norm(self.polytope.atoms[self.polytope.fixed], axis=0)
        return float(np.linalg.norm(self.active.moves / np.where(size > 0, size, 1.0)))

    def needed(self, fit_error: float | None, total: float) -> int:
        """Neurons that the only optimum has for certain: coefficients beyond what an error of the fit and the atoms makes.

        In units of the atoms' lengths, and with ``total`` the sum of its coefficients, c is off by at most the error of the
        fit over the smallest singular value. Where the error is not known, by a share of the largest.
        """
        c = self.found.points[0][: self.polytope.size]
        if fit_error is None or self.active.moves is None:
            return int((c > USED * c.max(initial=0.0)).sum())
        size = np.linalg.norm(self.polytope.atoms[self.polytope.fixed], axis=0)
        off = (fit_error + float(self.active.moves.max(initial=0.0)) * total) / self.least
        return int((c * size > MARGIN * off).sum())

    def decide(self) -> tuple[Uniqueness, str]:
        """Verdict, and what it rests on."""
        # a second optimum is its own proof, whatever else is not known
        second = self.found.second() if self.sharp else None
        if second is not None:
            apart = abs(second[1] - self.found.value)
            return (
                Uniqueness.NOT_UNIQUE,
                f"{self.polytope.size} active directions, their atoms dependent (smallest singular value {self.least:.1e}); "
                f"the second optimum's objective differs by {apart:.1e}.",
            )
        # from here on uniqueness is what is to be shown, and each missing piece is named in the order in which it is needed
        missing = self._accuracy() or self._directions() or self._coefficients()
        if missing:
            return Uniqueness.UNDECIDED, missing
        around = "caps around" if self.active.within is not None else "regions of"
        return (
            Uniqueness.UNIQUE,
            f"outside the {around} {len(self.active.signs)} active directions |N·phi(Xw)| < "
            f"{1 - self.active.separation:.6g} beta; atoms independent (smallest singular value {self.least:.1e}).",
        )

    def _accuracy(self) -> str:
        if self.delta is None:
            return f"the dual of the {self.problem.loss.name} loss does not bound the distance to the optimum."
        if self.found.points:
            return ""
        misfit = self.polytope.misfit(self.polytope.point())
        return (
            f"a network on the active directions found is off the fit by {misfit:.1e} of its norm, or has a larger objective: "
            f"the solution is not accurate enough (rel_gap {self.certificate.rel_gap:.1e}); {self.tighter}"
        )

    def _directions(self) -> str:
        """The polytope is unique over the directions found; are there others?"""
        active = self.active
        if not active.complete:
            also = f": {active.reason}" if active.reason else ""
            if active.continua:
                also += f"; {len(active.continua)} families of active directions were followed"
            return (
                f"it is not proven that no other direction is active{also} (rel_gap {self.certificate.rel_gap:.1e}, "
                f"{self.problem.penalized} dimensions); {self.tighter}"
            )
        if active.ambiguous or active.flat:
            return "a direction touches a wall on which the dual point vanishes, or its bias is free to move."
        return ""

    def _coefficients(self) -> str:
        least, several = self.least, self.problem.n_weights_out > 1
        if several and not self.fixed_fit:
            return "the dual point does not fix the fit where it may be at an end of what the loss allows."
        if least >= INDEPENDENT and least > MARGIN * self.slack:
            return ""
        kind = "nearly dependent"
        if least <= DEPENDENT:
            looked = (
                "has the same objective to rounding," if self.found.explored else "was found: not all were looked at,"
            )
            kind = f"dependent, but no second network {looked}"
        elif least >= INDEPENDENT:
            kind = f"not shown to be independent where the directions are only known to move them by {self.slack:.1e}"
        hint = "."
        if not self.sharp:
            hint = f"; rel_gap {self.certificate.rel_gap:.1e} leaves candidates that may not be active, {self.tighter}"
        return f"the candidate atoms are {kind} (smallest singular value {least:.1e}){hint}"
