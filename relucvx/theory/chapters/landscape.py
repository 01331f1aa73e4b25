"""Claims about the landscape of training: width, valleys, connected optima, what training reaches."""

from __future__ import annotations

import numpy as np

from relucvx._api.ranges import optimal_set
from relucvx._api.solving import solve
from relucvx.certificate import Phase
from relucvx.datasets import factorial
from relucvx.kernel import factorial_rotation_network
from relucvx.network import TwoLayerReLU, prune
from relucvx.theory.chapters.optima import planted, planted_ends
from relucvx.theory.definition import (
    Assumption,
    Claim,
    Deviation,
    Instance,
    Predicted,
    PremiseNotMet,
    at_most,
    close,
    same,
)
from relucvx.theory.draws import (
    SECONDS,
    any_outputs,
    blend,
    descended,
    fraction_of_beta_max,
    fraction_of_scale,
    in_time,
    one_hot,
    orthonormal_rows,
    solved,
    value_of,
)
from relucvx.theory.statements.reformulation import POSITIVE, as_columns, seeded, stored_network

WIDTH = 30
"""Neurons of the networks of sampled evidence on training."""

PATH = 9
"""Points on each path between networks."""

CERTIFIED = 2e-6
"""Largest relative gap of an optimum: semidefinite bounds (n = 8) close to about 1e-7."""


# ---------------------------------------------------------------------- width
def _planted_width(instance: Instance) -> Instance:
    """Classes on whitened inputs, all of which survive: their number is the least width, as every neuron adds rank one."""
    rng = np.random.default_rng(int(instance["seed"]))
    labels = np.asarray(np.repeat(np.arange(2 + int(rng.integers(0, 2))), 2))
    return {
        "X": orthonormal_rows(len(labels), len(labels), rng),
        "Y": one_hot(labels),
        "beta": float(rng.uniform(0.2, 1.0)),
    }


def _predict_width(instance: Instance) -> Predicted:
    """With a neuron less a class of two samples is not fitted: it costs 1 where it cost sqrt(2) beta - beta²/2."""
    found, known = solved(instance), _planted_width(instance)
    lost = 1.0 - (np.sqrt(2) * known["beta"] - known["beta"] ** 2 / 2)
    return {
        "value": found.objective,
        "width": as_columns(instance["Y"]).size,
        "least": known["Y"].shape[1],
        "lost": lost,
    }


def _measure_width(instance: Instance, predicted: Predicted) -> list[Deviation]:
    rng, found = np.random.default_rng(instance["seed"]), solved(instance)
    small = prune(found.inner, instance["X"])
    scale = max(predicted["value"], 1e-12)
    # a share of 0 leaves the other network in as neurons of zero weight: width alone must cost nothing
    padded = blend(small, descended(instance, 3, rng)[0], 0.0)
    split = blend(small, small, 0.3)
    # every smaller width, trained: none may be below an optimum of any width
    narrower = [net for m in range(1, small.width) for net in descended(instance, m, rng, starts=2)]
    least = min((value_of(instance, net) for net in narrower), default=float("inf"))
    # a case whose least width is known, for random targets tell only an upper bound
    known = _planted_width(instance)
    best = solved(known)
    classes = prune(blend(best.inner, best.inner, 0.3), known["X"])  # twice the neurons, to be halved
    short = descended(known, classes.width - 1, rng, starts=4)
    return [
        close("least width for classes", classes.width, predicted["least"], 1e-12),
        close("what a neuron less costs there", min(value_of(known, n) for n in short) - best.objective, predicted["lost"],
              1e-5),
        at_most("smallest width found over n c", small.width, predicted["width"], 0.5),
        close("objective at that width", value_of(instance, small), predicted["value"], 1e-8, scale),
        close("objective with idle neurons", value_of(instance, padded), predicted["value"], 1e-8, scale),
        close("objective with split neurons", value_of(instance, split), predicted["value"], 1e-8, scale),
        at_most("a narrower network below the optimum", predicted["value"], least, 1e-9, scale),
    ]  # fmt: skip


# ---------------------------------------------------------------------- landscape
def _draw_wide(rng: np.random.Generator, size: int) -> Instance:
    instance = any_outputs(rng, size)
    d, c = instance["X"].shape[1], as_columns(instance["Y"]).shape[1]
    m = 2 * as_columns(instance["Y"]).size
    while True:
        trained = descended(instance, m, rng, max_steps=int(rng.choice([1, 3, 10])))[0]
        start = (
            trained if rng.random() < 0.7 else TwoLayerReLU(rng.standard_normal((m, d)), rng.standard_normal((m, c)))
        )
        if value_of(instance, start) > 1.001 * solved(instance).objective:
            break
    return {**instance, "weights_in": np.array(start.weights_in), "weights_out": np.array(start.weights_out)}


def _narrow(instance: Instance, rng: np.random.Generator) -> Instance:
    return {**instance, "weights_in": instance["weights_in"][:1], "weights_out": instance["weights_out"][:1]}


WIDE = Assumption(
    "width at least 2 n c", lambda i: len(i["weights_in"]) >= 2 * np.size(i["Y"]), _narrow
)  # fmt: skip


AWAY = Assumption(
    "the network is not optimal", lambda i: value_of(i, stored_network(i)) > (1 + 2e-4) * solved(i).objective
)


def _measure_valleys(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """Prune (never uphill), then blend into the optimum as measures: a path inside the given width."""
    # both pruned first: half of the width for the start and half for the goal, so that the blend fits into the width
    start, goal = prune(stored_network(instance), instance["X"]), prune(solved(instance).inner, instance["X"])
    values = [value_of(instance, stored_network(instance))]
    values += [value_of(instance, blend(start, goal, t)) for t in np.linspace(0.0, 1.0, PATH)]
    scale = max(values[0], 1e-12)
    # convexity in measures says more than monotone: the path lies below its chord
    chord = [values[1] + t * (values[-1] - values[1]) for t in np.linspace(0.0, 1.0, PATH)]
    # sampled, so rises are added up: one that is spread over steps counts as much as a jump
    rises = float(np.maximum(np.diff(values), 0.0).sum())
    return [
        close("sum of all rises along the path", rises, predicted["rise"], 1e-8, scale),
        at_most("path above its chord", float((np.array(values[1:]) - chord).max()), 0.0, 1e-9, scale),
        # a start at the bottom would pass every check
        at_most("start already at the optimum", 1e-4 * values[-1], values[0] - values[-1], 1e-9, scale),
        at_most("neurons on the path", start.width + goal.width, len(instance["weights_in"]), 0.5),
        at_most(
            "end of the path above the bound",
            values[-1],
            solved(instance).certificate.lower,
            1e-8,
            max(values[-1], 1e-12),
        ),
    ]


def _draw_several(rng: np.random.Generator, size: int) -> Instance:
    """Problems with many optima: a planted segment, or factorial targets without common mode, two of whose rotations are
    the ends."""
    if rng.random() < 0.5:
        return {**planted(rng), "ends": np.zeros(2)}
    data = factorial(2, 1, x0=float(rng.uniform(0.5, 2.0)), rng=rng)
    first = float(rng.uniform(0.0, np.pi / 2))
    turns = np.array([first, first + float(rng.uniform(0.2, np.pi / 2 - 0.2))])
    return {"X": data.X, "Y": data.Y, "beta": fraction_of_scale(data.X, data.Y, rng), "ends": turns}


def _ends(instance: Instance) -> list[TwoLayerReLU]:
    """Two optima that are known."""
    if np.ndim(instance["Y"]) == 1:
        return list(planted_ends(instance)[:2])
    X, Y, beta, turns = (instance[k] for k in ("X", "Y", "beta", "ends"))
    rotations = [np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) for t in turns]
    return [factorial_rotation_network(X, Y, beta, R) for R in rotations]


def _nearest(first: TwoLayerReLU, second: TwoLayerReLU) -> float:
    """Least distance of the directions of a neuron of one network from those of the other."""
    A, B = (net.weights_in / np.linalg.norm(net.weights_in, axis=1, keepdims=True) for net in (first, second))
    return float(np.linalg.norm(A[:, None] - B, axis=2).min())


def _measure_connected(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """From one known optimum to the other, and on to the one that the solver finds."""
    first, second = _ends(instance)
    found = solved(instance)
    # the level is the certificate's lower bound, so that no point of the path is taken on trust
    optimum, t = found.certificate.lower, np.linspace(0.0, 1.0, PATH)
    values = np.array(
        [value_of(instance, blend(a, b, s)) for a, b in ((first, second), (second, found.inner)) for s in t]
    )
    scale = max(optimum, 1e-12)
    expected = np.full(2 * PATH, predicted["level"])
    return [
        # without this a path from an optimum to itself would pass
        at_most(
            "the two ends are one: least angle between their neurons", predicted["apart"], _nearest(first, second), 1e-9
        ),
        close("objective along the path", values, expected, CERTIFIED, scale * np.sqrt(2 * PATH)),
        at_most("certified excess along the path", float(values.max()), optimum, CERTIFIED, scale),
    ]


SEVERAL = Assumption(
    "two optima are known",
    lambda i: (
        np.ndim(i["Y"]) == 2
        or (len(i["X"]) == 4 and np.ptp(i["Y"]) == 0 and not np.abs(i["X"].sum(axis=0)).max() > 1e-9)
    ),
)


# ---------------------------------------------------------------------- staircase
POLYGONS = {3: (2, 3), 4: (2, 2), 5: (4, 5), 6: (3, 3), 7: (6, 7)}
"""Corners of a regular polygon with equal targets: fewest neurons of an optimum, most of an irreducible one."""

COSTS = 60
"""Random vertices looked at for one of either width."""


def _draw_polygon(rng: np.random.Generator, size: int) -> Instance:
    n = 3 + (size + int(rng.integers(0, 2))) % 4 if size < 4 else 7
    angle = 2 * np.pi * np.arange(n) / n + float(rng.uniform(0, 2 * np.pi))
    X = float(rng.uniform(0.5, 2.0)) * np.column_stack([np.cos(angle), np.sin(angle)])
    y = np.full(n, float(rng.uniform(0.5, 2.0)))
    return {"X": X, "Y": y, "beta": fraction_of_beta_max(X, y, rng, 0.1, 0.5)}


def _is_polygon(instance: Instance) -> bool:
    X, y = instance["X"], np.asarray(instance["Y"])
    if X.shape[1:] != (2,) or len(X) not in POLYGONS or np.ndim(y) != 1 or np.ptp(y) > 0 or not y.all():
        return False
    corners = X[:, 0] + 1j * X[:, 1]
    return bool(
        np.allclose(corners * np.exp(2j * np.pi / len(X)), np.roll(corners, -1), atol=1e-9 * np.abs(corners[0]))
    )


POLYGON = Assumption(
    "a regular polygon of 3 to 7 corners with equal targets",
    _is_polygon,
    lambda i, rng: {**i, "Y": i["Y"] + rng.uniform(0.1, 1.0, len(i["X"]))},
)


def _measure_staircase(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """Widths proven, narrower networks trained, and the path from a widest irreducible optimum to a narrowest one."""
    rng = np.random.default_rng(instance["seed"])
    # even polygons stall at a few 1e-10, which is enough
    solution = in_time(solve(instance["X"], instance["Y"], float(instance["beta"]), tol=1e-11, time_limit=SECONDS))
    found = optimal_set(solution, time_limit=SECONDS)
    stairs = found.staircase
    if stairs is None or not stairs.complete:
        raise PremiseNotMet("the staircase of the optima in time")
    inner = solution.problem.inner
    vertices = [found.network, *(found.vertex(rng.standard_normal(len(found.coefficients))) for _ in range(COSTS))]
    narrow, wide = min(vertices, key=lambda v: v.width), max(vertices, key=lambda v: v.width)
    optimum = solution.certificate.lower
    scale = max(optimum, 1e-12)
    path = [value_of(instance, blend(inner(wide), inner(narrow), t)) for t in np.linspace(0.0, 1.0, PATH)]
    short = descended(instance, stairs.least - 1, rng, starts=4)
    return [
        close("fewest neurons, proven", stairs.least_lower, predicted["least"], 1e-12),
        close("fewest neurons, found", narrow.width, predicted["least"], 1e-12),
        close("most neurons of an irreducible optimum", stairs.most, predicted["most"], 1e-12),
        close("most neurons of a vertex met", wide.width, predicted["most"], 1e-12),
        at_most(
            "a narrower network reaches the optimum", optimum, min(value_of(instance, n) for n in short), -1e-7, scale
        ),
        close("objective along the path", path, np.full(PATH, optimum), CERTIFIED, scale * np.sqrt(PATH)),
        same("connected at that width", stairs.phase(wide.width + narrow.width) is Phase.CONNECTED, True),
        same("isolated at the larger", stairs.phase(wide.width) in (Phase.MIXED, Phase.FINITE), True),
    ]


def _measure_reached(instance: Instance, predicted: Predicted) -> list[Deviation]:
    rng = np.random.default_rng(instance["seed"])
    best = min(value_of(instance, net) for net in descended(instance, WIDTH, rng, starts=6, max_steps=1000))
    scale = max(predicted["value"], 1e-12)
    return [
        at_most("best of 6 wide networks above the optimum", best, predicted["value"], 1e-2, scale),
        at_most("best of 6 wide networks below the optimum", predicted["value"], best, 1e-8, scale),
    ]


CLAIMS = (
    Claim(
        "width",
        "The best value does not increase with the width and is constant from some m* <= n c on; no narrower network "
        "is better.",
        "pilanci-ergen-2020",
        "theorem; that narrower networks are not better is sampled evidence",
        draw=seeded(any_outputs),
        predict=_predict_width,
        measure=_measure_width,
        assumptions=(POSITIVE,),
        seconds=0.5,
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
        assumptions=(WIDE, AWAY),
        seconds=0.3,
    ),
    Claim(
        "connected-optima",
        "In wide enough networks any two optima are joined by a path of optima: shown between optima whose neurons differ.",
        "wang-2022",
        "theorem (explicit path)",
        draw=_draw_several,
        predict=lambda i: {"level": value_of(i, _ends(i)[0]), "apart": 0.1},
        measure=_measure_connected,
        assumptions=(POSITIVE, SEVERAL),
        seconds=0.3,
    ),
    Claim(
        "staircase",
        "Regular polygons of 3, 4, 5, 6, 7 corners with equal targets: optima have at least 2, 2, 4, 3, 6 neurons, irreducible "
        "ones at most 3, 2, 5, 3, 7; at the sum of the two numbers all optima are connected.",
        "kim-mishkin-pilanci-2025",
        "theorem, given the two numbers, of which the first is certified numerically; narrower networks are sampled",
        draw=seeded(_draw_polygon),
        predict=lambda i: dict(zip(("least", "most"), POLYGONS[len(i["X"])], strict=True)),
        measure=_measure_staircase,
        assumptions=(POSITIVE, POLYGON),
        seconds=0.7,
    ),
    Claim(
        "wide-training-reaches-optimum",
        "Of six networks of 30 neurons trained from random weights the best comes within 1 % of the global optimum, "
        "and none goes below it.",
        "relucvx",
        "sampled evidence (n <= 7, beta from 5 % of beta_max)",
        draw=seeded(any_outputs),
        predict=lambda i: {"value": solved(i).certificate.lower},
        measure=_measure_reached,
        assumptions=(POSITIVE,),
        seconds=1.0,
    ),
)
