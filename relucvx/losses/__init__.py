"""Losses: one file each, with everything that any part of the package asks of it. See :class:`Loss` for one of your own."""

from relucvx.losses.base import Loss
from relucvx.losses.check import check_faces
from relucvx.losses.cones import LossCones
from relucvx.losses.registry import EXACT_PENALTY, LOSSES, as_loss, class_of, is_built_in, restored

__all__ = [
    "EXACT_PENALTY",
    "LOSSES",
    "Loss",
    "LossCones",
    "as_loss",
    "check_faces",
    "class_of",
    "is_built_in",
    "restored",
]


def __dir__() -> list[str]:
    return sorted(__all__)
