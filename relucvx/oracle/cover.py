"""A cover of all directions by cones that any dual point can be bounded over, and that is made finer where that pays.

Branch-and-bound makes a cover for one dual point and forgets it. Here the cones stay while the dual point moves: each gives an
upper bound of F that is convex in the dual point, and the largest of them is one of the dual norm.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from relucvx.deadline import Deadline
from relucvx.oracle.branch_and_bound import starting_cones
from relucvx.oracle.carried import make_room, make_stack
from relucvx.oracle.cover_kernels import bound_all, halve_all
from relucvx.oracle.form import Form
from relucvx.oracle.shards import bending, weighted_rows
from relucvx.threads import jobs
from relucvx.types import Array

Chosen = NDArray[np.intp]

PIECE = 250
"""Cones that a thread bounds at a time."""


class Cover:
    """Cones that cover all directions, with what is known of each at the dual point of the last form.

    Parameters
    ----------
    form : Form
        Of the first dual point; the forms of others differ from it in their weights alone.
    deadline : Deadline, optional
        After it whatever bounds cones raises :class:`relucvx.deadline.OutOfTime`: in many dimensions the first cover alone
        has more cones than a short limit has time for.

    Attributes
    ----------
    bounds : (m,) array
        Upper bounds of F on the cones.
    points : (m, D) array
        The directions, of unit penalised norm, where those bounds are attained.

    Notes
    -----
    Status: heuristic (rounding is not bounded: whoever needs a proof makes it). Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> from relucvx.oracle import form_of
    >>> from relucvx.oracle.cover import Cover
    >>> form = form_of(rx.make_problem(np.eye(2), [1.0, 1.0], beta=1.0), np.ones((2, 1)))
    >>> cover = Cover(form)
    >>> cover.size, round(float(cover.bounds.max()), 4)  # max of relu(w_1) + relu(w_2) over unit w
    (4, 1.4142)
    """

    def __init__(self, form: Form, deadline: Deadline | None = None) -> None:
        self._deadline = deadline or Deadline()
        self._nodes = starting_cones(form).copy()
        self.size = len(self._nodes)
        dim = self._nodes.shape[1]
        self.bounds, self.points = np.full(self.size, np.inf), np.zeros((self.size, dim))
        self.aim(form)

    def point_at(self, form: Form) -> None:
        """Take another form, at which no cone is bounded yet."""
        self._form, self._rows, self._order = form, weighted_rows(form), bending(form)

    def aim(self, form: Form) -> None:
        """Bound every cone at the dual point of another form."""
        self.point_at(form)
        self.refresh(np.arange(self.size))

    def refresh(self, chosen: Chosen) -> None:
        """Bound the chosen cones at the dual point at hand."""
        self.bounds[chosen], self.points[chosen], _, _ = self._bounded(chosen, False)

    def atoms(self, chosen: Chosen) -> tuple[Array, Array]:
        """Gradients (q, k, c) of the bounds of the chosen cones in the form's M, and (q, D, c) in its L.

        The bound of a cone at another form is at least ``sum(M * atom) + sum(L * tilt)``.
        """
        form = self._form
        _, points, within, tilts = self._bounded(chosen, True)
        atoms = np.maximum(points @ form.X.T, 0.0)[:, :, None] * _unit(tilts, points)[:, None, :]
        # rows in the order of the kernels, times the size of their weight; those without weight have no place there
        weight = np.linalg.norm(form.M, axis=1)
        atoms[:, self._order] = within / weight[self._order, None]
        return atoms, tilts

    def halve(self, chosen: Chosen) -> Chosen:
        """Halve the chosen cones where their bounds lose, bound the halves, and say which they are."""
        grown = self.size + len(chosen)
        if grown > len(self._nodes):
            room = max(grown, 2 * len(self._nodes))
            for name in ("_nodes", "bounds", "points"):
                old = getattr(self, name)
                new = np.empty((room, *old.shape[1:]))
                new[: self.size] = old[: self.size]
                setattr(self, name, new)
        stack, scratch = self._scratch()
        halve_all(self._rows, stack, scratch, self._nodes, chosen, self.size)
        halves = np.concatenate([chosen, np.arange(self.size, grown)])
        self.size = grown
        self.refresh(halves)
        return halves

    def upper(self) -> float:
        """The largest bound."""
        return float(self.bounds[: self.size].max())

    def _scratch(self) -> tuple[object, object]:
        rows = self._rows
        n, (dim, c) = len(rows.X), rows.L.shape
        return make_stack(2, n, dim, c + 1, c), make_room(n, dim, c + 1, c, rows.p)

    def _bounded(self, chosen: Chosen, with_atoms: bool) -> tuple[Array, Array, Array, Array]:
        rows = self._rows
        n, (dim, c) = len(rows.X), rows.L.shape
        count = len(chosen)
        bounds, points = np.empty(count), np.empty((count, dim))
        within = np.empty((count if with_atoms else 0, n, c))
        tilts = np.empty((count if with_atoms else 0, dim, c))

        def one(begin: int) -> None:
            self._deadline.check()
            part = slice(begin, begin + PIECE)
            bound_all(
                rows, *self._scratch(), self._nodes, chosen[part], bounds[part], points[part],
                within[part], tilts[part],
            )  # fmt: skip

        begins = range(0, count, PIECE)
        if jobs() > 1 and len(begins) > 1:
            with ThreadPoolExecutor(jobs()) as pool:
                list(pool.map(one, begins))
        else:
            list(map(one, begins))
        return bounds, points, within, tilts


def _unit(tilts: Array, points: Array) -> Array:
    """The output direction (q, c) of each atom, from what it makes of its own maximiser."""
    lean = np.einsum("qjc,qj->qc", tilts, points)
    return lean / np.maximum(np.linalg.norm(lean, axis=1, keepdims=True), 1e-300)
