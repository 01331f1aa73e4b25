"""Claims about linear regions along lines and on planes: against forward passes, Euler's formula and a plain splitter."""

from __future__ import annotations

import itertools

import numpy as np

from relucvx.metrics import input_map, line_regions, slice_regions
from relucvx.theory.chapters.shapes import deep, forward, layers, network
from relucvx.theory.definition import Assumption, Claim, Deviation, Instance, Predicted, at_most, close
from relucvx.types import Array

POINTS = 1500
"""Points at which a network is evaluated along a line."""


# ---------------------------------------------------------------------- lines
def _draw_line(rng: np.random.Generator, size: int) -> Instance:
    d, depth = 1 + int(rng.integers(0, 3)), 1 + int(rng.integers(0, min(size, 3)))
    start, end = 3.0 * rng.standard_normal((2, d))
    return {**deep(rng, [d, *[4] * depth, 1]), "start": start, "end": end}


def _predict_line(instance: Instance) -> Predicted:
    """Codes and outputs at many points of the segment."""
    t = np.linspace(0.0, 1.0, POINTS)[:, None]
    codes, outputs = forward(instance, (1 - t) * instance["start"] + t * instance["end"])
    return {"codes": codes, "outputs": outputs[:, 0]}


def _measure_line(instance: Instance, predicted: Predicted) -> list[Deviation]:
    found = line_regions(network(instance), instance["start"], instance["end"])
    t = np.linspace(0.0, 1.0, POINTS)
    # within rounding of a breakpoint either code is right
    far = np.abs(t[:, None] - found.breakpoints).min(axis=1, initial=1.0) > 1e-9
    here = np.searchsorted(found.breakpoints, t)
    wrong = (found.codes[here] != predicted["codes"]).any(axis=1) & far
    cuts = np.concatenate([[0.0], found.breakpoints, [1.0]])
    _, knots = forward(instance, (1 - cuts[:, None]) * instance["start"] + cuts[:, None] * instance["end"])
    size = 1.0 + float(np.abs(knots).max())
    return [
        Deviation("points whose code is another piece's", float(wrong.mean()), 1e-12),
        close("outputs, straight between breakpoints", np.interp(t, cuts, knots[:, 0]), predicted["outputs"], 1e-9,
              size * np.sqrt(POINTS)),
        # a breakpoint at which the code stays the same is none
        Deviation("neighbouring pieces of one code", float((found.codes[1:] == found.codes[:-1]).all(axis=1).sum()), 0.5),
    ]  # fmt: skip


# ---------------------------------------------------------------------- planes
def _draw_slice(rng: np.random.Generator, size: int) -> Instance:
    depth = 1 + int(rng.integers(0, 2))
    corners = np.array([[-2.0, -2.0], [2.5, -1.5], [2.0, 2.0], [-1.5, 2.5]]) + 0.3 * rng.standard_normal((4, 2))
    return {**deep(rng, [2, *[3 + size] * depth, 2]), "polygon": corners}


def _halves(corners: Array, values: Array) -> list[Array]:
    """The two parts of a convex polygon on either side of a line, or the polygon itself."""
    if values.min() >= 0 or values.max() <= 0:
        return [corners]
    sides: tuple[list[Array], list[Array]] = ([], [])
    for i in range(len(corners)):
        a, b, p, q = corners[i], corners[i - 1], values[i], values[i - 1]
        # only a side whose ends lie strictly on both sides is cut; a corner on the line belongs to both parts
        if p * q < 0:
            cut = a + p / (p - q) * (b - a)
            sides[0].append(cut)
            sides[1].append(cut)
        if p >= 0:
            sides[0].append(a)
        if p <= 0:
            sides[1].append(a)
    return [np.array(side) for side in sides]


def _area(corners: Array) -> float:
    x, y = corners.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _perimeter(corners: Array) -> float:
    return float(np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1).sum())


def _eccentricity(corners: Array) -> float:
    """From the second moments of the triangles between a corner and the other sides."""
    total, first, second = 0.0, np.zeros(2), np.zeros((2, 2))
    for a, b in itertools.pairwise(corners[1:]):
        triangle = np.array([corners[0], a, b])
        area, centre = _area(triangle), triangle.mean(axis=0)
        # second moments of a triangle about its centroid
        spread = (triangle - centre).T @ (triangle - centre) / 12
        total, first = total + area, first + area * centre
        # moved to the common origin, and at the end to the centroid of the whole
        second = second + area * (spread + np.outer(centre, centre))
    low, high = np.linalg.eigvalsh(second / total - np.outer(first, first) / total**2)
    return float(np.sqrt(max(1 - low / high, 0.0)))


def _split(instance: Instance) -> list[Array]:
    """Every neuron of every layer splits every polygon on which it changes sign."""
    pieces = [np.asarray(instance["polygon"])]
    hidden = layers(instance)[:-1]
    for k, (_, bias) in enumerate(hidden):
        for j in range(len(bias)):
            pieces = [half for piece in pieces for half in _halves(piece, _neuron(hidden[: k + 1], j, piece))]
    return pieces


def _neuron(hidden: list[tuple[Array, Array]], j: int, piece: Array) -> Array:
    """Preactivation at the corners of a piece on which the layers before are linear, their gates read at its middle."""
    A = piece
    for W, b in hidden[:-1]:
        A = (A @ W + b) * (A.mean(axis=0) @ W + b > 0)
    values: Array = A @ hidden[-1][0][:, j] + hidden[-1][1][j]
    return values


def _predict_slice(instance: Instance) -> Predicted:
    pieces = _split(instance)
    return {
        "number": len(pieces),
        "area": _area(np.asarray(instance["polygon"])),
        "areas": np.sort([_area(p) for p in pieces]),
        "perimeters": np.sort([_perimeter(p) for p in pieces]),
        "eccentricity": np.sort([_eccentricity(p) for p in pieces]),
        "Euler": 1,
    }


def _measure_slice(instance: Instance, predicted: Predicted) -> list[Deviation]:
    net = network(instance)
    found = slice_regions(net, instance["polygon"])
    area, outer = predicted["area"], _perimeter(np.asarray(instance["polygon"]))
    # regions are convex, so that the mean of the corners is inside
    centres = np.array([found.to_input(polygon.mean(axis=0)[None])[0] for polygon in found.polygons])
    codes, outputs = forward(instance, centres)
    # each region's map is tested inside that region, in coordinates of the plane
    flat = np.column_stack([np.ones(len(centres)), found.to_plane(centres)])
    by_map = np.array([row @ M for row, M in zip(flat, np.asarray(found.maps), strict=True)])
    # and once in coordinates of the input, by the map of its code
    W, b = input_map(net, found.codes[0])
    size = 1.0 + float(np.abs(outputs).max())
    # a subdivided polygon, without the outside, has V - E + F = 1: missing or doubled sides show
    euler = len(found.vertices) - len(found.edges) + len(found.polygons)
    out = [
        close("number of regions", found.n_regions, predicted["number"], 1e-12),
        close("sum of the areas", found.areas.sum(), area, 1e-10),
        close("vertices - edges + polygons", euler, predicted["Euler"], 1e-12),
        Deviation("codes at the middles of regions", float((codes != found.codes[found.region]).sum()), 0.5),
        close("outputs at the middles by the maps", by_map, outputs, 1e-9, size * np.sqrt(outputs.size)),
        close("output of the first region's map", centres[0] @ W + b, outputs[0], 1e-9, size),
        # inner sides are met from both regions, outer ones from one
        close("sides shared and outer", 2 * found.shared.sum() + outer, found.perimeters.sum(), 1e-9),
        *_boundary(instance, found),
    ]
    for name in ("areas", "perimeters", "eccentricity"):
        # sorted: both splitters list regions in an order of their own
        out.append(close(f"{name}, region by region", np.sort(getattr(found, name)), predicted[name], 1e-6))
    return out


def _boundary(instance: Instance, found: object) -> list[Deviation]:
    """On the decision boundary both outputs are the same; along the polygon's sides and a grid decisions change only there."""
    segments: Array = found.decision_boundary  # type: ignore[attr-defined]
    across = np.array([[0.0, 1.0]])
    if len(segments):
        _, F = forward(instance, segments.reshape(-1, 2))
        gap = float(np.abs(F[:, 0] - F[:, 1]).max()) / (1 + float(np.abs(F).max()))
    else:
        # without a boundary one decision must hold at every vertex, and so, outputs being linear in regions, everywhere
        _, F = forward(instance, found.vertices)  # type: ignore[attr-defined]
        gap = float(len(set((F[:, :1] < F @ across.T).ravel().tolist())) > 1)
    crossed = _crossings(instance, segments, np.asarray(instance["polygon"]))
    return [at_most("difference of the outputs on the decision boundary", gap, 0.0, 1e-8),
            Deviation("changes of decision between two points off the boundary", crossed, 0.5)]  # fmt: skip


def _crossings(instance: Instance, segments: Array, polygon: Array) -> float:
    """Lines from the first corner to points of the opposite sides: how many change decision without crossing a segment."""
    bad = 0
    for t in np.linspace(0.05, 0.95, 7):
        end = (1 - t) * polygon[1] + t * polygon[2]
        line = polygon[0] + np.linspace(0.0, 1.0, 200)[:, None] * (end - polygon[0])
        _, F = forward(instance, line)
        # sampled: two changes between neighbouring points are missed, so that only more changes than segments are wrong
        changes = int(np.count_nonzero(np.diff(F[:, 1] > F[:, 0])))
        met = sum(_meet(polygon[0], end, a, b) for a, b in segments)
        bad += changes > met
    return float(bad)


def _meet(a: Array, b: Array, c: Array, d: Array) -> bool:
    """Whether two segments meet."""
    M = np.column_stack([b - a, c - d])
    if abs(np.linalg.det(M)) < 1e-14:
        return False
    s = np.linalg.solve(M, c - a)
    return bool((s > -1e-9).all() and (s < 1 + 1e-9).all())


APART = Assumption(
    "the ends differ", lambda i: bool(np.any(i["start"] != i["end"])), lambda i, rng: {**i, "end": i["start"].copy()}
)
CONVEX = Assumption("a polygon with an area", lambda i: _area(np.asarray(i["polygon"])) > 1e-6)

CLAIMS = (
    Claim(
        "line-regions",
        "Along a segment a piecewise linear network has the code of its piece at every point and is straight between "
        "breakpoints; neighbouring pieces differ.",
        "lewandowski-2025",
        "theorem (checked at 1500 points)",
        draw=_draw_line,
        predict=_predict_line,
        measure=_measure_line,
        assumptions=(APART,),
        seconds=0.01,
    ),
    Claim(
        "slice-regions",
        "The regions of a slice tile the polygon (areas add up, V - E + F = 1), are those that splitting by every neuron in "
        "turn gives, measure by measure, and carry the right codes, affine maps and decision boundary.",
        "humayun-2023",
        "theorem",
        draw=_draw_slice,
        predict=_predict_slice,
        measure=_measure_slice,
        assumptions=(CONVEX,),
        seconds=0.05,
    ),
)
