"""What the solver asks about a dual point, and whom: the oracle on its own problem, or the certificate on the stated one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from relucvx.arrangement import Arrangement
from relucvx.deadline import Deadline
from relucvx.oracle import dual_norm
from relucvx.oracle.dual_norm_bound import cells_for_proofs
from relucvx.program.duality import scale_dual
from relucvx.program.presolve import Reduction
from relucvx.program.problem import Problem
from relucvx.types import Array, Rng

Callback = Callable[[object], bool | None]


@dataclass(frozen=True)
class Answer:
    """Bounds on the dual norm of the point asked about, in the units of the solver's problem.

    Attributes
    ----------
    norm, reached : float
        Upper bound, and a value that is attained.
    witness : (D,) array
        The direction that attains it.
    outcome : str
        "proved", "violated" or "budget".
    lower : float
        Lower bound on the optimum that follows.
    proof : object
        What the certificate made of it; None of the solver's own oracle.
    """

    norm: float
    reached: float
    witness: Array
    outcome: str
    lower: float
    proof: Any = None


class Asked(Protocol):
    """Whoever bounds the dual norm.

    ``share`` is the share of the time left that an answer may take.
    """

    share: float

    def __call__(
        self, N: Array, *, target: float, stop_above: float, deadline: Deadline, callback: Callback | None, rng: Rng
    ) -> Answer:
        """Bound the dual norm of N (n, c) until it is below the target, or above ``stop_above``."""
        ...


class Oracle:
    """The oracle on the solver's own problem, with cells listed once for all questions."""

    share = 1.0

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.arrangement: Arrangement | None = None
        self.asked = False

    def __call__(
        self, N: Array, *, target: float, stop_above: float, deadline: Deadline, callback: Callback | None, rng: Rng
    ) -> Answer:
        """As :class:`Asked`."""
        problem = self.problem
        if not self.asked:
            self.asked, self.arrangement = True, cells_for_proofs(problem, N, deadline)
        bound = dual_norm(
            problem, N, target=target, stop_above=stop_above, arrangement=self.arrangement, n_starts=16, rng=rng,
            time_limit=deadline, callback=callback,
        )  # fmt: skip
        return Answer(bound.upper, bound.lower, bound.witness, bound.outcome, scale_dual(problem, N, bound.upper)[1])


class Delegate:
    """The certificate on the problem as it was stated: what it proves is what will be handed out.

    Parameters
    ----------
    prove : callable
        ``prove(N, target=, stop_above=, deadline=, callback=, rng=)`` on the stated problem.
    stated : Problem
    reduction : Reduction
        From the stated problem to the solver's.
    """

    # what an unfinished proof leaves the certificate spends on dual points that are easier to prove
    share = 0.4

    def __init__(self, prove: Callable[..., Any], stated: Problem, reduction: Reduction) -> None:
        self.prove, self.stated, self.reduction = prove, stated, reduction
        # dual norms are compared with the strengths of their problems
        self.unit = stated.beta / reduction.problem.beta

    def __call__(
        self, N: Array, *, target: float, stop_above: float, deadline: Deadline, callback: Callback | None, rng: Rng
    ) -> Answer:
        """As :class:`Asked`."""
        reduction, unit = self.reduction, self.unit
        proof = self.prove(
            reduction.dual(N), target=target * unit, stop_above=stop_above * unit, deadline=deadline, callback=callback,
            rng=rng,
        )  # fmt: skip
        bound = proof.bound
        lower = (proof.lower - reduction.constant) / reduction.gain
        return Answer(
            bound.upper / unit, bound.lower / unit, self._reduced(bound.witness), bound.outcome, max(0.0, lower), proof
        )

    def _reduced(self, witness: Array) -> Array:
        """A direction of the stated problem as one of the solver's, of unit penalised norm."""
        network = self.stated.network(witness[None], np.ones((1, self.stated.n_weights_out)))
        W = self.reduction.problem.neurons(self.reduction.forward(network))[0][0]
        lead = float(np.linalg.norm(W[: self.reduction.problem.penalized]))
        return np.asarray(W / lead) if lead > 0.0 else W
