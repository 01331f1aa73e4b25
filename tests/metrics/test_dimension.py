"""Participation ratio, effective and numerical rank: spectra, routes, invariances and their limits, undefined values."""

from itertools import product

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import effective_rank, numerical_rank, participation_ratio

Y = np.array(list(product((-1.0, 1.0), repeat=2)))


@pytest.mark.parametrize("shape", [(5, 12), (30, 4), (6, 6)])
@pytest.mark.parametrize("centred", [True, False])
def test_equals_the_spectrum_of_the_covariance_by_every_route(shape, centred):
    Z = np.random.default_rng(0).standard_normal(shape) + 1.0
    C = Z - Z.mean(axis=0) if centred else Z
    values = np.linalg.svd(C, compute_uv=False) ** 2
    expected = values.sum() ** 2 / (values**2).sum()
    assert participation_ratio(Z, centred=centred) == pytest.approx(expected, rel=1e-12)
    assert participation_ratio(kernel=Z @ Z.T, centred=centred) == pytest.approx(expected, rel=1e-10)


def test_known_values():
    assert participation_ratio(kernel=2.0 + Y @ Y.T, centred=False) == pytest.approx(8 / 3)
    assert participation_ratio(kernel=2.0 + Y @ Y.T) == pytest.approx(2.0)
    assert participation_ratio(kernel=0.3 * np.eye(4), centred=False) == pytest.approx(4.0)
    assert participation_ratio(kernel=0.3 * np.eye(4)) == pytest.approx(3.0)
    assert participation_ratio(np.outer(np.arange(5.0), [1.0, 2.0])) == pytest.approx(1.0)


def test_invariances_and_their_limits():
    rng = np.random.default_rng(1)
    Z = rng.standard_normal((20, 5)) * [1.0, 2.0, 3.0, 4.0, 5.0]
    base = participation_ratio(Z)
    Q = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    for other in (Z @ Q, Z[::-1], Z[:, ::-1], 1e160 * Z, 1e-160 * Z, np.tile(Z, (3, 1)), Z + 4.0):
        assert participation_ratio(other) == pytest.approx(base, rel=1e-9)
    assert abs(participation_ratio(Z / [1.0, 2.0, 3.0, 4.0, 5.0]) - base) > 0.1
    assert abs(participation_ratio(Z + 4.0, centred=False) - participation_ratio(Z, centred=False)) > 0.1
    assert 1.0 <= base <= 5.0


def test_nothing_varies_is_nan():
    assert np.isnan(participation_ratio(np.full((4, 3), 0.1)))
    assert np.isnan(participation_ratio(np.zeros((4, 3)), centred=False))
    assert np.isnan(participation_ratio(kernel=np.full((4, 4), 0.1)))


def test_refusals():
    with pytest.raises(InvalidInputError, match="received neither"):
        participation_ratio()
    with pytest.raises(InvalidInputError, match="received both"):
        participation_ratio(np.eye(2), np.eye(2))


@pytest.mark.parametrize("shape", [(5, 12), (30, 4), (6, 6)])
@pytest.mark.parametrize("centred", [True, False])
def test_effective_rank_equals_its_definition_by_every_route(shape, centred):
    Z = np.random.default_rng(2).standard_normal(shape) + 1.0
    C = Z - Z.mean(axis=0) if centred else Z
    p = np.linalg.svd(C, compute_uv=False)
    p = p[p > 1e-12] / p.sum()
    expected = np.prod(p**-p)
    assert effective_rank(Z, centred=centred) == pytest.approx(expected, rel=1e-12)
    assert effective_rank(kernel=Z @ Z.T, centred=centred) == pytest.approx(expected, rel=1e-9)


def test_effective_rank_of_equal_singular_values_is_the_rank():
    assert effective_rank(np.eye(4), centred=False) == pytest.approx(4.0)
    assert effective_rank(np.eye(4)) == pytest.approx(3.0)
    assert effective_rank(kernel=0.3 * np.eye(5), centred=False) == pytest.approx(5.0)
    assert effective_rank(np.outer(np.arange(5.0), [1.0, 2.0])) == pytest.approx(1.0)
    two = np.diag([3.0, 1.0])
    assert effective_rank(two, centred=False) == pytest.approx(np.exp(np.log(4) - 0.75 * np.log(3)))


@pytest.mark.parametrize("seed", range(4))
def test_dimensions_are_ordered(seed):
    Z = np.random.default_rng(seed).standard_normal((12, 6)) * np.logspace(0, -seed, 6)
    assert 1.0 <= participation_ratio(Z) <= effective_rank(Z) + 1e-12
    assert effective_rank(Z) <= numerical_rank(Z) + 1e-12


def test_effective_rank_invariances_and_their_limits():
    rng = np.random.default_rng(3)
    Z = rng.standard_normal((20, 5)) * [1.0, 2.0, 3.0, 4.0, 5.0]
    base = effective_rank(Z)
    Q = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    for other in (Z @ Q, Z[::-1], Z[:, ::-1], 1e160 * Z, 1e-160 * Z, np.tile(Z, (3, 1)), Z + 4.0, np.hstack([Z, Z])):
        assert effective_rank(other) == pytest.approx(base, rel=1e-9)
        assert numerical_rank(other) == 5
    assert abs(effective_rank(Z / [1.0, 2.0, 3.0, 4.0, 5.0]) - base) > 0.05
    assert abs(effective_rank(Z + 4.0, centred=False) - effective_rank(Z, centred=False)) > 0.05
    assert numerical_rank(Z * [1.0, 1.0, 1.0, 0.0, 0.0]) == 3


@pytest.mark.parametrize("shift", [0.0, 1.0, 1e6])
@pytest.mark.parametrize(("n", "p", "r"), [(30, 8, 3), (8, 30, 4), (10, 10, 9), (5, 5, 0)])
def test_numerical_rank_counts_directions_and_not_rounding(n, p, r, shift):
    rng = np.random.default_rng(n)
    Z = rng.standard_normal((n, r)) @ rng.standard_normal((r, p)) + shift * (1.0 + np.arange(p))
    assert numerical_rank(Z) == np.linalg.matrix_rank(Z - Z.mean(axis=0), tol=1e-6) == r
    assert numerical_rank(Z, centred=False) == r + (shift > 0)
    if shift < 1e6:
        assert numerical_rank(kernel=Z @ Z.T) == r


def test_numerical_rank_at_a_tolerance_by_both_spectra():
    Z = np.diag([1.0, 0.5, 0.04, 0.03, 1e-3, 1e-6])
    count = lambda **options: numerical_rank(Z, centred=False, **options)  # noqa: E731
    assert count() == 6
    assert [count(tolerance=t) for t in (0.0, 1e-4, 0.035, 0.5, 0.9)] == [6, 5, 3, 1, 1]
    # as for the tunnel effect: 1e-3 of the largest eigenvalue is 0.0316 of the largest singular value
    assert count(tolerance=1e-3, spectrum="covariance") == 3
    assert count(tolerance=1e-3) == 4
    covariance = np.linalg.eigvalsh(Z.T @ Z)
    assert count(tolerance=1e-3, spectrum="covariance") == np.sum(covariance > 1e-3 * covariance.max())


def test_ranks_where_nothing_varies():
    for flat in ({"Z": np.full((4, 3), 0.1)}, {"Z": np.zeros((4, 3))}, {"kernel": np.full((4, 4), 0.1)}):
        assert np.isnan(effective_rank(**flat))
        assert numerical_rank(**flat) == 0
    assert numerical_rank(np.full((4, 3), 0.1), centred=False) == 1


@pytest.mark.parametrize("rank", [effective_rank, numerical_rank])
def test_rank_refusals(rank):
    with pytest.raises(InvalidInputError, match="received neither"):
        rank()
    with pytest.raises(InvalidInputError, match="received both"):
        rank(np.eye(2), np.eye(2))
    with pytest.raises(InvalidInputError, match="a symmetric kernel"):
        rank(kernel=np.ones((3, 2)))
    with pytest.raises(
        InvalidInputError, match="a kernel without negative eigenvalues; received smallest eigenvalue -"
    ):
        rank(kernel=np.diag([1.0, -0.5]), centred=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": -1e-3}, "tolerance to be a finite number >= 0"),
        ({"tolerance": 1.0}, "tolerance below 1, relative to the largest value; received 1.0"),
        ({"spectrum": "gram"}, 'spectrum "singular" or "covariance"; received \'gram\''),
    ],
)
def test_numerical_rank_refusals(options, message):
    with pytest.raises(InvalidInputError, match=message):
        numerical_rank(np.eye(2), **options)
