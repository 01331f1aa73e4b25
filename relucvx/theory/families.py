"""Families of generated problems, and numbers of the representations at their optima: what phase diagrams are made of."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx._api.strengths import beta_max
from relucvx.conversion import is_word, shown
from relucvx.datasets import factorial
from relucvx.errors import InvalidInputError, explain
from relucvx.kernel import representation_kernel
from relucvx.metrics import neural_collapse, parallelism_score, participation_ratio
from relucvx.network import TwoLayerReLU
from relucvx.program import Problem, make_problem
from relucvx.theory.draws import one_hot
from relucvx.types import Result
from relucvx.validation import as_count, as_positive

SECONDS = 20.0
"""Seconds for beta_max, of which a member's strength is a share."""


@dataclass(frozen=True, eq=False)
class Member(Result):
    """One problem of a family, with what statistics need to know of it.

    Attributes
    ----------
    problem : Problem
    labels : ndarray, shape (n,), optional
        Classes of the samples.
    factors : ndarray, shape (n, k), optional
        Binary variables of the samples.

    Notes
    -----
    Status: a record. Source: [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> from relucvx.theory import Member
    >>> member = Member(rx.make_problem([[1.0], [2.0]], [1.0, -1.0], beta=0.1), labels=np.array([0, 1]))
    >>> member.problem.n_samples, member.factors is None
    (2, True)
    """

    problem: Problem
    labels: np.ndarray | None = None
    factors: np.ndarray | None = None


def factorial_family(
    x1: float = 0.0,
    x2: float = 0.0,
    x0: float = 1.0,
    d_Y: int = 2,
    beta: float = 0.1,
    bias: str = "none",
) -> Member:
    """All combinations of d_Y binary variables as targets, inputs of kernel ``x0 I + x1 Y Yᵀ + x2 11ᵀ``, squared loss.

    Parameters
    ----------
    x0, x1, x2, d_Y
        As in :func:`relucvx.datasets.factorial`.
    beta : float
        Strength as a share of beta_max.
    bias : str
        As in :func:`relucvx.solve`.

    Returns
    -------
    Member
        With ``factors`` and ``labels``.

    Notes
    -----
    Status: theorem (a definition). Source: [wang-2025], [relucvx]

    Examples
    --------
    >>> from relucvx.theory import factorial_family
    >>> factorial_family(x1=0.5, x2=0.2).factors.shape
    (4, 2)
    """
    data = factorial(d_Y, x0=x0, x1=x1, x2=x2)
    return Member(_at_share(data.X, data.Y, beta, bias), data.labels, np.asarray(data.Y))


def class_family(
    snr: float = 1.0,
    n: int = 30,
    n_classes: int = 3,
    d: int = 3,
    beta: float = 0.1,
    bias: str = "none",
    seed: int = 0,
) -> Member:
    """Gaussian classes around orthonormal means, one-hot targets, squared loss: ``x = mean + noise / snr``.

    Parameters
    ----------
    snr : float
        Length of a mean over the standard deviation of each coordinate of the noise.
    n, n_classes, d : int
        Samples in all, dealt to the classes in turn, classes, and features, ``n >= n_classes`` and ``d >= n_classes``.
    beta : float
        Strength as a share of beta_max.
    bias : str
        As in :func:`relucvx.solve`.
    seed : int
        Of the noise, the same at every ``snr``; more samples are the earlier ones and others.

    Returns
    -------
    Member
        With ``labels``.

    Raises
    ------
    InvalidInputError
        For counts out of range.

    Notes
    -----
    Status: theorem (a definition). Source: [papyan-2020], [relucvx]

    Examples
    --------
    >>> from relucvx.theory import class_family
    >>> class_family(snr=4.0, n=6).labels.tolist()
    [0, 1, 2, 0, 1, 2]
    """
    n_classes = as_count(n_classes, "n_classes", 2)
    n, d = as_count(n, "n", n_classes), as_count(d, "d", n_classes)
    labels = np.arange(n) % n_classes
    noise = np.random.default_rng(as_count(seed, "seed", 0)).standard_normal((n, d))
    X = np.eye(d)[labels] + noise / as_positive(snr, "snr")
    return Member(_at_share(X, one_hot(labels), beta, bias), labels)


def _at_share(X: Any, Y: Any, share: float, bias: str) -> Problem:
    """The problem at a share of its beta_max."""
    share = as_positive(share, "beta", fix="beta=0.1, a share of beta_max")
    return make_problem(X, Y, share * beta_max(X, Y, bias=bias, time_limit=SECONDS)[1], bias=bias)


FAMILIES: dict[str, Callable[..., Member]] = {"factorial": factorial_family, "classes": class_family}
"""Families that have a name."""


def _needs(found: Any, what: str, statistic: str) -> Any:
    if found is None:
        raise InvalidInputError(
            explain(f"members with {what} for {statistic}", "a family without", "", "statistic='participation_ratio'")
        )
    return found


def _parallelism(member: Member, network: TwoLayerReLU) -> float:
    factors = _needs(member.factors, "factors", "parallelism")
    if not network.width:
        return float("nan")
    return float(parallelism_score(kernel=representation_kernel(network, member.problem.X), factors=factors).mean)


def _collapse(member: Member, network: TwoLayerReLU, name: str) -> float:
    labels = _needs(member.labels, "labels", name)
    if not network.width:
        return float("nan")
    return float(getattr(neural_collapse(network.hidden(member.problem.X), labels), name))


def _dimension(member: Member, network: TwoLayerReLU) -> float:
    if not network.width:
        return float("nan")
    return float(participation_ratio(network.hidden(member.problem.X)))


STATISTICS: dict[str, Callable[[Member, Any], float]] = {
    "parallelism": _parallelism,
    "nc1": lambda member, network: _collapse(member, network, "nc1"),
    "nc1_quotient": lambda member, network: _collapse(member, network, "nc1_quotient"),
    "participation_ratio": _dimension,
    "width": lambda member, network: float(network.width),
}
"""Numbers of a network's representation that have a name; NaN where there are no neurons."""


def as_family(family: Any) -> tuple[str, Callable[..., Member]]:
    """Name and function of a family, given by its name or as a function.

    Raises
    ------
    InvalidInputError
        For anything else.
    """
    return _named(family, FAMILIES, "family")


def check_parameters(make: Callable[..., Member], given: Iterable[str], family: str) -> None:
    """Raise unless a family has parameters of these names, before many processes begin.

    Raises
    ------
    InvalidInputError
        With the names that it has.
    """
    known = inspect.signature(make).parameters
    if any(p.kind is p.VAR_KEYWORD for p in known.values()):
        return
    other = [name for name in given if name not in known]
    if other:
        raise InvalidInputError(
            explain(f"parameters of {family}: {', '.join(known)}", ", ".join(other), "a misspelt name", "one of these")
        )


def as_statistic(statistic: Any) -> tuple[str, Callable[[Member, Any], float]]:
    """Name and function of a statistic, given by its name or as a function of a member and a network.

    Raises
    ------
    InvalidInputError
        For anything else.
    """
    return _named(statistic, STATISTICS, "statistic")


def _named(given: Any, known: dict[str, Any], what: str) -> tuple[str, Any]:
    if is_word(given, tuple(known)):
        return given, known[given]
    if callable(given):
        return f"{given.__module__}:{getattr(given, '__qualname__', type(given).__qualname__)}", given
    raise InvalidInputError(
        explain(
            f"{what} to be one of {', '.join(known)}, or a function", shown(given), "", f'{what}="{next(iter(known))}"'
        )
    )
