"""Linear regions of the whole input space, of few dimensions, with the graph of their neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from relucvx.deadline import ruling
from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.regions.cells import cell_around
from relucvx.metrics.regions.merging import as_merge, joined, same_maps
from relucvx.network.layers import Kink, LayerList
from relucvx.network.reading import read_layers
from relucvx.types import Array, BoolArray, Result
from relucvx.validation import as_count

Indices = NDArray[np.intp]

ZERO = 1e-10
"""Share of the numbers that make up a value below which it counts as zero on a side of a region."""

MOST_DIMENSIONS = 6
"""Beyond these a region has more sides and corners than memory."""


@dataclass(frozen=True, repr=False)
class LinearRegions(Result):
    """Linear regions of the whole of R^d.

    Attributes
    ----------
    codes : ndarray of shape (n_regions, N), bool or whole numbers
        Code of each region, as in :class:`LineRegions`; where regions were merged, of one of its parts.
    layer : ndarray of shape (N,)
        Hidden layer of each neuron (column of ``codes``).
    points : ndarray of shape (n_regions, d)
        A point inside each.
    bounded : ndarray of shape (n_regions,), bool
    neighbours : ndarray of shape (A, 2)
        Pairs of regions with a common side, of d - 1 dimensions, the smaller index first.
    maps : ndarray of shape (n_regions, 1 + d, c)
        On region r the outputs are (1, x) @ maps[r].
    merge : {"code", "map"}
        What a region is: a set of constant code, or a largest connected one with a single affine map.

    Notes
    -----
    Status: a record of what :func:`linear_regions` finds, which states what it rests on. Source: [montufar-2014].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.metrics.linear_regions(rx.TwoLayerReLU([[1.0], [1.0]], [1.0, 1.0], [0.0, -1.0]))
    >>> found.n_regions, found.bounded.sum(), found.adjacency.sum()
    (3, np.int64(1), np.int64(4))
    """

    codes: Any
    layer: Indices
    points: Array
    bounded: BoolArray
    neighbours: Indices
    maps: Array
    merge: str

    def facts(self) -> dict[str, Any]:
        """How many regions there are, and which kind."""
        kind = "activation regions (one code)" if self.merge == "code" else "linear regions (one affine map)"
        return {
            "n_regions": self.n_regions, "bounded": int(self.bounded.sum()), "pairs of neighbours": len(self.neighbours),
            "dimensions": self.points.shape[1], "neurons": self.codes.shape[1], "regions are": kind,
        }  # fmt: skip

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per region."""
        sides = np.bincount(self.neighbours.ravel(), minlength=self.n_regions)
        for k in range(self.n_regions):
            yield {
                "region": k, "bounded": bool(self.bounded[k]), "neighbours": int(sides[k]),
                "active": int((self.codes[k] > 0).sum()), "point": self.points[k],
            }  # fmt: skip

    @property
    def n_regions(self) -> int:
        """Number of regions."""
        return len(self.codes)

    @property
    def adjacency(self) -> Any:
        """Symmetric scipy.sparse array (n_regions, n_regions), True for regions with a common side."""
        i, j = self.neighbours.T
        ones = np.ones(2 * len(i), dtype=bool)
        where = (np.concatenate([i, j]), np.concatenate([j, i]))
        return sparse.csr_array((ones, where), shape=(self.n_regions, self.n_regions))

    def __repr__(self) -> str:
        kind = "activation regions" if self.merge == "code" else "linear regions"
        return f"{type(self).__name__}({self.n_regions} {kind} of R^{self.points.shape[1]}, {int(self.bounded.sum())} bounded)"


@timed("most=1000")
def linear_regions(
    module: Any,
    *,
    merge: Literal["code", "map"] = "code",
    most: int = 100_000,
    input_shape: int | Sequence[int] | None = None,
    time_limit: float | None = None,
) -> LinearRegions:
    r"""All linear regions of a piecewise-linear network on the whole of R^d, and which of them are neighbours.

    On a region, every neuron is an affine function, so the region is the polyhedron on which these keep their signs. Its
    sides are found by polarity (the corners of a convex hull), and behind every side lies the next region.

    Parameters
    ----------
    module : TwoLayerReLU, DeepNetwork or torch.nn.Module
        Everything :func:`~relucvx.network.read_layers` reads, of at most six input features (the number of regions grows
        like the number of neurons to the power d).
    merge : {"code", "map"}
        What counts as a region. ``"code"``: *activation regions*, the open sets on which the activation code is constant.
        ``"map"``: *linear regions* in the strict sense, the largest sets, connected through sides of d - 1 dimensions, on
        which the network is one affine map; neighbours whose maps differ by less than 1e-9 of their size are joined.
    most : int, default 100,000
        More regions than these are refused, once so many have been found.
    input_shape : int or sequence of int, optional
        Shape of one input where the module does not say it.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    LinearRegions

    Raises
    ------
    InvalidInputError
        For a layer that is not piecewise linear or not known (named), more than six input features, or more regions than
        ``most``.

    Notes
    -----
    One hidden layer of m neurons in general position has \sum_{k<=d} C(m, k) regions, C(m-1, d) of them bounded
    (Zaslavsky). The search takes about a millisecond per region and side, and misses regions thinner than some 1e-10 of
    their distance from the origin.

    Source: [montufar-2014], [relucvx].
    Status: theorem (exact up to float64 rounding).

    Examples
    --------
    >>> import relucvx as rx
    >>> network = rx.TwoLayerReLU([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [1.0, 1.0, -1.0], [0.0, 0.0, -1.0])
    >>> found = rx.metrics.linear_regions(network)
    >>> found.n_regions, int(found.bounded.sum()), len(found.neighbours)
    (7, 1, 9)
    """
    kind, most = as_merge(merge), as_count(most, "most")
    network = read_layers(module, input_shape)
    if network.n_features > MOST_DIMENSIONS:
        raise InvalidInputError(
            explain(
                f"at most {MOST_DIMENSIONS} input features",
                f"{network.n_features}",
                "regions of all of that space are too many to list",
                "relucvx.metrics.slice_regions(module, polygon) or line_regions(module, start, end)",
            )
        )
    found = _Search(network, most)
    found.everything()
    return found.result(kind)


class _Search:
    """From region to region through their sides."""

    def __init__(self, network: LayerList, most: int) -> None:
        self.network, self.most = network, most
        self.names: dict[bytes, int] = {}
        self.codes: list[Any] = []
        self.points: list[Array] = []
        self.bounded: list[bool] = []
        self.maps: list[Array] = []
        self.pairs: set[tuple[int, int]] = set()

    def everything(self) -> None:
        """All regions that can be reached, which are all there are: what is not reached would have a side that is."""
        d = self.network.n_features
        # any point inside a region: one without a zero, and far from sides as points go
        rng = np.random.default_rng(0)
        tried = rng.standard_normal((64, d)) / np.sqrt(d)
        place = max(((_slack(self.network, x), k) for k, x in enumerate(tried)))[1]
        code, A, b, M = _local(self.network, tried[place], rng.standard_normal(d))
        self._add(code, M, tried[place])
        waiting = [(0, A, b)]
        while waiting:
            ruling().check()
            here, A, b = waiting.pop()
            cell = cell_around(A, b, self.points[here])
            self.points[here], self.bounded[here] = cell.centre, cell.bounded
            if cell.bounded or len(cell.sides) > 1:  # sides again, from a point that is not near one of them
                cell = cell_around(A, b, cell.centre)
            for side, contact in zip(cell.sides, cell.contacts, strict=True):
                there = self._across(here, contact, -A[side])
                if there is not None:
                    waiting.append(there)

    def _across(self, here: int, contact: Array, way: Array) -> tuple[int, Array, Array] | None:
        """Step through a side; the region behind it if it is a new one."""
        code, A, b, M = _local(self.network, contact, way)
        name = code.tobytes()
        there = self.names.get(name)
        new = there is None
        if there is None:
            slack, pace = A @ contact + b, A @ way
            with np.errstate(divide="ignore", invalid="ignore"):
                reach = np.where(pace < 0, -slack / pace, np.inf)
            # within rounding of the contact only the side itself is left behind
            scale = np.abs(contact).max() + np.abs(self.points[here] - contact).max()
            ahead = float(reach.min(initial=np.inf))
            if ahead <= ZERO * scale:
                return None
            there = self._add(code, M, contact + min(0.5 * ahead, scale or 1.0) * way)
        if there != here:
            self.pairs.add((min(here, there), max(here, there)))
        return (there, A, b) if new else None

    def _add(self, code: Any, M: Array, point: Array) -> int:
        if len(self.codes) >= self.most:
            raise InvalidInputError(
                explain(
                    f"a network with at most {self.most:,} regions",
                    "more",
                    "regions grow like the number of neurons to the power of the dimension",
                    "most=10**6, or slice_regions or line_regions through the part of interest",
                )
            )
        place = len(self.codes)
        self.names[code.tobytes()] = place
        self.codes.append(code)
        self.points.append(point)
        self.bounded.append(False)
        self.maps.append(M)
        return place

    def result(self, merge: str) -> LinearRegions:
        """What was found, regions with one map joined where that is asked for."""
        pairs = np.array(sorted(self.pairs), dtype=np.intp).reshape(-1, 2)
        codes, points, bounded, maps = map(np.array, (self.codes, self.points, self.bounded, self.maps))
        layer = np.repeat(np.arange(len(self.network.kinks)), self.network.widths)
        if merge == "map":
            region = joined(pairs, same_maps(maps, pairs), len(codes))
            firsts = np.unique(region, return_index=True)[1]
            inside = np.ones(len(firsts), dtype=bool)
            np.logical_and.at(inside, region, bounded)
            codes, points, maps, bounded = codes[firsts], points[firsts], maps[firsts], inside
            pairs = np.sort(region[pairs], axis=1)
            pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
        return LinearRegions(codes, layer, points, bounded, pairs, maps, merge)


def _slack(network: LayerList, x: Array) -> float:
    return min((float(np.abs(P).min(initial=np.inf)) for P in network.preactivations(x[None])), default=np.inf)


def _local(network: LayerList, x: Array, way: Array) -> tuple[Any, Array, Array, Array]:
    """The region that holds x + t way for small t > 0: its code, its inequalities A x + b >= 0, and its affine map.

    A row of A has length one; what is zero throughout the region is in none of them.
    """
    d = len(x)
    M = np.vstack([np.zeros(d), np.eye(d)])  # rows constant and slopes
    at, size = np.concatenate([[1.0], x]), np.concatenate([[1.0], np.abs(x)])
    codes: list[Any] = []
    walls: list[Array] = []
    for kink in network.kinks:
        signs: list[Any] = []
        rows: list[Array] = []
        for k in kink.rounds:
            hidden = network.hidden[k]
            n = hidden.n_kinked
            M = _behind(M, hidden.map)
            value, pace = at @ M[:, :n], way @ M[1:, :n]
            level = np.abs(value) <= ZERO * (size @ np.abs(M[:, :n]))
            slope = np.where(np.abs(pace) <= ZERO * np.abs(M[1:, :n]).max(axis=0, initial=0.0), 0.0, pace)
            sign = np.sign(np.where(level, slope, value)).astype(np.int8)
            signs.append(sign[None])
            rows.append(M)
            M = np.concatenate([M[:, :n] * hidden.phi.gate(sign > 0), M[:, n:]], axis=1)
        code = kink.codes(signs)[0]
        codes.append(code)
        walls.append(_walls(kink, rows, code, signs))
    M = M if network.head is None else _behind(M, network.head)
    W = np.concatenate([np.zeros((1 + d, 0)), *walls], axis=1)
    length = np.linalg.norm(W[1:], axis=0)
    # a value that hardly changes is constant
    kept = length > 1e-13 * np.abs(W).max(axis=0, initial=0.0)
    W = W[:, kept] / length[kept]
    code = (
        np.concatenate([c.astype(network.code_dtype(range(len(network.kinks)))) for c in codes])
        if codes
        else np.zeros(0, dtype=bool)
    )
    return code, W[1:].T, W[0], M


def _behind(M: Array, map_: Any) -> Array:
    out: Array = np.asarray(M @ map_.weight)
    out[0] += map_.bias
    return out


def _walls(kink: Kink, rows: Sequence[Array], code: Any, signs: Sequence[Any]) -> Array:
    """Functions (1 + d, m) that are positive inside the region: neurons with their sign, or what the winner is ahead by."""
    if kink.tournament is None:
        sign = signs[0][0]
        return rows[0][:, : len(sign)][:, sign != 0] * sign[sign != 0]
    now, taps = kink.tournament.rounds[0], kink.tournament.taps
    k, m = len(now.first), len(now.unpaired)
    # the first round has differences, and beside them the second of each pair and the unpaired
    entries = np.empty((len(rows[0]), 2 * k + m))
    entries[:, now.second], entries[:, now.unpaired] = rows[0][:, k : 2 * k], rows[0][:, 2 * k : 2 * k + m]
    entries[:, now.first] = rows[0][:, :k] + rows[0][:, k : 2 * k]
    window = np.repeat(np.arange(len(taps)), [len(tap) for tap in taps])
    leads = kink.tournament.leaders(code[None])[0]
    ahead = entries[:, np.flatnonzero(leads)[window]] - entries
    # what is level with the winner throughout is no rival
    size = np.abs(entries).max(axis=0)
    return ahead[:, np.abs(ahead).max(axis=0) > 1e-12 * (size + size[np.flatnonzero(leads)[window]])]
