"""How a comparison was made: the call that makes it again, versions, seeds and the day; nothing about the machine."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from relucvx import __version__
from relucvx.losses import as_loss
from relucvx.program.problem import Problem
from relucvx.tolerances import SOLVE
from relucvx.types import ACTIVATIONS, Bias, Result

PACKAGES = ("numpy", "scipy", "torch", "numba", "clarabel", "cvxpy", "scikit-learn", "matplotlib")
"""Whose versions numbers and figures can depend on."""


@dataclass(frozen=True)
class Made(Result):
    """How a comparison came about.

    Attributes
    ----------
    call : str
        The Python call, with X and Y for the data.
    date : str
        The day, in UTC.
    seeds : tuple of int
        Of the networks that were trained.
    versions : dict
        Of relucvx, Python and the packages that the numbers can depend on.

    Notes
    -----
    Status: a record of what :func:`compare` was asked. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.compare([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], 1.0, runs=())
    >>> found.made.call
    'relucvx.compare(X, Y, 1.0, [])'
    """

    call: str = ""
    date: str = ""
    seeds: tuple[int, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)


def made_now(call: str, seeds: Sequence[int | None]) -> Made:
    """The record of a comparison that is being made."""
    kept = tuple(int(seed) for seed in seeds if seed is not None)
    return Made(call, datetime.now(UTC).date().isoformat(), kept, versions())


def versions() -> dict[str, str]:
    """Versions of relucvx, Python and the packages that are there."""
    found = {"relucvx": __version__, "Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def call_text(problem: Problem, runs: str | None, given: Mapping[str, Any]) -> str:
    """The call of :func:`compare` as it is typed: what differs from its defaults; ``runs`` as they are called, None for none.

    Arrays go by the names of their arguments.
    """
    phi = problem.activation
    known = ACTIVATIONS.get(phi.name) == phi
    options: dict[str, str] = {}
    if problem.loss != as_loss("squared"):
        options["loss"] = f"{problem.loss.name!r}"
    if problem.bias is not Bias.NONE:
        options["bias"] = repr(str(problem.bias))
    if phi != ACTIVATIONS["relu"]:
        options["activation"] = repr(phi.name) if known else f"({phi.slope_neg!r}, {phi.slope_pos!r})"
    if np.any(problem.sample_weight != 1.0):
        options["sample_weight"] = "sample_weight"
    if problem.pooling is not None:
        kind = problem.pooling.kind
        options["pooling"] = repr(kind) if isinstance(kind, str) else "pooling"
        options |= {} if problem.pooling.groups is None else {"groups": "groups"}
    for name, value in given.items():
        default = {"tol": SOLVE.value}.get(name)
        # arrays by name: a report has no room for them
        large = isinstance(value, np.ndarray) or name in ("labels", "factors", "solution")
        if value is not None and value is not default and not (isinstance(value, float) and value == default):
            options[name] = name if large else repr(value)
    words = ["X", "Y", repr(float(problem.beta)), *([] if runs is None else [runs])]
    return f"relucvx.compare({', '.join([*words, *(f'{name}={text}' for name, text in options.items())])})"
