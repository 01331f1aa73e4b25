"""Attack certificates: random small problems of every kind against an independent reference.

    python benchmarks/fuzz_certificates.py --count 20000 --jobs 2

Every instance draws a loss, a bias mode, an activation, sample weights, scales of X and Y over 1e-8 to 1e8 and offsets, and
asks for a certificate of a network that is random, descended or solved. The reference shares no code with the package:
objectives are evaluated literally in extended precision (80 bits where the platform has them), and the least objective
found by descents of its own bounds p* from above. A *false bound* is a lower bound above the least literal objective found;
a *false gap* is one reported below (objective of the certified network) - (least objective found). Both must be zero.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections import Counter

import numpy as np
from scipy.optimize import minimize

import relucvx as rx

LOSSES = ("squared", "huber", "logistic", "hinge", "squared_hinge", "cross_entropy")
BIASES = ("none", "hidden", "all", "free")
ACTIVATIONS = {
    "relu": (0.0, 1.0),
    "leaky_relu": (0.01, 1.0),
    "abs": (-1.0, 1.0),
    "linear": (1.0, 1.0),
    "own": (0.5, -0.75),
}
KINDS = tuple(itertools.product(LOSSES, BIASES, ACTIVATIONS))
L = np.longdouble


def literal_loss(loss: str, F, Y, w):
    """The data term, term by term, in the precision of its arguments."""
    r = F - Y
    if loss == "squared":
        h = r * r / 2
    elif loss == "huber":
        h = np.where(np.abs(r) <= 1, r * r / 2, np.abs(r) - L(0.5))
    elif loss == "logistic":
        h = np.logaddexp(L(0), -Y * F)
    elif loss == "hinge":
        h = np.maximum(L(0), 1 - Y * F)
    elif loss == "squared_hinge":
        h = np.maximum(L(0), 1 - Y * F) ** 2
    else:
        top = F.max(axis=1, keepdims=True)
        h = Y * (top + np.log(np.exp(F - top).sum(axis=1, keepdims=True)) - F)
    return (w[:, None] * h).sum()


def literal_objective(case: dict, W, V, b_in, b_out, precision=L):
    """Objective of a network, with weight decay halved and summed over what the bias mode decays."""
    X, Y, w = (np.asarray(case[k], precision) for k in ("X", "Y", "w"))
    W, V, b_in, b_out = (np.asarray(a, precision) for a in (W, V, b_in, b_out))
    neg, pos = (precision(s) for s in ACTIVATIONS[case["activation"]])
    Z = X @ W.T + b_in
    F = np.where(Z > 0, pos * Z, neg * Z) @ V + b_out
    decay = (W * W).sum() + (V * V).sum()
    if case["bias"] in ("hidden", "all"):
        decay += (b_in * b_in).sum()
    if case["bias"] == "all":
        decay += (b_out * b_out).sum()
    return literal_loss(case["loss"], F, Y, w) + precision(case["beta"]) / 2 * decay


def draw(seed: int) -> dict:
    """The instance of a seed: kinds go round, everything else is random."""
    loss, bias, activation = KINDS[seed % len(KINDS)]
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(1, 8)), int(rng.integers(1, 4))
    if bias == "free" or loss == "cross_entropy":
        n = max(n, 3)
    X = rng.integers(-4, 5, (n, d)).astype(float) if rng.random() < 0.4 else rng.standard_normal((n, d))
    if rng.random() < 0.3 and n > 2:
        X[-1] = X[0]
    if not X.any():
        X[0, 0] = 1.0
    c = 1
    if loss == "cross_entropy":
        c = int(rng.integers(2, 4))
        Y = np.eye(c)[np.arange(n) % c]
    elif loss in ("squared", "huber"):
        c = int(rng.choice([1, 1, 1, 2]))
        Y = rng.standard_normal((n, c))
        Y += rng.choice([0.0, 0.0, 1.0, 1e3, 1e6]) * (rng.random() < 0.5)
        if loss == "squared":
            Y *= 10.0 ** rng.uniform(-8, 8)
    else:
        Y = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)[:, None]
    s = 10.0 ** rng.uniform(-8, 8)
    X = X * s
    w = rng.choice([0.5, 1.0, 2.0], n) if rng.random() < 0.4 else np.ones(n)
    if rng.random() < 0.15 and n > 3:
        w[-1] = 0.0
    return {"loss": loss, "bias": bias, "activation": activation, "X": X, "Y": Y, "w": w, "rng": rng, "seed": seed}


def slopes_of(loss: str, F, Y):
    """Derivative of the data term in F, unweighted, written out once more."""
    if loss == "squared":
        return F - Y
    if loss == "huber":
        return np.clip(F - Y, -1, 1)
    if loss == "cross_entropy":
        p = np.exp(F - F.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True) - Y
    margin = Y * F
    if loss == "logistic":
        return -Y / (1 + np.exp(np.clip(margin, -700, 700)))
    if loss == "hinge":
        return np.where(margin < 1, -Y, 0.0)
    return -2 * Y * np.maximum(0, 1 - margin)


def reference(case: dict, starts: int):
    """Networks of descents of our own, in double precision: (W, V, b_in, b_out) each."""
    X, Y, w, beta, rng, bias = (case[k] for k in ("X", "Y", "w", "beta", "rng", "bias"))
    d, c, m = X.shape[1], Y.shape[1], 6
    neg, pos = ACTIVATIONS[case["activation"]]
    unit = np.sqrt((X**2).mean()) or 1.0
    height = max(float(np.abs(Y).max()), 1e-300)
    best = w @ Y / w.sum() if case["loss"] in ("squared", "huber") else np.zeros(c)
    sizes = (m * d, m * c, m, c)
    counted = np.array([1.0, 1.0, bias in ("hidden", "all"), bias == "all"])  # what weight decay counts
    present = np.array([1.0, 1.0, bias != "none", bias in ("all", "free")])

    def parts(t):
        W, V, b, a = np.split(t, np.cumsum(sizes)[:-1])
        return W.reshape(m, d) / unit, V.reshape(m, c), b * present[2], a * present[3]

    def value(t):
        W, V, b, a = parts(t)
        Z = X @ W.T + b
        H = np.where(Z > 0, pos * Z, neg * Z)
        F = H @ V + a
        G = w[:, None] * slopes_of(case["loss"], F, Y)
        back = (G @ V.T) * np.where(Z > 0, pos, neg)
        blocks = (back.T @ X, H.T @ G, back.sum(axis=0), G.sum(axis=0))
        flat = [g.ravel() + beta * k * p.ravel() for g, k, p in zip(blocks, counted, (W, V, b, a), strict=True)]
        decay = sum(k * (p * p).sum() for k, p in zip(counted, (W, V, b, a), strict=True))
        got = float(literal_loss(case["loss"], F, Y, w) + beta / 2 * decay)
        gradient = np.concatenate([flat[0] / unit, flat[1], flat[2] * present[2], flat[3] * present[3]])
        return (got, gradient) if np.isfinite(got) else (1e300, np.zeros_like(t))

    found = []
    for _ in range(starts):
        size = np.sqrt(height / m)
        t = np.concatenate(
            [rng.standard_normal(m * d), size * rng.standard_normal(m * c), rng.standard_normal(m), best]
        )
        with np.errstate(all="ignore"):  # numbers may leave float64 on the way of a line search
            end = minimize(value, t, jac=True, method="L-BFGS-B", options={"maxiter": 150})
        found.append(parts(end.x))
    return found


def level(case: dict) -> float:
    """A strength of the size of beta_max: what one neuron along the gradient at the best constant pulls."""
    X, Y, w = case["X"], case["Y"], case["w"]
    centre = w @ Y / w.sum() if case["bias"] == "free" and case["loss"] in ("squared", "huber") else 0 * Y[0]
    G = w[:, None] * slopes_of(case["loss"], np.tile(centre, (len(Y), 1)), Y)
    rows = X - X.mean(axis=0) * (case["bias"] == "free")
    return float(np.linalg.norm(np.maximum(rows @ rows.T, 0) @ G) / max(np.linalg.norm(rows), 1e-300))


def attack(seed: int) -> dict:
    """One instance: what was claimed and what the reference says; an error of the package counts as refused."""
    try:
        return claim_and_truth(seed)
    except rx.RelucvxError as error:
        return {"seed": seed, "outcome": "refused", "why": str(error)}


def claim_and_truth(seed: int) -> dict:
    """As :func:`attack`."""
    case = draw(seed)
    rng, d, c = case["rng"], case["X"].shape[1], case["Y"].shape[1]
    slopes = ACTIVATIONS[case["activation"]]
    options = {"loss": case["loss"], "bias": case["bias"], "activation": slopes, "sample_weight": case["w"]}
    mode = rng.choice(["solve", "random", "descended", "given dual"], p=[0.1, 0.15, 0.25, 0.5])
    top = level(case)
    if mode == "solve":
        top = rx.beta_max(case["X"], case["Y"], time_limit=5, **options)[1]
    case["beta"] = max(top, 1e-30) * float(10.0 ** rng.uniform(-3, 0.2))
    options["beta"] = case["beta"]
    networks = reference(case, 2)
    if mode == "solve":
        solution = rx.solve(case["X"], case["Y"], time_limit=10, **options)
        net, certificate = solution.network, solution.certificate
    else:
        W, V, b_in, b_out = networks[0]
        if mode == "random":
            m = int(rng.integers(0, 5))
            W, V, b_in = rng.standard_normal((m, d)), rng.standard_normal((m, c)), rng.standard_normal(m)
        net = rx.TwoLayerReLU(
            W, V, b_in if case["bias"] != "none" else None, b_out if case["bias"] in ("all", "free") else None, slopes
        )
        dual = None
        if mode == "given dual":
            dual = -case["w"][:, None] * slopes_of(
                case["loss"], net.predict(case["X"]).reshape(len(case["Y"]), c), case["Y"]
            )
        certificate = rx.certify(net, case["X"], case["Y"], time_limit=5, dual=dual, **options)
    own = (
        net.weights_in, net.weights_out,
        np.zeros(net.width) if net.bias_in is None else net.bias_in, np.zeros(c) if net.bias_out is None else net.bias_out,
    )  # fmt: skip
    value = literal_objective(case, *own)
    least = min([value, *(literal_objective(case, *network) for network in networks)])
    # what 80 bits can hide of numbers as large as the targets
    noise = L(1e-17) * (abs(value) + (case["w"][:, None] * np.abs(case["Y"]) ** 2).sum() * L(1e-2))
    wrong = []
    if certificate.lower > least + noise:
        wrong.append("bound")
    if certificate.upper < value - noise or (value - least) - noise > certificate.gap:
        wrong.append("gap")
    if not certificate.lower <= certificate.upper or certificate.rel_gap < 0:
        wrong.append("order")
    return {
        "seed": seed, "outcome": " ".join(wrong) or "sound", "mode": mode, "rel_gap": float(certificate.rel_gap),
        "loss": case["loss"], "bias": case["bias"], "activation": case["activation"],
        "claim": (float(certificate.lower), float(certificate.upper)), "truth": (float(least), float(value)),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    from joblib import Parallel, delayed

    began = time.perf_counter()
    seeds = range(options.first, options.first + options.count)
    outcomes: Counter[str] = Counter()
    closed: Counter[str] = Counter()
    for found in Parallel(n_jobs=options.jobs, return_as="generator_unordered", batch_size=8)(
        delayed(attack)(seed) for seed in seeds
    ):
        outcomes[found["outcome"]] += 1
        if found["outcome"] != "sound":
            print(found, flush=True)
        if found.get("mode") == "solve":
            closed["solved"] += 1
            closed["to 1e-6"] += found["rel_gap"] <= 1e-6
    print(f"{options.count} instances in {time.perf_counter() - began:.0f} s: {dict(outcomes)}; {dict(closed)}")
    raise SystemExit(any(outcome not in ("sound", "refused") for outcome in outcomes))


if __name__ == "__main__":
    main()
