"""Matrices of similarities between the layers of one or two networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.conversion import is_word, shown
from relucvx.deadline import OutOfTime, ruling
from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.alignment import cka, one_form, procrustes
from relucvx.metrics.dissimilarity import rdm_correlation
from relucvx.metrics.figures import heat_map
from relucvx.metrics.neighbours import mutual_knn
from relucvx.metrics.scales import OnScale
from relucvx.types import Array, Result
from relucvx.validation import as_matrix


def _procrustes_similarity(Z1: Any, Z2: Any) -> float:
    return procrustes(Z1, Z2).similarity


NAMED: dict[str, Callable[..., float]] = {
    "cka": cka,
    "mutual_knn": mutual_knn,
    "procrustes": _procrustes_similarity,
    "rdm_correlation": rdm_correlation,
}


@dataclass(frozen=True)
class LayerSimilarity(OnScale, Result):
    """Similarity of every layer of one network with every layer of another.

    Attributes
    ----------
    matrix : ndarray of shape (L1, L2)
        Entry (i, j) is the metric of layer i of the first and layer j of the second network.
    names1, names2 : tuple of str
        Names of the layers.
    metric : str
        Name of the metric.
    note : str
        Of CKA, which form it is and why, and how many pairs a time limit has cut; else empty.

    Notes
    -----
    Status: a record of what :func:`layer_similarity` finds, which states what it rests on. Source: [kornblith-2019].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> layers = {"one": np.eye(3), "two": np.eye(3)[:, :2]}
    >>> found = rx.metrics.layer_similarity(layers)
    >>> found.names1, found.matrix.shape, found.metric
    (('one', 'two'), (2, 2), 'cka')
    """

    matrix: Array
    names1: tuple[str, ...]
    names2: tuple[str, ...]
    metric: str
    note: str = ""

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per layer of the first network, with a column per layer of the second."""
        for name, row in zip(self.names1, self.matrix, strict=True):
            yield {"layer": name, **{other: float(value) for other, value in zip(self.names2, row, strict=True)}}

    def plot(self, ax: Any = None, *, cmap: str = "magma") -> Any:
        """Draw the matrix as a heat map with the layers' names and a colour bar.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; by default those of a new figure.
        cmap : str
            Name of matplotlib's colour map.

        Returns
        -------
        matplotlib axes

        Notes
        -----
        Values between 0 and 1 are drawn on the scale 0 ... 1, so that figures compare.
        """
        limits = float(np.nanmin([0.0, *self.matrix.flat])), float(np.nanmax([1.0, *self.matrix.flat]))
        return heat_map(ax, self.matrix, self.names1, self.names2, self.metric, limits, cmap)[0]


@timed("every second layer (layers[::2])")
def layer_similarity(
    layers1: Any,
    layers2: Any = None,
    metric: str | Callable[..., float] = "cka",
    *,
    time_limit: float | None = None,
    **options: Any,
) -> LayerSimilarity:
    """Similarity of every pair of layers, of one network with itself or with another on the same samples.

    Parameters
    ----------
    layers1 : sequence or dict of array_like of shapes (n, p_l)
        Representations of the same n samples, layer by layer; the keys of a dict name them.
    layers2 : sequence or dict, optional
        Layers of the second network; those of the first again by default.
    metric : {"cka", "mutual_knn", "procrustes", "rdm_correlation"} or callable, default "cka"
        ``"procrustes"`` is the similarity of :func:`procrustes`, not the distance. A callable takes two representations
        and returns a number.
    **options
        Further arguments of the metric, such as ``debiased=True`` or ``k=5``. Unless ``debiased`` is given, all pairs have
        the form of :func:`cka` that fits the one which chance makes the most alike; ``note`` says which.
    time_limit : float, optional
        Seconds, after which the pairs that are missing are NaN, and counted in ``note``.

    Returns
    -------
    LayerSimilarity
        Entries are NaN where the metric is undefined.

    Raises
    ------
    InvalidInputError
        For no layers, a single array in place of a list, an unknown metric, and as the metric.

    Notes
    -----
    With one network and a named metric, which is symmetric, each pair is computed once.

    Source: [kornblith-2019].
    Status: theorem (definitions).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> layers = {"one": np.eye(3), "two": 2 * np.eye(3)[:, ::-1]}
    >>> rx.metrics.layer_similarity(layers).matrix.round(6).tolist()  # rotations and scales do not matter to CKA
    [[1.0, 1.0], [1.0, 1.0]]
    """
    if callable(metric):
        score, name = metric, getattr(metric, "__name__", type(metric).__name__)
    elif is_word(metric, NAMED):
        score, name = NAMED[metric], metric
    else:
        raise InvalidInputError(explain(f"a metric among {', '.join(NAMED)}, or a callable", shown(metric)))
    names1, first = _layers(layers1, "layers1")
    names2, second = (names1, first) if layers2 is None else _layers(layers2, "layers2")
    # the named metrics are symmetric; of a callable nobody knows
    mirrored = layers2 is None and not callable(metric)
    matrix, note, done = np.full((len(first), len(second)), np.nan), "", 0
    if score is cka and options.get("debiased") is None:
        options["debiased"], note = one_form(first, second, options)
    try:
        for i, A in enumerate(first):
            for j, B in enumerate(second):
                ruling().check()
                matrix[i, j] = matrix[j, i] if mirrored and j < i else float(score(A, B, **options))
                done += 1
    except OutOfTime:
        if time_limit is None or not done:
            raise
        said = f"cut at the time limit: {matrix.size - done} of {matrix.size} pairs are missing"
        note = f"{note}; {said}" if note else said
    return LayerSimilarity(matrix, names1, names2, name, note)


def _layers(layers: Any, name: str) -> tuple[tuple[str, ...], list[Array]]:
    """Names and features of a network's layers."""
    if isinstance(layers, Mapping):
        keys, values = [str(key) for key in layers], list(layers.values())
    elif isinstance(layers, (list, tuple)):
        keys, values = [str(k) for k in range(len(layers))], list(layers)
    else:
        raise InvalidInputError(
            explain(
                f"{name} to be a list or dict of arrays, one per layer",
                f"a {type(layers).__name__}",
                "a single representation",
                f"{name}=[Z]",
            )
        )
    if not values:
        raise InvalidInputError(explain(f"at least one layer in {name}", "none"))
    return tuple(keys), [as_matrix(Z, f"layer {key} of {name}") for key, Z in zip(keys, values, strict=True)]
