"""How fast is an exact planar slice, against a plain splitter that cuts polygon after polygon?

The peer is the test suite's reference (``tests/metrics/regions/splitter.py``): for every layer, every polygon is cut by each
neuron in turn, its preactivations by one small matrix product per polygon and layer. Ours also measures the regions,
multiplies out their maps and finds the decision boundary. Both must find the same codes, as often.
"""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from harness import arguments, interleave, ratio, save, table, timed

from relucvx.metrics import SliceRegions, slice_regions
from relucvx.network import DeepNetwork

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from metrics.regions.splitter import float_regions, layers_of

BOX = 5.0 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def network(seed: int, widths: list[int]) -> DeepNetwork:
    """Gaussian weights of He's size, biases of standard deviation 0.3."""
    rng = np.random.default_rng(seed)
    weights = tuple(rng.standard_normal(s) * np.sqrt(2 / s[0]) for s in itertools.pairwise(widths))
    return DeepNetwork(weights, tuple(0.3 * rng.standard_normal(w.shape[1]) for w in weights))


def in_the_plane(net: DeepNetwork, found: SliceRegions) -> list[Any]:
    """The hidden layers as functions of plane coordinates, which is what the peer takes."""
    (weight, bias, neg, pos), *rest = layers_of(net)
    return [(found.axes @ weight, found.origin @ weight + bias, neg, pos), *rest]


def measure(name: str, net: DeepNetwork, polygon: np.ndarray, repeats: int) -> dict[str, Any]:
    """One row: regions, seconds of both sides and their ratio, whether the codes agree, and how well areas add up."""
    found = slice_regions(net, polygon)
    flat, layers = found.to_plane(polygon), in_the_plane(net, found)
    timings = interleave(
        {"ours": lambda: slice_regions(net, polygon), "plain": lambda: float_regions(layers, flat)}, repeats
    )
    codes = [Counter(map(tuple, codes.tolist())) for codes in (timings["ours"].last.codes, timings["plain"].last[1])]
    x, y = flat.T
    area = 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))
    return {
        "network": name, "regions": found.n_regions, "per_layer": list(found.per_layer),
        "ours_seconds": timings["ours"].seconds, "plain_seconds": timings["plain"].seconds,
        "plain_over_ours": ratio(timings["plain"].cpu, timings["ours"].cpu), "same_codes": codes[0] == codes[1],
        "area_error": abs(found.areas.sum() / area - 1.0),
    }  # fmt: skip


def main() -> None:
    """Print and save the table."""
    args = arguments(__doc__)
    warm = timed(lambda: slice_regions(network(0, [2, 4, 4, 2]), BOX))[1]
    rng = np.random.default_rng(1)
    cases: list[tuple[str, list[int], np.ndarray]] = [("2 -> 2x32 -> 10", [2, 32, 32, 10], BOX)]
    if args.quick:
        cases = [("2 -> 2x8 -> 3", [2, 8, 8, 3], BOX)]
    else:
        cases += [
            ("2 -> 3x32 -> 10", [2, 32, 32, 32, 10], BOX),
            ("2 -> 4x32 -> 10", [2, 32, 32, 32, 32, 10], BOX),
            ("2 -> 3x64 -> 10", [2, 64, 64, 64, 10], BOX),
            ("784 -> 3x64 -> 10, triangle", [784, 64, 64, 64, 10], 3.0 * rng.standard_normal((3, 784))),
        ]
    rows = [measure(name, network(0, widths), polygon, args.repeats) for name, widths, polygon in cases]
    headers = ["network", "regions", "ours, CPU s", "plain, CPU s", "plain / ours", "same codes", "area off by"]
    keys = ["network", "regions", "ours_seconds", "plain_seconds", "plain_over_ours", "same_codes", "area_error"]
    print(table(headers, [[row[key] for key in keys] for row in rows]))
    print(f"\nFirst call, loading or compiling the kernels: {warm:.2f} CPU s.")
    print(save(__file__, args, rows, warm_up_seconds=warm))


if __name__ == "__main__":
    main()
