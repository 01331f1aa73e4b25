"""±1 factorial targets: the abstract kernel K = b (d_Y 11^T + Y Y^T), when it is the only optimum, one of many, or none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.kernel.design import (
    ZERO,
    Design,
    as_rotation,
    read_design,
    require_design,
    require_fit,
    require_no_common_mode,
    require_targets,
    target_conditions,
)
from relucvx.kernel.mean_field import optimal_readout
from relucvx.kernel.prediction import Prediction, as_targets, build_prediction, network_from_hidden
from relucvx.network import TwoLayerReLU
from relucvx.types import Array, Result
from relucvx.validation import as_positive

STATUS = {
    "zero": "certified numerically: beta >= beta_max, where the zero network is the only optimum",
    "one": "certified numerically (one variable: every optimal neuron is one of the two half indicators)",
    "unique": "optimality certified numerically; uniqueness by a proof sketch (only dictator directions have |Ya| "
    "constant) and by training",
    "kink": "optimality certified numerically (certificate by multistart ascent; x2 > x1 puts neurons on the kink); "
    "uniqueness by a proof sketch and by training",
    "many": "optimality certified numerically; non-uniqueness is a theorem (explicit networks of equal objective)",
    "outside": "not stated for x2 < 0; certificates of single variables have found no better direction",
    "none": "refuted for x2 < 0: the certificate finds a better direction",
}
"""What each regime rests on."""

NOTES = {
    "zero": "the zero network is optimal",
    "one": "one variable",
    "unique": "positive common mode x2 > 0 selects the abstract kernel, parallelism 1",
    "kink": "positive common mode x2 > x1: the optimal inactive preactivations sit on the kink, where training stalls",
    "many": "x2 = 0: the abstract kernel is one of a continuum of optima, see optimal_family; parallelism, participation "
    "ratio and the even part of the kernel are free, K Y = b n Y, tr K, fit and objective are not",
    "outside": "x2 < 0 with one variable: outside what is claimed",
    "none": "anti-abstract: for x2 < 0 the abstract network is not optimal; the optimum is lower and its parallelism low",
}


def predict_factorial(
    Y: Any, beta: float, x0: float = 1.0, x1: float = 0.0, x2: float = 0.0, X: Any = None
) -> Prediction:
    """Abstract kernel K = b (d_Y 11^T + Y Y^T), b = 1/(2 sqrt(gamma)) - beta/n, for ±1 factorial targets.

    Parameters
    ----------
    Y : array_like of shape (n, d_Y)
        Every combination of ±1 equally often.
    beta : float
        Strength of the weight decay, > 0.
    x0, x1, x2 : float
        K_X = x0 I + x1 Y Y^T + x2 11^T; ignored when X is given.
    X : array_like of shape (n, d), optional
        Inputs; x0, x1, x2 are read off X X^T, and that they reproduce it is a condition. A decayed hidden bias adds a
        ones column, that is 1 to x2.

    Returns
    -------
    Prediction
        p* = beta d_Y (2 sqrt(gamma) - 2 gamma beta/n) below beta_max = n/(2 sqrt(gamma)); gamma as in the module's
        docstring. ``unique``: True for x2 > 0 or one variable, False for x2 = 0 (a continuum, see
        :func:`optimal_family`). For x2 < 0 the form does not apply: the formula is kept in ``kernel`` so that it can
        be refuted. The network has 2 d_Y modular neurons sqrt(b/2)(1 ± y_k).

    Raises
    ------
    InvalidInputError
        For malformed arrays, beta <= 0, or strengths that give K_X a negative eigenvalue. Targets that are not
        factorial are a failed condition instead.

    Notes
    -----
    Source: [wang-fusi-johnston-2025] for the question, [relucvx] for the formulas.
    Status: certified numerically; ``status`` of the result says what optimality and uniqueness rest on.

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.factorial(2)  # whitened: an optimum is abstract, and it is not the only one
    >>> found = rx.kernel.predict_factorial(data.Y, beta=0.2, X=data.X)
    >>> found.applicable, found.unique, round(found.objective, 6)
    (True, False, 1.051371)
    >>> biased = rx.datasets.factorial(2, x2=1.0)
    >>> rx.kernel.predict_factorial(biased.Y, beta=0.2, X=biased.X).unique
    True
    """
    beta, Y = as_positive(beta, "beta"), as_targets(Y)
    conditions = target_conditions(Y)
    common: dict[str, Any] = {"source": "wang-fusi-johnston-2025, relucvx"}
    # without factorial targets the constants below mean nothing
    if not all(conditions.values()):
        return build_prediction("factorial", conditions, status="not evaluated", **common)
    # read off X where it is given, so that the conditions are about data, not about what is said of them
    design, fits, X = read_design(Y, x0, x1, x2, X)
    regime = design.regime(beta)
    conditions |= {
        "K_X = x0 I + x1 YY^T + x2 11^T": fits,
        "x0 > 0": design.x0 > 0,
        "x1 >= 0": design.n * design.x1 >= -ZERO * abs(design.x0),
        "x2 >= 0": regime not in ("none", "outside"),
    }
    # a network is shown only where it is an optimum
    network = factorial_network(X, Y, beta) if X is not None and all(conditions.values()) else None
    return build_prediction(
        "factorial",
        conditions,
        kernels=(design.scale(beta) * (design.c + Y @ Y.T),),
        objective=design.objective(beta),
        # in one regime there is a continuum of kernels, of which this is a member
        unique=regime != "many",
        beta_max=design.beta_max,
        status=STATUS[regime],
        network=network,
        note=f"x0 = {design.x0:.6g}, x1 = {design.x1:.6g}, x2 = {design.x2:.6g}: {NOTES[regime]}",
        **common,
    )


def factorial_network(X: Any, Y: Any, beta: float) -> TwoLayerReLU:
    """The abstract network: 2 d_Y neurons with preactivations sqrt(2b)(±p y_k + q 1), each tuned to one variable.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Inputs with X X^T = x0 I + x1 Y Y^T + x2 11^T.
    Y : array_like of shape (n, d_Y)
        Every combination of ±1 equally often.
    beta : float
        Strength of the weight decay, > 0.

    Returns
    -------
    TwoLayerReLU
        Optimal for x2 >= 0 (one of many at x2 = 0, d_Y >= 2); for x2 < 0 merely a good network. Width 0 from beta_max
        on.

    Raises
    ------
    InvalidInputError
        For malformed arrays, other targets or other inputs.

    Notes
    -----
    Source: [wang-fusi-johnston-2025] for the question, [relucvx] for the formulas.
    Status: certified numerically (optimality for x2 >= 0).

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.factorial(2)
    >>> network = rx.kernel.factorial_network(data.X, data.Y, beta=0.2)
    >>> proof = rx.certify(network, data.X, data.Y, 0.2)
    >>> network.width, bool(proof.rel_gap < 1e-6)
    (4, True)
    """
    beta, design, X, Y = require_design(X, Y, beta)
    p, q = design.split
    return _readout_network(X, Y, beta, p * np.hstack([Y, -Y]) + q, design)


def factorial_rotation_network(X: Any, Y: Any, beta: float, R: Any) -> TwoLayerReLU:
    """Another optimum at x2 = 0: the neurons sqrt(2b) relu(±Y R e_k) for an orthogonal R; R = I is abstract.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Inputs with X X^T = x0 I + x1 Y Y^T (no common mode).
    Y : array_like of shape (n, d_Y)
        Every combination of ±1 equally often.
    beta : float
        Strength of the weight decay, > 0.
    R : array_like of shape (d_Y, d_Y)
        Orthogonal.

    Returns
    -------
    TwoLayerReLU
        Kernel b (Y Y^T + |Y R||Y R|^T), the objective of the abstract network.

    Raises
    ------
    InvalidInputError
        For malformed arrays, x2 other than 0 or R not orthogonal.

    Notes
    -----
    Its preactivations are sqrt(2b)(p u + q |u|) with u = ±Y R e_k: odd and even part of relu(u) at their cheapest.

    Source: [relucvx].
    Status: theorem (equal objectives); optimality certified numerically.

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> data, turn = rx.datasets.factorial(2), np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
    >>> network = rx.kernel.factorial_rotation_network(data.X, data.Y, 0.2, turn)
    >>> score = rx.metrics.parallelism_score(network.hidden(data.X), data.Y).mean
    >>> print(f"{abs(score):.3f}")  # as good as the abstract network, and not abstract
    0.000
    """
    beta, design, X, Y = require_design(X, Y, beta)
    require_no_common_mode(design)
    U = Y @ as_rotation(R, design.c)
    p, q = design.split
    return _readout_network(X, Y, beta, p * np.hstack([U, -U]) + q * np.abs(np.hstack([U, U])), design)


@dataclass(frozen=True, repr=False)
class OptimalFamily(Result):
    """Optima of equal objective at x2 = 0, one for each orthogonal R of shape (d_Y, d_Y).

    Attributes
    ----------
    Y : ndarray of shape (n, d_Y)
    X : ndarray of shape (n, d) or None
    beta, b, objective : float
        Weight decay, scale of the kernels, and the objective all of them share.

    Notes
    -----
    Status: a record of what :func:`optimal_family` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> data = rx.datasets.factorial(2)
    >>> family = rx.kernel.optimal_family(data.Y, beta=0.2, X=data.X)
    >>> print(f"{family.objective:.6f} {family.b:.6f}", family.kernel(np.eye(2)).shape)
    1.051371 0.303553 (4, 4)
    """

    Y: Array
    X: Array | None
    beta: float
    b: float
    objective: float

    def kernel(self, R: Any) -> Array:
        """b (Y Y^T + |Y R||Y R|^T) of shape (n, n)."""
        even = np.abs(self.Y @ as_rotation(R, self.Y.shape[1]))
        kernel: Array = self.b * (self.Y @ self.Y.T + even @ even.T)
        return kernel

    def network(self, R: Any) -> TwoLayerReLU:
        """The network of :func:`factorial_rotation_network`; needs X."""
        if self.X is None:
            raise InvalidInputError(explain("a family with inputs", "X = None", "", "optimal_family(Y, beta, X=X)"))
        return factorial_rotation_network(self.X, self.Y, self.beta, R)


def optimal_family(Y: Any, beta: float, x0: float = 1.0, x1: float = 0.0, X: Any = None) -> OptimalFamily:
    """The rotation family of optima for ±1 factorial targets without common mode, d_Y >= 2.

    Parameters
    ----------
    Y : array_like of shape (n, d_Y)
        Every combination of ±1 equally often, d_Y >= 2.
    beta : float
        Strength of the weight decay, > 0.
    x0, x1 : float
        K_X = x0 I + x1 Y Y^T; ignored when X is given.
    X : array_like of shape (n, d), optional
        Inputs, needed for networks.

    Returns
    -------
    OptimalFamily
        ``kernel(R)`` and ``network(R)``. For d_Y = 2 and a rotation by theta the parallelism score is
        |cos 2 theta|/(2 - |cos 2 theta|): 1 for the abstract kernel, 0 for one neuron per condition.

    Raises
    ------
    InvalidInputError
        For other targets, one variable, or inputs with a common mode (unique for x2 > 0, not optimal for x2 < 0).

    Notes
    -----
    Source: [relucvx].
    Status: theorem (equal objectives); optimality certified numerically.

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> data = rx.datasets.factorial(2)
    >>> family = rx.kernel.optimal_family(data.Y, beta=0.2, X=data.X)
    >>> network = family.network(np.eye(2))  # one of the rotations: the abstract one
    >>> print(f"{rx.metrics.parallelism_score(network.hidden(data.X), data.Y).mean:.4f}")
    1.0000
    """
    beta, Y = as_positive(beta, "beta"), as_targets(Y)
    require_targets(Y)
    if Y.shape[1] == 1:
        raise InvalidInputError(explain("at least two variables", "one", "with one variable the optimum is unique"))
    design, fits, X = read_design(Y, x0, x1, 0.0, X)
    require_fit(fits)
    require_no_common_mode(design)
    return OptimalFamily(Y, X, beta, design.scale(beta), design.objective(beta))


def _readout_network(X: Array, Y: Array, beta: float, unit: Array, design: Design) -> TwoLayerReLU:
    """Scale unit preactivations to the optimal height sqrt(2b) and fit the output layer."""
    H = np.sqrt(2 * design.scale(beta)) * unit
    if design.scale(beta) == 0.0:
        return TwoLayerReLU.zero(X.shape[1], design.c)
    return network_from_hidden(X, H, optimal_readout(np.maximum(H, 0.0), Y, beta))
