"""A loss given by NumPy formulas, on torch tensors: right for every loss, at the price of copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from relucvx.later import later
from relucvx.types import Array

if TYPE_CHECKING:
    import torch

    from relucvx.losses.base import Loss
else:
    torch = later("torch")


def numpy_entries(loss: Loss, F: Any, Y: Any) -> Any:
    """Summands h of fits F (..., c, n), differentiable in F."""

    class Entries(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, fit: Any, targets: Any) -> Any:
            ctx.save_for_backward(fit, targets)
            return _apply(loss._entries, fit, targets)

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad * _apply(loss._slopes, *ctx.saved_tensors), None

    return Entries.apply(F, Y)


def numpy_slopes(loss: Loss, F: Any, Y: Any) -> Any:
    """Slopes of h at fits F (..., c, n)."""
    return _apply(loss._slopes, F, Y)


def _apply(formula: Any, F: Any, Y: Any) -> Any:
    """A formula of (N, c) arrays on tensors (..., c, n) of whatever precision and device."""

    shape = torch.broadcast_shapes(F.shape, Y.shape)
    fit, targets = (_rows(t.expand(shape)) for t in (F, Y))
    out = np.asarray(formula(fit, targets), dtype=np.float64)
    *lead, c, n = shape
    back = np.moveaxis(out.reshape(*lead, n, c), -1, -2)
    return torch.as_tensor(np.ascontiguousarray(back), dtype=F.dtype, device=F.device)


def _rows(t: Any) -> Array:
    array = t.detach().cpu().double().numpy()
    return np.ascontiguousarray(np.moveaxis(array, -1, -2)).reshape(-1, array.shape[-2])
