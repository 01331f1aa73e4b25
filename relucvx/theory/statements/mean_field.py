"""Claims about the mean-field energy of preactivations: first-order conditions, convexity, smooth activations."""

from __future__ import annotations

import numpy as np

from relucvx.datasets import factorial
from relucvx.kernel import energy, first_variation, minimize_energy, preactivation_certificate, representation_kernel
from relucvx.metrics import parallelism_score
from relucvx.network import resolve_activation
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, at_most, close
from relucvx.theory.draws import any_outputs, solved
from relucvx.theory.statements.abstraction import FACTORIAL, common_mode

ABSTRACT = 0.99
"""Parallelism score from which a representation counts as abstract."""

NOT_ABSTRACT = 0.9
"""Parallelism score up to which it does not; 0.84 is the largest sampled (softplus, strong decay)."""

RISING = ("tanh", "erf", "sigmoid")
"""Bounded smooth activations."""

RECTIFYING = ("softplus", "gelu", "silu", "relu_squared")
"""Smooth activations with one silent side."""


# ---------------------------------------------------------------------- first-order conditions and convexity
def _draw_general(rng: np.random.Generator, size: int) -> Instance:
    return {**any_outputs(rng, size), "seed": int(rng.integers(2**31))}


def _predict_kkt(instance: Instance) -> Predicted:
    found = solved(instance)
    return {"energy": 2 * found.objective / instance["beta"], "at_neurons": 0.0, "ratio": 1.0}


def _measure_kkt(instance: Instance, predicted: Predicted) -> list[Deviation]:
    X, beta, rng = instance["X"], instance["beta"], np.random.default_rng(instance["seed"])
    Y = np.asarray(instance["Y"]).reshape(len(X), -1)
    net = solved(instance).network
    K_X, K_Y, H = X @ X.T, Y @ Y.T, X @ net.weights_in.T
    K = np.asarray(representation_kernel(net, X))
    # output weights of an optimum are those of ridge regression: the residual over beta is (beta I + K)^-1 Y
    R = (Y - np.asarray(net.predict(X)).reshape(Y.shape)) / beta
    inverse = np.linalg.inv(beta * np.eye(len(X)) + K)
    cost = float((net.weights_in**2).sum(axis=1).max())
    W = rng.standard_normal((X.shape[1], 200))
    elsewhere = first_variation(X @ (W / np.linalg.norm(W, axis=0)), K_X, K_Y, beta, K)
    at = np.abs(first_variation(H, K_X, K_Y, beta, K)).max()
    ratio = preactivation_certificate(K_X, K_Y, beta, K, n_starts=8).ratio
    return [
        close("energy against (2/beta) objective", energy(K_X, K_Y, beta, H), predicted["energy"], 1e-8),
        close("M against R R^T/beta²", inverse @ K_Y @ inverse, R @ R.T, KKT),
        close("E(h) at the neurons", at, predicted["at_neurons"], KKT, cost),
        at_most("-E(h) at random h of unit cost", predicted["at_neurons"] - float(elsewhere.min()), 0.0, KKT),
        at_most("largest ratio phi(h)^T M phi(h)/(h^T K_X^+ h)", ratio, predicted["ratio"], KKT),
    ]


KKT = 1e-3
"""A relative gap of 1e-9 fixes residual and kernel to its square root, 3e-5 of their size; conditions amplify that a little."""


def _draw_measures(rng: np.random.Generator, size: int) -> Instance:
    n, m = 2 + size, 2 + int(rng.integers(0, 2 * size))
    X, Y = rng.standard_normal((n, n)), rng.standard_normal((n, 1 + int(rng.integers(0, 3))))
    out = {f"W_{k}": rng.standard_normal((n, m)) * np.exp(rng.uniform(-2.0, 1.0)) for k in (0, 1)}
    slopes = str(rng.choice(["relu", "abs", "linear"]))
    return {**out, "X": X, "Y": Y, "beta": float(np.exp(rng.uniform(-4.0, 1.0))), "activation": slopes}


def _measure_convex(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """Chords and tangents along the segment; sqrt(t) h has mass t for positively homogeneous activations."""
    X, Y, beta, phi = instance["X"], instance["Y"], instance["beta"], instance["activation"]
    K_X, K_Y, ends = X @ X.T, Y @ Y.T, (X @ instance["W_0"], X @ instance["W_1"])

    def at(t: float) -> float:
        # first and last measure are stacked, not averaged neuron by neuron: the energy is convex in measures
        return energy(K_X, K_Y, beta, np.hstack([np.sqrt(1 - t) * ends[0], np.sqrt(t) * ends[1]]), phi)

    first, last = at(0.0), at(1.0)
    above = max(at(t) - (1 - t) * first - t * last for t in np.linspace(0.1, 0.9, 9))
    hidden = resolve_activation(phi)(ends[0])
    # summed over its neurons the first variation is the derivative by the mass of that end
    slopes = [first_variation(H, K_X, K_Y, beta, hidden @ hidden.T, phi).sum() for H in ends]
    tangent = first + float(slopes[1] - slopes[0])
    return [
        at_most("E above its chord", above, predicted["excess"], 1e-10, first + last),
        at_most("E below its tangent", tangent - last, predicted["excess"], 1e-9, first + last + abs(tangent)),
    ]


# ---------------------------------------------------------------------- smooth activations
def _draw_smooth(rng: np.random.Generator, size: int) -> Instance:
    repeats, x0, x1 = 1 + (size > 2), float(rng.uniform(0.5, 2.0)), float(rng.uniform(0.0, 0.5))
    activation = str(rng.choice(RISING + RECTIFYING))
    x2 = float(rng.uniform(0.05, 1.0)) * float(activation in RISING and rng.random() < 0.5)
    data = factorial(2, repeats, x0=x0, x1=x1 * float(rng.random() < 0.5), x2=x2, rng=rng)
    beta = float(np.exp(rng.uniform(np.log(0.02), np.log(0.5))))
    return {"X": data.X, "Y": data.Y, "beta": beta, "activation": activation, "seed": int(rng.integers(2**31))}


def _measure_smooth(instance: Instance, predicted: Predicted) -> list[Deviation]:
    found = minimize_energy(
        instance["X"] @ instance["X"].T, instance["Y"], instance["beta"], instance["activation"],
        width=10, rng=instance["seed"], n_starts=4, max_steps=800,
    )  # fmt: skip
    score = float(parallelism_score(kernel=found.kernel, factors=instance["Y"]).mean)
    if predicted["abstract"]:
        return [at_most("parallelism below 1", 1.0 - score, 0.0, 1.0 - ABSTRACT)]
    return [at_most("parallelism", score, 0.0, NOT_ABSTRACT)]


def _silent_with_common_mode(instance: Instance, rng: np.random.Generator) -> Instance:
    data = factorial(2, 1, x2=0.8, rng=rng)
    return {**instance, "X": data.X, "Y": data.Y, "activation": "relu_squared"}


KNOWN = Assumption("one of the sampled activations", lambda i: i["activation"] in RISING + RECTIFYING)
WEAK = Assumption("0.02 <= beta <= 0.5", lambda i: 0.02 <= i["beta"] <= 0.5)
PAIR = Assumption("two variables", lambda i: np.asarray(i["Y"]).shape[1] == 2)
CENTRED = Assumption(
    "x2 = 0, or x2 > 0 with a bounded activation",
    lambda i: common_mode(i) == 0 or (i["activation"] in RISING and common_mode(i) > 0),
    _silent_with_common_mode,
)


# ---------------------------------------------------------------------- the claims
CLAIMS = (
    Claim(
        "preactivation-kkt",
        "At an optimum E(h) = h^T K_X^+ h - phi(h)^T M phi(h) is 0 at the neurons and >= 0 elsewhere, M = R R^T/beta², "
        "and the mean-field energy is (2/beta) times the objective.",
        "wang-fusi-johnston-2025, relucvx",
        "theorem; that E(h) >= 0 is searched for violations, not proved, in each trial",
        draw=_draw_general,
        predict=_predict_kkt,
        measure=_measure_kkt,
        assumptions=(Assumption("beta > 0", lambda i: i["beta"] > 0),),
        seconds=0.4,
    ),
    Claim(
        "energy-convex",
        "The mean-field energy is convex along segments of measures over preactivations: below its chords, above its "
        "tangents.",
        "wang-fusi-johnston-2025, relucvx",
        "theorem",
        draw=_draw_measures,
        predict=lambda i: {"excess": 0.0},
        measure=_measure_convex,
        assumptions=(
            Assumption("positively homogeneous activation", lambda i: i["activation"] in ("relu", "abs", "linear")),
            Assumption("beta > 0", lambda i: i["beta"] > 0),
        ),
        seconds=0.02,
    ),
    Claim(
        "abstract-smooth",
        "For two ±1 variables the lowest energy found has parallelism >= 0.99 with tanh, erf and sigmoid, whatever "
        "x2 >= 0, but at most 0.9 with softplus, gelu, silu and relu_squared at x2 = 0: smoothness alone does not abstract.",
        "relucvx",
        "heuristic (sampled evidence: best of 4 descents of 10 neurons, beta 0.02 to 0.5, x0 0.5 to 2, x2 0 to 1)",
        draw=_draw_smooth,
        predict=lambda i: {"abstract": i["activation"] in RISING},
        measure=_measure_smooth,
        assumptions=(FACTORIAL, PAIR, KNOWN, WEAK, CENTRED),
        seconds=0.4,
    ),
)
