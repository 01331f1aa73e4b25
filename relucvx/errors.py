"""Errors that say what was expected, what was received, the likely cause and the next step.

Every error of the package derives from :class:`RelucvxError` and from the built-in exception a caller would
expect (``ValueError``, ``ImportError`` …), so both ``except RelucvxError`` and ``except ValueError`` work.
"""

from __future__ import annotations

import json
from typing import Any


class RelucvxError(Exception):
    """Base of every error raised by relucvx.

    Status: a convention (no statement). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> try:
    ...     rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=-1.0)
    ... except rx.RelucvxError as error:  # a ValueError too
    ...     print(error.explanation.expected, "|", error.explanation.received)
    beta to be a finite number > 0 | -1.0
    """

    @property
    def explanation(self) -> Explanation | None:
        """What was expected, what was received, the likely cause and the next step, where the error says so."""
        text = self.args[0] if self.args else None
        return text if isinstance(text, Explanation) else None


class InvalidInputError(RelucvxError, ValueError):
    """An argument has the wrong shape, type or value."""


class TooManyPatternsError(RelucvxError, ValueError):
    """The predicted number of activation patterns exceeds what was allowed; nothing has been allocated."""


class UnsupportedError(RelucvxError, NotImplementedError):
    """The combination asked for is outside what this version solves."""


class InfeasibleError(RelucvxError, ValueError):
    """No network satisfies the constraint (interpolation of data that contradict themselves)."""


class LiftingError(RelucvxError, ValueError):
    """A network has a neuron whose activation pattern is not among the program's patterns."""


class DataFileError(RelucvxError, ValueError):
    """A data file is missing, unreadable, of an unknown kind, or lacks the column asked for."""


class BackendError(RelucvxError, RuntimeError):
    """A conic solver failed or returned a status that proves nothing."""


class MissingPackageError(RelucvxError, ImportError):
    """An optional package is not installed."""


class ClusterError(RelucvxError, ConnectionError):
    """A Dask scheduler does not answer, or work that was sent to other processes or machines did not come back."""


class LicenseError(RelucvxError, RuntimeError):
    """A solver is installed but has no valid licence."""


class ProofError(RelucvxError, ValueError):
    """A proof file does not prove what it states, or no proof was found with the cones and the time there were."""


class TimeLimitError(RelucvxError, TimeoutError):
    """Nothing was finished within the time limit, and what was begun is no answer."""


class ScaleWarning(UserWarning):
    """Columns whose sizes differ by more than 1e4, or a strength below 1e-6 of beta_max: the result holds, but is rarely meant.

    Said once by every front door that takes data; Python's filter of warnings silences it.

    Notes
    -----
    Status: a convention (no statement). Source: [relucvx].

    Examples
    --------
    >>> import warnings
    >>> import relucvx as rx
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     sol = rx.solve([[1.0, 1e6], [2.0, 1e6]], [1.0, 2.0], beta=0.5)
    ...
    >>> [str(warning.message).split(" (")[0] for warning in said]
    ['columns of X differ in size by 5e+05']
    """


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during long work. Still a ``KeyboardInterrupt``, so that the caller's own loops end; nothing is lost.

    Attributes
    ----------
    result : object
        What the interrupted call would have returned, as far as it got: certified, and marked INTERRUPTED. None where
        there was nothing yet.
    to_go_on : str
        Where what is done is stored and how to go on; "" where nothing was to be stored.

    Notes
    -----
    Status: a convention (no statement). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> try:
    ...     raise rx.Interrupted("what there was")  # as a solve does after Ctrl-C
    ... except rx.Interrupted as stop:
    ...     stop.result
    'what there was'
    """

    def __init__(self, result: Any = None, to_go_on: str = "") -> None:
        what = "there was no result yet" if result is None else "its .result is the best so far"
        more = f"; {to_go_on}" if to_go_on else ""
        super().__init__(f"stopped by Ctrl-C; {what} (except relucvx.Interrupted as stop: stop.result){more}")
        self.result, self.to_go_on = result, to_go_on

    def __reduce__(self) -> tuple[Any, ...]:
        # from a worker process: the message is made anew, not taken for the result
        return Interrupted, (self.result, self.to_go_on)


class Explanation(str):
    """The text of an error, with its parts.

    Attributes
    ----------
    expected, received, cause, fix : str
        As given to :func:`explain`; "" where there is none. ``fix`` is in the words of Python.
    """

    expected: str
    received: str
    cause: str
    fix: str

    def __new__(cls, expected: str, received: str, cause: str = "", fix: str = "") -> Explanation:
        parts = [f"expected {expected}", f"received {received}"]
        if cause:
            parts.append(f"likely cause: {cause}")
        if fix:
            parts.append(f"try: {fix}")
        out = super().__new__(cls, "; ".join(parts) + ".")
        out.expected, out.received, out.cause, out.fix = expected, received, cause, fix
        return out

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """The four of them, in the order of :func:`explain`."""
        return self.expected, self.received, self.cause, self.fix

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.parts


def explain(expected: str, received: str, cause: str = "", fix: str = "") -> Explanation:
    """Join the four parts of an error message into one readable text, which remembers them."""
    return Explanation(expected, received, cause, fix)


def wrong_part(error: BaseException) -> str:
    """What is wrong with the content of a file, of the error that reading it ended in; Python's own words help nobody."""
    known = error.explanation if isinstance(error, RelucvxError) else None
    if known is not None:
        said = f"{known.received}, not {known.expected}"
    elif isinstance(error, KeyError):
        said = f"without the entry {error}"
    elif isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)):
        said = "no text in JSON"
    elif isinstance(error, ValueError):
        said = str(error)
    else:
        said = "entries of another form"
    return said.split("\n")[0].rstrip(".")
