"""What each metric must ignore and what it must see: one row of a table per public metric of arrays.

A metric without a row fails the last tests, unless it is listed with the file that tests it.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relucvx import metrics

N, P = 48, 5


@dataclass(frozen=True)
class Case:
    """Two representations of the same samples, their labels, variables and blocks, and a linear head on the first."""

    Z: Any
    other: Any
    labels: Any
    factors: Any
    blocks: Any
    weights: Any
    bias: Any

    @classmethod
    def draw(cls) -> "Case":
        """Overlapping classes and noisy variables, so that no score is at an end of its range."""
        rng = np.random.default_rng(0)
        factors = np.tile(list(product((-1.0, 1.0), repeat=3)), (N // 8, 1))
        labels = rng.permutation(np.arange(N) % 3)
        centres = 1.5 * rng.standard_normal((3, P))
        Z = rng.standard_normal((N, P)) + centres[labels] + 0.7 * factors @ rng.standard_normal((3, P))
        other = Z @ rng.standard_normal((P, 4)) + 2.0 * rng.standard_normal((N, 4))
        return cls(Z, other, labels, factors, np.arange(N) // 16, centres.T, -0.5 * np.sum(centres**2, axis=1))

    def affine(self, M: Any, t: Any) -> "Case":
        """Z M + t, with the head that decides as before."""
        weights = np.linalg.solve(M, self.weights)
        return replace(self, Z=self.Z @ M + t, weights=weights, bias=self.bias - t @ weights)

    def ordered(self, order: Any) -> "Case":
        """The samples in another order."""
        moved = {name: getattr(self, name)[order] for name in ("Z", "other", "labels", "factors", "blocks")}
        return replace(self, **moved)


def rotate(case: Case, rng: Any) -> Case:
    return case.affine(np.linalg.qr(rng.standard_normal((P, P)))[0], np.zeros(P))


def shift(case: Case, rng: Any) -> Case:
    return case.affine(np.eye(P), 3.0 * rng.standard_normal(P))


def scale(case: Case, rng: Any) -> Case:
    return case.affine(1e-3 * np.eye(P), np.zeros(P))


def neurons(case: Case, rng: Any) -> Case:
    return case.affine(np.eye(P)[:, [2, 0, 4, 1, 3]], np.zeros(P))


def stretch(case: Case, rng: Any) -> Case:
    return case.affine(np.diag([0.2, 0.5, 1.0, 2.0, 5.0]), np.zeros(P))


def rows(case: Case, rng: Any) -> Case:
    return case.ordered(rng.permutation(N))


def rename(case: Case, rng: Any) -> Case:
    names = np.array(["zebra", "ant", "mole"])
    return replace(case, labels=names[case.labels], factors=np.where(case.factors > 0, "off", "on"))


def gain(case: Case, rng: Any) -> Case:
    """Every sample times a factor of its own."""
    return replace(case, Z=case.Z * rng.uniform(0.2, 5.0, (N, 1)))


def shuffle(case: Case, rng: Any) -> Case:
    """The first representation of other samples."""
    return replace(case, Z=case.Z[rng.permutation(N)])


def drop(case: Case, rng: Any) -> Case:
    """One neuron falls silent."""
    return replace(case, Z=case.Z * [1.0, 1.0, 0.0, 1.0, 1.0])


TRANSFORMS = {f.__name__: f for f in (rotate, shift, scale, neurons, stretch, rows, rename, gain, shuffle, drop)}


@dataclass(frozen=True)
class Row:
    """Numbers that a metric gives for a case (sorted where they belong to neurons or labels), and what may move them."""

    measure: Callable[[Case], Any]
    unchanged: str
    changed: str


def fields(result: Any, *names: str) -> list[Any]:
    return [getattr(result, name) for name in names]


ISOMETRIES = "rotate shift neurons rows"
SHAPES = f"{ISOMETRIES} scale"
COLLAPSE = ("nc1", "nc1_quotient", "nc2_equinorm", "nc2_cosine", "nc2_etf", "cdnv")


def portions(K: Any) -> Any:
    """Entries of a kernel as portions of its trace, without the order of the conditions."""
    return np.sort(K / np.trace(K), axis=None)


def gram(means: Any) -> Any:
    return portions(means @ means.T)


def two_classes(case: Case) -> Any:
    first, second = (case.Z[case.labels == name] for name in (case.labels[0], case.labels[1]))
    return fields(metrics.few_shot_snr(first, second, 3), "snr", "error", "signal", "bias", "dimension")


TABLE: dict[str, Row] = {
    "ccgp": Row(lambda c: np.sort(metrics.ccgp(c.Z, c.factors).per_factor), f"{SHAPES} rename", "shuffle stretch"),
    "cka": Row(
        lambda c: [metrics.cka(c.Z, c.other, **o) for o in ({}, {"debiased": True}, {"kernel": "rbf"})],
        f"{SHAPES} rename",
        "stretch shuffle gain",
    ),
    "condition_averages": Row(
        lambda c: gram(metrics.condition_averages(c.Z, c.labels).means),
        "rotate neurons rows scale rename",
        "shift shuffle",
    ),
    "decoding_dimension": Row(
        lambda c: metrics.decoding_dimension(c.Z, c.labels, folds=c.blocks).mean_accuracy, f"{SHAPES} rename", "shuffle"
    ),
    "effective_rank": Row(lambda c: metrics.effective_rank(c.Z), f"{SHAPES} rename shuffle", "stretch gain"),
    "euclidean_convexity": Row(
        lambda c: np.sort(
            list(
                metrics.euclidean_convexity(
                    c.Z, c.labels, (c.weights, c.bias), None, method="exact", classes=sorted_as(c)
                ).per_class.values()
            )
        ),
        f"{SHAPES} stretch rename",
        "shuffle gain",
    ),
    "few_shot_matrix": Row(
        lambda c: np.sort(metrics.few_shot_matrix(c.Z, c.labels, 2).snr, axis=None),
        f"{SHAPES} rename",
        "stretch shuffle",
    ),
    "few_shot_snr": Row(two_classes, "rotate shift neurons scale rename", "stretch shuffle"),
    "graph_convexity": Row(
        lambda c: np.sort(list(metrics.graph_convexity(c.Z, c.labels, 5, None).per_class.values())),
        f"{SHAPES} rename",
        "stretch shuffle",
    ),
    "layer_similarity": Row(
        lambda c: metrics.layer_similarity([c.Z, c.other], metric="procrustes").matrix, f"{SHAPES} rename", "shuffle"
    ),
    "linear_probe": Row(
        lambda c: metrics.linear_probe(c.Z, c.labels, c.Z, c.labels).accuracy,
        "shift neurons scale stretch rows rename",
        "shuffle",
    ),
    "mutual_knn": Row(
        lambda c: metrics.mutual_knn(c.Z, c.other, 5), "rotate neurons scale rows rename gain", "shift stretch shuffle"
    ),
    "neural_collapse": Row(
        lambda c: fields(metrics.neural_collapse(c.Z, c.labels), *COLLAPSE), f"{SHAPES} rename", "stretch shuffle"
    ),
    "neuron_tuning": Row(
        lambda c: np.sort(metrics.neuron_tuning(c.Z, c.factors).per_neuron),
        "shift neurons scale stretch rows rename",
        "rotate shuffle",
    ),
    "noise_corrected_kernel": Row(
        lambda c: portions(metrics.noise_corrected_kernel(c.Z, c.labels, c.blocks).kernel),
        "rotate neurons rows scale rename",
        "shift stretch shuffle",
    ),
    "numerical_rank": Row(lambda c: metrics.numerical_rank(c.Z), f"{SHAPES} rename stretch shuffle", "drop"),
    "parallelism_score": Row(
        lambda c: np.sort(metrics.parallelism_score(c.Z, c.factors).per_factor), f"{SHAPES} rename", "stretch shuffle"
    ),
    "participation_ratio": Row(lambda c: metrics.participation_ratio(c.Z), f"{SHAPES} rename shuffle", "stretch gain"),
    "procrustes": Row(
        lambda c: fields(metrics.procrustes(c.Z, c.other), "distance", "similarity"),
        f"{SHAPES} rename",
        "stretch shuffle",
    ),
    "rdm_correlation": Row(lambda c: metrics.rdm_correlation(c.Z, c.other), f"{SHAPES} rename", "stretch shuffle gain"),
    "separability": Row(
        lambda c: metrics.separability(metrics.condition_averages(c.Z, c.factors).means, balanced=True).share,
        f"{SHAPES} stretch rename",
        "drop",
    ),
    "space_folding": Row(
        lambda c: fields(metrics.space_folding(c.Z > 0), "chi", "r1", "r2"), "neurons scale stretch gain", "rows shift"
    ),
    "two_nn": Row(
        lambda c: fields(metrics.two_nn(c.Z), "dimension", "low", "high"), f"{SHAPES} shuffle", "stretch gain"
    ),
}

ELSEWHERE = {
    "attention_convexity": "layers/test_attention.py",
    "bootstrap": "nulls/test_resampling.py",
    "class_folding": "regions/folds/test_class_folding.py",
    "cover_count": "test_separation.py",
    "crossnobis": "recordings/test_crossvalidated.py",
    "cut_and_refit": "layers/test_refit.py",
    "dichotomies": "recordings/test_dichotomy_table.py",
    "epairs": "recordings/test_selectivity.py",
    "erp": "recordings/test_selectivity.py:erp",
    "folding": "regions/folds/test_folding.py",
    "folding_curve": "regions/folds/test_folding_curve.py",
    "forecast": "test_forecasting.py",
    "hamming_convex": "regions/folds/test_hamming.py",
    "holm": "nulls/test_several.py",
    "input_map": "regions/polygons/test_decision_kernels.py",
    "largest_folding": "regions/folds/test_largest_folding.py",
    "layer_activations": "layers/test_representations.py",
    "line_regions": "regions/folds/test_folding.py",
    "linear_regions": "regions/test_linear.py",
    "linear_separation": "test_separation.py",
    "measure": "recordings/test_measuring.py",
    "noise_ceiling": "recordings/test_ceiling.py",
    "noise_covariance": "recordings/test_noise.py",
    "permutation_test": "nulls/test_permutation.py",
    "plot_profile": "layers/test_profile_figure.py",
    "plot_slice": "regions/polygons/test_slice_plot.py:.plot(",
    "profile": "layers/test_profile.py",
    "sampled_codes": "regions/segments/test_sampled_codes.py",
    "scale": "test_scales.py",
    "slice_regions": "regions/polygons/test_slices.py",
    "suggested_cut": "layers/test_cut.py",
}
"""Functions of networks or of other results, and the file, from this folder, that tests them (after a colon: as what)."""


def sorted_as(case: Case) -> Any:
    """The names of the classes in the order of the head's outputs."""
    return ["zebra", "ant", "mole"] if case.labels.dtype.kind == "U" else [0, 1, 2]


def same(a: Any, b: Any) -> bool:
    return bool(
        np.allclose(np.asarray(a, dtype=float), np.asarray(b, dtype=float), rtol=1e-7, atol=1e-9, equal_nan=True)
    )


PAIRS = [(name, transform) for name, row in TABLE.items() for transform in row.unchanged.split()]
BREAKS = [(name, transform) for name, row in TABLE.items() for transform in row.changed.split()]


@pytest.mark.parametrize(("name", "transform"), PAIRS)
def test_metrics_ignore_what_they_must(name, transform):
    case, measure = Case.draw(), TABLE[name].measure
    for seed in range(2):
        moved = TRANSFORMS[transform](case, np.random.default_rng(seed))
        assert same(measure(moved), measure(case)), (measure(moved), measure(case))


@pytest.mark.parametrize(("name", "transform"), BREAKS)
def test_metrics_see_what_they_must(name, transform):
    case, measure = Case.draw(), TABLE[name].measure
    moved = TRANSFORMS[transform](case, np.random.default_rng(0))
    assert not same(measure(moved), measure(case))


@pytest.mark.parametrize("name", TABLE)
def test_metrics_are_deterministic_and_leave_their_inputs_alone(name):
    case = Case.draw()
    for array in vars(case).values():
        array.setflags(write=False)
    first, second = TABLE[name].measure(case), TABLE[name].measure(case)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", TABLE)
def test_scores_of_the_case_say_something(name):
    values = np.asarray(TABLE[name].measure(Case.draw()), dtype=float)
    assert np.isfinite(values).any()
    assert not np.isin(values, (0.0, 1.0)).all()


def missing(public: list[str], table: Any, elsewhere: dict[str, str]) -> list[str]:
    """Public functions that neither the table nor a test file covers, in words."""
    folder = Path(__file__).parent
    out = [f"{name} has no row" for name in public if name not in table and name not in elsewhere]
    out += [f"{name} is listed twice" for name in elsewhere if name in table]
    out += [f"{name} is not public" for name in (*table, *elsewhere) if name not in public]
    for name, place in elsewhere.items():
        file, _, word = place.partition(":")
        if not (folder / file).exists() or (word or name) not in (folder / file).read_text():
            out.append(f"{file} does not test {name}")
    return out


PUBLIC = [name for name in metrics.__all__ if inspect.isfunction(getattr(metrics, name))]


def test_every_public_metric_has_a_row():
    assert missing(PUBLIC, TABLE, ELSEWHERE) == []


def test_the_check_for_rows_can_fail():
    found = missing(["a", "b", "cka"], {"a": 0, "cka": 0, "gone": 0}, {"cka": "test_alignment.py", "c": "test_none.py"})
    assert found == [
        "b has no row",
        "cka is listed twice",
        "gone is not public",
        "c is not public",
        "test_none.py does not test c",
    ]


def test_every_row_names_known_transforms_and_a_break():
    for row in TABLE.values():
        both = row.unchanged.split() + row.changed.split()
        assert set(both) <= set(TRANSFORMS)
        assert len(set(both)) == len(both)
        assert row.changed
        assert {"neurons", "scale"} <= set(row.unchanged.split())
