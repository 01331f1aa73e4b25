"""Does a limit hold, and is what comes back worth its time? ``time_limit=5`` against 5 s of plain L-BFGS.

Each problem is solved under a limit; the objective is compared with scipy's L-BFGS on a network of width 100 from a random
start, written here from its definition and given the same seconds. ``beta_max`` is asked under a limit of its own.
Wall seconds are what a limit is about: read them on an idle machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from harness import arguments, save, table
from scipy.optimize import minimize

import relucvx as rx
from relucvx.program.problem import Problem

WIDTH = 100
SHARE = 0.02
"""Strength as a share of the largest ||N phi(Xw)|| that a second's search finds."""


def planted(n: int, d: int, noise: float = 0.3, seed: int = 0) -> tuple[Any, Any]:
    """Normal data, a teacher of five neurons and noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    W = rng.standard_normal((5, d)) / np.sqrt(d)
    return X, np.maximum(X @ W.T, 0.0) @ rng.choice([-1.0, 1.0], 5) + noise * rng.standard_normal(n)


def noisy(n: int, d: int, seed: int = 0) -> tuple[Any, Any]:
    """Normal data and targets that are noise."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal(n)


def standardised(X: Any) -> Any:
    """Columns that vary, with mean 0 and variance 1."""
    X = X[:, X.std(axis=0) > 0]
    return (X - X.mean(axis=0)) / X.std(axis=0)


def digits() -> tuple[Any, Any]:
    """1797 x 61, ten outputs."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return standardised(X), np.eye(10)[y]


def breast_cancer() -> tuple[Any, Any]:
    """569 x 30, labels ±1."""
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return standardised(X), 2.0 * y - 1.0


PROBLEMS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "60x2000": lambda: planted(60, 2000),
    "60x2000 noise": lambda: noisy(60, 2000),
    "30000x1": lambda: planted(30_000, 1),
    "20000x2": lambda: planted(20_000, 2),
    "20000x2 noise": lambda: noisy(20_000, 2),
    "20000x50": lambda: planted(20_000, 50),
    "20000x50 noise": lambda: noisy(20_000, 50),
    "digits": digits,
    "breast cancer": breast_cancer,
}
QUICK = {"200x5": lambda: planted(200, 5)}


def plain(problem: Problem, seconds: float, seed: int = 0) -> float:
    """The objective that L-BFGS reaches from a random network of width 100."""
    X, Y, beta = problem.X, problem.Y, problem.beta
    d, c = X.shape[1], Y.shape[1]
    rng = np.random.default_rng(seed)
    start = np.concatenate([rng.standard_normal(WIDTH * d) / np.sqrt(d), 0.1 * rng.standard_normal(WIDTH * c)])
    until, best = time.perf_counter() + seconds, np.inf

    class Late(Exception):
        pass

    def value(t: Any) -> tuple[float, Any]:
        nonlocal best
        if time.perf_counter() > until:
            raise Late
        W, V = t[: WIDTH * d].reshape(WIDTH, d), t[WIDTH * d :].reshape(WIDTH, c)
        Z = X @ W.T
        H = np.maximum(Z, 0.0)
        R = H @ V - Y
        total = 0.5 * float((R * R).sum()) + 0.5 * beta * float(t @ t)
        best = min(best, total)
        back = (R @ V.T) * (Z > 0)
        return total, np.concatenate([(back.T @ X).ravel(), (H.T @ R).ravel()]) + beta * t

    with suppress(Late):
        minimize(value, start, jac=True, method="L-BFGS-B", options={"maxiter": 10**6, "maxfun": 10**6, "ftol": 1e-13})
    return best


def measure(name: str, data: tuple[Any, Any], limit: float, top_limit: float) -> dict[str, Any]:
    """One row of the table."""
    X, Y = data
    began = time.perf_counter()
    lo, hi = rx.beta_max(X, Y, time_limit=top_limit)
    top = time.perf_counter() - began
    beta = SHARE * lo
    began, cpu = time.perf_counter(), time.process_time()
    sol = rx.solve(X, Y, beta, time_limit=limit)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    reference = plain(sol.problem, limit)
    return {
        "problem": name, "beta_max": [lo, hi], "beta_max seconds": top, "seconds": wall, "cpu": cpu,
        "status": sol.status.name, "neurons": sol.network.width, "objective": sol.objective, "plain": reference,
        "ratio": sol.objective / reference, "rel_gap": sol.certificate.rel_gap,
    }  # fmt: skip


def main() -> None:
    args = arguments(
        __doc__,
        ("--limit", {"type": float, "default": 5.0, "help": "seconds for solve (default 5)"}),
        ("--top-limit", {"type": float, "default": 1.0, "help": "seconds for beta_max (default 1)"}),
        ("--problems", {"nargs": "*", "default": None, "help": "only these"}),
    )
    chosen = QUICK if args.quick else {k: v for k, v in PROBLEMS.items() if args.problems is None or k in args.problems}
    rx.solve(*planted(20, 2), 0.1)  # the kernels
    rows = [measure(name, make(), 0.5 if args.quick else args.limit, args.top_limit) for name, make in chosen.items()]
    print(table(
        ["problem", "beta_max s", "seconds", "cpu s", "status", "neurons", "objective", "plain L-BFGS", "ratio", "gap"],
        [
            [
                r["problem"], f"{r['beta_max seconds']:.2f}", f"{r['seconds']:.2f}", f"{r['cpu']:.2f}", r["status"],
                str(r["neurons"]), f"{r['objective']:.8g}", f"{r['plain']:.8g}", f"{r['ratio']:.4f}",
                f"{r['rel_gap']:.2g}",
            ]
            for r in rows
        ],
    ))  # fmt: skip
    print(save(__file__, args, rows))


if __name__ == "__main__":
    main()
