"""Convolutional and graph-pooled networks: what is certified in which time, and where twenty trained torch networks end.

Digits 3 against 8 (and 1, 3, 8 one-hot) of scikit-learn, as patches; graphs are generated. The peers are what people do: Adam
and L-BFGS of torch on the same objective from twenty starts each (:func:`relucvx.train`, which trains them side by side).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import arguments, save, table, timed, warm_up
from sklearn.datasets import load_digits

import relucvx as rx

SEEDS = 20
STEPS = 2000


def images(digits: tuple[int, ...], n: int) -> tuple[np.ndarray, np.ndarray]:
    """The first n images of the given digits, and ±1 for two of them, else one-hot rows."""
    data = load_digits()
    chosen = np.flatnonzero(np.isin(data.target, digits))[:n]
    labels = data.target[chosen]
    if len(digits) == 2:
        return data.images[chosen] / 16, np.where(labels == digits[0], 1.0, -1.0)
    return data.images[chosen] / 16, (labels[:, None] == np.array(digits)).astype(float)


def graphs(n: int, d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Averages over neighbourhoods of the nodes of random graphs of unequal size, their graphs, and labels ±1."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(4, 12, n)
    rows = []
    y = np.where(np.arange(n) % 2, 1.0, -1.0)
    for size, label in zip(sizes, y, strict=True):
        joined = np.triu(rng.random((size, size)) < 0.3, 1)
        joined = joined + joined.T + np.eye(size)
        features = rng.standard_normal((size, d)) + 0.3 * label * np.eye(d)[0]
        rows.append(joined @ features / joined.sum(axis=1, keepdims=True))
    return np.concatenate(rows), np.repeat(np.arange(n), sizes), y


def cases(quick: bool) -> list[tuple[str, dict[str, Any], float]]:
    """(name, what makes the problem, seconds allowed); strengths are 5 % of beta_max."""
    if quick:
        X, y = images((3, 8), 8)
        return [("3/8, 2x2, mean, n=8", {"X": rx.patches(X, 2, 2), "Y": y, "pooling": "mean"}, 10.0)]
    found: list[tuple[str, dict[str, Any], float]] = []
    for n, limit in ((60, 60.0), (100, 120.0), (357, 300.0)):
        X, y = images((3, 8), n)
        found.append((f"3/8, 2x2 stride 2, mean, n={n}", {"X": rx.patches(X, 2, 2), "Y": y, "pooling": "mean"}, limit))
    X, y = images((3, 8), 100)
    found.append(("3/8, 2x2 stride 2, flatten, n=100", {"X": rx.patches(X, 2, 2), "Y": y, "pooling": "flatten"}, 120.0))
    X, y = images((1, 3, 8), 120)
    found.append(
        ("1/3/8 one-hot, 2x2 stride 2, mean, n=120", {"X": rx.patches(X, 2, 2), "Y": y, "pooling": "mean"}, 300.0)
    )
    X, y = images((3, 8), 60)
    options = {"X": rx.patches(X, 2, 1), "Y": y, "pooling": "mean", "bias": "hidden"}
    found.append(("3/8, 2x2 stride 1, hidden bias, mean, n=60", options, 300.0))
    found.append(("3/8, 3x3 stride 1, mean, n=60", {"X": rx.patches(X, 3, 1), "Y": y, "pooling": "mean"}, 300.0))
    rows, member, y = graphs(60, 5)
    found.append(("60 graphs, d=5, mean, logistic", {"X": rows, "Y": y, "groups": member, "loss": "logistic"}, 120.0))
    return found


def measure(name: str, made: dict[str, Any], limit: float, quick: bool) -> dict[str, Any]:
    """One row: the certified optimum, and the best of the trained networks."""
    data = {key: made[key] for key in ("X", "Y")}
    options = {key: value for key, value in made.items() if key not in data}
    beta = 0.05 * rx.beta_max(*data.values(), **options, time_limit=60.0)[1]
    problem = rx.make_problem(*data.values(), beta, **options)
    seconds, _, sol = timed(lambda: rx.solve(problem, time_limit=limit))
    best = {}
    for optimizer in ("adam", "lbfgs"):
        settings = {"width": 32, "seeds": range(2 if quick else SEEDS), "max_steps": 20 if quick else STEPS}
        best[optimizer] = rx.train(problem, optimizer=optimizer, **settings).best.objective
    return {
        "problem": name, "rows": problem.n_rows, "beta": beta, "seconds": seconds, "rel_gap": float(sol.certificate.rel_gap),
        "scope": sol.certificate.scope.name, "objective": sol.objective, "neurons": sol.network.width,
        "adam_over_ours": best["adam"] / sol.objective, "lbfgs_over_ours": best["lbfgs"] / sol.objective,
    }  # fmt: skip


def main() -> None:
    """Print and save the table."""
    args = arguments(__doc__, ("--only", {"default": "", "help": "cases whose name has this in it"}))
    warm = warm_up()
    rows = [measure(*case, args.quick) for case in cases(args.quick) if args.only in case[0]]
    headers = ["problem", "rows", "s", "relative gap", "scope", "neurons", "Adam / ours", "L-BFGS / ours"]
    keys = ["problem", "rows", "seconds", "rel_gap", "scope", "neurons", "adam_over_ours", "lbfgs_over_ours"]
    print(table(headers, [[row[key] if key not in keys[-2:] else f"{row[key]:.9f}" for key in keys] for row in rows]))
    print(save(__file__, args, rows, warm_up_seconds=warm))


if __name__ == "__main__":
    main()
