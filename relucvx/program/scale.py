"""The scale of a problem: its columns compared in size, its strength with beta_max; one warning where either is far off."""

from __future__ import annotations

import sys
import warnings
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from relucvx.errors import ScaleWarning
from relucvx.program.duality import balance_dual, residual
from relucvx.program.problem import Problem
from relucvx.types import Array

LEAST_SHARE = 1e-6
"""Share of beta_max below which a strength was hardly meant: networks nearly interpolate, and proofs take long."""

LARGEST_SPREAD = 1e4
"""Ratio of the largest to the smallest column above which weight decay sees only some of them."""

STEPS = 3
"""Steps of ascent from each direction that is tried."""

ROUNDS = 8
"""Strengths tried where the null network's output bias depends on beta."""

_SAID: dict[int, set[str]] = {}
"""What was said of an array of inputs that is still alive, by its identity: problems that differ in beta share one."""


def beta_max_floor(problem: Problem) -> float:
    """A certified lower bound on beta_max, in O(n d): what a few directions get out of the dual point of the null network.

    ``beta_max = max_w ||N0ᵀ phi(Xw)|| / ||w||`` with ``N0 = -∇loss`` at the null network, so that every direction bounds it
    from below. The directions are the leading one of ``Xᵀ N0`` and the heaviest row, both ways, each improved by a few steps
    w <- Xᵀ (gates · N0). With bias "all" N0 depends on beta, and strengths are tried from above. 0 where N0 is not unique
    (hinge and absolute losses with free biases), which a linear program would have to find.

    Notes
    -----
    Status: theorem (the bound holds for every direction; rounding is allowed for). Source: [pilanci-ergen-2020], [relucvx]
    """
    if not problem.bias.decays_output:
        return _attained(problem, problem.null_bias())
    trial = _attained(problem, np.zeros(problem.n_outputs))
    for _ in range(ROUNDS):
        if trial <= 0.0:
            return 0.0
        # below beta_max a neuron pays, and whatever pays at this strength shows that it is below
        value = _attained(problem, replace(problem, beta=trial).null_bias())
        if value >= trial:
            return trial
        trial = min(value, trial) * (1.0 - 1e-3)
    return 0.0


def beta_share(problem: Problem) -> float:
    """An upper bound on beta / beta_max, by :func:`beta_max_floor`; infinity where nothing is known cheaply.

    Notes
    -----
    Status: theorem (as :func:`beta_max_floor`). Source: [relucvx]
    """
    floor = beta_max_floor(problem)
    return problem.beta / floor if floor > 0.0 else np.inf


def share_text(beta: float, share: float) -> str:
    """beta beside beta_max, in words; beta alone where its share is not known (:func:`beta_share`)."""
    text = f"beta = {beta:.10g}"
    if not np.isfinite(share):
        return text
    # a strength at which a neuron may not pay has no share to speak of
    return f"{text}, at most {share:.3g} of beta_max" if share < 1.0 else f"{text}, of the order of beta_max or above"


def scale_lines(problem: Problem, exact: bool) -> list[str]:
    """What a solution says of its scale: the strength, which an exact fit has none of, and what was done to the columns."""
    made = problem.preparation
    share = np.inf if exact else beta_share(problem)
    lines = [share_text(problem.beta, share)] if np.isfinite(share) else []
    if made is not None and made.changes:
        lines.append(f"inputs: {made.steps}; objective and bounds are of the problem on these columns")
    return lines


def findings(problem: Problem, beta: float | None, floor: float | None = None) -> dict[str, str]:
    """What is far off, in words: "columns", and "beta" where a strength is given; empty where all is well.

    Parameters
    ----------
    floor : float, optional
        A lower bound on beta_max that is known; default :func:`beta_max_floor`.

    Notes
    -----
    Status: theorem (what is said of beta is certified). Source: [relucvx]
    """
    found = {}
    peaks = np.abs(problem.X).max(axis=0, initial=0.0)
    used = np.flatnonzero(peaks)
    if len(used):
        most, least = used[int(np.argmax(peaks[used]))], used[int(np.argmin(peaks[used]))]
        ratio = peaks[most] / peaks[least]
        if ratio > LARGEST_SPREAD:
            found["columns"] = (
                f"columns of X differ in size by {ratio:.1g} (column {most}: up to {peaks[most]:.3g}, column {least}: up to "
                f"{peaks[least]:.3g}), so that weight decay shuts out the small ones"
            )
    if beta is not None:
        known = beta_max_floor(problem) if floor is None else floor
        if beta < LEAST_SHARE * known:
            found["beta"] = (
                f"beta = {beta:g} is {beta / known:.1g} of beta_max ({known:.3g} at least) or less: nearly no penalty, and a "
                "long proof"
            )
    return found


FIXES = {
    "columns": "X = relucvx.datasets.standardize_columns(X)[0]",
    "beta": "beta = 0.02 * relucvx.beta_max(X, Y)[0]",
}
"""What to type about each of them."""


def warned_of_scale(problem: Problem, *betas: float) -> Problem:
    """The problem as it is, after one :class:`~relucvx.errors.ScaleWarning` where its scale is far off.

    Doors call each other: of one array of inputs each kind is said once.

    Parameters
    ----------
    betas : float
        The strengths that are asked for, of which the smallest counts; none where a door asks for none.

    Notes
    -----
    Status: a convention (no statement). Source: [relucvx]
    """
    said = _said_of(problem.X)
    found = {kind: text for kind, text in findings(problem, min(betas, default=None)).items() if kind not in said}
    if found:
        said.update(found)
        text = "; ".join(found.values())
        fixes = " and ".join(FIXES[kind] for kind in found)
        warnings.warn(f"{text}. Try: {fixes}.", ScaleWarning, stacklevel=_outside())
    return problem


def _said_of(X: Array) -> set[str]:
    """What was said of these inputs; forgotten with them."""
    key = id(X)
    if key not in _SAID:
        _SAID[key] = set()
        weakref.finalize(X, _SAID.pop, key, None)
    return _SAID[key]


def _outside() -> int:
    """How many frames up the caller of the package is, whose line a warning should name."""
    home, frame, level = str(Path(__file__).parents[1]), sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(home):
        frame, level = frame.f_back, level + 1
    return level


def _attained(problem: Problem, bias: Array) -> float:
    """The largest pull that a few directions get out of the dual point at constant outputs; 0 where that is not unique."""
    fit = np.tile(bias, (problem.n_samples, 1))
    if not np.isfinite(fit).all():
        return 0.0
    if not problem.loss.smooth:
        low, high = problem.loss.subgradient_bounds(fit, problem.Y, problem.sample_weight)
        if not np.array_equal(low, high):
            return 0.0
    N = problem.spread(balance_dual(problem, residual(problem, fit)))
    size = float(np.abs(N).max(initial=0.0))
    if size == 0.0 or not np.isfinite(size):
        return 0.0
    N, X = N / size, problem.inputs
    heavy = X[int(np.argmax(np.linalg.norm(N, axis=1) * np.linalg.norm(X, axis=1)))]
    best = 0.0
    for start in (_leading(X.T @ N), heavy):
        for w in (start, -start):
            best = max(best, _ascended(problem, X, N, w))
    return best * size * (1.0 - 1e-9)


def _ascended(problem: Problem, X: Array, N: Array, w: Any) -> float:
    """The largest pull per unit of penalised norm on the way up from one direction."""
    best = 0.0
    phi = problem.activation
    for _ in range(1 + STEPS):
        lead = float(np.linalg.norm(w[: problem.penalized]))
        if not lead > 0.0:
            return best
        w = w / lead
        t = X @ w
        value = float(np.linalg.norm(N.T @ phi(t)))
        if not value > best:
            return best
        best = value
        gates = np.where(t >= 0.0, phi.slope_pos, phi.slope_neg)
        step = _leading((X * gates[:, None]).T @ N)
        # a singular vector has no sign: the way that goes on with these rows
        w = step if float(step @ w) >= 0.0 else -step
    return best


def _leading(A: Array) -> Array:
    """The leading left singular vector of a matrix (D, q) of few columns."""
    if A.shape[1] == 1:
        return A[:, 0]
    scale = float(np.abs(A).max(initial=0.0))
    if scale == 0.0:
        return A[:, 0]
    _, vectors = np.linalg.eigh((A / scale).T @ (A / scale))
    return np.asarray(A @ vectors[:, -1])
