"""Linear support vector machines whose two sides weigh alike: many small ones on the same samples, each a function of these."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from relucvx.deadline import ruling
from relucvx.later import later
from relucvx.metrics.samples import interior
from relucvx.metrics.samples.groups import Indices
from relucvx.types import Array

svm = later("sklearn.svm")
kernels = later("relucvx.metrics.samples._machine_kernels")  # numba takes a while to load

TOL = 1e-12
"""By how much two samples may pull against each other, relative to the largest coefficient. Values are then off by some
hundred times that; those of libsvm by 1e-5 whatever its ``tol``, since it keeps inner products in single precision.

Of 1,800 machines of shuffled labels one judged a held-out trial otherwise than libsvm at its default ``tol`` (9.758e-5 here and
in a conic program, -1.06e-4 there), by which a mean over five folds of 16 trials differs by 0.0125."""

TIE = 1e-7
"""Of the largest value in training: values closer to the boundary than that are on it."""

CLOSE = 1e-9
"""By how much two of very many samples may pull against each other, in units of the margin."""

BOUND = 1e-10
"""Relative distance from its bound at which a coefficient of libsvm is there."""

LARGEST = 16_000_000
"""Entries of a Gram matrix; with more samples an interior point is found in the features, where these are fewer."""


@dataclass(frozen=True)
class Machines:
    """Machines with hinge loss on rows of features, trained on some of them and tested on others.

    The inner products are formed once. Where no sample lies on the margin, every offset of an interval is optimal, and which
    one an algorithm ends at is chance: the middle is taken, so that neither the order of the rows nor rounding changes an
    answer.

    Attributes
    ----------
    features : ndarray of shape (n, p)
    C : float
        Inverse regularisation; of m samples trained on, those of a side weigh m / (2 m_side) C each.
    """

    features: Array
    C: float

    @cached_property
    def products(self) -> Array:
        """Inner products of the rows."""
        return np.ascontiguousarray(self.features @ self.features.T)

    @property
    def are_small(self) -> bool:
        """Whether all inner products are held."""
        return len(self.features) ** 2 <= LARGEST

    def accuracy(self, side: Any, train: Any, test: Any) -> float:
        """Mean accuracy on the two sides of the test rows, which both have some; ties count half.

        ``side``, ``train`` and ``test`` are masks (n,).
        """
        ruling().check()
        rows, held = np.flatnonzero(train), np.flatnonzero(test)
        if self.are_small:
            sides = np.where(side, 1.0, -1.0)
            return float(kernels.held_out(self.products, sides, rows, held, float(self.C), TOL, TIE))
        weights, offset = self.trained(side, rows)
        value, up = self.features @ weights + offset, np.asarray(side, dtype=bool)[held]
        # relative to values in training: those held out may all be ties
        undecided = np.abs(value[held]) <= TIE * float(np.abs(value[rows]).max())
        right = np.where(undecided, 0.5, (value[held] > 0) == up)
        return float(np.mean([right[up == s].mean() for s in (False, True)]))

    def margin(self, side: Any, train: Any, test: Any) -> float:
        """Mean value on the two sides of the test rows: above 0 on the right side of the boundary, 1 at the margin."""
        up, held = np.asarray(side, dtype=bool), np.flatnonzero(test)
        weights, offset = self.trained(up, np.flatnonzero(train))
        value = np.where(up[held], 1.0, -1.0) * (self.features[held] @ weights + offset)
        return float(np.mean([value[up[held] == s].mean() for s in (False, True)]))

    def trained(self, side: Any, rows: Indices) -> tuple[Array, float]:
        """Normal vector and offset of the machine of these rows."""
        features, up = self.features[rows], np.asarray(side, dtype=bool)[rows]
        n, sides = len(rows), np.where(up, 1.0, -1.0)
        caps = self.C * n / (2.0 * np.where(up, np.count_nonzero(up), n - np.count_nonzero(up)))
        if self.are_small:
            signed, offset = kernels.coefficients(self.products[np.ix_(rows, rows)], sides, caps, TOL)
            return signed @ features, float(offset)
        ends = interior.coefficients(features, sides, caps, CLOSE) if n >= features.shape[1] else None
        if ends is not None:
            weights = ends @ features
        else:
            found = svm.SVC(kernel="linear", C=self.C, class_weight="balanced", tol=1e-9, cache_size=500).fit(
                features, up
            )
            signed, weights = np.zeros(n), found.coef_[0]
            signed[found.support_] = found.dual_coef_[0]
            ends = np.where(
                np.abs(signed) <= BOUND * caps,
                0.0,
                np.where(np.abs(signed) >= (1 - BOUND) * caps, sides * caps, signed),
            )
        low, high = np.minimum(sides * caps, 0.0), np.maximum(sides * caps, 0.0)
        return weights, float(kernels.offset(ends, sides - features @ weights, low, high))


def compile_kernels() -> None:
    """Have the machine code there before a clock starts."""
    Machines(np.eye(4, 2), 1.0).accuracy(np.arange(4) < 2, np.arange(4) >= 0, np.arange(4) >= 0)
