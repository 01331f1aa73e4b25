"""Claims about the metrics of collapse: each against its definition, written out class by class."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from relucvx.metrics import neural_collapse
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, agree, close
from relucvx.types import Array


def labelled(rng: np.random.Generator, size: int) -> Instance:
    """Features of two to four classes of unequal sizes, and a head."""
    C, p = 2 + int(rng.integers(0, 3)), 2 + int(rng.integers(0, 2 + size))
    # unequal sizes: means over samples and means over classes differ, and a metric that mixes them up is caught
    labels = rng.permutation(np.repeat(np.arange(C), rng.integers(2, 3 + size, C)))
    centres = 3.0 * rng.standard_normal((C, p))
    return {
        # neither centred nor axis-aligned, or invariances would hold for nothing
        "Z": centres[labels] + rng.standard_normal((len(labels), p)) + rng.standard_normal(p),
        "labels": labels,
        "weights": rng.standard_normal((p, C)),
        "bias": rng.standard_normal(C),
    }


def _cosine(a: Array, b: Array) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def _predict(instance: Instance) -> Predicted:
    Z, labels, W, b = (np.asarray(instance[k]) for k in ("Z", "labels", "weights", "bias"))
    names = sorted(set(labels.tolist()))
    C, n, p = len(names), *Z.shape
    means = np.array([Z[labels == c].mean(axis=0) for c in names])
    # classes count alike in the global mean, whatever their sizes
    centre = sum(means) / C
    M = means - centre
    # scatter inside the classes, per sample, and each class's own spread, which the pairwise ratio needs
    within, spread = np.zeros((p, p)), []
    for c, mean in zip(names, means, strict=True):
        rows = Z[labels == c] - mean
        within += rows.T @ rows / n
        spread.append(float((rows**2).sum()) / len(rows))
    # scatter of the means, of rank C - 1 at most: the pseudo-inverse in NC1 cuts rounding off
    between = M.T @ M / C
    pairs = list(itertools.combinations(range(C), 2))
    gram, own = M @ M.T, means @ means.T
    # the simplex as a Gram matrix of unit Frobenius norm, so that the distance to it has no unit
    simplex = (np.eye(C) - np.ones((C, C)) / C) / np.sqrt(C - 1)
    # NC4: agreement of the head with the nearest class mean, not with the labels
    right = 0
    for z in Z:
        nearest = min(range(C), key=lambda c: float(((z - means[c]) ** 2).sum()))
        right += int(np.argmax(z @ W + b)) == nearest
    # twice over: after centring the ideal is a simplex, before it an orthogonal frame
    sizes, lengths = np.linalg.norm(M, axis=1), np.linalg.norm(means, axis=1)
    return {
        "nc1": float(np.trace(within @ np.linalg.pinv(between, rcond=1e-10))) / C,
        "nc1_quotient": float(np.trace(within) / np.trace(between)),
        "nc2_equinorm": float(np.std(sizes) / np.mean(sizes)),
        "nc2_cosine": float(np.mean([abs(_cosine(M[i], M[j]) + 1 / (C - 1)) for i, j in pairs])),
        "nc2_etf": float(np.linalg.norm(gram / np.linalg.norm(gram) - simplex)),
        "nc3": float(np.linalg.norm(W.T / np.linalg.norm(W) - M / np.linalg.norm(M)) ** 2),
        "nc3_frame": float(np.linalg.norm(W.T / np.linalg.norm(W) - means / np.linalg.norm(means)) ** 2),
        "nc4": right / n,
        "cdnv": float(
            np.mean([(spread[i] + spread[j]) / (2 * float(((means[i] - means[j]) ** 2).sum())) for i, j in pairs])
        ),
        "frame": float(np.linalg.norm(own / np.linalg.norm(own) - np.eye(C) / np.sqrt(C))),
        "frame_equinorm": float(np.std(lengths) / np.mean(lengths)),
        "frame_cosine": float(np.mean([abs(_cosine(means[i], means[j])) for i, j in pairs])),
    }


def _found(instance: Instance, Z: Any) -> Any:
    return neural_collapse(Z, instance["labels"], instance["weights"], instance["bias"])


def _measure(instance: Instance, predicted: Predicted) -> list[Deviation]:
    found = _found(instance, instance["Z"])
    return agree({name: getattr(found, name) for name in predicted}, predicted, 1e-8)


# ---------------------------------------------------------------------- axioms
SHIFTED = ("nc1", "nc1_quotient", "nc2_equinorm", "nc2_cosine", "nc2_etf", "cdnv")
"""What does not see a shift, a rotation or a change of scale of the features."""


def _draw_axioms(rng: np.random.Generator, size: int) -> Instance:
    instance = labelled(rng, size)
    p = instance["Z"].shape[1]
    return {**instance, "rotation": np.linalg.qr(rng.standard_normal((p, p)))[0], "scale": float(rng.uniform(0.2, 5.0))}


def _measure_axioms(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """Another place, direction and unit change nothing; collapsed classes on a simplex score 0."""
    first = _found(instance, instance["Z"])
    moved = _found(instance, instance["scale"] * (instance["Z"] - instance["Z"][0]) @ instance["rotation"])
    C = instance["weights"].shape[1]
    # fixed points of the theory: with repeated samples on the corners every distance from collapse is exactly zero
    corners = np.eye(C) - 1 / C
    labels = np.repeat(np.arange(C), 2)
    # shifted by a constant: the simplex scores are about centred means
    collapsed = neural_collapse(corners[labels] + 0.7, labels, corners, None)
    ideal = neural_collapse(np.eye(C)[labels], labels, np.eye(C), None)
    at_rest = [
        collapsed.nc1,
        collapsed.nc2_equinorm,
        collapsed.nc2_cosine,
        collapsed.nc2_etf,
        collapsed.nc3,
        collapsed.cdnv,
    ]
    framed = [ideal.frame, ideal.frame_cosine, ideal.frame_equinorm, ideal.nc3_frame, 1 - ideal.nc4]
    before, after = (np.array([getattr(r, name) for name in SHIFTED]) for r in (first, moved))
    return [
        close("after a rotation, a shift and a change of unit", after, predicted["ratio"] * before, 1e-7),
        close("of a collapsed simplex", np.array(at_rest), np.full(6, predicted["rest"]), 1e-7, 1.0),
        close("of a collapsed frame", np.array(framed), np.full(5, predicted["rest"]), 1e-7, 1.0),
    ]


CLASSES = Assumption(
    "two samples or more in each of two classes or more",
    lambda i: np.unique(i["labels"], return_counts=True)[1].min() >= 2 and len(np.unique(i["labels"])) >= 2,
)

CLAIMS = (
    Claim(
        "collapse-metrics",
        "NC1 to NC4, CDNV and the frames are what their definitions say, matrix by matrix and pair by pair.",
        "papyan-2020",
        "theorem (definitions)",
        draw=labelled,
        predict=_predict,
        measure=_measure,
        assumptions=(CLASSES,),
        seconds=0.005,
    ),
    Claim(
        "collapse-axioms",
        "NC1, NC2 and CDNV do not see rotations, shifts and units; all collapse metrics are 0 on a collapsed simplex or frame.",
        "papyan-2020",
        "theorem",
        draw=_draw_axioms,
        predict=lambda i: {"ratio": 1.0, "rest": 0.0},
        measure=_measure_axioms,
        assumptions=(CLASSES,),
        seconds=0.005,
    ),
)
