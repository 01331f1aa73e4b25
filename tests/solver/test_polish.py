"""Newton steps on a support."""

import numpy as np
import pytest
from checks import assert_kkt
from solver.test_column_generation import all_blocks, network_of, problem_for

from relucvx.program.objective import balanced_objective, fit
from relucvx.solver.polish import polish
from relucvx.solver.restricted import Blocks, solve_restricted
from relucvx.types import Bias


@pytest.mark.parametrize("loss", ["squared", "logistic", "huber", "squared_hinge"])
@pytest.mark.parametrize("bias", Bias)
def test_polish_never_hurts_and_reaches_kkt(bias, loss):
    problem = problem_for(loss, bias, n=9)
    blocks = all_blocks(problem)
    rough = solve_restricted(problem, blocks)
    size = np.linalg.norm(rough.u[:, : problem.penalized], axis=1)
    keep = size > 1e-4 * size.max()
    part = blocks.keep(keep)
    if bias == "free":  # neurons with w = 0 are constants, free of charge: hand what they add to the output bias
        whole, rest = (
            fit(problem, network_of(problem, b, u, rough.bias_out))
            for b, u in ((blocks, rough.u), (part, rough.u[keep]))
        )
        rough.bias_out = rough.bias_out + (whole - rest).mean(axis=0)
    start = balanced_objective(problem, network_of(problem, part, rough.u[keep], rough.bias_out))
    candidates = polish(problem, part, rough.u[keep], rough.bias_out)
    assert candidates
    networks = [
        network_of(problem, Blocks(np.ones((len(u), 9), bool), v), u, bias_out) for u, v, bias_out in candidates
    ]
    best = min(networks, key=lambda network: balanced_objective(problem, network))
    assert balanced_objective(problem, best) <= start * (1 + 1e-12)
    assert_kkt(problem, best, np.random.default_rng(0), tol=1e-3)


def test_polish_of_an_empty_support_offers_nothing():
    problem = problem_for()
    blocks = all_blocks(problem)
    empty = blocks.keep(np.zeros(len(blocks), bool))
    assert polish(problem, empty, np.zeros((0, 2)), np.zeros(1)) == []
