"""Scores of few values, and what orders data sets in a permutation test whose scores are equal.

A test may use any number of the data: (score, finer number), compared by the first and, where these are equal, by the second,
is one. So p stays valid, rejects as often as it says, and no lot is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from relucvx.metrics.abstraction import ccgp_margin
from relucvx.metrics.decoding import decoding_margin
from relucvx.metrics.neighbours import common_nearness
from relucvx.metrics.nulls.p_values import ties
from relucvx.metrics.nulls.schemes import Draw
from relucvx.metrics.nulls.scores import TAKES, Score
from relucvx.metrics.probes import probe_margin
from relucvx.metrics.regions.folds.folding import mean_nearness
from relucvx.metrics.separation import explained_splits
from relucvx.types import Array

FINER: dict[str, tuple[Callable[..., float], str]] = {
    "ccgp": (ccgp_margin, "how far conditions left out are on their side of the boundary"),
    "decoding_dimension": (decoding_margin, "how far held-out trials are on their side of the boundary"),
    "linear_probe": (probe_margin, "how far outputs of the right class exceed the others"),
    "mutual_knn": (common_nearness, "how near common neighbours are"),
    "separability": (explained_splits, "how much of the splits linear functions explain"),
    "space_folding": (mean_nearness, "how near to its start the walk stays"),
}
"""Of metrics that are one number: what grows with the score and has many values, and what it is called."""


def has_finer(score: Score) -> bool:
    """Whether something orders equal scores: of the usual number of one metric, not of the pairs of layers."""
    usual = score.scale is not None and score.statistic == score.scale.field
    # of layers the function is another one, which has a score for each pair of them
    return usual and score.name in FINER and score.function is TAKES[score.name][0]


def finer(score: Score, Z: Any, other: Any) -> Array:
    """The finer number of one data set, as a vector of one."""
    arguments = (Z,) if other is None else (Z, other)
    return np.array([FINER[score.name][0](*arguments, **score.options)])


def with_finer(score: Score, draw: Draw, observed: Array) -> Callable[[np.random.Generator], Array]:
    """The score of a draw and the finer number beside it: NaN where the score is not that of the data, which needs none."""

    def one(rng: np.random.Generator) -> Array:
        data = draw(rng)
        found = score(*data)
        return np.append(found, finer(score, *data) if ties(observed, found).any() else np.nan)

    return one
