"""From a recording to a verdict: are these the neurons of a network that is optimal for its task?

Four conditions of two binary factors, whose inputs have a common mode: the abstract geometry is then the only optimal one.
Three recordings of 100 neurons with 24 noisy trials of each condition are written to a table and read again: neurons that mix
the hidden units of a certified optimum, conditions at random places, and conditions coded by the first factor alone.

Claims tested, at every strength of the weight decay from 5 to 50 % of the one from which nothing is learnt:

1. the mixtures of the optimum are compatible, and with the closed form;
2. the random and the collapsed geometry are not those of any network of any width within one per cent of the optimum, whichever
   kernel within the noise is the true one;
3. without inputs, when conditions have nothing in common, the random geometry is compatible as well: the task leaves it open.

Curves are proven lower bounds: of every kernel within the noise (solid), and of the estimate itself (dotted).
"""

import argparse
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from digits_nets import conclude, given

import relucvx as rx

TRIALS, NEURONS, NOISE, DELTA = 24, 100, 0.5, 0.01
FLOOR = 0.2
"""Per cent below which a bound is drawn as none."""
COLOURS = {"optimum": "#1f8a4c", "random": "#d98b00", "collapsed": "#8a5fb0"}


def places(kind, task, rng):
    """Where the conditions are (4, neurons)."""
    if kind == "random":
        return rng.standard_normal((4, NEURONS))
    hidden = rx.solve(task.X, task.Y, 0.5).network.hidden(task.X)
    if kind == "collapsed":
        hidden = np.column_stack([1.0 + task.Y[:, 0], 1.0 - task.Y[:, 0]])
    return hidden @ rng.standard_normal((hidden.shape[1], NEURONS))


def recorded(kind, task, folder):
    """A recording as it comes: a table with a row for each trial, read from its file."""
    rng = np.random.default_rng([0, *kind.encode()])
    Z = np.repeat(places(kind, task, rng), TRIALS, axis=0)
    words = {
        name: np.repeat(np.where(task.Y[:, k] > 0, *pair), TRIALS).tolist()
        for k, (name, pair) in enumerate({"choice": ("right", "left"), "reward": ("high", "low")}.items())
    }
    frame = rx.Recording(Z + NOISE * rng.standard_normal(Z.shape), factors=words).to_frame()
    file = Path(folder) / f"{kind}.csv"
    frame.to_csv(file, index=False)
    return rx.datasets.read_recording(file, factors=list(words), neurons=f"n0-n{NEURONS - 1}")


def asked(kind, task, folder, inputs=True):
    """The explanation; the targets are those of the task, in the order of the recorded conditions."""
    recording = recorded(kind, task, folder)
    signs = {"right": 1.0, "left": -1.0, "high": 1.0, "low": -1.0}
    Y = np.array([[signs[word] for word in condition] for condition in recording.conditions])
    order = [int(np.flatnonzero((row == task.Y).all(axis=1))[0]) for row in Y]
    shared = {"inputs": task.X[order]} if inputs else {}
    return rx.theory.explain(recording, Y, delta=DELTA, time_limit=120.0, **shared)


def draw(found, path):
    """What the geometries cost at every strength, and which geometries of reference they are like."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 3.6), layout="constrained", width_ratios=(1.0, 1.25))
    for kind, one in found.items():
        left.plot(one.betas, np.maximum(100 * one.excesses, FLOOR), "o-", color=COLOURS[kind], label=kind, markersize=4)
        left.plot(one.betas, np.maximum(100 * one.excesses_given, FLOOR), ":", color=COLOURS[kind])
    left.axhline(100 * DELTA, color="0.5", linewidth=0.8)
    left.text(
        left.get_xlim()[1], 100 * DELTA * 1.1, "near the optimum below ", ha="right", fontsize="small", color="0.4"
    )
    left.text(left.get_xlim()[1], FLOOR * 1.1, "nothing is proven ", ha="right", fontsize="small", color="0.4")
    left.plot([], [], "o-", color="0.3", markersize=4, label="all within the noise")
    left.plot([], [], ":", color="0.3", label="the estimate")
    left.set(xscale="log", yscale="log", xlabel="strength beta", ylabel="sub-optimality, at least (%)")
    left.set_title("what such a geometry costs", fontsize="medium")
    names = [form.name for form in next(iter(found.values())).geometries]
    for k, (kind, one) in enumerate(found.items()):
        at = np.arange(len(names)) + 0.22 * (k - 1)
        right.barh(at, [form.similarity for form in one.geometries], 0.2, color=COLOURS[kind], label=kind)
        size = np.linalg.norm(one.kernel - one.kernel.mean(0) - one.kernel.mean(1)[:, None] + one.kernel.mean())
        edge = np.sqrt(1.0 - min(one.radius / size, 1.0) ** 2)
        for y in at:
            right.plot([edge, edge], [y - 0.1, y + 0.1], color="0.1", linewidth=1.5)
    right.set_yticks(np.arange(len(names)), names)
    right.invert_yaxis()
    right.set(xlim=(0.0, 1.02), xlabel="cosine with the recorded kernel")
    right.set_title("what it is like (black: where the noise ends)", fontsize="medium")
    left.legend(*(part[-2:] for part in left.get_legend_handles_labels()), fontsize="small", frameon=False)
    figure.legend(
        *right.get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize="small", frameon=False
    )
    figure.savefig(Path(path) / "recording_to_theory.png", dpi=120)
    plt.close(figure)


def main():
    """Print the verdicts in words and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one recording")
    parser.add_argument("--plot", metavar="FOLDER", help="write the figure there")
    options = parser.parse_args()
    task = rx.datasets.factorial(2, x0=1.0, x1=0.3, x2=0.3, rng=0)
    with tempfile.TemporaryDirectory() as folder:
        found = {kind: asked(kind, task, folder) for kind in (["random"] if options.quick else COLOURS)}
        alone = asked("random", task, folder, inputs=False)
    for kind, one in {**found, "random, without inputs": alone}.items():
        print(f"{kind}: {one.statement}\n")
    premises = [
        (one.radius < 0.9 * np.linalg.norm(one.kernel), f"a kernel above the noise: {kind}")
        for kind, one in found.items()
    ]
    claims = []
    if "optimum" in found:
        one = found["optimum"]
        inside = any(form.verdict == "compatible" for form in one.closed_forms)
        claims.append(
            (
                one.verdict == "compatible" and inside,
                "mixtures of the optimum are compatible, as is the closed form",
                True,
            )
        )
    claims += [
        (
            found[kind].verdict == "incompatible",
            f"the {kind} geometry is at least {100 * found[kind].least_excess:.2g} % above the optimum at every strength",
            True,
        )
        for kind in ("random", "collapsed")
        if kind in found
    ]
    claims.append(
        (
            alone.verdict == "compatible" and "leaves the geometry open" in alone.statement,
            f"without inputs the task leaves the geometry open (cosine of kernels near the optimum {alone.apart:.2f})",
            True,
        )
    )
    conclude(given(premises, claims), options.quick)
    if options.plot:
        Path(options.plot).mkdir(parents=True, exist_ok=True)
        draw(found, options.plot)


if __name__ == "__main__":
    main()
