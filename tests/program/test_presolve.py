"""Reductions are equivalences: objectives correspond, networks go there and back, dual points prove the same."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relucvx.losses import EXACT_PENALTY, LOSSES
from relucvx.network import TwoLayerReLU
from relucvx.program.duality import dual_objective, residual
from relucvx.program.objective import balanced_objective, fit
from relucvx.program.posing import make_problem
from relucvx.program.presolve import centred_targets, even_rows, merged_rows, ordinary_sizes, presolve, row_space
from relucvx.types import Bias, as_activation

ALL_LOSSES = [*LOSSES.values(), EXACT_PENALTY]


def draw(rng, loss, bias, *, n=12, d=3, distinct=5, scale=1.0, offset=0.0, weights=True, c=1):
    """A problem with repeated rows (and, without bias, zero rows), weights, and the loss's kind of targets."""
    rows = rng.standard_normal((distinct, d)) * scale
    rows[0] = 0.0
    X = rows[rng.integers(distinct, size=n)]
    weight = rng.choice([0.0, 0.5, 1.0, 3.0], n) if weights else np.ones(n)
    weight[0] = 1.0
    if loss.name == "cross_entropy":
        Y = np.eye(3)[np.arange(n) % 3]
        weight = np.maximum(weight, 0.25)
    elif loss.name in ("logistic", "hinge", "squared_hinge"):
        Y = np.where(rng.random((n, c)) < 0.5, 1.0, -1.0)
        Y[0], Y[1] = 1.0, -1.0
        weight[:2] = 1.0
    else:
        Y = rng.standard_normal((n, c)) + offset
        if not loss.averages_targets:
            Y = np.round(Y)  # only rows that are equal throughout merge
    return make_problem(X, Y, 0.3, loss, bias, sample_weight=weight)


def network(rng, problem, width=4):
    """A random network of the problem's shape, balanced nowhere."""
    d, c = problem.n_features, problem.n_outputs
    return TwoLayerReLU(
        rng.standard_normal((width, d)),
        rng.standard_normal((width, c)),
        None if problem.bias == "none" else rng.standard_normal(width),
        rng.standard_normal(c) if problem.bias in ("all", "free") else None,
        problem.activation,
    )


def assert_equivalent(problem, reduction, rng):
    """Objectives correspond both ways, and a dual point of the reduced problem has its value in the stated one."""
    small = reduction.problem
    there = network(rng, small)
    back = reduction.backward(there)
    value = balanced_objective(problem, back)
    other = reduction.gain * balanced_objective(small, there) + reduction.constant
    assert value == pytest.approx(other, rel=1e-9, abs=1e-12 * abs(reduction.constant))
    given_net = network(rng, problem)
    forward = reduction.gain * balanced_objective(small, reduction.forward(given_net)) + reduction.constant
    assert forward <= balanced_objective(problem, given_net) * (1 + 1e-9)  # directions outside the row space only cost
    N = residual(small, fit(small, there))
    if problem.bias != "free":  # (there, what does not sum to zero has no value)
        stated = dual_objective(problem, problem.loss.round_dual(reduction.dual(N), problem.Y, problem.sample_weight))
        reduced = dual_objective(small, small.loss.round_dual(N, small.Y, small.sample_weight))
        expected = reduction.gain * reduced + reduction.constant
        assert stated == pytest.approx(expected, rel=1e-7, abs=1e-9 * problem.null_value())
    # the residual of the stated problem is the image of the residual of the reduced one
    assert np.allclose(reduction.dual(N), residual(problem, fit(problem, back)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("loss", ALL_LOSSES, ids=lambda loss: loss.name)
def test_everything_at_once(loss, bias):
    rng = np.random.default_rng(3)
    for k in range(6):
        problem = draw(rng, loss, bias, n=40, scale=10.0 ** (k - 3), offset=100.0 * (k % 2), c=1 if k % 3 else 2)
        reduction = presolve(problem)
        assert reduction.problem.n_samples < problem.n_samples
        assert_equivalent(problem, reduction, rng)


def test_what_merges():
    rng = np.random.default_rng(0)
    problem = draw(rng, LOSSES["squared"], "none", distinct=5, n=40)
    assert merged_rows(problem).problem.n_samples == 4  # the zero row is gone
    assert merged_rows(dataclasses.replace(problem, bias="all")).problem.n_samples == 5
    labels = draw(rng, LOSSES["hinge"], "all", distinct=5, n=40)
    assert merged_rows(labels).problem.n_samples <= 10  # equal rows with different labels stay apart
    assert merged_rows(dataclasses.replace(problem, X=np.arange(36.0).reshape(12, 3) + 1)) is None
    assert merged_rows(dataclasses.replace(problem, X=np.zeros((12, 3)))) is None


@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("loss", ALL_LOSSES, ids=lambda loss: loss.name)
def test_weights_and_slopes_of_any_size(loss, bias):
    rng = np.random.default_rng(4)
    plain = draw(rng, loss, bias, distinct=12)
    assert ordinary_sizes(plain) is None
    for size in (1e-40, 1e-9, 1e30):
        weighted = dataclasses.replace(plain, sample_weight=plain.sample_weight * size, beta=plain.beta * size)
        step = ordinary_sizes(weighted)
        weights = step.problem.sample_weight
        assert 0.5 <= np.median(weights[weights > 0]) <= 2.0
        assert_equivalent(weighted, step, rng)
        sloped = dataclasses.replace(plain, activation=as_activation((-0.3 * size, size)), beta=plain.beta * size)
        step = ordinary_sizes(sloped)
        assert (step is None) == (bias == "all")  # whose output bias has a unit
        if step is not None:
            assert_equivalent(sloped, step, rng)
            assert step.backward(network(rng, step.problem)).activation == sloped.activation


@pytest.mark.parametrize("loss", [LOSSES["squared"], EXACT_PENALTY], ids=lambda loss: loss.name)
def test_one_long_row_is_a_shorter_one_of_more_weight(loss):
    rng = np.random.default_rng(5)
    plain = draw(rng, loss, "none", distinct=12)
    assert even_rows(plain) is None
    for size in (1e4, 1e9):
        X = plain.X.copy()
        X[3] = size
        uneven = dataclasses.replace(plain, X=X)
        step = even_rows(uneven)
        assert np.abs(step.problem.X[3]).max() < 64 * np.median(np.abs(plain.X).max(axis=1))
        assert_equivalent(uneven, step, rng)
        assert even_rows(dataclasses.replace(uneven, bias="hidden")) is None
    assert even_rows(dataclasses.replace(plain, loss=LOSSES["huber"], X=X)) is None
    X[3] = 1e-9  # a short row stays: its target would become huge
    assert even_rows(dataclasses.replace(plain, X=X)) is None


def test_wide_and_dependent_features():
    rng = np.random.default_rng(1)
    wide = make_problem(rng.standard_normal((5, 40)), rng.standard_normal(5), 0.1)
    assert row_space(wide).problem.n_features == 5
    assert_equivalent(wide, row_space(wide), rng)
    flat = make_problem(
        rng.standard_normal((20, 2)) @ rng.standard_normal((2, 6)), rng.standard_normal(20), 0.1, bias="all"
    )
    assert row_space(flat).problem.n_features == 2
    assert_equivalent(flat, row_space(flat), rng)
    assert row_space(make_problem(rng.standard_normal((20, 2)), rng.standard_normal(20), 0.1)) is None


def test_targets_are_centred_only_where_that_is_exact():
    x = np.arange(6.0)[:, None]
    far = make_problem(x, 1e6 + np.sin(x[:, 0]), 0.1, bias="free")
    step = centred_targets(far)
    middle = far.Y[0] - step.problem.Y[0]
    assert ((step.problem.Y + middle) == far.Y).all()
    assert np.ptp(step.problem.Y) < 2.1
    assert np.abs(step.problem.Y).max() < 2.0
    assert centred_targets(make_problem(x, np.sin(x[:, 0]), 0.1, bias="free")) is None
    assert centred_targets(dataclasses.replace(far, bias="all")) is None
    assert centred_targets(dataclasses.replace(far, loss=LOSSES["logistic"])) is None


def test_constant_targets_with_a_free_bias_cost_nothing():
    x = np.arange(7.0)[:, None]
    for value in (0.1, 1e9 / 3, -1e-9 / 7):
        problem = make_problem(x, np.full(7, value), 0.1, bias="free", sample_weight=np.arange(7) + 0.3)
        assert problem.null_value() == 0.0


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    power=st.integers(-9, 9),
    bias=st.sampled_from(Bias),
    loss=st.sampled_from([LOSSES["squared"], EXACT_PENALTY]),
)
def test_units_do_not_matter(seed, power, bias, loss):
    """Y times t with beta times t^(p - 1), and X times s with beta times s, end in the same reduced problem."""
    rng = np.random.default_rng(seed)
    problem = draw(rng, loss, bias, weights=False)
    t = 2.0**power
    scaled = dataclasses.replace(problem, Y=problem.Y * t, beta=problem.beta * t ** (loss.homogeneity - 1))
    if bias in ("none", "free"):
        scaled = dataclasses.replace(scaled, X=scaled.X / t, beta=scaled.beta / t)
    one, other = presolve(problem), presolve(scaled)
    if bias == "all":  # a decayed output bias has a unit
        assert one.gain == other.gain == 1.0
        return
    assert np.array_equal(other.problem.Y, one.problem.Y)
    assert np.array_equal(other.problem.X, one.problem.X)
    assert other.problem.beta == one.problem.beta
    assert other.gain == one.gain * t**loss.homogeneity


def test_tolerances_follow_the_constant():
    rng = np.random.default_rng(5)
    X = np.repeat(rng.standard_normal((6, 2)), 50, axis=0)
    problem = make_problem(X, 10.0 * rng.standard_normal(300), 0.1)
    reduction = presolve(problem)
    assert reduction.constant > 0
    tol = reduction.tolerance(1e-6)
    assert tol > 1e-6
    # a gap of tol at the worst optimum the reduced problem can have is at most 1e-6 of the stated one
    worst = reduction.problem.null_value()
    assert reduction.gain * tol * worst <= 1e-6 * (reduction.gain * worst + reduction.constant) * (1 + 1e-12)
