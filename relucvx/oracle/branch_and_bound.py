"""Upper bound on the dual norm by branch-and-bound over simplicial cones, for any number of outputs.

The sphere is covered by the orthants of the principal axes (times the bias range, triangulated, when the bias is free);
:mod:`relucvx.oracle.simplicial` splits and bounds. Cones are explored best first; when the frontier would outgrow memory
the remaining ones are finished depth first against the target.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from relucvx.deadline import Deadline
from relucvx.oracle import simplicial
from relucvx.oracle.form import Form
from relucvx.types import Array

MAX_DIMENSION = 14
"""Beyond 2^14 starting orthants branch-and-bound proves nothing in any time a user would wait."""

FRONTIER_BYTES = 600_000_000
ZERO_TOL = 1e-14
"""|x_i·g| <= ZERO_TOL ||x_i|| counts as on the wall; paid for in :func:`rounding_slack`."""

WALL_SHARE = 0.3
"""Split at the heaviest wall when it carries at least this share of the relaxation's loss, else bisect."""

CHUNK_WORK = 4_000_000
"""Multiplications between two looks at the clock, the callback and Ctrl-C: a few hundredths of a second."""


@dataclass
class Search:
    """State of one branch-and-bound: ``upper`` is valid whenever the search is paused."""

    upper: float
    lower: float
    witness: Array
    cones: int
    outcome: str


def starting_cones(form: Form) -> Array:
    """Generators (cones, D, D) of simplicial cones that cover the sphere (and the bias range)."""
    r = form.penalized
    signs = np.array(list(itertools.product([1.0, -1.0], repeat=r)))
    if not form.free_bias:
        return np.asarray(np.eye(r)[None] * signs[:, :, None])
    # Staircase triangulation of (simplex of axes) x [-R, R]: e_1..e_k at -R, then e_k..e_r at +R.
    # |b| <= R ||w||_1 contains |b| <= R ||w||_2, so the cover is complete.
    stairs = []
    for k in range(r):
        low = np.column_stack([np.eye(r)[: k + 1], np.full(k + 1, -form.bias_range)])
        high = np.column_stack([np.eye(r)[k:], np.full(r - k, form.bias_range)])
        stairs.append(np.vstack([low, high]))
    flip = np.column_stack([signs, np.ones(len(signs))])
    return np.asarray((np.array(stairs)[None] * flip[:, None, None, :]).reshape(-1, r + 1, r + 1))


def rounding_slack(form: Form, cones: int) -> float:
    """What float64 can hide: rounded split points along a branch, values, and samples counted as on a wall."""
    depth = 64 + int(8 * np.log2(2 + cones))
    return form.rounding(depth) + 4.0 * np.sqrt(form.X.shape[1]) * ZERO_TOL * form.scale


def branch_and_bound(
    form: Form,
    *,
    target: float,
    lower: float = 0.0,
    witness: Array | None = None,
    stop_above: float = np.inf,
    max_cones: float = np.inf,
    deadline: Deadline | None = None,
    callback: Callable[[Search], bool | None] | None = None,
) -> Search:
    """Bound max F over the unit ball from above.

    Parameters
    ----------
    target : float
        Stop as soon as the maximum is proven to be at most max(target, best value found).
    lower, witness
        A known value of F and its reduced direction.
    stop_above : float
        Stop as soon as a direction with F > stop_above is found (a violated constraint: the next column).
    max_cones, deadline
        Budget; the bound is valid when it runs out.
    callback : callable, optional
        Called between chunks with the current state; returning True stops.

    Returns
    -------
    Search
        ``outcome`` is "proved", "violated" or "budget"; ``upper`` is valid in each case.

    Notes
    -----
    Status: certified numerically (valid in float64: an explicit slack covers every rounding; see ``rounding_slack``).
    Source: [relucvx]
    """
    dim, deadline = form.X.shape[1], deadline or Deadline()
    best_point = np.zeros(dim) if witness is None else np.array(witness, dtype=float)
    # the cones' own generators are the first directions tried: a good value from below drops cones early
    nodes = starting_cones(form)
    generators = np.unique(nodes.reshape(-1, dim), axis=0)
    values = form.values(generators.T)
    if values.max() > lower:
        lower, best_point = float(values.max()), generators[int(values.argmax())].copy()
    # on a line two directions are all there are
    if dim == 1:
        return Search(lower + rounding_slack(form, 1), lower, best_point, 2, "proved")
    # nothing is known of a starting cone, so each is split at least once
    size = len(nodes)
    bounds = np.full(size, np.inf)
    mnorm = np.linalg.norm(form.M, axis=1)
    # rounding of x_i·g, where a sample cannot be told to be on one side
    ztol = ZERO_TOL * (np.linalg.norm(form.X[:, : form.penalized], axis=1) + form.bias_range)
    cap = int(max(4 * size, FRONTIER_BYTES // (8 * dim * dim)))
    cones, dropped, depth_first, outcome = size, 0.0, False, "budget"
    chunk = int(np.clip(CHUNK_WORK // (len(form.X) * dim * dim), 1, 5_000))
    # chunks of a few hundredths of a second: in between the clock, the callback and Ctrl-C are heard
    while True:
        steps = int(min(chunk, max_cones - cones))
        # best first wants all open cones in memory; before they outgrow it the rest is done last in, first out,
        # loosest cones on top
        if not depth_first and size + steps + 2 > cap:
            order = np.argsort(bounds[:size])
            nodes, bounds, depth_first = nodes[order], bounds[order], True
        if size + steps + 2 > len(bounds):
            grow = max(len(bounds), steps + 2)
            nodes = np.concatenate([nodes, np.empty((grow, dim, dim))])
            bounds = np.concatenate([bounds, np.empty(grow)])
        size, done, lower, dropped, code = simplicial.run(
            form.X, form.M, form.L, form.penalized, mnorm, ztol, bounds, nodes, size, depth_first,
            float(target), float(stop_above), WALL_SHARE, steps, lower, best_point, dropped,
        )  # fmt: skip
        cones += 2 * done
        # every direction lies in a dropped cone, an open one, or has the value that was reached
        peak = bounds[:size].max() if depth_first and size else (bounds[0] if size else 0.0)
        upper = max(dropped, peak, lower) + rounding_slack(form, cones)
        state = Search(float(upper), float(lower), best_point, cones, outcome)
        if code == simplicial.EMPTY:
            state.outcome = "proved"
            return state
        if code == simplicial.VIOLATED:
            state.outcome = "violated"
            return state
        if cones >= max_cones or deadline.passed() or (callback is not None and callback(state)):
            return state
