"""Read-outs of bags against the sum that defines them."""

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.network.pooling import Pooling, as_groups, as_readout, pool_bags, pool_groups

RNG = np.random.default_rng(0)
A = RNG.standard_normal((3, 4))


def literal(H: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """h_ikj = Σ_q A_kq H_(iq)j for n bags of p rows."""
    bags = H.reshape(-1, matrix.shape[1], H.shape[1])
    return np.array([[matrix[k] @ bag for k in range(len(matrix))] for bag in bags])


@pytest.mark.parametrize(
    ("kind", "matrix"),
    [("mean", np.full((1, 4), 0.25)), ("sum", np.ones((1, 4))), ("flatten", np.eye(4)), (A, A)],
    ids=["mean", "sum", "flatten", "array"],
)
def test_pool_is_the_weighted_sum_and_unpool_its_adjoint(kind, matrix):
    pooling, H = pool_bags(5, 4, kind), RNG.standard_normal((20, 6))
    np.testing.assert_allclose(pooling.pool(H), literal(H, matrix), rtol=1e-13, atol=1e-15)
    Q = RNG.standard_normal((5, len(matrix), 6))
    assert np.sum(pooling.pool(H) * Q) == pytest.approx(np.sum(H * pooling.unpool(Q)), rel=1e-12)


@pytest.mark.parametrize("kind", ["mean", "sum", "flatten", A])
def test_a_spread_dual_point_pulls_on_rows_what_it_pulls_on_samples(kind):
    pooling, H, N = pool_bags(5, 4, kind), RNG.standard_normal((20, 6)), RNG.standard_normal((5, 2))
    on_rows = (pooling.spread(N).T @ H).reshape(-1, 2, 6)
    np.testing.assert_allclose(on_rows, np.einsum("nkm,nc->kcm", pooling.pool(H), N), rtol=1e-12, atol=1e-14)


def test_groups_in_any_order_are_the_same_bags():
    H, order = RNG.standard_normal((20, 3)), RNG.permutation(20)
    groups = np.repeat(np.arange(5), 4)
    for kind in ("mean", "sum"):
        whole = pool_bags(5, 4, kind).pool(H)
        np.testing.assert_allclose(pool_groups(groups[order], 20, kind).pool(H[order]), whole, rtol=1e-13)
    # by position the order of the rows of one sample counts, and only that
    stable = np.argsort(groups[order], kind="stable")
    np.testing.assert_allclose(
        pool_groups(groups[order], 20, "flatten").pool(H[order]), pool_bags(5, 4, "flatten").pool(H[order][stable])
    )


def test_means_of_unequal_bags():
    pooling = pool_groups([1, 0, 1, 1], 4, "mean")
    assert pooling.pool(np.array([[3.0], [5.0], [6.0], [0.0]]))[:, 0, 0].tolist() == [5.0, 3.0]
    assert (pooling.n_samples, pooling.n_rows, pooling.n_terms) == (2, 4, 3)


def test_merged_rows_add_up():
    pooling = pool_bags(2, 2, "sum")
    merged = pooling.merged(np.array([0, 1, 2]), np.array([0, 1, 0]), 2)  # row 3 is left out
    H = np.array([[1.0], [10.0]])
    assert merged.pool(H)[:, 0, 0].tolist() == [11.0, 1.0]
    assert merged.n_shared == 2


def test_sizes_of_rows_in_samples():
    pooling = pool_bags(2, 4, A)
    values = RNG.random(8)
    expected = [(np.linalg.norm(A, axis=0) * values[:4]).sum(), (np.linalg.norm(A, axis=0) * values[4:]).sum()]
    np.testing.assert_allclose(pooling.per_sample(values), expected, rtol=1e-13)
    np.testing.assert_allclose(pooling.absolute().operator.toarray(), np.abs(pooling.operator.toarray()))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([0, 1], "groups of shape"),
        ([0, 2, 2], "no row of sample 1"),
        ([-1, 0, 0], "-1"),
        ([0.5, 0, 0], "whole numbers"),
        (["a", "b", "b"], "whole numbers"),
        ([0, np.nan, 1], "whole numbers"),
    ],
)
def test_groups_that_are_no_numbering_are_refused(groups, message):
    with pytest.raises(InvalidInputError, match=message):
        as_groups(groups, 3)


@pytest.mark.parametrize(
    ("kind", "rows", "message"),
    [
        ("max", 4, "pooling="),
        (np.ones((1, 3)), 4, r"shape \(K, 4\)"),
        (np.ones((1, 3)), None, "equal size"),
        (7, 4, "shape"),
    ],
)
def test_unknown_readouts_are_refused(kind, rows, message):
    with pytest.raises(InvalidInputError, match=message):
        as_readout(kind, rows)


@pytest.mark.parametrize("kind", ["flatten", np.ones((1, 2))])
def test_readouts_by_position_need_equal_bags(kind):
    with pytest.raises(InvalidInputError, match="equal size"):
        pool_groups([0, 0, 1], 3, kind)


def test_repr_says_what_is_pooled():
    assert repr(pool_bags(2, 3, "mean")) == "Pooling(6 rows -> 2 samples, mean)"
    assert repr(Pooling(pool_bags(2, 4, A).operator, 3)) == "Pooling(8 rows -> 2 samples, 3 read-outs)"
