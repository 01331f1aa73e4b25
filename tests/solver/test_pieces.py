"""The solver's pieces: restricted program, polish, descent, blocks and the choice of a method."""

import importlib

import numpy as np
import pytest
from checks import assert_kkt
from scipy.optimize import check_grad, minimize
from strategies import ENTRYWISE, LABEL_LOSSES, random_network

from relucvx.arrangement import enumerate_patterns
from relucvx.errors import BackendError, InvalidInputError
from relucvx.network import TwoLayerReLU
from relucvx.oracle import dual_norm
from relucvx.program.duality import balance_dual, dual_objective
from relucvx.program.objective import balanced_objective, fit, objective
from relucvx.program.problem import make_problem
from relucvx.solver.choose import solve_problem
from relucvx.solver.column_generation import active_set
from relucvx.solver.descent import descend, random_start
from relucvx.solver.polish import polish
from relucvx.solver.restricted import Blocks, solve_restricted
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


@pytest.mark.parametrize("loss", list(ENTRYWISE))
@pytest.mark.parametrize("bias", Bias)
def test_restricted_over_all_cells_is_the_global_optimum(bias, loss):
    weight = np.array([1.0, 2.0, 0.5, 0.0, 1.0, 1.0, 3.0])
    problem = problem_for(loss, bias, weight=weight)
    blocks = all_blocks(problem)
    out = solve_restricted(problem, blocks)
    network = network_of(problem, blocks, out.u, out.bias_out)
    value = balanced_objective(problem, network)
    N = balance_dual(problem, out.dual)
    assert np.abs(N - out.dual).max() <= 1e-7
    upper = dual_norm(problem, N).upper
    assert upper <= problem.beta * (1 + 1e-6)
    assert dual_objective(problem, N / max(1.0, upper / problem.beta)) == pytest.approx(value, rel=1e-6)
    assert out.solves >= 1
    assert out.seconds > 0


@pytest.mark.parametrize("bias", Bias)
def test_restricted_respects_its_cells(bias):
    problem = problem_for(bias=bias, n=10)
    patterns = enumerate_patterns(problem.inputs).patterns[::3]
    blocks = Blocks(patterns, np.where(np.arange(len(patterns)) % 2, 1.0, -1.0)[:, None])
    out = solve_restricted(problem, blocks)
    products = out.u @ problem.inputs.T
    wrong = np.where(patterns, -products, products)
    lengths = np.linalg.norm(problem.inputs, axis=1)
    assert (wrong <= 1e-7 * lengths * np.linalg.norm(out.u, axis=1).max()).all()
    everything = solve_restricted(problem, all_blocks(problem))
    part = balanced_objective(problem, network_of(problem, blocks, out.u, out.bias_out))
    whole = balanced_objective(problem, network_of(problem, all_blocks(problem), everything.u, everything.bias_out))
    assert part >= whole * (1 - 1e-8)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("bias", ["none", "free"])
def test_restricted_scales(scale, bias):
    """Inputs and beta times s leave the value; targets and beta times s multiply it by s²."""
    base = problem_for(bias=bias)
    reference = solve_restricted(base, all_blocks(base))
    value = balanced_objective(base, network_of(base, all_blocks(base), reference.u, reference.bias_out))
    inputs = make_problem(scale * base.X, base.Y[:, 0], scale * 0.3, bias=bias)
    blocks = Blocks(all_blocks(base).patterns, all_blocks(base).outputs)
    out = solve_restricted(inputs, blocks)
    assert balanced_objective(inputs, network_of(inputs, blocks, out.u, out.bias_out)) == pytest.approx(value, rel=1e-6)
    targets = make_problem(base.X, scale * base.Y[:, 0], scale * 0.3, bias=bias)
    out = solve_restricted(targets, all_blocks(base))
    got = balanced_objective(targets, network_of(targets, all_blocks(base), out.u, out.bias_out))
    assert got == pytest.approx(scale**2 * value, rel=1e-6)


def test_backend_failure_is_an_error(monkeypatch):
    import clarabel

    class Broken:
        def __init__(self, *args):
            pass

        def solve(self):
            problem = problem_for()
            size = 10_000
            out = type("Out", (), {})()
            out.x, out.z, out.status, out.solve_time = np.full(size, np.nan), np.zeros(size), "NumericalError", 0.0
            assert problem.n_samples
            return out

    monkeypatch.setattr(clarabel, "DefaultSolver", Broken)
    problem = problem_for()
    with pytest.raises(BackendError, match="CLARABEL stopped with status NumericalError"):
        solve_restricted(problem, all_blocks(problem))
    result = active_set(problem)
    assert result.status is Status.BACKEND_FAILED
    assert balanced_objective(problem, result.network) <= problem.null_value()


def test_blocks_extend_without_repeats_and_keep_their_rows():
    patterns = np.array([[True, False], [False, True]])
    blocks = Blocks(patterns, np.array([[1.0], [-1.0]]))
    blocks.rows[1].add(0)
    more = blocks.extend(
        np.array([[True, False], [True, False], [True, True], [True, True]]), np.array([[1.0], [-1.0], [1.0], [1.0]])
    )
    assert len(more) == 4
    assert more.rows == [set(), {0}, set(), set()]
    kept = more.keep(np.array([False, True, True, False]))
    assert kept.rows == [{0}, set()]
    np.testing.assert_array_equal(kept.patterns, [[False, True], [True, False]])
    assert len(blocks.keep(np.array([False, False]))) == 0


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


@pytest.mark.parametrize("loss", ["squared", "logistic", "huber", "squared_hinge"])
@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("activation", ["relu", (0.3, -0.2)])
def test_descent_lowers_the_true_objective(bias, loss, activation, monkeypatch):
    problem = problem_for(loss, bias, activation, weight=np.array([1.0, 2.0, 0.0, 1.0, 1.0, 0.5, 1.0]))
    rng = np.random.default_rng(0)
    seen = {}
    original = minimize

    def spy(fun, start, **options):
        seen["fun"], seen["start"] = fun, start
        return original(fun, start, **options)

    monkeypatch.setattr("relucvx.program.lbfgs.minimize", spy)
    W, V, b = random_start(problem, 5, rng)
    W2, V2, b2, value = descend(problem, W, V, b, 100)
    error = check_grad(lambda t: seen["fun"](t)[0], lambda t: seen["fun"](t)[1], seen["start"])
    assert error <= 1e-5 * max(1.0, np.linalg.norm(seen["fun"](seen["start"])[1]))

    def as_network(W, V, b):
        return TwoLayerReLU(
            W[:, :2],
            V,
            W[:, -1] if bias != "none" else None,
            b if bias in ("all", "free") else None,
            problem.activation,
        )

    assert objective(problem, as_network(W2, V2, b2)) == pytest.approx(value, rel=1e-9)
    assert value <= objective(problem, as_network(W, V, b)) * (1 + 1e-12)
    assert seen["fun"](seen["start"])[0] == pytest.approx(objective(problem, as_network(W, V, b)), rel=1e-12)


@pytest.mark.parametrize("bias", Bias)
def test_random_start_is_finite_for_degenerate_columns(bias):
    for X in (np.zeros((4, 2)), np.column_stack([np.arange(4.0), np.zeros(4)])):
        problem = make_problem(X, np.array([1.0, -1.0, 2.0, 0.0]), 0.1, bias=bias)
        W, V, b = random_start(problem, 5, np.random.default_rng(0))
        assert np.abs(W).max() < 1e6
        assert np.abs(V).max() < 1e6
        assert np.isfinite(b).all()


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


def test_methods_and_errors():
    problem = problem_for()
    assert solve_problem(problem).status is Status.CONVERGED
    conic = solve_problem(problem, method="conic", time_limit=60.0)
    assert objective(problem, conic.network) == pytest.approx(objective(problem, active_set(problem).network), rel=1e-6)
    with pytest.raises(InvalidInputError, match="a solver among auto, active_set, conic"):
        solve_problem(problem, method="newton")


def test_branch_and_bound_alone_suffices(monkeypatch):
    """Without enumeration every proof comes from the tree, and violations come back as columns."""
    module = importlib.import_module("relucvx.solver.column_generation")
    monkeypatch.setattr(module, "choose_method", lambda form: "branch_and_bound")
    for bias in Bias:
        problem = problem_for(n=15, beta=0.05, bias=bias)
        assert active_set(problem).status is Status.CONVERGED
