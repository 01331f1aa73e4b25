"""The convex program, its gated relaxation and its points."""

import dataclasses

import numpy as np
import pytest

from relucvx.arrangement import enumerate_patterns
from relucvx.errors import InvalidInputError, UnsupportedError
from relucvx.program.gated import GatedRelaxation
from relucvx.program.model import ConvexProgram
from relucvx.program.posing import make_problem

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(5, 2)), RNG.choice([-1.0, 1.0], 5)


def program(loss="squared", bias="none", activation="relu", beta=0.2):
    problem = make_problem(X, y, beta, loss, bias, activation)
    return ConvexProgram(problem, arrangement=enumerate_patterns(problem.inputs))


def some_patterns(arrangement, keep):
    return dataclasses.replace(
        arrangement,
        patterns=arrangement.patterns[:keep],
        generators=arrangement.generators[:keep],
    )


def test_constructor_and_repr():
    arrangement = enumerate_patterns(X)
    prog = ConvexProgram(X, y, beta=0.2, arrangement=arrangement, loss="hinge")
    assert prog.complete
    assert prog.problem.loss.name == "hinge"
    assert repr(prog) == (
        f"ConvexProgram(n=5, d=2, all {len(arrangement.patterns)} patterns, beta=0.2, loss='hinge', bias='none')"
    )
    assert "some 3 patterns" in repr(ConvexProgram(X, y, beta=0.2, arrangement=some_patterns(arrangement, 3)))


@pytest.mark.parametrize("kind", [lambda p, a: ConvexProgram(p, arrangement=a), GatedRelaxation])
def test_arrangements_of_other_inputs_are_refused(kind):
    plain, lifted = enumerate_patterns(X), enumerate_patterns(make_problem(X, y, 1.0, bias="all").inputs)
    with pytest.raises(InvalidInputError, match=r"column of ones appended; try: enumerate_patterns\(numpy.hstack"):
        kind(make_problem(X, y, 1.0, bias="all"), plain)
    with pytest.raises(InvalidInputError, match='includes a column of ones, but bias="none"'):
        kind(make_problem(X, y, 1.0), lifted)
    with pytest.raises(InvalidInputError, match="made from other data"):
        kind(make_problem(2 * X, y, 1.0), plain)
    with pytest.raises(InvalidInputError, match="made from other data"):
        kind(make_problem(2 * X, np.stack([y, y], axis=1), 1.0), plain)


def test_several_outputs_have_a_program_in_the_plane_only():
    Y = np.stack([y, -y], axis=1)
    flat = ConvexProgram(X, Y, beta=0.2, arrangement=enumerate_patterns(X))
    assert flat.cells is not None
    assert flat.cells.walls.shape == (len(flat.patterns), 2, 2)
    assert program().cells is None
    for cube, options in ((np.column_stack([X, X[:, 0] ** 2]), {}), (X, {"bias": "hidden"})):
        problem = make_problem(cube, Y, 0.2, **options)
        message = (
            r"rank at most 2.*received rank 3, with 2 output weights.*relucvx.solve with solver=\"auto\".*nuclear_norm"
        )
        with pytest.raises(UnsupportedError, match=message):
            ConvexProgram(problem, arrangement=enumerate_patterns(problem.inputs))
