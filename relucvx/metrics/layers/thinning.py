"""Large data thinned to some samples: layers, inputs of any form, labels, factors and masks together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse

from relucvx.network import is_torch_module


@dataclass(frozen=True)
class Given:
    """What has a row per sample, or consists of such, and how many rows there were."""

    module: Any
    X: Any
    labels: Any
    factors: Any
    mask: Any
    n: int = 0


def is_several(X: Any) -> bool:
    """Whether X is a tuple of arguments, and no array."""
    return isinstance(X, tuple) and len(X) > 0 and getattr(X[0], "ndim", 0) >= 2


def thinned(given: Given, limit: int | None, rng: np.random.Generator) -> Given:
    """At most ``limit`` rows of everything, in the order they had, by which ties are broken and folds dealt."""
    recorded = isinstance(given.module, (Mapping, list, tuple)) and not is_torch_module(given.module)
    parts = _parts(given.module) if recorded else []
    arrays = [
        part
        for part in (*parts, *_arrays(given.X), given.labels, given.factors, given.mask)
        if hasattr(part, "__len__") and getattr(part, "ndim", None) != 0 and not issparse(part)
    ]
    sizes = [len(part) for part in arrays]  # what is sparse has no length, and is refused where it is read
    n = max(sizes, default=0)
    if limit is None or n <= limit or len(set(sizes)) > 1:  # unequal lengths are reported where they are checked
        return Given(given.module, given.X, given.labels, given.factors, given.mask, n)
    rows = np.sort(rng.choice(n, limit, replace=False))

    def take(part: Any) -> Any:
        if part is None or isinstance(part, (bool, int, float, str)):
            return part
        return (part if hasattr(part, "detach") else np.asarray(part))[rows]

    labels = given.labels
    labels = [labels[i] for i in rows] if isinstance(labels, (list, tuple)) else take(labels)
    module = _each(given.module, take) if recorded else given.module
    X = _each(given.X, take) if isinstance(given.X, Mapping) or is_several(given.X) else take(given.X)
    return Given(module, X, labels, take(given.factors), take(given.mask), n)


def _parts(value: Any) -> list[Any]:
    return list(value.values() if isinstance(value, Mapping) else value)


def _arrays(X: Any) -> list[Any]:
    """The arrays of the inputs; flags, None and names in a dict or a tuple are none."""
    values = _parts(X) if isinstance(X, Mapping) or is_several(X) else [X]
    return [v for v in values if not isinstance(v, (bool, int, float, str))]


def _each(value: Any, take: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: take(part) for name, part in value.items()}
    return type(value)(take(part) for part in value) if type(value) in (list, tuple) else [take(part) for part in value]
