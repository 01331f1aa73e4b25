"""Samples that are bags of rows: images of digits, generated graphs of unequal size, and time series cut into windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from relucvx.conversion import as_flag, as_list, shown
from relucvx.datasets.dataset import Dataset
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.network.unfolding import patches
from relucvx.types import Array, Rng, resolve_rng
from relucvx.validation import as_count, as_positive

datasets = later("sklearn.datasets")

ALIKE, UNLIKE = 0.7, 0.1
"""Chance of an edge between two nodes that the kind of the graph favours, and between two others."""

FEWEST_NODES, MOST_NODES = 4, 12
"""Nodes of a graph, when none are given."""


def images(classes: Sequence[int] = tuple(range(10)), *, one_hot: bool | None = None) -> Dataset:
    """Scikit-learn's handwritten digits as images of 8 x 8 pixels between 0 and 1.

    Parameters
    ----------
    classes : sequence of int
        Which digits, at least two of them; default all ten.
    one_hot : bool, optional
        Coding of classes. Default: -1 for the first and +1 for the second of two, one-hot (n, C) for more. True: one-hot
        always. False: ±1, with one column per class if there are more than two.

    Returns
    -------
    Dataset
        X of shape (n, 1, 8, 8), as torch has images; ``rx.patches(data.X, size=2, stride=2)`` makes bags of rows of it.

    Raises
    ------
    InvalidInputError
        For anything but different digits from 0 to 9.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.images((3, 8))
    >>> print(data, sorted(set(data.Y.tolist())))
    Dataset(images: 357 samples x 1 x 8 x 8) [-1.0, 1.0]
    >>> rx.patches(data.X, size=2, stride=2).shape
    (357, 16, 4)
    """
    wanted = [as_count(digit, "each of classes", 0, most=9) for digit in as_list(classes, "classes")]
    if len(set(wanted)) < max(len(wanted), 2):
        raise InvalidInputError(explain("at least two different digits", shown(classes), "", "images((3, 8))"))
    raw = datasets.load_digits()
    rows = np.flatnonzero(np.isin(raw.target, wanted))
    labels = np.array([wanted.index(digit) for digit in raw.target[rows]])
    indicator = (labels[:, None] == np.arange(len(wanted))).astype(np.float64)
    two = len(wanted) == 2
    hot = not two if one_hot is None else as_flag(one_hot, "one_hot")
    signs = 2.0 * indicator - 1.0
    return Dataset(
        name="images",
        X=raw.images[rows, None].astype(np.float64) / 16.0,
        Y=indicator if hot else signs[:, 1] if two else signs,
        labels=labels,
        target_names=tuple(str(k) for k in wanted),
        description=f"scikit-learn's digits {', '.join(map(str, wanted))} as images, pixels / 16",
    )


def graphs(
    n: int = 60, d: int = 3, *, nodes: Sequence[int] = (FEWEST_NODES, MOST_NODES), noise: float = 0.0, rng: Rng = 0
) -> Dataset:
    """Generated graphs of unequal size in two classes; the rows are the averages over each node's neighbourhood.

    Nodes have d standard normal features, the same in both classes. In graphs of class +1 an edge joins nodes whose first
    features have one sign with chance 0.7 and others with 0.1; in class -1 it is the other way round. A row is the mean of
    the features of a node and its neighbours, so that a network pooled over rows is a graph network of one round of messages:
    the average of the first feature is far from 0 in class +1, and close to it in class -1.

    Parameters
    ----------
    n, d : int
        Graphs, and features of a node.
    nodes : pair of int
        Fewest and most nodes of a graph.
    noise : float, default 0
        Chance that a label is turned round.
    rng : None, int or Generator, default 0
        Source of randomness.

    Returns
    -------
    Dataset
        Rows X (R, d), the graph of each in ``groups``, and labels ±1 in Y (n,).

    Raises
    ------
    InvalidInputError
        For counts below 1 (below 2 for n), a pair that is none, and a noise outside [0, 1].

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.graphs(12, 2)
    >>> data.X.shape[1], int(data.groups.max()) + 1, data.Y[:4].astype(int).tolist()
    (2, 12, [-1, 1, -1, 1])
    >>> sol = rx.solve(data.X, data.Y, beta=0.1, loss="logistic", groups=data.groups)
    >>> bool(sol.certificate.rel_gap < 1e-6)
    True
    """
    n, d, noise = as_count(n, "n", 2), as_count(d, "d"), as_positive(noise, "noise", allow_zero=True)
    pair = [as_count(k, "nodes") for k in as_list(nodes, "nodes")]
    if len(pair) != 2 or pair[0] > pair[1]:
        raise InvalidInputError(explain("nodes as a pair, fewest and most", shown(nodes), "", "nodes=(4, 12)"))
    if noise > 1.0:
        raise InvalidInputError(explain("noise as a chance between 0 and 1", f"{noise:g}", "", "noise=0.1"))
    rng = resolve_rng(rng)
    kinds = np.where(np.arange(n) % 2, 1.0, -1.0)
    rows = [_averages(rng, int(rng.integers(pair[0], pair[1] + 1)), d, bool(kind > 0)) for kind in kinds]
    labels = np.where(rng.random(n) < noise, -kinds, kinds)
    return Dataset(
        name="graphs",
        X=np.concatenate(rows),
        Y=labels,
        labels=(labels > 0).astype(np.int64),
        target_names=("unlike neighbours", "like neighbours"),
        description=f"graphs of {pair[0]} to {pair[1]} nodes, averages over neighbourhoods",
        groups=np.repeat(np.arange(n), [len(r) for r in rows]),
    )


def _averages(rng: np.random.Generator, nodes: int, d: int, alike: bool) -> Array:
    """Means of the features of each node and its neighbours, in a graph of one kind."""
    features = rng.standard_normal((nodes, d))
    same: NDArray[np.bool_] = np.equal.outer(features[:, 0] > 0, features[:, 0] > 0)
    edges = np.triu(rng.random((nodes, nodes)) < np.where(same == alike, ALIKE, UNLIKE), 1)
    adjacent = (edges | edges.T | np.eye(nodes, dtype=bool)).astype(np.float64)
    means: Array = adjacent @ features / adjacent.sum(axis=1, keepdims=True)
    return means


def sequences(n: int = 40, length: int = 16, window: int = 4, *, noise: float = 0.3, rng: Rng = 0) -> Dataset:
    """Generated time series in two classes, cut into windows.

    Each series is noise, and for the length of a window at a random time a wave: slow in class +1, one period of a sine, and
    as fast as it can be in class -1, up and down from step to step. A linear filter, averaged over all windows, sees next to
    nothing of either; one with a ReLU picks them up wherever they are.

    Parameters
    ----------
    n, length, window : int
        Series, time steps of each, and steps of a window; windows start at every step.
    noise : float, default 0.3
        Standard deviation of the noise; waves have a norm of sqrt(window).
    rng : None, int or Generator, default 0
        Source of randomness.

    Returns
    -------
    Dataset
        Windows X (n, length - window + 1, window), and labels ±1 in Y (n,).

    Raises
    ------
    InvalidInputError
        For windows of fewer than three steps or longer than the series, counts below 1 (below 2 for n), and a negative noise.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.sequences(10, length=8, window=3)
    >>> data.X.shape, data.Y[:4].astype(int).tolist()
    ((10, 6, 3), [-1, 1, -1, 1])
    >>> sol = rx.solve(data.X, data.Y, beta=0.1, loss="logistic", pooling="mean")
    >>> bool(sol.certificate.rel_gap < 1e-6)
    True
    """
    n, length = as_count(n, "n", 2), as_count(length, "length", 3)
    window = as_count(window, "window", 3, most=length)
    noise = as_positive(noise, "noise", allow_zero=True)
    rng = resolve_rng(rng)
    labels = np.where(np.arange(n) % 2, 1.0, -1.0)
    series = noise * rng.standard_normal((n, length))
    slow = np.sqrt(2.0) * np.sin(2.0 * np.pi * (np.arange(window) + 0.5) / window)
    fast = np.where(np.arange(window) % 2, -1.0, 1.0)
    for values, label in zip(series, labels, strict=True):
        start = int(rng.integers(0, length - window + 1))
        # either way up, so that the sign says nothing
        values[start : start + window] += rng.choice([-1.0, 1.0]) * (slow if label > 0 else fast)
    return Dataset(
        name="sequences",
        X=patches(series[:, None, None, :], size=(1, window)),
        Y=labels,
        labels=(labels > 0).astype(np.int64),
        target_names=("fast", "slow"),
        description=f"noise of {noise:g} and one wave, windows of {window} of {length} steps",
    )
