"""Torch modules that end early: everything up to a layer, and a linear head behind it."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from relucvx.metrics.layers.hooks import Hooked, Site
from relucvx.metrics.layers.inputs import Inputs
from relucvx.metrics.layers.watching import Key, Watcher, parts_of, tensors_in, watched
from relucvx.network.torch.modules import layer_by_layer, unwrapped
from relucvx.types import Array


class Truncated(nn.Module):
    """A module that is run up to one call of one of its layers, with a linear head on the values there.

    The layers behind are still in it, and are not run.
    """

    def __init__(self, module: Any, site: Site, head: nn.Linear) -> None:
        super().__init__()
        self.module, self.site, self.head = module, site, head

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Outputs of the head."""
        watcher = _Stop((self.site.path, self.site.call))
        parts = parts_of(self.module)
        function = self.site.path.endswith("()")
        # a layer that is a module needs one hook: watching all of them takes time
        wanted = parts if function or self.site.call else {self.site.path: parts[self.site.path]}
        with layer_by_layer():
            try:
                with watched(self.module, wanted, watcher, function):
                    self.module(*args, **kwargs)
            except _ReachedError as reached:
                value = tensors_in(reached.value)[self.site.place].movedim(self.site.axis, 0)
        return self.head(value.reshape(len(value), -1))


class _ReachedError(Exception):
    """The layer has run."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class _Stop(Watcher):
    """Ends a forward pass behind one call."""

    def __init__(self, key: Key) -> None:
        super().__init__()
        self.key = key
        self.entered_at: set[str] = {""}

    def entered(self, key: Key, args: Any) -> None:
        """A submodule is about to run."""
        self.entered_at.add(key[0])

    def left(self, key: Key, args: Any, out: Any) -> None:
        """A submodule has run."""
        if key == self.key:
            raise _ReachedError(out)

    def function(self, key: Key, func: Any, args: Any, kwargs: Any) -> Any:
        """A function is called."""
        out = func(*args, **kwargs)
        if key == self.key:
            raise _ReachedError(out)
        return out


def truncated(module: Any, X: Any, layer: str, weights: Array, bias: Array) -> tuple[Any, int]:
    """A copy of the module cut behind a layer, with a head of these weights (p, C) and bias, and its parameters in use.

    A Sequential that is cut behind one of its own parts becomes a Sequential without the others; anything else runs as
    it is up to the layer. Parameters count where the module that owns them runs.
    """
    hooked = Hooked(module, X)
    (site,) = hooked.sites([layer])
    inner = copy.deepcopy(unwrapped(module)).eval()
    like = next(
        (p for p in inner.parameters() if p.is_floating_point()), torch.empty(0, dtype=hooked.inputs.first.dtype)
    )
    head = nn.Linear(*weights.shape, device=like.device, dtype=like.dtype)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weights.T.copy()))
        head.bias.copy_(torch.from_numpy(bias.copy()))
    names = [name for name, _ in inner.named_children()]
    if type(inner) is nn.Sequential and site.path in names and site.call == 0 and site.axis == 0:
        kept = list(inner.children())[: names.index(site.path) + 1]
        cut = nn.Sequential(*kept, *([] if len(site.shape) == 1 else [nn.Flatten()]), head).eval()
        return cut, sum(p.numel() for p in cut.parameters())
    cut = Truncated(inner, site, head).eval()
    return cut, _in_use(inner, site, hooked.inputs.rows(slice(0, 2))) + sum(p.numel() for p in head.parameters())


def _in_use(module: Any, site: Site, X: Inputs) -> int:
    """Parameters of the modules that run before the layer has its values."""
    watcher, parts = _Stop((site.path, site.call)), parts_of(module)
    with layer_by_layer(), torch.no_grad():
        try:
            with watched(module, parts, watcher, site.path.endswith("()")):
                X.run(module)
        except _ReachedError:
            pass
    own = [module, *(parts[path] for path in watcher.entered_at if path)]
    return sum({id(p): p.numel() for part in own for p in part.parameters(recurse=False)}.values())
