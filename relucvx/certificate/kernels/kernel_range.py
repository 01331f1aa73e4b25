"""What all networks near the optimum have in common: the range of a linear functional of their hidden kernels.

For K = Σ_j phi(Xw_j) phi(Xw_j)ᵀ of a network in its own scaling, and q(w) = phi(Xw)ᵀ M phi(Xw),

    P - ε <K, M> = loss + Σ_j ((β/2 - ε q(w_j/||w_j||)) ||w_j||² + β/2 ||v_j||²),

which is least, for a given product c of the two norms, at c √(β (β - 2 ε q)). So every dual point N with

    ||Nᵀ phi(Xw)||² + 2 ε β q(w) <= β²    for all ||w|| <= 1

has P - ε <K, M> >= -loss*(-N) =: V for every network of any width, and one with P <= p* + δ has <K, M> <= (p* + δ - V)/ε.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.certificate.certificate import Certificate
from relucvx.certificate.kernels.kernel_bound import KernelBound, RangeProgress, Seeker, kernel_value
from relucvx.certificate.kernels.perturbed import Functional
from relucvx.deadline import Deadline
from relucvx.errors import UnsupportedError, explain
from relucvx.later import later
from relucvx.network import PooledReLU, TwoLayerReLU
from relucvx.oracle import compile_kernels
from relucvx.oracle.clock import clock
from relucvx.oracle.signed import compile_signed
from relucvx.program.problem import Problem
from relucvx.threads import one_thread_if_small
from relucvx.types import Array, Result, Scope, resolve_rng

figures = later("relucvx.metrics.figures")


@dataclass(frozen=True, repr=False)
class KernelRange(Result):
    """Certified range of <K, M> over all networks of any width within ``delta`` of the optimum.

    Attributes
    ----------
    lower, upper : float
        Every network with objective at most p* + delta has lower <= <K, M> <= upper.
    attained_lower, attained_upper : float
        The smallest and the largest value of networks that were found; ``attained`` is the pair.
    network_lower, network_upper : TwoLayerReLU, or PooledReLU for bags of rows
        The networks with these values.
    delta : float
    objective : float
        The upper bound on p* that the ends rest on.
    excess : float
        The ends hold for every network whose objective is at most ``objective + excess``: delta, and at delta = 0 the share
        5e-13 of the objective, so that networks found can count.
    matrix : ndarray, shape (n, n)
        M.
    proof_lower, proof_upper : KernelBound
        The dual points that prove the ends.
    problem : Problem
    seconds : float

    Notes
    -----
    Status: a record of what :func:`kernel_range` proves. Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> sol = rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5)
    >>> found = rx.kernel_range(sol, np.eye(2), delta=0.1)
    >>> print(found.lower <= found.attained[0] <= found.attained[1] <= found.upper, found.scope.name)
    True ALL_PATTERNS
    >>> print(found.statement.split(" has ")[0])
    every network of any width with objective at most p* + 0.1
    """

    lower: float
    upper: float
    attained_lower: float
    attained_upper: float
    network_lower: TwoLayerReLU | PooledReLU
    network_upper: TwoLayerReLU | PooledReLU
    delta: float
    objective: float
    excess: float
    matrix: Array
    proof_lower: KernelBound
    proof_upper: KernelBound
    problem: Problem
    seconds: float

    @property
    def attained(self) -> tuple[float, float]:
        """The smallest and the largest value of networks that were found: inside [lower, upper]."""
        return self.attained_lower, self.attained_upper

    @property
    def width(self) -> float:
        """``upper - lower``."""
        return self.upper - self.lower

    @property
    def scope(self) -> Scope:
        """RELAXED where one of the ends rests on a relaxation, else ALL_PATTERNS."""
        both = (self.proof_lower.scope, self.proof_upper.scope)
        return Scope.RELAXED if Scope.RELAXED in both else Scope.ALL_PATTERNS

    @property
    def statement(self) -> str:
        """What is proven, in words."""
        which = "at the optimum" if self.delta == 0.0 else f"with objective at most p* + {self.delta:.6g}"
        return (
            f"every network of any width {which} has {self.lower:.8g} <= <K, M> <= {self.upper:.8g}; "
            f"networks found attain {self.attained_lower:.8g} and {self.attained_upper:.8g}"
        )

    def facts(self) -> dict[str, Any]:
        """The range, the values attained in it, and what it is about."""
        names = (
            "lower",
            "upper",
            "attained_lower",
            "attained_upper",
            "delta",
            "scope",
            "statement",
            "objective",
            "seconds",
        )
        return {name: getattr(self, name) for name in names}

    def plot(self, ax: Any = None) -> Any:
        """Draw the certified range, and the values of networks that were found; returns the axes."""
        found = {"attained, least": [self.attained_lower], "attained, largest": [self.attained_upper]}
        return figures.intervals(ax, ["<K, M>"], [self.lower], [self.upper], "over all networks within delta", found)

    def __repr__(self) -> str:
        return (
            f"KernelRange(lower={self.lower:.8g}, upper={self.upper:.8g}, attained=({self.attained_lower:.8g}, "
            f"{self.attained_upper:.8g}), delta={self.delta:.3g}, scope={self.scope.name})"
        )

    def __str__(self) -> str:
        lines = [self.statement, f"scope {self.scope.name}: {self.scope.help}"]
        for name, proof in (("lower", self.proof_lower), ("upper", self.proof_upper)):
            lines.append(f"{name} end by {proof.method}, epsilon = {proof.epsilon:.3g}, {proof.cones:,} cells or cones")
        return "\n".join(lines)


def check_kernel_range(problem: Problem) -> None:
    """Raise where the range of <K, M> is not bounded, or where nothing bounds it.

    Raises
    ------
    UnsupportedError
        For free biases.
    """
    if problem.bias.is_free:
        raise UnsupportedError(
            explain(
                'biases under weight decay: bias="none", "hidden" or "all"',
                'bias="free"',
                "a neuron of a bias alone costs nothing, whatever it adds to the kernel: no functional of it is bounded",
                'relucvx.solve(X, Y, beta, bias="all")',
            )
        )


@one_thread_if_small
def kernel_range_of(
    problem: Problem,
    network: TwoLayerReLU,
    certificate: Certificate,
    M: Array,
    *,
    delta: float = 0.0,
    time_limit: Deadline | None = None,
    rng: int | np.random.Generator | None = 0,
    told: Callable[[RangeProgress], Any] | None = None,
) -> KernelRange:
    """The range of <K, M> over all networks within ``delta`` of p*; see :func:`relucvx.kernel_range`.

    Notes
    -----
    Status: certified numerically. Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> from relucvx.certificate import kernel_range_of
    >>> sol = rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5)
    >>> found = kernel_range_of(sol.problem, sol.inner, sol.certificate, np.eye(2), delta=0.1)
    >>> print(found.lower < 4.5 < found.upper)  # relu(x) times 0.9: K = 0.9 x xᵀ
    True
    """
    check_kernel_range(problem)
    deadline, began = clock(time_limit, compile_kernels, compile_signed), time.perf_counter()
    objective = certificate.upper_balanced
    seeker = Seeker(problem, network, objective, certificate.lower, delta, resolve_rng(rng), told)
    functional = Functional.of(M)
    # half of the time for one end, what is left for the other
    top = seeker.end(functional, deadline.share(0.5))
    bottom = seeker.end(functional.negative(), deadline)
    found = [(kernel_value(problem, one, M), one) for one in seeker.networks]
    least, most = min(found, key=lambda pair: pair[0]), max(found, key=lambda pair: pair[0])
    low = KernelBound(
        -bottom.value, bottom.epsilon, bottom.dual, bottom.perturbed_lower, bottom.norm, bottom.method, bottom.scope,
        bottom.cones,
    )  # fmt: skip
    return KernelRange(
        lower=low.value, upper=top.value, attained_lower=least[0], attained_upper=most[0],
        network_lower=problem.stated(least[1]), network_upper=problem.stated(most[1]), delta=delta, objective=objective,
        excess=seeker.excess, matrix=M, proof_lower=low, proof_upper=top, problem=problem, seconds=time.perf_counter() - began,
    )  # fmt: skip
