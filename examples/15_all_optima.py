"""Parallelism of every network near the optimum: one value, or any value, by a common mode of the inputs.

Claim tested (arXiv 2510.09816, as its abstract has it): at the global minima of a two-layer ReLU network with weight decay
two binary factors are coded abstractly. Inputs have the kernel I + x1 Y Yᵀ + x2 1 1ᵀ; x2 > 0 is a common mode (a bias, or
inputs that are not centred).

Each bar is a certified range: no network of any width within delta of p* has a parallelism outside. Crosses are networks
that attain their value.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from digits_nets import conclude, given

import relucvx as rx

BETA, X1 = 0.2, 0.4
COMMON = 0.0, 0.1, 0.4
DELTAS = 0.0, 1e-2


def ranges(common, deltas):
    """{(x2, delta): range of the parallelism}, delta as a share of p*."""
    found = {}
    for x2 in common:
        data = rx.datasets.factorial(2, x1=X1, x2=x2)
        solution = rx.solve(data.X, data.Y, BETA, tol=1e-9, time_limit=20)
        for delta in deltas:
            found[x2, delta] = rx.kernel_statistic(
                solution, "parallelism", factors=data.Y, delta=delta * solution.objective
            )
    return found


def draw(found, path):
    """Bars of the ranges, by common mode, one colour for each delta."""
    common, deltas = (sorted({key[k] for key in found}) for k in (0, 1))
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    width = 0.8 / len(deltas)
    for k, delta in enumerate(deltas):
        colour = plt.cm.viridis(0.85 * k / max(len(deltas) - 1, 1))
        at = np.arange(len(common)) + (k - (len(deltas) - 1) / 2) * width
        low, high = (np.array([getattr(found[x2, delta], end) for x2 in common]) for end in ("lower", "upper"))
        label = "all optima" if delta == 0.0 else f"within {delta:g} p*"
        axes.bar(at, np.maximum(high - low, 0.008), width * 0.85, bottom=low, color=colour, label=label)
        for end in ("attained_lower", "attained_upper"):
            axes.plot(at, [getattr(found[x2, delta], end) for x2 in common], "x", color="0.2", markersize=4)
    axes.set_xticks(np.arange(len(common)), [f"{x2:g}" for x2 in common])
    axes.set_xlabel("common mode x2 of the inputs")
    axes.set_ylabel("parallelism")
    axes.set_ylim(-0.5, 1.05)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize="small", frameon=False)
    figure.savefig(Path(path) / "all_optima.png", dpi=150)
    plt.close(figure)


def main():
    """Print the ranges and what they decide, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two inputs, the optima alone")
    parser.add_argument("--plot", metavar="FOLDER", help="write the figure there")
    options = parser.parse_args()
    found = ranges(COMMON[-1:], (0.0,)) if options.quick else ranges(COMMON, DELTAS)
    for (x2, delta), one in found.items():
        print(f"x2 = {x2:<5g} delta = {delta:<7g} parallelism from {one.lower:.4f} to {one.upper:.4f}")
    premises = [(one.upper - one.lower < 1.9, f"a proven range at {key}") for key, one in found.items()]
    at_all = [(x2, one) for (x2, delta), one in found.items() if delta == 0.0]
    claims = [
        (one.lower >= 0.999, f"every optimum is abstract at x2 = {x2:g} ({one.lower:.4f} at least)", True)
        for x2, one in at_all
        if x2 > 0.0
    ]
    claims += [
        (
            abs(one.lower) < 1e-3 and one.attained_lower < 1e-3 and one.attained_upper > 0.999,
            f"without a common mode parallelism is anything ({one.attained_lower:.4f} to {one.attained_upper:.4f} found)",
            True,
        )
        for x2, one in at_all
        if x2 == 0.0
    ]
    conclude(given(premises, claims), options.quick)
    if options.plot:
        Path(options.plot).mkdir(parents=True, exist_ok=True)
        draw(found, options.plot)


if __name__ == "__main__":
    main()
