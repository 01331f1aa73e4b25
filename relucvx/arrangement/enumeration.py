"""Every activation pattern of a data matrix, by restriction to the walls one after the other."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from relucvx.arrangement._cells import CellArrays
from relucvx.arrangement._kernels import add_wall, half_arrangement, householder, restrict, unfold
from relucvx.arrangement._rows import merge_coincident, nearest_wall, read_off
from relucvx.arrangement.counting import count_patterns, count_up_to
from relucvx.arrangement.equilibrium import equilibrate, to_data_units
from relucvx.arrangement.exact import exact_cells, whole_rows
from relucvx.arrangement.patterns import Arrangement, row_space
from relucvx.deadline import Deadline, Limit, ruling
from relucvx.errors import TooManyPatternsError, explain
from relucvx.limits import timed
from relucvx.tolerances import PATTERN
from relucvx.types import Array, ArrayLike, BoolArray
from relucvx.validation import as_count, as_matrix

MEMORY_LIMIT = 16 * 2**30
"""Bytes of patterns and generators beyond which enumeration refuses whatever max_patterns says."""

# Witnesses lose up to half their margin at each depth; only the end applies PATTERN itself.
_INNER = 0.01 * float(PATTERN)
_MERGE = 0.25 * float(PATTERN)  # merged rows must stay within PATTERN of the wall that stands for them
_POLISH = 16.0 * float(PATTERN)  # below this a witness may understate its cell by more than the tolerance allows
_EXACT_CELLS = 1_000  # up to so many cells a doubtful arrangement is decided in integer arithmetic, within seconds
_QUICK = 1e7  # cells times the size of the rows that one compiled call may take: a tenth of a second
_ROUNDING = 1e-14  # error of x·g for unit vectors, generously


@timed("sample_patterns(X, 1000)")
def enumerate_patterns(X: ArrayLike, max_patterns: int = 1_000_000, *, time_limit: Limit = None) -> Arrangement:
    """All activation patterns of X: the full-dimensional cells of the arrangement of its non-zero rows.

    ``{[x_i·g >= 0]_i : x_i·g != 0 for every x_i != 0}``. For a network with hidden biases pass [X, 1].

    Adding wall k to the arrangement of the rows before it cuts exactly the cells of that arrangement restricted to
    wall k, one dimension lower; the recursion ends in planes, where walls are sorted by angle. The cost is
    proportional to the number of cells.

    Degenerate data are ordinary inputs: zero rows count as True; positively collinear rows (duplicates) share a bit;
    negatively collinear rows have opposite bits; for rank r < d the work happens in the r-dimensional row space, where
    the generators lie; X = 0 has one pattern, with generator 0; d = 1 has two.

    **Tolerance.** Let τ = PATTERN = 1e-11; distances are relative to ||x_i|| ||w||, for columns
    of one size. Every listed pattern is confirmed
    afresh by its generator g: |x_i·g| > τ on every non-zero row, so it survives perturbations of the rows below τ, and
    walls that coincide up to rounding never create a pattern. Conversely a cell is left out only if it is a sliver,
    min_i |x_i·w| <= 2τ for all w in it: each such w is within 2τ of a wall, and across that wall lies a listed cell
    unless that is a sliver too. Slivers side by side add up: where m different walls nearly coincide, the nearest
    listed closed cell is within 2mτ at worst (walls that coincide up to rounding: m·1e-15). If the number of patterns
    equals Cover's count of the distinct walls, nothing is missing.

    Parameters
    ----------
    X : (n, d) array_like
        Data, finite. Rows and columns are brought to one size internally, so units do not matter.
    max_patterns : int
        Refuse if more patterns than this are predicted.
    time_limit : float or Deadline, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer: half an enumeration is none.

    Returns
    -------
    Arrangement
        ``complete`` unless rows are so nearly dependent that cells were found twice, in a problem too large for exact
        arithmetic; ``doubt`` then says so.

    Raises
    ------
    InvalidInputError
        If X is not a finite real matrix or max_patterns not a positive integer.
    TooManyPatternsError
        If Cover's count for the distinct walls (the exact number in general position, an upper bound otherwise) exceeds
        max_patterns, or the result would exceed 16 GiB. Raised before anything of that size is allocated.

    Source: [cover-1965], [pilanci-ergen-2020]
    Status: theorem in exact arithmetic; in float64 certified numerically for what is listed (see *Tolerance*).

    Examples
    --------
    >>> found = enumerate_patterns([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> found.complete, found.patterns.shape
    (True, (6, 3))
    """
    data = as_matrix(X, "X")
    limit = as_count(max_patterns, "max_patterns", fix="max_patterns=1_000_000")
    # in units in which every row and column counts alike, one row for each wall, in the space the rows span
    rows, nonzero, exponents = equilibrate(data)
    walls, coordinates, basis = reduce_rows(rows[nonzero])
    _refuse_if_too_many(len(walls), len(basis), data.shape, limit)
    if len(basis) == 0:
        return Arrangement.enumerated(data, np.ones((1, len(data)), dtype=bool), np.zeros((1, data.shape[1])))
    # random words by which cells are hashed: the key of a pattern is the exclusive or of its positive rows'
    keys = np.random.default_rng(len(walls)).integers(0, 2**64, len(walls), dtype=np.uint64)
    _, _, witnesses, margins = _in_pieces(coordinates, keys, ruling())
    found = len(witnesses)
    # nothing is listed on the kernels' word: margins and patterns are computed afresh from the witnesses
    generators = _confirm(rows[nonzero] @ basis.T, witnesses, margins) @ basis
    patterns = np.empty((2 * len(generators), len(data)), dtype=bool)
    read_off(rows, generators, patterns[: len(generators)])
    kept = distinct(np.packbits(patterns[: len(generators)], axis=1))
    doubt = ""
    # some witness was no cell of its own, and Cover's count is not reached: rounding may have lost another
    if len(kept) < found and 2 * len(kept) != count_patterns(len(walls), len(basis)):
        repaired = _exactly(rows[nonzero][walls], coordinates, basis)
        if repaired is not None:
            generators, kept = repaired, np.arange(len(repaired))
            patterns = np.empty((2 * len(generators), len(data)), dtype=bool)
            read_off(rows, generators, patterns[: len(generators)])
        elif len(kept) < len(generators):
            doubt = "rows so nearly dependent that cells were found twice: others may be missing"
    # the other half are the opposite cells; zero rows count as True in both
    half = len(kept)
    patterns[:half] = patterns[kept]
    patterns = patterns[: 2 * half]
    np.logical_not(patterns[:half], out=patterns[half:])
    patterns[half:, ~nonzero] = True
    generators = to_data_units(generators[kept], exponents)
    both = np.concatenate([generators, -generators])
    for array in (patterns, both):
        array.setflags(write=False)  # already ours: saves Result the copy of a large array
    return Arrangement.enumerated(data, patterns, both, doubt)


def distinct(codes: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Indices, in order, of the first of each kind of rows of bytes."""
    keys = np.ascontiguousarray(codes).view(np.dtype((np.void, codes.shape[1])))[:, 0] if len(codes) else codes[:, 0]
    return np.sort(np.unique(keys, return_index=True)[1])


def _exactly(rows: Array, coordinates: Array, basis: Array) -> Array | None:
    """Generators of one of each pair of opposite cells in integer arithmetic, thick ones only; None if that takes long."""
    m, rank = coordinates.shape
    if rank < rows.shape[1] and len(basis) < rows.shape[1]:
        rows = coordinates  # the row space is known to rounding only, and what is decided are the coordinates in it
    if count_up_to(m, rank, _EXACT_CELLS) > _EXACT_CELLS:
        return None
    cells = exact_cells(whole_rows(rows), rows.shape[1])
    generators = []
    # cells as thin as the tolerance are left out, as everywhere: the integers only decide which cells there are
    for bits, witness in cells.items():
        if not bits & 1:
            continue
        top = max(abs(value) for value in witness)
        g = np.array([float(Fraction(value, top)) for value in witness])
        positive = np.array([bool(bits >> i & 1) for i in range(m)])
        best, margin = center(rows, g / np.linalg.norm(g), positive)
        if margin > float(PATTERN) + _ROUNDING:
            generators.append(best / np.linalg.norm(best))
    out = np.array(generators).reshape(-1, rows.shape[1])
    return out @ basis if rows.shape[1] == len(basis) < basis.shape[1] else out


def _in_pieces(P: Array, keys: NDArray[np.uint64], deadline: Deadline) -> CellArrays:
    """:func:`half_arrangement` with the outer levels of a long recursion here, where the time and Ctrl-C are heard."""
    k, dim = P.shape
    room = count_up_to(k, dim, 10**18) // 2
    if dim <= 2 or room * P.size <= _QUICK:
        deadline.check()
        return half_arrangement(P, _INNER, keys)
    # the loop of the kernel, wall by wall, with each restriction a piece that may be divided again
    cells = half_arrangement(P[:1], _INNER, keys)
    n = len(cells[1])
    bits = np.zeros((n, (k + 63) >> 6), dtype=np.uint64)
    bits[:, :1] = cells[0]
    cells = (bits, *cells[1:])
    for j in range(1, k):
        v, beta = householder(P[j])
        Q, distinct = restrict(P, j, v, beta, _INNER)
        wall = tuple(part[:0] for part in cells)
        if distinct:
            inner = _in_pieces(Q, keys, deadline)
            wall = (inner[0], inner[1], unfold(inner[2], v, beta), inner[3])
        deadline.check()
        cells, n = add_wall(P, j, cells, n, wall, _INNER, keys)
    return tuple(part[:n] for part in cells)


def reduce_rows(rows: Array) -> tuple[NDArray[np.intp], Array, Array]:
    """Distinct walls of non-zero unit rows: indices (m,), coordinates (m, r) in the row space, its basis (r, d)."""
    if len(rows) == 0:
        return np.empty(0, dtype=np.intp), np.empty((0, 0)), np.empty((0, rows.shape[1]))
    # Opposite rows share a wall: sort by something blind to the sign and otherwise generic.
    axis = np.random.default_rng(0).standard_normal(rows.shape[1])
    position = np.abs(rows @ (axis / np.linalg.norm(axis)))
    owner = merge_coincident(rows, np.argsort(position, kind="stable"), position, _MERGE)
    walls: NDArray[np.intp] = np.flatnonzero(owner == np.arange(len(rows)))
    basis = row_space(rows[walls], _MERGE)
    coordinates = rows[walls] @ basis.T
    return walls, np.ascontiguousarray(coordinates), basis


def _refuse_if_too_many(n_walls: int, rank: int, shape: tuple[int, int], limit: int) -> None:
    n, d = shape
    ceiling = 10**18
    predicted = count_up_to(n_walls, rank, ceiling)
    size = predicted * (n + 8 * d)
    if predicted <= limit and size <= MEMORY_LIMIT:
        return
    many = f"{predicted:,}" if predicted <= ceiling else "more than 10^18"
    memory = f"{size / 2**30:,.3g} GiB" if predicted <= ceiling else "more memory than there is"
    allowed = f"max_patterns={limit:,}" if predicted > limit else f"{MEMORY_LIMIT / 2**30:g} GiB"
    raise TooManyPatternsError(
        explain(
            f"at most {allowed}",
            f"{many} predicted patterns ({memory}) for {n_walls} distinct walls of rank {rank}",
            "the count grows like n^(rank - 1); it is exact in general position and an upper bound otherwise",
            'sample_patterns(X, 1000) for a part of them, method="branch_and_bound" for a certificate without '
            "enumeration, or a larger max_patterns",
        )
    )


def _confirm(rows: Array, witnesses: Array, margins: Array) -> Array:
    """Unit witnesses whose margin, computed afresh on every row, exceeds PATTERN; thin cells get a better one first."""
    for c in np.flatnonzero(margins <= _POLISH):
        witnesses[c], _ = center(rows, witnesses[c])
    witnesses = witnesses / np.linalg.norm(witnesses, axis=1, keepdims=True)
    margins = nearest_wall(rows, witnesses)
    # The allowance keeps the margin above PATTERN when X @ g is rounded differently.
    return np.asarray(witnesses[margins > float(PATTERN) + _ROUNDING])


def center(rows: Array, g: Array, positive: BoolArray | None = None) -> tuple[Array, float]:
    """A witness of (nearly) the largest margin in the cell of g, and that margin; g itself if none better is found.

    Solves ``min ||w|| : s_i rows_i·w >= 1`` by the active-set method of Lawson and Hanson on its dual. Equal-distance
    systems keep relative accuracy in slivers 1e-11 thin, where LP solvers with absolute tolerances lose it. ``positive``
    gives the signs where g is too near to a wall for float64 to tell.
    """
    signed = np.where(rows @ g >= 0 if positive is None else positive, 1.0, -1.0)[:, None] * rows
    best, margin = g, float((signed @ g).min()) / float(np.linalg.norm(g))
    # the most violated wall joins the active ones, on which all distances are then equal
    active: NDArray[np.intp] = np.empty(0, dtype=np.intp)
    multipliers, w = np.empty(0), g
    for _ in range(8 * rows.shape[1]):
        worst = int(np.argmin(signed @ w))
        if worst in active:
            break
        active, multipliers = _exchange(signed, np.append(active, worst), np.append(multipliers, 0.0))
        w = np.asarray(np.linalg.lstsq(signed[active], np.ones(len(active)), rcond=1e-15)[0], dtype=np.float64)
        # a step may lower the margin on the way to the best; the best so far is what counts
        reached = float((signed @ w).min()) / float(np.linalg.norm(w))
        if reached > margin:
            best, margin = w, reached
    return best, margin


def _exchange(signed: Array, active: NDArray[np.intp], multipliers: Array) -> tuple[NDArray[np.intp], Array]:
    """Move the multipliers to the optimum of the active walls, dropping each wall whose multiplier reaches 0."""
    while True:
        walls = signed[active]
        if len(active) > signed.shape[1]:  # dependent walls: the dual rises without end along their dependency
            direction = np.linalg.svd(walls.T, full_matrices=True)[2][-1]
            direction = direction if direction.sum() > 0 else -direction
            limit = np.inf
        else:
            w = np.linalg.lstsq(walls, np.ones(len(active)), rcond=1e-15)[0]
            direction = np.linalg.lstsq(walls.T, w, rcond=1e-15)[0] - multipliers
            limit = 1.0
        # the first multiplier to reach zero ends the step, and its wall is no longer active
        falling = direction < 0
        reach = np.full(len(active), np.inf)
        reach[falling] = multipliers[falling] / -direction[falling]
        first = int(np.argmin(reach))
        if reach[first] >= limit or len(active) == 1:
            return active, multipliers + direction
        multipliers = multipliers + reach[first] * direction
        active, multipliers = np.delete(active, first), np.delete(multipliers, first)
