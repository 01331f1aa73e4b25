"""From a point of the convex program to a network and back."""

from __future__ import annotations

import numpy as np

from relucvx.conversion import as_instance
from relucvx.errors import InvalidInputError, LiftingError, explain
from relucvx.network import PooledReLU, TwoLayerReLU
from relucvx.program.atoms import ConvexPrimal
from relucvx.program.model import ConvexProgram
from relucvx.program.objective import check_network
from relucvx.tolerances import DEAD, PATTERN
from relucvx.types import Array, BoolArray


def recover_network(program: ConvexProgram, primal: ConvexPrimal) -> TwoLayerReLU | PooledReLU:
    """The balanced network of a point of the convex program; a pooled one where samples are bags of rows.

    A block u with positive sign becomes the neuron ``w = u/sqrt||u||, v = +sqrt||u||``, one with negative sign has
    ``v = -sqrt||u||``. Blocks below ``DEAD`` times the largest are dropped; for free biases the constant that such
    a block still adds moves to the output bias at no cost.

    Fit and penalty are those of the point where it satisfies the cone constraints; a violation of size e changes the
    fit by at most e·|slope_pos - slope_neg| per block.

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
    as_instance(primal, ConvexPrimal, "primal", "relucvx.lift_network(network, program)")
    problem = program.problem
    shape = (len(program.patterns), problem.n_inputs)
    if primal.positive.shape != shape:
        raise InvalidInputError(
            explain(
                f"a point with blocks of shape {shape}", f"shape {primal.positive.shape}", "it is another program's"
            )
        )
    # each block is one neuron: its sign is that of the output weight
    blocks = np.concatenate([primal.positive, primal.negative])
    sign = np.repeat([1.0, -1.0], len(primal.positive))
    norms = np.linalg.norm(blocks[:, : problem.penalized], axis=1)
    bias_out = np.zeros(1) if primal.bias_out is None else np.array(primal.bias_out)
    # an interior point leaves a little in every block
    alive = norms > DEAD.value * norms.max(initial=0.0)
    if problem.bias.is_free:
        # a free bias is not in the norm: a block without weights may still carry a constant of any size
        bias_out = bias_out + problem.constant(blocks[~alive, -1], sign[~alive, None])
    root = np.sqrt(norms[alive])
    lifted = blocks[alive] / root[:, None]
    return problem.stated(problem.network(lifted, (sign[alive] * root)[:, None], bias_out))


def lift_network(net: TwoLayerReLU | PooledReLU, program: ConvexProgram) -> ConvexPrimal:
    """The point of the convex program that a network is.

    Each neuron goes to the block of its activation pattern and output sign as ``|v| w``; neurons of one block add
    up. A neuron on a wall of the arrangement (a preactivation within ``PATTERN`` of zero) belongs to every adjacent
    cell and goes to the first one the program has. Neurons with zero output weight vanish.

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
    weights = outputs[:, 0]
    positive = np.zeros((len(program.patterns), problem.n_inputs))
    negative = np.zeros_like(positive)
    lost = []
    # free rescaling: |v| w is the block, whatever the two sizes
    for j in np.flatnonzero(weights != 0.0):
        cell = find_cell(lifted[j], problem.inputs, program.patterns)
        if cell is None:
            lost.append(int(j))
            continue
        block = positive if weights[j] > 0 else negative
        block[cell] += abs(weights[j]) * lifted[j]
    # none is dropped silently: the point would belong to another network
    if lost:
        names = ", ".join(str(j) for j in lost[:10]) + (", …" if len(lost) > 10 else "")
        raise LiftingError(
            explain(
                f"every neuron inside one of the program's {len(positive)} patterns",
                f"{len(lost)} outside: neurons {names}",
                "the arrangement holds some of the patterns only",
                "a complete arrangement, or one that includes the network's own patterns",
            )
        )
    return ConvexPrimal(positive, negative, bias_out if problem.bias.has_output else None)


def find_cell(w: Array, inputs: Array, patterns: BoolArray) -> int | None:
    """Index of the first pattern whose closed cell contains w, walls within ``PATTERN`` counting for both sides."""
    t = inputs @ w
    wall = PATTERN.value * np.linalg.norm(inputs, axis=1) * np.linalg.norm(w)
    # on a wall either side will do, so only clear signs are compared
    decided = np.abs(t) > wall
    match = np.flatnonzero((patterns[:, decided] == (t[decided] > 0)).all(axis=1))
    return int(match[0]) if len(match) else None
