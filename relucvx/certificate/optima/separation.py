"""Proof that a dual constraint is active nowhere but in known places: branch-and-bound with regions cut out.

For one output and a sign s, s·F(w) = s·N·phi(Xw) is concave on every convex cone on which the samples with a convex kink
(s·hinge·N_i > 0) keep their side. A positively homogeneous concave function has at most one maximiser on the unit sphere
of such a cone. So it is enough to know one maximiser per *region* and to show that outside the regions |F| stays below a
threshold. The cones that branch-and-bound need not bound are those inside a region.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.compiled import compiled
from relucvx.deadline import Deadline
from relucvx.oracle.branch_and_bound import MAX_DIMENSION, starting_cones
from relucvx.oracle.cone_bounds import cone_bound
from relucvx.oracle.form import Form
from relucvx.oracle.shards import CHUNK_WORK, ZERO_TOL, rounding_slack
from relucvx.oracle.simplicial import relax, split_point
from relucvx.types import Array

PROVED, WITNESS, RUNNING = 0, 1, 2

SECONDS = 30.0
"""Seconds that a proof without a deadline may take."""

DEEPEST = 200
"""Splits above the cones of a search of ten million: eight for each doubling, and some to spare."""

WALL_SHARE = 0.3
"""Split at the heaviest wall when it carries at least this share of the relaxation's loss, else bisect."""


@dataclass(frozen=True)
class Separation:
    """Outcome: "proved", "witness" (a reduced direction outside the regions above the threshold) or "budget"."""

    outcome: str
    witness: Array
    cones: int


@compiled
def inside(Z: Any, ids: Any, M: Any, LG: Any, sides: Any, sign: float, ztol: Any) -> bool:
    """Whether every generator keeps the sides (±1; 0 is free) and has sign·F >= 0: then so does the whole cone."""
    # sides and sign are linear conditions on a cone without a wall of F inside it: the generators decide for all
    for k in range(ids.shape[0]):
        total = LG[k]
        for i in range(sides.shape[0]):
            z = Z[ids[k], i]
            if sides[i] * z < -ztol[i]:
                return False
            if z > 0.0:
                total += M[i, 0] * z
        if sign * total < 0.0:
            return False
    return True


@compiled
def sweep(
    X: Any, M: Any, L: Any, p: int, mnorm: Any, ztol: Any, nodes: Any, size: int, prune: float, wall_share: float,
    steps: int, sides: Any, signs: Any, witness: Any,
) -> Any:  # fmt: skip
    """Depth first over the stack ``nodes[:size]``; return (size, cones done, outcome)."""
    n, dim = X.shape
    # scratch, made once for thousands of cones
    G = np.empty((dim, dim))
    Z = np.empty((dim, n))
    LG = np.empty(dim)
    a = np.empty((dim, 1))
    rho = np.empty(dim)
    ids = np.arange(dim)
    middle = np.empty(dim)
    point = np.empty(dim)
    done = 0
    while size > 0 and done < steps and size + 2 <= nodes.shape[0]:
        size -= 1
        done += 1
        # depth first, for nothing is asked of the cones but whether all of them can be closed
        G[:] = nodes[size]
        for k in range(dim):
            LG[k] = 0.0
            for j in range(dim):
                LG[k] += L[j, 0] * G[k, j]
            for i in range(n):
                total = 0.0
                for j in range(dim):
                    total += X[i, j] * G[k, j]
                Z[k, i] = total
        # inside a region F has its one maximiser already: such a cone need not stay below the threshold
        known = False
        for r in range(sides.shape[0]):
            if inside(Z, ids, M, LG, sides[r], signs[r], ztol):
                known = True
                break
        if known:
            continue
        # elsewhere it must: either its bound says so, or it is split
        mixed, heavy, share = relax(X, M, L, G, Z, ids, mnorm, ztol, a, rho)
        if cone_bound(G, p, a, rho, prune, point) <= prune:
            continue
        k, l = split_point(G, Z, p, mnorm, mixed, heavy, share, wall_share, middle)
        # F at the point of the split: above the threshold it contradicts the proof, unless a region claims it
        value = 0.0
        for j in range(dim):
            value += L[j, 0] * middle[j]
        for i in range(n):
            total = 0.0
            for j in range(dim):
                total += X[i, j] * middle[j]
            Z[0, i] = total
            if total > 0.0:
                value += M[i, 0] * total
        if abs(value) > prune:
            LG[0] = 0.0
            for j in range(dim):
                LG[0] += L[j, 0] * middle[j]
            known = False
            for r in range(sides.shape[0]):
                known = known or inside(Z, ids[:1], M, LG, sides[r], signs[r], ztol)
            if not known:
                witness[:] = middle
                return size, done, WITNESS
        # two halves, each with the middle in place of one end of the edge
        nodes[size] = G
        nodes[size, k] = middle
        nodes[size + 1] = G
        nodes[size + 1, l] = middle
        size += 2
    return size, done, PROVED if size == 0 else RUNNING


def separate(
    form: Form,
    sides: Array,
    signs: Array,
    threshold: float,
    *,
    max_cones: float = 2e7,
    deadline: Deadline | None = None,
) -> Separation:
    """Prove |F| <= threshold outside the regions, or find a direction that shows otherwise.

    Parameters
    ----------
    form : Form
        One output.
    sides : ndarray, shape (r, n)
        For each region the side (±1) on which samples stay, 0 where it does not matter.
    signs : ndarray, shape (r,)
        Sign of F in each region.

    Notes
    -----
    Status: certified numerically (rounding is taken off the threshold). Source: [relucvx]
    """
    dim = form.X.shape[1]
    # rounding is taken off the threshold once, so that the sweep compares plain numbers
    prune = threshold - rounding_slack(form, DEEPEST)
    witness = np.zeros(dim)
    if dim > MAX_DIMENSION or prune <= 0.0:
        return Separation("budget", witness, 0)
    # on a line there are two directions, and no cone
    if dim == 1:
        for w in (np.ones(1), -np.ones(1)):
            value = float(form.values(w[:, None])[0])
            z = form.X @ w
            known = any(
                (side * z >= 0).all() and s * _signed(form, w) >= 0 for side, s in zip(sides, signs, strict=True)
            )
            if value > prune and not known:
                return Separation("witness", w, 2)
        return Separation("proved", witness, 2)
    start = starting_cones(form)
    nodes = np.empty((len(start) + 4096, dim, dim))
    nodes[: len(start)] = start
    size, cones, deadline = len(start), 0, deadline or Deadline(SECONDS)
    # chunks that take about a tenth of a second, between which the clock and Ctrl-C are heard
    chunk = int(np.clip(CHUNK_WORK // (len(form.X) * dim * (dim + len(sides))), 1, 20_000))
    mnorm = np.abs(form.M[:, 0])
    ztol = ZERO_TOL * (np.linalg.norm(form.X[:, : form.penalized], axis=1) + form.bias_range)
    # the stack grows between chunks, never within one: compiled code does not allocate it
    while True:
        if size + 2 > len(nodes):
            nodes = np.concatenate([nodes, np.empty_like(nodes)])
        size, done, code = sweep(
            form.X, form.M, form.L, form.penalized, mnorm, ztol, nodes, size, prune, WALL_SHARE, chunk,
            np.ascontiguousarray(sides), np.ascontiguousarray(signs), witness,
        )  # fmt: skip
        cones += done
        if code != RUNNING:
            return Separation("proved" if code == PROVED else "witness", witness, cones)
        if cones >= max_cones or deadline.passed():
            return Separation("budget", witness, cones)


def _signed(form: Form, w: Array) -> float:
    return float(form.M[:, 0] @ np.maximum(form.X @ w, 0.0) + form.L[:, 0] @ w)
