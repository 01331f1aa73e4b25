"""Claims about similarities of representations: each against its definition, pair by pair, and its invariances."""

from __future__ import annotations

import numpy as np
from scipy.linalg import orthogonal_procrustes

from relucvx.metrics import cka, layer_similarity, mutual_knn, procrustes, rdm_correlation
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, agree, at_most, close
from relucvx.types import Array


def _draw(rng: np.random.Generator, size: int) -> Instance:
    n, p, q = 5 + 2 * size, 2 + int(rng.integers(0, 3)), 2 + int(rng.integers(0, 3))
    A = rng.standard_normal((n, p)) + rng.standard_normal(p)
    B = A @ rng.standard_normal((p, q)) + rng.uniform(0.2, 2.0) * rng.standard_normal((n, q))
    return {
        "Z": A, "Z2": B, "k": 1 + int(rng.integers(0, n - 2)), "width": float(rng.uniform(0.3, 2.0)),
        "rotation": np.linalg.qr(rng.standard_normal((p, p)))[0], "seed": int(rng.integers(2**31)),
    }  # fmt: skip


def _distances(Z: Array) -> Array:
    return np.array([[np.sqrt(((a - b) ** 2).sum()) for b in Z] for a in Z])


def _alignment(K: Array, L: Array) -> float:
    """<HKH, HLH> / (|HKH| |HLH|)."""
    H = np.eye(len(K)) - 1.0 / len(K)
    K, L = H @ K @ H, H @ L @ H
    return float((K * L).sum() / np.linalg.norm(K) / np.linalg.norm(L))


def _unbiased(K: Array, L: Array) -> float:
    """Unbiased estimate of <HKH, HLH>, from kernels without diagonal, up to a factor of n alone."""
    n = len(K)
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    return float(np.trace(K @ L) + K.sum() * L.sum() / ((n - 1) * (n - 2)) - 2.0 / (n - 2) * (K @ L).sum())


def _rbf(Z: Array, width: float) -> Array:
    D = _distances(Z)
    pairs = np.sort(D[np.triu_indices(len(Z), 1)])
    kernel: Array = np.exp(-(D**2) / (2 * (width * pairs[(len(pairs) - 1) // 2]) ** 2))
    return kernel


def _neighbours(Z: Array, k: int, angles: bool) -> list[set[int]]:
    if angles:
        Z = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    D = _distances(Z) + np.diag(np.full(len(Z), np.inf))
    return [set(np.argsort(row)[:k].tolist()) for row in D]


def _dissimilarity(Z: Array, kind: str) -> Array:
    def apart(a: Array, b: Array) -> float:
        if kind == "correlation":
            a, b = a - a.mean(), b - b.mean()
        if kind in ("correlation", "cosine"):
            return 1 - float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        return float(np.abs(a - b).sum()) if kind == "cityblock" else float(np.linalg.norm(a - b))

    return np.array([apart(Z[i], Z[j]) for i in range(len(Z)) for j in range(i)])


def _ranks(values: Array) -> Array:
    return np.array([(values < v).sum() + 0.5 * (values == v).sum() for v in values], dtype=float)


def _correlation(x: Array, y: Array) -> float:
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def _tau(x: Array, y: Array) -> float:
    """Kendall's tau of values without ties."""
    sign = [np.sign((x[i] - x[j]) * (y[i] - y[j])) for i in range(len(x)) for j in range(i)]
    return float(np.mean(sign))


def _predict(instance: Instance) -> Predicted:
    A, B, k, width = (instance[name] for name in ("Z", "Z2", "k", "width"))
    K, L = A @ A.T, B @ B.T
    # place and unit taken off, as shapes have neither
    left, right = ((M - M.mean(axis=0)) / np.linalg.norm(M - M.mean(axis=0)) for M in (A, B))
    # rotations need a common space: the narrower one gets features that are zero
    p = max(A.shape[1], B.shape[1])
    left, right = (np.pad(M, ((0, 0), (0, p - M.shape[1]))) for M in (left, right))
    Q, nuclear = orthogonal_procrustes(right, left)
    shared = {
        angles: np.mean(
            [len(a & b) / k for a, b in zip(_neighbours(A, k, angles), _neighbours(B, k, angles), strict=True)]
        )
        for angles in (False, True)
    }
    lists = {kind: (_dissimilarity(A, kind), _dissimilarity(B, kind)) for kind in ("euclidean", "cosine", "cityblock")}
    return {
        "cka": _alignment(K, L),
        "cka of rbf kernels": _alignment(_rbf(A, width), _rbf(B, width)),
        # unbiased estimates of the norms may be zero or negative: the quotient is then 0 by convention
        "debiased cka": _unbiased(K, L) / np.sqrt(_unbiased(K, K) * _unbiased(L, L)) if _defined(K, L) else 0.0,
        "procrustes distance": float(np.linalg.norm(left - right @ Q)),
        "procrustes similarity": float(nuclear),
        "mutual neighbours": float(shared[False]),
        "mutual neighbours by angle": float(shared[True]),
        "pearson of euclidean": _correlation(*lists["euclidean"]),
        "spearman of cosine": _correlation(*map(_ranks, lists["cosine"])),
        "kendall of cityblock": _tau(*lists["cityblock"]),
    }


def _defined(K: Array, L: Array) -> bool:
    H = np.eye(len(K)) - 1.0 / len(K)
    norms = [np.linalg.norm(H @ M @ H) ** 2 for M in (K, L)]
    return bool(min(_unbiased(K, K) / norms[0], _unbiased(L, L) / norms[1]) > 1e-3)


def _measure(instance: Instance, predicted: Predicted) -> list[Deviation]:
    A, B, k, width = (instance[name] for name in ("Z", "Z2", "k", "width"))
    shape = procrustes(A, B)
    found = {
        "cka": cka(A, B, debiased=False),
        "cka of rbf kernels": cka(A, B, kernel="rbf", bandwidth=width, debiased=False),
        "debiased cka": cka(A, B, debiased=True) if _defined(A @ A.T, B @ B.T) else 0.0,
        "procrustes distance": shape.distance,
        "procrustes similarity": shape.similarity,
        "mutual neighbours": mutual_knn(A, B, k, normalise=False),
        "mutual neighbours by angle": mutual_knn(A, B, k),
        "pearson of euclidean": rdm_correlation(A, B, method="pearson"),
        "spearman of cosine": rdm_correlation(A, B, distance="cosine"),
        "kendall of cityblock": rdm_correlation(A, B, distance="cityblock", method="kendall"),
    }
    return agree(found, predicted, 1e-8)


def _measure_axioms(instance: Instance, predicted: Predicted) -> list[Deviation]:
    A, B, k = instance["Z"], instance["Z2"], instance["k"]
    # all invariances at once: place, unit and direction
    moved = 3.0 * (A - A[0]) @ instance["rotation"]
    C = np.random.default_rng(instance["seed"]).standard_normal(A.shape)
    same = [cka(A, moved, debiased=False), procrustes(A, moved).similarity, mutual_knn(A, moved, k, normalise=False)]
    same += [
        rdm_correlation(A, moved),
        cka(A, moved, kernel="rbf", debiased=False),
        1.0 - procrustes(A, moved).distance,
    ]
    matrix = layer_similarity({"a": A, "b": B}, {"c": C, "d": moved}, debiased=False).matrix
    pairs = np.array([[cka(a, b, debiased=False) for b in (C, moved)] for a in (A, B)])
    triangle = procrustes(A, C).distance - procrustes(A, B).distance - procrustes(B, C).distance
    return [
        close("a rotated, shifted and rescaled copy", np.array(same), np.full(6, predicted["same"]), 1e-9),
        at_most("distance over the way round", triangle, predicted["detour"], 1e-12),
        close("either order", cka(A, B, debiased=False) - cka(B, A, debiased=False), predicted["detour"], 1e-12, 1.0),
        close("table of layers", matrix, pairs, 1e-10),
    ]


SAMPLES = Assumption("at least 5 samples, none zero", lambda i: len(i["Z"]) >= 5 and len(i["Z"]) == len(i["Z2"]))

CLAIMS = (
    Claim(
        "similarity-metrics",
        "CKA (linear, rbf, debiased), Procrustes, mutual neighbours and the correlations of dissimilarities are what their "
        "definitions say, pair by pair.",
        "kornblith-2019",
        "theorem (definitions)",
        draw=_draw,
        predict=_predict,
        measure=_measure,
        assumptions=(SAMPLES,),
        seconds=0.02,
    ),
    Claim(
        "similarity-axioms",
        "Similarities of a representation with its rotated, shifted and rescaled copy are 1; the Procrustes distance obeys the "
        "triangle inequality.",
        "williams-2021",
        "theorem",
        draw=_draw,
        predict=lambda i: {"same": 1.0, "detour": 0.0},
        measure=_measure_axioms,
        assumptions=(SAMPLES,),
        seconds=0.02,
    ),
)
