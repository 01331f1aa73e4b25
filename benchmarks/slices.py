"""How fast is an exact planar slice, against a plain splitter that cuts polygon after polygon?

The peer is the test suite's reference (``tests/metrics/regions/splitter.py``): for every layer, every polygon is cut by each
neuron in turn, its preactivations by one small matrix product per polygon and layer. Ours also measures the regions,
multiplies out their maps and finds the decision boundary. Both must find the same codes, as often.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from harness import arguments, interleave, ratio, save, table, timed

from relucvx.metrics import SliceRegions, slice_regions
from relucvx.network import DeepNetwork

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from metrics.regions.splitter import float_regions, layers_of, torch_regions

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


def convolutional(name: str) -> tuple[Any, tuple[int, ...]]:
    """LeNet-5 with mean pooling, or VGG-11 at its full width, with torch's own initial weights."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    if name == "LeNet-5":
        first = [
            nn.Conv2d(1, 6, 5, padding=2),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(),
            nn.AvgPool2d(2),
        ]
        last = [nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
        return nn.Sequential(*first, *last).double().eval(), (1, 28, 28)
    layers, channels = [], 3
    for width in (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()] if width else [nn.AvgPool2d(2)]
        channels = width or channels
    layers += [nn.Flatten(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)]
    return nn.Sequential(*layers).double().eval(), (3, 32, 32)


def measure_images(name: str, spread: float, repeats: int) -> dict[str, Any]:
    """A row for a convolutional network on a triangle of this size around an image of noise."""
    import torch

    torch.set_num_threads(1)
    net, shape = convolutional(name)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1, *shape)) + spread * rng.standard_normal((3, *shape))
    found = slice_regions(net, X, route="running")
    flat = found.to_plane(X.reshape(3, -1))

    def plain() -> Any:
        with torch.no_grad():
            return torch_regions(list(net), found.origin, found.axes, flat, shape)

    timings = interleave({"ours": lambda: slice_regions(net, X, route="running"), "plain": plain}, repeats)
    x, y = flat.T
    area = 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))
    call = f"m.slice_regions(m.convolutional('{name}')[0], m.triangle('{name}', {spread}), route='running')"
    return {
        "network": f"{name}, triangle", "regions": found.n_regions, "per_layer": list(found.per_layer),
        "ours_seconds": timings["ours"].seconds, "plain_seconds": timings["plain"].seconds,
        "plain_over_ours": ratio(timings["plain"].cpu, timings["ours"].cpu),
        "same_codes": len(timings["plain"].last) == found.n_regions, "area_error": abs(found.areas.sum() / area - 1.0),
        "peak_gigabytes": peak(call),
    }  # fmt: skip


def triangle(name: str, spread: float) -> np.ndarray:
    """The corners of :func:`measure_images`."""
    shape = convolutional(name)[1]
    rng = np.random.default_rng(0)
    return np.asarray(rng.standard_normal((1, *shape)) + spread * rng.standard_normal((3, *shape)))


def peak(call: str) -> float:
    """Peak memory, in GB, of a process that imports this script as ``m`` and makes a call."""
    return float(told(f"{call}; print({PEAK})"))


PEAK = "int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) / 1e6"
"""Of this program alone: what getrusage says goes on from the process that has started it, with the plain splitter's memory."""


def told(code: str) -> str:
    """The last line that a process prints which imports this script as ``m``."""
    code = f"import json, slices as m; {code}"
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, check=True, text=True
    ).stdout
    return out.splitlines()[-1]


def measure_alone(name: str, call: str, area: float) -> dict[str, Any]:
    """A row for a slice with very many regions, or of a wide network, once, in a process of its own; the plain splitter, which
    holds the values at the corners of every polygon, is not run."""
    warm = "m.slice_regions(m.network(0, [2, 4, 4, 2]), m.BOX)"
    row = json.loads(told(f"{warm}; print(json.dumps({{**m.once(lambda: {call}), 'peak_gigabytes': {PEAK}}}))"))
    return {
        "network": name, **row, "plain_seconds": None, "plain_over_ours": None, "same_codes": None,
        "area_error": abs(row.pop("area") / area - 1.0),
    }  # fmt: skip


def once(call: Any) -> dict[str, Any]:
    """What is known of a slice, and what it took."""
    wall, cpu, found = timed(call)
    return {
        "regions": found.n_regions, "per_layer": list(found.per_layer), "ours_seconds": cpu, "ours_wall_seconds": wall,
        "area": float(found.areas.sum()),
    }  # fmt: skip


def triangle_area(X: np.ndarray) -> float:
    """The area of a triangle in any dimension."""
    one, other = X.reshape(3, -1)[1:] - X.reshape(3, -1)[0]
    return float(0.5 * np.sqrt((one @ one) * (other @ other) - (one @ other) ** 2))


def main() -> None:
    """Print and save the table."""
    args = arguments(__doc__, ("--dense", {"action": "store_true", "help": "dense networks of some thousand regions only"}),
                     ("--images", {"action": "store_true", "help": "convolutional networks only"}),
                     ("--many", {"action": "store_true", "help": "a million regions only"}))  # fmt: skip
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
    some = args.images or args.many
    rows = [] if some else [measure(name, network(0, widths), polygon, args.repeats) for name, widths, polygon in cases]
    every = not (some or args.dense or args.quick)
    if args.images or every:
        rows += [measure_images("LeNet-5", 0.06, args.repeats), measure_images("VGG-11", 0.0005, args.repeats)]
        call = "m.slice_regions(m.convolutional('VGG-11')[0], m.triangle('VGG-11', 0.002), route='running')"
        rows.append(measure_alone("VGG-11, larger triangle", call, triangle_area(triangle("VGG-11", 0.002))))
    if args.many or every:
        call = "m.slice_regions(m.network(0, [2, *[256] * 6, 10]), m.BOX)"
        rows.append(measure_alone("2 -> 6x256 -> 10", call, 100.0))
    headers = [
        "network",
        "regions",
        "ours, CPU s",
        "plain, CPU s",
        "plain / ours",
        "same codes",
        "area off by",
        "peak, GB",
    ]
    keys = [
        "network",
        "regions",
        "ours_seconds",
        "plain_seconds",
        "plain_over_ours",
        "same_codes",
        "area_error",
        "peak_gigabytes",
    ]
    print(table(headers, [[row.get(key) for key in keys] for row in rows]))
    print(f"\nFirst call, loading or compiling the kernels: {warm:.2f} CPU s.")
    print(save(__file__, args, rows, warm_up_seconds=warm))


if __name__ == "__main__":
    main()
