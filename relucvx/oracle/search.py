"""Lower side of the oracle: batched ascent of F(w) = ||Nᵀ phi(Xw)|| on the unit ball.

Every value found is a valid lower bound on the dual norm, and every direction above beta is a column worth adding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled
from relucvx.deadline import Deadline
from relucvx.oracle.form import Form
from relucvx.types import Array

UNEVEN = 30.0
"""Axes, and columns of the inputs, along which the rows spread by factors of more than this are uneven."""

SAME_DIRECTION = 0.9995
"""Two local maxima with a larger cosine count as one."""

CHUNK_WORK = 4e7
"""Multiplications between two looks at the clock and Ctrl-C: a few hundredths of a second."""


@compiled(fastmath={"reassoc"}, counted=False)
def height(across: Any, weights: Any, L: Any, p: int, w: Any, z: Any, total: Any) -> float:
    """F at w, which is brought to unit penalised norm first (0 for the zero vector): fills z = Xw and ``total`` = Nᵀ phi(Xw).

    Row after row for one coordinate (or output) at a time, so that neighbours are worked on at once: sums come in any order,
    and what they round is bounded for all orders alike.
    """
    dim, n = across.shape
    norm = 0.0
    for j in range(p):
        norm += w[j] * w[j]
    if norm <= 0.0:
        return 0.0
    norm = np.sqrt(norm)
    for j in range(dim):
        w[j] /= norm
        column, along = across[j], w[j]
        if j == 0:
            for i in range(n):
                z[i] = column[i] * along
        else:
            for i in range(n):
                z[i] += column[i] * along
    square = 0.0
    for o in range(total.shape[0]):
        weight, value = weights[o], 0.0
        for i in range(n):
            value += weight[i] * max(z[i], 0.0)
        for j in range(dim):
            value += L[j, o] * w[j]
        total[o] = value
        square += value * value
    return np.sqrt(square)


@compiled(fastmath={"reassoc"}, counted=False)
def slope(across: Any, weights: Any, L: Any, z: Any, total: Any, pull: Any, grad: Any) -> float:
    """Norm of the gradient of F² / 2, which ``grad`` receives: the gates are those of the cell that z lies in."""
    dim, n = across.shape
    for i in range(n):
        pull[i] = 0.0
    for o in range(total.shape[0]):
        weight, lean = weights[o], total[o]
        for i in range(n):
            pull[i] += weight[i] * lean
    for i in range(n):
        pull[i] = pull[i] if z[i] > 0.0 else 0.0
    square = 0.0
    for j in range(dim):
        column, along = across[j], 0.0
        for i in range(n):
            along += column[i] * pull[i]
        for o in range(total.shape[0]):
            along += L[j, o] * total[o]
        grad[j] = along
        square += along * along
    return np.sqrt(square)


@compiled
def ascend(
    across: Any, weights: Any, L: Any, p: int, reach: float, starts: Any, iterations: int, values: Any, steps: Any
) -> None:
    """Ascend from each row of ``starts`` in place, by normalised gradient steps that double or halve.

    ``across`` (D, n) and ``weights`` (c, n) are Xᵀ and Mᵀ; ``steps`` holds the lengths to go on with, 0 where a maximum is
    reached.
    """
    dim, n = across.shape
    z, pull = np.empty(n), np.empty(n)
    total, grad, trial = np.empty(L.shape[1]), np.empty(dim), np.empty(dim)
    for s in range(starts.shape[0]):
        w = starts[s]
        # 0 marks a start whose ascent ended in an earlier call
        if steps[s] == 0.0:
            continue
        value = height(across, weights, L, p, w, z, total)
        step = steps[s]
        # assumed over, unless the iterations run out below
        steps[s] = 0.0
        for _ in range(iterations):
            # z and the total are those of w: the last trial was taken
            norm = slope(across, weights, L, z, total, pull, grad)
            # nothing pulls: a stationary point, or a cell on which F vanishes
            if norm <= 0.0:
                break
            # a step along the gradient, shortened until the value rises after the point is back at unit norm
            improved = False
            for _ in range(12):
                for j in range(dim):
                    trial[j] = w[j] + step * grad[j] / norm
                # the bias is free: beyond its range F is constant, and it would run away there
                if p < dim:
                    lead = 0.0
                    for j in range(p):
                        lead += trial[j] * trial[j]
                    lead = np.sqrt(lead)
                    trial[dim - 1] = min(max(trial[dim - 1], -reach * lead), reach * lead)
                new = height(across, weights, L, p, trial, z, total)
                # a rise of rounding size is none: without this the loop creeps on for all its iterations
                if new > value * (1.0 + 1e-13):
                    improved = True
                    break
                step *= 0.5
            if not improved:
                break
            # longer steps after a success: starts are far from their maximum, and F is piecewise smooth
            for j in range(dim):
                w[j] = trial[j]
            value = new
            step = min(2.0 * step, 16.0)
        else:
            steps[s] = step
        values[s] = value


def random_directions(form: Form, count: int, rng: np.random.Generator) -> Array:
    """Start directions: Gaussian in the row space; with a free bias, thresholds drawn at the samples' projections.

    Along uneven axes Gaussian directions all have the same sides but for the longest axis: every second one is drawn where
    the rows are a round cloud.
    """
    starts = rng.standard_normal((count, form.X.shape[1]))
    rms = np.sqrt((form.X[:, : form.penalized] ** 2).mean(axis=0))
    if len(rms) and rms.max() > UNEVEN * rms.min() > 0.0:
        starts[::2, : form.penalized] *= rms.min() / rms
    if form.free_bias:
        # each direction's wall then passes through a sample, so that sides differ; far biases all look alike
        lead = starts[:, : form.penalized]
        rows = form.X[rng.integers(len(form.X), size=count), : form.penalized]
        starts[:, -1] = -np.einsum("kj,kj->k", lead, rows)
    return starts


def local_maxima(
    form: Form,
    starts: Array,
    *,
    iterations: int = 60,
    above: float = 0.0,
    limit: int = 60,
    deadline: Deadline | None = None,
) -> tuple[Array, Array]:
    """Distinct local maxima of F with value > ``above``, best first.

    Parameters
    ----------
    starts : ndarray, shape (k, q)
        Reduced start directions.
    deadline : Deadline, optional
        When it passes, the starts not yet tried are left out; the first is always tried.

    Returns
    -------
    directions : ndarray, shape (m, q)
        Reduced, unit norm in the penalised coordinates.
    values : ndarray, shape (m,)

    Notes
    -----
    Status: heuristic (each value is a valid lower bound; that it is a maximum is not claimed). Source: [relucvx]
    """
    if form.trivial or not len(starts):
        return np.zeros((0, form.X.shape[1])), np.zeros(0)
    points = np.array(starts, dtype=float, order="C")
    values = np.zeros(len(points))
    _ascend_in_chunks(form, points, iterations, values, deadline or Deadline())
    # best first: of maxima next to each other the largest stands for all
    unit = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-300)
    chosen: list[int] = []
    for i in np.argsort(-values):
        if values[i] <= above or len(chosen) >= limit:
            break
        if not chosen or (unit[chosen] @ unit[i]).max() < SAME_DIRECTION:
            chosen.append(int(i))
    return points[chosen], values[chosen]


def _ascend_in_chunks(form: Form, points: Array, iterations: int, values: Array, deadline: Deadline) -> None:
    """All starts at once where that is quick, else a few starts or iterations at a time."""
    work = 3.0 * form.X.size * (1 + form.M.shape[1])  # of one iteration: the gradient, and about two trial points
    at_once = int(np.clip(CHUNK_WORK // work, 1, iterations))
    batch = int(max(1, CHUNK_WORK // (work * at_once)))
    across, weights = np.ascontiguousarray(form.X.T), np.ascontiguousarray(form.M.T)
    for at in range(0, len(points), batch):
        chunk = slice(at, at + batch)
        steps, left = np.ones(len(points[chunk])), iterations
        while left > 0 and steps.any():
            turns = min(at_once, left)
            ascend(
                across, weights, form.L, form.penalized, form.bias_range, points[chunk], turns, values[chunk], steps
            )  # fmt: skip
            left -= turns
            if deadline.passed():
                return
