"""Which axes of a value count samples, places (tokens, steps, pixels) and features: followed through a forward pass.

A value is described by one letter per axis: ``s`` samples, ``p`` places, ``f`` features, ``?`` either of the last two. Layers
with weights say what their axes are; views are followed through memory, where every axis keeps its stride.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

CONVOLUTIONS = tuple(f"conv{kind}{d}d" for kind in ("", "_transpose") for d in (1, 2, 3))
PRODUCTS = ("linear", "matmul", "mm", "addmm", "bmm", "baddbmm", "bilinear")
RESHAPES = ("reshape", "view", "flatten", "unflatten")
RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")

MERGED = {frozenset("sp"): "m", frozenset("sf"): "h", frozenset("s?"): "m"}
"""Samples taken together with places, or with features (the heads of attention), to one axis that is split again later."""

PARTS = {"m": "p", "h": "f"}
"""What the other part of a merged axis is."""


class Roles:
    """The roles of the axes of all values seen in one pass over ``n`` samples."""

    def __init__(self) -> None:
        self.n = 0
        self.known: dict[int, str] = {}

    def begin(self, t: Any) -> None:
        """An input: indices count places, and real numbers of more than one axis may be images or sequences."""
        if t.ndim == 0:
            return
        self.n = self.n or len(t)
        if t.is_floating_point():
            self.known[id(t)] = "s" + ("f" if t.ndim == 2 else "?" * (t.ndim - 1))
        else:
            self.known[id(t)] = "s" + "p" * (t.ndim - 1)

    def of(self, t: Any) -> str | None:
        """The roles of a value's axes, where they are known."""
        return self.known.get(id(t))

    def follow(self, name: str, data: Sequence[Any], weighted: bool, results: Sequence[Any]) -> None:
        """A function of this name has made results of data (first those it is named for), with weights or without."""
        for position, out in enumerate(results):
            if any(out is t for t in data):
                continue
            found = self._made(name, position, list(data), weighted, out)
            if found is not None and len(found) == out.ndim and sum(found.count(c) for c in "smh") == 1:
                self.known[id(out)] = found
            else:
                self.known.pop(id(out), None)

    def _made(self, name: str, position: int, data: list[Any], weighted: bool, out: Any) -> str | None:
        known = [t for t in data if self.of(t) is not None]
        if not known:
            return None
        x, r = known[0], self.known[id(known[0])]
        if name in CONVOLUTIONS:
            return "sf" + "p" * (out.ndim - 2)
        if name == "embedding":
            return r + "f"
        if name in RECURRENT:  # the values of all steps, then states without steps
            return r.replace("?", "p")[:-1] + "f" if position == 0 else "fsf"
        if weighted and name in PRODUCTS:
            return r.replace("?", "p")[:-1] + "f"
        for t in known:  # a view, or a copy that could have been one
            if _storage(t) == _storage(out):
                return _mapped(t.shape, t.stride(), self.known[id(t)], out.shape, out.stride(), self.n)
        if name in RESHAPES and x.numel() == out.numel():
            return _mapped(x.shape, _contiguous(x.shape), r, out.shape, _contiguous(out.shape), self.n)
        if name in ("matmul", "bmm", "scaled_dot_product_attention") and len(known) > 1:
            return r[:-1] + self.known[id(known[-1])][-1]
        # entry by entry, along an axis, or a pooling: the axes stay
        same = [self.known[id(t)] for t in known if t.shape == out.shape]
        alike = same or [self.known[id(t)] for t in known if t.ndim == out.ndim]
        return max(alike, key=lambda letters: letters.count("p"), default=None)


def per_sample(letters: str | None, axis: int, shape: Sequence[int]) -> str:
    """Roles of the axes of one sample's value, of this shape, whose samples are counted by ``axis``.

    Where they are not known: one axis has features, two are steps with features, more are features of places, as torch's
    layers have them.
    """
    usual = "f" if len(shape) < 2 else "pf" if len(shape) == 2 else "f" + "p" * (len(shape) - 1)
    if letters is None or letters.find("s") != axis or len(letters) != len(shape) + 1:
        return usual
    found = letters[:axis] + letters[axis + 1 :]
    if "?" not in found:
        return found
    return usual if set(found) == {"?"} else found.replace("?", "p")


def _mapped(
    shape: Sequence[int], strides: Sequence[int], letters: str, new: Sequence[int], steps: Sequence[int], n: int
) -> str | None:
    """Roles of the axes of a view: each lies where an axis of the value that it views lies, in part or with others."""
    if tuple(shape) == tuple(new) and tuple(strides) == tuple(steps):
        return letters
    spans = [
        (step, step * size, role)
        for size, step, role in zip(shape, strides, letters, strict=True)
        if size > 1 and step > 0
    ]
    out, split = [], {}
    for axis, (size, step) in enumerate(zip(new, steps, strict=True)):
        if size == 1 or step == 0:
            out.append("f")
            continue
        roles = frozenset(role for low, high, role in spans if low < step * size and high > step)
        role = _together(roles)
        if role is None:
            return None
        if role in PARTS and roles == {role}:
            split[axis] = role
        out.append(role)
    # an axis that held samples and something else is split again: the axis as long as there are samples is theirs
    if len(split) > 1:
        outermost = sorted(split, key=lambda axis: -steps[axis])
        theirs = next((axis for axis in outermost if new[axis] == n), None)
        for axis in split:
            out[axis] = "s" if axis == theirs else PARTS[split[axis]]
    return "".join(out)


def _together(roles: frozenset[str]) -> str | None:
    """The role of an axis into which axes of these roles were merged."""
    if len(roles) == 1:
        return next(iter(roles))
    if roles in MERGED:
        return MERGED[roles]
    if not roles or roles & set("smh"):
        return None
    return "f" if "f" in roles else "p"


def _contiguous(shape: Sequence[int]) -> list[int]:
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def _storage(t: Any) -> int:
    return int(t.untyped_storage().data_ptr())
