"""Which solver to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relucvx.arrangement import enumerate_patterns
from relucvx.conversion import is_word, shown
from relucvx.deadline import Deadline, Limit, OutOfTime, aside, seconds_left
from relucvx.errors import BackendError, InvalidInputError, explain
from relucvx.network import TwoLayerReLU
from relucvx.program.backend import BACKENDS, CLARABEL, check_backend
from relucvx.program.model import ConvexProgram
from relucvx.program.objective import balanced_objective
from relucvx.program.problem import Problem
from relucvx.program.recovery import recover_network
from relucvx.solver.column_generation import active_set
from relucvx.solver.conic import solve_conic
from relucvx.solver.result import Progress, SolverResult
from relucvx.threads import one_thread_if_small
from relucvx.types import Rng, Status

CONIC_SHARE = 0.7
"""Share of the time that the conic reference may take before the active set is asked instead."""

METHODS = ("auto", "active_set", "conic")


@one_thread_if_small
def solve_problem(
    problem: Problem,
    *,
    method: str = "auto",
    backend: str | None = None,
    tol: float = 1e-6,
    time_limit: Limit = None,
    start: TwoLayerReLU | None = None,
    callback: Callable[[Progress], bool | None] | None = None,
    rng: Rng = 0,
    prove: Callable[..., Any] | None = None,
) -> SolverResult:
    """Run the active set, or the conic reference over all patterns.

    "auto" is the active set: it was at least as fast on every problem measured (benchmarks/solvers.py), and it is the only
    one that does not need all patterns in memory.

    Status: certified numerically, by the certificate and not by the solver.
    Source: [pilanci-ergen-2020], [sahiner-2021].

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.solver import solve_problem
    >>> problem = rx.make_problem([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], beta=1.0)
    >>> solve_problem(problem).network.width
    2
    """
    if not is_word(method, METHODS):
        raise InvalidInputError(explain(f"a solver among {', '.join(METHODS)}", shown(method)))
    if backend is not None:
        _check_backend(method, backend)
    deadline = Deadline.of(time_limit)
    if method == "conic":
        found = _conic(problem, deadline.share(CONIC_SHARE), backend or CLARABEL, callback)
        if found is not None:
            return found  # else the active set makes something of the time left
    return active_set(problem, tol=tol, time_limit=deadline, start=start, callback=callback, rng=rng, prove=prove)


def _check_backend(method: str, backend: Any) -> None:
    """A backend is one of the conic solver's, and can be used; before all patterns are enumerated for it."""
    if not is_word(method, ("conic",)):
        fix = f'solver="conic", backend={backend!r}' if is_word(backend, BACKENDS) else "no backend"
        raise InvalidInputError(
            explain("a backend with the solver that has one", f"solver={method!r}, backend={shown(backend)}", "", fix)
        )
    check_backend(backend)


def _conic(
    problem: Problem, deadline: Deadline, backend: str, callback: Callable[[Progress], bool | None] | None
) -> SolverResult | None:
    """The reference's answer; None when the time is not enough for it."""
    limit = seconds_left(deadline).get("time_limit")
    try:
        program = ConvexProgram(problem, arrangement=enumerate_patterns(problem.inputs, time_limit=deadline))
        # CVXPY neither hears Ctrl-C nor looks at the clock
        out = aside(lambda: solve_conic(program, backend=backend, time_limit=limit), deadline)
    except OutOfTime:
        return None
    except BackendError:
        if deadline.passed():
            return None
        raise
    network = problem.inner(recover_network(program, out.primal))
    seconds, upper = out.compile_seconds + out.solve_seconds, balanced_objective(problem, network)
    # nothing is proven yet: that is left to the certificate
    step = Progress(1, upper, 0.0, 1.0, network.width, len(program.arrangement), float("nan"), seconds, "solved")
    status = Status.INTERRUPTED if callback is not None and callback(step) else Status.CONVERGED
    return SolverResult(network, out.dual, 0.0, status, 1, seconds, [step])
