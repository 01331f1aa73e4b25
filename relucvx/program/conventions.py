"""Conversions of the penalty strength between conventions. ``beta`` always belongs to a loss summed over samples.

All of them multiply the whole objective by a positive constant, so the optimal networks are the same.
"""

from __future__ import annotations

import numpy as np

from relucvx.conversion import shown
from relucvx.errors import InvalidInputError, explain
from relucvx.validation import as_count, as_positive


def _count(n: int) -> int:
    return as_count(n, "n, the number of samples,", fix="n = len(X)")


def from_mean_loss(beta: float, n: int) -> float:
    """Strength for ``(1/n) Σ_i h_i + beta/2 ||W||²`` (with the same h_i as here, e.g. half squares): ``n·beta``.

    Raises
    ------
    InvalidInputError
        Unless beta > 0 and n >= 1.

    Notes
    -----
    Status: theorem (times n). Source: [relucvx]

    Examples
    --------
    >>> from relucvx.program.conventions import from_mean_loss
    >>> from_mean_loss(0.01, n=150)
    1.5
    """
    return as_positive(beta, "beta") * _count(n)


def to_mean_loss(beta: float, n: int) -> float:
    """The inverse of :func:`from_mean_loss`: ``beta/n``.

    Examples
    --------
    >>> from relucvx.program.conventions import to_mean_loss
    >>> to_mean_loss(1.5, n=150)
    0.01
    """
    return as_positive(beta, "beta") / _count(n)


def from_mean_squared_error(decay: float, n: int) -> float:
    """Strength for ``(1/n) ||F - Y||² + decay ||W||²`` (no halves): ``n·decay``.

    Half of ``n`` times that objective is ``||F - Y||²/2 + (n·decay)/2 ||W||²``.

    Raises
    ------
    InvalidInputError
        Unless decay > 0 and n >= 1.

    Notes
    -----
    Status: theorem (times n/2). Source: [relucvx]

    Examples
    --------
    >>> from relucvx.program.conventions import from_mean_squared_error
    >>> from_mean_squared_error(0.01, n=150)
    1.5
    """
    return as_positive(decay, "decay") * _count(n)


def from_sum_of_squares(lam: float) -> float:
    """Strength for ``||F - Y||² + lam ||W||²`` (no halves): ``lam``.

    Raises
    ------
    InvalidInputError
        Unless lam > 0.

    Notes
    -----
    Status: theorem (times 1/2). Source: [wang-2025]

    Examples
    --------
    >>> from relucvx.program.conventions import from_sum_of_squares
    >>> from_sum_of_squares(0.3)
    0.3
    """
    return as_positive(lam, "lam")


def from_torch_weight_decay(weight_decay: float, n: int, reduction: str = "mean", halved: bool = False) -> float:
    """Strength for a torch optimiser's ``weight_decay`` (which adds ``weight_decay/2 ||W||²``) and a criterion.

    ``torch.nn.MSELoss`` and ``HuberLoss``-like criteria take the mean over all entries; here h is the half square,
    so a criterion made of full squares (``halved=False``) counts twice.

    Parameters
    ----------
    weight_decay : float
        As given to ``torch.optim.SGD`` (for AdamW the decoupled decay has no objective).
    n : int
        Number of entries the mean runs over: samples times outputs for MSELoss.
    reduction : {"mean", "sum"}
        The criterion's reduction.
    halved : bool
        Whether the criterion has the constants used here (True for logistic, hinge and Huber losses).

    Raises
    ------
    InvalidInputError
        For another reduction, weight_decay <= 0 or n < 1.

    Notes
    -----
    Status: theorem (times n, and 1/2 where not halved). Source: [relucvx]

    Examples
    --------
    >>> from relucvx.program.conventions import from_torch_weight_decay
    >>> from_torch_weight_decay(0.02, n=100)  # MSELoss and SGD(weight_decay=0.02)
    1.0
    """
    if not isinstance(reduction, str) or reduction not in ("mean", "sum"):
        raise InvalidInputError(explain('reduction "mean" or "sum"', shown(reduction), "", 'reduction="mean"'))
    if not isinstance(halved, (bool, np.bool_)):
        raise InvalidInputError(explain("halved to be True or False", shown(halved), "", "halved=False"))
    entries = _count(n) if reduction == "mean" else 1
    return as_positive(weight_decay, "weight_decay") * entries * (1.0 if halved else 0.5)
