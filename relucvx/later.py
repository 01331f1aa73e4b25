"""Packages that load when they are first used, so that they stand at the top of a file and cost nothing until then.

torch takes a second to load, CVXPY and scikit-learn as long; who enumerates patterns needs none of them.
"""

from __future__ import annotations

import importlib
from typing import Any


def later(name: str) -> Any:
    """A stand-in for a module, which is imported when one of its attributes is asked for."""
    return _Later(name)


class _Later:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # asked by whoever inspects the file it stands in, such as doctest
            raise AttributeError(attribute)
        return getattr(importlib.import_module(self._name), attribute)

    def __repr__(self) -> str:
        return f"later({self._name!r})"
