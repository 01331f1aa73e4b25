"""Conic backends: values, dual points, and every way they can fail."""

import dataclasses
import sys
import types

import numpy as np
import pytest
from scipy.optimize import minimize
from strategies import ENTRYWISE

from relucvx.arrangement import enumerate_patterns
from relucvx.errors import (
    BackendError,
    InfeasibleError,
    InvalidInputError,
    LicenseError,
    MissingPackageError,
)
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.program.backend import check_mosek
from relucvx.program.duality import balance_dual, dual_objective, residual
from relucvx.program.gated import GatedRelaxation
from relucvx.program.interpolation import InterpolationProgram
from relucvx.program.model import ConvexProgram
from relucvx.program.objective import fit, objective
from relucvx.program.posing import make_problem
from relucvx.program.recovery import lift_network, recover_network
from relucvx.solver import conic
from relucvx.solver.conic import solve_conic
from relucvx.types import Bias

LABELS = ("logistic", "hinge", "squared_hinge")


def program(loss="squared", bias="none", seed=0, n=6, beta=0.2, activation="relu", weights=None):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    y = rng.choice([-1.0, 1.0], n) if loss in LABELS else rng.normal(size=n)
    y[:2] = 1.0, -1.0
    problem = make_problem(X, y, beta, loss, bias, activation, weights)
    return ConvexProgram(problem, arrangement=enumerate_patterns(problem.inputs))


def sampled_dual_norm(problem, N, rng, samples=50_000):
    """A lower bound on the dual norm: directions at random, plus offsets for free biases."""
    W = rng.normal(size=(samples, problem.n_inputs))
    W /= np.linalg.norm(W[:, : problem.penalized], axis=1, keepdims=True)
    if problem.bias == "free":
        W[:, -1] = rng.uniform(-1, 1, samples) * np.linalg.norm(problem.X, axis=1).max()
    return float(np.abs(N[:, 0] @ problem.activation(problem.inputs @ W.T)).max())


@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("loss", list(ENTRYWISE))
def test_primal_and_dual_agree(loss, bias):
    weights = np.array([1.0, 2.0, 0.5, 0.0, 1.0, 1.5])
    prog = program(loss, bias, weights=weights)
    problem = prog.problem
    result = solve_conic(prog)
    assert result.status == "optimal"
    assert result.tol <= 1e-8 * (1 + 1e-12)
    assert result.dual.shape == (6, 1)
    net = recover_network(prog, result.primal)
    assert objective(problem, net) == pytest.approx(result.value, abs=1e-7)
    N = result.dual
    np.testing.assert_allclose(balance_dual(problem, N), N, atol=1e-14)
    assert dual_objective(problem, N) == pytest.approx(result.value, abs=1e-6)
    assert sampled_dual_norm(problem, N, np.random.default_rng(1)) <= problem.beta * (1 + 1e-5)
    if problem.loss.smooth:
        np.testing.assert_allclose(result.dual, residual(problem, fit(problem, net)), atol=1e-5)
    assert result.value < problem.null_value()
    assert result.compile_seconds > 0
    assert result.solve_seconds > 0


def test_hinge_multiplier_beats_the_plain_subgradient():
    """Margins sit at exactly 1 at the optimum, where the gradient alone is not a feasible dual point."""
    prog = program("hinge", seed=3, n=8)
    result = solve_conic(prog)
    net = recover_network(prog, result.primal)
    plain = residual(prog.problem, fit(prog.problem, net))
    assert abs(dual_objective(prog.problem, result.dual) - result.value) < 1e-6
    assert abs(dual_objective(prog.problem, plain) - result.value) > 1e-2


def best_descent(problem, starts=60, width=10):
    """Best value of multi-start L-BFGS on the network objective, with its network."""
    d = problem.n_features
    rng = np.random.default_rng(0)
    y = problem.Y[:, 0]

    def value(theta):
        W, v = theta[: width * d].reshape(width, d), theta[width * d :]
        T = problem.X @ W.T
        H = np.maximum(T, 0)
        R = H @ v - y
        back = (T > 0) * np.outer(R, v)
        grad = np.concatenate([(back.T @ problem.X + problem.beta * W).ravel(), H.T @ R + problem.beta * v])
        return 0.5 * R @ R + 0.5 * problem.beta * theta @ theta, grad

    runs = [minimize(value, rng.normal(size=width * (d + 1)), jac=True, method="L-BFGS-B") for _ in range(starts)]
    best = min(runs, key=lambda run: run.fun)
    return best.fun, TwoLayerReLU(best.x[: width * d].reshape(width, d), best.x[width * d :])


@pytest.mark.parametrize("seed", range(3))
def test_textbook_value_is_the_best_of_many_descents(seed):
    prog = program(seed=seed)
    result = solve_conic(prog)
    value, net = best_descent(prog.problem)
    assert objective(prog.problem, net) == pytest.approx(value, rel=1e-12)
    assert result.value <= value + 1e-8
    assert result.value == pytest.approx(value, rel=5e-4)
    lifted = lift_network(net, prog)
    assert lifted.objective(prog.problem, prog.patterns) >= result.value - 1e-8


@pytest.mark.parametrize("activation", ["leaky_relu", "abs", "linear", (0.5, -1.0)])
def test_other_activations(activation):
    prog = program(activation=activation, seed=1)
    result = solve_conic(prog)
    net = recover_network(prog, result.primal)
    assert objective(prog.problem, net) == pytest.approx(result.value, abs=1e-7)
    assert dual_objective(prog.problem, result.dual) == pytest.approx(result.value, abs=1e-7)
    rng = np.random.default_rng(2)
    assert sampled_dual_norm(prog.problem, result.dual, rng) <= prog.problem.beta * (1 + 1e-5)


def test_linear_activation_is_ridge_like_shrinkage():
    """One linear unit: min 1/2 ||x u - y||² + beta |u| in closed form."""
    x, y, beta = np.array([[1.0], [2.0]]), np.array([1.0, 3.0]), 0.5
    prog = ConvexProgram(x, y, beta=beta, arrangement=enumerate_patterns(x), activation="linear")
    u = (7.0 - beta) / 5.0
    assert solve_conic(prog).value == pytest.approx(0.5 * ((u - 1) ** 2 + (2 * u - 3) ** 2) + beta * u, abs=1e-9)


def test_fewer_patterns_never_lower_the_value():
    prog = program(seed=2)
    arr = prog.arrangement
    few = dataclasses.replace(arr, patterns=arr.patterns[:4], generators=arr.generators[:4])
    assert solve_conic(ConvexProgram(prog.problem, arrangement=few)).value >= solve_conic(prog).value - 1e-9


def test_gated_relaxation_is_below():
    strict = 0
    for seed in range(4):
        prog = program(seed=seed, beta=0.5)
        relaxation = GatedRelaxation(prog.problem, prog.arrangement)
        gated = solve_conic(relaxation)
        assert not gated.primal.negative.any()
        exact = solve_conic(prog).value
        assert relaxation.lower_bound(gated.value) <= exact + 1e-8
        strict += gated.value < 0.99 * exact
    assert strict > 0


@pytest.mark.parametrize("bias", Bias)
def test_interpolation_is_the_limit_of_small_beta(bias):
    prog = program(bias=bias, seed=4, n=5)
    p = prog.problem
    limit = InterpolationProgram(p.X, p.Y[:, 0], arrangement=prog.arrangement, bias=bias)
    result = solve_conic(limit)
    np.testing.assert_allclose(result.primal.fit(p, prog.patterns), p.Y, atol=1e-7)
    assert float(result.dual[:, 0] @ p.Y[:, 0]) - (
        float(result.dual.sum()) ** 2 / 2 if bias == "all" else 0.0
    ) == pytest.approx(result.value, rel=1e-6)
    assert sampled_dual_norm(p, result.dual, np.random.default_rng(0)) <= 1 + 1e-5
    small = ConvexProgram(p.X, p.Y[:, 0], beta=1e-4, arrangement=prog.arrangement, bias=bias)
    assert solve_conic(small, tol=1e-12, allow_inaccurate=True).value / 1e-4 == pytest.approx(result.value, rel=1e-2)
    net = recover_network(limit, result.primal)
    np.testing.assert_allclose(net.predict(p.X), p.Y[:, 0], atol=1e-6)


def test_scs_agrees():
    prog = program()
    loose = solve_conic(prog, "SCS")
    assert (loose.backend, loose.tol) == ("SCS", pytest.approx(1e-7))
    assert loose.value == pytest.approx(solve_conic(prog).value, abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backend": "ECOS"}, "CLARABEL, SCS, MOSEK; received 'ECOS'; try: backend=\"CLARABEL\""),
        ({"backend": "scs"}, "try: backend='SCS'"),
        ({"tol": 0.0}, "tol to be a finite number > 0"),
        ({"time_limit": -1.0}, "time_limit to be a finite number > 0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        solve_conic(program(), **arguments)


@pytest.mark.parametrize("backend", ["CLARABEL", "SCS"])
def test_time_limit_is_a_backend_error(backend):
    with pytest.raises(
        BackendError, match=r"status user_limit.*the time or iteration limit|SCS.*status optimal_inaccurate"
    ):
        solve_conic(program(n=12, bias="all"), backend, tol=1e-13, time_limit=1e-9)


def test_inaccurate_is_not_optimal(monkeypatch):
    prog = program()
    form = prog.to_cvxpy()
    solved = type(form.problem).solve

    def inaccurate(self, *args, **kwargs):
        out = solved(self, *args, **kwargs)
        self._status = "optimal_inaccurate"
        return out

    monkeypatch.setattr(type(form.problem), "solve", inaccurate)
    with pytest.raises(BackendError, match=r"status optimal_inaccurate.*allow_inaccurate=True"):
        solve_conic(prog)
    result = solve_conic(prog, allow_inaccurate=True)
    assert result.status == "optimal_inaccurate"


def test_the_default_tolerance_loosens_until_the_backend_reaches_it(monkeypatch):
    import cvxpy as cp

    tried = []
    solved = cp.Problem.solve

    def stubborn(self, solver, verbose, **options):
        tried.append(options["tol_gap_rel"])
        if len(tried) < 3:
            raise cp.error.SolverError("stalled")
        return solved(self, solver=solver, verbose=verbose, **options)

    monkeypatch.setattr(cp.Problem, "solve", stubborn)
    result = solve_conic(program())
    assert tried == pytest.approx([1e-10, 1e-9, 1e-8], rel=1e-12)
    assert result.tol == tried[-1]
    tried.clear()
    with pytest.raises(BackendError, match="stalled"):
        solve_conic(program(), tol=1e-10)
    assert len(tried) == 1
    tried.clear()
    with pytest.raises(BackendError, match="stalled"):
        solve_conic(program(), time_limit=1e-9)
    assert len(tried) == 1


def test_other_statuses_are_errors():
    with pytest.raises(BackendError, match="stop at an optimum; received status unbounded"):
        conic._check_status("unbounded", "SCS", False)
    with pytest.raises(InfeasibleError, match="status infeasible from SCS; likely cause: they contradict"):
        conic._check_status("infeasible", "SCS", True)


def test_contradictory_constraints_are_infeasible():
    import cvxpy as cp

    class Contradiction:
        problem = program().problem

        def to_cvxpy(self):
            form = program().to_cvxpy()
            extra = [*form.constraints, cp.sum(form.fit) >= 1, cp.sum(form.fit) <= -1]
            return dataclasses.replace(form, problem=cp.Problem(form.problem.objective, extra), constraints=extra)

    with pytest.raises(InfeasibleError, match="status infeasible"):
        solve_conic(Contradiction())


def test_solver_exceptions_become_backend_errors(monkeypatch):
    import cvxpy as cp

    def fail(self, *args, **kwargs):
        raise cp.error.SolverError("factorisation failed")

    monkeypatch.setattr(cp.Problem, "solve", fail)
    with pytest.raises(BackendError, match="CLARABEL to solve the program; received its failure: factorisation failed"):
        solve_conic(program())


class FakeError(Exception):
    """Stands in for mosek.Error."""


def fake_mosek(licensed):
    class Env:
        def __enter__(self):
            return self

        def __exit__(self, *exc):
            return False

        def checkoutlicense(self, feature):
            assert feature == "pton"
            if not licensed:
                raise FakeError("License cannot be located.")

    module = types.ModuleType("mosek")
    module.Error, module.Env = FakeError, Env
    module.feature = types.SimpleNamespace(pton="pton")
    return module


def test_mosek_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "mosek", None)
    with pytest.raises(MissingPackageError, match=r'the mosek package.*pip install "relucvx\[mosek\]"'):
        solve_conic(program(), "MOSEK")


def test_mosek_without_licence(monkeypatch):
    monkeypatch.setitem(sys.modules, "mosek", fake_mosek(licensed=False))
    with pytest.raises(LicenseError, match=r"valid MOSEK licence; received License cannot be located"):
        solve_conic(program(), "MOSEK")


def test_mosek_licensed_is_called_by_name(monkeypatch):
    import cvxpy as cp

    calls = []
    solved, compiled = cp.Problem.solve, cp.Problem.get_problem_data
    prog = program()

    def compile_(self, solver, *rest):
        calls.append(solver)
        return compiled(self, "CLARABEL", *rest)

    def solve(self, solver, verbose, mosek_params):
        calls.append((solver, mosek_params))
        return solved(self, solver="CLARABEL")

    monkeypatch.setitem(sys.modules, "mosek", fake_mosek(licensed=True))
    monkeypatch.setattr(cp.Problem, "get_problem_data", compile_)
    monkeypatch.setattr(cp.Problem, "solve", solve)
    check_mosek()
    result = solve_conic(prog, "MOSEK", tol=1e-9, time_limit=5.0)
    assert result.backend == "MOSEK"
    assert calls[0] == "MOSEK"
    assert calls[1][0] == "MOSEK"
    assert calls[1][1]["MSK_DPAR_INTPNT_CO_TOL_REL_GAP"] == 1e-9
    assert calls[1][1]["MSK_DPAR_OPTIMIZER_MAX_TIME"] == 5.0


def test_mosek_errors_while_solving_become_backend_errors(monkeypatch):
    import cvxpy as cp

    def fail(self, *args, **kwargs):
        raise FakeError("licence server lost")

    monkeypatch.setitem(sys.modules, "mosek", fake_mosek(licensed=True))
    monkeypatch.setattr(cp.Problem, "get_problem_data", lambda self, solver: None)
    monkeypatch.setattr(cp.Problem, "solve", fail)
    with pytest.raises(BackendError, match="MOSEK to solve the program; received its failure: licence server lost"):
        solve_conic(program(), "MOSEK")
