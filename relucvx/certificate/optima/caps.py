"""Proof that a dual constraint is active nowhere but near known directions: branch-and-bound with caps cut out.

A cap is the convex cone of all ``s (u + h)``, s >= 0, whose h has no component along u in the penalised coordinates and is at
most ``width`` long. A cone that branch-and-bound makes lies in a cap as soon as all its generators do. Each cap has a level:
infinite where nothing need be shown inside, else what F must stay below there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.compiled import compiled
from relucvx.deadline import Deadline
from relucvx.oracle.branch_and_bound import MAX_DIMENSION, starting_cones
from relucvx.oracle.cone_bounds import cone_bound
from relucvx.oracle.form import Form, make_form
from relucvx.oracle.shards import CHUNK_WORK, ZERO_TOL, rounding_slack
from relucvx.oracle.simplicial import relax, split_point
from relucvx.types import Array, as_activation

PROVED, WITNESS, RUNNING, TOO_DEEP = 0, 1, 2, 3

SECONDS = 30.0
"""Seconds that a proof without a deadline may take."""

DEEPEST = 400
"""Splits above a cone, for which the allowance for rounding is made; a search that needs more proves nothing."""

WALL_SHARE = 0.3
"""Split at the heaviest wall when it carries at least this share of the relaxation's loss, else bisect."""

MEMBER = 1e-9
"""A generator is in a cap when it is this share inside its edge, so that rounding cannot put it outside."""


@dataclass(frozen=True)
class Outside:
    """Outcome: "proved", "witness" (a reduced direction outside the caps above the threshold) or "budget"."""

    outcome: str
    witness: Array
    cones: int


@compiled
def in_cap(g: Any, p: int, centre: Any, width: float, unit: Any) -> bool:
    """Whether g lies in the cap around ``centre`` (unit penalised part); ``unit`` are lengths of the coordinates."""
    along = 0.0
    for j in range(p):
        along += g[j] * centre[j]
    if along <= 0.0:
        return False
    off = 0.0
    for j in range(g.shape[0]):
        off += ((g[j] - along * centre[j]) * unit[j]) ** 2
    return bool(np.sqrt(off) <= width * along)


@compiled
def sweep_caps(
    X: Any, M: Any, L: Any, p: int, mnorm: Any, ztol: Any, nodes: Any, depths: Any, size: int, prune: float,
    wall_share: float, steps: int, deepest: int, centres: Any, widths: Any, levels: Any, unit: Any, witness: Any,
) -> Any:  # fmt: skip
    """Depth first over the stack ``nodes[:size]``; return (size, cones done, outcome)."""
    n, dim = X.shape
    c = M.shape[1]
    # scratch, made once for thousands of cones
    G = np.empty((dim, dim))
    Z = np.empty((dim, n))
    a = np.empty((dim, c))
    rho = np.empty(dim)
    ids = np.arange(dim)
    middle = np.empty(dim)
    point = np.empty(dim)
    total = np.empty(c)
    done = 0
    while size > 0 and done < steps and size + 2 <= nodes.shape[0]:
        size -= 1
        done += 1
        G[:] = nodes[size]
        depth = depths[size]
        # a cap is convex: with its generators it holds the whole cone
        level = prune
        for r in range(centres.shape[0]):
            if levels[r] <= level:
                continue
            within = True
            for k in range(dim):
                if not in_cap(G[k], p, centres[r], widths[r], unit):
                    within = False
                    break
            if within:
                level = levels[r]
        if level == np.inf:
            continue
        for k in range(dim):
            for i in range(n):
                z = 0.0
                for j in range(dim):
                    z += X[i, j] * G[k, j]
                Z[k, i] = z
        mixed, heavy, share = relax(X, M, L, G, Z, ids, mnorm, ztol, a, rho)
        if cone_bound(G, p, a, rho, level, point) <= level:
            continue
        # the allowance for rounding is made for so many splits and no more
        if depth >= deepest:
            return size, done, TOO_DEEP
        k, l = split_point(G, Z, p, mnorm, mixed, heavy, share, wall_share, middle)
        # F at the point of the split: above the level there it contradicts the proof
        for o in range(c):
            total[o] = 0.0
            for j in range(dim):
                total[o] += L[j, o] * middle[j]
        for i in range(n):
            z = 0.0
            for j in range(dim):
                z += X[i, j] * middle[j]
            if z > 0.0:
                for o in range(c):
                    total[o] += M[i, o] * z
        square = 0.0
        for o in range(c):
            square += total[o] * total[o]
        value = np.sqrt(square)
        if value > prune:
            level = prune
            for r in range(centres.shape[0]):
                if levels[r] > level and in_cap(middle, p, centres[r], widths[r], unit):
                    level = levels[r]
            if value > level:
                witness[:] = middle
                return size, done, WITNESS
        # two halves, each with the middle in place of one end of the edge
        nodes[size] = G
        nodes[size, k] = middle
        nodes[size + 1] = G
        nodes[size + 1, l] = middle
        depths[size] = depth + 1
        depths[size + 1] = depth + 1
        size += 2
    return size, done, PROVED if size == 0 else RUNNING


def bound_outside(
    form: Form,
    centres: Array,
    widths: Array,
    levels: Array,
    threshold: float,
    *,
    max_cones: float = 2e7,
    deadline: Deadline | None = None,
) -> Outside:
    """Prove F <= threshold outside the caps and F <= level in each that has one, or find a direction that shows otherwise.

    Parameters
    ----------
    form : Form
        Any number of outputs.
    centres : ndarray, shape (k, q)
        Reduced directions, unit in the penalised coordinates.
    widths : ndarray, shape (k,)
        Tangent of the half angle of each cap; a free bias counts in units of ``form.bias_range``.
    levels : ndarray, shape (k,)
        What F must stay below in each cap (in several: below the highest); infinite where nothing is asked.

    Notes
    -----
    Status: certified numerically (rounding is taken off the threshold). Source: [relucvx]
    """
    dim = form.X.shape[1]
    # rounding is taken off the threshold once, so that the sweep compares plain numbers
    slack = rounding_slack(form, DEEPEST)
    prune = threshold - slack
    witness = np.zeros(dim)
    if dim > MAX_DIMENSION or prune <= 0.0:
        return Outside("budget", witness, 0)
    centres = np.ascontiguousarray(centres.reshape(-1, dim))
    widths = np.asarray(widths, dtype=float) * (1.0 - MEMBER)
    levels = np.asarray(levels, dtype=float) - slack
    unit = np.ones(dim)
    unit[form.penalized :] = 1.0 / max(form.bias_range, 1e-300)
    # on a line there are two directions, and no cone
    if dim == 1:
        for w in (np.ones(1), -np.ones(1)):
            inside = [level for u, t, level in zip(centres, widths, levels, strict=True) if in_cap(w, 1, u, t, unit)]
            if float(form.values(w[:, None])[0]) > max([prune, *inside]):
                return Outside("witness", w, 2)
        return Outside("proved", witness, 2)
    start = starting_cones(form)
    nodes = np.empty((len(start) + 4096, dim, dim))
    nodes[: len(start)] = start
    depths = np.zeros(len(nodes), dtype=np.int64)
    size, cones, deadline = len(start), 0, deadline or Deadline(SECONDS)
    # chunks that take about a tenth of a second, between which the clock and Ctrl-C are heard
    chunk = int(np.clip(CHUNK_WORK // (len(form.X) * dim * (dim + form.M.shape[1])), 1, 20_000))
    mnorm = np.linalg.norm(form.M, axis=1)
    ztol = ZERO_TOL * (np.linalg.norm(form.X[:, : form.penalized], axis=1) + form.bias_range)
    # the stack grows between chunks, never within one: compiled code does not allocate it
    while True:
        if size + 2 > len(nodes):
            nodes = np.concatenate([nodes, np.empty_like(nodes)])
            depths = np.concatenate([depths, np.empty_like(depths)])
        size, done, code = sweep_caps(
            form.X, form.M, form.L, form.penalized, mnorm, ztol, nodes, depths, size, prune, WALL_SHARE, chunk,
            DEEPEST, centres, widths, levels, unit, witness,
        )  # fmt: skip
        cones += done
        if code in (PROVED, WITNESS):
            return Outside("proved" if code == PROVED else "witness", witness, cones)
        if code == TOO_DEEP or cones >= max_cones or deadline.passed():
            return Outside("budget", witness, cones)


def compile_caps() -> None:
    """Compile the search, on a toy form of two outputs."""
    form = make_form(np.eye(2), np.eye(2), as_activation("relu"))
    bound_outside(form, np.zeros((0, 2)), np.zeros(0), np.zeros(0), 1.5)
