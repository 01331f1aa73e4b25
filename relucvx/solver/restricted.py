"""The convex program over a few given cells, handed to CLARABEL directly.

For blocks j with gates D_j (slopes of phi on each sample), cell rows (2D_j - I)X and output directions v_j,

    min loss(Σ_j D_j X u_j v_jᵀ + 1 b_outᵀ) + beta Σ_j ||u_j||_p (+ beta/2 ||b_out||²)   s.t. (2D_j - I) X u_j >= 0.

Cell rows are added lazily, where violated. The fit is a variable of its own, so the multiplier of its defining equation
is the dual point, for every loss. Data are scaled to order one first; CVXPY is not involved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from relucvx.deadline import Deadline
from relucvx.errors import BackendError
from relucvx.later import later
from relucvx.network import TwoLayerReLU
from relucvx.program.problem import Problem
from relucvx.solver.group_program import GroupProgram, dense_seconds, input_scale, scaled_inputs, target_scale
from relucvx.tolerances import CONIC, DEAD
from relucvx.types import Array, BoolArray

if TYPE_CHECKING:
    import scipy.sparse as sp
else:
    sp = later("scipy.sparse")

VIOLATION = 1e-9
"""A cell row is added when violated by more than this, relative to ||x_i|| times the largest ||u_j||."""

LOOSE = 1e-5
"""Tolerance of the programs that only show which rows bind; the last one has that of the call."""

FEW = 6
"""Rows that are new to one cell in so many, or to fewer, are few: then the loose programs have shown what they can."""

ROUNDS = 30  # of solving and adding the rows that are violated


@dataclass
class Blocks:
    """Cells of the restricted program: pattern (k, n), output direction (k, c), and the cell rows imposed so far."""

    patterns: BoolArray
    outputs: Array
    rows: list[set[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.rows:
            self.rows = [set() for _ in range(len(self.patterns))]

    @classmethod
    def none(cls, problem: Problem) -> Blocks:
        """No cell of a problem."""
        return cls(np.zeros((0, problem.n_rows), bool), np.zeros((0, problem.n_weights_out)))

    def __len__(self) -> int:
        return len(self.patterns)

    def keep(self, mask: BoolArray) -> Blocks:
        """The blocks where ``mask`` is True, with their rows."""
        return Blocks(self.patterns[mask], self.outputs[mask], [r for r, m in zip(self.rows, mask, strict=True) if m])

    def extend(self, patterns: BoolArray, outputs: Array) -> Blocks:
        """Append blocks that are not present yet (same pattern, output directions within 1e-9)."""
        # by pattern first: outputs are compared only where a cell is there already
        known: dict[bytes, list[Array]] = {}
        for code, v in zip(_codes(self.patterns), self.outputs, strict=True):
            known.setdefault(code, []).append(v)
        new: list[int] = []
        for i, code in enumerate(_codes(patterns)):
            same = known.setdefault(code, [])
            if not any(np.allclose(outputs[i], v, atol=1e-9) for v in same):
                same.append(outputs[i])
                new.append(i)
        return Blocks(
            np.concatenate([self.patterns, patterns[new]]),
            np.concatenate([self.outputs, outputs[new]]),
            self.rows + [set() for _ in new],
        )


def network_of_blocks(problem: Problem, u: Array, outputs: Array, bias_out: Array) -> TwoLayerReLU:
    """The balanced network of blocks u (k, D) with unit outputs (k, c): w = u / sqrt||u||, v = v̂ sqrt||u||."""
    root = np.sqrt(np.linalg.norm(u[:, : problem.penalized], axis=1, keepdims=True))
    live = root[:, 0] > 0
    return problem.network(u[live] / root[live], outputs[live] * root[live], bias_out)


def _codes(patterns: BoolArray) -> list[bytes]:
    return [row.tobytes() for row in np.packbits(patterns, axis=1)]


@dataclass
class RestrictedSolution:
    """Minimiser of the restricted program: ``u (k, D)``, output bias (c,), dual point (n, c), and how it went."""

    u: Array
    bias_out: Array
    dual: Array
    solves: int
    seconds: float


def solve_restricted(
    problem: Problem, blocks: Blocks, tol: float = CONIC.value, deadline: Deadline | None = None
) -> RestrictedSolution:
    """Solve the program over the given cells, adding violated cell rows until none is left.

    After the deadline no further solve is started: the point returned may then leave its
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
    X, deadline = problem.inputs, deadline or Deadline()
    norms = np.linalg.norm(X, axis=1)
    seconds, level = 0.0, max(tol, LOOSE)
    # of all n rows of a cell a few bind: they are added as they are violated, and most never are
    for solves in range(1, ROUNDS + 1):
        try:
            u, bias_out, dual, elapsed = _solve_once(problem, blocks, level, deadline)
        except BackendError:
            if solves == 1 or not deadline.passed():
                raise
            break  # late: the last point is a network, too
        seconds += elapsed
        if deadline.passed():
            break
        # rows are checked for blocks that carry something: dust is outside its cell by the interior point's accuracy
        sizes = np.linalg.norm(u, axis=1)
        size = sizes.max(initial=0.0)
        products = u @ X.T
        wrong = np.where(blocks.patterns, -products, products) > VIOLATION * size * norms
        wrong &= (sizes > DEAD.value * size)[:, None]
        added = 0
        for j in range(len(blocks)):
            fresh = set(np.flatnonzero(wrong[j]).tolist()) - blocks.rows[j]
            # a block far outside violates most rows: those of the nearest walls are the ones that will bind
            if len(fresh) > 2 * X.shape[1] + 4:
                order = np.argsort(-np.abs(products[j] / np.maximum(norms, 1e-300)))
                fresh = set([i for i in order.tolist() if i in fresh][: 2 * X.shape[1] + 4])
            blocks.rows[j] |= fresh
            added += len(fresh)
        if added == 0 and level <= tol:
            break
        # which rows bind is seen at a loose tolerance, too: the digits are for the last programs, with next to no new row
        level = max(tol, LOOSE) if added > len(blocks) // FEW and solves < ROUNDS // 2 else tol
    return RestrictedSolution(u, bias_out, dual, solves, seconds)


def _solve_once(problem: Problem, blocks: Blocks, tol: float, deadline: Deadline) -> tuple[Array, Array, Array, float]:
    """One solve with the cell rows imposed so far: neurons u (k, D), output bias, dual point, seconds."""
    # fit and inputs of order one: the backend's tolerances are absolute
    sx, sy = input_scale(problem), target_scale(problem)
    X = scaled_inputs(problem, sx)
    k, dim = len(blocks), X.shape[1]
    gates = problem.activation.gate(blocks.patterns)
    design = np.zeros((problem.Y.size, k, dim))
    for j in range(k):
        design[:, j] = problem.design(gates[j][:, None] * X, blocks.outputs[j])
    seconds = blocks_seconds(problem, k)
    flat = design.reshape(problem.Y.size, k * dim)
    program = GroupProgram(problem, flat, k, dim, problem.penalized, sx, _cell_rows(X, blocks), seconds)
    u, bias_out, dual, seconds = program.solve(tol, deadline)
    u = u * (sy / sx)
    if problem.bias.is_free:
        u[:, -1] *= sx  # the bias column was not scaled
    return u, bias_out, dual, seconds


def blocks_seconds(problem: Problem, blocks: int) -> float:
    """Predicted seconds of one solve over so many cells."""
    return dense_seconds(problem.Y.size, blocks * problem.n_inputs)


def _cell_rows(X: Array, blocks: Blocks) -> sp.csc_matrix:
    """-(2D_j - I) x_i·u_j <= 0 for the imposed rows, each normalised."""
    dim = X.shape[1]
    pairs = [(j, i) for j in range(len(blocks)) for i in sorted(blocks.rows[j])]
    if not pairs:
        return sp.csc_matrix((0, len(blocks) * dim))
    block = np.array([j for j, _ in pairs])
    sample = np.array([i for _, i in pairs])
    sign = np.where(blocks.patterns[block, sample], -1.0, 1.0)
    norm = np.maximum(np.linalg.norm(X[sample], axis=1), 1e-300)
    values = sign[:, None] * X[sample] / norm[:, None]
    rows = np.repeat(np.arange(len(pairs)), dim)
    cols = (block[:, None] * dim + np.arange(dim)).ravel()
    return sp.csc_matrix((values.ravel(), (rows, cols)), shape=(len(pairs), len(blocks) * dim))
