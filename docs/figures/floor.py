"""The figure of the README: ten networks in training, and the certified bound below all of them.

``python docs/figures/floor.py [FILE]`` draws it again; nothing in it is typed by hand.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

import relucvx as rx

HERE = Path(__file__).parent
DATA, BIAS, SHARE = "spiral:60", "all", 0.005
WIDTH, SEEDS, STEPS = 16, 10, 3000
RUN, FLOOR = "#c8641e", "#8c1d40"
"""The colours that the package's own figures have."""


def draw(target: Path) -> None:
    """Solve, train and draw."""
    data = rx.datasets.get(DATA)
    beta = SHARE * rx.beta_max(data.X, data.Y, bias=BIAS)[1]
    lower = rx.solve(data.X, data.Y, beta, bias=BIAS).certificate.lower
    runs = rx.train(
        data.X,
        data.Y,
        beta,
        bias=BIAS,
        width=WIDTH,
        seeds=range(SEEDS),
        optimizer="adam",
        max_steps=STEPS,
        record_every=10,
    )
    figure = Figure(figsize=(6.4, 3.1), layout="constrained")
    ax = figure.subplots()
    for run in runs:
        ax.plot(np.add(run.history["step"], 1), run.history["objective"], color=RUN, lw=1.0, alpha=0.8)
    ax.axhline(lower, color=FLOOR, lw=1.8)
    above = runs.objectives / lower - 1.0
    style = {"xycoords": "axes fraction", "fontsize": 9}
    ax.annotate(f"proven: no network of any width is below {lower:.4f}", (0.03, 0.04), color=FLOOR, **style)
    said = f"ten networks of width {WIDTH}, Adam:\nthey end {above.min():.1%} to {above.max():.0%} above the bound"
    ax.annotate(said, (0.03, 0.32), color=RUN, **style)
    ax.set(xlabel="step + 1", ylabel="objective", xscale="log", yscale="log", xlim=(1, STEPS), ylim=(0.6 * lower, None))
    ax.set_title(
        f'{data.n_samples} points on two spirals, beta = {SHARE:g} beta_max, bias "{BIAS}"', fontsize=9, loc="left"
    )
    ax.yaxis.set_major_locator(FixedLocator([2, 3, 5, 10, 20, 50, 100]))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, dpi=110)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "floor.png")
