"""The front doors of three layers in parallel: the best network of branches, and how far a given one is from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Unpack

from relucvx.certificate import Certificate
from relucvx.certificate.parallel import certify_branches, prove_branches
from relucvx.conversion import as_flag
from relucvx.deadline import Deadline
from relucvx.interrupts import carrying, hurried
from relucvx.network.parallel import ParallelReLU, as_parallel
from relucvx.oracle.branches import compile_branches
from relucvx.oracle.clock import clock
from relucvx.program.paths import check_branches
from relucvx.program.posing import ProblemOptions, as_problem
from relucvx.program.problem import Problem
from relucvx.progress import Shown, watched
from relucvx.solution import Certified
from relucvx.solver.iteration_log import IterationLog, last_step, stored
from relucvx.solver.parallel import BranchResult, solve_branches
from relucvx.solver.result import Progress
from relucvx.types import Array, ArrayLike, Rng, Status
from relucvx.validation import as_positive

SOLVER_SHARE = 0.9
"""Share of a time limit that the solver may use, proofs included: the certificate makes its own where there is none."""


@dataclass(frozen=True, repr=False)
class ParallelSolution(Certified):
    """What :func:`solve_parallel` returned.

    Attributes
    ----------
    problem : Problem
    network : ParallelReLU
        Balanced: the inner vectors of a branch are together as long as its outer weight.
    dual : ndarray, shape (n, 1)
        Feasible dual point that attains ``certificate.lower``.
    objective : float
        Objective of ``network`` (the certificate's upper bound).
    status : Status
        How the algorithm stopped; what is proven is in ``certificate``.
    certificate : Certificate
    stats : dict
        Rounds, seconds, the tolerance asked for, and the rows of ``history``.

    Notes
    -----
    Status: a record of what :func:`solve_parallel` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.solve_parallel([[1.0], [2.0]], [1.0, 2.0], beta=0.5)
    >>> print(f"{found.objective:.4f} {found.network!r} {found.dual.shape}")  # √2 relu(x) at a price of 0.5
    0.3411 ParallelReLU(1 -> 1 branches of 2 -> 1) (2, 1)
    """

    problem: Problem
    network: ParallelReLU
    dual: Array
    objective: float
    status: Status
    certificate: Certificate
    stats: dict[str, Any]

    @property
    def size(self) -> dict[str, int]:
        """Branches."""
        return {"branches": self.network.n_branches}

    def __repr__(self) -> str:
        return (
            f"ParallelSolution(objective={self.objective:.10g}, status={self.status.name}, "
            f"rel_gap={self.certificate.rel_gap:.2g}, branches={self.network.n_branches})"
        )

    def __str__(self) -> str:
        return f"{self.status.name}: {self.status.help}\n{self.network!r}\n{self.certificate}"


def solve_parallel(
    X: ArrayLike | Problem,
    Y: ArrayLike | None = None,
    beta: float | None = None,
    *,
    tol: float = 1e-4,
    time_limit: float | None = None,
    callback: Callable[[Progress], bool | None] | None = None,
    progress: Shown = "auto",
    verbose: bool = False,
    rng: Rng = 0,
    **options: Unpack[ProblemOptions],
) -> ParallelSolution:
    """Global optimum of parallel branches of three ReLU layers, with the norm of their paths as penalty, and a proof.

    ``min over K and weights of loss(F) + beta Σ_k |v_k| sqrt(Σ_j s_kj² (||u_kj||² + b_kj²))`` with
    ``F = Σ_k v_k relu(Σ_j s_kj relu(X u_kj + b_kj))``, j = 1, 2: each of the K branches has two inner neurons of its own.

    Parameters
    ----------
    X : array_like, shape (n, d), or Problem
    Y : array_like, shape (n,)
        One output.
    beta : float
        Strength of the penalty, relative to a loss summed over samples (the squared loss carries 1/2).
    loss, sample_weight
        As in :func:`relucvx.solve`.
    bias : {"none", "hidden", "all"} or bool
        "hidden": the inner neurons have biases, which count in the norm; "all": the output has one as well, at
        ``beta/2 b²``. Free biases are refused.
    activation : "relu"
    tol : float
        Relative gap to prove.
    time_limit : float, optional
        Seconds; the best certified result so far is returned when they run out.
    callback : callable, optional
        Receives a ``Progress`` after each step; returning True stops.
    progress, verbose
        As in :func:`relucvx.solve`.
    rng : None, int or Generator
        Only the path to the answer depends on it.

    Returns
    -------
    ParallelSolution

    Raises
    ------
    UnsupportedError
        For several outputs, other activations, bags of rows and free biases.
    InvalidInputError
        For data or options outside what is described here.

    Notes
    -----
    This is not plain weight decay of a three-layer network, which has no such convex form: weight decay prices a branch at
    ``3/2 (|v| Σ_j |s_j| ||u_j||)^(2/3)``, which is concave in its size, and a dense second layer shares its inner neurons.
    The number of inner neurons of a branch is part of the problem: with more of them the optimum is lower.

    Proofs divide a sphere of twice as many dimensions as there are inputs, biases included: up to three inputs to tight
    gaps, up to five at all, and beyond that the bound is a spectral one.

    Status: certified numerically. Source: [ergen-pilanci-2023], [wang-2021], [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> x, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 0.0, 0.0]
    >>> found = rx.solve_parallel(x, y, beta=0.01, bias="hidden")
    >>> two = rx.solve(x, y, beta=0.01, bias="hidden")  # two layers pay more for the same tent
    >>> print(f"{found.status.name}: {found.objective:.4f} < {two.objective:.4f}")
    CONVERGED: 0.0263 < 0.0481
    """
    problem = as_problem(X, Y, beta, **options)
    tol, deadline = as_positive(tol, "tol", fix="tol=1e-4"), clock(time_limit, compile_branches)
    check_branches(problem)
    found: BranchResult | None = None

    def certified(result: BranchResult, limit: Deadline) -> ParallelSolution:
        certificate = certify_branches(
            problem, result.network, result.dual, tol=tol, time_limit=limit, proof=result.proof
        )
        return _solution(problem, result, certificate, tol)

    # Ctrl-C: the best of the solver, with what can be proven in a hurry
    def rescue(inner: BranchResult | None) -> ParallelSolution | None:
        best = inner or found
        return None if best is None else hurried(lambda limit: certified(_interrupted(best), limit))

    log = IterationLog(callback) if as_flag(verbose, "verbose") else None
    with carrying(rescue), watched("solving", progress, log or callback, tol, quiet=log is not None) as told:
        found = solve_branches(
            problem, prove=prove_branches, tol=tol, time_limit=deadline.share(SOLVER_SHARE), callback=told, rng=rng
        )
        solution = certified(found, deadline.for_proof())
    return solution if log is None else log.ended(solution)


def _interrupted(result: BranchResult) -> BranchResult:
    result.status = Status.INTERRUPTED
    return result


def _solution(problem: Problem, found: BranchResult, certificate: Certificate, tol: float) -> ParallelSolution:
    """Join what the solver found with what the certificate proved; the latter decides CONVERGED."""
    status = found.status
    if status is not Status.INTERRUPTED and certificate.rel_gap <= tol:
        status = Status.CONVERGED
    elif status is Status.CONVERGED:
        status = Status.STALLED
    stats = {
        "rounds": found.rounds,
        "seconds": found.seconds,
        "tol": tol,
        "history": stored(
            found.history,
            last_step(
                found.history, found.rounds, certificate, found.network.n_branches, found.seconds + certificate.seconds
            ),
        ),
    }
    return ParallelSolution(problem, found.network, certificate.dual, certificate.upper, status, certificate, stats)


def certify_parallel(
    network: ParallelReLU | ParallelSolution | Any,
    X: ArrayLike | Problem,
    Y: ArrayLike | None = None,
    beta: float | None = None,
    *,
    dual: Array | None = None,
    tol: float = 1e-4,
    time_limit: float | None = 60.0,
    callback: Callable[[object], bool | None] | None = None,
    progress: Shown = "auto",
    **options: Unpack[ProblemOptions],
) -> Certificate:
    """Prove how far parallel branches of three layers, from any trainer, are from the best ones of any number.

    Parameters
    ----------
    network : ParallelReLU, ParallelSolution, DeepNetwork or torch module
        A module ``Linear → ReLU → Linear → ReLU → Linear`` of one output whose second layer has at most two weights that are
        not zero behind each outer neuron, and no biases there. What it is charged is the norm of its paths, whatever weight
        decay it was trained with.
    X, Y, beta, loss, bias, sample_weight
        The problem, as in :func:`solve_parallel`: a :class:`relucvx.Problem`, or what it is made of.
    dual : ndarray, shape (n, 1), optional
        A dual point to use instead of the network's own residual (for instance ``solution.dual``).
    tol : float
        Relative gap at which refinement stops.
    time_limit : float or None
        Seconds for the oracle; the bound stays valid when they run out.
    callback, progress
        As in :func:`relucvx.certify`.

    Returns
    -------
    Certificate
        ``upper >= p* >= lower``.

    Raises
    ------
    UnsupportedError, InvalidInputError
        As :func:`solve_parallel`; for networks of another shape.

    Notes
    -----
    Status: theorem (weak duality), certified numerically. Source: [ergen-pilanci-2023], [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> x, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 0.0, 0.0]
    >>> net = rx.ParallelReLU([[[1.0], [2.0]]], [[1.0, -1.0]], [1.0], bias_in=[[0.0, -2.0]])  # fits exactly
    >>> proof = rx.certify_parallel(net, x, y, beta=0.01, bias="hidden", dual=rx.solve_parallel(x, y, 0.01, bias="hidden").dual)
    >>> print(f"{proof.upper:.4f}, at least {proof.lower:.4f}")
    0.0300, at least 0.0263
    """
    solution = network if isinstance(network, ParallelSolution) else None
    branches = as_parallel(network if solution is None else solution.network)
    problem = as_problem(X, Y, beta, **options)
    tol, limit = as_positive(tol, "tol"), clock(time_limit, compile_branches)

    def proven(limit: Deadline, told: Callable[[object], bool | None] | None = None) -> Certificate:
        return certify_branches(problem, branches, dual, tol=tol, time_limit=limit, callback=told)

    with carrying(lambda _: hurried(proven)), watched("certifying", progress, callback, tol) as told:
        return proven(limit, told)
