"""The factorial design Y in {-1, 1}^(n, d_Y), K_X = x0 I + x1 Y Y^T + x2 11^T: read, checked, and its constants.

With A = n/(x0 + n x1) and B = n/(x0 + n x2), the half indicator (1 + y_k)/2 costs least as relu(p y_k + q 1), p + q = 1:
gamma = AB/(A + B) if A <= B, else (A + B)/4 (p = q on the kink).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.conversion import as_float
from relucvx.errors import InvalidInputError, explain
from relucvx.kernel.prediction import as_targets
from relucvx.types import Array
from relucvx.validation import as_matrix, as_positive, check_same_length

FIT = 1e-9
"""Largest deviation of K_X from x0 I + x1 Y Y^T + x2 11^T, relative to its largest entry."""

ZERO = 1e-9
"""n |x2|/(|x0| + n |x1| + n |x2|) below this counts as no common mode."""


@dataclass(frozen=True)
class Design:
    """K_X = x0 I + x1 Y Y^T + x2 11^T with the constants that follow from it."""

    n: int
    c: int
    x0: float
    x1: float
    x2: float

    @property
    def costs(self) -> tuple[float, float]:
        """(A, B): n times the reciprocal eigenvalues of K_X on Y and on 1; inf for an eigenvalue 0."""
        values = (self.x0 + self.n * self.x1, self.x0 + self.n * self.x2)
        A, B = (self.n / v if v > 0 else np.inf for v in values)
        return A, B

    @property
    def split(self) -> tuple[float, float]:
        """(p, q) with p + q = 1: the cheapest preactivation p y + q 1 that is 1 where y = 1 and <= 0 elsewhere."""
        A, B = self.costs
        if A > B:
            return 0.5, 0.5
        q = A / (A + B) if np.isfinite(A) else 0.5
        return 1 - q, q

    @property
    def gamma(self) -> float:
        """Cost of that preactivation."""
        (A, B), (p, q) = self.costs, self.split
        return p * p * A + (q * q * B if q > 0 else 0.0)

    @property
    def beta_max(self) -> float:
        """From this beta on the zero network is optimal (x2 >= 0)."""
        return self.n / (2 * np.sqrt(self.gamma))

    def scale(self, beta: float) -> float:
        """b of K = b (d_Y 11^T + Y Y^T)."""
        return max(1 / (2 * np.sqrt(self.gamma)) - beta / self.n, 0.0)

    def objective(self, beta: float) -> float:
        """p* by the formula; n d_Y/2 from beta_max on."""
        if beta >= self.beta_max:
            return self.n * self.c / 2
        return beta * self.c * (2 * np.sqrt(self.gamma) - 2 * self.gamma * beta / self.n)

    def regime(self, beta: float) -> str:
        """Key into STATUS and NOTES."""
        common = self.n * self.x2 / (abs(self.x0) + self.n * (abs(self.x1) + abs(self.x2)))
        if common < -ZERO and self.c == 1:
            return "outside"
        if common < -ZERO:
            return "none"
        if beta >= self.beta_max:
            return "zero"
        if self.c == 1:
            return "one"
        if common <= ZERO:
            return "many"
        return "kink" if self.x2 > self.x1 * (1 + 1e-12) else "unique"


def target_conditions(Y: Array) -> dict[str, bool]:
    """Whether the targets are signs, and whether they hold every combination equally often."""
    signs = bool(np.isin(Y, (-1.0, 1.0)).all())
    full = False
    if signs and Y.shape[1] < 63 and len(Y) % 2 ** Y.shape[1] == 0:
        counts = np.unique(Y, axis=0, return_counts=True)[1]
        full = len(counts) == 2 ** Y.shape[1] and bool((counts == counts[0]).all())
    return {"targets +-1": signs, "all combinations equally often": full}


def read_design(Y: Array, x0: float, x1: float, x2: float, X: Any) -> tuple[Design, bool, Array | None]:
    """The design, whether it reproduces X X^T, and X checked."""
    n, c = Y.shape
    if X is None:
        x0, x1, x2 = (as_float(v) for v in (x0, x1, x2))
        values = np.array([x0, x1, x2])
        # eigenvalues off the design, on the targets and on the ones
        least = float(min(x0, x0 + n * x1, x0 + n * x2)) if np.isfinite(values).all() else float("nan")
        if not least >= -1e-12 * np.abs(values).max():
            raise InvalidInputError(
                explain("x0, x1, x2 with x0 I + x1 Y Y^T + x2 11^T >= 0", f"{values.tolist()}, eigenvalue {least:.3g}")
            )
        return Design(n, c, *values.tolist()), True, None
    X = as_matrix(X, "X")
    check_same_length(X, Y)
    K = X @ X.T
    size = float(np.abs(K).max())
    # Rayleigh quotients on targets and ones; what is left of the trace belongs to the rest
    on_targets = float(((K @ Y) * Y).sum() / (n * c))
    on_ones = float(K.sum() / n)
    rest = n - 1 - c
    # two samples leave no direction besides y and 1 (rest = 0): x0 is then free, and the smaller value keeps x1, x2 >= 0
    x0 = float(np.trace(K) - c * on_targets - on_ones) / rest if rest else min(on_targets, on_ones)
    # differences within rounding are none: the regimes depend on the signs of x1 and x2
    x1, x2 = (0.0 if abs(v - x0) <= FIT * size else (v - x0) / n for v in (on_targets, on_ones))
    fitted = x0 * np.eye(n) + x1 * (Y @ Y.T) + x2
    return Design(n, c, x0, x1, x2), bool(np.abs(K - fitted).max() <= 2 * FIT * size), X


def require_design(X: Any, Y: Any, beta: float) -> tuple[float, Design, Array, Array]:
    """(beta, design, X, Y) checked, for constructions that need all of it."""
    beta, Y = as_positive(beta, "beta"), as_targets(Y)
    require_targets(Y)
    X = as_matrix(X, "X")
    design, fits, _ = read_design(Y, 1.0, 0.0, 0.0, X)
    require_fit(fits)
    return beta, design, X, Y


def require_targets(Y: Array) -> None:
    """Raise unless the targets are factorial."""
    failed = [name for name, holds in target_conditions(Y).items() if not holds]
    if failed:
        raise InvalidInputError(
            explain("targets with every combination of +-1 equally often", f"shape {Y.shape}, failing: {failed[0]}")
        )


def require_fit(fits: bool) -> None:
    """Raise unless the design reproduces X X^T."""
    if not fits:
        raise InvalidInputError(
            explain("X X^T = x0 I + x1 Y Y^T + x2 11^T", "inputs of another kernel", "", "datasets.factorial(d_Y)")
        )


def require_no_common_mode(design: Design) -> None:
    """Raise unless x2 = 0."""
    if abs(design.x2) * design.n > ZERO * (abs(design.x0) + design.n * abs(design.x1)):
        what = "unique" if design.x2 > 0 else "another, non-abstract one"
        raise InvalidInputError(
            explain("inputs without common mode, x2 = 0", f"x2 = {design.x2:.6g}", f"the optimal kernel is then {what}")
        )


def as_rotation(R: Any, c: int) -> Array:
    """An orthogonal matrix of shape (c, c)."""
    R = as_matrix(R, "R")
    if R.shape != (c, c) or np.abs(R @ R.T - np.eye(c)).max() > 1e-9:
        raise InvalidInputError(explain(f"an orthogonal R of shape ({c}, {c})", f"shape {R.shape}, R R^T != I"))
    return R
