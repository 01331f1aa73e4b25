"""Metrics at the ends of the range of float64, on features that do not vary, and on inputs of unusual types."""

from typing import Any

import numpy as np
import pytest

from relucvx import metrics as m
from relucvx.errors import InvalidInputError
from relucvx.network import DeepNetwork

RNG = np.random.default_rng(0)
Z, OTHER, TARGETS = (RNG.standard_normal((60, p)) for p in (4, 5, 2))
LABELS, FACTORS = np.arange(60) % 3, np.arange(60)[:, None] // [1, 2] % 2
WEIGHTS, BIAS = RNG.standard_normal((4, 3)), RNG.standard_normal(3)


def numbers(result: Any) -> Any:
    """The numbers of a result that have no unit, in a row."""
    plain = result.to_dict() if hasattr(result, "to_dict") else {"value": result}
    return np.hstack(
        [np.ravel(v) for k, v in plain.items() if k not in ("method", "classes", "conditions", "note", "metric")]
    ).astype(float)


SCALES: dict[str, Any] = {
    "participation ratio": lambda s: m.participation_ratio(s * Z),
    "participation ratio of a kernel": lambda s: m.participation_ratio(kernel=s * (Z @ Z.T)),
    "effective rank": lambda s: m.effective_rank(s * Z),
    "numerical rank": lambda s: m.numerical_rank(s * Z),
    "cka": lambda s: m.cka(s * Z, OTHER),
    "cka, debiased": lambda s: m.cka(s * Z, OTHER, debiased=True),
    "cka, rbf": lambda s: m.cka(s * Z, OTHER, kernel="rbf"),
    "cka of a kernel": lambda s: m.cka(Z2=OTHER, kernel1=s * (Z @ Z.T)),
    "procrustes": lambda s: m.procrustes(s * Z, OTHER),
    "mutual neighbours": lambda s: m.mutual_knn(s * Z, OTHER, normalise=False),
    "dissimilarities": lambda s: m.rdm_correlation(s * Z, OTHER),
    "two neighbours": lambda s: m.two_nn(s * Z),
    "collapse": lambda s: m.neural_collapse(s * Z, LABELS, WEIGHTS / s, BIAS),
    "few shots": lambda s: m.few_shot_snr(s * Z[:30], s * Z[30:]),
    "parallelism": lambda s: m.parallelism_score(s * Z, FACTORS),
    "parallelism of a kernel": lambda s: m.parallelism_score(factors=FACTORS, kernel=s * (Z @ Z.T)),
    "generalisation": lambda s: m.ccgp(s * Z, FACTORS),
    "tuning": lambda s: m.neuron_tuning(s * Z, TARGETS).mean,
    "tuning to variables of any size": lambda s: m.neuron_tuning(Z, s * TARGETS).mean,
    "decoding": lambda s: m.decoding_dimension(s * Z, LABELS, rng=0).mean_accuracy,
    "margin": lambda s: m.linear_separation(s * Z[:5], [0, 1, 0, 1, 0]).margin / s,
    "separability": lambda s: m.separability(s * Z[:9], rng=0).share,
    "probe": lambda s: m.linear_probe(s * Z, LABELS).accuracy,
    "graph convexity": lambda s: m.graph_convexity(s * Z, LABELS, k=4).overall,
    "graph convexity with ties": lambda s: m.graph_convexity(s * Z, LABELS, k=4, ties="mean").overall,
    "euclidean convexity": lambda s: m.euclidean_convexity(s * Z, LABELS, (WEIGHTS / s, BIAS), method="exact").overall,
}  # fmt: skip


@pytest.mark.parametrize("scale", [1e-165, 1e-150, 1e150, 1e165])
@pytest.mark.parametrize("metric", SCALES.values(), ids=SCALES.keys())
def test_squares_of_features_need_no_float(metric, scale):
    np.testing.assert_allclose(numbers(metric(scale)), numbers(metric(1.0)), rtol=1e-9, atol=1e-12)


def test_many_equal_samples_do_not_vary():
    """The plain mean of 5000 rows is off by some hundred roundings, which must not pass for variation."""
    n = 5000
    flat, other = np.tile([0.1, 0.3, 0.7], (n, 1)), np.random.default_rng(1).standard_normal((n, 3))
    assert np.abs(flat - flat.mean(axis=0)).max() > 1e-14  # what a plain mean would leave
    assert np.isnan(m.participation_ratio(flat))
    assert np.isnan(m.effective_rank(flat))
    assert m.numerical_rank(flat) == 0
    assert np.isnan(m.procrustes(flat, other).distance)
    assert np.isnan(m.cka(flat, other))
    uneven = (np.arange(n) < 3000).astype(int)
    found = m.neural_collapse(flat, uneven)
    assert np.isnan([found.nc1, found.nc1_quotient, found.nc2_equinorm, found.nc2_etf, found.cdnv]).all()
    assert m.few_shot_snr(flat, flat[:3000] + np.eye(3)[0]).snr == np.inf
    assert np.isnan(m.few_shot_snr(flat, flat[:3000]).snr)
    decided = m.linear_separation(flat, uneven)
    assert decided.separable is False
    assert decided.residual == 0.0


def test_a_combination_is_checked_where_its_points_are():
    """Far from the origin the rounding of the coordinates themselves hid that two hulls meet."""
    rng = np.random.default_rng(0)
    points, sides = rng.standard_normal((40, 2)) + 1e8, np.arange(40) % 2
    found = m.linear_separation(points, sides)
    assert found.separable is False
    near = points - points.mean(axis=0)
    sums = [found.combination[sides == s] @ near[sides == s] for s in (0, 1)]
    assert np.abs(sums[0] - sums[1]).max() <= 1e-9 * np.abs(near).max()
    np.testing.assert_allclose([found.combination[sides == s].sum() for s in (0, 1)], 1.0, atol=1e-12)


@pytest.mark.parametrize("offset", [1e7, 1e9, 1e11])
def test_alignment_far_from_the_origin(offset):
    """The kernel of features that vary by 1e-9 of their size varies by 1e-18, and is not flat."""
    shifted = Z + offset
    rounded = shifted - offset  # what is left of Z
    for debiased in (False, True):
        far, near = (m.cka(rows, OTHER, debiased=debiased) for rows in (shifted, rounded))
        np.testing.assert_allclose(far, near, atol=1e-15 * offset)


def test_more_splits_than_floats():
    conditions = np.arange(2200) % 1100
    found = m.decoding_dimension(
        np.random.default_rng(0).standard_normal((2200, 2)), conditions, balanced=False, n_dichotomies=2, rng=0
    )
    assert found.n_total == 2**1099 - 1
    assert 1.0 <= found.dimension <= 1100.0


def test_drawn_splits_have_two_sides():
    """Of the four splits of three conditions one has a single side; drawn alone it left nothing to average."""
    rows, conditions = Z[:12], np.arange(12) % 3
    for seed in range(12):
        found = m.decoding_dimension(rows, conditions, balanced=False, n_dichotomies=1, rng=seed)
        assert found.sides.sum() in (1, 2)
        assert found.n_total == 3
        assert not found.exhaustive
    assert m.decoding_dimension(rows, conditions, balanced=False, n_dichotomies=3, rng=0).exhaustive


def test_brain_floats_of_torch():
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(Z).bfloat16()
    assert m.participation_ratio(tensor) == m.participation_ratio(tensor.double().numpy())


def test_parallelism_needs_no_kernel():
    """30,000 samples: their Gram matrix would take 7 GB."""
    n = 30_000
    factors = np.arange(n)[:, None] // [1, 2] % 2
    rows = factors @ np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]) + 0.1 * np.random.default_rng(0).standard_normal(
        (n, 3)
    )
    import tracemalloc

    tracemalloc.start()
    found = m.parallelism_score(rows, factors)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(found.per_factor, 1.0, atol=1e-4)
    assert peak < 50e6


NETWORK = DeepNetwork([RNG.standard_normal((3, 6)), RNG.standard_normal((6, 6)), RNG.standard_normal((6, 2))])
"""Without biases, so that it is the same at every scale."""


@pytest.mark.parametrize("scale", [1e-150, 1e-90, 1e90, 1e150])
def test_regions_of_a_network_at_every_scale(scale):
    corners = 3.0 * np.array([[1.0, 0.2, 0.1], [-0.5, 1.0, 0.3], [0.2, -0.4, 1.0]])
    found, wanted = (m.slice_regions(NETWORK, s * corners) for s in (scale, 1.0))
    np.testing.assert_array_equal(found.codes, wanted.codes)
    np.testing.assert_allclose(found.eccentricity, wanted.eccentricity, rtol=1e-9)
    np.testing.assert_allclose(found.areas / scale / scale, wanted.areas, rtol=1e-9)
    line, usual = (m.line_regions(NETWORK, s * corners[0], s * corners[1]) for s in (scale, 1.0))
    np.testing.assert_array_equal(line.codes, usual.codes)
    np.testing.assert_allclose(line.breakpoints, usual.breakpoints, rtol=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda rows: m.participation_ratio(rows),
        lambda rows: m.parallelism_score(np.eye(2), rows),
        lambda rows: m.neuron_tuning(np.eye(2), rows),
        lambda rows: m.space_folding(rows),
        lambda rows: m.line_regions(NETWORK, rows, [0.0, 0.0, 0.0]),
        lambda rows: m.line_regions(NETWORK, rows, [0.0, 0.0, 0.0], arithmetic="rational"),
        lambda rows: m.slice_regions(NETWORK, rows),
        lambda rows: m.class_folding(NETWORK, rows, [0, 1]),
        lambda rows: m.largest_folding(NETWORK, rows),
        lambda rows: m.layer_activations([rows]),
    ],
)
def test_ragged_rows_are_refused(call):
    with pytest.raises(InvalidInputError, match=r"object|a list|shape"):
        call([[1.0, 0.0, 2.0], [1.0]])
    with pytest.raises(InvalidInputError, match=r"object|a list|shape"):
        call([[[1.0, 0.0], [2.0]], [[1.0], [2.0]]])


def test_brain_floats_along_lines():
    torch = pytest.importorskip("torch")
    end = torch.tensor([1.0, -2.0, 0.5]).bfloat16()
    found = m.line_regions(NETWORK, [0.5, 0.5, 0.5], end)
    np.testing.assert_array_equal(found.codes, m.line_regions(NETWORK, [0.5, 0.5, 0.5], [1.0, -2.0, 0.5]).codes)


@pytest.mark.parametrize(("first", "second", "size"), [(1.0, 1.0, 1e160), (1e160, 1.0, 1.0), (1e100, 1e100, 1.0)])
def test_lines_whose_rounding_cannot_be_bounded_are_refused(first, second, size):
    network = DeepNetwork(
        [first * NETWORK.weights[0], second * NETWORK.weights[1], *NETWORK.weights[2:], np.ones((2, 1))]
    )
    with pytest.raises(InvalidInputError, match="points, weights and activations below 1e150"):
        m.line_regions(network, [size, 0.0, 0.0], [0.0, size, -size])
