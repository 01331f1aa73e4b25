"""Data sets in which nothing is left of a relation but chance: rows, conditions, centres or crossings drawn anew."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from relucvx.conversion import is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.nulls.scores import ALONE, CODES, FACTORS, LABELS, Score, is_layers
from relucvx.metrics.regions.folds.folding import as_codes
from relucvx.metrics.samples.groups import Groups, Indices, as_conditions, as_factors, as_groups
from relucvx.types import Array, BoolArray
from relucvx.validation import as_matrix, as_numpy

SCHEMES = ("labels", "within", "conditions", "rotation")

Draw: TypeAlias = Callable[[np.random.Generator], tuple[Any, Any]]
"""One rearranged data set, as the two arguments of a score."""


@dataclass(frozen=True)
class Permuted:
    """Rows of the second argument in another order, which can be asked for alone."""

    Z: Any
    other: Any
    order: Callable[[np.random.Generator], Indices]

    def __call__(self, rng: np.random.Generator) -> tuple[Any, Any]:
        return self.Z, take(self.other, self.order(rng))


def arranged(score: Score, scheme: Any, Z: Any, other: Any, conditions: Any, sessions: Any) -> tuple[Draw, str]:
    """How a data set without the relation is drawn, and what there is to say about it.

    Raises
    ------
    InvalidInputError
        For an unknown scheme, one that the score does not have, and groups that it does not need or lacks.
    """
    if not is_word(scheme, SCHEMES):
        raise InvalidInputError(explain(f"a scheme among {', '.join(SCHEMES)}", repr(scheme), "", 'scheme="labels"'))
    if score.takes == CODES:
        return _walks(scheme, Z, conditions, sessions)
    n = n_rows(Z, other)
    _check_given(score, scheme, conditions, sessions)
    if scheme == "within":
        blocks = as_conditions(sessions, n, "sessions")
        return _rows(score, Z, other, n, blocks), _small(blocks)
    if scheme == "labels":
        return _rows(score, Z, other, n, Groups(("all",), np.zeros(n, dtype=np.intp))), ""
    if scheme == "conditions":
        return _conditions(score, Z, other, n, conditions)
    if score.takes in (LABELS, FACTORS):
        return _centres(Z, _own_conditions(score, other, n, conditions), other)
    return _rotated(Z, other, n), "exact for rows that are independent and Gaussian"


def n_rows(Z: Any, other: Any) -> int:
    """Rows of the data."""
    for value in (Z, other):
        one = first_of(value)
        if one is not None:
            shape = np.shape(one)
            return int(shape[0]) if shape else 0
    raise InvalidInputError(explain("Z of shape (n, p)", "None"))


def first_of(value: Any) -> Any:
    """An array, or the first of a list or dict of layers."""
    if not is_layers(value):
        return value
    return next(iter(value.values() if isinstance(value, Mapping) else value), None)


def _check_given(score: Score, scheme: str, conditions: Any, sessions: Any) -> None:
    if (scheme == "within") != (sessions is not None):
        got = "none" if sessions is None else f'sessions with scheme="{scheme}", which would mix them'
        raise InvalidInputError(explain('sessions with scheme="within", and only there', got, "", 'scheme="within"'))
    if conditions is not None and scheme not in ("conditions", "rotation"):
        raise InvalidInputError(
            explain(f'no conditions with scheme="{scheme}"', "conditions", "", 'scheme="conditions"')
        )
    if scheme in ("conditions", "rotation") and score.takes == ALONE:
        raise InvalidInputError(
            explain(f'scheme "labels" or "within" for {score.name}', f'"{scheme}"', "one array has no conditions", "")
        )


def _small(blocks: Groups) -> str:
    ways = math.prod(math.factorial(int(c)) for c in blocks.counts if c < 20)
    if blocks.counts.max() >= 20 or ways > 1000:
        return ""
    return f"the sessions are so short that there are {ways} permutations in all, so p cannot be small"


# --------------------------------------------------------------------------------------------- rows


def take(value: Any, rows: Indices) -> Any:
    """Rows of labels, an array, or all layers of a network: the same ones in every layer."""
    if isinstance(value, Mapping):
        return {name: take(one, rows) for name, one in value.items()}
    if is_layers(value):
        return [take(one, rows) for one in value]
    raw = as_numpy(value) if hasattr(value, "shape") else value
    return raw[rows] if hasattr(raw, "shape") else [raw[i] for i in rows]


def _rows(score: Score, Z: Any, other: Any, n: int, blocks: Groups) -> Draw:
    """The rows of the second argument against those of the first, within blocks; of one array, each column by itself."""
    members = [np.flatnonzero(blocks.codes == b) for b in range(len(blocks.names))]

    def order(rng: np.random.Generator) -> Indices:
        found = np.arange(n)
        for rows in members:
            found[rows] = rng.permutation(rows)
        return found

    if score.takes == ALONE:
        rows = as_matrix(Z, "Z")
        return lambda rng: (np.column_stack([column[order(rng)] for column in rows.T]), None)
    kept = list(other) if not hasattr(other, "shape") and not isinstance(other, Mapping) else other
    return Permuted(Z, kept, order)


def _conditions(score: Score, Z: Any, other: Any, n: int, conditions: Any) -> tuple[Draw, str]:
    """Whole conditions change places: trials stay with their condition."""
    if score.takes == FACTORS and conditions is None:
        return _shuffled_factors(Z, other, n)
    if conditions is None:
        raise InvalidInputError(
            explain('conditions= with scheme="conditions"', "none", "nobody knows which rows belong together", "")
        )
    groups = as_conditions(conditions, n)
    places = [np.flatnonzero(groups.codes == c) for c in range(len(groups.names))]
    note = _few_ways(len(places), 1)
    if score.takes in (LABELS, FACTORS):
        kept = list(other) if not hasattr(other, "shape") else as_numpy(other)
        firsts = _constant(kept, places)

        def relabelled(rng: np.random.Generator) -> tuple[Any, Any]:
            return Z, take(kept, firsts[rng.permutation(len(places))[groups.codes]])

        return relabelled, note
    if len(set(map(len, places))) != 1:
        raise InvalidInputError(
            explain(
                "conditions of as many rows each", f"{min(map(len, places))} to {max(map(len, places))}",
                "rows of one condition take the places of another's", "condition_averages(Z, conditions).means",
            )
        )  # fmt: skip

    def moved(rng: np.random.Generator) -> Indices:
        order = np.arange(n)
        for rows, source in zip(places, rng.permutation(len(places)), strict=True):
            order[rows] = places[source]
        return order

    return Permuted(Z, other, moved), note


def _constant(labels: Any, places: list[Indices]) -> Indices:
    """A row of each condition, whose label is that of all."""
    for rows in places:
        if any(np.any(np.asarray(labels[i] != labels[rows[0]])) for i in rows):
            raise InvalidInputError(
                explain(
                    "labels that are the same for all rows of a condition", f"two at rows {rows[0]} and after",
                    "labels of trials, not of conditions", 'scheme="labels"',
                )
            )  # fmt: skip
    return np.array([rows[0] for rows in places], dtype=np.intp)


def _shuffled_factors(Z: Any, other: Any, n: int) -> tuple[Draw, str]:
    """Which condition has which values of the variables: the "shuffled conditions" of Bernardi et al."""
    design = as_factors(other, n)
    P, d = design.table.shape

    def shuffled(rng: np.random.Generator) -> tuple[Any, Any]:
        return Z, design.table[rng.permutation(P)[design.condition]]

    # renaming variables and their values changes no score
    return shuffled, _few_ways(P, 2**d * math.factorial(d) if 2**d == P else 1)


def _few_ways(P: int, alike: int) -> str:
    ways = math.factorial(P) // alike if P <= 20 else math.inf
    if ways > 200:
        return ""
    return f"{P} conditions can be shuffled in {ways} ways that differ, so p is hardly ever below {1 / ways:.2g}"


# ---------------------------------------------------------------------------------------- geometry


def _own_conditions(score: Score, other: Any, n: int, conditions: Any) -> Groups:
    if conditions is not None:
        return as_conditions(conditions, n)
    if score.takes == FACTORS:
        design = as_factors(other, n)
        return Groups(tuple(range(len(design.table))), design.condition)
    return as_groups(other, n)


def _centres(Z: Any, groups: Groups, other: Any) -> tuple[Draw, str]:
    """Centres of the conditions at random places with their total variance, each cloud with its neurons in another order."""
    rows = as_matrix(Z, "Z")
    means = groups.means(rows)
    middle = means.mean(axis=0)
    size, clouds = float(np.linalg.norm(means - middle)), rows - means[groups.codes]
    places = [np.flatnonzero(groups.codes == c) for c in range(len(groups.names))]

    def drawn(rng: np.random.Generator) -> tuple[Any, Any]:
        centres = rng.standard_normal(means.shape)
        centres -= centres.mean(axis=0)
        centres *= size / (float(np.linalg.norm(centres)) or 1.0)
        out = (middle + centres)[groups.codes]
        for rows_of in places:
            out[rows_of] += clouds[rows_of][:, rng.permutation(clouds.shape[1])]
        return out, other

    return drawn, "exact for centres that are independent, Gaussian and alike in all directions"


def _rotated(Z: Any, other: Any, n: int) -> Draw:
    """The second representation rotated among the samples, means kept: the same rotation in all layers."""
    layers = is_layers(other)
    raw = list(other.values() if isinstance(other, Mapping) else other) if layers else [other]
    parts = [as_matrix(one, "Z2") for one in raw]
    means = [part.mean(axis=0) for part in parts]

    def rotated(rng: np.random.Generator) -> tuple[Any, Any]:
        Q = _rotation(n, rng)
        found = [Q @ (part - mean) + mean for part, mean in zip(parts, means, strict=True)]
        if isinstance(other, Mapping):
            return Z, dict(zip(other, found, strict=True))
        return Z, found if layers else found[0]

    return rotated


def _rotation(n: int, rng: np.random.Generator) -> Array:
    """A uniformly random rotation of R^n that leaves the ones vector where it is."""
    basis = np.linalg.qr(np.column_stack([np.ones(n), np.eye(n)[:, 1:]]))[0][:, 1:]
    Q, R = np.linalg.qr(rng.standard_normal((n - 1, n - 1)))
    out: Array = basis @ (Q * np.sign(np.diag(R))) @ basis.T
    return out + 1.0 / n


# ------------------------------------------------------------------------------------------- walks


def _walks(scheme: str, codes: Any, conditions: Any, sessions: Any) -> tuple[Draw, str]:
    """Walks with as many crossings as the one given."""
    if scheme not in ("labels", "within") or conditions is not None or sessions is not None:
        raise InvalidInputError(
            explain(
                'scheme "labels" (crossings of neurons drawn anew) or "within" (the same crossings in another order)',
                f'"{scheme}"' if conditions is None and sessions is None else "conditions or sessions",
                "a walk has neither conditions nor sessions", 'scheme="labels"',
            )
        )  # fmt: skip
    pi = as_codes(codes)
    steps: BoolArray = pi[1:] != pi[:-1]
    if scheme == "within":
        return lambda rng: (_walk(pi[0], steps[rng.permutation(len(steps))]), None), _ORDERED
    sizes = steps.sum(axis=1)

    def drawn(rng: np.random.Generator) -> tuple[Any, Any]:
        found = np.zeros_like(steps)
        for row, size in zip(found, sizes, strict=True):
            row[rng.choice(len(row), size, replace=False)] = True
        return _walk(pi[0], found), None

    return drawn, _ANEW


_ORDERED = "walks with the same crossings of every neuron in another order"
_ANEW = "walks of as many crossings, each of a neuron drawn at random"


def _walk(start: BoolArray, steps: BoolArray) -> BoolArray:
    """Codes of a walk from the neurons that change at each step."""
    parity: BoolArray = np.vstack([np.zeros((1, steps.shape[1]), dtype=int), np.cumsum(steps, axis=0)]) % 2 == 1
    return start ^ parity
