"""Claims about training problems of every loss, bias mode, activation and weight: optimum, bounds, objective, dual function."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from relucvx._api.solving import certify, solve
from relucvx.network import TwoLayerReLU
from relucvx.program.duality import dual_objective, residual
from relucvx.program.objective import balanced_objective, objective
from relucvx.program.posing import make_problem
from relucvx.program.problem import Problem
from relucvx.solution import Solution
from relucvx.theory.chapters.reference import (
    BIASES,
    LABELLED,
    LOSSES,
    best_constant,
    bias_of,
    draw,
    entry,
    gradient,
    loss_value,
    network_value,
    optimum,
)
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, at_most, close
from relucvx.theory.draws import SECONDS, in_time
from relucvx.types import Array, as_activation

CONIC = 1e-6
"""Relative accuracy of values that a conic backend reports."""

SINGLE = Assumption("one output", lambda i: np.ndim(i["Y"]) == 1)
SOME_DECAY = Assumption("beta > 0", lambda i: i["beta"] > 0)
POSITIVE = Assumption("beta > 0", lambda i: i["beta"] > 0, lambda i, rng: {**i, "beta": 0.0})


def posed(instance: Instance, **changes: Any) -> dict[str, Any]:
    """The options of a problem, as the front doors take them."""
    names = ("loss", "bias", "activation")
    return {**{k: str(instance[k]) for k in names}, "sample_weight": instance["sample_weight"], **changes}


def stated_problem(instance: Instance) -> Problem:
    """The problem of an instance."""
    return make_problem(instance["X"], instance["Y"], float(instance["beta"]), **posed(instance))


def optimal(instance: Instance, tol: float = 1e-9) -> Solution:
    """Certified optimum of an instance."""
    return in_time(
        solve(instance["X"], instance["Y"], float(instance["beta"]), **posed(instance), tol=tol, time_limit=SECONDS)
    )


def parts(network: TwoLayerReLU) -> tuple[Array, Array, Array, Array]:
    """Weights and biases, zero where a network has none."""
    b = np.zeros(network.width) if network.bias_in is None else network.bias_in
    c = np.zeros(network.n_outputs) if network.bias_out is None else network.bias_out
    return network.weights_in, b, network.weights_out, c


def literal(instance: Instance, network: TwoLayerReLU) -> float:
    """Objective of a network, written out."""
    return network_value(instance, *parts(network))


def random_network(instance: Instance, rng: np.random.Generator, width: int) -> TwoLayerReLU:
    """A network with the biases that the problem has."""
    bias, Y = bias_of(instance), np.asarray(instance["Y"])
    d, c = instance["X"].shape[1], 1 if Y.ndim == 1 else Y.shape[1]
    return TwoLayerReLU(
        rng.standard_normal((width, d)), rng.standard_normal((width, c)),
        rng.standard_normal(width) if bias.has_hidden else None,
        rng.standard_normal(c) if bias.has_output else None,
        as_activation(str(instance["activation"])), Y.ndim == 1,
    )  # fmt: skip


def near(network: TwoLayerReLU, size: float, rng: np.random.Generator) -> TwoLayerReLU:
    """A network with every weight and bias moved by a factor."""
    W, b, V, c = (a * (1 + size * rng.standard_normal(a.shape)) for a in parts(network))
    has = (network.bias_in is not None, network.bias_out is not None)
    return TwoLayerReLU(W, V, b if has[0] else None, c if has[1] else None, network.activation, network.scalar_output)


# ---------------------------------------------------------------------- the optimum, against an independent program
def _draw(loss: str, rng: np.random.Generator, size: int) -> Instance:
    return draw(rng, loss, BIASES[size - 1], size)


def _measure_optimum(instance: Instance, predicted: Predicted) -> list[Deviation]:
    rng, found = np.random.default_rng(int(instance["seed"])), optimal(instance)
    value, lower = predicted["value"], found.certificate.lower
    # rivals at every distance, and networks of no relation to the solution
    networks = [found.inner, *(near(found.inner, 10.0**-k, rng) for k in (1, 2, 4, 8))]
    networks += [random_network(instance, rng, m) for m in (1, 3, 20)]
    others = [literal(instance, net) for net in networks]
    ask = functools.partial(certify, networks[1], instance["X"], instance["Y"], float(instance["beta"]))
    own, problem = _own_dual(instance, networks[1]), stated_problem(instance)
    # poor rivals with poor dual points: a bound must hold for any of them, tight or not
    poor = ask(dual=own, **_quickly(instance))
    pull = residual(problem, np.asarray(networks[1].predict(instance["X"])).reshape(problem.Y.shape))
    # off the optimal dual point, too, where a bound that trusted optimality would cross the optimum
    mixed = found.dual + 0.3 * np.abs(found.dual).max() * rng.standard_normal(found.dual.shape)
    guess = ask(dual=mixed, **_quickly(instance))
    return [
        close("the solution's objective, as it says", found.objective, others[0], 1e-10),
        close("minus the gradient of the loss", pull, own, 1e-5, 1.0 + float(np.linalg.norm(own))),
        close("the solution's objective against the program", found.objective, value, CONIC, value),
        close("certified lower bound against the program", lower, value, CONIC, value),
        # 1e-12: nothing but rounding may put the bound above a network that exists
        at_most("bound above the best network", lower, min(others), 1e-12, value),
        close("upper bound of another network", poor.upper, others[1], 1e-10),
        at_most("its lower bound above the program", poor.lower, value, CONIC, value),
        at_most("bound of another dual point above the program", guess.lower, value, CONIC, value),
    ]


def _own_dual(instance: Instance, network: TwoLayerReLU) -> Array:
    """Minus the gradient of the loss at a network's fit."""
    Y = np.asarray(instance["Y"], dtype=float).reshape(len(instance["X"]), -1)
    F = np.asarray(network.predict(instance["X"])).reshape(Y.shape)
    return -gradient(str(instance["loss"]), F, Y, instance["sample_weight"])


def _quickly(instance: Instance) -> dict[str, Any]:
    """Options of a bound that need not be tight, only valid."""
    return {**posed(instance), "time_limit": 0.2, "tol": 1e-2}


# ---------------------------------------------------------------------- objective
def _draw_network(rng: np.random.Generator, size: int) -> Instance:
    instance = draw(rng, str(rng.choice(LOSSES)), BIASES[int(rng.integers(4))], size)
    return {**instance, "width": 1 + int(rng.integers(0, 2 * size))}


def _predict_objective(instance: Instance) -> Predicted:
    """The objective, its least value under rescaling of neurons, and the loss's gradient, written out."""
    net = random_network(instance, np.random.default_rng(int(instance["seed"])), int(instance["width"]))
    W, b, V, c = parts(net)
    lead = np.column_stack([W, b]) if bias_of(instance).decays_hidden else W
    # rescaling a neuron is free in the fit; its penalty is least where both halves have the same norm
    scale = np.sqrt(np.linalg.norm(V, axis=1) / np.linalg.norm(lead, axis=1))
    Y = np.asarray(instance["Y"], dtype=float).reshape(len(instance["X"]), -1)
    F = np.asarray(net.predict(instance["X"])).reshape(Y.shape)
    return {
        "objective": network_value(instance, W, b, V, c),
        "balanced": network_value(instance, W * scale[:, None], b * scale, V / scale[:, None], c),
        "pull": -gradient(str(instance["loss"]), F, Y, instance["sample_weight"]),
    }


def _measure_objective(instance: Instance, predicted: Predicted) -> list[Deviation]:
    net = random_network(instance, np.random.default_rng(int(instance["seed"])), int(instance["width"]))
    problem = stated_problem(instance)
    F = np.asarray(net.predict(instance["X"])).reshape(problem.Y.shape)
    size = 1.0 + float(np.abs(predicted["pull"]).max())
    return [
        close("objective", objective(problem, net), predicted["objective"], 1e-11),
        close("objective of the balanced network", balanced_objective(problem, net), predicted["balanced"], 1e-11),
        close("minus the gradient of the loss", residual(problem, F), predicted["pull"], 1e-6, size * F.size),
    ]


# ---------------------------------------------------------------------- dual function
def _draw_dual(rng: np.random.Generator, size: int) -> Instance:
    n = 1 + size
    return {
        "X": rng.standard_normal((n, 2)),
        "F": 1.5 * rng.standard_normal((n, 3)),
        "Y": 1.5 * rng.standard_normal((n, 3)),
        "sample_weight": rng.uniform(0.3, 3.0, n),
        "beta": float(rng.uniform(0.2, 2.0)),
    }


def _targets(loss: str, Y: Array) -> Array:
    if loss == "cross_entropy":
        return np.eye(3)[np.argmax(Y, axis=1)]
    return np.where(Y > 0, 1.0, -1.0) if loss in LABELLED else Y


def _slope(loss: str, f: float, y: float) -> float:
    """Derivative of a summand, by differences; between its two sides at a kink."""
    return (entry(loss, f + 1e-6, y) - entry(loss, f - 1e-6, y)) / 2e-6


def _dual_point(instance: Instance, loss: str) -> Array:
    """Minus the weighted gradient at the fit F, halved where a loss is flat or straight, so that it is inside the domain."""
    F, w = np.asarray(instance["F"]), np.asarray(instance["sample_weight"])
    Y = _targets(loss, instance["Y"])
    if loss == "cross_entropy":
        share = np.exp(F - F.max(axis=1, keepdims=True))
        return np.asarray(w[:, None] * (Y - share / share.sum(axis=1, keepdims=True)))
    slopes = [[_slope(loss, float(f), float(y)) for f, y in zip(*pair, strict=True)] for pair in zip(F, Y, strict=True)]
    return np.asarray(-0.7 * w[:, None] * np.array(slopes))


def _least(loss: str, t: float, y: float, w: float) -> float:
    """min over f of w h(f, y) + t f, by golden section on the convex function."""
    # minimisers of these losses at such slopes lie well inside
    low, high, ratio = -60.0, 60.0, (5**0.5 - 1) / 2

    def at(f: float) -> float:
        return w * entry(loss, f, y) + t * f

    a, b = high - ratio * (high - low), low + ratio * (high - low)
    at_a, at_b = at(a), at(b)
    # 0.618^90 is below rounding: the search ends on one point
    for _ in range(90):
        if at_a <= at_b:
            high, b, at_b = b, a, at_a
            a = high - ratio * (high - low)
            at_a = at(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + ratio * (high - low)
            at_b = at(b)
    return min(at_a, at_b)


def _predict_dual(instance: Instance) -> Predicted:
    """min over F of loss(F) + <N, F> for every loss, and with an output bias under decay."""
    w, beta, found = instance["sample_weight"], float(instance["beta"]), {}
    for loss in LOSSES:
        N, Y = _dual_point(instance, loss), _targets(loss, instance["Y"])
        if loss == "cross_entropy":  # convex, and F is where its gradient is -N
            value = loss_value(loss, instance["F"], Y, w) + float((N * instance["F"]).sum())
        else:
            value = sum(_least(loss, float(N[i, k]), float(Y[i, k]), float(w[i])) for i, k in np.ndindex(*N.shape))
        found[loss] = value
        # min over c of beta/2 |c|² + <Σ_i N_i, c>: the output bias has its own part of the dual function
        found[f"{loss}, output bias"] = value - float((N.sum(axis=0) ** 2).sum()) / (2 * beta)
    return found


def _measure_dual(instance: Instance, predicted: Predicted) -> list[Deviation]:
    out = []
    for loss in LOSSES:
        N, Y = _dual_point(instance, loss), _targets(loss, instance["Y"])
        # hidden biases have no part in the dual function, so that "hidden" stands for no output bias at all
        for name, bias in ((loss, "hidden"), (f"{loss}, output bias", "all")):
            problem = make_problem(
                instance["X"], Y, float(instance["beta"]), loss, bias, sample_weight=instance["sample_weight"]
            )
            size = 1.0 + abs(predicted[name])
            out.append(close(f"dual function, {name}", dual_objective(problem, N), predicted[name], 1e-8, size))
    return out


# ---------------------------------------------------------------------- networks without neurons
def _measure_null(instance: Instance, predicted: Predicted) -> list[Deviation]:
    problem = stated_problem(instance)
    return [
        close("value of the best constant", problem.null_value(), predicted["value"], 1e-8, 1.0 + predicted["value"])
    ]


def _predict_null(instance: Instance) -> Predicted:
    Y = np.asarray(instance["Y"], dtype=float).reshape(len(instance["X"]), -1)
    b = best_constant(instance) if bias_of(instance).has_output else np.zeros(Y.shape[1])
    decay = float(instance["beta"]) / 2 * float(b @ b) if bias_of(instance).decays_output else 0.0
    return {"value": loss_value(str(instance["loss"]), np.tile(b, (len(Y), 1)), Y, instance["sample_weight"]) + decay}


# ---------------------------------------------------------------------- weights
def _draw_copies(rng: np.random.Generator, size: int) -> Instance:
    instance = draw(rng, LOSSES[int(rng.integers(len(LOSSES)))], BIASES[size - 1], 1)
    return {**instance, "sample_weight": rng.integers(1, 4, len(instance["X"])).astype(float)}


def _copied(instance: Instance) -> Instance:
    """The same problem with every row repeated as often as its weight says."""
    rows = np.repeat(np.arange(len(instance["X"])), np.asarray(instance["sample_weight"]).astype(int))
    return {**instance, "X": instance["X"][rows], "Y": instance["Y"][rows], "sample_weight": np.ones(len(rows))}


def _measure_copies(instance: Instance, predicted: Predicted) -> list[Deviation]:
    found = optimal(instance)
    value = predicted["value"]
    return [
        close("optimum of the weighted rows against the repeated ones", found.objective, value, 1e-7, value),
        close("their lower bounds", found.certificate.lower, value, 1e-7, value),
    ]


COUNTED = Assumption(
    "weights are whole numbers",
    lambda i: bool((np.asarray(i["sample_weight"]) % 1 == 0).all() and np.min(i["sample_weight"]) >= 1),
    lambda i, rng: {**i, "sample_weight": i["sample_weight"] + 0.5},
)


def _optimum_claim(loss: str) -> Claim:
    words = loss.replace("_", "-")
    return Claim(
        f"optimum-{words}",
        f"The {words} loss with every bias mode, piecewise linear activation and sample weight: the optimum is that of the "
        "convex program over all cells, the lower bound reaches it, and no network and no dual point crosses it.",
        "pilanci-ergen-2020",
        "theorem (an independent program, solved to 1e-6)",
        draw=functools.partial(_draw, loss),
        predict=lambda i: {"value": optimum(i)},
        measure=_measure_optimum,
        assumptions=(POSITIVE,),
        seconds=0.4,
    )


CLAIMS = (
    *(_optimum_claim(loss) for loss in LOSSES),
    Claim(
        "dual-function",
        "For every loss -loss*(-N) = min over F of loss(F) + <N, F>, and an output bias under decay subtracts ||N^T 1||²/"
        "(2 beta).",
        "ergen-pilanci-2021",
        "theorem",
        draw=_draw_dual,
        predict=_predict_dual,
        measure=_measure_dual,
        assumptions=(SOME_DECAY,),
        seconds=0.05,
    ),
    Claim(
        "network-objective",
        "The objective is loss + beta/2 (squares of weights and decayed biases), its least value under rescaling is loss + "
        "beta Σ ||w_j|| ||v_j||, and the natural dual point is minus the loss's gradient.",
        "pilanci-ergen-2020",
        "theorem (definitions)",
        draw=_draw_network,
        predict=_predict_objective,
        measure=_measure_objective,
        assumptions=(POSITIVE,),
        seconds=0.01,
    ),
    Claim(
        "null-network",
        "Without neurons the best network is the constant that minimises the loss, plus beta/2 b² where b is decayed.",
        "relucvx",
        "theorem",
        draw=_draw_network,
        predict=_predict_null,
        measure=_measure_null,
        assumptions=(POSITIVE,),
        seconds=0.02,
    ),
    Claim(
        "weights-are-copies",
        "A row of weight k counts as k copies of it, for every loss and bias mode: one optimal value.",
        "relucvx",
        "theorem",
        draw=_draw_copies,
        predict=lambda i: {"value": optimal(_copied(i)).objective},
        measure=_measure_copies,
        assumptions=(POSITIVE, COUNTED),
        seconds=0.6,
    ),
)
