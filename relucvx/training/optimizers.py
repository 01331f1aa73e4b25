"""Optimizers as values: what each can be asked, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypedDict, cast

from relucvx.conversion import as_float, is_word, shown
from relucvx.errors import InvalidInputError, UnsupportedError, explain
from relucvx.training.stepping import Schedule, make_schedule
from relucvx.validation import as_count, as_positive


class OptimizerOptions(TypedDict, total=False):
    """Settings of an optimizer given by its name: ``train(..., optimizer="adam", learning_rate=0.01)``.

    Notes
    -----
    Status: heuristic. Source: [relucvx]
    """

    learning_rate: float | None
    schedule: Schedule
    momentum: float
    batch_size: int | None
    max_steps: int | None
    tol: float | None


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """What every optimizer has.

    Attributes
    ----------
    max_steps : int
        Steps after which a seed ends.
    tol : float, optional
        A seed stops where ||∇P|| <= tol·(||∇loss|| + ||beta theta||). None: 1e-8 in float64, 1e-4 in float32.

    Notes
    -----
    Status: heuristic (gradient training; nothing is proven). Source: [relucvx]

    Examples
    --------
    >>> from relucvx.training import Adam, Optimizer
    >>> isinstance(Adam(max_steps=100), Optimizer), Adam().get("max_steps", None)
    (True, 5000)
    """

    name: ClassVar[str]
    max_steps: int = 5000
    tol: float | None = None

    def __post_init__(self) -> None:
        as_count(self.max_steps, "max_steps", 0)
        if self.tol is not None:
            as_positive(self.tol, "tol", allow_zero=True)

    def get(self, name: str, default: Any) -> Any:
        """A setting, or the default where this optimizer has no such setting or leaves it open."""
        value = getattr(self, name, None)
        return default if value is None else value


def known_to(kind: type[Optimizer]) -> list[str]:
    """Names of an optimizer's settings."""
    return [field.name for field in fields(kind)]


@dataclass(frozen=True, kw_only=True)
class LBFGS(Optimizer):
    """L-BFGS with a line search: the fastest way down for networks of this size.

    Attributes
    ----------
    max_steps, tol
        As for every :class:`Optimizer`.

    Notes
    -----
    Networks at optima often have samples exactly on a kink; their gradient does not vanish, and L-BFGS ends there as
    STALLED.

    Status: heuristic (gradient training; nothing is proven). Source: [relucvx]

    Examples
    --------
    >>> from relucvx.training import LBFGS, train
    >>> runs = train([[-1.0], [1.0]], [1.0, 1.0], 0.5, width=4, seeds=[0], optimizer=LBFGS(max_steps=100))
    >>> round(runs.best.objective, 6)
    0.75
    """

    name: ClassVar[str] = "lbfgs"
    max_steps: int = 2000


@dataclass(frozen=True, kw_only=True)
class FirstOrderOptimizer(Optimizer):
    """What Adam and the two kinds of gradient descent have besides.

    Attributes
    ----------
    learning_rate : float, optional
    schedule : {"constant", "cosine", "step"} or callable, optional
        Factor on the learning rate; see :func:`relucvx.training.make_schedule`.

    Notes
    -----
    Status: heuristic (gradient training; nothing is proven). Source: [relucvx]
    """

    learning_rate: float | None = None
    schedule: Schedule = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.learning_rate is not None:
            as_positive(self.learning_rate, "learning_rate", fix="learning_rate=None chooses one")
        make_schedule(self.schedule, self.max_steps)
        momentum, size = self.get("momentum", 0.0), self.get("batch_size", None)
        if not 0.0 <= as_positive(momentum, "momentum", allow_zero=True) < 1.0:
            raise InvalidInputError(explain("momentum in [0, 1)", repr(momentum), "", "momentum=0.9"))
        if size is not None:
            as_count(size, "batch_size")


@dataclass(frozen=True, kw_only=True)
class Adam(FirstOrderOptimizer):
    """Adam with torch's constants.

    Attributes
    ----------
    learning_rate : float
    schedule : {"constant", "cosine", "step"} or callable, optional
        Factor on the learning rate; see :func:`relucvx.training.make_schedule`.
    batch_size : int, optional
        Samples per step; None means all.
    max_steps, tol
        As for every :class:`Optimizer`.

    Notes
    -----
    Status: heuristic (gradient training; nothing is proven). Source: [relucvx]

    Examples
    --------
    >>> from relucvx.training import Adam
    >>> Adam(learning_rate=0.05, batch_size=16).max_steps
    5000
    """

    name: ClassVar[str] = "adam"
    learning_rate: float = 0.01
    batch_size: int | None = None


@dataclass(frozen=True, kw_only=True)
class GradientDescent(FirstOrderOptimizer):
    """Gradient descent on all samples.

    Attributes
    ----------
    learning_rate : float, optional
        None: the inverse of an estimate of the curvature.
    schedule : {"constant", "cosine", "step"} or callable, optional
        Factor on the learning rate; see :func:`relucvx.training.make_schedule`.
    momentum : float in [0, 1)
    max_steps, tol
        As for every :class:`Optimizer`.

    Notes
    -----
    Status: heuristic (gradient training; nothing is proven). Source: [relucvx]

    Examples
    --------
    >>> from relucvx.training import GradientDescent
    >>> GradientDescent(momentum=0.9).max_steps
    20000
    """

    name: ClassVar[str] = "gd"
    momentum: float = 0.0
    max_steps: int = 20000


@dataclass(frozen=True, kw_only=True)
class SGD(FirstOrderOptimizer):
    """Stochastic gradient descent on minibatches.

    Attributes
    ----------
    learning_rate : float, optional
        None: a tenth of the inverse of an estimate of the curvature.
    schedule : {"constant", "cosine", "step"} or callable, optional
        Factor on the learning rate; see :func:`relucvx.training.make_schedule`.
    momentum : float in [0, 1)
    batch_size : int, optional
        Samples per step; None means 32, or all where there are fewer.
    max_steps, tol
        As for every :class:`Optimizer`.

    Notes
    -----
    Status: heuristic (gradient training; nothing is proven). Source: [relucvx]

    Examples
    --------
    >>> from relucvx.training import SGD
    >>> SGD(momentum=0.9, schedule="cosine").momentum
    0.9
    """

    name: ClassVar[str] = "sgd"
    momentum: float = 0.0
    batch_size: int | None = None


OPTIMIZERS: dict[str, type[Optimizer]] = {kind.name: kind for kind in (LBFGS, Adam, GradientDescent, SGD)}


def as_optimizer(optimizer: str | Optimizer, options: OptimizerOptions) -> Optimizer:
    """An optimizer as it is, or the one of a name with its settings.

    Raises
    ------
    InvalidInputError
        For another name, and for settings beside an optimizer that has its own.
    UnsupportedError
        For settings that the optimizer does not have.

    Notes
    -----
    Status: heuristic. Source: [relucvx]
    """
    if isinstance(optimizer, Optimizer):
        if options:
            given = ", ".join(f"{name}={value!r}" for name, value in options.items())
            raise InvalidInputError(
                explain(f"settings inside {type(optimizer).__name__}(...)", f"{given} beside it", "",
                        f"optimizer=relucvx.training.{type(optimizer).__name__}({given})")
            )  # fmt: skip
        return optimizer
    if not is_word(optimizer, OPTIMIZERS):
        raise InvalidInputError(
            explain(
                f"an optimizer among {', '.join(OPTIMIZERS)}, or an object such as relucvx.training.Adam()",
                repr(optimizer), "", 'optimizer="lbfgs"',
            )
        )  # fmt: skip
    kind = OPTIMIZERS[str(optimizer)]
    # None stands for what was not given
    settings = {name: value for name, value in options.items() if value is not None}
    for name in [name for name in settings if name not in known_to(kind)]:
        value = settings.pop(name)
        # no momentum is what the others have anyway
        if name == "momentum" and as_float(value) == 0.0:
            continue
        able = " or ".join(f'optimizer="{o.name}"' for o in OPTIMIZERS.values() if name in known_to(o))
        why = ", which uses all samples in every step" if name == "batch_size" else ""
        raise UnsupportedError(explain(f"no {name} with {kind.name}{why}", f"{name}={shown(value)}", "", able))
    return kind(**cast(dict[str, Any], settings))
