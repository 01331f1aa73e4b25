"""A small network, its inputs, classes and factors."""

import numpy as np

from relucvx.network import DeepNetwork

RNG = np.random.default_rng(3)


LABELS = np.repeat([2, 0, 1], 14)


X = RNG.standard_normal((42, 5)) + 1.5 * RNG.standard_normal((3, 5))[LABELS]


NET = DeepNetwork(
    [RNG.standard_normal(s) for s in ((5, 8), (8, 7), (7, 3))], [RNG.standard_normal(w) for w in (8, 7, 3)]
)


FACTORS = np.stack([np.arange(42) % 2, np.arange(42) // 2 % 2], axis=1)


EXACT = {"n_pairs": None, "rng": 0, "n_lines": 20}
"""Every pair, so that only the segments of the regions are drawn."""


HEADED = {"nc3", "nc4"}
