"""The front doors: the one place where solver and certificate meet.

Every result that leaves this module carries a certificate recomputed by :mod:`relucvx.certificate`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Unpack

from relucvx._api.budget import Budget, interpolation, nothing_yet
from relucvx._api.given import as_posed
from relucvx.arrangement import Arrangement
from relucvx.certificate import Certificate, Prover, certify_network
from relucvx.conversion import as_flag
from relucvx.deadline import Deadline
from relucvx.executors import as_executor, using_executor
from relucvx.interrupts import carrying, hurried
from relucvx.network import PooledReLU, TwoLayerReLU, as_network
from relucvx.oracle.clock import clock
from relucvx.oracle.dual_norm_bound import Method
from relucvx.program.posing import NetworkOptions, ProblemOptions, as_fit, as_problem
from relucvx.program.problem import Problem
from relucvx.program.scale import warned_of_scale
from relucvx.progress import Shown, watched
from relucvx.solution import Solution
from relucvx.solver import (
    IterationLog,
    Progress,
    SolverResult,
    interpolate_problem,
    interpolation_problem,
    solve_problem,
)
from relucvx.threads import using_jobs
from relucvx.tolerances import SOLVE
from relucvx.types import Array, ArrayLike, Rng
from relucvx.validation import as_positive

CertifyCallback = Callable[[object], bool | None]


def solve(
    X: ArrayLike | Problem,
    Y: ArrayLike | None = None,
    beta: float | None = None,
    *,
    tol: float = SOLVE.value,
    time_limit: float | None = None,
    solver: str = "auto",
    backend: str | None = None,
    start: Solution | TwoLayerReLU | Any = None,
    callback: Callable[[Progress], bool | None] | None = None,
    progress: Shown = "auto",
    verbose: bool = False,
    rng: Rng = 0,
    n_jobs: int | None = None,
    executor: Any = None,
    **options: Unpack[ProblemOptions],
) -> Solution:
    """Global optimum of a two-layer network with weight decay, with a proof, for one output or several.

    ``min over widths m and weights of loss(phi(X W_in) W_out) + beta/2 (||W_in||² + ||W_out||²)``

    Several outputs share their neurons: the penalty is the exact atomic norm ``beta Σ_j ||w_j||·||v_j||``, not one norm per
    output.

    Parameters
    ----------
    X : array_like, shape (n, d), or Problem
        A problem from :func:`relucvx.make_problem` comes alone: it holds the targets, the strength and all options. Samples
        that are bags of rows are (n, p, d) with ``pooling``, or all rows (R, d) with ``groups``.
    Y : array_like, shape (n,) or (n, c)
        Targets; labels ±1 for the logistic, hinge and squared hinge losses; for the cross-entropy one-hot rows, rows of the
        simplex, or class labels (n,).
    beta : float
        Weight decay, relative to a loss summed over samples (the squared loss carries 1/2).
    loss : str or Loss
        "squared", "logistic", "hinge", "squared_hinge", "huber" or "cross_entropy".
    bias : {"none", "hidden", "all", "free"} or bool
        Which biases the network has and whether they are decayed; False and True mean "none" and "all".
    activation : str, pair of floats or Activation
        "relu", "leaky_relu", "abs", "linear", or slopes (slope_neg, slope_pos).
    sample_weight : array_like, shape (n,), optional
    pooling : {"mean", "sum", "flatten"} or array_like, shape (K, p), optional
        How a sample reads the neurons on its rows (patches of an image, nodes of a graph, time steps).
    groups : array_like of int, shape (R,), optional
        The sample of each row, for bags of unequal size.
    tol : float
        Relative gap to prove.
    time_limit : float, optional
        Seconds; the best certified result so far is returned when they run out.
    solver : {"auto", "active_set", "conic"}
        "auto" is the active set; "conic" hands all patterns to CVXPY, the reference for small problems.
    backend : {"CLARABEL", "SCS", "MOSEK"}, optional
        Of ``solver="conic"``, which takes CLARABEL by itself. MOSEK needs its package and a licence.
    start : Solution, TwoLayerReLU, torch module or fitted MLP of scikit-learn, optional
        Warm start; a saved Solution resumes.
    callback : callable, optional
        Receives a ``Progress`` after each step; returning True stops with the best certified result so far.
    progress : {"auto", True, False}
        A bar in a terminal or a notebook: by default once the work takes more than two seconds; nothing in files and pipes.
    verbose : bool
        Print a line per step: round, phase, upper and lower bound, relative gap, neurons, cells, seconds. They are kept in
        ``solution.history``.
    rng : None, int or Generator
        Only the path to the answer depends on it.
    n_jobs : int, optional
        Threads of long proofs; None for all cores. The answer does not depend on it.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Runs parts of long proofs in other processes or on other machines, in place of the threads of this one. What is lost
        with a worker is done again: the bound holds whatever happens there.

    Returns
    -------
    Solution

    Raises
    ------
    InvalidInputError
        For data or options outside what is described here.
    MissingPackageError, LicenseError
        For ``backend="MOSEK"`` without its package, or without a licence.

    Notes
    -----
    Ctrl-C ends the work and leaves as :class:`relucvx.Interrupted`, so that a loop around the call ends too; its ``result``
    is the best certified solution so far (status INTERRUPTED). A second Ctrl-C forgoes the second that its proof takes.

    Status: certified numerically. Source: [pilanci-ergen-2020], [sahiner-2021], [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]  # y = |x|
    >>> sol = rx.solve(X, y, beta=1.0)
    >>> print(f"{sol.status.name}: {sol.objective:.6f} with {sol.network.width} neurons, {sol.certificate.scope.name}")
    CONVERGED: 1.800000 with 2 neurons, ALL_PATTERNS
    >>> rx.solve(rx.make_problem(X, y, beta=1.0)).objective == sol.objective  # the same, posed once
    True
    """
    elsewhere, problem = as_executor(executor), as_problem(X, Y, beta, **options)
    warned_of_scale(problem, problem.beta)
    log = IterationLog(callback) if as_flag(verbose, "verbose") else None
    with using_jobs(n_jobs), watched("solving", progress, log or callback, tol, quiet=log is not None) as told:
        found = solve_posed(problem, tol, time_limit, solver, start, told, rng, elsewhere, backend)
    return found if log is None else log.ended(found)


def solve_posed(
    problem: Problem,
    tol: float,
    time_limit: float | None,
    solver: str,
    start: Any,
    callback: Callable[[Progress], bool | None] | None,
    rng: Rng,
    executor: Any = None,
    backend: str | None = None,
) -> Solution:
    """The certified solution of a problem that has been checked."""
    budget, first = Budget(problem, tol, time_limit), _start_network(problem, start)
    found: SolverResult | None = None

    # Ctrl-C: the best of the solver, else the start, else nothing, with what can be proven in a hurry
    def rescue(inner: SolverResult | None) -> Solution:
        best = inner or found or nothing_yet(problem, first)
        return Solution.build(problem, best, budget.rescued(problem, best), budget.tol)

    # what is saved in a hurry is proven here, not elsewhere
    with carrying(rescue), using_executor(executor):
        found = solve_problem(
            problem,
            method=solver,
            backend=backend,
            tol=budget.tol,
            time_limit=budget.for_solver(),
            start=first,
            callback=callback,
            rng=rng,
            prove=Prover(problem),
        )
        return Solution.build(problem, found, budget.certified(problem, found), budget.tol)


def _start_network(problem: Problem, start: Any) -> TwoLayerReLU | None:
    """A warm start as a network of the problem's shape (errors say what does not fit)."""
    if start is None:
        return None
    network = (
        start.network
        if isinstance(start, Solution)
        else as_network(start, activation=problem.activation, like=problem.X)
    )
    return problem.inner(dataclasses.replace(network, scalar_output=problem.scalar_output))


def interpolate(
    X: ArrayLike | Problem,
    Y: ArrayLike | None = None,
    *,
    tol: float = SOLVE.value,
    time_limit: float | None = None,
    callback: Callable[[Progress], bool | None] | None = None,
    progress: Shown = "auto",
    verbose: bool = False,
    rng: Rng = 0,
    **options: Unpack[NetworkOptions],
) -> Solution:
    """Network of least norm that fits the data exactly: the limit beta -> 0+ of :func:`solve`, with a proof.

    ``min Σ_j ||w_j||·||v_j|| [+ ||b_out||²/2 for bias "all"]  subject to  F = Y``; hidden biases count in ||w_j|| for
    "hidden" and "all", no bias is penalised for "free".

    Parameters
    ----------
    X : array_like, shape (n, d), or Problem
        Of a :class:`relucvx.Problem` the strength, the loss and the weights play no part. Samples that are bags of rows
        come as in :func:`solve`.
    Y : array_like, shape (n,) or (n, c)
    bias, activation, pooling, groups, tol, time_limit, callback, progress, verbose, rng
        As in :func:`solve`.

    Returns
    -------
    Solution
        ``objective`` is the norm. Its problem is the exact-penalty form the proof is about: beta = 1 and the absolute
        loss with weight K on every sample, whose optimum is the interpolating one. ``stats["residual"]`` is
        max_i |F_i - Y_i|, and what is left of it after rounding is priced at K in ``objective``.
        ``certificate.lower`` holds whatever K is. When the search ends before a network interpolates, the status says
        why and ``objective`` is inf.

    Raises
    ------
    InfeasibleError
        When no network of any width fits Y, naming the rows at fault.
    InvalidInputError
        For data or options outside what is described here.

    Notes
    -----
    Several outputs share their neurons: ``||v_j||`` is the Euclidean norm of all output weights of a neuron.

    Status: certified numerically. Source: [pilanci-ergen-2020], [sahiner-2021], [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]  # y = |x|
    >>> sol = rx.interpolate(X, y)
    >>> round(sol.objective, 6), sol.network.predict(X).round(6).tolist()  # two neurons, each of norm 1
    (2.0, [2.0, 1.0, 1.0, 2.0])
    """
    data = warned_of_scale(as_fit(X, Y, **options))
    budget = Budget(data, tol, time_limit)
    found: tuple[Problem, SolverResult] | None = None

    # Ctrl-C: a network that fits, if there is one yet, and else the empty one
    def rescue(inner: tuple[Problem, SolverResult] | None) -> Solution:
        exact, best = inner or found or (interpolation_problem(data, 1.0), nothing_yet(data, None))
        return interpolation(data, exact, best, budget.rescued(exact, best), budget.tol)

    log = IterationLog(callback) if as_flag(verbose, "verbose") else None
    bar = watched("interpolating", progress, log or callback, budget.tol, quiet=log is not None)
    with carrying(rescue), bar as told:
        found = interpolate_problem(data, tol=budget.tol, time_limit=budget.for_solver(), callback=told, rng=rng)
        solution = interpolation(data, *found, budget.certified(*found), budget.tol)
    return solution if log is None else log.ended(solution)


def certify(
    network: TwoLayerReLU | PooledReLU | Solution | Any,
    X: ArrayLike | Problem,
    Y: ArrayLike | None = None,
    beta: float | None = None,
    *,
    dual: Array | None = None,
    tol: float = SOLVE.value,
    method: Method = "auto",
    arrangement: Arrangement | None = None,
    time_limit: float | None = 60.0,
    callback: CertifyCallback | None = None,
    progress: Shown = "auto",
    n_jobs: int | None = None,
    executor: Any = None,
    **options: Unpack[ProblemOptions],
) -> Certificate:
    """Prove how far a network, from any trainer, is from the global optimum of the stated problem.

    Parameters
    ----------
    network : TwoLayerReLU, Solution, torch module or fitted MLP of scikit-learn
        Our own, or any module that :func:`relucvx.from_torch` reads; scaled and unbalanced ones are fine. A module
        ``Conv → ReLU → pooling by mean or Flatten → Linear`` is certified on the images as they are: filters are its neurons.
        An MLPClassifier or MLPRegressor with one hidden layer comes with the X and y that it was fitted to: its own loss, its
        labels and ``bias="free"`` are meant, and without ``beta`` its own ``alpha``
        (:func:`relucvx.program.conventions.from_sklearn_alpha`), which the certificate then shows as ``beta``.
    X, Y, beta, loss, bias, sample_weight, pooling, groups
        The problem, as in :func:`solve`: a :class:`relucvx.Problem`, or what it is made of.
    activation : optional
        Defaults to the network's own.
    dual : ndarray, shape (n, c), optional
        A dual point to try before the network's own (for instance ``solution.dual``); what proves more counts.
    tol : float
        Relative gap at which refinement stops.
    method : {"auto", "enumeration", "branch_and_bound", "semidefinite", "spectral"}
        How the dual norm is bounded.
    arrangement : Arrangement, optional
        Patterns to bound over; an incomplete one only yields ``restricted_lower``.
    time_limit : float or None
        Seconds for the oracle; the bound stays valid when they run out.
    callback : callable, optional
        Receives the state of the proof; returning True stops with what is proven so far.
    progress : {"auto", True, False}
        As in :func:`solve`.
    n_jobs : int, optional
        Threads of long proofs; None for all cores. A bound that is reached does not depend on it.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        As in :func:`solve`.

    Returns
    -------
    Certificate
        ``upper >= p* >= lower``.

    Notes
    -----
    Status: theorem (weak duality), certified numerically. Source: [pilanci-ergen-2020]

    Examples
    --------
    >>> import relucvx as rx
    >>> problem = rx.make_problem([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], beta=1.0)
    >>> network = rx.TwoLayerReLU([[1.0], [-1.0]], [1.0, 1.0])  # fits exactly, which costs more than it saves
    >>> proof = rx.certify(network, problem, dual=rx.solve(problem).dual)
    >>> print(f"{proof.upper:.6f}, of which at most {proof.rel_gap:.1%} can be saved")
    2.000000, of which at most 10.0% can be saved
    """
    network, X, Y, beta = as_posed(network, X, Y, beta, options)
    data = X.X if isinstance(X, Problem) else X
    net = network.network if isinstance(network, Solution) else as_network(network, like=data)
    # what the network is decides, unless the problem says otherwise
    if not isinstance(X, Problem) and options.get("activation") is None:
        options["activation"] = net.activation
    problem = as_problem(X, Y, beta, **options)
    warned_of_scale(problem, problem.beta)
    inner = problem.inner(net)
    tol, limit = as_positive(tol, "tol"), clock(time_limit)

    def proven(limit: Deadline, callback: CertifyCallback | None = None) -> Certificate:
        def at(point: Array | None, limit: Deadline) -> Certificate:
            return certify_network(
                problem,
                inner,
                point,
                tol=tol,
                method=method,
                arrangement=arrangement,
                time_limit=limit,
                callback=callback,
            )

        if dual is None:
            return at(None, limit)
        # a point of a search that was cut short may prove less than the network's own does: it is to help, and no more
        found = at(dual, limit.share(0.5))
        return found if found.rel_gap <= tol else max(found, at(None, limit), key=lambda proof: proof.lower)

    elsewhere = as_executor(executor)
    bar = watched("certifying", progress, callback, tol)
    with using_jobs(n_jobs), carrying(lambda _: hurried(proven)), using_executor(elsewhere), bar as told:
        return proven(limit, told)
