"""Forward passes of torch modules, watched: every call of a submodule and of a function of torch passes by a watcher."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import fields, is_dataclass, replace
from typing import Any

from torch.overrides import TorchFunctionMode

from relucvx.network.torch.modules import plain_path, wrapped

Key = tuple[str, int]
"""What was called, a submodule's path or "path.function()", and how many times it was called before in the same pass."""


class Watcher:
    """What sees the calls of one forward pass; the methods are to be overridden.

    Attributes
    ----------
    frames : list of str
        Paths of the submodules that are running, the innermost last.
    calls : Counter
        How often each submodule and each function of each submodule has been called.
    """

    def __init__(self) -> None:
        self.frames: list[str] = []
        self.calls: Counter[str] = Counter()

    def start(self) -> None:
        """Before a forward pass."""
        self.frames, self.calls = [], Counter()

    def entered(self, key: Key, args: Any) -> None:
        """A submodule is about to run."""

    def left(self, key: Key, args: Any, out: Any) -> Any:
        """A submodule has run; what is returned, unless None, replaces its output."""

    def function(self, key: Key, func: Any, args: Any, kwargs: Any) -> Any:
        """A function of torch is called and must be called from here; what is returned is its output."""
        return func(*args, **kwargs)

    def next(self, path: str) -> Key:
        """The key of a call that happens now."""
        self.calls[path] += 1
        return path, self.calls[path] - 1


def parts_of(module: Any) -> dict[str, Any]:
    """Every submodule by its path, under each of its names; the names that torch.compile adds are left out."""
    every = module.named_modules(remove_duplicate=False)
    return {plain_path(path): layer for path, layer in every if path and wrapped(layer) is None}


def label_of(frame: str, func: Any) -> str:
    """How the call of a function in a submodule is named."""
    name = str(getattr(func, "__name__", func)).strip("_")
    return f"{frame}.{name}()" if frame else f"{name}()"


@contextmanager
def watched(module: Any, parts: Mapping[str, Any], watcher: Watcher, functions: bool = True) -> Iterator[None]:
    """Let a watcher see the forward passes made inside; with ``functions`` calls of functions of torch too."""
    first = {id(layer): path for path, layer in reversed(list(parts.items()))}  # a shared module is watched once
    names = {path: parts[path] for path in parts if first[id(parts[path])] == path} | {"": module}

    def before(path: str, args: Any, kwargs: Any) -> None:
        watcher.frames.append(path)
        watcher.entered((path, watcher.calls[path]), (args, kwargs))

    def behind(path: str, args: Any, kwargs: Any, out: Any) -> Any:
        watcher.frames.pop()
        return watcher.left(watcher.next(path), (args, kwargs), out)

    # hooks come off whatever a forward pass raises
    with ExitStack() as stack:
        for path, layer in names.items():
            # the path is bound here: when a hook runs the loop is long over
            first_hook = layer.register_forward_pre_hook(
                lambda _, a, k, path=path: before(path, a, k), with_kwargs=True
            )
            last_hook = layer.register_forward_hook(
                lambda _, a, k, o, path=path: behind(path, a, k, o), with_kwargs=True
            )
            stack.callback(first_hook.remove)
            stack.callback(last_hook.remove)
        if functions:
            stack.enter_context(_mode(watcher))
        yield


def _mode(watcher: Watcher) -> Any:
    class Mode(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if not watcher.frames:  # outside the module
                return func(*args, **(kwargs or {}))
            return watcher.function(watcher.next(label_of(watcher.frames[-1], func)), func, args, kwargs or {})

    return Mode()


def tensors_in(value: Any) -> list[Any]:
    """Tensors in nested sequences, mappings and data classes, in order."""
    if hasattr(value, "detach") and hasattr(value, "is_floating_point"):
        return [value]
    return [t for _, part in _parts(value) for t in tensors_in(part)]


def main_place(value: Any) -> int | None:
    """Which of the tensors that a call returns stands for it: those called logits, else the first real one."""
    if isinstance(value, Mapping) and hasattr(value.get("logits"), "detach"):
        return next(k for k, t in enumerate(tensors_in(value)) if t is value["logits"])
    return next((k for k, t in enumerate(tensors_in(value)) if not t.is_complex()), None)


def main_tensor(value: Any) -> Any:
    """The tensor that stands for what a call returns; None when there is none."""
    place = main_place(value)
    return None if place is None else tensors_in(value)[place]


def with_tensor(value: Any, place: int, new: Any) -> Any:
    """What a call returned with one of its tensors replaced."""
    if hasattr(value, "detach"):
        return new
    for name, part in _parts(value):
        count = len(tensors_in(part))
        if place < count:
            return _with_part(value, name, with_tensor(part, place, new))
        place -= count
    raise IndexError(place)


def _parts(value: Any) -> list[tuple[Any, Any]]:
    """What a structure is made of, by key, position or field."""
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, (list, tuple)):
        return list(enumerate(value))
    if is_dataclass(value) and not isinstance(value, type):
        return [(part.name, getattr(value, part.name)) for part in fields(value)]
    return []


def _with_part(value: Any, name: Any, new: Any) -> Any:
    if isinstance(value, Mapping):
        # a copy that knows its own kind: dicts with attributes are not always made from a dict
        twin: Any = copy(value)
        twin[name] = new
        return twin
    if isinstance(value, (list, tuple)):
        parts = [new if k == name else part for k, part in enumerate(value)]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return replace(value, **{name: new})


class Keeper(Watcher):
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
        written = out is None and args and hasattr(args[0], "detach")  # x[...] = y returns nothing
        new = self.act(key, args[0] if written else out) if key in self.keys else None
        if written and new is not None:
            args[0].copy_(new)
        return out if new is None or written else new


class Last(Watcher):
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
