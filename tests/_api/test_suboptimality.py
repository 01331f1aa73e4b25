"""What hidden kernels cost: closed forms on whitened inputs, invariances, baselines, noise, and refusals."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import relucvx as rx
from relucvx.errors import InvalidInputError, UnsupportedError
from relucvx.program.objective import objective


@pytest.fixture(scope="module")
def task():
    """Two factors, inputs with a common mode: the abstract kernel is the only optimal one."""
    return rx.datasets.factorial(2, x0=1.0, x1=0.3, x2=0.3, rng=0)


@pytest.fixture(scope="module")
def sol(task):
    """Its optimum."""
    return rx.solve(task.X, task.Y, beta=0.5)


def closed_form(K, Y, beta):
    """Whitened inputs, a kernel of nonnegative activities: the best scale of ridge read-out and trace."""
    values, vectors = np.linalg.eigh(K)
    squares = np.sum((vectors.T @ Y) ** 2, axis=1)

    def value(log):
        s = np.exp(log)
        return 0.5 * beta * (np.sum(squares / (beta + s * values)) + s * np.trace(K))

    return min(minimize_scalar(value, bounds=(-12, 12), method="bounded", options={"xatol": 1e-10}).fun, value(-40.0))


def test_on_whitened_inputs_it_is_the_ridge_and_the_trace():
    rng = np.random.default_rng(1)
    Y = rng.standard_normal((4, 2))
    sol = rx.solve(np.eye(4), Y, beta=0.2)
    for m in (1, 2, 6):
        H = np.maximum(rng.standard_normal((4, m)), 0.0)
        found = rx.kernel_suboptimality(sol, H @ H.T)
        assert found.lower == pytest.approx(closed_form(H @ H.T, Y, 0.2), rel=1e-4)
        assert found.lower <= closed_form(H @ H.T, Y, 0.2) * (1 + 1e-9)


def test_the_optimum_is_not_told_from_itself_and_others_are(task, sol):
    own = rx.representation_kernel(sol, task.X)
    assert abs(rx.kernel_suboptimality(sol, own).relative) < 1e-6
    unstructured = rx.kernel_suboptimality(sol, np.eye(4))
    assert unstructured.relative > 0.09
    assert unstructured.cut.at(own) <= sol.objective
    assert "above the optimum" in str(unstructured)
    assert "nothing is proven" in str(rx.kernel_suboptimality(sol, own))


def test_scale_order_and_rotation_do_not_matter(task, sol):
    rng = np.random.default_rng(2)
    K = np.diag([1.0, 2.0, 3.0, 4.0]) + 0.5
    base = rx.kernel_suboptimality(sol, K, radius=0.2)
    order, Q = rng.permutation(4), np.linalg.qr(rng.standard_normal((4, 4)))[0]
    other = rx.solve(task.X[order] @ Q, task.Y[order], beta=0.5)
    again = rx.kernel_suboptimality(other, 1e3 * K[np.ix_(order, order)], radius=200.0)
    assert again.lower == pytest.approx(base.lower, rel=1e-5)


def test_more_noise_proves_less_and_a_free_baseline_does_not_see_the_origin(sol):
    K, a = np.eye(4), np.array([1.0, -2.0, 0.5, 3.0])
    exact, rough = (rx.kernel_suboptimality(sol, K, radius=r).lower for r in (0.0, 0.4))
    assert rough < exact
    shifted = K + np.add.outer(a, a)
    free = [rx.kernel_suboptimality(sol, one, baseline="free", radius=0.3).lower for one in (K, shifted)]
    assert free[0] == pytest.approx(free[1], rel=1e-6)
    assert free[0] <= rough + 1e-6
    # with negative entries no network has this kernel, and nothing is lost by having no neurons
    assert rx.kernel_suboptimality(sol, shifted).lower == pytest.approx(0.5 * 8.0, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"K": np.eye(3)}, "shape"),
        ({"K": np.zeros((4, 4))}, "tells samples apart"),
        ({"K": np.ones((4, 4)), "baseline": "free"}, "tells samples apart"),
        ({"radius": 2.5}, "radius below the norm"),
        ({"baseline": "gone"}, 'baseline "kept" or "free"'),
        ({"solution": np.eye(3)}, "a Solution"),
    ],
)
def test_what_cannot_be_answered_is_refused(sol, change, message):
    with pytest.raises(InvalidInputError, match=message):
        rx.kernel_suboptimality(**{"solution": sol, "K": np.eye(4), **change})


def test_many_samples_are_refused():
    many = rx.solve(np.ones((25, 1)), np.ones(25), beta=1.0)
    with pytest.raises(UnsupportedError, match="24 samples"):
        rx.kernel_suboptimality(many, np.eye(25))


def test_without_time_the_bound_is_that_of_all_networks(sol):
    found = rx.kernel_suboptimality(sol, np.eye(4), time_limit=1e-9)
    assert found.cut is None
    assert found.lower == sol.certificate.lower


@pytest.mark.slow
def test_of_two_hundred_networks_none_is_below_the_bound_of_its_kernel(task, sol):
    runs = rx.train(task.X, task.Y, 0.5, width=8, seeds=range(100), progress=False)
    rng, known = np.random.default_rng(0), [run.network for run in runs]
    for net in known[:100]:
        size = 10.0 ** rng.uniform(-2.0, 0.0)
        W, V = (A + size * rng.standard_normal(A.shape) for A in (net.weights_in, net.weights_out))
        known.append(rx.TwoLayerReLU(W, V))
    ratios = []
    for net in known:
        bound = rx.kernel_suboptimality(sol, rx.representation_kernel(net, task.X), time_limit=600.0)
        ratios.append(objective(sol.problem, net) / bound.lower)
    assert len(ratios) == 200
    assert min(ratios) >= 1.0
    # and the bound is worth something: trained networks are close to their own
    assert np.median(ratios[:100]) < 1.001
