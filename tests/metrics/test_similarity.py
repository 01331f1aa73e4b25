"""Layer by layer similarities: entries, names, plots, refusals."""

import json

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import cka, layer_similarity, mutual_knn, procrustes, rdm_correlation
from relucvx.metrics.similarity import NAMED


def layers(seed, widths=(3, 5, 4)):
    rng = np.random.default_rng(seed)
    out = [rng.standard_normal((20, widths[0]))]
    for p in widths[1:]:
        out.append(np.maximum(out[-1] @ rng.standard_normal((out[-1].shape[1], p)), 0.0))
    return out


SCORES = {
    "cka": lambda a, b: cka(a, b, debiased=True),  # 20 samples are few
    "mutual_knn": mutual_knn,
    "procrustes": lambda a, b: procrustes(a, b).similarity,
    "rdm_correlation": rdm_correlation,
}


@pytest.mark.parametrize("metric", NAMED)
def test_entries_are_the_metric_of_each_pair(metric):
    A, B = layers(0), layers(1, (2, 6))
    found = layer_similarity(A, B, metric)
    expected = [[SCORES[metric](a, b) for b in B] for a in A]
    np.testing.assert_allclose(found.matrix, expected, rtol=1e-12)
    assert (found.names1, found.names2, found.metric) == (("0", "1", "2"), ("0", "1"), metric)
    own = layer_similarity(A, metric=metric)
    np.testing.assert_allclose(own.matrix, [[SCORES[metric](a, b) for b in A] for a in A], rtol=1e-9)
    np.testing.assert_allclose(np.diag(own.matrix), 1.0, rtol=1e-12)


def test_a_callable_need_not_be_symmetric_and_options_are_passed_on():
    A = layers(2)
    found = layer_similarity(A, metric=lambda a, b: a.shape[1] - b.shape[1])
    np.testing.assert_array_equal(found.matrix, [[0, -2, -1], [2, 0, 1], [1, -1, 0]])
    assert layer_similarity(A, metric="cka", debiased=True).matrix[0, 1] == cka(A[0], A[1], debiased=True)
    with pytest.raises(TypeError, match="depth"):
        layer_similarity(A, depth=3)


def test_all_pairs_of_layers_have_one_form_of_cka_and_the_note_says_which():
    rng = np.random.default_rng(8)
    wide, narrow = rng.standard_normal((60, 40)), rng.standard_normal((60, 1))
    assert not cka(narrow, narrow).debiased
    mixed = layer_similarity([wide, narrow])
    assert mixed.matrix[1, 1] == cka(narrow, narrow, debiased=True)
    assert "the debiased form (debiased=False for the other)" in mixed.note
    alone = layer_similarity([narrow], metric=cka)
    assert alone.matrix[0, 0] == cka(narrow, narrow)
    assert "the plain form" in alone.note
    assert layer_similarity([wide], metric="procrustes").note == ""


def test_relabelling_neurons_or_rotating_layers_changes_nothing_but_mixing_samples_does():
    A, B = layers(3), layers(4)
    rng = np.random.default_rng(5)
    turned = [2.0 * Z @ np.linalg.qr(rng.standard_normal((Z.shape[1],) * 2))[0] + 1.0 for Z in A]
    base = layer_similarity(A, B).matrix
    np.testing.assert_allclose(layer_similarity(turned, B).matrix, base, rtol=1e-9)
    np.testing.assert_allclose(layer_similarity(B, A).matrix, base.T, rtol=1e-12)
    assert np.abs(layer_similarity([Z[::-1] for Z in A], B).matrix - base).max() > 0.01


def test_names_undefined_entries_and_records():
    A = {"input": layers(5)[0], 1: np.full((20, 2), 0.5)}
    found = layer_similarity(A)
    assert found.names1 == found.names2 == ("input", "1")
    assert np.isnan(found.matrix[:, 1]).all()
    assert not found.matrix.flags.writeable
    assert json.loads(json.dumps(found.to_dict()))["names1"] == ["input", "1"]


def test_plot_draws_named_layers_on_a_common_scale():
    Figure = pytest.importorskip("matplotlib.figure").Figure
    found = layer_similarity(
        dict(zip(("hidden one", "two", "head"), layers(6), strict=True)), layers(7), debiased=False
    )
    ax = found.plot()
    assert [t.get_text() for t in ax.get_yticklabels()] == ["hidden one", "two", "head"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "1", "2"]
    image = ax.get_images()[0]
    assert image.get_clim() == (0.0, 1.0)
    np.testing.assert_array_equal(image.get_array(), found.matrix)
    assert len(ax.figure.axes) == 2
    ax.figure.canvas.draw()
    mine = Figure().add_subplot()
    assert layer_similarity(layers(6), metric=lambda a, b: -2.0).plot(mine, cmap="viridis") is mine
    assert mine.get_images()[0].get_clim() == (-2.0, 1.0)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((np.eye(3),), "layers1 to be a list or dict of arrays.*a ndarray"),
        (([np.eye(3)], 5), "layers2 to be a list or dict of arrays.*a int"),
        (([],), "at least one layer in layers1"),
        (([np.eye(3)], None, "cca"), "a metric among cka, mutual_knn.*'cca'"),
        (([np.eye(3)], [np.eye(4)]), "two representations of the same samples"),
        (({"conv": np.zeros((3, 2, 2))},), r"layer conv of layers1 of shape \(n, d\); received shape \(3, 2, 2\)"),
    ],
)
def test_refusals(args, message):
    with pytest.raises(InvalidInputError, match=message):
        layer_similarity(*args)
