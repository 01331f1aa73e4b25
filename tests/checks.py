"""assert_* helpers: each raises AssertionError, and tests/integration/test_checks.py shows each of them failing."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from oracles import exact_dual_value, exact_problem_dual_norm_squared, objective_literal, sampled_dual_norm

from relucvx.program.duality import residual
from relucvx.program.objective import fit, objective
from relucvx.types import Scope, Status


def assert_below(problem, lower, networks):
    """No network's objective is below a certified lower bound."""
    for k, network in enumerate(networks):
        value = objective(problem, network)
        assert lower <= value, f"network {k}: objective {value!r} below the certified lower bound {lower!r}"


def assert_consistent(problem, network, certificate):
    """The fields of a certificate agree with each other and with the literal objective."""
    value = objective_literal(problem, network)
    if np.isfinite(value):
        # huge neurons that cancel: the outputs carry the rounding of their largest summand
        summands = np.abs(network.hidden(problem.X)) @ np.abs(network.weights_out)
        steep = 1.0 + np.abs(fit(problem, network)).max() + np.abs(problem.Y).max()
        rounding = 1e-13 * steep * float(problem.sample_weight @ summands.sum(axis=1))
        assert abs(certificate.upper - value) <= 1e-9 * abs(value) + rounding, "upper is wrong"
    assert certificate.lower >= 0.0, "a sum of losses and norms is never negative"
    assert certificate.lower <= certificate.upper, f"lower {certificate.lower!r} above upper {certificate.upper!r}"
    assert certificate.upper_balanced <= certificate.upper, "balancing never raises the objective"
    assert certificate.lower <= certificate.upper_balanced * (1 + 1e-12), "lower above the balanced objective"
    assert certificate.gap == certificate.upper - certificate.lower, "gap is upper - lower"
    expected = 0.0 if certificate.gap == 0.0 else certificate.gap / certificate.upper
    assert certificate.rel_gap == expected, f"rel_gap {certificate.rel_gap!r}, expected {expected!r}"
    assert certificate.dual_norm_reached <= certificate.dual_norm, "dual norm reached above its bound"


def assert_exact_certificate(problem, certificate):
    """In exact arithmetic the dual point is feasible and its value is at least ``lower``."""
    value = exact_dual_value(problem, certificate.dual)
    assert value is not None, "dual point outside the domain of the conjugate"
    assert value >= Fraction(certificate.lower), f"dual value {float(value)!r} below lower {certificate.lower!r}"
    norm = exact_problem_dual_norm_squared(problem, certificate.dual)
    assert norm <= Fraction(problem.beta) ** 2, f"dual norm {float(norm) ** 0.5!r} above beta {problem.beta!r}"


def assert_exact_bound(problem, N, bound):
    """lower <= D(N) <= upper in exact arithmetic."""
    exact = exact_problem_dual_norm_squared(problem, N)
    root = float(exact) ** 0.5
    assert Fraction(bound.lower) ** 2 <= exact, f"lower {bound.lower!r} above D = {root!r} ({bound.method})"
    assert Fraction(bound.upper) ** 2 >= exact, f"upper {bound.upper!r} below D = {root!r} ({bound.method})"


def assert_certified(solution, tol=1e-6):
    """A solution that claims CONVERGED over all patterns, with a gap that is small and stated correctly."""
    certificate = solution.certificate
    assert certificate.rel_gap <= tol, f"relative gap {certificate.rel_gap:.3g} > {tol:g}: {solution!r}"
    assert solution.status is Status.CONVERGED, f"status {solution.status}"
    assert certificate.scope is Scope.ALL_PATTERNS, f"scope {certificate.scope}"
    assert solution.objective == certificate.upper, "objective is not the certificate's upper bound"
    assert_consistent(solution.problem, solution.network, certificate)


def assert_kkt(problem, network, rng, tol=1e-4):
    """Optimality of a smooth problem: no direction above beta, active neurons at beta and parallel to their pull."""
    N = residual(problem, fit(problem, network))
    scale = problem.beta
    if problem.bias == "all":
        decayed = problem.beta * network.bias_out
        assert np.allclose(N.sum(axis=0), decayed, atol=tol * np.abs(N).sum()), "output bias is not stationary"
    if problem.bias == "free":
        assert np.allclose(N.sum(axis=0), 0.0, atol=tol * np.abs(N).sum()), "output bias is not stationary"
        N = N - N.mean(axis=0)
    reached = sampled_dual_norm(problem, N, rng)
    assert reached <= scale * (1 + tol), f"a direction reaches {reached!r} > beta = {scale!r}"
    lifted = network.lifted_in
    if problem.bias != "none" and lifted.shape[1] == problem.n_features:
        lifted = np.column_stack([lifted, np.zeros(len(lifted))])
    size = np.linalg.norm(lifted[:, : problem.penalized], axis=1)
    weight = size * np.linalg.norm(network.weights_out, axis=1)
    for w, v, r, share in zip(lifted, network.weights_out, size, weight, strict=True):
        if share <= 1e-5 * weight.max():
            continue
        pull = problem.activation(problem.inputs @ (w / r)) @ N
        cosine = float(pull @ v / (np.linalg.norm(pull) * np.linalg.norm(v)))
        assert abs(np.linalg.norm(pull) - scale) <= tol * scale, f"active neuron pulls {np.linalg.norm(pull)!r}"
        assert cosine >= 1 - tol, f"output weight not parallel to its pull: cosine {cosine!r}"


def assert_same_value(first, second, tol=1e-6):
    """Two solutions of equivalent problems: their certified intervals overlap and their objectives agree."""
    a, b = first.certificate, second.certificate
    assert a.lower <= b.upper, f"lower {a.lower!r} above the other's upper {b.upper!r}"
    assert b.lower <= a.upper, f"lower {b.lower!r} above the other's upper {a.upper!r}"
    top = max(abs(a.upper), abs(b.upper), 1e-300)
    assert abs(a.upper - b.upper) <= tol * top, f"objectives {a.upper!r} and {b.upper!r}"
