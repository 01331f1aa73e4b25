"""The layers of a network or of a recording as matrices with one row per sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from relucvx.conversion import as_list, is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.limits import timed
from relucvx.metrics.layers.projection import Projection, as_columns, planned
from relucvx.metrics.layers.records import Activations, Recording, Representation
from relucvx.metrics.layers.roles import per_sample
from relucvx.metrics.layers.summaries import Summary
from relucvx.network import DeepNetwork, TwoLayerReLU, is_torch_module
from relucvx.progress import Shown, watched
from relucvx.types import Array, ArrayLike, Rng, resolve_rng
from relucvx.validation import as_count, as_flat_matrix, as_matrix, as_numpy

torch = later("torch")

ACCEPTED = "a torch.nn.Module, TwoLayerReLU, DeepNetwork, or recorded layers (a list or dict of arrays (n, p))"


@timed("layer_activations(module, X[:100])")
def layer_activations(
    module: Any,
    X: Any = None,
    layers: Sequence[str] | None = None,
    *,
    tokens: Literal["all", "mean", "cls", "last"] = "all",
    pool: Literal["none", "mean", "max"] = "none",
    mask: ArrayLike | None = None,
    project: int | Literal["auto"] | None = None,
    batch_size: int | None = None,
    rng: Rng = 0,
    progress: Shown = "auto",
    time_limit: float | None = None,
) -> dict[str, Array]:
    """Values of the hidden layers of a network at given inputs, one matrix (n, p) per layer.

    Parameters
    ----------
    module : torch.nn.Module, TwoLayerReLU, DeepNetwork, anything with such a ``network``, or recorded layers
        Recorded layers are a sequence or a dict of arrays (n, ...), passed through after checks.
    X : array_like or tensor of shape (n, ...), tuple of them, or dict of them, optional
        Inputs; of a torch module also a tuple of arguments, or a dict of named ones (``tokenizer(texts)``), each with one
        entry of the first axis per sample. Not needed, and not used, for recorded layers.
    layers : sequence of str, optional
        Names to record. Torch: dotted names as in ``named_modules()``, of submodules of any kind, and of functions called
        in them (``"block.relu()"``); with ``[k]`` the k-th tensor that a call returns (``"lstm[1]"``, its last state).
        Default every layer behind which values bend, whether a module (ReLU, an activation of one's own, LayerNorm,
        attention, LSTM, pooling) or a function (``F.relu``, ``x.abs()``), or every leaf where a module is linear.
        Networks of this package: "hidden 0", "hidden 1", ... behind the activation.
    tokens : {"all", "mean", "cls", "last"}
        What is kept of a sequence, tokens or steps with features behind them: every token (n, T·d), their mean, the first
        (where a class token stands) or the last (n, d).
    pool : {"none", "mean", "max"}
        What is kept of an image, or of a signal with its channels in front: every place, or per channel the mean or the
        largest value over all places.
    mask : array_like of shape (n, T), optional
        Zero at tokens that only fill a row up: these count for no mean, and the last token is the last of the others, in
        layers of T tokens. Default the entry "attention_mask" of X, where it has one.
    project : int, "auto" or None, default None
        Layers with more than so many values per sample are multiplied by a sparse random matrix with so many columns
        (rounded down to a multiple of four). ``"auto"`` does so only where all layers together take more than half a GiB.
    batch_size : int, optional
        Samples per forward pass of a torch module; default as many as keep the largest value in a quarter GiB, at most
        1024.
    rng : None, int or Generator, default 0
        Of the random matrices.
    progress : {"auto", True, False}
        As in :func:`relucvx.solve`.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    dict of str to ndarray (n, p), float64
        In the order in which the layers run; where a layer returns several tensors the one called "logits", else the
        first. A torch module or function that runs several times appears once per call, as "relu (call 1)", "relu
        (call 2)", or under its own names where it has as many. Its attribute ``projected`` has for each projected layer
        ``width``, ``columns``, ``sd_bound``, and of the distances of a few samples ``rms_seen``, ``largest_seen`` and
        ``pairs_seen``.

    Raises
    ------
    InvalidInputError
        For an object of another kind, a layer that is unknown, did not run, returns nothing with a row per sample, or
        is not finite (each named), inputs that do not fit, and, before the network runs, values that do not fit in memory.

    Warns
    -----
    RuntimeWarning
        When the default has to leave out a nonlinear layer, because its values are not one row per sample; it is named.

    Notes
    -----
    The network runs once for all layers, after two passes over at most three samples: these find the layers, and which
    axes of a value count samples, places and features (an axis of as many steps as there are samples is not taken for
    them). Axes are what layers with weights make them, and views are followed; where nothing says it, two axes are steps
    with features, and of more the first has the features. To find the layers every function that meets the data is tried
    at random values: it bends where f(p) + f(q) is not 2 f((p + q)/2). Steps that only feed other steps of the same
    formula (the scores in attention, a product) are not listed.

    Torch modules run in eval mode without gradients on the device they are on; modes, hooks and inputs are afterwards as
    before. Inputs take the module's dtype; integers stay integers where the module has an embedding, as its indices, and
    in tuples and dicts. Values of half precision are measured in double precision, and means are taken there.
    Compiled modules are run as they were written.

    A projection keeps squared distances on average; of each, over the draws of the matrix, the relative standard
    deviation is at most (2/columns)^(1/2) (``sd_bound``). Ranks are at most the number of columns.

    Source: [relucvx]; the projections are the sparse ones of Kane and Nelson (2014).
    Status: theorem (values as computed; a projection is unbiased with the variance stated).

    Examples
    --------
    >>> import torch
    >>> import relucvx as rx
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 2), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(27, 1))
    >>> images = torch.randn(2, 1, 4, 4)
    >>> {name: Z.shape for name, Z in rx.metrics.layer_activations(net, images).items()}
    {'1': (2, 27)}
    >>> rx.metrics.layer_activations(net, images, pool="mean")["1"].shape
    (2, 3)
    """
    with watched("layers", progress, None) as told:
        found = record(
            module, X, layers, tokens=tokens, pool=pool, mask=mask, project=project, batch_size=batch_size,
            seed=_seed(rng), outputs=False, told=told,
        )  # fmt: skip
    out = Activations((layer.name, layer.Z) for layer in found.layers)
    out.projected = found.projected
    return out


def record(
    module: Any,
    X: Any,
    layers: Sequence[str] | None = None,
    *,
    tokens: str = "all",
    pool: str = "none",
    mask: Any = None,
    project: Any = None,
    batch_size: int | None = None,
    seed: int = 0,
    outputs: bool = True,
    told: Callable[[Any], Any] | None = None,
) -> Recording:
    """As :func:`layer_activations`, with the outputs, the input as a layer, and what follows each layer."""
    batch_size = None if batch_size is None else as_count(batch_size, "batch_size", optional=True)
    summary, project = Summary.of(tokens, pool), as_columns(project)
    if isinstance(layers, str):
        layers = [layers]
    # a result carries the network it is about; a torch module may call one of its own parts so
    if not is_torch_module(module):
        module = getattr(module, "network", module)
    if isinstance(module, TwoLayerReLU):
        module = DeepNetwork.from_two_layer(module)
    recorded = isinstance(module, (Mapping, list, tuple))
    if X is None and not recorded and (is_torch_module(module) or isinstance(module, DeepNetwork)):
        raise InvalidInputError(explain("inputs X of shape (n, d)", "None", "only recorded layers need no inputs"))
    if is_torch_module(module):
        from relucvx.metrics.layers.torch_records import of_torch

        return of_torch(
            module, X, layers, summary, mask=mask, project=project, batch_size=batch_size, seed=seed, outputs=outputs,
            told=told,
        )  # fmt: skip
    if isinstance(module, DeepNetwork):
        return _projected(_of_deep(module, X, layers), project, seed)
    if recorded:
        return _projected(_of_arrays(module, X, layers, summary, mask), project, seed)
    raise InvalidInputError(explain(ACCEPTED, f"{type(module).__module__}.{type(module).__qualname__}"))


def _of_deep(net: DeepNetwork, X: Any, layers: Sequence[str] | None) -> Recording:
    X = as_matrix(X, "X")
    hidden = [as_matrix(H, f"layer 'hidden {k}'") for k, H in enumerate(net.hidden(X))]
    outputs = as_matrix(net.predict(X), "the output", allow_vector=True)
    found = [_of_part(net, k, f"hidden {k}", H) for k, H in enumerate(hidden)]
    first = _of_part(net, -1, "input", X)
    found = [replace(layer, kind=f"Linear + {net.activation.name}") for layer in found]
    return Recording(
        _select(found, layers), outputs, replace(first, kind="input"), net, lambda rows: X[rows], X.shape[1:],
        outputs.shape[1:], output_kind="Linear",
    )  # fmt: skip


def _projected(recording: Recording, project: int | str | None, seed: int) -> Recording:
    """Wide layers in fewer columns, as :func:`layer_activations` says."""
    if project is None:
        return recording
    parts = [*recording.layers, *([] if recording.input is None else [recording.input])]
    columns = planned({part.name: part.Z.shape[1] for part in parts}, len(parts[0].Z) if parts else 0, project)
    facts: dict[str, dict[str, Any]] = {}

    def shorter(part: Representation) -> Representation:
        if part.name not in columns:
            return part
        projection = Projection(part.Z.shape[1], columns[part.name], seed)
        Z, facts[part.name] = projection(part.Z), projection.facts
        why = "values that were projected, from which the layer cannot be had back"
        return Representation(part.name, Z, why=why, values=projection.width, kind=part.kind)

    layers = tuple(map(shorter, recording.layers))
    first = None if recording.input is None else shorter(recording.input)
    return replace(recording, layers=layers, input=first, projected=facts)


def _of_part(net: DeepNetwork, position: int, name: str, Z: Array) -> Representation:
    weights = net.weights[position + 1 :]
    biases = None if net.biases is None else net.biases[position + 1 :]
    behind = DeepNetwork(weights, biases, net.activation)
    last = None if biases is None else biases[-1]
    # with one map left what follows is affine: the head
    head = (weights[0], np.zeros(net.n_outputs) if last is None else last) if len(weights) == 1 else None
    return Representation(name, Z, lambda: behind.predict, lambda: head)


def _of_arrays(given: Any, X: Any, layers: Sequence[str] | None, summary: Summary, mask: Any) -> Recording:
    named = given.items() if isinstance(given, Mapping) else ((f"layer {k}", value) for k, value in enumerate(given))
    found = [Representation(str(name), _kept(value, f"layer {str(name)!r}", summary, mask)) for name, value in named]
    if not found:
        raise InvalidInputError(explain("at least one recorded layer", "none", "an empty list or dict"))
    first = None if X is None else Representation("input", as_flat_matrix(X, "X"), kind="input")
    n = len(found[0].Z if first is None else first.Z)
    for layer in found:
        if len(layer.Z) != n:
            raise InvalidInputError(
                explain(
                    f"layer {layer.name!r} with {n} rows, as many as {'the first layer' if first is None else 'X'}",
                    f"{len(layer.Z)} rows",
                    "one array was taken for a list of layers, or layers were recorded on other samples",
                    "[Z_1, Z_2, ...] with one row per sample each",
                )
            )
    return Recording(_select(found, layers), None, first)


def _select(found: list[Representation], layers: Sequence[str] | None) -> tuple[Representation, ...]:
    layers = None if layers is None else as_list(layers, "layers")
    unknown = [name for name in layers or () if not is_word(name, [layer.name for layer in found])]
    if unknown:
        known = ", ".join(repr(layer.name) for layer in found)
        raise InvalidInputError(explain(f"layers among {known}", ", ".join(repr(name) for name in unknown)))
    return tuple(layer for layer in found if layers is None or layer.name in layers)


def _kept(value: Any, name: str, summary: Summary, mask: Any) -> Array:
    """What is kept of a recorded layer, whose axes are what its shape says."""
    raw = as_numpy(value, name)
    shape = raw.shape[1:]
    roles = per_sample(None, 0, shape)
    if raw.ndim < 3 or raw.size == 0 or summary.way(roles) == "whole":
        return as_flat_matrix(raw, name)
    flat = as_flat_matrix(raw, name).reshape(raw.shape)
    return np.asarray(summary.rows(torch.from_numpy(flat), roles, None if mask is None else torch.as_tensor(mask)))


def _seed(rng: Rng) -> int:
    return int(resolve_rng(rng).integers(2**32))
