"""The front door of sweeps: every combination of settings solved, certified and stored as it finishes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, cast

from relucvx._api.many import for_each
from relucvx.conversion import as_callable, as_flag
from relucvx.errors import ClusterError, DataFileError, explain
from relucvx.executors import as_executor
from relucvx.interrupts import carrying
from relucvx.later import later
from relucvx.program.problem import Problem
from relucvx.progress import Shown, as_progress, watched
from relucvx.sweeps import work
from relucvx.sweeps.cost import remaining
from relucvx.sweeps.grid import Cell, Grid, as_grid
from relucvx.sweeps.progress import SweepProgress
from relucvx.sweeps.store import FILE, OPTIMUM, SCALE, TRAINED, Store, folder_of, reading, working
from relucvx.sweeps.table import MISSING, Sweep, rows_of, stored_rows
from relucvx.threads import as_jobs
from relucvx.tolerances import SOLVE
from relucvx.validation import as_positive

trainer = later("relucvx.training")

log = logging.getLogger(__name__)


def sweep(
    data: Any,
    *,
    beta_fraction: Any = None,
    beta: Any = None,
    loss: Any = "squared",
    bias: Any = "none",
    activation: Any = "relu",
    width: Any = None,
    seeds: Any = None,
    training: Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] | None = None,
    tol: float = SOLVE.value,
    time_limit: float | None = 60.0,
    callback: Callable[[SweepProgress], Any] | None = None,
    progress: Shown = "auto",
    executor: Any = None,
    n_jobs: int | None = None,
    dry_run: bool = False,
) -> Sweep:
    """Certified optima over a grid of settings, and how far trained networks are from them; stored as they finish.

    Every argument of the grid is one value or a list, and every combination is a problem. Problems that are the same are
    solved once, whatever their data are called.

    Parameters
    ----------
    data : str, path, Dataset, (X, Y), list or dict of these
        What to learn: a name or a file as :func:`relucvx.datasets.get` takes them, arrays, or several. In a dict the keys are
        the names in the table, and a value may be a dict ``{"name": "iris", "one_vs_rest": "virginica"}`` with options.
        Classes are coded as each loss takes them.
    beta_fraction : float or list
        Strengths as shares of beta_max (certified, or where that takes long what a search finds, which depends on the data
        alone), computed once for each data set, loss, bias and activation.
    beta : float or list
        Strengths as they are, in place of shares.
    loss, bias, activation
        As in :func:`relucvx.solve`; each one or several.
    width : int or list, optional
        Hidden neurons of networks to train (:func:`relucvx.train`) on every problem, each of which is then held against the
        certified lower bound of that problem. None trains nothing.
    seeds : int or list of int, optional
        So many seeds 0, 1, …, or these; one without.
    training : dict, optional
        How to train: "optimizer", "learning_rate", "max_steps" and the like of :func:`relucvx.train`.
    out : path, optional
        A folder. Every cell is a line of JSON in its ``cells.jsonl`` as soon as it is known, and cells that are in it are taken
        from there.
    tol, time_limit
        Of each optimum, as in :func:`relucvx.solve`; networks of one width have ``time_limit`` seconds together. What is cut
        is stored with the gap it has, and done again only by a call that gives more time.
    callback : callable, optional
        Sees a :class:`SweepProgress` as cells finish; returning True stops.
    progress : {"auto", True, False}
        As in :func:`relucvx.solve`: a bar over the rows that are there.
    executor, n_jobs
        Where cells are computed, as in :func:`relucvx.for_each`: a pool or a Dask client, else so many processes, else what
        ``joblib.parallel_config`` says. ``n_jobs=1`` computes them here, one after the other.
    dry_run : bool
        Compute nothing: the table as it is stored, with ``remaining`` seconds guessed.

    Returns
    -------
    Sweep

    Raises
    ------
    InvalidInputError
        For settings that there are not, and data that a loss does not take, before anything is computed.
    DataFileError
        For a folder that cannot be written in, holds another file of that name, or in which another sweep is at work.

    Notes
    -----
    Cells are known by a hash of their data, settings and tolerance: a grid that has grown, shrunk or changed its order takes
    from the folder what it can, and ``note`` says what else is there. After ``kill -9`` the same call goes on; only what was
    being computed is computed again. Ctrl-C leaves as :class:`relucvx.Interrupted`, whose ``result`` is the table so far.

    The table does not depend on the order in which cells finish, nor on where and how many at a time they are computed,
    seconds and the last digits of float64 aside, as long as no time limit cuts one. Seeds of one width train together, and a
    run depends a little on which; so seeds that are added later give what they would give by themselves.

    A piece of work that ends with an error is a row with status FAILED, and does not stop the others.

    Status: certified numerically (bounds), heuristic (trained networks). Source: [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> data = ([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0])
    >>> found = rx.sweep(data, beta_fraction=[0.2, 0.6], width=4, seeds=2, n_jobs=1)
    >>> print(found.to_frame()[["beta_fraction", "kind", "seed", "upper", "certified"]].round(4).to_string(index=False))
     beta_fraction    kind  seed  upper  certified
               0.2 optimum  <NA>    1.8       True
               0.2 trained     0    1.8       True
               0.2 trained     1    1.8       True
               0.6 optimum  <NA>    4.2       True
               0.6 trained     0    4.2       True
               0.6 trained     1    4.2       True
    """
    limit = None if time_limit is None else as_positive(time_limit, "time_limit", fix="time_limit=60 (seconds)")
    elsewhere, folder, bar = as_executor(executor), folder_of(out), as_progress(progress)
    as_jobs(n_jobs)
    as_callable(callback, "callback")
    grid = as_grid(data, beta_fraction, beta, loss, bias, activation, width, seeds, training, tol)
    _check_training(grid)
    if as_flag(dry_run, "dry_run"):
        return _table(grid, reading(folder), limit)
    with working(folder) as store, watched("sweep", bar, callback) as watch:
        run = _Run(grid, store, limit, watch, {"executor": elsewhere, "n_jobs": n_jobs})
        with carrying(lambda _: _table(grid, store, limit), folder):
            run.go()
        return _table(grid, store, limit)


def load_sweep(out: str | os.PathLike[str]) -> Sweep:
    """The table of all cells in the folder of a sweep, as stored, sorted by their settings.

    Raises
    ------
    DataFileError
        For a folder without cells, or with a file of something else.

    Notes
    -----
    Status: a record (bounds are as stored, not proven again). Source: [relucvx]

    Examples
    --------
    >>> import tempfile
    >>> import relucvx as rx
    >>> data = ([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = rx.sweep(data, beta_fraction=[0.6, 0.2], out=folder, n_jobs=1)
    ...     print(rx.load_sweep(folder))
    ...
    Sweep(2 of 2 cells, 2 of 2 optima certified to 1e-06, 0 pieces of work done now)
    """
    folder = folder_of(out)
    if folder is None or not (folder / FILE).exists():
        raise DataFileError(
            explain(f"the folder of a sweep, with {FILE} in it", f"none at {out}", "", "relucvx.sweep(..., out=folder)")
        )
    store = reading(folder)
    rows = stored_rows(store)
    return Sweep(
        rows, max((record["tol"] for record in store.optima.values()), default=SOLVE.value), 0, "", str(folder)
    )


def _table(grid: Grid, store: Store, limit: float | None) -> Sweep:
    folder = None if store.folder is None else str(store.folder)
    return Sweep(
        rows_of(grid, store), grid.tol, store.computed, store.others(grid), folder, remaining(grid, store, limit)
    )


def _check_training(grid: Grid) -> None:
    """Let the trainer itself refuse its settings, on two samples, before the work and not after hours of it."""
    if grid.widths:
        trainer.train([[1.0], [2.0]], [1.0, 2.0], 0.5, width=1, seeds=[0], time_limit=1e-3, n_jobs=1, **grid.training)


@dataclass(frozen=True)
class Piece:
    """Work that is one line of the file: what it is of, and the call that does it."""

    name: tuple[Any, ...]
    record: dict[str, Any]
    function: Callable[..., dict[str, Any]]
    problem: Problem
    given: dict[str, Any]

    @property
    def rows(self) -> int:
        """Rows of the table that it fills."""
        return 0 if self.function is work.scale else len(self.given.get("seeds", (0,)))

    @property
    def text(self) -> str:
        """In a few words, for a bar."""
        settings = self.record["settings"]
        words = [settings[name] for name in ("data", "loss") if settings.get(name)]
        shares = [f"{name} {settings[name]:g}" for name in ("beta_fraction", "beta") if settings.get(name)]
        width = [f"width {self.record['width']}"] if "width" in self.record else []
        return ", ".join([*words, *shares, *width, self.record["kind"]])


class _Run:
    """One call: scales first, of which strengths are shares, and then everything else in the order of the grid."""

    def __init__(
        self, grid: Grid, store: Store, limit: float | None, watch: Callable[..., Any] | None, where: dict[str, Any]
    ) -> None:
        self.grid, self.store, self.limit, self.watch, self.where = grid, store, limit, watch, where
        self.began = time.monotonic()
        self.there = sum(row["status"] != MISSING for row in rows_of(grid, store))

    def go(self) -> None:
        """Do what is missing, until it is done or the callback says stop."""
        note = self.store.others(self.grid)
        if note:
            log.info("%s", note)
        if not self.does(list(self.scales())):
            self.does(list(self.pieces()))

    def scales(self) -> Iterator[Piece]:
        """The beta_max of every problem that has none yet."""
        for base in self.grid.bases():
            if base.key not in self.store.scales:
                record = {"kind": SCALE, "key": base.key, "settings": base.settings}
                yield Piece((SCALE, base.key), record, work.scale, base.problem, {})

    def pieces(self) -> Iterator[Piece]:
        """Optima and networks that are missing, each once."""
        for cell in {cell.key: cell for cell in self.grid.cells}.values():
            beta = self.strength(cell)
            if beta is None:
                continue
            problem = cell.posed(beta)
            about = {"key": cell.key, "problem": cell.problem, "base": cell.base.key, "settings": cell.settings}
            if not self.store.solved(cell.key, self.limit):
                given: dict[str, Any] = {"tol": self.grid.tol, "limit": self.limit}
                yield Piece((OPTIMUM, cell.key), {"kind": OPTIMUM, **about}, work.optimum, problem, given)
            for width in self.grid.widths:
                left = self.untrained(cell, width)
                if left:
                    record = {"kind": TRAINED, **about, "key": cell.problem, "width": width, "how": self.grid.how}
                    given = {"width": width, "seeds": left, "options": self.grid.training, "limit": self.limit}
                    yield Piece((TRAINED, cell.problem, width), record, work.trained, problem, given)

    def untrained(self, cell: Cell, width: int) -> tuple[int, ...]:
        """Seeds of a width that are missing."""
        runs = {seed: (cell.problem, width, self.grid.how, seed) for seed in self.grid.seeds}
        return tuple(seed for seed, run in runs.items() if not self.store.trained(run, self.limit))

    def strength(self, cell: Cell) -> float | None:
        """The strength of a cell; None where beta_max is not known, or there is nothing to learn."""
        if cell.beta is not None:
            return cell.beta
        top = self.store.beta(cell.base.key)
        if top > 0.0:
            return float(cell.beta_fraction or 0.0) * top
        self.store.failures.setdefault(
            (SCALE, cell.base.key),
            explain("targets that neurons help to fit", "beta_max = 0", "constant targets", "beta=1"),
        )
        return None

    def does(self, pieces: list[Piece]) -> bool:
        """Do all of them, wherever; whether the callback said stop."""
        left = dict(enumerate(pieces))
        items = [(piece.function, piece.problem, piece.given) for piece in pieces]
        try:
            # closed at once where the callback stops it: what is still computed elsewhere is for nobody
            with closing(cast(Any, for_each(work.work, items, **self.where))) as found:
                for k, result in found:
                    if self.takes(left.pop(k), result):
                        return True
        except ClusterError as error:
            for piece in left.values():
                self.store.failures[piece.name] = str(error)
        return False

    def takes(self, piece: Piece, result: dict[str, Any]) -> bool:
        """Store what came of a piece and tell of it; whether to stop."""
        if "error" in result:
            self.store.failures[piece.name] = result["error"]
        else:
            self.store.add({**piece.record, **result})
        if self.watch is None:
            return False
        self.there = min(self.there + piece.rows, self.grid.size)
        seconds = time.monotonic() - self.began
        state = SweepProgress(self.there, self.grid.size, len(self.store.failures), seconds, piece.text)
        return bool(self.watch(state))
