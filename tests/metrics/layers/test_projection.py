"""Wide layers in fewer columns: unbiased, within the stated spread, and refused before anything is computed."""

import numpy as np
import pytest
import torch
from torch import nn

import relucvx.metrics as m
from relucvx.errors import InvalidInputError
from relucvx.metrics.layers import projection
from relucvx.metrics.layers.projection import Projection, planned

RNG = np.random.default_rng(0)


class Wide(nn.Module):
    """A layer of 1,500 values, and a narrow one."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.c = nn.Linear(5, 1_500), nn.Linear(1_500, 16), nn.Linear(16, 3)
        self.passes = 0

    def forward(self, x):
        self.passes += 1
        return self.c(torch.relu(self.b(torch.relu(self.a(x)))))


@pytest.mark.parametrize(
    "x", [np.eye(1, 300)[0], np.r_[1.0, -1.0, np.zeros(298)], RNG.standard_normal(300), np.ones(300)]
)
def test_squared_norms_are_right_on_average_and_vary_as_stated(x):
    """The variance is at most 2/m |x|^4, and exactly 2/m (|x|^4 - sum x_i^4)."""
    columns, draws = 32, 1500
    found = np.array([float(np.sum((Projection(300, columns, seed).matrix.T @ x) ** 2)) for seed in range(draws)])
    size, fourth = float(x @ x), float(np.sum(x**4))
    variance = 2.0 / columns * (size**2 - fourth)
    error = np.sqrt(max(variance, 1e-30) / draws)
    assert abs(found.mean() - size) <= 4.0 * error + 1e-12 * size
    assert abs(found.var() - variance) <= 0.3 * variance + 1e-12
    assert found.std() / size <= 1.1 * Projection(300, columns, 0).facts["sd_bound"]


def test_layers_wider_than_asked_for_are_projected_and_the_distortion_is_said():
    net, X = Wide(), RNG.standard_normal((60, 5))
    whole = m.layer_activations(net, X)
    found = m.layer_activations(net, X, project=512, batch_size=25)
    assert [Z.shape for Z in found.values()] == [(60, 512), (60, 16)]
    np.testing.assert_allclose(
        found["relu() (call 2)"], whole["relu() (call 2)"], atol=1e-6
    )  # in batches of another size
    facts = found.projected["relu() (call 1)"]
    assert (facts["width"], facts["columns"], facts["pairs_seen"]) == (1_500, 512, 300)
    assert facts["sd_bound"] == pytest.approx(np.sqrt(2 / 512))
    before, after = (
        np.square(Z[:25, None] - Z[None, :25]).sum(-1)[np.triu_indices(25, 1)]
        for Z in (whole["relu() (call 1)"], found["relu() (call 1)"])
    )
    errors = after / before - 1.0
    assert facts["rms_seen"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-3)
    assert facts["largest_seen"] == pytest.approx(np.abs(errors).max(), rel=1e-3)
    assert facts["rms_seen"] <= 2.0 * facts["sd_bound"]
    again = m.layer_activations(net, X, project=514, batch_size=25)
    np.testing.assert_array_equal(again["relu() (call 1)"], found["relu() (call 1)"])
    assert whole.projected == {}


def test_what_does_not_fit_is_refused_before_the_network_runs(monkeypatch):
    monkeypatch.setattr(projection, "free_memory", lambda: 0.7 * 2**20)
    net = Wide()
    with pytest.raises(InvalidInputError, match=r"relu\(\) \(call 1\)' of 1,500 values.*project=1024"):
        m.layer_activations(net, RNG.standard_normal((60, 5)))
    assert net.passes == 2  # at three samples, which find the layers
    m.layer_activations(net, RNG.standard_normal((60, 5)), project=64)


def test_a_profile_projects_by_itself_where_layers_take_much_memory(monkeypatch):
    monkeypatch.setattr(projection, "HELD", 60 * 8 * 600)
    X, labels = RNG.standard_normal((60, 5)), np.arange(60) % 3
    columns = ["nc1", "participation_ratio", "cka_labels", "euclidean_convexity"]
    with pytest.warns(RuntimeWarning, match=r"'relu\(\) \(call 1\)' .*projected to 512 columns"):
        found = m.profile(Wide(), X, labels, metrics=columns, n_pairs=10, rng=0)
    assert found["width"].tolist() == [5, 1_500, 16, 3]
    assert found.attrs["projected"]["relu() (call 1)"]["columns"] == 512
    assert np.isnan(found.loc["relu() (call 1)", "euclidean_convexity"])
    whole = m.profile(Wide(), X, labels, metrics=columns, n_pairs=10, rng=0, project=None)
    for column in columns[:3]:
        np.testing.assert_allclose(found[column], whole[column], rtol=0.3)  # NC1 of a few samples varies most


def test_recorded_layers_are_projected_too():
    Z = RNG.standard_normal((30, 900))
    found = m.layer_activations({"wide": Z, "narrow": Z[:, :9]}, project=64)
    assert [part.shape[1] for part in found.values()] == [64, 9]
    assert found.projected["wide"]["columns"] == 64


@pytest.mark.parametrize(("n", "columns"), [(1000, None), (10_000, 4096), (100_000, 256)])
def test_automatic_widths(n, columns, monkeypatch):
    monkeypatch.setattr(projection, "free_memory", lambda: 2.0**40)
    widths = {"a": 5000, "b": 5000}
    found = planned(widths, n, "auto")
    assert found == ({} if columns is None else dict.fromkeys(widths, columns)) or columns == 4096
    held = 8 * n * sum(found.get(name, width) for name, width in widths.items())
    assert held <= projection.HELD
