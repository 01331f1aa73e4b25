"""The solver's pieces: restricted program, polish, descent, blocks and the choice of a method."""

import importlib

import numpy as np
import pytest
from strategies import LABEL_LOSSES, random_network

import relucvx as rx
from relucvx.arrangement import enumerate_patterns
from relucvx.network import TwoLayerReLU
from relucvx.program.objective import balanced_objective, fit, objective
from relucvx.program.posing import make_problem
from relucvx.solver.column_generation import active_set
from relucvx.solver.restricted import Blocks
from relucvx.types import Bias, Status


def problem_for(loss="squared", bias="none", activation="relu", n=7, d=2, beta=0.3, seed=0, weight=None):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    y = rng.choice([-1.0, 1.0], n) if loss in LABEL_LOSSES else rng.standard_normal(n)
    y[:2] = 1.0, -1.0
    return make_problem(X, y, beta, loss, bias, activation, weight)


def all_blocks(problem):
    """Every cell with both output signs."""
    patterns = enumerate_patterns(problem.inputs).patterns
    signs = np.repeat([[1.0], [-1.0]], len(patterns), axis=0)
    return Blocks(np.vstack([patterns, patterns]), signs)


def network_of(problem, blocks, u, bias_out):
    size = np.linalg.norm(u[:, : problem.penalized], axis=1)
    live = size > 0
    root = np.sqrt(size[live])[:, None]
    W = u[live] / root
    return TwoLayerReLU(
        W[:, : problem.n_features],
        blocks.outputs[live] * root,
        bias_in=W[:, -1] if problem.bias != "none" else None,
        bias_out=bias_out if problem.bias in ("all", "free") else None,
        activation=problem.activation,
    )


# ---------------------------------------------------------------------- the loop
def test_history_is_consistent():
    problem = problem_for(n=20, beta=0.05)
    result = active_set(problem, tol=1e-9)
    assert result.status is Status.CONVERGED
    uppers = [p.upper for p in result.history]
    lowers = [p.lower for p in result.history]
    assert uppers == sorted(uppers, reverse=True)
    assert lowers == sorted(lowers)
    assert result.rounds <= 30
    assert result.lower <= objective(problem, result.network)
    assert result.seconds > 0


def test_round_limit():
    problem = problem_for(n=25, d=3, beta=0.01)
    result = active_set(problem, max_rounds=1, tol=1e-12)
    assert result.rounds == 1
    assert result.status in (Status.ITERATION_LIMIT, Status.CONVERGED)


def test_the_best_network_is_never_worse_than_the_start():
    problem = problem_for(n=15, beta=0.05)
    start = random_network(problem, 40, np.random.default_rng(0), 0.1)
    result = active_set(problem, start=start, max_rounds=1)
    assert balanced_objective(problem, result.network) <= min(
        balanced_objective(problem, start), problem.null_value()
    ) * (1 + 1e-12)


def test_duplicate_neurons_are_merged():
    problem = problem_for(n=15, beta=0.05)
    network = active_set(problem).network
    unit = network.weights_in / np.linalg.norm(network.weights_in, axis=1, keepdims=True)
    cosines = unit @ unit.T - np.eye(len(unit))
    same_sign = network.weights_out @ network.weights_out.T > 0
    assert (cosines[same_sign] < 1 - 1e-9).all()


@pytest.mark.parametrize("bias", Bias)
def test_result_is_balanced(bias):
    problem = problem_for(n=15, beta=0.05, bias=bias)
    network = active_set(problem).network
    assert objective(problem, network) == pytest.approx(balanced_objective(problem, network), rel=1e-9)
    assert fit(problem, network).shape == (15, 1)


def test_branch_and_bound_alone_suffices(monkeypatch):
    """Without enumeration every proof comes from the tree, and violations come back as columns."""
    module = importlib.import_module("relucvx.oracle.dual_norm_bound")
    monkeypatch.setattr(module, "choose_method", lambda form: "branch_and_bound")
    for bias in Bias:
        problem = problem_for(n=15, beta=0.05, bias=bias)
        assert active_set(problem).status is Status.CONVERGED


def hinge_with_two_outputs(n=13, d=4):
    """Kinks and shared neurons: the dual point is held in place by directions without a neuron."""
    rng = np.random.default_rng(21)
    X, Y = rng.normal(size=(n, d)), np.sign(rng.normal(size=(n, 2)))
    return rx.make_problem(X, Y, 0.3 * rx.beta_max(X, Y, loss="hinge")[0], loss="hinge")


def test_time_that_runs_out_before_anything_is_proven_leaves_the_dual_point_that_proves_most():
    """What search said of a dual point when it was priced counts, not which of them came last."""
    problem = hinge_with_two_outputs()
    found = active_set(problem, tol=1e-12, max_rounds=3)
    assert found.lower == 0.0
    exact = rx.solve(problem, tol=1e-4)
    proof = rx.certify(found.network, problem, dual=found.dual)
    assert proof.lower <= exact.objective
    assert proof.rel_gap < 0.01
