"""Cells of a plane: each has two walls, so one inequality says which second moments its neurons can have.

Neurons ``w_j`` of one cell with outputs ``v_j`` have the second moment

    ``M = Σ_j (w_j, v_j)(w_j, v_j)ᵀ = [[W, T], [Tᵀ, V]]``,   ``T = Σ_j w_j v_jᵀ``,

and fit and penalty are linear in it: on the cell phi is linear, so that the neurons make ``diag(phi') Xa T`` of the samples,
and their decay is ``(tr W + tr V)/2``. The program over M is that of networks if every M it allows is one of neurons of the
cell.

**Theorem.** Let the cell be ``{w : a·w >= 0, b·w >= 0}``. A matrix M is the second moment of neurons of the cell if and only
if it is positive semidefinite and ``aᵀ W b >= 0``; two of these neurons have all its preactivations.

*Proof.* Neurons of the cell have ``aᵀ W b = Σ_j (a·w_j)(b·w_j) >= 0``. Conversely let ``M = F Fᵀ``. The columns of F are
neurons ``(w_k, v_k)``, in the cell or not, and for every orthogonal R those of F R have the same second moment. Write
``f = (a·w_k)_k`` and ``g = (b·w_k)_k``, so that ``f·g = aᵀ W b >= 0``. Let the first column of R be ``f/||f||``, and let the
first two span g as well. The first column of F R then has ``a·w = ||f||`` and ``b·w = f·g/||f||``, both non-negative: it is in
the cell. The second has ``a·w = 0``: it lies on a wall, and it or its negative ``(-w, -v)``, which has the same second moment,
is in the cell. All others have ``a·w = b·w = 0``: they are in the cell, without any preactivation. (If f = 0, then every column
lies on the first wall.) ∎

In coordinates ``w = G s`` of the two extreme rays the inequality is ``S_12 >= 0``: S is doubly nonnegative, which for two rays
is completely positive. In three dimensions a cell may have any number of walls. The products of all pairs must then be
non-negative, which is necessary and not enough: that is a relaxation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relucvx.arrangement.equilibrium import equilibrate
from relucvx.arrangement.patterns import Arrangement, row_space, unit_rows
from relucvx.errors import InvalidInputError, UnsupportedError, explain
from relucvx.program.presolve import power_of_two
from relucvx.program.problem import Problem
from relucvx.tolerances import PATTERN
from relucvx.types import Array, BoolArray, Result


@dataclass(frozen=True, eq=False)
class PlanarCells(Result):
    """The cells of augmented inputs of rank r <= 2, by their walls.

    Attributes
    ----------
    basis : (D, r) array
        A lifted neuron of the plane is ``w = basis z``.
    coordinates : (r, D) array
        ``z = coordinates w``: the neuron of the plane with the preactivations of w; its norm is at most that of w.
    walls : (P, 2, r) array
        The two walls of each cell, unit normals in the plane that point inward: the same twice for a half-plane, zero for
        X = 0.

    Notes
    -----
    Status: theorem (definition). Source: [relucvx]
    """

    basis: Array
    coordinates: Array
    walls: Array

    def rays(self, i: int) -> Array:
        """Coordinates (r, 2) of the two extreme rays of cell i, unit vectors, the one on the first wall first."""
        (a1, a2), (b1, b2) = self.walls[i]
        turn = 1.0 if a1 * b2 >= a2 * b1 else -1.0
        return turn * np.array([[-a2, b2], [a1, -b1]])

    def narrow(self, i: int) -> bool:
        """Whether cell i opens by less than a right angle."""
        return self.basis.shape[1] == 2 and float(self.walls[i, 0] @ self.walls[i, 1]) < 0.0


def planar_cells(problem: Problem, arrangement: Arrangement) -> PlanarCells:
    """The walls of every cell, in a plane that holds the neurons that an optimum needs.

    That is the row space of the augmented inputs. A free bias costs nothing and stays a coordinate of its own, beside the
    row space of the centred inputs.

    Raises
    ------
    UnsupportedError
        For augmented inputs of rank three and more.
    InvalidInputError
        When a generator of the arrangement is not inside the cell of its pattern.

    Notes
    -----
    Rank and walls are decided where columns are of one size: inputs within ``PATTERN`` of a plane count as in it.

    Status: theorem (inputs of rank two at most). Source: [relucvx]
    """
    rows, nonzero, exponents = equilibrate(problem.inputs)
    span = row_space(rows, PATTERN.value)
    if len(span) > 2:
        raise UnsupportedError(
            explain(
                "augmented inputs of rank at most 2 (two features without bias, one feature with) for the explicit convex "
                "program of several outputs or read-outs",
                f"rank {len(span)}, with {problem.n_weights_out} output weights for each neuron",
                "cells with more than two walls need completely positive cones",
                'relucvx.solve with solver="auto", which handles any rank without it; '
                "relucvx.nuclear_norm_bound(problem) is a lower bound in CVXPY",
            )
        )
    if not len(span):
        span = np.eye(1, problem.n_inputs)  # no input pulls at anything: any line will do
    basis, coordinates = _plane(problem, span, exponents)
    # equilibrated rows times gates in their units are the preactivations: angles keep their order in any coordinates
    flat = np.zeros((len(rows), 2))
    flat[:, : len(span)] = rows @ span.T
    inside = np.zeros((len(arrangement), 2))
    inside[:, : len(span)] = _units_of_rows(arrangement.generators, exponents) @ span.T
    normals = unit_rows(problem.inputs @ basis)[0]
    walls = np.zeros((len(arrangement), 2, len(span)))
    if nonzero.any():
        for i, pattern in enumerate(np.asarray(arrangement.patterns)):
            first, second = _walls(flat, nonzero, pattern, inside[i], i)
            walls[i] = np.where(pattern, 1.0, -1.0)[[first, second], None] * normals[[first, second]]
    return PlanarCells(basis, coordinates, walls)


def _units_of_rows(gates: Array, exponents: NDArray[np.int64]) -> Array:
    """Gates for the rows as they are, as gates for equilibrated rows, up to a factor."""
    return np.asarray(np.ldexp(gates, exponents.max(initial=0) - exponents))


def _plane(problem: Problem, span: Array, exponents: NDArray[np.int64]) -> tuple[Array, Array]:
    """Basis (D, r) and coordinates (r, D) in the units of the inputs, from the span (r, D) of the equilibrated rows."""
    D, units = problem.n_inputs, exponents.max(initial=0) - exponents
    if not problem.bias.is_free:
        # neurons in their own coordinates where they fill the plane
        basis = np.eye(D) if len(span) == D else np.linalg.qr(np.ldexp(span, units).T)[0]
        return basis, basis.T.copy()
    bias, mean = np.eye(D)[-1], np.append(problem.X.mean(axis=0), 1.0)
    if len(span) == 1:
        return bias[:, None], mean[None, :]
    # differences of rows have no bias: the part of the span without one is the row space of the centred inputs
    across = np.ldexp(span[0] * span[1, -1] - span[1] * span[0, -1], units)
    across[-1] = 0.0
    across /= np.linalg.norm(across)
    # a bias at the centre of the samples, in units in which both coordinates move them as far
    reach = power_of_two(float(np.abs((problem.X - mean[:-1]) @ across[:-1]).max()))
    return np.column_stack([across - (mean @ across) * bias, reach * bias]), np.vstack([across, mean / reach])


def _walls(flat: Array, nonzero: BoolArray, pattern: BoolArray, inside: Array, i: int) -> tuple[int, int]:
    """The rows whose walls bound the cell of a pattern: of all inward normals the outermost, seen from a point inside."""
    used = np.flatnonzero(nonzero)
    inward = np.where(pattern, 1.0, -1.0)[used, None] * flat[used]
    along = inward @ inside
    if not (along > 0.0).all():
        raise InvalidInputError(
            explain(
                "generators strictly inside the cells of their patterns",
                f"a generator of pattern {i} on the other side of row {int(used[np.argmin(along)])}",
                "an arrangement put together by hand",
                "relucvx.enumerate_patterns(X)",
            )
        )
    angle = np.arctan2(inward[:, 1] * inside[0] - inward[:, 0] * inside[1], along)
    return int(used[np.argmin(angle)]), int(used[np.argmax(angle)])


def split_moment(moment: Array, walls: Array) -> tuple[Array, Array]:
    """Two neurons of a cell with the second moment of many: the rotation of the proof above.

    Parameters
    ----------
    moment : (r + q, r + q) array
        In coordinates of the plane. Positive semidefinite; negative eigenvalues, which are rounding, count as zero.
    walls : (2, r) array
        Normals a and b of the cell, with ``aᵀ W b >= 0``; where it is negative, a neuron is outside by as much.

    Returns
    -------
    Z, V : (2, r) and (2, q) arrays
        Neurons and their outputs: ``Σ_j z_j v_jᵀ`` is T as far as preactivations go, and ``Σ_j (z_j, v_j)(z_j, v_j)ᵀ`` at most
        the moment.

    Notes
    -----
    Status: theorem. Source: [relucvx]
    """
    r = walls.shape[1]
    values, vectors = np.linalg.eigh(0.5 * (moment + moment.T))
    factor = vectors * np.sqrt(np.maximum(values, 0.0))
    sides = walls @ factor[:r]
    # the larger of f and g goes first: what a backend left of aᵀ W b below zero is divided by its size
    larger = int(np.argmax(np.linalg.norm(sides, axis=1)))
    turn, triangle = np.linalg.qr(sides[[larger, 1 - larger]].T)
    # a·z + b·z of each; what has no preactivation at all would only cost
    sign = np.where(triangle.sum(axis=1) >= 0.0, 1.0, -1.0) * triangle.any(axis=1)
    neurons = sign[:, None] * (factor @ turn).T
    return neurons[:, :r], neurons[:, r:]
