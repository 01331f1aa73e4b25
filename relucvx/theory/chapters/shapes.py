"""Claims about convexity of classes and about folding: path by path, point by point."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from relucvx.metrics import (
    class_folding,
    euclidean_convexity,
    folding,
    graph_convexity,
    hamming_convex,
    largest_folding,
    line_regions,
    space_folding,
)
from relucvx.network import DeepNetwork
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, agree, close
from relucvx.types import Array


# ---------------------------------------------------------------------- classes
def _draw_classes(rng: np.random.Generator, size: int) -> Instance:
    n, p = 8 + 3 * size, 2
    labels = rng.permutation(np.append(np.arange(n - 2) % 2, [0, 1]))
    Z = rng.standard_normal((n, p)) + labels[:, None] * rng.uniform(0.0, 2.0)
    return {
        "Z": Z, "labels": labels, "k": 1 + int(rng.integers(1, 4)),
        "weights": rng.standard_normal((p, 2)), "bias": 0.5 * rng.standard_normal(2),
    }  # fmt: skip


def _graph_score(Z: Array, labels: Array, k: int) -> list[float]:
    """Mean score of each class: Floyd-Warshall on the graph of k neighbours, with the vertex after each."""
    n = len(Z)
    D = np.array([[np.sqrt(((a - b) ** 2).sum()) for b in Z] for a in Z])
    length, after = np.full((n, n), np.inf), np.tile(np.arange(n), (n, 1))
    for i in range(n):
        near = [j for j in np.argsort(D[i]) if j != i][:k]
        # an edge where either is among the other's neighbours: distances are symmetric
        length[i, near] = length[near, i] = D[i, near]
    edge = np.isfinite(length)
    np.fill_diagonal(length, 0.0)
    # the vertex allowed on the way is the outermost loop, or paths of several vertices are missed
    for m, i, j in itertools.product(range(n), repeat=3):
        # only clear gains: of tied paths the one found first stays
        if length[i, m] + length[m, j] < length[i, j] - 1e-12:
            length[i, j], after[i, j] = length[i, m] + length[m, j], after[i, m]
    scores: dict[Any, list[float]] = {}
    for i, j in itertools.permutations(range(n), 2):
        if labels[i] != labels[j]:
            continue
        walk, at = [], i
        # vertices between the ends; the ends are of the class anyway
        while np.isfinite(length[i, j]) and (at := int(after[at, j])) != j:
            walk.append(labels[at] == labels[i])
        # neighbours have nothing between them and count as convex, unreachable ones as not at all
        value = 1.0 if edge[i, j] else 0.0 if not np.isfinite(length[i, j]) else float(np.mean(walk))
        scores.setdefault(labels[i], []).append(value)
    return [
        *(float(np.mean(scores[c])) for c in sorted(scores)),
        float(np.mean(list(itertools.chain(*scores.values())))),
    ]


def _segment_score(Z: Array, labels: Array, W: Array, b: Array, points: int) -> list[float]:
    """Mean share of points of the segments inside the class."""
    scores: dict[Any, list[float]] = {}
    for i, j in itertools.combinations(range(len(Z)), 2):
        if labels[i] == labels[j]:
            # inner points: the ends are data, whatever the head says of them
            t = np.arange(1, points + 1)[:, None] / (points + 1)
            decided = (((1 - t) * Z[i] + t * Z[j]) @ W + b).argmax(axis=1)
            scores.setdefault(labels[i], []).append(float(np.mean(decided == labels[i])))
    return [
        *(float(np.mean(scores[c])) for c in sorted(scores)),
        float(np.mean(list(itertools.chain(*scores.values())))),
    ]


DENSE = 4000
"""Points by which a length is sampled."""


def _predict_classes(instance: Instance) -> Predicted:
    Z, labels, W, b = (np.asarray(instance[k]) for k in ("Z", "labels", "weights", "bias"))
    return {
        "graph": np.array(_graph_score(Z, labels, int(instance["k"]))),
        "segments": np.array(_segment_score(Z, labels, W, b, 10)),
        "lengths": np.array(_segment_score(Z, labels, W, b, DENSE)),
    }


def _scores(found: Any) -> Array:
    return np.array([*(found.per_class[c] for c in sorted(found.per_class)), found.overall])


def _measure_classes(instance: Instance, predicted: Predicted) -> list[Deviation]:
    Z, labels, k = instance["Z"], instance["labels"], int(instance["k"])
    head = (instance["weights"], instance["bias"])
    return [
        close("graph convexity, path by path", _scores(graph_convexity(Z, labels, k)), predicted["graph"], 1e-12),
        # random distances have no ties, so that the mean over tied paths is the one path's value
        close("with shared ties", _scores(graph_convexity(Z, labels, k, ties="mean")), predicted["graph"], 1e-12),
        close("points of segments", _scores(euclidean_convexity(Z, labels, head)), predicted["segments"], 1e-12),
        # a share of points known to one in DENSE at each end of an interval
        close("lengths of segments", _scores(euclidean_convexity(Z, labels, head, method="exact")), predicted["lengths"],
              2.0 / DENSE, 1.0),
    ]  # fmt: skip


# ---------------------------------------------------------------------- codes
SETS = 12
"""Sets of codes, and walks, of one trial."""


def _draw_codes(rng: np.random.Generator, size: int) -> Instance:
    """Sets of codes among observable ones, as masks over all codes of N neurons; some are subcubes or lack one code."""
    N = 2 + int(rng.integers(0, 3))
    codes = np.array(list(itertools.product([False, True], repeat=N)))
    observable = rng.random((SETS, len(codes))) < 0.8
    observable[:, 0] = True
    chosen = observable & (rng.random((SETS, len(codes))) < rng.uniform(0.2, 0.9, (SETS, 1)))
    for k in range(0, SETS, 2):
        fixed = rng.random(N) < 0.5
        # a subcube is Hamming convex as long as all its codes are observable
        chosen[k] = (codes[:, fixed] == codes[int(rng.integers(len(codes))), fixed]).all(axis=1)
        # every other of them lacks one code, which is what a test of convexity easily overlooks
        chosen[k, int(rng.integers(len(codes)))] &= k % 4 == 0
        observable[k] |= chosen[k]
    chosen[~chosen.any(axis=1), 0] = True
    return {"codes": codes, "observable": observable, "chosen": chosen, "walks": rng.random((SETS, 4 + size, N)) < 0.5}


def _convex(chosen: Array, observable: Array) -> bool:
    """Whether every observable code z with d(a, z) + d(z, b) = d(a, b) for two of the set is of the set."""
    inside = {tuple(c) for c in chosen.tolist()}
    for a, b in itertools.product(chosen, repeat=2):
        for z in observable:
            if (a != z).sum() + (z != b).sum() == (a != b).sum() and tuple(z.tolist()) not in inside:
                return False
    return True


def _chi(codes: Array, symmetric: bool) -> float:
    """1 - r1/r2 of a walk, NaN without a step."""
    far = [int((c != codes[0]).sum()) for c in codes]
    if symmetric:
        far += [int((c != codes[-1]).sum()) for c in codes]
    length = sum(int((a != b).sum()) for a, b in itertools.pairwise(codes))
    return float("nan") if length == 0 else 1 - max(far) / length


def _sets(instance: Instance) -> list[tuple[Array, Array]]:
    """(codes of the set, observable codes) of every set."""
    codes = instance["codes"]
    return [(codes[c], codes[o]) for c, o in zip(instance["chosen"], instance["observable"], strict=True)]


def _predict_codes(instance: Instance) -> Predicted:
    return {
        "convex among the observable": np.array([float(_convex(*pair)) for pair in _sets(instance)]),
        "convex among all": np.array([float(_convex(c, instance["codes"])) for c, _ in _sets(instance)]),
        "folding": np.array([np.nan_to_num(_chi(walk, False), nan=-1.0) for walk in instance["walks"]]),
        "symmetric folding": np.array([np.nan_to_num(_chi(walk, True), nan=-1.0) for walk in instance["walks"]]),
    }


def _measure_codes(instance: Instance, predicted: Predicted) -> list[Deviation]:
    walks = {symmetric: [space_folding(w, symmetric).chi for w in instance["walks"]] for symmetric in (False, True)}
    found = {
        "convex among the observable": np.array([float(hamming_convex(*pair).convex) for pair in _sets(instance)]),
        "convex among all": np.array([float(hamming_convex(c).convex) for c, _ in _sets(instance)]),
        "folding": np.nan_to_num(walks[False], nan=-1.0),
        "symmetric folding": np.nan_to_num(walks[True], nan=-1.0),
    }
    return agree(found, predicted, 1e-12)


# ---------------------------------------------------------------------- folding between classes
def deep(rng: np.random.Generator, widths: list[int]) -> Instance:
    """Widths and parameters of a random deep network, weights and biases of one layer after the other."""
    return {
        "widths": np.array(widths),
        "parameters": rng.standard_normal(sum((a + 1) * b for a, b in itertools.pairwise(widths))),
    }


def layers(instance: Instance) -> list[tuple[Array, Array]]:
    """(weight (in, out), bias (out,)) of every layer."""
    out, flat, widths = [], np.asarray(instance["parameters"]), [int(w) for w in instance["widths"]]
    for a, b in itertools.pairwise(widths):
        out.append((flat[: a * b].reshape(a, b), flat[a * b : (a + 1) * b]))
        flat = flat[(a + 1) * b :]
    return out


def network(instance: Instance) -> DeepNetwork:
    """The network of an instance."""
    weights, biases = zip(*layers(instance), strict=True)
    return DeepNetwork(weights, biases)


def forward(instance: Instance, X: Array) -> tuple[Array, Array]:
    """Codes and outputs of the network at the rows of X, layer by layer."""
    H, codes = X, []
    *hidden, (weight, bias) = layers(instance)
    for W, b in hidden:
        A = H @ W + b
        codes.append(A > 0)
        H = np.where(A > 0, A, 0.0)
    return np.hstack(codes), H @ weight + bias


def _draw_folding(rng: np.random.Generator, size: int) -> Instance:
    d, n = 2, 3 + int(size > 1)
    labels = np.append(np.arange(n) % 2, [0, 1])
    return {**deep(rng, [d, 5, 5, 5, 1]), "X": 2.0 * rng.standard_normal((n + 2, d)), "labels": labels}


def _walks(instance: Instance) -> Array:
    """chi from every sample to every other, from codes at many points of the segment; NaN where the code never changes."""
    X, t = np.asarray(instance["X"]), np.linspace(0.0, 1.0, 301)[:, None]
    chi = np.full((len(X), len(X)), np.nan)
    # both directions: chi counts from its start
    for i, j in itertools.permutations(range(len(X)), 2):
        ends = line_regions(network(instance), X[i], X[j])
        cuts = np.concatenate([[0.0], ends.breakpoints, [1.0]])
        middle = (cuts[1:] + cuts[:-1])[:, None] / 2
        # a grid and the middle of every piece: pieces shorter than the grid's step have a point as well
        points = np.sort(np.concatenate([t, middle]), axis=0)
        codes, _ = forward(instance, (1 - points) * X[i] + points * X[j])
        chi[i, j] = _chi(codes, False)
    return chi


def _predict_folding(instance: Instance) -> Predicted:
    chi, labels = _walks(instance), np.asarray(instance["labels"])
    medians, shares = np.full((2, 2), -1.0), np.full((2, 2), -1.0)
    for a, b in itertools.product(range(2), repeat=2):
        block = chi[np.ix_(labels == a, labels == b)]
        if np.isfinite(block).any():
            shares[a, b] = float(np.mean(block[np.isfinite(block)] > 0))
        # the largest chi of each sample, over samples from which some walk changes its code
        best = [float(np.nanmax(row)) for row in block if np.isfinite(row).any()]
        # samples that fold nowhere are no part of the median; the share above tells how many there are
        best = [m for m in best if m > 0]
        medians[a, b] = float(np.median(best)) if best else -1.0
    return {
        "median of the maxima": medians,
        "share folded": shares,
        "largest": float(np.nanmax(chi)) if np.isfinite(chi).any() else -1.0,
        "one walk": float(np.nan_to_num(chi[0, 1], nan=-1.0)),
    }


def _measure_folding(instance: Instance, predicted: Predicted) -> list[Deviation]:
    net, X, labels = network(instance), instance["X"], instance["labels"]
    table = class_folding(net, X, labels, n_pairs=None)
    found = {
        "median of the maxima": np.nan_to_num(table.median, nan=-1.0),
        "share folded": np.nan_to_num(table.folded, nan=-1.0),
        "largest": float(np.nan_to_num(largest_folding(net, X).chi, nan=-1.0)),
        "one walk": float(np.nan_to_num(folding(net, X[0], X[1]).chi, nan=-1.0)),
    }
    return agree(found, predicted, 1e-12)


GENERAL = Assumption(
    "samples and distances that differ",
    lambda i: len(np.unique(np.asarray(i["Z"]), axis=0)) == len(i["Z"]) and np.bincount(i["labels"]).min() >= 2,
    lambda i, rng: {**i, "labels": np.append(np.zeros(len(i["labels"]) - 1, dtype=int), 1)},
)
OBSERVABLE = Assumption(
    "the codes of every set are observable, and there are some",
    lambda i: bool((i["observable"] | ~i["chosen"]).all() and i["chosen"].any(axis=1).all()),
)
CLASSES = Assumption("two samples in each of two classes", lambda i: np.bincount(i["labels"]).min() >= 2)

CLAIMS = (
    Claim(
        "class-convexity",
        "Graph convexity is the share of the interior of shortest paths, Euclidean convexity the share of segments, that stays "
        "in the class.",
        "tetkova-2025",
        "theorem (definitions)",
        draw=_draw_classes,
        predict=_predict_classes,
        measure=_measure_classes,
        assumptions=(GENERAL,),
        seconds=0.05,
    ),
    Claim(
        "codes-and-walks",
        "A set of codes is Hamming convex iff it holds every observable code on a shortest path; chi = 1 - r1/r2 of a walk.",
        "lewandowski-2025",
        "theorem (definitions)",
        draw=_draw_codes,
        predict=_predict_codes,
        measure=_measure_codes,
        assumptions=(OBSERVABLE,),
        seconds=0.005,
    ),
    Claim(
        "folding-of-classes",
        "Folding between classes is the median over starts of the largest non-zero chi over ends; the largest folding of a "
        "data set is that of all ordered pairs.",
        "lewandowski-2025",
        "theorem (definitions; the walks are sampled densely)",
        draw=_draw_folding,
        predict=_predict_folding,
        measure=_measure_folding,
        assumptions=(CLASSES,),
        seconds=0.1,
    ),
)
