"""Random instances of graded size, and the pieces that checks share."""

from __future__ import annotations

import functools
from typing import Any, TypeVar

import numpy as np
from scipy.optimize import minimize

from relucvx._api.solving import solve
from relucvx._api.strengths import beta_max
from relucvx.band import BetaBand
from relucvx.errors import InvalidInputError, explain
from relucvx.kernel import predict_factorial
from relucvx.network import TwoLayerReLU
from relucvx.program.objective import balanced_objective
from relucvx.program.posing import make_problem
from relucvx.solution import Solution
from relucvx.theory.definition import Instance, PremiseNotMet
from relucvx.types import Array, Status

Found = TypeVar("Found", Solution, BetaBand)

SHARP = 1e-11
"""Certified gap asked for: looser ones leave fits, and with them the proof, less accurate and are no faster."""

SECONDS = 20.0
"""Longest a certified solution of one trial may take; it is a few tenths of a second as a rule."""


def orthonormal_rows(n: int, d: int, rng: np.random.Generator) -> Array:
    """Random X (n, d) with X X^T = I."""
    return np.asarray(np.linalg.qr(rng.standard_normal((d, n)))[0].T)


def regression(rng: np.random.Generator, size: int, outputs: int = 1, full_row_rank: bool = False) -> Instance:
    """Gaussian X, targets, and beta at a random fraction of beta_max."""
    n = 2 + size + int(rng.integers(0, 2))
    d = n if full_row_rank else min(1 + int(rng.integers(0, size + 1)), 3)
    X = rng.standard_normal((n, d))
    Y = rng.standard_normal((n, outputs))
    target = Y[:, 0] if outputs == 1 else Y
    return {"X": X, "Y": target, "beta": fraction_of_beta_max(X, target, rng)}


def any_outputs(rng: np.random.Generator, size: int) -> Instance:
    """As :func:`regression`, with one, two or three outputs."""
    return regression(rng, size, int(rng.choice([1, 1, 2, 2, 3])))


def fraction_of_beta_max(X: Array, Y: Array, rng: np.random.Generator, low: float = 0.05, high: float = 0.6) -> float:
    """beta between two fractions of beta_max, spread evenly in the logarithm."""
    top = max(beta_max(X, Y, time_limit=5.0)[1], 1e-3)
    return float(top * np.exp(rng.uniform(np.log(low), np.log(high))))


def one_hot(labels: Any) -> Array:
    """One-hot rows (n, C) of labels 0 .. C-1."""
    return (np.asarray(labels)[:, None] == np.arange(int(np.max(labels)) + 1)).astype(float)


def class_sizes(rng: np.random.Generator, size: int, balanced: bool = False) -> list[int]:
    """Sizes of two to four classes, 12 samples at most."""
    C = 2 + int(rng.integers(0, min(size, 2) + 1))
    if balanced:
        return [1 + int(rng.integers(0, min(size, 3)))] * C
    return [1 + int(k) for k in rng.integers(0, min(size, 3) + 1, C)]


def classes(rng: np.random.Generator, sizes: list[int], beta: float) -> Instance:
    """Whitened inputs with class labels."""
    n = sum(sizes)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return {"X": orthonormal_rows(n, n + int(rng.integers(0, 2)), rng), "labels": labels, "beta": beta}


def fraction_of_scale(X: Array, Y: Array, rng: np.random.Generator) -> float:
    """beta as a fraction of the value n/(2 sqrt(gamma)) from which the abstract network is zero."""
    top = predict_factorial(Y, 1e-6, X=X).beta_max
    return float(rng.uniform(0.05, 0.6)) * float(top or 1.0)


def solved(instance: Instance, tol: float = SHARP, Y: Any = None, **options: Any) -> Solution:
    """Certified optimum of an instance (with one-hot targets where it has labels); remembered for the last few."""
    if Y is None:
        Y = instance["Y"] if "Y" in instance else one_hot(instance["labels"])
    key = (instance["X"].tobytes(), instance["X"].shape, np.asarray(Y).tobytes(), np.shape(Y))
    return _solved(key, float(instance["beta"]), tol, tuple(sorted(options.items())))


@functools.lru_cache(maxsize=8)
def _solved(key: tuple[Any, ...], beta: float, tol: float, options: tuple[tuple[str, Any], ...]) -> Solution:
    X, Y = np.frombuffer(key[0]).reshape(key[1]), np.frombuffer(key[2]).reshape(key[3])
    return certified(solve(X, Y, beta, tol=tol, time_limit=SECONDS, **dict(options)), tol)


def certified(found: Solution, tol: float) -> Solution:
    """The solution, where it is the optimum that a claim speaks of.

    Raises
    ------
    PremiseNotMet
        Where the time ran out or the solver stalled first: a check would compare something else with the prediction.
    KeyboardInterrupt
        Where it was interrupted.
    """
    if found.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    if not found.certificate.rel_gap <= tol:
        raise PremiseNotMet(f"an optimum certified to {tol:g} ({found.status.name})")
    return found


def in_time(found: Found) -> Found:
    """A solution or a band that was not cut short by the clock: of one that was, nothing is concluded.

    Raises
    ------
    PremiseNotMet
        Where the time ran out before the tolerance was proven.
    """
    if found.status is Status.TIME_LIMIT:
        raise too_late("an answer")
    return found


def too_late(what: str, seconds: float = SECONDS) -> PremiseNotMet:
    """What is raised where the clock cut short what a check rests on."""
    return PremiseNotMet(f"{what} within {seconds:g} s (the machine is busy)")


def value_of(instance: Instance, network: TwoLayerReLU, Y: Any = None) -> float:
    """Objective of a network after the free rescaling of its neurons."""
    target = instance["Y"] if Y is None else Y
    return balanced_objective(make_problem(instance["X"], target, instance["beta"]), network)


def blend(first: TwoLayerReLU, second: TwoLayerReLU, t: float) -> TwoLayerReLU:
    """(1-t) times the first plus t times the second as measures over neurons: the fits average, the penalties too."""
    a, b = np.sqrt(1.0 - t), np.sqrt(t)
    return TwoLayerReLU(
        np.vstack([a * first.weights_in, b * second.weights_in]),
        np.vstack([a * first.weights_out, b * second.weights_out]),
        scalar_output=first.scalar_output,
    )


def descended(
    instance: Instance, width: int, rng: np.random.Generator, starts: int = 1, max_steps: int = 2000
) -> list[TwoLayerReLU]:
    """Networks trained by L-BFGS on both layers from random weights, balanced objective, float64.

    Small enough for SciPy: no tensors are built, so a trial stays in the milliseconds.
    """
    X, Y = instance["X"], np.asarray(instance["Y"])
    columns = Y[:, None] if Y.ndim == 1 else Y
    d, c, beta = X.shape[1], columns.shape[1], float(instance["beta"])

    def value(theta: Array) -> tuple[float, Array]:
        W, V = theta[: width * d].reshape(width, d), theta[width * d :].reshape(width, c)
        Z = X @ W.T
        H = np.maximum(Z, 0.0)
        R = H @ V - columns
        gradient_in = ((R @ V.T) * (Z > 0)).T @ X + beta * W
        gradient_out = H.T @ R + beta * V
        size = 0.5 * float((R**2).sum()) + 0.5 * beta * float((theta**2).sum())
        return size, np.concatenate([gradient_in.ravel(), gradient_out.ravel()])

    found = []
    for _ in range(starts):
        start = rng.standard_normal(width * (d + c)) / np.sqrt(d)
        end = minimize(
            value, start, jac=True, method="L-BFGS-B", options={"maxiter": max_steps, "ftol": 1e-16, "gtol": 1e-11}
        )
        W, V = end.x[: width * d].reshape(width, d), end.x[width * d :].reshape(width, c)
        found.append(TwoLayerReLU(W, V, scalar_output=Y.ndim == 1))
    return found


def stated(value: Any) -> Any:
    """A closed form's kernel, objective or network; an error where the form is not stated.

    Raises
    ------
    InvalidInputError
        When there is none: the claim was forced onto data it says nothing about.
    """
    if value is None:
        raise InvalidInputError(
            explain("data for which the closed form is stated", "other data", "force=True past an assumption")
        )
    return value
