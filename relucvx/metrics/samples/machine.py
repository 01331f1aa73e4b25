"""Linear support vector machines whose two sides weigh alike: many small ones, each a function of its samples alone."""

from __future__ import annotations

import numpy as np

from relucvx.later import later
from relucvx.types import Array, BoolArray

svm = later("sklearn.svm")

TOL = 1e-9
"""By how much a sample may violate its condition of optimality, in units of the margin."""

BOUND = 1e-10
"""Relative distance of a coefficient from its bound that is rounding of steps that reach it."""

LARGEST = 16_000_000
"""Entries of a Gram matrix; with more samples scikit-learn forms its rows as they are asked for."""


def machine(features: Array, side: BoolArray, C: float) -> tuple[Array, float]:
    """Normal vector and offset of the machine with hinge loss, the samples of a side weighing n / (2 n_side) C each.

    Where no sample lies on the margin, every offset of an interval is optimal, and which one an algorithm ends at is chance:
    the middle is taken, so that neither the order of the rows nor rounding changes an answer.
    """
    n = len(features)
    sides = np.where(side, 1.0, -1.0)
    caps = C * n / (2.0 * np.where(side, np.count_nonzero(side), n - np.count_nonzero(side)))
    if n * n <= LARGEST:
        from relucvx.metrics.samples._machine_kernels import coefficients  # numba takes a while to load

        signed = coefficients(features @ features.T, sides, caps, TOL)
        weights = signed @ features
    else:
        found = svm.SVC(kernel="linear", C=C, class_weight="balanced", tol=TOL, cache_size=500).fit(features, side)
        signed, weights = np.zeros(n), found.coef_[0]
        signed[found.support_] = found.dual_coef_[0]
    return weights, _offset(sides - features @ weights, sides, np.abs(signed) / caps)


def _offset(on_margin: Array, sides: Array, share: Array) -> float:
    """The offset from those that would put each sample on its margin, and the share of its bound that each has reached."""
    at_zero, full = share <= BOUND, share >= 1.0 - BOUND
    free = ~at_zero & ~full
    if free.any():
        return float(on_margin[free].mean())
    # samples without weight must be beyond their margin, those at their bound may not be
    from_below = at_zero == (sides > 0)
    return float((on_margin[from_below].max() + on_margin[~from_below].min()) / 2.0)
