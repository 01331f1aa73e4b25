"""The objective of branches, and whom it is for."""

from fractions import Fraction

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import RelucvxError
from relucvx.program.paths import check_branches, path_objective, path_objective_from_above

RNG = np.random.default_rng(3)
X, Y = RNG.standard_normal((5, 2)), RNG.standard_normal(5)


def network(bias=True):
    return rx.ParallelReLU(
        RNG.standard_normal((3, 2, 2)), RNG.standard_normal((3, 2)), RNG.standard_normal(3),
        RNG.standard_normal((3, 2)) if bias else None, 0.5 if bias else None,
    )  # fmt: skip


def exact_loss(net):
    """½ Σ (F - y)² in rationals."""
    total = Fraction(0)
    for x, y in zip(X, Y, strict=True):
        F = Fraction(float(net.bias_out[0]))
        for k in range(net.n_branches):
            inner = Fraction(0)
            for j in range(2):
                z = sum(Fraction(float(w)) * Fraction(float(v)) for w, v in zip(net.weights_in[k, j], x, strict=True))
                inner += Fraction(float(net.weights_mid[k, j])) * max(
                    z + Fraction(float(net.bias_in[k, j])), Fraction(0)
                )
            F += Fraction(float(net.weights_out[k])) * max(inner, Fraction(0))
        total += (F - Fraction(float(y))) ** 2 / 2
    return total


def test_the_bound_from_above_is_above_the_exact_objective_by_rounding():
    net, problem = network(), rx.make_problem(X, Y, 0.7, bias="all")
    norms = sum(
        abs(v) * np.sqrt(sum(s * s * (u @ u + b * b) for s, u, b in zip(m, w, c, strict=True)))
        for v, m, w, c in zip(net.weights_out, net.weights_mid, net.weights_in, net.bias_in, strict=True)
    )
    expected = float(exact_loss(net)) + 0.7 * (norms + 0.5 * 0.25)
    assert path_objective(problem, net) == pytest.approx(expected, rel=1e-12)
    above = path_objective_from_above(problem, net)
    assert expected * (1 + 1e-15) < above < expected * (1 + 1e-12)


def test_rescaling_between_layers_is_free():
    net, problem = network(), rx.make_problem(X, Y, 0.7, bias="all")
    t, r = np.array([2.0, 0.5, 4.0]), np.array([[1.0, 2.0], [0.25, 1.0], [8.0, 0.5]])
    other = rx.ParallelReLU(
        net.weights_in * r[:, :, None],
        net.weights_mid / r / t[:, None],
        net.weights_out * t,
        net.bias_in * r,
        net.bias_out,
    )
    assert path_objective(problem, other) == pytest.approx(path_objective(problem, net), rel=1e-12)


def test_what_does_not_fit_is_named():
    with pytest.raises(RelucvxError, match="inner biases"):
        path_objective(rx.make_problem(X, Y, 0.7), network())
    with pytest.raises(RelucvxError, match="features"):
        path_objective(rx.make_problem(X[:, :1], Y, 0.7, bias="all"), network())
    assert path_objective(rx.make_problem(X, Y, 0.7), network(bias=False)) > 0
    for problem in (
        rx.make_problem(X, np.column_stack([Y, Y]), 1.0),
        rx.make_problem(X, Y, 1.0, activation="abs"),
        rx.make_problem(X, Y, 1.0, bias="free"),
        rx.make_problem(X[:, None, :], Y, 1.0, pooling="mean"),
    ):
        with pytest.raises(NotImplementedError, match="parallel branches of three layers"):
            check_branches(problem)
