"""Where a profiled network may be cut."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.validation import as_positive

if TYPE_CHECKING:
    from pandas import DataFrame


def check_frame(frame: Any) -> None:
    """Refuse what is no table; a network has to be profiled first.

    Raises
    ------
    InvalidInputError
        For anything without columns, rows and attributes.
    """
    if not all(hasattr(frame, name) for name in ("columns", "index", "attrs", "loc")):
        raise InvalidInputError(
            explain(
                "the DataFrame that profile returns",
                f"a {type(frame).__name__}",
                "a network or an array",
                "profile(module, X, labels) first",
            )
        )


def suggested_cut(frame: DataFrame, slack: float = 0.01) -> dict[str, dict[str, Any]]:
    """Hidden layers behind which a network may be cut, by two rules.

    Parameters
    ----------
    frame : pandas.DataFrame
        From :func:`relucvx.metrics.profile`.
    slack : float, default 0.01
        How far below its peak a convexity counts as the peak.

    Returns
    -------
    dict
        "convexity_peak" and "rank_drop", each a dict with ``layer`` (None where the rule finds none), ``value`` and
        ``rule``, the rule in words:

        * convexity peak: the first hidden layer whose ``graph_convexity`` is within ``slack`` of the largest among the
          hidden layers;
        * rank drop: the hidden layer before the largest relative loss of ``numerical_rank``. From a layer of rank r to
          the next of rank r' and width w' the loss is 1 - r'/min(r, w'), so that a narrow layer alone is no loss; the
          value is that loss. None where no rank falls.

    Raises
    ------
    InvalidInputError
        For a negative slack, and for something else than a table.

    Notes
    -----
    The layers behind a cut are meant to be replaced by a linear head fitted to the labels. Convexity of the classes has
    been found to foretell how well that works, and so has the numerical rank, which falls where the "tunnel" begins;
    neither is a guarantee.

    Source: [tetkova-2025], [masarczyk-2023].
    Status: heuristic.

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> Z = np.random.default_rng(0).standard_normal((20, 4))
    >>> layers = {"first": Z, "second": Z @ np.ones((4, 4))}  # the second has rank one
    >>> table = rx.metrics.profile(layers, metrics=["numerical_rank"])
    >>> rx.metrics.suggested_cut(table)["rank_drop"]["layer"]
    'first'
    """
    slack = as_positive(slack, "slack", allow_zero=True)
    check_frame(frame)
    names = frame.attrs.get("hidden", [name for name in frame.index if name not in ("input", "output")])
    hidden = frame.loc[[name for name in names if name in frame.index]]
    peak: dict[str, Any] = {"layer": None, "value": math.nan}
    drop: dict[str, Any] = {"layer": None, "value": math.nan}
    if "graph_convexity" in hidden and hidden["graph_convexity"].notna().any():
        values = hidden["graph_convexity"]
        first = values.index[int(np.argmax(values.to_numpy() >= values.max() - slack))]
        peak = {"layer": first, "value": float(values[first])}
    if "numerical_rank" in hidden and len(hidden) > 1:
        rank, width = hidden["numerical_rank"].to_numpy(dtype=float), hidden["width"].to_numpy(dtype=float)
        # a layer can keep no more directions than come in, nor more than it has units: loss counts against the smaller
        most = np.minimum(rank[:-1], width[1:])
        loss = np.nan_to_num(1.0 - rank[1:] / np.where(most > 0, most, math.nan), nan=-math.inf)  # from 0 none is lost
        best = int(np.argmax(loss))
        if loss[best] > 0:
            drop = {"layer": hidden.index[best], "value": float(loss[best])}
    within = f"the first hidden layer with graph convexity within {slack:g} of the largest"
    return {
        "convexity_peak": {**peak, "rule": within},
        "rank_drop": {**drop, "rule": "the hidden layer before the largest relative loss of numerical rank"},
    }
