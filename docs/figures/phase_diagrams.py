"""Draws phase_diagrams.png from the cells in benchmarks/results: what is proven over all optima, and how closely."""

import dataclasses
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import relucvx as rx

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"

abstract, classes = (rx.theory.read_phase_diagram(RESULTS / f"phase_{name}.jsonl") for name in ("factorial", "classes"))
figure = Figure(figsize=(10.0, 7.6), layout="constrained")
(least, most), (value, width) = figure.subplots(2, 2)
abstract.plot(least, which="leasts").set_title("parallelism is at least this at every optimum", fontsize=10)
abstract.plot(most, which="mosts").set_title("and at most this", fontsize=10)
classes.plot(value, log=True).set_title("NC1 of the optimum found", fontsize=10)
apart = (classes.mosts - classes.leasts) / classes.values
apart = dataclasses.replace(
    classes, values=np.where(np.isfinite(apart), apart, np.nan), statistic="width of the range over NC1"
)
apart.plot(width, log=True, cmap="magma").set_title(
    "how closely that is NC1 of every optimum (white: not in 60 s)", fontsize=10
)
figure.savefig(Path(__file__).with_suffix(".png"), dpi=110)
