"""Claims about straight lines: folding of input space, convex decision regions, paths between networks."""

from __future__ import annotations

import functools
from itertools import pairwise

import numpy as np

from relucvx.metrics import euclidean_convexity, folding
from relucvx.network import DeepNetwork
from relucvx.theory.claim import Assumption, Claim, Deviation, Instance, Predicted, at_most, close
from relucvx.theory.draws import any_outputs, blend, descended, solved, value_of


# ---------------------------------------------------------------------- folding, decision regions
def _draw_shallow(rng: np.random.Generator, size: int) -> Instance:
    widths = np.array([int(rng.integers(1, 2 + size)), int(rng.integers(1, 8 * size)), 1])
    return {"widths": widths, "seed": int(rng.integers(2**31))}


def _measure_folding(instance: Instance, predicted: Predicted) -> list[Deviation]:
    rng, widths = np.random.default_rng(int(instance["seed"])), [int(w) for w in instance["widths"]]
    pairs = list(pairwise(widths))
    weights = tuple(rng.standard_normal(pair) for pair in pairs)
    net = DeepNetwork(weights, tuple(rng.standard_normal(b) for _, b in pairs))
    walks = [folding(net, *(4.0 * rng.standard_normal((2, widths[0])))) for _ in range(20)]
    chi = max((walk.chi for walk in walks if walk.r2 > 0), default=0.0)
    return [
        close("largest chi of 20 segments", chi, predicted["chi"], 1e-12, 1.0),
        Deviation("neurons that switch twice", float(max(w.r2 - w.r1 for w in walks)), 0.5),
    ]


def _deeper(instance: Instance, rng: np.random.Generator) -> Instance:
    return {**instance, "widths": np.array([int(instance["widths"][0]), 8, 8, 8, 1])}


def _draw_head(rng: np.random.Generator, size: int) -> Instance:
    p, C = int(rng.integers(1, 2 + size)), int(rng.integers(2, 3 + size))
    W, b, Z = rng.standard_normal((p, C)), rng.standard_normal(C), 2.0 * rng.standard_normal((C + 1 + 6 * size, p))
    return {"Z": Z, "weights": W, "bias": b, "labels": (Z @ W + b).argmax(axis=1)}


def _measure_head(instance: Instance, predicted: Predicted) -> list[Deviation]:
    W, b = instance["weights"], instance["bias"]
    ask = functools.partial(euclidean_convexity, instance["Z"], instance["labels"], (W, b), classes=range(W.shape[1]))
    return [
        close("length of the segments inside their class", ask(method="exact").overall, predicted["convexity"], 1e-12),
        close("points of the segments inside", ask(n_points=10).overall, predicted["convexity"], 1e-12),
    ]


def _shuffled(instance: Instance, rng: np.random.Generator) -> Instance:
    C = instance["weights"].shape[1]
    return {**instance, "labels": (instance["labels"] + rng.integers(0, C, len(instance["Z"]))) % C}


# ---------------------------------------------------------------------- merged networks
def _draw_two(rng: np.random.Generator, size: int) -> Instance:
    return {**any_outputs(rng, size), "seed": int(rng.integers(2**31))}


def _measure_merged(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """Two networks trained from different weights: sqrt(1-t) and sqrt(t) scaled copies side by side."""
    first, second = descended(instance, 20, np.random.default_rng(int(instance["seed"])), starts=2)
    a, b = value_of(instance, first), value_of(instance, second)
    ts = np.linspace(0.0, 1.0, 9)
    excess = max(value_of(instance, blend(first, second, t)) - ((1 - t) * a + t * b) for t in ts)
    return [
        at_most("rise above the straight line between both objectives", excess, predicted["rise"], 1e-10, max(a, b))
    ]


# ---------------------------------------------------------------------- no bad starts
WIDTH = 60
"""Neurons of a wide network here: more than twice n c of every instance."""


def _draw_wide(rng: np.random.Generator, size: int) -> Instance:
    return {**any_outputs(rng, size), "width": WIDTH, "seed": int(rng.integers(2**31))}


def _measure_starts(instance: Instance, predicted: Predicted) -> list[Deviation]:
    lower, rng = solved(instance).certificate.lower, np.random.default_rng(int(instance["seed"]))
    values = [value_of(instance, net) for net in descended(instance, int(instance["width"]), rng, starts=4)]
    scale = max(predicted["value"], 1e-12)
    return [
        at_most("worst of 4 starts above the optimum", max(values), predicted["value"], 0.02, scale),
        at_most("certified bound above the best", lower, min(values), 1e-9, scale),
    ]


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "one-hidden-layer-no-folding",
        "With one hidden layer a straight segment crosses every neuron's hyperplane at most once: chi = 0.",
        "lewandowski-2025",
        "theorem",
        draw=_draw_shallow,
        predict=lambda i: {"chi": 0.0},
        measure=_measure_folding,
        assumptions=(Assumption("one hidden layer", lambda i: len(i["widths"]) == 3, _deeper),),
        seconds=0.02,
    ),
    Claim(
        "argmax-regions-convex",
        "The decision regions of the argmax of an affine head are convex: with its own decisions as labels the Euclidean "
        "convexity is 1.",
        "tetkova-2025",
        "theorem",
        draw=_draw_head,
        predict=lambda i: {"convexity": 1.0},
        measure=_measure_head,
        assumptions=(
            Assumption(
                "the labels are the head's decisions",
                lambda i: ((i["Z"] @ i["weights"] + i["bias"]).argmax(axis=1) == i["labels"]).all(),
                _shuffled,
            ),
        ),
        seconds=0.02,
    ),
    Claim(
        "merged-networks-convex",
        "Two networks side by side, neurons scaled by sqrt(1-t) and sqrt(t): the objective stays below (1-t) P_1 + t P_2, "
        "so two trained networks are joined without a barrier in twice the width.",
        "wang-2022",
        "theorem (explicit path)",
        draw=_draw_two,
        predict=lambda i: {"rise": 0.0},
        measure=_measure_merged,
        assumptions=(Assumption("beta > 0", lambda i: i["beta"] > 0),),
        seconds=0.2,
    ),
    Claim(
        "wide-networks-have-no-bad-starts",
        "Every one of four networks of 60 neurons trained from random weights ends within 2 % of the certified optimum: no "
        "start is caught in a bad local minimum.",
        "wang-2022",
        "sampled evidence (n <= 7, beta from 5 % of beta_max; what remains is slow descent along kinks)",
        draw=_draw_wide,
        predict=lambda i: {"value": solved(i).certificate.lower},
        measure=_measure_starts,
        assumptions=(
            Assumption(
                f"{WIDTH} neurons or more, over 2 n c",
                lambda i: i["width"] >= max(WIDTH, 2 * np.size(i["Y"]) + 1),
                lambda i, rng: {**i, "width": 1},
            ),
        ),
        seconds=1.5,
    ),
)
