"""Values inside torch modules of any structure, read and replaced by forward hooks; the module is left as it was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, RelucvxError, explain
from relucvx.network.torch_modules import evaluating
from relucvx.types import Array
from relucvx.validation import as_matrix

HEAD_SAMPLES = 64
"""Samples on which the input of the last Linear layer is compared with the layers recorded."""


@dataclass(frozen=True)
class Site:
    """One call of one submodule in a forward pass, and the shape of a sample's value there."""

    name: str
    path: str
    call: int
    shape: tuple[int, ...]


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
    """

    sites: tuple[Site, ...]
    values: list[Array]
    outputs: Array | None


class Hooked:
    """A torch module and its inputs, on the module's own device and in its own dtype."""

    def __init__(self, module: Any, X: Any, batch_size: int) -> None:
        _check_hookable(module)
        self.module, self.batch_size = module, batch_size
        self.X = _inputs(module, X)
        self.real = bool(self.X.is_floating_point())  # not so where they are indices of an embedding
        self.paths = {path: layer for path, layer in module.named_modules(remove_duplicate=False) if path}

    def chosen(self, layers: Sequence[str] | None) -> list[str]:
        """Paths of the submodules to record: those named, else all activations, else (there is none) all leaves."""
        if layers is not None:
            unknown = [name for name in layers if name not in self.paths]
            if unknown:
                known = ", ".join(list(self.paths)[:12])
                raise InvalidInputError(
                    explain(
                        f"names of submodules ({known}{', …' if len(self.paths) > 12 else ''})",
                        ", ".join(repr(name) for name in unknown),
                        "",
                        "[name for name, _ in module.named_modules()]",
                    )
                )
            return list(dict.fromkeys(layers))
        leaves = [path for path, layer in self.paths.items() if next(layer.children(), None) is None]
        kinks = [path for path in leaves if _is_activation(self.paths[path])]
        return kinks or leaves

    def record(self, layers: Sequence[str] | None) -> Passed:
        """Values at the chosen submodules, and the module's outputs."""
        wanted = self.chosen(layers)
        objects = {id(self.paths[path]): path for path in reversed(wanted)}  # a shared module is hooked once
        seen: dict[tuple[str, int], list[Array]] = {}
        shapes: dict[tuple[str, int], tuple[int, ...]] = {}
        outputs: list[Array] | None = []
        for rows in self._batches(len(self.X)):
            calls: Counter[str] = Counter()
            batch = self.X[rows]

            def keep(path: str, value: Any, calls: Counter[str] = calls, n: int = len(batch)) -> None:
                key = (path, calls[path])
                calls[path] += 1
                seen.setdefault(key, []).append(_rows(value, n, path, self.paths[path]))
                shapes[key] = tuple(value.shape[1:])

            with _hooks({path: self.paths[path] for path in objects.values()}, keep):
                out = self._forward(batch)
            plain = hasattr(out, "detach") and out.ndim > 0 and len(out) == len(batch) and not out.is_complex()
            outputs = [*outputs, _numbers(out)] if plain and outputs is not None else None
        sites = self._sites(list(seen), shapes, wanted)
        if layers is not None:
            self._check_all_ran(wanted, {id(self.paths[site.path]) for site in sites})
        values = [as_matrix(np.concatenate(seen[site.path, site.call]), f"layer {site.name!r}") for site in sites]
        return Passed(sites, values, None if outputs is None else as_matrix(np.concatenate(outputs), "the output"))

    def outputs_at(self, points: Array) -> Array:
        """Outputs at other inputs, flattened to (m, d)."""
        inputs = self.X.new_tensor(points).reshape(len(points), *self.X.shape[1:])
        return np.concatenate([_numbers(self._forward(inputs[rows])) for rows in self._batches(len(points))])

    def outputs_from(self, site: Site, points: Array, shift: int = 0) -> Array:
        """Outputs when the values at a site are replaced by the given points, of shape (m, p).

        The inputs are those recorded, repeated; ``shift`` moves them against the points.
        """
        import torch

        out = []
        for rows in self._batches(len(points)):
            inputs = self.X[(np.arange(rows.start, rows.stop) + shift) % len(self.X)]
            value = torch.from_numpy(points[rows].copy()).to(inputs.device, inputs.dtype if self.real else None)
            value = value.reshape(len(inputs), *site.shape)
            calls = Counter[str]()

            def swap(path: str, old: Any, calls: Counter[str] = calls, new: Any = value) -> Any:
                calls[path] += 1
                return new.to(old.dtype) if calls[path] == site.call + 1 else None

            with _hooks({site.path: self.paths[site.path]}, swap):
                out.append(_numbers(self._forward(inputs)))
        return np.concatenate(out)

    def head_input(self) -> tuple[Array, Array, Array] | None:
        """Input of the Linear layer whose output is the module's, on a few samples, with its weights (p, c) and bias."""
        from torch import nn

        last: list[Any] = []
        every = {"": self.module, **self.paths}
        linear = {path: layer for path, layer in every.items() if type(layer).forward is nn.Linear.forward}

        def keep(path: str, value: Any) -> None:
            last[:] = [path, value.detach().clone()]

        before: list[Any] = []
        handles = [
            layer.register_forward_pre_hook(
                lambda _, args: before.__setitem__(slice(None), [a.detach().clone() for a in args])
            )
            for layer in linear.values()
        ]
        try:
            with _hooks(linear, keep):
                out = self._forward(self.X[:HEAD_SAMPLES])
        finally:
            for handle in handles:
                handle.remove()
        if not last or not hasattr(out, "shape") or out.shape != last[1].shape or not bool((out == last[1]).all()):
            return None
        if len(before) != 1 or before[0].ndim != 2:
            return None
        layer = linear[last[0]]
        bias = np.zeros(layer.out_features) if layer.bias is None else _numbers(layer.bias)[:, 0]
        return _numbers(before[0]), _numbers(layer.weight).T, bias

    def _forward(self, batch: Any) -> Any:
        import torch

        with evaluating(self.module), torch.no_grad():
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

    def _sites(
        self, keys: list[tuple[str, int]], shapes: dict[tuple[str, int], tuple[int, ...]], wanted: list[str]
    ) -> tuple[Site, ...]:
        """Names of the calls: a module with as many names as calls has one each, else calls are numbered."""
        calls = Counter(path for path, _ in keys)
        out = []
        for path, call in keys:
            aliases = [other for other in wanted if self.paths[other] is self.paths[path]]
            own = aliases if len(aliases) == calls[path] else [f"{path} (call {k + 1})" for k in range(calls[path])]
            out.append(Site(own[call], path, call, shapes[path, call]))
        return tuple(out)

    def _check_all_ran(self, wanted: list[str], ran: set[int]) -> None:
        idle = [path for path in wanted if id(self.paths[path]) not in ran]
        if idle:
            raise InvalidInputError(
                explain(
                    "layers that take part in the forward pass",
                    f"{', '.join(repr(path) for path in idle)}, which did not run",
                    "a container that is indexed rather than called, or a layer for training only",
                    "name its parts",
                )
            )


@contextmanager
def _hooks(layers: dict[str, Any], act: Any) -> Iterator[None]:
    """Call ``act(path, output)`` behind every layer; what it returns, unless None, replaces the output."""
    handles = []
    try:
        for path, layer in layers.items():
            handles.append(layer.register_forward_hook(lambda _, __, out, path=path: act(path, out)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _inputs(module: Any, X: Any) -> Any:
    """The inputs as a tensor of the module's dtype on its device, checked to be finite; indices stay integers."""
    import torch
    from torch import nn

    raw: Any = X.detach() if hasattr(X, "detach") else np.asarray(X)
    if raw.ndim < 2 or len(raw) == 0:
        raise InvalidInputError(
            explain("X of shape (n, ...), one entry of the first axis per sample", f"shape {tuple(raw.shape)}")
        )
    flat = as_matrix(raw.reshape(len(raw), -1), "X")
    weight = next((p for p in module.parameters() if p.is_floating_point()), None)
    if weight is None:
        weight = raw if hasattr(raw, "detach") and raw.is_floating_point() else torch.empty(0)
    whole = str(raw.dtype).removeprefix("torch.").startswith(("int", "uint"))
    if whole and any(isinstance(layer, (nn.Embedding, nn.EmbeddingBag)) for layer in module.modules()):
        return torch.from_numpy(flat).to(device=weight.device, dtype=torch.long).reshape(tuple(raw.shape))
    return torch.from_numpy(flat).to(device=weight.device, dtype=weight.dtype).reshape(tuple(raw.shape))


def _check_hookable(module: Any) -> None:
    """Refuse compiled modules, which allow no hooks."""
    import torch

    if any(isinstance(layer, torch.jit.ScriptModule) for layer in module.modules()):
        raise InvalidInputError(
            explain(
                "a module whose layers take forward hooks",
                f"a {type(module).__name__}",
                "torch.jit compiled it, or a part of it",
                "the module as it was before",
            )
        )


def _rows(value: Any, n: int, path: str, layer: Any) -> Array:
    """What a layer returned, flattened to one row per sample."""
    kind = f"layer {path!r} of type {type(layer).__name__}"
    if not hasattr(value, "detach"):
        raise InvalidInputError(
            explain(
                "layers that return one tensor",
                f"{kind}, which returns a {type(value).__name__}",
                "attention and recurrent layers return several values",
                "layers=[...] without it",
            )
        )
    if value.ndim == 0 or len(value) != n or value.numel() == 0 or value.is_complex():
        raise InvalidInputError(
            explain(
                f"real values with one row for each of the {n} samples of a batch",
                f"{kind}, which returns {value.dtype} of shape {tuple(value.shape)}",
                "the layer mixes samples, or its first axis is not the samples",
                "layers=[...] without it",
            )
        )
    return _numbers(value)


def _numbers(tensor: Any) -> Array:
    """A copy as a float64 matrix with one row per entry of the first axis."""
    copy: Array = np.array(tensor.detach().double().cpu().numpy(), order="C")
    return copy.reshape(len(copy), -1)


def _is_activation(layer: Any) -> bool:
    """Whether a leaf acts on every entry by itself, and not linearly."""
    from torch import nn

    mixing = (nn.MultiheadAttention, nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.Softmax2d)
    return type(layer).__module__ == "torch.nn.modules.activation" and not isinstance(layer, mixing)
