"""Covers of all directions: bounds above every value, atoms that are their gradients, halves that cover as much."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.oracle import cover as module
from relucvx.oracle import form_of
from relucvx.oracle.cover import Cover
from relucvx.oracle.form import pulled_back
from relucvx.program.duality import balance_dual
from relucvx.threads import using_jobs

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.standard_normal((8, 3)), np.zeros((1, 3))])
X = np.concatenate([X, X[:2]])  # equal rows are one row of a form


def problems():
    for bias in ("none", "hidden", "all", "free"):
        for c in (1, 2):
            yield rx.make_problem(X, RNG.standard_normal((11, c)), 0.3, bias=bias)
    yield rx.make_problem(X, RNG.standard_normal((11, 2)), 0.3, activation=(0.25, 1.0))
    yield rx.make_problem(X, RNG.standard_normal(11), 0.3, activation="abs")
    yield rx.make_problem(X, np.eye(3)[RNG.integers(0, 3, 11)], 0.3, loss="cross_entropy")
    bags = RNG.integers(-1, 2, (6, 4, 3)).astype(float)
    yield rx.make_problem(bags, RNG.standard_normal(6), 0.3, pooling="mean")
    yield rx.make_problem(bags, RNG.standard_normal((6, 2)), 0.3, pooling="flatten")


PROBLEMS = list(problems())
NAMES = [f"{p.bias}-{p.n_outputs}-{p.activation}-{p.n_readouts}" for p in PROBLEMS]


def dual_of(problem, rng):
    return balance_dual(
        problem, problem.loss.clip_dual(rng.standard_normal(problem.Y.shape), problem.Y, np.ones(len(problem.Y)))
    )


def made(problem, N, turns=3):
    cover = Cover(form_of(problem, N))
    for _ in range(turns):
        cover.halve(np.arange(cover.size))
    return cover


def cone_of(cover, W):
    """For each direction (k, D) whether it lies in each cone."""
    inside = np.linalg.solve(np.swapaxes(cover._nodes[: cover.size], 1, 2), W.T[None])
    return (inside >= -1e-9).all(axis=1)


@pytest.mark.parametrize("problem", PROBLEMS, ids=NAMES)
def test_every_cone_bounds_the_values_in_it_and_no_direction_is_left_out(problem):
    rng = np.random.default_rng(1)
    N = dual_of(problem, rng)
    cover, form = made(problem, N), form_of(problem, N)
    if form.X.shape[1] == 0:
        return
    W = rng.standard_normal((200, form.X.shape[1]))
    lead = np.linalg.norm(W[:, : form.penalized], axis=1, keepdims=True)
    W = W / lead
    if form.free_bias:
        W[:, -1] = rng.uniform(-1, 1, len(W)) * form.bias_range
    member, values = cone_of(cover, W), form.values(W.T)
    assert member.any(axis=0).all()
    slack = 1e-9 * form.scale
    bounds = cover.bounds[: cover.size]
    assert (np.where(member, bounds[:, None], np.inf) >= values - slack).all()
    assert np.isfinite(bounds).all()
    # one cut in two is not looser than it was, but for what better slopes had won
    finer = made(problem, N, turns=5)
    assert finer.upper() <= cover.upper() * (1 + 1e-6) + slack


@pytest.mark.parametrize("problem", PROBLEMS, ids=NAMES)
def test_atoms_are_gradients_they_give_the_bound_here_and_less_than_it_elsewhere(problem):
    rng = np.random.default_rng(2)
    N = dual_of(problem, rng)
    cover, form = made(problem, N), form_of(problem, N)
    chosen = np.flatnonzero(cover.bounds[: cover.size] > 1e-6 * form.scale)
    pulled = pulled_back(problem, form, *cover.atoms(chosen))
    assert pulled.shape == (len(chosen), *problem.Y.shape)
    # positively homogeneous: the gradient gives the value, on the samples as on the rows
    here = np.einsum("qnc,nc->q", pulled, N)
    assert here == pytest.approx(cover.bounds[chosen], rel=1e-7, abs=1e-9 * form.scale)
    # convex, for the best slopes: elsewhere it gives less than the bound, but for what slopes that are not the best lose
    for size, usual, loose in ((1e-3, 1e-3, 0.1), (0.3, 0.05, 0.3)):
        M = balance_dual(problem, N + size * dual_of(problem, rng))
        cover.aim(form_of(problem, M))
        there = np.einsum("qnc,nc->q", pulled, M)
        above = (there - cover.bounds[chosen]) / cover.upper()
        assert np.quantile(above, 0.9) <= usual
        assert above.max() <= loose
    # and to first order it is the bound
    near = balance_dual(problem, N + 1e-4 * dual_of(problem, rng))
    cover.aim(form_of(problem, near))
    apart = np.abs(np.einsum("qnc,nc->q", pulled, near) - cover.bounds[chosen]) / cover.upper()
    assert np.quantile(apart, 0.9) <= 1e-3


def test_an_atom_of_a_cone_within_one_cell_is_that_of_a_neuron():
    problem = rx.make_problem(np.eye(2), [1.0, 2.0], 0.3)
    N = np.array([[1.0], [2.0]])
    cover, form = Cover(form_of(problem, N)), form_of(problem, N)
    first = np.array([int(np.argmax(cover.bounds))])
    neuron = form.to_original(cover.points[first[0]])
    expected = np.maximum(problem.inputs @ neuron, 0.0)
    assert pulled_back(problem, form, *cover.atoms(first))[0, :, 0] == pytest.approx(expected)
    assert expected == pytest.approx(np.array([1.0, 2.0]) / np.sqrt(5.0))


def test_bounds_do_not_depend_on_the_number_of_threads(monkeypatch):
    monkeypatch.setattr(module, "PIECE", 7)
    problem = PROBLEMS[0]
    N = dual_of(problem, np.random.default_rng(3))
    with using_jobs(1):
        one = made(problem, N, 4)
    with using_jobs(3):
        three = made(problem, N, 4)
    assert np.array_equal(one.bounds[: one.size], three.bounds[: three.size])


def test_halving_some_leaves_the_others_alone():
    problem = PROBLEMS[0]
    cover = made(problem, dual_of(problem, np.random.default_rng(4)), 2)
    before, size = cover._nodes.copy(), cover.size
    halves = cover.halve(np.array([3, 0]))
    assert halves.tolist() == [3, 0, size, size + 1]
    assert cover.size == size + 2
    untouched = np.setdiff1d(np.arange(size), [0, 3])
    assert np.array_equal(cover._nodes[untouched], before[untouched])
    for whole, half in ((before[3], size), (before[0], size + 1)):
        kept, other = (3, size) if half == size else (0, size + 1)
        # the halves share all generators of the whole but the ends of one edge
        same = [k for k in range(3) if np.array_equal(cover._nodes[kept][k], whole[k])]
        also = [k for k in range(3) if np.array_equal(cover._nodes[other][k], whole[k])]
        assert len(same) == len(also) == 2
        assert same != also
