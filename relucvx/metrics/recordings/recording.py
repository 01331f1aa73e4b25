"""Recorded trials with the names of their conditions, factors, sessions, times and neurons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from relucvx.conversion import as_instance, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.labels import read_labels
from relucvx.metrics.recordings.averages import (
    ConditionAverages,
    NoiseCorrectedKernel,
    condition_averages,
    noise_corrected_kernel,
)
from relucvx.metrics.recordings.drawing import (
    balanced_rows,
    check_presented,
    neurons_alike,
    pseudo_rows,
    trials_of,
)
from relucvx.metrics.recordings.frames import arguments_of, arguments_of_sessions
from relucvx.metrics.recordings.over_time import OverTime, over_time
from relucvx.metrics.recordings.reading import (
    among,
    as_columns,
    as_conditions,
    as_names,
    as_responses,
    as_times,
    bins_between,
    row_numbers,
)  # fmt: skip
from relucvx.metrics.recordings.trials import Trials
from relucvx.types import Array, Result, Rng, resolve_rng


@dataclass(frozen=True, repr=False)
class Recording(Trials, Result):
    """Trials of recorded neurons, or of units of a network, and what is known about them; names are kept to the end.

    Attributes
    ----------
    responses : ndarray of shape (n, p) or (n, p, T)
        Activity of p neurons in n trials, and T time bins; NaN where a session did not record a neuron. A data frame names
        its neurons.
    factors : dict of str to tuple
        Value of each variable in each trial. Given as such a dict, a data frame, or an array (n, k).
    condition : tuple of length n
        What was done in each trial, of any type; default the combinations of the factors' values. Factors do not differ among
        the trials of a condition.
    session : tuple of length n, optional
        Of each trial. Sessions may have recorded different neurons; see :meth:`pseudo_population`.
    repeat : tuple of length n, optional
        Run or block of each trial, where noise is shared within: estimates without the bias of noise compare different ones.
        Default: every trial is one of its own.
    time : ndarray of shape (T,), optional
        Of the bins, in the user's unit; default 0, 1, …
    neurons : tuple of str
        Names; default n0, n1, …
    name : str

    Raises
    ------
    InvalidInputError
        For shapes and lengths that do not fit, trials without condition and factors, missing labels, a factor that differs
        within a condition, and neurons that are missing in some trials of a session.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> factors = {"context": ["a", "a", "b", "b"] * 5, "choice": ["left", "right"] * 10}
    >>> recording = rx.Recording(np.random.default_rng(0).standard_normal((20, 3)), factors=factors)
    >>> recording.n_trials, recording.conditions[0], recording.counts.tolist()
    (20, ('a', 'left'), [5, 5, 5, 5])
    >>> recording.averages().means.shape
    (4, 3)
    """

    responses: Array
    factors: Any = None
    condition: Any = None
    session: Any = None
    repeat: Any = None
    time: Any = None
    neurons: Any = None
    name: str = "recording"

    def __post_init__(self) -> None:
        given = self.responses
        Z = as_responses(given)
        n = len(Z)
        columns = as_columns(self.factors, n)
        read = {
            "responses": Z,
            "factors": columns,
            "condition": as_conditions(self.condition, columns, n),
            "session": None if self.session is None else tuple(read_labels(self.session, "session", n)),
            "repeat": None if self.repeat is None else tuple(read_labels(self.repeat, "repeat", n)),
            "time": as_times(self.time, Z.shape[2] if Z.ndim == 3 else None),
            "neurons": as_names(self.neurons, Z.shape[1], given),
            "name": str(self.name),
        }
        for key, value in read.items():
            object.__setattr__(self, key, value)
        super().__post_init__()
        _ = self.recorded  # refused here, not at first use

    @classmethod
    def from_frame(
        cls, frame: Any, *, neurons: Any = None, condition: Any = None, factors: Any = None, session: str | None = None,
        repeat: str | None = None, time: str | None = None, trial: str | None = None, name: str = "recording",
    ) -> Recording:  # fmt: skip
        """A recording of a data frame with a row for each trial, or for each time bin of each trial.

        Parameters
        ----------
        frame : DataFrame
            Of pandas, or what has ``columns``, ``__getitem__`` and a length as one has.
        neurons : sequence of str, optional
            Columns of activity; default all columns of numbers that are nothing else here.
        condition, session, repeat : str, optional
            Columns; ``condition`` may be several.
        factors : str or sequence of str, optional
            Columns.
        time, trial : str, optional
            Column of the time of a row, and of the number of its trial. Without ``trial`` the first rows of each time
            are of one trial, the second ones of the next, and so on.
        name : str

        Returns
        -------
        Recording

        Raises
        ------
        InvalidInputError
            For columns that do not exist, trials without the same times, and as the class.

        Examples
        --------
        >>> import pandas as pd
        >>> import relucvx as rx
        >>> frame = pd.DataFrame({"stimulus": ["A", "B", "A"], "cell 1": [1.0, 2.0, 1.5], "cell 2": [0.0, 1.0, 0.5]})
        >>> recording = rx.Recording.from_frame(frame, condition="stimulus")
        >>> recording.neurons, recording.conditions
        (('cell 1', 'cell 2'), ('A', 'B'))
        """
        return cls(**arguments_of(frame, neurons, condition, factors, session, repeat, time, trial), name=name)

    @classmethod
    def of_sessions(cls, recordings: Mapping[str, Recording], name: str = "recording") -> Recording:
        """Sessions one after the other; neurons of the same name are one neuron, others are missing where not recorded.

        Parameters
        ----------
        recordings : dict of str to Recording
            By the name of the session.
        name : str

        Returns
        -------
        Recording

        Raises
        ------
        InvalidInputError
            For what are no recordings, and for recordings with other factors or times than the first.

        Examples
        --------
        >>> import relucvx as rx
        >>> monday = rx.Recording([[1.0], [2.0]], condition=["A", "B"], neurons=["cell 1"])
        >>> tuesday = rx.Recording([[3.0], [4.0]], condition=["A", "B"], neurons=["cell 2"])
        >>> both = rx.Recording.of_sessions({"monday": monday, "tuesday": tuesday})
        >>> both.sessions, both.complete, both.pseudo_population(rng=0).responses.tolist()
        (('monday', 'tuesday'), False, [[1.0, 3.0], [2.0, 4.0]])
        """
        if not isinstance(recordings, Mapping) or not recordings:
            raise InvalidInputError(
                explain("recordings by their session", shown(recordings), "", '{"monday": recording}')
            )
        for part in recordings.values():
            as_instance(part, Recording, "every session", "rx.Recording(responses, condition=...)")
        return cls(**arguments_of_sessions(recordings), name=name)

    def plot(self, ax: Any = None) -> Any:
        """Draw the mean activity of each condition, of all times together; returns the axes."""
        flat = self if self.time is None else self.window()
        return flat.averages().plot(ax)

    # ---------------------------------------------------------------------------------- other recordings

    def window(self, start: float | None = None, stop: float | None = None) -> Recording:
        """The mean over the time bins from ``start`` to ``stop``, both included; all without them.

        Raises
        ------
        InvalidInputError
            For a recording without time, and a window without a bin.
        """
        if self.time is None:
            raise InvalidInputError(explain("a recording with time bins", repr(self), "", "the recording as it is"))
        inside = bins_between(self.time, start, stop)
        return replace(self, responses=self.responses[:, :, inside].mean(axis=2), time=None)

    def select(
        self, *, trials: Any = None, conditions: Any = None, sessions: Any = None, neurons: Any = None
    ) -> Recording:
        """Those trials (a mask or row numbers) that are of the conditions and sessions named, and those neurons.

        Raises
        ------
        InvalidInputError
            For names that do not exist, and when no trial or neuron is left.
        """
        rows = np.arange(self.n_trials) if trials is None else row_numbers(trials, self.n_trials)
        keep = np.ones(len(rows), dtype=bool)
        for wanted, known, column in (
            (conditions, self.conditions, self.condition), (sessions, self.sessions, self.session),
        ):  # fmt: skip
            if wanted is not None:
                chosen = among(wanted, known, "conditions" if column is self.condition else "sessions")
                keep &= np.array([column[i] in chosen for i in rows])
        rows = rows[keep]
        if len(rows) == 0:
            raise InvalidInputError(explain("at least one trial", "none is left", "conditions and sessions apart", ""))
        if neurons is not None:
            named = among(neurons, self.neurons, "neurons")
            columns = np.flatnonzero([name in named for name in self.neurons])
        else:
            # neurons that were recorded in other sessions alone go with them
            seen = self.recorded[np.unique(self.sittings.codes[rows])].any(axis=0)
            columns = np.flatnonzero(seen)
        return self._of_rows(rows, self.responses[np.ix_(rows, columns)], tuple(self.neurons[k] for k in columns))

    def balanced(self, n_trials: int | None = None, *, rng: Rng = None) -> Recording:
        """As many trials of each condition in each session, drawn at random without replacement, in the order they had.

        Parameters
        ----------
        n_trials : int, optional
            Of each condition in each session; default as many as the rarest has there.
        rng : None, int or Generator

        Raises
        ------
        InvalidInputError
            For a session without a trial of some condition, and more trials than there are.
        """
        rows = balanced_rows(self.groups, self.sittings, n_trials, resolve_rng(rng))
        return self._of_rows(rows, self.responses[rows], self.neurons)

    def pseudo_population(self, n_trials: int | None = None, *, rng: Rng = None) -> Recording:
        """Trials of different sessions with the same condition put side by side, as if recorded at once.

        Neurons of the same sessions stay together with their common noise; each trial is used once at most, so that folds of
        the pseudo-trials share nothing.

        Parameters
        ----------
        n_trials : int, optional
            Of each condition; default as many as each condition has in every session.
        rng : None, int or Generator

        Raises
        ------
        InvalidInputError
            For a condition that was not presented to some neurons, and more trials than there are.
        """
        patterns = neurons_alike(self.recorded)
        about = self.groups, self.sittings, self.recorded
        sources = pseudo_rows(*about, patterns, self.neurons, n_trials, resolve_rng(rng))
        out = np.empty((len(sources[0]), *self.responses.shape[1:]))
        for columns, rows in zip(patterns, sources, strict=True):
            out[:, columns] = self.responses[np.ix_(rows, columns)]
        made = self._of_rows(sources[0], out, self.neurons, alone=True)
        return replace(made, name=f"{self.name}, pseudo-population")

    def _of_rows(self, rows: Any, responses: Array, neurons: tuple[str, ...], alone: bool = False) -> Recording:
        """Trials of this recording, with other responses."""
        taken: dict[str, Any] = {
            key: None if column is None or alone else tuple(column[i] for i in rows)
            for key, column in (("session", self.session), ("repeat", self.repeat))
        }
        return replace(
            self, responses=responses, neurons=neurons, condition=tuple(self.condition[i] for i in rows),
            factors={name: tuple(values[i] for i in rows) for name, values in self.factors.items()}, **taken,
        )  # fmt: skip

    # --------------------------------------------------------------------------------------- estimates

    def averages(self) -> ConditionAverages:
        """Mean activity of each condition: of each neuron over the trials in which it was recorded.

        Raises
        ------
        InvalidInputError
            For a recording with time bins, and a condition that was not presented to some neuron.
        """
        if self.complete or self.time is not None:
            return replace(condition_averages(self.activity, self.condition), neurons=self.neurons)
        means = np.empty((len(self.conditions), self.n_neurons))
        for columns, rows in self.parts():
            means[:, columns] = self.groups.of(rows).means(self.responses[np.ix_(rows, columns)])
        return ConditionAverages(means, self.conditions, self.counts, self.neurons)

    def kernel(self) -> NoiseCorrectedKernel:
        """Inner products of the mean activities of conditions without the bias of noise, see :func:`noise_corrected_kernel`.

        Products are taken between different repeats of the recording. Of neurons of different sessions, the kernels add.

        Raises
        ------
        InvalidInputError
            For a recording with time bins, and a condition with a single trial of some neuron.
        """
        if self.complete or self.time is not None:
            return noise_corrected_kernel(self.activity, self.condition, self.runs)
        parts = [
            noise_corrected_kernel(self.responses[np.ix_(rows, columns)], [self.condition[i] for i in rows],
                                   None if self.runs is None else [self.runs[i] for i in rows])
            for columns, rows in self.parts()
        ]  # fmt: skip
        K = np.sum([part.kernel for part in parts], axis=0)
        pairs = np.min([part.n_pairs for part in parts], axis=0)
        return NoiseCorrectedKernel(K, self.conditions, pairs, float(np.linalg.eigvalsh(K)[0]))

    def over_time(
        self, metric: Any, *, of: str | None = None, statistic: str | None = None, width: float | None = None,
        n_permutations: int = 0, rng: Rng = None, time_limit: float | None = None, n_jobs: int | None = 1,
        callback: Any = None, progress: Any = "auto", **options: Any,
    ) -> OverTime:  # fmt: skip
        """A metric in every time bin.

        Parameters
        ----------
        metric : str or callable
            Of one array and its conditions or factors (:func:`relucvx.metrics.scale` lists them), or a function of a
            recording without time that returns a number, several, or a result.
        of : str, optional
            The factor whose values are the labels; default the conditions.
        statistic : str, optional
            Field of the metric's result that counts.
        width : float, optional
            Of windows over which activity is averaged, in units of time; default every bin by itself.
        n_permutations : int, default 0
            Draws in which trials are shuffled against their labels, within repeats or sessions where there are some; the
            same shuffle in all bins.
        rng, time_limit, n_jobs, callback, progress, **options
            As in :func:`relucvx.metrics.permutation_test`.

        Raises
        ------
        InvalidInputError
            For a recording without time, an unknown metric or factor, a window that does not fit, and as the metric.
        """
        return over_time(
            self, metric, of, statistic, width, n_permutations, rng, time_limit, n_jobs, callback, progress, options
        )

    def parts(self) -> list[tuple[Any, Any]]:
        """Neurons that the same sessions recorded, as column numbers, and the trials of these sessions, as row numbers.

        Raises
        ------
        InvalidInputError
            For a recording with time bins, and a condition that was not presented to some neuron.
        """
        if self.time is not None:
            _ = self.activity
        patterns = neurons_alike(self.recorded)
        found = [(columns, trials_of(self.sittings, self.recorded, columns)) for columns in patterns]
        for columns, rows in found:
            check_presented(self.groups, rows, self.neurons[columns[0]])
        return found
