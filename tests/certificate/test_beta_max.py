"""beta_max of kinked losses against linear programs in rationals: no bound is on the wrong side, at any weights."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from own_losses import Pinball, Tube
from strategies import examples

import relucvx as rx

LOSSES = {
    "hinge": "hinge",
    "absolute": "absolute",
    "pinball": Pinball("mine", False),
    "tube": Tube("mine", False, 0.25),
}
SLOPES = {"relu": (0, 1), "abs": (-1, 1), "linear": (1, 1)}


def simplex(cost, A, b):
    """max cost·x subject to A x <= b, x >= 0, for b >= 0: Bland's rule, in rationals."""
    m, n = len(A), len(cost)
    table = [[*A[i], *(Fraction(int(i == j)) for j in range(m)), b[i]] for i in range(m)]
    last, basis = [-c for c in cost] + [Fraction(0)] * (m + 1), list(range(n, n + m))
    while True:
        enter = next((j for j in range(n + m) if last[j] < 0), None)
        if enter is None:
            return last[-1]
        _, _, i = min((table[i][-1] / table[i][enter], basis[i], i) for i in range(m) if table[i][enter] > 0)
        table[i] = [v / table[i][enter] for v in table[i]]
        for k in range(m):
            if k != i and table[k][enter]:
                table[k] = [v - table[k][enter] * p for v, p in zip(table[k], table[i], strict=True)]
        last = [v - last[enter] * p for v, p in zip(last, table[i], strict=True)]
        basis[i] = enter


def least_norm(box, atoms, free):
    """min over N in the box (with sum 0) of max |N·atom|, by its dual: lo·p - hi·q with p = q + Σ ± λ_k atom_k + mu >= 0."""
    n, signed = len(box), atoms + [[-v for v in a] for a in atoms]
    shift = [1, -1] if free else []
    low = [lo for lo, _ in box]
    cost = [lo - hi for lo, hi in box]
    cost += [sum(v * w for v, w in zip(low, a, strict=True)) for a in signed] + [s * sum(low) for s in shift]
    rows = [
        [Fraction(-int(i == j)) for j in range(n)] + [-a[i] for a in signed] + [Fraction(-s) for s in shift]
        for i in range(n)
    ]
    rows.append([Fraction(0)] * n + [Fraction(1)] * len(signed) + [Fraction(0)] * len(shift))
    return simplex(cost, rows, [Fraction(0)] * n + [Fraction(1)])


def slopes(loss, f, y):
    """The subdifferential (low, high) of one sample's loss, from its definition."""
    if loss == "hinge":
        return (0, 0) if y * f > 1 else (-y, -y) if y * f < 1 else (min(-y, 0), max(-y, 0))
    up, down, width = {
        "absolute": (1, 1, 0),
        "pinball": (Fraction(1, 2), Fraction(3, 2), 0),
        "tube": (1, 1, Fraction(1, 4)),
    }[loss]
    off = f - y
    return (
        up if off > width else 0 if off > -width and width else -down,
        up if off >= width else 0 if off >= -width and width else -down,
    )  # fmt: skip


def right(loss, bias, activation, x, y, w):
    """beta_max in one dimension: the null constant among the kinks, and the neurons that can be best (kinks on rows)."""
    x, y, w = ([Fraction(float(v)) for v in column] for column in (x, y, w))
    minus, plus = SLOPES[activation]
    kinks = {Fraction(0)} if bias == "none" else {v + s for v in y for s in (0, Fraction(1, 4), Fraction(-1, 4))}
    kinks |= {Fraction(1), Fraction(-1)} if loss == "hinge" and bias == "free" else set()
    for b in sorted(kinks):
        ends = [[v * s for s in slopes(loss, b, t)] for v, t in zip(w, y, strict=True)]
        if bias == "none" or sum(low for low, _ in ends) <= 0 <= sum(high for _, high in ends):
            break
    else:
        raise AssertionError("no best constant among the kinks")
    phi = lambda t: minus * min(t, 0) + plus * max(t, 0)  # noqa: E731
    places = [Fraction(0)] if bias == "none" else x
    atoms = [[phi(s * (v - c)) for v in x] for c in places for s in (1, -1)]
    return least_norm([(-high, -low) for low, high in ends], atoms, bias == "free")


@examples(150)
@given(
    x=st.lists(st.integers(-5, 5), min_size=2, max_size=5),
    targets=st.lists(st.integers(-2, 2), min_size=5, max_size=5),
    weights=st.lists(st.integers(1, 4), min_size=5, max_size=5),
    powers=st.lists(st.integers(-9, 1), min_size=5, max_size=5),
    scale=st.integers(-9, 9),
    even=st.booleans(),
    loss=st.sampled_from(list(LOSSES)),
    bias=st.sampled_from(["none", "free"]),
    activation=st.sampled_from(list(SLOPES)),
)
def test_kinked_losses_against_linear_programs_in_rationals(
    x, targets, weights, powers, scale, even, loss, bias, activation
):
    n = len(x)
    y = np.array(targets[:n], float)
    y = np.where(y > 0, 1.0, -1.0) if loss == "hinge" else y
    w = np.array(weights[:n]) * 10.0 ** (scale if even else np.array(powers[:n], float))
    if loss == "hinge" and abs(y.sum()) == n:
        return  # labels of one kind: nothing is left to learn
    lo, hi = rx.beta_max(
        np.array(x, float)[:, None], y, loss=LOSSES[loss], bias=bias, activation=activation, sample_weight=w
    )
    value = right(loss, bias, activation, x, y, w)
    assert Fraction(lo) <= value <= Fraction(hi)
    scope = float(w.max()) * max(map(abs, x))
    assert hi - lo <= 1e-8 * scope
    if even:
        assert hi - lo <= 1e-7 * hi + 1e-10 * scope


@pytest.mark.parametrize("scale", [1e-12, 1e-9, 1.0, 1e9])
@pytest.mark.parametrize(
    ("labels", "worth"), [((-1, 1, -1, -1), 6), ((1, -1, 1, 1), 6), ((-1, 1, 1, 1), 6), ((-1, -1, -1, 1), 2)]
)
def test_the_hinge_with_a_free_bias_at_weights_of_any_size(labels, worth, scale):
    X, w = np.array([[0.0], [-3.0], [3.0], [-5.0]]), np.array([3.0, 3.0, 1.0, 1.0]) * scale
    lo, hi = rx.beta_max(X, np.array(labels, float), loss="hinge", bias="free", sample_weight=w)
    assert lo <= worth * scale * (1 + 1e-15)
    assert worth * scale * (1 - 1e-15) <= hi
    assert hi - lo <= 1e-9 * hi


@pytest.mark.parametrize("bias", ["none", "hidden"])
def test_targets_on_the_kink_leave_a_choice(bias):
    """|f - 0| at f = 0: any slope in [-1, 1] is one, and the one that hides the other sample is as good as any."""
    X, y = np.array([[-2.0], [3.0], [1.0], [4.0]]), np.array([1.0, -2.0, 0.0, 0.0])
    hi = rx.beta_max(X, y, loss="absolute", bias=bias, activation="linear")[1]
    assert hi < 1e-8 if bias == "none" else hi < float(np.abs(X.T @ np.sign(y))[0])
    null = rx.solve(X, y, max(1.01 * hi, 1e-3), loss="absolute", bias=bias, activation="linear")
    assert null.objective == pytest.approx(3.0, rel=1e-6)


@pytest.mark.parametrize("loss", ["squared", "huber"])
def test_a_single_sample_is_fitted_by_the_decayed_output_bias_alone(loss):
    """The pull of a neuron, |beta b| ||(x, 1)||, stays below beta for |b| ||(x, 1)|| < 1: beta_max is 0, to rounding."""
    lo, hi = rx.beta_max([[-3.46e-09, 1.98e-08]], [0.08333407], loss=loss, bias="all")
    assert lo == 0.0
    assert 0.0 <= hi <= 1e-15
