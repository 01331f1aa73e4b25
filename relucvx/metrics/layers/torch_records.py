"""The layers of a torch module as records: values from one pass, what follows a layer only where it is asked for."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import torch

from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.layers.hooks import INPUT, Hooked, Passed, Site
from relucvx.metrics.layers.records import Head, Recording, Representation, Rest
from relucvx.metrics.layers.summaries import Summary
from relucvx.types import Array

CONVOLUTIONS = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)

SAME_OUTPUTS = 1e-4
"""Largest difference, relative to the largest output, of outputs that count as the same: float32 passes."""

WIDEST_HEAD = 1024
"""Layers up to this width are tried for an affine map behind them, one forward pass per unit vector."""

SAME_INPUT = 1e-6
"""Largest difference, relative to the largest value, of what a head reads from what a layer holds: rounding of float32."""

MOST_KINDS = 4
"""Types that are named of what made the values of a layer."""

TRIED = 64
"""Samples on which it is tried whether a layer decides the output: a connection that passes it by shows on each."""


def of_torch(
    module: Any,
    X: Any,
    layers: Sequence[str] | None,
    summary: Summary,
    *,
    mask: Any = None,
    project: Any = None,
    batch_size: int | None = None,
    seed: int = 0,
    outputs: bool = True,
    told: Callable[[Any], Any] | None = None,
) -> Recording:
    """Record the layers of a module, and (with ``outputs``) its input and its outputs."""
    hooked = Hooked(module, X, batch_size, summary, mask)
    found = hooked.record(layers, project, seed, outputs, told)
    _tell(hooked, found, module)
    # one pass for all that is asked of the last Linear layer, and none unless it is
    read = cache(hooked.head_input)
    resolution = _resolution(hooked)
    parts, kinds = [], _kinds(hooked, found.sites)
    for site, Z, kind in zip(found.sites, found.values, kinds, strict=False):
        why = _unknown(hooked, found, site)
        part = Representation(
            site.name, Z,
            # the rest of a layer is known only if its values decide the output, a head only if it reads just them
            None if why else partial(_rest, hooked, site, Z, found.outputs),
            None if site.name in found.projections else partial(_head_behind, Z, read, found.outputs),
            why or "a layer passed by a connection, which alone does not decide the output",
            resolution, _values(found, site.name), kind, site.key,
        )  # fmt: skip
        parts.append(part)
    if parts:  # what follows the last layer may be no Linear module alone, but a map all the same
        last = parts[-1]
        parts[-1] = replace(last, find_head=lambda: last.head or _affine_rest(last, found.outputs))
    value = hooked.output
    return Recording(
        tuple(parts), found.outputs, _input(hooked, found, read, resolution), module,
        lambda rows: hooked.inputs.first[rows].double().reshape(len(rows), -1).cpu().numpy(),
        tuple(hooked.inputs.first.shape[1:]),
        () if value is None else summary.shape(value.shape, value.roles),
        {name or "input": projection.facts for name, projection in found.projections.items()},
        _multiplications(hooked), kinds[-1],
    )  # fmt: skip


def _kinds(hooked: Hooked, sites: Sequence[Site]) -> list[str]:
    """What made the values at each site, and the output: "Conv2d + BatchNorm2d + ReLU", say."""
    order, out, last = list(hooked.bends.values), [], -1
    for key in [*(site.key for site in sites), None]:
        at = len(order) if key is None else order.index(key)
        ran = [path for path, _ in order[last + 1 : at] if path in hooked.paths]
        layers = [hooked.paths[path] for path in ran if key is None or not path.startswith(f"{key[0]}.")]
        # weights of its own: a container stands for its parts
        names = [type(layer).__name__ for layer in layers if next(layer.parameters(recurse=False), None) is not None]
        if key is not None:
            layer = hooked.paths.get(key[0])
            names.append(key[0].rpartition(".")[2].removesuffix("()") if layer is None else type(layer).__name__)
        names = list(dict.fromkeys(names))
        out.append(" + ".join(names if len(names) <= MOST_KINDS else ["…", *names[1 - MOST_KINDS :]]) or "output")
        last = max(last, at)
    return out


def _multiplications(hooked: Hooked) -> int:
    """Of weights and values in convolutions, for one sample; those of functions are not counted."""
    found = 0
    for path, call in hooked.bends.values:
        layer, value = hooked.paths.get(path), hooked.bends.main((path, call))
        if isinstance(layer, CONVOLUTIONS) and value is not None:
            found += math.prod(value.shape) * int(layer.weight[0].numel())
    return found


def _tell(hooked: Hooked, found: Passed, module: Any) -> None:
    """Refuse what has no layers, and name the layers that are left out."""
    missed = ", ".join(found.missed)
    if hooked.output is None and not found.sites:
        raise InvalidInputError(
            explain(
                "layers to record, or an output with a row per sample",
                f"a {type(module).__name__} with neither{f'; without a row per sample: {missed}' if missed else ''}",
                "it mixes samples, or its samples are no axis of what it returns",
                "its states as arrays: {'states': module(X)[0].detach()}",
            )
        )
    if missed and (hooked.bends.keys or hooked.bends.unseen):
        warnings.warn(
            f"nonlinear layers without values for each sample are left out: {missed}; layers=[...] chooses others, "
            "and a dict of arrays stands for layers of any kind",
            RuntimeWarning,
            stacklevel=5,
        )


def _unknown(hooked: Hooked, found: Passed, site: Site) -> str:
    """Why the network behind a site cannot be run from what was kept of it; empty where it can."""
    if found.outputs is None:
        return "a network without an output of one row per sample"
    if site.name in found.projections:
        return "values that were projected, from which the layer cannot be had back"
    return (
        "" if hooked.replaceable(site) else "a mean or a maximum over places, from which the layer cannot be had back"
    )


def _input(hooked: Hooked, found: Passed, read: Callable[[], Any], resolution: float | None) -> Representation | None:
    """The (first) input as a layer."""
    Z = found.input
    if Z is None:
        return None
    # nothing lies between two indices, and several inputs are no point
    real = found.outputs is not None and hooked.inputs.real and INPUT not in found.projections
    return Representation(
        "input", Z,
        lambda: hooked.outputs_at if real else None,
        None if INPUT in found.projections else partial(_head_behind, Z, read, found.outputs),
        "indices, several inputs or projected ones, between two of which there is nothing",
        resolution, _values(found, INPUT), "input",
    )  # fmt: skip


def _values(found: Passed, name: str) -> int | None:
    return found.projections[name].width if name in found.projections else None


def _resolution(hooked: Hooked) -> float | None:
    """Relative spacing of the numbers that a module computes in, where it is coarser than double precision."""
    weight = next((p for p in hooked.module.parameters() if p.is_floating_point()), hooked.inputs.first)
    coarse = weight.is_floating_point() and weight.dtype != torch.float64
    return float(torch.finfo(weight.dtype).eps) if coarse else None


def _rest(hooked: Hooked, site: Site, Z: Array, outputs: Array | None) -> Rest | None:
    """The module behind a call, when the values there decide the output.

    They do not where a skip connection passes by. So the same values are presented with the inputs of other samples: the
    outputs must stay as they are. Some samples are tried.
    """
    if outputs is None:
        return None
    rows = np.unique(np.linspace(0, len(Z) - 1, TRIED).astype(np.intp))
    again = hooked.outputs_from(site, Z[rows], shift=max(1, len(Z) // 2))
    scale = float(np.abs(outputs).max())
    if again.shape != outputs[rows].shape or float(np.abs(again - outputs[rows]).max()) > SAME_OUTPUTS * scale:
        return None
    return lambda points: hooked.outputs_from(site, points)


def _affine_rest(layer: Representation, outputs: Array | None) -> tuple[Array, Array] | None:
    """Weights and bias of what follows a layer, when that is affine; from what it does to unit vectors."""
    width = layer.Z.shape[1]
    if layer.rest is None or outputs is None or width > WIDEST_HEAD:
        return None
    images = layer.rest(np.vstack([np.zeros((1, width)), np.eye(width)]))
    bias, weights = images[0], images[1:] - images[0]
    # unit vectors define a map, whether there is one or not: it must also give the recorded outputs
    apart = float(np.abs(layer.Z @ weights + bias - outputs).max())
    return (weights, bias) if apart <= SAME_OUTPUTS * float(np.abs(outputs).max()) else None


def _head_behind(Z: Array, read: Callable[[], Any], outputs: Array | None) -> Head | None:
    """Weights and bias of the last Linear layer, when its input is what the layer holds."""
    found = None if outputs is None else read()
    if found is None:
        return None
    before, weights, bias = found
    part = Z[: len(before)]
    # up to rounding, where the layer's mean was taken here and not in the module
    same = part.shape == before.shape and np.allclose(
        part, before, rtol=SAME_INPUT, atol=SAME_INPUT * np.abs(before).max()
    )
    return (weights, bias) if same else None
