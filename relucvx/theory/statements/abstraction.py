"""Claims about ±1 factorial targets: abstract kernels, the continuum, the anti-abstract case."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx._api.solving import certify
from relucvx.datasets import factorial
from relucvx.kernel import (
    factorial_network,
    factorial_rotation_network,
    kernel_distance,
    preactivation_certificate,
    predict_factorial,
    representation_kernel,
)
from relucvx.kernel.design import Design, read_design, target_conditions
from relucvx.metrics import neuron_tuning, parallelism_score
from relucvx.network import TwoLayerReLU
from relucvx.solution import Solution
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, at_most, close, same
from relucvx.theory.draws import blend, fraction_of_scale, solved, value_of
from relucvx.types import Array

FORMULA = 1e-10
"""Relative accuracy of closed forms."""

CERTIFIED = 2e-6
"""Largest relative gap of an optimum: semidefinite bounds (n = 8) close to about 1e-7, cones (n = 4) to 1e-9."""

ABSTRACT = 0.99
"""Parallelism score from which a representation counts as abstract."""


# ---------------------------------------------------------------------- instances and assumptions
def _inputs(rng: np.random.Generator, d_Y: int, repeats: int, x0: float, x1: float, x2: float) -> Instance:
    data = factorial(d_Y, repeats, x0=x0, x1=x1, x2=x2, rng=rng)
    return {"X": data.X, "Y": data.Y, "beta": fraction_of_scale(data.X, data.Y, rng)}


def _shape(rng: np.random.Generator, size: int, least: int = 1) -> tuple[int, int]:
    """(d_Y, repeats) with 4 or 8 samples."""
    small = [(2, 1)] if least == 2 else [(1, 2), (2, 1)]
    large = [(2, 2), (3, 1)] if least == 2 else [(1, 4), (2, 2), (3, 1)]
    choices = small if size <= 2 else large
    return choices[int(rng.integers(len(choices)))]


def _draw_common(rng: np.random.Generator, size: int) -> Instance:
    """x2 >= 0, half of them with x2 > x1, some whitened."""
    x1, x2 = (float(v) * float(rng.random() < 0.7) for v in rng.uniform(0.0, 0.8, 2))
    return _inputs(rng, *_shape(rng, size), float(rng.uniform(0.5, 2.0)), x1, x2)


def _draw_unique(rng: np.random.Generator, size: int) -> Instance:
    x2 = float(rng.uniform(0.1, 0.5))
    return _inputs(rng, *_shape(rng, size), float(rng.uniform(0.5, 2.0)), x2 + float(rng.uniform(0.0, 0.5)), x2)


def _draw_free(rng: np.random.Generator, size: int) -> Instance:
    """x2 = 0, with an orthogonal R; a rotation by a random angle for two variables."""
    x1 = float(rng.uniform(0.0, 0.5)) * float(rng.random() < 0.5)
    instance = _inputs(rng, *_shape(rng, size, least=2), float(rng.uniform(0.5, 2.0)), x1, 0.0)
    d_Y = instance["Y"].shape[1]
    angle = float(rng.uniform(0.0, np.pi / 2))
    R = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return {**instance, "R": R if d_Y == 2 else np.linalg.qr(rng.standard_normal((d_Y, d_Y)))[0]}


def _draw_negative(rng: np.random.Generator, size: int) -> Instance:
    """x2 < 0, between 30 and 90 % of the way to a kernel K_X with K_X 1 = 0."""
    d_Y, repeats = _shape(rng, size, least=2)
    x0, n = float(rng.uniform(0.5, 2.0)), repeats * 2**d_Y
    x1 = float(rng.uniform(0.0, 0.5)) * float(rng.random() < 0.5)
    return _inputs(rng, d_Y, repeats, x0, x1, -float(rng.uniform(0.3, 0.9)) * x0 / n)


def _design(instance: Instance) -> Design | None:
    """The strengths of an instance, or None where its targets or inputs are of another kind."""
    Y = np.asarray(instance["Y"])
    if Y.ndim != 2 or not all(target_conditions(Y).values()):
        return None
    design, fits, _ = read_design(Y, 1.0, 0.0, 0.0, instance["X"])
    return design if fits else None


def common_mode(instance: Instance) -> float:
    """n x2 relative to K_X; numbers below rounding are 0."""
    design = _design(instance)
    if design is None:
        return float("nan")
    share = design.n * design.x2 / (abs(design.x0) + design.n * (abs(design.x1) + abs(design.x2)))
    return 0.0 if abs(share) < 1e-9 else share


def _dominant(instance: Instance) -> bool:
    design = _design(instance)
    return design is not None and design.n * (design.x1 - design.x2) >= -1e-9 * abs(design.x0)


def _below(instance: Instance) -> bool:
    design = _design(instance)
    return design is not None and 0 < instance["beta"] < design.beta_max


def _with(x1: float, x2: float) -> Any:
    """Replace the inputs by others of strength x0 = 1, x1 and x2."""

    def change(instance: Instance, rng: np.random.Generator) -> Instance:
        d_Y = instance["Y"].shape[1]
        data = factorial(d_Y, len(instance["Y"]) // 2**d_Y, x0=1.0, x1=x1, x2=x2, rng=rng)
        return {**instance, "X": data.X, "Y": data.Y, "beta": fraction_of_scale(data.X, data.Y, rng)}

    return change


def _flip(instance: Instance, rng: np.random.Generator) -> Instance:
    Y = np.array(instance["Y"])
    Y[int(rng.integers(len(Y))), 0] *= -1
    return {**instance, "Y": Y}


def _one_variable(instance: Instance, rng: np.random.Generator) -> Instance:
    return {**instance, "Y": np.asarray(instance["Y"])[:, :1]}


FACTORIAL = Assumption(
    "±1 targets in all combinations, K_X = x0 I + x1 YY^T + x2 11^T", lambda i: _design(i) is not None, _flip
)
BELOW = Assumption(
    "0 < beta < n/(2 sqrt(gamma))",
    _below,
    lambda i, rng: {**i, "beta": 2.0 * float(np.sqrt(len(i["X"])) * np.linalg.norm(i["X"]))},
)
ALIGNED = Assumption("x1 >= 0", lambda i: _target_share(i) >= -1e-9)
NOT_NEGATIVE = Assumption("x2 >= 0", lambda i: common_mode(i) >= 0, _with(0.0, -0.05))
POSITIVE = Assumption("x2 > 0", lambda i: common_mode(i) > 0, _with(0.2, 0.0))
ABSENT = Assumption("x2 = 0", lambda i: common_mode(i) == 0, _with(0.2, 0.2))
NEGATIVE = Assumption("x2 < 0", lambda i: common_mode(i) < 0, _with(0.2, 0.2))
DOMINANT = Assumption("x1 >= x2", _dominant, _with(0.0, 0.4))
SEVERAL = Assumption("d_Y >= 2", lambda i: np.asarray(i["Y"]).shape[1] >= 2, _one_variable)


# ---------------------------------------------------------------------- shared pieces
def _target_share(instance: Instance) -> float:
    """n x1 relative to x0."""
    design = _design(instance)
    return float("nan") if design is None else design.n * design.x1 / abs(design.x0)


def _formula(instance: Instance) -> Predicted:
    """Kernel and value of the closed form, also for x2 < 0, where it is not the optimum."""
    found = predict_factorial(instance["Y"], instance["beta"], X=instance["X"])
    return {"value": float(found.objective or 0.0), "kernel": np.asarray(found.kernel)}


def _optimum(instance: Instance) -> Solution:
    return solved(instance, tol=1e-8 if len(instance["X"]) <= 4 else 1e-6)


def _kernel(instance: Instance, network: TwoLayerReLU) -> Array:
    return np.asarray(representation_kernel(network, instance["X"]))


def _parallelism(instance: Instance, K: Array) -> float:
    return float(parallelism_score(kernel=K, factors=instance["Y"]).mean)


def _certified(instance: Instance, network: TwoLayerReLU) -> Deviation:
    found = certify(network, instance["X"], instance["Y"], instance["beta"], time_limit=10.0)
    return at_most("certified gap", found.gap, 0.0, CERTIFIED, value_of(instance, network))


# ---------------------------------------------------------------------- the abstract kernel
def _predict_kernel(instance: Instance) -> Predicted:
    b = _scale(instance)
    return {**_formula(instance), "eigenvalue": b * len(instance["X"])}


def _scale(instance: Instance) -> float:
    design = _design(instance)
    return float("nan") if design is None else design.scale(instance["beta"])


def _measure_kernel(instance: Instance, predicted: Predicted) -> list[Deviation]:
    Y = instance["Y"]
    net = factorial_network(instance["X"], Y, instance["beta"])
    K = _kernel(instance, net)
    # three faces of one statement: value, kernel and certificate; any of them could be right by accident
    return [
        close("objective of the 2 d_Y neurons against p*", value_of(instance, net), predicted["value"], FORMULA),
        close("their kernel", K, predicted["kernel"], FORMULA),
        close("K Y against b n Y", K @ Y, predicted["eigenvalue"] * Y, FORMULA),
        at_most("their number", net.width, 2 * Y.shape[1], 0.5),
        _certified(instance, net),
    ]


def _measure_unique(instance: Instance, predicted: Predicted) -> list[Deviation]:
    found = _optimum(instance)
    K = _kernel(instance, found.inner)
    out = [
        at_most("certified gap", found.certificate.gap, 0.0, CERTIFIED, found.objective),
        close("optimal value", found.objective, predicted["value"], CERTIFIED),
        Deviation("distance of the optimal kernel", kernel_distance(K, predicted["kernel"]), 2e-3),
    ]
    if instance["Y"].shape[1] >= 2:  # one variable has one context, and no parallelism
        out.append(at_most("parallelism below", predicted["parallelism"], _parallelism(instance, K), 1 - ABSTRACT))
    return out


def _measure_tuning(instance: Instance, predicted: Predicted) -> list[Deviation]:
    found = _optimum(instance)
    tuning = neuron_tuning(found.network.hidden(instance["X"]), instance["Y"]).per_neuron
    return [
        at_most("certified gap", found.certificate.gap, 0.0, CERTIFIED, found.objective),
        Deviation("tuning of the least modular neuron", abs(predicted["tuning"] - float(tuning.min())), 1e-2),
    ]


# ---------------------------------------------------------------------- continuum and invariants
def _predict_continuum(instance: Instance) -> Predicted:
    out: Predicted = {"value": _formula(instance)["value"]}
    if len(instance["R"]) == 2:
        twice = abs(2 * instance["R"][0, 0] ** 2 - 1)  # |cos 2 theta|
        out["parallelism"] = twice / (2 - twice)
    return out


def _measure_continuum(instance: Instance, predicted: Predicted) -> list[Deviation]:
    net = factorial_rotation_network(instance["X"], instance["Y"], instance["beta"], instance["R"])
    K = _kernel(instance, net)
    out = [
        close("objective of the rotated network", value_of(instance, net), predicted["value"], FORMULA),
        _certified(instance, net),
    ]
    if "parallelism" in predicted:
        out.append(close("parallelism", _parallelism(instance, K), predicted["parallelism"], 1e-8, 1.0))
    return out


def _predict_invariants(instance: Instance) -> Predicted:
    b, (n, d_Y) = _scale(instance), instance["Y"].shape
    return {"eigenvalue": b * n, "trace": 2 * b * d_Y * n}


def _measure_invariants(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """The solver's optimum, a rotated one, and mixtures of both as measures."""
    found, Y = _optimum(instance), instance["Y"]
    rotated = factorial_rotation_network(instance["X"], Y, instance["beta"], instance["R"])
    out = [at_most("certified gap", found.certificate.gap, 0.0, CERTIFIED, found.objective)]
    # convexity in measures: every mixture of two optima is one, and keeps what all optima share
    for t in (0.0, 0.4, 1.0):
        net = blend(found.inner, rotated, t)
        K = _kernel(instance, net)
        # against the lower bound, not the objective: the solver's own gap would hide an excess of its size
        excess = value_of(instance, net) - found.certificate.lower
        out += [
            at_most(f"excess at t = {t}", excess, 0.0, CERTIFIED, found.objective),
            close(f"K Y against b n Y at t = {t}", K @ Y, predicted["eigenvalue"] * Y, 1e-4),
            close(f"tr K at t = {t}", float(np.trace(K)), predicted["trace"], 1e-4),
        ]
    return out


# ---------------------------------------------------------------------- anti-abstract
def _measure_anti(instance: Instance, predicted: Predicted) -> list[Deviation]:
    X, Y, beta = instance["X"], instance["Y"], instance["beta"]
    found = _optimum(instance)
    formula = _formula(instance)
    # two ways to refute it that share no code: its own dual point is infeasible, and something else costs less
    ratio = preactivation_certificate(X @ X.T, Y @ Y.T, beta, formula["kernel"], n_starts=16).ratio
    below = 1 - found.objective / formula["value"]
    return [
        same("the certificate refutes the formula", ratio > 1 + 1e-6, predicted["refuted"]),
        same("the optimum is below the formula", below > 1e-6, predicted["below"]),
        at_most("certified gap", found.certificate.gap, 0.0, 1e-4, found.objective),
    ]


# ---------------------------------------------------------------------- the claims
CLAIMS = (
    Claim(
        "abstract-kernel",
        "For ±1 factorial targets and x2 >= 0, 2 d_Y neurons sqrt(b/2)(1 ± y_k) with kernel b (d_Y 11^T + Y Y^T) and "
        "K Y = b n Y are optimal, with p* = beta d_Y (2 sqrt(gamma) - 2 gamma beta/n).",
        "wang-fusi-johnston-2025, relucvx",
        "certified numerically",
        draw=_draw_common,
        predict=_predict_kernel,
        measure=_measure_kernel,
        assumptions=(FACTORIAL, ALIGNED, NOT_NEGATIVE, BELOW),
        seconds=0.3,
    ),
    Claim(
        "abstract-unique",
        "With x1 >= x2 > 0 every optimum has the abstract kernel, so its parallelism score is 1.",
        "relucvx",
        "certified numerically (proof sketch; one optimum per instance)",
        draw=_draw_unique,
        predict=lambda i: {**_formula(i), "parallelism": 1.0},
        measure=_measure_unique,
        assumptions=(FACTORIAL, POSITIVE, DOMINANT, BELOW),
        seconds=0.5,
    ),
    Claim(
        "tuning",
        "With x1 >= x2 > 0 every neuron of an optimum is an affine function of a single variable: tuning 1.",
        "relucvx",
        "certified numerically (proof sketch; one optimum per instance)",
        draw=_draw_unique,
        predict=lambda i: {"tuning": 1.0},
        measure=_measure_tuning,
        assumptions=(FACTORIAL, POSITIVE, DOMINANT, BELOW),
        seconds=0.5,
    ),
    Claim(
        "abstract-continuum",
        "Without common mode (x2 = 0, d_Y >= 2) the neurons sqrt(2b) relu(±Y R e_k) are optimal for every orthogonal R; "
        "for two variables and an angle theta the parallelism score is |cos 2 theta|/(2 - |cos 2 theta|).",
        "relucvx",
        "theorem (equal objectives); optimality certified numerically",
        draw=_draw_free,
        predict=_predict_continuum,
        measure=_measure_continuum,
        assumptions=(FACTORIAL, SEVERAL, ALIGNED, ABSENT, BELOW),
        seconds=0.3,
    ),
    Claim(
        "abstract-invariants",
        "Without common mode (x2 = 0, d_Y >= 2) every optimum has K Y = b n Y and tr K = 2 b d_Y n.",
        "relucvx",
        "theorem (whitened); certified numerically (the solver's optimum, rotated ones and their mixtures)",
        draw=_draw_free,
        predict=_predict_invariants,
        measure=_measure_invariants,
        assumptions=(FACTORIAL, SEVERAL, ALIGNED, ABSENT, BELOW),
        seconds=0.8,
    ),
    Claim(
        "abstract-anti",
        "With x2 < 0 and d_Y >= 2 the abstract network is not optimal: the preactivation certificate refutes it, and "
        "the certified optimum is strictly below the formula.",
        "relucvx",
        "certified numerically (each refutation is a proof)",
        draw=_draw_negative,
        predict=lambda i: {"refuted": True, "below": True},
        measure=_measure_anti,
        assumptions=(FACTORIAL, SEVERAL, ALIGNED, NEGATIVE, BELOW),
        seconds=0.5,
    ),
)
