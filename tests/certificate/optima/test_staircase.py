"""Widths of optima: polygons with known figures, and every subset of the atoms by brute force."""

import itertools

import numpy as np
import pytest
from scipy.optimize import nnls

import relucvx as rx
from relucvx.certificate import Phase, Staircase
from relucvx.certificate.optima.polytope import Polytope
from relucvx.certificate.optima.staircase import fit_error, narrowest, vertices
from relucvx.deadline import Deadline


def polygon(n):
    angle = 2 * np.pi * np.arange(n) / n
    return np.column_stack([np.cos(angle), np.sin(angle)])


def simple_polytope(A, F):
    n = len(F)
    return Polytope(
        np.asarray(A, float), np.asarray(F, float), np.ones(n, bool), np.full(n, -np.inf), np.full(n, np.inf), False
    )


def brute_force(A, F):
    """(fewest atoms of a non-negative solution, most independent ones of a positive one), subset by subset."""
    size = np.linalg.norm(A, axis=0)
    unit, tol = A / size, 1e-7 * np.linalg.norm(F)
    least, most = None, None
    for k in range(min(A.shape) + 1):
        for chosen in itertools.combinations(range(A.shape[1]), k):
            part = unit[:, list(chosen)]
            if k and np.linalg.svd(part, compute_uv=False)[-1] < 1e-7:
                continue
            c, off = nnls(part, F) if k else (np.zeros(0), float(np.linalg.norm(F)))
            if off <= tol and (c > 1e-6 * c.max(initial=0.0)).all():
                least, most = k if least is None else least, k
    return least, most


@pytest.mark.parametrize(("n", "least", "most"), [(3, 2, 3), (4, 2, 2), (5, 4, 5), (6, 3, 3)])
def test_polygons(n, least, most):
    found = rx.optimal_set(rx.solve(polygon(n), np.ones(n), beta=0.2, tol=1e-11))
    stairs = found.staircase
    assert (stairs.least, stairs.least_lower, stairs.most) == (least, least, most)
    assert stairs.complete
    assert found.width == found.width_lower == least
    assert (min(stairs.widths), max(stairs.widths)) == (least, most)
    assert brute_force(found.polytope.atoms, found.polytope.fit) == (least, most)


def test_phases():
    stairs = Staircase(4, 4, 6, (4, 6), 9, True)
    names = [stairs.phase(m).name for m in range(12)]
    assert names == ["EMPTY"] * 4 + ["FINITE", "CONTINUA", "MIXED"] + ["CONTINUA"] * 3 + ["CONNECTED"] * 2
    # the null network is the only one, whatever the width
    assert Staircase(0, 0, 0, (0,), 1, True).phase(7) is Phase.FINITE
    with pytest.raises(ValueError, match="a staircase whose optima are all known"):
        Staircase(4, 3, 6, (4, 6), 9, False).phase(5)
    with pytest.raises(ValueError, match="width"):
        stairs.phase(-1)
    assert "at least 3" in repr(Staircase(4, 3, 6, (4, 6), 9, False))


def small_systems(count, seed):
    """Non-negative atoms of small integers, often dependent, and a fit that they make."""
    rng = np.random.default_rng(seed)
    while count:
        A = rng.integers(0, 3, (int(rng.integers(2, 5)), int(rng.integers(2, 7)))).astype(float)
        c = np.maximum(rng.integers(-1, 3, A.shape[1]), 0.0)
        if (A.sum(axis=0) > 0).all() and c.any():
            count -= 1
            yield A, A @ c, c


def test_vertices_and_the_narrowest_by_brute_force():
    for A, F, c in small_systems(60, 0):
        polytope = simple_polytope(A, F)
        found, every = vertices(polytope, c, Deadline())
        assert every
        sizes = [key.count(True) for key in found]
        assert (min(sizes), max(sizes)) == brute_force(A, F), (A, F)
        for x in found.values():
            np.testing.assert_allclose(A @ x, F, atol=1e-9)
            assert (x >= 0.0).all()
        least = min(sizes)
        assert narrowest(polytope, np.zeros(A.shape[1]), 0.0, c.sum(), least, Deadline()) == least
        # what may be wrong with the fit can be as large as the fit, and then no neuron is needed
        assert narrowest(polytope, np.zeros(A.shape[1]), 2.0 * np.linalg.norm(F), c.sum(), least, Deadline()) == 0


def test_a_narrowest_set_allows_for_atoms_that_are_off():
    """Two atoms at a right angle, a fit 0.1 beside the first: alone it is off by 0.1."""
    polytope = simple_polytope(np.eye(2), [1.0, 0.1])
    assert narrowest(polytope, np.zeros(2), 0.0, 1.1, 2, Deadline()) == 2
    assert narrowest(polytope, np.full(2, 0.03), 0.0, 1.1, 2, Deadline()) == 2
    assert narrowest(polytope, np.full(2, 0.06), 0.0, 1.1, 2, Deadline()) == 1
    assert narrowest(polytope, np.zeros(2), 0.06, 1.1, 2, Deadline()) == 1
    # no time, no bound
    late = Deadline(1e-9)
    assert narrowest(polytope, np.zeros(2), 0.0, 1.1, 2, late) in (0, 2)


@pytest.mark.parametrize("loss", ["squared", "logistic", "huber", "squared_hinge"])
@pytest.mark.parametrize("bias", ["none", "all"])
def test_the_error_of_the_fit_holds_for_rough_solutions(loss, bias):
    from relucvx.certificate.optima.optimal_set import dual_error
    from relucvx.program.objective import fit

    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((12, 2)), rng.standard_normal(12)
    y = y if loss in ("squared", "huber") else np.sign(y)
    beta = 0.3 * rx.beta_max(X, y, loss=loss, bias=bias)[1]
    exact = rx.solve(X, y, beta, loss=loss, bias=bias, tol=1e-12)
    rough = rx.solve(X, y, beta, loss=loss, bias=bias, tol=1e-4)
    problem = rough.problem
    fits = []
    for solution in (exact, rough):
        fits.append(fit(problem, solution.network) - (problem.neurons(solution.network)[2] if bias == "all" else 0.0))
    delta = dual_error(problem, rough.certificate.gap)
    bound = fit_error(problem, rough.dual, fit(problem, rough.network), delta, problem.neurons(rough.network)[2])
    if bound is not None:
        assert np.linalg.norm(fits[0] - fits[1]) <= bound + 1e-6
    if loss == "squared":
        assert bound is not None
    assert fit_error(problem, rough.dual, rough.network.predict(X)[:, None], None, np.zeros(1)) is None


@pytest.mark.slow
def test_fifty_tiny_problems_by_brute_force():
    """Integer data in the plane, often degenerate: every subset of the atoms, and every direction of a fine circle."""
    rng, compared = np.random.default_rng(7), 0
    while compared < 50:
        n, c = int(rng.integers(2, 7)), int(rng.integers(1, 3))
        X, Y = rng.integers(-2, 3, (n, 2)).astype(float), rng.integers(-2, 3, (n, c)).astype(float)
        if rng.random() < 0.4:
            X, Y = polygon(n) if n > 2 else X, np.abs(Y[:1]).repeat(n, axis=0)
        if not (X.any() and Y.any()):
            continue
        solution = rx.solve(X, Y, 0.2 * rx.beta_max(X, Y)[1], tol=1e-11)
        found = rx.optimal_set(solution)
        if found.staircase is None or not found.staircase.complete or len(found.directions) > 10:
            continue
        compared += 1
        stairs = found.staircase
        assert brute_force(found.polytope.atoms, found.polytope.fit) == (stairs.least, stairs.most)
        # active directions of a fine circle are those named
        angle = np.linspace(0, 2 * np.pi, 20_001)[:-1]
        W = np.column_stack([np.cos(angle), np.sin(angle)])
        values = np.linalg.norm(solution.dual.T @ np.maximum(X @ W.T, 0.0), axis=0)
        active = W[values >= (1 - 1e-9) * solution.problem.beta]
        if len(active):
            assert (np.max(active @ found.directions.T, axis=1) > 1 - 1e-6).all()
