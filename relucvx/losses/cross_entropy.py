"""Multinomial cross-entropy: the one loss here that couples the outputs of a sample.

``loss(F) = Σ_i w_i Σ_k Y_ik (log Σ_l exp(F_il) - F_ik)`` for rows Y_i of the simplex (one-hot rows for class labels), so that
the fit holds logits. With ``T = Y - N/w`` the dual function is the entropy ``Σ_i w_i Σ_k -T_ik log T_ik`` on the N whose T are
rows of the simplex: the rows of N sum to zero and ``N <= w Y``.

In float64 the rows of an array cannot sum to zero exactly. An array N stands for the exact point whose entry with the largest
T absorbs the row's sum; :meth:`CrossEntropy.row_slack` bounds that move and enters every bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.labels import is_vector, numbered, read_labels
from relucvx.later import later
from relucvx.losses.base import TINY, Loss
from relucvx.losses.cones import LossCones
from relucvx.losses.constants import binary_grid
from relucvx.tolerances import EPS
from relucvx.types import Array
from relucvx.validation import as_matrix

linalg = later("scipy.linalg")
sp = later("scipy.sparse")
special = later("scipy.special")

clarabel = later("clarabel")
cp = later("cvxpy")
torch = later("torch")

INSIDE = 8.0 * EPS
"""Dual points stay this share of Y away from T = 0 where Y > 0: rounding then cannot leave the simplex."""

MANY_CLASSES = 0.5
"""More distinct integer labels than this share of the samples (and than 20) are taken for regression targets."""


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Multinomial cross-entropy on logits; see the module.

    Notes
    -----
    Status: theorem (closed forms of value, gradient and conjugate). Source: [relucvx]
    """

    def read_targets(self, Y: Any) -> tuple[Array, bool]:
        """Rows of the simplex (n, c), or labels (n,) of any type as one-hot rows of the sorted classes."""
        if not is_vector(Y, "Y"):
            return as_matrix(Y, "Y"), False
        labels = read_labels(Y, "Y")
        classes, index = numbered(labels, "Y")
        whole = not any(isinstance(name, float) and not name.is_integer() for name in classes)
        if len(classes) < 2 or not whole or len(classes) > max(20, MANY_CLASSES * len(labels)):
            raise InvalidInputError(
                explain(
                    "class labels of at least two classes, or one-hot rows, for the cross-entropy",
                    f"{len(classes)} distinct values in {len(labels)} samples",
                    "one class only" if len(classes) < 2 else "regression targets",
                    'loss="squared" for regression',
                )
            )
        return np.eye(len(classes))[index], False

    def check_targets(self, Y: Array) -> None:
        """Raise InvalidInputError unless every row is a point of the simplex, with two columns or more."""
        off = np.abs(Y.sum(axis=1) - 1.0)
        bad = (Y < 0).any(axis=1) | (off > 8 * Y.shape[1] * EPS)
        if Y.shape[1] >= 2 and not bad.any():
            return
        i = int(np.argmax(bad)) if Y.shape[1] >= 2 else 0
        raise InvalidInputError(
            explain(
                "rows of Y that are non-negative and sum to 1, two columns or more, for the cross-entropy",
                f"row {i} with sum {Y[i].sum():.17g} and minimum {Y[i].min():g}, {Y.shape[1]} columns",
                "labels coded as ±1, or unnormalised frequencies",
                "class labels y of shape (n,), or Y / Y.sum(axis=1, keepdims=True)",
            )
        )

    def _entries(self, F: Array, Y: Array) -> Array:
        return np.where(Y > 0, Y * (special.logsumexp(F, axis=1, keepdims=True) - F), 0.0)

    def value_error(self, F: Array, Y: Array, w: Array, error: Array) -> float:
        """The gradient of a sample has at most 2 w_i in absolute sum; logits are subtracted, so their size rounds too."""
        size = np.abs(F).max(axis=1) + math.log(F.shape[1])
        moved = float(w @ (2.0 * error.max(axis=1) + (4.0 * F.shape[1] + 16.0) * EPS * size))
        return moved * (1.0 + 1e-6) + (F.size + 8) * EPS * self.value(F, Y, w)

    def _slopes(self, F: Array, Y: Array) -> Array:
        return Y.sum(axis=1, keepdims=True) * special.softmax(F, axis=1) - Y

    def _curvatures(self, F: Array, Y: Array) -> Array:
        p = special.softmax(F, axis=1)
        return np.asarray(p * (1.0 - p))

    def _dual_bounds(self, Y: Array) -> tuple[Array, Array]:
        return Y - 1.0, Y.copy()

    def curvature(self, F: Array, Y: Array, w: Array, J: Array) -> Array:
        """w_i (diag p_i - p_i p_iᵀ) for each sample, times J (n c, k)."""
        p = special.softmax(F, axis=1)[:, :, None]
        rows = J.reshape(*F.shape, -1)
        out = w[:, None, None] * p * (rows - (p * rows).sum(axis=1, keepdims=True))
        return np.asarray(out.reshape(J.shape))

    @property
    def shift_invariant(self) -> bool:
        """True: logits count up to a common constant."""
        return True

    @property
    def coupled(self) -> bool:
        """True."""
        return True

    @property
    def gradient_lipschitz(self) -> float:
        """1/2: the largest eigenvalue that diag p - p pᵀ can have."""
        return 0.5

    @property
    def regression(self) -> bool:
        """False: points of the simplex have no units."""
        return False

    @property
    def multinomial(self) -> bool:
        """True."""
        return True

    @property
    def averages_targets(self) -> bool:
        """True: the targets enter linearly."""
        return True

    @property
    def one_hot(self) -> bool | None:
        """True."""
        return True

    def probabilities(self, F: Array) -> Array:
        """Of each class, in rows that sum to 1."""
        return np.asarray(special.softmax(F, axis=1))

    # ------------------------------------------------------------------ the dual
    def _dual_terms(self, T: Array, Y: Array) -> tuple[Array, Array]:
        t = np.clip(Y - T, 0.0, 1.0)
        return -t * np.log(np.maximum(t, TINY)), np.zeros_like(t)

    def _dual_slopes(self, T: Array, Y: Array) -> Array:
        return np.log(np.maximum(Y - T, TINY))

    def _largest(self, Y: Array, w: Array) -> Array:
        """Upper bounds of N: w Y, a little inside where Y > 0."""
        return np.asarray(w[:, None] * Y * (1.0 - INSIDE))

    def in_domain(self, N: Array, Y: Array, w: Array) -> bool:
        """Whether the exact point that N stands for has T in the simplex."""
        sums = np.abs([math.fsum(row) for row in N])
        below = np.all(self._largest(Y, w) >= N * (1.0 - INSIDE))
        return bool(below and np.all(sums <= 1e-3 * w / Y.shape[1]))

    def row_slack(self, N: Array) -> Array:
        """|row sum|, and what scaling N may add to it."""
        sums = np.abs([math.fsum(row) for row in N])
        return np.asarray(sums * (1.0 + EPS) + 4.0 * N.shape[1] * EPS * np.abs(N).sum(axis=1))

    def dual_error(self, N: Array, Y: Array, w: Array) -> float:
        """As in the base class, plus the rounding of T = Y - N/w and the row sums that the largest T absorbs."""
        c = Y.shape[1]
        # the entropy's slope is at most log(1/EPS) < 40 one rounding away from 0, and 1 + log c at the largest T
        steep = 48.0 * EPS * (float(np.abs(N).sum()) + c * float(w.sum()))
        return super().dual_error(N, Y, w) + steep + (1.0 + math.log(c)) * float(self.row_slack(N).sum())

    def clip_dual(self, N: Array, Y: Array, w: Array) -> Array:
        """N with T = Y - N/w cut at 0 and normalised row by row."""
        T = np.maximum(Y - self._scaled(N, w)[0], 2.0 * INSIDE * Y)
        return self._from_simplex(T / T.sum(axis=1, keepdims=True), Y, w)

    def _from_simplex(self, T: Array, Y: Array, w: Array) -> Array:
        return np.minimum(w[:, None] * (Y - T), self._largest(Y, w))

    def round_dual(self, N: Array, Y: Array, w: Array) -> Array:
        """N cut at its upper bounds."""
        return np.minimum(N, self._largest(Y, w))

    def largest_scale(self, N: Array, Y: Array, w: Array) -> float:
        """The largest s with s N <= w Y, taken a little inside."""
        used = N > 0.0
        return float(np.min(self._largest(Y, w)[used] / N[used], initial=np.inf))

    def shift_to_zero(self, N: Array, Y: Array, w: Array) -> Array:
        """T multiplied by exp(b) and normalised, as an output bias b does, with b such that all columns sum to zero."""
        T = np.maximum(Y - self._scaled(N, w)[0], 2.0 * INSIDE * Y)
        with np.errstate(divide="ignore"):
            logits = np.log(T)
        b = self._constant(Y, w, 0.0, logits)
        return self._from_simplex(special.softmax(logits + b, axis=1), Y, w)

    def exact_zero_sums(self, N: Array, Y: Array, w: Array) -> Array:
        """N on a binary grid with all rows and columns summing to exactly 0.

        Each row's sum goes to its largest T; then columns with too much give to columns with too little inside the row that
        has the most room.
        """
        grid = binary_grid(N) * N.shape[1]
        if grid == 0.0:
            return np.zeros_like(N)
        # up to a power of two, so that sums are exact
        grid = 2.0 ** math.ceil(math.log2(grid))
        # rounded down; what rows lack goes to the class with most room in the domain
        out = np.floor(N / grid) * grid
        T = Y - self._scaled(N, w)[0]
        rows = np.arange(len(N))
        out[rows, T.argmax(axis=1)] -= out.sum(axis=1)
        out[w == 0] = 0.0
        sums = out.sum(axis=0)
        # exchanges inside a row mend the columns and leave the row's sum
        for taker in np.flatnonzero(sums < 0):
            room = self._largest(Y, w)[:, taker] - out[:, taker]
            i = int(room.argmax())
            for giver in np.flatnonzero(sums > 0):
                step = min(sums[giver], -sums[taker])
                out[i, giver] -= step
                out[i, taker] += step
                sums[giver] -= step
                sums[taker] += step
        return out + 0.0

    # ------------------------------------------------------------------ constants
    def best_constant(self, Y: Array, w: Array) -> Array:
        """Logarithms of the class frequencies, summing to zero; -inf for a class without weight."""
        with np.errstate(divide="ignore"):
            b = np.log(w @ Y / w.sum())
        return b - b.mean() if np.isfinite(b).all() else b

    def decayed_constant(self, Y: Array, w: Array, beta: float) -> Array:
        """Newton on the strictly convex ``loss(1 bᵀ) + beta/2 ||b||²``."""
        return self._constant(Y, w, beta, np.zeros_like(Y))

    def _constant(self, Y: Array, w: Array, beta: float, logits: Array) -> Array:
        """argmin over b with Σb = 0 of loss(logits + 1 bᵀ) + beta/2 ||b||² by damped Newton."""
        c = Y.shape[1]
        b, value = np.zeros(c), np.inf
        for _ in range(200):
            p = special.softmax(logits + b, axis=1)
            g = w @ (p - Y) + beta * b
            # the last term fills the null space: adding a constant to all logits changes nothing
            H = np.diag(w @ p) - (p * w[:, None]).T @ p + beta * np.eye(c) + w.sum() / c**2
            step = -linalg.lstsq(H, g - g.mean())[0]
            size = float(np.abs(g - g.mean()).max())
            if not size < value * (1.0 - 1e-3) and size <= 1e3 * c * EPS * w.sum():
                break
            # steps of size one keep Newton inside the region where the logarithm of the partition sums is quadratic
            b = b + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
            value = min(value, size)
        return b - b.mean()

    # ------------------------------------------------------------------ conic programs and torch
    def expression(self, fit: Any, Y: Array, W: Array) -> Any:
        """Σ_i w_i (log Σ_k exp(f_ik) - y_i·f_i)."""

        return cp.sum(cp.multiply(W[:, 0], cp.log_sum_exp(fit, axis=1) - cp.sum(cp.multiply(Y, fit), axis=1)))

    def cones(self, Y: Array, w: Array, sy: float) -> LossCones:
        """w_i (t_i - y_i·f_i) with Σ_k exp(f_ik - t_i) <= 1: variables (t (n), a (n c)), exp(f_ik - t_i) <= a_ik."""

        n, c = Y.shape
        N = n * c
        pick = sp.csc_matrix((np.ones(N), (np.arange(N), np.repeat(np.arange(n), c))), shape=(N, n))
        first = sp.csc_matrix((np.ones(N), (3 * np.arange(N), np.arange(N))), shape=(3 * N, N))
        third = sp.csc_matrix((np.ones(N), (3 * np.arange(N) + 2, np.arange(N))), shape=(3 * N, N))
        offset = np.zeros(3 * N)
        offset[1::3] = 1.0
        # clarabel's exponential cone holds (x, y, z) with y exp(x / y) <= z; its rows read b - A x
        return LossCones(
            n + N, np.zeros(N), -np.repeat(w, c) * Y.ravel(), np.zeros(n + N), np.concatenate([w, np.zeros(N)]),
            [sp.csc_matrix((n, N)), -first],
            [sp.hstack([sp.csc_matrix((n, n)), pick.T], format="csc"), sp.hstack([first @ pick, -third], format="csc")],
            [np.ones(n), offset],
            [clarabel.NonnegativeConeT(n), *([clarabel.ExponentialConeT()] * N)],
        )  # fmt: skip

    def torch_entries(self, F: Any, Y: Any) -> Any:
        """One summand per sample, (..., 1, n)."""

        return Y.sum(-2, keepdim=True) * torch.logsumexp(F, -2, keepdim=True) - (Y * F).sum(-2, keepdim=True)

    def torch_slopes(self, F: Any, Y: Any) -> Any:
        """As :meth:`_slopes`."""

        return Y.sum(-2, keepdim=True) * torch.softmax(F, -2) - Y
