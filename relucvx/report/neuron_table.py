"""The neurons of the solved network as a table, in the words of the data."""

from __future__ import annotations

import numpy as np

from relucvx.report.comparison import Comparison
from relucvx.report.measure import NAN


def neuron_rows(comparison: Comparison) -> tuple[list[str], list[list[str | float]]]:
    """Heads and one row per neuron, largest first: name, ‖w‖·‖v‖, unit weights from the inputs, weights to the outputs.

    Scaling a neuron's input weights by t and its output weights by 1/t changes nothing, so that the first are given unit
    length and the others carry the size. A bias of the outputs is a row of its own. Nothing for samples that are bags.
    """
    problem, names = comparison.problem, comparison.names
    network = problem.balanced(comparison.solution.inner)
    d, c = problem.n_features, problem.n_outputs
    features = list(names.features) or [f"x{k + 1}" for k in range(d)]
    named = len(names.targets) == c
    outputs = list(names.targets) if named else [f"output {k + 1}" for k in range(c)] if c > 1 else ["output"]
    # a feature and an output may have one name
    heads = ["neuron", "size", *(f"from {name}" for name in features), *(f"to {name}" for name in outputs)]
    if network.bias_in is not None:
        heads.insert(2 + d, "from bias")
    if problem.pooling is not None:
        return heads, []
    W = network.weights_in if network.bias_in is None else np.column_stack([network.weights_in, network.bias_in])
    length = np.linalg.norm(W if not problem.bias.is_free else network.weights_in, axis=1)
    size = network.neuron_norms(not problem.bias.is_free)
    rows: list[list[str | float]] = []
    for k in np.argsort(-size, kind="stable"):
        scale = float(length[k]) or 1.0
        rows.append(
            [f"{len(rows) + 1}", float(size[k]), *(W[k] / scale).tolist(), *(network.weights_out[k] * scale).tolist()]
        )
    if network.bias_out is not None and rows:
        rows.append(["bias", *([NAN] * (1 + W.shape[1])), *network.bias_out.tolist()])
    return heads, rows
