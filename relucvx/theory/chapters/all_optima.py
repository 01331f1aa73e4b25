"""Claims about every optimum, decided for each instance by a range over all networks (:func:`relucvx.kernel_statistic`)."""

from __future__ import annotations

import numpy as np

from relucvx._statistics import kernel_statistic
from relucvx.datasets import factorial
from relucvx.theory.abstraction import BELOW, DOMINANT, FACTORIAL, POSITIVE
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, close, same
from relucvx.theory.draws import fraction_of_scale, solved
from relucvx.types import Scope

PROVEN = 1e-3
"""A certified parallelism this close to 1 is one of abstract representations."""

RANGE_SECONDS = 20.0
"""For the range of one instance, which takes about a second."""


def _draw(rng: np.random.Generator, size: int) -> Instance:
    """Two factors, four samples, x1 >= x2 > 0."""
    x2 = float(rng.uniform(0.1, 0.5))
    data = factorial(2, 1, x0=float(rng.uniform(0.5, 2.0)), x1=x2 + float(rng.uniform(0.0, 0.5)), x2=x2, rng=rng)
    return {"X": data.X, "Y": data.Y, "beta": fraction_of_scale(data.X, data.Y, rng)}


def _two(instance: Instance) -> bool:
    return np.asarray(instance["Y"]).shape == (4, 2)


def _repeated(instance: Instance, rng: np.random.Generator) -> Instance:
    data = factorial(2, 2, x0=1.0, x1=0.3, x2=0.2, rng=rng)
    return {"X": data.X, "Y": data.Y, "beta": fraction_of_scale(data.X, data.Y, rng)}


TWO = Assumption("two variables, each combination once", _two, _repeated)


def _measure(instance: Instance, predicted: Predicted) -> list[Deviation]:
    found = kernel_statistic(solved(instance, tol=1e-9), "parallelism", factors=instance["Y"], time_limit=RANGE_SECONDS)
    return [
        close("least parallelism of any optimum", found.lower, predicted["least"], PROVEN, 1.0),
        close("largest parallelism of any optimum", found.upper, predicted["least"], PROVEN, 1.0),
        same("bounded over every pattern", found.scope is Scope.ALL_PATTERNS, True),
    ]


CLAIMS = (
    Claim(
        "abstract-at-all-minima",
        "With x1 >= x2 > 0 and two variables every global minimum, of any width, has the parallelism score 1: proven for each "
        "instance to 1e-3, by a range over all networks. (Without a common mode, x2 = 0, the range is [0, 1].)",
        "wang-fusi-johnston-2025, relucvx",
        "certified for each instance (no uniqueness assumed)",
        draw=_draw,
        predict=lambda i: {"least": 1.0},
        measure=_measure,
        assumptions=(FACTORIAL, TWO, POSITIVE, DOMINANT, BELOW),
        seconds=1.0,
    ),
)
