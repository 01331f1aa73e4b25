"""Recording along the way: objective, gap, and whatever the caller wants to know about the networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from relucvx import metrics
from relucvx.conversion import as_list, is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.network.deep import DeepNetwork
from relucvx.program.objective import representation
from relucvx.program.problem import Problem
from relucvx.types import Array

Recorder = Callable[[Any], Any]


def make_recorders(record: Any, X: Array | Problem) -> dict[str, Recorder]:
    """Named functions of a network.

    Parameters
    ----------
    record : None, str, callable, sequence of them, or dict name -> callable or str
        A callable takes the network. The name "kernel" is the Gram matrix of the last hidden layer; any other is a
        function of :mod:`relucvx.metrics` of the last hidden layer, e.g. "participation_ratio".
    X : ndarray of shape (n, d), or Problem
        Where hidden layers are evaluated; a problem of bags gives what its samples read of them.

    Raises
    ------
    InvalidInputError
        For names that :mod:`relucvx.metrics` lacks and for anything that is not callable.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import numpy as np
    >>> from relucvx.training import make_recorders
    >>> sorted(make_recorders({"rank": lambda Z: np.linalg.matrix_rank(Z)}, np.eye(2)))
    ['rank']
    """
    if record is None:
        return {}
    if isinstance(record, Mapping):
        pairs = list(record.items())
    else:
        items = [record] if isinstance(record, str) or callable(record) else as_list(record, "record")
        pairs = [(_name(item, k), item) for k, item in enumerate(items)]
    return {str(name): _recorder(item, X) for name, item in pairs}


def _name(item: Any, k: int) -> str:
    if isinstance(item, str):
        return item
    name = str(getattr(item, "__name__", ""))
    return f"record_{k}" if name in ("", "<lambda>") else name


def _recorder(item: Any, X: Array | Problem) -> Recorder:
    if callable(item):
        return cast(Recorder, item)
    if is_word(item, ("kernel",)):
        return lambda net: _gram(last_hidden(net, X))
    metric = getattr(metrics, item, None) if isinstance(item, str) else None
    if not callable(metric):
        raise InvalidInputError(
            explain(
                'record to name "kernel" or a function of relucvx.metrics, or to be a function of the network',
                repr(item),
                "a misspelt name",
                'record=["kernel", "participation_ratio"] or record={"width": lambda net: net.width}',
            )
        )
    return lambda net: metric(last_hidden(net, X))


def _gram(H: Array) -> Array:
    K = H @ H.T
    return np.asarray((K + K.T) / 2)


def last_hidden(net: Any, X: Array | Problem) -> Array:
    """Last hidden layer of a network on X; (n, m). On a problem of bags what its samples read, (n, K m).

    Status: theorem (a definition). Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> from relucvx.training import last_hidden
    >>> network = rx.TwoLayerReLU([[1.0], [-1.0]], [1.0, 1.0])
    >>> last_hidden(network, np.array([[-2.0], [1.0]])).tolist()
    [[0.0, 2.0], [1.0, 0.0]]
    """
    if isinstance(X, Problem):
        return representation(X, X.inner(net))
    out = net.hidden(X)
    return np.asarray(out[-1] if isinstance(net, DeepNetwork) else out)


class History:
    """Collects (seed, step, objective) in bulk, and recorded values seed by seed."""

    def __init__(self, count: int, recorders: dict[str, Recorder], p_star: float | None) -> None:
        self.recorders, self.p_star = recorders, p_star
        self.bulk: list[tuple[Array, Array, Array]] = []
        self.recorded: list[dict[str, list[Any]]] = [{name: [] for name in recorders} for _ in range(count)]
        self.latest = np.full(count, -1)  # a seed that ends at a step already recorded is not recorded twice

    def add(self, seeds: Array, steps: Array, values: Array, network: Callable[[int], Any]) -> None:
        """Positions of the seeds, their steps and objectives; ``network(k)`` is the network of the k-th of them."""
        # a seed that ends at a step that was due is recorded once
        fresh = np.flatnonzero(self.latest[seeds] < steps)
        self.latest[seeds] = steps
        self.bulk.append((seeds[fresh], steps[fresh], values[fresh]))
        if not self.recorders:
            return
        for k in fresh:
            seed, net = seeds[k], network(int(k))
            for name, recorder in self.recorders.items():
                self.recorded[int(seed)][name].append(recorder(net))

    def finish(self, position: int) -> dict[str, Array]:
        """History of one seed as arrays."""
        # joined at the first seed that asks, once for all
        if len(self.bulk) > 1:
            seeds, steps, values = (np.concatenate(column) for column in zip(*self.bulk, strict=True))
            self.bulk = [(seeds, steps, values)]
        seeds, steps, values = self.bulk[0]
        mine = seeds == position
        out: dict[str, Array] = {"step": steps[mine], "objective": values[mine]}
        if self.p_star is not None:
            out["gap"] = out["objective"] - self.p_star
            out["rel_gap"] = out["gap"] / np.where(out["objective"] == 0, 1.0, np.abs(out["objective"]))
        for name, items in self.recorded[position].items():
            out.update(_columns(name, items))
        return out


def _columns(name: str, items: list[Any]) -> dict[str, Array]:
    """Recorded values as arrays; results that are dataclasses give one array per numeric field."""
    if not items or not dataclasses.is_dataclass(items[0]):
        return {name: np.array([_plain(item) for item in items])}
    fields = [f.name for f in dataclasses.fields(items[0])]
    out = {}
    for field in fields:
        values = [_plain(getattr(item, field)) for item in items]
        # fields that are no numbers have no place in a history
        if all(isinstance(v, (int, float, np.ndarray, np.generic)) for v in values):
            out[f"{name}.{field}"] = np.array(values)
    return out


def _plain(value: Any) -> Any:
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value
