"""Claims about every optimum, decided for each instance by a range over all networks (:func:`relucvx.kernel_statistic`)."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from relucvx._api.statistics import Statistic, StatisticRange, kernel_statistic
from relucvx.datasets import factorial
from relucvx.kernel import predict_one_hot
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, at_most, close, same
from relucvx.theory.draws import fraction_of_scale, one_hot, orthonormal_rows, solved, too_late
from relucvx.theory.statements.abstraction import ABSENT, ALIGNED, BELOW, DOMINANT, FACTORIAL, POSITIVE
from relucvx.theory.statements.whitened import WHITENED
from relucvx.types import Scope

PROVEN = 1e-3
"""A certified parallelism this close to 1 is one of abstract representations."""

RADIUS = 1e-4
"""All optima have the predicted kernel when none is proven to be further from it, relative to 1."""

RANGE_SECONDS = 120.0
"""For the range of one instance, which takes some seconds on an idle machine."""

BUSY = 0.2
"""A range that took this share of them was cut short by others' work: that it is wide says nothing about the claim."""


def _ranged(instance: Instance, statistic: Statistic, tight: float, tol: float = 1e-9, **about: Any) -> StatisticRange:
    """The range of a statistic over all optima; a premise that is not met where it is wider than ``tight`` for want of time."""
    began = time.perf_counter()
    found = kernel_statistic(solved(instance, tol=tol), statistic, time_limit=RANGE_SECONDS, **about)
    if found.upper - found.lower > tight and time.perf_counter() - began > BUSY * RANGE_SECONDS:
        raise too_late(f"the range of {statistic} is not found", BUSY * RANGE_SECONDS)
    return found


# ---------------------------------------------------------------------- abstraction
def _drawn(rng: np.random.Generator, x1: float, x2: float) -> Instance:
    data = factorial(2, 1, x0=float(rng.uniform(0.5, 2.0)), x1=x1, x2=x2, rng=rng)
    return {"X": data.X, "Y": data.Y, "beta": fraction_of_scale(data.X, data.Y, rng)}


def _draw(rng: np.random.Generator, size: int) -> Instance:
    """Two factors, four samples, x1 >= x2 > 0."""
    x2 = float(rng.uniform(0.1, 0.5))
    return _drawn(rng, x2 + float(rng.uniform(0.0, 0.5)), x2)


def _draw_free(rng: np.random.Generator, size: int) -> Instance:
    """Two factors, four samples, no common mode."""
    return _drawn(rng, float(rng.uniform(0.0, 0.5)), 0.0)


def _two(instance: Instance) -> bool:
    return np.asarray(instance["Y"]).shape == (4, 2)


def _repeated(instance: Instance, rng: np.random.Generator) -> Instance:
    data = factorial(2, 2, x0=1.0, x1=0.3, x2=0.2, rng=rng)
    return {"X": data.X, "Y": data.Y, "beta": fraction_of_scale(data.X, data.Y, rng)}


TWO = Assumption("two variables, each combination once", _two, _repeated)


def _measure(instance: Instance, predicted: Predicted) -> list[Deviation]:
    found = _ranged(instance, "parallelism", PROVEN, factors=instance["Y"])
    return [
        close("least parallelism of any optimum", found.lower, predicted["least"], PROVEN, 1.0),
        close("largest parallelism of any optimum", found.upper, predicted["least"], PROVEN, 1.0),
        same("bounded over every pattern", found.scope is Scope.ALL_PATTERNS, True),
    ]


def _measure_free(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """Nothing outside is possible, and both ends are there: bounds for the one, networks for the other."""
    found = _ranged(instance, "parallelism", 1.0 + PROVEN, factors=instance["Y"])
    ends, attained = np.array([predicted["least"], predicted["most"]]), np.array(found.attained)
    return [
        close(
            "certified ends of the parallelism of all optima", np.array([found.lower, found.upper]), ends, PROVEN, 1.0
        ),
        close("parallelism of the extreme optima found", attained, ends, PROVEN, 1.0),
    ]


# ---------------------------------------------------------------------- collapse
def _draw_classes(rng: np.random.Generator, size: int) -> Instance:
    """Two classes of one or two samples, one of two, whitened inputs."""
    counts = rng.permutation([2, 1 + size % 2])
    labels = np.repeat(np.arange(len(counts)), counts)
    n = len(labels)
    return {
        "X": orthonormal_rows(n, n, rng),
        "Y": one_hot(labels),
        "labels": labels,
        "beta": float(rng.uniform(0.1, 0.8)),
    }


def _predict_classes(instance: Instance) -> Predicted:
    return {"kernel": predict_one_hot(instance["labels"], instance["beta"]).kernel, "nc1": 0.0}


def _measure_classes(instance: Instance, predicted: Predicted) -> list[Deviation]:
    radius = _ranged(instance, "distance", RADIUS, 1e-11, reference=predicted["kernel"])
    collapse = _ranged(instance, "nc1", RADIUS, 1e-11, labels=instance["labels"])
    return [
        at_most("distance of any optimum's kernel from the predicted one", radius.upper, 0.0, RADIUS),
        close("largest NC1 of any optimum", collapse.upper, predicted["nc1"], RADIUS, 1.0),
    ]


CLAIMS = (
    Claim(
        "abstract-at-all-minima",
        "With x1 >= x2 > 0 and two variables every global minimum, of any width, has the parallelism score 1: proven for each "
        "instance to 1e-3, by a range over all networks.",
        "wang-fusi-johnston-2025, relucvx",
        "certified for each instance (no uniqueness assumed)",
        draw=_draw,
        predict=lambda i: {"least": 1.0},
        measure=_measure,
        assumptions=(FACTORIAL, TWO, POSITIVE, DOMINANT, BELOW),
        seconds=1.0,
    ),
    Claim(
        "abstract-at-some-minima",
        "Without a common mode (x2 = 0) and two variables the parallelism scores of the global minima fill [0, 1]: proven for "
        "each instance to 1e-3 that none is outside, by a range over all networks, and optima are at both ends.",
        "relucvx",
        "certified for each instance",
        draw=_draw_free,
        predict=lambda i: {"least": 0.0, "most": 1.0},
        measure=_measure_free,
        assumptions=(FACTORIAL, TWO, ALIGNED, ABSENT, BELOW),
        seconds=4.0,
    ),
    Claim(
        "collapse-at-all-minima",
        "Two classes, one-hot, on whitened inputs: no global minimum, of any width, has a hidden kernel further than 1e-4 from "
        "Σ_k (sqrt(n_k) - beta)_+/n_k 1_k 1_k^T, nor an NC1 above that: proven for each instance, by ranges over all networks.",
        "wang-2025, relucvx",
        "certified for each instance (no uniqueness assumed)",
        draw=_draw_classes,
        predict=_predict_classes,
        measure=_measure_classes,
        assumptions=(WHITENED,),
        seconds=1.0,
    ),
)
