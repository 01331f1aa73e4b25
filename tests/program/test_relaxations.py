"""Named relaxations: bounds that no network beats, tight where a theorem says so."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from oracles import climbed_dual_norm
from strategies import adversarial_networks, examples, problems, random_network
from vector_oracles import lbfgs_best, plane_cells, plane_sdp

import relucvx
from relucvx.arrangement import enumerate_patterns
from relucvx.deadline import Deadline
from relucvx.errors import BackendError, InvalidInputError, UnsupportedError
from relucvx.program import relaxations
from relucvx.program.duality import dual_objective
from relucvx.program.gated import GatedRelaxation
from relucvx.program.objective import balanced_objective
from relucvx.program.posing import make_problem
from relucvx.program.relaxations import doubly_nonnegative_bound, nuclear_norm_bound

BOUNDS = (nuclear_norm_bound, doubly_nonnegative_bound)
BIASES = ("none", "hidden", "all")
SIGNS = np.array(list(itertools.product([1.0, -1.0], repeat=2)))


def orthonormal_rows(n, d, rng):
    """(n, d) with X Xᵀ = I."""
    return np.linalg.qr(rng.standard_normal((d, n)))[0].T


def shrunk(sizes, beta):
    """Σ beta t - beta²/2 where t > beta, else t²/2: the whitened closed forms."""
    return sum(beta * t - beta**2 / 2 if t > beta else t * t / 2 for t in sizes)


def assert_tight(relaxation, value, tol=1e-7):
    """A proof within tol of the value, and never above it."""
    assert relaxation.lower <= value * (1 + 1e-12)
    assert relaxation.lower == pytest.approx(value, rel=tol)
    assert relaxation.value == pytest.approx(value, rel=tol)


# ---- doubly nonnegative: exact cases -------------------------------------------------------------------------------


@pytest.mark.parametrize(("beta", "value"), [(0.1, 0.2 * 8**0.5 - 0.02), (0.5, 8**0.5 - 0.5)])
def test_factorial_labels_on_four_whitened_samples(beta, value):
    """p* = d_Y (beta sqrt(2 n) - beta²): 0.54568542 for beta = 0.1."""
    found = doubly_nonnegative_bound(make_problem(np.eye(4), SIGNS, beta))
    assert_tight(found, value, 2e-8)
    assert found.exact is True
    # what all optima share: the fit, and K Y = b n Y
    b = 1 / 8**0.5 - beta / 4
    np.testing.assert_allclose(found.fit, 4 * b / (4 * b + beta) * SIGNS, atol=1e-6)
    # the objective is flat in K: a gap of 1e-9 leaves its square root
    np.testing.assert_allclose(found.kernel @ SIGNS, 4 * b * SIGNS, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scale", [1.0, 3e3])
def test_one_output_on_whitened_samples(seed, scale):
    rng = np.random.default_rng(seed)
    n, beta = 2 + seed, 0.3
    y = rng.standard_normal(n)
    X = scale * orthonormal_rows(n, n + 1, rng)
    found = doubly_nonnegative_bound(make_problem(X, y, beta * scale))
    assert_tight(found, shrunk([np.linalg.norm(np.maximum(s * y, 0)) for s in (1, -1)], beta))
    assert found.exact is True


def test_labels_on_whitened_samples_of_any_number():
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 3])
    Y, beta = np.eye(4)[labels], 1.2
    found = doubly_nonnegative_bound(make_problem(np.eye(10), Y, beta))
    sizes = np.bincount(labels)
    assert_tight(found, shrunk(np.sqrt(sizes), beta))
    assert found.exact is None
    # classes of one sample vanish
    K = sum(max(t**0.5 - beta, 0) / t * np.outer(Y[:, k], Y[:, k]) for k, t in enumerate(sizes))
    np.testing.assert_allclose(found.kernel, K, atol=1e-4)


def test_the_mirrored_activation_is_the_same_problem():
    rng = np.random.default_rng(3)
    X, Y = orthonormal_rows(4, 5, rng), rng.standard_normal((4, 2))
    plain = doubly_nonnegative_bound(make_problem(X, Y, 0.2))
    mirrored = doubly_nonnegative_bound(make_problem(-X, -2 * Y, 0.8, activation=(2.0, 0.0)))
    assert mirrored.exact is True
    assert mirrored.lower == pytest.approx(4 * plain.lower, rel=1e-7)


# ---- nuclear norm --------------------------------------------------------------------------------------------------


def literal_nuclear(X, Y, beta):
    """All gates at once, read off the middles of the plane's cells, without generating patterns."""
    import cvxpy as cp

    gates = np.unique([g for _, _, g in plane_cells(X)], axis=0)
    blocks = [cp.Variable((2, Y.shape[1])) for _ in gates]
    fit = sum((g[:, None] * X) @ V for g, V in zip(gates, blocks, strict=True))
    cost = 0.5 * cp.sum_squares(fit - Y) + beta * sum(cp.normNuc(V) for V in blocks)
    return cp.Problem(cp.Minimize(cost)).solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_the_nuclear_norm_is_below_the_optimum_and_as_defined(seed, monkeypatch):
    """THEORY's example has five samples in the plane, two outputs and beta = 0.3."""
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((5, 2)), rng.standard_normal((5, 2))
    monkeypatch.setattr(relaxations, "NEW_PATTERNS", 2)
    found = nuclear_norm_bound(make_problem(X, Y, 0.3), enumerate_patterns(X))
    assert_tight(found, literal_nuclear(X, Y, 0.3))
    assert found.exact is None
    optimum, _ = plane_sdp(X, Y, 0.3)
    assert found.value < optimum * 0.99
    lifted = doubly_nonnegative_bound(make_problem(X, Y, 0.3))
    assert lifted.lower <= optimum * (1 + 1e-9)
    assert lifted.lower > found.lower  # on these data, not in general


def test_one_output_is_the_gated_relaxation():
    rng = np.random.default_rng(0)
    problem = make_problem(rng.standard_normal((6, 2)), rng.standard_normal(6), 0.2, "huber", "all")
    arrangement = enumerate_patterns(problem.inputs)
    gated = GatedRelaxation(problem, arrangement).to_cvxpy().problem
    gated.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10)
    assert_tight(nuclear_norm_bound(problem, arrangement), gated.value)


def test_a_linear_network_is_solved_exactly_by_the_nuclear_norm():
    rng = np.random.default_rng(1)
    Y, beta = rng.standard_normal((6, 3)), 0.8
    found = nuclear_norm_bound(make_problem(orthonormal_rows(6, 6, rng), Y, beta, activation="linear"))
    assert found.exact is True
    assert_tight(found, shrunk(np.linalg.svd(Y, compute_uv=False), beta))


def test_one_feature_and_no_feature():
    Y = np.array([[1.0, 0.5], [0.5, -1.0], [-0.25, 0.0]])
    for X in (np.array([[1.0], [2.0], [-1.0]]), np.zeros((3, 2))):
        problem = make_problem(X, Y, 0.1)
        upper = min(lbfgs_best(X, Y, 0.1, 4, runs=10)[0], problem.null_value())
        for bound in BOUNDS:
            # in one dimension both relaxations are tight: a neuron is one of two directions
            assert_tight(bound(problem), upper, 1e-6)


def test_a_clock_that_runs_out_returns_what_is_proven(monkeypatch):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((7, 3)), rng.standard_normal((7, 2))
    problem = make_problem(X, Y, 0.3)
    full = nuclear_norm_bound(problem)
    monkeypatch.setattr(relaxations, "NEW_PATTERNS", 1)
    one_round, limit, calls = relaxations._nuclear_round, Deadline(1e3), []

    def over_after(moment):
        """The deadline passes within the first round, or before the second begins to solve."""

        def timed(*arguments):
            calls.append(moment)
            if moment == "second" and calls.count(moment) == 2:
                limit.at = 0.0
            found = one_round(*arguments)
            if moment == "first":
                limit.at = 0.0
            return found

        return timed

    for moment, rounds in (("first", 1), ("second", 2)):
        limit = Deadline(1e3)
        monkeypatch.setattr(relaxations, "_nuclear_round", over_after(moment))
        early = nuclear_norm_bound(problem, time_limit=limit)
        assert calls.count(moment) == rounds
        assert 0.0 < early.lower < full.lower
        assert early.value > full.value


# ---- validity ------------------------------------------------------------------------------------------------------


@st.composite
def two_output_problems(draw):
    """Problems the relaxations cover, some with cross-entropy on labels or on frequencies."""
    problem = draw(problems(max_n=5, outputs=2, biases=BIASES))
    if draw(st.integers(0, 4)):
        return problem
    share = np.array(
        draw(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=len(problem.Y), max_size=len(problem.Y)))
    )
    Y = np.column_stack([share, 1.0 - share])
    return make_problem(
        problem.X, Y, problem.beta, "cross_entropy", problem.bias, problem.activation, problem.sample_weight
    )


def assert_no_network_below(bound, problem, rng):
    """Random networks, and relatives of one fitted by chance, stay above the bound."""
    for net in adversarial_networks(problem, random_network(problem, 6, rng, 0.5), rng):
        assert bound <= balanced_objective(problem, net) * (1 + 1e-12)


@pytest.mark.parametrize("bound", BOUNDS)
@examples(15)
@given(problem=two_output_problems(), seed=st.integers(0, 2**31))
def test_no_network_beats_a_relaxation(bound, problem, seed):
    rng = np.random.default_rng(seed)
    try:
        found = bound(problem)
    except BackendError:
        # an honest failure, allowed where the penalty is lost beside the loss
        assert problem.beta < 1e-3 * np.linalg.norm(problem.inputs, 2) * max(1.0, np.abs(problem.Y).max())
        reject()
    assert_no_network_below(found.lower, problem, rng)
    # the dual point is feasible and proves exactly this number
    assert climbed_dual_norm(problem, found.dual, rng, 20, 100) <= problem.beta * (1 + 1e-12)
    assert found.lower <= dual_objective(problem, found.dual) * (1 + 1e-12)


def test_the_check_of_networks_can_fail():
    problem = make_problem([[1.0], [2.0]], [[1.0, 1.0], [1.0, 2.0]], 0.1)
    with pytest.raises(AssertionError):
        assert_no_network_below(problem.null_value() * 1.01, problem, np.random.default_rng(0))


@pytest.mark.parametrize("seed", range(4))
def test_trained_networks_stay_above(seed):
    rng = np.random.default_rng(seed)
    n, d, c = rng.integers(3, 8), rng.integers(2, 4), rng.integers(2, 4)
    X, Y, beta = rng.standard_normal((n, d)), rng.standard_normal((n, c)), 10.0 ** rng.uniform(-2, 0)
    problem = make_problem(X, Y, beta)
    best, _ = lbfgs_best(X, Y, beta, 10, runs=8)
    for bound in BOUNDS:
        found = bound(problem)
        assert 0.0 < found.lower <= best * (1 + 1e-12)
        assert found.lower == pytest.approx(found.value, rel=1e-6)


@pytest.mark.parametrize("bound", BOUNDS)
def test_symmetries_change_nothing(bound):
    rng = np.random.default_rng(5)
    X, Y = rng.standard_normal((6, 2)), rng.standard_normal((6, 3))
    Q, R = (np.linalg.qr(rng.standard_normal((k, k)))[0] for k in (2, 3))
    order = rng.permutation(6)
    lower = bound(make_problem(X, Y, 0.3)).lower
    assert bound(make_problem((X @ Q)[order], (Y @ R)[order], 0.3)).lower == pytest.approx(lower, rel=1e-6)
    scaled = bound(make_problem(1e5 * X, 1e-3 * Y, 0.3 * 1e2))
    assert scaled.lower == pytest.approx(1e-6 * lower, rel=1e-6)
    # a sample twice is a sample of weight two
    twice = bound(make_problem(np.vstack([X, X[:1]]), np.vstack([Y, Y[:1]]), 0.3)).lower
    weighted = bound(make_problem(X, Y, 0.3, sample_weight=[2.0, 1, 1, 1, 1, 1])).lower
    assert weighted == pytest.approx(twice, rel=1e-6)


def test_results_are_read_only_and_public():
    found = relucvx.doubly_nonnegative_bound(make_problem(np.eye(2), np.eye(2), 0.1), backend="SCS")
    assert isinstance(found, relucvx.Relaxation)
    assert found.backend == "SCS"
    assert not found.dual.flags.writeable
    assert found.to_dict()["name"] == "doubly nonnegative"
    assert found.lower == pytest.approx(shrunk([1.0, 1.0], 0.1), rel=1e-4)
    assert relucvx.nuclear_norm_bound is nuclear_norm_bound


# ---- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bound", BOUNDS)
def test_what_a_relaxation_refuses(bound):
    X, Y = np.random.default_rng(0).standard_normal((2, 5, 2))
    problem = make_problem(X, Y, 0.3)
    with pytest.raises(UnsupportedError, match='"hidden" or "all" for a relaxation; received "free"; likely cause: bl'):
        bound(make_problem(X, Y, 0.3, bias="free"))
    with pytest.raises(InvalidInputError, match="a backend among CLARABEL, SCS; received 'MOSEK'"):
        bound(problem, backend="MOSEK")
    with pytest.raises(InvalidInputError, match="time_limit to be a finite number > 0; received -1"):
        bound(problem, time_limit=-1)
    with pytest.raises(BackendError, match="CLARABEL to return a point of the relaxation; received status out of time"):
        bound(problem, time_limit=Deadline(0.0))


def test_arrangements_must_be_complete_and_of_these_inputs():
    X, Y = np.random.default_rng(0).standard_normal((2, 5, 2))
    problem, arrangement = make_problem(X, Y, 0.3), enumerate_patterns(X)
    some = dataclasses.replace(arrangement, patterns=arrangement.patterns[:3], generators=arrangement.generators[:3])
    with pytest.raises(UnsupportedError, match="all activation patterns, for a lower bound; received 3 of them"):
        nuclear_norm_bound(problem, some)
    with pytest.raises(InvalidInputError, match="made from other data"):
        nuclear_norm_bound(make_problem(2 * X, Y, 0.3), arrangement)
    with pytest.raises(InvalidInputError, match="column of ones"):
        nuclear_norm_bound(make_problem(X, Y, 0.3, bias="hidden"), arrangement)
