"""The abstract kernel: where it is the only optimum, one of many, or none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

import relucvx as rx
from relucvx.datasets import factorial, inputs_from_kernel
from relucvx.kernel import (
    factorial_network,
    factorial_rotation_network,
    first_variation,
    kernel_distance,
    minimize_energy,
    optimal_family,
    preactivation_certificate,
    predict_factorial,
    representation_kernel,
)
from relucvx.metrics import parallelism_score

SQUARE = factorial(2)
TURN = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)


def literal(net, X, Y, beta):
    """The objective from its definition."""
    loss = 0.5 * ((net.predict(X) - Y) ** 2).sum()
    return loss + beta / 2 * ((net.weights_in**2).sum() + (net.weights_out**2).sum())


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@given(
    st.integers(1, 4),
    st.integers(1, 2),
    st.floats(0.2, 3),
    st.one_of(st.just(0.0), st.floats(0.01, 2)),
    st.one_of(st.just(0.0), st.floats(0.01, 2)),
    st.floats(0.01, 1.5),
)
@examples(40)
def test_network_has_the_predicted_objective_and_kernel(d_Y, repeats, x0, x1, x2, share):
    data = factorial(d_Y, repeats, x0=x0, x1=x1, x2=x2, rng=0)
    X, Y, n = data.X, data.Y, len(data.X)
    beta = share * predict_factorial(Y, 1.0, x0, x1, x2).beta_max
    found = predict_factorial(Y, beta, X=X)
    assert found.applicable
    assert found.unique == (x2 > 0 or d_Y == 1 or share >= 1)
    net = found.network
    assert net.width == (2 * d_Y if share < 1 else 0)
    assert literal(net, X, Y, beta) == pytest.approx(found.objective, rel=1e-10)
    K = representation_kernel(net, X)
    assert np.allclose(K, found.kernel, atol=1e-10 * max(1, np.abs(found.kernel).max()))
    b = K[0, 0] / (2 * d_Y)
    assert np.allclose(K @ Y, b * n * Y, atol=1e-9)  # K Y = b n Y
    if share < 1:
        assert np.allclose(net.predict(X), b * n / (b * n + beta) * Y, atol=1e-10)
        if d_Y > 1:
            assert parallelism_score(kernel=K, factors=Y).mean == pytest.approx(1.0)
        tuning = np.abs(np.corrcoef(net.hidden(X).T, Y.T)[: net.width, net.width :])
        assert np.allclose(tuning.max(axis=1), 1.0)  # every neuron is tuned to one variable
    numbers = predict_factorial(Y, beta, x0, x1, x2)
    assert numbers.objective == pytest.approx(found.objective, rel=1e-9)
    assert numbers.network is None


@given(st.integers(1, 3), st.floats(0.2, 3), st.floats(0, 1), st.floats(0, 1), st.floats(0.05, 0.95))
@examples(6)
def test_no_direction_refutes_it(d_Y, x0, x1, x2, share):
    data = factorial(d_Y, x0=x0, x1=x1, x2=x2)
    X, Y = data.X, data.Y
    beta = share * predict_factorial(Y, 1.0, X=X).beta_max
    found = predict_factorial(Y, beta, X=X)
    proof = preactivation_certificate(X @ X.T, Y @ Y.T, beta, found.kernel, n_starts=2)
    assert not proof.refuted
    if x1 >= x2:  # otherwise the best direction lies on a kink, where the ascent stalls
        assert proof.ratio == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(("x1", "x2"), [(0.0, 0.0), (0.2, 0.1), (0.1, 0.4), (0.0, 0.3)])
@pytest.mark.parametrize("share", [0.2, 0.8, 1.1])
def test_certified(x1, x2, share):
    data = factorial(2, x1=x1, x2=x2, rng=0)
    beta = share * predict_factorial(data.Y, 1.0, X=data.X).beta_max
    found = predict_factorial(data.Y, beta, X=data.X)
    proof = rx.certify(found.network, data.X, data.Y, beta, tol=1e-8, time_limit=20)
    assert proof.lower <= found.objective * (1 + 1e-12)
    assert proof.rel_gap <= 1e-8


def test_unique_by_descent_with_a_common_mode():
    data = factorial(2, x1=0.3, x2=0.2)
    found = predict_factorial(data.Y, 0.3, X=data.X)
    assert "common mode" in found.note
    for seed in range(4):
        best = minimize_energy(data.X @ data.X.T, data.Y, 0.3, width=8, rng=seed, n_starts=1)
        assert best.objective >= found.objective - 1e-10
        if best.objective <= found.objective * (1 + 1e-10):
            assert kernel_distance(best.kernel, found.kernel) < 1e-4
            break
    else:
        pytest.fail("no descent reached the optimum")


def test_not_unique_by_descent_without():
    found = predict_factorial(SQUARE.Y, 0.3, X=SQUARE.X)
    assert found.unique is False
    best = minimize_energy(np.eye(4), SQUARE.Y, 0.3, width=8, rng=0, n_starts=3)
    assert best.objective == pytest.approx(found.objective, abs=1e-9)
    assert kernel_distance(best.kernel, found.kernel) > 0.05
    b = found.kernel[0, 0] / 4
    assert np.allclose(best.kernel @ SQUARE.Y, 4 * b * SQUARE.Y, atol=1e-4)  # what all optima share


@pytest.mark.parametrize(("d_Y", "x1"), [(2, 0.0), (2, 0.4), (3, 0.0), (4, 0.1)])
def test_rotation_family(d_Y, x1):
    data = factorial(d_Y, x1=x1, rng=1)
    family = optimal_family(data.Y, 0.3, X=data.X)
    R = np.linalg.qr(np.random.default_rng(d_Y).standard_normal((d_Y, d_Y)))[0]
    for Q in (np.eye(d_Y), R):
        net = family.network(Q)
        assert net.width == 2 * d_Y
        assert literal(net, data.X, data.Y, 0.3) == pytest.approx(family.objective, rel=1e-12)
        assert np.allclose(representation_kernel(net, data.X), family.kernel(Q), atol=1e-12)
        assert np.trace(family.kernel(Q)) == pytest.approx(2 * family.b * d_Y * len(data.X))
    assert np.allclose(family.kernel(np.eye(d_Y)), predict_factorial(data.Y, 0.3, X=data.X).kernel)
    assert parallelism_score(kernel=family.kernel(R), factors=data.Y).mean < 0.9


@pytest.mark.parametrize("angle", [0.0, 0.1, 0.3, np.pi / 4, 1.0])
def test_parallelism_of_two_rotated_variables(angle):
    family = optimal_family(SQUARE.Y, 0.3, X=SQUARE.X)
    c = abs(np.cos(2 * angle))
    score = parallelism_score(kernel=family.kernel(rotation(angle)), factors=SQUARE.Y).mean
    assert score == pytest.approx(c / (2 - c), abs=1e-12)
    assert angle != 0.3 or score == pytest.approx(0.7026, abs=1e-4)


def test_both_ends_of_the_family_are_certified():
    family = optimal_family(SQUARE.Y, 0.2, X=SQUARE.X)
    proofs = [
        rx.certify(family.network(R), SQUARE.X, SQUARE.Y, 0.2, tol=1e-9, time_limit=20) for R in (np.eye(2), TURN)
    ]
    assert max(p.rel_gap for p in proofs) <= 1e-9
    assert abs(proofs[0].upper - proofs[1].upper) <= 1e-12
    assert np.allclose(family.kernel(TURN), 4 * family.b * np.eye(4), atol=1e-14)  # one neuron per condition


@pytest.mark.parametrize(("d_Y", "repeats"), [(2, 1), (2, 2), (3, 1)])
def test_negative_common_mode_refutes_the_formula(d_Y, repeats):
    n = repeats * 2**d_Y
    data = factorial(d_Y, repeats, x2=-1 / (2 * n))
    K_X, K_Y = data.X @ data.X.T, data.Y @ data.Y.T
    found = predict_factorial(data.Y, 0.3, X=data.X)
    assert not found.applicable
    assert found.unique is None
    assert found.network is None
    assert "anti-abstract" in found.note
    proof = preactivation_certificate(K_X, K_Y, 0.3, found.kernel, rng=0)
    assert proof.refuted
    assert proof.ratio == pytest.approx(7 / 6, abs=1e-6)
    assert first_variation(proof.witness, K_X, K_Y, 0.3, found.kernel) == pytest.approx(1 - 7 / 6, abs=1e-6)
    assert literal(factorial_network(data.X, data.Y, 0.3), data.X, data.Y, 0.3) == pytest.approx(found.objective)
    best = minimize_energy(K_X, data.Y, 0.3, width=12, rng=0, n_starts=4)
    assert best.objective < 0.98 * found.objective


def test_centred_inputs_have_a_singular_kernel():
    data = factorial(2, x2=-0.25)  # no common mode at all: rank 3
    found = predict_factorial(data.Y, 0.3, X=data.X)
    assert not found.conditions["x2 >= 0"]
    net = factorial_network(data.X, data.Y, 0.3)
    assert literal(net, data.X, data.Y, 0.3) == pytest.approx(found.objective)


def test_regimes_say_what_they_rest_on():
    Y = SQUARE.Y
    many, kink, unique = (predict_factorial(Y, 0.2, 1.0, x1, x2) for x1, x2 in ((0.1, 0), (0.1, 0.2), (0.2, 0.1)))
    zero, one = predict_factorial(Y, 9.0), predict_factorial(Y[::2, :1], 0.2, 1.0, 0.0, -0.1)
    assert "theorem" in many.status
    assert "kink" in kink.status
    assert "proof sketch" in unique.status
    assert "proof sketch" in kink.status
    assert "zero network" in zero.status
    assert zero.objective == pytest.approx(4.0)
    assert not zero.kernel.any()
    assert not one.applicable
    assert "outside what is claimed" in one.note


@pytest.mark.parametrize(
    ("Y", "failed"),
    [
        (SQUARE.Y * 2, "targets +-1"),
        (SQUARE.Y[:3], "all combinations equally often"),
        (np.vstack([SQUARE.Y, SQUARE.Y[:1], SQUARE.Y[:1], SQUARE.Y[:2]]), "all combinations equally often"),
    ],
)
def test_other_targets_fail_a_condition(Y, failed):
    found = predict_factorial(Y, 0.2)
    assert not found.conditions[failed]
    assert found.kernel is None
    with pytest.raises(rx.RelucvxError, match="targets with every combination"):
        optimal_family(Y, 0.2)


def test_other_inputs_fail_a_condition():
    X = np.diag([1.0, 1, 1, 2])
    found = predict_factorial(SQUARE.Y, 0.2, X=X)
    assert not found.conditions["K_X = x0 I + x1 YY^T + x2 11^T"]
    assert not found.applicable
    with pytest.raises(rx.RelucvxError, match="inputs of another kernel"):
        factorial_network(X, SQUARE.Y, 0.2)
    aligned = inputs_from_kernel(2 * np.eye(4) - 0.25 * SQUARE.Y @ SQUARE.Y.T)
    assert not predict_factorial(SQUARE.Y, 0.2, X=aligned).conditions["x1 >= 0"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: predict_factorial(SQUARE.Y, 0.2, x2=-1.0), "x0, x1, x2 with x0 I"),
        (lambda: predict_factorial(SQUARE.Y, 0.2, x0=np.nan), "x0, x1, x2 with x0 I"),
        (lambda: predict_factorial(SQUARE.Y, 0.2, X=np.eye(3)), "Y with as many rows"),
        (lambda: optimal_family(SQUARE.Y[::2, :1], 0.2), "at least two variables"),
        (lambda: optimal_family(SQUARE.Y, 0.2).network(np.eye(2)), "a family with inputs"),
        (lambda: optimal_family(SQUARE.Y, 0.2).kernel(2 * np.eye(2)), "an orthogonal R"),
        (lambda: factorial_rotation_network(SQUARE.X, SQUARE.Y, 0.2, np.eye(3)), "an orthogonal R"),
        (lambda: optimal_family(SQUARE.Y, 0.2, X=factorial(2, x2=0.1).X), "inputs without common mode.*unique"),
        (lambda: optimal_family(SQUARE.Y, 0.2, X=factorial(2, x2=-0.1).X), "inputs without common mode.*non-abstract"),
    ],
)
def test_errors(call, message):
    with pytest.raises(rx.RelucvxError, match=message):
        call()
