"""What a profile measures in one layer."""

import itertools

import numpy as np
import pytest
from metrics.layers.cases import EXACT, FACTORS, LABELS, NET, X

from relucvx import metrics as m
from relucvx.metrics.layers import segments
from relucvx.network import DeepNetwork


def test_columns_are_the_metrics_of_the_layers(frame):
    layers = {"input": X, **m.layer_activations(NET, X), "output": NET.predict(X)}
    decided = NET.predict(X).argmax(axis=1)
    for name, Z in layers.items():
        row = frame.loc[name]
        assert row["graph_convexity"] == m.graph_convexity(Z, LABELS, n_pairs=None).overall
        assert row["graph_convexity_decisions"] == m.graph_convexity(Z, decided, n_pairs=None).overall
        assert row["participation_ratio"] == m.participation_ratio(Z)
        assert row["effective_rank"] == m.effective_rank(Z)
        assert row["numerical_rank"] == m.numerical_rank(Z, tolerance=1e-3, spectrum="covariance")
        assert row["two_nn"] == m.two_nn(Z).dimension
        assert row["linear_probe"] == m.linear_probe(Z, LABELS).accuracy
        pairs = itertools.permutations(range(3), 2)
        errors = [m.few_shot_snr(Z[a == LABELS], Z[b == LABELS], 5).error for a, b in pairs]
        assert row["few_shot_error"] == pytest.approx(np.mean(errors), rel=1e-9)
        assert row["cka_output"] == m.cka(Z, NET.predict(X), debiased=True)
        assert row["cka_labels"] == m.cka(Z, np.eye(3)[LABELS], debiased=True)
        assert row["parallelism"] == pytest.approx(m.parallelism_score(Z, FACTORS).mean, nan_ok=True)
        means = np.array([Z[(c == FACTORS).all(axis=1)].mean(axis=0) for c in itertools.product([0, 1], repeat=2)])
        assert row["separability"] == m.separability(means, balanced=True).share
        assert row["ccgp"] == m.ccgp(Z, FACTORS).mean
        collapse = m.neural_collapse(Z, LABELS)
        for column in ("nc1", "nc1_quotient", "nc2_equinorm", "nc2_cosine", "nc2_etf", "cdnv"):
            assert row[column] == pytest.approx(getattr(collapse, column), rel=1e-12)


def test_straight_lines_are_judged_by_the_rest_of_the_network(frame):
    layers = {"input": X, **m.layer_activations(NET, X)}
    decided = NET.predict(X).argmax(axis=1)
    for k, (name, Z) in enumerate(layers.items()):
        behind = DeepNetwork(NET.weights[k:], NET.biases[k:])
        expected = m.euclidean_convexity(Z, LABELS, behind, n_pairs=None)
        assert frame.loc[name, "euclidean_convexity"] == expected.overall
        assert frame.attrs["per_class"]["euclidean_convexity"][name] == expected.per_class
        found = m.euclidean_convexity(Z, decided, behind, n_pairs=None, classes=range(3)).overall
        assert frame.loc[name, "euclidean_convexity_decisions"] == found
    # decision regions of an affine head are convex
    assert (frame.loc[["hidden 1", "output"], "euclidean_convexity_decisions"] == 1.0).all()
    assert frame.loc["input", "euclidean_convexity_decisions"] < 1.0


def test_regions_and_folding_are_means_over_segments(frame):
    # the same segments, drawn apart: one profile of the regions alone has the same seed
    alone = m.profile(NET, X, metrics=["line_regions", "folding"], **EXACT)
    assert alone.loc["hidden 1", "line_regions"] == frame.loc["hidden 1", "line_regions"]
    samples = np.random.default_rng(0)
    seed = int(samples.integers(2**32))
    draws = np.random.default_rng(seed)
    starts = draws.integers(42, size=20)
    ends = (starts + draws.integers(1, 42, size=20)) % 42
    for k in range(2):
        code = list(range(k + 1))
        counts = [m.line_regions(NET, X[a], X[b], code).n_regions for a, b in zip(starts, ends, strict=True)]
        chi = [m.folding(NET, X[a], X[b], code).chi for a, b in zip(starts, ends, strict=True)]
        assert frame.loc[f"hidden {k}", "line_regions"] == pytest.approx(np.mean(counts))
        assert frame.loc[f"hidden {k}", "folding"] == pytest.approx(np.nanmean(chi), abs=1e-15)
    assert frame.loc["hidden 0", "folding"] == 0.0
    assert frame.loc[["input", "output"], ["line_regions", "folding"]].isna().all(axis=None)


# ------------------------------------------------------------------ nothing is done twice, and nothing lost for one column
def test_a_network_that_cannot_be_read_is_tried_once(monkeypatch):
    tried = []

    def fails(*args, **kwargs):
        tried.append(args)
        raise MemoryError("14 GB")

    monkeypatch.setattr(segments, "read_layers", fails)
    found = m.profile(NET, X, LABELS, metrics=["line_regions", "nc1"])
    assert len(tried) == 1
    assert found["line_regions"].isna().all()
    assert found["nc1"].notna().all()
    assert "more memory than there is" in found.attrs["left_out"]["line_regions"]
