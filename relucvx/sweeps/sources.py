"""The data of a sweep: names of data sets, files, arrays, or several of these under names of the user's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relucvx.conversion import shown
from relucvx.datasets import Dataset, lookup
from relucvx.errors import InvalidInputError, explain
from relucvx.losses import Loss

FIX = 'data="iris", data=(X, Y), or data={"mine": (X, Y), "two": {"name": "iris", "components": 2}}'


@dataclass(frozen=True)
class Source:
    """One entry of the data: what it is called, and what it is."""

    name: str
    given: Any
    known: dict[str, Dataset] = field(default_factory=dict, compare=False)

    def read(self, loss: Loss) -> tuple[Any, Any, dict[str, Any]]:
        """Inputs, targets as the loss takes them, and how samples that are bags read their rows."""
        if isinstance(self.given, tuple):
            return *self.given, {}
        found = self.given if isinstance(self.given, Dataset) else self._looked_up(loss)
        if found.X.ndim == 4:
            raise InvalidInputError(
                explain(
                    f"tables or bags of rows for data {self.name!r}",
                    f"images of shape {found.X.shape[1:]}",
                    "",
                    "(relucvx.patches(X, 2), Y), their windows",
                )
            )
        groups = {} if found.groups is None else {"groups": found.groups}
        return found.X, found.Y, {} if found.is_table else {"pooling": "mean", **groups}

    def _looked_up(self, loss: Loss) -> Dataset:
        """A data set by its name, with classes coded as the loss takes them (see ``Loss.one_hot``)."""
        options, coding = dict(self.given), loss.one_hot
        word = str(options.pop("name"))
        if coding is not None and lookup.has_classes(word) and options.get("one_vs_rest") is None:
            options.setdefault("one_hot", coding)
        # read once: several losses take the same
        key = repr(options.get("one_hot"))
        if key not in self.known:
            self.known[key] = lookup.get(word, **options)
        return self.known[key]


def as_sources(data: Any) -> list[Source]:
    """The data of a sweep, each under a name of its own.

    Raises
    ------
    InvalidInputError
        For what is none of the forms, and two entries of one name.
    """
    if isinstance(data, Mapping):
        # a mapping with a name is one data set with its options
        entries = [("", data)] if isinstance(data.get("name"), (str, os.PathLike)) else list(data.items())
    elif _is_several(data):
        entries = [("", one) for one in data]
    else:
        entries = [("", data)]
    found = [_source(name, given) for name, given in entries]
    names = [source.name for source in found]
    if not found or len(set(names)) < len(names):
        twice = next((name for name in names if names.count(name) > 1), None)
        received = "none" if twice is None else f"{twice!r} twice"
        raise InvalidInputError(explain("data, each under a name of its own", received, "", FIX))
    return found


def _is_several(data: Any) -> bool:
    """Whether this is a list of data, and not inputs with their targets."""
    if not isinstance(data, (list, tuple)):
        return False
    known = (str, os.PathLike, Dataset)
    return all(isinstance(one, (*known, Mapping)) for one in data) or not isinstance(data, tuple) or len(data) != 2


def _source(name: Any, given: Any) -> Source:
    if not isinstance(name, str):
        raise InvalidInputError(explain("names of data as text", shown(name), "", FIX))
    if isinstance(given, Dataset):
        return Source(name or given.name, given)
    if isinstance(given, (str, os.PathLike)):
        return Source(name or _named(given), {"name": os.fspath(given)})
    if isinstance(given, Mapping):
        word = given.get("name", given.get("file"))
        if not isinstance(word, (str, os.PathLike)) or {"name", "file"} <= set(given):
            raise InvalidInputError(explain(f"a name or a file for data {name!r}", shown(dict(given)), "", FIX))
        rest = {option: value for option, value in given.items() if option not in ("name", "file")}
        return Source(name or _named(word), {"name": os.fspath(word), **rest})
    if isinstance(given, tuple) and len(given) == 2:
        return Source(name or "data", given)
    raise InvalidInputError(explain("data by name, by path, or as (X, Y)", shown(given), "", FIX))


def _named(word: Any) -> str:
    """A file by its name without the folder: results do not depend on where it lies."""
    text = os.fspath(word)
    return Path(text).name if isinstance(word, os.PathLike) or "/" in text or os.sep in text else text
