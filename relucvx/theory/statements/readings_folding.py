"""Readings to avoid about space folding and few-shot learning: statements that fail, each beside what holds.

The bound of the number of regions, and what the largest value is, are lost in the transcription before us; these are ways to
fill the gaps that do not work. Nothing here says what an author wrote.
"""

from __future__ import annotations

import itertools
from math import erfc, sqrt

import numpy as np

from relucvx.metrics import SpaceFolding, folding, line_regions, space_folding
from relucvx.network import DeepNetwork
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, at_most, close


# ---------------------------------------------------------------------- number of regions
def _draw_sawtooth(rng: np.random.Generator, size: int) -> Instance:
    d = 1 + int(rng.integers(0, 3))
    return {"start": rng.standard_normal(d), "end": rng.standard_normal(d), "depth": 2 + size}


DEEP = Assumption("at least two hidden layers", lambda i: i["depth"] >= 2)
APART = Assumption("the ends differ", lambda i: bool(np.any(np.asarray(i["start"]) != np.asarray(i["end"]))))


def _sawtooth(instance: Instance) -> DeepNetwork:
    """Hidden layers of two neurons, relu(2t) and relu(4t - 2), whose difference folds [0, 1] in two; t runs along the
    segment."""
    start, end = np.asarray(instance["start"]), np.asarray(instance["end"])
    along = (end - start) / float(((end - start) ** 2).sum())
    t0 = float(along @ start)
    first = np.outer(along, [2.0, 4.0])
    fold, shift = np.array([[2.0, 4.0], [-2.0, -4.0]]), np.array([0.0, -2.0])
    further = int(instance["depth"]) - 1
    weights = (first, *[fold] * further, np.array([[1.0], [-1.0]]))
    return DeepNetwork(weights, (np.array([-2 * t0, -2 - 4 * t0]), *[shift] * further, None))


def _neurons(instance: Instance) -> Predicted:
    return {"regions": 2 * int(instance["depth"])}


def _products(instance: Instance) -> Predicted:
    """Each layer of m neurons cuts a linear piece into m + 1 at most."""
    return {"regions": 3 ** int(instance["depth"])}


def _measure_regions(instance: Instance, predicted: Predicted) -> list[Deviation]:
    found = line_regions(_sawtooth(instance), instance["start"], instance["end"])
    return [at_most("linear regions along the segment", found.n_regions, predicted["regions"], 0.5)]


# ---------------------------------------------------------------------- direction of the walk
def _walk(instance: Instance, backwards: bool, symmetric: bool) -> SpaceFolding:
    network = DeepNetwork(
        (instance["W1"], instance["W2"], np.ones((instance["W2"].shape[1], 1))), (instance["b1"], instance["b2"], None)
    )
    ends = (instance["end"], instance["start"]) if backwards else (instance["start"], instance["end"])
    return folding(network, *ends, symmetric=symmetric)


def _draw_network(rng: np.random.Generator, size: int) -> Instance:
    """A random network with two hidden layers and a segment whose two directions fold differently, about two in five.

    The statement speaks of all segments, so one such refutes it.
    """
    m = 3 + size
    while True:
        instance = {
            "W1": rng.standard_normal((2, m)),
            "b1": rng.standard_normal(m),
            "W2": rng.standard_normal((m, m)),
            "b2": 0.3 * rng.standard_normal(m),
            "start": rng.uniform(-3, 3, 2),
            "end": rng.uniform(-3, 3, 2),
        }
        there, back = (_walk(instance, backwards, False) for backwards in (False, True))
        # segments that fold alike both ways do not tell the readings apart
        if there.r1 != back.r1:
            return instance


CHANGES = Assumption("the code changes along the segment", lambda i: _walk(i, False, False).r2 > 0)


def _measure_direction(instance: Instance, predicted: Predicted) -> list[Deviation]:
    there, back = (_walk(instance, backwards, predicted["symmetric"]) for backwards in (False, True))
    return [close("chi there against chi back", back.chi, there.chi, 1e-12, 1.0)]


# ---------------------------------------------------------------------- largest value
def _draw_walks(rng: np.random.Generator, size: int) -> Instance:
    neurons = 1 + int(rng.integers(0, 2))
    return {"neurons": neurons, "steps": int(rng.integers(2, 4 if neurons > 1 else 7)) + (size > 2)}


def _measure_largest(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """The largest chi of all walks of so many steps; by symmetry they start at the code of zeros."""
    codes = list(itertools.product([False, True], repeat=int(instance["neurons"])))
    largest = 0.0
    for rest in itertools.product(codes, repeat=int(instance["steps"])):
        if any(any(code) for code in rest):
            largest = max(largest, space_folding(np.array([codes[0], *rest])).chi)
    return [close("largest chi of all walks", largest, predicted["largest"], 1e-12, 1.0)]


def _largest(instance: Instance) -> Predicted:
    """1 - r1/r2 with r1 = 1 and r2 as large as r1 allows: two codes that differ from the first in one neuron each."""
    longest = 2 * instance["steps"] - 1 if instance["neurons"] > 1 else instance["steps"]
    return {"largest": 1 - 1 / longest}


# ---------------------------------------------------------------------- few-shot learning
DRAWS = 10_000
"""Simulated learners per trial, for a standard error below 0.005."""


def _draw_gaussians(rng: np.random.Generator, size: int) -> Instance:
    """Two Gaussian classes of equal radius, the second with its variance in a fifth of the dimensions."""
    D = 60 + 15 * size
    b = np.zeros(D)
    b[: D // 5] = D / (D // 5)
    shift = rng.standard_normal(D)
    noise = D + b.sum() + (D + (b**2).sum()) / 2  # variance of the margin without the shift
    shift *= sqrt(rng.uniform(1.8, 2.6) * sqrt(noise)) / np.linalg.norm(shift)
    return {"variances_a": np.ones(D), "variances_b": b, "shift": shift, "shots": 1, "seed": int(rng.integers(2**31))}


def _few_shot(instance: Instance, missing: float) -> Predicted:
    """H(E h/sd h), where h is how much nearer a point of class a is to the mean of a than to that of b, from m shots."""
    a, b, m = instance["variances_a"], instance["variances_b"], int(instance["shots"])
    squares = instance["shift"] ** 2
    mean = 0.5 * (squares.sum() + (b.sum() - a.sum()) / m)
    variance = squares @ a + (squares @ b + a @ a + a @ b) / m + missing * (a @ a + b @ b) / (2 * m**2)
    return {"error": 0.5 * erfc(mean / sqrt(2 * variance))}


def _measure_few_shot(instance: Instance, predicted: Predicted) -> list[Deviation]:
    rng, m = np.random.default_rng(instance["seed"]), int(instance["shots"])
    a, b = np.sqrt(instance["variances_a"]), np.sqrt(instance["variances_b"])
    x, mean_a, mean_b = rng.standard_normal((3, DRAWS, len(a)))
    x, mean_a, mean_b = x * a, mean_a * a / sqrt(m), instance["shift"] + mean_b * b / sqrt(m)
    wrong = ((x - mean_b) ** 2).sum(axis=1) < ((x - mean_a) ** 2).sum(axis=1)
    error = float(wrong.mean())
    tol = 0.01 + 3 * sqrt(max(error * (1 - error), 1e-4) / DRAWS)  # the margin is only nearly Gaussian
    return [Deviation("simulated error against the formula", abs(error - predicted["error"]), tol)]


ONE_SHOT = Assumption("at least one shot", lambda i: i["shots"] >= 1)

CLAIMS = (
    Claim(
        "reading-regions-on-a-line",
        "A reading to avoid: between two inputs a network of N hidden neurons has at most N linear regions, hence "
        "walks of at most N steps. (A fold per layer doubles them; the bound is the product of m_l + 1 over the "
        "layers.)",
        "transcribed",
        "refuted by an explicit network",
        draw=_draw_sawtooth,
        predict=_neurons,
        measure=_measure_regions,
        assumptions=(DEEP, APART),
        expected="VIOLATED",
        correction=_products,
        seconds=0.01,
    ),
    Claim(
        "reading-folding-symmetric",
        "A reading to avoid: as a property of two inputs, the folding chi does not depend on which of them the walk "
        "starts from. (r1 is measured from the start only; the variant that counts both ends does not depend on it.)",
        "transcribed",
        "refuted by explicit networks",
        draw=_draw_network,
        predict=lambda i: {"symmetric": False},
        measure=_measure_direction,
        assumptions=(CHANGES,),
        expected="VIOLATED",
        correction=lambda i: {"symmetric": True},
        seconds=0.01,
    ),
    Claim(
        "reading-folding-reaches-one",
        "A reading to avoid: the upper bound chi <= 1 is attained. (Every walk has chi <= 1 - 1/r2, so 1 is a "
        "supremum only.)",
        "transcribed",
        "refuted by all walks of a given length",
        draw=_draw_walks,
        predict=lambda i: {"largest": 1.0},
        measure=_measure_largest,
        assumptions=(Assumption("at least one step", lambda i: i["steps"] >= 1 and i["neurons"] >= 1),),
        expected="VIOLATED",
        correction=_largest,
        seconds=0.02,
    ),
    Claim(
        "reading-few-shot-snr",
        "As public code has it: the error of a learner that has seen one sample of each class is H(SNR) with the "
        "short signal-to-noise ratio. (Its noise omits (tr S_a² + tr S_b²)/(2 m²), which counts for few shots.)",
        "transcribed",
        "refuted by simulation; the right form is nearly exact in high dimension",
        draw=_draw_gaussians,
        predict=lambda i: _few_shot(i, 0.0),
        measure=_measure_few_shot,
        assumptions=(ONE_SHOT,),
        expected="VIOLATED",
        correction=lambda i: _few_shot(i, 1.0),
        seconds=0.1,
    ),
)
