"""What a hidden kernel costs at least: the front door of certified sub-optimality of a representation."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from relucvx.certificate import KernelCut
from relucvx.certificate.kernels.kernel_cut import MOST_SAMPLES, KernelProgram
from relucvx.certificate.kernels.kernel_range import check_kernel_range
from relucvx.conversion import is_word, shown
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError, UnsupportedError, explain
from relucvx.interrupts import carrying, hurried
from relucvx.kernel.representation import as_kernel
from relucvx.later import later
from relucvx.oracle.clock import clock
from relucvx.program.posing import refuse_bags
from relucvx.program.problem import Problem
from relucvx.solution import Solution
from relucvx.types import Array, ArrayLike, Result
from relucvx.validation import as_positive

figures = later("relucvx.metrics.figures")

Baseline = Literal["kept", "free"]
BASELINES: tuple[Baseline, ...] = ("kept", "free")

NOTHING = 1e-12
"""A centred kernel below this share of the kernel is none: all samples are represented alike."""


@dataclass(frozen=True, repr=False)
class KernelSuboptimality(Result):
    """What every network costs whose hidden kernel is a multiple of a given one, or near it.

    Attributes
    ----------
    lower : float
        No network of any width with such a kernel has an objective below it.
    optimum : float
        The upper bound on p* that ``excess`` is counted from.
    null_value : float
        Objective of the network without neurons. ``lower`` reaches it where no multiple of the kernel is of any use, or
        where no network has such a kernel at all.
    radius : float
    baseline : str
        "kept", or "free" for kernels that are known up to the origin of the features.
    cut : KernelCut or None
        The proof; None where p* alone is what bounds the objective.
    seconds : float

    Notes
    -----
    Status: a record of what :func:`kernel_suboptimality` proves. Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> data = rx.datasets.class_labels([2, 2])
    >>> found = rx.kernel_suboptimality(rx.solve(data.X, data.Y, beta=0.2), np.eye(4))
    >>> print(f"{found.relative:.3f}")  # at least 37 % above the optimum, at any scale
    0.370
    """

    lower: float
    optimum: float
    null_value: float
    radius: float
    baseline: str
    cut: KernelCut | None
    seconds: float

    @property
    def excess(self) -> float:
        """``lower - optimum``: by how much such networks are above p* at least; negative or zero where nothing is proven."""
        return self.lower - self.optimum

    @property
    def relative(self) -> float:
        """``excess / optimum``."""
        return self.excess / self.optimum if self.optimum > 0.0 else math.nan

    @property
    def statement(self) -> str:
        """What is proven, in words."""
        near = f", or within {self.radius:.3g} of one," if self.radius else ""
        origin = " up to the origin of its features" if self.baseline == "free" else ""
        which = f"every network of any width whose hidden kernel is a multiple of K{near}{origin}"
        if self.excess <= 0.0:
            return f"nothing is proven that tells K from an optimum: {which} has objective >= {self.lower:.6g}, as all have"
        return f"{which} has objective >= {self.lower:.6g}, {100.0 * self.relative:.3g} % above the optimum"

    def facts(self) -> dict[str, Any]:
        """The bound, what it is counted from, and the statement."""
        return {
            "lower": self.lower, "excess": self.excess, "relative": self.relative, "optimum": self.optimum,
            "null_value": self.null_value, "radius": self.radius, "baseline": self.baseline, "statement": self.statement,
            "seconds": self.seconds,
        }  # fmt: skip

    def plot(self, ax: Any = None) -> Any:
        """Draw the objectives that such networks can have, beside the optimum; returns the axes."""
        low, high = max(self.lower, self.optimum), max(self.null_value, self.lower, self.optimum)
        marks = {"optimum": [self.optimum], "without neurons": [self.null_value]}
        return figures.intervals(ax, ["K"], [low], [high], "objective", marks)

    def __repr__(self) -> str:
        return (
            f"KernelSuboptimality(lower={self.lower:.8g}, optimum={self.optimum:.8g}, relative={self.relative:.4g}, "
            f"radius={self.radius:.3g}, baseline={self.baseline!r})"
        )

    def __str__(self) -> str:
        return self.statement


def kernel_suboptimality(
    solution: Solution, K: ArrayLike, *, radius: float = 0.0, baseline: Baseline = "kept", time_limit: float = 30.0
) -> KernelSuboptimality:
    """Certified least objective of every network whose hidden kernel is a multiple of K, or near one.

    The networks are of any width, in their own scaling; their kernels are ``s (K + D)`` for some s >= 0 and
    ``||D|| <= radius``. The scale is free, as that of a recording is; s = 0 is the network without neurons.

    Parameters
    ----------
    solution : Solution
        Of :func:`solve`: the problem, and p* from above. Bags of rows and free biases are refused.
    K : array_like, shape (n, n)
        Symmetric: the Gram matrix of a representation of the samples, of a recording for instance. It may have negative
        eigenvalues, as unbiased estimates have.
    radius : float
        In the Frobenius norm and the units of K: the bound then holds for every kernel that near.
    baseline : {"kept", "free"}
        ``"free"`` compares kernels of centred features only: a recording whose neurons have a baseline of their own, or were
        z-scored, says nothing else.
    time_limit : float
        Seconds, about. What is proven until then is returned: the bound on p* itself at least.

    Returns
    -------
    KernelSuboptimality
        ``lower``, ``excess``, ``relative``, and the cut that proves it.

    Raises
    ------
    InvalidInputError
        For something other than a Solution, a K that is not a finite symmetric matrix of the samples, one that is zero (for
        ``baseline="free"`` once centred), a radius that reaches zero, or an unknown baseline.
    UnsupportedError
        For free biases, bags of rows, and more than 24 samples: average them over conditions.

    Notes
    -----
    For a dual point N and a symmetric G with ``||Nᵀ phi(Xw)||² + beta² phi(Xw)ᵀ G phi(Xw) <= beta² ||w||²`` for all w, every
    network has ``P >= -loss*(-N) + beta/2 <G, K>``: weak duality with a price on the kernel. A G that is not negative on the
    kernels in question bounds their P by ``-loss*(-N)``, where N need not be feasible for p*. For whitened inputs and the
    squared loss the best such bound is ``min over s of beta/2 (tr K_Y (beta I + sK)⁻¹ + s cost(K))``, cost(K) >= tr K.

    N and G are found by a semidefinite program over lifted neurons, and proven by the eigenvalues of one matrix. What the
    relaxation loses makes the bound smaller: that a kernel is *not* shown to be sub-optimal is no proof that it is optimal.

    Status: theorem (weak duality), certified numerically (all roundings bounded). Source: [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> task = rx.datasets.factorial(2, x0=1.0, x1=0.3, x2=0.3, rng=0)
    >>> sol = rx.solve(task.X, task.Y, beta=0.5)
    >>> own = rx.kernel_suboptimality(sol, rx.representation_kernel(sol, task.X))
    >>> unstructured = rx.kernel_suboptimality(sol, np.eye(4), radius=0.1)
    >>> print(f"{own.relative:.3f} {unstructured.relative:.3f}")
    -0.000 0.086
    """
    if not isinstance(solution, Solution):
        raise InvalidInputError(
            explain(
                "a Solution", type(solution).__name__, "a bare network has no certificate", "relucvx.solve(X, Y, beta)"
            )
        )
    problem = solution.problem
    check_kernel_range(problem)
    refuse_bags(problem, "the sub-optimality of a kernel")
    n = problem.n_samples
    if n > MOST_SAMPLES:
        raise UnsupportedError(
            explain(
                f"at most {MOST_SAMPLES} samples", f"{n}", "the program has a row for every pair of products of neurons",
                "one sample per condition: relucvx.metrics.condition_averages",
            )
        )  # fmt: skip
    matrix, radius = as_kernel(K, "K", n), as_positive(radius, "radius", allow_zero=True)
    basis = basis_of(baseline, n)
    check_length(matrix, radius, basis)
    limit = clock(time_limit, needed=True)

    def found(left: Deadline) -> KernelSuboptimality:
        began = time.perf_counter()
        return suboptimality_of(solution, KernelProgram(problem), matrix, radius, baseline, left, began)

    with carrying(lambda _: hurried(found)):
        return found(limit)


def suboptimality_of(
    solution: Solution,
    program: KernelProgram,
    K: Array,
    radius: float,
    baseline: Baseline,
    left: Deadline,
    began: float,
) -> KernelSuboptimality:
    """The same of what has been checked."""
    problem: Problem = solution.problem
    basis = basis_of(baseline, len(K))
    # the scale is free: the program sees a kernel of norm one
    unit = float(np.linalg.norm(basis.T @ K @ basis))
    cut = program.cheapest(K / unit, radius / unit, basis, left)
    lower = solution.certificate.lower
    if cut is not None and cut.value <= lower:
        cut = None
    return KernelSuboptimality(
        lower=lower if cut is None else cut.value, optimum=solution.certificate.upper_balanced,
        null_value=problem.null_value(), radius=radius, baseline=baseline, cut=cut, seconds=time.perf_counter() - began,
    )  # fmt: skip


def basis_of(baseline: Any, n: int) -> Array:
    """Orthonormal columns (n, m): what of a kernel is compared.

    Raises
    ------
    InvalidInputError
        For an unknown baseline.
    """
    if not is_word(baseline, BASELINES):
        raise InvalidInputError(explain('baseline "kept" or "free"', shown(baseline), "", 'baseline="free"'))
    if baseline == "kept":
        return np.eye(n)
    return np.asarray(np.linalg.svd(np.ones((1, n)))[2][1:].T)


def check_length(K: Array, radius: float, basis: Array) -> None:
    """Raise unless the kernel is not zero, nor within its radius of it.

    Raises
    ------
    InvalidInputError
        See above.
    """
    size = float(np.linalg.norm(basis.T @ K @ basis))
    if size <= NOTHING * float(np.linalg.norm(K)) or size == 0.0:
        raise InvalidInputError(
            explain("a kernel that tells samples apart", "one that is zero", "all samples are represented alike", "")
        )
    if radius >= size:
        raise InvalidInputError(
            explain(
                f"a radius below the norm of the kernel, {size:.3g}", f"{radius:.3g}",
                "noise as large as the signal: the kernel may be zero", "more trials",
            )
        )  # fmt: skip
