"""Networks that compute a minimum of maxima of affine functions: a tournament, one round per layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from relucvx.network import DeepNetwork
from relucvx.types import Array

MAX, MIN = 1.0, -1.0
"""Of two terms a, b: MAX is b + relu(a - b), MIN is b - relu(b - a)."""

Match = tuple[int, int, float]


def least_of_triples(terms: Array, kinds: Sequence[float]) -> DeepNetwork:
    """The network that computes the least of T values, each the maximum or minimum of three affine functions.

    Parameters
    ----------
    terms : ndarray of shape (T, 3, d + 1)
        Coefficients of the affine functions, the constant last; T is a power of two.
    kinds : sequence of T numbers
        ``MAX`` or ``MIN`` for each triple.

    Returns
    -------
    DeepNetwork
        Two rounds that settle the triples, and log2(T) rounds between them: a hidden layer for each.

    Notes
    -----
    Source: [relucvx]. Status: theorem (both identities of ``MAX`` and ``MIN`` are exact).
    """
    weights: list[Array] = []
    biases: list[Array | None] = []
    values, shift = terms[:, :, :-1].reshape(-1, terms.shape[2] - 1).T, terms[:, :, -1].ravel()

    def play(matches: list[Match], carried: list[int]) -> None:
        nonlocal values, shift
        neurons, read = _round(matches, carried, values.shape[1])
        weights.append(values @ neurons)
        biases.append(shift @ neurons if shift.any() else None)
        values, shift = read, np.zeros(read.shape[1])

    # the third of each triple waits for one round, as a pair of neurons
    play([(3 * g, 3 * g + 1, kind) for g, kind in enumerate(kinds)], [3 * g + 2 for g in range(len(kinds))])
    play([(g, len(kinds) + g, kind) for g, kind in enumerate(kinds)], [])
    while values.shape[1] > 1:
        play([(g, g + 1, MIN) for g in range(0, values.shape[1], 2)], [])
    return DeepNetwork((*weights, values), (*biases, None))


def _round(matches: list[Match], carried: list[int], size: int) -> tuple[Array, Array]:
    """Neurons as combinations of the values (size, neurons), and winners, then those carried, as ones of the neurons."""
    neurons = np.zeros((size, 3 * len(matches) + 2 * len(carried)))
    read = np.zeros((neurons.shape[1], len(matches) + len(carried)))
    for winner, (a, b, kind) in enumerate(matches):
        first = 3 * winner
        neurons[a, first], neurons[b, first : first + 3] = kind, (-kind, 1.0, -1.0)
        read[first : first + 3, winner] = (kind, 1.0, -1.0)
    for place, term in enumerate(carried):
        first = 3 * len(matches) + 2 * place
        neurons[term, first : first + 2] = 1.0, -1.0
        read[first : first + 2, len(matches) + place] = 1.0, -1.0
    return neurons, read
