"""Losses on torch tensors, for many networks at once.

Fits have shape (..., c, n): outputs before samples, so that samples are contiguous; targets (c, n) or (..., c, n) and
weights (n,) or (..., 1, n) broadcast against them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from relucvx.losses import Loss


@dataclass(frozen=True)
class TorchLoss:
    """Value and slope of a loss on torch tensors.

    Attributes
    ----------
    loss : Loss
        Its torch formulas are what is evaluated.
    """

    loss: Loss

    @property
    def curvature(self) -> float:
        """An upper bound of the second derivative where one is known, else its order of magnitude; sets default steps."""
        steepest = self.loss.gradient_lipschitz
        return steepest if math.isfinite(steepest) else 1.0

    def value(self, F: Any, Y: Any, weight: Any = None) -> Any:
        """Weighted sum over outputs and samples, one number per leading index."""
        return self.loss.torch_value(F, Y, weight)

    def value_and_slopes(self, F: Any, Y: Any, weight: Any = None) -> tuple[Any, Any]:
        """The value and its derivative in F."""
        return self.loss.torch_value_and_slopes(F, Y, weight)


def as_torch_loss(loss: Loss) -> TorchLoss:
    """The torch counterpart of a loss.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (the same formulas).

    Examples
    --------
    >>> import torch
    >>> from relucvx.losses import as_loss
    >>> from relucvx.training import as_torch_loss
    >>> F, Y = torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0, 1.0]])  # outputs before samples
    >>> float(as_torch_loss(as_loss("squared")).value(F, Y))
    2.5
    """
    return TorchLoss(loss)
