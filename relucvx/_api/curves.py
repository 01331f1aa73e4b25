"""Functionals of the hidden kernel along a band: the front door."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from relucvx.band import BetaBand
from relucvx.certificate.certificate import prove_again
from relucvx.certificate.kernels.kernel_bound import RangeProgress
from relucvx.certificate.kernels.kernel_curve import EndBetween, Triple
from relucvx.certificate.kernels.kernel_range import check_kernel_range, kernel_range_of
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError, explain
from relucvx.interrupts import carrying, hurried
from relucvx.kernel.representation import as_kernel
from relucvx.later import later
from relucvx.oracle import compile_kernels
from relucvx.oracle.clock import clock
from relucvx.oracle.signed import compile_signed
from relucvx.progress import Shown, watched
from relucvx.results import as_frame
from relucvx.types import Array, ArrayLike, Result, Rng, resolve_rng
from relucvx.validation import as_count, as_positive

figures = later("relucvx.metrics.figures")

SAMPLES = 60
"""Strengths at which a figure evaluates the curves: each takes some milliseconds."""


@dataclass(frozen=True)
class CurveProgress:
    """Where the proofs along a band stand.

    Attributes
    ----------
    strength, strengths : int
        Which of the strengths that the band has solved is proven, from 1, and how many there are.
    beta : float
    state : RangeProgress
        Of its range.

    Notes
    -----
    Status: a record (what a callback is told). Source: [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> band = rx.beta_band([[1.0], [2.0]], [1.0, 2.0], 0.5, 1.0)
    >>> seen = []
    >>> curve = rx.kernel_curve(band, np.eye(2), callback=seen.append)
    >>> sorted({state.strength for state in seen}) == list(range(1, len(band.knots) + 1))
    True
    """

    strength: int
    strengths: int
    beta: float
    state: RangeProgress

    def bar(self, tol: float) -> tuple[str, float | None]:
        """What a bar shows: a text, and the share of the strengths that is done."""
        text = f"strength {self.strength} of {self.strengths}, {self.state.bar(tol)[0]}"
        return text, (self.strength - 1) / self.strengths


@dataclass(frozen=True, repr=False, eq=False)
class KernelCurve(Result):
    """Certified range of <K, M> at every strength of a band, over all networks of any width within ``delta`` of p*.

    Attributes
    ----------
    band : BetaBand
    matrix : ndarray, shape (n, n)
        M.
    delta : float
    proofs_lower, proofs_upper : tuple of Triple
        The dual points, each with its strength and its ε, that the ends rest on.
    seconds : float

    Notes
    -----
    Status: a record of what :func:`kernel_curve` proves. Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]  # two neurons, tr K = 10 - 2 beta
    >>> curve = rx.kernel_curve(rx.beta_band(X, y, 1.0, 3.0, tol=1e-4), np.eye(4))
    >>> print(bool(curve.lower(2.0) <= 6.0 <= curve.upper(2.0)), curve.upper(2.0) - curve.lower(2.0) < 0.5)
    True True
    """

    band: BetaBand
    matrix: Array
    delta: float
    proofs_lower: tuple[Triple, ...]
    proofs_upper: tuple[Triple, ...]
    seconds: float

    @cached_property
    def _ends(self) -> tuple[EndBetween, EndBetween]:
        problem, known = self.band.problem, self.band.envelope
        return (
            EndBetween(problem, -self.matrix, list(self.proofs_lower), known),
            EndBetween(problem, self.matrix, list(self.proofs_upper), known),
        )

    def lower(self, beta: ArrayLike) -> Any:
        """What <K, M> is at least, at a strength or at each of an array of them.

        Raises
        ------
        InvalidInputError
            For strengths outside the band.
        """
        return self.band.at_each(beta, lambda at: np.array([-self._ends[0].upper(float(b), self.delta) for b in at]))

    def upper(self, beta: ArrayLike) -> Any:
        """What <K, M> is at most, at a strength or at each of an array of them.

        Raises
        ------
        InvalidInputError
            For strengths outside the band.
        """
        return self.band.at_each(beta, lambda at: np.array([self._ends[1].upper(float(b), self.delta) for b in at]))

    def facts(self) -> dict[str, Any]:
        """The band that it is along, and the ranges at its two ends."""
        lo, hi = self.band.lo, self.band.hi
        ends = {f"at beta = {b:.6g}": f"{self.lower(b):.6g} <= <K, M> <= {self.upper(b):.6g}" for b in (lo, hi)}
        return {
            "band": self.band,
            "delta": self.delta,
            **ends,
            "proofs": len(self.proofs_lower),
            "seconds": self.seconds,
        }

    def to_frame(self, count: int = SAMPLES) -> Any:
        """A pandas DataFrame with columns beta, lower and upper, at so many strengths, equally spaced in the logarithm."""
        lo, hi = self.band.lo, self.band.hi
        at = np.clip(np.geomspace(lo, hi, as_count(count, "count", 2)), lo, hi)
        rows = zip(at, self.lower(at), self.upper(at), strict=True)
        return as_frame([{"beta": float(b), "lower": low, "upper": high} for b, low, high in rows])

    def plot(self, ax: Any = None) -> Any:
        """Draw the range against the strength; returns the axes."""
        if ax is None:
            (ax,) = figures.new_panels(1, 1, (5.2, 3.4))
        table = self.to_frame()
        ax.fill_between(table.beta, table.lower, table.upper, color="tab:blue", alpha=0.3, linewidth=0.0)
        ax.plot(table.beta, table.upper, color="tab:blue", linewidth=1.0)
        ax.plot(table.beta, table.lower, color="tab:blue", linewidth=1.0)
        ax.set_xscale("log")
        ax.set_xlabel("strength beta")
        ax.set_ylabel("<K, M> of every near-optimal network")
        return ax

    def __repr__(self) -> str:
        return (
            f"KernelCurve([{self.band.lo:.6g}, {self.band.hi:.6g}], delta={self.delta:.3g}, "
            f"{len(self.proofs_upper)} strengths)"
        )


def kernel_curve(
    band: BetaBand,
    M: ArrayLike,
    delta: float = 0.0,
    *,
    time_limit: float = 60.0,
    rng: Rng = 0,
    callback: Callable[[CurveProgress], Any] | None = None,
    progress: Shown = "auto",
) -> KernelCurve:
    """Certified range of <K, M> at every strength of a band, over every network of any width within ``delta`` of the optimum.

    At every beta of the band, every network with P <= p*(beta) + delta, in its own scaling, has
    ``lower(beta) <= <K, M> <= upper(beta)``, K its hidden kernel as in :func:`kernel_range`.

    Parameters
    ----------
    band : BetaBand
        Of :func:`beta_band`. The narrower, the tighter: the ends are off by about the root of its width.
    M : array_like, shape (n, n)
        Symmetric, positive semidefinite or not.
    delta : float
        In units of the objective; 0 for the optima themselves.
    time_limit : float
        Seconds, about, for all knots of the band. The curves are valid, and further apart, when they run out.
    rng
        As in :func:`solve`.
    callback : callable, optional
        Called with a :class:`~relucvx._api.curves.CurveProgress` after every dual point; returning True stops, and the curves
        are those that the strengths proven by then give.
    progress : {"auto"} or bool
        A bar, as in :func:`relucvx.solve`.

    Returns
    -------
    KernelCurve

    Raises
    ------
    InvalidInputError
        For something other than a BetaBand, and an M that is not a finite symmetric matrix of the samples.
    UnsupportedError
        For free biases, as :func:`kernel_range`.

    Notes
    -----
    ``||Nᵀ phi||² + 2 ε β q <= β²`` is the cone ``||(Nᵀ phi, ε q)|| <= β - ε q``, convex in (N, ε, β): the dual points that
    prove the ends at two strengths, mixed, prove them in between, and p* lies below the band's upper curve.

    Status: theorem (weak duality, a convex cone), certified numerically (all roundings bounded). Source: [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]  # two neurons, tr K = 10 - 2 beta
    >>> curve = rx.kernel_curve(rx.beta_band(X, y, 1.0, 3.0), np.eye(4), delta=0.01)
    >>> bool((curve.lower([1.5, 2.5]) <= [7.0, 5.0]).all() and (curve.upper([1.5, 2.5]) >= [7.0, 5.0]).all())
    True
    """
    if not isinstance(band, BetaBand):
        raise InvalidInputError(explain("a BetaBand", type(band).__name__, "", "relucvx.beta_band(X, Y, lo, hi)"))
    if not band.proven or not band.knots:
        raise InvalidInputError(
            explain(
                "a band that is proven, with strengths that were solved",
                "one as stored" if not band.proven else "one that was stopped before the first",
                "",
                "relucvx.beta_band(band.problem, resume=band)",
            )
        )
    check_kernel_range(band.problem)
    matrix = as_kernel(M, "M", band.problem.n_samples)
    delta = as_positive(delta, "delta", allow_zero=True)
    deadline = clock(time_limit, compile_kernels, compile_signed, needed=True)
    generator = resolve_rng(rng)

    def found(left: Deadline, told: Callable[[CurveProgress], Any] | None = None) -> KernelCurve:
        return _curve(band, matrix, delta, left, generator, told)

    with carrying(lambda _: hurried(found)), watched("bounding", progress, callback) as told:
        return found(deadline, told)


def _curve(
    band: BetaBand,
    matrix: Array,
    delta: float,
    deadline: Deadline,
    generator: np.random.Generator,
    told: Callable[[CurveProgress], Any] | None,
) -> KernelCurve:
    """The curves from one range at each strength of the band, or at those before somebody asked to stop."""
    began, stopped = time.perf_counter(), False
    lower: list[Triple] = []
    upper: list[Triple] = []

    def at(k: int, beta: float, state: RangeProgress) -> bool:
        nonlocal stopped
        stopped = told is not None and bool(told(CurveProgress(k + 1, len(band.knots), beta, state)))
        return stopped

    for k, sol in enumerate(band.knots):
        if stopped:
            break
        beta, certificate = sol.problem.beta, prove_again(sol.problem, sol.inner, sol.certificate, deadline)
        # an ε that is right for what is uncertain between the knots, not for the knot alone
        inside = float(np.clip(beta, band.lo, band.hi))
        slack = max(band.tol, min(float(band.envelope.widths(np.array(inside))), 1.0)) * certificate.upper_balanced
        left = deadline.share(1.0 / (len(band.knots) - k))
        found = kernel_range_of(
            sol.problem, sol.inner, certificate, matrix, delta=delta + slack, time_limit=left, rng=generator,
            told=None if told is None else partial(at, k, beta),
        )  # fmt: skip
        for ends, proof in ((lower, found.proof_lower), (upper, found.proof_upper)):
            # where nothing better than the norm of the weights was found, the certificate's own point, with ε = 0
            point = proof.dual if proof.epsilon > 0.0 else certificate.dual
            ends.append(Triple(beta, point, proof.epsilon))
    return KernelCurve(band, matrix, delta, tuple(lower), tuple(upper), time.perf_counter() - began)
