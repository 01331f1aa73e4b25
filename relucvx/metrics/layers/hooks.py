"""Values inside torch modules of any structure, read and replaced where calls pass by; the module is left as it was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from relucvx.errors import InvalidInputError, RelucvxError, explain
from relucvx.metrics.layers.bends import Bends, find_bends
from relucvx.metrics.layers.watching import Key, Watcher, first_tensor, parts_of, tensors_in, watched, with_first
from relucvx.network.modules import evaluating
from relucvx.network.torch_modules import layer_by_layer, plain_path, unwrapped
from relucvx.types import Array
from relucvx.validation import as_matrix

HEAD_SAMPLES = 64
"""Samples on which the input of the last Linear layer is compared with the layers recorded."""


@dataclass(frozen=True)
class Site:
    """One call of one submodule, or of a function in it, in a forward pass; the shape of a sample's value there.

    ``axis`` is the one that counts the samples; a function's path ends with ``()``.
    """

    name: str
    path: str
    call: int
    shape: tuple[int, ...]
    axis: int = 0


@dataclass(frozen=True)
class Passed:
    """What one pass over the samples recorded.

    Attributes
    ----------
    sites : tuple of Site
        In the order in which they ran.
    values : list of ndarray, each (n, p)
        Values at the sites, flattened, in float64.
    outputs : ndarray of shape (n, c) or None
        None when the module returns something else than one tensor with a row per sample.
    missed : tuple of str
        Layers of the default choice that could not be recorded.
    """

    sites: tuple[Site, ...]
    values: list[Array]
    outputs: Array | None
    missed: tuple[str, ...] = ()


class Hooked:
    """A torch module and its inputs, on the module's own device and in its own dtype."""

    def __init__(self, module: Any, X: Any, batch_size: int) -> None:
        _check_hookable(module)
        self.module, self.batch_size = unwrapped(module), batch_size
        self.X = _inputs(self.module, X)
        self.real = bool(self.X.is_floating_point())  # not so where they are indices of an embedding
        self.paths = parts_of(self.module)

    @cached_property
    def bends(self) -> Bends:
        """Where the module is not linear, and which axes count its samples."""
        return find_bends(self.module, self.paths, self._forward, self.X)

    def chosen(self, layers: Sequence[str] | None) -> tuple[list[Key], tuple[str, ...]]:
        """Calls to record: those named, else all behind which values bend, else (there is none) all leaves.

        With them what cannot be recorded: values without a row per sample, operations that torch does not show.
        """
        if layers is not None:
            return list(dict.fromkeys(key for name in layers for key in self._named(name))), ()
        keys = self.bends.keys or self.bends.leaves
        missed = [repr(name) for name, key in self._names(keys) if self.bends.axes.get(key) is None]
        missed += [f"an operation in {path!r} that torch does not show" for path in self.bends.unseen]
        return [key for key in keys if self.bends.axes.get(key) is not None], tuple(missed)

    def record(self, layers: Sequence[str] | None) -> Passed:
        """Values at the chosen calls, and the module's outputs."""
        wanted, missed = self.chosen(layers)
        seen: dict[Key, list[Array]] = {key: [] for key in wanted}
        shapes: dict[Key, tuple[int, ...]] = {}
        order: list[Key] = []
        outputs: list[Array] | None = []
        for rows in self._batches(len(self.X)):
            batch = self.X[rows]

            def keep(key: Key, value: Any, n: int = len(batch)) -> None:
                axis = self.bends.axes.get(key)
                matrix, shapes[key] = _rows(value, n, axis, f"layer {key[0]!r}", self.paths.get(key[0]))
                seen[key].append(matrix)
                if key not in order:
                    order.append(key)

            with self._watching(_Keeper(set(wanted), keep)):
                out = self._forward(batch)
            # outputs have a row for each sample in every batch, or count as none
            plain = hasattr(out, "detach") and out.ndim > 0 and len(out) == len(batch) and not out.is_complex()
            outputs = [*outputs, _numbers(out)] if plain and outputs is not None else None
        sites = tuple(Site(name, *key, shapes[key], self.bends.axes.get(key) or 0) for name, key in self._names(order))
        values = [as_matrix(np.concatenate(seen[site.path, site.call]), f"layer {site.name!r}") for site in sites]
        found = None if outputs is None else as_matrix(np.concatenate(outputs), "the output")
        return Passed(sites, values, found, missed)

    def outputs_at(self, points: Array) -> Array:
        """Outputs at other inputs, flattened to (m, d)."""
        inputs = self.X.new_tensor(points).reshape(len(points), *self.X.shape[1:])
        return np.concatenate([_numbers(self._forward(inputs[rows])) for rows in self._batches(len(points))])

    def outputs_from(self, site: Site, points: Array, shift: int = 0) -> Array:
        """Outputs when the values at a site are replaced by the given points, of shape (m, p).

        The inputs are those recorded, repeated; ``shift`` moves them against the points.
        """
        out = []
        for rows in self._batches(len(points)):
            inputs = self.X[(np.arange(rows.start, rows.stop) + shift) % len(self.X)]
            value = torch.from_numpy(points[rows].copy()).to(inputs.device, inputs.dtype if self.real else None)
            value = value.reshape(len(inputs), *site.shape).movedim(0, site.axis)

            def swap(key: Key, old: Any, new: Any = value) -> Any:
                return with_first(old, new.to(first_tensor(old).dtype))

            with self._watching(_Keeper({(site.path, site.call)}, swap)):
                out.append(_numbers(self._forward(inputs)))
        return np.concatenate(out)

    def head_input(self) -> tuple[Array, Array, Array] | None:
        """Input of the Linear layer whose output is the module's, on a few samples, with its weights (p, c) and bias."""
        linear = {path: layer for path, layer in self.paths.items() if type(layer).forward is nn.Linear.forward}
        linear |= {"": self.module} if type(self.module).forward is nn.Linear.forward else {}
        last = _Last(set(linear))
        with self._watching(last, functions=False):
            out = self._forward(self.X[:HEAD_SAMPLES])
        after = last.out
        # equal to the last digit: anything in between would make the head another map than the layer's
        if after is None or not hasattr(out, "shape") or out.shape != after.shape or not bool((out == after).all()):
            return None
        if last.given is None or last.given.ndim != 2:
            return None
        layer = linear[last.path]
        bias = np.zeros(layer.out_features) if layer.bias is None else _numbers(layer.bias)[:, 0]
        return _numbers(last.given), _numbers(layer.weight).T, bias

    def _watching(self, watcher: Watcher, functions: bool = True) -> Any:
        wanted = watcher.keys if isinstance(watcher, _Keeper) else set()
        return watched(self.module, self.paths, watcher, functions and any(path.endswith("()") for path, _ in wanted))

    def _forward(self, batch: Any) -> Any:
        with evaluating(self.module), layer_by_layer(), torch.no_grad():
            try:
                return self.module(batch.clone())  # a layer that works in place must not change the inputs kept here
            except RelucvxError:
                raise
            except (RuntimeError, ValueError, IndexError, AssertionError) as error:  # torch's layers raise all of these
                raise InvalidInputError(
                    explain(
                        "inputs that the module takes",
                        f"X of shape {tuple(self.X.shape)} and {self.X.dtype}, on which torch fails: {error}",
                        "another number of features, images without their channels, or indices that are no integers",
                        "X.reshape(n, channels, height, width) for convolutions",
                    )
                ) from error

    def _batches(self, n: int) -> Iterator[slice]:
        for first in range(0, n, self.batch_size):
            yield slice(first, min(first + self.batch_size, n))

    def _names(self, keys: Sequence[Key]) -> list[tuple[str, Key]]:
        """A call's name: a module with as many names as calls has one each, else calls are numbered."""
        out = []
        for path, call in keys:
            count = self.bends.calls.get(path, 1)
            aliases = [p for p, layer in self.paths.items() if layer is self.paths.get(path)]
            own = aliases if len(aliases) == count else [f"{path} (call {k + 1})" for k in range(count)]
            out.append((path if count == 1 else own[call], (path, call)))
        return out

    def _named(self, name: str) -> list[Key]:
        """The calls that a name stands for: of a submodule, of a function, or one of several."""
        calls = self.bends.calls
        # every call under its label; the module itself has no name to ask for
        known = {label: [key] for label, key in self._names([(p, k) for p, n in calls.items() for k in range(n) if p])}
        # a shared module runs under the first of its names, and is asked for by any
        first = {id(layer): path for path, layer in reversed(list(self.paths.items()))}
        path = plain_path(name)
        if path in known:
            return known[path]
        path = first[id(self.paths[path])] if path in self.paths else path
        # a name without a number stands for all calls
        if path and calls.get(path, 0):
            return [(path, k) for k in range(calls[path])]
        # what exists but did not run is another mistake than a name that does not exist
        if path in self.paths:
            raise InvalidInputError(
                explain(
                    "layers that take part in the forward pass",
                    f"{name!r}, which did not run",
                    "a container that is indexed rather than called, or a layer for training only",
                    "name its parts",
                )
            )
        # names to choose from: submodules, and functions behind which values bend
        bent = [label for label, _ in self._names(self.bends.keys) if label not in self.paths]
        some = ", ".join([*list(self.paths)[:9], *bent[:3]])
        raise InvalidInputError(
            explain(
                f"names of submodules ({some}, …)",
                repr(name),
                "",
                "[name for name, _ in module.named_modules()]",
            )
        )


class _Keeper(Watcher):
    """Hands the values of some calls to a function; what it returns, unless None, replaces them."""

    def __init__(self, keys: set[Key], act: Callable[[Key, Any], Any]) -> None:
        super().__init__()
        self.keys, self.act = keys, act

    def left(self, key: Key, args: Any, out: Any) -> Any:
        """A submodule has run."""
        return self.act(key, out) if key in self.keys else None

    def function(self, key: Key, func: Any, args: Any, kwargs: Any) -> Any:
        """A function is called."""
        out = func(*args, **kwargs)
        new = self.act(key, out) if key in self.keys else None
        return out if new is None else new


class _Last(Watcher):
    """Keeps what went into the last call of some submodules, and what came out."""

    def __init__(self, paths: set[str]) -> None:
        super().__init__()
        self.paths, self.path = paths, ""
        self.given: Any = None
        self.out: Any = None

    def left(self, key: Key, args: Any, out: Any) -> None:
        """A submodule has run."""
        if key[0] in self.paths:
            given = tensors_in(args)
            self.path, self.out = key[0], out.detach().clone()
            self.given = given[0].detach().clone() if len(given) == 1 else None


def _inputs(module: Any, X: Any) -> Any:
    """The inputs as a tensor of the module's dtype on its device, checked to be finite; indices stay integers."""
    raw: Any = X.detach() if hasattr(X, "detach") else np.asarray(X)
    if raw.ndim < 2 or len(raw) == 0:
        raise InvalidInputError(
            explain("X of shape (n, ...), one entry of the first axis per sample", f"shape {tuple(raw.shape)}")
        )
    flat = as_matrix(raw.reshape(len(raw), -1), "X")
    weight = next((p for p in module.parameters() if p.is_floating_point()), None)
    # no weights to follow: data keep their own precision
    if weight is None:
        weight = raw if hasattr(raw, "detach") and raw.is_floating_point() else torch.empty(0)
    whole = str(raw.dtype).removeprefix("torch.").startswith(("int", "uint"))
    if whole and any(isinstance(layer, (nn.Embedding, nn.EmbeddingBag)) for layer in module.modules()):
        return torch.from_numpy(flat).to(device=weight.device, dtype=torch.long).reshape(tuple(raw.shape))
    return torch.from_numpy(flat).to(device=weight.device, dtype=weight.dtype).reshape(tuple(raw.shape))


def _check_hookable(module: Any) -> None:
    """Refuse compiled modules, which allow no hooks."""
    if any(isinstance(layer, torch.jit.ScriptModule) for layer in module.modules()):
        raise InvalidInputError(
            explain(
                "a module whose layers take forward hooks",
                f"a {type(module).__name__}",
                "torch.jit compiled it, or a part of it",
                "the module as it was before",
            )
        )


def _rows(value: Any, n: int, axis: int | None, label: str, layer: Any) -> tuple[Array, tuple[int, ...]]:
    """What a layer returned, one row per sample, and the shape of a sample's value; of several values the first tensor."""
    kind = label if layer is None else f"{label} of type {type(layer).__name__}"
    found = first_tensor(value)
    if found is None:
        raise InvalidInputError(
            explain(
                "layers that return a tensor", f"{kind}, which returns a {type(value).__name__}", "", "layers=[...]"
            )
        )
    if axis is None or found.ndim <= axis or found.shape[axis] != n or found.numel() == 0 or found.is_complex():
        raise InvalidInputError(
            explain(
                f"real values with one row for each of the {n} samples of a batch",
                f"{kind}, which returns {found.dtype} of shape {tuple(found.shape)}",
                "the layer mixes samples, or none of its axes is the samples",
                "layers=[...] without it",
            )
        )
    moved = found.movedim(axis, 0)
    return _numbers(moved), tuple(moved.shape[1:])


def _numbers(tensor: Any) -> Array:
    """A copy as a float64 matrix with one row per entry of the first axis."""
    copy: Array = np.array(tensor.detach().double().cpu().numpy(), order="C")
    return copy.reshape(len(copy), -1)
