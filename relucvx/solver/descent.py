"""Local descent on the network itself: where columns come from, never a proof."""

from __future__ import annotations

import dataclasses

import numpy as np

from relucvx.deadline import Deadline
from relucvx.oracle.search import UNEVEN
from relucvx.program.lbfgs import lbfgs
from relucvx.program.problem import Problem
from relucvx.types import Array

MANY_SAMPLES, FEW_SAMPLES, COARSE_SHARE = 10_000, 2_000, 0.15
"""From so many samples on, the first descent begins on so few of them, for this share of the time left."""

ROWS_AT_ONCE = 1024
"""Rows of one step of a pass through the network, so that what is in between stays near the processor."""


def descend(
    problem: Problem, W: Array, V: Array, bias_out: Array, iterations: int = 300, deadline: Deadline | None = None
) -> tuple[Array, Array, Array, float]:
    """L-BFGS on the weight-decay objective from lifted neurons W (m, D), outputs V (m, c), output bias (c,).

    Returns
    -------
    W, V, bias_out, value
        Never worse than the start.

    Notes
    -----
    Status: heuristic (stalls on the walls of the arrangement). Source: [relucvx]
    """
    X, Y, beta, act = problem.inputs, problem.Y, problem.beta, problem.activation
    m, dim = W.shape
    c, size = problem.n_outputs, problem.n_weights_out
    has_bias = problem.bias.has_output
    plain = act.slope_neg == 0.0 and act.slope_pos == 1.0
    counted = np.zeros(dim)
    counted[: problem.penalized] = 1.0
    decay_out = problem.output_decay
    unit = _units(X)  # scaling is not exact for the penalty, but L-BFGS moves in whatever coordinates are even

    # blocks of rows: activities of all samples at once would not stay near the processor
    step = ROWS_AT_ONCE if problem.pooling is None else len(X)  # bags share rows: they are taken as a whole
    chunks = [slice(first, first + step) for first in range(0, len(X), step)]

    # objective and gradient in one pass over the rows
    def value(t: Array) -> tuple[float, Array]:
        w, v = t[: m * dim].reshape(m, dim) / unit, t[m * dim : m * (dim + size)].reshape(m, size)
        b = t[m * (dim + size) :] if has_bias else np.zeros(c)
        F = np.empty_like(Y)
        grad_w, grad_v, grad_b = beta * w * counted, beta * v, decay_out * b
        for rows in chunks:  # for many samples passes over memory cost as much as the products
            H = X[rows] @ w.T
            active = H > 0
            if plain:
                np.maximum(H, 0.0, out=H)
            else:
                H = act(H)
            if problem.pooling is None:
                F[rows] = H @ v + b
                G = problem.loss.gradient(F[rows], Y[rows], problem.sample_weight[rows])
                back = G @ v.T
                grad_v += H.T @ G
            else:
                G, back, part = _through_bags(problem, H, v, b, F)
                grad_v += part
            back *= active if plain else act.gate(active)
            grad_w += back.T @ X[rows]
            if has_bias:
                grad_b = grad_b + G.sum(axis=0)
        total = (
            problem.loss_at(F) + 0.5 * beta * float((w * w * counted).sum() + (v * v).sum()) + 0.5 * decay_out * b @ b
        )
        return float(total), np.concatenate([(grad_w / unit).ravel(), grad_v.ravel(), grad_b if has_bias else []])

    # weights of columns that differ in size by orders would need steps that differ as much
    start = np.concatenate([(W * unit).ravel(), V.ravel(), bias_out if has_bias else np.zeros(0)])
    options = {"maxiter": iterations, "maxcor": 20, "ftol": 1e-13}
    t, least = lbfgs(value, start, deadline=deadline or Deadline(), options=options)
    b = t[m * (dim + size) :] if has_bias else np.zeros(c)
    return t[: m * dim].reshape(m, dim) / unit, t[m * dim : m * (dim + size)].reshape(m, size), b, least


def _through_bags(problem: Problem, H: Array, V: Array, b: Array, F: Array) -> tuple[Array, Array, Array]:
    """Fill the fit F (n, c); the slopes of the loss there, and what they pull at activities (R, m) and outputs (m, K c)."""
    P = problem.pool(H)
    flat, outer = P.reshape(len(P), -1), problem.by_readout(V)
    F[:] = flat @ outer + b
    G = problem.loss.gradient(F, problem.Y, problem.sample_weight)
    return G, problem.unpool((G @ outer.T).reshape(P.shape)), problem.by_neuron(flat.T @ G)


def _units(X: Array) -> Array:
    """Powers of two (D,) that bring the columns to one size, where they differ by more than ``UNEVEN``; else ones."""
    rms = np.sqrt((X**2).mean(axis=0))
    used = rms > 0
    if not used.any() or rms[used].max() <= UNEVEN * rms[used].min():
        return np.ones(X.shape[1])
    return np.where(used, 2.0 ** np.round(np.log2(np.where(used, rms, 1.0))), 1.0)


def first_neurons(
    problem: Problem, width: int, rng: np.random.Generator, deadline: Deadline
) -> tuple[Array, Array, Array]:
    """Where a first descent starts: at random, or for many samples at what a descent on some of them finds."""
    start = random_start(problem, width, rng)
    if problem.n_samples < MANY_SAMPLES or problem.pooling is not None:
        return start
    # weights scaled so that the part has about the objective of the whole
    some = rng.choice(problem.n_samples, FEW_SAMPLES, replace=False)
    weight = problem.sample_weight[some] * (problem.n_samples / FEW_SAMPLES)
    part = dataclasses.replace(problem, X=problem.X[some], Y=problem.Y[some], sample_weight=weight)
    found = descend(part, *start, 500, deadline.share(COARSE_SHARE))[:3]
    # no iterations: just the objectives, by which the better start is taken
    values = [descend(problem, *neurons, 0)[3] for neurons in (start, found)]
    return found if values[1] < values[0] else start


def random_start(problem: Problem, width: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Small random neurons whose hyperplanes pass through the data cloud."""
    X = problem.inputs
    rms = np.sqrt((X**2).mean(axis=0))
    rms = np.where(rms > 0, rms, 1.0)
    # weights in units of each column, so that no column is left out for its unit
    W = rng.standard_normal((width, X.shape[1])) / rms / np.sqrt(X.shape[1])
    V = rng.standard_normal((width, problem.n_weights_out))
    size = float(np.abs(problem.Y).max()) or 1.0
    gain = 0.3 * np.sqrt(size / width)
    # Outputs act on phi(Xw), of order rms(Xw) = 1; splitting the gain keeps each neuron balanced.
    norm_w = np.linalg.norm(W, axis=1, keepdims=True)
    W, V = W * gain / np.sqrt(norm_w), V * gain * np.sqrt(norm_w)
    return W, V, problem.null_bias()
