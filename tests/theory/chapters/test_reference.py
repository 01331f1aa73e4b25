"""The second opinion against a third: cells by count, optima by an exact program and by descent, losses by the test's own."""

import numpy as np
import pytest
from oracles import loss_literal
from vector_oracles import lbfgs_best, plane_sdp

from relucvx.theory.chapters import reference


@pytest.mark.parametrize(("n", "dim", "count"), [(4, 1, 2), (5, 2, 10), (6, 3, 32), (7, 3, 44), (6, 4, 52)])
def test_cells_are_all_of_them(n, dim, count):
    assert len(reference.cells(np.random.default_rng(n * dim).standard_normal((n, dim)))) == count


@pytest.mark.parametrize("loss", [name for name in reference.LOSSES if name != "cross_entropy"])
def test_entries_are_those_of_the_oracle(loss):
    for f in (-40.0, -1.3, -0.2, 0.7, 2.5):
        for y in (-1.0, 1.0):
            assert reference.entry(loss, f, y) == pytest.approx(loss_literal(loss, f, y), rel=1e-12, abs=1e-12)
    with pytest.raises(KeyError):
        reference.entry("cross_entropy", 0.0, 1.0)


@pytest.mark.parametrize("seed", range(3))
def test_optima_in_the_plane(seed):
    rng = np.random.default_rng(seed)
    instance = reference.draw(rng, "squared", "none")
    X, Y = rng.standard_normal((5, 2)), rng.standard_normal((5, 2))
    instance = {**instance, "X": X, "Y": Y, "activation": "relu", "sample_weight": np.ones(5), "beta": 0.3}
    value = reference.optimum(instance)
    assert value == pytest.approx(plane_sdp(X, Y, 0.3)[0], rel=1e-6)
    assert reference.optimum(instance, cones=False) <= value * (1 + 1e-6)
    one = {**instance, "Y": Y[:, 0]}
    assert lbfgs_best(X, Y[:, :1], 0.3, 8, runs=20)[0] == pytest.approx(reference.optimum(one), rel=1e-5)


def test_the_gradient_and_the_best_constant():
    rng = np.random.default_rng(0)
    F, w = rng.standard_normal((4, 2)), rng.uniform(0.5, 2.0, 4)
    Y = np.eye(2)[[0, 1, 1, 0]]
    share = np.exp(F) / np.exp(F).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(reference.gradient("cross_entropy", F, Y, w), w[:, None] * (share - Y), atol=1e-8)
    instance = {"Y": np.arange(4.0), "loss": "squared", "bias": "free", "sample_weight": w, "beta": 1.0}
    np.testing.assert_allclose(reference.best_constant(instance), [w @ np.arange(4.0) / w.sum()], rtol=1e-6)
