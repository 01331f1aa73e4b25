"""Proof that a cap of directions holds at most one on which the dual constraint is active, for any number of outputs.

Let F(w) = ||N*ᵀ phi(Xw)|| <= beta ||w|| for all w, with N* within delta of a known N. At an active w, with output vector
v = N*ᵀ phi(Xw)/beta, the pair is a maximiser of v·N*ᵀ phi(Xw) over unit vectors: with gates g_i in [0, 1] (1 where
z_i = x_i·w > 0, 0 where z_i < 0) and pulls p_i = v·M_i

    beta w = Lv + Σ_i g_i p_i x_i,     beta v = Lᵀw + Σ_i M_i relu(z_i),

provided that no wall through w has a positive pull. Two active pairs of one cap are subtracted from each other. Walls that do
not cross the cap have a fixed gate. Those that do must have a negative pull all over it, and are of two kinds: *stiff* ones,
whose gate is strictly between 0 and 1 for every active direction of the cap, which therefore lies on them, and *loose* ones.
As pulls are negative and gates grow with z, Σ p_i Δg_i Δz_i <= 0 can be dropped, and

    beta (||Δw||² + ||Δv||²) <= 2 Δv·A Δw,   A = Lᵀ + Σ_fixed M_i x_iᵀ + Σ_loose γ_i M_i x_iᵀ,   γ in [0, 1],

where Δw lies on the stiff walls, and is orthogonal to the sum of the two directions, as Δv is to that of the two outputs.
Where A is shorter than beta on such vectors, whatever γ, both differences vanish: that is the gap between the two largest
singular values of F on the face of its cell. The same inequality between an active pair and the known direction bounds
the distance between the two.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relucvx.later import later
from relucvx.oracle.form import Form
from relucvx.types import Array, BoolArray

optimize = later("scipy.optimize")

Indices = NDArray[np.intp]

WIDTHS = (
    0.3, 0.2, 0.14, 0.1, 0.07, 0.05, 0.035, 0.025, 0.017, 0.012, 0.008, 0.005, 0.003, 0.002, 0.001, 5e-4, 2e-4, 1e-4,
)  # fmt: skip
"""Tangents of half angles tried, the widest first: the wider the cap, the cheaper is the proof outside of it."""

ON_WALL = 1e-12
"""A direction this close to a wall, relative to ||x_i||, lies on it; where the proof needs that, it is put there."""

NEAR_WALLS = (1e-11, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
"""Distances up to which walls are tried as those that a maximum lies on."""

COLLINEAR = 1e-14
"""Rows whose unit vectors differ by less are on one wall; the difference is counted as rounding."""

VERTICES = 6
"""Loose walls whose gates are tried in all combinations; of more than that the size is added up."""

STRICT = 1e-6
"""Share of beta by which what is shown to be below it must be."""

GROWTH = 1.15
"""By which each shell is wider than the one inside it: what it asks grows with its width."""

SHELL = 1e-10
"""Share of beta by which F of N* is shown to stay below it near a maximum."""

SIMPLE = 1e-6
"""Relative distance of the two largest singular values below which a maximum is taken as one of many."""


@dataclass(frozen=True)
class Kinks:
    """A form with one row for each wall, a free bias in units of its range, and by how much the optimal one may differ.

    ``value`` bounds the change of Nᵀ phi(Xw), and of Nᵀ D Xw with any gates, on unit directions, rounding included, which is
    ``slack`` by itself; ``pull`` (k,) that of each row of ``M``.
    """

    X: Array
    M: Array
    L: Array
    penalized: int
    unit: Array
    pull: Array
    value: float
    slack: float
    beta: float

    @classmethod
    def of(cls, form: Form, beta: float, hinge: float, steepest: float, delta: float) -> Kinks:
        """Rows on one wall together: ``s relu(-t) = s relu(t) - s t``."""
        unit = np.ones(form.X.shape[1])
        unit[form.penalized :] = max(form.bias_range, 1e-300)
        X, L = form.X * unit, form.L * unit[:, None]
        length = np.linalg.norm(X, axis=1)
        moved = np.broadcast_to(abs(hinge) * delta * np.asarray(form.pull), len(X))
        # what differs from collinear by rounding counts as a change of F
        slack = form.rounding(64) + 4.0 * COLLINEAR * form.scale
        value = steepest * delta * form.reach + slack
        alive = np.flatnonzero(length > 0)
        E = X[alive] / length[alive, None]
        lead = E[np.arange(len(E)), np.abs(E).argmax(axis=1)] if len(E) else np.zeros(0)
        side = np.sign(lead)
        first, group = _groups(E * side[:, None])
        M, pull = np.zeros((len(first), form.M.shape[1])), np.zeros(len(first))
        np.add.at(M, group, length[alive, None] * form.M[alive])
        np.add.at(pull, group, length[alive] * moved[alive])
        flipped = side < 0
        L = L + X[alive][flipped].T @ form.M[alive][flipped]
        # a wall on which nothing bends, whatever N* is, is none
        bends = (np.linalg.norm(M, axis=1) > 0.0) | (pull > 0.0)
        rows = (E * side[:, None])[first][bends]
        return cls(rows, M[bends], L, form.penalized, unit, pull[bends], value, slack, beta)

    def reduced(self, u: Array) -> Array:
        """A direction in the coordinates of the form."""
        return np.asarray(u * self.unit)

    def scaled(self, w: Array) -> Array:
        """A direction of the form in these coordinates, of unit penalised length."""
        u = w / self.unit
        return np.asarray(u / max(float(np.linalg.norm(u[: self.penalized])), 1e-300))

    def output(self, u: Array) -> Array:
        """Nᵀ phi(Xu)."""
        return np.asarray(self.L.T @ u + self.M.T @ np.maximum(self.X @ u, 0.0))

    def map(self, gates: Array) -> Array:
        """The linear map (c, q) with these gates."""
        return np.asarray(self.L.T + (self.M * gates[:, None]).T @ self.X)

    def across(self, A: Array, u: Array) -> Array:
        """Rows of A (k, q) without their part along u in the penalised coordinates."""
        p = self.penalized
        out = A.copy()
        out[:, :p] -= np.outer(A[:, :p] @ u[:p], u[:p])
        return out

    def face(self, walls: Indices) -> Array | None:
        """Basis (q, m) of the directions on given walls, orthonormal in the penalised coordinates; None if it has none."""
        T, q = self.X[walls], self.X.shape[1]
        Z = np.eye(q)
        if len(T):
            _, s, Vt = np.linalg.svd(T)
            Z = Vt[int((s > 1e-9).sum()) :].T
        values, vectors = np.linalg.eigh(Z[: self.penalized].T @ Z[: self.penalized])
        # a free bias that nothing fixes has no length
        if not len(values) or values[0] < 1e-6:
            return None
        return np.asarray(Z @ vectors / np.sqrt(values))


@dataclass(frozen=True)
class Cap:
    """A cap with at most one active direction.

    ``centre`` is reduced, ``width`` the tangent of the half angle, ``gap`` the share of beta by which A is shorter than it
    on the differences of active pairs, ``within`` the largest distance of an active pair (unit direction, unit output)
    from that of the centre.
    """

    centre: Array
    width: float
    gap: float
    within: float


def _groups(E: Array) -> tuple[Indices, Indices]:
    """First row of each group of rows that are one but for rounding, and the group of each row."""
    first: list[int] = []
    group = np.zeros(len(E), dtype=np.intp)
    for i, e in enumerate(E):
        apart = np.abs(E[first] - e).max(axis=1) if first else np.zeros(0)
        if len(apart) and apart.min() <= COLLINEAR:
            group[i] = int(apart.argmin())
        else:
            group[i] = len(first)
            first.append(i)
    return np.array(first, dtype=np.intp), group


# ---------------------------------------------------------------------- a maximum to all digits
def polish(kinks: Kinks, u: Array) -> tuple[Array, bool]:
    """The maximum next to a direction, to rounding; and whether it is a simple one on the face of its cell.

    On the walls that a maximum lies on F is linear and its maximum a singular vector; which walls those are is tried.
    """
    best, best_off, simple = u, np.inf, False
    for near in NEAR_WALLS:
        point, good = u, False
        for _ in range(3):
            step = _on_face(kinks, point, near)
            if step is None:
                good = False
                break
            point, good = step, True
        if not good or float(np.linalg.norm(point - u)) > 0.1:
            continue
        off = float(np.linalg.norm(_residual(kinks, point)[0]))
        if off < 0.5 * best_off:
            best, best_off, simple = point, off, True
    return best, simple


def _on_face(kinks: Kinks, u: Array, near: float) -> Array | None:
    z = kinks.X @ u
    v = kinks.output(u)
    walls = np.flatnonzero((np.abs(z) <= near) & (kinks.M @ v < 0))
    Z = kinks.face(walls)
    if Z is None:
        return None
    gates = (z > 0).astype(float)
    gates[walls] = 0.0
    _, s, Vt = np.linalg.svd(kinks.map(gates) @ Z)
    if len(s) > 1 and s[0] - s[1] <= SIMPLE * s[0]:
        return None
    point = Z @ Vt[0]
    along = float(point[: kinks.penalized] @ u[: kinks.penalized])
    return np.asarray(point * np.sign(along)) if along != 0.0 else None


def _residual(kinks: Kinks, u: Array) -> tuple[Array, Array]:
    """``F u - Lv - Σ g_i p_i x_i`` with the best gates of the walls through u, and the gates."""
    z, y = kinks.X @ u, kinks.output(u)
    value = max(float(np.linalg.norm(y)), 1e-300)
    pulls = kinks.M @ (y / value)
    gates = (z > 0).astype(float)
    walls = np.flatnonzero(np.abs(z) <= ON_WALL)
    gates[walls] = 0.0
    rest = -(kinks.L @ (y / value) + kinks.X.T @ (gates * pulls))
    rest[: kinks.penalized] += value * u[: kinks.penalized]
    if len(walls):
        columns = (kinks.X[walls] * pulls[walls, None]).T
        gates[walls] = np.clip(optimize.lsq_linear(columns, rest, (0.0, 1.0), method="bvls", tol=1e-14).x, 0.0, 1.0)
        rest = rest - columns @ gates[walls]
    return rest, gates


# ---------------------------------------------------------------------- the proof
def isolate(kinks: Kinks, u: Array) -> Cap | None:
    """The widest cap around u that is proven to hold at most one active direction; None where no cap tried is.

    Notes
    -----
    Status: theorem (see the module), certified numerically. Source: [relucvx]
    """
    for width in WIDTHS:
        cap = isolate_within(kinks, u, width)
        if cap is not None:
            return cap
    return None


def shells(kinks: Kinks, u: Array, width: float) -> list[tuple[float, float]]:
    """Wider caps around u, and what F of the known N must stay below there for that of N* to stay below beta.

    Let D = (N* - N)ᵀ phi(Xu). As F of N* at u is at most beta, v̂·D is at most ``a = beta - F(u)``; and ||D|| <= value. For a
    unit w of the cap, y = Nᵀ phi(Xw) has at most ``sideways`` across v̂, and with F(w) = ||y|| <= level

        ||N*ᵀ phi(Xw)|| <= sqrt(level² + 2 a level + 2 sideways·value + value²) + value ||w - u||.

    Near u that asks for much less than staying below beta by ``value``.
    """
    a = max(kinks.beta - float(np.linalg.norm(kinks.output(u))), 0.0) + kinks.slack
    found = []
    for wider in width * GROWTH ** np.arange(1, int(np.log(max(WIDTHS[0] / width, 1.0)) / np.log(GROWTH)) + 1):
        sideways = _around(kinks, u, wider).sideways
        rest = kinks.beta * (1.0 - SHELL) - kinks.value * wider * (1.0 + wider)
        square = a**2 + rest**2 - kinks.value * (2.0 * sideways + kinks.value)
        if np.isfinite(sideways) and square > 0.0:
            found.append((float(wider), float(np.sqrt(square)) - a))
    return found


def isolate_within(kinks: Kinks, u: Array, width: float) -> Cap | None:
    """The cap of this width around u, if it is proven to hold at most one active direction."""
    around = _around(kinks, u, width)
    crossing, on, spread = around.crossing, around.on, around.spread
    pulls = kinks.M[crossing] @ _unit(kinks.output(u))
    drift = np.linalg.norm(kinks.M[crossing], axis=1) * spread + kinks.pull[crossing]
    # a wall that bends up could part the cap into two, each with a maximum of its own
    if not spread < 1.0 or (pulls + drift >= 0.0).any():
        return None
    A = kinks.map(on.astype(float))
    stiff = _stiff(kinks, u, A, crossing, pulls, drift, width, spread)
    Z = kinks.face(crossing[stiff])
    if Z is None:
        return None
    length = _longest(kinks, u, A, Z, crossing[~stiff], width, spread)
    if not length < kinks.beta * (1.0 - STRICT):
        return None
    value = float(np.linalg.norm(kinks.output(u)))
    away, _ = _residual(kinks, u)
    # of what is left only the part along the stiff walls moves an active pair; N* adds its own
    off = float(np.linalg.norm(Z.T @ away)) + abs(kinks.beta - value) + kinks.value
    within = float(np.hypot(off, abs(kinks.beta - value) + kinks.value)) / (kinks.beta - length)
    return Cap(kinks.reduced(u), width, 1.0 - length / kinks.beta, within)


def _unit(y: Array) -> Array:
    return np.asarray(y / max(float(np.linalg.norm(y)), 1e-300))


@dataclass(frozen=True)
class _Around:
    """Walls that cross a cap, samples that are on all over it, and how far outputs reach.

    ``sideways`` bounds the part of Nᵀphi(Xw) across v̂, w of unit length in the cap, ``spread`` the distance of the unit output
    of an active pair from v̂; both infinite where the part along v̂ could vanish.
    """

    crossing: Indices
    on: BoolArray
    sideways: float
    spread: float


def _around(kinks: Kinks, u: Array, width: float) -> _Around:
    z, y = kinks.X @ u, kinks.output(u)
    value, v = float(np.linalg.norm(y)), _unit(y)
    reach = np.linalg.norm(kinks.across(kinks.X, u), axis=1) * width
    cross = np.abs(z) <= reach * (1.0 + 1e-9) + ON_WALL
    on = (z > 0) & ~cross
    crossing = np.flatnonzero(cross)
    # w = s (u + h) with s <= 1: the output moves by what h adds through the map and through the walls
    A = kinks.across(kinks.map(on.astype(float)), u)
    M, pulls = kinks.M[crossing], kinks.M[crossing] @ v
    sideways = float(np.linalg.norm(A - np.outer(v, v @ A), 2)) * width
    sideways += float(np.linalg.norm(M - np.outer(pulls, v), axis=1) @ reach[crossing])
    along = float(np.linalg.norm(v @ A)) * width + float(np.abs(pulls) @ reach[crossing])
    # an active pair has beta v = N*ᵀphi(Xw), which the change of N moves once more
    sine = (sideways + kinks.value) / kinks.beta
    if not ((value - along) / np.sqrt(1.0 + width**2) > kinks.value and sine < 0.9):
        return _Around(crossing, on, np.inf, np.inf)
    return _Around(crossing, on, sideways, sine * float(np.sqrt(2.0 / (1.0 + np.sqrt(1.0 - sine**2)))))


def _stiff(
    kinks: Kinks, u: Array, A: Array, crossing: Indices, pulls: Array, drift: Array, width: float, spread: float
) -> BoolArray:
    """Which of the crossing walls every active direction of the cap lies on: those whose gate is never at an end.

    With t_j dual to the rows of the stiff walls, ``g_j p_j = (beta w - Lv - Σ_others g_i p_i x_i)·t_j``.
    """
    p = kinks.penalized
    stiff = np.abs(kinks.X[crossing] @ u) <= ON_WALL
    start = np.zeros(len(u))
    start[:p] = kinks.beta * u[:p]
    start = start - A.T @ _unit(kinks.output(u))
    while stiff.any():
        T = kinks.X[crossing[stiff]]
        if np.linalg.svd(T, compute_uv=False)[min(T.shape) - 1] < 1e-3 or len(T) > len(u) - 1:
            return np.zeros(len(crossing), dtype=bool)
        t = np.linalg.pinv(T)
        error = kinks.beta * width * np.linalg.norm(t[:p], axis=0) + spread * np.linalg.norm(A @ t, axis=0)
        error += kinks.value * np.maximum(np.linalg.norm(t[:p], axis=0), np.abs(t[p:]).sum(axis=0))
        # a loose wall has any gate, and a pull between 0 and the largest
        others = (kinks.X[crossing[~stiff]] @ t) * (pulls - drift)[~stiff, None]
        low, high = np.minimum(others, 0.0).sum(axis=0), np.maximum(others, 0.0).sum(axis=0)
        middle = start @ t
        holds = (middle + error - low < 0.0) & (middle - error - high > (pulls + drift)[stiff])
        if holds.all():
            break
        stiff[np.flatnonzero(stiff)[~holds]] = False
    return stiff


def _longest(kinks: Kinks, u: Array, A: Array, Z: Array, loose: Indices, width: float, spread: float) -> float:
    """Upper bound of y·A x over unit x, y for the differences of active pairs: x on the face, both across their sums.

    The sums are within ``width`` of u and ``spread`` of v̂, so that x and y have at most as much along them.
    """
    p, v = kinks.penalized, _unit(kinks.output(u))
    e = Z[:p].T @ u[:p]
    size = np.linalg.norm(kinks.M[loose], axis=1) * np.linalg.norm(kinks.X[loose] @ Z, axis=1)
    order = np.argsort(-size)
    tried, rest = loose[order[:VERTICES]], loose[order[VERTICES:]]
    # the bound is convex in the gates: vertices suffice; of the rest each may add half of its size to the middle
    middle = A + 0.5 * kinks.M[rest].T @ kinks.X[rest]
    longest = 0.0
    for gates in itertools.product((0.0, 1.0), repeat=len(tried)):
        B = (middle + (kinks.M[tried] * np.array(gates)[:, None]).T @ kinks.X[tried]) @ Z
        right, below = B @ e, v @ B
        core = B - np.outer(right, e) - np.outer(v, below) + np.outer(v, e) * float(v @ right)
        bound = float(np.linalg.norm(core, 2)) + spread * float(np.linalg.norm(below - (below @ e) * e))
        bound += width * float(np.linalg.norm(right - (v @ right) * v)) + spread * width * abs(float(v @ right))
        longest = max(longest, bound)
    return longest + 0.5 * float(size[order[VERTICES:]].sum()) + kinks.value
