"""The losses by the path they had before :mod:`relucvx.losses`."""

from relucvx.losses import EXACT_PENALTY, LOSSES, Loss, as_loss

__all__ = ["EXACT_PENALTY", "LOSSES", "Loss", "as_loss"]
