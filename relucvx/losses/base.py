"""What a loss is: every formula and every fact that any part of the package asks a loss for.

A loss acts on the fit ``F`` (n, c) with targets ``Y`` (n, c) and sample weights ``w`` (n,). Its dual function is
``-loss*(-N)``, with ``loss*`` the convex conjugate, for a dual point ``N`` (n, c); ``N = -∇loss(F)`` at the optimum. With
weights it is ``Σ_ik w_i · -h*(-N_ik / w_i)``: formulas of one entry h take ``T = N / w``. Its domain contains 0.

A loss of your own is one class: what cannot be derived is abstract (value, slope, curvature, conjugate, CVXPY expression),
everything else has a default that is right for every convex loss, if not always the fastest. Nobody asks a loss for its name.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.labels import is_vector
from relucvx.later import later
from relucvx.losses.cones import LossCones, cones_of_expression
from relucvx.losses.constants import best_constant, binary_grid, decayed_constant, shifted_to_zero
from relucvx.losses.numpy_torch import numpy_entries, numpy_slopes
from relucvx.tolerances import EPS
from relucvx.types import Array
from relucvx.validation import as_matrix

cp = later("cvxpy")

TINY = np.finfo(np.float64).tiny
"""The smallest normal float64: logarithms are cut here, and no underflow loses more than this."""


@dataclass(frozen=True, eq=False)
class Loss(ABC):
    """A convex loss ``Σ_ik w_i h(F_ik, Y_ik)`` with its conjugate. Base class: subclasses give the formulas.

    The domain of the conjugate is a box here; a loss that couples the outputs overrides what says so.

    Attributes
    ----------
    name : str
        For messages and files only.
    smooth : bool
        Whether the gradient is continuous. Where it is not, :meth:`subgradient_bounds` gives the choice left.

    Notes
    -----
    Shapes: ``F``, ``Y``, ``N`` (n, c); ``w`` (n,) with zeros allowed, whose rows of N must then be 0. The least value of
    every h must be 0, so that 0 is a lower bound and N = 0 proves it.

    Status: theorem (closed forms of value, gradient and conjugate).
    Source: [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> from relucvx.losses import as_loss
    >>> huber, F, Y, w = as_loss("huber"), np.array([[3.0]]), np.array([[1.0]]), np.ones(1)
    >>> huber.value(F, Y, w), huber.gradient(F, Y, w).tolist()
    (1.5, [[1.0]])
    >>> N = -huber.gradient(F, Y, w)  # Fenchel: value + <N, F> is the dual value
    >>> huber.dual_value(N, Y, w) == huber.value(F, Y, w) + float((N * F).sum())
    True
    """

    name: str
    smooth: bool

    @abstractmethod
    def _entries(self, F: Array, Y: Array) -> Array:
        """h(F_ik, Y_ik), unweighted."""

    @abstractmethod
    def _slopes(self, F: Array, Y: Array) -> Array:
        """Derivative of h in its first argument, unweighted; at a kink any subgradient."""

    @abstractmethod
    def _curvatures(self, F: Array, Y: Array) -> Array:
        """Second derivative of h, unweighted; where it jumps and at kinks, that of either side."""

    @abstractmethod
    def _dual_bounds(self, Y: Array) -> tuple[Array, Array]:
        """Box of -h' for unit weight, infinite where it is unbounded; it contains 0."""

    @abstractmethod
    def _dual_terms(self, T: Array, Y: Array) -> tuple[Array, Array]:
        """Two arrays of summands of -h*(-T, Y), h* the conjugate of h, for T inside the box."""

    @abstractmethod
    def _dual_slopes(self, T: Array, Y: Array) -> Array:
        """Derivative of -h*(-T, Y) in T: a fit whose -h' is T."""

    @abstractmethod
    def expression(self, fit: Any, Y: Array, W: Array) -> Any:
        """The loss as a CVXPY expression of the fit; targets Y and weights W have the shape of the fit, (n,) or (n, c)."""

    def __eq__(self, other: object) -> bool:
        """Same class with the same attributes; never the name alone."""
        if self is other or type(self) is not type(other):
            return self is other
        mine, theirs = vars(self), vars(other)
        return mine.keys() == theirs.keys() and all(np.array_equal(mine[k], theirs[k]) for k in mine)

    def __hash__(self) -> int:
        """Of class and name."""
        return hash((type(self), self.name))

    # ------------------------------------------------------------------ facts, each with the careful answer as default
    @property
    def shift_invariant(self) -> bool:
        """Whether adding a constant to all outputs of a sample changes nothing: fits are then unique up to that."""
        return False

    @property
    def coupled(self) -> bool:
        """Whether h mixes the outputs of a sample."""
        return False

    @property
    def strictly_convex(self) -> bool:
        """Whether the loss is strictly convex in the fit, so that all optima share one fit."""
        return False

    @property
    def gradient_lipschitz(self) -> float:
        """Largest curvature of h (of a sample's loss): its gradient's Lipschitz constant; inf where unknown or none."""
        return math.inf

    @property
    def least_squares(self) -> bool:
        """Whether h is exactly ``(f - y)²/2``, which closed forms are about."""
        return False

    @property
    def affine_gradient(self) -> bool:
        """Whether the gradient is affine in the fit."""
        return self.least_squares

    @property
    def multinomial(self) -> bool:
        """Whether h is exactly the cross-entropy of logits, which two classes reduce to the logistic loss."""
        return False

    @property
    def translation_invariant(self) -> bool:
        """Whether h(f + t, y + t) = h(f, y): then a free output bias absorbs any offset of the targets."""
        return False

    @property
    def homogeneity(self) -> int | None:
        """The power p with h(t f, t y) = t^p h(f, y) for t > 0, where there is one: targets then have no unit."""
        return None

    @property
    def averages_targets(self) -> bool:
        """Whether Σ_i w_i h(f, y_i) is (Σ w_i) h(f, mean of y_i) up to a constant: equal rows of X then count as one."""
        return False

    @property
    def linear_dual(self) -> bool:
        """Whether the dual function is ``<N, Y>`` on its box."""
        return False

    @property
    def regression(self) -> bool:
        """Whether targets are in the units of the fit, so that both may be rescaled together."""
        return True

    @property
    def one_hot(self) -> bool | None:
        """How class labels become targets: one-hot rows (True), ±1, one column per class (False), either (None)."""
        return None

    def probabilities(self, F: Array) -> Array | None:
        """What outputs F (n, c) say about classes where the loss is a likelihood: one probability each; None elsewhere."""
        return None

    # ------------------------------------------------------------------ the primal
    def value(self, F: Array, Y: Array, w: Array) -> float:
        """``Σ_ik w_i h(F_ik, Y_ik)``."""
        return float(np.sum(w[:, None] * self._entries(F, Y)))

    def value_error(self, F: Array, Y: Array, w: Array, error: Array) -> float:
        """How far :meth:`value` in float64 may be from the exact value at any fit within ``error`` (n, c) of F.

        h is convex, so over an interval it changes by at most its steepest end slope times the distance; where it couples
        outputs, by the slope at F and what the Lipschitz constant of the gradient adds.
        """
        if self.coupled:
            slope = np.abs(self._slopes(F, Y)) * error
            bent = 0.5 * self.gradient_lipschitz * np.square(error)
            return float(np.sum(w[:, None] * (slope + bent))) * (1.0 + 1e-6) + (F.size + 8) * EPS * self.value(F, Y, w)
        steep = np.maximum(np.abs(self._slopes(F - error, Y)), np.abs(self._slopes(F + error, Y)))
        moved = float(np.sum(w[:, None] * steep * error))
        # an entry takes at most 8 roundings, the sum at most F.size
        return moved * (1.0 + 1e-6) + (F.size + 8) * EPS * self.value(F, Y, w)

    def gradient(self, F: Array, Y: Array, w: Array) -> Array:
        """Gradient (n, c) in F; where the loss has a kink, a subgradient (for the hinge 0, the slope on its flat side)."""
        return np.asarray(w[:, None] * self._slopes(F, Y))

    def subgradient_bounds(self, F: Array, Y: Array, w: Array, tol: float = 0.0) -> tuple[Array, Array]:
        """Entrywise bounds (lo, hi) of the subdifferential, joined over all fits within ``tol`` of a kink.

        ``lo == hi`` for smooth losses; ``tol`` is absolute, in units of the fit. Slopes do not decrease, so those a step
        to the left and to the right enclose all between.
        """
        if self.smooth:
            g = self.gradient(F, Y, w)
            return g, g.copy()
        step = np.maximum(tol, 4.0 * EPS * np.maximum(np.abs(F), np.abs(Y)) + TINY)
        return self.gradient(F - step, Y, w), self.gradient(F + step, Y, w)

    def hessian(self, F: Array, Y: Array, w: Array) -> Array:
        """Diagonal (n, c) of the second derivative; where that jumps, the value of one side (:meth:`_curvatures`)."""
        return np.asarray(w[:, None] * self._curvatures(F, Y))

    def curvature(self, F: Array, Y: Array, w: Array, J: Array) -> Array:
        """The second derivative (n c, n c), samples major, times a matrix J (n c, k)."""
        return np.asarray(self.hessian(F, Y, w).ravel()[:, None] * J)

    def dual_bounds(self, Y: Array, w: Array) -> tuple[Array, Array]:
        """The domain of ``N -> -loss*(-N)`` as a box (lo, hi) with ``lo <= 0 <= hi``; rows of zero weight are {0}."""
        lo, hi = self._dual_bounds(Y)
        weight = np.broadcast_to(w[:, None], Y.shape)
        lo = np.multiply(lo, weight, where=weight > 0, out=np.zeros_like(Y))
        hi = np.multiply(hi, weight, where=weight > 0, out=np.zeros_like(Y))
        return lo, hi

    def in_domain(self, N: Array, Y: Array, w: Array) -> bool:
        """Whether ``-loss*(-N)`` is finite."""
        lo, hi = self.dual_bounds(Y, w)
        return bool(np.all((lo <= N) & (hi >= N)))

    def _scaled(self, N: Array, w: Array) -> tuple[Array, Array]:
        weight = np.broadcast_to(w[:, None], N.shape)
        return np.divide(N, weight, where=weight > 0, out=np.zeros_like(N)), weight

    def dual_value(self, N: Array, Y: Array, w: Array) -> float:
        """``-loss*(-N) = min_F loss(F) + <N, F>``; -inf outside the domain, 0 at N = 0."""
        if not self.in_domain(N, Y, w):
            return -np.inf
        return float(np.sum(self.dual_entries(N, Y, w)))

    def dual_entries(self, N: Array, Y: Array, w: Array) -> Array:
        """The summands (n, c) of :meth:`dual_value` at N inside the domain."""
        T, weight = self._scaled(N, w)
        first, second = self._dual_terms(T, Y)
        return np.asarray(weight * (first + second))

    def dual_error(self, N: Array, Y: Array, w: Array) -> float:
        """A bound on the floating-point error of :meth:`dual_value` at N inside the domain."""
        T, weight = self._scaled(N, w)
        first, second = self._dual_terms(T, Y)
        # each summand takes at most 8 roundings, their sum at most N.size more
        size = float(np.sum(weight * (np.abs(first) + np.abs(second))))
        return (N.size + 8) * EPS * size + N.size * TINY * bool(size)

    def dual_gradient(self, N: Array, Y: Array, w: Array) -> Array:
        """Gradient (n, c) of :meth:`dual_value`: a fit whose negative (sub)gradient is N. 0 where w is 0."""
        T, weight = self._scaled(N, w)
        return np.where(weight > 0, self._dual_slopes(T, Y), 0.0)

    def clip_dual(self, N: Array, Y: Array, w: Array) -> Array:
        """The point of the conjugate's domain nearest to N."""
        return np.clip(N, *self.dual_bounds(Y, w))

    def round_dual(self, N: Array, Y: Array, w: Array) -> Array:
        """N, which is in the domain up to rounding, moved into it for certain; by no more than that rounding."""
        return self.clip_dual(N, Y, w)

    def row_slack(self, N: Array) -> Array:
        """Bound (n,) on how far each row of N is from the exact dual point that it stands for; 0 for boxes."""
        return np.zeros(len(N))

    def largest_scale(self, N: Array, Y: Array, w: Array) -> float:
        """The largest s for which s N is in the domain, inf where there is none."""
        lo, hi = self.dual_bounds(Y, w)
        used = N != 0.0
        with np.errstate(over="ignore"):
            return float(np.min(np.where(N > 0, hi, lo)[used] / N[used], initial=np.inf))

    def shift_to_zero(self, N: Array, Y: Array, w: Array) -> Array:
        """A nearby point of the domain whose columns sum to zero up to rounding, as moving an output bias does."""
        lo, hi = self.dual_bounds(Y, w)
        return np.stack([shifted_to_zero(N[:, k], lo[:, k], hi[:, k], w) for k in range(N.shape[1])], axis=1)

    def exact_zero_sums(self, N: Array, Y: Array, w: Array) -> Array:
        """Entries moved by multiples of a binary grid until every column sums to exactly 0, inside the domain.

        Rounding towards zero keeps N inside any box around 0. On a grid of 2^(ceil log2(n max|N|) - 52) all partial
        sums are exact in float64, whatever the order.
        """
        # sums of multiples of one power of two are exact
        grid = binary_grid(N)
        if grid == 0.0:
            return np.zeros_like(N)
        # towards zero, which every domain contains
        out = np.trunc(N / grid) * grid
        for column in out.T:
            excess = float(column.sum())
            # the largest first and none past zero: entries that move towards it stay in the domain
            for i in np.argsort(-column * np.sign(excess), kind="stable"):
                if excess == 0.0:
                    break
                step = math.copysign(min(abs(excess), abs(float(column[i]))), excess)
                column[i] -= step
                excess -= step
        return out + 0.0

    def read_targets(self, Y: Any) -> tuple[Array, bool]:
        """Targets as (n, c), and whether they were given as a vector, so that predictions are squeezed back."""
        return as_matrix(Y, "Y", allow_vector=True), is_vector(Y, "Y")

    def check_targets(self, Y: Array) -> None:  # noqa: B027 (real targets suit most losses)
        """Raise InvalidInputError when the loss is not defined for these targets (real targets by default)."""

    def best_constant(self, Y: Array, w: Array) -> Array:
        """The constants (c,) that minimise ``loss(1 bᵀ)``; ±inf where the infimum is approached only there.

        By default the sign change of the slope between the least and the largest minimiser of a single sample.
        """
        return np.array([best_constant(self, Y[:, [k]], w) for k in range(Y.shape[1])])

    def decayed_constant(self, Y: Array, w: Array, beta: float) -> Array:
        """The constants (c,) that minimise ``loss(1 bᵀ) + beta/2 ||b||²``, output by output."""
        return np.array([decayed_constant(self, Y[:, [k]], w, beta) for k in range(Y.shape[1])])

    # ------------------------------------------------------------------ conic programs
    def checked_expression(self, fit: Any, Y: Array, w: Array) -> Any:
        """:meth:`expression` with weights (n,) spread over the outputs, compared with :meth:`value` at one fit.

        Raises
        ------
        InvalidInputError
            When the two are different functions.
        """

        W = np.broadcast_to(w.reshape((-1,) + (1,) * (Y.ndim - 1)), Y.shape)
        # a generic point on both sides of the targets, so that no kink or symmetry hides a wrong factor
        probe = np.asarray(Y) + np.cos(np.arange(Y.size, dtype=float)).reshape(Y.shape) * (1.0 + np.abs(Y))
        ours = self.value(probe.reshape(len(Y), -1), Y.reshape(len(Y), -1), w)
        theirs = float(self.expression(cp.Constant(probe), Y, W).value)
        if not abs(ours - theirs) <= 1e-8 * max(abs(ours), 1e-300):
            raise InvalidInputError(
                explain(
                    f"the CVXPY expression of the loss {self.name!r} to be its value, {ours:.10g} at a probe",
                    f"{theirs:.10g}",
                    "a factor or a weight missing in one of them",
                    "compare loss.value(F, Y, w) with loss.expression(cvxpy.Constant(F), Y, W).value",
                )
            )
        return self.expression(fit, Y, W)

    def cones(self, Y: Array, w: Array, sy: float) -> LossCones:
        """The loss in a conic program, of the fit in units ``sy``, in units of ``sy²``; by default by way of CVXPY."""
        return cones_of_expression(self, Y, w, sy)

    # ------------------------------------------------------------------ torch: fits (..., c, n), outputs before samples
    def torch_entries(self, F: Any, Y: Any) -> Any:
        """Unweighted summands (..., c, n), or (..., 1, n) if coupled; by default computed by NumPy."""
        return numpy_entries(self, F, Y)

    def torch_slopes(self, F: Any, Y: Any) -> Any:
        """Derivative (..., c, n) of their sum in F; by default computed by NumPy."""
        return numpy_slopes(self, F, Y)

    def torch_value(self, F: Any, Y: Any, weight: Any = None) -> Any:
        """Weighted sum over outputs and samples, one number per leading index; weights (n,) or (..., 1, n)."""
        terms = self.torch_entries(F, Y)
        return (terms if weight is None else terms * weight).sum((-2, -1))

    def torch_value_and_slopes(self, F: Any, Y: Any, weight: Any = None) -> tuple[Any, Any]:
        """The value and its derivative in F."""
        slopes = self.torch_slopes(F, Y)
        return self.torch_value(F, Y, weight), slopes if weight is None else slopes * weight
