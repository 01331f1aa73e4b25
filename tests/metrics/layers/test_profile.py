"""Profiles of networks and recordings: every column against its metric, stopping, cuts and the figure."""

import numpy as np
import pandas as pd
import pytest
import torch
from metrics.layers.cases import EXACT, FACTORS, HEADED, LABELS, NET, RNG, X
from scipy.sparse import csr_array
from torch import nn

import relucvx as rx
from relucvx import metrics as m
from relucvx.errors import InvalidInputError
from relucvx.metrics.layers.scores import COLUMNS
from relucvx.network import DeepNetwork


def same(a, b, **tolerance):
    """Two profiles hold the same numbers, whatever their layers are called."""
    assert list(a.columns) == list(b.columns)
    a, b = (table.drop(columns="type", errors="ignore").to_numpy(dtype=float) for table in (a, b))
    return np.allclose(a, b, equal_nan=True, **tolerance)


# ------------------------------------------------------------------ every column is its metric
def test_rows_and_columns(frame):
    assert list(frame.index) == ["input", "hidden 0", "hidden 1", "output"]
    assert list(frame.columns) == ["type", "width", *COLUMNS]
    assert frame["width"].tolist() == [5, 8, 7, 3]
    assert frame["type"].tolist() == ["input", "Linear + relu", "Linear + relu", "Linear"]
    assert frame.attrs["complete"]
    assert frame.attrs["left_out"] == {}
    assert frame.attrs["accuracy"] == np.mean(NET.predict(X).argmax(axis=1) == LABELS)


def test_the_head_is_compared_in_the_layer_it_reads(frame):
    collapse = m.neural_collapse(NET.hidden(X)[1], LABELS, NET.weights[2], NET.biases[2])
    assert frame.loc["hidden 1", ["nc3", "nc4"]].tolist() == [collapse.nc3, collapse.nc4]
    assert frame.loc[["input", "hidden 0", "output"], ["nc3", "nc4"]].isna().all(axis=None)


def test_parts_behind_the_means(frame):
    parts = frame.attrs["per_class"]["graph_convexity"]["hidden 0"]
    assert set(parts) == {0, 1, 2}
    assert np.mean(list(parts.values())) == pytest.approx(frame.loc["hidden 0", "graph_convexity"])
    assert set(frame.attrs["per_class"]["ccgp"]["input"]) == {0, 1}


# ------------------------------------------------------------------ one function, any form; metamorphic
def test_torch_modules_and_their_copies_have_one_profile(frame):
    module = NET.to_torch().train()
    found = m.profile(module, torch.from_numpy(X), LABELS, factors=FACTORS, **EXACT)
    assert list(found.index) == ["input", "1", "3", "output"]
    assert same(found, frame, rtol=1e-9)
    assert module.training
    assert same(m.profile(module.float(), X, LABELS, factors=FACTORS, **EXACT), frame, rtol=1e-3, atol=1e-3)


def test_names_of_classes_order_of_rows_and_order_of_neurons_do_not_matter(frame):
    # segments and folds go by the position of the rows
    plain = [c for c in COLUMNS if c not in ("line_regions", "folding", "linear_probe")]
    renamed = m.profile(NET, X, [f"class {y}" for y in LABELS], factors=FACTORS, metrics=plain, **EXACT)
    order = RNG.permutation(42)
    shuffled = m.profile(NET, X[order], LABELS[order], factors=FACTORS[order], metrics=plain, **EXACT)
    p = RNG.permutation(8)
    weights = (NET.weights[0][:, p], NET.weights[1][p], NET.weights[2])
    other = DeepNetwork(weights, (NET.biases[0][p], *NET.biases[1:]))
    neurons = m.profile(other, X, LABELS, factors=FACTORS, metrics=plain, **EXACT)
    for found in (renamed, shuffled, neurons):
        assert same(found, frame[["type", "width", *plain]], rtol=1e-7, atol=1e-9)
    assert set(renamed.attrs["per_class"]["graph_convexity"]["input"]) == {"class 0", "class 1", "class 2"}


def test_permuted_labels_are_another_profile(frame):
    found = m.profile(NET, X, RNG.permutation(LABELS), factors=FACTORS, **EXACT)
    for column in ("graph_convexity", "euclidean_convexity", "nc1", "cdnv", "cka_labels"):
        assert abs(found.loc["hidden 1", column] - frame.loc["hidden 1", column]) > 0.05


def test_the_same_rng_gives_the_same_draws():
    few = {"n_pairs": 30, "max_samples": 36, "n_lines": 5}
    first, second = (m.profile(NET, X, LABELS, rng=5, **few) for _ in range(2))
    other = m.profile(NET, X, LABELS, rng=6, **few)
    assert same(first, second, rtol=0, atol=0)
    assert not np.allclose(first["cdnv"], other["cdnv"])
    assert (first.attrs["n_samples"], first.attrs["n_given"]) == (36, 42)


# ------------------------------------------------------------------ what applies
def test_without_labels_and_factors_only_what_needs_none():
    found = m.profile(NET, X, **EXACT)
    assert "graph_convexity" not in found
    assert {"participation_ratio", "cka_output", "line_regions"} <= set(found.columns)
    assert found.attrs["left_out"]["nc1"].startswith("expected labels")
    assert found.attrs["left_out"]["ccgp"].startswith("expected factors")
    assert found.attrs["accuracy"] is None
    assert found.attrs["suggested_cut"]["convexity_peak"]["layer"] is None


def test_recorded_layers(frame):
    layers = m.layer_activations(NET, X)
    found = m.profile(layers, None, LABELS, **EXACT)
    assert list(found.index) == ["hidden 0", "hidden 1"]
    shared = [c for c in found.columns if c not in (*HEADED, "type")]
    assert np.allclose(found[shared], frame.loc[found.index, shared], rtol=1e-12)
    for column in ("euclidean_convexity", "cka_output", "graph_convexity_decisions", "line_regions"):
        assert "expected a network" in found.attrs["left_out"][column]
    assert list(m.profile(list(layers.values()), X, LABELS, **EXACT).index) == ["input", "layer 0", "layer 1"]


def test_thinning_keeps_recorded_layers_labels_and_inputs_together():
    Z = np.arange(42.0)[:, None]
    seen = m.profile(
        {"a": Z, "b": Z}, Z, [int(v) // 14 for v in range(42)], factors=Z[:, 0] >= 21, max_samples=20, rng=0
    )
    assert seen.attrs["n_samples"] == 20
    assert (seen["graph_convexity"] == 1.0).all()
    assert (seen["cka_labels"] == seen["cka_labels"].iloc[0]).all()


def test_a_layer_passed_by_a_skip_connection_has_no_straight_lines():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.inner, self.act, self.head = nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 3)

        def forward(self, x):
            return self.head(x + self.act(self.inner(x)))

    found = m.profile(Residual(), X, LABELS, **EXACT)
    assert found["euclidean_convexity"].notna().tolist() == [True, False, True]
    assert found["line_regions"].notna().tolist() == [False, True, False]
    assert found["nc3"].isna().all() if "nc3" in found else True


def test_convolutions():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
    found = m.profile(net, RNG.standard_normal((42, 1, 3, 3)), LABELS, **EXACT)
    assert found["width"].tolist() == [9, 8, 3]
    assert found.loc["2", ["nc4", "line_regions", "euclidean_convexity"]].notna().all()
    assert net.training


def test_smooth_networks_have_no_regions():
    net = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    found = m.profile(net, X, LABELS, **EXACT)
    assert "line_regions" not in found
    assert found["euclidean_convexity"].notna().all()


def test_one_output_is_decided_by_its_sign():
    two = rx.TwoLayerReLU(RNG.standard_normal((6, 5)), RNG.standard_normal((6, 1)))
    sides = np.where(X[:, 0] > X[:, 0].mean(), "right", "left")
    found = m.profile(two, X, sides, **EXACT)
    assert found.attrs["accuracy"] == np.mean((two.predict(X)[:, 0] > 0) == (sides == "right"))
    assert found.loc["output", "euclidean_convexity_decisions"] == 1.0
    other = m.profile(two, X, LABELS, **EXACT)
    assert "two classes for the sign" in other.attrs["left_out"]["graph_convexity_decisions"]


def test_outputs_that_are_not_the_labels():
    two = m.profile(NET, X, LABELS > 0, **EXACT)
    assert "one output per class" in two.attrs["left_out"]["euclidean_convexity"]
    assert two["euclidean_convexity_decisions"].notna().all()
    keep = LABELS < 2
    named = m.profile(NET, X[keep], LABELS[keep], classes=[0, 1, 2], **EXACT)
    assert named["euclidean_convexity"].notna().all()
    # a class without samples has no mean: its output is left out
    kept = m.neural_collapse(NET.hidden(X[keep])[1], LABELS[keep], NET.weights[2][:, :2], NET.biases[2][:2])
    assert named.loc["hidden 1", ["nc3", "nc4"]].tolist() == [kept.nc3, kept.nc4]
    # labels that are numbers of outputs need no names
    pd.testing.assert_frame_equal(m.profile(NET, X[keep], LABELS[keep], **EXACT), named)
    assert named.attrs["accuracy"] == np.mean(NET.predict(X[keep]).argmax(axis=1) == LABELS[keep])


def test_a_network_that_ends_with_its_kink_lists_it_once():
    net = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3), nn.ReLU())
    assert list(m.profile(net, X, LABELS, metrics="nc1").index) == ["input", "1", "output"]
    recorded = m.profile({"input": X, "output": X[:, :3]}, X[:, 1:], metrics=["nc1"])
    assert list(recorded.index) == ["X", "input", "output"]


def test_metrics_asked_for_are_kept_even_where_they_do_not_apply():
    found = m.profile(NET, X, metrics=["cdnv", "participation_ratio"])
    assert list(found.columns) == ["type", "width", "cdnv", "participation_ratio"]
    assert found["cdnv"].isna().all()
    assert list(found.attrs["left_out"]) == ["cdnv"]


# ------------------------------------------------------------------ progress and stopping
def test_progress_counts_to_its_total():
    seen = []
    m.profile(NET, X, LABELS, metrics=["nc1", "nc2_etf", "graph_convexity"], callback=seen.append, **EXACT)
    assert [p.step for p in seen] == list(range(9))
    assert {p.total for p in seen} == {8}
    assert [p.layer for p in seen[::2]] == ["input", "hidden 0", "hidden 1", "output", "output"]


@pytest.mark.parametrize(("stop", "rows"), [(0, 0), (3, 1), (4, 2), (7, 3)])
def test_a_callback_that_returns_true_keeps_whole_rows(stop, rows):
    found = m.profile(
        NET, X, LABELS, metrics=["nc1", "graph_convexity"], callback=lambda p: p.step == stop, **EXACT
    )  # fmt: skip
    whole = m.profile(NET, X, LABELS, metrics=["nc1", "graph_convexity"], **EXACT)
    assert not found.attrs["complete"]
    assert list(found.columns) == list(whole.columns)
    assert same(found, whole.iloc[:rows])


def test_sparse_inputs_are_read_as_dense_ones():
    pd.testing.assert_frame_equal(m.profile(NET, csr_array(X), LABELS, **EXACT), m.profile(NET, X, LABELS, **EXACT))


# ------------------------------------------------------------------ refusals
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: m.profile(NET, X, LABELS, metrics=["nc1", "nc9"]), "metrics among graph_convexity, .* received 'nc9'"),
        (lambda: m.profile(NET, X, LABELS, metrics=[]), "metrics among .* received none"),
        (lambda: m.profile(NET, X, LABELS[1:]), "labels of length 42"),
        (lambda: m.profile(NET, X, np.zeros(42)), "labels of at least two classes; received only 0.0"),
        (lambda: m.profile(NET, X[:1], LABELS[:1]), "at least two samples; received 1"),
        (lambda: m.profile(NET, X, LABELS, factors=FACTORS[1:]), r"factors of shape \(42, d_Y\)"),
        (lambda: m.profile(NET, X, LABELS, classes=[0, 1]), "classes to name the 3 outputs; received 2 names"),
        (lambda: m.profile(NET, X, LABELS, classes=[0, 1, 5]), r"labels outside: \[2\]"),
        (lambda: m.profile(NET, X, LABELS, k=0), "k to be an int >= 1; received 0"),
        (lambda: m.profile(NET, X, LABELS, n_pairs=0), "n_pairs to be an int >= 1 or None"),
        (lambda: m.profile(NET, X, LABELS, n_lines=None), "n_lines to be an int >= 1; received None"),
        (lambda: m.profile(NET, X, LABELS, max_samples=1.5), "max_samples to be an int >= 1 or None"),
        (lambda: m.profile(NET, X * np.nan, LABELS), "expected X to be finite"),
        (lambda: m.profile(NET, None, LABELS), "inputs X"),
        (lambda: m.profile(NET, X, LABELS, rng=-1), "rng to be None"),
        (lambda: m.profile([X, X[1:]], None, LABELS), "layer 'layer 1' with 42 rows"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()


def test_inputs_stay():
    before = X.copy()
    m.plot_profile(m.profile(NET, X, LABELS, metrics=["nc1"]))
    assert np.array_equal(X, before)
