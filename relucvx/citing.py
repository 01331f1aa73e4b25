"""What to cite for a result, a call or a claim: the package, and the sources that its docstrings name."""

from __future__ import annotations

import difflib
import importlib
import inspect
from dataclasses import dataclass
from typing import Any

import relucvx
from relucvx.errors import InvalidInputError, explain
from relucvx.program import Problem
from relucvx.references import PUBLICATIONS, REFERENCES, sources_of
from relucvx.theory.definition import Claim
from relucvx.theory.registry import claims
from relucvx.types import Result

PACKAGE = "relucvx"
"""The key of the software itself, which every citation begins with."""

TITLE = "relucvx: certified global optima of two-layer ReLU networks, and the theory around them as executable code"
AUTHOR = "The relucvx developers"

PARTS = (
    "arrangement",
    "certificate",
    "datasets",
    "kernel",
    "losses",
    "metrics",
    "network",
    "oracle",
    "program",
    "theory",
)
"""Packages whose public names can be asked for by ``part.name``, and which load without torch."""

HOMES: dict[str, str] = vars(relucvx)["_PUBLIC"]
"""Every public name of the package, and the module that has it."""

SEVERAL_OUTPUTS = "sahiner-2021"
"""The source for problems of more than one output."""

LATE = ("training", "estimators", "report", "sweeps")
"""Packages that load torch, scikit-learn or matplotlib; looked through only for what comes out of them."""


@dataclass(frozen=True, repr=False)
class Citation(Result):
    """The package and the sources of something, as text and for a bibliography.

    Attributes
    ----------
    keys : tuple of str
        Keys of :mod:`relucvx.references`, "relucvx" for the package first.

    Notes
    -----
    Status: a record (which sources docstrings name). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> rx.cite("cover-1965").keys
    ('relucvx', 'cover-1965')
    """

    keys: tuple[str, ...]

    @property
    def text(self) -> str:
        """One line for each."""
        return "\n".join(map(_text, self.keys))

    @property
    def bibtex(self) -> str:
        """Entries for a bibliography; a source that was not published has none."""
        entries = [PUBLICATIONS[key].bibtex(key) for key in self.keys if key in PUBLICATIONS]
        return "\n\n".join([_software(), *entries])

    def facts(self) -> dict[str, Any]:
        """The keys."""
        return {"sources": self.keys}

    def records(self) -> list[dict[str, Any]]:
        """A row for each key."""
        return [{"key": key, "reference": _text(key)} for key in self.keys]

    def __str__(self) -> str:
        return self.text


def _text(key: str) -> str:
    if key == PACKAGE:
        return f"{AUTHOR}. {TITLE}. Version {relucvx.__version__}."
    return REFERENCES[key]


def _software() -> str:
    fields = {"author": "{" + AUTHOR + "}", "title": "{" + TITLE + "}", "version": relucvx.__version__}
    return "\n".join(["@software{relucvx,", *(f"  {name} = {{{value}}}," for name, value in fields.items()), "}"])


def cite(what: Any = None) -> Citation:
    """What to cite: the package, and the sources behind a result, a call, a claim or a key.

    Parameters
    ----------
    what : object, optional
        A key of :mod:`relucvx.references` ("pilanci-ergen-2020"); the id of a claim ("svd-shrinkage"); a public name
        ("solve", "metrics.cka") or what has it (``rx.solve``); a result (a solution, a certificate, a comparison, …); or a list
        of these. None: the package alone.

    Returns
    -------
    Citation
        ``print`` shows it as text; ``bibtex`` is for a bibliography.

    Raises
    ------
    InvalidInputError
        When nothing has that name, with what comes near.

    Notes
    -----
    Of a result: the sources of its class; where that names no publication, of the calls that return one. A source says where a
    definition or a question comes from; what a statement rests on is its status.

    Status: a record (which sources docstrings name). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> sol = rx.solve([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], beta=1.0)
    >>> print(rx.cite(sol))
    The relucvx developers. relucvx: certified global optima of two-layer ReLU networks, and the theory around them as \
executable code. Version 0.1.0.
    M. Pilanci, T. Ergen. Neural Networks are Convex Regularizers. ICML 2020.
    >>> print(rx.cite("metrics.cka").bibtex.splitlines()[6])
    @inproceedings{kornblith-2019,
    """
    found = [] if what is None else _keys(what)
    return Citation(tuple(dict.fromkeys([PACKAGE, *found])))


def _keys(what: Any) -> list[str]:
    if isinstance(what, str):
        return _named(what)
    if isinstance(what, (list, tuple, set, frozenset)):
        return [key for part in what for key in _keys(part)]
    if callable(what) and not isinstance(what, Result):
        return _documented(what)
    if isinstance(what, Claim):
        return _split(what.source)
    if not isinstance(what, Result):
        raise _unknown(what)
    claim, keys = getattr(what, "claim", None), sources_of(inspect.getdoc(type(what)) or "")
    if isinstance(claim, str):
        keys += _named(claim)
    elif not set(keys) & set(PUBLICATIONS):
        keys += _made_by(type(what))
    return _that_apply(keys, what)


def _documented(what: Any) -> list[str]:
    keys = sources_of(inspect.getdoc(what) or "")
    if not keys:
        raise _unknown(what)
    return keys


def _named(word: str) -> list[str]:
    if word in REFERENCES:
        return [word]
    by_id = {claim.id: claim.source for claim in claims()}
    if word in by_id:
        return _split(by_id[word])
    name = word.removeprefix("relucvx.").removeprefix("rx.")
    part, _, last = name.rpartition(".")
    holder = relucvx if not part else importlib.import_module(f"relucvx.{part}") if part in (*PARTS, *LATE) else None
    if holder is None or last not in holder.__all__:
        raise _unknown(word)
    return _documented(getattr(holder, last))


def _split(source: str) -> list[str]:
    return [key.strip() for key in source.split(",")]


def _made_by(kind: type) -> list[str]:
    """Sources of the public functions that say they return such a result."""
    own = kind.__module__.split(".")[1]
    doors = [(f"relucvx.{own}", name) for name in getattr(importlib.import_module(f"relucvx.{own}"), "__all__", ())]
    doors += [(home, name) for name, home in HOMES.items() if _part(home) not in LATE or _part(home) == own]
    found = [getattr(importlib.import_module(home), name, None) for home, name in doors]
    made = [f for f in found if inspect.isfunction(f) and f.__annotations__.get("return") == kind.__name__]
    return [key for door in made for key in sources_of(inspect.getdoc(door) or "")]


def _part(home: str) -> str:
    return home.split(".")[1]


def _that_apply(keys: list[str], what: Any) -> list[str]:
    """Without what is about several outputs where there is one."""
    problem = getattr(what, "problem", None)
    one = isinstance(problem, Problem) and problem.Y.shape[1] == 1 and problem.pooling is None
    return [key for key in keys if not (one and key == SEVERAL_OUTPUTS)]


def _unknown(what: Any) -> InvalidInputError:
    known = [*REFERENCES, *(claim.id for claim in claims()), *HOMES, *_part_names()]
    near = difflib.get_close_matches(str(what), known, n=3, cutoff=0.5) if isinstance(what, str) else []
    return InvalidInputError(
        explain(
            "a key of relucvx.references, the id of a claim, a public name, or a result",
            repr(what) if isinstance(what, str) else type(what).__name__,
            "a typo" if near else "",
            " or ".join(f"rx.cite({name!r})" for name in near) or "sorted(relucvx.references.REFERENCES)",
        )
    )


def _part_names() -> list[str]:
    return [f"{part}.{name}" for part in PARTS for name in importlib.import_module(f"relucvx.{part}").__all__]
