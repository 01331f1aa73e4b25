"""Upper bound on the dual norm over an enumerated arrangement, for one output.

On the cell of pattern D the form is linear, c = L + XᵀD M, and its maximum over the unit ball of the cell is the length of
the projection of c onto {w : (2D - I)Xw >= 0}. ``||c||`` screens most cells, and ``||c + Bᵀμ||`` is a bound for every
μ >= 0, so an interrupted projection is still valid.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.arrangement import Arrangement, enumerate_patterns
from relucvx.arrangement._least_norm import least_norm
from relucvx.arrangement.equilibrium import missing_width
from relucvx.compiled import compiled
from relucvx.deadline import Deadline
from relucvx.errors import UnsupportedError
from relucvx.oracle.form import Form, make_form
from relucvx.oracle.simplicial import value_along
from relucvx.types import Array, BoolArray, as_activation

BIAS_WEIGHT = 1e2
"""How strongly the projection pushes the unpenalised coordinate of c + Bᵀμ to zero …"""

CHUNK_WORK = 2e6
"""Cells times the size of the inputs between two looks at the clock and Ctrl-C; a cell's projection costs some hundred."""

MULTIPLIER_STEPS = 5
"""… and how often the method of multipliers repeats it: each step divides what is left by about BIAS_WEIGHT²."""


@compiled
def bound_cells(
    X: Any, M: Any, L: Any, p: int, reach: float, patterns: Any, prune: float, tau: float, witness: Any, lower: float
) -> Any:
    """Return (upper, lower) over all cells and both signs; cells at or below max(prune, lower) are not refined.

    ``lower`` is a value known to be reached, which ``witness`` belongs to.
    """
    n, dim = X.shape
    c = np.empty(dim)
    B = np.empty((n, dim))
    b = np.empty(n)
    x = np.empty(n)
    w = np.empty(dim)
    z = np.empty(n)
    point = np.empty(dim)
    trial = np.empty(dim)
    weight = np.empty(dim)
    for j in range(p):
        weight[j] = 1.0
    # the projection shall leave next to no pull on the unpenalised coordinate: it is weighted up, within digits
    for j in range(p, dim):
        weight[j] = BIAS_WEIGHT * max(reach, 1e-300)  # c has the units of N x there, and of N here
    upper = 0.0
    for cell in range(patterns.shape[0]):
        # on this cell the form is c·w
        for j in range(dim):
            c[j] = L[j, 0]
        for i in range(n):
            if patterns[cell, i]:
                for j in range(dim):
                    c[j] += M[i, 0] * X[i, j]
        # |c·w| is the larger of two linear forms
        for side in range(2):
            if side == 1:
                for j in range(dim):
                    c[j] = -c[j]
            # without its walls the cell's bound is a norm: enough for most cells once a good value is known
            bound = seminorm(c, p, reach)
            if bound > max(prune, lower):
                # walls as unit rows, weighted like c, and what each must make up for: b > 0 where c violates it
                for i in range(n):
                    sign = 1.0 if patterns[cell, i] else -1.0
                    length = 0.0
                    for j in range(dim):
                        B[i, j] = sign * X[i, j] * weight[j]
                        length += B[i, j] * B[i, j]
                    length = np.sqrt(length) if length > 0.0 else 1.0
                    b[i] = 0.0
                    for j in range(dim):
                        B[i, j] /= length
                        b[i] -= B[i, j] * c[j] * weight[j]
                # the multiplier of the unpenalised coordinate, which must have no pull left at the maximum
                shift = 0.0
                for _ in range(1 if p == dim else MULTIPLIER_STEPS):
                    least_norm(B, dim, b, x, w)
                    # c + Bᵀμ in the weighted and in the own coordinates; μ >= 0 in any case, so its seminorm is a bound
                    slack = 0.0
                    for j in range(dim):
                        w[j] = 0.0
                    for i in range(n):
                        slack += x[i]
                        if x[i] > 0.0:
                            for j in range(dim):
                                w[j] += x[i] * B[i, j]
                    for j in range(dim):
                        point[j] = c[j] * weight[j] + w[j]
                        trial[j] = point[j] / weight[j]
                        point[j] *= weight[j]
                    bound = min(bound, seminorm(trial, p, reach) + tau * slack)
                    if p < dim:  # the multiplier of the unpenalised coordinate is that coordinate of the maximiser
                        shift += trial[p]
                        point[p] = weight[p] * weight[p] * shift
                        for i in range(n):
                            b[i] -= B[i, p] * trial[p] * weight[p]
                # what the projection ends at is a direction of the cell: a value from below
                lead = seminorm(point, p, 0.0)
                for j in range(p, dim):
                    point[j] = min(max(point[j], -reach * lead), reach * lead)
                value = value_along(X, M, L, p, point, z)
                if value > lower:
                    lower = value
                    for j in range(dim):
                        witness[j] = point[j]
            upper = max(upper, bound)
    return upper, lower


@compiled
def seminorm(c: Any, p: int, reach: float) -> float:
    """max of c·w over ||w||_p <= 1 and |unpenalised coordinate| <= reach."""
    total = 0.0
    for j in range(p):
        total += c[j] * c[j]
    out = np.sqrt(total)
    for j in range(p, c.shape[0]):
        out += reach * abs(c[j])
    return out


def compile_cells() -> None:
    """Compile or load what lists cells and bounds over them, on a toy problem.

    Status: a convention (no statement). Source: [relucvx].
    """
    X = np.random.default_rng(0).standard_normal((5, 3))
    enumerated_bound(make_form(X, X[:, :1], as_activation("relu")), enumerate_patterns(X), 0.0)


def free_bias_arrangement(form: Form, deadline: Deadline | None = None) -> Arrangement:
    """Cells of the reduced inputs with the bias column at the size of the data, so that one tolerance fits both."""
    lifted = form.X.copy()
    lifted[:, -1] = max(form.bias_range, 1e-300)
    return enumerate_patterns(lifted, time_limit=deadline)


def bound_patterns(
    form: Form, patterns: BoolArray, target: float, tau: float, deadline: Deadline | None = None
) -> tuple[float, float, Array]:
    """Upper and lower bound over the closed cells of the given patterns, and the reduced direction of the lower one.

    Rounding is left to the caller. The upper bound is inf when the deadline passes before every cell has been looked at.
    """
    deadline = deadline or Deadline()
    if patterns.shape[1] != len(form.X):
        patterns = form.of_rows(patterns)
    upper, lower, witness = 0.0, 0.0, np.zeros(form.X.shape[1])
    step = int(max(1, CHUNK_WORK // form.X.size))
    for at in range(0, len(patterns), step):
        bound, lower = bound_cells(
            form.X, form.M, form.L, form.penalized, form.bias_range, patterns[at : at + step], float(target), tau,
            witness, lower,
        )  # fmt: skip
        upper = max(upper, float(bound))
        if at + step < len(patterns) and deadline.passed():
            return np.inf, float(lower), witness
    return upper, float(lower), witness


def enumerated_bound(
    form: Form, arrangement: Arrangement, target: float, deadline: Deadline | None = None
) -> tuple[float, float, Array]:
    """Upper and lower bound on max F, and the reduced direction of the lower one.

    The upper bound is inf when the deadline passes first.

    Raises
    ------
    UnsupportedError
        For several outputs: a cell's maximum is then not a projection.

    Notes
    -----
    Status: certified numerically; covers what the arrangement's tolerance may have left out. Source: [pilanci-ergen-2020]
    """
    if form.M.shape[1] > 1:
        raise UnsupportedError(
            f"the enumerated dual norm handles one output, received {form.M.shape[1]}; "
            'try: method="branch_and_bound", which handles any number.'
        )
    tau = missing_width(arrangement) * (2.0 if form.free_bias else 1.0)
    upper, lower, witness = bound_patterns(form, arrangement.patterns, target, tau, deadline)
    return upper + form.rounding() + tau * form.scale, lower, witness
