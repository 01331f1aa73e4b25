"""Claims about the convex reformulation: one value, one bound, one fit, enough width."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx._api.solving import certify
from relucvx._api.strengths import beta_max
from relucvx.arrangement import enumerate_patterns
from relucvx.network import TwoLayerReLU, prune
from relucvx.program import ConvexProgram, GatedRelaxation
from relucvx.program.objective import stationarity
from relucvx.program.posing import make_problem
from relucvx.theory.chapters.reference import optimum
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, at_most, close
from relucvx.theory.draws import (
    any_outputs,
    descended,
    regression,
    solved,
    value_of,
)

CONIC = 1e-6
"""Relative accuracy of values that a conic backend reports, with room for badly scaled draws."""

POSITIVE = Assumption("beta > 0", lambda i: i["beta"] > 0, lambda i, rng: {**i, "beta": 0.0})


def as_columns(Y: Any) -> Any:
    """Targets as a matrix (n, c)."""
    return np.asarray(Y).reshape(len(Y), -1)


def _one_output(instance: Instance) -> bool:
    return np.ndim(instance["Y"]) == 1 or np.shape(instance["Y"])[1] == 1


def _split_targets(instance: Instance, rng: np.random.Generator) -> Instance:
    return {**instance, "Y": np.column_stack([as_columns(instance["Y"]), rng.standard_normal(len(instance["Y"]))])}


ONE_OUTPUT = Assumption("one output", _one_output, _split_targets)


# ---------------------------------------------------------------------- equivalence
def conic_value(instance: Instance, gated: bool) -> float:
    """Value of the convex program over all patterns (or of its gated relaxation), by CLARABEL."""
    X, Y, beta = instance["X"], instance["Y"], instance["beta"]
    patterns = enumerate_patterns(X)
    if gated:
        form = GatedRelaxation(make_problem(X, Y, beta), patterns).to_cvxpy()
    else:
        form = ConvexProgram(X, Y, beta=beta, arrangement=patterns).to_cvxpy()
    form.problem.solve(solver="CLARABEL")
    return float(form.problem.value)


def _measure_equivalence(instance: Instance, predicted: Predicted) -> list[Deviation]:
    found = solved(instance)
    scale = max(predicted["value"], 1e-12)
    return [
        close("network's objective against the convex program", found.objective, predicted["value"], CONIC, scale),
        close("certified lower bound against it", found.certificate.lower, predicted["value"], CONIC, scale),
        at_most("certified gap", found.certificate.gap, 0.0, 1e-8, found.objective),
    ]


# ---------------------------------------------------------------------- lower bound
def _measure_bound(instance: Instance, predicted: Predicted) -> list[Deviation]:
    rng, found = np.random.default_rng(instance["seed"]), solved(instance)
    c, d = as_columns(instance["Y"]).shape[1], instance["X"].shape[1]
    networks = [found.inner, *descended(instance, 6, rng, starts=3)]
    # networks of no relation to the optimum, far narrower and far wider
    networks += [TwoLayerReLU(rng.standard_normal((m, d)), rng.standard_normal((m, c))) for m in (1, 4, 30)]
    # and near misses of it: a bound too high by a little would be crossed by these alone
    for size in (1e-2, 1e-5, 1e-9):
        noise = 1 + size * rng.standard_normal((found.network.width, 1))
        networks.append(TwoLayerReLU(found.network.weights_in * noise, found.network.weights_out))
    least = min(value_of(instance, net) for net in networks)
    return [at_most("bound above the best network", predicted["lower"], least, 1e-13, max(least, 1e-12))]


# ---------------------------------------------------------------------- beta_max
def _measure_beta_max(instance: Instance, predicted: Predicted) -> list[Deviation]:
    X, Y = instance["X"], instance["Y"]
    null, c = 0.5 * float((np.asarray(Y) ** 2).sum()), as_columns(Y).shape[1]
    zero = TwoLayerReLU.zero(X.shape[1], c, scalar_output=np.ndim(Y) == 1)
    above = certify(zero, X, Y, predicted["beta_max"] * (1 + 1e-6), time_limit=10.0)
    below = solved({**instance, "beta": predicted["beta_max"] * 0.9})
    # one neuron along the best direction w gains (beta_max - beta)²/(2 ||relu(Xw)||²) at least
    gain = (0.1 * predicted["beta_max"]) ** 2 / (2 * np.linalg.norm(X, 2) ** 2)
    return [
        at_most("gap of the zero network just above", above.gap, 0.0, 1e-6, null),
        at_most("optimum below beta_max above what one neuron gains", below.objective, null - gain, 1e-9, null),
    ]


# ---------------------------------------------------------------------- balance
def _draw_stationary(rng: np.random.Generator, size: int) -> Instance:
    """A network that gradient descent has brought to a stationary point."""
    for _ in range(20):
        instance = any_outputs(rng, size)
        net = descended(instance, 4, rng)[0]
        out = {**instance, "weights_in": np.array(net.weights_in), "weights_out": np.array(net.weights_out)}
        if _stationarity(out) <= STATIONARY:
            return out
    return out


STATIONARY = 1e-7
"""Relative gradient that counts as zero; norms then agree to its square root at worst."""


def stored_network(instance: Instance) -> TwoLayerReLU:
    """The network of an instance."""
    return TwoLayerReLU(instance["weights_in"], instance["weights_out"], scalar_output=np.ndim(instance["Y"]) == 1)


def _stationarity(instance: Instance) -> float:
    return stationarity(make_problem(instance["X"], instance["Y"], instance["beta"]), stored_network(instance))


def _unbalanced(instance: Instance, rng: np.random.Generator) -> Instance:
    s = np.exp(rng.uniform(0.5, 1.0, (len(instance["weights_in"]), 1)))
    return {**instance, "weights_in": instance["weights_in"] * s, "weights_out": instance["weights_out"] / s}


def _measure_balance(instance: Instance, predicted: Predicted) -> list[Deviation]:
    net = stored_network(instance)
    inner, outer = net.input_norms() ** 2, net.output_norms() ** 2
    scale = max(float((inner + outer).max()), 1e-12)
    return [close("||w_j||² against ||v_j||²", inner, predicted["ratio"] * outer, 1e-5, scale)]


# ---------------------------------------------------------------------- fit
def _measure_fit(instance: Instance, predicted: Predicted) -> list[Deviation]:
    rng, found = np.random.default_rng(instance["seed"]), solved(instance)
    # another start may end in other neurons, with the same fit
    other = solved(instance, rng=1 + int(instance["seed"]))
    networks = [other.inner, prune(found.inner, instance["X"]), *descended(instance, 8, rng, starts=2)]
    worst = 0.0
    for net in networks:
        # the loss is strongly convex in the fit: an excess of e allows a distance of sqrt(2 e)
        apart = float(np.linalg.norm(as_columns(net.predict(instance["X"])) - as_columns(predicted["fit"])))
        above = max(value_of(instance, net) - found.certificate.lower, 0.0)
        # the solution's own excess counts as well, for its fit stands for F*
        own = max(found.objective - found.certificate.lower, 0.0)
        floor = 1e-6 * float(np.linalg.norm(instance["Y"]))  # root of the rounding of an objective
        worst = max(worst, apart / (np.sqrt(2 * above) + np.sqrt(2 * own) + floor))
    return [Deviation("||F - F*|| over sqrt(2 (P - p*)), plus rounding", worst, 1.0 + 1e-9)]


# ---------------------------------------------------------------------- gated
def _predict_gated(instance: Instance) -> Predicted:
    """The group lasso with a free block per cell, from literal cells."""
    plain = {"loss": "squared", "bias": "none", "activation": "relu", "sample_weight": np.ones(len(instance["X"]))}
    return {"value": optimum({**instance, **plain}, cones=False)}


def _measure_gated(instance: Instance, predicted: Predicted) -> list[Deviation]:
    found = solved(instance)
    return [
        close(
            "gated value against free blocks",
            conic_value(instance, gated=True),
            predicted["value"],
            CONIC,
            found.objective,
        ),
        at_most("gated value above the optimum", predicted["value"], found.objective, CONIC, found.objective),
    ]


def seeded(draw: Any) -> Any:
    """Add a seed for what the check draws itself, so that a saved instance reproduces it."""
    return lambda rng, size: {**draw(rng, size), "seed": int(rng.integers(2**31))}


CLAIMS = (
    Claim(
        "equivalence-of-optima",
        "The network problem and the convex program over all patterns have one optimal value: the conic solver's, the "
        "recovered network's objective and the certified lower bound agree.",
        "pilanci-ergen-2020",
        "theorem (one output; several outputs need completely positive cones, which are within reach in a plane)",
        draw=regression,
        predict=lambda i: {"value": conic_value(i, gated=False)},
        measure=_measure_equivalence,
        assumptions=(ONE_OUTPUT, POSITIVE),
        seconds=0.2,
    ),
    Claim(
        "no-network-beats-bound",
        "No network of any width, trained, random or next to the optimum, has an objective below the certified bound.",
        "pilanci-ergen-2020",
        "theorem (weak duality)",
        draw=seeded(any_outputs),
        predict=lambda i: {"lower": solved(i).certificate.lower},
        measure=_measure_bound,
        assumptions=(POSITIVE,),
        seconds=0.3,
    ),
    Claim(
        "beta-max",
        "The zero network is optimal iff beta >= beta_max = max over ||w|| <= 1 of ||Y^T relu(X w)||.",
        "pilanci-ergen-2020",
        "theorem",
        draw=any_outputs,
        predict=lambda i: {"beta_max": beta_max(i["X"], i["Y"], time_limit=10.0)[1]},
        measure=_measure_beta_max,
        assumptions=(
            Assumption(
                "X and Y are not zero",
                lambda i: np.any(i["X"]) and np.any(i["Y"]),
                lambda i, rng: {**i, "X": np.zeros_like(i["X"])},
            ),
        ),
    ),
    Claim(
        "balance-at-stationary-points",
        "At every stationary point each neuron has ||w_j|| = ||v_j||.",
        "pilanci-ergen-2020",
        "theorem",
        draw=_draw_stationary,
        predict=lambda i: {"ratio": 1.0},
        measure=_measure_balance,
        assumptions=(Assumption("the network is stationary", lambda i: _stationarity(i) <= STATIONARY, _unbalanced),),
        seconds=0.3,
    ),
    Claim(
        "fit-unique",
        "All optima have one fit F* = X-outputs; any network obeys ||F - F*||² <= 2 (P - p*).",
        "mishkin-pilanci-2023",
        "theorem (squared loss, strongly convex in the fit)",
        draw=seeded(any_outputs),
        predict=lambda i: {"fit": solved(i).network.predict(i["X"])},
        measure=_measure_fit,
        assumptions=(POSITIVE,),
        seconds=0.3,
    ),
    Claim(
        "gated-relaxation",
        "Dropping the cone constraints gives the group lasso over all gates, a lower bound on the optimum.",
        "mishkin-2022",
        "theorem (over all patterns)",
        draw=regression,
        predict=_predict_gated,
        measure=_measure_gated,
        assumptions=(ONE_OUTPUT, POSITIVE),
        seconds=0.2,
    ),
)
