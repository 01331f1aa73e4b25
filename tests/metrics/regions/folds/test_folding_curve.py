"""Folding along a path: every beginning is the folding of its own walk, closed forms, corners."""

from fractions import Fraction

import numpy as np
import pytest
from metrics.nets import cantornet, exact_regions, sawtooth

from relucvx.datasets import CANTORNET_SEGMENT, SAWTOOTH_SEGMENT
from relucvx.errors import InvalidInputError
from relucvx.metrics import folding, folding_curve, line_regions, space_folding
from relucvx.metrics.regions.folds.folding_curve import walk_curve
from relucvx.metrics.regions.segments.flips import Flips
from relucvx.network import DeepNetwork

RNG = np.random.default_rng(0)
NET = DeepNetwork(
    [RNG.standard_normal(s) for s in ((2, 9), (9, 9), (9, 9), (9, 1))], [*RNG.standard_normal((3, 9)), None]
)


@pytest.mark.parametrize("symmetric", [False, True])
def test_every_beginning_has_the_folding_of_its_walk(symmetric):
    codes = RNG.random((700, 40)) < np.linspace(0.05, 0.6, 700)[:, None]  # more than a block, ever farther
    codes[10:14] = codes[10]
    found = walk_curve(Flips.of(codes), np.arange(700) / 700, np.array([0.0, 1.0]), symmetric, True)
    for i in [0, 1, 2, 9, 10, 12, 13, 14, 300, 699]:
        own = space_folding(codes[: i + 1], symmetric)
        at = found.at(i / 700)
        assert (at.r1, at.r2) == (own.r1, own.r2)
        assert at.chi == pytest.approx(own.chi, nan_ok=True)
    assert (np.diff(found.r2) > 0).all()
    assert (np.diff(found.t) > 0).all()


@pytest.mark.parametrize("d", [1, 3, 5])
def test_the_sawtooth_in_closed_form(d):
    found = folding_curve(sawtooth(d), SAWTOOTH_SEGMENT, arithmetic="rational")
    np.testing.assert_array_equal(found.t, np.arange(2**d) / 2**d)
    np.testing.assert_array_equal(found.r2, np.arange(2**d))
    # behind i of 2^d pieces the code is the Gray code of i: it has as many ones as i has changes of digits
    ones = [bin(i ^ (i >> 1)).count("1") for i in range(2**d)]
    np.testing.assert_array_equal(found.r1, np.maximum.accumulate(ones))
    assert found.at(1.0).chi == pytest.approx(float(1 - Fraction(d, 2**d - 1)))


def test_at_its_end_it_is_folding_and_in_between_a_shorter_segment():
    a, b = np.array([-3.0, -2.0]), np.array([3.0, 2.5])
    found, lines = folding_curve(NET, [a, b]), line_regions(NET, a, b)
    assert found.at(1.0) == folding(NET, a, b)
    np.testing.assert_allclose(found.t[1:], lines.breakpoints)
    for share in (0.31, 0.5, 0.77):
        assert found.at(share) == folding(NET, a, a + share * (b - a))
    assert folding_curve(cantornet(2), CANTORNET_SEGMENT).at(1.0).chi == pytest.approx(1 - 2 / 6)
    assert found.facts()["largest_chi"] == pytest.approx(np.nanmax(found.chi))


def test_sampling_finds_the_same_where_it_is_dense():
    path = [[-3.0, -2.0], [3.0, 2.5]]
    exact, sampled = folding_curve(NET, path), folding_curve(NET, path, method="sampled", n_steps=20000)
    assert not sampled.exact
    np.testing.assert_array_equal(sampled.r2, exact.r2)
    np.testing.assert_allclose(sampled.t, exact.t, atol=1e-4)


def test_a_path_there_and_back_is_half_folded():
    one = DeepNetwork([np.array([[1.0, 1.0]]), np.ones((2, 1))], [np.array([0.0, -1.0]), None])
    found = folding_curve(one, [[-1.0], [3.0], [-1.0]])
    assert found.corners.tolist() == [0.0, 0.5, 1.0]
    np.testing.assert_allclose(found.t, [0, 0.125, 0.25, 0.75, 0.875])
    assert (found.at(0.5).chi, found.at(1.0).chi) == (0.0, 0.5)
    assert np.isnan(found.at(0.1).chi)
    # corners without a turn change nothing
    many = folding_curve(NET, [[-3.0, -2.0], [0.0, 0.25], [3.0, 2.5]])
    np.testing.assert_allclose(many.t, folding_curve(NET, [[-3.0, -2.0], [3.0, 2.5]]).t)


def test_its_regions_are_those_of_rationals():
    net = cantornet(2)
    found = folding_curve(net, CANTORNET_SEGMENT, arithmetic="rational")
    breakpoints, _ = exact_regions(net, *CANTORNET_SEGMENT)
    np.testing.assert_allclose(found.t[1:], [float(t) for t in breakpoints])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": [[0.0, 0.0]]}, "a path of shape"),
        ({"path": [[1.0, 2.0]] * 3}, "a path with a length; received 0"),
        ({"path": [["a", "b"]] * 2}, "path"),
        ({"method": "some"}, 'method "exact" or "sampled"'),
        ({"method": "sampled", "arithmetic": "rational"}, 'arithmetic "float" for a sampled walk'),
    ],
)
def test_refusals(options, message):
    with pytest.raises(InvalidInputError, match=message):
        folding_curve(**{"module": NET, "path": [[0.0, 0.0], [1.0, 1.0]]} | options)
    with pytest.raises(InvalidInputError, match=r"a share of the path between 0 and 1; received 1\.5"):
        folding_curve(NET, [[0.0, 0.0], [1.0, 1.0]]).at(1.5)
