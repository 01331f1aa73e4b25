"""Cuts through the kernels: what a hidden kernel, or all kernels of some kind, cost at least.

For a dual point N (n, c) and a symmetric G (n, n) with

    ||Nᵀ phi(Xw)||² + beta² phi(Xw)ᵀ G phi(Xw) <= beta² ||w||²        for all w,

a neuron with output v pays beta/2 (||w||² + ||v||²) - v·Nᵀphi >= beta/2 ||w||² - ||Nᵀphi||²/(2 beta) >= beta/2 phiᵀGphi, so
that every network with K = Σ_j phi(Xw_j) phi(Xw_j)ᵀ, in its own scaling, has

    P >= -loss*(-N) + beta/2 <G, K> =: V + beta/2 <G, K>.

G = 0 is weak duality, and bounds p*; a G with <G, K> >= 0 for every kernel in question bounds P for those alone, and may do so
far above p*: it cuts them off from the optimum. Whatever G is, a cut bounds <G, K> over all networks with P <= p* + delta.

A lifted program finds N, G and the multipliers of the signs of products that prove them; the proof is one eigenvalue.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from relucvx.deadline import Deadline
from relucvx.errors import BackendError
from relucvx.later import later
from relucvx.program.backend import CLARABEL
from relucvx.program.duality import balance_dual, residual, scale_dual
from relucvx.program.lifting import Lifting, lifted_dual_norm, spectral_norm_above, tightest_lifting
from relucvx.program.problem import Problem
from relucvx.program.relaxed_form import (
    Scaled,
    multiplier,
    network_program,
    run_backend,
    scale_problem,
    sign_constraints,
)  # fmt: skip
from relucvx.tolerances import EPS, EVALUATION
from relucvx.types import Array, Result

cp = later("cvxpy")
figures = later("relucvx.metrics.figures")

MOST_SAMPLES = 24
"""Up to this many samples the program takes seconds."""

BLUR = 1e-6
"""Radius, as a share of the kernel, that the program is given at least: without it a kernel on the edge of what neurons can
make has no finite multiplier. The cut is then proven for the radius that was asked for."""


@dataclass(frozen=True)
class KernelCut(Result):
    """Every network of any width has P >= ``value`` + beta/2 <``matrix``, K>.

    Attributes
    ----------
    value : float
        V, from below.
    matrix : ndarray, shape (n, n)
        G.
    dual : ndarray, shape (n, c)
        N.
    beta : float
    norm : float
        Proven bound on the root of ||Nᵀ phi||² + beta² phiᵀ G phi over ||w|| <= 1, before N and G were scaled by beta/norm.
    relaxed_kernel : ndarray, shape (n, n)
        The kernel at which the lifted program is least, or largest: of no network, where the relaxation is not tight.

    Notes
    -----
    Status: a record of what :func:`relucvx.kernel_suboptimality` proves. Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> data = rx.datasets.class_labels([2, 2])
    >>> sol = rx.solve(data.X, data.Y, beta=0.2)
    >>> cut = rx.kernel_suboptimality(sol, np.eye(4)).cut  # nothing of the classes in common
    >>> K = rx.representation_kernel(sol, data.X)
    >>> bool(sol.objective >= cut.value + 0.1 * np.sum(cut.matrix * K))
    True
    """

    value: float
    matrix: Array
    dual: Array
    beta: float
    norm: float
    relaxed_kernel: Array

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per sample: its row of G."""
        for i, row in enumerate(self.matrix):
            yield {"sample": i, **{str(j): float(value) for j, value in enumerate(row)}}

    def plot(self, ax: Any = None) -> Any:
        """Draw G: what of a kernel raises the bound, and what lowers it; returns the axes."""
        names = range(len(self.matrix))
        return figures.picture(ax, self.matrix, names, names, "price of an inner product", signed=True)

    def at(self, kernels: Array) -> Array:
        """The bound V + beta/2 <G, K> for kernels (..., n, n) of networks in their own scaling."""
        return np.asarray(self.value + 0.5 * self.beta * np.sum(self.matrix * kernels, axis=(-2, -1)))


@dataclass(frozen=True, eq=False)
class Furthest:
    """How far kernels of networks with P <= ceiling go along a functional, or a ratio of <K, A> to a size of K.

    Attributes
    ----------
    value : float
        t, the largest ratio in the lifted program; 0 for a functional alone.
    excess : float
        Proven bound on <K, ``matrix``>, for ``matrix`` = A - t B, or A alone.
    matrix : ndarray, shape (n, n)
    epsilon : float
        What a unit of <K, ``matrix``> is worth: the proof is of P - epsilon <K, ``matrix``>.
    cut : KernelCut
    """

    value: float
    excess: float
    matrix: Array
    epsilon: float
    cut: KernelCut

    def bound(self, least: float | None = None) -> float:
        """An upper bound on the ratio, for a size of at least ``least``; on the functional without."""
        if least is None:
            return self.excess
        return (self.value + max(self.excess, 0.0) / least) * (1.0 + 8.0 * EPS * np.sign(self.value))


class KernelProgram:
    """The lifted program of a problem, with constraints on the hidden kernel."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.scaled: Scaled = scale_problem(problem)
        self.lifting: Lifting = tightest_lifting(self.scaled.inputs, problem.activation)

    @cached_property
    def unit(self) -> float:
        """What the program's kernels are multiplied by to be those of the problem's networks."""
        return self.scaled.sx * self.scaled.sy

    def cheapest(self, K: Array, radius: float, basis: Array, deadline: Deadline) -> KernelCut | None:
        """The best cut of all kernels K' with ||Uᵀ(K' - sK)U|| <= s·radius for some s >= 0, U = ``basis`` (n, m).

        K is to have UᵀKU of norm one. None where the backend returns nothing in time.
        """
        k = self.lifting.size
        moment = cp.Variable((k + self.problem.n_outputs,) * 2, PSD=True)
        signs = sign_constraints(self.lifting, moment[:k, :k])
        inside, m = basis.T @ K @ basis, basis.shape[1]
        pairs = np.triu_indices(m)
        weights = np.where(pairs[0] == pairs[1], 1.0, np.sqrt(2.0))
        # symmetric matrices as vectors of the same length, so that the ball is a ball
        JU = basis.T @ self.lifting.J
        rows = weights[:, None] * np.einsum("pa,pb->pab", JU[pairs[0]], JU[pairs[1]]).reshape(len(weights), -1)
        s, off = cp.Variable(nonneg=True), cp.Variable(len(weights))
        seen = rows @ cp.vec(moment[:k, :k], order="C")
        blur = max(radius, BLUR)
        alike = seen == (weights * inside[pairs]) * s + off
        constraints = [*signs.constraints, alike, cp.norm(off) <= blur * s]
        cvx, _, link = network_program(
            self.scaled, self.lifting.J @ moment[:k, k:], 0.5 * self.scaled.beta * self._squares(moment), constraints
        )
        if not self._solved(cvx, deadline):
            return None
        N, S = multiplier(link, self.problem), signs.multiplier()
        assert S is not None  # the backend returned a point
        g = np.asarray(alike.dual_value, dtype=np.float64) / weights
        G = np.zeros((m, m))
        G[pairs], G[pairs[::-1]] = g, g
        # CVXPY adds the multiplier times left - right, and the cut adds beta/2 <G, K> to what is left of the objective
        G = (-2.0 / self.scaled.beta) * basis @ G @ basis.T
        G = self._separating(0.5 * (G + G.T), K, radius, basis)
        return self._cut(N, G, 2.0 * self.scaled.beta * S, moment)

    def furthest(
        self, A: Array, ceiling: float, deadline: Deadline, B: Array | None = None, basis: Array | None = None
    ) -> Furthest | None:
        """A bound on <K, A>, on <K, A>/<K, B> or on <K, A>/||UᵀKU||, of all networks with P <= ceiling; squared loss.

        B is positive semidefinite. None where the backend returns nothing in time.
        """
        scaled, problem, k = self.scaled, self.scaled.problem, self.lifting.size
        moment = cp.Variable((k + problem.n_outputs,) * 2, PSD=True)
        signs = sign_constraints(self.lifting, moment[:k, :k])
        K = self.lifting.J @ moment[:k, :k] @ self.lifting.J.T
        # for ratios all is divided by the size of the kernel, so that the program is convex: tau is one over it
        tau = 1.0 if B is None and basis is None else cp.Variable(nonneg=True)
        fit, squares = self.lifting.J @ moment[:k, k:], self._squares(moment)
        if problem.bias.decays_output:
            shift = cp.Variable((1, problem.n_outputs))
            fit = fit + np.ones((problem.n_samples, 1)) @ shift
            squares = squares + cp.quad_over_lin(shift, tau)
        cost = 0.5 * cp.quad_over_lin(fit - tau * problem.Y, tau) + 0.5 * scaled.beta * squares
        within = cost <= tau * (ceiling / scaled.sy**2)
        constraints = [*signs.constraints, within]
        if B is not None:
            constraints.append(cp.sum(cp.multiply(B, K)) == 1)
        if basis is not None:
            constraints.append(cp.norm(basis.T @ K @ basis, "fro") <= 1)
        cvx = cp.Problem(cp.Minimize(-cp.sum(cp.multiply(A, K))), constraints)
        if not self._solved(cvx, deadline):
            return None
        worth, share = _number(within.dual_value), 1.0 if isinstance(tau, float) else _number(tau.value)
        S = signs.multiplier()
        if S is None or worth <= 0.0 or share <= 0.0:
            return None
        value, M = 0.0, A
        if B is not None:
            value = -float(cvx.value)
            M = A - value * B
        elif basis is not None:
            value, seen = -float(cvx.value), basis.T @ K.value @ basis
            # a size is at least its product with any matrix of norm one
            M = A - value * basis @ (0.5 * (seen + seen.T) / float(np.linalg.norm(seen))) @ basis.T
        N = residual(problem, np.asarray(fit.value) / share)
        cut = self._cut(N, 2.0 / (scaled.beta * worth) * M, 2.0 * scaled.beta / worth * S, moment)
        # P >= V + epsilon <K, M>, in the units of the problem
        epsilon = 0.5 * cut.beta * float(np.sum(cut.matrix * M)) / float(np.sum(M * M))
        return Furthest(value, self._above(cut, ceiling, epsilon, M), M, epsilon, cut)

    def _above(self, cut: KernelCut, ceiling: float, epsilon: float, M: Array) -> float:
        """At most <K, M>: of a cut with beta/2 G = epsilon M up to rounding."""
        largest = 2.0 * ceiling / cut.beta * self._reach**2
        rounding = 64.0 * EPS * len(M) * float(np.linalg.norm(M)) * largest
        above = (ceiling - cut.value) / epsilon
        return above + 8.0 * EPS * abs(above) + rounding

    @cached_property
    def _reach(self) -> float:
        """||phi(Xw)|| for ||w|| <= 1, from above: tr K <= reach² Σ||w_j||² <= reach² 2 P/beta."""
        return self.problem.activation.steepest * spectral_norm_above(self.problem.inputs)

    def _squares(self, moment: Any) -> Any:
        k = self.lifting.size
        return cp.sum(cp.multiply(self.lifting.cost, cp.diag(moment[:k, :k]))) + cp.trace(moment[k:, k:])

    def _solved(self, cvx: Any, deadline: Deadline) -> bool:
        try:
            run_backend(cvx, CLARABEL, deadline)
        except BackendError:
            return False
        return True

    def _separating(self, G: Array, K: Array, radius: float, basis: Array) -> Array:
        """G, moved along K by as much as the multiplier lacks of <G, K'> >= 0 on the ball."""
        size, length = float(np.linalg.norm(G)), float(np.linalg.norm(basis.T @ K @ basis))
        rounding = 32.0 * EPS * len(K) * size * (1.0 + float(np.linalg.norm(K)))
        lacking = radius * size * (1.0 + 8.0 * EPS) + rounding - float(np.sum(G * K))
        if lacking <= 0.0 or length <= radius:
            return G
        inside = basis @ (basis.T @ K @ basis) @ basis.T
        step = lacking / (length - radius) * (1.0 + 1e-9)
        return np.asarray(G + step / length * inside)

    def _cut(self, N: Array, G: Array, S: Array, moment: Any) -> KernelCut:
        """The cut that a dual point, a matrix and a multiplier of the signs prove, in the units of the problem."""
        scaled, problem, k = self.scaled, self.problem, self.lifting.size
        N = balance_dual(scaled.problem, N)
        norm = self.unit * lifted_dual_norm(self.lifting, N, S, scaled.beta**2 * G)
        dual, value = scale_dual(problem, scaled.sy * N, norm)
        value -= EVALUATION.value * value
        # scale_dual allows for the rounding of N: as much is taken off G
        shrunk = min((problem.beta / norm) ** 2 * (1.0 - 1e-12), 1e100) if norm > 0.0 else 1.0
        values = moment.value[:k, :k]
        K = self.unit * self.lifting.J @ values @ self.lifting.J.T
        matrix = G * (shrunk / scaled.sx**2)
        return KernelCut(value, matrix, dual, problem.beta, norm, 0.5 * (K + K.T))


def _number(value: Any) -> float:
    return float(np.ravel(value)[0])
