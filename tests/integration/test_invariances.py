"""What must not change, at any scale, on every door that proves something.

Each transformation turns arguments into other arguments for the same problem in another spelling, and says by which factor
objectives (and beta_max) change. Doors: solve, certify, beta_max, beta_path, interpolate, optimal_set, enumerate_patterns.
Where float64 cannot keep the digits the gap must say so; it is never 0 then.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import relucvx as rx

TIGHT = 1e-6


@dataclass(frozen=True)
class Case:
    """Arguments of a front door, and by what p* and beta_max are to be multiplied to compare them with the original."""

    X: np.ndarray
    y: np.ndarray
    beta: float
    loss: str
    bias: str
    weight: np.ndarray
    value: float = 1.0
    strength: float = 1.0

    @property
    def options(self):
        return {"loss": self.loss, "bias": self.bias, "sample_weight": self.weight}


def draw(seed, loss, bias):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((8, 2))
    y = np.where(rng.random(8) < 0.5, 1.0, -1.0) if loss in ("logistic", "hinge") else rng.standard_normal(8)
    y[:2] = 1.0, -1.0
    weight = rng.choice([0.5, 1.0, 2.0], 8)
    beta = 0.1 * rx.beta_max(X, y, loss=loss, bias=bias, sample_weight=weight)[1]
    return Case(X, y, beta, loss, bias, weight)


def shift_targets(case, s, rng):
    """A free output bias absorbs any offset; the offset rounds the targets, which is part of the data."""
    middle = min(s, 1e6) * 1.5
    moved = case.y + middle
    return replace(case, y=moved), replace(case, y=moved - middle)


def scale_inputs(case, s, rng):
    return replace(case, X=case.X * s, beta=case.beta * s, strength=1 / s), case


def scale_targets(case, s, rng):
    return replace(case, y=case.y * s, beta=case.beta * s, value=s**-2, strength=1 / s), case


def scale_weights(case, s, rng):
    return replace(case, weight=case.weight * s, beta=case.beta * s, value=1 / s, strength=1 / s), case


def embed(case, s, rng):
    """Into more dimensions than samples, by an isometry."""
    Q = np.linalg.qr(rng.standard_normal((12, 2)))[0]
    return replace(case, X=case.X @ Q.T), case


def repeat(case, s, rng):
    """Every row three times, its weight shared unevenly."""
    rows = np.repeat(np.arange(8), 3)
    share = np.tile([0.5, 0.25, 0.25], 8)
    return replace(case, X=case.X[rows], y=case.y[rows], weight=case.weight[rows] * share), case


def permute(case, s, rng):
    order = rng.permutation(8)
    return replace(case, X=case.X[order], y=case.y[order], weight=case.weight[order]), case


def shift_inputs(case, s, rng):
    """A free hidden bias absorbs a shift of the rows; what rounding leaves of the rows is part of the data."""
    centre = np.array([1.0, -2.0]) * min(s, 1e6)
    moved = case.X + centre
    return replace(case, X=moved), replace(case, X=moved - centre)


TRANSFORMATIONS = {
    "shift of targets": (shift_targets, [("squared", "free"), ("huber", "free")]),
    "scale of inputs": (scale_inputs, [("squared", "none"), ("hinge", "free"), ("logistic", "none")]),
    "scale of targets": (scale_targets, [("squared", "none"), ("squared", "hidden"), ("squared", "free")]),
    "scale of weights": (scale_weights, [("squared", "all"), ("hinge", "none"), ("huber", "free"), ("logistic", "hidden")]),
    "embedding": (embed, [("squared", "all"), ("hinge", "hidden"), ("huber", "none"), ("squared", "free")]),
    "repetition": (repeat, [("squared", "none"), ("hinge", "all"), ("logistic", "free"), ("huber", "hidden")]),
    "permutation": (permute, [("squared", "free"), ("logistic", "all")]),
    "shift of inputs": (shift_inputs, [("squared", "free"), ("hinge", "free")]),
}  # fmt: skip

KINDS = [(name, loss, bias) for name, (_, kinds) in TRANSFORMATIONS.items() for loss, bias in kinds]


def spellings(name, loss, bias, seed, power):
    case = draw(seed, loss, bias)
    return TRANSFORMATIONS[name][0](case, 10.0**power, np.random.default_rng([seed, 1]))


def assert_agree(name, loss, bias, seed, power):
    """The doors on both spellings."""
    other, case = spellings(name, loss, bias, seed, power)
    one = rx.solve(case.X, case.y, case.beta, time_limit=60, **case.options)
    two = rx.solve(other.X, other.y, other.beta, time_limit=60, **other.options)
    for solution in (one, two):
        assert solution.certificate.rel_gap <= TIGHT or solution.status is not rx.Status.CONVERGED
    assert two.certificate.rel_gap <= TIGHT, f"{two!r} where the plain spelling has {one!r}"
    assert two.objective * other.value == pytest.approx(one.objective, rel=2 * TIGHT)
    # a certificate of the network of one spelling, from nothing but the network
    proof = rx.certify(two.network, other.X, other.y, other.beta, time_limit=60, **other.options)
    assert proof.lower * other.value <= one.objective * (1 + TIGHT)
    assert proof.rel_gap > 0.0
    (lo, hi), (low, high) = (rx.beta_max(c.X, c.y, **c.options) for c in (case, other))
    assert max(lo, low * other.strength) <= min(hi, high * other.strength) * (1 + 1e-12)
    assert high * other.strength == pytest.approx(hi, rel=1e-7)
    assert low * other.strength == pytest.approx(lo, rel=1e-3)


@pytest.mark.parametrize(("name", "loss", "bias"), KINDS)
def test_the_doors_do_not_see_the_spelling(name, loss, bias):
    for power in (-9, 9):
        assert_agree(name, loss, bias, 0, power)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "loss", "bias"), KINDS)
@settings(deadline=None, max_examples=12)
@given(seed=st.integers(1, 10**6), power=st.integers(-9, 9))
def test_the_doors_do_not_see_the_spelling_of_many(name, loss, bias, seed, power):
    assert_agree(name, loss, bias, seed, power)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), powers=st.lists(st.integers(-9, 9), min_size=3, max_size=3), rows=st.booleans())
def test_patterns_have_no_units(seed, powers, rows):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((9, 3))
    scaled = X * 10.0 ** np.array(powers, dtype=float)
    if rows:
        scaled = scaled * 10.0 ** rng.integers(-5, 6, (9, 1))
    found, other = rx.enumerate_patterns(X), rx.enumerate_patterns(scaled)
    assert other.complete
    assert {p.tobytes() for p in found.patterns} == {p.tobytes() for p in other.patterns}


@pytest.mark.parametrize("power", [-9, -3, 3, 9])
@pytest.mark.parametrize("bias", ["none", "hidden", "free"])
def test_interpolation_has_the_units_of_its_targets(bias, power):
    rng = np.random.default_rng(5)
    X, y, s = rng.standard_normal((6, 2)), rng.standard_normal(6), 10.0**power
    plain, scaled = (rx.interpolate(X, target, bias=bias, time_limit=60) for target in (y, s * y))
    assert scaled.objective == pytest.approx(s * plain.objective, rel=2 * TIGHT)
    assert scaled.certificate.rel_gap <= TIGHT


def test_a_path_has_the_units_of_its_targets():
    case = draw(3, "squared", "none")
    betas = case.beta * np.array([3.0, 1.0])
    for s in (1e-6, 1e6):
        plain = [sol.objective for sol in rx.beta_path(case.X, case.y, betas)]
        scaled = [sol.objective for sol in rx.beta_path(case.X, s * case.y, s * betas)]
        assert np.allclose(np.array(scaled) / s**2, plain, rtol=2 * TIGHT)


@pytest.mark.parametrize("s", [1e-6, 1e6])
def test_the_verdict_on_optima_has_no_units(s):
    case = draw(4, "squared", "none")
    verdicts = []
    for t in (1.0, s):
        solution = rx.solve(case.X, t * case.y, t * case.beta, tol=1e-10, time_limit=60)
        verdicts.append(rx.optimal_set(solution).verdict)
    assert verdicts[0] is verdicts[1]


def test_what_float64_cannot_keep_is_said():
    x = np.linspace(-2.0, 2.0, 12)[:, None]
    for offset in (1e13, 1e15):
        solution = rx.solve(x, np.sin(3 * x[:, 0]) + offset, 0.05, bias="free", time_limit=20)
        certificate = solution.certificate
        assert certificate.rel_gap > 0.0
        assert certificate.lower <= certificate.upper
