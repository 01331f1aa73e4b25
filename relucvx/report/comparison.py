"""What a comparison holds, and how it is read: as text, table, JSON or HTML."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from relucvx._api.statistics import StatisticRange
from relucvx.conversion import is_word, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.network import TwoLayerReLU
from relucvx.program.problem import Problem
from relucvx.report.findings import Finding
from relucvx.report.making import Made
from relucvx.report.measure import Row, kernel_of
from relucvx.report.read import Names
from relucvx.report.uniqueness import KernelUniqueness
from relucvx.results import as_frame, write_text
from relucvx.solution import Solution
from relucvx.tolerances import SOLVE
from relucvx.types import Array, Result, plain, strict_json

drawing = later("relucvx.report.figures")
neurons = later("relucvx.report.neurons")
panels = later("relucvx.metrics.figures")

BEST_FOUND = "best found, not proven"
"""What a report calls a network that is not proven to be optimal."""

KERNEL_SAMPLES = 300
"""Largest number of samples whose kernels are written to JSON."""


@dataclass(frozen=True, repr=False)
class Comparison(Result):
    """What :func:`compare` found; ``print`` it, or see ``to_frame``, ``to_json``, ``to_html``.

    Attributes
    ----------
    problem : Problem
    solution : Solution
        The solved problem with its certificate.
    predictions : tuple of Prediction
        Closed forms tried, applicable or not (see ``relucvx.kernel.predict``); empty for other losses than the squared.
    uniqueness : KernelUniqueness
        Whether the optimal hidden kernel is unique, and why.
    optimum : Row
        The solved network's measurements.
    rows : tuple of Row
        One per run.
    findings : tuple of Finding
        A verdict in words per claim.
    networks : tuple of TwoLayerReLU
        The runs' networks, in the order of ``rows``.
    histories : tuple of dict
        Per run: arrays "step" and "objective", where the trainer recorded them.
    labels, factors : ndarray or None
    reach : float
        Certified relative gap up to which a run counts as optimal.
    tol : float
        Relative gap up to which the solution counts as proven; otherwise it is called "best found, not proven".
    cut : str
        What Ctrl-C, the callback or the time limit cut short, in words; empty when nothing was.
    names : Names
        What features, outputs and classes are called, as far as that is known.
    ranges : tuple of StatisticRange
        What is proven of every optimum where the kernel is not known to be unique, as far as the time went.
    made : Made
        The call that makes it again, versions, seeds and the day.

    Notes
    -----
    Status: a record of what :func:`compare` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    >>> found = rx.compare(X, y, 1.0, runs=[rx.TwoLayerReLU([[1.0], [-1.0]], [1.0, 1.0])])
    >>> print(len(found.rows), found.rows[0].reached, f"{found.rows[0].rel_gap:.4f}")
    1 False 0.1000
    """

    problem: Problem
    solution: Solution
    predictions: tuple[Any, ...]
    uniqueness: KernelUniqueness
    optimum: Row
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    networks: tuple[TwoLayerReLU, ...]
    histories: tuple[dict[str, Any], ...]
    labels: Any
    factors: Any
    reach: float
    tol: float = SOLVE.value
    cut: str = ""
    names: Names = field(default_factory=Names)
    ranges: tuple[StatisticRange, ...] = ()
    made: Made = field(default_factory=Made)

    @property
    def proven(self) -> bool:
        """Whether the solution is proven to be optimal, to ``tol``."""
        return is_proven(self.solution, self.tol)

    @property
    def subject(self) -> str:
        """What the solved network is called: "optimum", or "best found, not proven"."""
        return name_of(self.solution, self.tol)

    @property
    def share(self) -> float:
        """Share of the runs whose certified relative gap is at most ``reach``; NaN without runs."""
        return float(np.mean([row.reached for row in self.rows])) if self.rows else math.nan

    @property
    def best(self) -> int | None:
        """Index of the run with the least objective."""
        return int(np.argmin([row.objective for row in self.rows])) if self.rows else None

    @property
    def prediction(self) -> Any:
        """The closed form that applies here (one with a unique kernel first), or None."""
        return applicable(self.predictions)

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the classes of ``labels`` are called, in the order of their values; none without labels."""
        return self.names.classes

    @property
    def kernels(self) -> dict[str, Array]:
        """Hidden kernels by name: :attr:`subject`, "prediction" where one applies, and the best run's."""
        found = {self.subject: kernel_of(self.problem, self.solution.inner)}
        if self.prediction is not None and self.prediction.kernel is not None:
            found["prediction"] = np.asarray(self.prediction.kernel)
        if self.best is not None:
            found[f"best run ({self.rows[self.best].name})"] = kernel_of(self.problem, self.networks[self.best])
        return found

    def __repr__(self) -> str:
        c = self.solution.certificate
        return (
            f"Comparison({'p*=' if self.proven else 'not proven: p*<='}{self.solution.objective:.8g}, "
            f"rel_gap={c.rel_gap:.2g}, runs={len(self.rows)}, share={self.share:.2g}{', ' if self.cut else ''}{self.cut})"
        )

    def __str__(self) -> str:
        return "\n".join([*([self.cut] if self.cut else []), *(str(finding) for finding in self.findings)])

    def table(self) -> list[dict[str, Any]]:
        """The optimum and the runs as rows of plain values; columns without any value are left out."""
        rows = [self.optimum, *self.rows]
        names = [f.name for f in fields(Row) if any(not _missing(getattr(row, f.name)) for row in rows)]
        return [{name: plain(getattr(row, name)) for name in names} for row in rows]

    def records(self) -> list[dict[str, Any]]:
        """The rows of :meth:`table`."""
        return self.table()

    def facts(self) -> dict[str, Any]:
        """The certified optimum, how many runs reach it, and the verdict on each claim."""
        found = {f.claim: f"{f.verdict}. {f.text}" for f in self.findings}
        cut = {"cut short": self.cut} if self.cut else {}
        return {self.subject: self.solution, "runs": len(self.rows), "share": self.share, **cut, **found}

    def plot(self, ax: Any = None, *, what: str = "gaps") -> Any:
        """Draw one of the figures of the report; returns the axes.

        Parameters
        ----------
        ax : matplotlib axes, optional
            New ones are made without.
        what : {"gaps", "curves", "neurons", "landscape"}
            Certified gaps of the runs, their objectives over the steps, neurons, or the dual norm over all directions.

        Raises
        ------
        InvalidInputError
            For anything else; for a landscape of more than three coordinates.
        """
        ways = {
            "gaps": drawing.plot_gaps, "curves": drawing.plot_curves, "neurons": neurons.plot_neurons,
            "landscape": neurons.plot_landscape,
        }  # fmt: skip
        if not is_word(what, ways):
            raise InvalidInputError(explain(f"what to be one of {', '.join(ways)}", shown(what), "", 'what="gaps"'))
        return ways[what](self, panels.axes_or_new(ax, 6.0, 4.0))

    def to_frame(self) -> Any:
        """:meth:`table` as a pandas DataFrame."""
        return as_frame(self.table())

    def to_dict(self) -> dict[str, Any]:
        """Everything but the data as plain values; kernels up to 300 samples."""
        p, c = self.problem, self.solution.certificate
        small = p.n_samples <= KERNEL_SAMPLES
        return {
            "problem": {
                "samples": p.n_samples, "features": p.n_features, "outputs": p.n_outputs, "beta": p.beta,
                "loss": p.loss.name, "bias": p.bias, "activation": [p.activation.slope_neg, p.activation.slope_pos],
                "feature_names": list(self.names.features), "target_names": list(self.names.targets),
                "class_names": list(self.class_names),
            },
            "certificate": {k: v for k, v in c.to_dict().items() if k != "dual"},
            "status": self.solution.status.name,
            "proven": self.proven,
            "cut": self.cut,
            "reach": self.reach,
            "share": self.share,
            "kernel_unique": self.uniqueness.unique,
            "over_all_optima": plain(self.ranges),
            "made": plain(self.made),
            "findings": plain(self.findings),
            "optimum": plain(self.optimum),
            "runs": plain(self.rows),
            "predictions": [_prediction_facts(p) for p in self.predictions],
            "networks": plain({"optimum": self.solution.network, "runs": self.networks}),
            "kernels": plain(self.kernels) if small else None,
            "histories": plain(self.histories),
        }  # fmt: skip

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """:meth:`to_dict` as strict JSON text (null for NaN and infinity), also written to ``path`` if given."""
        text = strict_json(self.to_dict())
        if path is not None:
            write_text(path, text + "\n")
        return text

    def to_html(
        self, path: str | os.PathLike[str], title: str | None = None, *, figures: bool = True, data: bool = True,
        command: str = "",
    ) -> Path:  # fmt: skip
        """Write one self-contained HTML file (figures inside, no scripts, nothing loaded); returns its path.

        The numbers behind it are in it, to be saved by a link: the table as CSV, and everything as JSON with the data, of which
        ``relucvx report`` makes the page again; ``data=False`` leaves the data out. Drawing takes seconds: ``figures=False``
        leaves the words and the tables. ``command`` is shown as what makes the page again, instead of the Python call.

        Raises
        ------
        DataFileError
            When the path cannot be written.
        """
        from relucvx.report.html import page

        return write_text(path, page(self, title, figures, command, data))


def is_proven(solution: Solution, tol: float) -> bool:
    """Whether a solution is proven to be optimal to a relative gap."""
    return bool(solution.certificate.rel_gap <= tol)


def name_of(solution: Solution, tol: float) -> str:
    """What a report calls the solved network."""
    return "optimum" if is_proven(solution, tol) else BEST_FOUND


def applicable(predictions: Sequence[Any]) -> Any:
    """The closed form that applies (one with a unique kernel first), or None."""
    usable = [p for p in predictions if p.applicable]
    return max(usable, key=lambda p: p.unique is True, default=None)


def _prediction_facts(prediction: Any) -> dict[str, Any]:
    names = ("name", "objective", "unique", "conditions", "applicable", "beta_max", "source", "status", "note")
    return {name: plain(getattr(prediction, name)) for name in names}


def _missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))
