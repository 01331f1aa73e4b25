"""The strength from which a search finds no neuron that pays: it depends on the data alone, on no machine and no load."""

from __future__ import annotations

import dataclasses

import numpy as np

from relucvx.oracle.form import form_of
from relucvx.oracle.search import local_maxima, random_directions
from relucvx.program.duality import balance_dual, residual
from relucvx.program.presolve import rescaled
from relucvx.program.problem import Problem
from relucvx.types import Array

STARTS, LEAST_STARTS = 64, 4
"""Random directions that the search begins at, and the fewest of them on large data."""

WORK = 4e10
"""Multiplications that the starts may cost together: some ten seconds."""

ITERATIONS = 100
"""Steps of an ascent."""

AROUND = 10
"""Every so many turns the search begins at all its starts again."""

TURNS, SETTLED = 40, 1e-9
"""Turns towards the strength that is its own beta_max, where the output bias is decayed, and when they have arrived."""


def searched_beta_max(problem: Problem) -> float:
    """The largest pull ``||N0ᵀ phi(Xw)||`` that a search finds at the best network without neurons, N0 = -∇loss there.

    Below it a neuron pays (smooth losses, bias modes other than "all"); whether one pays above it is not known:
    :func:`relucvx.beta_max` has the certified interval, which on wide data is loose and takes time. The same data give the
    same number, whatever the machine.

    Parameters
    ----------
    problem : Problem
        Its strength plays no part.

    Returns
    -------
    float
        0 where nothing can be learnt.

    Notes
    -----
    Status: heuristic (a search from fixed starts). Source: [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.oracle.null_pull import searched_beta_max
    >>> problem = rx.make_problem([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], beta=1.0)
    >>> round(searched_beta_max(problem), 6)
    5.0
    """
    small = rescaled(problem).problem
    unit = problem.beta / small.beta
    if not small.bias.decays_output:
        return _pull(small, small.null_bias())[0] * unit
    # the null network's output bias depends on beta: the strength that equals the pull at its own bias
    beta, best = _pull(small, np.zeros(small.n_outputs))
    for turn in range(TURNS):
        if beta <= 0.0:
            break
        # the best directions move little from turn to turn: a search from all sides once in a while
        pull, best = _pull(small, dataclasses.replace(small, beta=beta).null_bias(), best if turn % AROUND else None)
        after = 0.5 * (beta + pull)
        beta, before = after, beta
        if abs(beta - before) <= SETTLED * before:
            break
    return beta * unit


def _pull(problem: Problem, bias: Array, starts: Array | None = None) -> tuple[float, Array | None]:
    """The largest value that the ascents find, at the fit of an output bias (c,) alone, and the directions of the largest."""
    N = balance_dual(problem, residual(problem, np.tile(bias, (problem.n_samples, 1))))
    form = form_of(problem, N)
    cost = 3.0 * form.X.size * (1 + form.M.shape[1]) * ITERATIONS
    count = int(np.clip(WORK // max(cost, 1.0), LEAST_STARTS, STARTS))
    if starts is None:
        starts = random_directions(form, count, np.random.default_rng(0))
    W, values = local_maxima(form, starts, iterations=ITERATIONS)
    return (float(values[0]), W[:LEAST_STARTS]) if len(values) else (0.0, None)
