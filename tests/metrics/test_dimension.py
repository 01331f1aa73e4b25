"""Participation ratio: spectra, routes, invariances, undefined values."""

from itertools import product

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import participation_ratio

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
