"""Claims about the set of optima: those that are named are optimal, and a planted second one is found."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from relucvx._api.ranges import optimal_set
from relucvx._api.solving import solve
from relucvx.certificate import Uniqueness
from relucvx.network import TwoLayerReLU
from relucvx.theory.chapters.problems import SINGLE, SOME_DECAY, literal, posed
from relucvx.theory.chapters.reference import BIASES, draw, optimum
from relucvx.theory.definition import (
    Claim,
    Deviation,
    Instance,
    Predicted,
    PremiseNotMet,
    at_most,
    close,
    same,
)
from relucvx.theory.draws import SECONDS, in_time, too_late

SET_SECONDS, PLANTED_SECONDS = 5.0, 60.0
"""For the set of optima: what it has found by then is looked at; where several are planted all of it must be there, which
takes a fraction of a second (the minute covers kernels that are compiled first)."""

SQUARE = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])


def planted(rng: np.random.Generator) -> Instance:
    """A problem with a segment of optima: the corners of a square, each with the same target.

    A neuron half way between two corners serves both, and two opposite pairs of such neurons serve all of them: two optima.
    """
    turn, scale, target = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0.5, 2.0)), float(rng.uniform(1.0, 3.0))
    R = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    beta = float(rng.uniform(0.1, 0.7)) * np.sqrt(2) * scale * target
    return {"X": scale * SQUARE @ R.T, "Y": np.full(4, target), "beta": beta}


def planted_ends(instance: Instance) -> tuple[TwoLayerReLU, TwoLayerReLU, float]:
    """The two ends of the segment of :func:`planted`, and the optimal value.

    Raises
    ------
    PremiseNotMet
        For what is no square any more: a smaller counterexample is looked for among parts of one.

    Notes
    -----
    With r the residual of every sample, a unit neuron half way between two samples of norm s pulls with sqrt(2) s r = beta.
    """
    X, target, beta = instance["X"], float(instance["Y"][0]), float(instance["beta"])
    scale = float(np.linalg.norm(X[0]))
    if len(X) != 4 or np.abs(X[2:] + X[:2]).max() > 1e-9 * scale or abs(X[0] @ X[1]) > 1e-9 * scale**2:
        raise PremiseNotMet("the corners of a square")
    residual = beta / (np.sqrt(2) * scale)
    strength = np.sqrt(2) * (target - residual) / scale
    middles = (X + np.roll(X, -1, axis=0)) / np.linalg.norm(X + np.roll(X, -1, axis=0), axis=1, keepdims=True)
    ends = [TwoLayerReLU(np.sqrt(strength) * middles[k::2], np.full((2, 1), np.sqrt(strength)), scalar_output=True)
            for k in (0, 1)]  # fmt: skip
    return ends[0], ends[1], 2 * residual**2 + 2 * beta * strength


def _draw_set(rng: np.random.Generator, size: int) -> Instance:
    """A planted problem, or one of strictly convex loss with few samples, where one optimum is the rule."""
    plain = {"loss": "squared", "bias": "none", "activation": "relu", "seed": int(rng.integers(2**31))}
    if size % 2:
        return {**planted(rng), **plain, "sample_weight": np.ones(4), "several": True}
    while True:
        instance = draw(rng, str(rng.choice(["squared", "logistic", "huber"])), BIASES[int(rng.integers(4))], 1)
        if np.ndim(instance["Y"]) == 1 and instance["activation"] == "relu":
            return {**instance, "several": False}


def _predict_set(instance: Instance) -> Predicted:
    value = planted_ends(instance)[2] if instance["several"] else optimum(instance)
    return {"value": value, "refuted": False}


def _measure_set(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """Every optimum that the set names is one; UNIQUE is not refuted by a solution from another start or a planted one."""
    options = {**posed(instance), "tol": 1e-11, "time_limit": SECONDS}
    ask: Any = (instance["X"], instance["Y"], float(instance["beta"]))
    first, other = (in_time(solve(*ask, **options, rng=rng)) for rng in (0, 1 + int(instance["seed"])))
    began = time.perf_counter()
    limit = PLANTED_SECONDS if instance["several"] else SET_SECONDS
    found = optimal_set(first, time_limit=limit)
    if instance["several"] and time.perf_counter() - began >= limit:
        raise too_late("the set of optima", limit)
    value = predicted["value"]
    inner = first.problem.inner
    best, second = inner(found.network), inner(found.network if found.second is None else found.second)
    named = [best, second]
    rng = np.random.default_rng(int(instance["seed"]))
    named += [inner(found.vertex(rng.standard_normal(len(found.coefficients)))) for _ in range(2) if found.complete]
    excess = max(literal(instance, net) for net in named) - value
    rivals = [other.network, *(planted_ends(instance)[:2] if instance["several"] else ())]
    unique = found.verdict is Uniqueness.UNIQUE
    far = max(_apart(instance, best, rival) for rival in rivals)
    fits = np.array([np.ravel(net.predict(instance["X"])) for net in (*named, *rivals)])
    out = [
        at_most("excess of the optima named", excess, 0.0, 1e-6, value),
        close("value of the first of them", found.objective, value, 1e-6, value),
        same("UNIQUE is refuted", unique and far > 1e-2, predicted["refuted"]),
        close("fits of all optima", fits, np.tile(np.ravel(found.fit), (len(fits), 1)), 1e-3),
    ]
    if instance["several"]:
        out.append(same("two optima are found", found.verdict is Uniqueness.NOT_UNIQUE, True))
        out.append(at_most("distance of the second from the first", 1e-2, _apart(instance, best, second), 1e-9))
    return out


def _apart(instance: Instance, first: TwoLayerReLU, second: TwoLayerReLU) -> float:
    """Largest difference of two networks at points between and around the samples, relative to the outputs.

    Neurons in another order or scale make the same function, everywhere.
    """
    rng = np.random.default_rng(int(instance["seed"]))
    points = 2.0 * np.abs(instance["X"]).max() * rng.standard_normal((50, instance["X"].shape[1]))
    F, G = (np.asarray(net.predict(points)) for net in (first, second))
    return float(np.abs(F - G).max() / max(np.abs(F).max(), 1e-9))


CLAIMS = (
    Claim(
        "set-of-optima",
        "All optima have one fit; those that the optimal set names are optimal; UNIQUE is not refuted by another start, and a "
        "planted second optimum is found.",
        "mishkin-pilanci-2023",
        "theorem; other optima are searched for, not excluded, in each trial",
        draw=_draw_set,
        predict=_predict_set,
        measure=_measure_set,
        assumptions=(SOME_DECAY, SINGLE),
        seconds=0.7,
    ),
)
