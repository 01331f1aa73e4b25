"""Small shared types: status, scope, activations, bias modes, and the base of frozen results."""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from relucvx.conversion import as_float, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.markup import facts_table, one_line, rows_table, scalars
from relucvx.results import as_frame

Array: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]


class Sparse(Protocol):
    """What holds an array of which only some entries are stored, such as SciPy's.

    Status: a convention (names, no statement). Source: [relucvx].
    """

    def toarray(self) -> Any:
        """The array."""
        ...


ArrayLike: TypeAlias = npt.ArrayLike | Sparse
"""What the front doors take for data: lists, NumPy, pandas, torch, SciPy's sparse matrices."""

Rng: TypeAlias = int | np.random.Generator | None


class Explained(enum.Enum):
    """Names whose values say in one sentence what they mean.

    Status: a convention (names, no statement). Source: [relucvx].
    """

    @property
    def help(self) -> str:
        """What this means, in one sentence."""
        return str(self.value)


class Status(Explained):
    """How an algorithm stopped. What is *proven* is said by the certificate, never by the status.

    Status: a convention (names, no statement). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5).status is rx.Status.CONVERGED
    True
    >>> rx.Status.STALLED.help
    'no step improves the objective in float64, yet the gap is above the tolerance'
    """

    CONVERGED = "the certified relative gap is at or below the tolerance"
    ITERATION_LIMIT = (
        "the round limit or the budget of a proof was reached first; the certificate says how far the answer may be off"
    )
    TIME_LIMIT = "the time limit was reached first; the certificate says how far the answer may be off"
    STALLED = "no step improves the objective in float64, yet the gap is above the tolerance"
    INTERRUPTED = "stopped by Ctrl-C or by the progress callback; this is the best certified result so far"
    BACKEND_FAILED = "the conic backend failed; the best network so far is returned with its certificate"


class Scope(Explained):
    """Over which activation patterns the dual norm was bounded.

    Status: a convention (names, no statement). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5).certificate.scope is rx.Scope.ALL_PATTERNS
    True
    >>> [scope.name for scope in rx.Scope]
    ['ALL_PATTERNS', 'RELAXED', 'GIVEN_PATTERNS']
    """

    ALL_PATTERNS = (
        "every activation pattern: enumerated, bounded by branch-and-bound, or by a relaxation that reaches the target"
    )
    RELAXED = "every activation pattern, through a valid but loose relaxation (spectral or semidefinite)"
    GIVEN_PATTERNS = (
        "incomplete patterns were given: restricted_lower (one output) holds for these alone, lower for every pattern"
    )


@dataclass(frozen=True)
class Activation:
    """Piecewise-linear activation phi(t) = slope_neg·min(t, 0) + slope_pos·max(t, 0).

    Equivalently phi(t) = linear·t + hinge·max(t, 0) with ``linear = slope_neg`` and
    ``hinge = slope_pos - slope_neg``.
    """

    name: str
    slope_neg: float
    slope_pos: float

    @property
    def linear(self) -> float:
        """Coefficient of t in phi(t) = linear·t + hinge·max(t, 0)."""
        return self.slope_neg

    @property
    def hinge(self) -> float:
        """Coefficient of max(t, 0) in phi(t) = linear·t + hinge·max(t, 0)."""
        return self.slope_pos - self.slope_neg

    @property
    def steepest(self) -> float:
        """The larger modulus of the two slopes: |phi(s) - phi(t)| <= steepest·|s - t|."""
        return max(abs(self.slope_neg), abs(self.slope_pos))

    def __call__(self, t: Array) -> Array:
        return self.slope_neg * np.minimum(t, 0.0) + self.slope_pos * np.maximum(t, 0.0)

    def gate(self, pattern: BoolArray) -> Array:
        """Slope of phi on each sample: slope_pos where the pattern is True, slope_neg elsewhere."""
        return np.where(pattern, self.slope_pos, self.slope_neg)


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation("relu", 0.0, 1.0),
    "leaky_relu": Activation("leaky_relu", 0.01, 1.0),
    "abs": Activation("abs", -1.0, 1.0),
    "linear": Activation("linear", 1.0, 1.0),
}


def as_activation(activation: str | tuple[float, float] | Activation) -> Activation:
    """Resolve an activation given by name, by its two slopes ``(slope_neg, slope_pos)``, or as an object.

    Every name that an activation has here is understood, those made of two slopes ("piecewise(0.1,1)") included.

    Raises
    ------
    InvalidInputError
        For an unknown name or slopes that are not two finite numbers (not both zero).
    """
    if isinstance(activation, Activation):
        return activation
    if isinstance(activation, str):
        if activation in ACTIVATIONS:
            return ACTIVATIONS[activation]
        # how activations without a name are called in files
        pair = re.fullmatch(r"piecewise\(([^,()]+),([^,()]+)\)", activation.replace(" ", ""))
        if pair is None:
            raise InvalidInputError(
                explain(
                    f"an activation among {', '.join(ACTIVATIONS)} or a pair (slope_neg, slope_pos)",
                    repr(activation),
                    "smooth activations have no exact convex reformulation",
                    'activation="relu" or activation=(0.1, 1.0)',
                )
            )
        activation = (_number(pair[1]), _number(pair[2]))
    # a pair in any form; arrays only of shape (2,)
    two = isinstance(activation, (tuple, list)) or getattr(activation, "shape", None) == (2,)
    two = two and len(activation) == 2
    neg, pos = (as_float(slope) for slope in activation) if two else (math.nan, math.nan)
    # a constant zero learns nothing
    if not (np.isfinite(neg) and np.isfinite(pos)) or (neg == 0.0 and pos == 0.0):
        raise InvalidInputError(
            explain(
                "two finite slopes (slope_neg, slope_pos), not both zero",
                shown(activation),
                "",
                "activation=(0.0, 1.0), which is ReLU",
            )
        )
    # known slopes get the known name: activations are compared by value
    for known in ACTIVATIONS.values():
        if (known.slope_neg, known.slope_pos) == (neg, pos):
            return known
    return Activation(f"piecewise({_exact(neg)},{_exact(pos)})", neg, pos)


def _exact(number: float) -> str:
    """As short as it can be without becoming another number."""
    return f"{number:g}" if float(f"{number:g}") == number else repr(number)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


class Bias(enum.StrEnum):
    """Which biases a network has, and which of them weight decay counts. Each mode equals its name.

    A decayed hidden bias is a column of ones in the inputs; a free one is too, but its weight costs nothing.

    Status: a convention (names, no statement). Source: [relucvx].
    """

    NONE = "none"
    HIDDEN = "hidden"
    ALL = "all"
    FREE = "free"

    @classmethod
    def of(cls, bias: str | bool) -> Bias:
        """Resolve a bias mode: a name, or False/True for "none"/"all".

        Raises
        ------
        InvalidInputError
            For anything else.
        """
        if isinstance(bias, (bool, np.bool_)):
            return cls.ALL if bias else cls.NONE
        if isinstance(bias, str) and bias in cls.__members__.values():
            return cls(bias)
        raise InvalidInputError(
            explain(
                f"a bias mode among {', '.join(cls)} (or False/True for none/all)",
                shown(bias),
                "",
                'bias="all", which is what torch does with weight decay on every parameter',
            )
        )

    def __repr__(self) -> str:
        return repr(str(self))

    @property
    def has_hidden(self) -> bool:
        """Whether hidden neurons have a bias: the inputs get a column of ones."""
        return self is not Bias.NONE

    @property
    def has_output(self) -> bool:
        """Whether the outputs have a bias."""
        return self in (Bias.ALL, Bias.FREE)

    @property
    def decays_hidden(self) -> bool:
        """Whether weight decay counts the hidden biases; False also where there are none."""
        return self in (Bias.HIDDEN, Bias.ALL)

    @property
    def decays_output(self) -> bool:
        """Whether weight decay counts the output bias; False also where there is none."""
        return self is Bias.ALL

    @property
    def is_free(self) -> bool:
        """Whether there are biases that cost nothing: then a neuron's norm leaves its bias out."""
        return self is Bias.FREE


def resolve_rng(rng: Rng) -> np.random.Generator:
    """Turn ``None | int | Generator`` into a Generator (None draws fresh entropy)."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None or (isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0):
        return np.random.default_rng(rng)
    raise InvalidInputError(explain("rng to be None, an int >= 0 or a numpy Generator", shown(rng), "", "rng=0"))


def freeze(array: Any) -> Any:
    """Return a read-only copy of an array (None and scalars pass through)."""
    if not isinstance(array, np.ndarray):
        return array
    out = np.array(array)
    out.setflags(write=False)
    return out


def plain(value: Any) -> Any:
    """A result's field as JSON-ready Python: enums by name or as their string, arrays as lists, dataclasses as dicts."""
    # before Enum and str, both of which it is
    if isinstance(value, enum.StrEnum):
        return str(value)
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Result):
        return value.to_dict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def strict_json(value: Any) -> str:
    """A result, or plain values, as strict JSON text: it has neither NaN nor infinity, so null stands for both."""
    return json.dumps(_finite(plain(value)), indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@functools.cache
def _names(cls: type) -> tuple[str, ...]:
    """Fields of a result: a walk along a thousand segments makes a thousand."""
    return tuple(field.name for field in dataclasses.fields(cls))


class Result:
    """Mixin for frozen result dataclasses: read-only arrays, ``to_dict``, ``to_frame``, a short repr and HTML for notebooks.

    A class says what it is about in :meth:`facts`, and in :meth:`records` where it is made of several; all else follows.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # a dataclass writes a repr with every array in it, unless its class has one
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = Result.__repr__  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        for name in _names(type(self)):  # type: ignore[arg-type]
            value = getattr(self, name)
            if isinstance(value, np.ndarray) and value.flags.writeable:
                object.__setattr__(self, name, freeze(value))

    def to_dict(self) -> dict[str, Any]:
        """The result as nested plain Python values, ready for ``json.dumps`` (NaN stays a float)."""
        return {f.name: plain(getattr(self, f.name)) for f in dataclasses.fields(self)}  # type: ignore[arg-type]

    def facts(self) -> dict[str, Any]:
        """What it is about, by name, in the order in which it is read: its fields, but for those kept out of its repr."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.repr}  # type: ignore[arg-type]

    def records(self) -> Iterable[dict[str, Any]]:
        """The rows of :meth:`to_frame`: one with the numbers and names among the facts, or one for each part."""
        return [scalars(self.facts())]

    def to_frame(self) -> Any:
        """A pandas DataFrame: one row with its numbers and names, or one row for each of the parts that it is made of."""
        return as_frame(list(self.records()))

    def __repr__(self) -> str:
        return one_line(type(self).__name__, self.facts())

    def _repr_html_(self) -> str:
        name = type(self).__name__
        return facts_table(name, self.facts()) + rows_table(f"parts of {name}", self.records())
