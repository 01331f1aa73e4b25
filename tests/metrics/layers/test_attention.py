"""Decisions of heads of attention on segments: against formulas written out, and where regions must be convex."""

import numpy as np
import pytest
import torch
from metrics.layers import models
from torch import nn
from torch.nn import functional as F

import relucvx.metrics as m
from relucvx.errors import InvalidInputError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((24, 5, 12))


class Fixed(nn.Module):
    """Keys and values that do not depend on the input."""

    def __init__(self):
        super().__init__()
        self.q, self.keys = nn.Linear(12, 12), nn.Parameter(torch.randn(3, 6, 4))

    def forward(self, x):
        q = self.q(x).reshape(len(x), -1, 3, 4).transpose(1, 2)
        return F.scaled_dot_product_attention(
            q, self.keys.expand(len(x), -1, -1, -1), self.keys.expand(len(x), -1, -1, -1)
        )


class Net(nn.Module):
    def __init__(self, attention):
        super().__init__()
        torch.manual_seed(1)
        self.norm, self.attn, self.head = nn.LayerNorm(12), attention, nn.Linear(12, 3)

    def forward(self, x):
        out = self.attn(self.norm(x))
        return self.head((out[0] if isinstance(out, tuple) else out).flatten(1)[:, :12])


class Self(nn.MultiheadAttention):
    """torch's attention of a sequence with itself."""

    def forward(self, x):
        return super().forward(x, x, x, need_weights=False)


def by_hand(tokens, weights, bias, heads, query, causal=False):
    """Positions with the largest score, written out in numpy for one token that asks."""
    n, T, d = tokens.shape
    q, k = (tokens @ w.T + b for w, b in zip(np.split(weights, 3)[:2], np.split(bias, 3)[:2], strict=True))
    q, k = (part.reshape(n, T, heads, d // heads) for part in (q, k))
    scores = np.einsum("nhe,nthe->nht", q[:, query], k)
    if causal:
        scores[:, :, query + 1 :] = -np.inf
    return scores.argmax(-1)


@pytest.mark.parametrize("kind", ["written out", "torch's"])
@pytest.mark.parametrize(("query", "at"), [("cls", 0), ("last", 4), (2, 2)])
def test_all_pairs_against_scores_written_out(kind, query, at):
    torch.manual_seed(0)
    attention = models.Heads(12, 3) if kind == "written out" else Self(12, 3, batch_first=True)
    net = Net(attention).double()
    made = (attention.qkv.weight, attention.qkv.bias) if kind == "written out" else (
        attention.in_proj_weight, attention.in_proj_bias,
    )  # fmt: skip
    weights, bias = (part.detach().numpy() for part in made)
    found = m.attention_convexity(net, X, "attn", query=query, n_pairs=None, n_points=3)
    tokens = net.norm(torch.from_numpy(X)).detach().numpy()
    decided = by_hand(tokens, weights, bias, 3, at)
    assert len(found) == 3
    for head, score in enumerate(found):
        shares = {}
        for token in np.unique(decided[:, head]):
            members = np.flatnonzero(decided[:, head] == token)
            values = [
                np.mean([
                    by_hand((1 - t) * tokens[[i]] + t * tokens[[j]], weights, bias, 3, at)[0, head] == token
                    for t in (0.25, 0.5, 0.75)
                ])
                for i in members for j in members if i < j
            ]  # fmt: skip
            if values:
                shares[int(token)] = np.mean(values)
        assert {k: v for k, v in score.per_class.items() if v == v} == pytest.approx(shares)
        assert 0.0 < score.overall < 1.0


def test_keys_that_do_not_depend_on_the_input_have_convex_regions():
    for score in m.attention_convexity(Net(Fixed()).double(), X, "attn", query=1, n_pairs=None):
        assert score.overall == 1.0


def test_models_that_people_have_and_the_same_draws():
    images = RNG.standard_normal((30, 3, 8, 8))
    net = models.ViT()
    first, second = (m.attention_convexity(net, images, "blocks.1.attn", max_samples=20, rng=3) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_equal(one.per_class, other.per_class)
    words = RNG.integers(1, 11, (20, 7))
    causal = m.attention_convexity(models.GPT(), words, "blocks.0.attn", query="cls")
    assert all(score.overall == 1.0 for score in causal)  # the first token sees itself alone
    assert len(m.attention_convexity(models.GPT().bfloat16(), words, "blocks.0.attn", query="last", rng=0)) == 3


class Fused(nn.Module):
    """The same heads as those written out, through the function of torch."""

    def __init__(self, heads, causal):
        super().__init__()
        self.inner, self.causal = heads, causal

    def forward(self, x):
        q, k, v = self.inner.qkv(x).reshape(len(x), -1, 3, 3, 4).permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.inner.proj(out.transpose(1, 2).reshape(x.shape))


@pytest.mark.parametrize("causal", [False, True])
def test_functions_of_attention_are_read(causal):
    torch.manual_seed(0)
    heads = models.Heads(12, 3, causal=causal)
    written, fused = Net(heads).double(), Net(Fused(heads, causal)).double()
    pairs = [m.attention_convexity(net, X, "attn", query=2, n_pairs=None) for net in (written, fused)]
    for one, other in zip(*pairs, strict=True):
        np.testing.assert_equal(one.per_class, other.per_class)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: m.attention_convexity(Net(models.Heads(12, 3)), X, "norm"),
            "a layer with attention: Multihead.* LayerNorm",
        ),
        (
            lambda: m.attention_convexity(Net(models.Heads(12, 3)), X, "attn", query=5),
            "query to be an int from 0 to 4",
        ),
        (lambda: m.attention_convexity(Net(models.Heads(12, 3)), X, "attention"), "names of submodules"),
        (lambda: m.attention_convexity(object(), X, "attn"), "a torch.nn.Module with attention"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
