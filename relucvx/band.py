"""A certified band around the optimum as a function of the strength: what :func:`relucvx.beta_band` returns."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from relucvx.certificate.path_band import Envelope
from relucvx.conversion import as_float
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.losses import Loss
from relucvx.program.problem import Problem
from relucvx.results import as_frame, write_arrays
from relucvx.solution import Solution, npz_name, read_archive, rebuilt
from relucvx.types import Array, ArrayLike, Result, Status
from relucvx.validation import as_count, as_matrix, as_numpy, as_positive, as_strength, as_strengths

FORMAT = 1
"""Of saved bands; another number is refused."""

CURVES = ("betas", "lowers", "losses", "penalties")
"""What the two curves are stored as."""

SHARED = ("X", "Y", "sample_weight", "groups", "pooling")
"""Arrays of a solution that are the same at every strength."""

figures = later("relucvx.metrics.figures")

SAMPLES = 400
"""Strengths at which a figure evaluates the two curves, besides their corners."""


@dataclass(frozen=True, repr=False, eq=False)
class BetaBand(Result):
    """Bounds on p*(beta) that hold at every beta of an interval.

    Attributes
    ----------
    problem : Problem
        Its strength, ``hi``, plays no part.
    knots : tuple of Solution
        The strengths that were solved, in increasing order, each with its certificate.
    envelope : Envelope
        The points and lines that the bounds are made of: those of the knots, and those derived between them.
    tol : float
        What was asked for: ``upper(beta) - lower(beta) <= tol · lower(beta)``, hence at most ``tol · p*(beta)``, at every beta.
    width : float
        The largest ``(upper - lower) / lower`` on the interval; at most ``tol`` where the status is CONVERGED.
    widest : float
        The beta at which it is attained.
    status : Status
        How the refinement stopped.
    seconds : float
        Of all calls that went into it.
    proven : bool
        False for a band that was read from a file: its curves are claims until it is resumed.

    Notes
    -----
    Status: theorem (p* is concave in beta; weak duality), certified numerically. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]  # y = |x|: p*(beta) = 2 beta - beta²/5 up to 5
    >>> band = rx.beta_band(X, y, 1.0, 5.0, tol=1e-3)
    >>> bool(band.lower(2.5) <= 3.75 <= band.upper(2.5)), band.width <= 1e-3, band.status.name
    (True, True, 'CONVERGED')
    """

    problem: Problem
    knots: tuple[Solution, ...]
    envelope: Envelope
    tol: float
    width: float
    widest: float
    status: Status
    seconds: float
    proven: bool = True

    @property
    def lo(self) -> float:
        """Where the interval begins."""
        return self.envelope.lo

    @property
    def hi(self) -> float:
        """Where it ends."""
        return self.envelope.hi

    def lower(self, beta: ArrayLike) -> Any:
        """Proven lower bound on p* at a strength, or at each of an array of them (an array of the same shape).

        Raises
        ------
        InvalidInputError
            For strengths outside the interval.
        """
        return self.at_each(beta, self.envelope.lower)

    def upper(self, beta: ArrayLike) -> Any:
        """Upper bound on p* at a strength, or at each of an array of them: the objective of a network that exists.

        Raises
        ------
        InvalidInputError
            For strengths outside the interval.
        """
        return self.at_each(beta, self.envelope.upper)

    def at_each(self, beta: ArrayLike, curve: Any) -> Any:
        """Values of a function of arrays (k,) at strengths of the interval, in the shape that they come in.

        Raises
        ------
        InvalidInputError
            For strengths outside the interval.
        """
        given = as_numpy(beta, "beta")
        at = as_strengths(given.reshape(-1) if given.ndim else [beta])
        if at.min() < self.lo or at.max() > self.hi:
            outside = at[(at < self.lo) | (at > self.hi)][0]
            raise InvalidInputError(
                explain(
                    f"strengths between {self.lo:g} and {self.hi:g}, of which the band is",
                    f"{outside:g}",
                    "a share of beta_max, which is to be multiplied by it",
                    f"relucvx.beta_band(band.problem, lo={min(outside, self.lo):g}, hi={max(outside, self.hi):g}, "
                    f"tol={self.tol:g}, resume=band)",
                )
            )
        values: Array = curve(at)
        return values.reshape(given.shape) if given.ndim else float(values[0])

    def facts(self) -> dict[str, Any]:
        """The interval, how narrow the band is, and what it is made of."""
        return {
            "lo": self.lo, "hi": self.hi, "width": self.width, "tol": self.tol, "widest": self.widest, "status": self.status,
            "proven": self.proven, "knots": len(self.knots), "points": len(self.envelope.betas),
            "lines": len(self.envelope.losses), "problem": self.problem, "seconds": self.seconds,
        }  # fmt: skip

    def records(self) -> Iterable[dict[str, Any]]:
        """The strengths that were solved, one row each."""
        for sol in self.knots:
            facts = {"beta": sol.problem.beta, "upper": sol.upper, "lower": sol.lower, "rel_gap": sol.rel_gap}
            yield {**facts, "neurons": sol.network.width, "status": sol.status.name}

    def to_frame(self, betas: ArrayLike | int | None = None) -> Any:
        """A pandas DataFrame with columns beta, lower, upper, width and whether beta is a knot.

        Parameters
        ----------
        betas : array_like or int, optional
            The rows: by default the corners of the two curves; an int for so many, equally spaced in the logarithm.
        """
        if betas is None:
            at = self.envelope.corners()
        elif isinstance(betas, (int, np.integer)) and not isinstance(betas, bool):
            at = np.clip(np.geomspace(self.lo, self.hi, as_count(betas, "betas", 2)), self.lo, self.hi)
        else:
            at = as_strengths(betas)
        solved = {sol.problem.beta for sol in self.knots}
        rows = zip(at, self.lower(at), self.upper(at), self.envelope.widths(at), strict=True)
        return as_frame(
            [
                {"beta": float(b), "lower": low, "upper": high, "width": width, "knot": float(b) in solved}
                for b, low, high, width in rows
            ]
        )

    def plot(self, ax: Any = None, *, width: bool = False) -> Any:
        """Draw the band, with its knots; returns the axes.

        Parameters
        ----------
        ax : matplotlib axes, optional
            New ones are made without.
        width : bool
            Draw the relative width instead, which a narrow band does not show.
        """
        if ax is None:
            (ax,) = figures.new_panels(1, 1, (5.2, 3.4))
        at = np.union1d(np.clip(np.geomspace(self.lo, self.hi, SAMPLES), self.lo, self.hi), self.envelope.corners())
        solved = np.array([sol.problem.beta for sol in self.knots if self.lo <= sol.problem.beta <= self.hi])
        if width:
            ax.plot(at, self.envelope.widths(at), color="tab:blue", label="(upper - lower) / lower")
            ax.axhline(self.tol, color="0.5", linewidth=0.8, linestyle="--", label="tol")
            ax.plot(solved, self.envelope.widths(solved), "k.", markersize=4, label=f"{len(solved)} strengths solved")
            ax.set_yscale("log")
            ax.set_ylabel("relative width")
        else:
            ax.fill_between(at, self.lower(at), self.upper(at), color="tab:blue", alpha=0.4, linewidth=0.0)
            ax.plot(at, self.upper(at), color="tab:blue", linewidth=1.0, label="upper bound: networks")
            ax.plot(at, self.lower(at), color="tab:orange", linewidth=1.0, linestyle="--", label="lower bound: proofs")
            ax.plot(solved, self.envelope.upper(solved), "k.", markersize=4, label=f"{len(solved)} strengths solved")
            ax.set_ylabel("optimum p*(beta)")
        ax.set_xscale("log")
        ax.set_xlabel("strength beta")
        ax.legend(frameon=False, fontsize="small")
        return ax

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the band with its knots to one ``.npz`` file (no pickles); returns the path written."""
        meta = {
            "format": FORMAT, "lo": self.lo, "hi": self.hi, "tol": self.tol, "width": self.width, "widest": self.widest,
            "status": self.status.name, "seconds": self.seconds, "knots": len(self.knots),
        }  # fmt: skip
        curves = {name: getattr(self.envelope, name) for name in CURVES}
        arrays: dict[str, Any] = {"band": np.array(json.dumps(meta)), **curves}
        for k, sol in enumerate(self.knots):
            # the data are those of the first: one copy is enough
            arrays |= {f"{k}_{name}": value for name, value in sol.arrays().items() if k == 0 or name not in SHARED}
        return write_arrays(npz_name(path), arrays)

    def __repr__(self) -> str:
        origin = "" if self.proven else " as stored"
        return (
            f"BetaBand([{self.lo:.6g}, {self.hi:.6g}], width={self.width:.2g}{origin}, status={self.status.name}, "
            f"{len(self.knots)} knots, {len(self.envelope.betas)} points, {len(self.envelope.losses)} lines)"
        )


def load_band(path: str | os.PathLike[str], *, loss: Loss | None = None) -> BetaBand:
    """Read a band written by :meth:`BetaBand.save`; pass it as ``resume=`` to go on.

    Files are not believed: the band has ``proven=False``, and resuming it proves every knot again, from its dual point, and
    derives anew what lies between.

    Parameters
    ----------
    path : str or path
    loss : Loss, optional
        The loss of the problem, where it is of a class of your own: files hold no code.

    Raises
    ------
    DataFileError
        As :func:`relucvx.load`; and for a band without knots, which holds no problem.

    Notes
    -----
    Status: a record (what it says is proven again by who resumes it). Source: [relucvx]

    Examples
    --------
    >>> import tempfile
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    >>> band = rx.beta_band(X, y, 0.5, 5.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stored = rx.load_band(band.save(f"{folder}/band.npz"))
    ...
    >>> again = rx.beta_band(stored.problem, resume=stored)
    >>> stored.proven, again.proven, len(again.knots) == len(band.knots)
    (False, True, True)
    """
    return read_archive(path, "band", lambda data: _read(data, loss))


def _read(data: dict[str, np.ndarray], loss: Loss | None) -> BetaBand:
    meta = json.loads(str(data["band"]))
    if meta["format"] != FORMAT:
        raise ValueError(f"format {meta['format']}, this version reads {FORMAT}")
    parts: list[dict[str, np.ndarray]] = [{} for _ in range(as_count(meta["knots"], "knots"))]
    for name, value in data.items():
        number, _, entry = name.partition("_")
        if number.isdecimal():
            parts[int(number)][entry] = value
    shared = {name: parts[0][name] for name in SHARED if name in parts[0]}
    knots = tuple(rebuilt({**shared, **part}, loss) for part in parts)
    lo, hi = as_strength(meta["lo"]), as_strength(meta["hi"])
    curves = {name: as_matrix(data[name], name, allow_vector=True)[:, 0] for name in CURVES}
    return BetaBand(
        problem=knots[-1].problem, knots=knots, envelope=Envelope(lo, hi, **curves), tol=as_positive(meta["tol"], "tol"),
        width=as_float(meta["width"]), widest=as_strength(meta["widest"]), status=Status[meta["status"]],
        seconds=as_positive(meta["seconds"], "seconds", allow_zero=True), proven=False,
    )  # fmt: skip
