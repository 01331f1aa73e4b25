"""All claims, by id."""

from __future__ import annotations

import difflib
import functools
import importlib

from relucvx.errors import InvalidInputError, explain
from relucvx.theory.definition import Claim

MODULES = (
    "statements.reformulation",
    "chapters.landscape",
    "statements.whitened",
    "statements.spikes",
    "statements.abstraction",
    "statements.mean_field",
    "statements.deep_networks",
    "statements.deep_collapse",
    "statements.straight_lines",
    "statements.hamming",
    "chapters.problems",
    "chapters.bounds",
    "chapters.networks",
    "chapters.optima",
    "chapters.all_optima",
    "chapters.kernels",
    "chapters.collapse",
    "chapters.decoders",
    "chapters.similarities",
    "chapters.dimensions",
    "chapters.shapes",
    "chapters.regions",
    "statements.readings",
    "statements.readings_folding",
)
"""Modules of this folder, each with a tuple CLAIMS, in the order of the argument."""


@functools.cache
def claims() -> tuple[Claim, ...]:
    """Every claim, those of the theory first and the readings to avoid last.

    Returns
    -------
    tuple of Claim

    Notes
    -----
    Source: [relucvx]. Status: each claim states its own.

    Examples
    --------
    >>> import relucvx as rx
    >>> len(rx.theory.claims()) > 50, {claim.expected for claim in rx.theory.claims()} == {"HOLDS", "VIOLATED"}
    (True, True)
    """
    found = [c for name in MODULES for c in importlib.import_module(f"relucvx.theory.{name}").CLAIMS]
    return tuple(sorted(found, key=lambda c: c.expected != "HOLDS"))


def claim(name: str) -> Claim:
    """The claim of a given id.

    Raises
    ------
    InvalidInputError
        When there is none, naming similar ids.

    Notes
    -----
    Source: [relucvx]. Status: as stated by the claim.

    Examples
    --------
    >>> import relucvx as rx
    >>> print(rx.theory.claim("spike-free-z-matrix").statement)
    X of full row rank is spike-free iff no off-diagonal entry of (X X^T)^-1 is positive.
    """
    known = {c.id: c for c in claims()}
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.4)
        hint = " or ".join(repr(n) for n in near) or "[c.id for c in relucvx.theory.claims()]"
        raise InvalidInputError(explain("the id of a claim", repr(name), "a typo", hint))
    return known[name]
