"""Scores of a recording in every time bin."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from relucvx.conversion import as_number, is_word, shown
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError, explain
from relucvx.interrupts import carrying
from relucvx.metrics.figures import COLOURS, axes_or_new, plain, tidy
from relucvx.metrics.nulls.drawing import as_processes, as_seed, gather
from relucvx.metrics.nulls.p_values import corrected_p_values, p_values
from relucvx.metrics.nulls.scores import ALONE, TAKES
from relucvx.metrics.recordings.standing_in import arrays_of, score_of
from relucvx.metrics.samples.groups import as_groups
from relucvx.progress import Shown, watched
from relucvx.types import Array, Result, Rng
from relucvx.validation import as_count

if TYPE_CHECKING:
    from relucvx.metrics.recordings.recording import Recording

CHANCE = re.compile(r"from .* chance (-?\d+(?:\.\d+)?);")
"""In the words of a scale whose chance is a number."""

SHARE = 0.95
"""Of the null values inside the band of a figure."""


@dataclass(frozen=True)
class OverTime(Result):
    """A score in every time bin, and what it is there by chance.

    Attributes
    ----------
    metric, statistic : str
        What was scored; ``statistic`` is a field of its result, or empty.
    time : ndarray of shape (T,)
        Of the bins, or the middles of the windows.
    names : tuple of str
        Of the numbers scored.
    values : ndarray of shape (T, k)
    null_values : ndarray of shape (N, T, k)
        Of trials that were shuffled against their conditions, the same shuffle in all bins.
    alternative : str
        Which end counts as extreme.
    n_asked : int
        Draws asked for; as many as there are null values unless the work was cut.
    seed : int
        ``rng=seed`` gives the same draws again.
    scale : str
        Range, chance and direction of the metric; empty for a function of the user's own.

    Notes
    -----
    Status: a record of what :meth:`Recording.over_time` finds, which states what it rests on. Source: [phipson-smyth-2010].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> rng, side = np.random.default_rng(0), np.tile([0, 1], 20)
    >>> Z = rng.standard_normal((40, 3, 2))
    >>> Z[:, :, 1] += 4.0 * side[:, None]  # coded in the second bin
    >>> found = rx.Recording(Z, factors={"side": side}, time=[-0.1, 0.1]).over_time("neural_collapse", of="side")
    >>> bool(found.values[1, 0] < 1.0 < found.values[0, 0])  # low where the sides are apart
    True
    """

    metric: str
    statistic: str
    time: Array
    names: tuple[str, ...]
    values: Array
    null_values: Array
    alternative: str
    n_asked: int
    seed: int
    scale: str

    @property
    def p_values(self) -> Array:
        """P-value of every number in every bin; NaN without a null."""
        return self._p(p_values)

    @property
    def corrected_p_values(self) -> Array:
        """The same against the most extreme of all bins and numbers of a draw: the chance of any false finding."""
        return self._p(corrected_p_values)

    def _p(self, function: Callable[[Array, Array, str], Array]) -> Array:
        if not len(self.null_values):
            return np.full(self.values.shape, np.nan)
        null = self.null_values.reshape(len(self.null_values), -1)
        return function(self.values.ravel(), null, self.alternative).reshape(self.values.shape)

    @property
    def label(self) -> str:
        """What was scored, in words."""
        if (self.metric, self.statistic) == ("decoding_dimension", "mean_accuracy"):
            return "decoding accuracy"
        return f"{self.metric} {self.statistic}".strip().replace("_", " ")

    def facts(self) -> dict[str, Any]:
        """What was scored, where it is largest, and what to know about it."""
        known = np.isfinite(self.values[:, 0])
        best = int(np.nanargmax(self.values[:, 0])) if known.any() else 0
        short = len(self.null_values) < self.n_asked
        note = f"stopped after {len(self.null_values)} of {self.n_asked} draws" if short else ""
        return {
            "metric": self.metric, "statistic": self.statistic, "n_times": len(self.time),
            "largest": float(self.values[best, 0]), "at": float(self.time[best]), "n_scores": len(self.names),
            "smallest_corrected_p": float(np.nanmin(self.corrected_p_values)) if len(self.null_values) else np.nan,
            "n_permutations": len(self.null_values), "seed": self.seed, "scale": self.scale, "note": note,
        }  # fmt: skip

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per time: each score, and its p-values where there is a null."""
        pointwise, corrected = (self.p_values, self.corrected_p_values) if len(self.null_values) else (None, None)
        for t, (time, row) in enumerate(zip(self.time, self.values, strict=True)):
            out = {"time": float(time), **dict(zip(self.names, map(float, row), strict=True))}
            if pointwise is not None and corrected is not None:
                for k, name in enumerate(self.names):
                    out[f"{name} p"], out[f"{name} corrected p"] = float(pointwise[t, k]), float(corrected[t, k])
            yield out

    def plot(self, ax: Any = None) -> Any:
        """Draw the scores over time, the band of 95 % of the null, and dots where p corrected over time is below 0.05.

        A dotted line is chance, where it is one number.
        """
        ax = axes_or_new(ax, 5.6, 3.4)
        p = self.corrected_p_values
        for k, name in enumerate(self.names[: len(COLOURS)]):
            if len(self.null_values) > 1:
                ends = np.nanquantile(self.null_values[:, :, k], [(1 - SHARE) / 2, (1 + SHARE) / 2], axis=0)
                ax.fill_between(self.time, *ends, color=COLOURS[k], alpha=0.15, lw=0)
            ax.plot(self.time, self.values[:, k], color=COLOURS[k], marker=".", label=plain(name))
            sure = np.flatnonzero(p[:, k] < 0.05)
            if len(sure):
                height = np.full(len(sure), 1.03 + 0.03 * k)  # above, where there are no labels of the axis
                ax.plot(
                    self.time[sure],
                    height,
                    ".",
                    color=COLOURS[k],
                    ms=5,
                    transform=ax.get_xaxis_transform(),
                    clip_on=False,
                )
        chance = CHANCE.match(self.scale)
        if chance is not None:
            ax.axhline(float(chance[1]), color="0.35", lw=1.0, ls=":", zorder=1)
        ax.set_xlabel("time")
        ax.set_ylabel(self.label)
        if len(self.names) > 1:
            ax.legend(frameon=False, fontsize="small")
        return tidy(ax)


def over_time(
    recording: Recording, metric: Any, of: Any, statistic: Any, width: Any, n_permutations: Any, rng: Rng,
    time_limit: Any, n_jobs: Any, callback: Any, progress: Shown, options: dict[str, Any],
) -> OverTime:  # fmt: skip
    """What :meth:`Recording.over_time` says.

    Raises
    ------
    InvalidInputError
        As there.
    """
    if recording.time is None:
        raise InvalidInputError(
            explain(
                "a recording with time bins",
                "responses of shape (trials, neurons)",
                "",
                "responses (trials, neurons, time)",
            )
        )
    n_draws, seed = as_count(n_permutations, "n_permutations", least=0), as_seed(rng)
    deadline, jobs = Deadline.of(time_limit), as_processes(n_jobs)
    times, windows = _windows(recording, width)
    score = score_of(recording.window(*windows[0]), metric, of, statistic, options)
    if n_draws and score.takes == ALONE and is_word(score.name, TAKES):
        wanted = "n_permutations=0 for a metric without conditions, which shuffled trials do not change"
        raise InvalidInputError(explain(wanted, f"{n_draws} of {score.name}", "", "n_permutations=0"))
    slices = [recording.window(*window) for window in windows]
    found = [score.named(*arrays_of(score, one, of)) for one in slices]
    names, values = found[0][0], np.array([numbers for _, numbers in found])
    blocks = recording.session if recording.runs is None else recording.runs
    groups = as_groups([0] * recording.n_trials if blocks is None else blocks, recording.n_trials, name="session")
    draws: list[Array] = []

    def one(generator: np.random.Generator) -> Array:
        order = np.arange(recording.n_trials)
        for b in range(len(groups.names)):
            rows = np.flatnonzero(groups.codes == b)
            order[rows] = generator.permutation(rows)
        # activity changes trials and labels stay: factors and conditions are shuffled together, alike in all bins
        shuffled = [replace(part, responses=part.responses[order]) for part in slices]
        return np.array([score(*arrays_of(score, part, of)) for part in shuffled])

    def summary(_: Any = None) -> OverTime:
        null = np.array(draws).reshape(len(draws), *values.shape)
        tail = {"higher": "greater", "lower": "less"}.get(score.direction, "two-sided")
        said = "" if score.scale is None else score.scale.text
        label = names if len(names) > 1 else (of if isinstance(of, str) else names[0],)
        return OverTime(score.name, score.statistic, times, label, values, null, tail, n_draws, seed, said)

    with carrying(summary), watched("permuting", progress, callback) as told:
        gather(one, draws, n_draws, seed, jobs, deadline, told)
    return summary()


def _windows(recording: Recording, width: Any) -> tuple[Array, list[tuple[float, float]]]:
    """Bins, or all windows of so many time units that fit; their middles."""
    time: Array = recording.time
    if width is None:
        return time, [(float(t), float(t)) for t in time]
    size = as_number(width, "width")
    room = 1e-9 * max(1.0, float(np.abs(time).max()))
    if not 0.0 < size <= time[-1] - time[0] + room:
        raise InvalidInputError(
            explain(
                f"a width above 0 and up to {time[-1] - time[0]:g}, what the bins span",
                shown(width),
                "another unit",
                "",
            )
        )
    starts = [t for t in time if t + size <= time[-1] + room]
    windows = [(float(t) - room, float(t) + size + room) for t in starts]
    return np.array([float(t) + size / 2 for t in starts]), windows
