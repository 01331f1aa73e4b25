"""Which side of its bend every activation of a torch module is on, seen as the module runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.layers.watching import Key, Watcher, parts_of, watched
from relucvx.network.modules import evaluating
from relucvx.network.torch.modules import layer_by_layer
from relucvx.types import BoolArray

AT_NOUGHT = (
    "relu", "leaky_relu", "prelu", "rrelu", "elu", "celu", "selu", "gelu", "silu", "mish", "softplus", "logsigmoid", "tanh",
    "sigmoid", "softsign", "erf", "abs", "tanhshrink",
)  # fmt: skip
"""Functions whose code is the sign of their argument."""

ELSEWHERE = {"relu6": (0.0, 6.0), "hardsigmoid": (-3.0, 3.0), "hardswish": (-3.0, 3.0)}
"""Functions that bend at other places."""


@dataclass(frozen=True)
class Switch:
    """One call of an activation: what was called, and the codes (n, p) of a batch."""

    kind: str
    codes: BoolArray


def switches(module: Any, X: Any) -> list[Switch]:
    """Every activation that one forward pass calls, in order.

    Raises
    ------
    InvalidInputError
        For an activation whose argument has no row for each sample, and inputs that the module does not take.
    """
    watcher = _Seen(len(X))
    with evaluating(module), layer_by_layer(), torch.no_grad(), watched(module, parts_of(module), watcher):
        try:
            module(X.clone())
        except InvalidInputError:
            raise
        except (RuntimeError, ValueError, IndexError) as error:
            raise InvalidInputError(
                explain("inputs that the module takes", f"X of shape {tuple(X.shape)}: {error}")
            ) from error
    return watcher.found


class _Seen(Watcher):
    """Keeps the codes of every activation that is called."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.found: list[Switch] = []

    def function(self, key: Key, func: Any, args: Any, kwargs: Any) -> Any:
        """A function is called; what it is given is read before it runs, for it may work in place."""
        name = str(getattr(func, "__name__", "")).strip("_")
        bends = _bends(name, args, kwargs)
        if bends and args and hasattr(args[0], "detach") and args[0].is_floating_point():
            self.found.append(Switch(name, self._codes(name, args[0], bends)))
        return func(*args, **kwargs)

    def _codes(self, name: str, value: Any, bends: tuple[float, ...]) -> BoolArray:
        if value.ndim == 0 or len(value) != self.n:
            raise InvalidInputError(
                explain(
                    f"activations with one row for each of {self.n} samples",
                    f"{name} at shape {tuple(value.shape)}",
                    "the module mixes samples, or another axis is theirs",
                )
            )
        flat = value.detach().reshape(self.n, -1)
        return np.hstack([(flat > bend).cpu().numpy() for bend in bends])


def _bends(name: str, args: Any, kwargs: Any) -> tuple[float, ...]:
    """Where a function bends; none for what is no activation."""
    if name in AT_NOUGHT:
        return (0.0,)
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    given = [*args[1:3], None, None]
    if name == "hardtanh":
        ends = (
            kwargs.get("min_val", -1.0 if given[0] is None else given[0]),
            kwargs.get("max_val", 1.0 if given[1] is None else given[1]),
        )
        return tuple(float(end) for end in ends)
    if name in ("clamp", "clip", "clamp_min", "clamp_max"):
        low, high = (given[0], given[1]) if name in ("clamp", "clip") else (given[0], None)
        ends = (kwargs.get("min", low), kwargs.get("max", high))
        return tuple(float(end) for end in ends if isinstance(end, (int, float)))
    return ()
