"""The losses of :mod:`relucvx.program.losses` on torch tensors, for many networks at once.

Fits have shape (..., c, n): outputs before samples, so that samples are contiguous; targets (c, n) or (..., c, n) and
weights (n,) or (..., 1, n) broadcast against them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from relucvx.errors import UnsupportedError, explain
from relucvx.program.losses import Loss


@dataclass(frozen=True)
class TorchLoss:
    """Value and slope of a loss, entry by entry, on torch tensors.

    Attributes
    ----------
    name : str
        Name of the loss in :mod:`relucvx.program.losses`.
    entries : callable
        (F, Y) -> unweighted summands: (..., c, n), or (..., 1, n) for a loss that couples the outputs.
    slopes : callable
        (F, Y) -> derivative of their sum in F, (..., c, n).
    curvature : float
        An upper bound of the second derivative where there is one, else its order of magnitude; sets default step sizes.
    """

    name: str
    entries: Callable[[Any, Any], Any]
    slopes: Callable[[Any, Any], Any]
    curvature: float

    def value(self, F: Any, Y: Any, weight: Any = None) -> Any:
        """Weighted sum over outputs and samples, one number per leading index."""
        terms = self.entries(F, Y)
        return (terms if weight is None else terms * weight).sum((-2, -1))

    def value_and_slopes(self, F: Any, Y: Any, weight: Any = None) -> tuple[Any, Any]:
        """The value and its derivative in F."""
        slopes = self.slopes(F, Y)
        if self.name == "squared":  # the slopes are the residuals: the square needs no second look at the targets
            terms = slopes * slopes
            value = 0.5 * (terms if weight is None else terms * weight).sum((-2, -1))
        else:
            value = self.value(F, Y, weight)
        return value, slopes if weight is None else slopes * weight


def as_torch_loss(loss: Loss) -> TorchLoss:
    """The torch counterpart of a loss of the program.

    Raises
    ------
    UnsupportedError
        For a loss without one.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (the same formulas).
    """
    table = _table()
    if loss.name not in table:
        raise UnsupportedError(
            explain(f"a loss that can be trained: {', '.join(table)}", repr(loss.name), "", 'loss="squared"')
        )
    entries, slopes, curvature = table[loss.name]
    return TorchLoss(loss.name, entries, slopes, curvature)


def _table() -> dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any], float]]:
    import torch
    from torch.nn import functional

    def huber(F: Any, Y: Any) -> Any:
        r = (F - Y).abs()
        inner = r.clamp(max=1.0)
        return inner * (r - 0.5 * inner)

    def cross_entropy(F: Any, Y: Any) -> Any:
        return Y.sum(-2, keepdim=True) * torch.logsumexp(F, -2, keepdim=True) - (Y * F).sum(-2, keepdim=True)

    def logistic(F: Any, Y: Any) -> Any:
        t = -Y * F
        return t.clamp(min=0.0) + torch.log1p(torch.exp(-t.abs()))

    return {
        "squared": (lambda F, Y: 0.5 * (F - Y) ** 2, lambda F, Y: F - Y, 1.0),
        "logistic": (logistic, lambda F, Y: -Y * torch.sigmoid(-Y * F), 0.25),
        "hinge": (lambda F, Y: functional.relu(1.0 - Y * F), lambda F, Y: -Y * (Y * F < 1.0), 1.0),
        "squared_hinge": (
            lambda F, Y: functional.relu(1.0 - Y * F) ** 2,
            lambda F, Y: -2.0 * Y * functional.relu(1.0 - Y * F),
            2.0,
        ),
        "huber": (huber, lambda F, Y: (F - Y).clamp(-1.0, 1.0), 1.0),
        "cross_entropy": (
            cross_entropy,
            lambda F, Y: Y.sum(-2, keepdim=True) * torch.softmax(F, -2) - Y,
            0.5,
        ),
    }
