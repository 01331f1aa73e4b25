"""Compiled active-set method for the vector of least norm that satisfies linear inequalities."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled


@compiled
def least_norm(G: Any, p: int, b: Any, x: Any, w: Any) -> None:
    """Least ||w|| over the leading p coordinates with g_k·w >= b_k: fills multipliers x >= 0 and w = Σ x_k g_k.

    Lawson-Hanson on the dual, with an orthogonal factorisation so that thin cones keep their digits. It may stop early;
    x >= 0 holds whenever it does, and w is Σ x_k g_k to the accuracy of the factorisation.
    """
    size = G.shape[0]
    passive = np.empty(size, np.bool_)
    s = np.empty(size)
    top = -np.inf
    for k in range(size):
        x[k] = 0.0
        passive[k] = False
        # what is no number is not passed over
        if b[k] > top or np.isnan(b[k]):
            top = b[k]
    for j in range(w.shape[0]):
        w[j] = 0.0
    if top <= 0.0:
        return
    # each round: the worst violated row becomes an equation, and equations whose multiplier falls below 0 go
    for _ in range(3 * min(size, p + 1) + 6):
        worst, pick = 1e-14 * top, -1
        for k in range(size):
            if not passive[k]:
                slack = b[k]
                for j in range(p):
                    slack -= G[k, j] * w[j]
                if slack > worst:
                    worst, pick = slack, k
        if pick < 0:
            break
        passive[pick] = True
        while True:
            if not solve_passive(G, p, b, passive, s, w):  # numerically dependent rows: give the last one up
                passive[pick] = False
                solve_passive(G, p, b, passive, x, w)
                for k in range(size):
                    x[k] = max(0.0, x[k])
                return
            # from the multipliers x towards s, the solution of the equations, as far as all stay non-negative
            step = 1.0
            for k in range(size):
                if passive[k] and s[k] <= 0.0:
                    step = min(step, x[k] / (x[k] - s[k]) if x[k] > s[k] else 0.0)
            for k in range(size):
                if passive[k]:
                    x[k] = max(0.0, x[k] + step * (s[k] - x[k]))
            # all of the way: w is that of s, and the next violated row is looked for
            if step >= 1.0:
                break
            # stopped by a multiplier that is zero now: its row is no equation any more
            for k in range(size):
                if passive[k] and x[k] <= 1e-14 * top:
                    passive[k] = False
                    x[k] = 0.0


@compiled
def solve_passive(G: Any, p: int, b: Any, passive: Any, s: Any, w: Any) -> bool:
    """Least-norm w with g_k·w = b_k for the passive k, and s with w = Σ s_k g_k; False when they are dependent.

    Modified Gram-Schmidt, each vector orthogonalised twice: g_k = Σ_a R[a, k] q_a.
    """
    size = G.shape[0]
    Q = np.empty((p, p))  # at most p rows are independent
    R = np.empty((p, p))
    y = np.empty(p)
    index = np.empty(p, np.int64)
    count = 0
    for k in range(size):
        s[k] = 0.0
        if not passive[k]:
            continue
        # p independent rows span everything
        if count == p:
            return False
        for j in range(p):
            Q[count, j] = G[k, j]
            R[j, count] = 0.0
        # twice is enough: what the first pass leaves in nearly dependent rows is taken away by the second
        for _ in range(2):
            for a in range(count):
                along = 0.0
                for j in range(p):
                    along += Q[a, j] * Q[count, j]
                R[a, count] += along
                for j in range(p):
                    Q[count, j] -= along * Q[a, j]
        norm = 0.0
        for j in range(p):
            norm += Q[count, j] * Q[count, j]
        norm = np.sqrt(norm)
        if norm <= 1e-12:
            return False
        for j in range(p):
            Q[count, j] /= norm
        R[count, count] = norm
        # forward substitution for w = Σ y_a q_a while the factors are made
        total = b[k]
        for a in range(count):
            total -= R[a, count] * y[a]
        y[count] = total / norm
        index[count] = k
        count += 1
    for j in range(p):
        w[j] = 0.0
        for a in range(count):
            w[j] += y[a] * Q[a, j]
    # backward substitution for the multipliers of the rows themselves
    for a in range(count - 1, -1, -1):
        total = y[a]
        for e in range(a + 1, count):
            total -= R[a, e] * s[index[e]]
        s[index[a]] = total / R[a, a]
    return True
