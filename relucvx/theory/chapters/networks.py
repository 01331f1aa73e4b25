"""Claims about networks and programs: patterns, lifting, rescaling, training, conversion."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from scipy.optimize import linprog

from relucvx import network as networks
from relucvx.arrangement import enumerate_patterns
from relucvx.arrangement.counting import count_patterns
from relucvx.later import later
from relucvx.network import TwoLayerReLU
from relucvx.program import ConvexProgram, conventions, lift_network, recover_network
from relucvx.theory.chapters.problems import SINGLE, SOME_DECAY, literal, parts, random_network, stated_problem
from relucvx.theory.chapters.reference import BIASES, LOSSES, bias_of, draw, network_value
from relucvx.theory.definition import (
    Assumption,
    Claim,
    Deviation,
    Instance,
    Predicted,
    at_most,
    close,
    same,
)
from relucvx.types import Array

torch = later("torch")


# ---------------------------------------------------------------------- patterns
def _draw_rows(rng: np.random.Generator, size: int) -> Instance:
    """Half of the data are small integers, with zero, equal, opposite and dependent rows."""
    n, d = 2 + min(size, 3), 1 + int(rng.integers(0, 3))
    X = rng.integers(-2, 3, (n, d)).astype(float) if rng.random() < 0.5 else rng.standard_normal((n, d))
    return {"X": X}


def _cells(X: Array) -> set[tuple[bool, ...]]:
    """Sign patterns with a point at a distance from every wall, of all 2^n, one linear program each; zero rows are True."""
    moving = np.flatnonzero(np.any(X, axis=1))
    rows, d, found = X[moving], X.shape[1], set()
    for signs in itertools.product([1.0, -1.0], repeat=len(rows)):
        depth = 1.0
        A = np.column_stack([-np.array(signs)[:, None] * rows, np.ones(len(rows))])
        bounds = [(-1.0, 1.0)] * d + [(None, 1.0)]
        if len(rows):
            solution: Any = linprog(np.append(np.zeros(d), -1.0), A, np.zeros(len(rows)), bounds=bounds)
            depth = float(solution.x[-1])
        if depth > 1e-7:
            pattern = np.ones(len(X), dtype=bool)
            pattern[moving] = np.array(signs) > 0
            found.add(tuple(pattern.tolist()))
    return found


def _predict_cells(instance: Instance) -> Predicted:
    X = instance["X"]
    found = _cells(X)
    general = all(np.linalg.matrix_rank(X[list(rows)]) == min(X.shape[1], len(rows))
                  for k in range(1, X.shape[1] + 1) for rows in itertools.combinations(range(len(X)), k))  # fmt: skip
    counts = np.array([_count(n, rank) for n in range(1, 7) for rank in range(1, 5)])
    return {"patterns": len(found), "general": len(found) if general else 0, "counts": counts}


def _count(n: int, rank: int) -> int:
    """Cells of n walls in general position: a wall more is cut itself by the others into the cells of one dimension less."""
    return 2 if n == 1 or rank == 1 else _count(n - 1, rank) + _count(n - 1, rank - 1)


def _measure_cells(instance: Instance, predicted: Predicted) -> list[Deviation]:
    X = instance["X"]
    found = enumerate_patterns(X)
    listed = {tuple(p) for p in found.patterns.tolist()}
    inside = {tuple(p) for p in (found.generators @ X.T >= 0).tolist()}
    out = [
        close("number of patterns", len(found.patterns), predicted["patterns"], 1e-12),
        Deviation("patterns missing or invented", float(len(listed ^ _cells(X))), 0.5),
        Deviation("generators outside their cells", float(len(listed ^ inside)), 0.5),
        same("complete", found.complete, True),
    ]
    counts = np.array([count_patterns(n, rank) for n in range(1, 7) for rank in range(1, 5)])
    out.append(close("counts of general position", counts, predicted["counts"], 1e-12))
    if predicted["general"]:
        rank = int(np.linalg.matrix_rank(X))
        out.append(close("Cover's count", count_patterns(len(X), rank), predicted["general"], 1e-12))
    return out


# ---------------------------------------------------------------------- lifting, rescaling
def _draw_network(rng: np.random.Generator, size: int) -> Instance:
    while True:
        instance = draw(rng, LOSSES[int(rng.integers(5))], BIASES[int(rng.integers(4))], 1)
        if np.ndim(instance["Y"]) == 1:
            return {**instance, "width": 2 + int(rng.integers(0, 3 * size))}


def _network(instance: Instance) -> TwoLayerReLU:
    return random_network(instance, np.random.default_rng(int(instance["seed"])), int(instance["width"]))


def _balanced(instance: Instance, net: TwoLayerReLU) -> float:
    """Objective with every neuron scaled to ||w|| = |v|, biases in ||w|| where they are decayed."""
    W, b, V, c = parts(net)
    lead = np.column_stack([W, b]) if bias_of(instance).decays_hidden else W
    scale = np.sqrt(np.linalg.norm(V, axis=1) / np.linalg.norm(lead, axis=1))
    return network_value(instance, W * scale[:, None], b * scale, V / scale[:, None], c)


def _predict_lifted(instance: Instance) -> Predicted:
    net = _network(instance)
    return {"value": _balanced(instance, net), "fit": np.asarray(net.predict(instance["X"]))}


def _measure_lifted(instance: Instance, predicted: Predicted) -> list[Deviation]:
    """Lifting and recovering, balancing, merging and pruning keep the fit and never raise the balanced objective."""
    net, problem, X = _network(instance), stated_problem(instance), instance["X"]
    program = ConvexProgram(problem, arrangement=enumerate_patterns(problem.inputs))
    counted = not bias_of(instance).is_free
    W, b, V, _ = parts(net)
    doubled = TwoLayerReLU(
        np.vstack([W, 2 * W]), np.vstack([0.3 * V, 0.35 * V]), None if net.bias_in is None else np.append(b, 2 * b),
        net.bias_out, net.activation, True,
    )  # fmt: skip
    value, fit, size = predicted["value"], predicted["fit"], 1.0 + float(np.abs(predicted["fit"]).max()) * len(X)
    exact = {"balanced": networks.balance(net, counted), "merged": networks.merge(doubled, penalize_bias=counted)}
    others = {
        "recovered": problem.inner(recover_network(program, lift_network(net, program))),
        "pruned": networks.prune(net, X, counted),
    }
    out = [close(f"{name}: objective", literal(instance, n), value, 1e-9, value) for name, n in exact.items()]
    out += [at_most(f"{name}: objective", _balanced(instance, n), value, 1e-9, value) for name, n in others.items()]
    out += [close(f"{name}: fit", n.predict(X), fit, 1e-9, size) for name, n in {**exact, **others}.items()]
    out.append(at_most("recovered: objective as it stands", literal(instance, others["recovered"]), value, 1e-9, value))
    out.append(close("merged: neurons", exact["merged"].width, net.width, 1e-12))
    out.append(at_most("pruned: neurons over n", others["pruned"].width, len(X) + 0.5, 1e-12))
    return out


# ---------------------------------------------------------------------- training, conversion
def _draw_trained(rng: np.random.Generator, size: int) -> Instance:
    instance = draw(rng, LOSSES[int(rng.integers(len(LOSSES)))], BIASES[size - 1], 1)
    return {**instance, "width": 2 + size}


def _predict_trained(instance: Instance) -> Predicted:
    """The objective written out, and its differences along every parameter that the network has."""
    W, b, V, c = parts(_network(instance))
    W, b, V, c = (np.array(a) for a in (W, b, V, c))
    bias = bias_of(instance)
    free = [W, *([b] if bias.has_hidden else []), V, *([c] if bias.has_output else [])]
    slopes = []
    for block in free:
        for k in np.ndindex(*block.shape):
            ends, kept = [], block[k]
            for step in (1e-5, -1e-5):
                block[k] = kept + step
                ends.append(network_value(instance, W, b, V, c))
            block[k] = kept
            slopes.append((ends[0] - ends[1]) / 2e-5)
    return {"value": network_value(instance, W, b, V, c), "gradient": np.array(slopes)}


def _measure_trained(instance: Instance, predicted: Predicted) -> list[Deviation]:

    from relucvx.training.objective import BatchedObjective, Shape

    net, problem = _network(instance), stated_problem(instance)
    shape = Shape((problem.n_features, net.width, problem.n_outputs), problem.bias)
    theta = torch.zeros((1, shape.total), dtype=torch.float64)
    W, b, V, c = (torch.as_tensor(np.array(a)) for a in parts(net))
    (first, _), (second, last) = shape.matrices(theta)
    first[0] = torch.hstack([W, b[:, None]]) if problem.bias.has_hidden else W
    second[0] = V.T
    if last is not None:
        last[0] = c
    values, slopes = BatchedObjective(problem, shape, problem.activation, torch.float64, "cpu").evaluate(theta)
    (first, _), (second, last) = shape.matrices(slopes)
    d = problem.n_features
    blocks = [first[0][:, :d], *([first[0][:, d]] if problem.bias.has_hidden else []), second[0].T,
              *([last[0]] if last is not None else [])]  # fmt: skip
    found = np.concatenate([block.numpy().ravel() for block in blocks])
    out = [
        close("objective in training", float(values[0]), predicted["value"], 1e-11),
        close(
            "gradient in training", found, predicted["gradient"], 1e-6, 1 + float(np.linalg.norm(predicted["gradient"]))
        ),
    ]
    if str(instance["activation"]) == "relu":
        module = networks.to_torch(net)
        F = module(torch.as_tensor(instance["X"])).detach().numpy()
        back = networks.from_torch(module)
        out.append(close("converted to torch", F.ravel(), np.ravel(net.predict(instance["X"])), 1e-12))
        out.append(close("and back", network_value(instance, *parts(back)), predicted["value"], 1e-11))
    return out


def _draw_units(rng: np.random.Generator, size: int) -> Instance:
    n = 2 + size
    return {
        "F": rng.standard_normal(n), "Y": rng.standard_normal(n), "weights": rng.standard_normal(5),
        "decay": float(rng.uniform(0.01, 2.0)),
    }  # fmt: skip


def _predict_units(instance: Instance) -> Predicted:
    """Objectives of other conventions; times a constant they are ours."""
    r, w, decay = instance["F"] - instance["Y"], instance["weights"], instance["decay"]
    n, squares = len(r), float(w @ w)
    return {
        "mean of halves": n * (float(r @ r) / (2 * n) + decay / 2 * squares),
        "mean of squares": n / 2 * (float(r @ r) / n + decay * squares),
        "sum of squares": 0.5 * (float(r @ r) + decay * squares),
        "torch": n / 2 * (float(r @ r) / n + decay / 2 * squares),
    }


def _measure_units(instance: Instance, predicted: Predicted) -> list[Deviation]:
    r, w, decay = instance["F"] - instance["Y"], instance["weights"], float(instance["decay"])
    n = len(r)
    betas = {
        "mean of halves": conventions.from_mean_loss(decay, n),
        "mean of squares": conventions.from_mean_squared_error(decay, n),
        "sum of squares": conventions.from_sum_of_squares(decay),
        "torch": conventions.from_torch_weight_decay(decay, n),
    }
    return [
        close(name, float(r @ r) / 2 + beta / 2 * float(w @ w), predicted[name], 1e-12) for name, beta in betas.items()
    ]


FULL = Assumption("some row is not zero", lambda i: bool(np.any(i["X"])))

CLAIMS = (
    Claim(
        "patterns-complete",
        "Enumeration lists exactly the sign patterns with a point away from every wall, each once with a generator inside, for "
        "degenerate data too; in general position their number is Cover's.",
        "cover-1965",
        "theorem",
        draw=_draw_rows,
        predict=_predict_cells,
        measure=_measure_cells,
        assumptions=(FULL,),
        seconds=0.1,
    ),
    Claim(
        "lift-and-recover",
        "Lifting a network to the convex program and recovering it, balancing, merging and pruning keep the fit and never "
        "raise the objective of the balanced network.",
        "pilanci-ergen-2020",
        "theorem",
        draw=_draw_network,
        predict=_predict_lifted,
        measure=_measure_lifted,
        assumptions=(SOME_DECAY, SINGLE),
        seconds=0.02,
    ),
    Claim(
        "training-objective",
        "Training minimises the very objective that is certified: value and gradient, biases and weights included, for every "
        "loss; conversion to torch and back keeps them.",
        "relucvx",
        "theorem (gradient by differences)",
        draw=_draw_trained,
        predict=_predict_trained,
        measure=_measure_trained,
        assumptions=(SOME_DECAY,),
        seconds=0.05,
    ),
    Claim(
        "conventions",
        "Mean losses, full squares, sums of squares and torch's weight decay are ours times a constant, at the strengths that "
        "the conversions give.",
        "wang-2025",
        "theorem",
        draw=_draw_units,
        predict=_predict_units,
        measure=_measure_units,
        seconds=0.001,
    ),
)
