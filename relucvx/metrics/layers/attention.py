"""Convexity of what heads of attention attend to: their decisions on segments between inputs of the layer, sampled."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from relucvx.conversion import is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.convexity import euclidean_convexity
from relucvx.metrics.layers.hooks import Hooked
from relucvx.metrics.layers.watching import Key, Watcher, label_of, parts_of, tensors_in, watched
from relucvx.metrics.samples.class_pairs import Convexity
from relucvx.network.modules import evaluating, is_torch_module
from relucvx.network.torch.modules import layer_by_layer
from relucvx.types import Array, Rng, resolve_rng
from relucvx.validation import as_count


@timed("max_samples=100")
def attention_convexity(
    module: Any,
    X: Any,
    layer: str,
    *,
    query: int | Literal["cls", "last"] = "cls",
    n_pairs: int | None = 200,
    n_points: int = 10,
    max_samples: int | None = 200,
    rng: Rng = None,
    time_limit: float | None = None,
) -> tuple[Convexity, ...]:
    """Share of the segments between inputs of an attention layer on which a head goes on attending to the same token.

    A head with weights a_j = softmax_j(q(z) . k_j(z)) for the query of one token decides for the token argmax_j a_j. For
    pairs of inputs z, z' of the layer with the same decision, points on the segment from z to z' are tried.

    Parameters
    ----------
    module : torch.nn.Module
        A network with attention: ``torch.nn.MultiheadAttention``, ``scaled_dot_product_attention``, or a softmax written out.
    X
        Inputs, as in :func:`relucvx.metrics.layer_activations`.
    layer : str
        Path of the attention module, as in ``named_modules()``.
    query : int, "cls" or "last", default "cls"
        Token that asks: its position, the first or the last.
    n_pairs : int or None, default 200
        Pairs per token attended to, drawn without replacement; None for all.
    n_points : int, default 10
        Points tried on each segment.
    max_samples : int or None, default 200
        Larger data are thinned to so many samples, drawn at random.
    rng : None, int or Generator
        Source of the draws; the same for all heads.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    tuple of Convexity, one per head
        Classes are positions of tokens; those that fewer than two samples attend to count for nothing.

    Raises
    ------
    InvalidInputError
        For a layer that does not exist or did not run, in which no attention is seen, a query outside, masks that differ
        between samples, and as :func:`relucvx.metrics.layer_activations`.

    Notes
    -----
    Scores are products of the input with itself, so these regions are bounded by quadrics and need not be convex. With
    keys that do not depend on the input they are polyhedra, and the score is 1. Nothing is enumerated: a score of 1 says
    that no point tried fell outside.

    Source: [tetkova-2025], read for the decisions of heads.
    Status: sampled evidence (of the segments and points drawn).

    Examples
    --------
    >>> import torch
    >>> import relucvx as rx
    >>> net = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    >>> heads = rx.metrics.attention_convexity(net, torch.randn(20, 5, 8), "self_attn", rng=0)
    >>> len(heads), all(0 <= head.overall <= 1 for head in heads)
    (2, True)
    """
    if not is_torch_module(module):
        raise InvalidInputError(explain("a torch.nn.Module with attention", type(module).__name__))
    n_pairs = None if n_pairs is None else as_count(n_pairs, "n_pairs", optional=True)
    limit = None if max_samples is None else as_count(max_samples, "max_samples", least=2, optional=True)
    generator = resolve_rng(rng)
    hooked = Hooked(module, X)
    heads = _Heads.of(hooked, layer, limit, generator)
    decided = heads.decisions(heads.points, query)
    seed = int(generator.integers(2**32))

    def decides(head: int) -> Callable[[Array], Array]:
        return lambda points: heads.decisions(points, query)[:, head]

    return tuple(
        euclidean_convexity(heads.points, decided[:, head], decides(head), n_pairs, n_points, rng=seed)
        for head in range(decided.shape[1])
    )


@dataclass(frozen=True)
class _Heads:
    """An attention module alone, with what it was given: the sample's tokens, and whatever else."""

    layer: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    tokens: Any
    axis: int
    batch: int

    @classmethod
    def of(cls, hooked: Hooked, layer: str, limit: int | None, rng: np.random.Generator) -> _Heads:
        """Run the network once, and keep what the layer is given."""
        site = hooked.sites([layer])[0]
        if site.path not in hooked.paths:
            raise InvalidInputError(
                explain("the path of an attention module", repr(layer), "a function", "named_modules()")
            )
        n = len(hooked.inputs)
        rows = np.arange(n) if limit is None or n <= limit else np.sort(rng.choice(n, limit, replace=False))
        seen = _Given(site.key)
        with watched(hooked.module, hooked.paths, seen, functions=False):
            hooked.forward(hooked.inputs.rows(rows))
        args, kwargs = seen.given
        real = [t for t in tensors_in((args, kwargs)) if t.is_floating_point() and t.ndim >= 3]
        if not real or real[0].shape[site.axis] != len(rows):
            raise InvalidInputError(
                explain("a layer that is given tokens (n, T, d)", f"{layer!r}, which is not", "", "named_modules()")
            )
        others = [t for t in tensors_in((args, kwargs)) if all(t is not r for r in real)]
        for t in others:  # between two samples with other masks lies none
            if t.ndim > 0 and len(t) == len(rows) and bool((t != t[:1]).any()):
                raise InvalidInputError(
                    explain("the same mask for all samples", f"masks of shape {tuple(t.shape)} that differ", "",
                            "samples with as many tokens")
                )  # fmt: skip
        return cls(hooked.paths[site.path], args, kwargs, real[0], site.axis, hooked.batch_size)

    @property
    def points(self) -> Array:
        """The tokens of every sample, flattened."""
        moved = self.tokens.movedim(self.axis, 0).double().cpu().numpy()
        return np.array(moved.reshape(len(moved), -1))

    def decisions(self, points: Array, query: int | str) -> Array:
        """Which token each head attends to most, of shape (m, heads)."""
        out = []
        for first in range(0, len(points), self.batch):
            part = torch.from_numpy(points[first : first + self.batch])
            out.append(_asked(self._weights(part), query).argmax(dim=-1).cpu().numpy())
        return np.concatenate(out)

    def _weights(self, points: Any) -> Any:
        """The weights (or their logarithms) of all heads, (m, heads, queries, keys)."""
        shape = list(self.tokens.movedim(self.axis, 0).shape[1:])
        new = points.reshape(len(points), *shape).to(self.tokens.device, self.tokens.dtype).movedim(0, self.axis)

        def swap(value: Any) -> Any:
            if value is self.tokens:
                return new
            if isinstance(value, dict):
                return {name: swap(part) for name, part in value.items()}
            if isinstance(value, (list, tuple)):
                return type(value)(map(swap, value))
            # a mask that is the same for all samples
            batched = hasattr(value, "detach") and value.ndim > 0 and len(value) == self.tokens.shape[self.axis]
            return value[:1].expand(len(points), *value.shape[1:]) if batched and value.dtype == torch.bool else value

        seen = _Weights()
        with evaluating(self.layer), layer_by_layer(), torch.no_grad(), watched(self.layer, parts_of(self.layer), seen):
            self.layer(*swap(self.args), **swap(self.kwargs))
        found = seen.found
        if found is not None and found.ndim == 3:
            found = found[:, None]
        if found is None or found.ndim != 4 or len(found) != len(points):
            raise InvalidInputError(
                explain(
                    "a layer with attention: MultiheadAttention, scaled_dot_product_attention or a softmax (n, heads, T, T)",
                    f"a {type(self.layer).__name__} with {'none' if found is None else f'one of shape {tuple(found.shape)}'}",
                    "another layer, or heads merged with samples",
                    "the path of the attention module",
                )
            )
        return found


def _asked(weights: Any, query: Any) -> Any:
    """The weights of one query."""
    if is_word(query, ("cls", "last")):
        return weights[:, :, 0 if query == "cls" else -1]
    at = as_count(query, "query", least=0, most=weights.shape[2] - 1, cause=f"there are {weights.shape[2]} tokens")
    return weights[:, :, at]


class _Given(Watcher):
    """Keeps what one call of a submodule is given."""

    def __init__(self, key: Key) -> None:
        super().__init__()
        self.key = key
        self.given: tuple[Any, Any] = ((), {})

    def entered(self, key: Key, args: Any) -> None:
        """A submodule is about to run."""
        if key == self.key:
            self.given = args


class _Weights(Watcher):
    """Keeps the first weights of attention that a module computes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Any = None

    def function(self, key: Key, func: Any, args: Any, kwargs: Any) -> Any:
        """A function is called."""
        name = label_of("", func)[:-2]
        if name == "multi_head_attention_forward":
            out = func(*args, **{**kwargs, "need_weights": True, "average_attn_weights": False})
            self._keep(out[1])
            return out
        if name == "scaled_dot_product_attention":
            self._keep(_scores(*args, **kwargs))
        out = func(*args, **kwargs)
        if name == "softmax" and out.ndim >= 3:
            self._keep(out)
        return out

    def _keep(self, weights: Any) -> None:
        self.found = weights if self.found is None else self.found


def _scores(
    q: Any,
    k: Any,
    v: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: Any = None,
    **_: Any,
) -> Any:
    """What the softmax of scaled_dot_product_attention is taken of: the largest weight has the largest score."""
    scores = q @ k.transpose(-2, -1) * (1.0 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril()
    if attn_mask is None:
        return scores
    return scores.masked_fill(~attn_mask, -torch.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
