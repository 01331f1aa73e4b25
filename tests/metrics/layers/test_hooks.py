"""Values inside modules, read and replaced; the module is left as it was."""

import numpy as np
import pytest
import torch
from metrics.layers.test_representations import RNG, X
from torch import nn

from relucvx.errors import InvalidInputError
from relucvx.metrics import layer_activations, profile
from relucvx.metrics.layers.representations import record


def test_layers_run_in_place_are_recorded_before_they_are_overwritten():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 4), nn.ReLU(inplace=True), nn.Linear(4, 2)).double()
    found = layer_activations(net, X, ["0", "1"])
    assert (found["0"] < 0).any()
    assert np.array_equal(np.maximum(found["0"], 0), found["1"])


# ------------------------------------------------------------------ the module is left as it was
def test_modes_gradients_hooks_and_inputs_are_left_alone():
    net = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(5, 4), nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Tanh())
    net.train()
    net[2].eval()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    inputs = torch.from_numpy(X).float()
    kept, state = inputs.clone(), torch.random.get_rng_state()
    a, b = layer_activations(net, inputs)["4"], layer_activations(net, inputs)["4"]
    assert np.array_equal(a, b)
    assert [layer.training for layer in net] == [True, True, False, True, True]
    assert net.training
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in net.modules())
    assert torch.equal(inputs, kept)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_modes_and_hooks_are_restored_after_a_failure():
    net = nn.Sequential(nn.Linear(5, 4), nn.ReLU()).train()
    with pytest.raises(InvalidInputError, match="inputs that the module takes; received X of shape"):
        layer_activations(net, X[:, :3])
    assert net.training
    assert not net[1]._forward_hooks


class Words(nn.Module):
    """Reads indices of words."""

    def __init__(self):
        super().__init__()
        self.words, self.relu, self.head = nn.Embedding(9, 4), nn.ReLU(), nn.Linear(12, 2)

    def forward(self, x):
        return self.head(self.relu(self.words(x)).flatten(1))


@pytest.mark.parametrize("kind", [np.int64, np.uint8, torch.tensor])
def test_indices_of_an_embedding_stay_integers(kind):
    model, words = Words(), RNG.integers(0, 9, (7, 3))
    given = kind(words)
    found = record(model, given)
    expected = model.words.weight.detach().numpy()[words].reshape(7, 12)
    np.testing.assert_array_equal(found.layers[0].Z, np.maximum(expected, 0.0))
    assert found.input.rest is None  # nothing lies between two words
    moved = found.layers[0].rest(found.layers[0].Z + 0.25)  # values behind them are real
    np.testing.assert_allclose(moved, found.outputs + 0.25 * model.head.weight.detach().numpy().sum(axis=1), atol=1e-5)


class Strict(nn.Module):
    """Refuses like some layers of torch do."""

    def __init__(self, error):
        super().__init__()
        self.error, self.relu = error, nn.ReLU()

    def forward(self, x):
        raise self.error


@pytest.mark.parametrize("error", [RuntimeError("odd"), ValueError("odd"), IndexError("odd"), AssertionError("odd")])
def test_what_torch_refuses_is_explained(error):
    with pytest.raises(InvalidInputError, match=r"X of shape \(11, 5\) and torch.float32, on which torch fails: odd"):
        layer_activations(Strict(error), X)
    with pytest.raises(InvalidInputError, match="indices that are no integers"):
        layer_activations(Words(), np.ones((4, 3)))


class Counted(nn.Module):
    """Ten layers, and how many samples each forward pass had."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.parts = nn.ModuleList(nn.Linear(5, 5, dtype=torch.float64) for _ in range(10))
        self.passes = []

    def forward(self, x):
        self.passes.append(len(x))
        for part in self.parts:
            x = torch.relu(part(x))
        return x


def test_one_forward_pass_per_batch_for_all_layers():
    """Besides two passes over at most three samples, which find the layers."""
    net = Counted()
    found = layer_activations(net, np.vstack([X] * 4), batch_size=20)
    assert len(found) == 10
    assert net.passes == [2, 3, 20, 20, 4]


def test_a_profile_runs_the_network_once_and_looks_behind_a_layer_only_where_a_metric_does():
    net, data = Counted(), np.random.default_rng(0).standard_normal((200, 5))
    profile(net, data, np.arange(200) % 2, metrics=["nc1", "participation_ratio", "cka_output"])
    assert net.passes == [2, 3, 200]
    net.passes.clear()
    profile(net, data, np.arange(200) % 5, metrics=["euclidean_convexity"], n_pairs=4, rng=0)
    assert sum(n for n in net.passes[3:] if n != 200) <= 10 * (64 + 5 * 4 * 10)
