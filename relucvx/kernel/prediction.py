"""A predicted optimum: kernel, objective, and which of the assumptions it rests on hold."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.kernel.representation import whitened
from relucvx.labels import is_vector, numbered, read_labels
from relucvx.network import TwoLayerReLU
from relucvx.tolerances import EPS
from relucvx.types import Array, Result, freeze
from relucvx.validation import as_matrix, check_same_length, check_size

ASSUMED = "X not given: X X^T = I is assumed"


@dataclass(frozen=True, repr=False)
class Prediction(Result):
    """What a closed form says about the global optimum, and whether it may be believed here.

    Attributes
    ----------
    name : str
        Which closed form.
    kernel : ndarray of shape (n, n) or None
        Kernel of the last hidden layer by the formula; None where the formula cannot be evaluated. A prediction only
        when ``applicable``.
    kernels : tuple of ndarray
        Kernels of all hidden layers, first to last.
    objective : float or None
        p* by the formula, in the units of the package (loss + beta/2·||weights||²).
    unique : bool or None
        Whether every optimum has this kernel; None where that is unknown or the form does not apply.
    conditions : dict of str to bool
        Each assumption and whether it holds.
    applicable : bool
        Whether all of them hold.
    beta_max : float or None
        From this beta on the zero network is optimal, by the formula.
    source, status : str
        Where the form comes from, and what optimality and uniqueness rest on.
    network : TwoLayerReLU, DeepNetwork or None
        An optimal network in the given X, where the form applies and provides one.
    note : str
        Caveats, in words.

    Notes
    -----
    Status: as its own ``status`` says. Source: [relucvx], and its own ``source``.

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.class_labels([3, 1])
    >>> found = rx.kernel.predict_one_hot(data.Y, beta=0.2, X=data.X)
    >>> round(found.beta_max, 6), found.kernel.shape, all(found.conditions.values())
    (1.732051, (4, 4), True)
    """

    name: str
    kernel: Array | None
    kernels: tuple[Array, ...]
    objective: float | None
    unique: bool | None
    conditions: dict[str, bool]
    applicable: bool
    beta_max: float | None
    source: str
    status: str
    network: Any = None
    note: str = ""

    def __repr__(self) -> str:
        if not self.applicable:
            failed = ", ".join(name for name, holds in self.conditions.items() if not holds)
            return f"Prediction({self.name}, not applicable: {failed})"
        verdict = {True: "unique kernel", False: "one of many optimal kernels", None: "uniqueness unknown"}
        value = "" if self.objective is None else f"p* = {self.objective:.10g}, "
        return f"Prediction({self.name}, {value}{verdict[self.unique]})"


def build_prediction(
    name: str,
    conditions: dict[str, bool],
    *,
    kernels: tuple[Array, ...] = (),
    objective: float | None = None,
    unique: bool | None = None,
    beta_max: float | None = None,
    source: str,
    status: str,
    network: Any = None,
    note: str = "",
) -> Prediction:
    """Assemble a prediction; uniqueness and the network are withheld where an assumption fails."""
    conditions = {key: bool(holds) for key, holds in conditions.items()}
    applicable = all(conditions.values())
    return Prediction(
        name=name,
        kernel=kernels[-1] if kernels else None,
        kernels=tuple(freeze(K) for K in kernels),
        objective=None if objective is None else float(objective),
        unique=unique if applicable else None,
        conditions=conditions,
        applicable=applicable,
        beta_max=None if beta_max is None else float(beta_max),
        source=source,
        status=status,
        network=network if applicable else None,
        note=note,
    )


def add_note(note: str, more: str) -> str:
    """Join two notes."""
    return "; ".join(part for part in (note, more) if part)


def whitened_condition(X: Any, n: int) -> tuple[Array | None, dict[str, bool], str]:
    """(X checked, {"X X^T = I": holds}, note) for closed forms of whitened data."""
    if X is None:
        return None, {"X X^T = I": True}, ASSUMED
    X = as_matrix(X, "X")
    check_same_length(X, np.empty((n, 1)))
    return X, {"X X^T = I": whitened(X)}, ""


def as_targets(Y: Any) -> Array:
    """Targets (n, c)."""
    out = as_matrix(Y, "Y", allow_vector=True)
    check_size(out, "Y")
    return out


def as_one_hot(labels: Any) -> Array | None:
    """Labels (n,), or one-hot rows (n, c), as one-hot rows; None when the rows are not one-hot.

    A 1-D array holds labels of any kind (whole numbers or text), numbered in sorted order.
    """
    if not is_vector(labels, "labels"):
        Y = as_matrix(labels, "labels", allow_vector=True)
        return Y if np.isin(Y, (0.0, 1.0)).all() and (Y.sum(axis=1) == 1.0).all() else None
    values = read_labels(labels, "labels")
    parts = [value for value in values if isinstance(value, float) and not value.is_integer()]
    if parts or not values:
        raise InvalidInputError(
            explain(
                "labels that are whole numbers or text, or one-hot rows",
                f"a 1-D float array with fractions, e.g. {parts[0]!r}" if parts else "no labels",
                "real targets instead of classes",
                "predict_scalar(y, beta) for real targets",
            )
        )
    classes, index = numbered(values, "labels")
    return np.eye(len(classes))[index]


def network_from_hidden(X: Array, H: Array, out: Array) -> TwoLayerReLU:
    """The network of least input norm with preactivations H (n, m) on X and output weights (m, c)."""
    scale = EPS * max(X.shape)
    return TwoLayerReLU(np.asarray(np.linalg.lstsq(X, H, rcond=scale)[0].T, dtype=np.float64), out)


def with_hidden_bias(network: TwoLayerReLU) -> TwoLayerReLU:
    """Read the last input weight (of a ones column) as the hidden bias."""
    W = network.weights_in
    return dataclasses.replace(network, weights_in=W[:, :-1], bias_in=W[:, -1])
