"""How fast are all activation patterns enumerated, and are they all there?

Cells per second of ``enumerate_patterns`` on standard normal rows (general position, so Cover's count is exact), and a
plain baseline where it is affordable: add the rows one at a time and ask SciPy's LP for each cell and side.
"""

from __future__ import annotations

from typing import Any

from harness import Ratio, arguments, interleave, ratio, save, table, warm_up

import relucvx as rx

SIZES = ((30, 3), (100, 3), (30, 5), (100, 4), (40, 6))
BASELINE = ((30, 3),)
QUICK = ((8, 3),)
WIDE = 10_000_000
"""max_patterns: (40, 6) has 1.3 million cells, above the default."""


def by_linear_programs(X: Any) -> int:
    """Number of cells, by one linear program for each cell, row and side."""
    import numpy as np
    from scipy.optimize import linprog

    signs = np.array([[1.0], [-1.0]])
    for k in range(1, len(X)):
        children = []
        for s in signs:
            for side in (1.0, -1.0):
                rows = np.append(s, side)[:, None] * X[: k + 1]
                # A point with margin t > 0 on every row: maximise t <= 1 within a box.
                A = np.column_stack([-rows, np.ones(k + 1)])
                cost = np.append(np.zeros(X.shape[1]), -1.0)
                box = [(-1.0, 1.0)] * X.shape[1] + [(0.0, 1.0)]
                out = linprog(cost, A_ub=A, b_ub=np.zeros(k + 1), bounds=box, method="highs")
                if -out.fun > 1e-9:
                    children.append(np.append(s, side))
        signs = np.array(children)
    return len(signs)


def measure(n: int, d: int, repeats: int, baseline: bool) -> dict[str, Any]:
    """One row of the table."""
    import numpy as np

    X = np.random.default_rng(0).standard_normal((n, d))
    contenders: dict[str, Any] = {"ours": lambda: len(rx.enumerate_patterns(X, max_patterns=WIDE))}
    if baseline:
        contenders["lp"] = lambda: by_linear_programs(X)
    timings = interleave(contenders, repeats)
    cells, cover = timings["ours"].last, rx.count_patterns(n, d)
    if baseline and timings["lp"].last != cells:
        raise SystemExit(f"{n}x{d}: {cells} cells by enumeration, {timings['lp'].last} by linear programs")
    gain = ratio(timings["lp"].cpu, timings["ours"].cpu) if baseline else Ratio(*[float("nan")] * 3)
    return {
        "size": f"{n}x{d}", "cells": cells, "cover": cover, "equal": cells == cover,
        "seconds": timings["ours"].seconds, "cells_per_second": cells / max(timings["ours"].seconds, 1e-9),
        "lp_over_ours": gain,
    }  # fmt: skip


def main() -> None:
    """Print and save the table."""
    args = arguments(__doc__)
    warm = warm_up()
    sizes, baseline = (QUICK, QUICK) if args.quick else (SIZES, BASELINE)
    rows = [measure(n, d, args.repeats, (n, d) in baseline) for n, d in sizes]
    headers = ["rows x dim", "cells", "Cover's count", "equal", "CPU s", "cells/s", "LP baseline / ours"]
    print(table(headers, [list(row.values()) for row in rows]))
    print(f"\nJIT warm-up: {warm:.2f} CPU s. {save(__file__, args, rows, warm_up_seconds=warm)}")
    if not all(row["equal"] for row in rows):
        raise SystemExit("cells differ from Cover's count")


if __name__ == "__main__":
    main()
