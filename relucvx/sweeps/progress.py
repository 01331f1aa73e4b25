"""How far a sweep is, for a callback and for a bar."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SweepProgress:
    """What a callback of :func:`sweep` sees; returning True from it stops the sweep, with all that is stored.

    Attributes
    ----------
    cells : int
        Rows of the table that are there, stored ones among them.
    total : int
        Rows of the whole table.
    failed : int
        Pieces of work that ended with an error.
    seconds : float
        Since the call began.
    latest : str
        What has just finished, in a few words.

    Notes
    -----
    Status: a convention (what is done so far). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> seen = []
    >>> data = ([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0])
    >>> found = rx.sweep(data, beta_fraction=[0.1, 0.2], callback=seen.append, n_jobs=1)
    >>> [(state.cells, state.total) for state in seen]
    [(0, 2), (1, 2), (2, 2)]
    """

    cells: int
    total: int
    failed: int
    seconds: float
    latest: str

    def bar(self, tol: float) -> tuple[str, float | None]:
        """What a bar shows: rows that are there out of all."""
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.cells} of {self.total} cells{failed}; {self.latest}", self.cells / max(self.total, 1)
