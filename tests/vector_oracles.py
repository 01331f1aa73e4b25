"""Slow literal references for problems with several outputs, written without the package's solver and oracle.

All of them state ``min loss(relu(X W) V, Y) + beta/2 (||W||² + ||V||²)``, W (d, m), V (m, c), without bias; a hidden bias
is a ones column of X. ``loss`` is "squared" (half sum of squares) or "cross_entropy" (Y one-hot).
"""

from __future__ import annotations

import contextlib
import warnings

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax


def loss_value(F, Y, loss):
    """The data term."""
    if loss == "squared":
        return 0.5 * float(np.sum((F - Y) ** 2))
    return float(np.sum(logsumexp(F, axis=1) - np.sum(Y * F, axis=1)))


def loss_gradient(F, Y, loss):
    """Its gradient in F."""
    return F - Y if loss == "squared" else softmax(F, axis=1) - Y


def network_objective(X, Y, beta, W, V, loss="squared"):
    """The objective, with every neuron rescaled for free: loss + beta Σ ||w_j|| ||v_j||."""
    F = np.maximum(X @ W, 0.0) @ V
    return loss_value(F, Y, loss) + beta * float(np.linalg.norm(W, axis=0) @ np.linalg.norm(V, axis=1))


def lbfgs_best(X, Y, beta, width, runs=50, rng=0, loss="squared"):
    """Best objective of ``runs`` L-BFGS runs from Gaussian starts, with the gradient by hand; and its (W, V)."""
    rng = np.random.default_rng(rng)
    d, c = X.shape[1], Y.shape[1]

    def split(z):
        return z[: d * width].reshape(d, width), z[d * width :].reshape(width, c)

    def value_and_gradient(z):
        W, V = split(z)
        H = X @ W
        A = np.maximum(H, 0.0)
        G = loss_gradient(A @ V, Y, loss)
        dW = X.T @ ((G @ V.T) * (H > 0)) + beta * W
        dV = A.T @ G + beta * V
        value = loss_value(A @ V, Y, loss) + 0.5 * beta * float(z @ z)
        return value, np.concatenate([dW.ravel(), dV.ravel()])

    best, net = np.inf, None
    for _ in range(runs):
        start = rng.standard_normal((d + c) * width) * 10.0 ** rng.uniform(-1.0, 0.3)
        options = {"maxiter": 4000, "maxfun": 8000, "ftol": 1e-15, "gtol": 1e-10, "maxcor": 20}
        found = minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
        W, V = split(found.x)
        value = network_objective(X, Y, beta, W, V, loss)
        if value < best:
            best, net = value, (W, V)
    return best, net


def plane_rays(X):
    """Sorted angles in [0, 2 pi) of the walls of the arrangement of X (n, 2); four artificial ones if X = 0."""
    rows = X[np.linalg.norm(X, axis=1) > 0]
    if not len(rows):
        return np.pi / 2 * np.arange(4)
    angles = np.arctan2(rows[:, 1], rows[:, 0])
    walls = np.mod(np.concatenate([angles + np.pi / 2, angles - np.pi / 2]), 2 * np.pi)
    # every cell must be narrower than pi: one sample alone leaves half planes, cut them
    walls = np.sort(np.concatenate([walls, np.mod(walls[:1] + np.pi / 2 * np.arange(4), 2 * np.pi)]))
    keep = np.concatenate([[True], np.diff(walls) > 1e-12])
    walls = walls[keep]
    return walls[:-1] if walls[-1] - walls[0] > 2 * np.pi - 1e-12 else walls


def on_circle(angle):
    """Unit vector(s) (..., 2) at the angle(s)."""
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def plane_cells(X):
    """(start, end, gates) per cell of the arrangement in the plane, gates read off its middle."""
    walls = plane_rays(X)
    for a, b in zip(walls, np.append(walls[1:], walls[0] + 2 * np.pi), strict=True):
        yield a, b, X @ on_circle(0.5 * (a + b)) > 0


def plane_dual_norm(X, N):
    """max over unit w in the plane of ||Nᵀ relu(X w)||, cell by cell in closed form; and a maximiser.

    In a cell the square is a quadratic form a + b cos(2 t) + c sin(2 t) in the angle t: its maximum on an arc is at an
    end or at the peak t = atan2(c, b)/2, if that lies inside.
    """
    best, at = -1.0, 0.0
    for start, end, gates in plane_cells(X):
        A = X[gates].T @ N[gates]
        Q = A @ A.T
        peak = 0.5 * np.arctan2(2.0 * Q[0, 1], Q[0, 0] - Q[1, 1])
        inside = [t for t in peak + np.pi * np.arange(-3, 7) if start < t < end]
        for t in [start, end, *inside]:
            w = on_circle(t)
            value = float(w @ Q @ w)
            if value > best:
                best, at = value, t
    return float(np.sqrt(max(best, 0.0))), on_circle(at)


def _solve_to_optimality(problem, loosest):
    """The tightest tolerance at which CLARABEL calls its point optimal; RuntimeError if that is none down to ``loosest``."""
    import cvxpy as cp

    for tol in 10.0 ** np.arange(-11, np.log10(loosest) + 0.5):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Solution may be inaccurate")
            with contextlib.suppress(cp.error.SolverError):
                problem.solve(solver="CLARABEL", tol_gap_abs=tol, tol_gap_rel=tol, tol_feas=tol)
                if problem.status == "optimal":
                    return
    raise RuntimeError(f"no optimal point at any tolerance: {problem.status}")


def plane_sdp(X, Y, beta):
    """The optimum of the squared loss for inputs in the plane, exactly, as a semidefinite program; and its fit.

    In the plane a cell has two rays R = [r1, r2], so its atoms are u gᵀ with u = R a, a >= 0, and the second moment
    [[A, C], [Cᵀ, B]] of (a, g) with A >= 0 entrywise loses nothing: 2 x 2 doubly nonnegative is completely positive.
    Cost (tr RᵀR A + tr B)/2, block V = R C.
    """
    import cvxpy as cp

    c = Y.shape[1]
    fit, cost, constraints = 0, 0, []
    for start, end, gates in plane_cells(X):
        R = on_circle(np.array([start, end])).T
        G = R.T @ R
        moment = cp.Variable((2 + c, 2 + c), PSD=True)
        constraints.append(moment[0, 1] >= 0)
        fit = fit + (gates[:, None] * X) @ R @ moment[:2, 2:]
        cost = cost + 0.5 * (cp.trace(G @ moment[:2, :2]) + cp.trace(moment[2:, 2:]))
    problem = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(fit - Y) + beta * cost), constraints)
    _solve_to_optimality(problem, 1e-8)
    return float(problem.value), np.asarray(fit.value)


def cell_rays(X):
    """Unit vectors along the rays where d - 1 independent walls meet, both signs: every ray of every cell (d <= 3)."""
    d = X.shape[1]
    if d == 1:
        return np.array([[1.0], [-1.0]])
    if d == 2:
        return on_circle(plane_rays(X))
    i, j = np.triu_indices(len(X), 1)
    rays = np.cross(X[i], X[j])
    size = np.linalg.norm(rays, axis=1)
    rays = rays[size > 1e-12] / size[size > 1e-12, None]
    return np.concatenate([rays, -rays])


def sphere_grid(d, count):
    """About ``count`` directions: two points, equal angles, or a spiral (d <= 3)."""
    if d == 1:
        return np.array([[1.0], [-1.0]])
    if d == 2:
        return on_circle(2 * np.pi * np.arange(count) / count)
    k = np.arange(count) + 0.5
    z, t = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    return np.column_stack([np.sqrt(1 - z * z) * np.cos(t), np.sqrt(1 - z * z) * np.sin(t), z])


def _climb(X, N, W, steps=150):
    """Local maxima of ||Nᵀ relu(X w)|| from unit starts W (k, d): the power step inside cells, or along any one wall.

    Step lengths 1, 1/2, 1/4, ... are all tried and the best candidate is kept.
    """
    lengths = 0.5 ** np.arange(22)[:, None, None]
    normals = X[np.linalg.norm(X, axis=1) > 0] if X.shape[1] == 3 else np.zeros((0, X.shape[1]))
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)

    def values(U):
        return np.linalg.norm(np.maximum(U @ X.T, 0.0) @ N, axis=-1)

    best = values(W)
    for _ in range(steps):
        H = W @ X.T
        ahead = ((np.maximum(H, 0.0) @ N @ N.T) * (H > 0)) @ X
        ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-300)
        tried = [(1 - lengths) * W + lengths * ahead]
        for x in normals:
            on, along = W - np.outer(W @ x, x), ahead - np.outer(ahead @ x, x)
            tried.append((1 - lengths) * on + lengths * along)
        tried = np.concatenate(tried)
        tried /= np.maximum(np.linalg.norm(tried, axis=2, keepdims=True), 1e-300)
        height = values(tried)
        pick, each = height.argmax(axis=0), np.arange(len(W))
        better = height[pick, each] > best * (1 + 1e-14)
        if not better.any():
            break
        W = np.where(better[:, None], tried[pick, each], W)
        best = np.where(better, height[pick, each], best)
    return W


def group_lasso(X, Y, beta, directions, loss="squared"):
    """min over V of loss(relu(X Uᵀ) V) + beta Σ ||v_j|| over the unit directions U (k, d): value, dual point, V."""
    import cvxpy as cp

    atoms = np.maximum(X @ directions.T, 0.0)
    V = cp.Variable((len(directions), Y.shape[1]))
    fit = cp.Variable(Y.shape)
    link = fit == atoms @ V
    if loss == "squared":
        data = 0.5 * cp.sum_squares(fit - Y)
    else:
        data = cp.sum(cp.log_sum_exp(fit, axis=1)) - cp.sum(cp.multiply(Y, fit))
    problem = cp.Problem(cp.Minimize(data + beta * cp.sum(cp.norm(V, axis=1))), [link])
    _solve_to_optimality(problem, 1e-6)  # the value is recomputed below: an upper bound at any tolerance
    V = np.asarray(V.value)
    value = loss_value(atoms @ V, Y, loss) + beta * float(np.linalg.norm(V, axis=1).sum())
    return value, np.asarray(link.dual_value).reshape(Y.shape), V


def dense_directions(X, Y, beta, loss="squared", count=400, rounds=12, tol=1e-8):
    """The group lasso over many directions: an upper bound on the optimum that converges to it; and its dual point.

    Starts with a grid and all rays of cells, then adds local maxima of ||Nᵀ relu(X w)|| and drops what is not used,
    until no climb from the grid or from the support exceeds beta(1 + tol).
    """
    grid = np.concatenate([sphere_grid(X.shape[1], count), cell_rays(X)])
    directions = grid
    value = None
    for _ in range(rounds):
        try:
            value, N, V = group_lasso(X, Y, beta, directions, loss)
        except RuntimeError:  # near-duplicate directions stall the backend
            if value is not None:
                break  # the last round's value is an upper bound too
            if count < 50:
                raise
            return dense_directions(X, Y, beta, loss, 3 * count // 4, rounds, tol)
        used = directions[np.linalg.norm(V, axis=1) > 1e-9 * max(np.abs(V).max(), 1e-300)]
        score = np.linalg.norm(np.maximum(grid @ X.T, 0.0) @ N, axis=1)
        starts = np.concatenate([grid[np.argsort(-score)[:60]], used])
        tops = _climb(X, N, starts)
        height = np.linalg.norm(np.maximum(tops @ X.T, 0.0) @ N, axis=1)
        new = tops[height > beta * (1 + tol)]
        if not len(new):
            break
        new = new[np.unique(np.round(new, 9), axis=0, return_index=True)[1]]
        near = grid[score > 0.98 * beta]
        directions = np.concatenate([used, near, new])
    return value, N
