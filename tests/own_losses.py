"""Losses as a user would write them: one class each, with nothing but what cannot be derived."""

from dataclasses import dataclass

import numpy as np

from relucvx.losses import Loss


@dataclass(frozen=True)
class Copied(Loss):
    """(f - y)²/2 once more, by somebody who does not know that the package has it."""

    def _entries(self, F, Y):
        return 0.5 * (F - Y) ** 2

    def _slopes(self, F, Y):
        return F - Y

    def _curvatures(self, F, Y):
        return np.ones_like(F)

    def _dual_bounds(self, Y):
        return np.full_like(Y, -np.inf), np.full_like(Y, np.inf)

    def _dual_terms(self, T, Y):
        return T * Y, -0.5 * T * T

    def _dual_slopes(self, T, Y):
        return Y - T

    def expression(self, fit, Y, W):
        import cvxpy as cp

        return 0.5 * cp.sum(cp.multiply(W, cp.square(fit - Y)))


@dataclass(frozen=True)
class Insensitive(Loss):
    """(|f - y| - width)₊²/2."""

    width: float = 0.3

    def _excess(self, F, Y):
        return np.maximum(np.abs(F - Y) - self.width, 0.0)

    def _entries(self, F, Y):
        return 0.5 * self._excess(F, Y) ** 2

    def _slopes(self, F, Y):
        return np.sign(F - Y) * self._excess(F, Y)

    def _curvatures(self, F, Y):
        return (np.abs(F - Y) >= self.width).astype(float)

    def _dual_bounds(self, Y):
        return np.full_like(Y, -np.inf), np.full_like(Y, np.inf)

    def _dual_terms(self, T, Y):
        return T * Y, -0.5 * T * T - self.width * np.abs(T)

    def _dual_slopes(self, T, Y):
        return Y - T - self.width * np.sign(T)

    def expression(self, fit, Y, W):
        import cvxpy as cp

        return 0.5 * cp.sum(cp.multiply(W, cp.square(cp.pos(cp.abs(fit - Y) - self.width))))


@dataclass(frozen=True)
class Pinball(Loss):
    """up·(f - y)₊ + down·(y - f)₊: a quantile, kinked and lopsided."""

    up: float = 0.5
    down: float = 1.5

    def _entries(self, F, Y):
        return np.maximum(self.up * (F - Y), self.down * (Y - F))

    def _slopes(self, F, Y):
        return np.where(F > Y, self.up, np.where(F < Y, -self.down, 0.0))

    def _curvatures(self, F, Y):
        return np.zeros_like(F)

    def _dual_bounds(self, Y):
        return np.full_like(Y, -self.up), np.full_like(Y, self.down)

    def _dual_terms(self, T, Y):
        return T * Y, np.zeros_like(T)

    def _dual_slopes(self, T, Y):
        return Y.copy()

    def expression(self, fit, Y, W):
        import cvxpy as cp

        return cp.sum(cp.multiply(W, cp.maximum(self.up * (fit - Y), self.down * (Y - fit))))


@dataclass(frozen=True)
class Tube(Loss):
    """(|f - y| - width)₊, the loss of support vector regression: kinked, and its dual is not linear."""

    width: float = 0.2

    def _entries(self, F, Y):
        return np.maximum(np.abs(F - Y) - self.width, 0.0)

    def _slopes(self, F, Y):
        return np.where(np.abs(F - Y) > self.width, np.sign(F - Y), 0.0)

    def _curvatures(self, F, Y):
        return np.zeros_like(F)

    def _dual_bounds(self, Y):
        return np.full_like(Y, -1.0), np.full_like(Y, 1.0)

    def _dual_terms(self, T, Y):
        return T * Y, -self.width * np.abs(T)

    def _dual_slopes(self, T, Y):
        return Y - self.width * np.sign(T)

    def expression(self, fit, Y, W):
        import cvxpy as cp

        return cp.sum(cp.multiply(W, cp.pos(cp.abs(fit - Y) - self.width)))


OWN = (Copied("copied", True), Insensitive("insensitive", True), Pinball("pinball", False), Tube("tube", False))
