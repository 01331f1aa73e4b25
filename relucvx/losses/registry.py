"""The losses that have a name."""

from __future__ import annotations

from relucvx.conversion import shown
from relucvx.errors import DataFileError, InvalidInputError, explain
from relucvx.losses.absolute import Absolute
from relucvx.losses.base import Loss
from relucvx.losses.cross_entropy import CrossEntropy
from relucvx.losses.hinge import Hinge
from relucvx.losses.huber import Huber
from relucvx.losses.logistic import Logistic
from relucvx.losses.squared import Squared
from relucvx.losses.squared_hinge import SquaredHinge

LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Squared("squared", True),
        Logistic("logistic", True),
        Hinge("hinge", False),
        SquaredHinge("squared_hinge", True),
        Huber("huber", True),
        CrossEntropy("cross_entropy", True),
    )
}

EXACT_PENALTY: Loss = Absolute("absolute", False)
"""Behind :func:`relucvx.interpolate`, whose solutions carry it; not among the losses the front doors offer."""


def is_built_in(loss: Loss) -> bool:
    """Whether a loss is one of the package's own, which its name alone brings back.

    Notes
    -----
    Status: a convention (no statement). Source: [relucvx]

    Examples
    --------
    >>> from relucvx.losses import as_loss, is_built_in
    >>> is_built_in(as_loss("hinge"))
    True
    """
    return loss in (*LOSSES.values(), EXACT_PENALTY)


def as_loss(loss: str | Loss) -> Loss:
    """Resolve a loss given by name or as an object.

    Raises
    ------
    InvalidInputError
        For an unknown name; the message lists the known ones.

    Notes
    -----
    Status: a convention (no statement). Source: [relucvx]

    Examples
    --------
    >>> from relucvx.losses import as_loss
    >>> as_loss("hinge").smooth, as_loss(as_loss("huber")).name
    (False, 'huber')
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]
    if isinstance(loss, str) and loss == EXACT_PENALTY.name:
        return EXACT_PENALTY
    raise InvalidInputError(
        explain(f"a loss among {', '.join(LOSSES)}", shown(loss), "", 'loss="squared" for regression')
    )


def class_of(loss: Loss) -> str:
    """Module and class of somebody's own loss, "" for the package's: what a file says beside the name.

    Notes
    -----
    Status: a convention (no statement). Source: [relucvx]

    Examples
    --------
    >>> from relucvx.losses import as_loss, class_of
    >>> class_of(as_loss("hinge"))  # a loss of one's own gives its module and class
    ''
    """
    return "" if is_built_in(loss) else f"{type(loss).__module__}.{type(loss).__qualname__}"


def restored(name: str, kind: str, loss: Loss | None) -> Loss:
    """The loss that a file was saved with: by its name, or as handed over where it is somebody's own.

    Raises
    ------
    DataFileError
        When a loss of one's own is not handed over, or another one is.

    Notes
    -----
    Status: a convention (no statement). Source: [relucvx]

    Examples
    --------
    >>> from relucvx.losses import restored
    >>> restored("huber", "", None).name
    'huber'
    """
    if loss is None and not kind:
        return as_loss(name)
    if loss is not None and (loss.name, class_of(loss)) == (name, kind):
        return loss
    raise DataFileError(
        explain(
            f"the loss {name!r} of class {kind}" if kind else f"the loss {name!r} of this package, or loss=None",
            f"loss={loss!r}",
            "files hold the name of a loss and no code" if kind else "the file was saved with another loss",
            f"relucvx.load(path, loss=loss), loss being its {kind.rpartition('.')[2]}"
            if kind
            else "relucvx.load(path)",
        )
    )
