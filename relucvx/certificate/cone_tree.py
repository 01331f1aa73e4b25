"""The tree of cones of an exact proof: grown in float64 with room to spare, every leaf checked in whole numbers.

What a leaf needs is found here with NumPy, for all open cones at a time; whether it holds is asked of the checker's own
functions (:mod:`relucvx.certificate.check_proof`). So nothing here can make a proof wrong: at worst none is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relucvx.certificate import check_proof as exact
from relucvx.deadline import Deadline
from relucvx.errors import ProofError, explain
from relucvx.oracle.least_norm import least_norm, passive_room
from relucvx.types import Array, BoolArray

RATIO_BITS = 32
"""A split on a wall misses it by 2^-32 of the edge: what is lost by it is far below the room that a dual point is given."""

MISSED = 1e-7
"""Rows that reach no further beyond their walls than this are left as they are: a split there would make slivers."""

SPARE = 2.0**-30
"""Share of beta by which bounds are raised before their numbers are rounded to whole ones."""

STEP, ROUNDS = 0.2, 20
"""How far lines move, as a share of the way that is left to a point on the cone's edge; how often."""

WALL_SHARE = 0.3
"""Share of what a bound loses at one wall from which on the cone is split there, and not in the middle of an edge."""

CHUNK = 2_000
"""Cones that are bounded at a time: between two looks at the clock, and as memory allows."""

NEWTON, LEAST = 24, 1e-9
"""Newton steps of the search for a positive semidefinite part, and its least eigenvalue, which rounding must not reach."""


@dataclass(eq=False, slots=True)
class Node:
    """A cone of the tree: its record is a leaf's, or that of the split into its two children."""

    cone: exact.Cone
    lines: Array
    record: list[Any] | None = None
    children: list[Node] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Floats:
    """The form of a dual point in float64: rows (n, D), bends (n, c), linear part (D, c), beta, decayed coordinates.

    ``step`` is what one unit of a leaf's vectors stands for.
    """

    rows: Array
    bends: Array
    linear: Array
    beta: float
    decayed: int
    step: float


def grow(
    form: exact.Form,
    floats: Floats,
    deadline: Deadline,
    max_cones: float,
    callback: Callable[[int, int], object] | None = None,
) -> list[list[Any]]:
    """Records of a tree of cones that proves the form, in the order in which the checker reads them.

    Raises
    ------
    ProofError
        When the tree takes more cones or more time than there are.
    """
    n, c = len(floats.rows), len(form.linear)
    if not form.axes:
        # no direction at all: F is zero
        nothing = [0] * form.decayed
        return [[[], nothing, nothing] if c == 1 else [[], []] for _ in exact.starts(form)]
    roots = [Node(start, np.full(n, 0.5)) for start in exact.starts(form)]
    waiting, made, done = list(roots), len(roots), 0
    bound = _bound_scalar if c == 1 else _bound_vector
    while waiting:
        # the youngest first: the front stays short, and the memory with it
        chunk, waiting = waiting[-CHUNK:], waiting[:-CHUNK]
        for node, halves in bound(form, floats, chunk):
            done += not halves
            made += len(halves)
            node.children = halves
            waiting += halves
        if callback is not None:
            callback(done, len(waiting))
        if made > max_cones or deadline.passed():
            raise ProofError(
                explain(
                    "a proof of " + (f"at most {max_cones:.0f} cones" if made > max_cones else "less time"),
                    f"{made} cones, {len(waiting)} of them open",
                    "many dimensions, or a dual point with too little room",
                    "room=1e-4",
                )
            )
    return [record for root in roots for record in _preorder(root)]


def _preorder(root: Node) -> Iterator[list[Any]]:
    stack = [root]
    while stack:
        node = stack.pop()
        assert node.record is not None
        yield node.record
        stack.extend(reversed(node.children))


# ------------------------------------------------------------------------------------------------ floats of cones
def directions(cones: list[exact.Cone], decayed: int) -> Array:
    """Generators (C, D, q) in float64, of unit norm in the decayed coordinates."""
    out = []
    for cone in cones:
        for g in cone.generators:
            # whole numbers of any length, divided as such, are rounded once
            top = 1 << max(map(abs, g)).bit_length()
            out.append([a / top for a in g])
    G = np.array(out).reshape(len(cones), -1, len(out[0]) if out else 0)
    return np.asarray(G / np.linalg.norm(G[:, :, :decayed], axis=2, keepdims=True))


def _halve(form: exact.Form, node: Node, G: Array, z: Array, wall: bool, k: int, l: int, lines: Array) -> list[Node]:
    """Split a node between generators k and l: where z, their products with a row, vanishes, or in the middle."""
    k, l = (k, l) if k < l else (l, k)
    share = float(z[l] / (z[l] - z[k])) if wall else 0.5
    # the checker scales generators by their largest entry, to [1/2, 1) up to a power of two
    a, b = share * _scale(node.cone.generators[k], G[k]), (1.0 - share) * _scale(node.cone.generators[l], G[l])
    if wall:
        bits = RATIO_BITS - int(np.frexp(max(a, b))[1])
        a, b = max(1, round(float(np.ldexp(a, bits)))), max(1, round(float(np.ldexp(b, bits))))
        shift = min((a & -a).bit_length(), (b & -b).bit_length()) - 1
        a, b = a >> shift, b >> shift
    else:
        a = b = 1
    node.record = [k, l, a, b]
    return [Node(cone, lines) for cone in exact.split(form, node.cone, k, l, a, b)]


def _scale(g: list[int], unit: Array) -> float:
    """How many unit generators g is, once the checker has scaled it."""
    at = int(np.abs(unit).argmax())
    return float(unit[at]) / (g[at] / (1 << max(map(abs, g)).bit_length()))


def _settled(Z: Array, lines: Array) -> Array:
    """Slopes (C, n) as the file can have them: 1 and 0 for rows with a sign on the cone, those given for the others."""
    lines = np.rint(lines * exact.ONE) / exact.ONE
    high, low = Z.max(axis=1), -Z.min(axis=1)
    return np.where(low <= MISSED * high, 1.0, np.where(high <= MISSED * low, 0.0, lines))


def _integers(lines: Array, mixed: list[int]) -> list[int]:
    return [int(t) for t in np.rint(lines[mixed] * exact.ONE)]


def _cut(form: exact.Form, node: Node, G: Array, Z: Array, lost: Array, weight: Array, lines: Array) -> list[Node]:
    """Split a cone where its bound loses: at the wall that costs most, or in the middle of the edge that crosses most."""
    heavy = int(np.where(_crossed(Z), lost, 0.0).argmax())
    if lost[heavy] > 0.0 and lost[heavy] >= WALL_SHARE * lost.sum() and _crossed(Z[:, [heavy]])[0]:
        return _halve(form, node, G, Z[:, heavy], True, int(Z[:, heavy].argmax()), int(Z[:, heavy].argmin()), lines)
    size = len(G)
    k, l = np.triu_indices(size, 1)
    crossing = np.where(Z[k] * Z[l] < 0.0, np.minimum(np.abs(Z[k]), np.abs(Z[l])), 0.0) @ weight
    if not crossing.any():
        crossing = np.linalg.norm(G[k] - G[l], axis=1)
    worst = int(crossing.argmax())
    return _halve(form, node, G, Z[:, 0], False, int(k[worst]), int(l[worst]), lines)


def _crossed(Z: Array) -> Array:
    """Rows whose walls cross the cone, and are not just where earlier splits missed them."""
    high, low = Z.max(axis=0), -Z.min(axis=0)
    return np.asarray(np.minimum(high, low) > MISSED * np.maximum(high, low))


# ------------------------------------------------------------------------------------------------ one output
def _bound_scalar(form: exact.Form, floats: Floats, nodes: list[Node]) -> Iterator[tuple[Node, list[Node]]]:
    """Leaves for the cones that have one, halves of the others."""
    G = directions([node.cone for node in nodes], floats.decayed)
    Z = G @ floats.rows.T
    best, vectors, points, lines = _best_majorants(floats, G, Z, _settled(Z, np.array([node.lines for node in nodes])))
    bend = floats.bends[:, 0]
    for at, node in enumerate(nodes):
        if best[at].max() <= floats.beta:
            up, down = (np.rint(v / floats.step).astype(np.int64).tolist() for v in vectors[at])
            mixed = _integers(lines[at], node.cone.mixed)
            if exact.scalar_leaf(form, node.cone, mixed, up, down):
                node.record = [mixed, up, down]
                yield node, []
                continue
        side = int(best[at].argmax())
        lost = _lost(G[at], Z[at], points[at, side], bend if side == 0 else -bend, lines[at], floats)
        yield node, _cut(form, node, G[at], Z[at], lost, np.abs(bend), lines[at])


def _best_majorants(floats: Floats, G: Array, Z: Array, lines: Array) -> tuple[Array, Array, Array, Array]:
    """The lengths (C, 2) of the least vectors found for either sign, these, where they are needed, and the lines for them.

    Where a vector is needed on one side of a wall, a steeper or flatter line makes it shorter: lines go there by and by.
    """
    bend = floats.bends[:, 0]
    best = np.full((len(G), 2), np.inf)
    vectors, points = np.zeros((len(G), 2, floats.decayed)), np.zeros((len(G), 2, G.shape[2]))
    kept, todo = lines.copy(), np.arange(len(G))
    for _ in range(ROUNDS):
        g, z = G[todo], Z[todo]
        reach = np.abs(z).max(axis=1)
        for side, signed in enumerate((bend, -bend)):
            # chords where the row bends up, lines where it bends down: a line counts for one sign alone
            lined = signed < 0.0
            b = g @ floats.linear[:, 0] * (1.0 - 2.0 * side) + np.maximum(z, 0.0) @ np.maximum(signed, 0.0)
            b += (z * lines[todo, None]) @ np.minimum(signed, 0.0)
            v, w = _majorants(g, floats.decayed, b + SPARE * floats.beta)
            size = np.linalg.norm(v, axis=1)
            better = size < best[todo, side]
            at = todo[better]
            best[at, side], vectors[at, side], points[at, side] = size[better], v[better], w[better]
            kept[np.ix_(at, lined)] = lines[np.ix_(at, lined)]
            along = (w @ floats.rows.T)[:, lined] / np.maximum(reach[:, lined], 1e-300)
            lines[np.ix_(todo, lined)] = np.clip(lines[np.ix_(todo, lined)] + STEP * along, 0.0, 1.0)
        lines = _settled(Z, lines)
        todo = todo[best[todo].max(axis=1) > floats.beta]
        if not len(todo):
            break
    return best, vectors, points, kept


def _lost(G: Array, Z: Array, w: Array, bend: Array, lines: Array, floats: Floats) -> Array:
    """What chords and lines lose at w, row by row."""
    alpha = np.linalg.lstsq(G.T, w, rcond=None)[0]
    z = floats.rows @ w
    above = np.maximum(Z, 0.0).T @ np.maximum(alpha, 0.0) - np.maximum(z, 0.0)
    below = np.maximum(z, 0.0) - lines * z
    return np.where(_crossed(Z), np.maximum(np.where(bend > 0.0, bend * above, -bend * below), 0.0), 0.0)


def _majorants(G: Array, p: int, b: Array) -> tuple[Array, Array]:
    """The least vectors v (C, p) with g_k·v >= b_k, and the directions (C, q) in the cones where they are needed."""
    size = G.shape[1]
    v, x = np.zeros((len(G), p)), np.zeros((len(G), size))
    room = passive_room(size, p)
    for at in range(len(G)):
        least_norm(G[at], p, b[at], x[at], v[at], room)
    return v, np.einsum("ck,ckq->cq", x, G)


# ------------------------------------------------------------------------------------------------ several outputs
def _bound_vector(form: exact.Form, floats: Floats, nodes: list[Node]) -> Iterator[tuple[Node, list[Node]]]:
    """As :func:`_bound_scalar`."""
    G = directions([node.cone for node in nodes], floats.decayed)
    Z = G @ floats.rows.T
    shares, lines, lost = _best_forms(floats, G, Z, _settled(Z, np.array([node.lines for node in nodes])))
    weight = np.linalg.norm(floats.bends, axis=1)
    for at, node in enumerate(nodes):
        if not np.isnan(shares[at]).any():
            record = [_integers(lines[at], node.cone.mixed), _integers(shares[at], list(range(shares.shape[1])))]
            if exact.vector_leaf(form, node.cone, *record):
                node.record = record
                yield node, []
                continue
        yield node, _cut(form, node, G[at], Z[at], lost[at], weight, lines[at])


def _best_forms(floats: Floats, G: Array, Z: Array, lines: Array) -> tuple[Array, Array, Array]:
    """Shares (C, pairs) of positive entries for the cones that are proven (NaN for others), lines, and what these lose."""
    norms, products = G[:, :, : floats.decayed], np.maximum(floats.bends @ floats.bends.T, 0.0)
    k, l = np.tril_indices(G.shape[1], -1)
    shares, lost = np.full((len(G), len(k)), np.nan), np.zeros((len(G), len(floats.rows)))
    kept, todo = lines.copy(), np.arange(len(G))
    for _ in range(ROUNDS):
        g, z, line = G[todo], Z[todo], lines[todo]
        K = g @ floats.linear + (z * line[:, None]) @ floats.bends
        above = np.maximum(z, 0.0) - line[:, None] * z
        pull = np.maximum(2.0 * K @ floats.bends.T + above @ products, 0.0)
        E = above @ pull.transpose(0, 2, 1)
        Q = floats.beta**2 * norms[todo] @ norms[todo].transpose(0, 2, 1) - K @ K.transpose(0, 2, 1)
        good, share, alpha = _copositive(Q - 0.5 * (E + E.transpose(0, 2, 1)))
        shares[todo[good]], kept[todo] = share[good][:, k, l], line
        lost[todo] = np.einsum("ckn,ck->cn", above, alpha) * np.einsum("ckn,ck->cn", pull, alpha)
        # as for one output: lines get steeper where the form is least on the side on which their rows are positive
        reach = np.abs(z).max(axis=1) * alpha.sum(axis=1)[:, None]
        along = np.einsum("ck,ckn->cn", alpha, z) / np.maximum(reach, 1e-300)
        lines[todo] = np.clip(line + STEP * along, 0.0, 1.0)
        lines = _settled(Z, lines)
        todo = todo[~good]
        if not len(todo):
            break
    return shares, kept, lost


def _copositive(Q: Array) -> tuple[BoolArray, Array, Array]:
    """Which matrices (C, D, D) are a positive semidefinite one plus nonnegative entries, the shares of these, and where not.

    The last are nonnegative vectors (C, D) along which Q is small.
    """
    diagonal = np.einsum("ckk->ck", Q)
    sound = (diagonal > 0.0).all(axis=1)
    scale = np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    A = Q / (scale[:, :, None] * scale[:, None, :])
    positive = np.where(np.eye(A.shape[1], dtype=bool), 0.0, np.maximum(A, 0.0))
    share, good = np.zeros_like(A), np.zeros(len(A), dtype=bool)
    alpha = np.where(sound[:, None], 0.0, diagonal <= 0.0)
    # nothing taken off, or all that is positive, decides most cones; for the others the best share is looked for
    for part in (0.0, 1.0, None):
        left = np.flatnonzero(sound & ~good)
        if not len(left):
            break
        shares = _best_shares(A[left], positive[left]) if part is None else np.full_like(A[left], part)
        values, vectors = np.linalg.eigh(A[left] - shares * positive[left])
        found = values[:, 0] > LEAST
        good[left[found]], share[left[found]] = True, shares[found]
        u = vectors[:, :, 0] * np.where(vectors[:, :, 0].sum(axis=1) >= 0.0, 1.0, -1.0)[:, None]
        alpha[left] = np.maximum(u, 0.0) / scale[left]
    return good, share, alpha


def _best_shares(A: Array, positive: Array) -> Array:
    """Shares (C, D, D) of the positive entries without which A has the largest least eigenvalue, by an interior method.

    Maximises t + mu (log det(A - N - t I) + Σ log N + Σ log(positive - N)) over t and N for falling mu.
    """
    size = A.shape[1]
    k, l = np.tril_indices(size, -1)
    free = positive[:, k, l] > LEAST
    room = np.where(free, positive[:, k, l], 1.0)
    N, eye = 0.5 * room, np.eye(size)

    def rest(N: Array) -> Array:
        S = A.copy()
        S[:, k, l] -= np.where(free, N, 0.0)
        S[:, l, k] = S[:, k, l]
        return S

    t = np.linalg.eigvalsh(rest(N))[:, 0] - 0.5
    mu, m = 0.3, len(k)
    for _ in range(NEWTON):
        T = np.linalg.inv(rest(N) - t[:, None, None] * eye)
        # derivatives of log det along -E_e for the pairs e, and along -I
        gradient, hessian = np.zeros((len(A), m + 1)), np.zeros((len(A), m + 1, m + 1))
        gradient[:, :m] = mu * (-2.0 * T[:, k, l] + 1.0 / N - 1.0 / (room - N))
        gradient[:, m] = 1.0 - mu * np.einsum("ckk->c", T)
        hessian[:, :m, :m] = 2.0 * (
            T[:, k[:, None], k] * T[:, l[:, None], l] + T[:, k[:, None], l] * T[:, l[:, None], k]
        )
        square = T @ T
        hessian[:, m, :m] = hessian[:, :m, m] = 2.0 * square[:, k, l]
        hessian[:, m, m] = np.einsum("ckk->c", square)
        at = np.arange(m)
        hessian[:, at, at] += 1.0 / N**2 + 1.0 / (room - N) ** 2
        fixed = ~free
        gradient[:, :m][fixed] = 0.0
        hessian[:, :m][fixed] = 0.0
        hessian[:, :, :m].transpose(0, 2, 1)[fixed] = 0.0
        hessian[:, at, at] += fixed
        step = np.linalg.solve(mu * hessian, gradient[:, :, None])[:, :, 0]
        # damped by the decrement, which keeps every logarithm defined
        length = np.sqrt(np.maximum(np.einsum("cm,cm->c", step, gradient) / mu, 0.0))
        damp = 1.0 / (1.0 + length)
        N, t = N + damp[:, None] * step[:, :m], t + damp * step[:, m]
        mu *= 0.5
    out = np.zeros_like(A)
    out[:, k, l] = out[:, l, k] = np.where(free, np.clip(N / room, 0.0, 1.0), 0.0)
    return out
