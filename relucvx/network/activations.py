"""Smooth and threshold activations: no exact convex program exists for them, so everything built on them is heuristic."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.types import ACTIVATIONS, Activation, Array, as_activation

special = later("scipy.special")

_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)


@dataclass(frozen=True)
class SmoothActivation:
    """An activation outside the piecewise-linear family, by name.

    ======================  =================================================================
    name                    phi(t)
    ======================  =================================================================
    ``tanh``, ``erf``       odd and bounded
    ``sigmoid``             1 / (1 + exp(-t))
    ``softplus``            log(1 + exp(t))
    ``gelu``                t Φ(t), with the normal distribution function Φ
    ``silu``                t sigmoid(t)
    ``relu_squared``        max(t, 0)², homogeneous of degree two
    ``threshold``           1 for t >= 0, else 0 (the gate of the arrangement)
    ======================  =================================================================

    Attributes
    ----------
    name : str
        One of the names above; the objects are in :data:`SMOOTH`.

    Notes
    -----
    Source: [relucvx].
    Status: heuristic (programs, kernels and training with these activations carry no certificate).

    Examples
    --------
    >>> from relucvx.network import resolve_activation
    >>> gelu = resolve_activation("gelu")
    >>> print(f"{float(gelu(1.0)):.4f} {float(gelu.derivative(0.0)):.4f}", gelu.exact)
    0.8413 0.5000 False
    """

    name: str

    @property
    def exact(self) -> bool:
        """False: the convex reformulation holds for piecewise-linear activations only."""
        return False

    def __call__(self, t: Any) -> Array:
        return np.asarray(_VALUES[self.name](np.asarray(t, dtype=np.float64)))

    def derivative(self, t: Any) -> Array:
        """phi'(t); for ``threshold`` the true derivative 0, although training uses a surrogate."""
        return np.asarray(_DERIVATIVES[self.name](np.asarray(t, dtype=np.float64)))

    def torch(self, t: Any) -> Any:
        """phi(t) of a torch tensor, differentiable.

        ``threshold`` passes gradients straight through where |t| <= 1 (a surrogate: its own derivative is 0).
        """
        from relucvx.network.torch.activations import VALUES

        return VALUES[self.name](t)


def _normal_cdf(t: Array) -> Array:
    return np.asarray(special.ndtr(t))


def _silu_derivative(t: Array) -> Array:
    s = special.expit(t)
    return np.asarray(s * (1.0 + t * (1.0 - s)))


_VALUES: dict[str, Callable[[Array], Any]] = {
    "tanh": np.tanh,
    "erf": lambda t: special.erf(t),
    "sigmoid": lambda t: special.expit(t),
    # log(1 + e^t) as it stands overflows
    "softplus": lambda t: np.logaddexp(0.0, t),
    "gelu": lambda t: t * _normal_cdf(t),
    "silu": lambda t: t * special.expit(t),
    "relu_squared": lambda t: np.maximum(t, 0.0) ** 2,
    "threshold": lambda t: (t >= 0).astype(np.float64),
}

_DERIVATIVES: dict[str, Callable[[Array], Any]] = {
    "tanh": lambda t: 1.0 - np.tanh(t) ** 2,
    "erf": lambda t: 2.0 / math.sqrt(math.pi) * np.exp(-(t**2)),
    # 1 - s(t) is s(-t), which keeps its digits where s is nearly 1
    "sigmoid": lambda t: special.expit(t) * special.expit(-t),
    "softplus": lambda t: special.expit(t),
    "gelu": lambda t: _normal_cdf(t) + t * _DENSITY * np.exp(-0.5 * t**2),
    "silu": _silu_derivative,
    "relu_squared": lambda t: 2.0 * np.maximum(t, 0.0),
    "threshold": np.zeros_like,
}


SMOOTH: dict[str, SmoothActivation] = {name: SmoothActivation(name) for name in _VALUES}
"""Every activation that is only supported heuristically, by name."""


def resolve_activation(
    activation: str | tuple[float, float] | Activation | SmoothActivation,
) -> Activation | SmoothActivation:
    """Resolve an activation given by name, by two slopes, or as an object; smooth ones included.

    Raises
    ------
    InvalidInputError
        For an unknown name, or slopes that are not two finite numbers (not both zero).

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> from relucvx.network import resolve_activation
    >>> resolve_activation((0.1, 1.0)).slope_neg, resolve_activation("tanh").name
    (0.1, 'tanh')
    """
    if isinstance(activation, SmoothActivation):
        return activation
    if not isinstance(activation, str):
        return as_activation(activation)
    if activation in SMOOTH:
        return SMOOTH[activation]
    if activation in ACTIVATIONS or activation.startswith("piecewise("):
        return as_activation(activation)
    raise InvalidInputError(
        explain(
            f"an activation among {', '.join([*ACTIVATIONS, *SMOOTH])}, or a pair (slope_neg, slope_pos)",
            repr(activation),
            "",
            'activation="relu"',
        )
    )


def is_exact(activation: Activation | SmoothActivation) -> bool:
    """Whether the convex reformulation is exact for this activation: it is for the piecewise-linear ones.

    Status: theorem. Source: [pilanci-ergen-2020].

    Examples
    --------
    >>> from relucvx.network import is_exact, resolve_activation
    >>> is_exact(resolve_activation("leaky_relu")), is_exact(resolve_activation("tanh"))
    (True, False)
    """
    return isinstance(activation, Activation)
