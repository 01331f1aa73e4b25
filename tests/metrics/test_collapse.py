"""Neural collapse: exact frames, literal definitions, invariances and their limits, labels of any type, refusals."""

import dataclasses
import json

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import neural_collapse

DISTANCES = ("nc1", "nc1_quotient", "nc2_equinorm", "nc2_cosine", "nc2_etf", "nc3", "cdnv")
FRAME = ("frame", "frame_equinorm", "frame_cosine")


def simplex(C, p, rng):
    """Vertices of a simplex equiangular tight frame of C classes in p dimensions, rows."""
    basis = np.linalg.qr(rng.standard_normal((p, C)))[0]
    return (np.eye(C) - 1 / C) @ basis.T


def values(result):
    return {k: v for k, v in dataclasses.asdict(result).items() if k != "classes"}


def assert_same(a, b, rtol=1e-9, skip=()):
    for name, value in values(a).items():
        if name not in skip:
            assert values(b)[name] == pytest.approx(value, rel=rtol, abs=1e-12, nan_ok=True), name


def draw(rng, n=30, p=6, C=3):
    labels = np.concatenate([np.arange(C), rng.integers(0, C, n - C)])
    Z = rng.standard_normal((n, p)) + 2 * rng.standard_normal((C, p))[labels]
    return Z, labels, rng.standard_normal((p, C)), rng.standard_normal(C)


def literal(Z, labels, W, b):
    """Every definition written out with loops and full p x p matrices."""
    classes = sorted(set(labels.tolist()))
    n, C = len(Z), len(classes)
    mu = {c: sum(Z[i] for i in range(n) if labels[i] == c) / sum(labels == c) for c in classes}
    center = sum(mu.values()) / C
    S_W = sum(np.outer(Z[i] - mu[labels[i]], Z[i] - mu[labels[i]]) for i in range(n)) / n
    S_B = sum(np.outer(m - center, m - center) for m in mu.values()) / C
    pairs = [(i, j) for i in classes for j in classes if i < j]
    M = np.array([mu[c] - center for c in classes]).T
    U = np.array([mu[c] for c in classes]).T

    def cosine(a, b):
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    def apart(A, B):
        return np.linalg.norm(A / np.linalg.norm(A) - B / np.linalg.norm(B))

    def var(c):
        return np.mean([np.sum((Z[i] - mu[c]) ** 2) for i in range(n) if labels[i] == c])

    agree = 0
    for z in Z:
        nearest = min(classes, key=lambda c: np.linalg.norm(z - mu[c]))
        agree += classes[int(np.argmax(z @ W + b))] == nearest
    norms, raw = np.linalg.norm(M, axis=0), np.linalg.norm(U, axis=0)
    return {
        "nc1": np.trace(S_W @ np.linalg.pinv(S_B, rcond=1e-8)) / C,
        "nc1_quotient": np.trace(S_W) / np.trace(S_B),
        "nc2_equinorm": norms.std() / norms.mean(),
        "nc2_cosine": np.mean([abs(cosine(mu[i] - center, mu[j] - center) + 1 / (C - 1)) for i, j in pairs]),
        "nc2_etf": apart(M.T @ M, np.eye(C) - 1 / C),
        "nc3": apart(W, M) ** 2,
        "nc3_frame": apart(W, U) ** 2,
        "nc4": agree / n,
        "cdnv": np.mean([(var(i) + var(j)) / 2 / np.sum((mu[i] - mu[j]) ** 2) for i, j in pairs]),
        "frame": apart(U.T @ U, np.eye(C)),
        "frame_equinorm": raw.std() / raw.mean(),
        "frame_cosine": np.mean([abs(cosine(mu[i], mu[j])) for i, j in pairs]),
    }


@pytest.mark.parametrize("seed", range(8))
def test_equals_the_literal_definition(seed):
    rng = np.random.default_rng(seed)
    Z, labels, W, b = draw(rng, n=20 + seed, p=2 + seed, C=2 + seed % 4)
    expected = literal(Z, labels, W, b)
    found = values(neural_collapse(Z, labels, W, b))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-10, abs=1e-14), name


@pytest.mark.parametrize("C", [2, 3, 7])
def test_exact_simplex_frame_is_zero_everywhere(C):
    rng = np.random.default_rng(C)
    M = simplex(C, 9, rng)
    labels = np.repeat(np.arange(C), 3)
    found = neural_collapse(5.0 * M[labels] + rng.standard_normal(9), labels, 0.3 * M.T)
    for name in DISTANCES:
        assert getattr(found, name) == pytest.approx(0.0, abs=1e-12), name
    # the common shift makes the uncentred means no frame
    assert found.frame_cosine > 1e-3


def test_orthogonal_frame_is_zero_uncentred_and_a_simplex_after_centring():
    labels = np.repeat(np.arange(4), 2)
    found = neural_collapse(3.0 * np.eye(4)[labels], labels, np.eye(4))
    for name in (*FRAME, "nc3_frame", "nc1", "nc2_equinorm", "nc2_cosine", "nc2_etf"):
        assert getattr(found, name) == pytest.approx(0.0, abs=1e-12), name
    assert found.nc3 > 0.1  # the head follows the uncentred means
    assert found.nc4 == 1.0


def test_unequal_norms_leave_orthogonality_alone():
    labels = np.repeat(np.arange(3), [1, 4, 9])
    found = neural_collapse(np.diag([1.0, 2.0, 3.0])[labels], labels)
    assert found.frame_cosine == 0.0
    assert found.nc1 == pytest.approx(0.0, abs=1e-12)
    assert found.frame > 0.1
    assert found.frame_equinorm == pytest.approx(np.std([1, 2, 3]) / 2)


def test_a_vanished_class_has_no_cosine_but_the_rest_is_measured():
    labels = np.repeat(np.arange(3), 2)
    found = neural_collapse(np.diag([1.0, 2.0, 0.0])[labels], labels)
    assert np.isnan(found.frame_cosine)
    assert found.nc1 == pytest.approx(0.0, abs=1e-12)
    assert found.frame > 0.1


def test_each_distance_is_positive_off_collapse():
    rng = np.random.default_rng(0)
    Z, labels, W, b = draw(rng)
    found = neural_collapse(Z, labels, W, b)
    for name in (*DISTANCES, *FRAME, "nc3_frame"):
        assert getattr(found, name) > 1e-3, name
    assert 0.0 < found.nc4 < 1.0


def test_scale_rotation_permutation_and_duplication_change_nothing():
    rng = np.random.default_rng(1)
    Z, labels, W, b = draw(rng)
    base = neural_collapse(Z, labels, W, b)
    Q = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    order, neurons = rng.permutation(len(Z)), rng.permutation(6)
    assert_same(base, neural_collapse(Z @ Q, labels, Q.T @ W, b))
    assert_same(base, neural_collapse(Z[order], labels[order], W, b))
    assert_same(base, neural_collapse(Z[:, neurons], labels, W[neurons], b))
    assert_same(base, neural_collapse(np.tile(Z, (2, 1)), np.tile(labels, 2), W, b))
    for scale in (1e-150, 1e-3, 1e150):
        assert_same(base, neural_collapse(scale * Z, labels, W / scale, b))
    padded = neural_collapse(np.hstack([Z, np.zeros((len(Z), 2))]), labels, np.vstack([W, np.zeros((2, 3))]), b)
    assert_same(base, padded)


def test_a_shift_moves_only_what_is_uncentred():
    rng = np.random.default_rng(2)
    Z, labels, W, b = draw(rng)
    t = rng.standard_normal(6)
    base, moved = neural_collapse(Z, labels, W, b), neural_collapse(Z + t, labels, W, b - t @ W)
    assert_same(base, moved, skip=(*FRAME, "nc3_frame"))
    for name in (*FRAME, "nc3_frame"):
        assert abs(getattr(base, name) - getattr(moved, name)) > 1e-3, name


def test_a_linear_map_that_is_no_isometry_is_seen():
    rng = np.random.default_rng(3)
    Z, labels, _, _ = draw(rng)
    A = np.diag([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    base, mapped = neural_collapse(Z, labels), neural_collapse(Z @ A, labels)
    for name in ("nc1_quotient", "nc2_equinorm", "nc2_cosine", "nc2_etf", "cdnv", *FRAME):
        assert abs(getattr(base, name) - getattr(mapped, name)) > 1e-3, name


STRETCH = np.diag([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
DISALLOWED = {
    **dict.fromkeys(("nc1", "nc1_quotient", "nc2_equinorm", "nc2_cosine", "nc2_etf", "cdnv", *FRAME), "stretch"),
    **dict.fromkeys(("nc3", "nc3_frame", "nc4"), "turn the features alone"),
}


@pytest.mark.parametrize("name", DISALLOWED)
def test_every_metric_sees_a_map_it_must_not_ignore(name):
    """A map that is no isometry, or an isometry that the head does not follow, or labels put on other samples."""
    rng = np.random.default_rng(8)
    Z, labels, W, b = draw(rng)
    base = getattr(neural_collapse(Z, labels, W, b), name)
    A = STRETCH if DISALLOWED[name] == "stretch" else np.linalg.qr(rng.standard_normal((6, 6)))[0]
    for broken in (neural_collapse(Z @ A, labels, W, b), neural_collapse(Z, rng.permutation(labels), W, b)):
        assert abs(getattr(broken, name) - base) > 1e-3


def test_float32_is_promoted_before_anything_is_computed():
    rng = np.random.default_rng(9)
    Z, labels, W, b = (a.astype(np.float32) for a in draw(rng))
    found = neural_collapse(Z, labels, W, b)
    assert found == neural_collapse(*(a.astype(np.float64) for a in (Z, labels, W, b)))
    assert all(isinstance(v, float) for v in values(found).values())
    # a common shift of 1e6 costs 7 of 16 digits, but would cost all 7 of float32
    near = neural_collapse(Z.astype(np.float64) + 1e6, labels)
    for name in ("nc1", "nc1_quotient", "nc2_equinorm", "nc2_cosine", "nc2_etf", "cdnv"):
        assert getattr(near, name) == pytest.approx(getattr(found, name), rel=1e-7)


def test_unequal_weights_of_samples_do_not_move_the_centre():
    rng = np.random.default_rng(4)
    Z, labels, _, _ = draw(rng)
    more = np.concatenate([Z, np.tile(Z[labels == 0], (5, 1))])
    longer = np.concatenate([labels, np.tile(labels[labels == 0], 5)])
    a, b = neural_collapse(Z, labels), neural_collapse(more, longer)
    for name in ("nc2_equinorm", "nc2_cosine", "nc2_etf", "cdnv", *FRAME):
        assert getattr(b, name) == pytest.approx(getattr(a, name), rel=1e-9)
    assert a.nc1 != pytest.approx(b.nc1, rel=1e-3)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b", "c"], ("a", "b", "c")),
        ([5, 9, -2], (-2, 5, 9)),
        ([0.5, 1.5, 2.5], (0.5, 1.5, 2.5)),
        ([("x", 1), ("x", 2), ("y", 1)], (("x", 1), ("x", 2), ("y", 1))),
        ([1, "one", None.__class__], (1, "one", type(None))),
    ],
)
def test_labels_of_any_type(names, expected):
    rng = np.random.default_rng(5)
    Z, labels, _, _ = draw(rng)
    labels[:3] = [0, 1, 2]  # mixed types keep the order of appearance
    found = neural_collapse(Z, [names[k] for k in labels])
    assert found.classes == expected
    assert_same(neural_collapse(Z, labels), found)


def test_columns_of_weights_follow_the_classes():
    rng = np.random.default_rng(6)
    Z, labels, W, b = draw(rng)
    base = neural_collapse(Z, labels, W, b)
    turned = neural_collapse(Z, labels, W[:, [2, 0, 1]], b[[2, 0, 1]], classes=[2, 0, 1])
    assert turned.classes == (2, 0, 1)
    assert_same(base, turned)
    wrong = neural_collapse(Z, labels, W[:, [2, 0, 1]], b[[2, 0, 1]])
    assert abs(wrong.nc3 - base.nc3) > 1e-3


def test_nc4_uses_the_bias():
    Z, labels = np.array([[-1.0], [1.0]]), [0, 1]
    W = np.array([[-1.0, 1.0]])
    assert neural_collapse(Z, labels, W).nc4 == 1.0
    assert neural_collapse(Z, labels, W, [0.0, 10.0]).nc4 == 0.5


def test_nc4_counts_ties_as_agreement():
    Z, labels = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]), [0, 1, 2]
    assert neural_collapse(Z, labels, np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])).nc4 == 1.0


def test_undefined_is_nan():
    found = neural_collapse(np.ones((4, 2)), [0, 0, 1, 1])
    for name in ("nc1", "nc1_quotient", "nc2_equinorm", "nc2_cosine", "nc2_etf", "nc3", "nc4", "cdnv"):
        assert np.isnan(getattr(found, name)), name
    for name in values(neural_collapse(np.zeros((4, 2)), [0, 0, 1, 1], np.eye(2))):
        assert name == "nc4" or np.isnan(getattr(neural_collapse(np.zeros((4, 2)), [0, 0, 1, 1]), name)), name
    json.dumps(found.to_dict())


def test_accepts_torch_and_leaves_inputs_alone():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(7)
    Z, labels, W, b = draw(rng)
    kept = Z.copy(), labels.copy(), W.copy(), b.copy()
    base = neural_collapse(Z, labels, W, b)
    assert_same(base, neural_collapse(*(torch.tensor(a) for a in (Z, labels, W, b))))
    for a, k in zip((Z, labels, W, b), kept, strict=True):
        np.testing.assert_array_equal(a, k)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((np.eye(3), [0, 0, 0]), {}, r"at least two classes; received 1 \(0\)"),
        ((np.eye(3), [0, 1]), {}, "labels of length 3, one per row; received length 2"),
        ((np.eye(3), np.eye(3)), {}, r"labels of shape \(3,\).*one-hot rows.*argmax"),
        ((np.eye(3), [[1], [2], [3]]), {}, "labels that can be compared; received a list at row 0"),
        ((np.eye(3), [0.0, np.nan, 1.0]), {}, "labels without missing values; received nan at row 1"),
        ((np.eye(3), [0, None, 1]), {}, "labels without missing values; received None at row 1"),
        ((np.eye(3), [0, 1, 1]), {"classes": [0, 1, 2]}, "no sample of class 2"),
        ((np.eye(3), [0, 1, 5]), {"classes": [0, 1]}, "labels among the given classes; received labels 5"),
        ((np.eye(3), [0, 1, 1], np.eye(3)), {}, r"one column of weights per class that occurs \(2\)"),
        ((np.ones((3, 4)), [0, 1, 1], np.ones((2, 4))), {}, r"weights of shape \(4, 2\).*Linear.weight"),
        ((np.ones((3, 4)), [0, 1, 1], np.ones((4, 2)), [1.0]), {}, r"bias of shape \(2,\)"),
        ((np.ones((3, 4)), [0, 1, 1]), {"bias": [1.0, 2.0]}, "weights with the bias; received a bias alone"),
        (([[np.nan], [1.0]], [0, 1]), {}, "Z to be finite"),
    ],
)
def test_refusals(args, kwargs, message):
    with pytest.raises(InvalidInputError, match=message):
        neural_collapse(*args, **kwargs)
