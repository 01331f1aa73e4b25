"""All optima of problems whose samples are bags of rows: against the ordinary door, dense directions, and themselves."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import relucvx as rx
from relucvx.certificate.optima.staircase import width_lower
from relucvx.oracle import form_of
from relucvx.program.duality import residual
from relucvx.program.objective import fit

RNG = np.random.default_rng(3)
X, Y = RNG.standard_normal((8, 3, 2)), RNG.standard_normal(8)
LABELS = np.where(Y > 0, 1.0, -1.0)
BIASES = ("none", "hidden", "all", "free")


def optima(X, Y, beta, **options):
    return rx.optimal_set(rx.solve(X, Y, beta, tol=1e-10, **options))


def value(network, problem):
    return rx.certify(network, problem).upper


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.sampled_from(BIASES), st.sampled_from(["squared", "logistic"]))
def test_bags_of_one_row_have_the_ordinary_optima(seed, bias, loss):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((5, 2)), rng.choice([-1.0, 1.0], 5)
    Y[:2] = 1.0, -1.0
    plain = optima(X, Y, 0.3, loss=loss, bias=bias)
    for kind in ("mean", "flatten"):
        pooled = optima(X[:, None], Y, 0.3, loss=loss, bias=bias, pooling=kind)
        np.testing.assert_allclose(pooled.fit, plain.fit, atol=1e-4)
        # what each proves of uniqueness rests on its own dual point: only opposite verdicts contradict each other
        assert {plain.verdict.name, pooled.verdict.name} != {"UNIQUE", "NOT_UNIQUE"}
        assert pooled.width_lower <= plain.width
        assert plain.width_lower <= pooled.width
        if plain.verdict is pooled.verdict is rx.Uniqueness.UNIQUE:
            assert pooled.width == plain.width
            np.testing.assert_allclose(
                np.sort(pooled.coefficients),
                np.sort(plain.coefficients),
                atol=1e-4 * plain.coefficients.max(initial=1.0),
            )


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize(("loss", "kind"), [("logistic", "mean"), ("squared", [[2.0, -1.0, 0.5]])])
def test_unique_ones_have_no_active_direction_beside_those_named(loss, kind, bias):
    problem = rx.make_problem(X, LABELS if loss == "logistic" else Y, 0.05, loss=loss, bias=bias, pooling=kind)
    sol = rx.solve(problem, tol=1e-10)
    found = rx.optimal_set(sol)
    if bias != "none":
        assert found.verdict is rx.Uniqueness.UNIQUE, found.reason
    if found.verdict is rx.Uniqueness.UNIQUE:
        # from another start: the same network
        other = rx.solve(problem, tol=1e-10, rng=7).network
        points = np.random.default_rng(1).standard_normal((20, 3, 2))
        np.testing.assert_allclose(other.predict(points), found.network.predict(points), atol=1e-3)
        assert found.width_lower == found.width
    # every network named is an optimum, stated as what users see
    for net in [found.network, *([found.second] if found.second else [])]:
        assert isinstance(net, rx.PooledReLU)
        assert value(net, problem) == pytest.approx(sol.objective, rel=1e-8)
        np.testing.assert_allclose(net.predict(X), found.fit[:, 0], atol=1e-5)


def test_directions_outside_the_regions_are_below_the_threshold():
    """Without bias in the plane: a fine circle, of which only arcs around the named directions reach the threshold."""
    problem = rx.make_problem(X, LABELS, 0.05, loss="logistic", pooling="sum")
    found = rx.optimal_set(rx.solve(problem, tol=1e-11))
    assert found.complete
    angle = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    W = np.column_stack([np.cos(angle), np.sin(angle)])
    pooled = np.maximum(X @ W.T, 0.0).sum(axis=1)
    N = residual(problem, found.fit)
    values = np.abs(N[:, 0] @ pooled)
    peaks = (values > np.roll(values, 1)) & (values > np.roll(values, -1)) & (values >= (1 - 1e-5) * problem.beta)
    assert peaks.any()
    assert (np.max(W[peaks] @ found.directions.T, axis=1) > 1 - 1e-5).all()


def test_two_optima_of_opposite_rows():
    """phi of a pair of opposite rows in sum is |x·w|: w and -w are one neuron, so that the optima are a continuum."""
    rows = np.random.default_rng(2).standard_normal((4, 2))
    found = optima(np.stack([rows, -rows], axis=1), np.abs(rows[:, 0]), 0.1, pooling="sum")
    assert found.verdict is rx.Uniqueness.NOT_UNIQUE, found.reason
    problem = found.problem
    assert value(found.second, problem) == pytest.approx(value(found.network, problem), rel=1e-9)
    # a vertex of the polytope is an optimum, too
    vertex = found.vertex(np.arange(1.0, 1.0 + len(found.coefficients)))
    assert isinstance(vertex, rx.PooledReLU)
    assert value(vertex, problem) == pytest.approx(found.objective, rel=1e-8)


@pytest.mark.parametrize(("kind", "targets"), [("flatten", Y), ("mean", np.c_[Y, -Y[::-1]])])
def test_with_several_output_weights_the_optimum_is_proven_alone(kind, targets):
    sol = rx.solve(X, targets, 0.3, pooling=kind, tol=1e-11)
    found = rx.optimal_set(sol)
    assert found.verdict is rx.Uniqueness.UNIQUE, found.reason
    assert found.complete
    other = rx.solve(X, targets, 0.3, pooling=kind, tol=1e-11, rng=7).network
    points = np.random.default_rng(1).standard_normal((20, 3, 2))
    np.testing.assert_allclose(other.predict(points), found.network.predict(points), atol=1e-3)
    assert found.signs.shape == (len(found.directions), sol.network.weights_out[0].size)
    # the atoms of the directions named make up the optimal fit
    F = fit(found.problem, found.problem.inner(found.network))
    np.testing.assert_allclose(F, found.fit, atol=1e-6)
    assert found.objective == pytest.approx(sol.objective, rel=1e-8)
    assert 1 <= found.width_lower <= found.width


def test_a_neuron_of_several_read_outs_adds_its_rank_to_the_fit():
    """Two outputs of rank two from one flattened neuron: the bound on the width may not ask for two."""
    X = np.array([[[1.0], [0.0]], [[0.0], [1.0]]])
    found = optima(X, np.eye(2), 0.1, pooling="flatten")
    assert np.linalg.matrix_rank(found.fit, tol=1e-6) == 2
    assert found.width == 1
    assert fewest(found.problem, found.fit) == 1


def fewest(problem, F):
    """The bound on the width, of an optimum that has many neurons."""
    many = SimpleNamespace(smallest=SimpleNamespace(width=9))
    return width_lower(problem, F, many, True)


def test_a_read_out_of_both_signs_gives_one_neuron_both_signs():
    F = np.array([[1.0], [-1.0]])
    for kind, needed in (("mean", 2), ("sum", 2), ([[1.0, -1.0]], 1)):
        assert fewest(rx.make_problem(np.ones((2, 2, 1)), F[:, 0], 1.0, pooling=kind), F) == needed


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["none", "all", "free"]), st.sampled_from(["mean", "sum", "flatten"]))
def test_reach_and_pull_bound_what_samples_show(seed, bias, kind):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((4, 3, 2)).round(int(rng.integers(0, 3)))
    if not X.any():
        return
    problem = rx.make_problem(X, rng.standard_normal(4), 1.0, bias=bias, pooling=kind)
    N, M = rng.standard_normal((2, 4, 1))
    if bias == "free":
        N, M = N - N.mean(), M - M.mean()
    one, two = form_of(problem, N), form_of(problem, M)
    W = rng.standard_normal((50, problem.n_inputs))
    W[:, : problem.penalized] /= np.linalg.norm(W[:, : problem.penalized], axis=1, keepdims=True)
    if bias == "free":
        span = one.bias_range
        W[:, -1] = rng.uniform(-span, span, 50) - W[:, :-1] @ one.centre
    shown = problem.pool(np.maximum(problem.inputs @ W.T, 0.0))
    assert np.linalg.norm(shown.reshape(-1, 50), axis=0).max() <= one.reach * (1 + 1e-12)
    if problem.n_readouts == 1:
        assert (np.abs(one.M - two.M)[:, 0] <= one.pull * np.linalg.norm(N - M) * (1 + 1e-12)).all()


@settings(max_examples=8)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["none", "all"]))
def test_the_same_bags_in_other_words_have_the_same_optima(seed, bias):
    """Rows in another order, each of them twice in a mean; without bias a zero row in a sum: fits and verdicts agree."""
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((4, 2, 2)), rng.standard_normal(4)
    first = optima(X, Y, 0.2, bias=bias, pooling="mean")
    others = [optima(np.repeat(X[:, ::-1], 2, axis=1), Y, 0.2, bias=bias, pooling="mean")]
    if bias == "none":
        # half the rows in sum is their mean; a row in two halves, and a zero row beside it, are the row
        wide = np.concatenate([X[:, :1] / 4, X[:, :1] / 4, X[:, 1:] / 2, np.zeros((4, 1, 2))], axis=1)
        others.append(optima(wide, Y, 0.2, pooling="sum"))
    for other in others:
        np.testing.assert_allclose(other.fit, first.fit, atol=1e-4)
        assert {first.verdict.name, other.verdict.name} != {"UNIQUE", "NOT_UNIQUE"}
