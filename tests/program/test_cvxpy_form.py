"""The program in CVXPY."""

import numpy as np
import pytest
from program.test_model import program
from strategies import ENTRYWISE

from relucvx.arrangement import enumerate_patterns
from relucvx.errors import InvalidInputError
from relucvx.network import TwoLayerReLU
from relucvx.program.atoms import ConvexPrimal
from relucvx.program.model import ConvexProgram
from relucvx.program.objective import fit, objective
from relucvx.program.posing import make_problem
from relucvx.program.recovery import recover_network
from relucvx.types import Bias


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


@pytest.mark.parametrize("bias", Bias)
def test_the_form_of_several_outputs_is_dpp_and_evaluates_to_the_objective(bias):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(6, 2 if bias == "none" else 1)), rng.normal(size=(6, 3))
    problem = make_problem(X, Y, 0.2, bias=bias, activation=(0.3, -1.2), sample_weight=rng.uniform(0.5, 2.0, 6))
    prog = ConvexProgram(problem, arrangement=enumerate_patterns(problem.inputs))
    form = prog.to_cvxpy()
    assert form.problem.is_dcp(dpp=True)
    assert form.constraints[0] is form.link
    assert form.fit.shape == (6, 3)
    assert (form.positive, form.negative) == (None, None)
    assert len(form.moments) == len(prog.patterns)
    with pytest.raises(InvalidInputError, match=r"nothing has been solved.*form.problem.solve\(solver="):
        form.primal()
    value = form.problem.solve(solver="CLARABEL")
    primal = form.primal()
    assert primal.objective(problem, prog.patterns) == pytest.approx(value, rel=1e-8)
    np.testing.assert_allclose(primal.fit(problem, prog.patterns), form.fit.value, atol=1e-6)
    # the strength is a parameter: the same form at another one is the program of another problem
    form.beta.value = 0.4
    stronger = make_problem(X, Y, 0.4, "squared", bias, (0.3, -1.2), problem.sample_weight)
    other = ConvexProgram(stronger, arrangement=prog.arrangement).to_cvxpy().problem.solve(solver="CLARABEL")
    assert form.problem.solve(solver="CLARABEL") == pytest.approx(other, rel=1e-6)
    assert other > value
    net = recover_network(prog, form.primal())
    np.testing.assert_allclose(fit(problem, net), form.fit.value, atol=1e-4)
    assert objective(stronger, net) == pytest.approx(other, rel=1e-6)


def test_the_form_of_one_output_hands_out_its_point():
    prog = program(bias="all")
    form = prog.to_cvxpy()
    with pytest.raises(InvalidInputError, match="variables with a value"):
        form.primal()
    value = form.problem.solve(solver="CLARABEL")
    net = recover_network(prog, form.primal())
    assert isinstance(net, TwoLayerReLU)
    assert objective(prog.problem, net) == pytest.approx(value, rel=1e-6)
