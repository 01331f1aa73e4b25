"""TwoNN: literal definitions, known dimensions, coverage of the intervals, duplicates, invariances and their limits."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import chi2

from relucvx.errors import InvalidInputError
from relucvx.metrics import two_nn
from relucvx.metrics.intrinsic import _fit, _likelihood
from relucvx.metrics.samples import blocks


def ratios(Z):
    """log(r2/r1) of every sample, sorted, from the full table of distances."""
    out = []
    for i in range(len(Z)):
        distance = sorted(np.linalg.norm(Z[i] - Z[j]) for j in range(len(Z)) if j != i)
        out.append(np.log(distance[1] / distance[0]))
    return np.sort(out)


@pytest.fixture(params=[None, 50])
def block(request, monkeypatch):
    """The usual size of a block, and one so small that every sum takes many."""
    if request.param:
        monkeypatch.setattr(blocks, "BLOCK", request.param)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("discard", [0.0, 0.1, 0.5])
def test_equals_the_literal_definitions(discard):
    Z = np.random.default_rng(0).standard_normal((41, 3))
    x, N = ratios(Z), 41
    r = N - int(discard * N)
    mle = two_nn(Z, discard=discard)
    total = sum(x[:r]) + (N - r) * x[r - 1]
    assert mle.dimension == pytest.approx(r / total, rel=1e-12)
    assert (mle.n_used, mle.n_discarded, mle.n_duplicates, mle.method) == (r, N - r, 0, "mle")
    assert 2 * total * np.array([mle.low, mle.high]) == pytest.approx(chi2.ppf([0.025, 0.975], 2 * r))
    r = min(r, N - 1)
    y = [-np.log(1 - (i + 1) / N) for i in range(r)]
    slope = np.linalg.lstsq(x[:r, None], np.array(y), rcond=None)[0][0]
    fit = two_nn(Z, method="fit", discard=discard)
    assert fit.dimension == pytest.approx(slope, rel=1e-12)
    assert (fit.n_used, fit.n_discarded) == (r, N - r)
    assert fit.low < fit.dimension < fit.high
    if discard == 0.1:
        assert two_nn(Z, method="fit") == fit
    if discard == 0.0:
        assert two_nn(Z) == mle


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_known_dimensions_of_flat_and_curved_sets(d):
    """On a torus there is no boundary to bias the estimate."""
    angles = np.random.default_rng(d).uniform(0, 2 * np.pi, (1500, d))
    Z = np.hstack([np.cos(angles), np.sin(angles)]) @ np.random.default_rng(9).standard_normal((2 * d, 2 * d + 20))
    found = two_nn(Z)
    assert found.dimension == pytest.approx(d, rel=0.13)
    assert two_nn(Z, method="fit").dimension == pytest.approx(d, rel=0.13)
    assert found.low < found.dimension < found.high


@pytest.mark.parametrize("estimate", [_likelihood, _fit])
@pytest.mark.parametrize("used", [60, 40])
def test_intervals_cover_the_dimension_of_independent_ratios(estimate, used):
    rng = np.random.default_rng(1)
    trials, inside = 400, 0
    for _ in range(trials):
        dimension, low, high = estimate(np.sort(rng.exponential(1 / 3.0, 61)), used, 0.05)
        assert low < dimension < high
        inside += low <= 3.0 <= high
    assert abs(inside / trials - 0.9) < 4 * np.sqrt(0.9 * 0.1 / trials)


def test_confidence_widens_the_interval():
    Z = np.random.default_rng(2).standard_normal((60, 2))
    for method in ("mle", "fit"):
        wide, narrow = (two_nn(Z, method=method, confidence=c) for c in (0.99, 0.5))
        assert wide.low < narrow.low < narrow.dimension == wide.dimension < narrow.high < wide.high


def test_invariances_and_their_limits():
    rng = np.random.default_rng(3)
    Z = rng.standard_normal((80, 4))
    Q, order = np.linalg.qr(rng.standard_normal((7, 4)))[0].T, rng.permutation(80)
    for method in ("mle", "fit"):
        base = two_nn(Z, method=method).dimension
        for other in (Z @ Q + 3.0, Z[order], Z[:, ::-1], 1e-160 * Z, 1e160 * Z, np.vstack([Z, Z[:30]])):
            assert two_nn(other, method=method).dimension == pytest.approx(base, rel=1e-9)
        assert abs(two_nn(Z * [1, 1, 1, 1e-3], method=method).dimension - base) > 0.2


def test_copies_are_dropped_even_when_rounding_told_them_apart():
    rng = np.random.default_rng(4)
    Z = rng.standard_normal((50, 6))
    base = two_nn(Z)
    copies = Z[:20] * (1.0 + 1e-16 * rng.integers(-3, 4, (20, 6)))
    nearly = np.vstack([Z, copies, Z[:20] + np.spacing(Z[:20])])
    found = two_nn(nearly)
    assert found.n_duplicates == 40
    assert found.dimension == pytest.approx(base.dimension, rel=1e-9)
    assert two_nn(np.vstack([[[0.0, 1.0], [-0.0, 1.0]], Z[:, :2]])).n_duplicates == 1


def test_lattices_and_too_few_samples():
    lattice = np.array(list(product(range(4), repeat=2)), dtype=float)
    turned = lattice @ np.array([[0.6, -0.8], [0.8, 0.6]]) + 0.1
    for Z in (lattice, turned):
        for method in ("mle", "fit"):
            found = two_nn(Z, method=method)
            assert found.dimension == found.low == found.high == np.inf
    for few in (np.zeros((5, 2)), np.eye(2), np.repeat(np.eye(2), 4, axis=0)):
        found = two_nn(few)
        assert np.isnan([found.dimension, found.low, found.high]).all()
        assert found.n_used == 0
    assert two_nn(np.repeat(np.eye(2), 4, axis=0)).n_duplicates == 6
    assert np.isfinite(two_nn([[0.0], [1.0], [3.0]]).dimension)
    assert np.isnan(two_nn([[0.0], [1.0], [3.0]], discard=0.7).dimension)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "gride"}, 'method "mle" or "fit"; received \'gride\''),
        ({"discard": 1.0}, r"discard in \[0, 1\); received 1.0"),
        ({"discard": 10}, r"discard in \[0, 1\); received 10; likely cause: a percentage"),
        ({"discard": "a"}, r"discard in \[0, 1\); received 'a'"),
        ({"confidence": 0.0}, r"confidence strictly between 0 and 1"),
        ({"confidence": True}, r"confidence strictly between 0 and 1"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(InvalidInputError, match=message):
        two_nn(np.eye(4), **options)


@pytest.mark.parametrize("kind", ["float32", "float64 of float32", "float64"])
def test_rows_repeated_up_to_the_last_bit_are_copies(kind):
    """As a layer in single precision gives them for the same sample in batches of different sizes."""
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((150, 12)).astype(np.float32)
    base = two_nn(Z)
    down = np.where(rng.random((450, 12)) < 0.5, -np.inf, np.inf).astype(np.float32)
    copies = np.nextafter(np.vstack([Z, Z, Z]), down)
    repeated = np.vstack([Z, copies])
    options = {}
    if kind != "float32":
        repeated = repeated.astype(np.float64)
    if kind == "float64":  # numbers that no longer show what they were computed in
        repeated, options = repeated * (1.0 / 3.0), {"resolution": 2.0**-23}
    found = two_nn(repeated, **options)
    assert (found.n_used, found.n_duplicates) == (150, 450)
    assert found.dimension == pytest.approx(base.dimension, rel=1e-3)
    # samples that differ by more than the last digits stay
    assert two_nn(np.vstack([Z, Z * np.float32(1.00001)])).n_duplicates == 0


def test_whole_numbers_are_no_copies_of_their_neighbours():
    grid = np.array(list(product(range(4), repeat=3)), dtype=float) + 1000.0
    assert two_nn(grid).n_duplicates == two_nn(grid.astype(np.float32)).n_duplicates == 0
