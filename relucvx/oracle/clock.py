"""The clock of a front door: it starts when what the work needs is compiled, which takes a minute, once."""

from __future__ import annotations

from collections.abc import Callable

from relucvx.deadline import Deadline, Limit
from relucvx.oracle.dual_norm_bound import compile_kernels
from relucvx.validation import as_positive


def clock(time_limit: Limit, *compile_first: Callable[[], None], needed: bool = False) -> Deadline:
    """The deadline of a user's limit, checked, from the moment at which the kernels are there.

    Parameters
    ----------
    time_limit : float, Deadline or None
        Seconds, a moment that a caller has set, or no limit.
    *compile_first : callables
        What compiles the kernels; default :func:`~relucvx.oracle.compile_kernels`.
    needed : bool
        Whether there must be a limit.

    Raises
    ------
    InvalidInputError
        For a limit that is no positive number of seconds.

    Notes
    -----
    Status: a convention (no statement). Source: [relucvx].

    Examples
    --------
    >>> from relucvx.oracle.clock import clock
    >>> clock(None).limited, clock(60.0).limited
    (False, True)
    """
    # a limit that is none is refused before anything takes long
    if needed:
        as_positive(time_limit, "time_limit", fix="time_limit=60 (seconds)")
    Deadline.of(time_limit)
    for compile_kind in compile_first or (compile_kernels,):
        compile_kind()
    return Deadline.of(time_limit)
