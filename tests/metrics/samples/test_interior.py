"""Machines of many samples: the coefficients of another algorithm, and every condition of optimality."""

import numpy as np
import pytest

from relucvx.metrics.samples import machine as module
from relucvx.metrics.samples._machine_kernels import coefficients as in_pairs
from relucvx.metrics.samples.interior import coefficients
from relucvx.metrics.samples.machine import Machines
from relucvx.metrics.samples.scaling import unit_spread


def drawn(seed, n=150, p=6, apart=0.5):
    rng = np.random.default_rng(seed)
    side = rng.random(n) < 0.4
    return unit_spread(rng.standard_normal((n, p)) + apart * side[:, None]), side


def problem(side, C):
    n = len(side)
    return np.where(side, 1.0, -1.0), C * n / (2.0 * np.where(side, side.sum(), n - side.sum()))


@pytest.mark.parametrize("C", [0.001, 1.0, 100.0])
@pytest.mark.parametrize("apart", [0.0, 0.5, 8.0])
def test_the_normal_vector_is_that_of_steps_in_pairs(C, apart):
    for seed in range(3):
        Z, side = drawn(seed, apart=apart)
        sides, caps = problem(side, C)
        found, expected = coefficients(Z, sides, caps, 1e-9), in_pairs(Z @ Z.T, sides, caps, 1e-12)[0]
        if found is None:  # where all are at their bound, say: another algorithm is asked
            continue
        assert np.allclose(found @ Z, expected @ Z, atol=1e-7 * (1.0 + np.abs(expected @ Z).max()))
        assert abs(found.sum()) < 1e-9 * caps.max() * len(Z)
        assert ((found * sides >= 0) & (found * sides <= caps)).all()
        # a sample inside its margin is at its bound, one outside has no weight
        on_margin = sides - Z @ (found @ Z)
        free = (np.abs(found) > 0) & (np.abs(found) < caps)
        if free.any():
            margin = sides * (Z @ (found @ Z) + on_margin[free].mean())
            assert (margin[found == 0] >= 1 - 1e-7).all()
            assert (margin[np.abs(found) == caps] <= 1 + 1e-7).all()


def test_it_is_seldom_that_another_algorithm_is_asked():
    found = [coefficients(Z, *problem(side, 1.0), 1e-9) for Z, side in map(drawn, range(20))]
    assert sum(one is None for one in found) <= 1


def test_copies_of_samples():
    Z, side = drawn(0, 60)
    sides, caps = problem(np.tile(side, 3), 1.0)
    found = coefficients(np.tile(Z, (3, 1)), sides, caps, 1e-9)
    expected = in_pairs(Z @ Z.T, sides[:60], 3 * caps[:60], 1e-12)[0]
    assert found is None or np.allclose(found @ np.tile(Z, (3, 1)), expected @ Z, atol=1e-7)


def test_a_machine_of_many_samples_is_the_same(monkeypatch):
    Z, side = drawn(3, 400)
    rows = np.arange(300)
    one = Machines(Z, 1.0).trained(side, rows)
    monkeypatch.setattr(module, "LARGEST", 0)
    other = Machines(Z, 1.0).trained(side, rows)
    assert np.allclose(one[0], other[0], atol=1e-8)
    assert one[1] == pytest.approx(other[1], abs=1e-8)
