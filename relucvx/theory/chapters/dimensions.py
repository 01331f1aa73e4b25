"""Claims about dimension, noise and few-shot learning: each metric against its definition."""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np

from relucvx.later import later
from relucvx.metrics import (
    condition_averages,
    effective_rank,
    few_shot_snr,
    noise_corrected_kernel,
    numerical_rank,
    participation_ratio,
    two_nn,
)
from relucvx.metrics.few_shot import few_shot_matrix
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, agree, close
from relucvx.types import Array

stats = later("scipy.stats")


# ---------------------------------------------------------------------- spectra and neighbours
def _draw_spectrum(rng: np.random.Generator, size: int) -> Instance:
    n, p = 6 + 3 * size, 2 + int(rng.integers(0, 2 + size))
    Z = rng.standard_normal((n, p)) * np.exp(rng.uniform(-1.5, 1.5, p)) + rng.standard_normal(p)
    return {"Z": Z, "tolerance": float(rng.uniform(0.05, 0.5))}


def _predict_spectrum(instance: Instance) -> Predicted:

    Z = np.asarray(instance["Z"])
    centred = Z - Z.mean(axis=0)
    out: Predicted = {}
    # both conventions: whether the mean counts as a dimension
    for name, rows in (("", centred), (" uncentred", Z)):
        # eigenvalues of the scatter are squares of singular values; ratios of powers need no 1/n
        squares = np.linalg.eigvalsh(rows.T @ rows)
        values = np.sqrt(np.maximum(squares, 0.0))
        shares = values / values.sum()
        out["participation ratio" + name] = float(squares.sum() ** 2 / (squares**2).sum())
        out["effective rank" + name] = float(np.prod(shares**-shares))
        out["rank above a tolerance" + name] = int((values > instance["tolerance"] * values.max()).sum())
    logs = []
    # two-NN: only the ratio of the two nearest distances enters, by brute force over all pairs
    for i in range(len(Z)):
        apart = np.sort([float(np.linalg.norm(Z[i] - z)) for j, z in enumerate(Z) if j != i])
        logs.append(float(np.log(apart[1] / apart[0])))
    x, N = np.sort(logs), len(Z)
    # the largest tenth is cut off as outliers; the last one always, for its log(1 - F) is infinite
    kept = x[: min(N - int(0.1 * N), N - 1)]
    # the empirical distribution on which log ratio against -log(1 - F) is a line through the origin
    fit = -np.log(1 - np.arange(1, len(kept) + 1) / N)
    out["two-NN dimension"] = N / sum(logs)
    # the sum of n logs of Pareto ratios is a Gamma variable, hence the chi-squared quantiles
    out["two-NN interval"] = np.array([stats.chi2.ppf(q, 2 * N) / (2 * sum(logs)) for q in (0.025, 0.975)])
    out["two-NN by a fit"] = float((kept @ fit) / (kept @ kept))
    return out


def _measure_spectrum(instance: Instance, predicted: Predicted) -> list[Deviation]:
    Z, tolerance = instance["Z"], float(instance["tolerance"])
    found: Predicted = {}
    for name, centred in (("", True), (" uncentred", False)):
        found["participation ratio" + name] = participation_ratio(Z, centred=centred)
        found["effective rank" + name] = effective_rank(Z, centred=centred)
        found["rank above a tolerance" + name] = numerical_rank(Z, centred=centred, tolerance=tolerance)
    neighbours = two_nn(Z)
    found |= {
        "two-NN dimension": neighbours.dimension,
        "two-NN interval": np.array([neighbours.low, neighbours.high]),
        "two-NN by a fit": two_nn(Z, method="fit").dimension,
    }
    # the kernel knows the spectrum: the same numbers from it alone
    from_kernel = [participation_ratio(kernel=Z @ Z.T), effective_rank(kernel=Z @ Z.T)]
    same = [predicted["participation ratio"], predicted["effective rank"]]
    return [*agree(found, predicted, 1e-7), close("from the kernel", np.array(from_kernel), np.array(same), 1e-6)]


# ---------------------------------------------------------------------- few shots
def _draw_classes(rng: np.random.Generator, size: int) -> Instance:
    p = 3 + size
    a = rng.standard_normal((5 + size, p)) * np.exp(rng.uniform(-1.0, 1.0, p))
    b = rng.standard_normal((6 + size, p)) * np.exp(rng.uniform(-1.0, 1.0, p)) + 1.5 * rng.standard_normal(p)
    return {"Z_a": a, "Z_b": b, "shots": 1 + int(rng.integers(0, 4))}


def _ratio(a: Array, b: Array, m: int, complete: bool) -> float:
    """E h/sd h of h = |x - p_b|²/2 - |x - p_a|²/2 for Gaussian classes with the moments of the samples."""
    S, T = np.cov(a.T, bias=True), np.cov(b.T, bias=True)
    d = a.mean(axis=0) - b.mean(axis=0)
    mean = (d @ d + (np.trace(T) - np.trace(S)) / m) / 2
    variance = d @ S @ d + d @ T @ d / m + np.trace(S @ S) / m + np.trace(S @ T) / m
    if complete:
        variance += (np.trace(S @ S) + np.trace(T @ T)) / (2 * m**2)
    return float(mean / np.sqrt(variance))


def _predict_shots(instance: Instance) -> Predicted:
    a, b, m = instance["Z_a"], instance["Z_b"], int(instance["shots"])
    S = np.cov(a.T, bias=True)
    both = [_ratio(a, b, m, True), _ratio(b, a, m, True)]
    return {
        "signal to noise": both[0],
        "without the last term": _ratio(a, b, m, False),
        "error": 0.5 * erfc(both[0] / sqrt(2)),
        "dimension": float(np.trace(S) ** 2 / np.trace(S @ S)),
        "of all pairs": np.array(both),
    }


def _measure_shots(instance: Instance, predicted: Predicted) -> list[Deviation]:
    a, b, m = instance["Z_a"], instance["Z_b"], int(instance["shots"])
    one = few_shot_snr(a, b, m)
    table = few_shot_matrix(np.vstack([a, b]), [0] * len(a) + [1] * len(b), m).snr
    found = {
        "signal to noise": one.snr,
        "without the last term": few_shot_snr(a, b, m, form="short").snr,
        "error": one.error,
        "dimension": one.dimension,
        "of all pairs": np.array([table[0, 1], table[1, 0]]),
    }
    return agree(found, predicted, 1e-9)


# ---------------------------------------------------------------------- trials
def _draw_trials(rng: np.random.Generator, size: int) -> Instance:
    P, T, p = 2 + int(rng.integers(0, 3)), 2 + int(rng.integers(0, 3)), 2 + size
    labels = np.tile(np.arange(P), T)
    means = rng.standard_normal((P, p))
    return {
        "Z": means[labels] + rng.standard_normal((P * T, p)),
        "labels": labels,
        "repeats": np.repeat(np.arange(T), P),
    }


def _predict_trials(instance: Instance) -> Predicted:
    """Mean products of trials of two conditions, from different repeats or simply different trials."""
    Z, labels, repeats = (np.asarray(instance[k]) for k in ("Z", "labels", "repeats"))
    P, n = int(labels.max()) + 1, len(Z)
    kernels = {}
    for name, own in (("kernel over trials", np.arange(n)), ("kernel over repeats", repeats)):
        K = np.zeros((P, P))
        for c in range(P):
            for e in range(P):
                # a trial's product with itself would add its noise to the diagonal: left out, by trial or by repeat
                pairs = [(i, j) for i in range(n) for j in range(n)
                         if labels[i] == c and labels[j] == e and own[i] != own[j]]  # fmt: skip
                K[c, e] = np.mean([Z[i] @ Z[j] for i, j in pairs])
        kernels[name] = K
    return {**kernels, "means": np.array([Z[labels == c].mean(axis=0) for c in range(P)])}


def _measure_trials(instance: Instance, predicted: Predicted) -> list[Deviation]:
    Z, labels, repeats = instance["Z"], instance["labels"], instance["repeats"]
    found = {
        "kernel over trials": noise_corrected_kernel(Z, labels).kernel,
        "kernel over repeats": noise_corrected_kernel(Z, labels, repeats).kernel,
        "means": condition_averages(Z, labels).means,
    }
    return agree(found, predicted, 1e-10)


VARIED = Assumption("samples that differ", lambda i: bool((np.ptp(i["Z"], axis=0) > 0).all()) and len(i["Z"]) >= 3)
TWO = Assumption("two classes of several samples", lambda i: min(len(i["Z_a"]), len(i["Z_b"])) >= 2)
REPEATED = Assumption("every condition in two repeats or more", lambda i: len(np.unique(i["repeats"])) >= 2)

CLAIMS = (
    Claim(
        "dimension-metrics",
        "Participation ratio, effective and numerical rank are functions of the singular values, two-NN of the distances to "
        "two neighbours, as their definitions say.",
        "facco-2017",
        "theorem (definitions)",
        draw=_draw_spectrum,
        predict=_predict_spectrum,
        measure=_measure_spectrum,
        assumptions=(VARIED,),
        seconds=0.02,
    ),
    Claim(
        "few-shot-moments",
        "The few-shot signal-to-noise ratio is mean over standard deviation of the margin for Gaussian classes, with and "
        "without the terms in 1/m².",
        "sorscher-2022",
        "theorem (moments)",
        draw=_draw_classes,
        predict=_predict_shots,
        measure=_measure_shots,
        assumptions=(TWO,),
        seconds=0.005,
    ),
    Claim(
        "noise-corrected-kernel",
        "The corrected kernel averages products of trials from different repeats only, so that noise adds nothing on average.",
        "walther-2016",
        "theorem (a definition)",
        draw=_draw_trials,
        predict=_predict_trials,
        measure=_measure_trials,
        assumptions=(REPEATED,),
        seconds=0.01,
    ),
)
