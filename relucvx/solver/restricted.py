"""The convex program over a few given cells, handed to CLARABEL directly.

For blocks j with gates D_j (slopes of phi on each sample), cell rows (2D_j - I)X and output directions v_j,

    min loss(Σ_j D_j X u_j v_jᵀ + 1 b_outᵀ) + beta Σ_j ||u_j||_p (+ beta/2 ||b_out||²)   s.t. (2D_j - I) X u_j >= 0.

Cell rows are added lazily, where violated. The fit is a variable of its own, so the multiplier of its defining equation
is the dual point, for every loss. Data are scaled to order one first; CVXPY is not involved.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from relucvx.errors import BackendError
from relucvx.program.losses import Loss
from relucvx.program.problem import Problem
from relucvx.tolerances import CONIC, DEAD
from relucvx.types import Array, BoolArray

VIOLATION = 1e-9
"""A cell row is added when violated by more than this, relative to ||x_i|| times the largest ||u_j||."""

ROUNDS = 30
LARGEST_GAIN = 1e6


@dataclass
class Blocks:
    """Cells of the restricted program: pattern (k, n), output direction (k, c), and the cell rows imposed so far."""

    patterns: BoolArray
    outputs: Array
    rows: list[set[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.rows:
            self.rows = [set() for _ in range(len(self.patterns))]

    def __len__(self) -> int:
        return len(self.patterns)

    def keep(self, mask: BoolArray) -> Blocks:
        """The blocks where ``mask`` is True, with their rows."""
        return Blocks(self.patterns[mask], self.outputs[mask], [r for r, m in zip(self.rows, mask, strict=True) if m])

    def extend(self, patterns: BoolArray, outputs: Array) -> Blocks:
        """Append blocks that are not present yet (same pattern, output directions within 1e-9)."""
        new: list[int] = []
        for i in range(len(patterns)):
            earlier = [(patterns[j], outputs[j]) for j in new]
            pairs = list(zip(self.patterns, self.outputs, strict=True)) + earlier
            if not any(np.array_equal(patterns[i], q) and np.allclose(outputs[i], v, atol=1e-9) for q, v in pairs):
                new.append(i)
        return Blocks(
            np.concatenate([self.patterns, patterns[new]]),
            np.concatenate([self.outputs, outputs[new]]),
            self.rows + [set() for _ in new],
        )


@dataclass
class RestrictedSolution:
    """Minimiser of the restricted program: ``u (k, D)``, output bias (c,), dual point (n, c), and how it went."""

    u: Array
    bias_out: Array
    dual: Array
    solves: int
    seconds: float


def solve_restricted(
    problem: Problem, blocks: Blocks, tol: float = CONIC.value, deadline: float = np.inf
) -> RestrictedSolution:
    """Solve the program over the given cells, adding violated cell rows until none is left.

    After ``deadline`` (``time.perf_counter`` seconds) no further solve is started: the point returned may then leave its
    cells, which makes it an ordinary network, not a wrong one.

    Raises
    ------
    BackendError
        When CLARABEL returns a status from which no usable point follows, running out of time included.

    Notes
    -----
    Status: certified numerically (by the caller: the certificate recomputes everything).
    Source: [pilanci-ergen-2020]
    """
    X = problem.inputs
    norms = np.linalg.norm(X, axis=1)
    seconds = 0.0
    for solves in range(1, ROUNDS + 1):  # noqa: B007 (reported below)
        model = _Model(problem, blocks)
        u, bias_out, dual, elapsed = model.solve(tol, deadline - time.perf_counter())
        seconds += elapsed
        if time.perf_counter() > deadline:
            break
        sizes = np.linalg.norm(u, axis=1)
        size = sizes.max(initial=0.0)
        products = u @ X.T
        wrong = np.where(blocks.patterns, -products, products) > VIOLATION * size * norms
        wrong &= (sizes > DEAD.value * size)[:, None]
        added = 0
        for j in range(len(blocks)):
            fresh = set(np.flatnonzero(wrong[j]).tolist()) - blocks.rows[j]
            if len(fresh) > 2 * X.shape[1] + 4:
                order = np.argsort(-np.abs(products[j] / np.maximum(norms, 1e-300)))
                fresh = set([i for i in order.tolist() if i in fresh][: 2 * X.shape[1] + 4])
            blocks.rows[j] |= fresh
            added += len(fresh)
        if added == 0:
            break
    return RestrictedSolution(u, bias_out, dual, solves, seconds)


class _Model:
    """Sparse data of one conic solve, in scaled variables u' = u·sx/sy, f' = f/sy."""

    def __init__(self, problem: Problem, blocks: Blocks) -> None:
        self.problem, self.blocks = problem, blocks
        X = problem.inputs
        counted = X[:, : problem.penalized]
        self.sx = float(np.abs(counted).max()) or 1.0
        regression = problem.loss.name in ("squared", "huber", "absolute")
        self.sy = (float(np.abs(problem.Y).max()) or 1.0) if regression else 1.0
        # The certificate is about N/beta: state the objective in units of the penalty, within reason.
        self.gain = min(self.sx * self.sy / problem.beta, LARGEST_GAIN)
        self.k, (self.n, self.dim), self.c = len(blocks), X.shape, problem.n_outputs
        self.p = problem.penalized
        self.bias = problem.bias in ("all", "free")
        self.at_t = self.k * self.dim
        self.at_b = self.at_t + self.k
        self.at_f = self.at_b + (self.c if self.bias else 0)
        self.at_extra = self.at_f + self.n * self.c

    def solve(self, tol: float, time_limit: float) -> tuple[Array, Array, Array, float]:
        """Assemble, solve, unscale."""
        import clarabel

        extra = _loss_cones(self)
        width = self.at_extra + extra.width
        P = sp.lil_matrix((width, width)).tocsc() + sp.diags(self._quadratic(extra), format="csc")
        q = np.zeros(width)
        q[self.at_t : self.at_b] = self.problem.beta / (self.sx * self.sy)
        q[self.at_f : self.at_extra] = extra.linear_fit
        q[self.at_extra :] = extra.linear
        eq = self._fit_rows(width)
        cells = self._cell_rows(width)
        norms = self._norm_rows(width)
        A = sp.vstack([eq, cells, norms, *extra.rows(width, self.at_f)], format="csc")
        b = np.concatenate([np.zeros(eq.shape[0] + cells.shape[0] + norms.shape[0]), *extra.offsets])
        cones = [clarabel.ZeroConeT(eq.shape[0])]
        if cells.shape[0]:
            cones.append(clarabel.NonnegativeConeT(cells.shape[0]))
        cones += [clarabel.SecondOrderConeT(self.p + 1)] * self.k + extra.cones
        began = time.perf_counter()
        # Pushed past what the program allows the interior point breaks down: then ask for less, in other units.
        for level, gain in ((tol, self.gain), (100 * tol, self.gain), (100 * tol, 1.0), (1e4 * tol, self.gain)):
            settings = clarabel.DefaultSettings()
            settings.verbose = False
            settings.max_threads = 1
            settings.max_iter = 200
            settings.time_limit = max(time_limit - (time.perf_counter() - began), 0.0)
            settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = level
            # A reduced-accuracy stop is accepted: nothing is believed before the certificate has recomputed it.
            settings.reduced_tol_gap_abs = settings.reduced_tol_gap_rel = settings.reduced_tol_feas = 1e-5
            out = clarabel.DefaultSolver(P * gain, q * gain, A, b, cones, settings).solve()
            x, z = np.array(out.x), np.array(out.z) / gain
            if self._usable(out, x) or time.perf_counter() - began > time_limit:
                break
        if not self._usable(out, x):
            late = time.perf_counter() - began > time_limit
            cause = "the time limit" if late else "badly scaled data; try: standardise the columns of X"
            raise BackendError(
                f"CLARABEL stopped with status {out.status} on a restricted program of {self.k} cells, "
                f"{self.n} samples; likely cause: {cause}."
            )
        u = x[: self.at_t].reshape(self.k, self.dim) * (self.sy / self.sx)
        if self.problem.bias == "free":
            u[:, -1] *= self.sx  # the bias column was not scaled
        bias_out = x[self.at_b : self.at_f] * self.sy if self.bias else np.zeros(self.c)
        dual = z[: self.n * self.c].reshape(self.n, self.c)
        return u, bias_out, -dual * self.sy, time.perf_counter() - began

    @staticmethod
    def _usable(out: object, x: Array) -> bool:
        """Whether a solve ended, or ran out of steps, with a finite point."""
        finished = ("Solved", "AlmostSolved", "MaxIterations", "InsufficientProgress")
        return str(getattr(out, "status", "")) in finished and bool(np.isfinite(x).all())

    @property
    def scaled_inputs(self) -> Array:
        """Augmented inputs divided by their scale; an unpenalised bias column keeps its ones."""
        X = self.problem.inputs / self.sx
        if self.problem.bias == "free":
            X = X.copy()
            X[:, -1] = 1.0
        return X

    def _quadratic(self, extra: _LossCones) -> Array:
        bias = np.full(self.at_f - self.at_b, self.problem.beta if self.problem.bias == "all" else 0.0)
        return np.concatenate([np.zeros(self.at_b), bias, extra.quadratic_fit, extra.quadratic])

    def _fit_rows(self, width: int) -> sp.csc_matrix:
        """Σ_j D_j X u_j v_jᵀ + 1 bᵀ - f = 0, samples major."""
        gates = self.problem.activation.gate(self.blocks.patterns)
        X = self.scaled_inputs
        dense = np.einsum("jn,nd,jc->ncjd", gates, X, self.blocks.outputs).reshape(self.n * self.c, self.at_t)
        parts = [sp.csc_matrix(dense), sp.csc_matrix((self.n * self.c, self.k))]
        if self.bias:
            parts.append(sp.csc_matrix(np.tile(np.eye(self.c), (self.n, 1))))
        parts.append(-sp.identity(self.n * self.c, format="csc"))
        rest = width - self.at_extra
        if rest:
            parts.append(sp.csc_matrix((self.n * self.c, rest)))
        return sp.hstack(parts, format="csc")

    def _cell_rows(self, width: int) -> sp.csc_matrix:
        """-(2D_j - I) x_i·u_j <= 0 for the imposed rows, each normalised."""
        X = self.scaled_inputs
        pairs = [(j, i) for j in range(self.k) for i in sorted(self.blocks.rows[j])]
        if not pairs:
            return sp.csc_matrix((0, width))
        block = np.array([j for j, _ in pairs])
        sample = np.array([i for _, i in pairs])
        sign = np.where(self.blocks.patterns[block, sample], -1.0, 1.0)
        norm = np.maximum(np.linalg.norm(X[sample], axis=1), 1e-300)
        values = sign[:, None] * X[sample] / norm[:, None]
        rows = np.repeat(np.arange(len(pairs)), self.dim)
        cols = (block[:, None] * self.dim + np.arange(self.dim)).ravel()
        return sp.csc_matrix((values.ravel(), (rows, cols)), shape=(len(pairs), width))

    def _norm_rows(self, width: int) -> sp.csc_matrix:
        """(t_j, u_j) in the second-order cone, over the penalised coordinates."""
        step = self.p + 1
        rows = np.arange(self.k * step)
        cols = np.empty((self.k, step), dtype=int)
        cols[:, 0] = self.at_t + np.arange(self.k)
        cols[:, 1:] = np.arange(self.k)[:, None] * self.dim + np.arange(self.p)
        return sp.csc_matrix((np.full(self.k * step, -1.0), (rows, cols.ravel())), shape=(self.k * step, width))


@dataclass
class _LossCones:
    """How a loss enters: quadratic and linear terms on the fit and on extra variables, and cone rows tying them."""

    width: int
    quadratic_fit: Array
    linear_fit: Array
    quadratic: Array
    linear: Array
    fit_part: list[sp.csc_matrix]
    extra_part: list[sp.csc_matrix]
    offsets: list[Array]
    cones: list[object]

    def rows(self, width: int, at_f: int) -> list[sp.csc_matrix]:
        """The cone rows padded to the full width."""
        out = []
        for left, right in zip(self.fit_part, self.extra_part, strict=True):
            pad = sp.csc_matrix((left.shape[0], at_f))
            out.append(sp.hstack([pad, left, right], format="csc"))
        return out


def _loss_cones(model: _Model) -> _LossCones:
    """Dispatch on the loss; f and y are in units of the target scale, the objective in units of its square."""
    problem = model.problem
    loss: Loss = problem.loss
    N = model.n * model.c
    w = np.repeat(problem.sample_weight, model.c)
    y = problem.Y.ravel() / model.sy
    none = np.zeros(0)
    if loss.name == "squared":
        return _LossCones(0, w, -w * y, none, none, [], [], [], [])
    builders = {"absolute": _absolute, "huber": _huber, "hinge": _hinge, "squared_hinge": _hinge, "logistic": _logistic}
    return builders[loss.name](model, N, w, y)


def _huber(model: _Model, N: int, w: Array, y: Array) -> _LossCones:
    """h(r) = min over s of (r - s)²/2 + delta |s|: variables (a, s, t) with f - y = a + s, |s| <= t."""
    import clarabel

    delta = float(getattr(model.problem.loss, "delta", 1.0)) / model.sy
    eye, zero = sp.identity(N, format="csc"), sp.csc_matrix((N, N))
    return _LossCones(
        3 * N, np.zeros(N), np.zeros(N), np.concatenate([w, np.zeros(2 * N)]),
        np.concatenate([np.zeros(2 * N), delta * w]),
        [eye, sp.csc_matrix((2 * N, N))],
        [sp.hstack([-eye, -eye, zero]), sp.vstack([sp.hstack([zero, eye, -eye]), sp.hstack([zero, -eye, -eye])])],
        [y, np.zeros(2 * N)],
        [clarabel.ZeroConeT(N), clarabel.NonnegativeConeT(2 * N)],
    )  # fmt: skip


def _absolute(model: _Model, N: int, w: Array, y: Array) -> _LossCones:
    """|f - y| <= t, entering linearly."""
    import clarabel

    eye = sp.identity(N, format="csc")
    return _LossCones(
        N, np.zeros(N), np.zeros(N), np.zeros(N), w / model.sy,
        [sp.vstack([eye, -eye], format="csc")], [sp.vstack([-eye, -eye], format="csc")], [np.concatenate([y, -y])],
        [clarabel.NonnegativeConeT(2 * N)],
    )  # fmt: skip


def _hinge(model: _Model, N: int, w: Array, y: Array) -> _LossCones:
    """Slack s >= 1 - y f, s >= 0, entering linearly (hinge) or squared (squared hinge)."""
    import clarabel

    eye = sp.identity(N, format="csc")
    squared = model.problem.loss.name == "squared_hinge"
    return _LossCones(
        N, np.zeros(N), np.zeros(N), 2.0 * w if squared else np.zeros(N), np.zeros(N) if squared else w,
        [sp.vstack([-sp.diags(y), sp.csc_matrix((N, N))], format="csc")],
        [sp.vstack([-eye, -eye], format="csc")],
        [np.concatenate([-np.ones(N), np.zeros(N)])],
        [clarabel.NonnegativeConeT(2 * N)],
    )  # fmt: skip


def _logistic(model: _Model, N: int, w: Array, y: Array) -> _LossCones:
    """log(1 + exp(-y f)) <= t as exp(-t) + exp(-y f - t) <= 1: variables (t, a, b), a + b <= 1."""
    import clarabel

    rows_f, rows_e, offset = sp.lil_matrix((6 * N, N)), sp.lil_matrix((6 * N, 3 * N)), np.zeros(6 * N)
    for i in range(N):
        # clarabel's exponential cone holds (x, y, z) with y exp(x / y) <= z; its rows read b - A x
        rows_e[6 * i, i] = 1.0  # x = -t
        offset[6 * i + 1] = 1.0
        rows_e[6 * i + 2, N + i] = -1.0  # z = a
        rows_f[6 * i + 3, i] = y[i]  # x = -y f - t
        rows_e[6 * i + 3, i] = 1.0
        offset[6 * i + 4] = 1.0
        rows_e[6 * i + 5, 2 * N + i] = -1.0  # z = b
    eye = sp.identity(N, format="csc")
    return _LossCones(
        3 * N, np.zeros(N), np.zeros(N), np.zeros(3 * N), np.concatenate([w, np.zeros(2 * N)]),
        [sp.csc_matrix((N, N)), rows_f.tocsc()],
        [sp.hstack([sp.csc_matrix((N, N)), eye, eye], format="csc"), rows_e.tocsc()],
        [np.ones(N), offset],
        [clarabel.NonnegativeConeT(N), *([clarabel.ExponentialConeT()] * (2 * N))],
    )  # fmt: skip
