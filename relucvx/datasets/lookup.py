"""Datasets by one word, as the command line takes them: an embedded name, a synthetic recipe, or a path."""

from __future__ import annotations

import difflib
import inspect
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from relucvx.conversion import as_path
from relucvx.datasets import embedded, files, structured, synthetic
from relucvx.datasets.dataset import Dataset
from relucvx.datasets.degenerate import degenerate_bank
from relucvx.datasets.textbook import textbook_instances
from relucvx.errors import InvalidInputError, explain
from relucvx.types import Rng

RECIPES = {
    "planted": "planted:NxD or planted:NxDxWIDTH",
    "spiral": "spiral:N",
    "whitened": "whitened:N or whitened:NxD",
    "factorial": "factorial:VARIABLES or factorial:VARIABLESxREPEATS",
    "classes": "classes:SIZExSIZEx...",
    "images": "images:DIGITxDIGITx...",
    "graphs": "graphs:N or graphs:NxD",
    "sequences": "sequences:N or sequences:NxLENGTH or sequences:NxLENGTHxWINDOW",
}
"""Synthetic recipes and how their sizes are written."""

_DEFAULTS = {
    "planted": (100, 3), "spiral": (100,), "whitened": (6, 8), "factorial": (2, 1), "classes": (3, 3),
    "images": (3, 8), "graphs": (60, 3), "sequences": (40, 16, 4),
}  # fmt: skip
_SIZES = {
    "planted": (2, 3), "spiral": (1, 1), "whitened": (1, 2), "factorial": (1, 2), "classes": (1, 100),
    "images": (2, 10), "graphs": (1, 2), "sequences": (1, 3),
}  # fmt: skip


def available() -> tuple[str, ...]:
    """Every word :func:`get` knows: embedded names, recipes, ``textbook:NAME`` and ``degenerate:NAME``.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> "iris" in rx.datasets.available()
    True
    """
    textbook = tuple(f"textbook:{name}" for name in textbook_instances())
    degenerate = tuple(f"degenerate:{name}" for name in degenerate_bank())
    return (*embedded.EMBEDDED, *RECIPES, *textbook, *degenerate)


def kind_of(word: str) -> str:
    """Whether a word names a "file", an "embedded" set, or else a "recipe" or a bank.

    No name holds a dot or a slash, so a word that does is a path, whether or not the file exists.
    """
    if "." in word or "/" in word or os.sep in word:
        return "file"
    return "embedded" if word in embedded.EMBEDDED else "recipe"


def has_classes(word: str) -> bool:
    """Whether classes among the data of this name can be coded as a loss takes them (``one_hot=``).

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).
    """
    kind = kind_of(word)
    return kind == "file" or (kind == "embedded" and word != "diabetes") or word.partition(":")[0] == "images"


def get(name_or_path: str | os.PathLike[str], *, rng: Rng = 0, **options: Any) -> Dataset:
    """Find a dataset by name, recipe or path.

    Parameters
    ----------
    name_or_path : str or path
        ``iris`` and the other embedded names; a recipe such as ``planted:100x3``, ``spiral:80``, ``whitened:6x8``,
        ``factorial:2x3``, ``classes:3x3x2``, and the bags of rows ``images:3x8``, ``graphs:60x3``, ``sequences:40x16x4``;
        ``textbook:NAME``; ``degenerate:NAME``; or the path of a data file (anything with a dot or a path separator is a
        path), see :func:`read_table`.
    rng : None, int or Generator, default 0
        Source of randomness of the recipes; unused otherwise.
    **options
        Passed on to :func:`load`, to the recipe (e.g. ``noise=0.2``) or to :func:`read_table`.

    Raises
    ------
    InvalidInputError
        For an unknown name (similar ones are listed), a size the recipe does not take, or an unknown option.
    DataFileError
        From :func:`read_table`.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> print(rx.datasets.get("planted:100x3"))
    Dataset(planted: 100 samples x 3 features)
    >>> rx.datasets.get("iris").X.shape
    (150, 4)
    """
    word = str(as_path(name_or_path, "a data set's name or path"))
    if isinstance(name_or_path, os.PathLike) or kind_of(word) == "file":
        return _call(files.read_table, word, (word,), options)
    kind, _, rest = word.partition(":")
    if word in embedded.EMBEDDED:
        return _call(embedded.load, word, (word,), options)
    if kind in RECIPES:
        return _recipe(word, kind, rest, rng, options)
    banks: dict[str, Callable[[], Mapping[str, Dataset]]] = {
        "textbook": textbook_instances,
        "degenerate": degenerate_bank,
    }
    if kind in banks and not options:
        bank = banks[kind]()
        if rest in bank:
            return bank[rest]
    if kind in banks and options:
        raise InvalidInputError(explain(f"no options for {kind} problems", ", ".join(options)))
    close = difflib.get_close_matches(word, available(), n=3, cutoff=0.4)
    known = ", ".join((*embedded.EMBEDDED, *RECIPES.values(), "textbook:NAME", "degenerate:NAME"))
    raise InvalidInputError(
        explain(
            f"a dataset among {known}, or a data file such as data.csv", repr(word), "", " or ".join(close) or "iris"
        )
    )


def _recipe(word: str, kind: str, rest: str, rng: Rng, options: dict[str, Any]) -> Dataset:
    sizes = _DEFAULTS[kind]
    if ":" in word:
        least, most = _SIZES[kind]
        parts = rest.split("x")
        if not all(re.fullmatch(r"[0-9]+", p) for p in parts) or not least <= len(parts) <= most:
            raise InvalidInputError(explain(f"sizes written as {RECIPES[kind]}", repr(word)))
        sizes = tuple(int(p) for p in parts)
    makers = {
        "planted": synthetic.planted,
        "spiral": synthetic.spiral,
        "whitened": synthetic.whitened,
        "factorial": synthetic.factorial,
        "classes": synthetic.class_labels,
        "images": structured.images,
        "graphs": structured.graphs,
        "sequences": structured.sequences,
    }
    arguments: tuple = (sizes,) if kind in ("classes", "images") else sizes
    # digits are what they are
    return _call(makers[kind], word, arguments, options if kind == "images" else {"rng": rng, **options})


def _call(function: Any, word: str, arguments: tuple, options: dict[str, Any]) -> Dataset:
    """Call with keyword options, naming the options that exist when one does not."""
    parameters = inspect.signature(function).parameters
    known = list(parameters)[len(arguments) :]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise InvalidInputError(explain(f"options of {word} among {', '.join(known)}", ", ".join(unknown)))
    result: Dataset = function(*arguments, **options)
    return result
