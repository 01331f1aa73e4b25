"""A second opinion on training problems: losses written out, cells found literally, the convex program by CLARABEL.

Nothing here calls the package's losses, conjugates, patterns or programs: it is what claims compare those with.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from scipy.optimize import minimize

from relucvx.later import later
from relucvx.theory.definition import Instance
from relucvx.types import ACTIVATIONS, Array, Bias

cp = later("cvxpy")

LOSSES = ("squared", "huber", "logistic", "hinge", "squared_hinge", "cross_entropy")
"""Losses whose optima are known here."""

BIASES = ("all", "free", "hidden", "none")
"""Bias modes, in the order in which sizes 1 to 4 of an instance take them."""

LABELLED = ("logistic", "hinge", "squared_hinge")
"""Losses of labels ±1."""


def entry(loss: str, f: float, y: float) -> float:
    """One summand of a loss that acts entry by entry."""
    if loss == "squared":
        return (f - y) ** 2 / 2
    if loss == "huber":
        return (f - y) ** 2 / 2 if abs(f - y) <= 1 else abs(f - y) - 0.5
    if loss == "logistic":
        # beyond 30 the logarithm is that number to rounding, and exp would overflow further on
        return math.log1p(math.exp(-y * f)) if y * f > -30 else -y * f
    if loss == "hinge":
        return max(0.0, 1 - y * f)
    if loss == "squared_hinge":
        return max(0.0, 1 - y * f) ** 2
    raise KeyError(loss)


def loss_value(loss: str, F: Any, Y: Any, weight: Any) -> float:
    """Σ_i w_i h(F_i, Y_i), written out sample by sample."""
    total = 0.0
    for f, y, w in zip(
        np.asarray(F).reshape(len(weight), -1), np.asarray(Y).reshape(len(weight), -1), weight, strict=True
    ):
        if loss == "cross_entropy":
            # shifted by the largest, or exp overflows
            top = f.max()
            total += float(w) * float(sum(y) * (top + math.log(sum(math.exp(t - top) for t in f))) - y @ f)
        else:
            total += float(w) * sum(entry(loss, float(a), float(b)) for a, b in zip(f, y, strict=True))
    return total


def slopes(activation: str) -> tuple[float, float]:
    """(slope for negative, slope for positive arguments) of a named activation."""
    return {"relu": (0.0, 1.0), "abs": (-1.0, 1.0), "leaky_relu": (0.01, 1.0), "linear": (1.0, 1.0)}[activation]


def bias_of(instance: Instance) -> Bias:
    """The bias mode of an instance: what it means is a convention, not a statement that needs a second opinion."""
    return Bias(str(instance["bias"]))


def network_value(instance: Instance, W: Any, b: Any, V: Any, c: Any) -> float:
    """Objective of the network x -> Σ_j phi(w_j·x + b_j) v_j + c, neuron by neuron; its decay after free rescaling is
    not taken: weights count as they are."""
    X, bias = instance["X"], bias_of(instance)
    below, above = slopes(str(instance["activation"]))
    F = np.tile(np.asarray(c, dtype=float), (len(X), 1))
    decay = 0.0
    for w, shift, v in zip(W, b, V, strict=True):
        t = X @ w + shift
        F = F + np.outer(np.where(t > 0, above * t, below * t), v)
        decay += float(w @ w + v @ v)
        if bias.decays_hidden:
            decay += float(shift) ** 2
    if bias.decays_output:
        decay += float(np.sum(np.square(c)))
    value = loss_value(str(instance["loss"]), F, instance["Y"], instance["sample_weight"])
    return value + float(instance["beta"]) / 2 * decay


def augmented(instance: Instance) -> tuple[Array, int]:
    """Inputs with a column of ones where there is a hidden bias, and how many leading coordinates of a neuron are decayed."""
    X, bias = instance["X"], bias_of(instance)
    if not bias.has_hidden:
        return X, X.shape[1]
    return np.column_stack([X, np.ones(len(X))]), X.shape[1] + (not bias.is_free)


def cells(rows: Array) -> Array:
    """Sign patterns (P, n), True for positive, of all cells of an arrangement in general position.

    Every cell has a ray on which dim - 1 of the walls meet, and next to such a ray all sign patterns of these walls occur.
    """
    n, dim = rows.shape
    found = set()
    # in general position every cell has a ray where dim - 1 walls meet, and all their signs occur about that ray
    for walls in itertools.combinations(range(n), dim - 1):
        ray = np.linalg.svd(rows[list(walls)])[2][-1] if walls else np.ones(1)
        for sign in (1.0, -1.0):
            pattern = rows @ ray * sign > 0
            for near in itertools.product([False, True], repeat=len(walls)):
                pattern[list(walls)] = near
                found.add(tuple(pattern.tolist()))
    return np.array(sorted(found), dtype=bool)


def optimum(instance: Instance, cones: bool = True) -> float:
    """Optimal value of the training problem, by CLARABEL: over all cells (one output), or a program that is exact in the
    plane (several). Without ``cones`` neurons may leave their cells: the gated, or nuclear-norm, relaxation."""

    Y = np.asarray(instance["Y"], dtype=float)
    bias, beta = bias_of(instance), float(instance["beta"])
    outputs = 1 if Y.ndim == 1 else Y.shape[1]
    # an output bias of a mode without one is a constant zero: the program needs no second form
    shift = cp.Variable((1, outputs)) if bias.has_output else np.zeros((1, outputs))
    if cones:
        fit, cost, constraints = _one_output(instance) if outputs == 1 else _several_outputs(instance)
    else:
        fit, cost, constraints = _free_blocks(instance, outputs)
    F = fit + np.ones((len(Y), 1)) @ shift
    total = _data_term(str(instance["loss"]), F, Y.reshape(len(Y), outputs), instance["sample_weight"]) + beta * cost
    if bias.decays_output:
        total = total + beta / 2 * cp.sum_squares(shift)
    problem = cp.Problem(cp.Minimize(total), constraints)
    problem.solve(solver="CLARABEL")
    return float(problem.value)


def least_norm(instance: Instance) -> float:
    """Least Σ_j ||w_j|| |v_j| (and b²/2 where an output bias is decayed) of a network that fits one output exactly."""

    fit, cost, constraints = _one_output(instance)
    bias = bias_of(instance)
    shift = cp.Variable() if bias.has_output else 0.0
    total = cost + (cp.square(shift) / 2 if bias.decays_output else 0.0)
    exact = [fit[:, 0] + shift == np.asarray(instance["Y"], dtype=float)]
    problem = cp.Problem(cp.Minimize(total), [*constraints, *exact])
    problem.solve(solver="CLARABEL")
    return float(problem.value)


def _free_blocks(instance: Instance, outputs: int) -> tuple[Any, Any, list[Any]]:
    """Σ_i diag(slopes in cell i) Xa V_i and Σ_i of the nuclear norms of V_i."""

    rows, _ = augmented(instance)
    below, above = slopes(str(instance["activation"]))
    fit, cost = np.zeros((len(rows), outputs)), 0
    for on in cells(rows):
        V = cp.Variable((rows.shape[1], outputs))
        fit = fit + (rows * np.where(on, above, below)[:, None]) @ V
        cost = cost + (cp.norm(V, "fro") if outputs == 1 else cp.norm(V, "nuc"))
    return fit, cost, []


def _data_term(loss: str, F: Any, Y: Array, weight: Array) -> Any:

    w = np.repeat(weight[:, None], Y.shape[1], axis=1)
    if loss == "squared":
        return cp.sum(cp.multiply(w, cp.square(F - Y))) / 2
    if loss == "huber":
        # CVXPY's Huber function is twice the usual one
        return cp.sum(cp.multiply(w, cp.huber(F - Y, 1))) / 2
    margin = cp.multiply(Y, F)
    if loss == "logistic":
        return cp.sum(cp.multiply(w, cp.logistic(-margin)))
    if loss == "hinge":
        return cp.sum(cp.multiply(w, cp.pos(1 - margin)))
    if loss == "squared_hinge":
        return cp.sum(cp.multiply(w, cp.square(cp.pos(1 - margin))))
    return weight @ (cp.log_sum_exp(F, axis=1) - cp.sum(margin, axis=1))


def _one_output(instance: Instance) -> tuple[Any, Any, list[Any]]:
    """Σ_i diag(slopes in cell i) Xa (u_i - v_i), Σ_i ||u_i|| + ||v_i||, and u_i, v_i in cell i."""

    rows, counted = augmented(instance)
    below, above = slopes(str(instance["activation"]))
    on = cells(rows).T
    # U for neurons of positive, V for those of negative output: the outputs' sizes are absorbed
    U, V = cp.Variable((rows.shape[1], on.shape[1])), cp.Variable((rows.shape[1], on.shape[1]))
    inside = np.where(on, 1.0, -1.0)
    fit = cp.sum(cp.multiply(np.where(on, above, below), rows @ (U - V)), axis=1)
    # a free bias is a coordinate that the norm does not count
    cost = cp.sum(cp.norm(U[:counted], 2, axis=0)) + cp.sum(cp.norm(V[:counted], 2, axis=0))
    constraints = [cp.multiply(inside, rows @ U) >= 0, cp.multiply(inside, rows @ V) >= 0]
    return cp.reshape(fit, (len(rows), 1), order="F"), cost, constraints


def _several_outputs(instance: Instance) -> tuple[Any, Any, list[Any]]:
    """In the plane: neurons R a of a cell with rays R and a >= 0, through the moments of (a, v); see
    :func:`relucvx.theory.statements.planar.planar_optimum`."""

    rows, counted = augmented(instance)
    below, above = slopes(str(instance["activation"]))
    c = np.asarray(instance["Y"]).shape[1]
    fit, cost, constraints = np.zeros((len(rows), c)), 0, []
    # in the plane the walls are lines, and a cell lies between two neighbouring rays
    rays = np.vstack([np.column_stack([-rows[:, 1], rows[:, 0]]), np.column_stack([rows[:, 1], -rows[:, 0]])])
    rays = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    rays = rays[np.argsort(np.arctan2(rays[:, 1], rays[:, 0]))]
    for first, second in zip(rays, np.roll(rays, -1, axis=0), strict=True):
        R = np.column_stack([first, second])
        # the sum of its rays lies inside the cell, where gates can be read off
        gate = np.where(rows @ (first + second) > 0, above, below)
        # the block holds the moments of (a, v), which a network attains in the plane
        block = cp.Variable((2 + c, 2 + c), PSD=True)
        A, C, B = block[:2, :2], block[:2, 2:], block[2:, 2:]
        fit = fit + (rows * gate[:, None]) @ R @ C
        cost = cost + (cp.trace((R[:counted].T @ R[:counted]) @ A) + cp.trace(B)) / 2
        constraints.append(A >= 0)
    return fit, cost, constraints


def draw(rng: np.random.Generator, loss: str, bias: str, size: int = 1) -> Instance:
    """A problem in general position whose optimum :func:`optimum` knows, with beta at 5 to 60 % of where neurons vanish.

    One output, or two or three where the augmented inputs are in the plane; half of them with sample weights.
    """
    several = loss == "cross_entropy" or bool(rng.random() < 0.25)
    dim = 2 if several else 2 + int(rng.integers(0, 2))
    n = dim + 2 + int(rng.integers(0, min(size, 2) + 1))
    X = rng.standard_normal((n, dim - Bias(bias).has_hidden))
    c = 2 + int(rng.integers(0, 2)) if several else 1
    if loss == "cross_entropy":
        # every class occurs, and both labels below: else the optimum may run away to infinity
        Y = np.eye(c)[np.append(np.arange(c), rng.integers(0, c, n - c))]
    elif loss in LABELLED:
        Y = rng.choice([-1.0, 1.0], (n, c))
        Y[0], Y[1] = 1.0, -1.0
    else:
        # targets off zero where an output bias can follow them
        Y = 2.0 * rng.standard_normal((n, c)) + float(Bias(bias).has_output) * rng.standard_normal(c)
    weight = rng.uniform(0.3, 3.0, n) if rng.random() < 0.5 else np.ones(n)
    named = [name for name in ("relu", "relu", "abs", "leaky_relu") if name in ACTIVATIONS]
    instance = {
        "X": X, "Y": Y[:, 0] if c == 1 else Y, "loss": loss, "bias": bias, "activation": str(rng.choice(named)),
        "sample_weight": weight, "seed": int(rng.integers(2**31)), "beta": 1.0,
    }  # fmt: skip
    # log-uniform: small strengths, with many neurons, are drawn as often as large ones
    return {**instance, "beta": float(strongest(instance) * np.exp(rng.uniform(np.log(0.05), np.log(0.6))))}


def gradient(loss: str, F: Array, Y: Array, weight: Array, step: float = 1e-6) -> Array:
    """Gradient of the loss in F by central differences."""
    out = np.zeros_like(F)
    for i, k in np.ndindex(*F.shape):
        moved = np.zeros_like(F)
        moved[i, k] = step
        ahead, behind = (loss_value(loss, F + s * moved, Y, weight) for s in (1.0, -1.0))
        out[i, k] = (ahead - behind) / (2 * step)
    return out


def strongest(instance: Instance, directions: int = 300) -> float:
    """About the strength from which no neuron pays: how much the best of many unit neurons gains at the best constant."""
    rows, counted = augmented(instance)
    rng = np.random.default_rng(instance["seed"])
    Y = np.asarray(instance["Y"], dtype=float).reshape(len(rows), -1)
    # without neurons the best constant is fitted; what is left pulls
    constant = np.zeros(Y.shape[1])
    if bias_of(instance).has_output:
        constant = best_constant(instance)
    N = -gradient(str(instance["loss"]), np.tile(constant, (len(rows), 1)), Y, instance["sample_weight"])
    # sampled directions: a lower estimate is good enough to place beta
    W = rng.standard_normal((rows.shape[1], directions))
    W = W / np.linalg.norm(W[:counted], axis=0)
    below, above = slopes(str(instance["activation"]))
    H = rows @ W
    pull = np.linalg.norm(N.T @ np.where(H > 0, above * H, below * H), axis=0)
    # targets that a constant fits leave no pull; beta must be positive all the same
    return max(float(pull.max()), 1e-2)


def best_constant(instance: Instance) -> Array:
    """The output bias of least objective without neurons, by minimisation."""
    Y = np.asarray(instance["Y"], dtype=float)
    Y = Y.reshape(len(Y), -1)
    decay = float(instance["beta"]) if bias_of(instance).decays_output else 0.0

    def value(b: Array) -> float:
        F = np.tile(b, (len(Y), 1))
        return loss_value(str(instance["loss"]), F, Y, instance["sample_weight"]) + decay / 2 * float(b @ b)

    # derivative-free, for losses with kinks
    found = minimize(value, np.full(Y.shape[1], 1e-3), method="Powell", options={"xtol": 1e-9, "ftol": 1e-14})
    return np.atleast_1d(np.asarray(found.x, dtype=float))
