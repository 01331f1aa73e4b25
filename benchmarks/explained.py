"""What `rx.theory.explain` rests on: coverage of its radius, verdicts on known geometry, no network below its bound.

Simulated recordings: neurons are mixtures of hidden units of a certified optimum, places at random, or of one factor alone.
The bound is that of every network with a given kernel: trained and perturbed networks are asked, none may be below its own.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
from harness import arguments, save, table

import relucvx as rx
from relucvx.program.objective import objective
from relucvx.theory.recordings.recorded import estimate

TRIALS, NOISE = 12, 0.5
GEOMETRIES = ("optimum", "random", "collapsed")
OWN = ("abstract", "random", "collapsed")


def task(d_Y: int) -> Any:
    """An abstract task whose only optimal kernel is the abstract one."""
    return rx.datasets.factorial(d_Y, x0=1.0, x1=0.3, x2=0.3, rng=0)


def features(kind: str, data: Any, neurons: int, rng: np.random.Generator) -> np.ndarray:
    """Places (n, p) of the conditions."""
    if kind == "random":
        return rng.standard_normal((len(data.Y), neurons))
    hidden = rx.solve(data.X, data.Y, 0.5, tol=1e-4, progress=False).network.hidden(data.X)
    if kind == "collapsed":  # by the first factor alone
        hidden = np.column_stack([1.0 + data.Y[:, 0], 1.0 - data.Y[:, 0]])
    return hidden @ rng.standard_normal((hidden.shape[1], neurons))


def recording(places: np.ndarray, data: Any, rng: np.random.Generator) -> rx.Recording:
    """Trials around the places."""
    Z = np.repeat(places, TRIALS, axis=0)
    return rx.Recording(Z + NOISE * rng.standard_normal(Z.shape), factors=np.repeat(data.Y, TRIALS, axis=0))


def coverage(count: int, sampled: bool, neurons: int) -> dict[str, Any]:
    """How often a multiple of the true kernel is within the radius, and a number of it in its interval.

    True is the kernel of these neurons, or of the population that they are drawn from.
    """
    data = task(2)
    hidden = rx.solve(data.X, data.Y, 0.5, progress=False).network.hidden(data.X)
    inside, held = 0, {"functional": 0, "share": 0, "dimension": 0}
    first, basis = np.outer(data.Y[:, 0], data.Y[:, 0]) / 4.0, np.linalg.svd(np.ones((1, 4)))[2][1:].T
    C = basis @ basis.T

    def numbers(K: np.ndarray) -> dict[str, np.ndarray]:
        along, total = np.sum(K * first, axis=(-2, -1)), np.sum(K * C, axis=(-2, -1))
        return {
            "functional": along, "share": along / total, "dimension": total**2 / np.sum((C @ K @ C) ** 2, axis=(-2, -1))
        }  # fmt: skip

    for seed in range(count):
        rng = np.random.default_rng([11, seed])
        mixed = hidden @ rng.standard_normal((hidden.shape[1], neurons))
        truth = neurons * hidden @ hidden.T if sampled else mixed @ mixed.T
        seen = estimate(recording(mixed, data, rng), 100, sampled, rng)
        own, real = basis.T @ seen.kernel @ basis, basis.T @ truth @ basis
        scale = np.sum(own * real) / np.sum(real * real)
        inside += np.linalg.norm(own - scale * real) <= seen.radius(basis, 0.95)
        for name, value in numbers(truth).items():
            _, low, high = seen.interval(lambda K, name=name: numbers(K)[name], 0.95)
            held[name] += low <= value <= high
    shares = {name: hits / count for name, hits in held.items()}
    return {"neurons": neurons, "sampled": sampled, "count": count, "radius": inside / count, **shares}


def verdicts(count: int, d_Y: int, kind: str) -> dict[str, Any]:
    """Verdicts over a band of strengths."""
    data, found, began = task(d_Y), [], time.process_time()
    for seed in range(count):
        rng = np.random.default_rng([13, seed])
        trials = recording(features(kind, data, 60, rng), data, rng)
        found.append(rx.theory.explain(trials, inputs=data.X, n_resamples=60, time_limit=900.0))
    return {"conditions": 2**d_Y, "inputs": "shared", **_told(kind, found, began)}


def own(count: int, kind: str) -> dict[str, Any]:
    """The package's own simulated recordings, whose conditions have nothing in common: the task leaves much open."""
    found, began = [], time.process_time()
    for seed in range(count):
        trials = rx.datasets.recording(kind, n_neurons=50, rng=seed)
        found.append(rx.theory.explain(trials, n_resamples=60, time_limit=900.0))
    return {"conditions": 4, "inputs": "none", **_told(kind, found, began)}


def _told(kind: str, found: list[Any], began: float) -> dict[str, Any]:
    within = [{form.name for form in one.geometries if form.verdict == "compatible"} for one in found]
    return {
        "geometry": kind, "count": len(found),
        **{word: sum(one.verdict == word for one in found) for word in ("compatible", "incompatible", "undecided")},
        "closed_form": sum(any(form.verdict == "compatible" for form in one.closed_forms) for one in found),
        "nothing_in_common": sum("conditions with nothing in common" in names for names in within),
        "left_open": sum("leaves the geometry open" in one.statement for one in found),
        "least_excess": min(one.least_excess for one in found),
        "seconds": (time.process_time() - began) / len(found),
    }  # fmt: skip


def networks(count: int, d_Y: int) -> dict[str, Any]:
    """Networks that were trained, and the same moved, against the bound for every network with their kernel."""
    data, beta = task(d_Y), 0.5
    sol = rx.solve(data.X, data.Y, beta, tol=1e-4, progress=False)
    runs = rx.train(data.X, data.Y, beta, width=2 * 2**d_Y, seeds=range((count + 1) // 2), progress=False)
    known, rng = [run.network for run in runs], np.random.default_rng(0)
    for net in known[: count // 2]:
        size = 10.0 ** rng.uniform(-2.0, 0.0)
        W, V = (A + size * rng.standard_normal(A.shape) for A in (net.weights_in, net.weights_out))
        known.append(rx.TwoLayerReLU(W, V))
    ratios = []
    for net in known:
        bound = rx.kernel_suboptimality(sol, rx.representation_kernel(net, data.X))
        ratios.append(objective(sol.problem, net) / bound.lower)
    return {
        "conditions": 2**d_Y, "count": len(known), "below": sum(ratio < 1.0 for ratio in ratios),
        "least": float(min(ratios)), "median": float(np.median(ratios)), "largest": float(max(ratios)),
    }  # fmt: skip


def main() -> None:
    """Print and save the tables."""
    args = arguments(
        __doc__,
        ("--only", {"default": "", "help": "coverage, networks, own or verdicts"}),
        ("--count", {"type": int, "default": 100, "help": "recordings, or networks, of each kind (default 100)"}),
        ("--verdicts", {"type": int, "default": 20, "help": "recordings of each kind that get a verdict (default 20)"}),
    )
    count, few, rows = 2 if args.quick else args.count, 2 if args.quick else args.verdicts, []
    tables: dict[str, list[Any]] = {
        "coverage": [partial(coverage, count, sampled, neurons) for sampled in (False, True) for neurons in (30, 100)],
        "networks": [partial(networks, count, 2), partial(networks, count, 3)],
        "own": [partial(own, few, kind) for kind in OWN],
        "verdicts": [
            partial(verdicts, few, d_Y, kind) for d_Y in ((2,) if args.quick else (2, 3)) for kind in GEOMETRIES
        ],
    }
    for name, makes in tables.items():
        made = [make() for make in makes] if args.only in name else []
        rows += made
        if made:
            print(table(list(made[0]), [[str(value) for value in row.values()] for row in made]), flush=True)
    print(save(__file__, args, rows))


if __name__ == "__main__":
    main()
