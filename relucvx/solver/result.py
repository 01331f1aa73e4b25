"""What every solver reports and returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from relucvx.network import TwoLayerReLU
from relucvx.progress import digits
from relucvx.types import Array, Status


@dataclass(frozen=True)
class Progress:
    """What a callback sees after each round; returning True from it stops the solver cleanly.

    Status: a convention (what is known so far). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> seen = []
    >>> sol = rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5, callback=seen.append)
    >>> bool(seen[-1].lower <= sol.objective <= seen[-1].upper * (1 + 1e-9))
    True
    """

    round: int
    upper: float
    lower: float
    rel_gap: float
    neurons: int
    cells: int
    violation: float
    seconds: float
    phase: str

    def bar(self, tol: float) -> tuple[str, float | None]:
        """What a progress bar shows: a text, and the share of the digits asked for that is proven."""
        text = f"round {self.round}, {self.phase}, objective {self.upper:.8g}, {self.neurons} neurons"
        return text, digits(self.rel_gap, tol)


@dataclass
class SolverResult:
    """What a solver hands to the certificate: a network, a dual point, and how it stopped.

    Status: a record of what :func:`solve_problem` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.solver import solve_problem
    >>> found = solve_problem(rx.make_problem([[1.0], [2.0]], [1.0, 2.0], beta=0.5))
    >>> found.status.name, found.network.width, found.dual.shape  # not yet certified
    ('CONVERGED', 1, (2, 1))
    """

    network: TwoLayerReLU
    dual: Array
    lower: float
    status: Status
    rounds: int
    seconds: float
    history: list[Progress] = field(default_factory=list)
    dual_norm_upper: float = float("nan")
    presolve: str = ""
    proof: Any = None
