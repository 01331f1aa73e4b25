"""Which layers of a network are found by themselves: stand-ins for the kinds of models that people have."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import relucvx.metrics as m
from relucvx.errors import InvalidInputError
from relucvx.metrics.layers.hooks import Hooked

RNG = np.random.default_rng(0)
X = RNG.standard_normal((7, 5))
WORDS = RNG.integers(1, 11, (7, 7))  # as many steps as samples


class GELU(nn.Module):
    """An activation of one's own."""

    def forward(self, x):
        return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


class Conv1D(nn.Module):
    """A linear layer as GPT-2 has it."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight, self.bias = nn.Parameter(0.2 * torch.randn(n_in, n_out)), nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(*x.shape[:-1], len(self.bias))


class Attention(nn.Module):
    """Causal attention written out; returns a tuple."""

    def __init__(self, d):
        super().__init__()
        self.c_attn, self.c_proj, self.drop = Conv1D(d, 3 * d), Conv1D(d, d), nn.Dropout(0.1)
        self.register_buffer("causal", torch.tril(torch.ones(9, 9, dtype=torch.bool)))

    def forward(self, x):
        q, k, v = self.c_attn(x).split(x.shape[-1], 2)
        scores = q @ k.transpose(1, 2) / math.sqrt(x.shape[-1])
        scores = scores.masked_fill(~self.causal[: x.shape[1], : x.shape[1]], -math.inf)
        return self.c_proj(self.drop(F.softmax(scores, -1)) @ v), (k, v)


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(d), Attention(d), nn.LayerNorm(d)
        self.fc, self.act, self.proj = Conv1D(d, 2 * d), GELU(), Conv1D(2 * d, d)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))[0]
        return x + self.proj(self.act(self.fc(self.ln_2(x))))


class GPT(nn.Module):
    """Position embeddings have one row for all samples."""

    def __init__(self, d=8):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(11, d), nn.Embedding(9, d)
        self.h, self.ln_f, self.head = nn.ModuleList([Block(d)]), nn.LayerNorm(d), nn.Linear(d, 3, bias=False)

    def forward(self, words):
        x = self.wte(words) + self.wpe(torch.arange(words.shape[1])[None])
        for block in self.h:
            x = block(x)
        return self.head(self.ln_f(x)[:, -1])


class Bert(nn.Module):
    """torch's own encoder, which fuses its layers in eval mode, and a pooler."""

    def __init__(self, d=8):
        super().__init__()
        layer = nn.TransformerEncoderLayer(d, 2, 16, activation=F.gelu, batch_first=True)
        self.words, self.encoder = nn.Embedding(11, d), nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.pooler, self.activation, self.classifier = nn.Linear(d, d), nn.Tanh(), nn.Linear(d, 3)

    def forward(self, words):
        x = self.encoder(self.words(words), src_key_padding_mask=words == 0)
        return self.classifier(self.activation(self.pooler(x[:, 0])))


class Recurrent(nn.Module):
    def __init__(self, batch_first=True):
        super().__init__()
        self.words, self.lstm = nn.Embedding(11, 4), nn.LSTM(4, 6, batch_first=batch_first)
        self.head, self.batch_first = nn.Linear(6, 3), batch_first

    def forward(self, words):
        x = self.words(words)
        _, (state, _) = self.lstm(x if self.batch_first else x.transpose(0, 1))
        return self.head(state[-1])


class Mixed(nn.Module):
    """A function, a module of torch's, one of one's own, and a gate."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d = nn.Linear(5, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)
        self.relu, self.gelu, self.sigmoid, self.unused = nn.ReLU(), GELU(), nn.Sigmoid(), nn.Tanh()

    def forward(self, x):
        x = self.relu(self.b(F.relu(self.a(x))))
        x = self.gelu(self.c(x))
        return self.d(self.sigmoid(x) * torch.tanh(x))


class Swish(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(x)


class Weights(nn.Module):
    """Two layers made of parameters in a module without children."""

    def __init__(self):
        super().__init__()
        self.W, self.V = nn.Parameter(torch.randn(5, 4)), nn.Parameter(torch.randn(4, 3))

    def forward(self, x):
        return torch.relu(x @ self.W) @ self.V


def image_net():
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 3, 2), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2),
    )  # fmt: skip


IMAGES = RNG.standard_normal((7, 1, 8, 8))
FOUND = {
    "GPT": (GPT, WORDS, ["h.0.ln_1", "h.0.attn.matmul() (call 2)", "h.0.ln_2", "h.0.act", "ln_f"]),
    "Bert": (
        Bert, WORDS,
        ["encoder.layers.0.self_attn", "encoder.layers.0.norm1", "encoder.layers.0.gelu()", "encoder.layers.0.norm2",
         "activation"],
    ),
    "LSTM": (Recurrent, WORDS, ["lstm"]),
    "time-first LSTM": (lambda: Recurrent(False), WORDS, ["lstm"]),
    "mixed": (Mixed, X, ["relu()", "relu", "gelu", "sigmoid", "mul()"]),
    "weights": (lambda: nn.Sequential(Weights(), Swish(), nn.Linear(3, 2)), X, ["0.relu()", "1"]),
    "images": (image_net, IMAGES, ["2", "3", "5"]),
    "attention": (
        lambda: nn.Sequential(
            nn.Linear(5, 8), nn.Unflatten(1, (2, 4)), nn.TransformerEncoderLayer(4, 1, 4, batch_first=True), nn.Flatten()
        ),
        X, ["2.self_attn", "2.norm1", "2.relu()", "2.norm2"],
    ),
    "affine": (lambda: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)), X, ["0", "1", "2"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_the_layers_of_all_kinds_of_models(name):
    make, inputs, names = FOUND[name]
    torch.manual_seed(0)
    module = make()
    found = m.layer_activations(module, inputs)
    assert list(found) == names
    again = m.layer_activations(module, inputs, names)  # the names can be asked for
    one = m.layer_activations(module, inputs[2:3])
    for layer, Z in found.items():
        np.testing.assert_allclose(again[layer], Z, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(one[layer][0], Z[2], rtol=1e-4, atol=1e-5)  # rows are samples, whatever the axis


def test_values_behind_functions_are_those_that_modules_have():
    torch.manual_seed(0)
    net = Mixed()
    found = m.layer_activations(net, X)
    with torch.no_grad():
        first = F.relu(net.a(torch.from_numpy(X).float()))
        np.testing.assert_allclose(found["relu()"], first, atol=1e-6)
        np.testing.assert_allclose(found["relu"], F.relu(net.b(first)), atol=1e-6)


def test_the_network_behind_a_function_is_found():
    torch.manual_seed(0)
    hooked = Hooked(nn.Sequential(Weights(), Swish(), nn.Linear(3, 2)).double(), X, 4)
    passed = hooked.record(None)
    for site, Z in zip(passed.sites, passed.values, strict=True):
        np.testing.assert_allclose(hooked.outputs_from(site, Z, shift=3), passed.outputs, rtol=1e-12)


def test_functional_and_modular_networks_have_one_profile():
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b, self.c = (nn.Linear(i, o, dtype=torch.float64) for i, o in ((5, 6), (6, 6), (6, 2)))
            self.relu, self.idle = nn.ReLU(), nn.ReLU()

        def forward(self, x):
            return self.c(self.act(self.b(self.act(self.a(x)))))

        def act(self, x):
            return self.relu(x)

    class Functional(Deep):
        def act(self, x):
            return F.relu(x)

    class InPlace(Deep):
        def act(self, x):
            return torch.relu_(x)

    data, labels = RNG.standard_normal((24, 5)), np.arange(24) % 2
    frames = [m.profile(net(), data, labels, n_pairs=10, n_lines=3, rng=0) for net in (Deep, Functional, InPlace)]
    modules = nn.Sequential(Deep().a, nn.ReLU(), Deep().b, nn.ReLU(), Deep().c)
    plain = m.profile(modules, data, labels, n_pairs=10, n_lines=3, rng=0)
    assert plain["line_regions"].notna().sum() == 2
    for frame in frames:
        assert list(frame.columns) == list(plain.columns)
        one, other = (table.drop(columns="type").to_numpy(float) for table in (frame, plain))
        np.testing.assert_allclose(one, other, rtol=1e-7)
    assert list(frames[1].index) == ["input", "relu() (call 1)", "relu() (call 2)", "output"]


# ------------------------------------------------------------------ what would be missed is said
class Elsewhere(nn.Module):
    """Leaves torch for its activation."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(5, 4), nn.Linear(4, 2)

    def forward(self, x):
        hidden = self.a(x).numpy()
        return self.b(torch.from_dlpack(np.maximum(hidden, 0.0)))


class Centred(nn.Module):
    """Depends on the other samples."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(5, 4), nn.Linear(4, 2)

    def forward(self, x):
        x = self.a(x)
        return self.b(F.relu(x - x.mean(0)))


def test_layers_that_are_left_out_are_named():
    with pytest.raises(InvalidInputError, match=r"a Centred with neither; without a row per sample: 'relu\(\)'"):
        m.layer_activations(Centred(), X)
    kept = nn.Sequential(nn.Linear(5, 5), nn.ReLU(), Centred())
    with pytest.warns(RuntimeWarning, match=r"left out: '2.relu\(\)'; layers="):
        assert list(m.layer_activations(kept, X)) == ["1"]


def test_operations_that_torch_does_not_show_are_named():
    with pytest.warns(RuntimeWarning, match="an operation in 'the module itself' that torch does not show"):
        m.layer_activations(Elsewhere(), X)


def test_recurrent_layers_alone_and_unknown_names():
    with pytest.raises(
        InvalidInputError, match=r"names of submodules \(a, b, .*relu\(\), mul.*received 'tanh\(\) \(call 3\)'"
    ):
        m.layer_activations(Mixed(), X, ["tanh() (call 3)"])
    with pytest.raises(InvalidInputError, match="layers that return a tensor; received layer 'inner' of type Nothing"):
        m.layer_activations(Silent(), X, ["inner"])


class Nothing(nn.Module):
    def forward(self, x):
        return None


class Silent(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.a = Nothing(), nn.Linear(5, 2)

    def forward(self, x):
        self.inner(x)
        return torch.relu(self.a(x))
