"""The claim about spike-free data: when the ReLU loses nothing."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from relucvx.kernel import spike_free
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, close, same
from relucvx.types import Array


def _draw_spikes(rng: np.random.Generator, size: int) -> Instance:
    """Half of the inverse kernels are M-matrices, half have one clearly positive entry."""
    n = 1 + size
    P = -rng.uniform(0.1, 1.0, (n, n))
    P = (P + P.T) / 2
    # one positive entry is enough against an M-matrix
    if rng.random() < 0.5:
        i, j = rng.choice(n, 2, replace=False)
        P[i, j] = P[j, i] = rng.uniform(0.1, 1.0)
    # diagonally dominant: positive definite, whatever the signs
    np.fill_diagonal(P, np.abs(P).sum(axis=1) + rng.uniform(0.1, 1.0, n))
    values, vectors = np.linalg.eigh(np.linalg.inv(P))
    # any root of the kernel will do: a rotation of the features is no part of the claim
    root = (vectors * np.sqrt(values)) @ vectors.T
    return {"X": root @ np.linalg.qr(rng.standard_normal((n, n)))[0], "seed": int(rng.integers(2**31))}


def _clear_signs(instance: Instance) -> bool:
    P = np.linalg.inv(instance["X"] @ instance["X"].T)
    scaled = P / np.sqrt(np.outer(np.diag(P), np.diag(P)))
    off = scaled[~np.eye(len(P), dtype=bool)]
    return bool(off.max(initial=-1.0) <= 1e-9 or off.max() >= 1e-3)


def _predict_spikes(instance: Instance) -> Predicted:
    P = np.linalg.inv(instance["X"] @ instance["X"].T)
    return {"spike_free": bool((P - np.diag(np.diag(P))).max() <= 1e-9 * np.abs(P).max())}


def _spike(h: Array, P: Array) -> float:
    """Cost of relu(h) relative to that of h."""
    positive = np.maximum(h, 0.0)
    return float(positive @ P @ positive) / float(h @ P @ h)


def _worst_spike(P: Array, rng: np.random.Generator) -> float:
    """The largest such cost over multistart ascent: above 1 data are not spike-free."""

    def ratio(h: Array) -> tuple[float, Array]:
        positive, bottom, value = np.maximum(h, 0.0), float(h @ P @ h), _spike(h, P)
        return -value, -2 * ((P @ positive) * (h > 0) - value * (P @ h)) / bottom

    n = len(P)
    pairs = [t * np.eye(n)[i] - np.eye(n)[j] for i in range(n) for j in range(n) if i != j for t in (1.0, 30.0, 1e3)]
    ends = [minimize(ratio, h, jac=True, method="L-BFGS-B").x for h in rng.standard_normal((16, n))]
    return max(_spike(h, P) for h in [*pairs, *ends])


def _measure_spikes(instance: Instance, predicted: Predicted) -> list[Deviation]:
    P = np.linalg.inv(instance["X"] @ instance["X"].T)
    report = spike_free(instance["X"])
    # relu(h) costs as much as h for h >= 0, so the ratio is 1 at least
    found = [
        same(
            "no relu(Xw) costs more",
            _worst_spike(P, np.random.default_rng(instance["seed"])) <= 1 + 1e-9,
            predicted["spike_free"],
        ),
        same("verdict of spike_free", report.spike_free, predicted["spike_free"]),
    ]
    if report.witness is not None:
        found.append(close("cost of its witness", _spike(report.witness, P), report.excess**2, 1e-6))
    return found


FULL_RANK = Assumption(
    "X has full row rank and entries of (X X^T)^-1 of clear sign",
    lambda i: np.linalg.matrix_rank(i["X"]) == len(i["X"]) and _clear_signs(i),
    lambda i, rng: {**i, "X": np.vstack([i["X"], i["X"][:1] + i["X"][1:2]])},
)


CLAIMS = (
    Claim(
        "spike-free-z-matrix",
        "X of full row rank is spike-free iff no off-diagonal entry of (X X^T)^-1 is positive.",
        status="theorem",
        draw=_draw_spikes,
        predict=_predict_spikes,
        measure=_measure_spikes,
        assumptions=(FULL_RANK,),
        source="relucvx",
    ),
)
