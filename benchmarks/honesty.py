"""How often does a tool report success when the verifier says no?

Small problems (squared loss, one output, all patterns within reach) in kinds that occur in use: plain, repeated and collinear
rows, columns of unequal units, everything in tiny or huge units, weak and strong regularisation. Each tool runs as its
documentation shows, with its defaults, and answers with a network and what it says of itself. The verifier scores the
network by the objective and holds it against the largest lower bound on the optimum that is proven over all patterns,
whoever's network it started from: "no" is more than a share of 1e-3, and in a second column 1e-5, above it. For ours a lower
bound above any network found is counted too.

Said to be a success: ``CONVERGED`` (ours); ``optimal`` (CVXPY); ``success`` (SciPy); no ``ConvergenceWarning``
(scikit-learn). pyscnn returns a model and says nothing of success; it is asked with ``--peer-python`` only, and its answer
counts as said.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cvxpy as cp
import numpy as np
from harness import arguments, save, table, warm_up

import relucvx as rx
from relucvx.network import TwoLayerReLU
from relucvx.program.atoms import ConvexPrimal
from relucvx.program.objective import balanced_objective
from relucvx.program.problem import Problem

LEVELS = (1e-3, 1e-5)
WIDTH = 64
Answer = tuple[TwoLayerReLU | None, bool]
"""The network, and whether the tool calls it a success; no network where it raised an error."""


# ---------------------------------------------------------------------- problems
def plain(rng: np.random.Generator) -> tuple[Any, Any]:
    """Normal data and a planted teacher with noise."""
    n, d = int(rng.integers(8, 15)), int(rng.integers(2, 4))
    X, W = rng.standard_normal((n, d)), rng.standard_normal((3, d))
    return X, np.maximum(X @ W.T, 0.0) @ rng.choice([-1.0, 1.0], 3) + 0.1 * rng.standard_normal(n)


def repeated(rng: np.random.Generator) -> tuple[Any, Any]:
    """Rows that occur twice, opposite and multiples of each other."""
    X, y = plain(rng)
    X[1], X[3], X[5] = X[0], -X[2], 2.0 * X[4]
    return X, y


def collinear(rng: np.random.Generator) -> tuple[Any, Any]:
    """A column that is the sum of others, to a millionth."""
    X, y = plain(rng)
    X[:, -1] = X[:, :-1].sum(axis=1) + 1e-6 * rng.standard_normal(len(X))
    return X, y


def units(rng: np.random.Generator) -> tuple[Any, Any]:
    """One column in units a million times smaller."""
    X, y = plain(rng)
    X[:, 0] *= 1e6
    return X, y


def tiny(rng: np.random.Generator) -> tuple[Any, Any]:
    """Inputs and targets of the order 1e-5."""
    X, y = plain(rng)
    return 1e-5 * X, 1e-5 * y


def huge(rng: np.random.Generator) -> tuple[Any, Any]:
    """Inputs and targets of the order 1e5."""
    X, y = plain(rng)
    return 1e5 * X, 1e5 * y


KINDS: dict[str, tuple[Callable[[np.random.Generator], tuple[Any, Any]], float]] = {
    "plain": (plain, 0.05),
    "repeated rows": (repeated, 0.05),
    "collinear columns": (collinear, 0.05),
    "unequal units": (units, 0.05),
    "tiny units": (tiny, 0.05),
    "huge units": (huge, 0.05),
    "weak": (plain, 1e-5),
    "strong": (plain, 0.9),
}
"""How data are drawn, and beta as a share of beta_max."""


# ---------------------------------------------------------------------- tools
def ours(problem: Problem) -> Answer:
    """relucvx.solve."""
    solution = rx.solve(problem)
    return solution.network, solution.status.name == "CONVERGED"


def by_cvxpy(problem: Problem, backend: str, arrangement: Any) -> Answer:
    """The convex program over the given patterns, in CVXPY with the backend's defaults."""
    program = rx.ConvexProgram(problem, arrangement=arrangement)
    form = program.to_cvxpy()
    form.problem.solve(solver=backend)
    said = form.problem.status == "optimal"
    if form.positive.value is None or form.negative.value is None:
        return None, said
    primal = ConvexPrimal(form.positive.value.T.copy(), form.negative.value.T.copy())
    return rx.recover_network(program, primal), said


def clarabel(problem: Problem) -> Answer:
    """CVXPY with CLARABEL over all patterns."""
    return by_cvxpy(problem, "CLARABEL", rx.enumerate_patterns(problem.inputs))


def scs(problem: Problem) -> Answer:
    """CVXPY with SCS over all patterns."""
    return by_cvxpy(problem, "SCS", rx.enumerate_patterns(problem.inputs))


def sampled(problem: Problem) -> Answer:
    """CVXPY with CLARABEL over 20 sampled patterns: most published code samples."""
    return by_cvxpy(problem, "CLARABEL", rx.sample_patterns(problem.inputs, 20, rng=0))


def lbfgs(problem: Problem) -> Answer:
    """SciPy's L-BFGS-B on the weights of a wide network, written from the definition."""
    from scipy.optimize import minimize

    X, y, d = problem.X, problem.Y[:, 0], problem.n_features
    rng = np.random.default_rng(0)
    start = np.concatenate([rng.standard_normal(WIDTH * d) / np.sqrt(d), rng.standard_normal(WIDTH) / np.sqrt(WIDTH)])

    def value(t: Any) -> tuple[float, Any]:
        W, v = t[: WIDTH * d].reshape(WIDTH, d), t[WIDTH * d :]
        Z = X @ W.T
        H = np.maximum(Z, 0.0)
        r = H @ v - y
        back = (np.outer(r, v) * (Z > 0)).T @ X
        gradient = np.concatenate([back.ravel(), H.T @ r]) + problem.beta * t
        return 0.5 * float(r @ r) + 0.5 * problem.beta * float(t @ t), gradient

    found = minimize(value, start, jac=True, method="L-BFGS-B")
    return TwoLayerReLU(found.x[: WIDTH * d].reshape(WIDTH, d), found.x[WIDTH * d :], scalar_output=True), bool(
        found.success
    )


def sklearn(problem: Problem) -> Answer:
    """scikit-learn's MLPRegressor with lbfgs and its default steps: free biases, alpha = beta."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        model = MLPRegressor(hidden_layer_sizes=(WIDTH,), alpha=problem.beta, solver="lbfgs", random_state=0)
        model.fit(problem.X, problem.Y[:, 0])
    said = not any(issubclass(w.category, ConvergenceWarning) for w in heard)
    (W, V), (b, c) = model.coefs_, model.intercepts_
    return TwoLayerReLU(W.T, V[:, 0], bias_in=b, bias_out=c, scalar_output=True), said


TOOLS: dict[str, tuple[Callable[[Problem], Answer], str]] = {
    "relucvx": (ours, "none"),
    "CVXPY, CLARABEL, all patterns": (clarabel, "none"),
    "CVXPY, SCS, all patterns": (scs, "none"),
    "CVXPY, CLARABEL, 20 sampled patterns": (sampled, "none"),
    "SciPy L-BFGS-B, width 64": (lbfgs, "none"),
    "scikit-learn MLPRegressor, lbfgs, width 64": (sklearn, "free"),
}
"""How a tool is asked, and the biases of the problem that it can be asked."""


def with_peer(python: Path) -> Callable[[Problem], Answer]:
    """pyscnn in an interpreter of its own."""
    from against_pyscnn import MAX_NEURONS, run_peer

    return lambda problem: (run_peer(python, problem, "exact", MAX_NEURONS)["network"], True)


# ---------------------------------------------------------------------- verdicts
FAILURES = (ValueError, ArithmeticError, RuntimeError, np.linalg.LinAlgError, cp.SolverError, rx.RelucvxError)


def asked(tool: Callable[[Problem], Answer], problem: Problem) -> Answer:
    """The tool's answer; an error or a number that is none is a failure that was said."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network, said = tool(problem)
    except FAILURES as error:  # a tool that raises did not report success
        print(f"{type(error).__name__}: {str(error)[:100]}", file=sys.stderr)
        return None, False
    finite = network is not None and all(np.isfinite(a).all() for a in (network.weights_in, network.weights_out))
    return (network if finite else None), said


def verdicts(kind: str, seed: int, tools: dict[str, tuple[Callable[[Problem], Answer], str]]) -> list[dict[str, Any]]:
    """One draw: a row for each tool, and for ours whether its bound lies above a network."""
    draw, share = KINDS[kind]
    X, y = draw(np.random.default_rng(seed))
    rows = []
    for bias in dict.fromkeys(bias for _, bias in tools.values()):
        problem = rx.make_problem(X, y, share * rx.beta_max(X, y, bias=bias)[0], bias=bias)
        answers = {name: asked(tool, problem) for name, (tool, one) in tools.items() if one == bias}
        reference = rx.solve(problem)
        values = {name: balanced_objective(problem, net) for name, (net, _) in answers.items() if net is not None}
        proofs = [
            rx.certify(net, problem, method="enumeration").lower for net, _ in answers.values() if net is not None
        ]
        proofs.append(rx.certify(reference, problem, dual=reference.dual, method="enumeration").lower)
        lower, least = max(proofs), min([reference.objective, *values.values()])
        for name, (_, said) in answers.items():
            above = values[name] / lower - 1.0 if name in values and lower > 0 else float("inf")
            wrong = name == "relucvx" and reference.certificate.lower > least * (1.0 + 1e-12)
            rows.append({"tool": name, "kind": kind, "seed": seed, "said": said, "above": above, "bound_wrong": wrong})
    return rows


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each tool: how often it said success, how often the verifier says no to that, and where."""
    found = []
    for tool in dict.fromkeys(row["tool"] for row in rows):
        mine = [row for row in rows if row["tool"] == tool]
        said = [row for row in mine if row["said"]]
        wrong = [[row for row in said if row["above"] > level] for level in LEVELS]
        kinds = [f"{kind} {sum(r['kind'] == kind for r in wrong[0])}" for kind in KINDS]
        found.append({
            "tool": tool, "problems": len(mine), "said": len(said), "wrong_1e3": len(wrong[0]), "wrong_1e5": len(wrong[1]),
            "modest": sum(not row["said"] and row["above"] <= LEVELS[1] for row in mine),
            "bounds_wrong": sum(row["bound_wrong"] for row in mine),
            "where": ", ".join(k for k in kinds if not k.endswith(" 0")) or "nowhere",
        })  # fmt: skip
    return found


def main() -> None:
    """Print and save the table; exit with an error where ours said what the verifier denies."""
    args = arguments(
        __doc__,
        ("--draws", {"type": int, "default": 25, "help": "problems of each kind (default 25)"}),
        ("--peer-python", {"type": Path, "default": None, "help": "interpreter that has pyscnn"}),
    )
    warm = warm_up()
    tools = dict(TOOLS)
    if args.peer_python is not None:
        tools["pyscnn, 50 gates"] = (with_peer(args.peer_python), "none")
    kinds, draws = (["plain", "weak"], 1) if args.quick else (list(KINDS), args.draws)
    rows = [row for kind in kinds for seed in range(draws) for row in verdicts(kind, seed, tools)]
    found = summary(rows)
    keys = ("tool", "problems", "said", "wrong_1e3", "wrong_1e5", "modest", "where")
    heads = ["tool", "problems", "said success", "no at 1e-3", "no at 1e-5", "right, not said", "no at 1e-3: where"]
    print(table(heads, [[row[key] for key in keys] for row in found]))
    print(save(__file__, args, found, warm_up_seconds=warm, draws=draws, verdicts=rows))
    lies = [r for r in found if r["tool"] == "relucvx" and (r["wrong_1e3"] or r["wrong_1e5"] or r["bounds_wrong"])]
    if lies:
        raise SystemExit(f"ours said what the verifier denies: {lies}")


if __name__ == "__main__":
    main()
