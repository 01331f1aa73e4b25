"""Proofs that others check: a certificate as a file of whole numbers, and what such a file proves."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from relucvx.certificate import check_proof as exact
from relucvx.certificate.exact_proof import ROOM, proof_text
from relucvx.conversion import as_path
from relucvx.errors import DataFileError, InvalidInputError, ProofError, explain
from relucvx.interrupts import listening
from relucvx.limits import timed
from relucvx.oracle.clock import clock
from relucvx.program.posing import make_problem
from relucvx.program.problem import Problem
from relucvx.progress import Shown, watched
from relucvx.results import check_writable, write_text
from relucvx.solution import Solution
from relucvx.types import Result, Scope
from relucvx.validation import as_count, as_positive

MOST_CONES = 200_000
"""Cones of a tree: some 30 MB of text, and half a minute of checking."""


@dataclass(frozen=True)
class CheckedProof(Result):
    """The statement of a proof file that has been checked: ``lower_exact <= optimum <= upper_exact``, in exact arithmetic.

    Attributes
    ----------
    lower, upper : float
        The bounds, rounded outwards.
    lower_exact, upper_exact : Fraction
        As the file has them.
    scope : Scope
        ALL_PATTERNS: cones that cover all directions bound the dual norm.
    problem : Problem
        What the statement is about, read from the file; every number of it is a float64.
    digest : str
        SHA-256 of the statement with its data: proofs of the same statement have the same.
    cones : int
        Leaves of the tree.

    Notes
    -----
    Status: theorem (weak duality; every inequality checked in whole numbers). Source: [pilanci-ergen-2020], [relucvx].

    Examples
    --------
    >>> import tempfile
    >>> import relucvx as rx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     proof = rx.write_proof(rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5), f"{folder}/proof.json")
    ...
    >>> proof.lower <= proof.lower_exact <= proof.upper_exact <= proof.upper  # fractions and floats compare exactly
    True
    >>> print(proof)
    0.4749999 <= p* <= 0.475, exactly (relative gap 1.9e-07), ALL_PATTERNS, 2 cones
    """

    lower: float
    upper: float
    lower_exact: Fraction
    upper_exact: Fraction
    scope: Scope
    problem: Problem
    digest: str
    cones: int

    @property
    def rel_gap(self) -> float:
        """``(upper - lower) / upper`` of the exact bounds, rounded up; 0 where both are 0."""
        gap = self.upper_exact - self.lower_exact
        return _outwards(gap / self.upper_exact, up=True) if gap else 0.0

    def __str__(self) -> str:
        return (
            f"{self.lower:.7g} <= p* <= {self.upper:.7g}, exactly (relative gap {self.rel_gap:.2g}), "
            f"{self.scope.name}, {self.cones:,} cones"
        )

    def to_dict(self) -> dict[str, Any]:
        """As nested plain Python values; the fractions as text."""
        facts = super().to_dict()
        return {**facts, "lower_exact": str(self.lower_exact), "upper_exact": str(self.upper_exact)}


def write_proof(
    solution: Solution,
    path: str | os.PathLike[str],
    *,
    room: float = ROOM,
    max_cones: int = MOST_CONES,
    time_limit: float | None = None,
    callback: Callable[[int, int], object] | None = None,
    progress: Shown = "auto",
) -> CheckedProof:
    """Write a proof that the optimum is between two numbers, which one file of the standard library checks.

    The upper one is the objective of ``solution.network``, the lower one ``-loss*(-N)`` [minus ``||Nᵀ1||²/(2 beta)``] of a dual
    point N with ``max over ||w|| <= 1 of ||Nᵀ phi(Xw)|| <= beta``. All of it is computed in whole numbers: nothing rests on
    float64, NumPy, SciPy, numba or this package, except that the file exists.

    Parameters
    ----------
    solution : Solution
        One or several outputs; any bias; the losses squared, Huber, absolute, hinge and squared hinge; equal, collinear, zero
        and rank-deficient rows.
    path : str or path
        Of a JSON file, one record to a line: some hundred bytes for each cone.
    room : float
        Share by which ``solution.dual`` is made shorter first: about what the exact bound loses, relative. Where the dual norm
        is attained, cones are made small until they fit into this room.
    max_cones : int
        Size of the tree from which on there is no proof.
    time_limit : float, optional
        Seconds.
    callback : callable, optional
        Called with the number of cones that are done and that of those that are open.
    progress : {"auto", True, False}
        As in :func:`relucvx.solve`.

    Returns
    -------
    CheckedProof
        What the text proved when it was read again, before it was written.

    Raises
    ------
    ProofError
        When the tree takes more cones or time than it may; nothing is written then.
    UnsupportedError
        For losses whose values are not rational (logistic, cross-entropy), losses of your own, and bags of rows.
    InvalidInputError, DataFileError
        For something that is no Solution; for a path that cannot be written.
    Interrupted
        For Ctrl-C; nothing is written.

    Notes
    -----
    ``python check_proof.py proof.json`` checks it where neither this package nor NumPy is installed, with the file
    ``relucvx.certificate.check_proof.__file__``. The number of cones grows exponentially with the dimension: up to about four
    inputs (biases included), five with one output.

    Status: theorem (weak duality; every inequality checked in whole numbers). Source: [pilanci-ergen-2020], [relucvx].

    Examples
    --------
    >>> import tempfile
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]  # y = |x|
    >>> sol = rx.solve(X, y, beta=1.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     proof = rx.write_proof(sol, f"{folder}/proof.json")
    ...     again = rx.check_proof(f"{folder}/proof.json")
    ...
    >>> again.digest == proof.digest, again.lower_exact <= again.upper_exact
    (True, True)
    >>> print(f"{proof.lower:.6f} {proof.upper:.6f}")
    1.800000 1.800000
    """
    if not isinstance(solution, Solution):
        raise InvalidInputError(
            explain("a Solution", type(solution).__name__, "it holds the dual point", "relucvx.solve(X, Y, beta)")
        )
    target = as_path(path, "the path of a proof")
    room = as_positive(room, "room")
    if room >= 1.0:
        raise InvalidInputError(explain("room below 1", f"{room}", "it is a share of the dual point", "room=1e-6"))
    most, deadline = as_count(max_cones, "max_cones"), clock(time_limit)
    check_writable(target)
    with listening(), watched("proof, cones done and open", progress, callback) as told:
        text = proof_text(
            solution.problem,
            solution.inner,
            solution.dual,
            room=room,
            max_cones=most,
            deadline=deadline,
            callback=told,
        )
        proven = _stated(exact.check(text))
        write_text(target, text)
    return proven


@timed("a proof of fewer cones: write_proof(solution, path, room=0.1)")
def check_proof(path: str | os.PathLike[str], *, time_limit: float | None = None) -> CheckedProof:
    """The statement that a proof file proves, with every part of it computed again from the data in it.

    Parameters
    ----------
    path : str or path
        Of a file written by :func:`write_proof`.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    CheckedProof
        ``lower <= optimum <= upper`` with the problem that it is about. That this is *your* problem is for you to compare:
        ``proof.problem.X``, or ``proof.digest`` with that of a proof that you made.

    Raises
    ------
    ProofError
        When the file proves nothing: its message names the line at fault.
    DataFileError
        For a file that is missing.

    Notes
    -----
    A shell over ``relucvx/certificate/check_proof.py``, which imports the standard library only.

    Status: theorem (weak duality; every inequality checked in whole numbers). Source: [pilanci-ergen-2020], [relucvx].

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import relucvx as rx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "proof.json"
    ...     made = rx.write_proof(rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5), file)
    ...     print(rx.check_proof(file).scope.name)
    ...     length = file.write_text(file.read_text().replace('"beta":"1/2^1"', '"beta":"1/2^2"'))
    ...     try:
    ...         rx.check_proof(file)
    ...     except rx.RelucvxError as error:
    ...         print(error.explanation.received.split(": ", 1)[1])
    ...
    ALL_PATTERNS
    line 2: edited: the digits at its start are those of another text
    """
    source = as_path(path, "the path of a proof")
    try:
        data = source.read_bytes()
    except OSError as error:
        raise DataFileError(
            explain("a proof that can be read", f"{source} ({error.strerror or error})", "a typo, or another folder")
        ) from error
    with listening():
        try:
            return _stated(exact.check(data.decode(errors="replace")))
        except ValueError as error:
            if isinstance(error, ProofError):
                raise
            raise ProofError(
                explain(
                    "a file that proves its statement",
                    f"{source}: {error}",
                    "an edited or damaged file, or one of another program",
                    "relucvx.write_proof(solution, path)",
                )
            ) from error


def _stated(found: exact.Statement) -> CheckedProof:
    """A statement of the checker in the package's own terms."""
    p = found.problem
    Y = [[float(t) for t in row] for row in p.Y]
    problem = make_problem(
        [[float(t) for t in row] for row in p.X],
        Y,
        float(p.beta),
        p.loss,
        p.bias,
        (float(p.slopes[0]), float(p.slopes[1])),
        [float(t) for t in p.weights],
    )
    return CheckedProof(
        _outwards(found.lower, up=False),
        _outwards(found.upper, up=True),
        found.lower,
        found.upper,
        Scope[found.scope],
        problem,
        found.digest,
        found.cones,
    )


def _outwards(value: Fraction, *, up: bool) -> float:
    """The nearest float64 above or below a fraction."""
    near = float(value)
    if up:
        return math.nextafter(near, math.inf) if near < value else near
    return math.nextafter(near, -math.inf) if near > value else near
