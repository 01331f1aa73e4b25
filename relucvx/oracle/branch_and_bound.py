"""Upper bound on the dual norm by branch-and-bound over simplicial cones, for any number of outputs.

The sphere is covered by the orthants of the principal axes (times the bias range, triangulated, when the bias is free). The
cone with the largest bound is taken from the frontier and split depth first (:mod:`relucvx.oracle.subtree`) until its parts
have bounds some way below; those go back to the frontier. When it would outgrow memory the remaining cones are finished
depth first against the target.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from relucvx.deadline import Deadline
from relucvx.executors import executor
from relucvx.oracle import subtree
from relucvx.oracle.form import Form
from relucvx.oracle.shards import SHARDS, Frontier, Shards, rounding_slack
from relucvx.oracle.slices import Slices
from relucvx.types import Array

MAX_DIMENSION = 14
"""Beyond 2^14 starting orthants branch-and-bound proves nothing in any time a user would wait."""

CHUNK_STEPS = 5_000
"""Splits between two looks at the clock, the callback and Ctrl-C."""

LONG, LONG_WORK = 40_000, 100_000_000
"""A search of more cones, or of more multiplications, is dealt to several parts: until then one core works."""


@dataclass
class Search:
    """State of one branch-and-bound: ``upper`` is valid whenever the search is paused."""

    upper: float
    lower: float
    witness: Array
    cones: int
    outcome: str

    def bar(self, tol: float) -> tuple[str, float | None]:
        """What a progress bar shows."""
        return f"{self.cones:,} cones, dual norm <= {self.upper:.8g}", None


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


def starting_directions(form: Form) -> Array:
    """The distinct generators of :func:`starting_cones`, sorted: the axes, both ways (at both ends of the bias range)."""
    r = form.penalized
    axes = np.vstack([np.eye(r), -np.eye(r)])
    if form.free_bias:
        ends = np.repeat([-form.bias_range, form.bias_range], 2 * r)
        axes = np.column_stack([np.vstack([axes, axes]), ends])
    return np.unique(axes, axis=0)


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
    generators = starting_directions(form)
    values = form.values(generators.T)
    if values.max() > lower:
        lower, best_point = float(values.max()), generators[int(values.argmax())].copy()
    # on a line two directions are all there are
    if dim == 1:
        return Search(lower + rounding_slack(form, 0), lower, best_point, 2, "proved")
    with ExitStack() as stack:
        search: Frontier | Shards | Slices = Frontier(form, nodes, lower, best_point)
        while True:
            steps = int(min(CHUNK_STEPS, max_cones - search.cones))
            code = search.search(float(target), float(stop_above), steps)
            state = Search(search.upper(form), search.best, search.witness, search.cones, "budget")
            if code != subtree.RUNNING:
                state.outcome = "proved" if code == subtree.EMPTY else "violated"
                return state
            if search.cones >= max_cones or deadline.passed() or (callback is not None and callback(state)):
                return state
            # by counts alone, so that the outcome is the same with any number of threads
            if isinstance(search, Frontier) and _is_long(search):
                elsewhere = executor()
                if elsewhere is None:
                    search = Shards(form, search, stack)
                else:
                    search = Slices(form, search, stack, elsewhere, max_cones, deadline)
            elif isinstance(search, Slices) and search.done:
                search = Shards(form, search.whole, stack)


def _is_long(search: Frontier) -> bool:
    """Whether a search has gone on for long, and has cones enough to deal."""
    return search.heap and search.size >= 4 * SHARDS and (search.cones > LONG or search.spent > LONG_WORK)
