"""What does starting cost? A first `solve` in a new process, with no kernel compiled and with all of them kept.

Each start is a process of its own that solves 10 samples in the plane; beside it stand what Python, NumPy, numba and
`scipy.optimize` take to load, on which every start rests. CPU seconds are those of the process and of those it starts, wall
seconds are what one waits for: with nothing compiled two processes compile at once, so read them on an idle machine.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from harness import arguments, save, table

SOLVE = (
    "import numpy as np, relucvx as rx; r = np.random.default_rng(0); "
    "rx.solve(r.standard_normal((10, 2)), r.standard_normal(10), 0.1)"
)
STARTS = {
    "Python": "pass",
    "numpy": "import numpy",
    "numpy, numba": "import numpy, numba",
    "numpy, numba, scipy.optimize": "import numpy, numba, scipy.optimize",
    "import relucvx": "import relucvx",
    "a first list of patterns, kernels kept": "import relucvx as rx; rx.enumerate_patterns([[1.0, 2.0], [3.0, 1.0]])",
    "a first solve, kernels kept": SOLVE,
}


def start(code: str, cache: str) -> tuple[float, float]:
    """CPU and wall seconds of a process."""
    # bytecode is kept as it is for everybody, and loaded
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env={**env, "NUMBA_CACHE_DIR": cache}, check=True, capture_output=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def row(what: str, found: list[tuple[float, float]]) -> dict[str, Any]:
    """Medians."""
    cpu, wall = (statistics.median(values) for values in zip(*found, strict=True))
    return {"start": what, "cpu": cpu, "wall": wall, "repeats": len(found), "load": os.getloadavg()[0]}


def main() -> None:
    """Print the table, and save it."""
    args = arguments(
        __doc__, ("--cold", {"type": int, "default": 3, "help": "starts with nothing compiled (default 3)"})
    )
    rows = []
    with tempfile.TemporaryDirectory() as kept:
        if not args.quick:
            cold = []
            for _ in range(args.cold):
                with tempfile.TemporaryDirectory() as empty:
                    cold.append(start(SOLVE, empty))
            rows.append(row("a first solve, nothing compiled", cold))
            for code in STARTS.values():
                start(code, kept)
        starts = {name: STARTS[name] for name in ("Python", "numpy")} if args.quick else STARTS
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in starts}
        for _ in range(args.repeats):
            for name, code in starts.items():
                found[name].append(start(code, kept))
        rows += [row(name, values) for name, values in found.items()]
    print(table(["start", "CPU s", "wall s"], [[r["start"], f"{r['cpu']:.2f}", f"{r['wall']:.2f}"] for r in rows]))
    print(f"\n{save(__file__, args, rows)}")


if __name__ == "__main__":
    main()
