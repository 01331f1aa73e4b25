"""How fast are exact codes along segments, against sampling them, one segment at a time and many together?

An 8x100 ReLU network on 64 inputs, with torch's default weights and with He's (about twice the regions), and segments
between standard normal points. ``batch`` are the regions of many segments with what changes at each breakpoint, ``matrix``
the same with the matrix of the codes. ``sampled`` asks for the codes at 1000 steps in plain numpy, as fast as we know how;
``dense`` at 32000, a few of the segments; ``folding`` is :func:`relucvx.metrics.folding` with ``method="sampled"``. Sampling
misses regions; how many is printed.
"""

from __future__ import annotations

import itertools
from typing import Any

from harness import arguments, interleave, ratio, save, table

import relucvx as rx

FULL = {"widths": (64, *[100] * 8, 10), "pairs": 1000, "alone": 100, "densely": 8}
QUICK = {"widths": (8, 20, 20, 3), "pairs": 6, "alone": 3, "densely": 2}
STEPS, DENSE = 1000, 32000


def network(widths: tuple[int, ...], kind: str) -> rx.DeepNetwork:
    """Random weights as torch.nn.Linear draws them, or normal with variance 2 / fan-in and small biases."""
    import numpy as np

    rng = np.random.default_rng(0)
    shapes = list(itertools.pairwise(widths))
    if kind == "torch":
        scale = [1 / np.sqrt(s[0]) for s in shapes]
        weights = [a * rng.uniform(-1, 1, s) for a, s in zip(scale, shapes, strict=True)]
        biases = [a * rng.uniform(-1, 1, s[1]) for a, s in zip(scale, shapes, strict=True)]
    else:
        weights = [np.sqrt(2 / s[0]) * rng.standard_normal(s) for s in shapes]
        biases = [0.1 * rng.standard_normal(s[1]) for s in shapes]
    return rx.DeepNetwork(tuple(weights), tuple(biases))


def densely(net: rx.DeepNetwork, start: Any, end: Any) -> int:
    """Regions that DENSE steps find, STEPS of them at a time."""
    parts = DENSE // STEPS
    corners = [start + k / parts * (end - start) for k in range(parts + 1)]
    return 1 + sum(len(sampled_codes(net, a, b)) - 1 for a, b in itertools.pairwise(corners))


def sampled_codes(net: rx.DeepNetwork, start: Any, end: Any) -> Any:
    """Codes at STEPS + 1 points of a segment, without repetition."""
    import numpy as np

    t = np.linspace(0.0, 1.0, STEPS + 1)[:, None]
    H, codes = (1.0 - t) * start + t * end, []
    for weight, bias in zip(net.weights[:-1], net.biases[:-1], strict=True):
        P = H @ weight
        P += bias
        codes.append(P > 0.0)
        H = np.maximum(P, 0.0, out=P)
    together = np.hstack(codes)
    return together[np.concatenate([[True], (together[1:] != together[:-1]).any(axis=1)])]


def measure(kind: str, size: dict[str, Any], repeats: int) -> dict[str, Any]:
    """One row of the table: CPU seconds per segment and their ratios."""
    import numpy as np

    from relucvx.metrics import folding, line_regions

    net = network(size["widths"], kind)
    starts, ends = np.random.default_rng(1).standard_normal((2, size["pairs"], size["widths"][0]))
    few = list(zip(starts[: size["alone"]], ends[: size["alone"]], strict=True))
    line_regions(net, starts[:2], ends[:2])
    timings = interleave(
        {
            "batch": lambda: [line.n_regions for line in line_regions(net, starts, ends)],
            "matrix": lambda: [len(line.codes) for line in line_regions(net, starts, ends)],
            "one": lambda: [line_regions(net, a, b).n_regions for a, b in few],
            "sampled": lambda: [len(sampled_codes(net, a, b)) for a, b in few],
            "dense": lambda: [densely(net, a, b) for a, b in few[: size["densely"]]],
            "folding": lambda: [folding(net, a, b, method="sampled", n_steps=STEPS).r2 for a, b in few],
        },
        repeats,
    )
    if timings["batch"].last[: len(few)] != timings["one"].last:
        raise SystemExit("regions differ between one at a time and together")
    per = {name: [s / len(t.last) for s in t.cpu] for name, t in timings.items()}
    exact, found, dense = (np.array(timings[name].last) for name in ("one", "sampled", "dense"))
    return {
        "weights": kind, "regions": float(np.mean(timings["batch"].last)), "missed": float(1 - found.sum() / exact.sum()),
        "missed_densely": float(1 - dense.sum() / exact[: len(dense)].sum()),
        "batch_milliseconds": 1e3 * float(np.median(per["batch"])),
        "sampled_over_one": ratio(per["sampled"], per["one"]), "sampled_over_batch": ratio(per["sampled"], per["batch"]),
        "sampled_over_matrix": ratio(per["sampled"], per["matrix"]), "dense_over_batch": ratio(per["dense"], per["batch"]),
        "folding_over_one": ratio(per["folding"], per["one"]), "folding_over_batch": ratio(per["folding"], per["batch"]),
        "one_over_batch": ratio(per["one"], per["batch"]),
    }  # fmt: skip


def main() -> None:
    """Print and save the table."""
    args = arguments(__doc__)
    size = QUICK if args.quick else FULL
    rows = [measure(kind, size, args.repeats) for kind in ("torch", "he")]
    headers = [
        "weights", "regions", "missed by sampling", "densely", "batch, CPU ms per segment", "sampled / one", "sampled / batch",
        "sampled / matrix", "densely / batch",
        "folding / one", "folding / batch", "one / batch",
    ]  # fmt: skip
    print(table(headers, [list(row.values()) for row in rows]))
    print(f"\n{save(__file__, args, rows, steps=STEPS, dense=DENSE, **size)}")


if __name__ == "__main__":
    main()
