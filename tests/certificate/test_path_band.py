"""Curves of finitely many proofs: never on the wrong side of what they are made of, in exact arithmetic."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

import relucvx as rx
from relucvx.certificate.path_band import Between, Envelope, Knot
from relucvx.program.objective import fit, line_from_above, objectives_from_above

V_SHAPE = ([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0])
"""y = |x|: p*(beta) = 2 beta - beta²/5 up to 5, and 5 from there on."""


def closed(beta):
    """p* of the V shape, exactly."""
    beta = min(Fraction(beta), Fraction(5))
    return 2 * beta - beta**2 / 5


def drawn(rng, scale=1.0):
    """Points on a concave function that does not decrease, and tangents of it, some of them moved outward."""
    b = np.sort(rng.uniform(0.1, 3.0, 6)) * scale
    f = np.sqrt(b) * (1.0 - 0.05 * rng.uniform(size=6) * (rng.uniform(size=6) < 0.5))
    at = rng.uniform(0.1, 3.0, 5) * scale
    slopes = 0.5 / np.sqrt(at)
    return Envelope(0.2 * scale, 2.5 * scale, b, f, np.sqrt(at) - at * slopes + 0.01 * rng.uniform(size=5), slopes)


def exact_lower(known, beta):
    """The largest chord of any two points, with (0, 0) and what follows from p* not decreasing."""
    points = [(Fraction(0), Fraction(0))]
    points += [(Fraction(float(b)), Fraction(float(v))) for b, v in zip(known.betas, known.lowers, strict=True)]
    beta = Fraction(float(beta))
    values = [v for b, v in points if b <= beta]
    for (b, v), (c, w) in combinations(sorted(points), 2):
        # the bound at the left end is at least that of every point before it
        v = max([v, *(u for a, u in points if a <= b)])
        if b <= beta <= c and b < c:
            values.append(v + (max(w, v) - v) * (beta - b) / (c - b))
    return max(values)


def exact_upper(known, beta):
    beta = Fraction(float(beta))
    return min(
        Fraction(float(L)) + beta * Fraction(float(P)) for L, P in zip(known.losses, known.penalties, strict=True)
    )


@pytest.mark.parametrize("seed", range(20))
def test_values_are_on_their_side_of_the_exact_curves_and_close_to_them(seed):
    rng = np.random.default_rng(seed)
    known = drawn(rng, 10.0 ** rng.integers(-3, 4))
    at = np.append(rng.uniform(known.lo, known.hi, 30), [known.lo, known.hi, *known.corners()])
    for beta, low, high in zip(at, known.lower(at), known.upper(at), strict=True):
        assert Fraction(float(low)) <= exact_lower(known, beta)
        assert Fraction(float(high)) >= exact_upper(known, beta)
        assert float(low) == pytest.approx(float(exact_lower(known, beta)), rel=1e-12)
        assert float(high) == pytest.approx(float(exact_upper(known, beta)), rel=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_no_place_is_wider_than_the_widest(seed):
    known = drawn(np.random.default_rng(seed))
    at, width = known.widest()
    grid = np.linspace(known.lo, known.hi, 5001)
    assert known.widths(grid).max() <= width
    assert known.widths(np.array(at)) == pytest.approx(width, rel=1e-9)


def test_nothing_proven_is_infinitely_wide_and_equal_bounds_are_no_width():
    empty = np.zeros(0)
    nothing = Envelope(1.0, 2.0, empty, empty, np.array([1.0]), np.array([0.0]))
    assert (nothing.lower(1.5), nothing.widest()[1]) == (0.0, np.inf)
    trivial = Envelope(1.0, 2.0, empty, empty, np.array([0.0]), np.array([0.0]))
    assert trivial.widest()[1] == 0.0


def test_repeated_points_and_lines_change_nothing():
    known = drawn(np.random.default_rng(3))
    twice = Envelope(
        known.lo, known.hi, np.tile(known.betas, 2), np.concatenate([known.lowers, 0.5 * known.lowers]),
        np.tile(known.losses, 2), np.tile(known.penalties, 2),
    )  # fmt: skip
    grid = np.linspace(known.lo, known.hi, 50)
    assert np.array_equal(twice.lower(grid), known.lower(grid))
    assert np.array_equal(twice.upper(grid), known.upper(grid))


def knots(problem, betas):
    """What is proven at strengths, as bands keep it."""
    found = rx.beta_path(problem, betas=betas, tol=1e-8)
    return [Knot(s.problem.beta, s.inner, s.certificate.dual, s.certificate.lower) for s in found]


@pytest.mark.parametrize("other", [2.0, 4.0, 7.0])
def test_bounds_between_strengths_against_the_closed_form(other):
    problem = rx.make_problem(*V_SHAPE, beta=1.0)
    one, two = knots(problem, [0.5, other])
    between = Between(problem)
    for beta in np.linspace(0.5, other, 20):
        low, (loss, penalty) = between.lower(one, two, beta), between.line(one, two, beta)
        for at in np.linspace(0.1, 8.0, 9):
            assert Fraction(loss) + Fraction(penalty) * Fraction(at) >= closed(at) - Fraction(1, 10**15)
        assert Fraction(low) <= closed(beta)
        if other <= 5.0:  # p*, its dual points and its networks are polynomials there: mixtures are optimal
            assert low == pytest.approx(float(closed(beta)), rel=1e-7)
            assert loss + penalty * beta == pytest.approx(float(closed(beta)), rel=1e-7)
        for end in (one, two):
            assert Fraction(between.lower(end, None, beta)) <= closed(beta)


QUICK = {("squared", "free"), ("squared", "all"), ("hinge", "all"), ("logistic", "hidden"), ("cross_entropy", "none")}
"""Cases of the default run; each of the others takes a second or more."""

CASES = [
    pytest.param(loss, bias, marks=() if (loss, bias) in QUICK else pytest.mark.slow)
    for loss in ("squared", "huber", "logistic", "hinge", "squared_hinge", "cross_entropy")
    for bias in ("none", "hidden", "all", "free")
]


@pytest.mark.parametrize(("loss", "bias"), CASES)
def test_bounds_between_strengths_hold_for_losses_and_biases(loss, bias):
    rng = np.random.default_rng(5)
    X, labels = rng.standard_normal((8, 2)), np.arange(8) % 2
    targets = {"squared": rng.standard_normal((8, 2)) + 9.0, "cross_entropy": np.arange(8) % 3}
    targets["huber"] = targets["squared"][:, 0]
    problem = rx.make_problem(X, targets.get(loss, 2.0 * labels - 1.0), 1.0, loss, bias)
    top = rx.beta_max(problem)[1]
    one, two = knots(problem, [0.2 * top, 0.8 * top])
    between = Between(problem)
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        beta = share * top
        found = rx.solve(X, problem.Y, beta, loss=loss, bias=bias, tol=1e-8)
        low, high = found.certificate.lower, found.certificate.upper
        inside = 0.2 < share < 0.8
        assert between.lower(one, two if inside else None, beta) <= high
        if inside:
            loss_part, penalty = between.line(one, two, beta)
            assert loss_part + beta * penalty >= low
            # far better than what the ends give by themselves would be asking much; but not worse than their chord
            t = (beta - one.beta) / (two.beta - one.beta)
            chord = (1.0 - t) * one.lower + t * two.lower
            assert between.lower(one, two, beta) >= chord * (1.0 - 1e-9)


def test_a_blend_has_the_fit_between_and_at_most_the_cost_between():
    rng = np.random.default_rng(2)
    problem = rx.make_problem(rng.standard_normal((8, 2)), rng.standard_normal((8, 2)), 0.3, bias="all")
    one, two = (sol.inner for sol in rx.beta_path(problem, betas=[2.0, 0.2]))
    mixed = Between(problem).mixed(one, two, 0.25)
    F = [fit(problem, net) for net in (one, two, mixed)]
    assert F[2] == pytest.approx(0.75 * F[0] + 0.25 * F[1], abs=1e-12)
    costs = [line_from_above(problem, net)[1] for net in (one, two, mixed)]
    assert costs[2] <= (0.75 * costs[0] + 0.25 * costs[1]) * (1.0 + 1e-12)


def test_the_line_of_a_network_is_its_balanced_objective_at_every_strength():
    rng = np.random.default_rng(4)
    net = rx.TwoLayerReLU(rng.standard_normal((3, 2)), rng.standard_normal(3))
    X, y = rng.standard_normal((6, 2)), rng.standard_normal(6)
    loss, penalty = line_from_above(rx.make_problem(X, y, 1.0), net)
    for beta in (1e-3, 1.0, 50.0):
        assert loss + beta * penalty == pytest.approx(
            objectives_from_above(rx.make_problem(X, y, beta), net)[1], rel=1e-14
        )
    huge = rx.TwoLayerReLU(1e200 * net.weights_in, 1e200 * net.weights_out)
    assert line_from_above(rx.make_problem(X, y, 1.0), huge) == (np.inf, np.inf)
