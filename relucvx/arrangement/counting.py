"""How many activation patterns there can be."""

from __future__ import annotations

from relucvx.validation import as_count


def count_patterns(n_samples: int, rank: int) -> int:
    """Largest number of activation patterns of n samples spanning ``rank`` dimensions (Cover's count).

    ``P = 2 Σ_{k < rank} C(n - 1, k)``, which is ``2^n`` for ``rank >= n``. Reached exactly when the samples are in
    general position (every ``rank`` of them independent); collinear or otherwise dependent samples have fewer.
    With ``rank = 0`` or no sample there is one pattern.

    Parameters
    ----------
    n_samples : int
        Number of non-zero, pairwise non-collinear samples; counting all samples gives a looser upper bound.
    rank : int
        Rank of X (of [X, 1] with a bias).

    Returns
    -------
    int
        The exact number.

    Raises
    ------
    InvalidInputError
        If an argument is not an int >= 0.

    Source: [cover-1965]
    Status: theorem (equality in general position, upper bound otherwise).

    Examples
    --------
    >>> count_patterns(3, 2), count_patterns(100, 5)
    (6, 7852352)
    """
    n, r = as_count(n_samples, "n_samples", 0, fix="n_samples=10"), as_count(rank, "rank", 0, fix="rank=10")
    if n == 0 or r == 0:
        return 1
    if r >= n:
        return 1 << n
    total, term = 0, 1
    for k in range(r):
        total += term
        term = term * (n - 1 - k) // (k + 1)
    return 2 * total


def count_up_to(n: int, rank: int, limit: int) -> int:
    """`count_patterns`, stopped as soon as it exceeds ``limit`` (the exact number may have millions of digits)."""
    if n == 0 or rank == 0:
        return 1
    total, term = 0, 1
    for k in range(min(rank, n)):
        total += term
        if 2 * total > limit:
            break
        term = term * (n - 1 - k) // (k + 1)
    return 2 * total
