"""Claims about the convex reformulation: one value, one bound, one fit, enough width."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx._api import beta_max, certify
from relucvx.arrangement import enumerate_patterns
from relucvx.network import TwoLayerReLU, prune
from relucvx.program import ConvexProgram, GatedRelaxation
from relucvx.program.objective import stationarity
from relucvx.program.problem import make_problem
from relucvx.theory.claim import Assumption, Claim, Deviation, Instance, Predicted, at_most, close
from relucvx.theory.draws import any_outputs, blend, descended, regression, solved, value_of

CONIC = 1e-6
"""Relative accuracy of values that a conic backend reports, with room for badly scaled draws."""

WIDTH = 30
"""Neurons of the networks of sampled evidence on training."""

PATH = 9
"""Points on each path between networks."""

POSITIVE = Assumption("beta > 0", lambda i: i["beta"] > 0, lambda i, rng: {**i, "beta": 0.0})


def _as_matrix(Y: Any) -> Any:
    return np.asarray(Y).reshape(len(Y), -1)


def _one_output(instance: Instance) -> bool:
    return np.ndim(instance["Y"]) == 1 or np.shape(instance["Y"])[1] == 1


def _split_targets(instance: Instance, rng: np.random.Generator) -> Instance:
    return {**instance, "Y": np.column_stack([_as_matrix(instance["Y"]), rng.standard_normal(len(instance["Y"]))])}


ONE_OUTPUT = Assumption("one output", _one_output, _split_targets)


# ---------------------------------------------------------------------- equivalence
def _conic(instance: Instance, gated: bool) -> float:
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
    c, d = _as_matrix(instance["Y"]).shape[1], instance["X"].shape[1]
    networks = [found.network, *descended(instance, 6, rng, starts=3)]
    networks += [TwoLayerReLU(rng.standard_normal((m, d)), rng.standard_normal((m, c))) for m in (1, 4, 30)]
    for size in (1e-2, 1e-5, 1e-9):
        noise = 1 + size * rng.standard_normal((found.network.width, 1))
        networks.append(TwoLayerReLU(found.network.weights_in * noise, found.network.weights_out))
    least = min(value_of(instance, net) for net in networks)
    return [at_most("bound above the best network", predicted["lower"], least, 1e-13, max(least, 1e-12))]


# ---------------------------------------------------------------------- beta_max
def _measure_beta_max(instance: Instance, predicted: Predicted) -> list[Deviation]:
    X, Y = instance["X"], instance["Y"]
    null, c = 0.5 * float((np.asarray(Y) ** 2).sum()), _as_matrix(Y).shape[1]
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


def _network(instance: Instance) -> TwoLayerReLU:
    return TwoLayerReLU(instance["weights_in"], instance["weights_out"], scalar_output=np.ndim(instance["Y"]) == 1)


def _stationarity(instance: Instance) -> float:
    return stationarity(make_problem(instance["X"], instance["Y"], instance["beta"]), _network(instance))


def _unbalanced(instance: Instance, rng: np.random.Generator) -> Instance:
    s = np.exp(rng.uniform(0.5, 1.0, (len(instance["weights_in"]), 1)))
    return {**instance, "weights_in": instance["weights_in"] * s, "weights_out": instance["weights_out"] / s}


def _measure_balance(instance: Instance, predicted: Predicted) -> list[Deviation]:
    net = _network(instance)
    inner, outer = net.input_norms() ** 2, net.output_norms() ** 2
    scale = max(float((inner + outer).max()), 1e-12)
    return [close("||w_j||² against ||v_j||²", inner, predicted["ratio"] * outer, 1e-5, scale)]


# ---------------------------------------------------------------------- width
def _predict_width(instance: Instance) -> Predicted:
    found = solved(instance)
    return {"value": found.objective, "width": _as_matrix(instance["Y"]).size}


def _measure_width(instance: Instance, predicted: Predicted) -> list[Deviation]:
    rng, found = np.random.default_rng(instance["seed"]), solved(instance)
    small = prune(found.network, instance["X"])
    scale = max(predicted["value"], 1e-12)
    padded = blend(small, descended(instance, 3, rng)[0], 0.0)
    split = blend(small, small, 0.3)
    narrower = [net for m in range(1, small.width) for net in descended(instance, m, rng, starts=2)]
    least = min((value_of(instance, net) for net in narrower), default=float("inf"))
    return [
        at_most("smallest width found over n c", small.width, predicted["width"], 0.5),
        close("objective at that width", value_of(instance, small), predicted["value"], 1e-8, scale),
        close("objective with idle neurons", value_of(instance, padded), predicted["value"], 1e-8, scale),
        close("objective with split neurons", value_of(instance, split), predicted["value"], 1e-8, scale),
        at_most("a narrower network below the optimum", predicted["value"], least, 1e-9, scale),
    ]


# ---------------------------------------------------------------------- fit
def _measure_fit(instance: Instance, predicted: Predicted) -> list[Deviation]:
    rng, found = np.random.default_rng(instance["seed"]), solved(instance)
    other = solved(instance, rng=1 + int(instance["seed"]))
    networks = [other.network, prune(found.network, instance["X"]), *descended(instance, 8, rng, starts=2)]
    worst = 0.0
    for net in networks:
        apart = float(np.linalg.norm(_as_matrix(net.predict(instance["X"])) - _as_matrix(predicted["fit"])))
        above = max(value_of(instance, net) - found.certificate.lower, 0.0)
        own = max(found.objective - found.certificate.lower, 0.0)
        floor = 1e-6 * float(np.linalg.norm(instance["Y"]))  # root of the rounding of an objective
        worst = max(worst, apart / (np.sqrt(2 * above) + np.sqrt(2 * own) + floor))
    return [Deviation("||F - F*|| over sqrt(2 (P - p*)), plus rounding", worst, 1.0 + 1e-9)]


# ---------------------------------------------------------------------- landscape
def _draw_wide(rng: np.random.Generator, size: int) -> Instance:
    instance = any_outputs(rng, size)
    d, c = instance["X"].shape[1], _as_matrix(instance["Y"]).shape[1]
    m = 2 * _as_matrix(instance["Y"]).size
    trained = descended(instance, m, rng, max_steps=int(rng.choice([3, 30, 300])))[0]
    start = trained if rng.random() < 0.7 else TwoLayerReLU(rng.standard_normal((m, d)), rng.standard_normal((m, c)))
    return {**instance, "weights_in": np.array(start.weights_in), "weights_out": np.array(start.weights_out)}


def _narrow(instance: Instance, rng: np.random.Generator) -> Instance:
    return {**instance, "weights_in": instance["weights_in"][:1], "weights_out": instance["weights_out"][:1]}


WIDE = Assumption(
    "width at least 2 n c", lambda i: len(i["weights_in"]) >= 2 * np.size(i["Y"]), _narrow
)  # fmt: skip


def _measure_valleys(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """Prune (never uphill), then blend into the optimum as measures: a path inside the given width."""
    start, goal = prune(_network(instance), instance["X"]), prune(solved(instance).network, instance["X"])
    values = [value_of(instance, _network(instance))]
    values += [value_of(instance, blend(start, goal, t)) for t in np.linspace(0.0, 1.0, PATH)]
    scale = max(values[0], 1e-12)
    return [
        at_most("largest rise along the path", float(np.diff(values).max()), predicted["rise"], 1e-9, scale),
        at_most("neurons on the path", start.width + goal.width, len(instance["weights_in"]), 0.5),
        close("end of the path", values[-1], solved(instance).objective, 1e-8, max(values[-1], 1e-12)),
    ]


def _measure_connected(instance: Instance, predicted: Predicted) -> list[Deviation]:
    first = solved(instance).network
    second = prune(solved(instance, rng=1 + int(instance["seed"])).network, instance["X"])
    optimum = solved(instance).certificate.lower
    values = np.array([value_of(instance, blend(first, second, t)) for t in np.linspace(0.0, 1.0, PATH)])
    scale = max(optimum, 1e-12)
    return [
        close("objective along the path", values, np.full(PATH, predicted["level"]), 1e-7, scale * np.sqrt(PATH)),
        at_most("certified excess along the path", float(values.max()), optimum, 1e-7, scale),
    ]


def _measure_reached(instance: Instance, predicted: Predicted) -> list[Deviation]:
    rng = np.random.default_rng(instance["seed"])
    best = min(value_of(instance, net) for net in descended(instance, WIDTH, rng, starts=6, max_steps=1000))
    scale = max(predicted["value"], 1e-12)
    return [
        at_most("best of 6 wide networks above the optimum", best, predicted["value"], 1e-2, scale),
        at_most("best of 6 wide networks below the optimum", predicted["value"], best, 1e-8, scale),
    ]


# ---------------------------------------------------------------------- gated
def _measure_gated(instance: Instance, predicted: Predicted) -> list[Deviation]:
    found = solved(instance)
    return [at_most("gated value above the optimum", predicted["value"], found.objective, CONIC, found.objective)]


def _seeded(draw: Any) -> Any:
    """Add a seed for what the check draws itself, so that a saved instance reproduces it."""
    return lambda rng, size: {**draw(rng, size), "seed": int(rng.integers(2**31))}


CLAIMS = (
    Claim(
        "equivalence-of-optima",
        "The network problem and the convex program over all patterns have one optimal value: the conic solver's, the "
        "recovered network's objective and the certified lower bound agree.",
        "pilanci-ergen-2020",
        "theorem (one output; the conic program in several outputs needs completely positive cones)",
        draw=regression,
        predict=lambda i: {"value": _conic(i, gated=False)},
        measure=_measure_equivalence,
        assumptions=(ONE_OUTPUT, POSITIVE),
        seconds=0.2,
    ),
    Claim(
        "no-network-beats-bound",
        "No network of any width, trained, random or next to the optimum, has an objective below the certified bound.",
        "pilanci-ergen-2020",
        "theorem (weak duality)",
        draw=_seeded(any_outputs),
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
        "width",
        "The best value does not increase with the width and is constant from some m* <= n c on; no narrower network "
        "is better.",
        "pilanci-ergen-2020",
        "theorem; that narrower networks are not better is sampled evidence",
        draw=_seeded(any_outputs),
        predict=_predict_width,
        measure=_measure_width,
        assumptions=(POSITIVE,),
        seconds=0.5,
    ),
    Claim(
        "fit-unique",
        "All optima have one fit F* = X-outputs; any network obeys ||F - F*||² <= 2 (P - p*).",
        "mishkin-pilanci-2023",
        "theorem (squared loss, strongly convex in the fit)",
        draw=_seeded(any_outputs),
        predict=lambda i: {"fit": solved(i).network.predict(i["X"])},
        measure=_measure_fit,
        assumptions=(POSITIVE,),
        seconds=0.3,
    ),
    Claim(
        "no-spurious-valleys",
        "From any network of width at least 2 n c a path of that width leads to a global optimum without going uphill, "
        "so every strict local minimum is global.",
        "wang-2022",
        "theorem (explicit path: pruning, then blending as measures)",
        draw=_draw_wide,
        predict=lambda i: {"rise": 0.0},
        measure=_measure_valleys,
        assumptions=(WIDE,),
        seconds=0.3,
    ),
    Claim(
        "connected-optima",
        "In wide enough networks any two optima are joined by a path of optima.",
        "wang-2022",
        "theorem (explicit path)",
        draw=_seeded(any_outputs),
        predict=lambda i: {"level": solved(i).objective},
        measure=_measure_connected,
        assumptions=(POSITIVE,),
        seconds=0.3,
    ),
    Claim(
        "wide-training-reaches-optimum",
        "Of six networks of 30 neurons trained from random weights the best comes within 1 % of the global optimum, "
        "and none goes below it.",
        "relucvx",
        "sampled evidence (n <= 7, beta from 5 % of beta_max)",
        draw=_seeded(any_outputs),
        predict=lambda i: {"value": solved(i).certificate.lower},
        measure=_measure_reached,
        assumptions=(POSITIVE,),
        seconds=1.0,
    ),
    Claim(
        "gated-relaxation",
        "Dropping the cone constraints gives a lower bound on the optimum.",
        "mishkin-2022",
        "theorem (over all patterns)",
        draw=regression,
        predict=lambda i: {"value": _conic(i, gated=True)},
        measure=_measure_gated,
        assumptions=(ONE_OUTPUT, POSITIVE),
        seconds=0.2,
    ),
)
