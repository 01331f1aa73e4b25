"""CantorNet and the sawtooth against ternary and binary digits, in rationals; their closed forms are with the metrics."""

from fractions import Fraction

import numpy as np
import pytest
from metrics.nets import exact_hidden, nested

from relucvx.datasets import CANTORNET_SEGMENT, SAWTOOTH_SEGMENT, cantor_function, cantornet, sawtooth
from relucvx.errors import InvalidInputError
from relucvx.metrics import folding, line_regions, space_folding

GRID = [Fraction(i, 3**4 * 4) for i in range(3**4 * 4 + 1)]


def by_digits(x, k):
    """The nested function from the Cantor construction: which gap or remaining piece x lies in."""
    left, width, falling = Fraction(0), Fraction(1), False
    for step in range(1, k + 1):
        width /= 3
        third = min((x - left) // width, 2)
        if third == 1:
            return Fraction(int(step < k))
        if third == 0:
            falling = True
        if third == 2:
            falling = False
        left += third * width
    share = (x - left) / width
    return 1 - share if falling else share


def exact_output(net, x):
    """Output of a ReLU network in rationals."""
    hidden = [max(v, Fraction(0)) for v in exact_hidden(net, x)[-1]]
    bias = Fraction(0) if net.biases[-1] is None else Fraction(net.biases[-1][0])
    return bias + sum(h * Fraction(w) for h, w in zip(hidden, net.weights[-1][:, 0], strict=True))


@pytest.mark.parametrize("k", range(5))
def test_cantor_function_is_linear_on_the_cantor_pieces(k):
    for x in GRID:
        assert cantor_function(x, k) == nested(x, k) == by_digits(x, k)
    floats = np.array([float(x) for x in GRID])
    exact = cantor_function(np.array(GRID), k)
    assert exact.dtype == object
    np.testing.assert_allclose(cantor_function(floats, k), exact.astype(float), atol=1e-13)
    np.testing.assert_array_equal(cantor_function(floats.reshape(5, -1), k), cantor_function(floats, k).reshape(5, -1))
    assert isinstance(cantor_function(0.25, k), float)
    assert isinstance(cantor_function(np.int64(1), k), float)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_cantornet_is_its_formula_in_rationals(k):
    net = cantornet(k)
    assert net.widths == (2, *[3, 2] * k, 1)
    for x in GRID[::5]:
        for y in (Fraction(0), Fraction(2, 7), Fraction(3, 4), Fraction(1)):
            assert exact_output(net, [x, y]) == y - (by_digits(x, k) + 1) / 2


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_both_representations_are_one_function_in_rationals(k):
    net = cantornet(k, "normal form")
    assert net.widths == (2, 5 * 2 ** (k - 1), *[3 * 2**j for j in range(k - 1, -1, -1)], 1)
    assert sum(net.widths[1:-1]) == 11 * 2 ** (k - 1) - 3
    assert sum(cantornet(k).widths[1:-1]) == 5 * k
    for x in [*GRID[::27], *GRID[1::31]]:
        for y in (Fraction(0), Fraction(2, 7), Fraction(1)):
            assert exact_output(net, [x, y]) == y - (by_digits(x, k) + 1) / 2


def test_representations_differ_in_what_they_fold():
    square = np.random.default_rng(0).uniform(0, 1, (300, 2))
    for k, share in enumerate([Fraction(0), Fraction(1, 3), Fraction(22, 47), Fraction(31, 57)], start=1):
        net = cantornet(k, "normal form")
        np.testing.assert_allclose(net.predict(square), cantornet(k).predict(square), atol=1e-13)
        lines = line_regions(net, *CANTORNET_SEGMENT, arithmetic="rational" if k < 4 else "float")
        assert lines.n_regions == 7 * 2 ** (k - 1) - k - 2
        walk = space_folding(lines.codes)
        assert 1 - Fraction(walk.r1, walk.r2) == share
        assert walk.chi < folding(cantornet(k), *CANTORNET_SEGMENT).chi


def test_decision_set_is_what_lies_below_the_ragged_line():
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 1, (500, 2))
    below = points[:, 1] <= (cantor_function(points[:, 0], 3) + 1) / 2
    np.testing.assert_array_equal(cantornet(3).predict(points)[:, 0] <= 0, below)
    assert 0 < below.sum() < 500


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_sawtooth_is_the_nested_tent(d):
    net = sawtooth(d)
    assert net.widths == (1, *[2] * d, 1)
    for numerator in range(2 * 2**d + 1):
        x = Fraction(numerator, 2 * 2**d)
        place = x * 2**d  # the piece and how far along it
        share = place - place // 1
        assert exact_output(net, [x]) == (share if (place // 1) % 2 == 0 else 1 - share)


def test_standard_segments():
    assert folding(cantornet(3), *CANTORNET_SEGMENT).chi == pytest.approx(1 - 3 / 14)
    assert folding(sawtooth(3), *SAWTOOTH_SEGMENT).chi == pytest.approx(1 - 3 / 7)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: cantornet(0), "k to be an int >= 1; received 0"),
        (lambda: cantornet(2.0), r"k to be an int >= 1; received 2\.0"),
        (lambda: cantornet(2, "dnf"), 'representation "recursive" or "normal form"; received \'dnf\''),
        (lambda: sawtooth(True), "depth to be an int >= 1; received True"),
        (lambda: cantor_function(0.5, -1), "k to be an int >= 0; received -1"),
        (lambda: cantor_function("a", 1), "x to be an array; received 'a'"),
        (lambda: cantor_function([1j], 1), "x to hold real numbers or Fractions; received dtype complex128"),
    ],
)
def test_refusals(build, message):
    with pytest.raises(InvalidInputError, match=message):
        build()
