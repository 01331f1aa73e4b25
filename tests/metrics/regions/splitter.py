"""Plain polygon-by-polygon splitting of a plane: in floats (the peers that benchmarks time), and in exact rationals."""

from fractions import Fraction

import numpy as np


def float_regions(hidden, polygon):
    """Polygons (k, 2) and codes of all regions: every layer splits every polygon by each of its neurons in turn.

    ``hidden`` is a list of (weight (in, out), bias (out,), slope_neg, slope_pos); the first layer takes (u, v).
    """
    pieces = [(np.asarray(polygon, float), np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), ())]
    for weight, bias, neg, pos in hidden:
        split = []
        for corners, M, code in pieces:
            N = M @ weight
            N[0] += bias
            parts = [corners]
            for j in range(N.shape[1]):
                parts = [half for part in parts for half in halves(part, N[0, j] + part @ N[1:, j])]
            for part in parts:
                values = N[0] + part @ N[1:]
                on = values.max(axis=0) > -values.min(axis=0)
                split.append((part, N * np.where(on, pos, neg), (*code, *on.tolist())))
        pieces = split
    return [corners for corners, _, _ in pieces], np.array([code for _, _, code in pieces], dtype=bool)


def halves(corners, values):
    """The parts of a convex polygon where a function, linear on it, is positive and negative; itself when only one."""
    if values.max() <= 0 or values.min() >= 0:
        return [corners]
    sides = ([], [])
    for a, b, p, q in zip(corners, np.roll(corners, -1, axis=0), values, np.roll(values, -1), strict=True):
        if p >= 0:
            sides[0].append(a)
        if p <= 0:
            sides[1].append(a)
        if (p > 0 > q) or (p < 0 < q):
            cut = a + p / (p - q) * (b - a)
            sides[0].append(cut)
            sides[1].append(cut)
    return [np.array(side) for side in sides]


def exact_regions(hidden, polygon):
    """The same in rationals: a list of (corners, code), nothing rounded."""
    start = [[Fraction(0), Fraction(0)], [Fraction(1), Fraction(0)], [Fraction(0), Fraction(1)]]
    pieces = [([tuple(map(Fraction, map(float, p))) for p in polygon], start, ())]
    for weight, bias, neg, pos in hidden:
        split = []
        for corners, M, code in pieces:
            N = composed(M, weight, bias)
            parts = [corners]
            for j in range(len(bias)):
                parts = [half for part in parts for half in exact_halves(part, [column(N, j, p) for p in part])]
            for part in parts:
                on = [any(column(N, j, p) > 0 for p in part) for j in range(len(bias))]
                gates = [Fraction(float(pos if o else neg)) for o in on]
                split.append((part, [[g * v for g, v in zip(gates, row, strict=True)] for row in N], (*code, *on)))
        pieces = split
    return [(corners, code) for corners, _, code in pieces]


def composed(M, weight, bias):
    """Rows constant, u and v of a map followed by an affine one."""
    weight = [[Fraction(float(w)) for w in row] for row in weight]
    out = [[sum((row[i] * weight[i][j] for i in range(len(row))), Fraction(0)) for j in range(len(bias))] for row in M]
    out[0] = [value + Fraction(float(b)) for value, b in zip(out[0], bias, strict=True)]
    return out


def column(N, j, p):
    """Entry j of a map at a point."""
    return N[0][j] + p[0] * N[1][j] + p[1] * N[2][j]


def exact_halves(corners, values):
    """:func:`halves` without rounding."""
    if max(values) <= 0 or min(values) >= 0:
        return [corners]
    over, under = [], []
    for i, (a, p) in enumerate(zip(corners, values, strict=True)):
        b, q = corners[(i + 1) % len(corners)], values[(i + 1) % len(corners)]
        over += [a] if p >= 0 else []
        under += [a] if p <= 0 else []
        if p * q < 0:
            t = p / (p - q)
            cut = tuple(x + t * (y - x) for x, y in zip(a, b, strict=True))
            over.append(cut)
            under.append(cut)
    return [over, under]


def exact_area(corners):
    """Area of a polygon in rationals."""
    following = [*corners[1:], corners[0]]
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(corners, following, strict=True))) / 2


def layers_of(net):
    """The hidden layers of a DeepNetwork as the splitters take them."""
    phi = net.activation
    biases = [None] * len(net.weights) if net.biases is None else net.biases
    return [
        (W, np.zeros(W.shape[1]) if b is None else b, phi.slope_neg, phi.slope_pos)
        for W, b in zip(net.weights[:-1], biases, strict=False)
    ]


def torch_regions(layers, origin, axes, corners, shape):
    """Polygons of torch layers that are affine or ReLUs, run on the corners of every polygon; 40 lines with the next."""
    import torch

    values = torch.from_numpy(origin + corners @ axes).reshape(-1, *shape)
    pieces = [(corners, values)]
    for layer in layers:
        sizes = [len(part) for part, _ in pieces]
        V = torch.cat([v for _, v in pieces])
        if isinstance(layer, torch.nn.ReLU):
            flat = np.split(V.reshape(len(V), -1).numpy(), np.cumsum(sizes)[:-1])
            split = [half for (part, _), v in zip(pieces, flat, strict=True) for half in valued_halves(part, v)]
            pieces = [(part, torch.from_numpy(np.maximum(v, 0)).reshape(-1, *V.shape[1:])) for part, v in split]
        else:
            V = torch.cat([layer(V[i : i + 256]) for i in range(0, len(V), 256)])
            pieces = [(part, v) for (part, _), v in zip(pieces, torch.split(V, sizes), strict=True)]
    return [part for part, _ in pieces]


def valued_halves(corners, values):
    """A polygon with values (k, neurons) at its corners, cut by every neuron that changes sign, values interpolated."""
    parts = [(corners, values)]
    for j in np.flatnonzero((values.max(axis=0) > 0) & (values.min(axis=0) < 0)):
        done = []
        for c, v in parts:
            x, y = v[:, j], np.roll(v[:, j], -1)
            if x.max() <= 0 or x.min() >= 0:
                done.append((c, v))
                continue
            cut = np.flatnonzero(x * y < 0)
            s = (x[cut] / (x[cut] - y[cut]))[:, None]
            new = [(1 - s) * a[cut] + s * np.roll(a, -1, axis=0)[cut] for a in (c, v)]
            new[1][:, j] = 0.0
            order = np.argsort(np.concatenate([np.arange(len(x)), cut + 0.5]), kind="stable")
            c, v = (np.concatenate([a, b])[order] for a, b in zip((c, v), new, strict=True))
            done += [(c[side], v[side]) for side in (v[:, j] >= 0, v[:, j] <= 0)]
        parts = done
    return parts
