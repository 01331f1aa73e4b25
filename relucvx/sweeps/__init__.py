"""Sweeps: many problems over a grid of settings, each certified and stored as it finishes, wherever the work runs."""

from relucvx.sweeps.front_door import load_sweep, sweep
from relucvx.sweeps.progress import SweepProgress
from relucvx.sweeps.table import Sweep

__all__ = ["Sweep", "SweepProgress", "load_sweep", "sweep"]


def __dir__() -> list[str]:
    return sorted(__all__)
