"""What do feature-space routes and blocks of rows buy in CKA and mutual nearest neighbours?

The plain side forms what the definitions say, matrices of all pairs of samples: centred kernels for CKA, the full table
of inner products and its sorted rows for neighbours. Memory is the peak of what NumPy allocates during the call.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

from harness import arguments, interleave, ratio, save, table

EQUAL = 1e-9
"""Largest difference of two scores."""

GOALS = {"cka": 20.0, "cka debiased": 20.0}
"""Least ratios of CPU seconds asked for, with fewer features than samples."""

MEMORY = 4.0
"""Least ratio of memory asked for, in every row."""


def draw(n: int, p: int, q: int) -> tuple[Any, Any]:
    """Two representations of the same samples that share some structure."""
    import numpy as np

    rng = np.random.default_rng(0)
    A = rng.standard_normal((n, p))
    return A, A @ rng.standard_normal((p, q)) + p**0.5 * rng.standard_normal((n, q))


def centred(K: Any) -> Any:
    """H K H."""
    return K - K.mean(axis=0) - K.mean(axis=1)[:, None] + K.mean()


def plain_cka(K: Any, L: Any) -> float:
    """The ratio of inner products of two centred kernels."""
    import numpy as np

    K, L = centred(K), centred(L)
    return float(np.sum(K * L) / np.linalg.norm(K) / np.linalg.norm(L))


def plain_debiased(K: Any, L: Any) -> float:
    """The same of unbiased estimates (Song et al. 2012), from kernels without their diagonal."""
    import numpy as np

    def inner(K: Any, L: Any) -> float:
        n = len(K)
        both = K.sum() * L.sum() / ((n - 1) * (n - 2)) - 2.0 * (K.sum(axis=0) @ L.sum(axis=1)) / (n - 2)
        return float(np.sum(K * L) + both)

    K, L = K.copy(), L.copy()
    np.fill_diagonal(K, 0.0)
    np.fill_diagonal(L, 0.0)
    return inner(K, L) / float(np.sqrt(inner(K, K) * inner(L, L)))


def plain_rbf(Z: Any) -> Any:
    """Gaussian kernel with the median distance as width."""
    import numpy as np
    from scipy.spatial.distance import pdist, squareform

    distances = np.sort(pdist(Z))
    return np.exp(-(squareform(pdist(Z)) ** 2) / (2.0 * distances[(len(distances) - 1) // 2] ** 2))


def plain_knn(A: Any, B: Any, k: int) -> float:
    """Overlap of the k largest cosines of each row."""
    import numpy as np

    near = []
    for Z in (A, B):
        unit = Z / np.linalg.norm(Z, axis=1, keepdims=True)
        cosine = unit @ unit.T
        np.fill_diagonal(cosine, -np.inf)
        near.append(np.argsort(-cosine, axis=1)[:, :k])
    return float(np.mean([len(set(a) & set(b)) / k for a, b in zip(near[0].tolist(), near[1].tolist(), strict=True)]))


def contenders(A: Any, B: Any) -> dict[str, tuple[Callable[[], float], Callable[[], float]]]:
    """(ours, plain) of every row."""
    from relucvx.metrics import cka, mutual_knn

    return {
        "cka": (lambda: cka(A, B, debiased=False), lambda: plain_cka(A @ A.T, B @ B.T)),
        "cka debiased": (lambda: cka(A, B, debiased=True), lambda: plain_debiased(A @ A.T, B @ B.T)),
        "cka rbf": (lambda: cka(A, B, kernel="rbf", debiased=False), lambda: plain_cka(plain_rbf(A), plain_rbf(B))),
        "mutual 10-nn": (lambda: mutual_knn(A, B), lambda: plain_knn(A, B, 10)),
    }


def megabytes(function: Callable[[], float]) -> float:
    """Peak of what is allocated during a call."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def measure(n: int, p: int, q: int, repeats: int) -> list[dict[str, Any]]:
    """One row per metric."""
    A, B = draw(n, p, q)
    rows = []
    for name, (ours, plain) in contenders(A, B).items():
        timings = interleave({"ours": ours, "plain": plain}, repeats)
        memory = {"ours": megabytes(ours), "plain": megabytes(plain)}
        rows.append({
            "metric": name, "shapes": f"{n}x{p}, {n}x{q}",
            "ours_seconds": timings["ours"].seconds, "plain_seconds": timings["plain"].seconds,
            "plain_over_ours": ratio(timings["plain"].cpu, timings["ours"].cpu),
            "ours_megabytes": memory["ours"], "plain_megabytes": memory["plain"],
            "plain_over_ours_memory": memory["plain"] / memory["ours"],
            "difference": abs(timings["ours"].last - timings["plain"].last),
        })  # fmt: skip
    return rows


def main() -> None:
    """Print and save the table; exit with an error where scores differ or a goal is missed."""
    args = arguments(__doc__)
    measure(60, 4, 6, 1)  # imports are not timed
    rows = measure(*((200, 8, 16) if args.quick else (5000, 128, 256)), args.repeats)
    headers = [
        "metric", "shapes", "ours, CPU s", "plain, CPU s", "plain / ours", "ours, MB", "plain, MB", "plain / ours, memory",
        "difference",
    ]  # fmt: skip
    print(table(headers, [list(row.values()) for row in rows]))
    print(f"\n{save(__file__, args, rows)}")
    missed = [f"{row['metric']}: scores differ by {row['difference']:.1e}" for row in rows if row["difference"] > EQUAL]
    if not args.quick:
        for row in rows:
            if row["plain_over_ours"].median < GOALS.get(row["metric"], 0.0):
                missed.append(f"{row['metric']}: only {row['plain_over_ours']} times faster")
            if row["plain_over_ours_memory"] < MEMORY:
                missed.append(f"{row['metric']}: only {row['plain_over_ours_memory']:.1f} times smaller")
    if missed:
        raise SystemExit("; ".join(missed))


if __name__ == "__main__":
    main()
