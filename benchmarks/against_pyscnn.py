"""How long until our best network is at least as good as what pyscnn returns?

The peer (PyPI ``pyscnn`` 0.0.10) runs in an interpreter of its own, named by ``--peer-python``; imports are not counted.
It minimises ``||F - Y||²/(2nc) + λ Σ||w_j|| ||v_j||`` with c outputs, each neuron serving one of them (one-vs-all), so
λ = beta/(nc). Two calls: *default*, which divides every column
of X by its norm s_k and so penalises s_k w_k instead of w_k; λ is divided by the mean s_k to undo that (exactly, where
the columns are standardised); and *exact* (``unitize_data=False``), which states our problem. Hidden biases are a
column of ones, without the peer's own bias. Either network is then scored by *our* objective, its neurons rebalanced.

A peer that samples patterns stops at its own optimum; ours goes on to a proof. So the time compared is when our best
network first was at least as good, read off ``stats["history"]`` and scaled from wall to CPU seconds by the share of
CPU that the whole call had. ``--quick`` without ``--peer-python`` runs our side alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from harness import ENOUGH, Ratio, Timing, arguments, pinned, ratio, relative, save, table, timed, warm_up
from problems import pick, solve

FAMILIES = [
    "planted 20x2", "spiral 60x3", "planted 50x3", "planted 100x3", "planted 40x4", "planted 100x5", "iris 150x5",
    "planted 200x10", "diabetes 442x10", "breast cancer 569x30", "iris 150x5, 3 outputs",
]  # fmt: skip
CALLS = ("default", "exact")
MAX_NEURONS = 100
"""The argument pyscnn has no default for: 50 sampled gates, each with both output signs."""

PEER = """
import json, sys, time
import numpy as np
from scnn.optimize import optimize
from scnn.regularizers import NeuronGL1

data, out, call, neurons = np.load(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
X, y, strength = data["X"], data["y"], float(data["beta"]) / data["y"].size
if call == "default":
    strength /= np.linalg.norm(X, axis=0).mean()
wall, cpu = time.perf_counter(), time.process_time()
model, _ = optimize("relu", neurons, X, y, regularizer=NeuronGL1(strength), unitize_data=call == "default")
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
W, V = model.parameters
np.savez(out, W=np.asarray(W, dtype=float), V=np.asarray(V, dtype=float).T)
print(json.dumps({"wall": wall, "cpu": cpu}))
"""


def run_peer(python: Path, problem: Any, call: str, neurons: int) -> dict[str, Any]:
    """Seconds of the peer, and our objective of its network."""
    import numpy as np

    from relucvx.network import TwoLayerReLU
    from relucvx.program.objective import balanced_objective

    with tempfile.TemporaryDirectory() as folder:
        task, answer = Path(folder) / "task.npz", Path(folder) / "answer.npz"
        np.savez(task, X=problem.inputs, y=problem.Y if problem.n_outputs > 1 else problem.Y[:, 0], beta=problem.beta)
        command = [str(python), "-c", PEER, str(task), str(answer), call, str(neurons)]
        done = subprocess.run(command, env={**os.environ, **pinned()}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"the peer failed:\n{done.stderr}")
        seconds = json.loads(done.stdout.splitlines()[-1])
        with np.load(answer) as arrays:
            W, V = arrays["W"], arrays["V"]
    d = problem.n_features
    network = TwoLayerReLU(
        W[:, :d], V, bias_in=W[:, d] if problem.bias == "hidden" else None, scalar_output=problem.n_outputs == 1
    )
    return {**seconds, "objective": balanced_objective(problem, network), "neurons": len(W), "network": network}


def watched(problem: Any, time_limit: float | None) -> tuple[Any, list[tuple[float, float]]]:
    """Our solution, and (CPU seconds, best objective) each time the callback hears of a better one."""
    seen: list[tuple[float, float]] = []
    start = time.process_time()

    def note(progress: Any) -> None:
        if not seen or progress.upper < seen[-1][1]:
            seen.append((time.process_time() - start, progress.upper))

    solution = solve(problem, time_limit=time_limit, callback=note)
    return solution, [*seen, (time.process_time() - start, solution.objective)]


def reached(seen: list[tuple[float, float]], goal: float) -> float:
    """CPU seconds until our best network was at least as good as ``goal``; inf if it never was."""
    return next((seconds for seconds, upper in seen if upper <= goal), float("inf"))


def measure(family: Any, peer: Path | None, repeats: int, neurons: int) -> dict[str, Any]:
    """Everything about one family."""
    problem = family.problem()
    ours = Timing()
    peers: dict[str, list[dict[str, Any]]] = {call: [] for call in CALLS if peer}
    reach: dict[str, list[float]] = {call: [] for call in peers}
    for _ in range(repeats):
        wall, cpu, (solution, seen) = timed(lambda: watched(problem, family.time_limit))
        ours.add(wall, cpu, solution)
        for call, runs in peers.items():
            runs.append(run_peer(Path(peer or ""), problem, call, neurons))
            reach[call].append(reached(seen, runs[-1]["objective"]))
        if cpu > ENOUGH / 4:
            break
    row: dict[str, Any] = {
        "family": family.name, "beta": problem.beta, "seconds": ours.seconds, "objective": solution.objective,
        "rel_gap": solution.certificate.rel_gap, "status": solution.status.name,
        "cpu_seconds_and_best": seen,
    }  # fmt: skip
    for call, runs in peers.items():
        seconds = [run["cpu"] for run in runs]
        row[call] = {
            "seconds": sorted(seconds)[len(seconds) // 2], "objective": runs[-1]["objective"],
            "neurons": runs[-1]["neurons"], "above_ours": relative(runs[-1]["objective"], solution.objective),
            "reached_seconds": sorted(reach[call])[len(reach[call]) // 2],
            "peer_over_reached": ratio(seconds, reach[call]), "peer_over_ours": ratio(seconds, ours.cpu),
        }  # fmt: skip
    return row


def report(rows: list[dict[str, Any]]) -> str:
    """The table, one line for each family and call."""
    lines = []
    for row in rows:
        for call in CALLS:
            if call in row:
                one = row[call]
                lines.append([
                    row["family"], call, one["seconds"], f"{100 * one['above_ours']:+.3g} %", one["reached_seconds"],
                    one["peer_over_reached"], one["peer_over_ours"], row["seconds"], f"{row['rel_gap']:.1e}",
                ])  # fmt: skip
        if not any(call in row for call in CALLS):
            blank = Ratio(*[float("nan")] * 3)
            lines.append(
                [row["family"], "not run", "-", "-", "-", blank, blank, row["seconds"], f"{row['rel_gap']:.1e}"]
            )
    headers = [
        "family", "peer's call", "peer, CPU s", "peer above ours", "ours there, CPU s", "peer / ours there",
        "peer / ours with proof", "ours with proof, CPU s", "our gap",
    ]  # fmt: skip
    return table(headers, lines)


def main() -> None:
    """Run the families, print and save; exit with an error where pyscnn was first."""
    args = arguments(
        __doc__,
        ("--peer-python", {"type": Path, "default": None, "help": "interpreter that has pyscnn"}),
        ("--max-neurons", {"type": int, "default": MAX_NEURONS, "help": "pyscnn's max_neurons (default 100)"}),
        ("--families", {"nargs": "*", "default": FAMILIES}),
    )
    if args.peer_python is None and not args.quick:
        raise SystemExit("--peer-python PATH: an interpreter with pyscnn, see benchmarks/README.md")
    warm = warm_up()
    rows = []
    for family in pick(args.families, args.quick):
        rows.append(measure(family, args.peer_python, args.repeats, args.max_neurons))
        print(report(rows[-1:]).split("\n", 2)[2], file=sys.stderr, flush=True)
    print(report(rows))
    where = save(__file__, args, rows, warm_up_seconds=warm, max_neurons=args.max_neurons)
    print(f"\nJIT warm-up: {warm:.2f} CPU s. {where}")
    late = [f"{r['family']} ({c})" for r in rows for c in CALLS if c in r and not r[c]["peer_over_reached"].median >= 1]
    if late:
        raise SystemExit(f"pyscnn was first on {', '.join(late)}")


if __name__ == "__main__":
    main()
