"""The gated relaxation: the convex program without its cone constraints."""

from __future__ import annotations

import numpy as np

from relucvx.arrangement.patterns import Arrangement
from relucvx.errors import UnsupportedError, explain
from relucvx.program.cvxpy_form import CvxpyForm, build
from relucvx.program.model import check_arrangement
from relucvx.program.problem import Problem
from relucvx.types import BoolArray


class GatedRelaxation:
    """The convex program with fixed gates and free vectors: a relaxation, not the network problem.

    ``min loss(Σ_i diag(phi'_i) Xa u_i + b_out) + beta Σ_i ||u_i|| [+ beta/2 b_out²]``

    A gated network, not a ReLU network, attains it. Its value is at most the network's optimum if every pattern is
    present; over some patterns it is neither an upper nor a lower bound.

    Parameters
    ----------
    problem : Problem
        With one output and one read-out.
    arrangement : Arrangement
        Of the augmented inputs.

    Raises
    ------
    UnsupportedError
        For several outputs, and for bags that are read in several ways.
    InvalidInputError
        When the arrangement is not that of the augmented inputs.

    Notes
    -----
    Status: theorem (lower bound over complete arrangements). Source: [mishkin-2022]

    Examples
    --------
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    >>> relaxed = rx.GatedRelaxation(rx.make_problem(X, y, beta=1.0), rx.enumerate_patterns(X))  # gates without cones
    >>> print(f"{relaxed.to_cvxpy().problem.solve(solver='CLARABEL'):.4f} <= 1.8")
    1.8000 <= 1.8
    """

    def __init__(self, problem: Problem, arrangement: Arrangement) -> None:
        check_arrangement(problem, arrangement)
        _check_one_weight(problem)
        self.problem = problem
        self.arrangement = arrangement

    @property
    def patterns(self) -> BoolArray:
        """Patterns (P, n) of the relaxation."""
        return np.asarray(self.arrangement.patterns)

    @property
    def complete(self) -> bool:
        """Whether the value is a lower bound on the network's optimum."""
        return bool(self.arrangement.complete)

    def to_cvxpy(self) -> CvxpyForm:
        """The relaxation in CVXPY; ``negative`` is None because one free block serves both output signs."""
        return build(self.problem, self.patterns, cones=False)

    def lower_bound(self, value: float) -> float:
        """Return the relaxation's value as a lower bound on the network's optimum, if it is one.

        The value comes from a conic backend and carries that backend's tolerance.

        Raises
        ------
        UnsupportedError
            When the arrangement is not complete: the value then bounds nothing.
        """
        if not self.complete:
            raise UnsupportedError(
                explain(
                    "all activation patterns, to call the gated value a lower bound",
                    f"{len(self.patterns)} of them, not known to be all",
                    self.arrangement.doubt,
                    "enumerate_patterns instead of sample_patterns",
                )
            )
        return float(value)


def _check_one_weight(problem: Problem) -> None:
    """Raise unless each neuron has one output weight, so that blocks are vectors."""
    if problem.n_outputs != 1:
        fix = "relucvx.nuclear_norm_bound(problem), which is this relaxation for several outputs"
        raise UnsupportedError(
            explain("Y with one output for the gated relaxation", f"{problem.n_outputs} outputs", "", fix)
        )
    if problem.n_readouts != 1:
        expected = "bags with one read-out (mean, sum, or one weighted sum) for the gated relaxation"
        fix = 'relucvx.solve, which handles several read-outs without it, or pooling="mean"'
        raise UnsupportedError(explain(expected, f"{problem.n_readouts} read-outs", "", fix))
