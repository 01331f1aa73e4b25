"""Local maxima of F(w) = ||Nᵀ phi(Xw)|| that lie on walls, where gradient steps zigzag and end anywhere along the ridge.

On a face of the arrangement (a gate for every row, the rows on whose walls the point lies) F is ``||A w||`` with one matrix,
and the way from any point to the top singular vector of A in the span of the face rises all along. The climb goes that way up
to the first wall; there it crosses where F rises straight off the wall beyond, and stays on the wall where it does not. At the
top it leaves walls to the side on which F rises.
"""

from __future__ import annotations

import numpy as np

from relucvx.deadline import Deadline
from relucvx.oracle.form import Form
from relucvx.types import Array, BoolArray

ON_WALL = 1e-9
"""|x_i·w| below this share of ||x_i|| ||w|| is on the wall."""

MOST_MOVES = 40
"""Moves of one climb; each ends on a wall or at the top of a face."""

CLIMBED = 2e6
"""Rows times coordinates, over all climbs that a search ends with."""

RISES = 1e-10
"""A slope above this share of the value counts as rising."""


def climbed(form: Form, points: Array, deadline: Deadline | None = None) -> tuple[Array, Array]:
    """Ends (k, q) of the climbs from the given reduced directions (k, q), of unit penalised norm, and the values F there.

    When the deadline passes, the points that are left stay where they are.

    Notes
    -----
    Status: heuristic (each value is reached, and not below that of its start; that it is a maximum is not claimed).
    Source: [relucvx]
    """
    points = points / np.linalg.norm(points[:, : form.penalized], axis=1, keepdims=True)
    ends, deadline = points.copy(), deadline or Deadline()
    for k, w in enumerate(points):
        if deadline.passed():
            break
        ends[k] = Climb(form, w).end()
    if not len(points):
        return points, np.zeros(0)
    started, reached = form.values(points.T), form.values(ends.T)
    # rounding of a move can cost more than the move brought
    better = reached >= started
    return np.where(better[:, None], ends, points), np.maximum(started, reached)


def tops(form: Form, directions: Array, values: Array, deadline: Deadline | None = None) -> tuple[Array, Array]:
    """What climbs make of the ends of an ascent, which stops on the way up a ridge: directions and values, best first.

    Of many rows, where a climb takes long, the first ends alone are led to the top, and the others stay what they are.

    Notes
    -----
    Status: heuristic (each value is reached; that it is a maximum is not claimed). Source: [relucvx]
    """
    few = 1 + int(CLIMBED / max(form.X.size, 1))
    ends, reached = climbed(form, directions[:few], deadline)
    points, values = np.concatenate([ends, directions[few:]]), np.concatenate([reached, values[few:]])
    order = np.argsort(-values, kind="stable")
    return points[order], values[order]


class Climb:
    """One point with its gates, and the walls it is held on."""

    def __init__(self, form: Form, w: Array) -> None:
        self.form, self.w = form, w / np.linalg.norm(w[: form.penalized])
        self.lengths = np.maximum(np.linalg.norm(form.X, axis=1), 1e-300)
        z = form.X @ self.w
        self.gates: BoolArray = z > 0
        self.held: BoolArray = np.abs(z) <= ON_WALL * self.lengths * np.linalg.norm(self.w)

    def end(self) -> Array:
        """Where the climb ends."""
        for _ in range(MOST_MOVES):
            goal = self._goal()
            if goal is not None and self._towards(goal):
                continue
            if not self._leave_a_wall():
                break
            # one step along the gradient first, which goes to the side on which F rises: the top may be on the other
            goal = self._goal(step=True)
            if goal is None or not self._towards(goal):
                break
        return self.w

    def _map(self) -> Array:
        """A (c, q): F is ||A w|| on the face."""
        form, gates = self.form, self.gates & ~self.held
        return np.asarray(form.M[gates].T @ form.X[gates] + form.L.T)

    def _goal(self, step: bool = False) -> Array | None:
        """The best direction in the span of the face on this side, or a gradient step; None where walls leave none.

        F rises on the way to either.
        """
        form, p = self.form, self.form.penalized
        Z = _null_space(form.X[self.held] / self.lengths[self.held, None], len(self.w))
        if not Z.shape[1]:
            return None
        A = self._map()
        # in coordinates in which the penalised part has unit metric
        size, Q = np.linalg.eigh(Z[:p].T @ Z[:p])
        if size[0] <= 1e-12:
            # a free bias that nothing ties down: straight along it, in the direction that rises
            d = Z @ Q[:, 0]
            return self.w + np.sign((A @ self.w) @ (A @ d)) * d * 4.0 * form.bias_range / max(abs(d[-1]), 1e-300)
        Z = Z @ (Q / np.sqrt(size))
        AZ = A @ Z
        v = Z @ (AZ.T @ (A @ self.w) if step else np.linalg.svd(AZ)[2][0])
        lead = float(np.linalg.norm(v[:p]))
        return None if lead == 0.0 else np.asarray(v / lead if v[:p] @ self.w[:p] >= 0.0 else -v / lead)

    def _towards(self, goal: Array) -> bool:
        """Move to the goal, or to the first wall on the way; False when the point is there already."""
        X = self.form.X
        d = goal - self.w
        if np.linalg.norm(d) <= 1e-12 * np.linalg.norm(self.w):
            return False
        z, slope = X @ self.w, X @ d
        leaves = np.where(self.gates, slope < 0, slope > 0) & ~self.held & (slope != 0)
        t = np.where(leaves, np.maximum(-z / np.where(leaves, slope, 1.0), 0.0), np.inf)
        first = int(np.argmin(t))
        if t[first] >= 1.0:
            self._place(goal)
            return True
        self._place(self.w + t[first] * d)
        # beyond, F must rise off the wall: along the way it may rise on both sides of a ridge, which is then the way
        self.gates[first] = not self.gates[first]
        if not self._rises_off(first):
            self.held[first] = True
        return True

    def _rises_off(self, i: int) -> bool:
        """Whether F rises straight off wall i, to the side of its gate and along the other walls held."""
        unit = self.form.X / self.lengths[:, None]
        others = self.held.copy()
        others[i] = False
        Z = _null_space(unit[others], len(self.w))
        d = Z @ (Z.T @ unit[i])
        return bool(np.linalg.norm(d) > 1e-9 and self._rises(d if self.gates[i] else -d))

    def _place(self, w: Array) -> None:
        self.w = w / np.linalg.norm(w[: self.form.penalized])

    def _rises(self, d: Array) -> bool:
        """Whether F per unit of the penalised norm rises along d."""
        A, p = self._map(), self.form.penalized
        Aw = A @ self.w
        value = float(np.linalg.norm(Aw))
        return bool(
            Aw @ (A @ d) / max(value, 1e-300) - value * (self.w[:p] @ d[:p]) > RISES * value * np.linalg.norm(d)
        )

    def _leave_a_wall(self) -> bool:
        """Let go of the first wall from which F rises to one side; whether there was one."""
        for i in map(int, np.flatnonzero(self.held)):
            self.held[i] = False
            for gate in (True, False):
                self.gates[i] = gate
                if self._rises_off(i):
                    return True
            self.held[i] = True
        return False


def _null_space(unit: Array, dim: int) -> Array:
    """Orthonormal basis (dim, k) of the directions orthogonal to unit rows."""
    if not len(unit):
        return np.eye(dim)
    _, s, Vt = np.linalg.svd(unit)
    return np.asarray(Vt[int((s > 1e-9).sum()) :].T)
