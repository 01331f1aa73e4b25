"""The doors of three layers in parallel."""

import numpy as np
import pytest

import relucvx as rx

X = np.linspace(-1, 1, 7)[:, None]
Y = np.abs(X[:, 0]) - 0.3


@pytest.mark.parametrize("loss", ["squared", "logistic", "hinge", "huber"])
def test_losses_and_biases(loss):
    y = np.where(Y > 0, 1.0, -1.0) if loss in ("logistic", "hinge") else Y
    for bias in ("none", "hidden", "all"):
        found = rx.solve_parallel(X, y, 0.1, loss=loss, bias=bias, tol=1e-3)
        assert found.status is rx.Status.CONVERGED
        assert found.certificate.lower <= found.objective
        assert found.network.predict(X).shape == (7,)


def test_a_solution_its_network_and_its_module_have_one_certificate():
    found = rx.solve_parallel(X, Y, 0.1, bias="all")
    for network in (found, found.network, found.network.to_deep(), found.network.to_deep().to_torch()):
        proof = rx.certify_parallel(network, found.problem, dual=found.dual)
        assert proof.upper == pytest.approx(found.objective, rel=1e-12)
        assert proof.rel_gap <= 2e-4
    assert "branches" in repr(found)
    assert "gap" in str(found)


def test_a_problem_comes_alone_and_free_biases_are_refused():
    problem = rx.make_problem(X, Y, 0.1, bias="hidden")
    assert rx.solve_parallel(problem).objective == rx.solve_parallel(X, Y, 0.1, bias="hidden").objective
    with pytest.raises(NotImplementedError, match='bias="free"'):
        rx.solve_parallel(X, Y, 0.1, bias="free")


def test_weights_and_units():
    found = rx.solve_parallel(X, Y, 0.1, tol=1e-5)
    twice = rx.solve_parallel(np.vstack([X, X]), np.tile(Y, 2), 0.1, sample_weight=np.full(14, 0.5), tol=1e-5)
    assert twice.objective == pytest.approx(found.objective, rel=1e-4)
    scaled = rx.solve_parallel(1e6 * X, 1e-3 * Y, 0.1 * 1e3, tol=1e-5)
    assert scaled.objective == pytest.approx(1e-6 * found.objective, rel=1e-4)
