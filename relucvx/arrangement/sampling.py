"""Some activation patterns of a data matrix, drawn at random; never a claim that there are no others."""

from __future__ import annotations

import numpy as np

from relucvx.arrangement.counting import count_up_to
from relucvx.arrangement.enumeration import reduce_rows
from relucvx.arrangement.equilibrium import equilibrate, to_data_units
from relucvx.arrangement.patterns import Arrangement, bits_of
from relucvx.deadline import ruling
from relucvx.limits import timed
from relucvx.tolerances import PATTERN
from relucvx.types import Array, ArrayLike, Rng, resolve_rng
from relucvx.validation import as_count, as_matrix

_BATCH_ENTRIES = 1 << 22  # entries of gates @ rows held at a time
_BARREN_ROUNDS = 20  # rounds of draws without a new pattern after which sampling stops


@timed("n_patterns=100")
def sample_patterns(X: ArrayLike, n_patterns: int, rng: Rng = None, *, time_limit: float | None = None) -> Arrangement:
    """Up to ``n_patterns`` different activation patterns of X, drawn at random.

    Rounds alternate between Gaussian gates in the row space, which find a cell with a probability proportional to its
    solid angle, and gates stepped off a random *vertex* (a ray where r - 1 random walls meet) to random sides of these
    walls, which find thin cells as readily as wide ones. Every pattern is confirmed by its generator (margin above
    PATTERN). Sampling stops when enough patterns are found, when Cover's count is reached, or after
    20 rounds in a row without a new one: fewer than asked for is normal when X has fewer patterns.

    Parameters
    ----------
    X : (n, d) array_like
    n_patterns : int
        How many patterns to look for.
    rng : None, int or numpy Generator
    time_limit : float, optional
        Seconds, after which the patterns found so far are returned.

    Returns
    -------
    Arrangement
        With ``complete=False``, always. Conventions as in `enumerate_patterns`.

    Raises
    ------
    InvalidInputError
        If X is not a finite real matrix, n_patterns not an int >= 1, or rng of another kind.

    Source: [mishkin-2022]
    Status: each pattern certified numerically by its generator; coverage is heuristic.

    Examples
    --------
    >>> import relucvx as rx
    >>> X = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> some = rx.sample_patterns(X, 3, rng=0)
    >>> len(some) <= 3, some.complete
    (True, False)
    """
    data = as_matrix(X, "X")
    most = as_count(n_patterns, "n_patterns", fix="n_patterns=1000")
    generator = resolve_rng(rng)
    rows, nonzero, exponents = equilibrate(data)
    walls, coordinates, basis = reduce_rows(rows[nonzero])
    if len(basis) == 0:
        return Arrangement(data, np.ones((1, len(data)), bool), np.zeros((1, data.shape[1])))
    wanted = min(most, count_up_to(len(walls), len(basis), most))
    gates = _collect(coordinates, rows[nonzero], basis, wanted, generator)
    patterns = np.ones((len(gates), len(data)), dtype=bool)
    patterns[:, nonzero] = bits_of(gates @ rows[nonzero].T)
    return Arrangement(data, patterns, to_data_units(gates, exponents))


def _collect(walls: Array, rows: Array, basis: Array, wanted: int, rng: np.random.Generator) -> Array:
    """Confirmed unit gates (k, d), at most `wanted`, with different patterns."""
    batch = max(1, min(2 * wanted, _BATCH_ENTRIES // len(rows)))
    known: dict[bytes, Array] = {}
    barren = rounds = 0
    while len(known) < wanted and barren < _BARREN_ROUNDS and not (known and ruling().passed()):
        # by solid angle and by vertices in turn: neither finds all kinds of cells quickly
        draw = _gaussian_gates if rounds % 2 == 0 or len(basis) < 2 else _vertex_gates
        gates = draw(walls, batch, rng) @ basis
        gates /= np.linalg.norm(gates, axis=1, keepdims=True)
        values = gates @ rows.T
        before = len(known)
        # gates next to a wall are no witnesses, whatever their pattern
        good = np.flatnonzero(np.abs(values).min(axis=1) > float(PATTERN) + 1e-14)
        for c, code in zip(good, np.packbits(values[good] > 0, axis=1), strict=True):
            known.setdefault(code.tobytes(), gates[c])
            if len(known) == wanted:
                break
        barren = 0 if len(known) > before else barren + 1
        rounds += 1
    return np.array(list(known.values())).reshape(-1, basis.shape[1])


def _gaussian_gates(walls: Array, count: int, rng: np.random.Generator) -> Array:
    return rng.standard_normal((count, walls.shape[1]))


def _vertex_gates(walls: Array, count: int, rng: np.random.Generator) -> Array:
    """Gates half way from a random vertex to the next wall, on random sides of the walls that meet there."""
    m, r = walls.shape
    count = min(count, max(1, _BATCH_ENTRIES // (m + r * r)))
    chosen = rng.integers(0, m, (count, r - 1))  # repeated or dependent walls: any ray of their intersection will do
    meeting = walls[chosen]
    _, _, Vt = np.linalg.svd(meeting, full_matrices=True)
    # the ray on which the chosen walls meet, and a direction that leaves each of them to a random side
    vertex = Vt[:, -1] * rng.choice((-1.0, 1.0), (count, 1))
    sides = rng.choice((-1.0, 1.0), (count, r - 1, 1))
    inward = (np.linalg.pinv(meeting, rcond=1e-8) @ sides)[:, :, 0]
    inward /= np.maximum(np.linalg.norm(inward, axis=1, keepdims=True), 1e-300)
    distance = np.abs(vertex @ walls.T)
    rate = np.abs(inward @ walls.T)
    # Walls through the vertex limit nothing: stepping off them is the point.
    reach = np.where(distance > 1e-9, distance / np.maximum(rate, 1e-300), np.inf).min(axis=1, keepdims=True)
    return np.asarray(vertex + 0.5 * np.minimum(reach, 1.0) * inward)
