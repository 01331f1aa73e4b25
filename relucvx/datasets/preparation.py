"""How raw columns became the inputs of a problem, and what its outputs stand for: kept with the data, and with solutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from relucvx.conversion import as_flag
from relucvx.errors import InvalidInputError, explain
from relucvx.types import Array, ArrayLike, Result
from relucvx.validation import as_count, as_matrix


@dataclass(frozen=True, eq=False, repr=False)
class Preparation(Result):
    """Raw columns to inputs, ``X = ((raw - centre) / scale)[:, kept]``, then ``X <- (X - origin) loadings``; outputs to names.

    Attributes
    ----------
    n_columns : int
        Number r of raw columns.
    columns : tuple of str
        Their names; empty where there were none.
    centre, scale : ndarray, shape (r,), optional
        Mean and standard deviation of the raw columns, where these were standardised.
    kept : ndarray of bool, shape (r,), optional
        The columns that vary: constant ones are dropped where columns are standardised.
    origin, loadings : ndarray, shapes (s,) and (s, d), optional
        Mean of the columns so far and the directions that they are projected on, where there are components.
    target : str
        Name of the column that is the target; "" where there is none, or several.
    target_centre, target_scale : float, optional
        Of a target that was standardised.
    classes : tuple of str
        What the outputs stand for: one name for each of several outputs, two for the signs of one; empty for numbers.
    positions : tuple of int
        Where the raw columns stood in the file they came from, for files without names.
    width : int
        Number of columns of that file; 0 where there was none.

    Notes
    -----
    A problem that is posed on prepared columns is about these: its optimum, its bounds and its certificate are those of the
    scaled problem. Scaling changes what weight decay penalises, so the problem on raw columns has another optimum.

    Status: theorem (a definition). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.load("iris", components=2)
    >>> data.preparation
    Preparation(4 columns standardised, 2 principal components, 3 classes)
    >>> data.preparation([[5.1, 3.5, 1.4, 0.2]]).round(3).tolist()  # raw centimetres
    [[-2.265, 0.48]]
    """

    n_columns: int
    columns: tuple[str, ...] = ()
    centre: Array | None = None
    scale: Array | None = None
    kept: np.ndarray | None = None
    origin: Array | None = None
    loadings: Array | None = None
    target: str = ""
    target_centre: float | None = None
    target_scale: float | None = None
    classes: tuple[str, ...] = ()
    positions: tuple[int, ...] = ()
    width: int = 0

    @property
    def n_features(self) -> int:
        """Number d of columns that come out."""
        if self.loadings is not None:
            return int(self.loadings.shape[1])
        return self.n_columns if self.kept is None else int(self.kept.sum())

    @property
    def changes(self) -> bool:
        """Whether inputs are anything but the raw columns."""
        return self.scale is not None or self.loadings is not None

    @property
    def steps(self) -> str:
        """What is done to the columns, in words; "" where nothing is."""
        said = []
        if self.scale is not None:
            said.append(f"{self.n_columns} columns standardised")
        if self.kept is not None and not self.kept.all():
            said.append(f"{int((~self.kept).sum())} constant columns dropped")
        if self.loadings is not None:
            said.append(f"{self.n_features} principal components")
        return ", ".join(said)

    def __repr__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"Preparation({self.steps or f'{self.n_columns} raw columns'}{classes})"

    def __call__(self, raw: ArrayLike) -> Array:
        """Inputs (n, d) of raw rows (n, r).

        Raises
        ------
        InvalidInputError
            For another number of columns.
        """
        X = as_matrix(raw, "raw rows")
        if X.shape[1] != self.n_columns:
            named = f": {', '.join(self.columns)}" if self.columns else ""
            raise InvalidInputError(
                explain(f"raw rows of {self.n_columns} columns{named}", f"{X.shape[1]} columns", "rows of other data")
            )
        if self.centre is not None and self.scale is not None and self.kept is not None:
            X = (X - self.centre)[:, self.kept] / self.scale[self.kept]
        if self.origin is not None and self.loadings is not None:
            X = (X - self.origin) @ self.loadings
        return X

    def names(self) -> tuple[str, ...]:
        """Names of the columns that come out; empty where the raw ones have none."""
        if self.loadings is not None:
            return tuple(f"PC{k + 1}" for k in range(self.n_features))
        if self.kept is None or not self.columns:
            return self.columns
        return tuple(name for name, keep in zip(self.columns, self.kept, strict=True) if keep)

    def decoded(self, outputs: Array) -> np.ndarray:
        """What outputs (n, c) say: names of classes (n,), or numbers (n,) or (n, c) in the target's own units."""
        F = np.asarray(outputs, dtype=np.float64).reshape(len(outputs), -1)
        if self.classes:
            index = (F[:, 0] > 0.0).astype(int) if F.shape[1] == 1 else F.argmax(axis=1)
            return np.array(self.classes)[index]
        if self.target_scale is not None and self.target_centre is not None:
            F = F * self.target_scale + self.target_centre
        return F[:, 0] if F.shape[1] == 1 else F

    # ------------------------------------------------------------------ files
    def arrays(self) -> dict[str, Any]:
        """The arrays among its parts, by name, as a file of a solution holds them."""
        held = {name: getattr(self, name) for name in ("centre", "scale", "kept", "origin", "loadings")}
        return {f"raw_{name}": array for name, array in held.items() if array is not None}

    def words(self) -> dict[str, Any]:
        """The other parts, for JSON."""
        names = ("n_columns", "columns", "target", "target_centre", "target_scale", "classes", "positions", "width")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def stored(cls, words: dict[str, Any], arrays: dict[str, Any]) -> Preparation:
        """The inverse of :meth:`words` and :meth:`arrays`, every part checked.

        Raises
        ------
        ValueError, KeyError, TypeError
            For parts that are missing or do not fit each other.
        """
        given = {name.removeprefix("raw_"): value for name, value in arrays.items() if name.startswith("raw_")}
        listed: dict[str, Any] = {name: tuple(words[name]) for name in ("columns", "classes", "positions")}
        scales: dict[str, Any] = {
            name: None if words[name] is None else float(words[name]) for name in ("target_centre", "target_scale")
        }
        width, target = as_count(words["width"], "width", 0), str(words["target"])
        made = cls(as_count(words["n_columns"], "n_columns"), target=target, width=width, **listed, **scales, **given)
        made(np.zeros((1, made.n_columns)))  # parts that do not fit fail here
        return made


def fitted(X: Array, columns: Sequence[str] = (), *, standardize: bool = False, components: Any = None) -> Preparation:
    """The preparation that makes standardised columns and principal components of raw ones.

    Raises
    ------
    InvalidInputError
        For columns that are all constant, and components outside 1 … min(n - 1, columns).
    """
    X = as_matrix(X, "X")
    made = Preparation(X.shape[1], tuple(columns))
    # in this order: components are taken of columns in one unit
    if as_flag(standardize, "standardize"):
        centre = X.mean(axis=0)
        spread = (X - centre).std(axis=0)
        # relative to their size: constant columns differ from their mean by rounding
        kept = spread > 1e-12 * np.abs(X).max(axis=0)
        if not kept.any():
            raise InvalidInputError(
                explain("X with a column that varies", f"{X.shape[1]} constant columns", "", "standardize=False")
            )
        made = replace(made, centre=centre, scale=spread, kept=kept)
    if components is not None:
        scaled = made(X)
        most = min(len(scaled) - 1, scaled.shape[1])
        components = as_count(components, "components", most=most)
        origin = scaled.mean(axis=0)
        _, _, loadings = np.linalg.svd(scaled - origin, full_matrices=False)
        top = loadings[:components]
        # an SVD leaves signs open: the largest loading of each component is positive
        signs = np.sign(top[np.arange(len(top)), np.abs(top).argmax(axis=1)])
        made = replace(made, origin=origin, loadings=(top * signs[:, None]).T)
    return made
