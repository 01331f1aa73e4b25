"""Readings of the closed forms to avoid: statements as transcribed, which fail, each beside what holds in its place.

The notes behind them are lossy transcriptions, with formulas missing or mis-read: nothing here is an author's word.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx._api.solving import certify
from relucvx.datasets import factorial
from relucvx.kernel import optimal_family, predict_deep_linear, predict_factorial, whitened
from relucvx.kernel.whitened_forms import shrunk_value
from relucvx.metrics import parallelism_score
from relucvx.program.posing import make_problem
from relucvx.program.relaxations import nuclear_norm_bound
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, at_most, close
from relucvx.theory.draws import (
    class_sizes,
    classes,
    fraction_of_beta_max,
    fraction_of_scale,
    one_hot,
    orthonormal_rows,
    regression,
    solved,
)
from relucvx.theory.statements.planar import planar_optimum
from relucvx.theory.statements.reformulation import CONIC, ONE_OUTPUT, POSITIVE, conic_value
from relucvx.types import Array

WHITENED = Assumption("X X^T = I", lambda i: whitened(i["X"]))

VANISHING = 1e-12
"""Weight decay that stands for the limit to zero, for targets of size one."""

MOST_SAMPLES = 6
"""Samples with labels at most, so that an optimum is certified in a fraction of a second."""


def _null(Y: Any) -> float:
    """Objective of the zero network."""
    return 0.5 * float((np.asarray(Y) ** 2).sum())


def _targets(instance: Instance) -> Array:
    return np.asarray(instance["Y"]) if "Y" in instance else one_hot(instance["labels"])


def _singular_values(instance: Instance) -> Array:
    return np.asarray(np.linalg.svd(_targets(instance), compute_uv=False))


def _shrunk_value(instance: Instance) -> float:
    return shrunk_value(_singular_values(instance), instance["beta"])


def _exactly_shrunk(instance: Instance) -> Predicted:
    value = _shrunk_value(instance)
    return {"low": value, "high": value}


def _above_beta(instance: Instance) -> bool:
    sigma = _singular_values(instance)
    return bool(sigma[sigma > 1e-9 * sigma[0]].min() > instance["beta"])


ABOVE_BETA = Assumption("every nonzero singular value of Y is above beta", _above_beta)


def _measure_between(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """Whether the certified optimum lies between the predicted ends; one number is an interval of length zero."""
    found = solved(instance, Y=_targets(instance))
    scale = max(found.objective, 1e-12)
    return [
        at_most("certified gap", found.certificate.gap, 0.0, 1e-8, scale),
        at_most("predicted value above the optimum", predicted["low"], found.objective, CONIC, scale),
        at_most("optimum above the predicted value", found.certificate.lower, predicted["high"], CONIC, scale),
    ]


# ---------------------------------------------------------------------- constants
def _lasso(instance: Instance, constant: float) -> Predicted:
    """||.||² + constant Σ ||V_i||, which is twice the package's convex program at half the constant."""
    return {"loss": 2 * conic_value({**instance, "beta": 0.5 * constant}, gated=False)}


def _measure_network_loss(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """The network loss ||.||² + lambda Σ (||w_i||² + ||v_i||²), twice the package's with beta = lambda."""
    loss = 2 * solved(instance).objective
    return [close("network loss against the group lasso", predicted["loss"], loss, CONIC)]


def _draw_classes(rng: np.random.Generator, size: int) -> Instance:
    sizes = class_sizes(rng, size)
    while sum(sizes) > MOST_SAMPLES:
        sizes = class_sizes(rng, size)
    return classes(rng, sizes, float(rng.uniform(0.1, 0.8)) * np.sqrt(min(sizes)))


def _shrunk(instance: Instance, threshold: float) -> Predicted:
    A, sigma, Bt = np.linalg.svd(_targets(instance), full_matrices=False)
    return {"fit": (A * np.maximum(sigma - threshold, 0.0)) @ Bt}


def _measure_shrinkage(instance: Instance, predicted: Predicted) -> list[Deviation]:
    found = solved(instance)
    return [
        at_most("certified gap", found.certificate.gap, 0.0, 1e-8, found.objective),
        close("optimal fit against the shrunk targets", found.network.predict(instance["X"]), predicted["fit"], 1e-4),
    ]


# ---------------------------------------------------------------------- signs
def _draw_output_signs(rng: np.random.Generator, size: int) -> Instance:
    """Y = Σ sigma_i a_i e_i^T: the output side is nonnegative, the sample side of clearly mixed signs."""
    n = 2 + int(rng.integers(0, min(size, 2)))
    while True:
        sigma = rng.uniform(1.0, 2.0, 2)
        Y = orthonormal_rows(2, n, rng).T * sigma
        instance = {"X": orthonormal_rows(n, n, rng), "Y": Y, "beta": float(rng.uniform(0.1, 0.6) * sigma.min())}
        kernel = _linear_kernel(instance)
        if kernel.min() < -0.1 * kernel.max():
            return instance


def _linear_kernel(instance: Instance) -> Array:
    """Kernel Σ (sigma_i - beta)_+ a_i a_i^T of the linear network."""
    A, sigma, _ = np.linalg.svd(_targets(instance), full_matrices=False)
    kernel: Array = (A * np.maximum(sigma - instance["beta"], 0.0)) @ A.T
    return kernel


def _sign_correction(instance: Instance) -> Predicted:
    """The shrunk value bounds the optimum below, and is the optimum where the linear kernel is completely positive.

    A network of that value has hidden vectors h_j >= 0 with v_j parallel to Q^T h_j, where Q is the polar factor of its
    fit F, so that F Q^T, the linear kernel, is a sum of h_j h_j^T: up to four samples, its entries are nonnegative.
    Nonnegative a_i suffice.
    """
    kernel, value = _linear_kernel(instance), _shrunk_value(instance)
    reached = bool(kernel.min() >= -1e-9 * kernel.max())
    return {"low": value, "high": value if reached else _null(instance["Y"])}


def _output_signs(instance: Instance) -> bool:
    _, sigma, Bt = np.linalg.svd(_targets(instance), full_matrices=False)
    kept = Bt[sigma > 1e-9 * sigma[0]]
    return bool(((kept >= -1e-9).all(axis=1) | (kept <= 1e-9).all(axis=1)).all())


FEW = Assumption("at most four samples", lambda i: len(i["X"]) <= 4)
OUTPUT_SIGNS = Assumption("output-side singular vectors of one sign", _output_signs)


# ---------------------------------------------------------------------- norms
def _draw_two_outputs(rng: np.random.Generator, size: int) -> Instance:
    n = 4 + min(size, 2)
    X, Y = rng.standard_normal((n, 2)), rng.standard_normal((n, 2))
    return {"X": X, "Y": Y, "beta": fraction_of_beta_max(X, Y, rng, 0.1, 0.5)}


PLANAR = Assumption(
    "two features, no input zero", lambda i: i["X"].shape[1] == 2 and bool(np.any(i["X"], axis=1).all())
)


def _nuclear(instance: Instance) -> Predicted:
    value = nuclear_norm_bound(make_problem(instance["X"], instance["Y"], instance["beta"])).value
    return {"low": value, "high": value}


def _gauge(instance: Instance) -> Predicted:
    value = planar_optimum(instance["X"], instance["Y"], instance["beta"])
    return {"low": value, "high": value}


def _draw_matrix(rng: np.random.Generator, size: int) -> Instance:
    return {"W": rng.standard_normal((1 + size, 2 + size)), "depth": 2 + int(rng.integers(0, 3)), "seed": size}


def _schatten(instance: Instance, factor: float, exponent: float) -> Predicted:
    """factor times the Schatten quasi-norm ||W||_{2/L} to some power."""
    p = 2 / instance["depth"]
    sigma = np.linalg.svd(instance["W"], compute_uv=False)
    return {"least": factor * float((sigma**p).sum() ** (exponent / p))}


def _factors(W: Array, roots: Array, rng: np.random.Generator) -> list[Array]:
    """U_l S^(1/root_l) U_{l+1}^T for l = 1 .. L, outer frames from the SVD of W, inner ones random."""
    A, sigma, Bt = np.linalg.svd(W, full_matrices=False)
    inner = [np.linalg.qr(rng.standard_normal((len(sigma), len(sigma))))[0] for _ in roots[1:]]
    frames = [A, *inner, Bt.T]
    return [(frames[i] * sigma ** (1 / root)) @ frames[i + 1].T for i, root in enumerate(roots)]


def _measure_schatten(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """Balanced factors attain the value; factors with the same product drawn around them cost no less."""
    rng, L = np.random.default_rng(instance["seed"]), int(instance["depth"])
    factors = _factors(instance["W"], np.full(L, L), rng)
    cost = sum(float((f**2).sum()) for f in factors)
    others = []
    for size in (0.01, 0.1, 0.5):
        moved = list(factors)
        for i in range(L - 1):
            G = np.eye(moved[i].shape[1]) + size * rng.standard_normal((moved[i].shape[1],) * 2)
            moved[i], moved[i + 1] = moved[i] @ G, np.linalg.inv(G) @ moved[i + 1]
        others.append(sum(float((f**2).sum()) for f in moved))
    return [
        close("product of the balanced factors", np.linalg.multi_dot(factors), instance["W"], 1e-10),
        close("sum of squares of the balanced factors", cost, predicted["least"], 1e-9),
        at_most("predicted least above other factors", predicted["least"], min(others), 1e-9, cost),
    ]


def _draw_isometric(rng: np.random.Generator, size: int) -> Instance:
    n = 2 + size
    Y = rng.standard_normal((n, 1 + size)) / np.sqrt(n)
    return {"X": orthonormal_rows(n, n, rng), "Y": Y, "depth": 2 + int(rng.integers(0, 3)), "seed": size}


def _measure_roots(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """Factors of X^+ Y with the predicted roots: their product, their norms, and the kernels of their hidden layers."""
    X, Y, L = instance["X"], instance["Y"], int(instance["depth"])
    factors = _factors(X.T @ Y, predicted["roots"], np.random.default_rng(instance["seed"]))
    norms = np.array([np.linalg.norm(f) for f in factors])
    hidden = [X @ factors[0]]
    for f in factors[1:-1]:
        hidden.append(hidden[-1] @ f)
    kernels = predict_deep_linear(Y, VANISHING, L, X=X).kernels
    return [
        close("product of the factors against X^+ Y", np.linalg.multi_dot(factors), X.T @ Y, 1e-9),
        close("norms of the layers against each other", norms, np.full(L, norms.mean()), 1e-9),
        close("kernels of the layers", np.array([H @ H.T for H in hidden]), np.array(kernels), 1e-6),
    ]


# ---------------------------------------------------------------------- whitening
def _draw_tall(rng: np.random.Generator, size: int) -> Instance:
    n = 3 + min(size, 2)
    labels = rng.permutation(np.arange(n) % 2)
    return {"X": orthonormal_rows(2, n, rng).T, "labels": labels, "beta": float(rng.uniform(0.1, 0.5))}


TALL = Assumption(
    "X^T X = I and n > d",
    lambda i: len(i["X"]) > i["X"].shape[1] and np.allclose(i["X"].T @ i["X"], np.eye(i["X"].shape[1]), atol=1e-9),
)


# ---------------------------------------------------------------------- abstraction
def _draw_rotated(rng: np.random.Generator, size: int) -> Instance:
    data = factorial(2, 1 if size < 3 else 2, x0=1.0, x1=0.0, x2=0.0, rng=rng)
    beta = fraction_of_scale(data.X, data.Y, rng)
    return {"X": data.X, "Y": data.Y, "beta": beta, "angle": float(rng.uniform(0.1, np.pi / 4))}


def _is_factorial(instance: Instance) -> bool:
    Y = np.asarray(instance["Y"])
    return Y.shape[1] == 2 and predict_factorial(Y, instance["beta"], X=instance["X"]).applicable


FACTORIAL = Assumption("two ±1 variables in all combinations, equally often", _is_factorial)


def _measure_parallelism(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """A network that is optimal, by its own certificate, and its parallelism score."""
    X, Y, beta = instance["X"], instance["Y"], instance["beta"]
    c, s = np.cos(instance["angle"]), np.sin(instance["angle"])
    network = optimal_family(Y, beta, X=X).network(np.array([[c, -s], [s, c]]))
    proof = certify(network, X, Y, beta, tol=1e-9, time_limit=10.0)
    return [
        at_most("certified gap of the network", proof.gap, 0.0, 1e-7, proof.upper),
        close("parallelism score", parallelism_score(network.hidden(X), Y).mean, predicted["score"], 1e-7, 1.0),
    ]


def _rotated_score(instance: Instance) -> Predicted:
    even = abs(np.cos(2 * instance["angle"]))
    return {"score": even / (2 - even)}


CLAIMS = (
    Claim(
        "reading-group-lasso-constant",
        "As transcribed: the loss ||Y - network||² + lambda (||W_1||² + ||W_2||²) has the optimal value of the group "
        "lasso with penalty lambda Σ ||V_i||. (It is 2 lambda.)",
        "transcribed",
        "refuted by certified optima",
        draw=regression,
        predict=lambda i: _lasso(i, i["beta"]),
        measure=_measure_network_loss,
        assumptions=(ONE_OUTPUT, POSITIVE),
        expected="VIOLATED",
        correction=lambda i: _lasso(i, 2 * i["beta"]),
        corrected_by="equivalence-of-optima",
        seconds=0.3,
    ),
    Claim(
        "reading-shrinkage-constant",
        "As transcribed: on whitened inputs the loss ||Y - network||² + lambda (||W_1||² + ||W_2||²) shrinks the "
        "singular values of Y by lambda/2. (It is lambda.)",
        "transcribed",
        "refuted by certified optima",
        draw=_draw_classes,
        predict=lambda i: _shrunk(i, 0.5 * i["beta"]),
        measure=_measure_shrinkage,
        assumptions=(WHITENED, POSITIVE, ABOVE_BETA),
        expected="VIOLATED",
        correction=lambda i: _shrunk(i, i["beta"]),
        corrected_by="svd-shrinkage",
        seconds=0.3,
    ),
    Claim(
        "reading-sign-condition",
        "As transcribed: on whitened inputs singular values are shrunk when the output-side singular vectors b_i are "
        "nonnegative. (It is the sample-side a_i, or just that the linear network's kernel is completely positive.)",
        "transcribed",
        "refuted by certified optima",
        draw=_draw_output_signs,
        predict=_exactly_shrunk,
        measure=_measure_between,
        assumptions=(WHITENED, FEW, POSITIVE, ABOVE_BETA, OUTPUT_SIGNS),
        expected="VIOLATED",
        correction=_sign_correction,
        seconds=0.3,
    ),
    Claim(
        "reading-plain-nuclear-norm",
        "As transcribed: with several outputs the optimum is the group lasso under the plain nuclear norm of each "
        "block. (That is a lower bound: the norm must be the gauge of w v^T with w in the cell.)",
        "transcribed",
        "refuted by certified optima",
        draw=_draw_two_outputs,
        predict=_nuclear,
        measure=_measure_between,
        assumptions=(PLANAR, POSITIVE),
        expected="VIOLATED",
        correction=_gauge,
        seconds=0.4,
    ),
    Claim(
        "reading-schatten-exponent",
        "As transcribed: min Σ_l ||W_l||² over W_1 ... W_L = W is ||W||_{2/L}^{L/2}. (It is L ||W||_{2/L}^{2/L}.)",
        "transcribed",
        "refuted by explicit factors",
        draw=_draw_matrix,
        predict=lambda i: _schatten(i, 1.0, i["depth"] / 2),
        measure=_measure_schatten,
        assumptions=(Assumption("W is not zero", lambda i: np.any(i["W"])),),
        expected="VIOLATED",
        correction=lambda i: _schatten(i, i["depth"], 2 / i["depth"]),
        seconds=0.01,
    ),
    Claim(
        "reading-layer-root",
        "As transcribed: layer l of the optimal deep linear network is W_l = U_l S^(1/l) U_{l+1}^T, the l-th root. "
        "(It is the L-th root.)",
        "transcribed",
        "refuted by explicit factors",
        draw=_draw_isometric,
        predict=lambda i: {"roots": np.arange(1, i["depth"] + 1)},
        measure=_measure_roots,
        assumptions=(WHITENED,),
        expected="VIOLATED",
        correction=lambda i: {"roots": np.full(i["depth"], i["depth"])},
        seconds=0.01,
    ),
    Claim(
        "reading-whitened-features",
        "A reading to avoid: X^T X = I, with more samples than features, is whitened enough for the closed form of "
        "one-hot labels. (It must be X X^T = I; otherwise the form is a lower bound.)",
        "transcribed",
        "refuted by certified optima",
        draw=_draw_tall,
        predict=_exactly_shrunk,
        measure=_measure_between,
        assumptions=(TALL, POSITIVE),
        expected="VIOLATED",
        correction=lambda i: {"low": _shrunk_value(i), "high": _null(_targets(i))},
        seconds=0.3,
    ),
    Claim(
        "reading-all-minima-abstract",
        "A reading to avoid: with whitened inputs and no bias every global minimum for factorial ±1 targets is "
        "abstract, of parallelism score 1. (A rotation family of equal value has scores down to 0.)",
        "transcribed",
        "refuted by certified networks",
        draw=_draw_rotated,
        predict=lambda i: {"score": 1.0},
        measure=_measure_parallelism,
        assumptions=(WHITENED, FACTORIAL, POSITIVE),
        expected="VIOLATED",
        correction=_rotated_score,
        corrected_by="abstract-continuum",
        seconds=0.3,
    ),
)
