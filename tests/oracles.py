"""Slow literal definitions, written without the package's formulas: exact fractions, loops, dense sampling."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np

getcontext().prec = 60


def fractions(array):
    """A float array as nested lists of exact fractions."""
    return [[Fraction(float(v)) for v in row] for row in np.atleast_2d(array)]


def phi_exact(t, slopes):
    """phi(t) = slope_neg min(t, 0) + slope_pos max(t, 0) in exact arithmetic."""
    return t * Fraction(slopes[1] if t > 0 else slopes[0])


def _dot(u, v):
    return sum((a * b for a, b in zip(u, v, strict=True)), Fraction(0))


def _cross(u, v):
    if len(u) == 2:
        return None
    return [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]


def _stationary_directions(rows, N, slopes):
    """Directions among which a maximiser of |N . phi(rows w)| / ||w|| lies, for up to three columns.

    On a face of the arrangement the function is linear, so a maximiser is the projection of some pattern's vector onto
    the intersection of walls that contain it. All 2^n patterns are tried, existing or not: each candidate is evaluated.
    """
    dim = len(rows[0])
    walls = [r for r in rows if any(r)]
    for pattern in itertools.product((0, 1), repeat=len(rows)):
        c = [
            sum((nu * Fraction(slopes[on]) * r[j] for nu, r, on in zip(N, rows, pattern, strict=True)), Fraction(0))
            for j in range(dim)
        ]
        yield c
        for r in walls:
            t = _dot(c, r) / _dot(r, r)
            yield [a - t * b for a, b in zip(c, r, strict=True)]
    for r in walls if dim == 2 else ():
        yield [-r[1], r[0]]
    for r, s in itertools.combinations(walls, 2) if dim == 3 else ():
        yield _cross(r, s)


def exact_dual_norm_squared(rows, N, slopes=(0, 1)):
    """D(N)² as an exact fraction: one output, at most three columns, few rows. ``rows``, ``N``: fractions."""
    best = Fraction(0)
    seen = set()
    for w in _stationary_directions(rows, N, slopes):
        lead = next((abs(a) for a in w if a), None)
        if lead is None:
            continue
        w = tuple(a / lead for a in w)
        if w in seen:
            continue
        seen.add(w)
        for sign in (1, -1):
            v = [sign * a for a in w]
            value = sum((nu * phi_exact(_dot(r, v), slopes) for nu, r in zip(N, rows, strict=True)), Fraction(0))
            best = max(best, value * value / _dot(v, v))
    return best


def exact_problem_dual_norm_squared(problem, N):
    """D(N)² of a Problem with one output, exactly. With free biases the bias sits on a sample: X - x_k for some k."""
    slopes = (problem.activation.slope_neg, problem.activation.slope_pos)
    nu = [Fraction(float(v)) for v in np.asarray(N)[:, 0]]
    if problem.bias != "free":
        return exact_dual_norm_squared(fractions(problem.inputs), nu, slopes)
    X = fractions(problem.X)
    if sum(nu) != 0:
        raise ValueError("free biases need a dual point that sums to exactly zero")
    shifted = ([[a - b for a, b in zip(r, centre, strict=True)] for r in X] for centre in X)
    return max(exact_dual_norm_squared(rows, nu, slopes) for rows in shifted)


def exact_dual_value(problem, N):
    """-loss*(-N) [- ||Nᵀ1||²/(2 beta)] as a Fraction (Decimal for the logistic loss); None outside the domain."""
    total = Fraction(0)
    for nu, y, w in zip(np.asarray(N)[:, 0], problem.Y[:, 0], problem.sample_weight, strict=True):
        term = _exact_term(problem.loss.name, Fraction(float(nu)), Fraction(float(y)), Fraction(float(w)))
        if term is None:
            return None
        total += term
    if problem.bias == "all":
        shift = sum((Fraction(float(v)) for v in np.asarray(N)[:, 0]), Fraction(0))
        total -= shift * shift / (2 * Fraction(problem.beta))
    return total


def _exact_term(loss, nu, y, w):
    if w == 0:
        return Fraction(0) if nu == 0 else None
    t = nu / w
    if loss == "squared":
        return w * (t * y - t * t / 2)
    if loss == "huber":
        return w * (t * y - t * t / 2) if abs(t) <= 1 else None
    s = t * y
    if s < 0:
        return None
    if loss == "squared_hinge":
        return w * (s - s * s / 4)
    if s > 1:
        return None
    if loss == "hinge":
        return w * s
    entropy = Decimal(0)
    for q in (s, 1 - s):
        if q > 0:
            d = Decimal(q.numerator) / Decimal(q.denominator)
            entropy -= d * d.ln()
    return w * Fraction(entropy)


def loss_literal(name, f, y):
    """One summand of a loss."""
    if name == "squared":
        return 0.5 * (f - y) ** 2
    if name == "huber":
        r = abs(f - y)
        return 0.5 * r * r if r <= 1 else r - 0.5
    if name == "logistic":
        m = -y * f
        return max(m, 0.0) + math.log1p(math.exp(-abs(m)))
    margin = max(0.0, 1.0 - y * f)
    return margin if name == "hinge" else margin**2


def _row_literal(name, fits, targets):
    """A sample's loss: a sum over outputs, or the cross-entropy -Σ_k y_k log softmax(f)_k."""
    if name == "cross_entropy":
        top = max(fits)
        log_total = top + math.log(math.fsum(math.exp(f - top) for f in fits))
        return math.fsum(float(y) * (log_total - f) for f, y in zip(fits, targets, strict=True))
    return math.fsum(loss_literal(name, f, float(y)) for f, y in zip(fits, targets, strict=True))


def objective_literal(problem, net):
    """The weight-decay objective of a network, sample by sample and neuron by neuron, with exact summation."""
    act = problem.activation
    beta = problem.beta
    terms = []
    for i in range(problem.n_samples):
        fits = []
        for k in range(problem.n_outputs):
            f = [] if net.bias_out is None else [float(net.bias_out[k])]
            for j in range(net.width):
                t = math.fsum(float(a) * float(b) for a, b in zip(net.weights_in[j], problem.X[i], strict=True))
                t += 0.0 if net.bias_in is None else float(net.bias_in[j])
                f.append((act.slope_pos if t > 0 else act.slope_neg) * t * float(net.weights_out[j, k]))
            fits.append(math.fsum(f))
        terms.append(float(problem.sample_weight[i]) * _row_literal(problem.loss.name, fits, problem.Y[i]))
    decayed = [*net.weights_in.ravel(), *net.weights_out.ravel()]
    if problem.bias in ("hidden", "all") and net.bias_in is not None:
        decayed += [*net.bias_in]
    if problem.bias == "all" and net.bias_out is not None:
        decayed += [*net.bias_out]
    return math.fsum(terms) + 0.5 * beta * math.fsum(float(a) ** 2 for a in decayed)


def random_lifted(problem, count, rng):
    """Directions (count, D) of unit penalised norm; with free biases thresholds inside and around the data."""
    W = rng.standard_normal((count, problem.n_inputs))
    lead = np.linalg.norm(W[:, : problem.penalized], axis=1, keepdims=True)
    W[:, : problem.penalized] /= lead
    if problem.bias == "free":
        on = rng.integers(problem.n_samples, size=count)
        jitter = np.where(rng.random(count) < 0.5, 0.0, 0.1 * rng.standard_normal(count))
        spread = np.ptp(problem.X, axis=0).max(initial=0.0)
        W[:, -1] = -np.einsum("kj,kj->k", W[:, :-1], problem.X[on]) + jitter * spread
    else:
        W /= np.linalg.norm(W, axis=1, keepdims=True)
    return W


def sampled_dual_norm(problem, N, rng, count=20_000):
    """max over sampled directions of ||Nᵀ phi(Xa w)||."""
    W = random_lifted(problem, count, rng)
    return float(np.linalg.norm(problem.activation(W @ problem.inputs.T) @ N, axis=1).max())


def climbed_dual_norm(problem, N, rng, starts=40, steps=200):
    """Sampling followed by plain projected ascent with a shrinking step: close to the maximum from below."""
    W = random_lifted(problem, starts, rng)
    p, step = problem.penalized, 0.3

    def value(W):
        return np.linalg.norm(problem.activation(W @ problem.inputs.T) @ N, axis=1)

    best = value(W)
    for _ in range(steps):
        trial = W + step * rng.standard_normal(W.shape)
        trial /= np.linalg.norm(trial[:, :p], axis=1, keepdims=True)
        fresh = value(trial)
        W = np.where((fresh > best)[:, None], trial, W)
        best = np.maximum(best, fresh)
        step *= 0.96
    return float(best.max())
