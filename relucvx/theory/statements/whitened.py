"""Claims about whitened inputs, X X^T = I: collapse of classes, shrinkage of singular values."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.kernel import (
    kernel_distance,
    predict_one_hot,
    predict_scalar,
    predict_svd,
    representation_kernel,
    whitened,
)
from relucvx.metrics import neural_collapse
from relucvx.program import doubly_nonnegative_bound, make_problem
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, at_most, close, same
from relucvx.theory.draws import class_sizes, classes, one_hot, orthonormal_rows, solved, stated
from relucvx.types import Array

OPTIMUM = 1e-8
"""Relative accuracy of certified objectives against closed forms."""

KERNEL = 1e-6
"""Relative accuracy of kernels at certified optima."""

SHARP = 1e-12
"""Certified gap asked for: a kernel is as accurate as the root of the gap."""


def _stretched(instance: Instance, rng: np.random.Generator) -> Instance:
    n = len(instance["X"])
    return {**instance, "X": np.diag(np.exp(rng.uniform(-1.0, 1.0, n))) @ instance["X"]}


WHITENED = Assumption("X X^T = I", lambda i: whitened(i["X"]), _stretched)


def _sizes(instance: Instance) -> Array:
    return np.asarray(np.bincount(instance["labels"]), dtype=float)


def _unbalanced(instance: Instance, rng: np.random.Generator) -> Instance:
    """One sample changes class."""
    labels = np.array(instance["labels"])
    labels[int(np.flatnonzero(labels == 0)[0])] = 1
    counts = np.bincount(labels, minlength=int(labels.max()) + 1)
    if counts.min() == 0:  # single samples: add one of class 0 instead
        labels = np.append(instance["labels"], 0)
        n = len(labels)
        return {**instance, "labels": labels, "X": orthonormal_rows(n, n, rng), "beta": 0.5 * instance["beta"]}
    return {**instance, "labels": labels}


BALANCED = Assumption("classes of equal size", lambda i: np.ptp(_sizes(i)) == 0, _unbalanced)
SURVIVE = Assumption(
    "beta < sqrt(n_k) for every class",
    lambda i: i["beta"] < np.sqrt(_sizes(i).min()),
    lambda i, rng: {**i, "beta": float(np.sqrt(_sizes(i).min()) * 1.05)},
)


# ---------------------------------------------------------------------- classes
def _draw_classes(rng: np.random.Generator, size: int) -> Instance:
    sizes = class_sizes(rng, size)
    return classes(rng, sizes, float(rng.uniform(0.05, 1.1) * np.sqrt(max(sizes))))


def _predict_one_hot(instance: Instance) -> Predicted:
    predicted = predict_one_hot(instance["labels"], instance["beta"])
    return {"objective": predicted.objective, "kernel": predicted.kernel}


def _measure_kernel(instance: Instance, predicted: Predicted) -> list[Deviation]:
    found = solved(instance, tol=SHARP)
    K = representation_kernel(found, instance["X"])
    size = max(float(np.linalg.norm(predicted["kernel"])), 1e-3)
    return [
        close("objective", found.objective, predicted["objective"], OPTIMUM),
        close("hidden kernel", K, predicted["kernel"], KERNEL, size),
    ]


def _draw_balanced(rng: np.random.Generator, size: int) -> Instance:
    sizes = class_sizes(rng, size, balanced=True)
    return classes(rng, sizes, float(rng.uniform(0.05, 0.9) * np.sqrt(sizes[0])))


def _predict_collapse(instance: Instance) -> Predicted:
    q = _sizes(instance)[0]
    return {"ratio": (np.sqrt(q) - instance["beta"]) / q, "variation": 0.0, "agreement": 1.0}


def _measure_collapse(instance: Instance, predicted: Predicted) -> list[Deviation]:
    # a kernel is known to the root of the gap only
    found, labels = solved(instance, tol=SHARP), instance["labels"]
    Y = one_hot(labels)
    H = found.network.hidden(instance["X"])
    nc = neural_collapse(H, labels, found.network.weights_out)
    gone = predicted["variation"]
    return [
        close("K against ratio times K_Y", H @ H.T, predicted["ratio"] * (Y @ Y.T), KERNEL),
        close("NC1", nc.nc1, gone, KERNEL, 1.0),
        close("NC2, simplex after centring", nc.nc2_etf, gone, KERNEL, 1.0),
        close("orthogonal frame before centring", nc.frame, gone, KERNEL, 1.0),
        close("NC3, head against class means", nc.nc3_frame, gone, KERNEL, 1.0),
        close("NC4", nc.nc4, predicted["agreement"], KERNEL),
    ]


def _draw_minority(rng: np.random.Generator, size: int) -> Instance:
    small = [1] * (1 + int(rng.integers(0, 2)))
    large = [2 + int(k) for k in rng.integers(0, size + 1, 1 + int(rng.integers(0, 2)))]
    low, high = np.sqrt(max(small)), np.sqrt(min(large))
    return classes(rng, small + large, float(rng.uniform(low, low + 0.95 * (high - low))))


def _predict_minority(instance: Instance) -> Predicted:
    return {"gone": np.sqrt(_sizes(instance)) <= instance["beta"]}


def _measure_minority(instance: Instance, predicted: Predicted) -> list[Deviation]:
    H, labels = solved(instance, tol=SHARP).network.hidden(instance["X"]), instance["labels"]
    activity = np.array([np.linalg.norm(H[labels == k]) for k in range(len(_sizes(instance)))])
    Y = one_hot(labels)
    K, K_Y = H @ H.T, Y @ Y.T
    best = float((K * K_Y).sum() / (K_Y**2).sum())
    return [
        same("which classes have no representation", True, np.array_equal(activity <= 1e-7, predicted["gone"])),
        # the wrong way round on purpose: the distance must be at least this
        at_most("distance from proportionality to K_Y", 1e-3, kernel_distance(best * K_Y, K), 1e-9),
    ]


MINORITY = Assumption(
    "sqrt(n_k) <= beta for some class and > beta for another",
    lambda i: np.sqrt(_sizes(i).min()) <= i["beta"] < np.sqrt(_sizes(i).max()),
    lambda i, rng: {**i, "beta": 0.5 * float(np.sqrt(_sizes(i).min()))},
)


def _measure_simplex(instance: Instance, predicted: Predicted) -> list[Deviation]:
    K, n, labels = (
        representation_kernel(solved(instance, tol=SHARP), instance["X"]),
        len(instance["X"]),
        instance["labels"],
    )
    centre = np.eye(n) - 1.0 / n
    # without the mean the frame of the classes becomes a simplex
    K = centre @ K @ centre
    with np.errstate(
        invalid="ignore", divide="ignore"
    ):  # a class without representation has no angle: NaN, a violation
        cosines = K / np.sqrt(np.outer(np.diag(K), np.diag(K)))
    different = labels[:, None] != labels[None, :]
    expected = np.full(int(different.sum()), predicted["cosine"])
    return [
        close("cosines between classes", cosines[different], expected, KERNEL, np.sqrt(different.sum())),
        close("cosines within classes", cosines[~different], np.ones(int((~different).sum())), KERNEL),
    ]


# ---------------------------------------------------------------------- singular values
def _draw_svd(rng: np.random.Generator, size: int) -> Instance:
    """Targets whose sample-side singular vectors are non-negative: disjoint supports."""
    n, rank = 2 + size, 1 + int(rng.integers(0, min(size, 3)))
    owner = np.concatenate([np.arange(rank), rng.integers(0, rank, n - rank)])
    A = (owner[:, None] == np.arange(rank)) * rng.uniform(0.3, 1.0, (n, 1))
    A /= np.linalg.norm(A, axis=0)
    sigma = rng.uniform(0.3, 2.0, rank)
    B = np.linalg.qr(rng.standard_normal((rank + 1, rank)))[0]
    Y = (A * sigma) @ B.T
    return {"X": orthonormal_rows(n, n, rng), "Y": Y, "beta": float(rng.uniform(0.05, 1.1) * sigma.max())}


def _predict_svd(instance: Instance) -> Predicted:
    sigma = np.linalg.svd(np.asarray(instance["Y"]), compute_uv=False)
    predicted = predict_svd(instance["Y"], instance["beta"])
    return {"objective": predicted.objective, "singular_values": np.maximum(sigma - instance["beta"], 0.0)}


def _measure_svd(instance: Instance, predicted: Predicted) -> list[Deviation]:
    found, scale = solved(instance, tol=SHARP), float(np.linalg.norm(instance["Y"], 2))
    values = np.linalg.svd(found.network.predict(instance["X"]), compute_uv=False)
    return [
        close("objective", found.objective, predicted["objective"], OPTIMUM),
        close("singular values of the fit", values, predicted["singular_values"], KERNEL, scale),
    ]


def _signed_targets(instance: Instance, rng: np.random.Generator) -> Instance:
    Y = rng.standard_normal(np.shape(instance["Y"]))
    return {**instance, "Y": Y, "beta": 0.2 * float(np.linalg.norm(Y, 2))}


def _sign_definite(instance: Instance) -> bool:
    return bool(predict_svd(instance["Y"], instance["beta"]).conditions["completely positive kernel"])


def _draw_signed(rng: np.random.Generator, size: int) -> Instance:
    n, c = 2 + min(size, 3), 1 + int(rng.integers(1, 3))
    while True:
        Y = rng.standard_normal((n, c))
        beta = float(np.linalg.norm(Y, 2) * rng.uniform(0.05, 0.6))
        instance = {"X": orthonormal_rows(n, n, rng), "Y": Y, "beta": beta}
        if _negativity(instance) > 0.05:
            return instance


def _negativity(instance: Instance) -> float:
    """Most negative entry of the linear optimum's kernel, relative to its largest."""
    K = stated(predict_svd(instance["Y"], instance["beta"]).kernel)
    return float(-K.min() / max(np.abs(K).max(), 1e-300))


def _measure_signed(instance: Instance, predicted: Predicted) -> list[Deviation]:
    # also a lower bound of the optimum, exact up to n = 4, and far cheaper than the optimum
    found = doubly_nonnegative_bound(make_problem(instance["X"], instance["Y"], instance["beta"]))
    return [at_most("formula over a certified lower bound", predicted["bound"] / found.lower, 1.0 - 1e-6, 1e-9)]


def _draw_scalar(rng: np.random.Generator, size: int) -> Instance:
    n = 1 + size + int(rng.integers(0, 2))
    y = rng.standard_normal(n)
    return {"X": orthonormal_rows(n, n, rng), "Y": y, "beta": float(rng.uniform(0.05, 1.1) * np.linalg.norm(y))}


def _predict_scalar(instance: Instance) -> Predicted:
    predicted = predict_scalar(instance["Y"], instance["beta"])
    return {"objective": predicted.objective, "kernel": predicted.kernel}


def _claims() -> tuple[Claim, ...]:
    # shared by all but one, which is not in the paper and needs a semidefinite bound
    common: dict[str, Any] = {"source": "wang-2025, relucvx", "seconds": 0.2}
    return (
        Claim(
            "whitened-one-hot-kernel",
            "One-hot targets on whitened inputs: the hidden kernel of every optimum is K = Σ_k (sqrt(n_k) - beta)_+/n_k "
            "1_k 1_k^T, for any class sizes.",
            status="theorem, uniqueness included",
            draw=_draw_classes,
            predict=_predict_one_hot,
            measure=_measure_kernel,
            assumptions=(WHITENED,),
            **common,
        ),
        Claim(
            "balanced-collapse",
            "Balanced classes: K = (sqrt(q) - beta)/q K_Y, with NC1 to NC4.",
            status="theorem",
            draw=_draw_balanced,
            predict=_predict_collapse,
            measure=_measure_collapse,
            assumptions=(WHITENED, BALANCED, SURVIVE),
            **common,
        ),
        Claim(
            "minority-collapse",
            "Classes with sqrt(n_k) <= beta have no representation at all, and K is not proportional to K_Y.",
            status="theorem",
            draw=_draw_minority,
            predict=_predict_minority,
            measure=_measure_minority,
            assumptions=(WHITENED, MINORITY),
            **common,
        ),
        Claim(
            "simplex-after-centring",
            "Balanced classes: after removing the global mean the classes form a simplex, cosines -1/(C-1).",
            status="theorem",
            draw=_draw_balanced,
            predict=lambda i: {"cosine": -1.0 / (len(_sizes(i)) - 1)},
            measure=_measure_simplex,
            assumptions=(WHITENED, BALANCED, SURVIVE),
            **common,
        ),
        Claim(
            "svd-shrinkage",
            "Sign-definite sample-side singular vectors: the fit has the singular values (sigma - beta)_+, and p* = "
            "Σ beta sigma - beta²/2 (sigma²/2 below beta).",
            status="theorem",
            draw=_draw_svd,
            predict=_predict_svd,
            measure=_measure_svd,
            assumptions=(
                WHITENED,
                Assumption("sign-definite sample-side singular vectors", _sign_definite, _signed_targets),
            ),
            **common,
        ),
        Claim(
            "svd-needs-signs",
            "Without sign-definite singular vectors (a negative entry of the linear optimum's kernel) the shrinkage "
            "value is a strict lower bound.",
            status="theorem",
            draw=_draw_signed,
            predict=lambda i: {"bound": predict_svd(i["Y"], i["beta"]).objective},
            measure=_measure_signed,
            assumptions=(
                WHITENED,
                Assumption(
                    "a negative entry of the kernel",
                    lambda i: _negativity(i) > 0.05,
                    lambda i, rng: {**i, **{k: v for k, v in _draw_svd(rng, 2).items() if k != "X"}, "X": np.eye(4)},
                ),
            ),
            source="relucvx",
            seconds=0.4,
        ),
        Claim(
            "whitened-scalar",
            "One output on whitened inputs: one neuron for the positive part of y and one for the negative, each shrunk "
            "by beta.",
            status="theorem, uniqueness included",
            draw=_draw_scalar,
            predict=_predict_scalar,
            measure=_measure_kernel,
            assumptions=(WHITENED,),
            **common,
        ),
    )


CLAIMS = _claims()
