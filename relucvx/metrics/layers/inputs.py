"""What a torch module is given: one array, several in a tuple, or named ones in a dict, cut into batches of samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.layers.thinning import is_several
from relucvx.validation import as_matrix, as_numpy

MASK = "attention_mask"
"""Entry of a dict of inputs that is 0 at tokens which only fill a row up."""


@dataclass(frozen=True)
class Inputs:
    """The arguments of a module for n samples, on its device.

    Attributes
    ----------
    args, kwargs : tuple and dict
        Tensors with one entry of the first axis per sample, and whatever else a call takes.
    filled : tensor of shape (n, T) or None
        Zero at tokens that only fill a row up.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    filled: Any = None

    @classmethod
    def of(cls, module: Any, X: Any, mask: Any = None) -> Inputs:
        """Read ``X``: real numbers take the module's dtype, indices stay whole numbers.

        Raises
        ------
        InvalidInputError
            For numbers that are not finite, and arrays of different lengths or of none.
        """
        if isinstance(X, Mapping):
            kwargs = {str(name): _entry(module, value, f"X[{str(name)!r}]") for name, value in X.items()}
            found = cls((), kwargs)
        elif is_several(X):
            found = cls(tuple(_entry(module, value, f"X[{k}]") for k, value in enumerate(X)), {})
        else:
            found = cls((_tensor(module, X, "X", _takes_indices(module)),), {})
        lengths = sorted({len(t) for t in found.tensors})
        if len(lengths) != 1 or found.first.ndim < 2:
            shapes = ", ".join(str(tuple(t.shape)) for t in found.tensors) or "no array"
            raise InvalidInputError(
                explain("X of shape (n, ...), one entry of the first axis per sample", f"shape {shapes}")
            )
        filled: Any = found.kwargs.get(MASK) if mask is None else _tensor(module, mask, "mask", whole=True)
        if mask is not None and (filled.ndim != 2 or len(filled) != len(found)):
            raise InvalidInputError(
                explain(f"mask of shape ({len(found)}, tokens)", f"shape {tuple(filled.shape)}", "", "mask=words != 0")
            )
        return replace(found, filled=filled)

    @property
    def tensors(self) -> list[Any]:
        """Those with one row per sample."""
        return [v for v in (*self.args, *self.kwargs.values()) if hasattr(v, "detach")]

    @property
    def first(self) -> Any:
        """What stands for the input where one array does."""
        return self.tensors[0]

    @property
    def real(self) -> bool:
        """Whether there is one input, and it is made of real numbers: something lies between two of them."""
        return len(self.tensors) == 1 and bool(self.first.is_floating_point())

    def __len__(self) -> int:
        return len(self.first)

    def rows(self, index: Any) -> Inputs:
        """Some samples."""

        def take(value: Any) -> Any:
            return value[index] if hasattr(value, "detach") else value

        kwargs = {k: take(v) for k, v in self.kwargs.items()}
        return Inputs(tuple(map(take, self.args)), kwargs, take(self.filled))

    def at(self, points: Any) -> Inputs:
        """Other values, flattened to (m, d), of the one input that there is."""
        moved = self.first.new_tensor(points).reshape(len(points), *self.first.shape[1:])
        names = {k: moved if v is self.first else v for k, v in self.kwargs.items()}
        return replace(self, args=tuple(moved if v is self.first else v for v in self.args), kwargs=names)

    def run(self, module: Any) -> Any:
        """Call the module; a layer that works in place must not change what is kept here."""

        def copy(value: Any) -> Any:
            return value.clone() if hasattr(value, "detach") else value

        return module(*map(copy, self.args), **{k: copy(v) for k, v in self.kwargs.items()})

    def __str__(self) -> str:
        return " and ".join(f"shape {tuple(t.shape)} and {t.dtype}" for t in self.tensors)


def _takes_indices(module: Any) -> bool:
    return any(isinstance(layer, (nn.Embedding, nn.EmbeddingBag)) for layer in module.modules())


def _entry(module: Any, value: Any, name: str) -> Any:
    """An argument of several: whole numbers are indices or masks; flags, None and names go through as they are."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return _tensor(module, value, name, whole=True)


def _tensor(module: Any, value: Any, name: str, whole: bool) -> Any:
    """Numbers as a tensor on the module's device: of its dtype, or as they are where ``whole`` numbers are indices."""
    dense = isinstance(value, torch.Tensor) and not value.is_meta and value.layout == torch.strided
    raw: Any = value.detach() if dense else as_numpy(value, name)
    if raw.ndim == 0 or len(raw) == 0:
        raise InvalidInputError(
            explain(f"{name} of shape (n, ...), one entry of the first axis per sample", f"shape {tuple(raw.shape)}")
        )
    own = hasattr(raw, "detach") and raw.is_floating_point()
    if not hasattr(raw, "detach"):
        raw = _as_tensor(raw, name)
    if raw.is_complex() or not bool(torch.isfinite(raw).all()):
        as_matrix(raw.reshape(len(raw), -1), name)  # says where
    weight = next((p for p in module.parameters() if p.is_floating_point()), None)
    device = raw.device if weight is None else weight.device
    if whole and not raw.is_floating_point():
        return raw.to(device, raw.dtype if raw.dtype == torch.bool else torch.long)
    # no weights to follow: tensors keep their own precision, and arrays get torch's usual one
    dtype = weight.dtype if weight is not None else raw.dtype if own else torch.get_default_dtype()
    out = raw.to(device, dtype)
    if not bool(torch.isfinite(out).all()):
        raise InvalidInputError(
            explain(
                f"{name} of numbers that {dtype} holds, as the module has it",
                f"{float(raw.abs().max()):.3g}, which is infinite there",
                "data in another unit, for a module in half precision",
                "module.float()",
            )
        )
    return out


def _as_tensor(raw: Any, name: str) -> Any:
    if raw.dtype.kind not in "biuf":
        as_matrix(raw.reshape(len(raw), -1), name)  # refuses it with its reason
    if raw.dtype.kind == "u" and raw.dtype.itemsize > 1:
        raw = raw.astype(np.int64)
    if raw.dtype.kind == "f" and raw.dtype.itemsize > 8:
        raw = raw.astype(np.float64)
    plain = raw.dtype.newbyteorder("=")
    return torch.from_numpy(np.array(raw, dtype=plain))  # torch has no read-only arrays
