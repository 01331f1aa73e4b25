"""What a cone carries down the tree is what one would find for it from nothing."""

import numpy as np
import pytest
from oracle.branches import CASES, random_branch

from relucvx.oracle import shards
from relucvx.oracle.carried import height, positive_sum


@pytest.mark.parametrize(("c", "bias", "activation"), CASES)
def test_lists_products_maps_and_values(c, bias, activation):
    rng = np.random.default_rng([c, len(bias), len(activation)])
    for trial in range(20):
        depth = trial % 9
        form, rows, stack, _, s = random_branch(rng, bias, c, activation, d=2 + trial % 3, depth=depth)
        G, count, tiny = stack.G[s], int(stack.count[s]), 1e-12 * form.scale
        outputs = form.M.shape[1]
        assert stack.depth[s] == depth
        np.testing.assert_allclose(np.linalg.norm(G[:, : form.penalized], axis=1), 1.0, rtol=1e-14)
        Z = G @ rows.X.T
        high, low = Z.max(axis=0), Z.min(axis=0)
        mixed = (high > rows.ztol) & (low < -rows.ztol)
        np.testing.assert_array_equal(stack.rows[s, :count], np.flatnonzero(mixed))
        np.testing.assert_allclose(stack.Z[s, :, :count], Z[:, mixed], atol=tiny)
        # samples that are on everywhere are added up, once each
        on = ~mixed & (high > rows.ztol)
        relus = np.maximum(Z, 0.0)
        if outputs == 1:
            assert stack.bends[s] == (rows.unit[stack.rows[s, :count], 0] > 0).sum()
            kinds = np.stack([rows.unit[:, 0] > 0, rows.unit[:, 0] < 0], axis=1).astype(float)
            linear = np.zeros((len(G), 2))
        else:
            kinds = np.column_stack([rows.unit, np.ones(len(rows.X))])
            linear = np.column_stack([G @ form.L, np.zeros(len(G))])
        np.testing.assert_allclose(stack.on[s], (kinds * on[:, None]).T @ rows.X, atol=tiny)
        np.testing.assert_allclose(stack.values[s], relus @ kinds + linear, atol=tiny)
        heights = [height(rows, g, v) for g, v in zip(G, stack.values[s], strict=True)]
        np.testing.assert_allclose(heights, form.values(G.T), atol=tiny)


@pytest.mark.parametrize("c", [1, 3])
def test_samples_without_weight_are_left_out_and_one_output_is_sorted(c):
    form, *_ = random_branch(np.random.default_rng(c), "none", c, "relu", depth=0)
    form.M[[2, 5]] = 0.0
    rows = shards.weighted_rows(form)
    assert len(rows.X) == 10
    np.testing.assert_allclose(np.linalg.norm(rows.unit, axis=1), 1.0)
    np.testing.assert_array_equal(rows.across, rows.X.T)
    values = np.maximum(rows.X @ np.eye(3), 0.0).T @ rows.unit
    np.testing.assert_allclose(np.linalg.norm(values, axis=1), form.values(np.eye(3)), rtol=1e-12)
    if c == 1:
        assert (rows.unit[: rows.first] == 1.0).all()
        assert (rows.unit[rows.first :] == -1.0).all()


def test_positive_sum():
    z = np.array([1.0, -2.0, 3.0, -4.0, 5.0])
    assert [positive_sum(z, 0, 5), positive_sum(z, 1, 3), positive_sum(z, 2, 2)] == [9.0, 3.0, 0.0]
