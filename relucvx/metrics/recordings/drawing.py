"""Trials drawn without replacement: balanced conditions, and pseudo-trials of sessions that recorded different neurons."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.samples.groups import Groups, Indices
from relucvx.types import BoolArray
from relucvx.validation import as_count


def neurons_alike(recorded: BoolArray) -> list[Indices]:
    """Neurons that were recorded in the same sessions, as column numbers, by first appearance."""
    _, first, which = np.unique(recorded, axis=1, return_index=True, return_inverse=True)
    which = which.reshape(-1)
    return [np.flatnonzero(which == g).astype(np.intp) for g in np.argsort(first)]


def trials_of(sittings: Groups, recorded: BoolArray, columns: Indices) -> Indices:
    """The trials in which neurons that are alike were recorded."""
    return np.flatnonzero(recorded[sittings.codes, columns[0]]).astype(np.intp)


def check_presented(groups: Groups, rows: Indices, neuron: str) -> None:
    """Raise unless every condition occurs among the trials of a neuron.

    Raises
    ------
    InvalidInputError
        With the condition that does not.
    """
    counts = np.bincount(groups.codes[rows], minlength=len(groups.names))
    if counts.min() == 0:
        raise InvalidInputError(
            explain(
                "every condition presented to every neuron",
                f"no trial of condition {groups.names[int(counts.argmin())]!r} with neuron {neuron!r}",
                "conditions differ between the sessions", "recording.select(conditions=[...]) for those they share",
            )
        )  # fmt: skip


def balanced_rows(groups: Groups, sittings: Groups, wanted: Any, rng: np.random.Generator) -> Indices:
    """As many trials of each condition in each session."""
    kept = []
    for s, name in enumerate(sittings.names):
        here = np.flatnonzero(sittings.codes == s)
        counts = np.bincount(groups.codes[here], minlength=len(groups.names))
        where = "" if len(sittings.names) == 1 else f" in session {name!r}"
        m = _fitting(wanted, counts, groups.names, where)
        for c in range(len(groups.names)):
            kept.append(rng.permutation(here[groups.codes[here] == c])[:m])
    return np.sort(np.concatenate(kept)).astype(np.intp)


def pseudo_rows(
    groups: Groups, sittings: Groups, recorded: BoolArray, patterns: list[Indices], neurons: Any, wanted: Any,
    rng: np.random.Generator,
) -> list[Indices]:  # fmt: skip
    """For each group of neurons the trials that make the pseudo-trials, conditions in the same order for all."""
    pools = [trials_of(sittings, recorded, columns) for columns in patterns]
    for columns, rows in zip(patterns, pools, strict=True):
        check_presented(groups, rows, neurons[columns[0]])
    counts = np.min([np.bincount(groups.codes[rows], minlength=len(groups.names)) for rows in pools], axis=0)
    if wanted is not None:
        counts = np.full(len(counts), _fitting(wanted, counts, groups.names, " in every session"))
    return [
        np.concatenate([rng.permutation(rows[groups.codes[rows] == c])[:m] for c, m in enumerate(counts)])
        for rows in pools
    ]


def _fitting(wanted: Any, counts: Indices, names: tuple[Any, ...], where: str) -> int:
    """Trials of each condition: as many as are wanted and there."""
    rarest = int(counts.argmin())
    if counts[rarest] == 0:
        raise InvalidInputError(
            explain(
                f"a trial of every condition{where}",
                f"none of {names[rarest]!r}",
                "",
                "recording.select(sessions=[...])",
            )
        )
    if wanted is None:
        return int(counts[rarest])
    return as_count(
        wanted, "n_trials", most=int(counts[rarest]), cause=f"condition {names[rarest]!r} has no more{where}"
    )
