"""Whether the formulas of somebody's own loss belong together: a wrong conjugate would be a wrong proof."""

from __future__ import annotations

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.losses.base import Loss
from relucvx.types import Array

ROWS = 6
"""Samples looked at; the formulas are the same for all of them."""

REACHES = (1e-3, 0.3, 1.0, 3.0, 30.0)
"""Distances of the fits looked at, in units of the targets (at least one)."""

AGREE = 1e-8
"""Relative difference from which two formulas disagree."""


def check_faces(loss: Loss, Y: Array) -> None:
    """Compare value, slope, curvature sign, conjugate and domain of a loss on a few targets, at a few fits.

    Fenchel's inequality with equality at minus the gradient ties the dual function to the value, and convexity ties the
    gradient to it; a least value of 0 makes 0 a lower bound. What is not looked at is found out later: the CVXPY expression
    when it is first used, the torch formulas by the certificate of what was trained.

    Raises
    ------
    InvalidInputError
        Naming the two formulas that disagree.

    Notes
    -----
    Status: heuristic (finitely many points; passing is no proof of the formulas). Source: [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> from relucvx.losses import as_loss, check_faces
    >>> check_faces(as_loss("logistic"), np.array([[1.0], [-1.0]]))  # silent: the formulas belong together
    """
    # a few rows, from all over the targets
    rows = np.unique(np.linspace(0, len(Y) - 1, ROWS).round().astype(int))
    Y = Y[rows]
    # weights that differ: one that is forgotten would not show at ones
    w = np.linspace(0.5, 2.0, len(Y))
    rng = np.random.default_rng(0)
    unit = max(1.0, float(np.abs(Y).max()))
    # near and far, about zero and about the targets, for each loss is simple somewhere
    fits = [reach * unit * rng.standard_normal(Y.shape) + Y * (k % 2) for k, reach in enumerate(REACHES * 2)]
    values = [loss.value(F, Y, w) for F in fits]
    slopes = [np.asarray(loss.gradient(F, Y, w)) for F in fits]
    if any(G.shape != Y.shape for G in slopes) or not np.isfinite([*values, *map(np.sum, slopes)]).all():
        raise _wrong(
            loss, "finite values, and slopes of the shape of the fit", f"shapes {[G.shape for G in slopes[:1]]}"
        )
    # certificates count on a least value of 0
    if abs(at_zero := loss.dual_value(np.zeros_like(Y), Y, w)) > AGREE * max(values) or min(values) < 0.0:
        raise _wrong(
            loss, "a least value of 0, which is the dual function at 0", f"{at_zero:.6g}", "subtract it in _entries"
        )
    # the dual function is taken entry by entry where outputs do not mix
    if not loss.coupled and Y.shape[1] > 1:
        moved = fits[2].copy()
        moved[:, 1:] += unit
        if not np.allclose(loss._entries(moved, Y)[:, 0], loss._entries(fits[2], Y)[:, 0], rtol=1e-12, atol=0.0):
            raise _wrong(loss, "outputs that do not mix, or coupled = True", "an entry that depends on other outputs")
    # tangents below the function: near points test the slope, far ones convexity
    for F, value, G in zip(fits, values, slopes, strict=True):
        near = [F + step * unit * rng.standard_normal(F.shape) for step in (1e-3, -1e-3)]
        for other in (*fits, *near):
            reached = loss.value(other, Y, w)
            tangent = value + float(np.sum(G * (other - F)))
            if tangent > reached + AGREE * _size(value, reached, G * (other - F)):
                raise _wrong(
                    loss, "slopes that are those of the value, and a convex value", f"{tangent:.9g} > {reached:.9g}"
                )
    for F, value, G in zip(fits, values, slopes, strict=True):
        # at minus the gradient, inside the domain, and at its border; the first attains Fenchel's inequality
        for N in (-G, -0.5 * G, loss.clip_dual(-1.3 * G, Y, w)):
            bound, attained = loss.dual_value(N, Y, w), value + float(np.sum(N * F))
            wrong = bound > attained + AGREE * _size(value, attained, N * F)
            if N is not G and np.array_equal(N, -G):
                wrong |= not bound >= attained - AGREE * _size(value, attained, N * F)
            if wrong:
                raise _wrong(
                    loss, f"a dual function at most {attained:.9g}, and equal at minus the gradient", f"{bound:.9g}"
                )
    # a negative curvature would send Newton uphill
    if loss.smooth and any(np.min(loss.hessian(F, Y, w)) < 0.0 for F in fits):
        raise _wrong(loss, "curvatures >= 0", "a negative one")


def _size(value: float, other: float, terms: Array) -> float:
    return max(abs(value), abs(other), float(np.abs(terms).sum()))


def _wrong(loss: Loss, expected: str, received: str, fix: str = "") -> InvalidInputError:
    cause = "one of value, slope, dual terms and dual bounds has another factor or sign than the others"
    return InvalidInputError(explain(f"{expected} (loss {loss.name!r})", received, cause, fix or "check the formulas"))
