"""Cuts through the kernels: no network is below one, whatever its scaling; lifted multipliers prove what they say."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.certificate.kernels.kernel_cut import KernelProgram
from relucvx.deadline import Deadline
from relucvx.program.lifting import lifted_dual_norm, split_lifting
from relucvx.program.objective import objective
from relucvx.program.posing import make_problem
from relucvx.types import as_activation


@pytest.fixture
def rng():
    """The same numbers for every test."""
    return np.random.default_rng(0)


def networks(problem, rng, count):
    """Networks of several widths and sizes, none of them in a scaling that is good for it."""
    for k in range(count):
        m, size = int(rng.integers(1, 6)), 10.0 ** rng.uniform(-1, 0.5)
        W = size * rng.standard_normal((m, problem.n_inputs))
        H = np.maximum(problem.inputs @ W.T, 0.0)
        # half of them with the best read-out there is, which is what a kernel's bound is about
        ridge = np.linalg.solve(H.T @ H + problem.beta * np.eye(m), H.T @ problem.Y)
        V = ridge if k % 2 else rng.standard_normal(ridge.shape)
        yield problem.network(W, V, 0.3 * rng.standard_normal(problem.n_outputs))


def kernel_of(problem, network):
    """The hidden kernel in the network's own scaling."""
    return rx.representation_kernel(network, problem.X)


@pytest.mark.parametrize(("bias", "loss"), [("none", "squared"), ("hidden", "huber"), ("all", "squared")])
def test_no_network_is_below_the_cut_of_its_own_kernel_nor_below_that_of_another(bias, loss, rng):
    X, Y = rng.standard_normal((5, 2)), rng.standard_normal((5, 2))
    problem = make_problem(X, Y, 0.3, bias=bias, loss=loss)
    program, cuts, known = KernelProgram(problem), [], list(networks(problem, rng, 10))
    for net in known[:6]:
        K = kernel_of(problem, net)
        cuts.append(program.cheapest(K / np.linalg.norm(K), 0.0, np.eye(5), Deadline()))
        assert cuts[-1].value <= objective(problem, net) * (1 + 1e-12)
    assert max(cut.value for cut in cuts) > 1.02 * min(cut.value for cut in cuts)
    for net in [*known, rx.solve(problem).network]:
        K, own = kernel_of(problem, net), objective(problem, net)
        assert all(cut.at(K) <= own * (1 + 1e-12) for cut in cuts)


def test_lifted_multipliers_bound_a_form_of_both_signs(rng):
    X, N, G = rng.standard_normal((4, 2)), rng.standard_normal((4, 2)), rng.standard_normal((4, 4))
    lifting = split_lifting(X, as_activation("relu"))
    angles = np.linspace(0.0, 2.0 * np.pi, 20_000)
    H = np.maximum(X @ np.array([np.cos(angles), np.sin(angles)]), 0.0)
    for size in (0.0, 0.3, 3.0):
        form = size * (G + G.T)
        S = 0.1 * rng.standard_normal((len(lifting.E),) * 2)
        exact = np.max(np.sum((N.T @ H) ** 2, axis=0) + np.sum(H * (form @ H), axis=0))
        assert lifted_dual_norm(lifting, N, S, form) ** 2 >= exact
    # a form that takes everything away leaves nothing to bound
    assert lifted_dual_norm(lifting, N, np.zeros((8, 8)), -1e3 * np.eye(4)) < 0.9 * lifted_dual_norm(
        lifting, N, np.zeros((8, 8))
    )


def test_a_cut_shows_its_matrix():
    problem = make_problem(np.eye(2), np.eye(2), 0.2)
    cut = KernelProgram(problem).cheapest(np.full((2, 2), 0.5), 0.0, np.eye(2), Deadline())
    assert len(cut.to_frame()) == 2
    assert cut.at(np.zeros((3, 2, 2))).tolist() == [cut.value] * 3
