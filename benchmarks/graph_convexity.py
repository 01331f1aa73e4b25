"""How much faster and smaller is our graph convexity than nnconvexity's, on the very same pairs?

The peer (PyPI ``nnconvexity`` 0.1.1) runs in an interpreter of its own, named by ``--peer-python``; imports are not
counted. Both sides are processes of their own, run alternately. The peer draws its pairs from NumPy's global generator,
which is seeded here and replayed, so that every pair is scored by both and the scores are compared one by one.

Seconds are CPU seconds of the public call, graph included. Memory is the growth of the peak resident set during the
call, read the same way on both sides. Labels are 0 to C-1, the only ones the peer handles. ``--quick`` without
``--peer-python`` compares our call with itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness import Timing, arguments, pinned, ratio, save, table

EQUAL = 1e-12
GOALS = {"digits": {"peer_over_ours": 20.0, "peer_over_ours_memory": 1.0}, "wide": {"peer_over_ours_memory": 5.0}}
"""Least ratios asked for: of CPU seconds, and of memory."""

COMMON = """
import json, resource, sys, time
import numpy as np

data, out, limit = np.load(sys.argv[1]), sys.argv[2], int(sys.argv[3])
Z, labels = data["Z"], data["labels"]

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def level():
    # the peak since start may lie in an import; where the kernel allows it, it is set back to what is held now
    try:
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")
    except OSError:
        return peak()
    return float([l for l in open("/proc/self/status") if l.startswith("VmRSS")][0].split()[1]) / 1024

def highest():
    try:
        return float([l for l in open("/proc/self/status") if l.startswith("VmHWM")][0].split()[1]) / 1024
    except OSError:
        return peak()

def measured(call):
    before, wall, cpu = level(), time.perf_counter(), time.process_time()
    result = call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"wall": wall, "cpu": cpu, "megabytes": highest() - before, "resident": highest()}))
    return result
"""

PEER = (
    COMMON
    + """
import nnconvexity.graph as peer

scores, plain = [], peer.compute_paths

def recording(*args):
    scores.append(plain(*args))
    return scores[-1]

peer.compute_paths = recording
np.random.seed(0)
overall, _ = measured(lambda: peer.compute_graph_convexity(Z, labels, max_n_paths=limit))
np.savez(out, scores=np.concatenate(scores), overall=overall / 100)
"""
)

OURS = (
    COMMON
    + """
from relucvx.metrics import graph_convexity
from relucvx.metrics.samples.neighbour_graph import NeighbourGraph, first_path_scores

found = measured(lambda: graph_convexity(Z, labels, n_pairs=limit, rng=0))
draw, pairs = np.random.RandomState(0), []
for name in range(labels.max() + 1):
    members = np.flatnonzero(labels == name)
    total = len(members) * (len(members) - 1)
    i, j = np.divmod(draw.choice(list(range(total)), min(total, limit), replace=False), len(members) - 1)
    pairs.append(members[np.stack([i, j + (j >= i)], axis=1)])
scores = first_path_scores(NeighbourGraph.of(Z, 10, keep_ties=False), labels, np.concatenate(pairs))
np.savez(out, scores=scores, overall=scores.mean())
"""
)


def digits_latents() -> tuple[Any, Any, int]:
    """Hidden layer of a small classifier of scikit-learn's digits, 1797 x 64."""
    import warnings

    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    X, labels = load_digits(return_X_y=True)
    model = MLPClassifier((64,), max_iter=60, tol=0.0, n_iter_no_change=100, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 60 epochs are what we want
        model.fit(X / 16.0, labels)
    return np.maximum(X / 16.0 @ model.coefs_[0] + model.intercepts_[0], 0.0), labels, 5000


def clouds(n: int, p: int, classes: int, limit: int) -> tuple[Any, Any, int]:
    """Overlapping Gaussian classes."""
    import numpy as np

    rng = np.random.default_rng(0)
    labels = np.arange(n) % classes
    centres = 1.5 * rng.standard_normal((classes, p)) / p**0.5 * 4.0
    return rng.standard_normal((n, p)) + centres[labels], labels, limit


PROBLEMS = {"digits": digits_latents, "wide": lambda: clouds(5000, 128, 10, 200)}
QUICK = {"toy": lambda: clouds(120, 8, 3, 50)}


def run(python: Path | str, side: str, problem: tuple[Any, Any, int]) -> tuple[dict[str, float], Any]:
    """One side in a process of its own: its figures, and its score of every pair."""
    import numpy as np

    Z, labels, limit = problem
    with tempfile.TemporaryDirectory() as folder:
        task, answer = Path(folder) / "task.npz", Path(folder) / "answer.npz"
        np.savez(task, Z=Z, labels=labels)
        command = [str(python), "-c", side, str(task), str(answer), str(limit)]
        done = subprocess.run(command, env={**os.environ, **pinned()}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"one side failed:\n{done.stderr}")
        with np.load(answer) as arrays:
            return json.loads(done.stdout.splitlines()[-1]), arrays["scores"]


def measure(name: str, problem: tuple[Any, Any, int], peer: Path | None, repeats: int) -> dict[str, Any]:
    """One row of the table."""
    import numpy as np

    sides: dict[str, tuple[Path | str, str]] = {"ours": (sys.executable, OURS), "peer": (peer or sys.executable, PEER)}
    if peer is None:
        sides["peer"] = (sys.executable, OURS)
    timings = {side: Timing() for side in sides}
    megabytes: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(repeats):
        for side, (python, code) in sides.items():
            figures, scores = run(python, code, problem)
            timings[side].add(figures["wall"], figures["cpu"], scores)
            megabytes[side].append(figures["megabytes"])
    ours, theirs = timings["ours"].last, timings["peer"].last
    return {
        "problem": f"{name} {len(problem[0])}x{problem[0].shape[1]}", "pairs": len(ours),
        "ours_seconds": timings["ours"].seconds, "peer_seconds": timings["peer"].seconds,
        "peer_over_ours": ratio(timings["peer"].cpu, timings["ours"].cpu),
        "ours_megabytes": max(megabytes["ours"]), "peer_megabytes": max(megabytes["peer"]),
        "peer_over_ours_memory": ratio(megabytes["peer"], [max(value, 1.0) for value in megabytes["ours"]]),
        "largest_difference": float(np.abs(ours - theirs).max()),
    }  # fmt: skip


def main() -> None:
    """Print and save the table; exit with an error where scores differ or a goal is missed."""
    args = arguments(
        __doc__,
        ("--peer-python", {"type": Path, "default": None, "help": "interpreter that has nnconvexity"}),
        ("--problems", {"nargs": "*", "choices": list(PROBLEMS), "default": list(PROBLEMS)}),
    )
    if args.peer_python is None and not args.quick:
        raise SystemExit("--peer-python PATH: an interpreter with nnconvexity, see benchmarks/README.md")
    chosen = QUICK if args.quick else {name: PROBLEMS[name] for name in args.problems}
    rows, missed = [], []
    for name, problem in chosen.items():
        row = measure(name, problem(), args.peer_python, args.repeats)
        rows.append(row)
        if row["largest_difference"] > EQUAL:
            missed.append(f"{name}: scores differ by {row['largest_difference']:.1e}")
        for key, goal in GOALS.get(name, {}).items():
            if row[key].median < goal:
                missed.append(f"{name}: {key} {row[key]}, below {goal:g}")
    headers = [
        "problem", "pairs", "ours, CPU s", "peer, CPU s", "peer / ours", "ours, MB", "peer, MB", "peer / ours, memory",
        "largest difference",
    ]  # fmt: skip
    print(table(headers, [list(row.values()) for row in rows]))
    print(f"\n{save(__file__, args, rows)}")
    if missed:
        raise SystemExit("; ".join(missed))


if __name__ == "__main__":
    main()
