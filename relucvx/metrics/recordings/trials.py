"""What can be asked of recorded trials: how many there are of what, and their arrays for metrics."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.recordings.reading import recorded_in
from relucvx.metrics.samples.groups import Groups, as_groups
from relucvx.types import Array, BoolArray


class Trials:
    """Counts, names and arrays of the trials of a recording."""

    responses: Array
    factors: Any
    condition: Any
    session: Any
    repeat: Any
    time: Any
    neurons: Any
    name: str

    @cached_property
    def groups(self) -> Groups:
        """The trials by condition."""
        return as_groups(self.condition, self.n_trials, name="condition")

    @cached_property
    def recorded(self) -> BoolArray:
        """Whether each session (rows) recorded each neuron (columns); one row where there are no sessions."""
        sittings = self.sittings
        return recorded_in(self.responses, sittings.codes, sittings.names, self.neurons)

    @property
    def sittings(self) -> Groups:
        """The trials by session; one session where none are given."""
        if self.session is None:
            return Groups(("all",), np.zeros(self.n_trials, dtype=np.intp))
        return as_groups(self.session, self.n_trials, name="session")

    @property
    def n_trials(self) -> int:
        """Number n of trials."""
        return len(self.responses)

    @property
    def n_neurons(self) -> int:
        """Number p of neurons."""
        return int(self.responses.shape[1])

    @property
    def conditions(self) -> tuple[Any, ...]:
        """The different conditions, sorted where they can be compared."""
        return self.groups.names

    @property
    def counts(self) -> Any:
        """Trials of each condition."""
        return self.groups.counts

    @property
    def sessions(self) -> tuple[Any, ...]:
        """The different sessions; empty where none were given."""
        return () if self.session is None else self.sittings.names

    @property
    def runs(self) -> Any:
        """Repeat of each trial, told apart by session, within which noise may be shared; None: each trial is one of its own."""
        if self.repeat is None or self.session is None:
            return self.repeat
        return tuple(zip(self.session, self.repeat, strict=True))

    @property
    def complete(self) -> bool:
        """Whether every neuron was recorded in every trial."""
        return bool(self.recorded.all())

    @property
    def factor_table(self) -> Any:
        """Factors of each trial as an array (n, k), for metrics that ask for ``factors``."""
        return _table(list(zip(*self.factors.values(), strict=True)), self.n_trials)

    @property
    def condition_factors(self) -> Any:
        """Factors of each condition as an array (P, k)."""
        firsts = [int(np.flatnonzero(self.groups.codes == c)[0]) for c in range(len(self.conditions))]
        return _table([tuple(v[i] for v in self.factors.values()) for i in firsts], len(firsts))

    @property
    def activity(self) -> Array:
        """The trials as a matrix (n, p), for metrics that ask for ``Z``.

        Raises
        ------
        InvalidInputError
            For a recording with time bins, and one in which sessions recorded different neurons.
        """
        if self.responses.ndim == 3:
            raise InvalidInputError(
                explain(
                    "one number per trial and neuron", f"{len(self.time)} time bins", "",
                    "recording.window(start, stop) for their mean, or recording.over_time(metric)",
                )
            )  # fmt: skip
        if not self.complete:
            raise InvalidInputError(
                explain(
                    "trials in which every neuron was recorded", "sessions that recorded different neurons", "",
                    "recording.pseudo_population(rng=0)",
                )
            )  # fmt: skip
        return self.responses

    def facts(self) -> dict[str, Any]:
        """How many trials, neurons and conditions, and what they are called."""
        counts = self.counts
        few, many = int(counts.min()), int(counts.max())
        span = {} if self.time is None else {"time": f"{len(self.time)} bins, {self.time[0]:g} to {self.time[-1]:g}"}
        sessions = {} if self.session is None else {"n_sessions": len(self.sessions), "complete": self.complete}
        return {
            "name": self.name, "n_trials": self.n_trials, "n_neurons": self.n_neurons, "n_conditions": len(counts),
            "trials_per_condition": f"{few}" if few == many else f"{few} to {many}", **sessions, **span,
            "factors": tuple(self.factors), "conditions": self.conditions, "neurons": self.neurons,
        }  # fmt: skip

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per trial, or per time bin of each trial, as a recording is read from frames."""
        bins: list[Any] = [None] if self.time is None else list(self.time)
        for i in range(self.n_trials):
            about = {"trial": i, "condition": self.condition[i]} if not self.factors else {"trial": i}
            about |= {name: values[i] for name, values in self.factors.items()}
            for key, column in (("session", self.session), ("repeat", self.repeat)):
                if column is not None:
                    about[key] = column[i]
            for k, t in enumerate(bins):
                row = self.responses[i] if t is None else self.responses[i, :, k]
                when = {} if t is None else {"time": float(t)}
                yield {**about, **when, **dict(zip(self.neurons, map(float, row), strict=True))}


def _table(rows: list[tuple[Any, ...]], n: int) -> Any:
    """Rows of values as an array: of numbers where all are, else of objects, so that none turns into text."""
    numbers = all(isinstance(value, (bool, int, float)) for row in rows for value in row)
    out = np.empty((n, len(rows[0]) if rows else 0), dtype=np.float64 if numbers else object)
    for i, row in enumerate(rows):
        out[i] = row
    return out
