"""The optimal set: verdicts against closed forms, explicit second optima, other starts, and slow literal definitions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import relucvx as rx
from relucvx.certificate.optima.optimal_set import dual_error
from relucvx.program.objective import fit, objective

UNIQUE, NOT_UNIQUE, UNDECIDED = rx.Uniqueness.UNIQUE, rx.Uniqueness.NOT_UNIQUE, rx.Uniqueness.UNDECIDED
SQUARE = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])


def random_data(seed, n, d):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal(n)


def solved(X, y, share, **options):
    """Solve at a share of beta_max."""
    kind = {k: v for k, v in options.items() if k in ("loss", "bias", "activation")}
    beta = share * rx.beta_max(X, y, **kind)[1]
    return rx.solve(X, y, beta, **{"tol": 1e-11, **options})


def canonical(network):
    """Neurons as rows (w, b) ||v||·sign(v), sorted: equal iff two networks differ only in order and rescaling."""
    rows = network.lifted_in * np.abs(network.weights_out)
    rows = np.column_stack([rows, np.sign(network.weights_out)])
    rows = rows[np.linalg.norm(rows[:, :-1], axis=1) > 1e-6 * np.abs(rows[:, :-1]).max(initial=0.0)]
    return rows[np.lexsort(np.round(rows, 4).T)]


def assert_second_optimum(result, solution):
    """The second network has the same objective and the same fit, and is another measure on neurons."""
    first, second = result.network, result.second
    scale = solution.problem.loss_at(np.zeros_like(solution.problem.Y))
    values = [objective(solution.problem, net) for net in (first, second)]
    if abs(values[0] - values[1]) > 1e-12 * scale or values[1] - solution.certificate.lower > 1e-7 * scale:
        raise AssertionError(f"objectives {values}, lower bound {solution.certificate.lower}")
    fits = [fit(solution.problem, net) for net in (first, second)]
    if solution.problem.loss.name == "squared" and np.abs(fits[0] - fits[1]).max() > 1e-9:
        raise AssertionError("the fits differ")
    a, b = canonical(first), canonical(second)
    if a.shape == b.shape and np.abs(a - b).max() < 1e-4:
        raise AssertionError("the two networks are the same up to order and scale")


# ------------------------------------------------------------------ unique
def test_whitened_scalar_target_has_one_optimum_with_one_neuron_per_sign():
    """THEORY 2.3: X X^T = I gives w± = X⁺(±y)₊ and nothing else."""
    rng = np.random.default_rng(0)
    X = np.linalg.qr(rng.standard_normal((6, 6)))[0][:4]
    y = np.array([1.0, 2.0, -3.0, 0.5])
    out = rx.optimal_set(rx.solve(X, y, 0.3, tol=1e-11))
    assert out.verdict is UNIQUE
    assert out.complete
    assert out.fit_unique
    assert (out.width, out.width_lower, len(out.directions)) == (2, 2, 2)
    for direction, sign in zip(out.directions, out.signs, strict=True):
        expected = X.T @ np.maximum(sign * y, 0.0)
        np.testing.assert_allclose(direction, expected / np.linalg.norm(expected), atol=1e-7)
    plus, minus = np.linalg.norm(y[y > 0]) - 0.3, 3.0 - 0.3
    np.testing.assert_allclose(np.sort(out.coefficients), sorted([plus, minus]), rtol=1e-8)
    np.testing.assert_allclose(out.coefficient_range[:, 0], out.coefficients)


@pytest.mark.parametrize(
    ("n", "d", "options"),
    [
        (10, 2, {}),
        (16, 3, {"bias": "hidden"}),
        (16, 3, {"bias": "all", "activation": "leaky_relu"}),
        (14, 2, {"bias": "free"}),
        (16, 3, {"activation": "abs"}),
        (8, 4, {"activation": "linear"}),
        (16, 1, {"bias": "hidden"}),
    ],
)
def test_random_problems_have_one_optimum_that_every_start_finds(n, d, options):
    X, y = random_data(n + d, n, d)
    solution = solved(X, y, 0.3, **options)
    out = rx.optimal_set(solution)
    assert out.verdict is UNIQUE, out.reason
    assert out.width == out.width_lower == len(out.directions)
    assert out.second is None
    assert np.isnan(out.second_objective)
    mirror = options.get("activation") in ("abs", "linear")
    for seed in (1, 2):
        other = rx.solve(X, y, solution.problem.beta, tol=1e-11, rng=seed, **options).network
        W = (
            other.lifted_in
            / np.linalg.norm(other.weights_in if options.get("bias") == "free" else other.lifted_in, axis=1)[:, None]
        )
        cosine = W @ out.directions.T / np.outer(np.linalg.norm(W, axis=1), np.linalg.norm(out.directions, axis=1))
        nearest = (np.abs(cosine) if mirror else cosine).max(axis=1)
        heavy = np.linalg.norm(other.weights_out, axis=1) > 1e-3
        assert (1.0 - nearest[heavy]).max() < 1e-6


def test_a_unique_optimum_is_the_only_point_of_its_polytope():
    X, y = random_data(3, 14, 3)
    out = rx.optimal_set(solved(X, y, 0.2))
    assert out.verdict is UNIQUE
    rng = np.random.default_rng(0)
    for _ in range(5):
        net = out.vertex(rng.standard_normal(len(out.coefficients)))
        np.testing.assert_allclose(canonical(net), canonical(out.network), atol=1e-7)


@pytest.mark.parametrize("loss", ["logistic", "huber", "squared_hinge"])
def test_other_losses_with_a_strongly_concave_dual(loss):
    X, y = random_data(11, 16, 3)
    y = np.sign(y) if loss != "huber" else 2.0 * y
    out = rx.optimal_set(solved(X, y, 0.3, loss=loss))
    assert out.verdict is UNIQUE, out.reason
    assert out.fit_unique


def test_beyond_beta_max_the_null_network_is_the_one_optimum():
    X, y = random_data(4, 9, 2)
    for bias in ("none", "free"):
        out = rx.optimal_set(solved(X, y, 1.2, bias=bias))
        assert out.verdict is UNIQUE
        assert (out.width, out.width_lower, len(out.directions)) == (0, 0, 0)
    out = rx.optimal_set(rx.solve(X, np.zeros(9), 0.1))
    assert out.verdict is UNIQUE
    assert out.width == 0


def test_one_sample_in_one_dimension():
    out = rx.optimal_set(rx.solve([[2.0]], [3.0], 0.5, tol=1e-11))
    assert out.verdict is UNIQUE
    np.testing.assert_allclose(out.directions, [[1.0]])
    np.testing.assert_allclose(2.0 * out.coefficients, [3.0 - 0.25])


# ------------------------------------------------------------------ not unique
def test_the_square_with_equal_targets_has_a_segment_of_optima():
    """Atoms (1,1,0,0), (0,1,1,0), (0,0,1,1), (1,0,0,1)/√2: the alternating sum vanishes, so c = (t, T-t, t, T-t)."""
    solution = rx.solve(SQUARE, np.ones(4), 0.2, tol=1e-11)
    out = rx.optimal_set(solution)
    assert out.verdict is NOT_UNIQUE
    assert_second_optimum(out, solution)
    assert out.fit_unique
    assert len(out.directions) == 4
    assert (out.width, out.width_lower) == (2, 2)
    np.testing.assert_allclose(out.coefficient_range[:, 0], 0.0, atol=1e-9)
    total = out.coefficient_range[0, 1]
    np.testing.assert_allclose(out.coefficient_range[:, 1], total, rtol=1e-7)
    nets = [out.vertex(cost) for cost in (np.eye(4)[0], -np.eye(4)[0])]
    assert [net.width for net in nets] == [2, 2]
    assert np.abs(canonical(nets[0]) - canonical(nets[1])).max() > 0.1


def test_a_line_fitted_with_free_biases_leaves_the_bias_open():
    """All samples on: moving the hidden bias and the output bias against each other changes nothing on the samples."""
    X = np.linspace(-1.0, 1.0, 6)[:, None]
    solution = rx.solve(X, 2.0 * X[:, 0] + 1.0, 0.1, bias="free", tol=1e-11)
    out = rx.optimal_set(solution)
    assert out.verdict is NOT_UNIQUE, out.reason
    assert_second_optimum(out, solution)
    assert out.width == 1


LEAKY = pytest.param({"bias": "all", "activation": "leaky_relu"}, marks=pytest.mark.slow)


@pytest.mark.parametrize("options", [{}, {"bias": "hidden"}, LEAKY])
def test_noise_fitted_closely_has_a_polytope_of_optima(options):
    X, y = random_data(21, 20, 3)
    solution = solved(X, y, 0.03, **options)
    out = rx.optimal_set(solution)
    assert out.verdict is NOT_UNIQUE, out.reason
    assert_second_optimum(out, solution)
    assert out.width_lower <= out.width <= 20
    assert objective(solution.problem, out.network) - solution.certificate.lower < 1e-8
    low, high = out.coefficient_range.T
    assert (low <= out.coefficients + 1e-9).all()
    assert (out.coefficients <= high + 1e-9).all()


def test_an_interpolation_can_have_a_second_optimum_but_is_never_called_unique():
    solution = rx.interpolate(SQUARE, np.ones(4))
    out = rx.optimal_set(solution)
    assert out.verdict is NOT_UNIQUE, out.reason
    np.testing.assert_allclose(fit(solution.problem, out.second), 1.0, atol=1e-12)
    single = rx.optimal_set(rx.interpolate([[2.0]], [3.0]))
    assert single.verdict is UNDECIDED
    assert "absolute loss" in single.reason


def test_a_second_optimum_can_be_rejected():
    solution = rx.solve(SQUARE, np.ones(4), 0.2, tol=1e-11)
    out = rx.optimal_set(solution)
    with pytest.raises(AssertionError, match="same up to order"):
        assert_second_optimum(dataclasses.replace(out, second=out.network), solution)
    worse = rx.TwoLayerReLU(out.network.weights_in * 1.1, out.network.weights_out, scalar_output=True)
    with pytest.raises(AssertionError, match="objectives"):
        assert_second_optimum(dataclasses.replace(out, second=worse), solution)


def test_rotation_duplication_and_order_do_not_change_the_verdict():
    rng = np.random.default_rng(5)
    X, y = random_data(31, 12, 3)
    Q = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    order = rng.permutation(12)
    beta = 0.3 * rx.beta_max(X, y)[1]
    base = rx.optimal_set(rx.solve(X, y, beta, tol=1e-11))
    turned = rx.optimal_set(rx.solve(X[order] @ Q, y[order], beta, tol=1e-11))
    wide = rx.optimal_set(rx.solve(np.hstack([X, X]) / np.sqrt(2.0), y, beta, tol=1e-11))
    weighted = rx.optimal_set(
        rx.solve(np.vstack([X, X]), np.append(y, y), beta, sample_weight=np.full(24, 0.5), tol=1e-11)
    )
    for out in (turned, wide, weighted):
        assert (out.verdict, out.width) == (base.verdict, base.width), out.reason
    np.testing.assert_allclose(np.sort(turned.coefficients), np.sort(base.coefficients), rtol=1e-6)
    np.testing.assert_allclose(np.sort(wide.coefficients), np.sort(base.coefficients), rtol=1e-6)


# ------------------------------------------------------------------ undecided
@pytest.mark.parametrize(("size", "verdict"), [(1e-10, UNDECIDED), (1e-6, UNDECIDED), (1e-3, UNIQUE)])
def test_a_perturbed_square_is_undecided_until_the_perturbation_shows(size, verdict):
    """Exactly, one edge of the square's segment wins for every generic perturbation of the inputs."""
    X = SQUARE + size * np.random.default_rng(0).standard_normal((4, 2))
    out = rx.optimal_set(rx.solve(X, np.ones(4), 0.2, tol=1e-11))
    assert out.verdict is verdict, out.reason
    assert out.second is None
    if verdict is UNDECIDED:
        assert "dependent" in out.reason


def test_perturbed_targets_keep_the_segment():
    y = 1.0 + 0.01 * np.random.default_rng(0).standard_normal(4)
    solution = rx.solve(SQUARE, y, 0.2, tol=1e-11)
    out = rx.optimal_set(solution)
    assert out.verdict is NOT_UNIQUE, out.reason
    assert_second_optimum(out, solution)


def test_the_hinge_is_undecided_unless_a_second_optimum_shows():
    X, y = random_data(7, 12, 2)
    out = rx.optimal_set(solved(X, np.sign(y), 0.3, loss="hinge"))
    assert out.verdict in (UNDECIDED, NOT_UNIQUE)
    if out.verdict is UNDECIDED:
        assert "hinge" in out.reason


def test_too_little_time_for_the_proof_is_undecided():
    X, y = random_data(8, 40, 4)
    out = rx.optimal_set(solved(X, y, 0.3), time_limit=1e-9)
    assert out.verdict is UNDECIDED
    assert not out.complete
    assert "not proven that no other direction" in out.reason
    assert "try: relucvx.solve" in out.reason


def test_a_rough_solution_is_undecided_and_a_rougher_one_refused():
    X, y = random_data(9, 20, 3)
    beta = 0.03 * rx.beta_max(X, y)[1]
    fine = rx.solve(X, y, beta, tol=1e-11)
    loose = dataclasses.replace(fine, certificate=dataclasses.replace(fine.certificate, rel_gap=1e-4, gap=1e-4))
    out = rx.optimal_set(loose)
    assert out.verdict is UNDECIDED
    assert "tol=1e-12" in out.reason
    rough = dataclasses.replace(fine, certificate=dataclasses.replace(fine.certificate, rel_gap=0.1, gap=0.1))
    with pytest.raises(rx.RelucvxError, match=r"relative gap of at most 0\.001; received rel_gap 0\.1"):
        rx.optimal_set(rough)


# ------------------------------------------------------------------ errors and reporting
def test_errors():
    X, y = random_data(1, 6, 2)
    solution = rx.solve(X, y, 0.3)
    with pytest.raises(ValueError, match="expected a Solution; received TwoLayerReLU"):
        rx.optimal_set(solution.network)
    with pytest.raises(ValueError, match="time_limit"):
        rx.optimal_set(solution, time_limit=0)
    out = rx.optimal_set(solution)
    with pytest.raises(ValueError, match="one cost per active direction"):
        out.vertex(np.zeros(len(out.coefficients) + 1))
    unbounded = dataclasses.replace(out, polytope=dataclasses.replace(out.polytope, fixed=np.zeros(6, bool)))
    with pytest.raises(ValueError, match="a cost with a minimum"):
        unbounded.vertex(-np.ones(len(out.coefficients)))


def test_text_and_plain_values():
    out = rx.optimal_set(rx.solve(SQUARE, np.ones(4), 0.2, tol=1e-11))
    assert "OptimalSet(NOT_UNIQUE, directions=4" in repr(out)
    assert "a second optimum" in str(out)
    assert out.to_dict()["verdict"] == "NOT_UNIQUE"
    assert UNIQUE.help.startswith("one optimum")


# ------------------------------------------------------------------ the pieces
def test_dual_error_bounds_the_distance_between_dual_points():
    X, y = random_data(13, 12, 2)
    for loss, target in (("squared", y), ("logistic", np.sign(y)), ("huber", 3 * y), ("squared_hinge", np.sign(y))):
        beta = 0.2 * rx.beta_max(X, target, loss=loss)[1]
        exact = rx.solve(X, target, beta, loss=loss, tol=1e-12)
        rough = rx.solve(X, target, beta, loss=loss, tol=0.1)
        away = np.linalg.norm(rough.dual - exact.dual)
        assert away <= dual_error(rough.problem, rough.certificate.gap) + 1e-6
    assert dual_error(rx.make_problem(X, np.sign(y), 0.1, "hinge"), 1e-3) is None


# ---------------------------------------------------------------- several outputs
def test_rotated_optima_of_factorial_labels_are_found():
    """Whitened inputs without a common mode: a continuum of optima, all with the same fit and K Y."""
    data = rx.datasets.factorial(2, 1)
    out = rx.optimal_set(rx.solve(data.X, data.Y, 0.4, tol=1e-10))
    assert out.verdict is NOT_UNIQUE
    assert out.fit_unique
    assert out.second_objective == pytest.approx(out.objective, rel=1e-11)
    first, second = (rx.representation_kernel(n, data.X) for n in (out.network, out.second))
    np.testing.assert_allclose(first @ data.Y, second @ data.Y, atol=1e-5)
    assert np.abs(first - second).max() > 1e-2
    assert out.directions.shape[1] == data.X.shape[1]
    assert out.signs.shape == (len(out.directions), 2)


@pytest.mark.parametrize("bias", ["none", "hidden", "all", "free"])
def test_several_outputs_rebuild_the_optimum_and_prove_it_alone(bias):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((12, 2)), rng.standard_normal((12, 2))
    solution = solved(X, Y, 0.1, bias=bias)
    out = rx.optimal_set(solution)
    assert out.verdict is UNIQUE, out.reason
    assert out.complete
    assert out.objective == pytest.approx(solution.objective, rel=1e-10)
    assert 2 <= out.width_lower <= out.width <= len(out.directions)
    again = out.vertex(np.ones(len(out.coefficients)))
    assert objective(out.problem, again) == pytest.approx(solution.objective, rel=1e-9)


def test_one_output_written_as_two_equal_columns():
    """Y = y (1, 1)/sqrt(2): the unit output vectors are ±(1, 1)/sqrt(2)."""
    X, y = random_data(1, 8, 2)
    out = rx.optimal_set(solved(X, np.column_stack([y, y]) / np.sqrt(2), 0.2))
    used = out.coefficients > 1e-6 * out.coefficients.max()
    np.testing.assert_allclose(np.abs(out.signs[used]), np.sqrt(0.5), atol=1e-6)


def test_cross_entropy_sets():
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((12, 2)), np.arange(12) % 3
    for bias in ("none", "free"):
        solution = solved(X, y, 0.2, loss="cross_entropy", bias=bias, tol=1e-10)
        out = rx.optimal_set(solution)
        assert out.objective == pytest.approx(solution.objective, rel=1e-9)
        # an output bias that is free may be moved into the hidden layer: several optima
        assert out.verdict is (UNIQUE if bias == "none" else NOT_UNIQUE), out.reason


@pytest.mark.parametrize("last", ["optimum proven", "active directions", "optima"])
def test_a_callback_sees_the_phases_and_may_stop(last):
    sol = solved(SQUARE, np.ones(4), 0.3)
    seen, whole = [], []
    full = rx.optimal_set(sol, callback=whole.append)
    assert [state.phase for state in whole if state.phase != "optima"] == [
        "optimum proven",
        "active directions",
        "widths",
    ]
    assert all(state.phase in state.bar(1e-6)[0] for state in whole)

    def told(state):
        seen.append(state)
        return state.phase == last

    found = rx.optimal_set(sol, callback=told)
    assert found.verdict in (full.verdict, UNDECIDED)
    assert found.objective == pytest.approx(sol.objective)
    assert len(seen) <= len(whole)
    # nobody looked for a second network: that is what is said
    assert ("not all were looked at" in found.reason) == (last == "active directions")
