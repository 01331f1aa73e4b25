"""The problem families that every script draws from: squared loss, fixed seeds, one output but for iris with its three classes.

beta is 0.02·beta_max. For d >= 10 beta_max has no affordable certificate, so beta is 0.02 of its certified *lower* value:
the largest ||yᵀ relu(Xw)|| that search finds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import relucvx as rx
from relucvx import datasets
from relucvx.oracle import dual_norm
from relucvx.program import Problem

SHARE = 0.02
BY_SEARCH = 10
"""From this many features on, beta_max stands for the certified lower value from search."""


@dataclass(frozen=True)
class Family:
    """One benchmark problem, with the seconds after which ours is stopped (None: until certified)."""

    name: str
    data: Callable[[], datasets.Dataset]
    bias: str = "none"
    time_limit: float | None = None

    def problem(self) -> Problem:
        """The problem at its beta."""
        data = self.data()
        X, y = np.asarray(data.X), np.asarray(data.Y)
        unit = rx.make_problem(X, y, 1.0, bias=self.bias)
        if X.shape[1] >= BY_SEARCH:
            top = dual_norm(unit, unit.Y, method="spectral", n_starts=256).lower
        else:
            top = rx.beta_max(X, y, bias=self.bias)[1]
        return rx.make_problem(X, y, SHARE * top, bias=self.bias)


def _planted(n: int, d: int, time_limit: float | None = None) -> Family:
    return Family(f"planted {n}x{d}", lambda: datasets.planted(n, d), time_limit=time_limit)


_ALL = (
    Family("toy 12x2", lambda: datasets.planted(12, 2)),
    _planted(20, 2),
    Family("spiral 60x3", lambda: datasets.spiral(60), bias="hidden"),  # two coordinates and the bias
    _planted(50, 3),
    _planted(100, 3),
    _planted(40, 4),
    _planted(100, 5, 120.0),
    _planted(200, 10, 60.0),
    Family("diabetes 442x10", lambda: datasets.load("diabetes"), time_limit=60.0),
    Family("breast cancer 569x30", lambda: datasets.load("breast_cancer"), time_limit=60.0),
    Family("iris 150x5", lambda: datasets.load("iris", one_vs_rest=1), bias="hidden", time_limit=60.0),
    Family("iris 150x5, 3 outputs", lambda: datasets.load("iris"), bias="hidden", time_limit=60.0),
)
FAMILIES = {family.name: family for family in _ALL}
TOY = "toy 12x2"


def pick(names: list[str], quick: bool) -> list[Family]:
    """The named families, or the toy problem for a quick run."""
    unknown = [name for name in names if name not in FAMILIES]
    if unknown:
        raise SystemExit(f"unknown families {unknown}; known: {', '.join(FAMILIES)}")
    return [FAMILIES[TOY]] if quick else [FAMILIES[name] for name in names]


def solve(problem: Problem, **options: object) -> rx.Solution:
    """Our solver on a Problem (squared loss)."""
    Y = problem.Y if problem.n_outputs > 1 else problem.Y[:, 0]
    return rx.solve(problem.X, Y, problem.beta, bias=problem.bias, **options)
