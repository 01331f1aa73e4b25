"""Values inside torch modules of any structure, read and replaced where calls pass by; the module is left as it was found."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from relucvx.conversion import shown
from relucvx.deadline import ruling
from relucvx.errors import InvalidInputError, RelucvxError, explain
from relucvx.metrics.layers.bends import Bends, Value, find_bends
from relucvx.metrics.layers.inputs import Inputs
from relucvx.metrics.layers.projection import Projection, planned
from relucvx.metrics.layers.summaries import WHOLE, Summary
from relucvx.metrics.layers.watching import (
    Keeper,
    Key,
    Last,
    Watcher,
    main_tensor,
    parts_of,
    tensors_in,
    watched,
    with_tensor,
)
from relucvx.network.modules import evaluating
from relucvx.network.torch.modules import layer_by_layer, plain_path, unwrapped
from relucvx.types import Array
from relucvx.validation import as_matrix

INPUT = ""
"""Name of the input among the sites: no submodule has it."""

MOST_SAMPLES = 1024
"""Samples of a batch at most."""

BATCH_BYTES = 256 * 2**20
"""Bytes that the copies of the largest value of a batch may take."""

COPIES = 4
"""Values as large as the largest that are alive at once: what a layer reads, what it makes, and both in float64."""

HEAD_SAMPLES = 64
"""Samples on which the input of the last Linear layer is compared with the layers recorded."""


@dataclass(frozen=True)
class Site:
    """One tensor that one call of a submodule, or of a function in it, returns in a forward pass.

    ``axis`` counts the samples, ``shape`` is that of one sample's value and ``roles`` what its axes are; a function's path
    ends with ``()``.
    """

    name: str
    path: str
    call: int
    place: int
    shape: tuple[int, ...]
    axis: int
    roles: str

    @property
    def key(self) -> Key:
        """The call."""
        return self.path, self.call


@dataclass(frozen=True)
class Passed:
    """What one pass over the samples recorded.

    Attributes
    ----------
    sites : tuple of Site
        In the order in which they ran.
    values : list of ndarray, each (n, p)
        What is kept of the values at the sites, in float64.
    outputs : ndarray of shape (n, c) or None
        None when the module returns nothing with a row per sample.
    missed : tuple of str
        Layers of the default choice that could not be recorded.
    projections : dict of str to Projection
        Of the sites whose values were projected.
    input : ndarray of shape (n, d) or None
        The first input, flattened.
    """

    sites: tuple[Site, ...]
    values: list[Array]
    outputs: Array | None
    missed: tuple[str, ...] = ()
    projections: dict[str, Projection] = field(default_factory=dict)
    input: Array | None = None


@dataclass(frozen=True)
class Running:
    """What a bar shows of a pass: samples done and in all."""

    done: int
    total: int

    def bar(self, tol: float) -> tuple[str, float | None]:
        """Its text, and the share that is done."""
        return f"{self.done:,} of {self.total:,} samples", self.done / self.total


class Hooked:
    """A torch module and its inputs, on the module's own device and in its own dtype."""

    def __init__(
        self, module: Any, X: Any, batch_size: int | None = None, summary: Summary = WHOLE, mask: Any = None
    ) -> None:
        _check_hookable(module)
        self.module, self.summary, self._batch_size = unwrapped(module), summary, batch_size
        self.inputs = Inputs.of(self.module, X, mask)
        self.paths = parts_of(self.module)

    @cached_property
    def bends(self) -> Bends:
        """Where the module is not linear, and which axes count its samples."""
        return find_bends(self.module, self.paths, self.forward, self.inputs)

    @cached_property
    def batch_size(self) -> int:
        """Samples that run at once: those asked for, or as many as keep the largest value in bounded memory."""
        if self._batch_size is not None:
            return self._batch_size
        return int(np.clip(BATCH_BYTES // (8 * COPIES * self.bends.largest), 1, MOST_SAMPLES))

    @property
    def output(self) -> Value | None:
        """What the module returns, where it has a row for each sample."""
        return self.bends.main(("", 0))

    def chosen(self, layers: Sequence[str] | None) -> tuple[list[tuple[Key, int | None]], tuple[str, ...]]:
        """Calls to record: those named, else all behind which values bend, else (there is none) all leaves.

        With them what cannot be recorded: values without a row per sample, operations that torch does not show.
        """
        if layers is not None:
            return list(dict.fromkeys(key for name in layers for key in self._named(name))), ()
        keys = self.bends.keys or self.bends.leaves
        missed = [repr(name) for name, key in self._names(keys) if self.bends.main(key) is None]
        missed += [f"an operation in {path!r} that torch does not show" for path in self.bends.unseen]
        return [(key, None) for key in keys if self.bends.main(key) is not None], tuple(missed)

    def record(
        self,
        layers: Sequence[str] | None,
        project: int | str | None = None,
        seed: int = 0,
        outputs: bool = True,
        told: Callable[[Running], Any] | None = None,
    ) -> Passed:
        """What is kept of the values at the chosen calls, and the module's outputs, in one pass."""
        wanted, missed = self.chosen(layers)
        n, sites = len(self.inputs), self._sites(wanted)
        widths = {site.name: math.prod(self.summary.shape(site.shape, site.roles)) for site in sites}
        if outputs:
            widths[INPUT] = math.prod(self.inputs.first.shape[1:])
        # before anything is computed
        columns = planned(widths, n, project)
        projections = {name: Projection(widths[name], m, seed) for name, m in columns.items()}
        values = {name: np.empty((n, columns.get(name, width))) for name, width in widths.items()}
        at: dict[Key, list[Site]] = {}
        for site in sites:
            at.setdefault(site.key, []).append(site)
        found = []
        for rows in self._batches(n):
            batch = self.inputs.rows(rows)

            def store(name: str, part: Array, rows: slice = rows) -> None:
                values[name][rows] = projections[name](part) if name in projections else part

            def keep(key: Key, value: Any, batch: Inputs = batch, store: Any = store) -> None:
                for site in at[key]:
                    store(site.name, _numbers(self._kept(site, value, batch)))

            if outputs:
                store(INPUT, _numbers(batch.first))
            with self._watching(Keeper(set(at), keep)):
                out = self.forward(batch)
            if outputs and self.output is not None:
                found.append(self._output(out, batch))
            if told is not None:
                told(Running(rows.stop, n))
        for name, matrix in values.items():
            if not np.isfinite(matrix).all():
                as_matrix(matrix, f"layer {name!r}")  # says where
        whole = as_matrix(np.concatenate(found), "the output") if found else None
        kept = [values[site.name] for site in sites]
        return Passed(tuple(sites), kept, whole, missed, projections, values.get(INPUT))

    def outputs_at(self, points: Array) -> Array:
        """Outputs at other inputs, flattened to (m, d)."""
        moved = self.inputs.at(points)
        parts = [moved.rows(rows) for rows in self._batches(len(points))]
        return np.concatenate([self._output(self.forward(part), part) for part in parts])

    def outputs_from(self, site: Site, points: Array, shift: int = 0) -> Array:
        """Outputs when what is kept of the values at a site is replaced by the given points, of shape (m, p).

        The inputs are those recorded, repeated; ``shift`` moves them against the points.
        """
        out = []
        for rows in self._batches(len(points)):
            inputs = self.inputs.rows((np.arange(rows.start, rows.stop) + shift) % len(self.inputs))
            given = torch.from_numpy(points[rows].copy())

            def swap(key: Key, old: Any, given: Any = given) -> Any:
                was = tensors_in(old)[site.place]
                new = self.summary.put(was.movedim(site.axis, 0), site.roles, given.to(was.device, was.dtype))
                return with_tensor(old, site.place, new.movedim(0, site.axis))

            with self._watching(Keeper({site.key}, swap)):
                out.append(self._output(self.forward(inputs), inputs))
        return np.concatenate(out)

    def sites(self, layers: Sequence[str]) -> list[Site]:
        """Where the layers of these names stand, without their values at all samples."""
        return self._sites(self.chosen(layers)[0])

    def replaceable(self, site: Site) -> bool:
        """Whether what is kept of the values at a site can be put back."""
        return self.summary.is_part(site.roles, self.inputs.filled)

    def head_input(self) -> tuple[Array, Array, Array] | None:
        """Input of the Linear layer whose output is the module's, on a few samples, with its weights (p, c) and bias."""
        linear = {path: layer for path, layer in self.paths.items() if type(layer).forward is nn.Linear.forward}
        linear |= {"": self.module} if type(self.module).forward is nn.Linear.forward else {}
        last, few = Last(set(linear)), self.inputs.rows(slice(0, HEAD_SAMPLES))
        with self._watching(last, functions=False):
            out = main_tensor(self.forward(few))
        after, value = last.out, self.output
        # equal to the last digit: anything in between would make the head another map than the layer's
        if after is None or value is None or out.shape != after.shape or not bool((out == after).all()):
            return None
        if last.given is None or last.given.ndim != after.ndim:
            return None
        # of a sequence of outputs the same tokens are kept as of what the head reads
        if math.prod(self.summary.shape(value.shape, value.roles)) != after.shape[-1]:
            return None
        before = self.summary.rows(last.given.movedim(value.axis or 0, 0), value.roles, few.filled)
        layer = linear[last.path]
        bias = np.zeros(layer.out_features) if layer.bias is None else _numbers(layer.bias)[:, 0]
        return _numbers(before), _numbers(layer.weight).T, bias

    def _kept(self, site: Site, value: Any, batch: Inputs) -> Any:
        """What is kept of the value of a call, one row per sample of a batch."""
        tensor = tensors_in(value)[site.place]
        if tensor.ndim <= site.axis or tensor.shape[site.axis] != len(batch):
            raise _no_rows(f"layer {site.name!r}", self.paths.get(site.path), tensor, len(batch))
        return self.summary.rows(tensor.movedim(site.axis, 0), site.roles, batch.filled)

    def _output(self, out: Any, batch: Inputs) -> Array:
        """The module's output, one row per sample of a batch."""
        value, tensor = self.output, main_tensor(out)
        assert value is not None  # asked only where there is one
        axis = value.axis or 0
        if tensor.ndim <= axis or tensor.shape[axis] != len(batch):
            raise _no_rows("the module", self.module, tensor, len(batch))
        return _numbers(self.summary.rows(tensor.movedim(axis, 0), value.roles, batch.filled))

    def _sites(self, wanted: Sequence[tuple[Key, int | None]]) -> list[Site]:
        """The chosen values in the order in which they come, checked to have a row for each sample."""
        order = {key: k for k, key in enumerate(self.bends.values)}
        names = {key: name for name, key in self._names([key for key, _ in wanted])}
        found = []
        for key, place in sorted(wanted, key=lambda one: order.get(one[0], -1)):
            parts, layer = self.bends.values.get(key, ()), self.paths.get(key[0])
            at = self.bends.mains.get(key, 0) if place is None else place
            if at >= len(parts):
                kind = f"layer {key[0]!r}" + ("" if layer is None else f" of type {type(layer).__name__}")
                returned = f"{len(parts)} of them" if parts else "none that depends on the input"
                raise InvalidInputError(explain("layers that return a tensor", f"{kind}, which returns {returned}"))
            value = parts[at]
            if value.axis is None or math.prod(value.shape) == 0:
                raise _no_rows(f"layer {key[0]!r}", layer, value, None)
            name = names[key] if place is None else f"{names[key]}[{place}]"
            found.append(Site(name, *key, at, value.shape, value.axis, value.roles))
        return found

    def _watching(self, watcher: Watcher, functions: bool = True) -> Any:
        wanted = watcher.keys if isinstance(watcher, Keeper) else set()
        return watched(self.module, self.paths, watcher, functions and any(path.endswith("()") for path, _ in wanted))

    def forward(self, batch: Inputs) -> Any:
        """What the module returns for some inputs, in eval mode and without gradients."""
        with evaluating(self.module), layer_by_layer(), torch.no_grad():
            try:
                return batch.run(self.module)
            except RelucvxError:
                raise
            except (RuntimeError, ValueError, IndexError, AssertionError, TypeError) as error:  # as torch's layers do
                raise InvalidInputError(
                    explain(
                        "inputs that the module takes",
                        f"X of {self.inputs}, on which torch fails: {error}",
                        "another number of features, images without their channels, or indices that are no integers",
                        "X.reshape(n, channels, height, width) for convolutions",
                    )
                ) from error

    def _batches(self, n: int) -> Iterator[slice]:
        for first in range(0, n, self.batch_size):
            ruling().check()
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

    def _named(self, name: str) -> list[tuple[Key, int | None]]:
        """The calls that a name stands for: of a submodule, of a function, or one of several; with ``[k]`` the k-th of
        the tensors that they return."""
        name = name if isinstance(name, str) else shown(name)
        numbered = re.fullmatch(r"(.+)\[(\d+)\]", name)
        if numbered:
            return [(key, int(numbered[2])) for key, _ in self._named(numbered[1])]
        calls = self.bends.calls
        # the module itself has no name to ask for
        known = {label: [key] for label, key in self._names([(p, k) for p, n in calls.items() for k in range(n) if p])}
        # a shared module runs under the first of its names, and is asked for by any
        first = {id(layer): path for path, layer in reversed(list(self.paths.items()))}
        path = plain_path(name)
        if path in known:
            return [(key, None) for key in known[path]]
        path = first[id(self.paths[path])] if path in self.paths else path
        # a name without a number stands for all calls
        if path and calls.get(path, 0):
            return [((path, k), None) for k in range(calls[path])]
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


def _no_rows(label: str, layer: Any, found: Any, n: int | None) -> InvalidInputError:
    """What is said of values without a row for each sample."""
    kind = label if layer is None else f"{label} of type {type(layer).__name__}"
    count = "every sample" if n is None else f"each of the {n} samples of a batch"
    return InvalidInputError(
        explain(
            f"real values with one row for {count}",
            f"{kind}, which returns values of shape {tuple(found.shape)}",
            "the layer mixes samples, none of its axes is the samples, or nothing in it depends on the input",
            "layers=[...] without it",
        )
    )


def _numbers(tensor: Any) -> Array:
    """A copy as a float64 matrix with one row per entry of the first axis."""
    copy: Array = np.array(tensor.detach().double().cpu().numpy(), order="C")
    return copy.reshape(len(copy), -1)
