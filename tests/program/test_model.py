"""The convex program, its gated relaxation and its points."""

import dataclasses

import numpy as np
import pytest
from strategies import ENTRYWISE

from relucvx.arrangement import enumerate_patterns
from relucvx.errors import InvalidInputError, UnsupportedError
from relucvx.program.atoms import ConvexPrimal
from relucvx.program.gated import GatedRelaxation
from relucvx.program.model import ConvexProgram
from relucvx.program.problem import make_problem
from relucvx.types import Bias

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(5, 2)), RNG.choice([-1.0, 1.0], 5)


def program(loss="squared", bias="none", activation="relu", beta=0.2):
    problem = make_problem(X, y, beta, loss, bias, activation)
    return ConvexProgram.from_problem(problem, enumerate_patterns(problem.inputs))


def some_patterns(arrangement, keep):
    return dataclasses.replace(
        arrangement,
        patterns=arrangement.patterns[:keep],
        generators=arrangement.generators[:keep],
    )


@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("loss", list(ENTRYWISE))
def test_the_cvxpy_form_is_dpp_and_evaluates_to_the_objective(loss, bias):
    prog = program(loss, bias, (0.3, -1.2))
    form = prog.to_cvxpy()
    assert form.problem.is_dcp(dpp=True)
    assert form.beta.value == 0.2
    assert form.constraints[0] is form.link
    rng = np.random.default_rng(1)
    P, D = len(prog.patterns), prog.problem.n_inputs
    primal = ConvexPrimal(
        rng.normal(size=(P, D)), rng.normal(size=(P, D)), rng.normal(size=1) if bias in ("all", "free") else None
    )
    form.positive.value, form.negative.value = primal.positive.T, primal.negative.T
    if primal.bias_out is not None:
        form.bias_out.value = primal.bias_out
    F = primal.fit(prog.problem, prog.patterns)
    form.fit.value = F[:, 0]
    assert form.link.violation() == pytest.approx(np.zeros(5), abs=1e-12)
    assert form.problem.objective.value == pytest.approx(primal.objective(prog.problem, prog.patterns), rel=1e-12)
    worst = max(float(np.max(c.violation())) for c in form.constraints[1:])
    assert primal.cone_violation(prog.problem, prog.patterns) == pytest.approx(worst, rel=1e-12)


def test_fit_of_a_point_matches_loops():
    prog = program(bias="hidden", activation="leaky_relu")
    rng = np.random.default_rng(2)
    P = len(prog.patterns)
    primal = ConvexPrimal(rng.normal(size=(P, 3)), rng.normal(size=(P, 3)))
    F = np.zeros(5)
    for i, s in np.ndindex(P, 5):
        slope = 1.0 if prog.patterns[i, s] else 0.01
        F[s] += slope * prog.problem.inputs[s] @ (primal.positive[i] - primal.negative[i])
    np.testing.assert_allclose(primal.fit(prog.problem, prog.patterns)[:, 0], F, atol=1e-12)


def test_cone_violation_is_zero_inside_and_positive_outside():
    prog = program()
    inside = ConvexPrimal(np.array(prog.arrangement.generators), np.zeros_like(prog.arrangement.generators))
    assert inside.cone_violation(prog.problem, prog.patterns) == 0.0
    outside = ConvexPrimal(inside.negative, -inside.positive)
    assert outside.cone_violation(prog.problem, prog.patterns) > 0.0


def test_points_need_matching_blocks():
    with pytest.raises(InvalidInputError, match=r"of one shape \(P, D\); received shapes \(2, 3\) and \(2, 2\)"):
        ConvexPrimal(np.zeros((2, 3)), np.zeros((2, 2)))


def test_constructor_and_repr():
    arrangement = enumerate_patterns(X)
    prog = ConvexProgram(X, y, beta=0.2, arrangement=arrangement, loss="hinge")
    assert prog.complete
    assert prog.problem.loss.name == "hinge"
    assert repr(prog) == (
        f"ConvexProgram(n=5, d=2, all {len(arrangement.patterns)} patterns, beta=0.2, loss='hinge', bias='none')"
    )
    assert "some 3 patterns" in repr(ConvexProgram(X, y, beta=0.2, arrangement=some_patterns(arrangement, 3)))


@pytest.mark.parametrize("kind", [ConvexProgram.from_problem, GatedRelaxation])
def test_arrangements_of_other_inputs_are_refused(kind):
    plain, lifted = enumerate_patterns(X), enumerate_patterns(make_problem(X, y, 1.0, bias="all").inputs)
    with pytest.raises(InvalidInputError, match=r"column of ones appended; try: enumerate_patterns\(numpy.hstack"):
        kind(make_problem(X, y, 1.0, bias="all"), plain)
    with pytest.raises(InvalidInputError, match='includes a column of ones, but bias="none"'):
        kind(make_problem(X, y, 1.0), lifted)
    with pytest.raises(InvalidInputError, match="made from other data"):
        kind(make_problem(2 * X, y, 1.0), plain)
    with pytest.raises(UnsupportedError, match="one output only in this version; received 2 outputs"):
        kind(make_problem(X, np.stack([y, y], axis=1), 1.0), plain)


def test_gated_relaxation_is_a_bound_only_over_all_patterns():
    problem = make_problem(X, y, 0.2)
    arrangement = enumerate_patterns(X)
    gated = GatedRelaxation(problem, arrangement)
    form = gated.to_cvxpy()
    assert form.negative is None
    assert form.constraints == [form.link]
    assert form.problem.is_dcp(dpp=True)
    assert gated.complete
    assert gated.lower_bound(1.5) == 1.5
    with pytest.raises(UnsupportedError, match="gated value a lower bound; received 3 of them"):
        GatedRelaxation(problem, some_patterns(arrangement, 3)).lower_bound(1.5)
