"""Claims about straight lines: folding of input space, convex decision regions, ways down to the optimum."""

from __future__ import annotations

import functools
from dataclasses import replace
from itertools import pairwise

import numpy as np

from relucvx.metrics import euclidean_convexity, folding
from relucvx.network import DeepNetwork, TwoLayerReLU, prune
from relucvx.network.caratheodory import vertex_coefficients
from relucvx.program.objective import objective
from relucvx.program.problem import make_problem
from relucvx.theory.claim import Assumption, Claim, Deviation, Instance, Predicted, at_most, close
from relucvx.theory.draws import any_outputs, blend, descended, solved
from relucvx.types import Array


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


# ---------------------------------------------------------------------- ways down
WIDTH = 60
"""Neurons of the networks a way down starts from: at least 2 n c in every instance."""

STEPS = np.linspace(0.0, 1.0, 17)
"""Points looked at on each of the three parts of a way down."""


def _draw_wide(rng: np.random.Generator, size: int) -> Instance:
    return {**any_outputs(rng, size), "width": WIDTH, "seed": int(rng.integers(2**31))}


def _starts(instance: Instance) -> list[TwoLayerReLU]:
    """A trained network, perhaps caught where descent stops, and two random ones of different scales."""
    rng, width = np.random.default_rng(int(instance["seed"])), int(instance["width"])
    d, c = instance["X"].shape[1], 1 if instance["Y"].ndim == 1 else instance["Y"].shape[1]
    drawn = [
        TwoLayerReLU(
            scale * rng.standard_normal((width, d)), rng.standard_normal((width, c)), scalar_output=instance["Y"].ndim == 1
        )
        for scale in (0.3, 3.0)
    ]  # fmt: skip
    return [*descended(instance, width, rng, max_steps=200), *drawn]


def _way_down(start: TwoLayerReLU, goal: TwoLayerReLU, X: Array) -> list[TwoLayerReLU]:
    """Points of a path from a network to an optimum: balance, prune, then shift weight to the optimum's neurons."""
    norms = np.stack([np.linalg.norm(start.weights_in, axis=1), np.linalg.norm(start.weights_out, axis=1)])
    norms = np.maximum(norms, 1e-150)  # a side that is zero stays zero
    log = np.log(norms[1] / norms[0])[:, None] / 2.0
    path = [
        replace(start, weights_in=np.exp(t * log) * start.weights_in, weights_out=np.exp(-t * log) * start.weights_out)
        for t in STEPS
    ]
    level = path[-1]
    atoms = (level.hidden(X)[:, None, :] * level.weights_out.T[None]).reshape(-1, level.width)
    kept = vertex_coefficients(atoms, level.neuron_norms())
    for t in STEPS:
        root = np.sqrt(1.0 - t + t * kept)[:, None]
        path.append(replace(level, weights_in=root * level.weights_in, weights_out=root * level.weights_out))
    return [*path, *(blend(prune(path[-1], X), goal, t) for t in STEPS)]


def _measure_ways(instance: Instance, predicted: Predicted) -> list[Deviation]:
    problem = make_problem(instance["X"], instance["Y"], instance["beta"])
    goal = prune(solved(instance).network, instance["X"])
    rises, ends, widths = [], [], []
    for start in _starts(instance):
        path = _way_down(start, goal, instance["X"])
        values = np.array([objective(problem, net) for net in path])
        rises.append(float(np.diff(values).max()) / float(values.max()))
        ends.append(float(values[-1]))
        widths.append(max(int(np.any(net.weights_in != 0, axis=1).sum()) for net in path))
    scale = max(predicted["value"], 1e-12)
    return [
        at_most("largest rise on the way, relative to the start", max(rises), predicted["rise"], 1e-10),
        at_most("end of the way above the certified optimum", max(ends), predicted["value"], 1e-8, scale),
        at_most("neurons needed on the way, beyond those of the start", max(widths), int(instance["width"]), 0.5),
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
        "no-spurious-valleys",
        "From every network of at least 2 n c neurons, trained or random, an explicit path of no more neurons leads to the "
        "certified optimum, and the objective never rises on it.",
        "wang-2022",
        "theorem (explicit path)",
        draw=_draw_wide,
        predict=lambda i: {"rise": 0.0, "value": solved(i).certificate.lower},
        measure=_measure_ways,
        assumptions=(
            Assumption(
                "at least 2 n c neurons",
                lambda i: i["width"] >= 2 * np.size(i["Y"]),
                lambda i, rng: {**i, "width": 1},
            ),
        ),
        seconds=0.3,
    ),
)
