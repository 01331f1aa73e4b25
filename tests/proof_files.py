"""Problems for exact proofs, proof files taken apart and put together again, and what a proof is compared with."""

import hashlib
import json

import numpy as np

import relucvx as rx


def degenerate(rng, n, d):
    """Rows that make cells degenerate: small whole numbers, equal, opposite, collinear and zero rows, short ranks."""
    X = rng.integers(-2, 3, size=(n, d)).astype(float)
    kind = rng.integers(4)
    if kind == 0:
        X[: n // 2] = X[-(n // 2) :]
    if kind == 1 and d > 1:
        X[:, -1] = X[:, 0]
    if kind == 2:
        X[: n // 3] = -2.0 * X[-(n // 3) :]
    if kind == 3:
        X[: max(1, n // 4)] = 0.0
    if not X.any():
        X[0, 0] = 1.0
    return X


def drawn(rng, kind="plain", most_samples=30, most_features=4):
    """A problem whose optimum is not zero: any bias, activation, loss and weights."""
    n, d = int(rng.integers(6, most_samples + 1)), int(rng.integers(1, most_features + 1))
    bias = str(rng.choice(["none", "hidden", "all", "free"]))
    if d == most_features:
        bias = "none"
    c = 2 if kind == "two outputs" else 1
    X = degenerate(rng, n, d) if kind == "degenerate" else rng.normal(size=(n, d))
    loss = str(rng.choice(["squared", "squared", "huber", "hinge", "squared_hinge"]))
    Y = np.sign(rng.normal(size=(n, c))) if "hinge" in loss else rng.normal(size=(n, c))
    activation = [(0.0, 1.0), (0.0, 1.0), (0.25, 1.0), (-1.0, 1.0)][int(rng.integers(4))]
    weights = rng.choice([0.5, 1.0, 2.0], size=n) if rng.random() < 0.3 else None
    options = {"loss": loss, "bias": bias, "activation": activation, "sample_weight": weights}
    low, _ = rx.beta_max(X, Y, **options)
    return rx.make_problem(X, Y, max(float(rng.uniform(0.1, 0.5)) * low, 1e-3), **options)


def records(text):
    """The records of a proof file, parsed."""
    return [json.loads(line.rstrip(","))[1] for line in text.split("\n")[1:-2]]


def forged(parts):
    """A proof file of these records, with the digits that belong to them."""
    running, lines = hashlib.sha256(), []
    for part in parts:
        content = json.dumps(part, separators=(",", ":"))
        running.update(content.encode())
        lines.append(f'["{running.hexdigest()[:8]}", {content}]')
    return "[\n" + ",\n".join(lines) + "\n]\n"
