"""From a point of the convex program to a network and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relucvx.conversion import as_instance
from relucvx.errors import InvalidInputError, LiftingError, explain
from relucvx.network import PooledReLU, TwoLayerReLU
from relucvx.program.atoms import ConvexPrimal, MomentPrimal
from relucvx.program.model import ConvexProgram
from relucvx.program.objective import check_network
from relucvx.program.planar_cones import PlanarCells, split_moment
from relucvx.program.problem import Problem
from relucvx.tolerances import DEAD, PATTERN
from relucvx.types import Array, BoolArray


def recover_network(program: ConvexProgram, primal: ConvexPrimal | MomentPrimal) -> TwoLayerReLU | PooledReLU:
    """The balanced network of a point of the convex program; a pooled one where samples are bags of rows.

    A block u with positive sign becomes the neuron ``w = u/sqrt||u||, v = +sqrt||u||``, one with negative sign has
    ``v = -sqrt||u||``; a second moment becomes two neurons of its cell (:func:`relucvx.program.planar_cones.split_moment`).
    Blocks below ``DEAD`` times the largest are dropped; for free biases the constant that such
    a block still adds moves to the output bias at no cost.

    Fit and penalty are those of the point where it satisfies the cone constraints; moments may hold more than their neurons
    need, and the penalty is then lower. A violation of size e changes the fit by at most e·|slope_pos - slope_neg| per block.

    Raises
    ------
    InvalidInputError
        When the point has other shapes than the program.

    Notes
    -----
    Status: theorem (for points inside the cones). Source: [pilanci-ergen-2020]

    Examples
    --------
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    >>> program = rx.ConvexProgram(X, y, beta=1.0, arrangement=rx.enumerate_patterns(X))
    >>> primal = rx.lift_network(rx.TwoLayerReLU([[1.0], [-1.0]], [1.0, 1.0]), program)
    >>> rx.recover_network(program, primal).predict(X).round(6).tolist()
    [2.0, 1.0, 1.0, 2.0]
    """
    as_instance(program, ConvexProgram, "program", "relucvx.ConvexProgram(X, Y, beta=beta, arrangement=arrangement)")
    kind = ConvexPrimal if program.cells is None else MomentPrimal
    as_instance(primal, kind, "primal", "relucvx.lift_network(network, program)")
    problem = program.problem
    W, V = _block_neurons(program, primal) if isinstance(primal, ConvexPrimal) else _moment_neurons(program, primal)
    norms = np.linalg.norm(W[:, : problem.penalized], axis=1) * np.linalg.norm(V, axis=1)
    bias_out = np.zeros(problem.n_outputs) if primal.bias_out is None else np.array(primal.bias_out)
    # an interior point leaves a little in every block
    alive = norms > DEAD.value * norms.max(initial=0.0)
    if problem.bias.is_free:
        # a free bias is not in the norm: a block without weights may still carry a constant of any size
        bias_out = bias_out + problem.constant(W[~alive, -1], V[~alive])
    W, V = W[alive], V[alive]
    scale = np.sqrt(np.linalg.norm(V, axis=1) / np.linalg.norm(W[:, : problem.penalized], axis=1))[:, None]
    return problem.stated(problem.network(W * scale, V / scale, bias_out))


def _block_neurons(program: ConvexProgram, primal: ConvexPrimal) -> tuple[Array, Array]:
    """Each block is one neuron: its sign is that of the output weight."""
    _check_shape(primal.positive.shape, (len(program.patterns), program.problem.n_inputs), "blocks")
    blocks = np.concatenate([primal.positive, primal.negative])
    return blocks, np.repeat([1.0, -1.0], len(primal.positive))[:, None]


def _moment_neurons(program: ConvexProgram, primal: MomentPrimal) -> tuple[Array, Array]:
    """Each moment is that of two neurons."""
    cells = program.cells
    assert cells is not None
    size = cells.basis.shape[1] + program.problem.n_weights_out
    _check_shape(primal.moments.shape, (len(program.patterns), size, size), "moments")
    pairs = [split_moment(M, walls) for M, walls in zip(primal.moments, cells.walls, strict=True)]
    return np.concatenate([Z for Z, _ in pairs]) @ cells.basis.T, np.concatenate([V for _, V in pairs])


def _check_shape(received: tuple[int, ...], expected: tuple[int, ...], what: str) -> None:
    if received != expected:
        raise InvalidInputError(
            explain(f"a point with {what} of shape {expected}", f"shape {received}", "it is another program's")
        )


def lift_network(net: TwoLayerReLU | PooledReLU, program: ConvexProgram) -> ConvexPrimal | MomentPrimal:
    """The point of the convex program that a network is.

    Each neuron goes to the block of its activation pattern and output sign as ``|v| w``; neurons of one block add
    up. With several output weights the second moment ``(w, v)(w, v)ᵀ`` of the balanced neuron goes to its pattern. A neuron
    on a wall of the arrangement (a preactivation within ``PATTERN`` of zero) belongs to every adjacent cell and goes to the
    nearest one the program has. Neurons with zero output weight vanish.

    The fit is preserved; the objective is at most :func:`~relucvx.program.objective.balanced_objective`.

    Raises
    ------
    LiftingError
        When neurons lie outside every cell of the program; the message names them.
    InvalidInputError
        When the network does not fit the program's problem.

    Notes
    -----
    Status: theorem (triangle inequality). Source: [pilanci-ergen-2020]

    Examples
    --------
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    >>> program = rx.ConvexProgram(X, y, beta=1.0, arrangement=rx.enumerate_patterns(X))
    >>> rx.lift_network(rx.TwoLayerReLU([[1.0], [-1.0]], [1.0, 1.0]), program).positive.round(6).tolist()
    [[-1.0], [1.0]]
    """
    as_instance(program, ConvexProgram, "program", "relucvx.ConvexProgram(X, Y, beta=beta, arrangement=arrangement)")
    problem = program.problem
    kind = TwoLayerReLU if problem.pooling is None else PooledReLU
    as_instance(
        net, kind, "net", "relucvx.from_torch(module)" if problem.pooling is None else "relucvx.PooledReLU(...)"
    )
    inner = problem.inner(net)
    check_network(problem, inner)
    lifted, outputs, bias_out = problem.neurons(inner)
    used = np.flatnonzero(outputs.any(axis=1))
    cells = _cells_of(lifted[used], used, program)
    if program.cells is not None:
        return _moments_of(program.cells, problem, lifted[used], outputs[used], bias_out, cells)
    positive = np.zeros((len(program.patterns), problem.n_inputs))
    negative = np.zeros_like(positive)
    # free rescaling: |v| w is the block, whatever the two sizes
    for w, v, cell in zip(lifted[used], outputs[used, 0], cells, strict=True):
        (positive if v > 0 else negative)[cell] += abs(v) * w
    return ConvexPrimal(positive, negative, bias_out if problem.bias.has_output else None)


def _moments_of(
    plane: PlanarCells, problem: Problem, W: Array, V: Array, bias_out: Array, cells: list[int]
) -> MomentPrimal:
    """The second moments of balanced neurons with the preactivations of W in the plane."""
    Z = W @ plane.coordinates.T
    lead = np.linalg.norm((Z @ plane.basis.T)[:, : problem.penalized], axis=1)
    # a free bias alone is a constant; balanced it would be of no size
    alone = lead == 0.0
    if problem.bias.is_free:
        bias_out = bias_out + problem.constant(W[alone, -1], V[alone])
    moments = np.zeros((len(plane.walls), Z.shape[1] + V.shape[1], Z.shape[1] + V.shape[1]))
    for j in np.flatnonzero(~alone):
        scale = np.sqrt(np.linalg.norm(V[j]) / lead[j])
        neuron = np.concatenate([scale * Z[j], V[j] / scale])
        moments[cells[j]] += np.outer(neuron, neuron)
    return MomentPrimal(moments, plane.basis, bias_out if problem.bias.has_output else None)


def _cells_of(lifted: Array, names: NDArray[np.intp], program: ConvexProgram) -> list[int]:
    """The pattern of each neuron; none is dropped silently, for the point would belong to another network."""
    found = [find_cell(w, program.problem.inputs, program.patterns) for w in lifted]
    lost = [int(j) for j, cell in zip(names, found, strict=True) if cell is None]
    if lost:
        shown = ", ".join(str(j) for j in lost[:10]) + (", …" if len(lost) > 10 else "")
        raise LiftingError(
            explain(
                f"every neuron inside one of the program's {len(program.patterns)} patterns",
                f"{len(lost)} outside: neurons {shown}",
                "the arrangement holds some of the patterns only",
                "a complete arrangement, or one that includes the network's own patterns",
            )
        )
    return [cell for cell in found if cell is not None]


def find_cell(w: Array, inputs: Array, patterns: BoolArray) -> int | None:
    """Index of a pattern whose closed cell contains w, walls within ``PATTERN`` counting for both sides.

    Of several that of least preactivations on the wrong side, and of equals the first.
    """
    t = inputs @ w
    wall = PATTERN.value * np.linalg.norm(inputs, axis=1) * np.linalg.norm(w)
    # on a wall either side will do, so only clear signs are compared
    decided = np.abs(t) > wall
    match = np.flatnonzero((patterns[:, decided] == (t[decided] > 0)).all(axis=1))
    if not len(match):
        return None
    # a wall is wide where samples are far from the origin, and w may still be clearly on one side
    wrong = (patterns[match][:, ~decided] != (t[~decided] > 0)) @ np.abs(t[~decided])
    return int(match[np.argmin(wrong)])
