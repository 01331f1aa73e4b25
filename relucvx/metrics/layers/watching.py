"""Forward passes of torch modules, watched: every call of a submodule and of a function of torch passes by a watcher."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from torch.overrides import TorchFunctionMode

from relucvx.network.torch_modules import plain_path, wrapped

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
    """Tensors in nested sequences and mappings, in order."""
    if hasattr(value, "detach") and hasattr(value, "is_floating_point"):
        return [value]
    if isinstance(value, Mapping):
        return [t for part in value.values() for t in tensors_in(part)]
    if isinstance(value, (list, tuple)):
        return [t for part in value for t in tensors_in(part)]
    return []


def first_tensor(value: Any) -> Any:
    """The first real tensor that a call returns; None when there is none."""
    return next((t for t in tensors_in(value) if t.is_floating_point() or not t.is_complex()), None)


def with_first(value: Any, new: Any) -> Any:
    """What a call returned with its first tensor replaced."""
    if hasattr(value, "detach"):
        return new
    if isinstance(value, Mapping):
        at = next(name for name, part in value.items() if tensors_in(part))
        copy: Any = type(value)
        return copy({**value, at: with_first(value[at], new)})
    at = next(k for k, part in enumerate(value) if tensors_in(part))
    parts = [with_first(part, new) if k == at else part for k, part in enumerate(value)]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
