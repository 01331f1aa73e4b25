"""What a sweep may take: a guess before the work, from sizes alone or from cells that are there."""

from __future__ import annotations

from relucvx.program.problem import Problem
from relucvx.sweeps.grid import Cell, Grid
from relucvx.sweeps.store import Store

EASY = 5
"""Inputs up to which proofs take about a time that grows with the samples (the table of docs/guide/how_large.md)."""

PER_SAMPLE = 0.004
"""Seconds of a proof per sample and output at a twentieth of beta_max, in few dimensions."""

AT_LEAST = 0.1
"""Seconds of the smallest piece of work."""

HARD = 60.0
"""Seconds of a proof in many dimensions where there is no limit: it may take longer."""

PER_WEIGHT = 2e-4
"""Seconds of training per sample, input and neuron: some thousand passes over small networks."""


def remaining(grid: Grid, store: Store, limit: float | None) -> float:
    """Seconds that one core may need for what is missing.

    Notes
    -----
    Status: heuristic (a guess that can be wrong by a factor of ten). Source: [relucvx].
    """
    total = 0.0
    known = {base.key: _known(base.key, store) for base in grid.bases()}
    for cell in {cell.key: cell for cell in grid.cells}.values():
        problem = cell.base.problem
        if not store.solved(cell.key, limit):
            total += known[cell.base.key] or of_proof(cell, limit)
        for width in grid.widths:
            left = sum(not store.trained((cell.problem, width, grid.how, seed), limit) for seed in grid.seeds)
            total += left and min(of_training(problem, width) * left, limit or float("inf"))
    return total


def _known(base: str, store: Store) -> float:
    """Mean seconds of the optima that are there of a problem at other strengths; 0 for none."""
    seconds = [record.get("seconds") or 0.0 for record in store.optima.values() if record["base"] == base]
    return sum(seconds) / len(seconds) if seconds else 0.0


def of_proof(cell: Cell, limit: float | None) -> float:
    """Seconds of one optimum with its proof."""
    problem = cell.base.problem
    if problem.n_inputs > EASY + 1:
        return HARD if limit is None else limit
    smaller = 1.0 if cell.beta_fraction is None else max(1.0, 0.05 / cell.beta_fraction)
    found = AT_LEAST + PER_SAMPLE * problem.n_samples * problem.n_outputs * smaller**0.5
    return found if limit is None else min(found, limit)


def of_training(problem: Problem, width: int) -> float:
    """Seconds of one network."""
    return AT_LEAST + PER_WEIGHT * problem.n_rows * problem.n_inputs * width
