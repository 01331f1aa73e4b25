"""What does numba buy? The same kernels compiled and interpreted, and what compiling them costs.

Each side runs in a process of its own: compiled with a fresh cache (cold), compiled from that cache, and interpreted
(NUMBA_DISABLE_JIT=1). Every child first does the work once at a tiny size, and times that apart.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import arguments, pinned, ratio, save, table, timed

import relucvx as rx
from relucvx import datasets
from relucvx.oracle import dual_norm


def tasks(n: int) -> dict[str, Callable[[], Any]]:
    """The work that the kernels carry, on n samples of three features."""
    data = datasets.planted(n, 3)
    problem = rx.make_problem(data.X, data.Y, 1.0)
    return {
        "enumeration": lambda: len(rx.enumerate_patterns(data.X)),
        "branch-and-bound": lambda: dual_norm(problem, problem.Y, method="branch_and_bound", n_starts=4).upper,
        "bound by cells": lambda: dual_norm(problem, problem.Y, method="enumeration", n_starts=4).upper,
        "search (64 starts)": lambda: dual_norm(problem, problem.Y, method="spectral", n_starts=64).lower,
    }


def child(n: int, count: int) -> None:
    """Time the tasks in this process and print JSON: first at a tiny size, then ``count`` times in full."""
    out: dict[str, Any] = {"first": {}, "seconds": {}, "values": {}}
    for name, task in tasks(5).items():
        out["first"][name] = timed(task)[1]
    for name, task in tasks(n).items():
        runs = [timed(task) for _ in range(count)]
        out["seconds"][name] = sum(cpu for _, cpu, _ in runs) / count
        out["values"][name] = runs[-1][2]
    print(json.dumps(out))


def run_child(n: int, count: int, cache: str, interpreted: bool) -> dict[str, Any]:
    """Run :func:`child` in a fresh interpreter; without ``cache`` it uses the usual one."""
    env = {**os.environ, **pinned(), "NUMBA_DISABLE_JIT": "1" if interpreted else "0"}
    if cache:
        env["NUMBA_CACHE_DIR"] = cache
    command = [sys.executable, str(Path(__file__).resolve()), "--child", str(n), str(count)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(n: int, repeats: int, fresh: bool = True) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Rows (one per kernel), and the seconds of the first calls: compiling, and loading what was compiled."""
    sides: dict[str, list[dict[str, Any]]] = {"compiled": [], "interpreted": []}
    with tempfile.TemporaryDirectory() as folder:
        cache = folder if fresh else ""
        cold = run_child(n, 1, cache, interpreted=False)
        for _ in range(repeats):
            sides["compiled"].append(run_child(n, 20, cache, interpreted=False))
            sides["interpreted"].append(run_child(n, 1, cache, interpreted=True))
    rows = []
    for name in cold["seconds"]:
        slow, fast = ([run["seconds"][name] for run in sides[side]] for side in ("interpreted", "compiled"))
        values = [sides[side][-1]["values"][name] for side in ("interpreted", "compiled")]
        rows.append({
            "kernel": name, "interpreted_over_compiled": ratio(slow, fast),
            "cold_compile_seconds": cold["first"][name], "cached_load_seconds": sides["compiled"][-1]["first"][name],
            "difference": abs(values[0] - values[1]) / max(abs(values[1]), 1e-300),
        })  # fmt: skip
    total = {
        "cold_compile_seconds": sum(cold["first"].values()),
        "cached_load_seconds": sum(sides["compiled"][-1]["first"].values()),
    }
    return rows, total


def main() -> None:
    """Print and save the table."""
    if sys.argv[1:2] == ["--child"]:
        child(int(sys.argv[2]), int(sys.argv[3]))
        return
    args = arguments(__doc__)
    # A quick run leaves the cache as it is: compiling everything takes most of a minute.
    rows, total = measure(6 if args.quick else 24, args.repeats, fresh=not args.quick)
    headers = ["kernel", "interpreted / compiled", "cold compile, CPU s", "cached load, CPU s", "results differ by"]
    print(table(headers, [list(row.values()) for row in rows]))
    print(
        f"\nAll first calls: {total['cold_compile_seconds']:.1f} CPU s cold, {total['cached_load_seconds']:.2f} cached."
    )
    print(save(__file__, args, rows, **total))


if __name__ == "__main__":
    main()
