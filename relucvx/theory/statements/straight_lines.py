"""Claims about straight lines: folding of input space, convex decision regions."""

from __future__ import annotations

import functools
from itertools import pairwise

import numpy as np

from relucvx.metrics import euclidean_convexity, folding
from relucvx.network import DeepNetwork
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, close


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
    # without a change of code chi is not defined
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
)
