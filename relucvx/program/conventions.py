"""Conversions of the penalty strength between conventions. ``beta`` always belongs to a loss summed over samples.

All of them multiply the whole objective by a positive constant, so the optimal networks are the same.
"""

from __future__ import annotations

from typing import Any

from relucvx.conversion import as_flag, is_word, shown
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
    return as_positive(weight_decay, "weight_decay") * _torch_factor(n, reduction, halved)


def to_torch_weight_decay(beta: float, n: int, reduction: str = "mean", halved: bool = False) -> float:
    """The inverse of :func:`from_torch_weight_decay`: what to give to an optimiser for a strength.

    Examples
    --------
    >>> from relucvx.program.conventions import to_torch_weight_decay
    >>> to_torch_weight_decay(1.0, n=100)  # for MSELoss
    0.02
    """
    return as_positive(beta, "beta") / _torch_factor(n, reduction, halved)


def _torch_factor(n: int, reduction: str, halved: bool) -> float:
    if not is_word(reduction, ("mean", "sum")):
        raise InvalidInputError(explain('reduction "mean" or "sum"', shown(reduction), "", 'reduction="mean"'))
    entries = _count(n) if reduction == "mean" else 1
    return entries * (1.0 if as_flag(halved, "halved") else 0.5)


def from_sklearn_alpha(alpha: float, n: int, batch_size: int | str | None = None) -> float:
    """Strength for the ``alpha`` of scikit-learn's MLPClassifier and MLPRegressor: alpha, times batches.

    Their gradient on a batch of b samples is that of ``(1/b) (Σ_batch h_i + alpha/2 ||W||²)``, without the biases
    (``bias="free"`` here), for the half square summed over outputs, the logistic loss of two classes and the cross-entropy of
    more. On all samples at once (``solver="lbfgs"``) that is ``alpha``. In batches the decay counts once for each of them: on
    average over an epoch ``alpha·n·mean(1/b)``, which for equal batches is alpha times their number.

    Parameters
    ----------
    alpha : float
        As given to the MLP.
    n : int
        Number of samples it is fitted to.
    batch_size : int, "auto" or None
        As given to the MLP with ``solver="adam"`` or "sgd": "auto" is ``min(200, n)``. None: all samples at once, as "lbfgs".

    Raises
    ------
    InvalidInputError
        Unless alpha > 0, n >= 1 and batch_size >= 1.

    Notes
    -----
    The value that "lbfgs" is told for several real targets averages over them, while its gradient sums; the gradient decides
    where it ends, as far as the two let it.

    Status: theorem (of the gradient; for batches, of its mean over shuffles). Source: [relucvx]

    Examples
    --------
    >>> from relucvx.program.conventions import from_sklearn_alpha
    >>> from_sklearn_alpha(0.5, n=150), from_sklearn_alpha(0.5, n=400, batch_size="auto")
    (0.5, 1.0)
    """
    return as_positive(alpha, "alpha") * _batches(n, batch_size)


def to_sklearn_alpha(beta: float, n: int, batch_size: int | str | None = None) -> float:
    """The inverse of :func:`from_sklearn_alpha`: the ``alpha`` of an MLP that a strength stands for.

    Examples
    --------
    >>> from relucvx.program.conventions import to_sklearn_alpha
    >>> to_sklearn_alpha(1.0, n=400, batch_size=100)
    0.25
    """
    return as_positive(beta, "beta") / _batches(n, batch_size)


def _batches(n: int, batch_size: Any) -> float:
    """n times the mean of one over the sizes of the batches of an epoch; the last one may be smaller."""
    n = _count(n)
    if batch_size is None:
        return 1.0
    size = 200 if is_word(batch_size, ("auto",)) else as_count(batch_size, "batch_size", fix='batch_size="auto"')
    full, rest = divmod(n, min(size, n))
    inverse = full / min(size, n) + (1.0 / rest if rest else 0.0)
    return n * inverse / (full + bool(rest))
