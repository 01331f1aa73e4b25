"""Tokens, pools, inputs and outputs of models that people have: against plain hooks, whatever axis is whose."""

import numpy as np
import pytest
import torch
from metrics.layers import models
from torch import nn

import relucvx.metrics as m
from relucvx.errors import InvalidInputError
from relucvx.metrics.layers.representations import record

RNG = np.random.default_rng(0)
N = 7
IMAGES = RNG.standard_normal((N, 3, 8, 8))
WORDS = RNG.integers(1, 11, (N, N))  # as many tokens as samples
STEPS = RNG.standard_normal((N, N, 5))
MASK = (np.arange(N) < np.arange(1, N + 1)[:, None]).astype(int)


def made(make, **options):
    torch.manual_seed(0)
    return make(**options).eval()


def hooked(module, path, *args, **kwargs):
    """What a submodule returns, in double precision, by a plain hook."""
    seen = []
    # a copy: what follows may work in place
    handle = dict(module.named_modules())[path].register_forward_hook(lambda _, given, out: seen.append(out.clone()))
    with torch.no_grad():
        module(*args, **kwargs)
    handle.remove()
    return seen[-1].double().numpy()


def single(X):
    return torch.from_numpy(X).float()


# ------------------------------------------------------------------ tokens of sequences
TOKEN = {
    "cls": lambda Z: Z[:, 0],
    "last": lambda Z: Z[:, -1],
    "mean": lambda Z: Z.mean(1),
    "all": lambda Z: Z.reshape(N, -1),
}


@pytest.mark.parametrize("tokens", TOKEN)
@pytest.mark.parametrize(
    ("make", "X", "path"),
    [(models.ViT, IMAGES, "norm"), (models.ViT, IMAGES, "blocks.0.act"), (models.GPT, WORDS, "norm")],
)
def test_tokens_of_transformers(make, X, path, tokens):
    net = made(make)
    Z = hooked(net, path, single(X) if X is IMAGES else torch.from_numpy(X))
    found = m.layer_activations(net, X, [path], tokens=tokens)[path]
    np.testing.assert_allclose(found, TOKEN[tokens](Z), rtol=1e-5, atol=1e-6)


def test_heads_are_features_of_a_token():
    """(n, heads, tokens, size): the axis of the tokens stands between two of features."""
    net = made(models.ViT)
    name = "blocks.0.attn.matmul() (call 2)"
    whole = m.layer_activations(net, IMAGES, [name])[name].reshape(N, 3, 5, 4)
    cls = m.layer_activations(net, IMAGES, [name], tokens="cls")[name]
    np.testing.assert_array_equal(cls, whole[:, :, 0].reshape(N, 12))


@pytest.mark.parametrize("batch_first", [True, False])
def test_as_many_steps_as_samples_are_not_read_as_samples(batch_first):
    net = made(models.Recurrent, batch_first=batch_first)
    X = single(STEPS)
    out, (state, cell) = (t for t in net.lstm(X if batch_first else X.transpose(0, 1)))
    out = (out if batch_first else out.transpose(0, 1)).detach().numpy()
    for tokens, keep in TOKEN.items():
        found = m.layer_activations(net, STEPS, ["lstm", "lstm[1]", "lstm[2]"], tokens=tokens)
        np.testing.assert_allclose(found["lstm"], keep(out), atol=1e-6)
        # the second and third tensor that the layer returns: (1, n, 6), of one step
        np.testing.assert_allclose(found["lstm[1]"], state[0].detach(), atol=1e-6)
        np.testing.assert_allclose(found["lstm[2]"], cell[0].detach(), atol=1e-6)
    with pytest.raises(InvalidInputError, match=r"layers that return a tensor; received layer 'lstm'.* 3 of them"):
        m.layer_activations(net, STEPS, ["lstm[3]"])


# ------------------------------------------------------------------ pools of images and signals
@pytest.mark.parametrize(
    ("make", "X", "path", "axes"),
    [
        (models.ResNet, IMAGES, "layers.2.bn1", (2, 3)),
        (models.Last, IMAGES, "deep", (2, 3)),
        (models.Last, IMAGES, "up", (1, 2)),  # features behind
        (models.Signal, RNG.standard_normal((N, 2, 9)), "conv2", (2,)),
    ],
)
def test_pools_over_places(make, X, path, axes):
    net = made(make, **({"width": 4} if make is models.ResNet else {}))
    Z = hooked(net, path, single(X))
    for pool, keep in (("mean", Z.mean(axes)), ("max", Z.max(axes)), ("none", Z.reshape(N, -1))):
        found = m.layer_activations(net, X, [path], pool=pool, tokens="cls")[path]
        np.testing.assert_allclose(found, keep, rtol=1e-5, atol=1e-6)


def test_layers_over_tokens_have_none_left():
    """A Linear layer over tokens makes features of them."""
    net = made(models.Mixer)
    X = RNG.standard_normal((N, 7, 12))
    shapes = {name: Z.shape[1] for name, Z in m.layer_activations(net, X, tokens="mean").items()}
    assert shapes == {"norm1": 7, "over_tokens.1": 35, "norm2": 7, "over_features.1": 6}


def test_recorded_arrays_are_summed_up_by_their_shape():
    Z = RNG.standard_normal((N, 4, 3))
    images = RNG.standard_normal((N, 2, 5, 5))
    found = m.layer_activations({"a": Z, "b": images, "c": Z[:, 0]}, tokens="mean", pool="max")
    np.testing.assert_allclose(found["a"], Z.mean(1))
    np.testing.assert_allclose(found["b"], images.max((2, 3)))
    np.testing.assert_allclose(found["c"], Z[:, 0])


# ------------------------------------------------------------------ inputs and outputs of any form
@pytest.mark.parametrize("kind", ["dict", "class", "tuple"])
def test_dicts_tuples_and_data_classes(kind):
    net = made(models.Bert, kind=kind)
    named = {"input_ids": WORDS, "attention_mask": MASK, "return_dict": True}
    found = record(net, named, ["norm"], batch_size=3)
    Z = hooked(net, "norm", torch.from_numpy(WORDS), torch.from_numpy(MASK))
    np.testing.assert_allclose(found.layers[0].Z, Z.reshape(N, -1), atol=1e-5)
    np.testing.assert_allclose(found.outputs, net.classifier(torch.from_numpy(Z[:, 0]).float()).detach(), atol=1e-5)
    placed = record(net, (WORDS, torch.from_numpy(MASK)), ["norm"])
    np.testing.assert_allclose(placed.layers[0].Z, found.layers[0].Z, atol=1e-6)
    assert found.input.Z.shape == (N, N)
    assert found.input.rest is None


def test_masked_tokens_count_for_nothing():
    net = made(models.Bert)
    named = {"input_ids": torch.from_numpy(WORDS), "attention_mask": torch.from_numpy(MASK)}
    Z = hooked(net, "norm", **named)
    lengths = MASK.sum(1)
    mean = np.stack([Z[i, :k].mean(0) for i, k in enumerate(lengths)])
    for options in ({}, {"mask": MASK == 1}):
        found = m.layer_activations(net, named, ["norm"], tokens="mean", batch_size=2, **options)["norm"]
        np.testing.assert_allclose(found, mean, rtol=1e-5, atol=1e-6)
    last = m.layer_activations(net, named, ["norm"], tokens="last")["norm"]
    np.testing.assert_allclose(last, Z[np.arange(N), lengths - 1], rtol=1e-6)
    with pytest.raises(InvalidInputError, match=r"mask of shape \(7, tokens\); received shape \(6, 7\)"):
        m.layer_activations(net, named, mask=MASK[1:])


# ------------------------------------------------------------------ half precision
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_measured_in_double(dtype):
    net = made(models.ViT).to(dtype)
    found = m.layer_activations(net, IMAGES, ["norm"], tokens="mean")["norm"]
    Z = hooked(net, "norm", torch.from_numpy(IMAGES).to(dtype))
    np.testing.assert_allclose(found, Z.mean(1), rtol=1e-12)  # a mean in half precision is off by 1e-3
    assert found.dtype == np.float64
    with pytest.raises(InvalidInputError, match=r"numbers that torch.float16 holds"):
        m.layer_activations(made(models.ViT).half(), 1e6 * IMAGES)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_profiles_in_half_precision(dtype):
    X, labels = RNG.standard_normal((60, 5)), np.arange(60) % 3
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))
    whole = m.profile(net, X, labels, n_pairs=20, n_lines=5, rng=0)
    half = m.profile(net.to(dtype), X, labels, n_pairs=20, n_lines=5, rng=0)
    assert list(half.columns) == list(whole.columns)
    assert half.notna().equals(whole.notna())
    for column in ("nc1", "participation_ratio", "cka_output", "euclidean_convexity", "line_regions"):
        np.testing.assert_allclose(half[column], whole[column], rtol=0.1, equal_nan=True)


# ------------------------------------------------------------------ what follows a layer
def test_the_class_token_of_the_last_layer_decides_and_is_read_by_the_head():
    net = made(models.ViT).double()
    found = record(net, IMAGES, tokens="cls")
    rests = {layer.name: layer.rest for layer in found.layers}
    assert rests["norm"] is not None
    assert rests["blocks.0.act"] is None  # others pass it by
    np.testing.assert_allclose(rests["norm"](found.layers[-1].Z), found.outputs, rtol=1e-12)
    weights, bias = found.layers[-1].head
    np.testing.assert_array_equal(weights, net.head.weight.detach().numpy().T)
    np.testing.assert_allclose(found.layers[-1].Z @ weights + bias, found.outputs, rtol=1e-12)


def test_the_pooled_last_layer_of_a_convolutional_network_is_read_by_its_head():
    net = made(models.ResNet, width=4)
    found = record(net, np.repeat(IMAGES, 10, axis=0) + RNG.standard_normal((70, 3, 8, 8)), pool="mean")
    last = found.layers[-1]
    assert last.rest is None
    assert "from which the layer cannot be had back" in last.why
    weights, bias = last.head
    np.testing.assert_allclose(last.Z @ weights + bias, found.outputs, rtol=1e-3, atol=1e-4)


def test_a_language_model_is_profiled_at_its_last_token():
    net, words = made(models.GPT), RNG.integers(1, 11, (40, 6))
    labels = np.arange(40) % 3
    found = m.profile(net, words, labels, tokens="last", n_pairs=10, rng=0)
    assert found.loc["output", "width"] == 11
    assert found.loc["norm", ["nc3", "nc4", "euclidean_convexity_decisions"]].notna().all()
    assert found.attrs["tokens"] == "last"
    flat = m.profile(net, words, labels, metrics=["graph_convexity_decisions", "nc1"], rng=0)
    assert "one row of class scores per sample; received outputs of shape (6, 11)" in str(flat.attrs["left_out"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokens": "first"}, "tokens among all, mean, cls, last; received 'first'"),
        ({"pool": "avg"}, "pool among none, mean, max; received 'avg'"),
        ({"project": 3}, "project to be an int >= 8 or None"),
        ({"batch_size": 2.5}, "batch_size to be an int"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(InvalidInputError, match=message):
        m.layer_activations(made(models.ViT), IMAGES, **options)


def test_inputs_of_different_lengths_are_refused():
    with pytest.raises(InvalidInputError, match=r"X of shape \(n, ...\).*received shape \(7, 7\), \(6, 7\)"):
        m.layer_activations(made(models.Bert), {"input_ids": WORDS, "attention_mask": MASK[1:]})
