"""Certificates of branches: no network is below the bound, whatever dual point it came from."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.certificate.parallel import certify_branches
from relucvx.errors import InvalidInputError

RNG = np.random.default_rng(1)
X, Y = RNG.standard_normal((7, 1)), RNG.standard_normal(7)


@pytest.mark.parametrize("bias", ["none", "hidden", "all"])
def test_every_network_costs_at_least_every_lower_bound(bias):
    problem = rx.make_problem(X, Y, 0.2, bias=bias)
    best = 0.0
    uppers = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        net = rx.ParallelReLU(
            0.5 * rng.standard_normal((3, 2, 1)), rng.standard_normal((3, 2)), rng.standard_normal(3),
            None if bias == "none" else rng.standard_normal((3, 2)), 0.1 if bias == "all" else None,
        )  # fmt: skip
        for dual in (None, RNG.standard_normal((7, 1)), Y[:, None]):
            proof = certify_branches(problem, net, dual, time_limit=5.0)
            best = max(best, proof.lower)
            assert proof.lower <= proof.upper
        uppers.append(proof.upper)
    optimum = rx.solve_parallel(problem, tol=1e-5)
    assert best <= min(*uppers, optimum.objective)
    assert optimum.certificate.rel_gap <= 1e-5


def test_a_dual_point_of_another_shape_is_refused():
    problem = rx.make_problem(X, Y, 0.2)
    none = rx.ParallelReLU(np.zeros((0, 2, 1)), np.zeros((0, 2)), np.zeros(0))
    with pytest.raises(InvalidInputError, match="a dual point of shape"):
        certify_branches(problem, none, np.ones(5))
