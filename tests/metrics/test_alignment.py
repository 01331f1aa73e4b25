"""Kernel alignment and Procrustes: definitions, routes, invariances, metric axioms, undefined values, refusals."""

import pickle
import tracemalloc
from functools import partial
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from relucvx.errors import InvalidInputError
from relucvx.metrics import cka, procrustes
from relucvx.metrics.samples import blocks

plain = partial(cka, debiased=False)


def literal(K, L):
    n = len(K)
    H = np.eye(n) - 1 / n
    A, B = H @ K @ H, H @ L @ H
    return np.trace(A @ B) / np.sqrt(np.trace(A @ A) * np.trace(B @ B))


def unbiased(K, L):
    """The estimate as a mean over tuples of different samples (Song et al. 2012), literally."""
    n = len(K)
    two = np.mean([K[i, j] * L[i, j] for i, j in permutations(range(n), 2)])
    three = np.mean([K[i, j] * L[i, q] for i, j, q in permutations(range(n), 3)])
    four = np.mean([K[i, j] * L[q, r] for i, j, q, r in permutations(range(n), 4)])
    return two - 2 * three + four


@pytest.mark.parametrize(("p", "q"), [(3, 4), (30, 3), (30, 40)])
def test_equals_the_literal_definition_by_every_route(p, q):
    rng = np.random.default_rng(p + q)
    A = rng.standard_normal((12, p)) + 2.0
    B = A @ rng.standard_normal((p, q)) + rng.standard_normal((12, q))
    expected = literal(A @ A.T, B @ B.T)
    assert 0.05 < expected < 0.999
    for found in (
        plain(A, B),
        plain(B, A),
        plain(A, kernel2=B @ B.T),
        plain(kernel1=A @ A.T, Z2=B),
        plain(kernel1=A @ A.T, kernel2=B @ B.T),
    ):
        assert found == pytest.approx(expected, rel=1e-10)


def test_invariances_and_their_limits():
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((20, 5)), rng.standard_normal((20, 7))
    base = cka(A, B)
    Q, order = np.linalg.qr(rng.standard_normal((5, 5)))[0], rng.permutation(20)
    for other in (
        cka(A @ Q + 3, B),
        cka(1e-3 * A, B),
        cka(1e-160 * A, 1e160 * B),
        cka(A[order], B[order]),
        cka(A, B[:, ::-1]),
    ):
        assert other == pytest.approx(base, rel=1e-9)
    for copy in (A, 1e-3 * A @ Q + 7, np.hstack([A, A])):
        assert cka(A, copy) == pytest.approx(1.0, abs=1e-12)
    assert cka(A, A * [1, 2, 3, 4, 5]) < 0.999
    assert abs(cka(A[order], B) - base) > 1e-4
    assert 0.0 <= base <= 1.0


def test_orthogonal_representations_score_zero():
    u, v = np.array([1.0, 1, -1, -1])[:, None], np.array([1.0, -1, 1, -1])[:, None]
    assert plain(u, v) == pytest.approx(0.0, abs=1e-30)


def test_the_unbiased_form_equals_its_definition_and_is_centred():
    rng = np.random.default_rng(1)
    A, B = rng.standard_normal((7, 3)) + 1, rng.standard_normal((7, 2))
    B[:, 0] += A[:, 0]
    K, L = A @ A.T, B @ B.T
    expected = unbiased(K, L) / np.sqrt(unbiased(K, K) * unbiased(L, L))
    assert cka(A, B, debiased=True) == pytest.approx(expected, rel=1e-9)
    assert cka(kernel1=K, kernel2=L, debiased=True) == pytest.approx(expected, rel=1e-9)
    wide = [(rng.standard_normal((15, 200)), rng.standard_normal((15, 200))) for _ in range(30)]
    assert np.mean([plain(a, b) for a, b in wide]) > 0.8
    assert abs(np.mean([cka(a, b, debiased=True) for a, b in wide])) < 0.05


def test_the_form_is_the_debiased_one_where_chance_is_high_and_the_number_says_so():
    rng = np.random.default_rng(3)
    few, many = (rng.standard_normal((2, n, 6)) for n in (20, 400))
    wide = cka(*few)
    assert wide.debiased
    assert wide == cka(*few, debiased=True)
    assert "(debiased; chance 0)" in repr(wide)
    narrow = cka(*many)
    assert not narrow.debiased
    assert narrow == plain(*many)
    assert f"(plain; chance {narrow.chance:.3g})" in repr(narrow)
    assert str(narrow) == f"{narrow}" == repr(float(narrow))  # a number everywhere else
    copy = pickle.loads(pickle.dumps(narrow))
    assert (copy, copy.debiased, copy.chance) == (narrow, narrow.debiased, narrow.chance)
    # neither of three samples, nor of kernels, whose samples may be all there are
    assert not cka(few[0][:3], few[1][:3]).debiased
    assert not cka(few[0], kernel2=few[1] @ few[1].T).debiased


@pytest.mark.parametrize("options", [{}, {"kernel": "rbf"}])
def test_the_chance_level_is_the_mean_over_all_permutations(options):
    A, B = np.random.default_rng(4).standard_normal((2, 5, 3)) ** 3
    every = [plain(A, B[list(order)], **options) for order in permutations(range(5))]
    assert plain(A, B, **options).chance == pytest.approx(np.mean(every), rel=1e-12)


def test_undefined_is_nan():
    A = np.random.default_rng(2).standard_normal((6, 2))
    flat = np.full((6, 3), 0.1)
    for debiased in (False, True):
        assert np.isnan(cka(A, flat, debiased=debiased))
        assert np.isnan(cka(flat, kernel2=A @ A.T, debiased=debiased))
    assert np.isnan(cka(np.zeros((6, 2)), A))
    assert np.isnan(cka(np.eye(6), A, debiased=True))  # no structure beyond the diagonal


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"Z1": np.eye(3)}, r"Z of shape \(n, p\) or kernel.*received neither"),
        ({"Z1": np.eye(3), "Z2": np.eye(3), "kernel2": np.eye(3)}, "received both"),
        ({"Z1": np.eye(3), "Z2": np.eye(4)}, "two representations of the same samples; received 3 and 4 rows"),
        ({"Z1": np.eye(3), "kernel2": np.eye(4)}, "two representations of the same samples"),
        ({"Z1": np.eye(3), "Z2": np.eye(3), "debiased": True}, "at least 4 samples"),
        ({"Z1": np.eye(3), "kernel2": np.ones((3, 2))}, "a symmetric kernel"),
        ({"Z1": np.eye(3), "Z2": np.eye(3), "kernel": "poly"}, 'kernel "linear" or "rbf"; received \'poly\''),
        (
            {"kernel1": np.eye(3), "kernel2": np.eye(3), "kernel": "rbf"},
            "features for the rbf kernel; received two Gram",
        ),
        ({"Z1": np.eye(3), "Z2": np.eye(3), "bandwidth": 1.0}, "no bandwidth with a linear kernel"),
        ({"Z1": np.eye(3), "Z2": np.eye(3), "kernel": "rbf", "bandwidth": 0.0}, "bandwidth to be a finite number > 0"),
    ],
)
def test_refusals(kwargs, message):
    with pytest.raises(InvalidInputError, match=message):
        cka(**kwargs)


@pytest.fixture(params=[None, 7])
def block(request, monkeypatch):
    """The usual size of a block, and one so small that every sum takes many."""
    if request.param:
        monkeypatch.setattr(blocks, "BLOCK", request.param)


def gaussian(Z, bandwidth):
    """The kernel entry by entry, with the smaller of the middle two distances as median."""
    distances = sorted(pdist(Z))
    scale = bandwidth * distances[(len(distances) - 1) // 2]
    return np.array([[np.exp(-(np.linalg.norm(a - b) ** 2) / (2 * scale**2)) for b in Z] for a in Z])


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("n", [5, 6])  # an even and an odd number of pairs
@pytest.mark.parametrize("bandwidth", [0.3, 1.0, 3.0])
def test_the_gaussian_kernel_equals_its_definition(n, bandwidth):
    rng = np.random.default_rng(n)
    A, B = rng.standard_normal((n, 3)) + 5.0, rng.standard_normal((n, 7)) * 100.0
    K, L = gaussian(A, bandwidth), gaussian(B, bandwidth)
    options = {"kernel": "rbf", "bandwidth": bandwidth}
    assert plain(A, B, **options) == pytest.approx(literal(K, L), rel=1e-10)
    assert plain(A, kernel2=L, **options) == pytest.approx(literal(K, L), rel=1e-10)
    expected = unbiased(K, L) / np.sqrt(unbiased(K, K) * unbiased(L, L))
    assert cka(A, B, debiased=True, **options) == pytest.approx(expected, rel=1e-8)


def test_wide_gaussian_kernels_tend_to_the_linear_one():
    rng = np.random.default_rng(3)
    A, B = rng.standard_normal((15, 4)), rng.standard_normal((15, 4))
    errors = [abs(cka(A, B, kernel="rbf", bandwidth=s) - cka(A, B)) for s in (1.0, 10.0, 100.0, 1e8)]
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[3] < 1e-12


def test_invariances_of_the_gaussian_kernel_and_their_limits():
    rng = np.random.default_rng(4)
    A, B = rng.standard_normal((20, 5)), rng.standard_normal((20, 7))
    base = cka(A, B, kernel="rbf")
    Q, order = np.linalg.qr(rng.standard_normal((5, 5)))[0], rng.permutation(20)
    for other in (A @ Q + 3.0, 1e-5 * A, A[:, ::-1], 1e150 * A, np.hstack([A, A])):
        assert cka(other, B, kernel="rbf") == pytest.approx(base, rel=1e-9)
    assert cka(A[order], B[order], kernel="rbf") == pytest.approx(base, rel=1e-9)
    assert cka(A, 2.0 * A @ Q, kernel="rbf") == pytest.approx(1.0, abs=1e-12)
    assert abs(cka(A * [1, 2, 3, 4, 5], B, kernel="rbf") - base) > 1e-3
    assert abs(cka(A[order], B, kernel="rbf") - base) > 1e-4


def test_far_from_the_origin_and_with_one_far_sample_the_gaussian_kernel_keeps_its_digits():
    A = np.random.default_rng(5).standard_normal((12, 2)) + 1e6
    for far in (A[0], -1e7):
        A[0] = far
        assert cka(A, kernel2=gaussian(A, 1.0), kernel="rbf") == pytest.approx(1.0, abs=1e-9)


def test_a_median_distance_of_zero_is_nan():
    A = np.zeros((10, 2))
    A[:2] = [[1.0, 2.0], [3.0, 4.0]]
    assert np.isnan(cka(A, A, kernel="rbf"))
    assert cka(A, A) == pytest.approx(1.0)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize(("p", "q"), [(3, 5), (3, 40), (40, 45), (12, 13)])
@pytest.mark.parametrize("debiased", [False, True])
def test_every_route_gives_the_same(p, q, debiased):
    rng = np.random.default_rng(p)
    A = rng.standard_normal((12, p)) - 1.0
    B = rng.standard_normal((12, q)) + A @ rng.standard_normal((p, q))
    expected = cka(kernel1=A @ A.T, kernel2=B @ B.T, debiased=debiased)
    assert cka(A, B, debiased=debiased) == pytest.approx(expected, rel=1e-10)
    assert cka(A, kernel2=B @ B.T, debiased=debiased) == pytest.approx(expected, rel=1e-10)


def random_orthogonal(rng, p):
    return np.linalg.qr(rng.standard_normal((p, p)))[0] * rng.choice([-1.0, 1.0], p)


@pytest.mark.parametrize("scale", [True, False])
def test_no_rotation_does_better_than_the_procrustes_distance(scale):
    rng = np.random.default_rng(7)
    A, B = rng.standard_normal((9, 3)), rng.standard_normal((9, 3))
    found = procrustes(A, B, scale=scale)
    A, B = A - A.mean(axis=0), B - B.mean(axis=0)
    if scale:
        A, B = A / np.linalg.norm(A), B / np.linalg.norm(B)
    tried = min(np.linalg.norm(A - B @ random_orthogonal(rng, 3)) for _ in range(4000))
    assert found.distance <= tried <= 1.05 * found.distance


@pytest.mark.parametrize(("p", "q"), [(1, 1), (3, 3), (2, 5), (30, 4), (30, 40)])
def test_procrustes_equals_the_nuclear_norm_formula(p, q):
    rng = np.random.default_rng(p + q)
    A, B = 3 * rng.standard_normal((8, p)) + 1, rng.standard_normal((8, q)) - 5
    A0, B0 = A - A.mean(axis=0), B - B.mean(axis=0)
    nuclear = np.linalg.svd(A0.T @ B0, compute_uv=False).sum()
    similarity = nuclear / np.linalg.norm(A0) / np.linalg.norm(B0)
    plain = np.sqrt(np.sum(A0**2) + np.sum(B0**2) - 2 * nuclear)
    assert procrustes(A, B).similarity == pytest.approx(similarity, rel=1e-12)
    assert procrustes(A, B).distance == pytest.approx(np.sqrt(2 - 2 * similarity), rel=1e-9)
    assert procrustes(A, B, scale=False).distance == pytest.approx(plain, rel=1e-9)
    assert procrustes(A, B, scale=False).similarity == pytest.approx(similarity, rel=1e-12)


def test_procrustes_is_zero_exactly_for_equal_shapes():
    rng = np.random.default_rng(8)
    A = rng.standard_normal((20, 5))
    same = A @ random_orthogonal(rng, 5) + 7.0
    wider = A @ np.linalg.qr(rng.standard_normal((9, 5)))[0].T - 2.0
    for other in (same, -same, wider, A[:, ::-1]):
        assert procrustes(A, other, scale=False).distance == pytest.approx(0.0, abs=1e-12)
        assert procrustes(A, other).distance == pytest.approx(0.0, abs=1e-13)
        assert procrustes(A, 1e-7 * other).distance == pytest.approx(0.0, abs=1e-13)
        assert procrustes(A, other).similarity == pytest.approx(1.0, abs=1e-13)
    assert procrustes(A, 2.0 * A, scale=False).distance == pytest.approx(np.linalg.norm(A - A.mean(axis=0)))
    # neither another order of the samples nor a stretched axis is the same shape
    assert procrustes(A, A[::-1]).distance > 0.1
    assert procrustes(A, A * [1, 1, 1, 1, 1.001]).distance > 1e-5
    assert procrustes(1e200 * A, 1e200 * same, scale=False).distance < 1e-12 * 1e200


matrices = st.integers(1, 4).flatmap(
    lambda p: st.lists(st.lists(st.integers(-3, 3), min_size=p, max_size=p), min_size=5, max_size=5)
)


@given(matrices, matrices, matrices, st.booleans())
@settings(max_examples=150, deadline=None)
def test_procrustes_is_a_metric(A, B, C, scale):
    first, second, both = (procrustes(x, y, scale=scale).distance for x, y in ((A, B), (B, C), (A, C)))
    assert procrustes(B, A, scale=scale).distance == pytest.approx(first, abs=1e-12, nan_ok=True)
    if not np.isnan(first + second + both):
        assert both <= first + second + 1e-12
        assert min(first, second, both) >= 0.0
    own = procrustes(A, A, scale=scale).distance
    assert np.isnan(own) or own <= 1e-12


def test_procrustes_of_what_does_not_vary():
    A, flat = np.random.default_rng(9).standard_normal((6, 2)), np.full((6, 3), 0.1)
    assert np.isnan(procrustes(A, flat).distance)
    assert np.isnan(procrustes(A, flat).similarity)
    without = procrustes(A, flat, scale=False)
    assert without.distance == pytest.approx(np.linalg.norm(A - A.mean(axis=0)))
    assert np.isnan(without.similarity)
    assert procrustes(flat, 0.0 * flat, scale=False).distance == pytest.approx(0.0, abs=1e-15)


def test_procrustes_refuses_other_samples():
    with pytest.raises(InvalidInputError, match="two representations of the same samples; received 3 and 4 rows"):
        procrustes(np.eye(3), np.eye(4))


@pytest.mark.parametrize("options", [{}, {"debiased": True}, {"kernel": "rbf"}])
@pytest.mark.parametrize("p", [4, 1200])
def test_no_matrix_of_all_pairs_is_held(options, p):
    rng = np.random.default_rng(10)
    A = rng.standard_normal((2000, 4))
    B = np.tile(A, (1, p // 4)) + 1.0
    tracemalloc.start()
    try:
        found = cka(A, B, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == pytest.approx(1.0)
    # the kernels of all pairs would take 64 MB; the wide features take 19 MB, and are copied while they are checked
    assert peak < (25e6 if p == 4 else 25e6 + 4 * B.nbytes)
