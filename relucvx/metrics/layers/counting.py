"""How many kinks a torch module has met when each of its calls returns."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.metrics.layers.watching import Key, Watcher, parts_of, watched
from relucvx.network.running.module import Point, RunningModule
from relucvx.network.running.operations import Unfollowed


class Counter(Watcher):
    """Looks at a point that passes through whenever something returns."""

    def __init__(self, point: Point) -> None:
        super().__init__()
        self.point = point
        self.behind: dict[Key, int] = {}

    def left(self, key: Key, args: Any, out: Any) -> None:
        """A submodule has run."""
        self.behind[key] = len(self.point.widths)

    def function(self, key: Key, func: Any, args: Any, kwargs: Any) -> Any:
        """A function is called."""
        out = func(*args, **kwargs)
        self.behind[key] = len(self.point.widths)
        return out


def kinks_behind(module: RunningModule) -> dict[Key, int]:
    """For every call of a submodule or function how many kinks come before its end; of a module that is refused, in front."""
    counter = Counter(Point())
    try:
        with watched(module.module, parts_of(module.module), counter):
            module.run(np.zeros((1, module.n_features)), counter.point)
    except Unfollowed:  # what has returned before stays right
        pass
    return counter.behind
