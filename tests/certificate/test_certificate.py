"""No network, however obtained, has an objective below a certified lower bound; and what a certificate says is true."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from checks import assert_below, assert_consistent, assert_exact_certificate
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    ACTIVATIONS,
    ENTRYWISE,
    adversarial_networks,
    edited,
    examples,
    problems,
    random_network,
    rescaled,
)

import relucvx as rx
from relucvx.certificate import certify_network
from relucvx.errors import InvalidInputError
from relucvx.network import TwoLayerReLU
from relucvx.program.duality import residual
from relucvx.program.objective import balanced_objective, fit, objective
from relucvx.program.posing import make_problem
from relucvx.solver.descent import descend
from relucvx.types import Bias, Scope


def trained(problem, rng, iterations=60, width=6):
    """A network after a short L-BFGS run."""
    start = random_network(problem, width, rng, 0.3)
    bias = np.zeros(problem.n_outputs) if start.bias_out is None else start.bias_out
    W, V, b, _ = descend(problem, np.array(start.lifted_in), np.array(start.weights_out), bias, iterations)
    return TwoLayerReLU(
        W[:, : problem.n_features],
        V,
        bias_in=W[:, -1] if problem.bias != "none" else None,
        bias_out=b if problem.bias in ("all", "free") else None,
        activation=problem.activation,
        scalar_output=problem.scalar_output,
    )


def small_problem(loss="squared", bias="none", activation="relu", seed=0, n=8, d=2, beta=0.2, weight=None):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    y = rng.choice([-1.0, 1.0], n) if loss in ("logistic", "hinge", "squared_hinge") else rng.standard_normal(n)
    y[:2] = 1.0, -1.0
    return make_problem(X, y, beta, loss, bias, activation, weight)


@examples(150)
@given(problems(), st.integers(0, 10**6))
def test_no_network_is_below_the_bound(problem, seed):
    rng = np.random.default_rng(seed)
    network = trained(problem, rng)
    certificate = certify_network(problem, network)
    assert_consistent(problem, network, certificate)
    assert_below(problem, certificate.lower, adversarial_networks(problem, network, rng))
    assert_below(problem, certificate.lower, [trained(problem, rng, 200, 12)])


@examples(25)
@given(problems(max_n=5, max_d=2), st.integers(0, 10**6))
def test_certificates_hold_in_exact_arithmetic(problem, seed):
    rng = np.random.default_rng(seed)
    for network in (trained(problem, rng), problem.null_network(), random_network(problem, 3, rng, 1e3)):
        certificate = certify_network(problem, network, method=["auto", "branch_and_bound", "enumeration"][seed % 3])
        assert_exact_certificate(problem, certificate)


@examples(30)
@given(problems(max_n=5, max_d=2, outputs=2), st.integers(0, 10**6))
def test_several_outputs(problem, seed):
    rng = np.random.default_rng(seed)
    network = trained(problem, rng)
    certificate = certify_network(problem, network, max_cones=20_000)
    assert_consistent(problem, network, certificate)
    assert_below(problem, certificate.lower, adversarial_networks(problem, network, rng))


@pytest.mark.parametrize("loss", list(ENTRYWISE))
@pytest.mark.parametrize("bias", Bias)
def test_bound_from_a_solution_is_below_every_network(bias, loss):
    for seed, activation in enumerate(("relu", (0.3, -0.2))):
        rng = np.random.default_rng(seed)
        weight = None if seed % 2 else rng.integers(0, 3, 7) + np.array([1.0, 1, 0, 0, 0, 0, 0])
        problem = small_problem(loss, bias, activation, seed, n=7, weight=weight)
        solution = rx.solve(
            problem.X, problem.Y[:, 0], problem.beta, loss=loss, bias=bias, activation=activation, sample_weight=weight
        )
        lower = solution.certificate.lower
        assert_below(problem, lower, adversarial_networks(problem, solution.network, rng))
        for _ in range(3):
            network = trained(problem, rng, 300, 15)
            assert_below(problem, lower, [network, rescaled(network, rng, 1)])
            certificate = certify_network(problem, network)
            assert certificate.lower <= solution.objective
            assert lower <= certificate.upper


@pytest.mark.parametrize("bias", Bias)
def test_scaling_neurons_changes_upper_only(bias):
    problem = small_problem(bias=bias)
    rng = np.random.default_rng(0)
    network = trained(problem, rng, 500)
    dual = residual(problem, fit(problem, network))
    plain = certify_network(problem, network, dual)
    refined = certify_network(problem, network)
    for decades in (1, 3, 6):
        scaled = rescaled(network, rng, decades)
        # Refining the dual point is a search and may end elsewhere in the last digits; a given point proves the same.
        assert certify_network(problem, scaled).lower == pytest.approx(refined.lower, rel=2e-3)
        certificate = certify_network(problem, scaled, dual)
        assert objective(problem, scaled) <= certificate.upper <= objective(problem, scaled) * (1 + 1e-11)
        assert certificate.upper > 1.01 * plain.upper
        assert certificate.upper_balanced == pytest.approx(plain.upper_balanced, rel=1e-9)
        assert certificate.lower == pytest.approx(plain.lower, rel=1e-6)
        assert "rescaling the neurons alone" in str(certificate)
    assert plain.upper_balanced == pytest.approx(balanced_objective(problem, network), rel=1e-12)


@pytest.mark.parametrize("loss", ["squared", "hinge"])
def test_duplicates_and_dead_neurons_change_nothing(loss):
    problem = small_problem(loss)
    network = trained(problem, np.random.default_rng(0), 300)
    plain = certify_network(problem, network)
    twice = edited(network, network.weights_in / 2**0.5, network.weights_out / 2**0.5, np.repeat(np.arange(6), 2))
    doubled = certify_network(problem, twice)
    assert doubled.upper == pytest.approx(plain.upper, rel=1e-12)
    assert doubled.lower == pytest.approx(plain.lower, rel=1e-5)
    dead = TwoLayerReLU(
        np.vstack([network.weights_in, np.zeros((2, 2)), [[1e-300, 0.0]]]),
        np.vstack([network.weights_out, [[0.0]] * 3]),
    )
    certificate = certify_network(problem, dead)
    assert certificate.upper == pytest.approx(plain.upper, rel=1e-12)
    assert certificate.lower == pytest.approx(plain.lower, rel=1e-5)


def test_huge_and_tiny_networks_still_get_valid_numbers():
    problem = small_problem()
    for gain in (1e-200, 1e-100, 1e60, 1e100):
        network = TwoLayerReLU([[gain, 0.0], [0.0, gain]], [1.0, -1.0])
        certificate = certify_network(problem, network)
        assert 0 <= certificate.lower <= certificate.upper
        assert certificate.upper == pytest.approx(objective(problem, network), rel=1e-12)


@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("width", [0, 1])
def test_null_network(bias, width):
    problem = small_problem(bias=bias)
    net = problem.null_network()
    certificate = certify_network(problem, net, residual(problem, fit(problem, net)))
    assert certificate.upper == pytest.approx(problem.null_value(), rel=1e-12)
    assert certificate.lower < certificate.upper
    assert certificate.dual_norm_reached > problem.beta
    top = rx.beta_max(problem.X, problem.Y[:, 0], bias=bias)[1]
    at_top = certify_network(dataclasses.replace(problem, beta=1.5 * top), problem.null_network())
    assert at_top.rel_gap <= (1.0 if bias == "all" else 1e-9)


def test_incomplete_arrangement_gives_only_a_restricted_bound():
    problem = small_problem(n=12)
    X, y = problem.X, problem.Y[:, 0]
    solution = rx.solve(X, y, problem.beta)
    full = rx.certify(solution, X, y, problem.beta)
    assert full.restricted_lower is None
    some = rx.sample_patterns(X, 4, rng=0)
    assert not some.complete
    certificate = rx.certify(solution, X, y, problem.beta, arrangement=some)
    assert certificate.scope is Scope.GIVEN_PATTERNS
    assert certificate.lower <= solution.objective
    program = rx.ConvexProgram(X, y, beta=problem.beta, arrangement=some)
    from relucvx.solver.conic import solve_conic

    restricted_value = solve_conic(program).value
    assert restricted_value > solution.objective * (1 + 1e-4), (
        "the sample must miss patterns for this test to mean much"
    )
    assert certificate.restricted_lower <= restricted_value * (1 + 1e-9)
    network = rx.recover_network(program, solve_conic(program).primal)
    own = rx.certify(network, X, y, problem.beta, arrangement=some)
    assert own.restricted_lower == pytest.approx(restricted_value, rel=1e-5)
    assert own.lower <= solution.objective < own.restricted_lower
    assert "over the given patterns only" in str(own)


def test_complete_arrangement_is_used_as_given():
    problem = small_problem()
    solution = rx.solve(problem.X, problem.Y[:, 0], problem.beta)
    arrangement = rx.enumerate_patterns(problem.X)
    certificate = rx.certify(
        solution, problem.X, problem.Y[:, 0], problem.beta, arrangement=arrangement, method="enumeration"
    )
    assert certificate.scope is Scope.ALL_PATTERNS
    assert certificate.rel_gap <= 1e-6
    assert certificate.cones == len(arrangement)
    other = rx.enumerate_patterns(problem.X[::-1])
    with pytest.raises(InvalidInputError, match="the arrangement was made from other data"):
        rx.certify(solution, problem.X, problem.Y[:, 0], problem.beta, arrangement=other, method="enumeration")


@pytest.mark.parametrize("method", ["spectral", "branch_and_bound", "enumeration"])
def test_methods_agree_on_validity(method):
    problem = small_problem()
    network = trained(problem, np.random.default_rng(1), 800, 12)
    best = rx.solve(problem.X, problem.Y[:, 0], problem.beta)
    certificate = certify_network(problem, network, method=method)
    assert certificate.lower <= best.objective
    assert certificate.method == method
    assert certificate.scope is (Scope.RELAXED if method == "spectral" else Scope.ALL_PATTERNS)


def test_budget_keeps_the_certificate_valid():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 5))
    y = rng.standard_normal(40)
    problem = make_problem(X, y, 1.0)
    network = trained(problem, rng, 300, 20)
    values = []
    for cones in (64, 1000, 20_000):
        certificate = certify_network(problem, network, method="branch_and_bound", max_cones=cones)
        assert certificate.cones <= 2 * cones + 4096
        values.append(certificate.lower)
    tiny = certify_network(problem, network, method="branch_and_bound", time_limit=1e-9)
    stopped = certify_network(problem, network, method="branch_and_bound", callback=lambda state: True)
    full = certify_network(problem, network, method="branch_and_bound")
    for lower in (*values, tiny.lower, stopped.lower):
        assert 0 <= lower <= full.upper
    assert max(values) <= full.lower * (1 + 1e-9)


@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_hinge_certificates_of_trained_networks_prove_something(activation, bias):
    problem = small_problem("hinge", bias, activation, seed=2, n=8, beta=0.1)
    network = trained(problem, np.random.default_rng(0), 400, 10)
    certificate = certify_network(problem, network)
    solution = rx.solve(problem.X, problem.Y[:, 0], 0.1, loss="hinge", bias=bias, activation=activation)
    assert certificate.lower <= solution.objective
    if bias in ("none", "hidden"):
        assert certificate.lower >= 0.99 * solution.certificate.lower


def test_stationarity_is_small_at_optima_and_large_elsewhere():
    problem = small_problem(activation="linear")
    solution = rx.solve(problem.X, problem.Y[:, 0], problem.beta, activation="linear", tol=1e-9)
    assert solution.network.width > 0
    assert solution.certificate.stationarity < 1e-7
    assert certify_network(problem, trained(problem, np.random.default_rng(0), 2000)).stationarity < 1e-3
    assert certify_network(problem, random_network(problem, 5, np.random.default_rng(0))).stationarity > 1e-2


def test_given_dual_point_is_used():
    problem = small_problem()
    solution = rx.solve(problem.X, problem.Y[:, 0], problem.beta)
    zero = problem.null_network()
    own = rx.certify(zero, problem.X, problem.Y[:, 0], problem.beta)
    helped = rx.certify(zero, problem.X, problem.Y[:, 0], problem.beta, dual=solution.dual)
    assert helped.lower == pytest.approx(solution.certificate.lower, rel=1e-6)
    assert helped.lower > own.lower


@pytest.mark.parametrize("scale", [1e-40, 1e-8, 1e8, 1e40])
def test_wild_dual_points_stay_valid(scale):
    problem = small_problem()
    best = rx.solve(problem.X, problem.Y[:, 0], problem.beta)
    N = scale * np.random.default_rng(0).standard_normal((8, 1))
    certificate = rx.certify(best, problem.X, problem.Y[:, 0], problem.beta, dual=N)
    assert 0 <= certificate.lower <= best.objective
    assert_below(problem, certificate.lower, [best.network])


MISFITS = [
    ({"weights_in": np.ones((2, 3)), "weights_out": np.ones(2)}, {}, "2 features"),
    ({"weights_in": np.ones((2, 2)), "weights_out": np.ones((2, 2))}, {}, "1 outputs"),
    ({"weights_in": np.ones((2, 2)), "weights_out": np.ones(2), "bias_in": [0.0, 0.0]}, {}, "hidden bias"),
    ({"weights_in": np.ones((2, 2)), "weights_out": np.ones(2), "bias_out": [0.0]}, {"bias": "hidden"}, "output bias"),
    ({"weights_in": np.ones((2, 2)), "weights_out": np.ones(2)}, {"activation": "abs"}, "activation abs"),
]


@pytest.mark.parametrize(("weights", "options", "message"), MISFITS)
def test_networks_that_do_not_fit_are_refused(weights, options, message):
    problem = small_problem()
    with pytest.raises(InvalidInputError, match=message):
        rx.certify(TwoLayerReLU(**weights), problem.X, problem.Y[:, 0], 0.1, **options)


BAD_OPTIONS = [
    ({"method": "guess"}, "a method among"),
    ({"tol": 0}, "tol to be a finite number > 0"),
    ({"dual": np.ones(3)}, "dual"),
    ({"dual": np.full(8, np.nan)}, "finite"),
]


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS)
def test_bad_options_are_refused(options, message):
    problem = small_problem()
    with pytest.raises(InvalidInputError, match=message):
        rx.certify(problem.null_network(), problem.X, problem.Y[:, 0], 0.1, **options)


def test_other_objects_are_refused():
    problem = small_problem()
    with pytest.raises(InvalidInputError, match="a TwoLayerReLU"):
        rx.certify("a network", problem.X, problem.Y[:, 0], 0.1)


def test_the_verifier_does_not_import_the_solver():
    code = (
        "import sys, relucvx.certificate\n"
        "bad = [m for m in sys.modules if m.startswith('relucvx.solver') or m in ('cvxpy', 'torch', 'matplotlib')]\n"
        "raise SystemExit(str(bad) if bad else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_modules(bias, dtype):
    torch = pytest.importorskip("torch")
    problem = small_problem()
    module = torch.nn.Sequential(torch.nn.Linear(2, 5, bias=bias), torch.nn.ReLU(), torch.nn.Linear(5, 1, bias=bias))
    module = module.to(getattr(torch, dtype))
    mode = "all" if bias else "none"
    certificate = rx.certify(module, problem.X, problem.Y, 0.2, bias=mode)
    with torch.no_grad():
        out = module(torch.tensor(problem.X, dtype=getattr(torch, dtype))).double().numpy()
        decay = sum(float((p.double() ** 2).sum()) for p in module.parameters())
    expected = 0.5 * ((out - problem.Y) ** 2).sum() + 0.1 * decay
    assert certificate.upper == pytest.approx(expected, rel=1e-5 if dtype == "float32" else 1e-12)
    solution = rx.solve(problem.X, problem.Y[:, 0], 0.2, bias=mode)
    assert certificate.lower <= solution.objective <= certificate.upper
    with torch.no_grad():
        for p in module[0].parameters():
            p.mul_(1e3)
        module[2].weight.mul_(1e-3)
    scaled = rx.certify(module, problem.X, problem.Y, 0.2, bias=mode)
    assert scaled.upper > certificate.upper
    assert scaled.upper_balanced == pytest.approx(certificate.upper_balanced, rel=1e-5)
    if bias:
        with pytest.raises(InvalidInputError, match="hidden bias"):
            rx.certify(module, problem.X, problem.Y, 0.2)


def test_certificate_round_trips_as_plain_values():
    problem = small_problem()
    certificate = certify_network(problem, problem.null_network())
    plain = certificate.to_dict()
    assert plain["scope"] == "ALL_PATTERNS"
    assert np.shape(plain["dual"]) == (8, 1)
    with pytest.raises(ValueError, match="read-only"):
        certificate.dual[0, 0] = 1.0
    assert f"lower={certificate.lower:.10g}" in repr(certificate)


@pytest.mark.parametrize("scale", [1e-12, 1e-9, 1.0, 1e9])
def test_beta_max_of_the_hinge_is_proportional_to_the_weights(scale):
    X, y, w = np.array([[0.0], [-3.0], [3.0], [-5.0]]), np.array([1.0, 1.0, -1.0, -1.0]), np.array([3.0, 3.0, 1.0, 1.0])
    for labels in (y, -y, y[[0, 2, 1, 3]], y[[2, 0, 1, 3]]):
        lo, hi = rx.beta_max(X, labels, loss="hinge", bias="free", sample_weight=w)
        low, high = rx.beta_max(X, labels, loss="hinge", bias="free", sample_weight=w * scale)
        assert low <= hi * scale * (1 + 1e-9)
        assert lo * scale <= high * (1 + 1e-9)
        assert high == pytest.approx(hi * scale, rel=1e-6)


def test_a_dual_point_that_is_given_only_helps():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 3)), rng.standard_normal(20)
    sol = rx.solve(X, y, beta=0.5)
    alone = rx.certify(sol.network, X, y, beta=0.5)
    assert alone.rel_gap < 1e-4
    # one of a search that was cut short, and one that proves nothing
    for poor in (sol.dual + 0.5 * np.abs(sol.dual).max() * rng.standard_normal(sol.dual.shape), -sol.dual):
        assert rx.certify(sol.network, X, y, beta=0.5, dual=poor).lower >= alone.lower * (1 - 1e-12)
    assert rx.certify(sol.network, X, y, beta=0.5, dual=sol.dual).lower >= alone.lower * (1 - 1e-12)
