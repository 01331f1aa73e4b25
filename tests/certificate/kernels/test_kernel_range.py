"""Ranges of kernel functionals: no network near the optimum is outside, whatever its scaling; closed cases; refusals."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import InvalidInputError, UnsupportedError
from relucvx.program.objective import objective


@pytest.fixture
def rng():
    """The same numbers for every test."""
    return np.random.default_rng(0)


SLOW = pytest.param("hinge", "hidden", marks=pytest.mark.slow)


def value(network, X, M):
    """<K, M> of a network in its own scaling."""
    return float((rx.representation_kernel(network, X) * M).sum())


def functional(rng, n, kind):
    """A matrix of one of three kinds."""
    B = rng.standard_normal((n, 2))
    M = rng.standard_normal((n, n))
    return {"low rank": B @ B.T, "trace": np.eye(n), "indefinite": M + M.T}[kind]


def perturbed(network, rng, size):
    """A network near another, in a scaling of its own, with a neuron more that does nothing but show in the kernel."""
    W, V = np.array(network.weights_in), np.array(network.weights_out)
    scale = np.exp(size * rng.standard_normal(len(W)))[:, None]
    W, V = W * scale, V / scale
    W, V = W + size * rng.standard_normal(W.shape), V + size * rng.standard_normal(V.shape)
    extra = size**0.5 * rng.standard_normal((1, W.shape[1]))
    return rx.TwoLayerReLU(np.vstack([W, extra]), np.vstack([V, np.zeros((1, V.shape[1]))]))


@pytest.mark.parametrize("kind", ["low rank", "trace", "indefinite"])
def test_no_network_within_delta_is_outside(kind, rng):
    X, Y = rng.standard_normal((8, 2)), rng.standard_normal((8, 2))
    sol = rx.solve(X, Y, 0.4, tol=1e-10)
    M = functional(rng, 8, kind)
    delta = 1e-2 * sol.objective
    found = rx.kernel_range(sol, M, delta)
    assert found.lower <= found.attained[0] <= found.attained[1] <= found.upper
    inside = 0
    for size in (1e-4, 1e-3, 1e-2, 3e-2):
        for _ in range(60):
            network = perturbed(sol.network, rng, size)
            own = objective(sol.problem, network)
            if own <= sol.certificate.lower + delta:
                inside += 1
                assert found.lower <= value(network, X, M) <= found.upper
    assert inside > 50
    # and the ends are about where networks are
    width = found.upper - found.lower
    assert found.attained[0] - found.lower < 0.25 * width
    assert found.upper - found.attained[1] < 0.25 * width


def test_at_the_optimum_the_ends_meet_the_one_value(rng):
    X, Y = rng.standard_normal((10, 2)), rng.standard_normal((10, 2))
    sol = rx.solve(X, Y, 0.5, tol=1e-10)
    for kind in ("low rank", "trace", "indefinite"):
        M = functional(rng, 10, kind)
        found = rx.kernel_range(sol, M)
        scale = np.abs(np.linalg.eigvalsh(M)).max() * np.trace(rx.representation_kernel(sol.network, X))
        assert found.lower <= value(rx.balance(sol.network), X, M) <= found.upper
        assert found.upper - found.lower < 1e-3 * scale
        wider = rx.kernel_range(sol, M, 1e-3)
        assert wider.lower < found.lower
        assert found.upper < wider.upper
        assert found.scope is rx.Scope.ALL_PATTERNS


def test_the_two_ends_mirror_each_other(rng):
    X, y = rng.standard_normal((8, 2)), rng.standard_normal(8)
    sol = rx.solve(X, y, 0.3, tol=1e-10)
    M = functional(rng, 8, "low rank")
    one, two = rx.kernel_range(sol, M, 1e-2), rx.kernel_range(sol, -M, 1e-2)
    assert one.lower == pytest.approx(-two.upper, rel=1e-2)
    assert one.upper == pytest.approx(-two.lower, rel=1e-2)
    triple = rx.kernel_range(sol, 3.0 * M, 1e-2)
    assert triple.upper == pytest.approx(3.0 * one.upper, rel=1e-2)


def test_rotated_features_and_permuted_samples_have_the_same_range(rng):
    X, y = rng.standard_normal((8, 2)), rng.standard_normal(8)
    M = functional(rng, 8, "indefinite")
    found = rx.kernel_range(rx.solve(X, y, 0.3, tol=1e-10), M, 1e-2)
    turn, order = np.linalg.qr(rng.standard_normal((2, 2)))[0], rng.permutation(8)
    again = rx.kernel_range(rx.solve((X @ turn)[order], y[order], 0.3, tol=1e-10), M[np.ix_(order, order)], 1e-2)
    width = found.upper - found.lower
    assert abs(found.upper - again.upper) < 1e-2 * width
    assert abs(found.lower - again.lower) < 1e-2 * width


@pytest.mark.parametrize(("loss", "bias"), [("logistic", "all"), ("huber", "hidden"), ("squared_hinge", "none"), SLOW])
def test_other_losses_and_biases(loss, bias, rng):
    X, y = rng.standard_normal((8, 2)), np.sign(rng.standard_normal(8))
    sol = rx.solve(X, y, 0.3, loss=loss, bias=bias)
    found = rx.kernel_range(sol, np.eye(8))
    own = value(sol.network, X, np.eye(8))
    assert found.lower <= own <= found.upper
    assert found.upper - found.lower < 1e-2 * own


def test_bags_and_several_read_outs(rng):
    P, y = rng.standard_normal((6, 3, 2)), rng.standard_normal(6)
    sol = rx.solve(P, y, 0.2, pooling="flatten", tol=1e-9)
    found = rx.kernel_range(sol, np.eye(6))
    own = value(sol.network, P, np.eye(6))
    assert found.lower <= own <= found.upper
    assert found.upper - found.lower < 1e-2 * own


def test_without_time_the_ends_are_loose_and_right(rng):
    X, Y = rng.standard_normal((8, 2)), rng.standard_normal((8, 2))
    sol = rx.solve(X, Y, 0.4)
    found = rx.kernel_range(sol, np.eye(8), time_limit=1e-6)
    assert found.lower <= value(sol.network, X, np.eye(8)) <= found.upper
    assert found.proof_upper.method == "weights"


def test_a_zero_optimum_has_the_range_of_zero(rng):
    X, y = rng.standard_normal((6, 2)), rng.standard_normal(6)
    sol = rx.solve(X, y, 1.1 * rx.beta_max(X, y)[1])
    found = rx.kernel_range(sol, np.eye(6))
    assert found.lower <= 0.0 <= found.upper < 1e-6
    near = rx.kernel_range(sol, np.eye(6), 0.1)
    # a neuron without output: q ||w||² for beta/2 ||w||²
    q = max(
        np.linalg.norm(np.maximum(X @ u, 0.0)) ** 2
        for u in rng.standard_normal((2000, 2))
        for u in [u / np.linalg.norm(u)]
    )
    assert near.upper >= 2 * 0.1 / sol.problem.beta * q * (1 - 1e-9)


def test_its_dual_points_are_feasible_and_prove_the_ends(rng):
    X, Y = rng.standard_normal((9, 2)), rng.standard_normal((9, 2))
    sol = rx.solve(X, Y, 0.4, tol=1e-10)
    M = functional(rng, 9, "indefinite")
    found = rx.kernel_range(sol, M, 1e-2)
    t = np.linspace(0.0, 2 * np.pi, 20_001)
    H = np.maximum(X @ np.array([np.cos(t), np.sin(t)]), 0.0)
    q = np.einsum("ik,ij,jk->k", H, M, H, optimize=True)
    for proof, sign in ((found.proof_upper, 1.0), (found.proof_lower, -1.0)):
        h = ((proof.dual.T @ H) ** 2).sum(axis=0) + 2 * proof.epsilon * 0.4 * sign * q
        assert h.max() <= 0.4**2 * (1 + 1e-12)
        assert h.max() >= 0.4**2 * (1 - 1e-3)
        V = float((proof.dual * Y).sum() - 0.5 * (proof.dual**2).sum())
        assert proof.perturbed_lower - 1e-12 <= V
        assert sign * proof.value >= (found.objective + 1e-2 - V) / proof.epsilon * (1 - 1e-9) - 1e-9


def test_refusals():
    X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    sol = rx.solve(X, y, 1.0)
    with pytest.raises(InvalidInputError, match="M of shape"):
        rx.kernel_range(sol, np.eye(3))
    with pytest.raises(InvalidInputError, match="M to be symmetric"):
        rx.kernel_range(sol, np.triu(np.ones((4, 4))))
    with pytest.raises(InvalidInputError, match="a Solution"):
        rx.kernel_range(sol.network, np.eye(4))
    with pytest.raises(InvalidInputError, match="delta"):
        rx.kernel_range(sol, np.eye(4), -1.0)
    with pytest.raises(UnsupportedError, match="a neuron of a bias alone"):
        rx.kernel_range(rx.solve(X, y, 1.0, bias="free"), np.eye(4))


def test_what_is_said():
    X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    found = rx.kernel_range(rx.solve(X, y, 1.0), np.eye(4), 0.01)
    assert "every network of any width" in found.statement
    assert "p* + 0.01" in str(found)
    assert found.to_dict()["delta"] == 0.01
    assert found.width == found.upper - found.lower
    assert repr(found).startswith("KernelRange(lower=")


@pytest.mark.parametrize("stop", [False, True])
def test_a_callback_sees_the_ends_and_may_stop(stop):
    sol = rx.solve([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], beta=1.0)
    seen = []

    def told(state):
        seen.append(state)
        return stop

    found = rx.kernel_range(sol, np.eye(4), callback=told)
    # what is proven counts: the true value is between the ends, however early it stopped
    assert found.lower <= 8.0 <= found.upper
    assert {state.end for state in seen} == ({1} if stop else {1, 2})
    assert len(seen) == 1 or not stop
    assert (found.width < 0.01) is not stop
    assert all(state.bound >= 8.0 or state.end == 2 for state in seen)
    assert "bound" in seen[0].bar(1e-6)[0]
    many = []
    rx.kernel_statistic(sol, "outside", basis=np.eye(4)[:, :1], callback=many.append)
    assert many
