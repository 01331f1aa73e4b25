"""Phase diagrams: a number of the representation at certified optima, over two parameters of a family of problems.

Every cell is solved and proven by itself, and stored as it finishes (:mod:`relucvx.theory.cells`): whatever ends the run,
what was stored is read again and not done again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from relucvx._api.many import for_each
from relucvx._api.solving import solve
from relucvx._api.statistics import kernel_statistic
from relucvx.conversion import as_float, as_path, is_word, shown
from relucvx.errors import DataFileError, InvalidInputError, explain
from relucvx.interrupts import carrying
from relucvx.later import later
from relucvx.records import parsed
from relucvx.results import whole_lines
from relucvx.theory.cells import FORMAT, Store, is_head, plain_parameter
from relucvx.theory.families import Member, as_family, as_statistic, check_parameters
from relucvx.tolerances import SOLVE
from relucvx.types import Array, Result
from relucvx.validation import as_positive

RANGED = {"parallelism": "factors", "nc1": "labels", "nc1_quotient": "labels", "participation_ratio": None}
"""Statistics whose range over all optima can be certified, and what of a member they are about."""

SHOWN = {"values": "", "leasts": "least ", "mosts": "largest "}
"""What a figure can show, and how that is called."""

figures = later("relucvx.metrics.figures")


@dataclass(frozen=True, repr=False, eq=False)
class PhaseDiagram(Result):
    """A statistic at certified optima over two parameters; rows of arrays follow y, columns follow x.

    Attributes
    ----------
    family, statistic : str
        Names; of functions, where they are defined.
    x_name, y_name : str
    x, y : ndarray
        Values of the parameters.
    fixed : dict
        The other parameters that were given.
    values : ndarray, shape (len(y), len(x))
        The statistic of the optimum that was found; NaN where a cell is missing, or the statistic has no value.
    leasts, mosts : ndarray, shape (len(y), len(x))
        Certified range of the statistic over all optima of any width; NaN where none was asked for.
    objectives, lowers, rel_gaps : ndarray, shape (len(y), len(x))
        The objective of that network, the proven lower bound on every objective, and the relative gap between the two.
    betas, neurons, seconds : ndarray, shape (len(y), len(x))
        Strength, neurons of the optimum, and seconds of each cell.
    tol : float
        Relative gap that was asked for.
    computed : int
        Cells that this call solved; the others are as stored.
    tight : ndarray, shape (len(y), len(x))
        1 where networks come near both ends of the range, 0 where they do not (time ran out, as a rule), NaN unknown.

    Notes
    -----
    Where optima are not unique, others than the one found can have another value: what is proven of a cell is the objective,
    and the range where one was asked for.

    Status: certified numerically (objectives, ranges), sampled evidence (values where optima differ). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.theory.phase_diagram("factorial", {"x1": [0.5, 1.0]}, {"x2": [0.0, 0.4]}, statistic="parallelism", n_jobs=1)
    >>> found.values.shape, bool(found.certified.all()), round(float(found.values[1, 1]), 4)
    ((2, 2), True, 1.0)
    """

    family: str
    statistic: str
    x_name: str
    y_name: str
    x: Array
    y: Array
    fixed: dict[str, Any]
    values: Array
    leasts: Array
    mosts: Array
    objectives: Array
    lowers: Array
    rel_gaps: Array
    betas: Array
    neurons: Array
    seconds: Array
    tol: float
    computed: int
    tight: Array = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def certified(self) -> np.ndarray:
        """Which cells are proven to the tolerance, (len(y), len(x)) bool."""
        return np.asarray(self.rel_gaps <= self.tol)

    def facts(self) -> dict[str, Any]:
        """What is over what, and how much of it is proven."""
        cells = f"{len(self.y)} x {len(self.x)}"
        return {
            "family": self.family, "statistic": self.statistic, "x": self.x_name, "y": self.y_name, "cells": cells,
            "certified": int(self.certified.sum()), "tol": self.tol, "fixed": self.fixed, "computed now": self.computed,
        }  # fmt: skip

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per cell."""
        names = ("values", "leasts", "mosts", "objectives", "lowers", "rel_gaps", "betas", "neurons", "seconds")
        return (
            {
                self.x_name: float(x),
                self.y_name: float(y),
                **{name: float(getattr(self, name)[i, j]) for name in names},
                "certified": bool(self.certified[i, j]),
                **({"tight": float(self.tight[i, j])} if self.tight.size else {}),
            }
            for i, y in enumerate(self.y)
            for j, x in enumerate(self.x)
        )

    def plot(self, ax: Any = None, *, which: str = "values", log: bool = False, cmap: str = "viridis") -> Any:
        """A heat map, the first parameter to the right and the second upwards; cells that are not proven are crossed.

        Of ranges, so are those whose ends no network comes near.

        Parameters
        ----------
        ax : matplotlib axes, optional
            New ones are made without.
        which : {"values", "leasts", "mosts"}
            The statistic of the optimum that was found, or an end of its range over all optima.
        log : bool
            Show the decimal logarithm of the values.
        cmap : str

        Raises
        ------
        InvalidInputError
            For another ``which``.
        """
        if not is_word(which, SHOWN):
            raise InvalidInputError(
                explain(f"which to be one of {', '.join(SHOWN)}", shown(which), "", 'which="leasts"')
            )
        values, label = getattr(self, which)[::-1], SHOWN[which] + self.statistic.rpartition(":")[2]
        if log:
            with np.errstate(divide="ignore", invalid="ignore"):
                values, label = np.log10(values), f"log10 {label}"
        known = values[np.isfinite(values)]
        limits = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        if limits[1] - limits[0] <= 1e-9 * max(abs(limits[0]), abs(limits[1]), 1e-300):
            # one value everywhere, rounding apart: no scale of rounding
            limits = (limits[0] - 0.5, limits[1] + 0.5)
        names = [[f"{value:g}" for value in axis] for axis in (self.y[::-1], self.x)]
        ax, _ = figures.heat_map(ax, values, names[0], names[1], label, limits, cmap)
        bad = ~self.certified | ((self.tight == 0.0) if self.tight.size and which != "values" else False)
        open_ = np.argwhere(bad[::-1])
        ax.set_aspect("auto")
        ax.plot(open_[:, 1], open_[:, 0], "x", color="tab:red")
        ax.set_xlabel(figures.plain(self.x_name))
        ax.set_ylabel(figures.plain(self.y_name))
        return ax

    def __repr__(self) -> str:
        done, loose = int(np.isfinite(self.objectives).sum()), int((self.tight == 0.0).sum())
        return (
            f"PhaseDiagram({self.statistic} of {self.family}, {self.x_name} x {self.y_name}: {done} of {self.values.size} "
            f"cells, {int(self.certified.sum())} certified to {self.tol:g}{f', {loose} with loose ranges' if loose else ''}, "
            f"{self.computed} computed now)"
        )


def phase_diagram(
    family: str | Callable[..., Member],
    x: Mapping[str, Any],
    y: Mapping[str, Any],
    *,
    statistic: str | Callable[[Member, Any], float] = "parallelism",
    out: str | os.PathLike[str] | None = None,
    tol: float = SOLVE.value,
    time_limit: float | None = 60.0,
    interval: float | None = None,
    executor: Any = None,
    n_jobs: int | None = None,
    **fixed: Any,
) -> PhaseDiagram:
    """A statistic of certified optima over two parameters of a generated family, every cell with its own proof.

    Parameters
    ----------
    family : {"factorial", "classes"} or callable
        :func:`factorial_family`, :func:`class_family`, or a function of named parameters that returns a :class:`Member`.
    x, y : mapping of one name to numbers
        The two parameters and their values, as ``{"x1": [0.0, 0.5, 1.0]}``.
    statistic : {"parallelism", "nc1", "nc1_quotient", "participation_ratio", "width"} or callable
        A number of the optimum: of its hidden representation, or what a function makes of the member and the network.
    out : path, optional
        A file that every cell is added to as it finishes. Where it exists, the cells in it are taken from there.
    tol, time_limit
        Of each cell, as in :func:`solve`; a cell that is not proven in time is stored with the gap it has.
    interval : float, optional
        Seconds of each cell for the certified range of the statistic over all optima (:func:`relucvx.kernel_statistic`), for
        "parallelism", "nc1", "nc1_quotient" and "participation_ratio".
    executor, n_jobs
        Where cells are solved, as in :func:`for_each`.
    **fixed
        Other parameters of the family, the same in every cell.

    Returns
    -------
    PhaseDiagram

    Raises
    ------
    InvalidInputError
        For what is described otherwise here, and parameters that the family does not have.
    DataFileError
        For ``out`` with other cells in it than these: of another family, statistic, tolerance or other fixed parameters.

    Notes
    -----
    Ctrl-C leaves as :class:`relucvx.Interrupted`, whose ``result`` has the cells so far. After ``kill -9`` the same call goes
    on where the file ends.

    Status: certified numerically (objectives), sampled evidence (the statistic where optima are not unique). Source: [relucvx]

    Examples
    --------
    >>> import tempfile
    >>> import relucvx as rx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cells = {"x": {"x1": [0.5, 1.0]}, "y": {"beta": [0.1, 0.3]}, "out": f"{folder}/cells.jsonl", "n_jobs": 1}
    ...     first = rx.theory.phase_diagram("factorial", **cells, x2=0.3)
    ...     again = rx.theory.phase_diagram("factorial", **cells, x2=0.3)
    ...
    >>> first.computed, again.computed, bool((first.values == again.values).all())
    (4, 0, True)
    """
    names, axes = zip(*(_axis(given, which) for given, which in ((x, "x"), (y, "y"))), strict=True)
    if names[0] == names[1]:
        raise InvalidInputError(explain("two parameters", f"{names[0]!r} twice", "", 'y={"beta": [0.1, 0.2]}'))
    kind, make = as_family(family)
    check_parameters(make, (*names, *fixed), kind)
    label, measure = as_statistic(statistic)
    tol = as_positive(tol, "tol")
    if interval is not None:
        interval = as_positive(interval, "interval", fix="interval=10 (seconds)")
        if label not in RANGED:
            raise InvalidInputError(
                explain(f"one of {', '.join(RANGED)} for ranges over all optima", label, "", "interval=None")
            )
    head = {
        "format": FORMAT, "family": kind, "statistic": label, "x_name": names[0], "y_name": names[1],
        "fixed": {name: plain_parameter(name, value) for name, value in fixed.items()}, "tol": tol,
    }  # fmt: skip
    if interval is not None:
        head["interval"] = interval
    store = Store(out, head)
    wanted = [(float(a), float(b)) for b in axes[1] for a in axes[0]]
    left = [cell for cell in dict.fromkeys(wanted) if cell not in store.cells]
    tasks = [
        (make, (label, measure), {**fixed, names[0]: _whole(a), names[1]: _whole(b)}, tol, time_limit, interval)
        for a, b in left
    ]
    with carrying(lambda _: _diagram(store, axes, fixed), out):
        for k, found in for_each(_cell, tasks, executor=executor, n_jobs=n_jobs):
            store.add(left[k], found)
    return _diagram(store, axes, fixed)


def read_phase_diagram(path: str | os.PathLike[str]) -> PhaseDiagram:
    """The diagram of all cells in a file of :func:`phase_diagram`, as stored.

    Raises
    ------
    DataFileError
        For a file of something else.

    Notes
    -----
    Status: a record (bounds are as stored, not proven again). Source: [relucvx]

    Examples
    --------
    >>> import tempfile
    >>> import relucvx as rx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = f"{folder}/cells.jsonl"
    ...     made = rx.theory.phase_diagram("factorial", {"x1": [0.5]}, {"x2": [0.1, 0.2]}, out=file, n_jobs=1)
    ...     rx.theory.read_phase_diagram(file).values.shape
    ...
    (2, 1)
    """
    source = as_path(path, "the path of a phase diagram")
    lines = whole_lines(source)
    if not lines:
        raise DataFileError(
            explain("a file of cells", f"none at {source}", "", "relucvx.theory.phase_diagram(..., out=path)")
        )
    head = parsed(lines[0], source)
    store = Store(source, head if is_head(head) else {})
    axes = tuple(np.unique([cell[k] for cell in store.cells]) for k in (0, 1))
    return _diagram(store, axes, head["fixed"])


def _cell(
    make: Callable[..., Member],
    statistic: tuple[str, Callable[[Member, Any], float]],
    given: dict[str, Any],
    tol: float,
    limit: float | None,
    interval: float | None,
) -> dict[str, Any]:
    """One cell: the problem, its certified optimum, and the statistic of that."""
    began = time.perf_counter()
    try:
        member = make(**given)
    except TypeError as error:
        names = ", ".join(given)
        raise InvalidInputError(
            explain(
                f"a family with the parameters {names}",
                str(error),
                "a typo in x, y or a fixed parameter",
                "help(family)",
            )
        ) from error
    if not isinstance(member, Member):
        raise InvalidInputError(
            explain(
                "a family that returns a Member", type(member).__name__, "", "relucvx.theory.Member(problem, labels)"
            )
        )
    sol = solve(member.problem, tol=tol, time_limit=limit)
    try:
        value = float(statistic[1](member, sol.network))
    except TypeError as error:
        raise InvalidInputError(
            explain("a statistic that makes a number of a member and a network", str(error), "", 'statistic="width"')
        ) from error
    ends = (float("nan"), float("nan"), float("nan"))
    if interval is not None:
        about = RANGED[statistic[0]]
        given = {} if about is None else {about: getattr(member, about)}
        found = kernel_statistic(sol, cast(Any, statistic[0]), **given, time_limit=interval)
        ends = (found.lower, found.upper, float(found.tight))
    return {
        "value": value, "least": ends[0], "most": ends[1], "tight": ends[2],
        "objective": sol.objective, "lower": sol.certificate.lower,
        "rel_gap": float(sol.certificate.rel_gap), "beta": member.problem.beta, "neurons": sol.network.width,
        "seconds": time.perf_counter() - began, "status": sol.status.name, "scope": sol.certificate.scope.name,
    }  # fmt: skip


def _diagram(store: Store, axes: Any, fixed: dict[str, Any]) -> PhaseDiagram:
    """The cells that are known, on the grid."""
    head, grids = store.head, store.grids(*axes)
    return PhaseDiagram(
        family=head["family"], statistic=head["statistic"], x_name=head["x_name"], y_name=head["y_name"],
        x=np.array(axes[0]), y=np.array(axes[1]), fixed=dict(fixed), values=grids["value"],
        leasts=grids["least"], mosts=grids["most"], objectives=grids["objective"],
        lowers=grids["lower"], rel_gaps=grids["rel_gap"], betas=grids["beta"], neurons=grids["neurons"],
        seconds=grids["seconds"], tol=head["tol"], computed=store.computed, tight=grids["tight"],
    )  # fmt: skip


def _axis(given: Any, which: str) -> tuple[str, Array]:
    """Name and values of a parameter, checked."""
    wanted = f'{which} to name one parameter with its values, as {{"x1": [0.0, 0.5]}}'
    if not isinstance(given, Mapping) or len(given) != 1 or not all(isinstance(name, str) for name in given):
        raise InvalidInputError(explain(wanted, shown(given), "", f'{which}={{"beta": [0.1, 0.2]}}'))
    ((name, values),) = given.items()
    try:
        found = np.array([as_float(value) for value in values])
    except TypeError:
        found = np.zeros(0)
    if not len(found) or not np.isfinite(found).all():
        raise InvalidInputError(explain(wanted, f"{name}: {shown(values)}", "", f'{which}={{"{name}": [0.1, 0.2]}}'))
    return name, found


def _whole(value: float) -> Any:
    """Counts as integers: they come out of files and arrays as floats."""
    return int(value) if value.is_integer() else value
