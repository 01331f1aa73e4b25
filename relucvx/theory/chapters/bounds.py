"""Claims about bounds and limits: the dual norm, beta_max, the path over beta, interpolation, relaxations."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from relucvx._api.band import beta_band
from relucvx._api.solving import interpolate
from relucvx._api.strengths import beta_max, beta_path
from relucvx.arrangement import enumerate_patterns
from relucvx.network import TwoLayerReLU
from relucvx.oracle import dual_norm
from relucvx.program import GatedRelaxation, doubly_nonnegative_bound, nuclear_norm_bound
from relucvx.program.duality import balance_dual
from relucvx.theory.chapters.problems import CONIC, SOME_DECAY, literal, parts, posed, random_network, stated_problem
from relucvx.theory.chapters.reference import (
    BIASES,
    LABELLED,
    LOSSES,
    augmented,
    best_constant,
    bias_of,
    draw,
    least_norm,
    loss_value,
    optimum,
    slopes,
)
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, at_most, close
from relucvx.theory.draws import SECONDS, in_time, too_late
from relucvx.types import Array, Bias


# ---------------------------------------------------------------------- dual norm
def _draw_dual(rng: np.random.Generator, size: int) -> Instance:
    """A dual point in the plane of augmented inputs; with free biases its columns sum to zero."""
    bias = Bias(BIASES[size - 1])
    n, c = 4 + int(rng.integers(0, 3)), 1 + int(rng.integers(0, 2))
    N = rng.standard_normal((n, c))
    if bias.is_free:
        N = N - N.mean(axis=0)
    activation = str(rng.choice(["relu", "relu", "abs", "leaky_relu"]))
    X = rng.standard_normal((n, 1 if bias.has_hidden else 2))
    return {"X": X, "N": N, "bias": bias, "activation": activation, "beta": 1.0, "loss": "squared"}


def _planar_norm(instance: Instance) -> float:
    """max over ||w|| <= 1 of ||N^T phi(Xa w)||: on an arc between walls the square is a quadratic form, whose maximum is at
    an end or along its leading eigenvector; with a free bias it is piecewise linear in the bias, so at a breakpoint."""
    rows, counted = augmented(instance)
    below, above = slopes(str(instance["activation"]))
    N = np.asarray(instance["N"])

    def at(w: Array) -> float:
        t = rows @ w
        return float(np.linalg.norm(N.T @ np.where(t > 0, above * t, below * t)))

    if counted < rows.shape[1]:
        return max(at(np.array([w, -w * x])) for w in (1.0, -1.0) for x in rows[:, 0])
    # otherwise the circle of directions falls into arcs, at whose ends some row changes sign
    ends = np.sort(
        np.mod(np.arctan2(rows[:, 1], rows[:, 0])[:, None] + np.pi / 2 * np.array([1.0, -1.0]), 2 * np.pi).ravel()
    )
    best = 0.0
    # the last arc goes on past 2π to the first end
    for a, b in zip(ends, np.append(ends[1:], ends[0] + 2 * np.pi), strict=True):
        # gates are constant on an arc, so that any inner point tells them
        middle = np.array([np.cos((a + b) / 2), np.sin((a + b) / 2)])
        A = (rows * np.where(rows @ middle > 0, above, below)[:, None]).T @ N
        lead = np.linalg.eigh(A @ A.T)[1][:, -1]
        # an eigenvector has no sign and an angle no branch: all that may fall into the arc are tried
        angle = np.arctan2(lead[1], lead[0])
        inside = [t for t in angle + np.pi * np.arange(-3, 5) if a < t < b]
        best = max([best, *(at(np.array([np.cos(t), np.sin(t)])) for t in (a, b, *inside))])
    return best


def _measure_dual(instance: Instance, predicted: Predicted) -> list[Deviation]:
    N = np.asarray(instance["N"])
    target = N[:, 0] if N.shape[1] == 1 else N
    options = {k: str(instance[k]) for k in ("bias", "activation")}
    problem = stated_problem({**instance, **options, "Y": target, "sample_weight": np.ones(len(N))})
    # N must be feasible for the output bias before its norm means anything
    point, value, out = balance_dual(problem, N), predicted["norm"], []
    # enumeration is for one output; branch and bound must agree with it there, and stands alone elsewhere
    methods: Any = ("auto", "branch_and_bound", *(("enumeration",) if N.shape[1] == 1 else ()))
    for method in methods:
        found = dual_norm(problem, point, method=method, time_limit=SECONDS)
        # no bound in time says nothing about the claim
        if found.outcome == "budget":
            raise too_late(f"a bound by {method}")
        out += [
            close(f"upper bound by {method}", found.upper, value, 1e-8, value),
            close(f"value reached by {method}", found.lower, value, 1e-8, value),
            # 1e-13: the upper bound is rigorous and may exceed the norm, never fall short of it
            at_most(f"{method}: norm above its bound", value, found.upper, 1e-13, value),
        ]
    spectral = dual_norm(problem, point, method="spectral")
    return [*out, at_most("norm above the spectral bound", value, spectral.upper, 1e-13, value)]


# ---------------------------------------------------------------------- beta_max and the path
def _draw_any(rng: np.random.Generator, size: int) -> Instance:
    return draw(rng, LOSSES[int(rng.integers(len(LOSSES)))], BIASES[size - 1], 1)


def _null(instance: Instance) -> float:
    """Objective of the best constant, or of zero."""
    Y = np.asarray(instance["Y"], dtype=float).reshape(len(instance["X"]), -1)
    b = best_constant(instance) if bias_of(instance).has_output else np.zeros(Y.shape[1])
    decay = float(instance["beta"]) / 2 * float(b @ b) if bias_of(instance).decays_output else 0.0
    return loss_value(str(instance["loss"]), np.tile(b, (len(Y), 1)), Y, instance["sample_weight"]) + decay


def _measure_beta_max(instance: Instance, predicted: Predicted) -> list[Deviation]:
    began = time.perf_counter()
    low, high = beta_max(instance["X"], instance["Y"], **posed(instance), time_limit=SECONDS)
    if time.perf_counter() - began >= SECONDS:
        raise too_late("beta_max")
    # the interval is met from both sides, well outside the tolerance of its ends
    above, below = {**instance, "beta": 1.001 * high}, {**instance, "beta": 0.93 * low}
    nothing, something = _null(above), _null(below)
    return [
        # vanishing is a matter of values: just above no neuron pays, clearly below one does
        close("optimum just above, against no neurons", optimum(above), predicted["share"] * nothing, CONIC, nothing),
        at_most("optimum below, not clearly below no neurons", optimum(below), (predicted["share"] - 1e-5) * something, 1e-9,
                something),
        at_most("width of the interval", high - low, 0.0, 0.5, high),
    ]  # fmt: skip


def _measure_path(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """Values of the path against the program's; p* is the least of affine functions of beta, loss + beta·penalty."""
    top, values = float(instance["beta"]), predicted["optima"]
    betas = [top, 0.6 * top, 0.3 * top]
    path = [
        in_time(sol)
        for sol in beta_path(instance["X"], instance["Y"], betas, **posed(instance), tol=1e-9, time_limit=SECONDS)
    ]
    found = np.array([s.objective for s in path])
    chord = found[1] - (3 * found[0] + 4 * found[2]) / 7  # 0.6 = 3/7 + 4/7·0.3
    supporting = max(
        found[j] - literal({**instance, "beta": betas[j]}, path[k].inner) for j in range(3) for k in range(3)
    )
    return [
        close("path against the program", found, values, CONIC),
        at_most(
            "its lower bounds above it",
            max(s.certificate.lower / v for s, v in zip(path, values, strict=True)),
            1.0,
            CONIC,
        ),
        at_most("p* below the chord of its neighbours", -chord, -predicted["bend"], 1e-8, found[0]),
        at_most("p* above loss + beta·penalty of another network", supporting, predicted["bend"], 1e-8, found[0]),
        at_most("p* falling", float(np.diff(found).max()), predicted["bend"], 1e-9, found[0]),
    ]


def _predict_path(instance: Instance) -> Predicted:
    shares = (1.0, 0.6, 0.3)
    return {
        "optima": np.array([optimum({**instance, "beta": share * instance["beta"]}) for share in shares]),
        "bend": 0.0,
    }


SHARES = (0.55, 0.7, 0.9)
"""Strengths, as shares of the upper end, at which a band is compared with the program."""

BAND = 1e-2
"""Relative width of that band."""


def _predict_band(instance: Instance) -> Predicted:
    values = [optimum({**instance, "beta": share * instance["beta"]}) for share in SHARES]
    return {"optima": np.array(values), "feasible": 1.0}


def _measure_band(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """A band against the program at strengths that it may not have solved, and a mixture of its outermost dual points."""
    top = float(instance["beta"])
    band = in_time(
        beta_band(instance["X"], instance["Y"], 0.5 * top, top, **posed(instance), tol=BAND, time_limit=SECONDS)
    )
    at = top * np.array(SHARES)
    lower, upper, values = band.lower(at), band.upper(at), predicted["optima"]
    # D(N) <= beta at both ends makes any mixture feasible in between; search finds what would contradict it
    ends, t = (band.knots[0], band.knots[-1]), 0.4
    mixed = (1.0 - t) * ends[0].certificate.dual + t * ends[1].certificate.dual
    beta = (1.0 - t) * ends[0].problem.beta + t * ends[1].problem.beta
    norm = dual_norm(ends[0].problem, balance_dual(ends[0].problem, mixed), time_limit=SECONDS).lower
    return [
        close("middle of the band against the program", 0.5 * (lower + upper), values, BAND),
        at_most("lower curve above p*", float((lower / values).max()), 1.0, CONIC),
        at_most("p* above the upper curve", float((values / upper).max()), 1.0, CONIC),
        at_most("dual norm of a mixture over its strength", norm / beta, predicted["feasible"], 1e-9),
        at_most("width of the band", band.width, BAND, 1e-12),
    ]


# ---------------------------------------------------------------------- interpolation
def _draw_fit(rng: np.random.Generator, size: int) -> Instance:
    """Few samples, which networks of the bias mode can fit exactly; relu, or abs where there are biases."""
    bias, d = Bias(BIASES[size - 1]), 2
    n = 4 if bias.has_hidden else 3
    if not bias.has_hidden:
        d = 3  # independent rows: every fit is possible
    activation = str(rng.choice(["relu", "abs"])) if bias.has_hidden else "relu"
    return {
        "X": rng.standard_normal((n, d)), "Y": 2.0 * rng.standard_normal(n) + float(bias.has_output),
        "bias": bias, "activation": activation, "loss": "squared", "sample_weight": np.ones(n), "beta": 1.0,
        "seed": int(rng.integers(2**31)),
    }  # fmt: skip


def _norm(instance: Instance, net: TwoLayerReLU) -> float:
    """Σ_j ||w_j|| |v_j|, hidden biases in ||w_j|| where they are decayed, and b²/2 where the output bias is."""
    W, b, V, c = parts(net)
    lead = np.column_stack([W, b]) if bias_of(instance).decays_hidden else W
    decay = float(c @ c) / 2 if bias_of(instance).decays_output else 0.0
    return float(np.linalg.norm(lead, axis=1) @ np.linalg.norm(V, axis=1)) + decay


def _other_fits(instance: Instance) -> list[float]:
    """Norms of networks that fit as well: output weights solved for, behind random neurons."""
    rng, found = np.random.default_rng(instance["seed"]), []
    y = np.asarray(instance["Y"])
    # random features of growing width: a wide enough layer fits, and its norm may not be below the least
    for width in (10, 40, 200):
        W, b, _, c = parts(random_network(instance, rng, width))
        below, above = slopes(str(instance["activation"]))
        T = instance["X"] @ W.T + b
        H = np.where(T > 0, above * T, below * T)
        v = np.linalg.lstsq(H, y - c[0], rcond=None)[0]
        if np.abs(H @ v + c[0] - y).max() < 1e-9:
            # per neuron |v| ||w||: its penalty once both halves are balanced
            lead = np.column_stack([W, b]) if bias_of(instance).decays_hidden else W
            decay = float(c @ c) / 2 if bias_of(instance).decays_output else 0.0
            found.append(float(np.linalg.norm(lead, axis=1) @ np.abs(v)) + decay)
    return found


def _measure_fit(instance: Instance, predicted: Predicted) -> list[Deviation]:
    options: Any = {k: str(instance[k]) for k in ("bias", "activation")}
    found = in_time(interpolate(instance["X"], instance["Y"], **options, tol=1e-9, time_limit=SECONDS))
    net, norm = found.inner, predicted["norm"]
    W, b, V, c = parts(net)
    below, above = slopes(str(instance["activation"]))
    T = instance["X"] @ W.T + b
    F = np.where(T > 0, above * T, below * T) @ V[:, 0] + c[0]
    others = _other_fits(instance)
    return [
        close("fit against the targets", F, instance["Y"], 1e-8),
        close("norm against the program", found.objective, norm, CONIC, norm),
        close("lower bound against it", found.certificate.lower, norm, CONIC, norm),
        close("norm of the network", _norm(instance, net), norm, CONIC, norm),
        at_most("norm above that of other fits", norm, min(others, default=np.inf), CONIC, norm),
    ]


# ---------------------------------------------------------------------- relaxations
def _draw_relaxed(rng: np.random.Generator, size: int) -> Instance:
    """Squared loss without bias: two outputs in the plane, or one output."""
    while True:
        instance = draw(rng, "squared", "none", 2)
        if instance["X"].shape[1] == 2 or np.ndim(instance["Y"]) == 1:
            return {**instance, "activation": "relu", "sample_weight": np.ones(len(instance["X"]))}


def _measure_relaxed(instance: Instance, predicted: Predicted) -> list[Deviation]:
    problem, best, free = stated_problem(instance), predicted["optimum"], predicted["free blocks"]
    # without cones the block of a cell is penalised by its norm, with several outputs by the nuclear norm
    if np.ndim(instance["Y"]) == 1:
        form = GatedRelaxation(problem, enumerate_patterns(instance["X"])).to_cvxpy()
        form.problem.solve(solver="CLARABEL")
        value = lower = float(form.problem.value)
    else:
        found = nuclear_norm_bound(problem)
        value, lower = found.value, found.lower
    nonnegative = doubly_nonnegative_bound(problem)
    return [
        close("relaxation without cones", value, free, CONIC, best),
        close("what it proves", lower, free, 1e-5, best),
        at_most("above the optimum", value, best, CONIC, best),
        at_most("doubly nonnegative bound above the optimum", nonnegative.lower, best, CONIC, best),
        at_most("doubly nonnegative bound below half of the gated one", 0.5 * free, nonnegative.lower, CONIC, best),
    ]


ONE_KIND = Assumption("labels of both kinds", lambda i: str(i["loss"]) not in LABELLED or len(np.unique(i["Y"])) == 2)
ONE_OUTPUT = Assumption("one output, and a fit that exists", lambda i: np.ndim(i["Y"]) == 1)
PLAIN: Any = Assumption(
    "squared loss without bias", lambda i: str(i["loss"]) == "squared" and not bias_of(i).has_hidden
)

CLAIMS = (
    Claim(
        "dual-norm-bounds",
        "The dual norm max over ||w|| <= 1 of ||N^T phi(Xa w)|| is between what is reached and what is proven, by every method "
        "and with every bias, and both meet.",
        "pilanci-ergen-2020",
        "theorem (exact in the plane, arc by arc)",
        draw=_draw_dual,
        predict=lambda i: {"norm": _planar_norm(i)},
        measure=_measure_dual,
        assumptions=(SOME_DECAY,),
        seconds=0.05,
    ),
    Claim(
        "beta-max-of-every-loss",
        "For every loss, bias mode and weight no neuron pays from beta_max on, and one pays just below.",
        "pilanci-ergen-2020",
        "theorem (an independent program, solved to 1e-6)",
        draw=_draw_any,
        predict=lambda i: {"share": 1.0},
        measure=_measure_beta_max,
        assumptions=(SOME_DECAY, ONE_KIND),
        seconds=0.5,
    ),
    Claim(
        "path-is-concave",
        "p*(beta) is the least of affine functions of beta: concave, rising, below loss + beta·penalty of every network.",
        "relucvx",
        "theorem (an independent program, solved to 1e-6)",
        draw=_draw_any,
        predict=_predict_path,
        measure=_measure_path,
        assumptions=(SOME_DECAY, ONE_KIND),
        seconds=1.0,
    ),
    Claim(
        "band-over-all-strengths",
        "Networks' lines, chords of proven points and mixtures of dual points that are feasible at two strengths hold p*(beta) "
        "between two curves at every beta.",
        "relucvx",
        "theorem (concavity and weak duality; an independent program, solved to 1e-6)",
        draw=_draw_any,
        predict=_predict_band,
        measure=_measure_band,
        assumptions=(SOME_DECAY, ONE_KIND),
        seconds=1.5,
    ),
    Claim(
        "interpolation-of-least-norm",
        "The interpolating network has the least norm of all networks of its bias mode that fit: the program's, and below that "
        "of random features.",
        "pilanci-ergen-2020",
        "theorem (an independent program, solved to 1e-6)",
        draw=_draw_fit,
        predict=lambda i: {"norm": least_norm(i)},
        measure=_measure_fit,
        assumptions=(ONE_OUTPUT,),
        seconds=0.3,
    ),
    Claim(
        "relaxations-below",
        "Without cone constraints the program is the gated (one output) or nuclear-norm (several) relaxation, a lower bound, "
        "as is the doubly nonnegative one.",
        "mishkin-2022",
        "theorem (an independent program, solved to 1e-6)",
        draw=_draw_relaxed,
        predict=lambda i: {"optimum": optimum(i), "free blocks": optimum(i, cones=False)},
        measure=_measure_relaxed,
        assumptions=(PLAIN, SOME_DECAY),
        seconds=0.5,
    ),
)
