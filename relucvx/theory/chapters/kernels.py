"""Claims about hidden kernels: closed forms and the mean-field energy, each as its formula reads."""

from __future__ import annotations

import numpy as np

from relucvx.datasets import factorial
from relucvx.kernel import (
    energy,
    first_variation,
    kernel_distance,
    predict_deep_linear,
    predict_factorial,
    predict_one_hot,
    predict_scalar,
    predict_svd,
    representation_kernel,
    spectrum,
    whitened,
)
from relucvx.network import TwoLayerReLU
from relucvx.theory.chapters.reference import slopes
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, agree, same
from relucvx.theory.draws import one_hot, orthonormal_rows
from relucvx.types import Array, as_activation


# ---------------------------------------------------------------------- of networks, and the energy
def _draw_network(rng: np.random.Generator, size: int) -> Instance:
    n, m = 2 + size, 1 + int(rng.integers(0, 4))
    return {
        "X": rng.standard_normal((n, n)), "Y": rng.standard_normal((n, 2)), "W": rng.standard_normal((m, n)),
        "b": rng.standard_normal(m), "activation": str(rng.choice(["relu", "abs", "leaky_relu"])),
        "beta": float(rng.uniform(0.1, 2.0)), "h": rng.standard_normal((n, 3)),
    }  # fmt: skip


def _phi(instance: Instance, T: Array) -> Array:
    below, above = slopes(str(instance["activation"]))
    out: Array = np.where(T > 0, above * T, below * T)
    return out


def _predict_network(instance: Instance) -> Predicted:
    """K = phi phi^T; E = tr K_Y (beta I + K)^-1 + Σ ||w||², and its change by a little more of h."""
    X, Y, W, beta, h = (instance[k] for k in ("X", "Y", "W", "beta", "h"))
    n = len(X)

    def mean_field(weights: Array) -> float:
        H = _phi(instance, X @ weights.T)
        return float(np.trace(Y @ Y.T @ np.linalg.inv(beta * np.eye(n) + H @ H.T)) + (weights**2).sum())

    # X is square here: solving gives neurons whose preactivations are exactly h
    extra, step = (
        np.linalg.solve(X, h).T,
        1e-3,
    )  # neurons with the preactivations h; their mass is the square of the step
    # mass is quadratic in the weights, so that the difference is taken over step², one-sided: mass cannot be negative
    change = [(mean_field(np.vstack([W, step * w])) - mean_field(W)) / step**2 for w in extra]
    # the hidden layer as it is, bias included; the energy is about phi(X W^T) and has none
    H = _phi(instance, X @ W.T + instance["b"])
    K = H @ H.T
    return {
        "kernel": K,
        "energy": mean_field(W),
        "first variation": np.array(change),
        "distance": float(np.sqrt(((K - X @ X.T) ** 2).sum() / ((X @ X.T) ** 2).sum())),
        "spectrum": np.sort(np.linalg.svd(H, compute_uv=False) ** 2)[::-1][: min(H.shape)],
    }


def _measure_network(instance: Instance, predicted: Predicted) -> list[Deviation]:
    X, Y, W, beta = (instance[k] for k in ("X", "Y", "W", "beta"))
    name = str(instance["activation"])
    net = TwoLayerReLU(W, np.ones((len(W), 1)), instance["b"], activation=as_activation(name))
    K, H = representation_kernel(net, X), _phi(instance, X @ W.T)
    slope = first_variation(instance["h"], X @ X.T, Y @ Y.T, beta, H @ H.T, name)
    found = {
        "kernel": K,
        "energy": energy(X @ X.T, Y @ Y.T, beta, X @ W.T, name),
        "distance": kernel_distance(K, X @ X.T),
        "spectrum": spectrum(K)[: len(predicted["spectrum"])],
    }
    # a difference quotient by 1e-3 is known to about its step
    return [*agree(found, predicted, 1e-8), *agree({"first variation": slope}, predicted, 1e-3)]


# ---------------------------------------------------------------------- closed forms
def _draw_forms(rng: np.random.Generator, size: int) -> Instance:
    n = 3 + size
    return {
        "labels": np.append(np.arange(2), rng.integers(0, 2 + (size > 1), n - 2)), "y": rng.standard_normal(n),
        "beta": float(rng.uniform(0.1, 1.5)), "depth": 2 + int(rng.integers(0, 3)),
        "Y": rng.standard_normal((n, 2)), "x0": float(rng.uniform(0.5, 2.0)), "x1": float(rng.uniform(0.0, 0.5)),
        "x2": float(rng.uniform(0.0, 0.5)), "seed": int(rng.integers(2**31)),
    }  # fmt: skip


def _shrunk(sizes: Array, beta: float) -> float:
    return float(sum(beta * s - beta**2 / 2 if s > beta else s**2 / 2 for s in sizes))


def _root(sigma: float, beta: float, depth: int) -> float:
    """argmin over s >= 0 of (s - sigma)²/2 + (beta L/2) s^(2/L), on finer and finer grids."""
    low, high = 0.0, 1.2 * sigma
    for _ in range(6):
        s = np.linspace(low, high, 2001)
        k = int(np.argmin((s - sigma) ** 2 / 2 + beta * depth / 2 * s ** (2 / depth)))
        low, high = float(s[max(k - 2, 0)]), float(s[min(k + 2, 2000)])
    return float(s[k])


def _predict_forms(instance: Instance) -> Predicted:
    labels, y, beta, L = (instance[k] for k in ("labels", "y", "beta", "depth"))
    ones = one_hot(labels)
    # classes without a sample have no part in any formula
    ones = ones[:, ones.any(axis=0)]
    # singular values of one-hot targets: roots of the class sizes
    sizes = np.sqrt(ones.sum(axis=0))
    # a scalar target is two nonnegative vectors, each seen by neurons of one sign
    plus, minus = np.maximum(y, 0.0), np.maximum(-y, 0.0)
    ends = [np.linalg.norm(plus), np.linalg.norm(minus)]
    out: Predicted = {
        "one-hot value": _shrunk(sizes, beta),
        "one-hot kernel": sum(max(s - beta, 0.0) / s**2 * np.outer(u, u) for s, u in zip(sizes, ones.T, strict=True)),
        "scalar value": _shrunk(np.array(ends), beta),
        "scalar kernel": sum(max(t - beta, 0.0) / t**2 * np.outer(u, u) for t, u in zip(ends, (plus, minus), strict=True)
                             if t > 0),
    }  # fmt: skip
    A, sigma, _ = np.linalg.svd(instance["Y"], full_matrices=False)
    out["svd value"] = _shrunk(sigma, beta)
    s = np.array([_root(float(v), beta, int(L)) for v in sigma])
    # with balanced factors the penalty is a power 2/L of each singular value: one scalar problem each
    out["deep value"] = float(((s - sigma) ** 2 / 2 + beta * L / 2 * s ** (2 / L)).sum())
    out["deep kernels"] = np.array([(A * s ** (2 * k / L)) @ A.T for k in range(1, L)])
    n, x0, x1, x2 = 4, instance["x0"], instance["x1"], instance["x2"]
    a, b = n / (x0 + n * x1), n / (x0 + n * x2)
    gamma = a * b / (a + b) if a <= b else (a + b) / 4
    # beta at 30 % of where the kernel vanishes, so that neither end decides
    share = 0.3 * n / (2 * np.sqrt(gamma))
    T = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    out["factorial value"] = share * 2 * (2 * np.sqrt(gamma) - 2 * gamma * share / n)
    out["factorial kernel"] = (1 / (2 * np.sqrt(gamma)) - share / n) * (2 + T @ T.T)
    out["factorial strength"] = share
    return out


def _measure_forms(instance: Instance, predicted: Predicted) -> list[Deviation]:
    beta, n = float(instance["beta"]), len(instance["y"])
    rng = np.random.default_rng(int(instance["seed"]))
    X = orthonormal_rows(n, n, rng)
    data = factorial(2, 1, x0=instance["x0"], x1=instance["x1"], x2=instance["x2"], rng=rng)
    # the package draws its rows in an order of its own: put into that of the table T
    order = np.lexsort((-data.Y[:, 1], -data.Y[:, 0]))
    classes, scalar = predict_one_hot(instance["labels"], beta), predict_scalar(instance["y"], beta)
    deep = predict_deep_linear(instance["Y"], beta, int(instance["depth"]))
    code = predict_factorial(data.Y, predicted["factorial strength"], X=data.X)
    found = {
        "one-hot value": classes.objective, "one-hot kernel": classes.kernel,
        "scalar value": scalar.objective, "scalar kernel": scalar.kernel,
        "svd value": predict_svd(instance["Y"], beta).objective,
        "factorial value": code.objective, "factorial kernel": np.asarray(code.kernel)[np.ix_(order, order)],
    }  # fmt: skip
    grids = {"deep value": deep.objective, "deep kernels": np.array(deep.kernels)}
    return [
        *agree(found, predicted, 1e-9),
        *agree(grids, predicted, 1e-5),
        same("orthonormal rows are whitened", whitened(X), True),
        same("orthonormal columns of more rows are", whitened(X[:, : n - 1]), False),
    ]


def _clear(instance: Instance) -> bool:
    """beta away from where a singular value of the deep network jumps to zero."""
    sigma, L = np.linalg.svd(instance["Y"], compute_uv=False), int(instance["depth"])

    def gain(v: float) -> float:
        s = np.linspace(0.0, 1.2 * v, 4001)
        # away from zero: there the value at zero is the rival, and the sign of the difference decides
        interior = s > 0.2 * v
        value = (s - v) ** 2 / 2 + instance["beta"] * L / 2 * s ** (2 / L)
        return float(value[interior].min() - value[0]) / v**2

    return all(abs(gain(float(v))) > 1e-3 for v in sigma)


POSITIVE = Assumption("beta > 0", lambda i: i["beta"] > 0)
AWAY = Assumption("beta is not where a singular value jumps to zero", _clear)

CLAIMS = (
    Claim(
        "kernel-and-energy",
        "The hidden kernel is phi phi^T; the energy is tr K_Y (beta I + K)^-1 plus the squares of the weights, and its first "
        "variation is its derivative along added mass.",
        "wang-2025",
        "theorem (definitions)",
        draw=_draw_network,
        predict=_predict_network,
        measure=_measure_network,
        assumptions=(POSITIVE,),
        seconds=0.01,
    ),
    Claim(
        "closed-forms",
        "The closed forms for classes, one output, singular values, deep linear networks and factors give the numbers of their "
        "formulas.",
        "wang-2025",
        "theorem (the formulas; that they are optimal is for the other claims)",
        draw=_draw_forms,
        predict=_predict_forms,
        measure=_measure_forms,
        assumptions=(POSITIVE, AWAY),
        seconds=0.01,
    ),
)
