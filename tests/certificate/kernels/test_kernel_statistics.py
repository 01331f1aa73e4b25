"""Ranges of statistics over all optima: closed cases, networks that must be inside, refusals."""

import numpy as np
import pytest

import relucvx as rx
from relucvx import metrics
from relucvx.errors import InvalidInputError, UnsupportedError
from relucvx.program.objective import objective


@pytest.fixture
def rng():
    """The same numbers for every test."""
    return np.random.default_rng(0)


def inside(found, value, slack=1e-9):
    """Whether a value lies in a range, to the rounding of a metric."""
    return found.lower - slack <= value <= found.upper + slack


def factorial(x1, x2):
    """Two factors on inputs with a common mode, solved."""
    data = rx.datasets.factorial(2, x1=x1, x2=x2)
    return data, rx.solve(data.X, data.Y, 0.2, tol=1e-10, time_limit=20)


def test_with_a_common_mode_every_optimum_is_abstract():
    data, sol = factorial(0.5, 0.3)
    found = rx.kernel_statistic(sol, "parallelism", factors=data.Y)
    assert found.lower >= 0.9999
    assert found.upper <= 1.0
    assert inside(found, metrics.parallelism_score(sol.network.hidden(data.X), data.Y).mean)
    assert set(found.parts) == {"factor 0", "factor 1"}
    outside = rx.kernel_statistic(sol, "outside", basis=np.column_stack([np.ones(4), data.Y]))
    assert 0.0 <= outside.lower <= outside.upper < 1e-6


@pytest.mark.slow
def test_the_kernel_itself_is_known_then():
    data, sol = factorial(0.5, 0.3)
    radius = rx.kernel_statistic(sol, "distance")
    assert radius.upper < 1e-3
    far = rx.kernel_statistic(
        sol, "distance", reference=2.0 * rx.kernel.predict_factorial(data.Y, 0.2, X=data.X).kernel
    )
    assert far.lower > 0.9 * far.upper > 0.0


@pytest.mark.slow
def test_without_one_parallelism_is_anything():
    data = rx.datasets.factorial(2, x1=0.2)
    sol = rx.solve(data.X, data.Y, 0.2, tol=1e-9, time_limit=20)
    found = rx.kernel_statistic(sol, "parallelism", factors=data.Y)
    assert found.lower == pytest.approx(0.0, abs=1e-3)
    assert found.upper == pytest.approx(1.0, abs=1e-3)
    assert found.attained[0] < 1e-3 < 0.999 < found.attained[1]
    family = rx.kernel.optimal_family(data.Y, 0.2, X=data.X)
    for angle in np.linspace(0.0, np.pi / 2, 7):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        network = family.network(turn)
        assert inside(found, metrics.parallelism_score(network.hidden(data.X), data.Y).mean, 1e-6)
        assert (
            rx.kernel_statistic(sol, "distance").upper
            >= np.linalg.norm(family.kernel(turn) - rx.representation_kernel(sol.network, data.X)) - 1e-4
        )


def test_whitened_classes_collapse_at_every_optimum():
    X, Y = np.eye(4), np.kron(np.eye(2), np.ones((2, 1)))
    sol = rx.solve(X, Y, 0.3, tol=1e-12, time_limit=20)
    assert rx.kernel_statistic(sol, "distance").upper <= 1e-4
    found = rx.kernel_statistic(sol, "nc1_quotient", labels=["a", "a", "b", "b"])
    assert found.lower == 0.0
    assert found.upper < 1e-6
    whole = rx.kernel_statistic(sol, "nc1", labels=["a", "a", "b", "b"])
    assert 0.0 == whole.lower <= whole.upper < 1e-6


@pytest.mark.parametrize("d", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_no_network_within_delta_is_outside(d, rng):
    X, Y = rng.standard_normal((9, d)), np.eye(3)[np.arange(9) % 3]
    labels, factors = np.arange(9) % 3, np.column_stack([np.arange(9) % 2, np.arange(9) // 2 % 2])
    sol = rx.solve(X, Y, 0.3, tol=1e-10)
    delta = 3e-3 * sol.objective
    asked = {
        "nc1_quotient": {"labels": labels},
        "nc1": {"labels": labels},
        "outside": {"basis": np.ones((9, 1))},
        "parallelism": {"factors": factors},
        "participation_ratio": {},
    }
    found = {name: rx.kernel_statistic(sol, name, **options, delta=delta) for name, options in asked.items()}
    for one in found.values():
        assert one.lower <= one.attained[0] <= one.attained[1] <= one.upper
    count = 0
    for size in (1e-3, 3e-3, 1e-2):
        for _ in range(40):
            W = np.array(sol.network.weights_in) + size * rng.standard_normal(sol.network.weights_in.shape)
            V = np.array(sol.network.weights_out) + size * rng.standard_normal(sol.network.weights_out.shape)
            network = rx.TwoLayerReLU(W, V)
            if objective(sol.problem, network) > sol.certificate.lower + delta:
                continue
            count += 1
            H = network.hidden(X)
            collapse = metrics.neural_collapse(H, labels)
            assert inside(found["nc1_quotient"], collapse.nc1_quotient)
            assert inside(found["nc1"], collapse.nc1)
            assert inside(found["parallelism"], metrics.parallelism_score(H, factors).mean)
            assert inside(found["participation_ratio"], metrics.participation_ratio(H))
            assert inside(found["outside"], 1.0 - (H.sum(axis=0) ** 2).sum() / 9 / (H**2).sum())
    assert count > 30


def test_a_kernel_that_may_vanish_has_no_quotient():
    X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    zero = rx.solve(X, y, 6.0)
    found = rx.kernel_statistic(zero, "outside", basis=np.ones((4, 1)))
    assert (found.lower, found.upper) == (0.0, 1.0)
    assert np.isnan(found.attained[0])


def test_refusals():
    X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    sol = rx.solve(X, y, 1.0)
    with pytest.raises(InvalidInputError, match="a statistic among nc1_quotient"):
        rx.kernel_statistic(sol, "rank")
    with pytest.raises(InvalidInputError, match="labels= for 'nc1_quotient'"):
        rx.kernel_statistic(sol, "nc1_quotient")
    with pytest.raises(InvalidInputError, match="nothing but reference="):
        rx.kernel_statistic(sol, "distance", labels=[0, 0, 1, 1])
    with pytest.raises(InvalidInputError, match="at least two classes"):
        rx.kernel_statistic(sol, "nc1_quotient", labels=[0, 0, 0, 0])
    with pytest.raises(InvalidInputError, match="two contexts"):
        rx.kernel_statistic(sol, "parallelism", factors=[[0], [1], [0], [1]])
    with pytest.raises(InvalidInputError, match="a basis of shape"):
        rx.kernel_statistic(sol, "outside", basis=np.ones((3, 1)))
    with pytest.raises(InvalidInputError, match="a Solution"):
        rx.kernel_statistic(sol.network, "distance")
    with pytest.raises(UnsupportedError, match="bias"):
        rx.kernel_statistic(rx.solve(X, y, 1.0, bias="free"), "distance")


def test_what_is_said():
    found = rx.kernel_statistic(rx.solve([[1.0], [2.0]], [1.0, 2.0], 0.5), "participation_ratio", delta=0.01)
    assert str(found) == found.statement
    assert "p* + 0.01" in found.statement
    assert repr(found).startswith("StatisticRange('participation_ratio'")
