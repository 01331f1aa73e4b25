"""The figure of the README: ten networks in training, and the certified bound below all of them.

``python docs/figures/floor.py [FILE]`` draws it again, and beside it the one for dark pages; nothing in it is typed by hand.
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
LIGHT = {"paper": "white", "ink": "black", "run": "#c8641e", "floor": "#8c1d40", "words": "#a24d10"}
DARK = {"paper": "#131416", "ink": "#cfd0d0", "run": "#f19a5b", "floor": "#ff8cac", "words": "#f19a5b"}
"""The colours that the package's own figures have, in both schemes; the paper is that of the pages around."""


def compute() -> tuple:
    """Solve and train."""
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
    return data, lower, runs


def draw(target: Path, colours: dict[str, str], data, lower: float, runs) -> None:
    """One figure in one scheme."""
    figure = Figure(figsize=(6.4, 3.1), layout="constrained", facecolor=colours["paper"])
    ax = figure.subplots()
    ax.set_facecolor(colours["paper"])
    for run in runs:
        ax.plot(np.add(run.history["step"], 1), run.history["objective"], color=colours["run"], lw=1.0, alpha=0.8)
    ax.axhline(lower, color=colours["floor"], lw=1.8)
    above = runs.objectives / lower - 1.0
    style = {"xycoords": "axes fraction", "fontsize": 9}
    proven = f"proven: no network of any width is below {lower:.4f}"
    ax.annotate(proven, (0.03, 0.04), color=colours["floor"], **style)
    said = f"ten networks of width {WIDTH}, Adam:\nthey end {above.min():.1%} to {above.max():.0%} above the bound"
    ax.annotate(said, (0.03, 0.32), color=colours["words"], **style)
    ax.set(xlabel="step + 1", ylabel="objective", xscale="log", yscale="log", xlim=(1, STEPS), ylim=(0.6 * lower, None))
    title = f'{data.n_samples} points on two spirals, beta = {SHARE:g} beta_max, bias "{BIAS}"'
    ax.set_title(title, fontsize=9, loc="left", color=colours["ink"])
    ax.yaxis.set_major_locator(FixedLocator([2, 3, 5, 10, 20, 50, 100]))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.tick_params(which="both", colors=colours["ink"])
    for part in (ax.xaxis.label, ax.yaxis.label):
        part.set_color(colours["ink"])
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_edgecolor(colours["ink"])
    figure.savefig(target, dpi=110)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "floor.png"
    found = compute()
    draw(target, LIGHT, *found)
    draw(target.with_stem(f"{target.stem}_dark"), DARK, *found)
