"""Claims about deep networks on whitened inputs: value, kernels, hard threshold, collapse, abstraction."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize

from relucvx.datasets import factorial
from relucvx.kernel import Prediction, predict_deep_linear, predict_deep_one_hot, representation_kernel
from relucvx.kernel.deep import scalar_threshold
from relucvx.metrics import parallelism_score
from relucvx.network import DeepNetwork, TwoLayerReLU
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, at_most, close
from relucvx.theory.draws import class_sizes, classes, one_hot, orthonormal_rows
from relucvx.types import ACTIVATIONS, Array

MARGIN = 0.02
"""Least relative distance of beta from every threshold: nearer, training cannot tell the two minima apart."""

REACHED = 1e-6
"""Relative excess over p* at which training counts as having found it."""

WIDE = 48
"""Width of trained deep ReLU networks: with 12 neurons two starts in three end short of the optimum, with 48 one in twenty."""

BATCHES = ((1.0, 0), (1.5, 1), (1.0, 2), (2.5, 3))
"""(initial scale, batch) of at most 64 deep linear networks; later batches run only when the earlier ones miss p*."""


def _identity_kernel(instance: Instance) -> bool:
    X = instance["X"]
    return bool(np.abs(X @ X.T - np.eye(len(X))).max() <= 1e-9)


def _unwhitened(instance: Instance, rng: np.random.Generator) -> Instance:
    return {**instance, "X": rng.uniform(0.3, 2.0, (len(instance["X"]), 1)) * instance["X"]}


WHITENED = Assumption("X X^T = I", _identity_kernel, _unwhitened)


def _clear(sigma: Array, beta: float, depth: int) -> bool:
    limits = scalar_threshold(np.asarray(sigma), depth)
    return bool((np.abs(limits - beta) >= MARGIN * beta).all())


def _objective(X: Array, Y: Array, beta: float, network: Any) -> float:
    """1/2||F - Y||² + beta/2 Σ||W_l||², as written."""
    net = DeepNetwork.from_two_layer(network) if isinstance(network, TwoLayerReLU) else network
    fit = 0.5 * float(((net.predict(X) - Y) ** 2).sum())
    return fit + 0.5 * beta * sum(float((w**2).sum()) for w in net.weights)


def _kernels(network: Any, X: Array) -> list[Array]:
    if isinstance(network, TwoLayerReLU):
        return [representation_kernel(network, X)]
    return [H @ H.T for H in network.hidden(X)]


def _worst_kernel(found: list[Array], predicted: list[Array]) -> float:
    if len(found) != len(predicted):
        return float("inf")
    pairs = zip(found, predicted, strict=True)
    return max(float(np.linalg.norm(K - P)) / max(float(np.linalg.norm(P)), 1e-12) for K, P in pairs)


# ---------------------------------------------------------------------- deep linear
def _draw_linear(rng: np.random.Generator, size: int) -> Instance:
    """Up to three samples and outputs, two to four layers, beta at 5 to 60 % of where everything vanishes."""
    while True:
        n, c, depth = (int(rng.integers(*span)) for span in ((1, 1 + min(size, 3)), (1, 1 + min(size, 3)), (2, 5)))
        n = max(n, 2)
        Y = rng.standard_normal((n, c))
        sigma = np.asarray(np.linalg.svd(Y, compute_uv=False), dtype=np.float64)
        beta = float(scalar_threshold(sigma, depth).max() * np.exp(rng.uniform(np.log(0.05), np.log(0.6))))
        if _clear(sigma, beta, depth):
            return {"X": orthonormal_rows(n, n + int(rng.integers(2)), rng), "Y": Y, "beta": beta, "depth": depth}


def _linear_form(instance: Instance) -> Prediction:
    return predict_deep_linear(instance["Y"], instance["beta"], int(instance["depth"]))


def _linear_network(instance: Instance) -> Any:
    """The explicit factors, also on inputs for which they are not claimed to be optimal."""
    X = instance["X"]
    white = X if _identity_kernel(instance) else np.linalg.pinv(X).T
    if not _identity_kernel({"X": white}):
        white = np.linalg.qr(X.T)[0].T
    return predict_deep_linear(instance["Y"], instance["beta"], int(instance["depth"]), X=white).network


def _trained_linear(instance: Instance) -> tuple[float, Any]:
    """Least objective and its network among up to 64 trained ones; remembered for the last few instances."""
    X, Y = np.ascontiguousarray(instance["X"]), np.ascontiguousarray(instance["Y"])
    return _train_linear(X.tobytes(), X.shape, Y.tobytes(), Y.shape, float(instance["beta"]), int(instance["depth"]))


@functools.lru_cache(maxsize=8)
def _train_linear(
    x: bytes, x_shape: tuple[int, int], y: bytes, y_shape: tuple[int, int], beta: float, depth: int
) -> tuple[float, Any]:
    from relucvx.training import train

    # arrays come as bytes, which the cache can compare
    X, Y = np.frombuffer(x).reshape(x_shape), np.frombuffer(y).reshape(y_shape)
    # the formula's own value, not the one on trial: a mutated prediction must not change the training
    goal = predict_deep_linear(Y, beta, depth).objective or 0.0
    best, least = None, float("inf")
    # scales in turn: a start that is too small ends in zero, a minimum of its own from three layers on
    for scale, batch in BATCHES:
        seeds = range(16 * batch, 16 * batch + 16)
        runs = train(
            X, Y, beta, width=max(Y.shape) + 1, depth=depth, activation="linear", seeds=seeds, init_scale=scale,
            max_steps=500, tol=1e-9,
        )  # fmt: skip
        value = _objective(X, Y, beta, runs.best.network)
        if value < least:
            best, least = runs.best.network, value
        if least <= goal * (1 + REACHED):
            break
    return least, best


def _measure_linear_value(instance: Instance, predicted: Predicted) -> list[Deviation]:
    least, _ = _trained_linear(instance)
    X, Y, beta = instance["X"], instance["Y"], float(instance["beta"])
    explicit = _objective(X, Y, beta, _linear_network(instance))
    value = predicted["value"]
    return [
        close("explicit factors against the sum of scalar minima", explicit, value, 1e-10, value),
        at_most("a trained network below it", value, least, 1e-9, value),
        at_most("best of the trained networks above it", least, value, REACHED, value),
    ]


def _measure_linear_kernels(instance: Instance, predicted: Predicted) -> list[Deviation]:
    # tol 1e-9 on the gradient leaves the weights within about 1e-9 over the least curvature, which MARGIN bounds
    _, net = _trained_linear(instance)
    deep = DeepNetwork.from_two_layer(net) if isinstance(net, TwoLayerReLU) else net
    norms = np.array([np.linalg.norm(w) for w in deep.weights])
    return [
        Deviation("K_l of the best trained network", _worst_kernel(_kernels(net, instance["X"]), predicted["K"]), 1e-5),
        close("norms of the matrices against their mean", norms, np.full_like(norms, norms.mean()), 1e-6),
    ]


CLEAR_LINEAR = Assumption(
    "beta is 2 % away from every threshold",
    lambda i: _clear(np.linalg.svd(i["Y"], compute_uv=False), i["beta"], int(i["depth"])),
)


# ---------------------------------------------------------------------- hard threshold
def _draw_threshold(rng: np.random.Generator, size: int) -> Instance:
    sigma = float(np.exp(rng.uniform(np.log(0.05), np.log(4.0))))
    low = float(scalar_threshold(np.array([sigma]), 3)[0])
    beta = low + float(rng.uniform(0.05, 0.95)) * (sigma - low)
    return {"sigma": sigma, "beta": beta, "X": orthonormal_rows(1 + size, 1 + size, rng)}


def _outside_threshold(instance: Instance, rng: np.random.Generator) -> Instance:
    limit = float(scalar_threshold(np.array([instance["sigma"]]), 3)[0])
    return {**instance, "beta": limit * float(rng.uniform(0.2, 0.9))}


BETWEEN = Assumption(
    "threshold of three layers < beta < sigma",
    lambda i: scalar_threshold(np.array([i["sigma"]]), 3)[0] < i["beta"] < i["sigma"],
    _outside_threshold,
)


def _grid_minimiser(sigma: float, beta: float, depth: int) -> float:
    """Minimiser of (s - sigma)²/2 + (beta L/2) s^(2/L) by brute force, refined around the best point."""
    low, high = 0.0, 1.5 * sigma
    for _ in range(4):
        s = np.linspace(low, high, 4001)
        value = 0.5 * (s - sigma) ** 2 + 0.5 * beta * depth * s ** (2 / depth)
        k = int(value.argmin())
        low, high = float(s[max(k - 2, 0)]), float(s[min(k + 2, len(s) - 1)])
    return float(s[k])


def _rank_one(instance: Instance, depth: int, s: float) -> DeepNetwork:
    """Balanced network X^T a s^(1/L), s^(1/L), ..., s^(1/L) for the target sigma·a, a = 1/sqrt(n)."""
    n, root = len(instance["X"]), s ** (1 / depth)
    first = instance["X"].T @ np.full((n, 1), root / np.sqrt(n))
    return DeepNetwork((first, *[np.array([[root]])] * (depth - 1)), activation=ACTIVATIONS["linear"])


def _measure_threshold(instance: Instance, predicted: Predicted) -> list[Deviation]:
    sigma, beta, X = float(instance["sigma"]), float(instance["beta"]), instance["X"]
    # one direction of singular value sigma: the whole network is then one number per layer
    Y = np.full((len(X), 1), sigma / np.sqrt(len(X)))
    out = []
    for depth, key in ((2, "two"), (3, "three")):
        found = _grid_minimiser(sigma, beta, depth)
        # the same objective at networks beside the claimed one, so that a wrong formula for it cannot hide
        values = [_objective(X, Y, beta, _rank_one(instance, depth, s)) for s in np.linspace(0.0, 1.5 * sigma, 61)]
        claimed = _objective(X, Y, beta, _rank_one(instance, depth, max(float(predicted[key]), 0.0)))
        out.append(close(f"minimiser on a grid, {key} layers", found, predicted[key], 1e-6, sigma))
        out.append(at_most(f"claimed network above others, {key} layers", claimed, min(values), 1e-12, 0.5 * sigma**2))
    limit = float(scalar_threshold(np.array([sigma]), 3)[0])
    jump = _grid_minimiser(sigma, limit * (1 - 1e-4), 3)  # just on the side that keeps it
    out.append(close("value kept just below the threshold of three layers", jump, predicted["jump"], 1e-2, sigma))
    return out


# ---------------------------------------------------------------------- deep ReLU
def _trained_relu(
    X: Array, Y: Array, beta: float, width: int, seed: int, starts: int, goal: float
) -> tuple[float, Any]:
    """Least objective and its network of three-layer ReLU networks by SciPy's L-BFGS; stops early within 1e-7 of goal."""
    rng = np.random.default_rng(seed)
    shapes = [(X.shape[1], width), (width, width), (width, Y.shape[1])]
    ends = np.cumsum([a * b for a, b in shapes])

    def unpack(theta: Array) -> list[Array]:
        parts = np.split(theta, ends[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]

    def value(theta: Array) -> tuple[float, Array]:
        A, B, C = unpack(theta)
        H = np.maximum(X @ A, 0.0)
        G = np.maximum(H @ B, 0.0)
        R = G @ C - Y
        back = (R @ C.T) * (G > 0)
        gradient = [X.T @ ((back @ B.T) * (H > 0)), H.T @ back, G.T @ R]
        size = 0.5 * float((R**2).sum()) + 0.5 * beta * float(theta @ theta)
        return size, np.concatenate([g.ravel() for g in gradient]) + beta * theta

    best, least = None, float("inf")
    for _ in range(starts):
        # large starts: from three layers on zero is a local minimum, and small ones fall into it
        start = np.concatenate([1.5 * rng.standard_normal(a * b) / np.sqrt(a) for a, b in shapes])
        end = minimize(
            value, start, jac=True, method="L-BFGS-B",
            options={"maxiter": 1500, "maxfun": 2500, "ftol": 1e-15, "gtol": 1e-9},
        )  # fmt: skip
        if end.fun < least:
            best, least = DeepNetwork(tuple(unpack(end.x))), float(end.fun)
        if least <= goal * (1 + 1e-7):
            break
    return least, best


def _draw_one_hot(rng: np.random.Generator, size: int) -> Instance:
    while True:
        sizes = class_sizes(rng, min(size, 2))
        sigma = np.sqrt(np.array(sizes, dtype=float))
        beta = float(scalar_threshold(sigma, 3).max() * np.exp(rng.uniform(np.log(0.05), np.log(0.5))))
        if _clear(sigma, beta, 3):
            return {**classes(rng, sizes, beta), "seed": int(rng.integers(2**31))}


def _measure_one_hot(instance: Instance, predicted: Predicted) -> list[Deviation]:
    X, Y, beta, value = instance["X"], one_hot(instance["labels"]), float(instance["beta"]), float(predicted["value"])
    form = predict_deep_one_hot(instance["labels"], beta, 3, X=X)
    goal = float(predict_deep_one_hot(instance["labels"], beta, 3).objective or 0.0)
    least, net = _trained_relu(X, Y, beta, WIDE, int(instance["seed"]), 12, goal)
    out = [
        at_most("a trained network below the formula", value, least, 1e-9, value),
        at_most("best of 12 trained networks above it", least, value, 1e-5, value),
        # the objective is quadratic about its minimum, so a kernel is known to the square root of the excess
        Deviation("K_l of the best trained network", _worst_kernel(_kernels(net, X), predicted["K"]), 5e-3),
    ]
    if form.network is not None:
        out.append(close("explicit network", _objective(X, Y, beta, form.network), value, 1e-10, value))
    return out


def _draw_abstract(rng: np.random.Generator, size: int) -> Instance:
    data = factorial(2, 1 if size < 3 else 2, x0=1.0, rng=rng)
    top = float(predict_deep_linear(data.Y, 1.0, 3).beta_max or 1.0)
    beta = top * float(rng.uniform(0.05, 0.3))
    return {"X": data.X, "Y": data.Y, "beta": beta, "seed": int(rng.integers(2**31))}


def _measure_abstract(instance: Instance, predicted: Predicted) -> list[Deviation]:
    X, Y, beta = instance["X"], instance["Y"], float(instance["beta"])
    least, net = _trained_relu(X, Y, beta, 16, int(instance["seed"]), 3, 0.0)
    last = parallelism_score(kernel=_kernels(net, X)[-1], factors=Y).mean
    linear = float(predict_deep_linear(Y, beta, 3).objective or 0.0)
    return [
        at_most(
            "parallelism of the last hidden layer, below the predicted least", predicted["parallelism"], last, 1e-9
        ),
        at_most("deep linear value above the best network", linear, least, 1e-9, linear),
    ]


def _factorial(instance: Instance) -> bool:
    Y = instance["Y"]
    return bool(
        (np.abs(Y) == 1).all() and np.allclose(Y.T @ Y, len(Y) * np.eye(Y.shape[1])) and not Y.sum(axis=0).any()
    )


def _other_targets(instance: Instance, rng: np.random.Generator) -> Instance:
    """One label of one factor flipped: ±1, but a combination is missing."""
    Y = instance["Y"].copy()
    Y[int(rng.integers(len(Y))), 0] *= -1
    return {**instance, "Y": Y}


def _predictor(form: Callable[[Instance], Prediction]) -> Callable[[Instance], Predicted]:
    def predict(instance: Instance) -> Predicted:
        found = form(instance)
        return {"value": found.objective, "K": list(found.kernels)}

    return predict


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "deep-linear-value",
        "X X^T = I, L linear layers: p* = Σ_i min_s (s - sigma_i)²/2 + (beta L/2) s^(2/L); explicit factors attain it and "
        "no trained network falls below.",
        "wang-2025, relucvx",
        "theorem",
        draw=_draw_linear,
        predict=_predictor(_linear_form),
        measure=_measure_linear_value,
        assumptions=(WHITENED, CLEAR_LINEAR),
        seconds=0.5,
    ),
    Claim(
        "deep-linear-kernels",
        "X X^T = I, L linear layers, Y = A diag(sigma) B^T: K_l = A diag(s_i^(2l/L)) A^T in every optimum, and all "
        "matrices have one norm.",
        "wang-2025, relucvx",
        "theorem",
        draw=_draw_linear,
        predict=_predictor(_linear_form),
        measure=_measure_linear_kernels,
        assumptions=(WHITENED, CLEAR_LINEAR),
        seconds=0.5,
    ),
    Claim(
        "deep-hard-threshold",
        "Two layers shrink a singular value to (sigma - beta)_+; three kill it from a smaller beta on, where it jumps to 0 "
        "from sigma/2.",
        "relucvx",
        "theorem",
        draw=_draw_threshold,
        predict=lambda i: {"two": max(i["sigma"] - i["beta"], 0.0), "three": 0.0, "jump": 0.5 * i["sigma"]},
        measure=_measure_threshold,
        assumptions=(BETWEEN,),
        seconds=0.03,
    ),
    Claim(
        "deep-one-hot-collapse",
        "Three ReLU layers, X X^T = I, one-hot targets: the value and K_l = Σ_k s_k^(2l/3)/n_k 1_k 1_k^T are those of the "
        "deep linear network.",
        "ergen-pilanci-2021",
        "sampled evidence (the network is explicit, its optimality rests on training)",
        draw=_draw_one_hot,
        predict=_predictor(lambda i: predict_deep_one_hot(i["labels"], i["beta"], 3)),
        measure=_measure_one_hot,
        assumptions=(
            WHITENED,
            Assumption(
                "beta is 2 % away from every threshold",
                lambda i: _clear(np.sqrt(np.unique(i["labels"], return_counts=True)[1]), i["beta"], 3),
            ),
        ),
        seconds=1.0,
    ),
    Claim(
        "deep-abstraction",
        "Three ReLU layers, X X^T = I, all combinations of two ±1 factors: the last hidden layer of the best trained "
        "network has a parallelism score above 0.95, and deep linear networks are no worse.",
        "wang-fusi-johnston-2025, relucvx",
        "sampled evidence (heuristic)",
        draw=_draw_abstract,
        predict=lambda i: {"parallelism": 0.95},
        measure=_measure_abstract,
        assumptions=(WHITENED, Assumption("targets in all combinations of ±1", _factorial, _other_targets)),
        seconds=1.5,
    ),
)
