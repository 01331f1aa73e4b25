"""The program in CVXPY."""

import numpy as np
import pytest
from program.test_model import program
from strategies import ENTRYWISE

from relucvx.program.atoms import ConvexPrimal
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
