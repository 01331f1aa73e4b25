"""What does training all seeds as one tensor program buy? The same seeds, steps and stopping rule, batched and one by one.

100 networks of width 50 on iris (three one-hot classes, biases everywhere, standardised). Two other ways of going one by
one: autograd and torch.optim (the tests' reference), and the hand-written gradient program called seed by seed. The threads
are torch's own for every contender (``--threads`` overrides); wall seconds are compared, CPU seconds shown beside them.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import ratio, relative, save, table

import relucvx as rx
from relucvx import datasets

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from one_by_one import train_alone

CASES = (("adam", "float32"), ("adam", "float64"), ("lbfgs", "float32"), ("lbfgs", "float64"))


def contenders(data: Any, seeds: int, width: int, options: dict[str, Any]) -> dict[str, Any]:
    """Three ways to train the same networks; each returns the list of runs."""
    common = {"width": width, "bias": "all", **options}

    def train(chosen: Any, how: Any = rx.train) -> list[Any]:
        return list(how(data.X, data.Y, data.beta_hint, seeds=chosen, **common))

    return {
        "batched": lambda: train(range(seeds)),
        "autograd": lambda: train(range(seeds), train_alone),
        "by_hand": lambda: [run for seed in range(seeds) for run in train([seed])],
    }


def measure(data: Any, seeds: int, width: int, options: dict[str, Any], repeats: int) -> dict[str, Any]:
    """Interleaved wall and CPU seconds of every contender, and how far their results differ."""
    ways = contenders(data, seeds, width, options)
    wall: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    runs: dict[str, list[Any]] = {}
    for _ in range(repeats):
        for name, way in ways.items():
            begin, burnt = time.perf_counter(), time.process_time()
            runs[name] = way()
            wall[name].append(time.perf_counter() - begin)
            cpu[name].append(time.process_time() - burnt)
    best = {name: min(run.objective for run in found) for name, found in runs.items()}
    worst = max(relative(a.objective, b.objective) for a, b in zip(runs["batched"], runs["autograd"], strict=True))
    return {
        "autograd_over_batched": ratio(wall["autograd"], wall["batched"]).__dict__,
        "by_hand_over_batched": ratio(wall["by_hand"], wall["batched"]).__dict__,
        "autograd_over_batched_cpu": ratio(cpu["autograd"], cpu["batched"]).__dict__,
        "wall_seconds": {name: statistics.median(values) for name, values in wall.items()},
        "cpu_seconds": {name: statistics.median(values) for name, values in cpu.items()},
        "mean_steps": {name: float(np.mean([run.steps for run in found])) for name, found in runs.items()},
        "statuses": {name: sorted({run.status.name for run in found}) for name, found in runs.items()},
        "best": best,
        "largest_relative_difference": abs(worst),
    }


def main() -> None:
    """Print and save the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few seeds and steps: does the script work?")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300, help="step limit of every run (default 300)")
    parser.add_argument("--threads", type=int, default=None, help="torch threads (default: torch's own choice)")
    parser.add_argument("--cases", nargs="*", default=[f"{a}:{b}" for a, b in CASES], help="optimizer:dtype ...")
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    seeds, steps, repeats = (5, 20, 1) if args.quick else (100, args.steps, args.repeats)
    data = datasets.load("iris", one_hot=True)
    rows = []
    for case in args.cases:
        optimizer, dtype = case.split(":")
        options = {"optimizer": optimizer, "dtype": dtype, "max_steps": steps}
        rx.train(data.X, data.Y, data.beta_hint, width=5, seeds=[0], bias="all", **{**options, "max_steps": 3})
        rows.append({"optimizer": optimizer, "dtype": dtype, **measure(data, seeds, 50, options, repeats)})
        row = rows[-1]
        print(json.dumps(row), flush=True)  # a long run says how far it is
    cells = [
        [
            row["optimizer"], row["dtype"], *(row["wall_seconds"][n] for n in ("batched", "autograd", "by_hand")),
            row["autograd_over_batched"]["median"], row["by_hand_over_batched"]["median"],
            row["autograd_over_batched_cpu"]["median"], row["largest_relative_difference"],
        ]
        for row in rows
    ]  # fmt: skip
    headers = [
        "optimizer",
        "dtype",
        "batched, s",
        "autograd, s",
        "by hand, s",
        "ratio",
        "by hand",
        "CPU ratio",
        "differ",
    ]
    print(table(headers, cells))
    args.repeats = repeats
    facts = {"torch": torch.__version__, "threads": torch.get_num_threads(), "machine": platform.machine()}
    print(save(__file__, args, rows, seeds=seeds, width=50, max_steps=steps, **facts))


if __name__ == "__main__":
    main()
