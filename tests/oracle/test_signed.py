"""Bounds on a difference of two squared dual norms: by dense directions, by the dual norm, and under scaling."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.deadline import Deadline
from relucvx.oracle import dual_norm
from relucvx.oracle.signed import difference_of, signed_bound, signed_maxima
from relucvx.oracle.signed_kernels import majorant


@pytest.fixture
def rng():
    """The same numbers for every test."""
    return np.random.default_rng(0)


def drawn(seed, n=9, d=3, a=2, c=2, **options):
    """A problem and two matrices."""
    rng = np.random.default_rng(seed)
    problem = rx.make_problem(rng.standard_normal((n, d)), rng.standard_normal((n, 2)), 1.0, **options)
    return problem, rng.standard_normal((n, a)), 0.7 * rng.standard_normal((n, c))


def literal(problem, A, C, U):
    """||Aᵀ phi(Xu)||² - ||Cᵀ phi(Xu)||² of directions (k, D), row by row."""
    out = []
    for u in U:
        h = problem.activation(problem.inputs @ u)
        out.append(((A.T @ h) ** 2).sum() - ((C.T @ h) ** 2).sum())
    return np.array(out)


def sphere(problem, count, rng):
    """Unit directions, and those on walls."""
    U = rng.standard_normal((count, problem.n_inputs))
    if problem.n_inputs > 1:
        U[::3] -= (U[::3] @ problem.inputs[0])[:, None] * problem.inputs[0] / (problem.inputs[0] @ problem.inputs[0])
    return U / np.linalg.norm(U, axis=1, keepdims=True)


@pytest.mark.parametrize("activation", ["relu", (0.2, 1.0), "abs"])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_no_direction_is_above_the_bound_and_one_is_close(d, activation, rng):
    problem, A, C = drawn(d, d=d, activation=activation)
    h = difference_of(problem, A, C)
    found = signed_bound(h, target=0.0, starts=rng.standard_normal((20, d)))
    values = literal(problem, A, C, sphere(problem, 20_000, rng))
    assert values.max() <= found.upper
    assert found.outcome == "proved"
    assert found.upper <= max(values.max(), 0.0) * 1.01 + 1e-9
    assert found.lower <= found.upper <= found.lower * (1 + 1e-9) + 1e-9
    assert literal(problem, A, C, found.witness[None])[0] == pytest.approx(found.lower, abs=1e-8)


def test_without_the_second_square_it_is_the_dual_norm_squared(rng):
    problem, A, _ = drawn(4)
    found = signed_bound(difference_of(problem, A, np.zeros((9, 0))), target=0.0, starts=rng.standard_normal((20, 3)))
    assert found.upper == pytest.approx(dual_norm(problem, A).upper ** 2, rel=1e-8)


def test_without_the_first_it_is_zero(rng):
    problem, A, _ = drawn(4)
    found = signed_bound(difference_of(problem, np.zeros((9, 1)), A), target=0.0, starts=rng.standard_normal((20, 3)))
    assert 0.0 <= found.upper <= 1e-9


def test_units_are_taken_out(rng):
    problem, A, C = drawn(5)
    starts = rng.standard_normal((20, 3))
    one = signed_bound(difference_of(problem, A, C), target=0.0, starts=starts)
    tiny = signed_bound(difference_of(problem, A * 1e-90, C * 1e-90), target=0.0, starts=starts)
    assert tiny.upper == pytest.approx(one.upper * 1e-180, rel=1e-9)


def test_a_search_that_runs_out_is_still_above_every_value(rng):
    problem, A, C = drawn(6, n=20, d=4)
    starts = rng.standard_normal((4, 4))
    h = difference_of(problem, A, C)
    values = literal(problem, A, C, sphere(problem, 5_000, rng))
    for budget in ({"max_cones": 1}, {"deadline": Deadline(0.0)}, {"callback": lambda _: True}):
        found = signed_bound(h, target=0.0, starts=starts, **budget)
        assert found.outcome == "budget"
        assert found.upper >= values.max()


def test_a_direction_above_what_is_asked_stops_the_search(rng):
    problem, A, C = drawn(7)
    found = signed_bound(
        difference_of(problem, A, C), target=1e-6, starts=rng.standard_normal((20, 3)), stop_above=2e-6
    )
    assert found.outcome == "violated"
    assert literal(problem, A, C, found.witness[None])[0] > 2e-6


def test_equal_rows_bags_and_a_hidden_bias(rng):
    X, Y = rng.standard_normal((6, 2)), rng.standard_normal(6)
    problem = rx.make_problem(X[[0, 0, 1, 2, 3, 4]], Y, 1.0, bias="hidden")
    A, C = rng.standard_normal((6, 2)), rng.standard_normal((6, 3))
    found = signed_bound(difference_of(problem, A, C), target=0.0, starts=rng.standard_normal((20, 3)))
    values = literal(problem, A, C, sphere(problem, 20_000, rng))
    assert values.max() <= found.upper <= max(values.max(), 0.0) * 1.01 + 1e-9
    bags = rx.make_problem(rng.standard_normal((5, 3, 2)), rng.standard_normal(5), 1.0, pooling="flatten")
    A, C = rng.standard_normal((5, 2)), rng.standard_normal((5, 1))
    found = signed_bound(difference_of(bags, A, C), target=0.0, starts=rng.standard_normal((20, 2)))
    U = rng.standard_normal((5_000, 2))
    read = bags.pool(bags.activation(bags.inputs @ (U / np.linalg.norm(U, axis=1, keepdims=True)).T))
    values = (np.einsum("na,nkq->akq", A, read) ** 2).sum((0, 1)) - (np.einsum("na,nkq->akq", C, read) ** 2).sum((0, 1))
    assert values.max() <= found.upper <= max(values.max(), 0.0) * 1.01 + 1e-9


def test_maxima_are_reached_and_exact_on_walls(rng):
    problem, A, C = drawn(8, n=6, d=2)
    h = difference_of(problem, A, C)
    points, values = signed_maxima(h, rng.standard_normal((40, 2)))
    t = np.linspace(0.0, 2 * np.pi, 200_001)
    dense = literal(problem, A, C, np.column_stack([np.cos(t), np.sin(t)])[::10])
    assert values[0] >= dense.max() * (1 - 1e-12)
    assert values[0] == pytest.approx(literal(problem, A, C, np.array([h.more.to_original(points[0])]))[0], rel=1e-12)


@pytest.mark.parametrize("other", [0.0, 1.0])
def test_edges_at_right_angles_are_split_and_rounding_of_them_is_rounding(other, rng):
    # cones of these inputs have generators at right angles: entries there are zero up to rounding, or too large
    data = rx.datasets.factorial(2, x1=0.5, x2=-0.1)
    problem = rx.make_problem(data.X, data.Y, 1.0)
    C = 1e-3 * (data.Y[:, :1] - other * data.Y[:, 1:])
    found = signed_bound(
        difference_of(problem, data.Y, C), target=0.0, starts=rng.standard_normal((20, data.X.shape[1])), max_cones=5000
    )
    assert found.outcome == "proved"
    assert found.upper <= found.lower * (1.0 + 1e-9)
    assert literal(problem, data.Y, C, sphere(problem, 2_000, rng)).max() <= found.upper


def test_a_majorant_is_above_the_form_at_every_combination(rng):
    for _ in range(200):
        G = np.abs(rng.standard_normal((3, 3))) * (rng.random((3, 3)) < 0.6) + 1e-9 * np.eye(3)
        G /= np.linalg.norm(G, axis=1, keepdims=True)
        gram = G @ G.T
        H = rng.standard_normal((3, 3))
        H = H + H.T - rng.choice([0.0, 3.0])
        a = np.abs(rng.standard_normal((500, 3))) * (rng.random((500, 3)) < 0.7)
        size = np.einsum("ak,kl,al->a", a, gram, a)
        values = np.einsum("ak,kl,al->a", a, H, a)[size > 0] / size[size > 0]
        assert max(values.max(), 0.0) <= majorant(H, gram) * (1.0 + 1e-12) + 1e-12
    # entries between generators at right angles count once, the others by their quotient
    assert majorant(np.array([[1.0, 0.5], [0.5, 0.0]]), np.eye(2)) == pytest.approx(1.5)
    assert majorant(np.ones((2, 2)), np.array([[1.0, 0.8], [0.8, 1.0]])) == pytest.approx(1.2)
