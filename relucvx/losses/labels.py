"""What the losses of labels -1 and +1 share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.losses.base import Loss
from relucvx.types import Array


@dataclass(frozen=True)
class LabelLoss(Loss):
    """A loss of the margin y·f with labels y in {-1, +1}."""

    def check_targets(self, Y: Array) -> None:
        """Raise InvalidInputError unless every target is -1 or +1."""
        bad = np.abs(Y) != 1.0
        if not bad.any():
            return
        i, k = (int(j) for j in np.argwhere(bad)[0])
        found = np.unique(Y)
        cause, fix = "regression targets", 'loss="squared" or loss="huber"'
        if set(found) <= {0.0, 1.0}:
            cause, fix = "labels coded as 0 and 1", "y = 2*y - 1"
        elif len(found) == 2:
            cause, fix = f"labels coded as {found[0]:g} and {found[1]:g}", f"y = numpy.where(y == {found[1]:g}, 1, -1)"
        elif np.array_equal(found, np.round(found)) and len(found) <= max(20, len(Y) // 2):
            cause = "class numbers of a problem with more than two classes"
            fix = "one column of ±1 labels per class: Y = 2*(y[:, None] == numpy.unique(y)) - 1"
        expected = f"labels -1 or +1 for the {self.name} loss"
        raise InvalidInputError(explain(expected, f"{Y[i, k]:g} at row {i}, column {k}", cause, fix))

    def _label_sums(self, Y: Array, w: Array) -> tuple[Array, Array]:
        """Total weight (c,) of the positive and of the negative labels."""
        return w @ (Y > 0), w @ (Y < 0)

    @property
    def regression(self) -> bool:
        """False: labels have no units."""
        return False

    @property
    def one_hot(self) -> bool | None:
        """False: ±1, one column per class."""
        return False
