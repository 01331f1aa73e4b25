"""What a network decides: the label of its largest output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from relucvx.conversion import as_list
from relucvx.errors import InvalidInputError, explain
from relucvx.labels import read_labels
from relucvx.metrics.layers.representations import record
from relucvx.metrics.samples.groups import Groups
from relucvx.network import is_torch_module


def is_network(thing: Any) -> bool:
    """Whether a thing computes outputs, rather than being labels or recorded layers."""
    return not isinstance(thing, Mapping) and (
        is_torch_module(thing) or hasattr(thing, "predict") or hasattr(thing, "network")
    )


def output_names(classes: Any, groups: Groups) -> tuple[Any, ...]:
    """Label of each output: those given, which must hold every label that occurs, or these, sorted.

    Raises
    ------
    InvalidInputError
        For classes that are no sequence of different labels, or lack one that occurs.
    """
    if classes is None:
        return groups.names
    names = read_labels(as_list(classes, "classes"), "classes")
    missing = [name for name in groups.names if name not in names]
    if missing or len(set(names)) < len(names):
        raise InvalidInputError(
            explain(
                "classes to name the outputs, each once, with every label that occurs",
                f"{names!r:.80}; labels outside: {missing!r:.80}",
            )
        )
    return tuple(names)


def decisions(network: Any, X: Any, names: Sequence[Any], what: str, batch_size: int = 1024) -> list[Any]:
    """Label of every sample: of the largest output, or of the side of nought where two classes share one output.

    Parameters
    ----------
    network, X, batch_size
        As in :func:`relucvx.metrics.layer_activations`, or decisions made elsewhere, one label per sample.
    names : sequence
        Label of each output.
    what : str
        What to call the network in errors.

    Raises
    ------
    InvalidInputError
        For as many outputs as there are no labels for.
    """
    if not is_network(network):
        return read_labels(network, what)
    outputs = record(network, X, (), batch_size=batch_size).outputs
    wanted = len(names)
    if outputs is None or outputs.shape[1] != (1 if wanted == 2 and outputs.shape[1] == 1 else wanted):
        raise InvalidInputError(
            explain(
                f"{what} with {wanted} outputs, one for each label",
                "no output that is one tensor" if outputs is None else f"{outputs.shape[1]} outputs",
                "an encoder without its classifier, or labels that do not all occur",
                f"its decisions in place of the network: {what}=predicted labels",
            )
        )
    codes = (outputs[:, 0] > 0).astype(int) if outputs.shape[1] == 1 else outputs.argmax(axis=1)
    return [names[code] for code in np.asarray(codes)]
