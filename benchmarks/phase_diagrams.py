"""Two phase diagrams with a proof in every cell: parallelism of factorial inputs, and collapse of classes.

Cells are stored in ``results/phase_*.jsonl`` as they finish, and taken from there when the script is called again.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from harness import RESULTS, arguments, save, table

from relucvx.theory import PhaseDiagram, phase_diagram

INTERVAL = {"factorial": 30.0, "classes": 60.0}
"""Seconds of each cell for the certified range of its statistic over all optima."""

DIAGRAMS: dict[str, tuple[str, dict[str, Any], dict[str, Any], str, dict[str, Any]]] = {
    # how aligned with the targets inputs are, against how much all have in common
    "factorial": (
        "factorial", {"x1": np.round(np.linspace(0.0, 1.0, 11), 12)}, {"x2": np.round(np.linspace(-0.2, 0.8, 11), 12)},
        "parallelism", {"d_Y": 2, "beta": 0.1},
    ),
    # signal-to-noise ratio against the number of samples
    "classes": (
        "classes", {"snr": [0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0, 5.66, 8.0]}, {"n": [12, 18, 24, 36, 48, 72]},
        "nc1", {"n_classes": 3, "d": 3, "beta": 0.1, "bias": "hidden"},
    ),
}  # fmt: skip
"""Name of the file -> (family, first and second parameter, statistic, what is fixed)."""


def measure(name: str, folder: Path, quick: bool) -> PhaseDiagram:
    """One diagram, from its file as far as that goes."""
    family, x, y, statistic, fixed = DIAGRAMS[name]
    if quick:
        x, y = ({key: list(values)[::5][:2] for key, values in axis.items()} for axis in (x, y))
    return phase_diagram(
        family,
        x,
        y,
        statistic=statistic,
        out=folder / f"phase_{name}.jsonl",
        time_limit=120.0,
        interval=INTERVAL[name],
        n_jobs=1,
        **fixed,
    )


def main() -> None:
    """Print and save a summary of both."""
    args = arguments(__doc__)
    folder = Path(tempfile.mkdtemp()) if args.quick else RESULTS
    rows = []
    for name in DIAGRAMS:
        found = measure(name, folder, args.quick)
        rows.append(
            {
                "diagram": name, "cells": found.values.size, "computed": found.computed,
                "certified": int(found.certified.sum()), "largest_gap": float(found.rel_gaps.max()),
                "seconds": float(found.seconds.sum()),
            }
        )  # fmt: skip
    headers = ["diagram", "cells", "computed now", "certified", "largest gap", "seconds"]
    print(table(headers, [list(row.values()) for row in rows]))
    print(save(__file__, args, rows))


if __name__ == "__main__":
    main()
