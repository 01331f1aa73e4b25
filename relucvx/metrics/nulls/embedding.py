"""Similarities that are inner products of kernels: a permutation moves their entries, and nothing is computed anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from relucvx.metrics.alignment import FLAT
from relucvx.metrics.nulls.schemes import Draw, Permuted, first_of
from relucvx.metrics.nulls.scores import Score, is_layers
from relucvx.metrics.samples.scaling import centred
from relucvx.types import Array

LARGEST = 50_000_000
"""Entries of all vectors together; beyond, scores are computed anew."""


def quick(score: Score, draw: Draw, Z: Any, other: Any) -> Callable[..., Array] | None:
    """The same as a score of permuted rows, from kernels that are formed once; None where there is no such form."""
    plain = set(score.options) <= {"metric", "debiased"}
    if score.name != "cka" or not plain or not isinstance(draw, Permuted):
        return None
    sides = [list(s.values()) if isinstance(s, Mapping) else list(s) if is_layers(s) else [s] for s in (Z, other)]
    n = np.shape(first_of(Z))[0]
    if n * n * (len(sides[0]) + len(sides[1])) > LARGEST:
        return None
    debiased = bool(score.options.get("debiased", False))
    first, second = (np.stack([_unit(one, debiased) for one in side]) for side in sides)
    flat_first = first.reshape(len(first), -1)

    def permuted(rng: np.random.Generator) -> Array:
        order = draw.order(rng)
        moved = second[:, order[:, None], order].reshape(len(second), -1)
        found: Array = (flat_first @ moved.T).ravel()
        return found if debiased else np.minimum(found, 1.0)

    return permuted


def _unit(Z: Any, debiased: bool) -> Array:
    """The centred kernel with norm 1; for the debiased form without its diagonal, rows and columns summing to zero."""
    A, _ = centred(Z)
    K = A @ A.T
    n = len(K)
    if debiased:
        np.fill_diagonal(K, 0.0)
        sums = K.sum(axis=1)
        K = K - (sums[:, None] + sums) / (n - 2.0) + sums.sum() / ((n - 1.0) * (n - 2.0))
        np.fill_diagonal(K, 0.0)
    norm = float(np.linalg.norm(K))
    return np.full(K.shape, np.nan) if norm <= n * FLAT**2 else K / norm
