"""Lemma 1 of the space-folding paper: unions of cells that are convex, and sets of codes that are Hamming convex."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
from scipy.linalg import block_diag
from scipy.optimize import linprog

from relucvx.metrics import hamming_convex
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, same
from relucvx.types import Array, BoolArray

INTERIOR = 1e-7
"""Radius above which a cell counts as full-dimensional; arrangements of small integers have far larger cells."""

Cells = dict[tuple[bool, ...], tuple[Array, Array]]
"""Closed cells {x: A x <= b} with unit rows, by code."""


# ---------------------------------------------------------------------- cells
def _cells(instance: Instance) -> Cells:
    """Full-dimensional cells of constant code of all neurons, in both layers; remembered for the last few networks."""
    parts = [np.asarray(instance[name], dtype=float) for name in ("W1", "b1", "W2", "b2")]
    return _found_cells(tuple((part.tobytes(), part.shape) for part in parts))


@functools.lru_cache(maxsize=8)
def _found_cells(key: tuple[Any, ...]) -> Cells:
    W1, b1, W2, b2 = (np.frombuffer(data).reshape(shape) for data, shape in key)
    found: Cells = {}
    for code in itertools.product([False, True], repeat=len(b1) + len(b2)):
        first = np.array(code[: len(b1)])
        # in a cell of the first layer the second is linear: its walls there are straight
        normals = np.column_stack([W1, (W1 * first) @ W2])
        offsets = np.concatenate([b1, (b1 * first) @ W2 + b2])
        signs = np.where(code, -1.0, 1.0)  # active means normal·x + offset > 0
        # a neuron without a normal is in one state everywhere: codes with the other state are no cells
        size = np.linalg.norm(normals, axis=0)
        flat = size == 0
        if (offsets[flat & np.array(code)] <= 0).any() or (offsets[flat & ~np.array(code)] > 0).any():
            continue
        # unit normals: the radius of the ball below is then a distance, the same for every wall
        A, b = (signs * normals)[:, ~flat].T / size[~flat, None], (-signs * offsets)[~flat] / size[~flat]
        # a ball inside, or rounding would make cells of lower dimension out of walls that meet
        if _radius(A, b) > INTERIOR:
            found[code] = (A, b)
    return found


def _radius(A: Array, b: Array) -> float:
    """Radius, at most 1, of the largest ball in {x: A x <= b}; negative when that is empty."""
    d = A.shape[1]
    deep = np.column_stack([A, np.ones(len(A))])
    found = linprog(np.append(np.zeros(d), -1.0), deep, b, bounds=[(None, None)] * d + [(None, 1.0)])
    return float(np.asarray(found.x)[-1])


def _union_is_convex(instance: Instance) -> bool:
    """Whether the union of the chosen closed cells is convex: no other cell's interior meets the convex hull.

    The closed hull is {Σ y_i: A_i y_i <= t_i b_i, t >= 0, Σ t_i = 1}; one linear program per other cell looks for a
    point of the hull deep inside the cell. Points of the hull outside the closed union have a neighbourhood outside,
    which meets the interior of another cell.
    """
    cells = _cells(instance)
    chosen = {tuple(code) for code in np.asarray(instance["chosen"]).tolist()}
    union = [cells[code] for code in chosen]
    k, d = len(union), len(instance["W1"])
    # unknowns: y_i of each chosen cell, its share t_i, and how deep in the other cell the point Σ y_i lies
    scaled = np.hstack([block_diag(*[A for A, _ in union]), -block_diag(*[b[:, None] for _, b in union])])
    scaled = np.column_stack([scaled, np.zeros(len(scaled))])
    total = np.concatenate([np.zeros(k * d), np.ones(k), [0.0]])[None]
    bounds = [(None, None)] * (k * d) + [(0.0, None)] * k + [(None, 1.0)]
    for code, (A, b) in cells.items():
        if code in chosen:
            continue
        deep = np.column_stack([np.tile(A, k), np.zeros((len(A), k)), np.ones(len(A))])
        found = linprog(
            np.append(np.zeros(k * d + k), -1.0),
            np.vstack([scaled, deep]),
            np.concatenate([np.zeros(len(scaled)), b]),
            total,
            [1.0],
            bounds=bounds,
        )
        if np.asarray(found.x)[-1] > INTERIOR:
            return False
    return True


# ---------------------------------------------------------------------- instances
def _arrangement(rng: np.random.Generator, size: int) -> Instance:
    """Two to four lines in the plane, or planes in space: small integers, so parallel and concurrent ones are common."""
    d, m = 2 + int(rng.integers(0, 2)), 2 + int(rng.integers(0, min(size, 3)))
    W1 = rng.integers(-2, 3, (d, m)).astype(float)
    W1[int(rng.integers(0, d)), (W1 == 0).all(axis=0)] = 1.0
    b1 = rng.integers(-2, 3, m).astype(float)
    return {"W1": W1, "b1": b1, "W2": np.zeros((m, 0)), "b2": np.zeros(0)}


def _draw(rng: np.random.Generator, size: int) -> Instance:
    """A union of random cells, or one that is convex by construction (all cells on chosen sides of some lines), or such
    a one with a cell more or less."""
    return _draw_union(rng, _arrangement(rng, size))


def _draw_union(rng: np.random.Generator, lines: Instance) -> Instance:
    observable = _codes(_cells(lines))
    kind, n = int(rng.integers(0, 4)), len(observable)
    inside = rng.random(n) < rng.uniform(0.2, 0.8)
    # random sets are hardly ever convex: three in four draws fix the state of some neurons
    if kind > 0:
        sides = observable[int(rng.integers(0, n))]
        fixed = rng.random(len(sides)) < 0.5
        inside = (observable[:, fixed] == sides[fixed]).all(axis=1)
    if kind == 3:
        inside[int(rng.integers(0, n))] ^= True
    if not inside.any():
        inside[int(rng.integers(0, n))] = True
    return {**lines, "chosen": observable[inside], "observable": observable}


def _codes(cells: Cells) -> BoolArray:
    return np.array(list(cells), dtype=bool)


def _rows(codes: Any) -> set[tuple[bool, ...]]:
    return {tuple(row) for row in np.asarray(codes, dtype=bool).tolist()}


# ---------------------------------------------------------------------- assumptions
def _point_counts(instance: Instance, rng: np.random.Generator) -> Instance:
    """Three lines through a point, at which no neuron is active: that code counts as observable. The chosen union is a
    half-plane."""
    turn = np.linalg.qr(rng.standard_normal((2, 2)))[0]
    W1 = turn @ np.array([[1.0, 0.0, -1.0], [0.0, 1.0, -1.0]])
    lines = {"W1": W1, "b1": -W1.T @ rng.standard_normal(2), "W2": np.zeros((3, 0)), "b2": np.zeros(0)}
    cells = _codes(_cells(lines))
    return {**lines, "chosen": cells[~cells[:, 0]], "observable": np.vstack([cells, np.zeros((1, 3), dtype=bool)])}


def _second_layer(instance: Instance, rng: np.random.Generator) -> Instance:
    """Two layers that fold a direction twice, cutting the plane into strips; the union is that of three neighbours,
    and the strip before the first has a code in between."""
    along = rng.standard_normal(2)
    fold = np.array([[2.0, 4.0], [-2.0, -4.0]])
    network = {"W1": np.outer(along, [2.0, 4.0]), "b1": np.array([0.0, -2.0]), "W2": fold, "b2": np.array([0.0, -2.0])}
    chosen = np.array([[1, 0, 1, 1], [1, 1, 1, 1], [1, 1, 1, 0]], dtype=bool)
    return {**network, "chosen": chosen, "observable": _codes(_cells(network))}


ONE_LAYER = Assumption("one hidden layer: whole hyperplanes", lambda i: np.shape(i["W2"])[1] == 0, broken=_second_layer)
FULL = Assumption(
    "the observable codes are those of the full-dimensional cells",
    lambda i: _rows(i["observable"]) == set(_cells(i)),
    broken=_point_counts,
)
UNION = Assumption("a union of such cells", lambda i: len(i["chosen"]) > 0 and _rows(i["chosen"]) <= set(_cells(i)))


# ---------------------------------------------------------------------- predictions
def _all_paths(instance: Instance) -> Predicted:
    return {"convex": hamming_convex(instance["chosen"], instance["observable"]).convex}


def _fixed_bits(instance: Instance) -> Predicted:
    """Also, a convex union is all cells with certain bits fixed."""
    chosen, observable = (np.asarray(instance[name], dtype=bool) for name in ("chosen", "observable"))
    constant = (chosen == chosen[0]).all(axis=0)
    cells = _rows(observable[(observable[:, constant] == chosen[0, constant]).all(axis=1)])
    return {**_all_paths(instance), "fixed_bits": cells == _rows(chosen)}


def _one_path(instance: Instance) -> Predicted:
    """Whether every two codes are joined by a shortest path of codes of the set."""
    codes = np.array(sorted(_rows(instance["chosen"])), dtype=bool)
    apart = (codes[:, None] != codes).sum(axis=2)
    walk = np.where(apart <= 1, apart.astype(float), np.inf)
    for k in range(len(codes)):  # shortest walks by way of the first k codes
        walk = np.minimum(walk, walk[:, k, None] + walk[k])
    return {"convex": bool((walk == apart).all())}


def _measure(instance: Instance, predicted: Predicted) -> list[Deviation]:
    convex = _union_is_convex(instance)
    found = [same("the union of the cells is convex", convex, predicted["convex"])]
    if "fixed_bits" in predicted:
        found.append(same("it is all cells on certain sides", convex, predicted["fixed_bits"]))
    return found


def _draw_bent(rng: np.random.Generator, size: int) -> Instance:
    """A union whose codes are joined by shortest paths inside although it is not convex: an L of three quarters."""
    while True:
        lines = _arrangement(rng, size)
        for _ in range(20):
            instance = _draw_union(rng, lines)
            if _one_path(instance)["convex"] and not _all_paths(instance)["convex"]:
                return instance


CLAIMS = (
    Claim(
        "hamming-convex-unions",
        "For the cells of a hyperplane arrangement: a union of closed full-dimensional cells is convex iff every cell "
        "whose code lies on a shortest Hamming path between two of its codes belongs to it, iff it is all cells on "
        "certain sides of certain hyperplanes.",
        "lewandowski-2025",
        "theorem; proved in another way than as transcribed, see reading-hamming-one-path",
        draw=_draw,
        predict=_fixed_bits,
        measure=_measure,
        assumptions=(ONE_LAYER, FULL, UNION),
        seconds=0.03,
    ),
    Claim(
        "reading-hamming-one-path",
        "As transcribed: a union of cells is convex as soon as every two of its codes are joined by one shortest "
        "Hamming path inside. (The step on which the transcribed proof rests. Three quarters of the plane meet it; "
        "all shortest paths are needed.)",
        "transcribed",
        "refuted by explicit unions",
        draw=_draw_bent,
        predict=_one_path,
        measure=_measure,
        assumptions=(ONE_LAYER, FULL, UNION),
        expected="VIOLATED",
        correction=_all_paths,
        corrected_by="hamming-convex-unions",
        seconds=0.05,
    ),
)
