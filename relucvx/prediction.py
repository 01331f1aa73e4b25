"""Predictions of a solved problem for raw rows: of a file, a frame or an array, as the data came before they were scaled."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from relucvx.conversion import as_instance, as_path
from relucvx.datasets.cells import numbers
from relucvx.datasets.columns import Table
from relucvx.datasets.files import read_columns
from relucvx.datasets.preparation import Preparation
from relucvx.errors import DataFileError, InvalidInputError, explain
from relucvx.program.posing import refuse_bags
from relucvx.solution import Solution
from relucvx.types import Array, ArrayLike, Result
from relucvx.validation import as_matrix


@dataclass(frozen=True, repr=False)
class Predictions(Result):
    """What a network says of raw rows.

    Attributes
    ----------
    values : ndarray, shape (n,) or (n, c)
        Names of classes, where the problem was about classes that are known by name; else numbers in the target's units.
    outputs : ndarray, shape (n, c)
        What the network gives.
    classes : tuple of str
        What the outputs stand for: a name for each, or two for the signs of one; empty for numbers.
    truth : ndarray, shape (n,), or None
        What the rows themselves say, where they come with a column of the target's name.

    Notes
    -----
    Status: a record of what :func:`relucvx.predict` finds. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> sol = rx.solve([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], beta=1.0)
    >>> found = rx.predict(sol, [[3.0], [4.0]])
    >>> found, found.to_frame()["prediction"].round(3).tolist()
    (Predictions(rows=2), [2.4, 3.2])
    """

    values: np.ndarray
    outputs: Array
    classes: tuple[str, ...] = ()
    truth: np.ndarray | None = None

    @property
    def accuracy(self) -> float | None:
        """Share of the rows whose class is the one that they name; None without such a column."""
        return None if self.truth is None or not self.classes else float(np.mean(self.values == self.truth))

    @property
    def mean_squared_error(self) -> float | None:
        """Mean of the squared differences to the rows' own target; None without such a column, and for classes."""
        return None if self.truth is None or self.classes else float(np.mean((self.values - self.truth) ** 2))

    def facts(self) -> dict[str, Any]:
        """So many rows, and how well they were predicted where they say themselves."""
        scores = {"accuracy": self.accuracy, "mean_squared_error": self.mean_squared_error}
        return {"rows": len(self.outputs), **{name: v for name, v in scores.items() if v is not None}}

    def records(self) -> Iterator[dict[str, Any]]:
        """One row of a frame for each row: prediction, outputs, and the truth where it is known."""
        names = self.classes if len(self.classes) == self.outputs.shape[1] else range(self.outputs.shape[1])
        values = self.values.reshape(len(self.values), -1)
        heads = ["prediction"] if values.shape[1] == 1 else [f"prediction {k}" for k in range(values.shape[1])]
        for row in range(len(values)):
            found = {head: values[row, k].item() for k, head in enumerate(heads)}
            if self.classes:
                found |= {f"output {n}": float(v) for n, v in zip(names, self.outputs[row], strict=True)}
            yield found if self.truth is None else {**found, "truth": self.truth[row].item()}


def predict(
    solution: Solution,
    rows: ArrayLike | str | os.PathLike[str],
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
) -> Predictions:
    """Predictions for raw rows: the scaling and the components of the problem's data set are applied to them first.

    Parameters
    ----------
    solution : Solution
        Of a problem posed on a data set (``relucvx.solve(data, beta=0.1)``), or loaded from a file: it keeps its preparation.
        Without one, rows are as in ``problem.X``.
    rows : path, DataFrame or array_like, shape (n, r)
        Raw rows. Columns are found by their names, where the data had names, in any order and among others; in files and
        tables without names they stand as they did, with the target or without.
    delimiter, decimal, header, encoding
        How a text file is read, as in :func:`relucvx.datasets.read_table`. The first line holds names where the data had some.

    Returns
    -------
    Predictions

    Raises
    ------
    InvalidInputError
        For what is no solution, and rows of another number of columns.
    DataFileError
        For files as :func:`relucvx.datasets.read_table`, and columns that are missing.
    UnsupportedError
        For a problem about bags of rows.

    Notes
    -----
    Nothing is certified about new rows: the certificate is about the objective on the data of the problem, scaled as they were.

    Status: heuristic (a network's outputs, with no statement about rows it was not fitted to). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.load("iris", components=2)
    >>> sol = rx.solve(data, beta=20.0, bias="all", time_limit=20)
    >>> rx.predict(sol, [[5.1, 3.5, 1.4, 0.2], [6.3, 2.9, 5.6, 1.8]]).values.tolist()  # raw centimetres
    ['setosa', 'virginica']
    """
    as_instance(solution, Solution, "solution", 'relucvx.load("best.npz")')
    refuse_bags(solution.problem, "predict")
    made = solution.problem.preparation or Preparation(solution.problem.n_features)
    if isinstance(rows, (str, os.PathLike)):
        header = True if header is None and made.columns else header
        table = read_columns(as_path(rows, "a data file's path"), delimiter, header, encoding)
    elif hasattr(rows, "columns"):
        table = _of_frame(rows)
    else:
        return _predictions(solution, made, as_matrix(rows, "rows"), None)
    chosen = _columns(table, made)
    raw, _ = numbers(table, chosen, decimal)
    return _predictions(solution, made, raw, _truth(table, made, chosen, decimal))


def _predictions(solution: Solution, made: Preparation, raw: Array, truth: np.ndarray | None) -> Predictions:
    outputs = np.asarray(solution.network.predict(made(raw))).reshape(len(raw), -1)
    if truth is not None and made.classes[:1] == ("rest",) and len(made.classes) == 2:
        truth = np.where(truth == made.classes[1], made.classes[1], "rest")
    return Predictions(made.decoded(outputs), outputs, made.classes, truth)


def _of_frame(frame: Any) -> Table:
    """The columns of a pandas DataFrame or its like; text as cells."""
    columns = [np.asarray(frame[name]) for name in frame.columns]
    cells = [c if c.dtype.kind in "biuf" else [str(v) for v in c] for c in columns]
    return Table(Path("the frame"), cells, [str(name) for name in frame.columns])


def _columns(table: Table, made: Preparation) -> list[int]:
    """Where the raw columns stand: by name, or in their places."""
    if made.columns and table.names:
        known = table.features(range(table.width))
        missing = [name for name in made.columns if name not in known]
        if missing:
            raise DataFileError(
                explain(
                    f"columns {', '.join(made.columns)} in {table.path}",
                    f"no {', '.join(missing)} among {', '.join(known)}",
                    "rows of other data, or a file without names",
                    "header=False for a file without names, whose columns are taken in order",
                )
            )
        return [known.index(name) for name in made.columns]
    if table.width == made.n_columns:
        return list(range(table.width))
    if table.width == made.width:
        return list(made.positions)
    held = f"{made.n_columns} columns" + (f", or {made.width} as in the data's own file" if made.width else "")
    raise InvalidInputError(explain(f"{held} in {table.path}", f"{table.width}", "rows of other data"))


def _truth(table: Table, made: Preparation, chosen: list[int], decimal: str | None) -> np.ndarray | None:
    """The target's own column, where the rows come with it: names of classes, or numbers."""
    if not made.target or made.target not in table.names:
        return None
    k = list(table.names).index(made.target)
    if k in chosen:
        return None
    if not made.classes:
        return numbers(table, [k], decimal)[0][:, 0]
    return np.array([_class_of(word) for word in table.columns[k]])


def _class_of(word: Any) -> str:
    """A class as the data named it: whole numbers without a point."""
    text = str(word)
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return text
    return str(int(value)) if value.is_integer() else text
