"""Claims about linear decoders and abstraction: parallelism, generalisation over conditions, tuning, separability, probes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from scipy.optimize import linprog

from relucvx.later import later
from relucvx.metrics import (
    ccgp,
    cover_count,
    decoding_dimension,
    linear_probe,
    linear_separation,
    neuron_tuning,
    parallelism_score,
    separability,
)
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, agree, close
from relucvx.types import Array, BoolArray

svm = later("sklearn.svm")


# ---------------------------------------------------------------------- factors
def _draw_factors(rng: np.random.Generator, size: int) -> Instance:
    """All combinations of two or three ±1 variables, coded by directions that vary between contexts, with trials."""
    k = 2 + int(size > 3)
    table = np.array(list(itertools.product([-1.0, 1.0], repeat=k)))
    Y = np.repeat(table, 2, axis=0)
    p = 3 + int(rng.integers(0, 3))
    coded = Y @ rng.standard_normal((k, p)) + np.column_stack([Y[:, 0] * Y[:, 1]]) * rng.standard_normal(p)
    return {"Z": coded + rng.uniform(0.3, 1.5) * rng.standard_normal((len(Y), p)), "Y": Y}


def _contexts(Y: Array, k: int) -> list[Any]:
    """For each setting of the other variables: (rows with variable k up, rows with it down)."""
    others = np.delete(Y, k, axis=1)
    found = []
    for setting in np.unique(others, axis=0):
        here = (others == setting).all(axis=1)
        found.append((here & (Y[:, k] > 0), here & (Y[:, k] < 0)))
    return found


def _predict_parallelism(instance: Instance) -> Predicted:
    """Mean cosine between the directions that code a variable in two contexts; largest correlation of each neuron."""
    Z, Y = np.asarray(instance["Z"]), np.asarray(instance["Y"])
    scores = []
    for k in range(Y.shape[1]):
        v = [Z[up].mean(axis=0) - Z[down].mean(axis=0) for up, down in _contexts(Y, k)]
        pairs = itertools.combinations(v, 2)
        scores.append(np.mean([a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in pairs]))
    tuning = [max(abs(np.corrcoef(z, y)[0, 1]) for y in Y.T) for z in Z.T]
    return {"parallelism": np.array(scores), "from the kernel": np.array(scores), "tuning": np.array(tuning)}


def _measure_parallelism(instance: Instance, predicted: Predicted) -> list[Deviation]:
    Z, Y = instance["Z"], instance["Y"]
    found = {
        "parallelism": parallelism_score(Z, Y).per_factor,
        "from the kernel": parallelism_score(kernel=Z @ Z.T, factors=Y).per_factor,
        "tuning": neuron_tuning(Z, Y).per_neuron,
    }
    return agree(found, predicted, 1e-8)


def _machine(Z: Array, side: BoolArray, train: BoolArray, test: BoolArray) -> float:
    """Mean accuracy on the two sides of the test rows of a linear machine that has seen the training rows."""

    Z = Z - Z.mean(axis=0)
    Z = Z / np.sqrt((Z**2).sum(axis=1).mean())
    machine = svm.SVC(kernel="linear", C=1.0, class_weight="balanced", tol=1e-9).fit(Z[train], side[train])
    value, size = machine.decision_function(Z[test]), np.abs(machine.decision_function(Z[train])).max()
    right = np.where(np.abs(value) <= 1e-7 * size, 0.5, (value > 0) == side[test])
    return float(np.mean([right[side[test] == s].mean() for s in (False, True)]))


def _predict_ccgp(instance: Instance) -> Predicted:
    """Every context held out once. Where every condition has an axis of its own nothing carries over: 1/2."""
    Z, Y = np.asarray(instance["Z"]), np.asarray(instance["Y"])
    scores = []
    for k in range(Y.shape[1]):
        tests = [up | down for up, down in _contexts(Y, k)]
        scores.append(np.mean([_machine(Z, Y[:, k] > 0, ~test, test) for test in tests]))
    return {"ccgp": np.array(scores), "of conditions apart": 0.5, "of an abstract code": 1.0}


def _measure_ccgp(instance: Instance, predicted: Predicted) -> list[Deviation]:
    Y = instance["Y"]
    table = np.unique(Y, axis=0)
    found = {
        "ccgp": ccgp(instance["Z"], Y).per_factor,
        "of conditions apart": ccgp(np.eye(len(table)), table).mean,
        "of an abstract code": ccgp(table, table).mean,
    }
    return agree(found, predicted, 1e-9)


# ---------------------------------------------------------------------- splits of points
def _draw_points(rng: np.random.Generator, size: int) -> Instance:
    n, d = 4 + int(size > 2), 1 + int(rng.integers(0, 3))
    return {"Z": rng.standard_normal((n, d)), "has_bias": bool(rng.random() < 0.6)}


def _separable(Z: Array, signs: Array, bias: bool) -> bool:
    """Whether some (w, b) has s_i (w·z_i + b) >= 1 for all i, by a linear program."""
    rows = np.column_stack([Z, np.ones(len(Z))]) if bias else Z
    found = linprog(np.zeros(rows.shape[1]), -signs[:, None] * rows, -np.ones(len(Z)), bounds=(None, None))
    return bool(found.status == 0)


def _cover(n: int, dim: int) -> int:
    """Separable splits of n points in general position, by Cover's recursion."""
    if dim == 0:
        return 0
    return 2 if n == 1 else _cover(n - 1, dim) + _cover(n - 1, dim - 1)


def _splits(n: int) -> list[Array]:
    """All ways to put n points on two sides, the first always on the same."""
    return [np.array([-1.0, *rest]) for rest in itertools.product([-1.0, 1.0], repeat=n - 1)]


def _predict_splits(instance: Instance) -> Predicted:
    Z, bias = np.asarray(instance["Z"]), bool(instance["has_bias"])
    n, dim = len(Z), Z.shape[1] + bias
    # literally every split into two sides, by a linear program each
    good = [_separable(Z, s, bias) for s in _splits(n)]
    halves = [g for g, s in zip(good, _splits(n), strict=True) if abs((s > 0).sum() - n / 2) < 1]
    return {
        "separable": np.array(good, dtype=float),
        "share": float(np.mean(good)),
        "share of the halves": float(np.mean(halves)),
        "Cover's count": _cover(n, dim),
        "share in general position": _cover(n, dim) / 2**n,
    }


def _measure_splits(instance: Instance, predicted: Predicted) -> list[Deviation]:
    Z, bias = instance["Z"], bool(instance["has_bias"])
    n, d = Z.shape
    answers = []
    for s in _splits(n):
        one = len(set(s.tolist())) == 1  # a single side is no split for the decision between two sets
        answers.append(1.0 if one and bias else float(_separable(Z, s, bias)) if one else _decided(Z, s, bias))
    every = separability(Z, bias=bias)
    found = {
        "separable": np.array(answers),
        "share": every.share,
        "share of the halves": separability(Z, bias=bias, balanced=True).share,
        "Cover's count": cover_count(n, d, bias),
        "share in general position": every.general_position,
    }
    return agree(found, predicted, 1e-12)


def _decided(Z: Array, s: Array, bias: bool) -> float:
    """1 or 0, and NaN where the certificate that comes with the answer does not prove it."""
    found = linear_separation(Z, s, bias)
    if found.separable and found.weights is not None:
        distance = s * (Z @ found.weights + found.bias) / np.linalg.norm(found.weights)
        return 1.0 if abs(distance.min() - found.margin) <= 1e-9 and distance.min() > 0 else np.nan
    q = np.asarray(found.combination)
    meet = np.abs((q * s) @ Z).max() <= 1e-7 and q.min() >= 0 and (abs((q * s).sum()) <= 1e-7 or not bias)
    return 0.0 if found.separable is False and meet else np.nan


# ---------------------------------------------------------------------- held-out trials
def _draw_trials(rng: np.random.Generator, size: int) -> Instance:
    P, T, p = 3 + int(size > 1), 3, 2 + int(rng.integers(0, 3))
    centres = rng.uniform(0.5, 2.0) * rng.standard_normal((P, p))
    labels = np.repeat(np.arange(P), T)
    return {"Z": centres[labels] + rng.standard_normal((P * T, p)), "labels": labels}


def _predict_trials(instance: Instance) -> Predicted:
    """Splits of the conditions into halves, each decoded with the t-th trial of every condition held out in turn."""
    Z, labels = np.asarray(instance["Z"]), np.asarray(instance["labels"])
    P, T = int(labels.max()) + 1, int(np.sum(labels == 0))
    turn = np.arange(len(labels)) % T  # trials of a condition stand together
    scores = []
    for s in _splits(P):
        if abs((s > 0).sum() - P / 2) < 1:
            side = s[labels] > 0
            # held out by turn: every condition has as many trials outside as any other, and none is decoded by itself
            scores.append(np.mean([_machine(Z, side, turn != t, turn == t) for t in range(T)]))
    return {
        "accuracies": np.sort(scores),
        "mean accuracy": float(np.mean(scores)),
        "share decodable": float(np.mean(np.array(scores) >= 0.75)),
        "probe": _ridge(Z[turn > 0], labels[turn > 0], Z[turn == 0], labels[turn == 0]),
    }


def _ridge(Z: Array, labels: Array, test: Array, truth: Array) -> float:
    """Accuracy of ridge regression on ±1 columns, from features standardised on the training samples."""
    middle, spread = Z.mean(axis=0), Z.std(axis=0)
    A, B = (Z - middle) / spread, (test - middle) / spread
    T = np.where(labels[:, None] == np.arange(labels.max() + 1), 1.0, -1.0)
    W = np.linalg.solve(A.T @ A + np.eye(A.shape[1]), A.T @ (T - T.mean(axis=0)))
    return float(np.mean((B @ W + T.mean(axis=0)).argmax(axis=1) == truth))


def _measure_trials(instance: Instance, predicted: Predicted) -> list[Deviation]:
    Z, labels = instance["Z"], instance["labels"]
    turn = np.arange(len(labels)) % int(np.sum(labels == 0))
    every = decoding_dimension(Z, labels)
    probe = linear_probe(Z[turn > 0], labels[turn > 0], Z[turn == 0], labels[turn == 0], model="ridge")
    found = {
        "accuracies": np.sort(every.accuracies),
        "mean accuracy": every.mean_accuracy,
        "share decodable": every.share_decodable,
        "probe": probe.accuracy,
    }
    return agree(found, predicted, 1e-9)


# ---------------------------------------------------------------------- a claim that leaves no room for leaks
def _draw_noise(rng: np.random.Generator, size: int) -> Instance:
    P, T = 4, 12
    labels = np.repeat(np.arange(P), T)
    return {"Z": rng.standard_normal((P * T, 40)), "labels": labels}


def _measure_noise(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """More neurons than trials separate every split of the training trials; pure noise still tells nothing about others."""
    accuracy = decoding_dimension(instance["Z"], instance["labels"], n_folds=4).mean_accuracy
    probe = linear_probe(instance["Z"], instance["labels"], n_folds=4, model="ridge").accuracy
    return [
        close("held-out accuracy of splits of noise", accuracy, predicted["chance of two"], 0.3, 1.0),
        close("held-out accuracy of a probe of noise", probe, predicted["chance of four"], 0.4, 1.0),
    ]


FACTORS = Assumption(
    "all combinations of ±1 variables, equally often",
    lambda i: len(np.unique(i["Y"], axis=0)) == 2 ** i["Y"].shape[1] and not np.asarray(i["Y"]).sum(axis=0).any(),
)
GENERAL = Assumption("points in general position", lambda i: np.linalg.matrix_rank(i["Z"]) == min(i["Z"].shape))
EQUAL = Assumption(
    "as many trials of every condition, side by side",
    lambda i: bool((np.diff(i["labels"]) >= 0).all() and np.ptp(np.bincount(i["labels"])) == 0),
)

CLAIMS = (
    Claim(
        "parallelism-and-tuning",
        "The parallelism score is the mean cosine of the directions that code a variable in two contexts, from features and "
        "from their kernel; a neuron's tuning is its largest absolute correlation with a variable.",
        "bernardi-2020",
        "theorem (definitions)",
        draw=_draw_factors,
        predict=_predict_parallelism,
        measure=_measure_parallelism,
        assumptions=(FACTORS,),
        seconds=0.01,
    ),
    Claim(
        "ccgp-held-out",
        "Cross-condition generalisation tests in a context that the classifier has not seen: 1/2 where every condition has an "
        "axis of its own, 1 for an abstract code, and otherwise what training without that context gives.",
        "bernardi-2020",
        "theorem (a definition)",
        draw=_draw_factors,
        predict=_predict_ccgp,
        measure=_measure_ccgp,
        assumptions=(FACTORS,),
        seconds=0.05,
    ),
    Claim(
        "separable-splits",
        "Which splits of points a hyperplane realises is decided as a linear program decides it, with certificates that prove "
        "it; in general position their number is Cover's.",
        "cover-1965",
        "theorem",
        draw=_draw_points,
        predict=_predict_splits,
        measure=_measure_splits,
        assumptions=(GENERAL,),
        seconds=0.05,
    ),
    Claim(
        "decoding-held-out",
        "The decoding dimension and the linear probe test on trials that were held out, split by split and fold by fold.",
        "rigotti-2013",
        "theorem (definitions)",
        draw=_draw_trials,
        predict=_predict_trials,
        measure=_measure_trials,
        assumptions=(EQUAL,),
        seconds=0.05,
    ),
    Claim(
        "noise-decodes-nothing",
        "Features that are pure noise, more neurons than trials, are decoded near chance: no test trial was seen in training.",
        "relucvx",
        "sampled evidence (chance within 0.3 for splits, 0.4 for a probe)",
        draw=_draw_noise,
        predict=lambda i: {"chance of two": 0.5, "chance of four": 0.25},
        measure=_measure_noise,
        assumptions=(EQUAL,),
        seconds=0.1,
    ),
)
