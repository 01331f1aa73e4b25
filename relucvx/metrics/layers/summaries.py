"""One row per sample of values of any shape: which tokens of a sequence, and what of the places of an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relucvx.conversion import is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later

torch = later("torch")

TOKENS = ("all", "mean", "cls", "last")
POOLS = ("none", "mean", "max")


@dataclass(frozen=True)
class Summary:
    """What is kept of a sample's value.

    Attributes
    ----------
    tokens : {"all", "mean", "cls", "last"}
        Of a sequence, one axis of places with features behind it: every token, their mean, the first, the last.
    pool : {"none", "mean", "max"}
        Of all other values with places (images, signals with the features in front): every place, or over places.
    """

    tokens: str = "all"
    pool: str = "none"

    @classmethod
    def of(cls, tokens: Any, pool: Any) -> Summary:
        """Check both words.

        Raises
        ------
        InvalidInputError
            For other words.
        """
        if not is_word(tokens, TOKENS):
            raise InvalidInputError(explain(f"tokens among {', '.join(TOKENS)}", repr(tokens)))
        if not is_word(pool, POOLS):
            raise InvalidInputError(explain(f"pool among {', '.join(POOLS)}", repr(pool)))
        return cls(tokens, pool)

    def way(self, roles: str) -> str:
        """What is done to values whose axes have these roles: ``"whole"``, or one of the words."""
        if "p" not in roles:
            return "whole"
        if is_sequence(roles):
            return "whole" if self.tokens == "all" else self.tokens
        return "whole" if self.pool == "none" else self.pool

    def shape(self, shape: Sequence[int], roles: str) -> tuple[int, ...]:
        """What is left of a value's shape."""
        if self.way(roles) == "whole":
            return tuple(shape)
        left = [size for size, role in zip(shape, roles, strict=True) if role != "p"]
        return (math.prod(left),)

    def rows(self, value: Any, roles: str, filled: Any = None) -> Any:
        """Values (m, *shape) as a matrix (m, p) in double precision; ``filled`` (m, T) is 0 at tokens that are none."""
        way = self.way(roles)
        places = [axis + 1 for axis, role in enumerate(roles) if role == "p"]
        if way == "whole":
            found = value
        elif is_sequence(roles):
            found = _token(value, places[0], way, _fitting(filled, value.shape[places[0]]))
        elif way == "max":
            found = value.amax(dim=places)
        else:  # sums in the precision that the result has
            found = value.double().mean(dim=places)
        return found.reshape(len(value), -1).double()

    def is_part(self, roles: str, filled: Any = None) -> bool:
        """Whether what is kept can be put in its place again: it is all, or one token in a known position."""
        way = self.way(roles)
        return way in ("whole", "cls") or (way == "last" and filled is None)

    def put(self, value: Any, roles: str, rows: Any) -> Any:
        """A copy of values (m, *shape) in which what is kept of them is ``rows``, a matrix (m, p)."""
        way = self.way(roles)
        if way == "whole":
            return rows.reshape(value.shape)
        axis = 1 + roles.index("p")
        new = value.clone()
        part = new.select(axis, 0 if way == "cls" else -1)
        part.copy_(rows.reshape(part.shape))
        return new


WHOLE = Summary()


def is_sequence(roles: str) -> bool:
    """Whether a value is a sequence: tokens or steps, with features behind them."""
    return roles.count("p") == 1 and roles.endswith("f")


def _fitting(filled: Any, length: int) -> Any:
    """The mask, where it is about as many tokens as there are."""
    return filled if filled is not None and filled.ndim == 2 and filled.shape[1] == length else None


def _token(value: Any, axis: int, way: str, filled: Any) -> Any:
    moved = value.movedim(axis, 1)  # (m, T, ...)
    if way == "cls":
        return moved[:, 0]
    if filled is None:
        return moved[:, -1] if way == "last" else moved.double().mean(dim=1)
    there = filled != 0
    if way == "last":  # of none the last position, as there is nothing better
        steps = torch.arange(there.shape[1], device=there.device)
        at = torch.where(there.any(dim=1), (there * steps).amax(dim=1), there.shape[1] - 1)
        return moved[torch.arange(len(moved), device=moved.device), at]
    weights = there.double().reshape(*there.shape, *[1] * (moved.ndim - 2))
    # rows that are filling throughout have no tokens: their mean counts as zero
    kept = torch.where(weights > 0, moved.double(), 0.0)
    return kept.sum(dim=1) / weights.sum(dim=1).clamp(min=1.0)
