"""From a table of trials to every split of its conditions, each beside its chance level.

Two recordings of the same task are simulated and written to .csv files, as one would get them from a laboratory: a row for each
trial, with three variables of two values and the activity of 40 neurons. One codes the variables abstractly, the other has
its eight conditions at random places. Read again, the variables and most of the 35 balanced splits are decoded above chance
from either, so decoding says little about the geometry; generalisation and parallelism say it, against conditions at random
places (the geometric random model of "The geometry of abstraction in the hippocampus and prefrontal cortex", Bernardi et al.
2020).
"""

import argparse
import tempfile
from pathlib import Path

import relucvx as rx

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--quick", action="store_true", help="few draws, which decide nothing")
parser.add_argument("--plot", type=Path, metavar="FOLDER", help="write the figure there")
options = parser.parse_args()

folder, draws = Path(tempfile.mkdtemp()), 4 if options.quick else 99
tables = {}
for kind in ("abstract", "random"):
    simulated = rx.datasets.recording(kind, n_trials=96, n_neurons=40, n_factors=3, rng=0)
    simulated.to_frame().to_csv(folder / f"{kind}.csv", index=False)

    recording = rx.datasets.read_recording(folder / f"{kind}.csv", factors=list(simulated.factors), neurons="n0-n39")
    table = rx.metrics.dichotomies(recording, n_permutations=draws, rng=0, progress=False)
    tables[kind] = table
    coded = int((table.p_values("decoding", corrected=True) <= 0.05).sum())
    print(f"{kind}: {coded} of {table.n_total} splits are decoded above chance, all corrected for their number")
    columns = ["split", "decoding", "ccgp", "ccgp_corrected_p", "parallelism", "parallelism_corrected_p"]
    print(table.to_frame()[columns].head(7).round(2).to_string(index=False), end="\n\n")

factors = slice(0, 3)
found = {kind: table.p_values("parallelism", corrected=True) <= 0.05 for kind, table in tables.items()}
assert options.quick or found["abstract"][factors].all()
assert options.quick or not found["random"].any()
if not options.quick:
    print("the three variables are abstract in the one, and no split is in the other")

if options.plot:
    from matplotlib.figure import Figure

    options.plot.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(11, 11), layout="constrained")
    for axes, (kind, table) in zip(figure.subplots(1, 2, sharex=True), tables.items(), strict=True):
        table.plot(axes)
        axes.set_title(kind, loc="left", fontsize=10)
        if kind != "abstract":
            axes.set_yticklabels([])
    figure.savefig(options.plot / "recordings.png", dpi=100)
