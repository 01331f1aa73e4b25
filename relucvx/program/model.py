"""The convex program over an arrangement: blocks for one output weight of each neuron, moments in a plane for several."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from relucvx.arrangement.patterns import Arrangement
from relucvx.conversion import as_instance
from relucvx.errors import InvalidInputError, explain
from relucvx.program.cvxpy_form import CvxpyForm, build, build_moments
from relucvx.program.planar_cones import PlanarCells, planar_cells
from relucvx.program.posing import ProblemOptions, as_problem
from relucvx.program.problem import Problem
from relucvx.types import Array, ArrayLike, BoolArray


def check_arrangement(problem: Problem, arrangement: Arrangement) -> None:
    """Raise unless these are a problem and the arrangement of its augmented inputs.

    Raises
    ------
    InvalidInputError
        As :func:`check_same_inputs`.
    """
    as_instance(problem, Problem, "problem", "relucvx.make_problem(X, Y, beta)")
    as_instance(arrangement, Arrangement, "arrangement", "relucvx.enumerate_patterns(X)")
    check_same_inputs(problem, arrangement)


def check_same_inputs(problem: Problem, arrangement: Arrangement) -> None:
    """Raise unless the arrangement is that of the problem's augmented inputs, compared entry by entry.

    Raises
    ------
    InvalidInputError
        When it is no arrangement, belongs to other data, or lacks the ones column that a bias needs.
    """
    if not isinstance(arrangement, Arrangement):
        raise InvalidInputError(
            explain("an Arrangement", type(arrangement).__name__, "bare patterns", "enumerate_patterns(X)")
        )
    rows, Xa = np.asarray(arrangement.X), problem.inputs
    if rows.shape == Xa.shape and np.array_equal(rows, Xa):
        return
    cause, fix = "the arrangement was made from other data", "enumerate_patterns(X) with the X of this problem"
    if problem.pooling is not None:
        # the rows of all bags, whatever shape they came in
        fix = "enumerate_patterns(relucvx.make_problem(X, Y, beta, pooling=...).inputs): all rows of all samples"
    elif problem.bias.has_hidden:
        fix = "enumerate_patterns(numpy.hstack([X, numpy.ones((len(X), 1))]))"
        if rows.shape == problem.X.shape:
            cause = f'bias="{problem.bias}" needs the arrangement of X with a column of ones appended'
    elif rows.shape[1] == Xa.shape[1] + 1:
        cause = 'the arrangement includes a column of ones, but bias="none"'
    raise InvalidInputError(
        explain(f"an arrangement of the {Xa.shape} inputs", f"one of {rows.shape} inputs", cause, fix)
    )


class ConvexProgram:
    """The network problem as a convex program over activation patterns.

    With one output, and one read-out of bags,

    ``min loss(Σ_i diag(phi'_i) Xa (u_i - v_i) + b_out) + beta Σ_i (||u_i|| + ||v_i||) [+ beta/2 b_out²]``
    subject to ``(2 D_i - I) Xa u_i >= 0`` and the same for v_i, where ``phi'_i`` is the activation's slope on
    pattern i and ``Xa`` the augmented inputs. For free biases the norms leave out the bias coordinate. Of samples that are
    bags the patterns are those of all rows together, and the fit of a sample is what it reads of its rows.

    With several outputs or read-outs, where the augmented inputs have rank two at most (two features without bias, or one
    with), each pattern has the second moment ``M_i = [[W_i, T_i], [T_iᵀ, V_i]]`` of its neurons and their outputs:

    ``min loss(Σ_i diag(phi'_i) Xa T_i + 1 b_outᵀ) + beta/2 Σ_i (tr W_i + tr V_i) [+ beta/2 ||b_out||²]``

    subject to ``M_i`` positive semidefinite and ``aᵀ W_i b >= 0`` for the two walls a, b of the cell. That is exact, and two
    neurons for each pattern suffice (:mod:`relucvx.program.planar_cones` has the proof). In higher rank cells have more walls,
    and no such program of a manageable size is known.

    Its value is the network's optimum only when the arrangement is complete. Over some of the patterns it is an
    upper bound (the best network with neurons in those cells), never a lower bound.

    Parameters
    ----------
    X, Y, beta, loss, bias, activation, sample_weight, pooling, groups
        As in :func:`~relucvx.program.posing.make_problem`, or a :class:`Problem` alone.
    arrangement : Arrangement
        Of the augmented inputs: ``enumerate_patterns(X)`` without bias, else of X with a column of ones appended; of bags
        ``enumerate_patterns(problem.inputs)``, the rows of all samples.

    Raises
    ------
    UnsupportedError
        For several outputs, or bags that are read in several ways, with augmented inputs of rank three and more.
    InvalidInputError
        When the arrangement is not that of the augmented inputs.

    Notes
    -----
    Status: theorem (for complete arrangements). Source: [pilanci-ergen-2020], [sahiner-2021]

    Examples
    --------
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    >>> program = rx.ConvexProgram(X, y, beta=1.0, arrangement=rx.enumerate_patterns(X))
    >>> form = program.to_cvxpy()
    >>> print(len(program.patterns), program.complete, f"{form.problem.solve(solver='CLARABEL'):.6f}")
    2 True 1.800000
    >>> Y = [[2.0, 1.0], [1.0, 1.0], [1.0, -1.0], [2.0, -1.0]]  # two outputs
    >>> program = rx.ConvexProgram(X, Y, beta=1.0, arrangement=rx.enumerate_patterns(X))
    >>> form = program.to_cvxpy()
    >>> print(f"{form.problem.solve(solver='CLARABEL'):.6f} {rx.solve(X, Y, 1.0).objective:.6f}")
    2.332381 2.332381
    >>> rx.recover_network(program, form.primal()).width  # at most two for each pattern
    2
    """

    def __init__(
        self,
        X: ArrayLike | Problem,
        Y: ArrayLike | None = None,
        beta: float | None = None,
        *,
        arrangement: Arrangement,
        **options: Unpack[ProblemOptions],
    ) -> None:
        self.problem = as_problem(X, Y, beta, **options)
        check_arrangement(self.problem, arrangement)
        self.arrangement = arrangement
        several = self.problem.n_weights_out > 1
        self.cells: PlanarCells | None = planar_cells(self.problem, arrangement) if several else None

    @property
    def patterns(self) -> BoolArray:
        """Patterns (P, n) of the program; of bags (P, R), over all rows."""
        return np.asarray(self.arrangement.patterns)

    @property
    def complete(self) -> bool:
        """Whether the patterns are all patterns, so that the program's value is the network's optimum."""
        return bool(self.arrangement.complete)

    def __repr__(self) -> str:
        p = self.problem
        kind = "all" if self.complete else "some"
        return (
            f"{type(self).__name__}(n={p.n_samples}, d={p.n_features}, {kind} {len(self.patterns)} patterns, "
            f"beta={p.beta:g}, loss={p.loss.name!r}, bias={p.bias!r})"
        )

    def to_cvxpy(self) -> CvxpyForm:
        """The program in CVXPY, with ``beta`` as a parameter (DPP), for people who add constraints.

        Add constraints with ``cvxpy.Problem(form.problem.objective, form.constraints + [...])`` and name the
        solver when you solve it; ``recover_network(program, form.primal())`` is the network of what it found.
        """
        return self._form()

    def _form(self, target: Array | None = None) -> CvxpyForm:
        """With this fit demanded, shape (n, c), and no loss; else with the loss."""
        if self.cells is not None:
            return build_moments(self.problem, self.patterns, self.cells, target=target)
        return build(self.problem, self.patterns, target=None if target is None else target[:, 0])
