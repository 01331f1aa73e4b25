"""Phase diagrams of certified optima: where representations are abstract, and where classes collapse.

Left: factorial inputs of kernel I + x1 Y Yᵀ + x2 11ᵀ. The parallelism of coding directions is 1 as soon as x2 > 0, whatever
x1, and 0 for x2 < 0; at x2 = 0 optima are not unique, and the one found is one of many.
Right: three Gaussian classes. The within-class variability (NC1) of the hidden layer falls with the signal-to-noise ratio.
Every cell is solved and proven by itself. With --cells FOLDER cells are stored as they finish, and not done again.
"""

import argparse
from pathlib import Path

import numpy as np

import relucvx as rx

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--quick", action="store_true", help="few cells")
parser.add_argument("--plot", type=Path, metavar="FOLDER", help="write the figure there")
parser.add_argument("--cells", type=Path, metavar="FOLDER", help="store the cells there")
options = parser.parse_args()


def stored(name):
    """Where the cells of a diagram are kept, if anywhere."""
    if options.cells is None:
        return None
    options.cells.mkdir(parents=True, exist_ok=True)
    return options.cells / f"{name}.jsonl"


x1, x2 = (
    ([0.0, 1.0], [-0.2, 0.0, 0.4])
    if options.quick
    else (np.linspace(0, 1, 6).round(3), np.linspace(-0.2, 0.8, 6).round(3))
)
snr, n = ([0.5, 8.0], [6, 9]) if options.quick else ([0.5, 1.0, 2.0, 4.0, 8.0], [12, 24, 36])

abstract = rx.theory.phase_diagram("factorial", {"x1": x1}, {"x2": x2}, out=stored("factorial"), n_jobs=1)
classes = rx.theory.phase_diagram(
    "classes", {"snr": snr}, {"n": n}, statistic="nc1", bias="hidden", out=stored("classes"), n_jobs=1
)
for diagram in (abstract, classes):
    print(diagram)
    print(diagram.values[::-1].round(3), "\n")
    assert diagram.certified.all()
assert np.allclose(abstract.values[abstract.y > 0], 1.0, atol=1e-3)
assert np.allclose(abstract.values[abstract.y < 0], 0.0, atol=1e-3)
assert (classes.values[:, -1] < 0.1 * classes.values[:, 0]).all()

if options.plot:
    from matplotlib.figure import Figure

    options.plot.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(9.6, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    abstract.plot(left).set_title("parallelism at certified optima")
    classes.plot(right, log=True).set_title("NC1 at certified optima")
    figure.savefig(options.plot / "phase_diagrams.png", dpi=150)
