"""Interpolation: closed forms, the limit of solve, all patterns in CVXPY, and data that cannot be fitted."""

from __future__ import annotations

import numpy as np
import pytest

import relucvx as rx
from relucvx.losses import EXACT_PENALTY, as_loss
from relucvx.network import path_norm
from relucvx.program.feasibility import check_feasible
from relucvx.program.interpolation import InterpolationProgram
from relucvx.program.objective import fit
from relucvx.solver.conic import solve_conic
from relucvx.solver.interpolate import interpolates, remove_residual


def random_data(seed, n, d):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal(n)


def assert_interpolates(solution, X, y):
    """The network fits y, its norm is the objective, and the certificate closes."""
    if np.abs(solution.network.predict(X) - y).max() > 1e-9 * np.abs(y).max():
        raise AssertionError(f"residual {np.abs(solution.network.predict(X) - y).max()}")
    if not solution.certificate.rel_gap <= solution.stats["tol"]:
        raise AssertionError(f"rel_gap {solution.certificate.rel_gap}")
    if solution.status is not rx.Status.CONVERGED:
        raise AssertionError(solution.status.name)


# ------------------------------------------------------------------ values
def test_whitened_targets_cost_the_norms_of_their_positive_and_negative_parts():
    """THEORY 2.3 as beta -> 0: Σ± ||(±y)₊||, one neuron each."""
    rng = np.random.default_rng(1)
    X = np.linalg.qr(rng.standard_normal((6, 6)))[0][:4]
    y = np.array([1.0, 2.0, -3.0, 0.5])
    solution = rx.interpolate(X, y)
    assert_interpolates(solution, X, y)
    assert solution.objective == pytest.approx(np.linalg.norm(y[y > 0]) + 3.0, rel=1e-9)
    assert solution.network.width == 2
    assert solution.stats["residual"] <= 1e-12


def test_one_dimension_without_bias_is_a_sum_of_two_rays():
    X, y = np.array([[2.0], [-1.0], [4.0]]), np.array([1.0, 3.0, 2.0])
    assert rx.interpolate(X, y).objective == pytest.approx(0.5 + 3.0, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_free_biases_in_one_dimension_cost_the_variation_of_the_slope(seed):
    """max(∫|f''|, |f'(-∞) + f'(∞)|) over interpolants; the linear spline attains it (Savarese et al. 2019)."""
    X, y = random_data(30 + seed, 12, 1)
    y = y + 3.0 * seed * X[:, 0]
    order = np.argsort(X[:, 0])
    slopes = np.diff(y[order]) / np.diff(X[order, 0])
    expected = max(np.abs(np.diff(slopes)).sum(), abs(slopes[0] + slopes[-1]))
    assert rx.interpolate(X, y, bias="free").objective == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize(
    ("n", "d", "bias", "activation"),
    [
        (7, 2, "none", "relu"),
        (6, 2, "hidden", "relu"),
        (6, 1, "all", "relu"),
        (7, 1, "free", "relu"),
        (6, 2, "none", "abs"),
        (6, 2, "all", "leaky_relu"),
        (3, 4, "none", "linear"),
    ],
)
def test_agrees_with_all_patterns_in_cvxpy(n, d, bias, activation):
    X, y = random_data(n * 10 + d, n, d)
    solution = rx.interpolate(X, y, bias=bias, activation=activation)
    assert_interpolates(solution, X, y)
    inputs = X if bias == "none" else np.hstack([X, np.ones((n, 1))])
    program = InterpolationProgram(X, y, arrangement=rx.enumerate_patterns(inputs), bias=bias, activation=activation)
    form = program.to_cvxpy()
    form.problem.solve(solver="CLARABEL")
    assert solution.objective == pytest.approx(form.problem.value, rel=1e-5)
    assert solution.certificate.lower <= form.problem.value * (1 + 1e-6)


@pytest.mark.parametrize("bias", ["none", "hidden", "all", "free"])
def test_is_the_limit_of_solve_as_beta_vanishes(bias):
    """With the optimal multipliers N, norm - beta/2 ||N||² <= p*(beta)/beta <= norm: both ends, for two strengths."""
    X, y = random_data(5, 8, 2)
    limit = rx.interpolate(X, y, bias=bias)
    top = rx.beta_max(X, y, bias=bias)[1]
    for share in (1e-2, 1e-3):
        solution = rx.solve(X, y, share * top, bias=bias)
        beta = solution.problem.beta
        assert solution.certificate.lower / beta <= limit.objective * (1 + 1e-9)
        assert solution.objective / beta >= limit.certificate.lower - 0.5 * beta * float(np.sum(limit.dual**2))


def test_the_norm_is_homogeneous_and_scales_inversely_with_the_inputs():
    X, y = random_data(6, 9, 2)
    norm = rx.interpolate(X, y).objective
    assert rx.interpolate(X, 1e5 * y).objective == pytest.approx(1e5 * norm, rel=2e-6)
    assert rx.interpolate(1e3 * X, 1e-5 * y).objective == pytest.approx(1e-8 * norm, rel=2e-6)
    double = rx.interpolate(np.vstack([X, 2.0 * X]), np.append(y, 2.0 * y))
    assert double.objective == pytest.approx(norm, rel=2e-6)


@pytest.mark.parametrize("n", [16, pytest.param(50, marks=pytest.mark.slow)])
def test_noise_on_a_plane_in_three_dimensions(n):
    X, y = random_data(7, n, 3)
    y = y + X @ [1.0, -2.0, 0.5]
    solution = rx.interpolate(X, y, bias="hidden")
    assert_interpolates(solution, X, y)
    assert solution.network.width <= n
    assert solution.objective == pytest.approx(path_norm(solution.network), rel=1e-9)
    noisy = rx.TwoLayerReLU(
        np.vstack([solution.network.weights_in, X[:1]]), np.append(solution.network.weights_out[:, 0], 1e-3),
        bias_in=np.append(solution.network.bias_in, 0.0), scalar_output=True,
    )  # fmt: skip
    assert (
        rx.certify(
            noisy, X, y, 1.0, loss=EXACT_PENALTY, bias="hidden", sample_weight=solution.problem.sample_weight
        ).upper
        > solution.objective
    )
    with pytest.raises(AssertionError, match="residual"):
        assert_interpolates(solution, X, y + 1e-6)


# ------------------------------------------------------------------ units and offsets
COLUMN = np.arange(10.0)[:, None]
PLACES = {  # the same column elsewhere, and its unit
    "seconds": (1.7e9 + 86400.0 * COLUMN, 86400.0),
    "billions": (1e9 * (1.0 + COLUMN), 1e9),
    "picometres": (1e-12 * (1.0 + COLUMN), 1e-12),
    "large": (3e4 * COLUMN, 3e4),
    "small": (3e-5 * COLUMN, 3e-5),
}


def norm_on_a_line(x, y):
    """Total variation of the slope of the polygon through the points: the least norm with free biases, in one dimension,

    where it exceeds the sum of the outer slopes (Savarese et al. 2019).
    """
    slopes = np.diff(y) / np.diff(x)
    variation = np.abs(np.diff(slopes)).sum()
    assert variation > abs(slopes[0] + slopes[-1])
    return variation


@pytest.mark.parametrize("place", PLACES)
def test_a_free_bias_does_not_see_where_the_column_is(place):
    X, unit = PLACES[place]
    y = np.sin(COLUMN[:, 0])
    right = norm_on_a_line(COLUMN[:, 0], y)
    assert right == pytest.approx(5.08736, rel=1e-6)
    solution = rx.interpolate(X, y, bias="free")
    assert_interpolates(solution, X, y)
    assert solution.objective * unit == pytest.approx(right, rel=1e-6)


@pytest.mark.parametrize("place", PLACES)
def test_a_decayed_bias_far_from_the_rows_is_at_worst_unproven(place):
    """Its optimum can be out of reach of float64; it is never called infeasible, nor solved when it is not."""
    X, unit = PLACES[place]
    y = np.sin(COLUMN[:, 0])
    solution = rx.interpolate(X, y, bias="all", time_limit=3.0)
    certificate = solution.certificate
    assert certificate.lower <= certificate.upper
    if np.isinf(solution.objective):
        assert solution.status is not rx.Status.CONVERGED
        assert np.isinf(certificate.rel_gap)
    else:
        # a free bias costs nothing, so no network is below that optimum
        assert solution.objective >= 5.08736 / unit * (1 - 1e-6)
        np.testing.assert_allclose(solution.network.predict(X), y, atol=1e-8)


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e6, 1e9])
def test_a_free_bias_does_not_see_the_offset_of_the_targets(offset):
    x = np.linspace(-2, 2, 12)
    y = np.sin(3 * x)
    solution = rx.interpolate(x[:, None], y + offset, bias="free")
    off = 1e-9 + 4e-16 * offset
    assert solution.status is rx.Status.CONVERGED
    assert solution.objective == pytest.approx(norm_on_a_line(x, y), rel=1e-6)
    assert np.abs(solution.network.predict(x[:, None]) - (y + offset)).max() <= off


def test_a_constant_does_not_interpolate_targets_with_an_offset():
    x = np.linspace(-2, 2, 12)
    problem = rx.make_problem(x[:, None], np.sin(3 * x) + 1e10, 1.0, bias="free")
    assert not interpolates(problem, problem.null_network())


# ------------------------------------------------------------------ degenerate inputs
def test_zero_targets_need_no_neuron():
    X, _ = random_data(8, 5, 2)
    solution = rx.interpolate(X, np.zeros(5))
    assert (solution.objective, solution.network.width, solution.certificate.rel_gap) == (0.0, 0, 0.0)
    constant = rx.interpolate(X, np.full(5, 2.0), bias="free")
    assert (constant.objective, constant.network.width) == (0.0, 0)
    np.testing.assert_allclose(constant.network.predict(X), 2.0)


def test_a_constant_under_a_decayed_output_bias_is_shared_with_neurons():
    X, _ = random_data(8, 5, 2)
    solution = rx.interpolate(X, np.full(5, 2.0), bias="all")
    assert_interpolates(solution, X, np.full(5, 2.0))
    assert 0.0 < solution.objective < 2.0


def test_zero_rows_duplicates_and_collinear_rows_that_agree():
    X, y = random_data(9, 6, 2)
    norm = rx.interpolate(X, y).objective
    more = np.vstack([X, np.zeros((1, 2)), X[:2], 3.0 * X[2:3]])
    targets = np.concatenate([y, [0.0], y[:2], 3.0 * y[2:3]])
    solution = rx.interpolate(more, targets)
    assert_interpolates(solution, more, targets)
    assert solution.objective == pytest.approx(norm, rel=2e-6)


def test_columns_are_accepted_and_squeezed_like_vectors():
    X, y = random_data(9, 6, 2)
    assert rx.interpolate(X, y[:, None]).network.predict(X).shape == (6, 1)
    assert rx.interpolate(X, y).network.predict(X).shape == (6,)


# ------------------------------------------------------------------ what cannot be fitted
def test_contradictions_are_named():
    X, y = random_data(10, 5, 2)
    with pytest.raises(ValueError, match=r"equal targets for equal rows of X; received rows 1 and 5"):
        rx.interpolate(np.vstack([X, X[1]]), np.append(y, 7.0))
    with pytest.raises(rx.RelucvxError, match="target 0 wherever x = 0"):
        rx.interpolate(np.vstack([X, np.zeros(2)]), np.append(y, 1.0))
    with pytest.raises(rx.RelucvxError, match="positively homogeneous"):
        rx.interpolate(np.vstack([X, 2.0 * X[0]]), np.append(y, 9.0))


def test_relations_between_opposite_rows_are_found():
    """relu(x·w) - relu(-x·w) = x·w, so three opposite pairs in the plane obey one linear relation."""
    base = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    X = np.vstack([base, -base])
    y = np.array([1.0, 1.0, 5.0, 0.0, 0.0, 0.0])
    with pytest.raises(rx.RelucvxError, match="linear relations that every network respects"):
        rx.interpolate(X, y)
    fine = y.copy()
    fine[2] = 2.0
    assert_interpolates(rx.interpolate(X, fine), X, fine)
    assert_interpolates(rx.interpolate(X, y, bias="hidden"), X, y)
    with pytest.raises(rx.RelucvxError, match='try: bias="all"'):
        rx.interpolate(X, y)
    with pytest.raises(rx.RelucvxError, match="beta > 0"):  # a bias would not help a linear function
        rx.interpolate(*random_data(1, 5, 2), activation="linear")
    with pytest.raises(rx.RelucvxError, match="beta > 0"):
        rx.interpolate(*random_data(1, 5, 2), activation="linear", bias="hidden")


@pytest.mark.parametrize("seed", range(12))
def test_feasibility_matches_the_span_over_all_patterns(seed):
    """Small integers make duplicates, opposite pairs and relations common; the literal test spans every gated matrix."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-1, 2, (6, 2)).astype(float)
    y = (
        rng.integers(-1, 2, 6).astype(float)
        if seed % 2
        else np.maximum(X @ [1.0, 2.0], 0) - np.maximum(X @ [-1.0, 1.0], 0)
    )
    activation = ("relu", "abs", "linear", "leaky_relu")[seed % 4]
    try:
        check_feasible(rx.make_problem(X, y, 1.0, activation=activation))
        possible = True
    except rx.RelucvxError:
        possible = False
    act = rx.make_problem(X, y, 1.0, activation=activation).activation
    span = act(rng.standard_normal((400, 2)) @ X.T).T
    left = y - span @ np.linalg.lstsq(span, y, rcond=1e-9)[0]
    assert possible == (np.linalg.norm(left) < 1e-8)


def test_other_errors():
    X, y = random_data(11, 4, 2)
    with pytest.raises(ValueError, match="tol"):
        rx.interpolate(X, y, tol=0)
    with pytest.raises(ValueError, match="time_limit"):
        rx.interpolate(X, y, time_limit=-1)


# ------------------------------------------------------------------ control and storage
def test_save_load_and_certify_afresh(tmp_path):
    X, y = random_data(12, 6, 2)
    solution = rx.interpolate(X, y)
    again = rx.load(solution.save(tmp_path / "interpolation"))
    assert again.objective == solution.objective
    assert again.stats["residual"] == solution.stats["residual"]
    assert again.problem.loss is EXACT_PENALTY
    proof = rx.certify(
        again, X, y, 1.0, loss=again.problem.loss, sample_weight=again.problem.sample_weight, dual=again.dual
    )
    assert proof.rel_gap < 1e-6


def test_a_callback_stops_and_is_reported():
    X, y = random_data(13, 20, 3)
    solution = rx.interpolate(X, y, callback=lambda progress: True)
    assert solution.status is rx.Status.INTERRUPTED
    assert np.isinf(solution.objective)
    assert solution.stats["residual"] > 1e-6


def test_a_time_limit_ends_without_a_false_claim():
    X, y = random_data(14, 40, 4)
    solution = rx.interpolate(X, y, time_limit=1e-3)
    assert solution.status is not rx.Status.CONVERGED
    assert np.isinf(solution.objective)
    assert not interpolates(rx.make_problem(X, y, 1.0), solution.network)


# ------------------------------------------------------------------ pieces
def test_remove_residual_keeps_walls_and_reaches_the_targets():
    X, y = random_data(15, 8, 2)
    solution = rx.interpolate(X, y)
    problem = rx.make_problem(X, y, 1.0)
    net = solution.network
    moved = rx.TwoLayerReLU(net.weights_in * (1 + 1e-9), net.weights_out, scalar_output=True)
    assert np.abs(fit(problem, moved) - problem.Y).max() > 1e-12
    fixed, dual = remove_residual(solution.problem, moved, 1e-9, solution.dual)
    assert np.abs(fit(problem, fixed) - problem.Y).max() < 1e-12
    assert dual.shape == (8, 1)
    empty = rx.TwoLayerReLU.zero(2, scalar_output=True)
    assert remove_residual(solution.problem, empty, 1e-9, solution.dual)[0].width == 0


def test_the_absolute_loss_and_its_conjugate():
    loss = as_loss("absolute")
    Y, w = np.array([[1.0], [-2.0], [0.5]]), np.array([1.0, 2.0, 1.0])
    F = np.array([[2.0], [-2.0], [0.0]])
    assert loss.value(F, Y, w) == 1.0 + 0.0 + 0.5
    np.testing.assert_array_equal(loss.gradient(F, Y, w), [[1.0], [0.0], [-1.0]])
    lo, hi = loss.subgradient_bounds(F, Y, w)
    np.testing.assert_array_equal(np.hstack([lo, hi]), [[1.0, 1.0], [-2.0, 2.0], [-1.0, -1.0]])
    N = np.array([[-0.5], [1.5], [1.0]])
    assert loss.dual_value(N, Y, w) == pytest.approx(float((N * Y).sum()))
    assert loss.dual_value(3.0 * N, Y, w) == -np.inf
    grid = np.linspace(-5, 5, 2001)
    for i in range(3):
        least = min(w[i] * abs(f - Y[i, 0]) + N[i, 0] * f for f in grid)
        assert least == pytest.approx(N[i, 0] * Y[i, 0], abs=1e-2)
    np.testing.assert_array_equal(loss.dual_gradient(N, Y, w), Y)
    assert loss.best_constant(Y, w)[0] in (-2.0, 0.5)
    assert loss.best_constant(np.array([[3.0], [1.0], [2.0]]), np.ones(3))[0] == 2.0
    np.testing.assert_array_equal(loss.hessian(F, Y, w), np.zeros((3, 1)))


def test_the_conic_reference_knows_the_absolute_loss():
    X, y = random_data(16, 6, 2)
    problem = rx.make_problem(X, y, 0.7, EXACT_PENALTY)
    program = rx.ConvexProgram(problem, arrangement=rx.enumerate_patterns(X))
    reference = solve_conic(program, backend="CLARABEL")
    solution = rx.solve(X, y, 0.7, loss=EXACT_PENALTY)
    assert solution.certificate.rel_gap < 1e-6
    value = rx.certify(rx.recover_network(program, reference.primal), X, y, 0.7, loss=EXACT_PENALTY).upper
    assert solution.objective == pytest.approx(value, rel=1e-5)
