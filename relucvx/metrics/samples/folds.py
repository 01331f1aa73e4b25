"""Trials shared among folds, such that every fold has every condition."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.samples.groups import Groups, Indices, as_groups


def as_folds(groups: Groups, folds: Any, n_folds: int) -> Indices:
    """Fold of each trial, every condition in each of them: as given, or dealt in turn in the order of the rows.

    Raises
    ------
    InvalidInputError
        For a condition with one trial, a single fold, and a condition that a fold lacks.
    """
    if folds is None:
        # every fold holds every condition, so the rarest says how many there can be
        fewest = int(groups.counts.min())
        if fewest < 2:
            alone = groups.names[int(groups.counts.argmin())]
            raise InvalidInputError(
                explain(
                    "at least two trials of each condition, one to train on and one to hold out",
                    f"{fewest} of condition {alone!r}",
                    "averages in place of trials",
                    "separability(Z) for points without repeats",
                )
            )
        # dealt in turn within each condition: none is missing anywhere, and nothing is drawn
        fold = np.empty(len(groups.codes), dtype=np.intp)
        for c in range(len(groups.names)):
            rows = np.flatnonzero(groups.codes == c)
            fold[rows] = np.arange(len(rows)) % min(n_folds, fewest)
        return fold
    # given folds are checked and not mended: a condition that one lacks would be tested in some folds only
    given = as_groups(folds, len(groups.codes), name="folds")
    table = np.zeros((len(groups.names), len(given.names)), dtype=bool)
    table[groups.codes, given.codes] = True
    if table.shape[1] < 2 or not table.all():
        where = "a single fold" if table.shape[1] < 2 else ""
        if not where:
            c, f = np.argwhere(~table)[0]
            where = f"no trial of condition {groups.names[c]!r} in fold {given.names[f]!r}"
        raise InvalidInputError(explain("every condition in each of two or more folds", where, "", "drop that fold"))
    return given.codes
