"""The strength that ``beta="auto"`` and a share of beta_max stand for."""

from __future__ import annotations

from typing import Any

from relucvx.validation import as_fraction, as_strength

AUTO = "auto"
"""What stands for a strength that is a share of beta_max."""


def as_beta(beta: Any, fraction: Any, largest: float) -> float:
    """The strength that ``beta`` and ``beta_fraction`` stand for: beta itself, or that share of beta_max.

    Raises
    ------
    InvalidInputError
        For a strength that is neither "auto" nor a number > 0, and a fraction outside (0, 1).
    """
    if not (isinstance(beta, str) and beta == AUTO):
        return as_strength(beta, 'beta > 0, or beta="auto" for beta_fraction * beta_max')
    share = as_fraction(fraction, "beta_fraction")
    # where nothing can be learnt every strength has the same optimum
    return share * largest if largest > 0.0 else 1.0
