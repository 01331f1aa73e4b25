"""Everything that is asked of a recording, in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.conversion import as_callable, as_instance
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError
from relucvx.interrupts import carrying
from relucvx.metrics.dimension import participation_ratio
from relucvx.metrics.figures import new_figure
from relucvx.metrics.nulls.bootstrap_result import Bootstrap
from relucvx.metrics.nulls.drawing import Drawn, as_processes, as_seed
from relucvx.metrics.nulls.resampling import bootstrap
from relucvx.metrics.recordings.averages import ConditionAverages
from relucvx.metrics.recordings.ceiling import NoiseCeiling, noise_ceiling
from relucvx.metrics.recordings.crossvalidated import crossnobis
from relucvx.metrics.recordings.dichotomies import dichotomies
from relucvx.metrics.recordings.dichotomy_table import FEW_ROWS, MOST_ROWS, DichotomyTable
from relucvx.metrics.recordings.dissimilarities import Dissimilarities
from relucvx.metrics.recordings.over_time import OverTime
from relucvx.metrics.recordings.recording import Recording
from relucvx.metrics.recordings.selectivity import SelectivityTest, epairs
from relucvx.metrics.samples.machine import compile_kernels
from relucvx.progress import Shown, as_progress
from relucvx.types import Result, Rng
from relucvx.validation import as_count


@dataclass(frozen=True)
class Measurement(Result):
    """What a recording says, part by part; parts that it does not allow are None, with the reason.

    Attributes
    ----------
    recording : dict
        What was recorded: trials, neurons, conditions, factors, sessions, times.
    averages : ConditionAverages
    participation_ratio : float
        Of the noise-corrected kernel of the conditions: dimensions of their means.
    distances : Dissimilarities or None
    dichotomies : DichotomyTable or None
    intervals : tuple of Bootstrap
        Of parallelism and generalisation of each factor over trials, where they were asked for.
    ceiling : NoiseCeiling or None
        Of the distances in the sessions.
    categories : SelectivityTest or None
    over_time : tuple of OverTime
        Decoding of each binary factor in every time bin.
    left_out : dict of str to str
        Why parts are missing that the recording has sessions, times or trials for.
    seed : int
        ``rng=seed`` gives the same draws again.

    Notes
    -----
    Status: a record of what :func:`measure` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> recording = rx.Recording([[0.0, 1.0], [0.1, 1.2], [3.0, 1.0], [2.8, 1.1]], condition=["A", "A", "B", "B"])
    >>> found = rx.metrics.measure(recording, n_permutations=0)
    >>> sorted(found.left_out)
    ['categories', 'distances']
    """

    recording: dict[str, Any]
    averages: ConditionAverages
    participation_ratio: float
    distances: Dissimilarities | None
    dichotomies: DichotomyTable | None
    intervals: tuple[Bootstrap, ...]
    ceiling: NoiseCeiling | None
    categories: SelectivityTest | None
    over_time: tuple[OverTime, ...]
    left_out: dict[str, str]
    seed: int

    def facts(self) -> dict[str, Any]:
        """The recording in numbers, and what is left out."""
        table, ceiling, categories = self.dichotomies, self.ceiling, self.categories
        found: dict[str, Any] = {
            **{key: value for key, value in self.recording.items() if key != "neurons"},
            "participation_ratio": self.participation_ratio,
        }
        if table is not None:
            found["shattering_dimension"] = table.shattering_dimension
        if ceiling is not None:
            found |= {"noise_ceiling_lower": ceiling.lower, "noise_ceiling_upper": ceiling.upper}
        if categories is not None:
            found |= {"categories_index": categories.index, "categories_p": categories.p_value}
        said = "; ".join(f"{part}: {why}" for part, why in self.left_out.items())
        return {**found, "left_out": said, "seed": self.seed}

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per split of the conditions; of the recording itself where there are none."""
        return super().records() if self.dichotomies is None else self.dichotomies.records()

    def plot(self, ax: Any = None) -> Any:
        """Draw the distances of the conditions, or their means; returns the axes."""
        return self.averages.plot(ax) if self.distances is None else self.distances.plot(ax)

    def panels(self) -> dict[str, Callable[[Any], Any]]:
        """What can be drawn, by name: functions of axes."""
        found: dict[str, Callable[[Any], Any]] = {"activity": self.averages.plot}
        if self.distances is not None:
            distances = self.distances
            found["distances"] = distances.plot
            if len(distances.conditions) > 2:
                found["embedding"] = lambda ax: distances.embedding().plot(ax)
        if self.dichotomies is not None:
            found["splits"] = self.dichotomies.plot
        for course in self.over_time:
            found[f"time: {course.names[0]}"] = course.plot
        if self.categories is not None:
            found["categories"] = self.categories.plot
        if self.ceiling is not None:
            found["ceiling"] = self.ceiling.plot
        found |= {f"interval of {one.metric.replace('_', ' ')}": one.plot for one in self.intervals}
        return found

    def figure(self) -> Any:
        """All panels in one figure of matplotlib: two side by side, and the splits below where there are many."""
        draws = self.panels()
        count = 0 if self.dichotomies is None else len(self.dichotomies.names)
        broad = ["splits"] if count > FEW_ROWS else []
        small = [name for name in draws if name not in broad]
        heights = [4.2 * -(-len(small) // 2)] + [1.6 + 0.27 * min(count, MOST_ROWS)] * len(broad)
        figure = new_figure(12.7, sum(heights) + 0.2)
        # parts of their own: the long names of the splits would push all others aside
        parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False).ravel()
        places = [parts[0].add_subplot(-(-len(small) // 2), 2, k + 1) for k in range(len(small))]
        places += [part.add_subplot() for part in parts[1:]]
        for name, ax in zip([*small, *broad], places, strict=True):
            draws[name](ax).set_title(name, fontsize="medium", loc="left")
        return figure


def measure(
    recording: Recording, *, n_permutations: int = 100, n_resamples: int = 0, rng: Rng = None, time_limit: float | None = None,
    n_jobs: int | None = 1, callback: Callable[[Drawn], Any] | None = None, progress: Shown = "auto",
) -> Measurement:  # fmt: skip
    """Ask a recording for its geometry: distances, dimension, every split, categories of neurons, what comes when.

    Time bins are averaged for all but the curves over time; sessions that recorded different neurons become one
    pseudo-population for what needs all neurons in a trial (splits, intervals, curves).

    Parameters
    ----------
    recording : Recording
    n_permutations : int, default 100
        Draws of the nulls of :func:`dichotomies` and of the curves over time; ten times as many of :func:`epairs`.
    n_resamples : int, default 0
        Draws of :func:`bootstrap` over trials, for intervals of each factor's parallelism and generalisation.
    rng : None, int or Generator
    time_limit : float, optional
        Seconds; what is not finished by then is left out or has fewer draws.
    n_jobs : int or None, default 1
        Processes; None or -1 for one on each core.
    callback, progress
        As in :func:`permutation_test`; of the splits.

    Returns
    -------
    Measurement
        Of Ctrl-C, :class:`relucvx.Interrupted` carries what was finished.

    Raises
    ------
    InvalidInputError
        For counts below 0. What the recording does not allow is left out and said.

    Notes
    -----
    Source: [relucvx].
    Status: heuristic (what its parts say: :func:`crossnobis`, :func:`dichotomies`, :func:`noise_ceiling`, :func:`epairs`).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> factors = {"context": [0, 0, 1, 1] * 6, "choice": [0, 1] * 12}
    >>> Z = np.column_stack(list(factors.values())) @ np.eye(2, 9) + 0.1 * np.random.default_rng(0).standard_normal((24, 9))
    >>> found = rx.metrics.measure(rx.Recording(Z, factors=factors), n_permutations=0, rng=0)
    >>> found.dichotomies.names, round(found.participation_ratio)
    (('context', 'choice', 'context × choice'), 2)
    """
    as_instance(recording, Recording, "recording", "rx.Recording(responses, condition=...)")
    draws, copies = (
        as_count(n, name, least=0) for n, name in ((n_permutations, "n_permutations"), (n_resamples, "n_resamples"))
    )
    # what is wrong with the call is no fault of the recording, and is not left out
    n_jobs, callback, progress = as_processes(n_jobs), as_callable(callback, "callback"), as_progress(progress)
    compile_kernels()
    seed, deadline = as_seed(rng), Deadline.of(time_limit)
    flat = recording if recording.time is None else recording.window()
    parts: dict[str, Any] = {}
    left_out: dict[str, str] = {}

    def attempt(name: str, work: Callable[[], Any]) -> None:
        if deadline.passed():
            left_out[name] = "no time was left"
            return
        try:
            parts[name] = work()
        except InvalidInputError as error:
            left_out[name] = str(error)

    def summary(_: Any = None) -> Measurement:
        return Measurement(
            recording=recording.facts(), averages=averages, participation_ratio=parts.get("dimension", np.nan),
            distances=parts.get("distances"), dichotomies=parts.get("splits"), intervals=tuple(parts.get("intervals", ())),
            ceiling=parts.get("ceiling"), categories=parts.get("categories"), over_time=tuple(parts.get("over time", ())),
            left_out=dict(left_out), seed=seed,
        )  # fmt: skip

    averages = flat.averages()
    whole: dict[bool, Recording] = {}

    def complete(timed: bool) -> Recording:
        one = recording if timed else flat
        if timed not in whole:
            whole[timed] = one if one.complete else one.pseudo_population(rng=seed)
        return whole[timed]

    left: dict[str, Any] = {"n_jobs": n_jobs, "rng": seed, "progress": progress, "callback": callback}
    with carrying(summary):
        attempt("dimension", lambda: float(participation_ratio(kernel=flat.kernel().kernel)))
        attempt("distances", lambda: crossnobis(flat))
        if recording.sessions:
            attempt("ceiling", lambda: noise_ceiling(flat))
        attempt("categories", lambda: epairs(flat, n_draws=max(10 * draws, 1), rng=seed, time_limit=_seconds(deadline)))
        if recording.time is not None:
            attempt("over time", lambda: _courses(complete(True), draws, seed, deadline, n_jobs))
        attempt(
            "splits",
            lambda: dichotomies(complete(False), n_permutations=draws, time_limit=_seconds(deadline), **left),
        )
        if copies:
            attempt("intervals", lambda: _intervals(complete(False), copies, seed, deadline, n_jobs))
    return summary()


def _seconds(deadline: Deadline) -> float | None:
    return max(deadline.left(), 1e-3) if deadline.limited else None


def _courses(recording: Recording, draws: int, seed: int, deadline: Deadline, n_jobs: Any) -> list[OverTime]:
    """Decoding of each factor of two values over time; half of what time is left is for the splits."""
    binary = [name for name, values in recording.factors.items() if len(set(values)) == 2]
    half = deadline.share(0.5)
    return [
        recording.over_time(
            "decoding_dimension", of=name, n_permutations=draws, rng=seed,
            time_limit=_seconds(half.share(1.0 / (len(binary) - k))), n_jobs=n_jobs, progress=False,
        )
        for k, name in enumerate(binary)
    ]  # fmt: skip


def _intervals(recording: Recording, copies: int, seed: int, deadline: Deadline, n_jobs: Any) -> list[Bootstrap]:
    """Scores of each factor, with intervals over trials."""
    return [
        bootstrap(
            metric, recording, statistic="per_factor", n_resamples=copies, rng=seed, time_limit=_seconds(deadline),
            n_jobs=n_jobs, progress=False,
        )
        for metric in ("parallelism_score", "ccgp")
    ]  # fmt: skip
